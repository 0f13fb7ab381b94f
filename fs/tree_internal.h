/*
 * What a tree is made of. Private to fs/.
 *
 * Three things answer for an inode number:
 *   - a *node*, in memory, for what was changed, created, is merged of several layers, or stands
 *     on the way to such a one. A node is always attached: each of its names is a dentry of its
 *     directory's node, up to the root;
 *   - else the *layer* and index inode that the number stands for: the inode is as the layer has
 *     it, it was never changed, and if it is a directory then so is everything below it;
 *   - a dentry stands before what the layers have of that name; one without a node hides it.
 *
 * Locks: `lock` guards everything but the files' content, which is guarded by one of
 * `content_locks`, chosen by inode number and taken before `lock`. Nothing is read or written
 * under `lock`.
 */
#pragma once

#include "content.h"
#include "fs/tree.h"
#include "index_format.h"
#include "spool.h"
#include "xattr.h"

#include <pthread.h>

#define CONTENT_LOCKS 64u

struct layer {
        struct index *index; /* owned */
        int tar_fd;          /* owned; of a directory, if it is one */
        bool is_directory;
        uint64_t first_ino; /* of its index inode 0 */
        uint64_t seed;      /* of the numbers that its inodes are shown under */
};

struct dentry;
struct node;

/* One name of a merged directory: where the topmost entry of it is. */
struct merged_name {
        uint32_t layer;
        uint32_t entry;
};

struct directory {
        struct lower_ref *lowers; /* owned; the directories it is merged of, the topmost first */
        uint32_t lower_count;
        uint32_t merged_count;
        struct merged_name *merged; /* owned; sorted names of all lowers, NULL before it is needed
                                     * and for a single plain lower, whose own run serves */
        struct dentry *first;       /* in the order in which they came to be */
        struct dentry *last;
        struct dentry *listed; /* where the last listing stopped; NULL or one of the above */
        uint32_t live;         /* names that can be seen, but "." and ".." */
};

/* What a layer records of an inode, apart from content. */
struct meta {
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t rdev_major;
        uint32_t rdev_minor;
        struct timespec mtime;
        const struct xattr_set *xattrs; /* one reference */
};

/* What a node was when its epoch began. */
struct base {
        struct meta meta;
        struct content content; /* of a file, once `has_content` */
        bool has_content;
};

struct node {
        uint64_t ino;
        uint64_t number; /* that is shown */
        uint64_t size;   /* as stat shows it; of a file a copy of what its content says */
        uint64_t blocks; /* of 512 bytes */
        struct meta meta;
        struct timespec atime;
        struct timespec ctime;
        struct timespec btime;
        uint32_t nlink;
        uint32_t born;      /* the epoch in which it was created; 0: a layer's */
        uint32_t changed;   /* the last epoch in which meta or content changed */
        uint32_t relinked;  /* the last epoch in which it got another name */
        uint32_t marked;    /* the last epoch in which it, or something below it, changed */
        uint32_t listed;    /* the last walk for changes that has listed it ... */
        uint32_t listed_as; /* ... and where; for files of several names */
        uint64_t lookups;   /* the kernel's references */
        struct node *next_forgotten;
        struct base *base;    /* owned; of epoch `changed`, NULL where it was born then */
        struct dentry *names; /* linked by `next_name`; a directory has one */
        union {
                struct content file;
                struct directory dir;
                char *target; /* owned */
        };
};

struct dentry {
        struct dentry *next_hash;
        struct dentry *prev, *next; /* of its directory */
        struct dentry *next_name;   /* of its node */
        struct node *dir;
        struct node *node;  /* NULL: there is no such name */
        struct node *base;  /* what the name meant when `epoch` began */
        struct node *under; /* a stub's: what the name means without it */
        uint64_t order;     /* grows; the cookie of a name that no layer has */
        uint64_t hash;
        uint32_t epoch; /* the last in which the name changed its meaning */
        bool lower;     /* the layers have that name: it is listed where they list it */
        bool stub;
        uint8_t name_len;
        char name[]; /* terminated */
};

/* Open addressing; a key may stand for a node under several numbers (merged directories). */
struct node_table {
        struct node_slot {
                uint64_t ino; /* 0: empty */
                struct node *node;
        } * slots;
        size_t size; /* a power of two */
        size_t count;
};

struct dentry_table {
        struct dentry **heads;
        size_t size; /* a power of two */
        size_t count;
        uint64_t key;
};

struct tree {
        pthread_mutex_t lock;
        pthread_rwlock_t content_locks[CONTENT_LOCKS];
        struct layer layers[TREE_LAYERS_MAX]; /* the bottom first */
        uint32_t layer_count;
        bool persistent;
        uint64_t seed;          /* of the numbers of what is created */
        uint64_t first_new_ino; /* smaller ones are of layers, or the root */
        uint64_t next_ino;
        uint64_t next_order;
        struct node_table nodes;
        struct dentry_table dentries;
        struct node *root;
        struct content_store store; /* with the current epoch */
        int spool_dir_fd;           /* borrowed */
        struct dentry **stubs;      /* owned; in the order in which they were made */
        size_t stub_count;
        uint32_t walks;  /* walks for changes so far */
        int write_error; /* of tree_lose() in this epoch, or 0 */
        bool clamps_times;
        struct timespec latest; /* what tree_clamp_times() was told */
};

static inline uint32_t tree_epoch(const struct tree *tree)
{
        return tree->store.epoch;
}

/* ---- node.c ---- */

struct node *node_table_get(const struct node_table *table, uint64_t ino);
int node_table_put(struct node_table *table, uint64_t ino, struct node *node);
void node_table_remove(struct node_table *table, uint64_t ino);

