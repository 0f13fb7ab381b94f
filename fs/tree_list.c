/*
 * Listing a directory.
 *
 * A cookie says where to go on: 0 ".", 1 "..", then the positions of the layers' names, then,
 * from COOKIE_NEW on, the order in which other names came to be. Both orders never change while
 * names come and go, so a cookie stays good.
 */
#include "tree_internal.h"

#include "base/path.h"

#include <errno.h>

#define COOKIE_LOWER 2u
#define COOKIE_NEW   ((uint64_t)1 << 40)

struct listing {
        struct tree *tree;
        uint64_t dir;
        bool attributes;
        tree_emit emit;
        void *userdata;
};

static int emit_name(const struct listing *listing, const char *name, size_t len, uint64_t ino,
                     uint64_t number, uint32_t mode, uint64_t next)
{
        struct tree_dirent entry = { .name = name,
                                     .name_len = len,
                                     .ino = ino,
                                     .number = number,
                                     .next = next,
                                     .type = mode & S_IFMT };
        struct tree_attr attr;
        struct node *node;
        int r;

        if (listing->attributes && !path_name_is_dot(name, len)) {
                r = name_lookup(listing->tree, listing->dir, name, len, &attr);
                if (r < 0)
                        return r;
                entry.ino = attr.ino;
                entry.number = attr.number;
                entry.attr = &attr;
        }
        r = listing->emit(listing->userdata, &entry);
        if (r == 0 && entry.attr) {
                node = node_table_get(&listing->tree->nodes, entry.ino);
                if (node)
                        node->lookups++;
        }
        return r;
}

/* A name as the layers have it. */
static int emit_lower(const struct listing *listing, const struct node *dir,
                      struct merged_name name, uint64_t next)
{
        struct tree *tree = listing->tree;
        const struct index *index = tree->layers[name.layer].index;
        const struct index_entry *entry = lower_entry(tree, name);
        const char *text = index_name(index, entry);
        struct lower_ref found[TREE_LAYERS_MAX] = { { .layer = name.layer,
                                                      .inode = entry->inode } };
        uint32_t mode = lower_inode(tree, found[0])->mode;

        if ((mode & S_IFMT) == INDEX_S_IFLOWER) {
                if (!dir || lower_find(tree, dir->dir.lowers, dir->dir.lower_count, text,
                                       entry->name_len, found) == 0)
                        return 0;
                mode = lower_inode(tree, found[0])->mode;
        }
        return emit_name(listing, text, entry->name_len, lower_ino(tree, found[0]),
                         lower_number(tree, found[0]), mode, next);
}

static int list_lower(const struct listing *listing, struct node *dir, uint64_t cookie)
{
        struct tree *tree = listing->tree;
        uint32_t count;
        int r = lower_view(tree, dir, &count);

        for (uint64_t at = cookie - COOKIE_LOWER; at < count && r == 0; at++) {
                struct merged_name name = lower_name_at(tree, dir, (uint32_t)at);
                const struct index_entry *entry = lower_entry(tree, name);
                const struct dentry *dentry =
                        dentry_find(tree, dir, index_name(tree->layers[name.layer].index, entry),
                                    entry->name_len);

                if (!dentry)
                        r = emit_lower(listing, dir, name, at + COOKIE_LOWER + 1);
                else if (dentry->node)
                        r = emit_name(listing, dentry->name, dentry->name_len, dentry->node->ino,
                                      dentry->node->number, dentry->node->meta.mode,
                                      at + COOKIE_LOWER + 1);
        }
        return r;
}

static int list_new(const struct listing *listing, struct directory *dir, uint64_t cookie)
{
        struct dentry *at = dir->listed;
        int r = 0;

        if (!at || at->order >= cookie - COOKIE_NEW)
                at = dir->first;
        for (; at && r == 0; at = at->next) {
                if (at->lower || !at->node || at->order < cookie - COOKIE_NEW)
                        continue;
                r = emit_name(listing, at->name, at->name_len, at->node->ino, at->node->number,
                              at->node->meta.mode, COOKIE_NEW + at->order + 1);
                if (r == 0)
                        dir->listed = at;
        }
        return r;
}

static int list_node(const struct listing *listing, struct node *dir, uint64_t cookie)
{
        const struct node *parent = dir->names ? dir->names->dir : dir;
        int r = 0;

        if (cookie == 0)
                r = emit_name(listing, ".", 1, dir->ino, dir->number, S_IFDIR, ++cookie);
        if (cookie == 1 && r == 0)
                r = emit_name(listing, "..", 2, parent->ino, parent->number, S_IFDIR, ++cookie);
        if (cookie < COOKIE_NEW && r == 0) {
                r = list_lower(listing, dir, cookie);
                cookie = COOKIE_NEW;
        }
        return r == 0 ? list_new(listing, &dir->dir, cookie) : r;
}

/* A directory that only one layer has, without a node. */
static int list_plain(const struct listing *listing, struct lower_ref dir, uint64_t cookie)
{
        struct tree *tree = listing->tree;
        const struct index *index = tree->layers[dir.layer].index;
        const struct index_inode *inode = index_inode(index, dir.inode);
        struct lower_ref parent = { .layer = dir.layer,
                                    .inode = index->entries[inode->entry].parent };
        const struct node *parent_node = node_table_get(&tree->nodes, lower_ino(tree, parent));
        int r = 0;

        if (cookie == 0)
                r = emit_name(listing, ".", 1, lower_ino(tree, dir), lower_number(tree, dir),
                              S_IFDIR, ++cookie);
        if (cookie == 1 && r == 0)
                r = emit_name(listing, "..", 2,
                              parent_node ? parent_node->ino : lower_ino(tree, parent),
                              parent_node ? parent_node->number : lower_number(tree, parent),
                              S_IFDIR, ++cookie);
        for (uint64_t at = cookie - COOKIE_LOWER; at < inode->count && r == 0; at++)
                r = emit_lower(listing, NULL,
                               (struct merged_name){ .layer = dir.layer,
                                                     .entry = inode->first + (uint32_t)at },
                               at + COOKIE_LOWER + 1);
        return r;
}

int tree_readdir(struct tree *tree, uint64_t ino, uint64_t cookie, bool attributes, tree_emit emit,
                 void *userdata)
{
        struct listing listing = { .tree = tree,
                                   .dir = ino,
                                   .attributes = attributes,
                                   .emit = emit,
                                   .userdata = userdata };
        struct lower_ref lower;
        struct node *node;
        int r = 0;

        pthread_mutex_lock(&tree->lock);
        node = node_table_get(&tree->nodes, ino);
        if (node ? !S_ISDIR(node->meta.mode) : !lower_of_ino(tree, ino, &lower))
                r = node ? -ENOTDIR : -ENOENT;
        else if (node)
                list_node(&listing, node, cookie);
        else if (!S_ISDIR(lower_inode(tree, lower)->mode))
                r = -ENOTDIR;
        else
                list_plain(&listing, lower, cookie);
        pthread_mutex_unlock(&tree->lock);
        return r;
}
