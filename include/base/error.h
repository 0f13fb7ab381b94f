/*
 * Errors for people: floor 0 of the house.
 *
 * The one convention of the whole code base:
 *   - a fallible function returns 0 or a negative errno; a positive value only where its
 *     header lists it;
 *   - `struct error *err` is the last parameter and never NULL; it is untouched on success and
 *     set once, at the cause; callers that know more wrap it with what they were doing;
 *   - library code never prints and never exits. The command line prints an error once.
 *
 * The struct has a fixed size and owns nothing, so it works when memory has run out, in a forked
 * child, and as raw bytes through a pipe from the sandbox.
 */
#pragma once

#include <stdbool.h>

#define ERROR_MESSAGE_MAX 3072
#define ERROR_HINT_MAX    1024

struct error {
        int code;                        /* negative errno of the cause, 0 while unset */
        char message[ERROR_MESSAGE_MAX]; /* what happened, outermost context first */
        char hint[ERROR_HINT_MAX];       /* what to do about it; empty when nothing is known */
};

#define ERROR_INIT ((struct error){ .code = 0 })

/*
 * Sets the cause. `code` is a negative errno and is returned, so that a caller can write
 * `return error_set(err, -EINVAL, "...")`. Over-long messages are cut at the end.
 */
int error_set(struct error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* As error_set(), and appends ": " and the system's text for the code. */
int error_set_errno(struct error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Sets -ENOMEM. Returns it. */
int error_set_oom(struct error *err);

/* Puts "context: " before the message of an error that is set. Returns its code. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what a person can do. The first hint, that of the cause, is kept. Returns the code. */
int error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool error_is_set(const struct error *err)
{
        return err->code != 0;
}