/* Makes a node under a new number, with one reference to `meta->xattrs` taken over. */
int node_new(struct tree *tree, const struct meta *meta, struct node **ret);

/* Frees a node that nothing refers to and takes it out of the table. */
void node_free(struct tree *tree, struct node *node);

/* Says that a node is about to change in this epoch: keeps what it was, and marks the way up. For
 * content the content's lock is held too. */
int node_touch(struct tree *tree, struct node *node);
int node_touch_content(struct tree *tree, struct node *node);

/* Marks a directory and those above it: something below it changes. */
void node_mark(struct tree *tree, struct node *dir);

/* Says that a file of several names has come by a new one: all of them go into the layer. */
void node_relink(struct tree *tree, struct node *node);

/* Frees a nameless node that the kernel has forgotten. */
void node_drop_if_unused(struct tree *tree, struct node *node);

void node_attr(const struct node *node, struct tree_attr *ret);
struct timespec tree_now(void);

/* ---- lower.c: what the layers hold ---- */

/* The layer's inode that a number stands for. Returns false where it is none of a layer's. */
bool lower_of_ino(const struct tree *tree, uint64_t ino, struct lower_ref *ret);

static inline uint64_t lower_ino(const struct tree *tree, struct lower_ref lower)
{
        return tree->layers[lower.layer].first_ino + lower.inode;
}

static inline const struct index_inode *lower_inode(const struct tree *tree, struct lower_ref lower)
{
        return index_inode(tree->layers[lower.layer].index, lower.inode);
}

/* An index's directory that can be served as it is: plain names, nothing of other layers. */
static inline bool lower_is_plain(const struct index_inode *inode)
{
        return !(inode->flags & INDEX_MIXED);
}

/* The number that a layer's inode is shown under. */
uint64_t lower_number(const struct tree *tree, struct lower_ref lower);

/* The number that stands for `item` of what `seed` is of; the chance that two are equal is small.
 */
uint64_t number_of(uint64_t seed, uint64_t item);

void lower_meta(const struct tree *tree, struct lower_ref lower, struct meta *ret);
void lower_attr(const struct tree *tree, struct lower_ref lower, struct tree_attr *ret);

/*
 * What `name` means in a directory merged of `dirs`: a file (one item) or the directories that it
 * is itself merged of. Returns how many, 0 for no such name. `ret` has room for layer_count items.
 */
uint32_t lower_find(const struct tree *tree, const struct lower_ref *dirs, uint32_t count,
                    const char *name, size_t len, struct lower_ref *ret);

/* Finds a name in the merged view of a directory that has one. */
bool lower_find_merged(const struct tree *tree, const struct node *dir, const char *name,
                       size_t len, struct merged_name *ret);

/* The names of a directory's node in the layers: how many positions there are, and which entry is
 * at one. The merged view is built when first asked for. */
int lower_view(struct tree *tree, struct node *dir, uint32_t *ret_count);
struct merged_name lower_name_at(const struct tree *tree, const struct node *dir,
                                 uint32_t position);

static inline const struct index_entry *lower_entry(const struct tree *tree,
                                                    struct merged_name name)
{
        return &tree->layers[name.layer].index->entries[name.entry];
}

/* The reader of lower files that the spool's content stands on. */
int lower_read(void *tree, struct lower_ref lower, uint64_t offset, void *data, size_t len);
uint64_t lower_run_end(void *tree, struct lower_ref lower, uint64_t offset, bool *ret_data);

/* ---- attach.c: from layers to nodes ---- */

/* Makes the root's node. */
int attach_root(struct tree *tree);

/* The node of an inode number, made and attached if it has none. -ENOENT: no such inode. */
int attach_ino(struct tree *tree, uint64_t ino, struct node **ret);

/*
 * What a name of a directory means: sets `ret_node`, or where it needs none, `ret_lower` (and
 * `ret_node` to NULL). -ENOENT.
 */
int attach_find(struct tree *tree, struct node *dir, const char *name, size_t len,
                struct node **ret_node, struct lower_ref *ret_lower);

/* The node that a name of a directory means. -ENOENT. */
int attach_child(struct tree *tree, struct node *dir, const char *name, size_t len,
                 struct node **ret);

/* ---- dentry.c ---- */

/* The dentry of a name, one that hides it too, or NULL. */
struct dentry *dentry_find(const struct tree *tree, const struct node *dir, const char *name,
                           size_t len);

/* The dentry of a name, made without a node where there is none. */
int dentry_get(struct tree *tree, struct node *dir, const char *name, size_t len,
               struct dentry **ret);

/* Lets a dentry stand for `node`, or for nothing, and nothing else. */
void dentry_point(struct dentry *dentry, struct node *node);

/* Makes a dentry for `node` that only repeats what the layers say. */
int dentry_add_lower(struct tree *tree, struct node *dir, const char *name, size_t len,
                     struct node *node);

/*
 * Changes what a name means: to `node` (one more name of it), or to nothing. The dentry is made
 * where there is none; the directories above are marked. Link counts are the caller's.
 */
int dentry_set(struct tree *tree, struct node *dir, const char *name, size_t len,
               struct node *node);

/* Takes a dentry out and frees it. */
void dentry_free(struct tree *tree, struct dentry *dentry);

/* ---- tree_data.c, tree_attr.c ---- */

/* Begins a change of a file's content: its node, with its content locked for writing. */
int content_begin(struct tree *tree, uint64_t ino, struct node **ret);

/* Ends it; `result` 0 stamps the file, an error is remembered. */
void content_end(struct tree *tree, struct node *node, int result);

/* Clears setuid, setgid (where the group may execute) and file capabilities. */
int node_kill_priv(struct node *node);

/* ---- tree_name.c ---- */

/* As tree_lookup(), under the lock. */
int name_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
                struct tree_attr *ret);
