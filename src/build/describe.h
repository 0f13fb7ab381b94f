/*
 * What --call tells, as text and as JSON. Private to src/build/.
 *
 * The JSON is that of BuildKit's subrequests (frontend/subrequests/), so that what reads theirs
 * reads ours.
 */
#pragma once

#include "base/buf.h"
#include "build/build.h"
#include "plan.h"

struct outline_item {
        const char *name;  /* all borrowed from the plan or the options */
        const char *value; /* of an ARG */
        const char *text;  /* what a comment says of it, or NULL */
        bool required;
        unsigned line;
};

struct outline_list {
        struct outline_item *items; /* owned */
        size_t count;
};

struct outline {
        const struct plan *plan;
        const char *name;
        const char *text; /* or NULL */
        struct outline_list args, secrets, agents, caches;
};

void outline_done(struct outline *outline);

/* ---- describe_json.c: each appends an object and a newline ---- */

int describe_outline_json(const struct outline *outline, struct buf *ret, struct error *err);
int describe_targets_json(const struct plan *plan, struct buf *ret, struct error *err);
int describe_check_json(const struct plan *plan, struct buf *ret, struct error *err);
