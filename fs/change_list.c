#include "change_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file is archived as sparse when its holes are worth it: not every reader of tars knows how. */
#define HOLES_BYTES_MIN ((uint64_t)1 << 20)

/* How many names of files that may not be read are told. */
#define FORBIDDEN_NAMES_MAX 8

struct change_list *change_list_new(struct tree *tree)
{
        struct change_list *list = calloc(1, sizeof(*list));

        if (list) {
                list->tree = tree;
                list->store = tree->store;
        }
        return list;
}

int change_list_add_string(struct change_list *list, const char *text, size_t len, size_t *ret)
{
        int r;

        *ret = list->strings.len;
        r = buf_append(&list->strings, text, len);
        return r < 0 ? r : buf_append_char(&list->strings, '\0');
}

int change_list_add(struct change_list *list, const char *path, size_t len, struct change **ret)
{
        struct change *change;

        if (list->count == list->cap) {
                size_t cap = list->cap ? list->cap * 2 : 64;

                change = reallocarray(list->changes, cap, sizeof(*change));
                if (!change)
                        return -ENOMEM;
                list->changes = change;
                list->cap = cap;
        }
        change = &list->changes[list->count];
        *change = (struct change){ .path = 0 };
        if (change_list_add_string(list, path, len, &change->path) < 0)
                return -ENOMEM;
        list->count++;
        *ret = change;
        return 0;
}

int change_list_fill(struct change_list *list, struct change *change, struct lower_ref lower)
{
        const struct index *index = list->tree->layers[lower.layer].index;
        const struct index_inode *inode = index_inode(index, lower.inode);

        change->type = entry_type_of_mode(inode->mode);
        change->number = lower_number(list->tree, lower);
        lower_meta(list->tree, lower, &change->meta);
        if (change->type == ENTRY_FILE)
                change->content = (struct content){ .lower = lower,
                                                    .lower_size = inode->size,
                                                    .size = inode->size };
        if (change->type == ENTRY_SYMLINK)
                return change_list_add_string(list, index->strings + inode->place, inode->size,
                                              &change->link);
        return 0;
}

static void drop(struct change *change)
{
        xattr_set_unref(change->meta.xattrs);
        free(change->content.extents);
}

void change_list_clear(struct change_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                drop(&list->changes[i]);
        list->count = 0;
        buf_clear(&list->strings);
}

void change_list_free(struct change_list *list)
{
        if (!list)
                return;
        change_list_clear(list);
        free(list->changes);
        free(list->extents);
        free(list->xattrs);
        xattr_set_unref(list->numbered);
        buf_done(&list->strings);
        free(list);
}

size_t change_list_count(const struct change_list *list)
{
        return list->count;
}

/* ---- what may not be read ---- */

static bool is_forbidden(const struct change_list *list, const struct change *change)
{
        char data[65536];
        ssize_t n = 1;

        if (change->type != ENTRY_FILE)
                return false;
        for (uint64_t offset = 0; n > 0; offset += (uint64_t)n)
                n = content_read(&change->content, &list->store, offset, data, sizeof(data));
        return n == -EACCES || n == -EPERM;
}

int change_list_drop_forbidden(struct change_list *list, struct buf *ret_names)
{
        bool *dropped = calloc(list->strings.len + 1, sizeof(*dropped)); /* by the path's offset */
        size_t kept = 0;
        int count = 0, r = 0;

        if (!dropped)
                return -ENOMEM;
        for (size_t i = 0; i < list->count; i++) {
                struct change *change = &list->changes[i];
                bool linked = change->type == ENTRY_HARDLINK;

                dropped[change->path] = linked ? dropped[change->link] : is_forbidden(list, change);
                if (!dropped[change->path]) {
                        list->changes[kept++] = *change;
                        continue;
                }
                if (count++ < FORBIDDEN_NAMES_MAX && r == 0)
                        r = buf_appendf(ret_names, "%s/%s", ret_names->len > 0 ? ", " : "",
                                        list->strings.data + change->path);
                drop(change);
        }
        list->count = kept;
        if (r == 0 && count > FORBIDDEN_NAMES_MAX)
                r = buf_appendf(ret_names, " and %d more", count - FORBIDDEN_NAMES_MAX);
        free(dropped);
        return r < 0 ? r : count;
}

/* ---- the source ---- */

