/*
 * The union tree: read-only layers under one writable upper, in memory: floor 2.
 *
 * It is a filesystem as a library. COPY and its like use it in-process; the FUSE server
 * (fs/server.h) is a frontend of it. Everything is addressed by inode number; paths are resolved
 * inside the tree, so a symlink of an image can never reach the host.
 *
 * Layers are indexes (fs/index.h) and the descriptors of their tars. What lies in one layer alone
 * and was never changed costs no memory: its inode number names the layer and the inode of its
 * index. What is changed, created, or merged of several layers is a node in memory. Content that
 * is written goes to one spool; ranges of a lower file that are not overwritten are read from its
 * tar for as long as the tree lives.
 *
 * A tree lives through the steps of one stage. Each step is an *epoch*: tree_commit() yields the
 * changes since the last commit (fs/change.h) and begins a new one; what was spooled before is
 * then immutable, so a step's changes can be sealed while the next step runs.
 *
 * A *persistent* tree is one whose changes are sealed, opened as a layer and gone on with. There an
 * inode is shown under a number of its own, which outlives the tree: what the layers hold has one
 * by its layer and place, and what is committed takes it along, in the attribute TREE_NUMBER_XATTR,
 * which the mount never shows.
 *
 * Invariants: an inode has one number for as long as the tree lives, in lookups and listings,
 * before and after it is changed. Every call may be made from any thread at any time, but
 * tree_reset_lookups() and the stubs, which want the tree for themselves.
 *
 * Unless said otherwise a call returns 0 or a negative errno, the one that the system call of
 * that name has on ext4.
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"
#include "base/error.h"
#include "fs/index.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define TREE_ROOT       1u
#define TREE_LAYERS_MAX 127u
#define TREE_NAME_MAX   255u
#define TREE_LINK_MAX   65000u /* as ext4 */

#define TREE_NUMBER_XATTR "trusted.varve.inode" /* hexadecimal digits */

struct tree;

struct tree_options {
        int spool_dir_fd;          /* borrowed: where the spool's file is made, with no name */
        uint64_t spool_memory_max; /* bytes of the spool that stay in memory */

        /* Inodes keep the numbers that they are shown under; names that no layer can hold (of
         * ".wh.") are refused with -EINVAL when they are made; and what a write was refused for
         * lack of space does not keep the rest from being committed. */
        bool persistent;
};

/* A layer, as a tree takes it. */
struct tree_layer {
        struct index *index;
        int tar_fd;

        /* `tar_fd` is a directory, whose files hold the content: each is opened by its path when it
         * is read, never through a symlink. What changes there while the tree lives makes reads
         * fail or differ. */
        bool is_directory;
};

/*
 * Makes the union of `count` layers (the bottom first; none is an empty root). The tree owns their
 * indexes and descriptors from then on, also on an error. -E2BIG: over TREE_LAYERS_MAX.
 */
int tree_new(const struct tree_options *options, const struct tree_layer *layers, size_t count,
             struct tree **ret, struct error *err);
void tree_free(struct tree *tree);

/* The directory of the spool's file, borrowed: all that a tree opens lies in it. */
int tree_spool_dir(const struct tree *tree);

/* ---- attributes ---- */

struct tree_attr {
        uint64_t ino;
        uint64_t number; /* as stat shows it: `ino`, unless the tree is persistent */
        uint64_t size;
        uint64_t blocks; /* of 512 bytes */
        uint32_t mode;
        uint32_t nlink;
        uint32_t uid;
        uint32_t gid;
        uint32_t rdev_major;
        uint32_t rdev_minor;
        struct timespec atime;
        struct timespec mtime;
        struct timespec ctime;
        struct timespec btime;
};

enum tree_set {
        TREE_SET_MODE = 1 << 0,
        TREE_SET_UID = 1 << 1,
        TREE_SET_GID = 1 << 2,
        TREE_SET_SIZE = 1 << 3,
        TREE_SET_ATIME = 1 << 4,
        TREE_SET_MTIME = 1 << 5,
        TREE_SET_CTIME = 1 << 6,
        TREE_SET_KILL_PRIV = 1 << 7, /* clear setuid, setgid (where group may execute), file
                                      * capabilities: somebody without CAP_FSETID has written */
};

int tree_getattr(struct tree *tree, uint64_t ino, struct tree_attr *ret);

/* Takes the fields of `attr` that `set` (enum tree_set) names; ctime becomes now unless set. A
 * change of owner clears setuid, setgid and file capabilities, as the kernel does. */
int tree_setattr(struct tree *tree, uint64_t ino, const struct tree_attr *attr, unsigned set,
                 struct tree_attr *ret);

/* Fills the real numbers of the filesystem that holds the spool. */
int tree_statfs(struct tree *tree, struct statvfs *ret);

/* ---- names ---- */

struct tree_owner {
        uint32_t uid;
        uint32_t gid;
};

int tree_lookup(struct tree *tree, uint64_t dir, const char *name, struct tree_attr *ret);

/* Makes an inode of `mode`'s type: file, directory, fifo, socket, device (`rdev_major`,
 * `rdev_minor`), symlink (to `target`). A setgid directory hands on its group. */
struct tree_new_inode {
        uint32_t mode;
        uint32_t umask; /* taken off the mode, unless the directory has a default access list */
        struct tree_owner owner;
        uint32_t rdev_major;
        uint32_t rdev_minor;
        const char *target;
};
int tree_create(struct tree *tree, uint64_t dir, const char *name,
                const struct tree_new_inode *inode, struct tree_attr *ret);

