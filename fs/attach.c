/*
 * From layers to nodes.
 *
 * A number of a layer's inode gets a node when it is about to change. Its names have to be found
 * then: each is an entry of the layer's index, below a directory that is an inode of that index.
 * From there the way leads up, directory by directory, until one that has a node (the root has
 * one), and down again from that, checking at every step that the name still means the inode from
 * which the way came. Where it does not, the name is hidden by a higher layer or was changed.
 */
#include "tree_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Fills what a node has of the layers' inode; `lowers` are more than one for merged directories. */
static int fill_node(struct tree *tree, struct node *node, const struct lower_ref *lowers,
                     uint32_t count)
{
        const struct index_inode *inode = lower_inode(tree, lowers[0]);
        const struct index *index = tree->layers[lowers[0].layer].index;
        struct tree_attr attr;
        uint32_t from = 0;

        /* A directory without an entry of its own has a lower one's metadata. */
        while (from + 1 < count && (lower_inode(tree, lowers[from])->flags & INDEX_IMPLIED))
                from++;
        lower_attr(tree, lowers[from], &attr);
        lower_meta(tree, lowers[from], &node->meta);
        node->ino = lower_ino(tree, lowers[0]);
        node->number = lower_number(tree, lowers[tree->persistent ? from : 0]);
        node->size = attr.size;
        node->blocks = attr.blocks;
        node->atime = attr.atime;
        node->ctime = attr.ctime;
        node->btime = attr.btime;
        node->nlink = 0;
        if (S_ISREG(inode->mode)) {
                node->file.lower = lowers[0];
                node->file.size = node->file.lower_size = inode->size;
                node->file.lower_blocks = attr.blocks;
        } else if (S_ISLNK(inode->mode)) {
                node->target = strndup(index->strings + inode->place, inode->size);
                if (!node->target)
                        return -ENOMEM;
        } else if (S_ISDIR(inode->mode)) {
                node->dir.lowers = reallocarray(NULL, count, sizeof(*lowers));
                if (!node->dir.lowers)
                        return -ENOMEM;
                memcpy(node->dir.lowers, lowers, count * sizeof(*lowers));
                node->dir.lower_count = count;
        }
        return 0;
}

/* Counts a directory's names and subdirectories as the layers have them. */
static int count_names(struct tree *tree, struct node *node)
{
        uint32_t count;
        int r = lower_view(tree, node, &count);

        if (r < 0)
                return r;
        node->dir.live = count;
        if (!node->dir.merged) {
                node->nlink = lower_inode(tree, node->dir.lowers[0])->nlink;
                return 0;
        }
        node->nlink = 2;
        for (uint32_t i = 0; i < count; i++) {
                struct merged_name name = lower_name_at(tree, node, i);
                struct lower_ref child = { .layer = name.layer,
                                           .inode = lower_entry(tree, name)->inode };

                node->nlink += S_ISDIR(lower_inode(tree, child)->mode);
        }
        return 0;
}

/* Makes the node of an inode of the layers, under the numbers of all that it is merged of. */
static int make_node(struct tree *tree, const struct lower_ref *lowers, uint32_t count,
                     struct node **ret)
{
        struct node *node = calloc(1, sizeof(*node));
        int r;

        if (!node)
                return -ENOMEM;
        r = fill_node(tree, node, lowers, count);
        for (uint32_t i = count; i-- > 0 && r == 0;)
                r = node_table_put(&tree->nodes, lower_ino(tree, lowers[i]), node);
        if (r == 0 && S_ISDIR(node->meta.mode))
                r = count_names(tree, node);
        if (r < 0) {
                for (uint32_t i = 1; i < count; i++)
                        node_table_remove(&tree->nodes, lower_ino(tree, lowers[i]));
                node_free(tree, node);
                return r;
        }
        *ret = node;
        return 0;
}

/* The root of a tree without layers. */
static int make_empty_root(struct tree *tree)
{
        struct node *root = calloc(1, sizeof(*root));

        if (!root)
                return -ENOMEM;
        root->meta.mode = S_IFDIR | 0755;
        root->size = 4096;
        root->blocks = 8;
        root->nlink = 2;
        tree->root = root;
        return 0;
}

