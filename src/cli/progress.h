/*
 * What a build prints while it goes on. Private to src/cli/.
 *
 * On a terminal: a line for each step that is over, and below them, drawn anew ten times a second
 * by a thread of its own, those that run, with timers and the last lines that they have printed
 * (progress_live.c). Elsewhere everything as it comes, numbered by step; or BuildKit's JSON
 * (progress_json.c).
 */
#pragma once

#include "build/build.h"
#include "transfer.h"

#include <pthread.h>
#include <stdbool.h>

/* The last lines that a step has printed, for when it fails. */
#define PROGRESS_TAIL_LINES 20
#define PROGRESS_TAIL_BYTES 8192
#define PROGRESS_LINE_BYTES 4096

enum progress_style {
        PROGRESS_PLAIN,
        PROGRESS_TTY,
        PROGRESS_RAWJSON,
        PROGRESS_QUIET,
};

struct progress_step {
        bool runs;
        uint64_t began_ns;
        char line[PROGRESS_LINE_BYTES]; /* an unfinished line of output */
        size_t line_len;
        char tail[PROGRESS_TAIL_BYTES]; /* whole lines, the newest last */
        size_t tail_len;
        char *title;                  /* owned */
        char digest[DIGEST_TEXT_MAX]; /* what RAWJSON calls it */
};

/* What is drawn of the steps that run. */
struct progress_live {
        pthread_mutex_t lock; /* over all of the struct progress */
        pthread_cond_t stop;
        pthread_t thread;
        bool running; /* the thread does */
        bool stopping;
        bool colors;
        int *widths; /* of the lines that are drawn, in columns; owned */
        size_t line_count;
};

struct progress {
        enum progress_style style;
        bool strips;                 /* what is printed of others goes to a terminal */
        struct progress_step *steps; /* owned; by number */
        size_t count;
        size_t done;     /* steps that are over */
        unsigned failed; /* the step that has failed, 0 for none */
        uint64_t began_ns;
        struct transfer_view transfers;
        struct progress_live live;
};

/* Reads --progress: "auto", "plain", "tty", "rawjson" or "quiet". NULL is $BUILDKIT_PROGRESS, else
 * "auto". -EINVAL. */
int progress_parse_style(const char *text, enum progress_style *ret, struct error *err);

int progress_init(struct progress *progress, enum progress_style style, struct error *err);

/* Ends what is live: from then on the caller may print. */
void progress_finish(struct progress *progress);
void progress_done(struct progress *progress);

/* An event of a build; `progress` is a struct progress. */
void progress_event(void *progress, const struct build_event *event);

/* An event of a push at the end of it; likewise. */
void progress_transfer(void *progress, const struct transfer_event *event);

/* The last lines of the step that has failed; "" where there are none. Borrowed. */
const char *progress_tail(const struct progress *progress);

/* ---- progress_live.c; the lock is held ---- */

void progress_live_begin(struct progress *progress);
void progress_live_end(struct progress *progress);

/* Prints a line that stays of a step that is over; `how` is "" or such as "CACHED". */
void progress_live_fold(struct progress *progress, const struct progress_step *step,
                        const char *how);

/* Takes what is live off the screen until it is drawn next. */
void progress_live_erase(struct progress *progress);

/* ---- progress_json.c ---- */

/* `step` is NULL for what is of none. */
void progress_json_event(struct progress_step *step, const struct build_event *event);
