/*
 * What a container's command has printed: floor 4.
 *
 * The file "log" of its directory, in the form of Docker's json-file driver: a line for each line,
 * {"log":"text\n","stream":"stdout","time":"..."}.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A longer line becomes several. */
#define LOG_LINE_MAX ((size_t)16 << 10)

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_COUNT };

struct log_writer;

/* Appends to the log in an open directory. */
int log_writer_new(int dir_fd, struct log_writer **ret, struct error *err);

/* Takes what was printed. What cannot be written, on a full disk, is lost. */
void log_write(struct log_writer *writer, enum log_stream stream, const void *data, size_t len);

/* Writes the last line, if it has no end, and frees. */
void log_writer_free(struct log_writer *writer);

struct log_options {
        bool follow;
        bool timestamps;
        long tail;             /* -1: all */
        struct timespec since; /* 0: from the beginning */
        struct timespec until; /* 0: to the end */
};

/* Who is given a log's lines. */
struct log_reader {
        int (*line)(void *context, enum log_stream stream, const char *time, const char *text,
                    struct error *err);
        /* Whether more may come; asked before the end is looked for once more. NULL: nothing. */
        bool (*lives)(void *context);
        void *context;
};

/* Reads it. Where nothing was ever printed there is no log. Returns what `line` returned, or
 * 0. */
int log_read(int dir_fd, const struct log_options *options, const struct log_reader *reader,
             struct error *err);