static int add_run(struct change_list *list, size_t *count, size_t *cap, uint64_t begin,
                   uint64_t end)
{
        struct entry_extent *last = *count > 0 ? &list->extents[*count - 1] : NULL;

        if (last && last->offset + last->length == begin) {
                last->length += end - begin;
                return 0;
        }
        if (*count == *cap) {
                struct entry_extent *extents =
                        reallocarray(list->extents, *cap * 2, sizeof(*extents));

                if (!extents)
                        return -ENOMEM;
                list->extents = extents;
                *cap *= 2;
        }
        list->extents[(*count)++] = (struct entry_extent){ .offset = begin, .length = end - begin };
        return 0;
}

/* Finds the runs of data of the current file, and gives them to `ret` where they leave much out. */
static int find_runs(struct change_list *list, const struct content *content, struct entry *ret)
{
        struct lower_runs runs = { .run_end = lower_run_end, .userdata = list->tree };
        uint64_t offset = 0, holes = 0;
        size_t count = 0, cap = 8;

        free(list->extents);
        list->extents = calloc(cap, sizeof(*list->extents));
        if (!list->extents)
                return -ENOMEM;
        while (offset < content->size) {
                bool data;
                uint64_t end = content_run_end(content, &runs, offset, &data);
                int r = data ? add_run(list, &count, &cap, offset, end) : 0;

                if (r < 0)
                        return r;
                holes += data ? 0 : end - offset;
                offset = end;
        }
        if (holes < HOLES_BYTES_MIN)
                return 0;
        ret->extents = list->extents;
        ret->extent_count = count;
        return 0;
}

static int list_xattrs(struct change_list *list, const struct xattr_set *set, struct entry *ret)
{
        size_t at = 0, count = 0;

        if (!set)
                return 0;
        free(list->xattrs);
        list->xattrs = calloc(set->count, sizeof(*list->xattrs));
        if (!list->xattrs)
                return -ENOMEM;
        while (count < set->count && xattr_set_next(set, &at, &list->xattrs[count]))
                count++;
        ret->xattrs = list->xattrs;
        ret->xattr_count = count;
        return 0;
}

/* With the number that the inode is shown under, where it has to outlive the tree. */
static int list_all_xattrs(struct change_list *list, const struct change *change, struct entry *ret)
{
        char digits[2 * sizeof(uint64_t) + 1];
        const struct xattr_set *set;
        int r;

        if (!list->tree->persistent || change->number <= TREE_ROOT ||
            change->type == ENTRY_HARDLINK)
                return list_xattrs(list, change->meta.xattrs, ret);
        snprintf(digits, sizeof(digits), "%" PRIx64, change->number);
        r = xattr_set_with(change->meta.xattrs, TREE_NUMBER_XATTR, digits, strlen(digits), &set);
        if (r < 0)
                return r;
        xattr_set_unref(list->numbered);
        list->numbered = set;
        return list_xattrs(list, set, ret);
}

static int next_entry(void *context, struct entry *ret, struct error *err)
{
        struct change_list *list = context;
        const struct change *change;
        int r;

        if (list->next == list->count)
                return 0;
        change = &list->changes[list->next++];
        *ret = (struct entry){
                .path = list->strings.data + change->path,
                .type = change->type,
                .mode = change->meta.mode & 07777,
                .uid = change->meta.uid,
                .gid = change->meta.gid,
                .mtime = change->meta.mtime,
                .size = change->type == ENTRY_FILE ? change->content.size : 0,
                .device_major = change->meta.rdev_major,
                .device_minor = change->meta.rdev_minor,
        };
        if (change->type == ENTRY_SYMLINK || change->type == ENTRY_HARDLINK)
                ret->link = list->strings.data + change->link;
        r = list_all_xattrs(list, change, ret);
        if (r == 0 && change->type == ENTRY_FILE)
                r = find_runs(list, &change->content, ret);
        return r < 0 ? error_set_oom(err) : 1;
}

static int read_entry(void *context, uint64_t offset, void *data, size_t len, struct error *err)
{
        struct change_list *list = context;
        const struct change *change = &list->changes[list->next - 1];
        ssize_t n = content_read(&change->content, &list->store, offset, data, len);

        if (n == (ssize_t)len)
                return 0;
        return error_set_errno(err, n < 0 ? (int)n : -EIO, "cannot read /%s of the step's changes",
                               list->strings.data + change->path);
}

struct entry_source change_list_source(struct change_list *list)
{
        list->next = 0;
        return (struct entry_source){ .next = next_entry, .read = read_entry, .context = list };
}
