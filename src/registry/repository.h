/*
 * Where a repository's things are to be had. Private to src/registry/.
 */
#pragma once

#include "session.h"

/* One place: a mirror, or the registry itself. */
struct location {
        struct endpoint *endpoint;
        char *path; /* the repository's name there; owned by its list */
};

#define LOCATIONS_MAX 16u

struct locations {
        struct location items[LOCATIONS_MAX];
        size_t count;
};

/* All places where a repository may be read, mirrors first, the registry itself last. */
int locations_of(struct registry *registry, const struct reference *reference,
                 struct locations *ret, struct error *err);
void locations_done(struct locations *locations);

/* After `r` < 0 at place `at`: whether the next one is to be asked. Else `err` is set to what has
 * failed. */
bool locations_go_on(struct registry *registry, const struct locations *locations, size_t at, int r,
                     const struct error *failed, struct error *err);
