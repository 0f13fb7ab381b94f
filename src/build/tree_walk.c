#include "tree_walk.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/strv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A directory on the way. */
struct frame {
        uint64_t ino;
        struct strv names; /* owned, sorted */
        size_t next;
        size_t path_len;
};

struct tree_walk {
        struct tree *tree; /* borrowed */
        struct frame *frames;
        size_t depth;
        size_t cap;
        struct buf path;
        bool begun;
};

int tree_walk_new(struct tree *tree, struct tree_walk **ret, struct error *err)
{
        struct tree_walk *walk = calloc(1, sizeof(*walk));

        if (!walk || buf_reserve(&walk->path, 1) < 0) {
                free(walk);
                return error_set_oom(err);
        }
        walk->path.data[0] = '\0';
        walk->tree = tree;
        *ret = walk;
        return 0;
}

void tree_walk_free(struct tree_walk *walk)
{
        if (!walk)
                return;
        while (walk->depth > 0)
                strv_done(&walk->frames[--walk->depth].names);
        free(walk->frames);
        buf_done(&walk->path);
        free(walk);
}

struct listing {
        struct strv *names;
        int code;
};

static int collect(void *userdata, const struct tree_dirent *entry)
{
        struct listing *listing = userdata;

        if (!path_name_is_dot(entry->name, entry->name_len))
                listing->code = strv_take(listing->names, strndup(entry->name, entry->name_len));
        return listing->code;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int enter(struct tree_walk *walk, uint64_t ino)
{
        struct listing listing = { .code = 0 };
        struct frame *frame;
        int r;

        if (walk->depth == walk->cap) {
                size_t cap = walk->cap ? walk->cap * 2 : 32;
                struct frame *frames = reallocarray(walk->frames, cap, sizeof(*frames));

                if (!frames)
                        return -ENOMEM;
                walk->frames = frames;
                walk->cap = cap;
        }
        frame = &walk->frames[walk->depth++];
        *frame = (struct frame){ .ino = ino, .path_len = walk->path.len };
        listing.names = &frame->names;
        r = tree_readdir(walk->tree, ino, 0, false, collect, &listing);
        if (frame->names.count > 1)
                qsort(frame->names.items, frame->names.count, sizeof(*frame->names.items),
                      compare_names);
        return r < 0 ? r : listing.code;
}

/* Takes the next name of the directory that the walk is in, or of one above. Returns 1 or 0. */
static int advance(struct tree_walk *walk, struct tree_attr *ret)
{
        while (walk->depth > 0) {
                struct frame *frame = &walk->frames[walk->depth - 1];
                const char *name;
                int r = 0;

                walk->path.len = frame->path_len;
                walk->path.data[walk->path.len] = '\0';
                if (frame->next == frame->names.count) {
                        strv_done(&frame->names);
                        walk->depth--;
                        continue;
                }
                name = frame->names.items[frame->next++];
                if (walk->path.len > 0)
                        r = buf_append_char(&walk->path, '/');
                if (r == 0)
                        r = buf_append_str(&walk->path, name);
                if (r == 0)
                        r = tree_lookup(walk->tree, frame->ino, name, ret);
                return r < 0 ? r : 1;
        }
        return 0;
}

int tree_walk_next(struct tree_walk *walk, const char **ret_path, struct tree_attr *ret,
                   struct error *err)
{
        int r;

        if (!walk->begun) {
                walk->begun = true;
                r = tree_getattr(walk->tree, TREE_ROOT, ret);
                r = r < 0 ? r : 1;
        } else {
                r = advance(walk, ret);
        }
        if (r > 0 && S_ISDIR(ret->mode)) {
                r = enter(walk, ret->ino);
                r = r < 0 ? r : 1;
        }
        *ret_path = walk->path.data;
        return r < 0 ? error_set_errno(err, r, "cannot look at /%s", walk->path.data) : r;
}

int tree_walk_compare(const char *a, const char *b)
{
        while (*a && *a == *b)
                a++, b++;
        if (*a == *b)
                return 0;
        if (!*a || !*b)
                return *a ? 1 : -1;
        if (*a == '/' || *b == '/')
                return *a == '/' ? -1 : 1;
        return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* ---- extended attributes ---- */

void tree_xattrs_done(struct tree_xattrs *xattrs)
{
        free(xattrs->items);
        free(xattrs->names);
        buf_done(&xattrs->values);
        *xattrs = (struct tree_xattrs){ .items = NULL };
}

static int compare_xattrs(const void *a, const void *b)
{
        return strcmp(((const struct entry_xattr *)a)->name, ((const struct entry_xattr *)b)->name);
}

static int read_value(struct tree *tree, uint64_t ino, struct tree_xattrs *xattrs, const char *name)
{
        ssize_t size = tree_getxattr(tree, ino, name, NULL, 0);

        if (size < 0 || buf_reserve(&xattrs->values, (size_t)size) < 0)
                return size < 0 ? (int)size : -ENOMEM;
        if (size > 0)
                size = tree_getxattr(tree, ino, name, xattrs->values.data + xattrs->values.len,
                                     (size_t)size);
        if (size < 0)
                return (int)size;
        xattrs->items[xattrs->count++] =
                (struct entry_xattr){ .name = name, .value_len = (size_t)size };
        xattrs->values.len += (size_t)size;
        return 0;
}

static int read_xattrs(struct tree *tree, uint64_t ino, struct tree_xattrs *xattrs)
{
        ssize_t size = tree_listxattr(tree, ino, NULL, 0);
        const char *value, *name;
        size_t count = 0;
        int r = 0;

        if (size <= 0)
                return (int)size;
        xattrs->names = malloc((size_t)size);
        if (!xattrs->names)
                return -ENOMEM;
        size = tree_listxattr(tree, ino, xattrs->names, (size_t)size);
        if (size < 0)
                return (int)size;
        for (name = xattrs->names; name < xattrs->names + size; name += strlen(name) + 1)
                count++;
        xattrs->items = calloc(count + 1, sizeof(*xattrs->items));
        if (!xattrs->items)
                return -ENOMEM;
        for (name = xattrs->names; xattrs->count < count && r == 0; name += strlen(name) + 1)
                r = read_value(tree, ino, xattrs, name);
        value = xattrs->values.data;
        for (size_t i = 0; i < xattrs->count; i++) {
                xattrs->items[i].value = value ? value : "";
                value += value ? xattrs->items[i].value_len : 0;
        }
        if (xattrs->count > 1)
                qsort(xattrs->items, xattrs->count, sizeof(*xattrs->items), compare_xattrs);
        return r;
}

int tree_xattrs_read(struct tree *tree, uint64_t ino, struct tree_xattrs *ret, struct error *err)
{
        int r;

        *ret = (struct tree_xattrs){ .items = NULL };
        r = read_xattrs(tree, ino, ret);
        if (r < 0) {
                tree_xattrs_done(ret);
                return error_set_errno(err, r, "cannot read extended attributes");
        }
        return 0;
}
