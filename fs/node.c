#include "tree_internal.h"

#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* ---- the table ---- */

static size_t slot_of(const struct node_table *table, uint64_t ino)
{
        return hash_mix(ino, 0x9e3779b97f4a7c15u) & (table->size - 1);
}

struct node *node_table_get(const struct node_table *table, uint64_t ino)
{
        if (table->size == 0)
                return NULL;
        for (size_t at = slot_of(table, ino);; at = (at + 1) & (table->size - 1)) {
                if (table->slots[at].ino == ino)
                        return table->slots[at].node;
                if (table->slots[at].ino == 0)
                        return NULL;
        }
}

static void place_slot(struct node_table *table, uint64_t ino, struct node *node)
{
        size_t at = slot_of(table, ino);

        while (table->slots[at].ino != 0 && table->slots[at].ino != ino)
                at = (at + 1) & (table->size - 1);
        table->count += table->slots[at].ino == 0;
        table->slots[at] = (struct node_slot){ .ino = ino, .node = node };
}

int node_table_put(struct node_table *table, uint64_t ino, struct node *node)
{
        if (table->count + 1 > table->size / 4 * 3) {
                struct node_table bigger = { .size = table->size ? table->size * 2 : 256 };

                bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
                if (!bigger.slots)
                        return -ENOMEM;
                for (size_t i = 0; i < table->size; i++)
                        if (table->slots[i].ino != 0)
                                place_slot(&bigger, table->slots[i].ino, table->slots[i].node);
                free(table->slots);
                *table = bigger;
        }
        place_slot(table, ino, node);
        return 0;
}

void node_table_remove(struct node_table *table, uint64_t ino)
{
        size_t mask = table->size - 1, hole, at;

        if (table->size == 0)
                return;
        for (hole = slot_of(table, ino); table->slots[hole].ino != ino; hole = (hole + 1) & mask)
                if (table->slots[hole].ino == 0)
                        return;
        /* What follows moves up, unless it would come to stand before its own place. */
        for (at = (hole + 1) & mask; table->slots[at].ino != 0; at = (at + 1) & mask) {
                size_t own = slot_of(table, table->slots[at].ino);

                if (((at - own) & mask) < ((at - hole) & mask))
                        continue;
                table->slots[hole] = table->slots[at];
                hole = at;
        }
        table->slots[hole] = (struct node_slot){ .ino = 0 };
        table->count--;
}

/* ---- nodes ---- */

/* The clock that the kernel stamps its own files with, so that times of both compare. */
struct timespec tree_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        return now;
}

int node_new(struct tree *tree, const struct meta *meta, struct node **ret)
{
        struct node *node = calloc(1, sizeof(*node));

        if (!node)
                return -ENOMEM;
        node->ino = tree->next_ino;
        node->number = tree->persistent ? number_of(tree->seed, node->ino) : node->ino;
        if (node_table_put(&tree->nodes, node->ino, node) < 0) {
                free(node);
                return -ENOMEM;
        }
        tree->next_ino++;
        node->meta = *meta;
        node->atime = node->ctime = node->btime = meta->mtime;
        node->born = node->changed = node->marked = tree_epoch(tree);
        *ret = node;
        return 0;
}

static void base_free(struct base *base)
{
        if (!base)
                return;
        xattr_set_unref(base->meta.xattrs);
        if (base->has_content)
                free(base->content.extents);
        free(base);
}

void node_free(struct tree *tree, struct node *node)
{
        node_table_remove(&tree->nodes, node->ino);
        base_free(node->base);
        xattr_set_unref(node->meta.xattrs);
        if (S_ISREG(node->meta.mode)) {
                content_done(&node->file, &tree->store);
        } else if (S_ISDIR(node->meta.mode)) {
                while (node->dir.first)
                        dentry_free(tree, node->dir.first);
                free(node->dir.lowers);
                free(node->dir.merged);
        } else if (S_ISLNK(node->meta.mode)) {
                free(node->target);
        }
        free(node);
}

void node_drop_if_unused(struct tree *tree, struct node *node)
{
        /* One that was there when the epoch began may be some name's base; and the kernel may
         * hold references to a layer's inode that were handed out before it had a node. */
        if (!node->names && node->lookups == 0 && node->born == tree_epoch(tree))
                node_free(tree, node);
}

void node_mark(struct tree *tree, struct node *dir)
{
        while (dir->marked != tree_epoch(tree)) {
                dir->marked = tree_epoch(tree);
                if (!dir->names)
                        return;
                dir = dir->names->dir;
        }
}

static void mark_names(struct tree *tree, struct node *node)
{
        node->marked = tree_epoch(tree);
        for (const struct dentry *name = node->names; name; name = name->next_name)
                node_mark(tree, name->dir);
}

void node_relink(struct tree *tree, struct node *node)
{
        node->relinked = tree_epoch(tree);
        mark_names(tree, node);
}

int node_touch(struct tree *tree, struct node *node)
{
        struct base *base;

        if (node->changed == tree_epoch(tree))
                return 0;
        base = calloc(1, sizeof(*base));
        if (!base)
                return -ENOMEM;
        base->meta = node->meta;
        xattr_set_ref(base->meta.xattrs);
        base_free(node->base);
        node->base = base;
        node->changed = tree_epoch(tree);
        mark_names(tree, node);
        return 0;
}

int node_touch_content(struct tree *tree, struct node *node)
{
        int r = node_touch(tree, node);

        if (r < 0 || !node->base || node->base->has_content)
                return r;
        r = content_copy(&node->file, &node->base->content);
        node->base->has_content = r == 0;
        return r;
}

void node_attr(const struct node *node, struct tree_attr *ret)
{
        *ret = (struct tree_attr){
                .ino = node->ino,
                .number = node->number,
                .size = node->size,
                .blocks = node->blocks,
                .mode = node->meta.mode,
                .nlink = node->nlink,
                .uid = node->meta.uid,
                .gid = node->meta.gid,
                .rdev_major = node->meta.rdev_major,
                .rdev_minor = node->meta.rdev_minor,
                .atime = node->atime,
                .mtime = node->meta.mtime,
                .ctime = node->ctime,
                .btime = node->btime,
        };
}
