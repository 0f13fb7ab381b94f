#include "acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>

#define PERMISSIONS 07u

/* A list, decoded. */
struct acl {
        struct posix_acl_xattr_entry *entries; /* owned by whoever has made it; little endian */
        size_t count;
        struct posix_acl_xattr_entry *owner, *group, *mask, *other; /* of `entries` */
        bool named;                                                 /* it says more than a mode */
};

bool acl_is_name(const char *name)
{
        return strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;
}

/* Finds what is what in a value, which is changed by what is done to the list. */
static int decode(void *value, size_t len, struct acl *ret)
{
        struct posix_acl_xattr_header *header = value;
        struct acl acl = { .entries = (void *)(header + 1) };

        if (len < sizeof(*header) || (len - sizeof(*header)) % sizeof(*acl.entries) != 0 ||
            le32toh(header->a_version) != POSIX_ACL_XATTR_VERSION)
                return -EINVAL;
        acl.count = (len - sizeof(*header)) / sizeof(*acl.entries);
        for (size_t i = 0; i < acl.count; i++) {
                switch (le16toh(acl.entries[i].e_tag)) {
                case ACL_USER_OBJ:
                        acl.owner = &acl.entries[i];
                        break;
                case ACL_GROUP_OBJ:
                        acl.group = &acl.entries[i];
                        break;
                case ACL_MASK:
                        acl.mask = &acl.entries[i];
                        acl.named = true;
                        break;
                case ACL_OTHER:
                        acl.other = &acl.entries[i];
                        break;
                case ACL_USER:
                case ACL_GROUP:
                        acl.named = true;
                        break;
                default:
                        return -EINVAL;
                }
        }
        if (!acl.owner || !acl.group || !acl.other)
                return -EINVAL;
        *ret = acl;
        return 0;
}

static uint32_t permissions(const struct posix_acl_xattr_entry *entry)
{
        return le16toh(entry->e_perm) & PERMISSIONS;
}

static void set_permissions(struct posix_acl_xattr_entry *entry, uint32_t value)
{
        entry->e_perm = htole16((uint16_t)(value & PERMISSIONS));
}

static struct posix_acl_xattr_entry *group_class(const struct acl *acl)
{
        return acl->mask ? acl->mask : acl->group;
}

static uint32_t mode_of(const struct acl *acl)
{
        return permissions(acl->owner) << 6 | permissions(group_class(acl)) << 3 |
               permissions(acl->other);
}

static void set_mode(const struct acl *acl, uint32_t mode)
{
        set_permissions(acl->owner, mode >> 6);
        set_permissions(group_class(acl), mode >> 3);
        set_permissions(acl->other, mode);
}

/* A copy of one of the lists, to be freed. Returns 0, -ENODATA, -EINVAL or -ENOMEM. */
static int copy_list(const struct meta *meta, const char *name, void **ret_value, size_t *ret_len,
                     struct acl *ret)
{
        struct entry_xattr xattr;
        void *value;
        int r;

        if (!xattr_set_find(meta->xattrs, name, &xattr))
                return -ENODATA;
        value = malloc(xattr.value_len + 1);
        if (!value)
                return -ENOMEM;
        memcpy(value, xattr.value, xattr.value_len);
        r = decode(value, xattr.value_len, ret);
        if (r < 0) {
                free(value);
                return r;
        }
        *ret_value = value;
        *ret_len = xattr.value_len;
        return 0;
}

static int put_list(struct meta *meta, const char *name, const void *value, size_t len)
{
        const struct xattr_set *set;
        int r = xattr_set_with(meta->xattrs, name, value, len, &set);

        if (r < 0)
                return r;
        xattr_set_unref(meta->xattrs);
        meta->xattrs = set;
        return 0;
}

int acl_to_mode(const void *value, size_t len, uint32_t *mode, bool *ret_needed)
{
        void *copy = malloc(len + 1);
        struct acl acl;
        int r;

        if (!copy)
                return -ENOMEM;
        memcpy(copy, value, len);
        r = decode(copy, len, &acl);
        if (r == 0) {
                *mode = (*mode & ~(uint32_t)0777) | mode_of(&acl);
                *ret_needed = acl.named;
        }
        free(copy);
        return r;
}

int acl_follow_mode(struct meta *meta)
{
        struct acl acl;
        void *value;
        size_t len;
        int r = copy_list(meta, ACL_ACCESS, &value, &len, &acl);

        /* What is no list, as a layer may hold, is left for the kernel to refuse. */
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        set_mode(&acl, meta->mode);
        r = put_list(meta, ACL_ACCESS, value, len);
        free(value);
        return r;
}

int acl_inherit(const struct meta *dir, uint32_t umask, struct meta *meta)
{
        struct acl acl;
        void *value;
        size_t len;
        int r;

        if (S_ISLNK(meta->mode))
                return 0;
        r = copy_list(dir, ACL_DEFAULT, &value, &len, &acl);
        if (r < 0) {
                meta->mode &= ~(umask & 0777);
                return r == -ENOMEM ? r : 0;
        }
        if (S_ISDIR(meta->mode))
                r = put_list(meta, ACL_DEFAULT, value, len);
        /* Of what the creator asks for, what the list allows. */
        meta->mode &= mode_of(&acl) | ~(uint32_t)0777;
        set_mode(&acl, meta->mode);
        if (r == 0 && acl.named)
                r = put_list(meta, ACL_ACCESS, value, len);
        free(value);
        return r;
}
