#include "copy.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define CHUNK_BYTES ((size_t)256 << 10)

/* A file of several names that was written: its other names become links to it. */
struct written_file {
        struct {
                uint64_t device;
                uint64_t ino;
        } source;
        uint64_t ino; /* in the image */
        UT_hash_handle hh;
};

/* A directory whose time is set when everything is in it. */
struct dated_directory {
        uint64_t ino;
        struct timespec mtime;
};

struct apply {
        const struct copy_source *source;
        const struct copy_manner *manner;
        struct tree *image; /* NULL: only the key is wanted */
        struct key *key;    /* NULL: not wanted */
        char *chunk;        /* owned, CHUNK_BYTES */
        struct written_file *written;
        struct dated_directory *dated;
        size_t dated_count;
        char *parent; /* owned; the directory found last, and its number */
        uint64_t parent_ino;
};

static void apply_done(struct apply *apply)
{
        struct written_file *file, *next;

        HASH_ITER (hh, apply->written, file, next) {
                HASH_DEL(apply->written, file);
                free(file);
        }
        free(apply->dated);
        free(apply->parent);
        free(apply->chunk);
}

static uint32_t mode_of(const struct apply *apply, const struct copy_stat *st)
{
        uint32_t mode = st->mode;

        if (apply->manner->mode && !S_ISLNK(mode))
                mode = (mode & S_IFMT) | mode_apply(apply->manner->mode, mode, S_ISDIR(mode));
        return mode;
}

static struct tree_owner owner_of(const struct apply *apply, const struct copy_stat *st)
{
        if (apply->manner->owner)
                return *apply->manner->owner;
        return (struct tree_owner){ .uid = st->uid, .gid = st->gid };
}

/* ---- the key ---- */

static void key_item(struct apply *apply, const struct copy_item *item)
{
        struct tree_owner owner = owner_of(apply, &item->st);
        struct key *key = apply->key;

        key_add_text(key, item->target);
        key_add_text(key, item->name);
        key_add_number(key, (uint64_t)item->is_destination << 1 | item->unpack);
        key_add_number(key, mode_of(apply, &item->st));
        key_add_number(key, (uint64_t)owner.uid << 32 | owner.gid);
        key_add_number(key, (uint64_t)item->st.rdev_major << 32 | item->st.rdev_minor);
}

/* ---- writing ---- */

static int explain(int code, const char *what, const char *path, struct error *err)
{
        return error_set_errno(err, code, "cannot %s %s in the image", what, path);
}

/* A directory on the way to what is copied: made if it is not there. */
static int make_directory(struct apply *apply, const char *path, struct tree_attr *ret,
                          struct error *err)
{
        static const struct tree_owner root = { .uid = 0 };
        int r = tree_make_path(apply->image, path, 0755,
                               apply->manner->owner ? apply->manner->owner : &root, ret);

        return r < 0 ? explain(r, "make the directory", path, err) : 0;
}

/* The directory that `target` goes into, which is made if it is not there. */
static int find_parent(struct apply *apply, const char *target, uint64_t *ret, struct error *err)
{
        const char *slash = strrchr(target, '/');
        size_t len = slash > target ? (size_t)(slash - target) : 1;
        struct tree_attr attr;
        int r;

        if (apply->parent && strlen(apply->parent) == len &&
            memcmp(apply->parent, target, len) == 0) {
                *ret = apply->parent_ino;
                return 0;
        }
        free(apply->parent);
        apply->parent = strndup(target, len);
        if (!apply->parent)
                return error_set_oom(err);
        r = make_directory(apply, apply->parent, &attr, err);
        if (r < 0) {
                free(apply->parent);
                apply->parent = NULL;
                return r;
        }
        *ret = apply->parent_ino = attr.ino;
        return 0;
}

/* Sets all that an item says of its inode. */
static int set_attributes(struct apply *apply, const struct copy_item *item, uint64_t ino)
{
        struct tree_owner owner = owner_of(apply, &item->st);
        struct tree_attr attr = { .mode = mode_of(apply, &item->st),
                                  .uid = owner.uid,
                                  .gid = owner.gid,
                                  .atime = item->st.mtime,
                                  .mtime = item->st.mtime };
        unsigned set = TREE_SET_UID | TREE_SET_GID | TREE_SET_ATIME | TREE_SET_MTIME;

        if (!S_ISLNK(item->st.mode))
                set |= TREE_SET_MODE;
        return tree_setattr(apply->image, ino, &attr, set, &attr);
}

static int copy_xattrs(struct apply *apply, const struct copy_item *item, uint64_t ino,
                       struct error *err)
{
        struct strv names = STRV_INIT;
        struct buf *values;
        int r;