int attach_root(struct tree *tree)
{
        struct lower_ref lowers[TREE_LAYERS_MAX];
        uint32_t count = 0;
        int r;

        for (uint32_t i = tree->layer_count; i-- > 0;) {
                lowers[count++] = (struct lower_ref){ .layer = i, .inode = INDEX_ROOT };
                if (lower_inode(tree, lowers[count - 1])->flags & INDEX_OPAQUE)
                        break;
        }
        if (count > 0)
                r = make_node(tree, lowers, count, &tree->root);
        else
                r = make_empty_root(tree);
        if (r < 0)
                return r;
        tree->root->ino = tree->root->number = TREE_ROOT;
        return node_table_put(&tree->nodes, TREE_ROOT, tree->root);
}

/* Gives a freshly made node the one name under which it was found. */
static int attach_new(struct tree *tree, struct node *dir, const char *name, size_t len,
                      const struct lower_ref *lowers, uint32_t count, struct node **ret)
{
        struct node *node;
        int r = make_node(tree, lowers, count, &node);

        if (r < 0)
                return r;
        r = dentry_add_lower(tree, dir, name, len, node);
        if (r < 0) {
                for (uint32_t i = 1; i < count; i++)
                        node_table_remove(&tree->nodes, lower_ino(tree, lowers[i]));
                node_free(tree, node);
                return r;
        }
        if (!S_ISDIR(node->meta.mode))
                node->nlink = 1;
        *ret = node;
        return 0;
}

/* A file of several names: each that can still be reached gets its dentry. */
static int attach_links(struct tree *tree, struct node *node, struct lower_ref lower);

/* Whether an inode of the layers can be served without a node. */
static bool needs_node(const struct tree *tree, const struct lower_ref *lowers, uint32_t count)
{
        const struct index_inode *inode = lower_inode(tree, lowers[0]);

        if (S_ISDIR(inode->mode))
                return count > 1 || !lower_is_plain(inode);
        /* How many of several names can be seen is known only when all were looked at. */
        return inode->nlink > 1 && tree->layer_count > 1;
}

/* As lower_find(), by way of the merged view where there is one: what most names need does then
 * not depend on the number of layers. */
static uint32_t find_in_layers(const struct tree *tree, const struct node *dir, const char *name,
                               size_t len, struct lower_ref *ret)
{
        struct merged_name merged;
        const struct index_inode *inode;

        if (dir->dir.merged) {
                if (!lower_find_merged(tree, dir, name, len, &merged))
                        return 0;
                ret[0] = (struct lower_ref){ .layer = merged.layer,
                                             .inode = lower_entry(tree, merged)->inode };
                inode = lower_inode(tree, ret[0]);
                if (!S_ISDIR(inode->mode) && (inode->mode & S_IFMT) != INDEX_S_IFLOWER)
                        return 1;
        }
        return lower_find(tree, dir->dir.lowers, dir->dir.lower_count, name, len, ret);
}

static int find(struct tree *tree, struct node *dir, const char *name, size_t len, bool want_node,
                struct node **ret_node, struct lower_ref *ret_lower)
{
        const struct dentry *dentry = dentry_find(tree, dir, name, len);
        struct lower_ref found[TREE_LAYERS_MAX];
        struct node *node = NULL;
        uint32_t count;
        int r;

        if (dentry) {
                *ret_node = dentry->node;
                return dentry->node ? 0 : -ENOENT;
        }
        count = find_in_layers(tree, dir, name, len, found);
        if (count == 0)
                return -ENOENT;
        if (!want_node && !needs_node(tree, found, count)) {
                *ret_node = NULL;
                *ret_lower = found[0];
                return 0;
        }
        node = node_table_get(&tree->nodes, lower_ino(tree, found[0]));
        if (node) {
                /* Another name of a file that has a node: a hard link over layers. */
                r = dentry_add_lower(tree, dir, name, len, node);
                node->nlink += r == 0;
                if (node->marked == tree_epoch(tree))
                        node_mark(tree, dir);
        } else {
                r = attach_new(tree, dir, name, len, found, count, &node);
                if (r == 0 && !S_ISDIR(node->meta.mode))
                        r = attach_links(tree, node, found[0]);
        }
        *ret_node = node;
        return r;
}

int attach_find(struct tree *tree, struct node *dir, const char *name, size_t len,
                struct node **ret_node, struct lower_ref *ret_lower)
{
        return find(tree, dir, name, len, false, ret_node, ret_lower);
}

