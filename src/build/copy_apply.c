/*
 * Carrying out a COPY: once for the key alone, to look in the cache, and once to write as well. The
 * key of both has to be the same, so what is read of an item, and what of it goes into the key, is
 * settled before anything is written, and does not ask whether anything will be.
 */
#include "copy.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define CHUNK_BYTES  ((size_t)256 << 10)
#define SYMLINKS_MAX 40 /* as the kernel */

/* A file of several names that was met: its other names become links to it. */
struct linked_file {
        struct {
                uint64_t device;
                uint64_t ino;
        } source;
        size_t first; /* the item that was its first name */
        uint64_t ino; /* in the image, 0 before it is written */
        UT_hash_handle hh;
};

/* What is read of an item, but for its content. */
struct facts {
        struct buf link;          /* a symlink's target; owned */
        struct strv xattr_names;  /* owned */
        struct buf *xattr_values; /* owned, as many; NULL for none */
        struct linked_file *file; /* borrowed; NULL for a file of one name */
        bool is_link;             /* a further name of `file` */
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
        struct linked_file *linked;
        struct dated_directory *dated;
        size_t dated_count;
        bool renamed; /* a source was written under the destination's own name */
        char *parent; /* owned; the directory found last, and its number */
        uint64_t parent_ino;
};

static void apply_done(struct apply *apply)
{
        struct linked_file *file, *next;

        HASH_ITER (hh, apply->linked, file, next) {
                HASH_DEL(apply->linked, file);
                free(file);
        }
        free(apply->dated);
        free(apply->parent);
        free(apply->chunk);
}

