/*
 * Which subordinate ids a user of this host may map: private to the sandbox.
 *
 * The program getsubids is asked, which follows nsswitch.conf (LDAP, SSSD) by libsubid and comes
 * with newuidmap; where that is older, the files /etc/subuid and /etc/subgid are read. libsubid
 * itself is not loaded: it leaks, and would bring the modules of nsswitch.conf into a process with
 * threads.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel takes 340 lines in a map, of which one is the user's own id. */
#define SUBID_RANGES_MAX 339
#define SUBID_FILE_MAX   (16 * 1024 * 1024) /* bytes */

enum subid_kind {
        SUBID_USERS,
        SUBID_GROUPS,
};

struct subid_range {
        uint32_t start;
        uint32_t count; /* never 0; start + count fits 32 bits */
};

struct subid_ranges {
        struct subid_range items[SUBID_RANGES_MAX];
        size_t count;
};

/*
 * Finds the ranges of the user `name` whose uid is `uid`. None is no error: `ret->count` is 0 then.
 * Ranges that make no sense, or are too many, are left out. Returns 0 or a negative errno.
 */
int subid_find(enum subid_kind kind, const char *name, uid_t uid, struct subid_ranges *ret,
               struct error *err);

/* Reads the lines "owner:start:count" of a file that are of this user, by name or by number. */
void subid_parse_file(const char *text, const char *name, uid_t uid, struct subid_ranges *ret);

/* Reads the lines "index: owner start count" that getsubids prints. */
void subid_parse_output(const char *text, struct subid_ranges *ret);

/* The first id behind all ranges of a file's lines, 100000 at least: where those of a user who has
 * none may begin. */
uint64_t subid_next_free(const char *text);

/* Leaves out ranges that are not as a whole among the ids of this user namespace, of which `map` is
 * the text: /proc/self/uid_map or gid_map. In a container nobody can map others. */
void subid_keep_mapped(struct subid_ranges *ranges, const char *map);

/* How many ids these are. */
uint64_t subid_total(const struct subid_ranges *ranges);
