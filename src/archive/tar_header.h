/*
 * The 512-byte header blocks of tar: their layout, and reading them.
 *
 * POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_BYTES 512

struct tar_block_sparse {
        char offset[12];
        char length[12];
};

/* The first block of an entry; what differs between formats begins at `prefix`. */
struct tar_block {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char user[32];
        char group[32];
        char dev_major[8];
        char dev_minor[8];
        union {
                struct {
                        char prefix[155];
                        char unused[12];
                } ustar;
                struct {
                        char prefix[131];
                        char atime[12];
                        char ctime[12];
                        char unused[8];
                        char trailer[4];
                } star;
                struct {
                        char atime[12];
                        char ctime[12];
                        char unused[17];
                        struct tar_block_sparse sparse[4];
                        char is_extended;
                        char real_size[12];
                        char unused_too[17];
                } gnu;
        };
};

/* A block that continues the sparse map of an old GNU header. */
struct tar_block_extension {
        struct tar_block_sparse sparse[21];
        char is_extended;
        char unused[7];
};

_Static_assert(sizeof(struct tar_block) == TAR_BLOCK_BYTES, "a header fills a block");
_Static_assert(sizeof(struct tar_block_extension) == TAR_BLOCK_BYTES, "an extension fills a block");

/* What a header says; names are terminated. */
struct tar_header {
        char type;
        bool is_gnu; /* has GNU's fields, a sparse map among them */
        char path[sizeof(((struct tar_block *)NULL)->ustar.prefix) + 1 + 100 + 1];
        char link[100 + 1];
        int64_t mode;
        int64_t uid;
        int64_t gid;
        int64_t size;
        int64_t mtime_s;
        int64_t dev_major;
        int64_t dev_minor;
};

/* Reads a header whose checksum is right. NULL, or what is wrong with it. */
const char *tar_header_read(const struct tar_block *block, struct tar_header *ret);

bool tar_block_is_zero(const void *block);

/* The sum of the block's bytes, the checksum's own field taken as spaces. */
uint32_t tar_block_checksum(const struct tar_block *block);

/* Reads a field: octal digits, or a base-256 number of GNU's. False where it is neither. */
bool tar_number_read(const char *field, size_t len, int64_t *ret);
