/*
 * What a pull or a push prints while it goes on. Private to src/cli/.
 *
 * On a terminal, one line a layer, redrawn as long as it moves: what has moved, how fast, how long
 * yet. Elsewhere, a line when a layer begins and one when it is there. As JSON, a document a line.
 */
#pragma once

#include "build/transfer.h"
#include "cli.h"

enum transfer_style {
        TRANSFER_TERMINAL,
        TRANSFER_PLAIN,
        TRANSFER_JSON,
        TRANSFER_QUIET,
};

struct transfer_line {
        struct digest digest;
        enum transfer_state state;
        uint64_t bytes;
        uint64_t size;
        uint64_t began_ns;
        uint64_t began_bytes; /* that were there before */
        uint64_t told_ns;
        bool printed; /* for good */
};

struct transfer_view {
        enum transfer_style style;
        struct transfer_line *lines; /* owned */
        size_t count;
        size_t drawn; /* lines on the terminal that are to be drawn again */
        uint64_t drawn_ns;
};

/* Reads --progress ("auto", NULL included, "tty", "plain", "json" or "quiet"). */
int transfer_view_init(struct transfer_view *view, const char *style, bool quiet,
                       struct error *err);
void transfer_view_done(struct transfer_view *view);

/* For a transfer_watcher; the context is the view. */
void transfer_view_event(void *view, const struct transfer_event *event);
