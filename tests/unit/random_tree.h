/*
 * For tests: a tree of random entries with all that is awkward in tars, as an entry source.
 *
 * The same seed gives the same tree. The seed is taken from VARVE_SEED where that is set, else from
 * the clock, and is printed.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct random_tree {
        uint64_t state;
        struct entry *entries;
        size_t count;
        size_t next; /* for the source */
};

static inline uint64_t random_seed(void)
{
        const char *text = getenv("VARVE_SEED");
        struct timespec now;
        uint64_t seed;

        clock_gettime(CLOCK_REALTIME, &now);
        seed = text ? strtoull(text, NULL, 10) : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
        cr_log_info("VARVE_SEED=%llu", (unsigned long long)seed);
        return seed;
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
        return random_next(state) % limit;
}

/* A name of up to 255 bytes: mostly short, of any byte but NUL and '/'. */
static inline void random_name(uint64_t *state, struct buf *ret)
{
        size_t len =
                random_below(state, 8) ? 1 + random_below(state, 20) : 1 + random_below(state, 255);
        bool plain = random_below(state, 4) != 0;

        for (size_t i = 0; i < len; i++) {
                char c = (char)(plain ? 'a' + random_below(state, 26)
                                      : 1 + random_below(state, 255));

                buf_append_char(ret, c == '/' ? '_' : c);
        }
}

static inline char *random_path(uint64_t *state, size_t number)
{
        size_t depth = random_below(state, 16) ? random_below(state, 5) : random_below(state, 40);
        struct buf path = BUF_INIT;

        buf_appendf(&path, "%04zu", number); /* no two are the same */
        for (size_t i = 0; i < depth; i++) {
                buf_append_char(&path, '/');
                random_name(state, &path);
        }
        return buf_take_str(&path);
}

static inline void random_xattrs(uint64_t *state, struct entry *entry)
{
        size_t count = 1 + random_below(state, 4);
        struct entry_xattr *xattrs = calloc(count, sizeof(*xattrs));

        for (size_t i = 0; i < count; i++) {
                size_t len = random_below(state, 6) ? random_below(state, 40)
                                                    : random_below(state, 5000);
                char *name, *value = malloc(len + 1);

                cr_assert(asprintf(&name, "user.%c%llu", (char)('a' + i),
                                   (unsigned long long)random_next(state)) > 0);
                for (size_t j = 0; j < len; j++)
                        value[j] = (char)random_next(state);
                xattrs[i] = (struct entry_xattr){ name, value, len };
        }
        entry->xattrs = xattrs;
        entry->xattr_count = count;
}

static inline void random_extents(uint64_t *state, struct entry *entry)
{
        size_t count = random_below(state, 8) ? random_below(state, 9) : random_below(state, 300);
        struct entry_extent *extents = calloc(count + 1, sizeof(*extents));
        uint64_t at = 0;

        for (size_t i = 0; i < count; i++) {
                at += random_below(state, 3000000) + 1;
                extents[i].offset = at;
                extents[i].length = 1 + random_below(state, 2000);
                at += extents[i].length;
        }
        entry->extents = extents;
        entry->extent_count = count;
        /* Some beyond 8 GiB, where a size no longer fits into a header. */
        entry->size =
                at + 1 + (random_below(state, 4) ? random_below(state, 2) * 4096 : 9ULL << 30);
}

static inline void random_entry(uint64_t *state, size_t number, struct entry *ret)
{
        static const uint32_t ids[] = { 0, 1000, 2097151, 2097152, 4294967294 };
        static const int64_t times[] = {
                0, 1, -1, 1700000000, 8589934591, 8589934592, -5000000000
        };

        *ret = (struct entry){
                .path = random_path(state, number),
                .type = (enum entry_type)random_below(state, ENTRY_SOCKET),
                .mode = (uint32_t)random_below(state, 010000),
                .uid = ids[random_below(state, 5)],
                .gid = ids[random_below(state, 5)],
                .mtime.tv_sec = times[random_below(state, 7)],
        };
        if (random_below(state, 2))
                ret->mtime.tv_nsec = (long)random_below(state, 1000000000);
        if (random_below(state, 5) == 0)
                random_xattrs(state, ret);
        switch (ret->type) {
        case ENTRY_FILE:
                if (random_below(state, 4) == 0)
                        random_extents(state, ret);
                else
                        ret->size = random_below(state, 8) ? random_below(state, 3000)
                                                           : random_below(state, 3000000);
                break;
        case ENTRY_HARDLINK:
        case ENTRY_SYMLINK:
                ret->link = random_path(state, random_below(state, number + 1));
                break;
        case ENTRY_CHAR:
        case ENTRY_BLOCK:
                ret->device_major = (uint32_t)random_below(state, 4096);
                ret->device_minor = (uint32_t)random_below(state, 1048576);
                break;
        case ENTRY_DIRECTORY:
        case ENTRY_FIFO:
        case ENTRY_SOCKET:
        default:
                break;
        }
}

static inline void random_tree_init(struct random_tree *tree, uint64_t seed, size_t count)
{
        *tree = (struct random_tree){ .state = seed, .count = count };
        tree->entries = calloc(count + 1, sizeof(*tree->entries));
        for (size_t i = 0; i < count; i++)
                random_entry(&tree->state, i, &tree->entries[i]);
}

static inline void random_tree_done(struct random_tree *tree)
{
        for (size_t i = 0; i < tree->count; i++) {
                struct entry *entry = &tree->entries[i];

                for (size_t j = 0; j < entry->xattr_count; j++) {
                        free((char *)entry->xattrs[j].name);
                        free((char *)entry->xattrs[j].value);
                }
                free((void *)entry->xattrs);
                free((void *)entry->extents);
                free((char *)entry->path);
                free((char *)entry->link);
        }
        free(tree->entries);
}

/* The content of entry `number`: runs of noise and of repetition, so that it compresses somewhat.
 */
static inline void random_content(size_t number, uint64_t offset, void *data, size_t len)
{
        unsigned char *bytes = data;

        for (size_t i = 0; i < len; i++) {
                uint64_t at = offset + i, state = number * 1000003 + at / 64;

                bytes[i] = (unsigned char)(at / 64 % 3 == 0 ? random_next(&state) >> at % 32
                                                            : number + at % 64);
        }
}

static inline int random_tree_next(void *context, struct entry *ret, struct error *err)
{
        struct random_tree *tree = context;

        (void)err;
        if (tree->next == tree->count)
                return 0;
        *ret = tree->entries[tree->next++];
        return 1;
}

static inline int random_tree_read(void *context, uint64_t offset, void *data, size_t len,
                                   struct error *err)
{
        struct random_tree *tree = context;

        (void)err;
        random_content(tree->next - 1, offset, data, len);
        return 0;
}

static inline struct entry_source random_tree_source(struct random_tree *tree)
{
        tree->next = 0;
        return (struct entry_source){ random_tree_next, random_tree_read, tree };
}
