/*
 * What a build prints while it goes on. Private to src/cli/.
 */
#pragma once

#include "build/build.h"

#include <stdbool.h>

/* The last lines that a step has printed, for when it fails. */
#define PROGRESS_TAIL_LINES 20
#define PROGRESS_TAIL_BYTES 4096

struct progress_step {
        uint64_t began_ns;
        char line[PROGRESS_TAIL_BYTES]; /* an unfinished line of output */
        size_t line_len;
        char tail[PROGRESS_TAIL_BYTES]; /* whole lines, the newest last */
        size_t tail_len;
        char *title; /* owned */
};

struct progress {
        bool quiet;
        struct progress_step *steps; /* owned; by number */
        size_t count;
        unsigned failed; /* the step that has failed, 0 for none */
};

void progress_done(struct progress *progress);

/* An event of a build; `progress` is a struct progress. */
void progress_event(void *progress, const struct build_event *event);

/* The last lines of the step that has failed; "" where there are none. Borrowed. */
const char *progress_tail(const struct progress *progress);