/* Makes a file that has no name (O_TMPFILE); it can get one by tree_link(). */
int tree_create_unnamed(struct tree *tree, uint64_t dir, const struct tree_new_inode *inode,
                        struct tree_attr *ret);

int tree_link(struct tree *tree, uint64_t ino, uint64_t dir, const char *name,
              struct tree_attr *ret);
int tree_unlink(struct tree *tree, uint64_t dir, const char *name);
int tree_rmdir(struct tree *tree, uint64_t dir, const char *name);

/* `flags`: 0, RENAME_NOREPLACE or RENAME_EXCHANGE. */
int tree_rename(struct tree *tree, uint64_t dir, const char *name, uint64_t to_dir,
                const char *to_name, unsigned flags);

/* Appends the target to `ret`. */
int tree_readlink(struct tree *tree, uint64_t ino, struct buf *ret);

/*
 * Lists a directory from `cookie` (0: the beginning; else one that was handed out). `emit` returns
 * 0 to go on, anything else to stop, which ends the call with 0. A cookie stays good while names
 * come and go: what was listed is not listed again, what stays is not left out. "." and ".." are
 * listed first, with TREE_ROOT's parent being itself.
 *
 * With `attributes` every name but those two is looked up as well, and remembered for the kernel
 * (tree_remember()) once `emit` has taken it. `emit` must not call the tree.
 */
struct tree_dirent {
        const char *name; /* not terminated */
        size_t name_len;
        uint64_t ino;
        uint64_t number;              /* as in tree_attr */
        uint64_t next;                /* the cookie of what follows */
        uint32_t type;                /* S_IFMT bits */
        const struct tree_attr *attr; /* NULL unless asked for */
};
typedef int (*tree_emit)(void *userdata, const struct tree_dirent *entry);
int tree_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, bool attributes, tree_emit emit,
                 void *userdata);

/*
 * The kernel's references. tree_remember() counts one of an inode that a reply has handed to the
 * kernel, tree_forget() takes `count` back; a nameless inode lives until its last is gone.
 * tree_reset_lookups() takes all back: the mount is gone.
 */
void tree_remember(struct tree *tree, uint64_t ino);
void tree_forget(struct tree *tree, uint64_t ino, uint64_t count);
void tree_reset_lookups(struct tree *tree);

/* ---- content ---- */

/* Returns the number of bytes read, fewer only at the end of the file. */
ssize_t tree_read(struct tree *tree, uint64_t ino, uint64_t offset, void *data, size_t len);

/* The digest of a file's content: out of the index where that knows it and nothing was written,
 * else by reading it. For a sparse file of a layer it is also one of where its holes are. */
int tree_content_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err);

/* Writes all or fails; what a failed call has written lies inside the file's old size. `kill_priv`
 * as TREE_SET_KILL_PRIV. -ENOSPC or -EIO where the spool cannot take it. */
int tree_write(struct tree *tree, uint64_t ino, uint64_t offset, const void *data, size_t len,
               bool kill_priv);

/* Notes that bytes were lost of which nobody could be told, with a negative errno: tree_commit()
 * then fails. */
void tree_lose(struct tree *tree, int error);

/* fallocate(2): mode 0 and FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE.
 * `kill_priv` as TREE_SET_KILL_PRIV. */
int tree_fallocate(struct tree *tree, uint64_t ino, int mode, uint64_t offset, uint64_t len,
                   bool kill_priv);

/* lseek(2) with SEEK_DATA or SEEK_HOLE. */
int tree_seek(struct tree *tree, uint64_t ino, uint64_t offset, int whence, uint64_t *ret);

/* ---- extended attributes ---- */

/* `flags`: XATTR_CREATE, XATTR_REPLACE, and TREE_XATTR_KILL_SGID: an access list is set by somebody
 * who may not keep setgid. An access list changes the mode with it (acl(5)). */
#define TREE_XATTR_KILL_SGID (1 << 16)
int tree_setxattr(struct tree *tree, uint64_t ino, const char *name, const void *value, size_t len,
                  int flags);
int tree_removexattr(struct tree *tree, uint64_t ino, const char *name);

/* The value's length; it is copied to `value` where `size` is not 0. -ERANGE, -ENODATA. */
ssize_t tree_getxattr(struct tree *tree, uint64_t ino, const char *name, void *value, size_t size);

/* The names, each with its NUL, as listxattr(2) gives them. */
ssize_t tree_listxattr(struct tree *tree, uint64_t ino, char *list, size_t size);

/* ---- paths ---- */

/*
 * Resolves a path inside the tree, from the root; ".." stays inside, symlinks on the way are
 * followed, the last one if `follow`. -ENOENT, -ENOTDIR, -ELOOP.
 */
int tree_resolve(struct tree *tree, const char *path, bool follow, struct tree_attr *ret);

/*
 * Resolves a path to a directory and makes what is missing of it, with this mode and owner.
 * -ENOTDIR: something on the way is no directory.
 */
int tree_make_path(struct tree *tree, const char *path, uint32_t mode,
                   const struct tree_owner *owner, struct tree_attr *ret);

/*
 * Mount points for the sandbox. A stub is a directory or an empty file that a step sees and no
 * layer ever holds: it is made where the path has nothing of that type, standing before whatever
 * is there (a symlink, say). tree_remove_stubs() takes all of them back, but those into which the
 * step has put something.
 */
int tree_add_stub(struct tree *tree, const char *path, bool directory);
void tree_remove_stubs(struct tree *tree);
