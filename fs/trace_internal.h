/*
 * A trace, and observations. Private to fs/trace*.c.
 */
#pragma once

#include "fs/trace.h"
#include "oci/digest.h"

#include <pthread.h>
#include <sys/stat.h>

/* Besides enum trace_use. */
#define TRACE_NAME_CHANGED (1u << 8)
#define TRACE_RENAMED      (1u << 9)
#define TRACE_ON_THE_WAY   (1u << 10) /* something below it changed */
#define TRACE_COVERED      (1u << 11) /* something is mounted on it */

/* What changes the tree. */
#define TRACE_CHANGING (TRACE_CHANGED | TRACE_CUT | TRACE_NAME_CHANGED | TRACE_RENAMED)

/* Each of these has a digest in observations. */
#define TRACE_DIGESTED (TRACE_LISTED | TRACE_READ | TRACE_XATTRS | TRACE_TIMED)
#define DIGESTS_MAX    5

/* What a name was; `mode` 0: there was none. */
struct seen_value {
        uint64_t size;
        uint32_t device_major;
        uint32_t device_minor;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t nlink; /* 0 for directories */
        uint32_t same;  /* of several links: the first that was seen of them */
        uint32_t reserved;
};

/*
 * A name that was looked up. The first is the root; others come behind their parent. In
 * observations its digests follow one another from `digest` on: a symlink's target, the listing,
 * the content, the xattrs, the time as it is.
 */
struct seen {
        uint32_t parent;
        uint32_t name; /* in the strings, terminated */
        uint32_t uses;
        uint32_t digest;
        struct seen_value value;
};

/* Names, found by directory and text. */
struct seen_list {
        struct seen *items;
        uint32_t count;
        uint32_t cap;
        struct buf strings;
        uint32_t *slots; /* index + 1, 0 empty */
        uint32_t slot_count;
        uint64_t key;
};

/* Numbers found by a number that is not 0. */
struct number_map {
        struct number_slot {
                uint64_t key;
                uint32_t value;
        } * slots;
        uint32_t slot_count;
        uint32_t count;
};

struct trace {
        pthread_mutex_t lock;
        struct seen_list seen;
        struct number_map inodes; /* to where they were first seen */
        int failure;
        const char *refused; /* borrowed; why, where `failure` is -EOPNOTSUPP */
};

struct observations {
        struct seen *items;
        uint32_t count;
        struct digest *digests;
        uint32_t digest_count;
        char *strings;
        uint32_t strings_size;
};

/* ---- trace.c ---- */

/* Finds or adds a name. Returns 0, -ENOMEM, or -E2BIG when there are too many. */
int seen_add(struct seen_list *list, uint32_t parent, const char *name, uint32_t *ret);
void seen_list_done(struct seen_list *list);

/* The value of a key; UINT32_MAX where there is none. */
uint32_t number_map_get(const struct number_map *map, uint64_t key);
int number_map_put(struct number_map *map, uint64_t key, uint32_t value);
void number_map_done(struct number_map *map);

/* ---- trace_value.c: what a tree answers ---- */

struct answers {
        struct tree *tree;
        uint64_t *inodes; /* owned; by name, 0: there is none */
        uint32_t cap;
        struct number_map links;
};

void answers_done(struct answers *answers);

/* Fills the value of the name at `at`, whose parent was asked for before. */
int answer_name(struct answers *answers, const struct seen *items, uint32_t at, const char *name,
                struct seen_value *ret);

/* The same of a name that is not asked for: nothing is below it. */
int answer_nothing(struct answers *answers, uint32_t at);

/* How many digests a name has. */
unsigned digests_of(const struct seen *seen);

/* Fills them, at most DIGESTS_MAX. */
int answer_digests(const struct answers *answers, const struct seen *items, uint32_t at,
                   struct digest *ret, struct error *err);
