#include "xattr.h"

#include "acl.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static size_t item_size(size_t name_len, size_t value_len)
{
        return (sizeof(struct xattr_item) + name_len + 1 + value_len + 3) & ~(size_t)3;
}

struct xattr_set *xattr_set_new(const struct entry_xattr *xattrs, size_t count)
{
        size_t size = sizeof(struct xattr_set);
        struct xattr_set *set;
        char *at;

        for (size_t i = 0; i < count; i++)
                size += item_size(strlen(xattrs[i].name), xattrs[i].value_len);
        set = calloc(1, size);
        if (!set)
                return NULL;
        set->refs = 1;
        set->size = (uint32_t)size;
        set->count = (uint32_t)count;
        at = set->items;
        for (size_t i = 0; i < count; i++) {
                struct xattr_item item = { .name_len = (uint32_t)strlen(xattrs[i].name),
                                           .value_len = (uint32_t)xattrs[i].value_len };
                char *text = at + sizeof(item);

                memcpy(at, &item, sizeof(item));
                memcpy(text, xattrs[i].name, item.name_len);
                if (item.value_len > 0)
                        memcpy(text + item.name_len + 1, xattrs[i].value, item.value_len);
                at += item_size(item.name_len, item.value_len);
        }
        return set;
}

/* The count of a set in memory; one in an index lies in read-only pages and is not touched. */
static atomic_uint *xattr_set_refs(const struct xattr_set *set)
{
        return (atomic_uint *)(uintptr_t)&set->refs;
}

const struct xattr_set *xattr_set_ref(const struct xattr_set *set)
{
        if (set && set->refs > 0)
                atomic_fetch_add(xattr_set_refs(set), 1);
        return set;
}

void xattr_set_unref(const struct xattr_set *set)
{
        if (set && set->refs > 0 && atomic_fetch_sub(xattr_set_refs(set), 1) == 1)
                free((void *)(uintptr_t)set);
}

bool xattr_set_next(const struct xattr_set *set, size_t *at, struct entry_xattr *ret)
{
        struct xattr_item item;
        const char *text;

        if (!set || sizeof(*set) + *at >= set->size)
                return false;
        memcpy(&item, set->items + *at, sizeof(item));
        text = set->items + *at + sizeof(item);
        *ret = (struct entry_xattr){ .name = text,
                                     .value = text + item.name_len + 1,
                                     .value_len = item.value_len };
        *at += item_size(item.name_len, item.value_len);
        return true;
}

bool xattr_set_find(const struct xattr_set *set, const char *name, struct entry_xattr *ret)
{
        size_t at = 0;

        while (xattr_set_next(set, &at, ret))
                if (strcmp(ret->name, name) == 0)
                        return true;
        return false;
}

bool xattr_set_equal(const struct xattr_set *a, const struct xattr_set *b)
{
        if (a == b)
                return true;
        return a && b && a->size == b->size && a->count == b->count &&
               memcmp(a->items, b->items, a->size - sizeof(*a)) == 0;
}

int xattr_set_with(const struct xattr_set *set, const char *name, const void *value,
                   size_t value_len, const struct xattr_set **ret)
{
        _cleanup_free_ struct entry_xattr *xattrs = NULL;
        struct entry_xattr added = { .name = name, .value = value, .value_len = value_len };
        struct entry_xattr old;
        bool placed = value == NULL;
        size_t count = 0, at = 0;

        xattrs = calloc((set ? set->count : 0) + 1, sizeof(*xattrs));
        if (!xattrs)
                return -ENOMEM;
        while (xattr_set_next(set, &at, &old)) {
                int order = strcmp(name, old.name);

                if (order <= 0 && !placed) {
                        xattrs[count++] = added;
                        placed = true;
                }
                if (order != 0)
                        xattrs[count++] = old;
        }
        if (!placed)
                xattrs[count++] = added;
        *ret = NULL;
        if (count > 0)
                *ret = xattr_set_new(xattrs, count);
        return count > 0 && !*ret ? -ENOMEM : 0;
}

int xattr_check_name(const char *name)
{
        static const char *const namespaces[] = { "user.", "trusted.", "security." };
        static const char *const foreign[] = { "security.selinux", "security.ima",
                                               "security.evm",     "security.apparmor",
                                               "security.SMACK64", "trusted.overlay.",
                                               "user.overlay.",    "trusted.varve." };

        for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
                if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
                        return -EOPNOTSUPP;
        for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
                size_t len = strlen(namespaces[i]);

                if (strncmp(name, namespaces[i], len) == 0)
                        return name[len] == '\0' ? -EINVAL : 0;
        }
        return acl_is_name(name) ? 0 : -EOPNOTSUPP;
}