static void facts_done(struct facts *facts)
{
        for (size_t i = 0; i < facts->xattr_names.count && facts->xattr_values; i++)
                buf_done(&facts->xattr_values[i]);
        free(facts->xattr_values);
        strv_done(&facts->xattr_names);
        buf_done(&facts->link);
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

/* ---- reading, and the key ---- */

/* Finds the file that an item is a name of; remembers one that is met for the first time. */
static int find_file(struct apply *apply, const struct copy_item *item, size_t index,
                     struct facts *facts)
{
        struct linked_file *file, wanted = { .source = { item->st.device, item->st.ino } };

        if (item->st.nlink < 2 || S_ISDIR(item->st.mode) || item->unpack)
                return 0;
        HASH_FIND(hh, apply->linked, &wanted.source, sizeof(wanted.source), file);
        facts->is_link = file != NULL;
        if (!file) {
                file = calloc(1, sizeof(*file));
                if (!file)
                        return -ENOMEM;
                file->source = wanted.source;
                file->first = index;
                HASH_ADD(hh, apply->linked, source, sizeof(file->source), file);
        }
        facts->file = file;
        return 0;
}

static int read_facts(struct apply *apply, const struct copy_item *item, size_t index,
                      struct facts *ret, struct error *err)
{
        int r = 0;

        if (find_file(apply, item, index, ret) < 0)
                return error_set_oom(err);
        if (S_ISLNK(item->st.mode))
                r = copy_source_readlink(apply->source, item->path, &ret->link, err);
        /* The directory that contents are copied into is none of them, and an archive is not what
         * is written. */
        if (r == 0 && !item->is_destination && !item->unpack)
                r = copy_source_xattrs(apply->source, item->path, &ret->xattr_names,
                                       &ret->xattr_values, err);
        return r;
}

/* Adds all of an item to the key but its content, which follows. */
static void key_item(struct apply *apply, const struct copy_item *item, const struct facts *facts)
{
        struct tree_owner owner = owner_of(apply, &item->st);
        struct key *key = apply->key;

        if (!key)
                return;
        key_add_text(key, item->target);
        key_add_text(key, item->name);
        key_add_number(key, (uint64_t)item->is_destination << 1 | item->unpack);
        key_add_number(key, mode_of(apply, &item->st));
        key_add_number(key, (uint64_t)owner.uid << 32 | owner.gid);
        key_add_number(key, (uint64_t)item->st.rdev_major << 32 | item->st.rdev_minor);
        key_add_number(key, facts->is_link ? facts->file->first + 1 : 0);
        key_add(key, buf_str(&facts->link), facts->link.len);
        key_add_number(key, facts->xattr_values ? facts->xattr_names.count : 0);
        for (size_t i = 0; i < facts->xattr_names.count && facts->xattr_values; i++) {
                key_add_text(key, facts->xattr_names.items[i]);
                key_add(key, buf_str(&facts->xattr_values[i]), facts->xattr_values[i].len);
        }
}

/* A hole is to the digest the zeros that it is read as. */
static int hash_zeros(struct digest_hasher *hasher, uint64_t count, struct error *err)
{
        static const char zeros[CHUNK_BYTES];
        int r = 0;

        while (count > 0 && r == 0) {
                size_t len = count < sizeof(zeros) ? (size_t)count : sizeof(zeros);

                r = digest_hasher_update(hasher, zeros, len, err);
                count -= len;
        }
        return r;
}

static int write_chunk(struct apply *apply, const struct copy_item *item, uint64_t ino,
                       uint64_t offset, size_t len, struct error *err)
{
        int r = tree_write(apply->image, ino, offset, apply->chunk, len, false);

        return r < 0 ? error_set_errno(err, r, "cannot write %s in the image", item->target) : 0;
}

/* After the last of the data: a hole up to the size. */
static int write_size(struct apply *apply, const struct copy_item *item, uint64_t ino,
                      uint64_t size, struct error *err)
{
        struct tree_attr attr = { .size = size };
        int r = tree_setattr(apply->image, ino, &attr, TREE_SET_SIZE, &attr);

        return r < 0 ? error_set_errno(err, r, "cannot write %s in the image", item->target) : 0;
}

/* Reads a file's content: into `hasher` and, unless it is 0, `ino` of the image, where holes stay
 * holes. */
static int read_content(struct apply *apply, const struct copy_item *item, uint64_t ino,
                        struct digest_hasher *hasher, struct error *err)
{
        uint64_t offset, hole = 0;
        struct copy_file file;
        ssize_t n = 0;
        int r;

        r = copy_file_open(apply->source, item->path, &file, err);
        if (r < 0)
                return r;
        do {
                r = copy_file_skip_hole(&file, &hole, err);
                if (r == 0)
                        r = hash_zeros(hasher, hole, err);
                if (r < 0)
                        break;
                offset = file.offset;
                n = copy_file_read(&file, apply->chunk, CHUNK_BYTES, err);
                if (n < 0)
                        r = (int)n;
                else
                        r = digest_hasher_update(hasher, apply->chunk, (size_t)n, err);
                if (r == 0 && n > 0 && ino)
                        r = write_chunk(apply, item, ino, offset, (size_t)n, err);
        } while (r == 0 && n > 0);
        if (r == 0 && hole > 0 && ino)
                r = write_size(apply, item, ino, file.offset, err);
        copy_file_close(&file);
        return r;
}

/* Content enters the key, unless that is NULL, by a digest of its own: however it is read. */
static int copy_content(struct apply *apply, const struct copy_item *item, struct key *key,
                        uint64_t ino, struct error *err)
{
        struct digest_hasher *hasher;
        struct digest digest;
        int r = digest_hasher_new(&hasher, err);

        if (r < 0)
                return r;
        r = read_content(apply, item, ino, hasher, err);
        if (r == 0)
                r = digest_hasher_finish(hasher, &digest, err);
        if (r == 0 && key)
                key_add_digest(key, &digest);
        digest_hasher_free(hasher);
        return r;
}

/* ---- writing ---- */

static int explain(int code, const char *what, const char *path, struct error *err)
{
        return error_set_errno(err, code, "cannot %s %s in the image", what, path);
}

int copy_check_target(const char *path, struct error *err)
{
        if (!strstr(path, "/.wh."))
                return 0;
        return error_set(err, -EINVAL,
                         "a layer cannot hold %s: names that begin with \".wh.\" mean deletions "
                         "in it",
                         path);
}

/* A directory on the way to what is copied: made if it is not there. As BuildKit does, an octal
 * --chmod goes for it too, a symbolic one does not. */
static int make_directory(struct apply *apply, const char *path, struct tree_attr *ret,
                          struct error *err)
{
        static const struct tree_owner root = { .uid = 0 };
        const struct copy_manner *manner = apply->manner;
        uint32_t mode = manner->mode && manner->mode->octal
                                ? mode_apply(manner->mode, 0, true) & ACCESSPERMS
                                : 0755;
        int r = tree_make_path(apply->image, path, mode, manner->owner ? manner->owner : &root,
                               ret);

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

static int set_xattrs(struct apply *apply, const struct copy_item *item, const struct facts *facts,
                      uint64_t ino, struct error *err)
{
        for (size_t i = 0; i < facts->xattr_names.count && facts->xattr_values; i++) {
                const struct buf *value = &facts->xattr_values[i];
                int r = tree_setxattr(apply->image, ino, facts->xattr_names.items[i],
                                      buf_str(value), value->len, 0);

                if (r < 0)
                        return explain(r, "set an xattr of", item->target, err);
        }
        return 0;
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

/* The target that a symlink at `path` stands for: NULL where there is none. */
static int follow_once(struct apply *apply, const char *path, char **ret, struct error *err)
{
        const struct copy_source image = { .root_fd = -1, .tree = apply->image };
        _cleanup_free_ char *parent = strndup(path, (size_t)(path_base(path) - path)), *real = NULL;
        struct buf link = BUF_INIT;
        struct tree_attr attr;
        int r = parent ? 0 : error_set_oom(err);

        *ret = NULL;
        if (r < 0 || tree_resolve(apply->image, path, false, &attr) < 0 || !S_ISLNK(attr.mode))
                return r;
        r = copy_source_resolve(&image, parent, &real, err);
        if (r == 0)
                r = copy_source_readlink(&image, path, &link, err);
        while (r == 0 && link.len > 1 && link.data[link.len - 1] == '/')
                link.data[--link.len] = '\0';
        if (r == 0 &&
            asprintf(ret, "/%s/%s", *buf_str(&link) == '/' ? "" : real, buf_str(&link)) < 0) {
                *ret = NULL;
                r = error_set_oom(err);
        }
        buf_done(&link);
        return r < 0 && !error_is_set(err) ? explain(r, "follow", path, err) : r;
}

/* Symlinks that a destination is are followed inside the image, also to where nothing is yet. */
static int follow_target(struct apply *apply, char **target, struct error *err)
{
        char *next;
        int r;

        for (unsigned links = 0; links < SYMLINKS_MAX; links++) {
                r = follow_once(apply, *target, &next, err);
                if (r < 0 || !next)
                        return r;
                free(*target);
                *target = next;
        }
        return explain(-ELOOP, "follow", *target, err);
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
        if (item->name && !inside && apply->renamed) {
                error_set(err, -EINVAL, "several files cannot be copied to the one name %s",
                          item->target);
                return error_hint(err, "End it with a slash to say that it is a directory.");
        }
        apply->renamed |= item->name && !inside;
        if (item->name && !inside && follow_target(apply, ret, err) < 0)
                return err->code;
        return copy_check_target(*ret, err);
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

static int write_directory(struct apply *apply, const struct copy_item *item,
                           const struct facts *facts, struct error *err)
{
        struct tree_new_inode inode = { .mode = mode_of(apply, &item->st),
                                        .owner = owner_of(apply, &item->st) };
        _cleanup_free_ char *clean = path_clean(item->target);
        struct tree_attr attr;
        uint64_t dir;
        int r;

        if (!clean)
                return error_set_oom(err);
        r = copy_check_target(clean, err);
        if (r < 0)
                return r;
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
        return set_xattrs(apply, item, facts, attr.ino, err);
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

/* A further name of a file: a link to what was written under its first. Returns 0 when that is
 * there no more, because a file of the same name took its place. */
static int link_written(struct apply *apply, uint64_t written, const char *target,
                        struct error *err)
{
        struct tree_attr attr;
        uint64_t dir;
        int r;

        r = find_parent(apply, target, &dir, err);
        if (r == 0)
                r = make_room(apply, dir, target, err);
        if (r < 0)
                return r;
        r = tree_link(apply->image, written, dir, path_base(target), &attr);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? explain(r, "link", target, err) : 1;
}

/* A file, a symlink or a device. Yields its number where it is new, for what is to follow. */
static int write_file(struct apply *apply, const struct copy_item *item, const struct facts *facts,
                      uint64_t *ret_ino, struct error *err)
{
        _cleanup_free_ char *target = NULL;
        int r;

        r = find_target(apply, item, &target, err);
        if (r == 0 && facts->is_link)
                r = link_written(apply, facts->file->ino, target, err);
        if (r != 0)
                return r < 0 ? r : 0;
        r = write_inode(apply, item, target, buf_str(&facts->link), ret_ino, err);
        if (r == 0 && facts->file)
                facts->file->ino = *ret_ino;
        return r;
}

static int write_item(struct apply *apply, const struct copy_item *item, const struct facts *facts,
                      uint64_t *ret_ino, struct error *err)
{
        if (item->unpack)
                return copy_unpack(apply->source, item, apply->manner, apply->image, err);
        if (S_ISDIR(item->st.mode))
                return write_directory(apply, item, facts, err);
        return write_file(apply, item, facts, ret_ino, err);
}

/* What would change, or get lost, as the content is written. */
static int finish_file(struct apply *apply, const struct copy_item *item, const struct facts *facts,
                       uint64_t ino, struct error *err)
{
        int r = set_attributes(apply, item, ino);

        if (r < 0)
                return explain(r, "write", item->target, err);
        return set_xattrs(apply, item, facts, ino, err);
}

static int apply_item(struct apply *apply, size_t index, const struct copy_item *item,
                      struct error *err)
{
        _cleanup_(facts_done) struct facts facts = { .link = BUF_INIT, .xattr_names = STRV_INIT };
        uint64_t ino = 0;
        int r = read_facts(apply, item, index, &facts, err);

        if (r < 0)
                return r;
        key_item(apply, item, &facts);
        if (apply->image)
                r = write_item(apply, item, &facts, &ino, err);
        /* That of a file with several names is in the key once. */
        if (r == 0 && S_ISREG(item->st.mode) && (!facts.is_link || ino))
                r = copy_content(apply, item, facts.is_link ? NULL : apply->key, ino, err);
        return r == 0 && ino ? finish_file(apply, item, &facts, ino, err) : r;
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
                r = apply_item(&apply, i, &items->items[i], err);
        return r < 0 ? r : set_times(&apply, err);
}
