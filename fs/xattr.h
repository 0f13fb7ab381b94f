/*
 * An immutable set of extended attributes as one block of bytes, the same in an index file and in
 * memory. Private to fs/. A change makes a new set.
 */
#pragma once

#include "archive/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel's VFS allows (xattr(7)). */
#define XATTR_NAME_BYTES_MAX  255u
#define XATTR_VALUE_BYTES_MAX 65536u

struct xattr_set {
        uint32_t refs; /* 0: lies in an index, is never counted nor freed */
        uint32_t size; /* of the whole block */
        uint32_t count;
        uint32_t reserved;
        char items[]; /* sorted by name: struct xattr_item, name, NUL, value, padded to 4 */
};

struct xattr_item {
        uint32_t name_len;
        uint32_t value_len;
};

/* Makes a set of `count` xattrs sorted by name. Returns NULL when memory runs out; it has one
 * reference. */
struct xattr_set *xattr_set_new(const struct entry_xattr *xattrs, size_t count);

/* NULL stands for the empty set everywhere. */
const struct xattr_set *xattr_set_ref(const struct xattr_set *set);
void xattr_set_unref(const struct xattr_set *set);

/* Walks a set: `*at` begins as 0. Returns false at the end. */
bool xattr_set_next(const struct xattr_set *set, size_t *at, struct entry_xattr *ret);

bool xattr_set_find(const struct xattr_set *set, const char *name, struct entry_xattr *ret);

bool xattr_set_equal(const struct xattr_set *a, const struct xattr_set *b);

/* Makes `*ret` the set with `name` set to `value`, or without it where `value` is NULL; an empty
 * one is NULL. Returns 0 or -ENOMEM. */
int xattr_set_with(const struct xattr_set *set, const char *name, const void *value,
                   size_t value_len, const struct xattr_set **ret);

/*
 * Whether an attribute is of a namespace that files have (xattr(7)), and means something inside a
 * layer: those that belong to the host's security modules, or to another union filesystem, do not.
 * Others are neither shown nor taken. Returns 0, -EINVAL where the name is a namespace alone, or
 * -EOPNOTSUPP.
 */
int xattr_check_name(const char *name);