int attach_child(struct tree *tree, struct node *dir, const char *name, size_t len,
                 struct node **ret)
{
        struct lower_ref none;

        return find(tree, dir, name, len, true, ret, &none);
}

/*
 * The node of the directory `dir` of a layer, by the way up and down again. Returns 0, -ENOENT
 * where the directory can not be seen, or another negative errno.
 */
static int attach_directory(struct tree *tree, struct lower_ref dir, struct node **ret)
{
        const struct index *index = tree->layers[dir.layer].index;
        _cleanup_free_ uint32_t *way = NULL;
        size_t depth = 0, cap = 0;
        struct node *node;

        while (!(node = node_table_get(&tree->nodes, lower_ino(tree, dir)))) {
                if (depth == cap) {
                        uint32_t *more = reallocarray(way, cap = cap ? cap * 2 : 32, sizeof(*way));

                        if (!more)
                                return -ENOMEM;
                        way = more;
                }
                way[depth++] = dir.inode;
                dir.inode = index->entries[index_inode(index, dir.inode)->entry].parent;
        }
        while (depth > 0) {
                const struct index_entry *entry;
                struct node *child;
                int r;

                dir.inode = way[--depth];
                entry = &index->entries[index_inode(index, dir.inode)->entry];
                r = attach_child(tree, node, index_name(index, entry), entry->name_len, &child);
                if (r < 0)
                        return r;
                if (node_table_get(&tree->nodes, lower_ino(tree, dir)) != child)
                        return -ENOENT;
                node = child;
        }
        *ret = node;
        return 0;
}

/* Makes the dentry of one name of `node`, if that name can be seen and has none yet. */
static int attach_link(struct tree *tree, struct node *node, struct lower_ref lower,
                       const struct index_entry *entry)
{
        const struct index *index = tree->layers[lower.layer].index;
        struct lower_ref parent = { .layer = lower.layer, .inode = entry->parent };
        struct lower_ref found[TREE_LAYERS_MAX];
        const char *name = index_name(index, entry);
        struct node *dir;
        int r;

        r = attach_directory(tree, parent, &dir);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (dentry_find(tree, dir, name, entry->name_len) ||
            lower_find(tree, dir->dir.lowers, dir->dir.lower_count, name, entry->name_len, found) !=
                    1 ||
            found[0].layer != lower.layer || found[0].inode != lower.inode)
                return 0;
        r = dentry_add_lower(tree, dir, name, entry->name_len, node);
        node->nlink += r == 0;
        return r;
}

static int attach_links(struct tree *tree, struct node *node, struct lower_ref lower)
{
        const struct index *index = tree->layers[lower.layer].index;
        const struct index_link *links;
        size_t count = index_links(index, lower.inode, &links);

        for (size_t i = 0; i < count; i++) {
                int r = attach_link(tree, node, lower, &index->entries[links[i].entry]);

                if (r < 0)
                        return r;
        }
        return 0;
}

int attach_ino(struct tree *tree, uint64_t ino, struct node **ret)
{
        struct node *node = node_table_get(&tree->nodes, ino);
        const struct index_entry *entry;
        const struct index *index;
        const struct index_link *links;
        struct lower_ref lower;
        int r;

        if (node) {
                *ret = node;
                return 0;
        }
        if (!lower_of_ino(tree, ino, &lower))
                return -ENOENT;
        index = tree->layers[lower.layer].index;
        if (S_ISDIR(lower_inode(tree, lower)->mode))
                return attach_directory(tree, lower, ret);
        if (index_links(index, lower.inode, &links) > 0) {
                r = make_node(tree, &lower, 1, &node);
                if (r == 0)
                        r = attach_links(tree, node, lower);
        } else {
                struct node *dir;

                entry = &index->entries[lower_inode(tree, lower)->entry];
                r = attach_directory(
                        tree, (struct lower_ref){ .layer = lower.layer, .inode = entry->parent },
                        &dir);
                if (r == 0)
                        r = attach_child(tree, dir, index_name(index, entry), entry->name_len,
                                         &node);
                if (r == 0 && node->ino != ino)
                        r = -ENOENT;
        }
        if (r == 0)
                *ret = node;
        return r;
}
