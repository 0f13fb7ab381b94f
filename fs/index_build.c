/*
 * Building an index from a tar's entries.
 *
 * Names are kept in the order in which they come, found through one hash table of (directory,
 * name). What a later entry replaces simply cannot be reached from the root any more: finishing
 * walks from the root and numbers only what it meets.
 */
#include "index_build.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "fs/index.h"
#include "hash.h"
#include "xattr.h"

#include <errno.h>
#include <stdlib.h>

#define WHITEOUT_PREFIX     ".wh."
#define WHITEOUT_PREFIX_LEN 4
#define WHITEOUT_OPAQUE     ".wh..wh..opq"
#define IMPLIED_MODE        (S_IFDIR | 0755)

/* Makes room for one more item of an array. */
static int grow(void **items, uint32_t count, uint32_t *cap, size_t item)
{
        uint32_t more = *cap ? *cap * 2 : 64;
        void *bigger;

        if (count < *cap)
                return 0;
        bigger = reallocarray(*items, more, item);
        if (!bigger)
                return -ENOMEM;
        *items = bigger;
        *cap = more;
        return 0;
}

#define GROW(builder, array, count, cap)                                       \
        ({                                                                     \
                void *grown_ = (builder)->array;                               \
                int grow_r_ = grow(&grown_, (builder)->count, &(builder)->cap, \
                                   sizeof(*(builder)->array));                 \
                (builder)->array = grown_;                                     \
                grow_r_;                                                       \
        })

static int builder_add_inode(struct index_builder *builder, const struct index_inode *inode,
                             uint32_t *ret)
{
        int r = GROW(builder, inodes, inode_count, inode_cap);

        /* One name again and again takes no names. */
        if (r == 0 && builder->inode_count >= INDEX_ENTRIES_MAX)
                r = -E2BIG;
        if (r < 0)
                return r;
        builder->inodes[builder->inode_count] = *inode;
        *ret = builder->inode_count++;
        return 0;
}

int index_builder_new(struct index_builder **ret, struct error *err)
{
        struct index_inode none = { 0 };
        struct index_inode root = { .mode = IMPLIED_MODE, .nlink = 1, .flags = INDEX_IMPLIED };
        struct index_builder *builder = calloc(1, sizeof(*builder));
        uint32_t inode;

        if (!builder)
                return error_set_oom(err);
        builder->key = hash_key();
        /* The sections begin with one byte that nothing refers to: offset 0 means "none". */
        if (builder_add_inode(builder, &none, &inode) < 0 ||
            builder_add_inode(builder, &root, &inode) < 0 ||
            buf_append(&builder->xattrs, "\0\0\0\0\0\0\0", 8) < 0) {
                index_builder_free(builder);
                return error_set_oom(err);
        }
        *ret = builder;
        return 0;
}

void index_builder_free(struct index_builder *builder)
{
        if (!builder)
                return;
        free(builder->inodes);
        free(builder->names);
        free(builder->slots);
        free(builder->extents);
        free(builder->digests);
        digest_hasher_free(builder->hasher);
        buf_done(&builder->strings);
        buf_done(&builder->xattrs);
        free(builder);
}

/* The slot where `name` of directory `parent` is, or where it would go. */
static uint32_t *find_slot(const struct index_builder *builder, uint32_t parent, const char *name,
                           size_t len)
{
        uint32_t mask = builder->slot_count - 1;
        uint32_t at = (uint32_t)hash_name(builder->key, parent, name, len) & mask;

        for (;; at = (at + 1) & mask) {
                const struct build_name *other;

                if (builder->slots[at] == 0)
                        return &builder->slots[at];
                other = &builder->names[builder->slots[at] - 1];
                if (other->parent == parent && other->len == len &&
                    memcmp(builder->strings.data + other->text, name, len) == 0)
                        return &builder->slots[at];
        }
}

