/*
 * What the program tells on standard error: --log-level and --log-format. Private to src/cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

enum log_level {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_NOTE,
        LOG_LEVEL_DEBUG,
};

/* Reads "debug", "info", "warn", "error" (or "fatal"), and "text" or "json". -EINVAL. */
int log_set_level(const char *text, struct error *err);
int log_set_format(const char *text, struct error *err);

/* Whether standard error is JSON, a document a line. */
bool log_is_json(void);

/* Whether such a message is wanted. */
bool log_wants(enum log_level level);

/* A message of one line, without what stands before it; of others, so it is made plain. */
void log_print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A warning, for what is given a function to tell a person by. */
void log_notice(void *context, const char *text);

/* An error, which is always told. */
void log_error(const struct error *err);