        r = copy_source_xattrs(apply->source, item->path, &names, &values, err);
        for (size_t i = 0; i < names.count && values; i++) {
                if (apply->key) {
                        key_add_text(apply->key, names.items[i]);
                        key_add(apply->key, buf_str(&values[i]), values[i].len);
                }
                if (r == 0 && apply->image) {
                        r = tree_setxattr(apply->image, ino, names.items[i], buf_str(&values[i]),
                                          values[i].len, 0);
                        if (r < 0)
                                explain(r, "set an xattr of", item->target, err);
                }
                buf_done(&values[i]);
        }
        free(values);
        strv_done(&names);
        return r;
}

static int copy_content(struct apply *apply, const struct copy_item *item, uint64_t ino,
                        struct error *err)
{
        uint64_t offset = 0;
        struct copy_file file;
        ssize_t n;
        int r;

        r = copy_file_open(apply->source, item->path, &file, err);
        if (r < 0)
                return r;
        while (r == 0 && (n = copy_file_read(&file, apply->chunk, CHUNK_BYTES, err)) != 0) {
                if (n < 0) {
                        r = (int)n;
                        break;
                }
                if (apply->key)
                        key_add(apply->key, apply->chunk, (size_t)n);
                if (apply->image) {
                        r = tree_write(apply->image, ino, offset, apply->chunk, (size_t)n, false);
                        if (r < 0)
                                explain(r, "write", item->target, err);
                }
                offset += (uint64_t)n;
        }
        if (apply->key)
                key_add_number(apply->key, offset);
        copy_file_close(&file);
        return r;
}

/* Takes away what stands where a file shall go. */
static int make_room(struct apply *apply, uint64_t dir, const char *target, struct error *err)
{
        int r = tree_unlink(apply->image, dir, path_base(target));

        if (r == 0 || r == -ENOENT)
                return 0;
        if (r == -EISDIR) {
                error_set(err, r, "%s is a directory in the image, and cannot become a file",
                          target);
                return error_hint(err, "End the destination with a slash to copy into it.");
        }
        return explain(r, "replace", target, err);
}

/* Where an item goes: into the directory that its target is, or to the target. */
static int find_target(struct apply *apply, const struct copy_item *item, char **ret,
                       struct error *err)
{
        size_t len = strlen(item->target);
        bool inside = item->name && item->target[len - 1] == '/';
        struct tree_attr attr;

        if (item->name && !inside && tree_resolve(apply->image, item->target, true, &attr) == 0)
                inside = S_ISDIR(attr.mode);
        if (asprintf(ret, "%s%s%s", item->target, inside && item->target[len - 1] != '/' ? "/" : "",
                     inside ? item->name : "") < 0)
                return error_set_oom(err);
        return 0;
}

static int remember_directory(struct apply *apply, uint64_t ino, struct timespec mtime)
{
        struct dated_directory *dated =
                reallocarray(apply->dated, apply->dated_count + 1, sizeof(*dated));

        if (!dated)
                return -ENOMEM;
        apply->dated = dated;
        dated[apply->dated_count++] = (struct dated_directory){ .ino = ino, .mtime = mtime };
        return 0;
}

static int write_directory(struct apply *apply, const struct copy_item *item, struct error *err)
{
        struct tree_new_inode inode = { .mode = mode_of(apply, &item->st),
                                        .owner = owner_of(apply, &item->st) };
        _cleanup_free_ char *clean = path_clean(item->target);
        struct tree_attr attr;
        uint64_t dir;
        int r;

        if (!clean)
                return error_set_oom(err);
        r = tree_resolve(apply->image, clean, true, &attr);
        if (r == 0 && !S_ISDIR(attr.mode))
                return error_set(err, -ENOTDIR,
                                 "%s is a file in the image, and cannot become a directory", clean);
        /* What contents are copied into is kept, or made like any directory on the way. */
        if (item->is_destination)
                return make_directory(apply, clean, &attr, err);
        if (r == -ENOENT) {
                r = find_parent(apply, clean, &dir, err);
                if (r < 0)
                        return r;
                /* A symlink to nowhere: what it names is made. */
                r = tree_create(apply->image, dir, path_base(clean), &inode, &attr);
                if (r == -EEXIST)
                        return make_directory(apply, clean, &attr, err);
        }
        if (r == 0)
                r = set_attributes(apply, item, attr.ino);
        if (r < 0)
                return explain(r, "make the directory", clean, err);
        if (remember_directory(apply, attr.ino, item->st.mtime) < 0)
                return error_set_oom(err);
        return copy_xattrs(apply, item, attr.ino, err);
}

