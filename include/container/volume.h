/*
 * Volumes: directories of the host that outlive containers: floor 4.
 *
 * volumes/NAME/_data in the store. With subordinate ids their files belong to the ids that the
 * container's users have on the host; volume_remove() takes them away through a sandbox.
 */
#pragma once

#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct volume {
        char *name; /* owned */
        char *path; /* of its directory; owned */
        struct timespec created;
        struct strmap labels;
};

void volume_done(struct volume *volume);

struct volumes {
        struct volume *items; /* owned, by name */
        size_t count;
};

/* Makes it, if it is not there. -EINVAL: that is no name. */
int volume_make(struct store *store, const char *name, const struct strmap *labels,
                struct error *err);

/* 64 digits at random, for one that was given no name. */
#define VOLUME_NAME_RANDOM 65
int volume_random_name(char ret[static VOLUME_NAME_RANDOM], struct error *err);

/* Opens its directory (O_PATH), which is made if it is not there; without `lasts` in a way that
 * need not outlive the machine. */
int volume_open(struct store *store, const char *name, bool lasts, int *ret_fd, struct error *err);

/* What its files take, as the filesystem counts them and as far as they can be seen. */
uint64_t volume_size(const struct volume *volume);

int volumes_read(struct store *store, struct volumes *ret, struct error *err);
void volumes_done(struct volumes *volumes);

/* -ENOENT: "no such volume". */
int volume_find(struct store *store, const char *name, struct volume *ret, struct error *err);

/* -EBUSY: a container names it. */
int volume_remove(struct store *store, const char *name, struct error *err);

/* Whether it was given a name at random. */
bool volume_is_anonymous(const char *name);

/* The ID of a container that uses it, "" where there is none. */
int volume_user(struct store *store, const char *name, char ret_id[static 65], struct error *err);