static int grow_slots(struct index_builder *builder)
{
        uint32_t count = builder->slot_count ? builder->slot_count * 2 : 256;
        uint32_t *slots;

        if (builder->slot_count > 0 && builder->name_count < builder->slot_count / 4 * 3)
                return 0;
        slots = calloc(count, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        free(builder->slots);
        builder->slots = slots;
        builder->slot_count = count;
        for (uint32_t i = 0; i < builder->name_count; i++) {
                const struct build_name *name = &builder->names[i];

                *find_slot(builder, name->parent, builder->strings.data + name->text, name->len) =
                        i + 1;
        }
        return 0;
}

/* Finds `name` in `parent`, without a trace of it where it is new. Returns NULL then. */
static struct build_name *find_name(const struct index_builder *builder, uint32_t parent,
                                    const char *name, size_t len)
{
        uint32_t slot = builder->slot_count ? *find_slot(builder, parent, name, len) : 0;

        return slot ? &builder->names[slot - 1] : NULL;
}

/* Finds `name` in `parent` or makes it, with no inode yet. */
static int get_name(struct index_builder *builder, uint32_t parent, const char *name, size_t len,
                    uint32_t *ret)
{
        uint32_t *slot;

        if (grow_slots(builder) < 0 || GROW(builder, names, name_count, name_cap) < 0)
                return -ENOMEM;
        slot = find_slot(builder, parent, name, len);
        if (*slot == 0) {
                if (builder->name_count >= INDEX_ENTRIES_MAX ||
                    builder->strings.len + len > UINT32_MAX)
                        return -E2BIG;
                builder->names[builder->name_count] =
                        (struct build_name){ .text = (uint32_t)builder->strings.len,
                                             .len = (uint32_t)len,
                                             .parent = parent };
                if (buf_append(&builder->strings, name, len) < 0)
                        return -ENOMEM;
                *slot = ++builder->name_count;
        }
        *ret = *slot - 1;
        return 0;
}

/* Where an entry's path leads inside the layer: the walk keeps the directories it came through, so
 * that ".." of a symlink's target can go back. */
struct walk {
        struct index_builder *builder;
        uint32_t *dirs;
        size_t depth;
        size_t cap;
        unsigned links;
};

static int walk_push(struct walk *walk, uint32_t dir)
{
        if (walk->depth == walk->cap) {
                size_t cap = walk->cap ? walk->cap * 2 : 64;
                uint32_t *dirs = reallocarray(walk->dirs, cap, sizeof(*dirs));

                if (!dirs)
                        return -ENOMEM;
                walk->dirs = dirs;
                walk->cap = cap;
        }
        walk->dirs[walk->depth++] = dir;
        return 0;
}

static uint32_t walk_here(const struct walk *walk)
{
        return walk->depth ? walk->dirs[walk->depth - 1] : INDEX_ROOT;
}

static int walk_text(struct walk *walk, const char *path, size_t len, bool make);

/* Enters `name`, which stands for a directory; makes it where it is missing and `make`. */
static int walk_enter(struct walk *walk, const char *name, size_t len, bool make)
{
        struct index_inode implied = { .mode = IMPLIED_MODE, .nlink = 1, .flags = INDEX_IMPLIED };
        struct index_builder *builder = walk->builder;
        const struct build_name *found = find_name(builder, walk_here(walk), name, len);
        const struct index_inode *inode;
        uint32_t index, child;
        int r;

        if (!found || found->inode == 0) {
                if (!make)
                        return -ENOENT;
                r = get_name(builder, walk_here(walk), name, len, &index);
                if (r < 0)
                        return r;
                implied.entry = index;
                r = builder_add_inode(builder, &implied, &child);
                if (r < 0)
                        return r;
                builder->names[index].inode = child;
                return walk_push(walk, child);
        }
        inode = &builder->inodes[found->inode];
        if (S_ISDIR(inode->mode))
                return walk_push(walk, found->inode);
        if (!S_ISLNK(inode->mode))
                return -ENOTDIR;
        if (++walk->links > INDEX_LINK_DEPTH_MAX)
                return -ELOOP;
        _cleanup_free_ char *target = strndup(builder->strings.data + inode->place, inode->size);
        if (!target)
                return -ENOMEM;
        if (target[0] == '/')
                walk->depth = 0;
        return walk_text(walk, target, strlen(target), make);
}

/* Enters each component of a path; ".." goes back, and stays at the root. */
static int walk_text(struct walk *walk, const char *path, size_t len, bool make)
{
        const char *end = path + len;

        while (path < end) {
                const char *name = path;
                size_t name_len;
                int r = 0;

                while (path < end && *path != '/')
                        path++;
                name_len = (size_t)(path - name);
                path += path < end;
                if (name_len == 0 || (name_len == 1 && name[0] == '.'))
                        continue;
                if (name_len > INDEX_NAME_MAX)
                        return -ENAMETOOLONG;
                if (name_len == 2 && name[0] == '.' && name[1] == '.')
                        walk->depth -= walk->depth > 0;
                else
                        r = walk_enter(walk, name, name_len, make);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Splits a clean path into the directory it stands in, which is made if need be, and its name. */
static int find_place(struct index_builder *builder, const char *path, bool make, uint32_t *ret_dir,
                      const char **ret_name)
{
        struct walk walk = { .builder = builder };
        const char *slash = strrchr(path, '/');
        int r;

        r = slash ? walk_text(&walk, path, (size_t)(slash - path), make) : 0;
        *ret_dir = walk_here(&walk);
        *ret_name = slash ? slash + 1 : path;
        free(walk.dirs);
        return r;
}

static int add_string(struct index_builder *builder, const char *text, size_t len,
                      struct index_inode *inode)
{
        if (builder->strings.len + len > UINT32_MAX)
                return -E2BIG;
        inode->place = builder->strings.len;
        inode->size = len;
        return buf_append(&builder->strings, text, len);
}

static int add_xattrs(struct index_builder *builder, const struct entry *entry,
                      struct index_inode *inode)
{
        struct xattr_set *set;
        int r;

        if (entry->xattr_count == 0)
                return 0;
        set = xattr_set_new(entry->xattrs, entry->xattr_count);
        if (!set)
                return -ENOMEM;
        set->refs = 0;
        if (set->size > INDEX_XATTRS_MAX || builder->xattrs.len + set->size > UINT32_MAX) {
                free(set);
                return -E2BIG;
        }
        inode->xattrs = (uint32_t)builder->xattrs.len;
        r = buf_append(&builder->xattrs, set, set->size);
        free(set);
        return r;
}

static int add_extents(struct index_builder *builder, const struct entry *entry,
                       uint64_t data_offset, struct index_inode *inode)
{
        uint64_t end = 0;

        inode->place = data_offset;
        if (!entry->extents)
                return 0;
        inode->flags |= INDEX_SPARSE;
        inode->first = builder->extent_count;
        for (size_t i = 0; i < entry->extent_count; i++) {
                const struct entry_extent *extent = &entry->extents[i];

                if (extent->offset < end || extent->length > entry->size ||
                    extent->offset > entry->size - extent->length)
                        return -EINVAL;
                end = extent->offset + extent->length;
                if (extent->length == 0)
                        continue;
                if (builder->extent_count >= INDEX_ENTRIES_MAX)
                        return -E2BIG;
                if (GROW(builder, extents, extent_count, extent_cap) < 0)
                        return -ENOMEM;
                builder->extents[builder->extent_count++] = (struct index_extent){
                        .offset = extent->offset, .length = extent->length, .place = data_offset
                };
                data_offset += extent->length;
                inode->count++;
        }
        return 0;
}

static uint32_t entry_mode(const struct entry *entry)
{
        static const uint32_t types[] = {
                [ENTRY_FILE] = S_IFREG,    [ENTRY_DIRECTORY] = S_IFDIR,
                [ENTRY_SYMLINK] = S_IFLNK, [ENTRY_CHAR] = S_IFCHR,
                [ENTRY_BLOCK] = S_IFBLK,   [ENTRY_FIFO] = S_IFIFO,
                [ENTRY_SOCKET] = S_IFSOCK, [ENTRY_HARDLINK] = INDEX_S_IFLOWER,
        };

        return types[entry->type] | (entry->mode & 07777);
}

/* Fills an inode out of an entry that is no hard link of this layer. */
static int make_inode(struct index_builder *builder, const struct entry *entry,
                      uint64_t data_offset, struct index_inode *ret)
{
        int r = 0;

        *ret = (struct index_inode){
                .mtime_sec = entry->mtime.tv_sec,
                .mtime_nsec = (uint32_t)entry->mtime.tv_nsec,
                .mode = entry_mode(entry),
                .uid = entry->uid,
                .gid = entry->gid,
                .nlink = 1,
        };
        if (entry->type == ENTRY_FILE) {
                ret->size = entry->size;
                r = add_extents(builder, entry, data_offset, ret);
        } else if (entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK) {
                r = add_string(builder, entry->link, strlen(entry->link), ret);
        } else if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK) {
                ret->place = (uint64_t)entry->device_major << 32 | entry->device_minor;
        }
        return r < 0 ? r : add_xattrs(builder, entry, ret);
}

/* Takes an inode away from a name. A file's other names keep it. */
static void drop_inode(struct index_builder *builder, struct build_name *name)
{
        if (name->inode != 0)
                builder->inodes[name->inode].nlink--;
        name->inode = 0;
}

static int add_directory(struct index_builder *builder, uint32_t name, struct index_inode *inode)
{
        struct build_name *entry = &builder->names[name];
        uint32_t number;
        int r;

        inode->entry = name;
        if (entry->inode != 0 && S_ISDIR(builder->inodes[entry->inode].mode)) {
                /* A second entry of a directory renews its metadata and keeps what is in it. */
                inode->flags |= builder->inodes[entry->inode].flags & INDEX_OPAQUE;
                builder->inodes[entry->inode] = *inode;
                return 0;
        }
        drop_inode(builder, entry);
        r = builder_add_inode(builder, inode, &number);
        if (r < 0)
                return r;
        builder->names[name].inode = number;
        return 0;
}

/* The inode that a hard link of this layer means, or 0 when the layer does not hold it. */
static int find_link_target(struct index_builder *builder, const char *link, uint32_t *ret)
{
        _cleanup_free_ char *rooted = path_resolve("/", link);
        const struct build_name *found;
        const char *name;
        uint32_t dir;
        int r;

        if (!rooted)
                return -ENOMEM;
        *ret = 0;
        r = find_place(builder, rooted + 1, false, &dir, &name);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        found = find_name(builder, dir, name, strlen(name));
        if (!found || found->inode == 0)
                return 0;
        if (S_ISDIR(builder->inodes[found->inode].mode))
                return -EPERM;
        *ret = found->inode;
        return 0;
}

static int add_hardlink(struct index_builder *builder, const struct entry *entry, uint32_t name,
                        bool *ret_done)
{
        struct build_name *place;
        uint32_t target;
        int r;

        *ret_done = false;
        r = find_link_target(builder, entry->link, &target);
        if (r < 0 || target == 0)
                return r;
        *ret_done = true;
        place = &builder->names[name];
        if (place->inode == target)
                return 0;
        drop_inode(builder, place);
        place->inode = target;
        builder->inodes[target].nlink++;
        return 0;
}

static int add_named(struct index_builder *builder, const struct entry *entry, const char *path,
                     uint64_t data_offset)
{
        struct index_inode inode;
        uint32_t dir, name, number;
        const char *text;
        bool done = false;
        int r;

        r = find_place(builder, path, true, &dir, &text);
        if (r < 0)
                return r;
        if (strlen(text) > INDEX_NAME_MAX)
                return -ENAMETOOLONG;
        r = get_name(builder, dir, text, strlen(text), &name);
        if (r == 0 && entry->type == ENTRY_HARDLINK)
                r = add_hardlink(builder, entry, name, &done);
        if (r < 0 || done)
                return r;
        r = make_inode(builder, entry, data_offset, &inode);
        if (r < 0)
                return r;
        if (entry->type == ENTRY_DIRECTORY)
                return add_directory(builder, name, &inode);
        inode.entry = name;
        drop_inode(builder, &builder->names[name]);
        r = builder_add_inode(builder, &inode, &number);
        if (r < 0)
                return r;
        builder->names[name].inode = number;
        builder->added = number;
        return 0;
}

/* `path` is a whiteout file's. Returns 1 when it is one that means nothing to us. */
static int add_whiteout(struct index_builder *builder, const char *path)
{
        uint32_t dir, name;
        const char *text;
        int r;

        r = find_place(builder, path, true, &dir, &text);
        if (r < 0)
                return r;
        if (strcmp(text, WHITEOUT_OPAQUE) == 0) {
                builder->inodes[dir].flags |= INDEX_OPAQUE;
                return 0;
        }
        text += WHITEOUT_PREFIX_LEN;
        if (strncmp(text, WHITEOUT_PREFIX, WHITEOUT_PREFIX_LEN) == 0)
                return 0; /* ".wh..wh.plnk", ".wh..wh.aufs": another tool's own */
        if (text[0] == '\0' || path_name_is_dot(text, strlen(text)))
                return -EINVAL;
        r = get_name(builder, dir, text, strlen(text), &name);
        if (r == 0)
                builder->names[name].whiteout = true;
        return r;
}

static int set_root(struct index_builder *builder, const struct entry *entry)
{
        uint32_t flags = builder->inodes[INDEX_ROOT].flags & INDEX_OPAQUE;
        struct index_inode root;
        int r;

        if (entry->type != ENTRY_DIRECTORY)
                return -EINVAL;
        r = make_inode(builder, entry, 0, &root);
        if (r < 0)
                return r;
        root.flags = flags;
        builder->inodes[INDEX_ROOT] = root;
        return 0;
}

static int explain(int code, const struct entry *entry, struct error *err)
{
        switch (-code) {
        case ENOMEM:
                return error_set_oom(err);
        case ENAMETOOLONG:
                return error_set(err, code,
                                 "the layer's entry \"%.200s...\" has a name of over %u bytes",
                                 entry->path, INDEX_NAME_MAX);
        case ENOTDIR:
                return error_set(
                        err, code,
                        "the layer's entry \"%.1000s\" lies below something that is no directory",
                        entry->path);
        case ELOOP:
                return error_set(err, code,
                                 "the layer's entry \"%.1000s\" lies behind a loop of symlinks",
                                 entry->path);
        case E2BIG:
                return error_set(
                        err, code,
                        "the layer is larger than an index can hold, at its entry \"%.1000s\"",
                        entry->path);
        case EPERM:
                return error_set(
                        err, code,
                        "the layer's entry \"%.1000s\" is a hard link to the directory \"%.1000s\"",
                        entry->path, entry->link);
        default:
                return error_set(err, code, "the layer's entry \"%.1000s\" is not valid",
                                 entry->path);
        }
}

int index_builder_add(struct index_builder *builder, const struct entry *entry,
                      uint64_t data_offset, struct error *err)
{
        _cleanup_free_ char *path = NULL;
        const char *relative = entry->path + strspn(entry->path, "/");
        int r;

        r = content_digest_end(builder, err);
        if (r < 0)
                return r;
        builder->added = 0;
        if (strlen(relative) > INDEX_PATH_MAX)
                return explain(-ENAMETOOLONG, entry, err);
        path = path_clean(relative);
        if (!path)
                return error_set_oom(err);
        if (strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0)
                return error_set(err, -EINVAL,
                                 "the layer's entry \"%.1000s\" leads out of the layer",
                                 entry->path);
        if (strcmp(path, ".") == 0)
                r = set_root(builder, entry);
        else if (strncmp(path_base(path), WHITEOUT_PREFIX, WHITEOUT_PREFIX_LEN) == 0)
                r = add_whiteout(builder, path);
        else
                r = add_named(builder, entry, path, data_offset);
        if (r < 0)
                return explain(r, entry, err);
        if (entry->type == ENTRY_FILE)
                builder->content_bytes += entry->size;
        return entry->type == ENTRY_FILE && builder->added != 0
                       ? content_digest_begin(builder, builder->added, entry, err)
                       : 0;
}

static int add_content(void *context, const void *data, size_t len, struct error *err)
{
        return index_builder_content(context, data, len, err);
}

static int add_entry(void *context, const struct entry *entry, uint64_t data_offset,
                     struct error *err)
{
        return index_builder_add(context, entry, data_offset, err);
}

struct entry_sink index_builder_sink(struct index_builder *builder)
{
        return (struct entry_sink){ .add = add_entry, .context = builder, .content = add_content };
}