static int write_inode(struct apply *apply, const struct copy_item *item, const char *target,
                       const char *link, uint64_t *ret_ino, struct error *err)
{
        struct tree_new_inode inode = { .mode = mode_of(apply, &item->st),
                                        .owner = owner_of(apply, &item->st),
                                        .rdev_major = item->st.rdev_major,
                                        .rdev_minor = item->st.rdev_minor,
                                        .target = link };
        struct tree_attr attr;
        uint64_t dir;
        int r;

        r = find_parent(apply, target, &dir, err);
        if (r == 0)
                r = make_room(apply, dir, target, err);
        if (r < 0)
                return r;
        r = tree_create(apply->image, dir, path_base(target), &inode, &attr);
        if (r < 0)
                return explain(r, "write", target, err);
        *ret_ino = attr.ino;
        return 0;
}

/* A further name of a file that was written: a link to it. Returns 1 when that was it. */
static int link_written(struct apply *apply, const struct copy_item *item, const char *target,
                        struct error *err)
{
        struct written_file *file, wanted = { .source = { item->st.device, item->st.ino } };
        struct tree_attr attr;
        uint64_t dir;
        int r;

        if (item->st.nlink < 2 || !apply->image)
                return 0;
        HASH_FIND(hh, apply->written, &wanted.source, sizeof(wanted.source), file);
        if (!file)
                return 0;
        r = find_parent(apply, target, &dir, err);
        if (r == 0)
                r = make_room(apply, dir, target, err);
        if (r < 0)
                return r;
        r = tree_link(apply->image, file->ino, dir, path_base(target), &attr);
        return r < 0 ? explain(r, "link", target, err) : 1;
}

static int remember_file(struct apply *apply, const struct copy_item *item, uint64_t ino)
{
        struct written_file *file;

        if (item->st.nlink < 2)
                return 0;
        file = calloc(1, sizeof(*file));
        if (!file)
                return -ENOMEM;
        file->source.device = item->st.device;
        file->source.ino = item->st.ino;
        file->ino = ino;
        HASH_ADD(hh, apply->written, source, sizeof(file->source), file);
        return 0;
}

/* A file, a symlink or a device. */
static int apply_file(struct apply *apply, const struct copy_item *item, struct error *err)
{
        _cleanup_free_ char *target = NULL;
        struct buf link = BUF_INIT;
        uint64_t ino = 0;
        int r = 0;

        if (apply->image) {
                r = find_target(apply, item, &target, err);
                if (r == 0)
                        r = link_written(apply, item, target, err);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        if (S_ISLNK(item->st.mode))
                r = copy_source_readlink(apply->source, item->path, &link, err);
        if (r == 0 && apply->key)
                key_add(apply->key, buf_str(&link), link.len);
        if (r == 0 && apply->image)
                r = write_inode(apply, item, target, buf_str(&link), &ino, err);
        buf_done(&link);
        if (r == 0 && S_ISREG(item->st.mode))
                r = copy_content(apply, item, ino, err);
        if (r == 0 && apply->image) {
                r = set_attributes(apply, item, ino);
                if (r < 0)
                        explain(r, "write", target, err);
        }
        if (r == 0)
                r = copy_xattrs(apply, item, ino, err);
        if (r == 0 && apply->image && remember_file(apply, item, ino) < 0)
                r = error_set_oom(err);
        return r;
}

static int apply_item(struct apply *apply, const struct copy_item *item, struct error *err)
{
        int r = 0;

        if (apply->key)
                key_item(apply, item);
        if (S_ISDIR(item->st.mode))
                return apply->image ? write_directory(apply, item, err)
                                    : copy_xattrs(apply, item, 0, err);
        if (!item->unpack)
                return apply_file(apply, item, err);
        if (apply->key) {
                struct apply only_key = *apply;

                only_key.image = NULL;
                r = copy_content(&only_key, item, 0, err);
        }
        if (r == 0 && apply->image)
                r = copy_unpack(apply->source, item, apply->manner, apply->image, err);
        return r;
}

/* Sets the directories' times, now that nothing changes in them any more. */
static int set_times(struct apply *apply, struct error *err)
{
        for (size_t i = apply->dated_count; i-- > 0;) {
                struct tree_attr attr = { .mtime = apply->dated[i].mtime };
                int r = tree_setattr(apply->image, apply->dated[i].ino, &attr, TREE_SET_MTIME,
                                     &attr);

                if (r < 0)
                        return error_set_errno(err, r, "cannot set a directory's time");
        }
        return 0;
}

int copy_items_apply(const struct copy_source *source, const struct copy_items *items,
                     const struct copy_manner *manner, struct tree *image, struct key *key,
                     struct error *err)
{
        _cleanup_(apply_done) struct apply apply = { .source = source,
                                                     .manner = manner,
                                                     .image = image,
                                                     .key = key,
                                                     .chunk = malloc(CHUNK_BYTES) };
        int r = apply.chunk ? 0 : error_set_oom(err);

        for (size_t i = 0; i < items->count && r == 0; i++)
                r = apply_item(&apply, &items->items[i], err);
        return r < 0 ? r : set_times(&apply, err);
}
