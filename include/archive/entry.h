/*
 * One entry of a layer, whatever it came from: floor 1.
 *
 * This is the neutral form in which rooms hand entries to each other: a tar reader fills it, the
 * union tree's list of changes yields it, the tar writer and the index builder take it.
 *
 * Invariant: strings and arrays are borrowed; whoever yields an entry says how long they live.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

enum entry_type {
        ENTRY_FILE,
        ENTRY_DIRECTORY,
        ENTRY_SYMLINK,
        ENTRY_HARDLINK, /* another name of the earlier entry at `link` */
        ENTRY_CHAR,
        ENTRY_BLOCK,
        ENTRY_FIFO,
        ENTRY_SOCKET, /* lives in a running tree only: a tar cannot hold it */
};

/* The type of an inode of that mode. */
static inline enum entry_type entry_type_of_mode(uint32_t mode)
{
        switch (mode & S_IFMT) {
        case S_IFDIR:
                return ENTRY_DIRECTORY;
        case S_IFLNK:
                return ENTRY_SYMLINK;
        case S_IFCHR:
                return ENTRY_CHAR;
        case S_IFBLK:
                return ENTRY_BLOCK;
        case S_IFIFO:
                return ENTRY_FIFO;
        case S_IFSOCK:
                return ENTRY_SOCKET;
        default:
                return ENTRY_FILE;
        }
}

struct entry_xattr {
        const char *name; /* with its namespace: "user.a" */
        const void *value;
        size_t value_len;
};

/* A run of bytes of a sparse file that is data; what lies between runs reads as zeros. */
struct entry_extent {
        uint64_t offset; /* in the file */
        uint64_t length;
};

struct entry {
        const char *path; /* any bytes but NUL; relative, as archived ("usr/bin/env") */
        enum entry_type type;
        uint32_t mode; /* permission bits and setuid, setgid, sticky: 07777 */
        uint32_t uid;
        uint32_t gid;
        struct timespec mtime;
        uint64_t size;    /* of the file's content, holes included; 0 for other types */
        const char *link; /* symlink: its target; hard link: the earlier entry's path */
        uint32_t device_major;
        uint32_t device_minor;
        const struct entry_xattr *xattrs; /* sorted by name */
        size_t xattr_count;
        const struct entry_extent *extents; /* NULL: the file is not sparse */
        size_t extent_count;                /* in ascending order, apart, none empty */
};

/* Where the entries of a tar go, in the tar's order. */
struct entry_sink {
        /*
         * Takes an entry, borrowed until the return. `data_offset` is where its content begins in
         * the uncompressed tar; the content of a sparse file is its runs of data, one after
         * another. Returns 0 or a negative errno with `err` set, which ends the archive.
         */
        int (*add)(void *context, const struct entry *entry, uint64_t data_offset,
                   struct error *err);
        void *context;

        /* Takes the next bytes of the content of the file that was added last, as it is stored:
         * the runs of data of a sparse file without its holes; or NULL. */
        int (*content)(void *context, const void *data, size_t len, struct error *err);
};

/* Where entries come from, in the order in which they shall stand in the tar. */
struct entry_source {
        /* Gives the next entry, borrowed until the next call. Returns 1, 0 at the end, or a
         * negative errno with `err` set. */
        int (*next)(void *context, struct entry *ret, struct error *err);

        /* Reads all of `len` bytes of the current file at `offset`, which lie in it. Returns 0 or
         * a negative errno with `err` set. Holes are never asked for. */
        int (*read)(void *context, uint64_t offset, void *data, size_t len, struct error *err);
        void *context;
};
