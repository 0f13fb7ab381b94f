#include "tree_internal.h"

#include "base/cleanup.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>

static void layers_done(const struct tree_layer *layers, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                index_free(layers[i].index);
                close(layers[i].tar_fd);
        }
}

static void add_layers(struct tree *tree, const struct tree_layer *layers, size_t count)
{
        tree->next_ino = TREE_ROOT + 1;
        for (size_t i = 0; i < count; i++) {
                tree->layers[i] = (struct layer){ .index = layers[i].index,
                                                  .tar_fd = layers[i].tar_fd,
                                                  .is_directory = layers[i].is_directory,
                                                  .first_ino = tree->next_ino };
                memcpy(&tree->layers[i].seed, index_diff_id(layers[i].index),
                       sizeof(tree->layers[i].seed));
                tree->next_ino += layers[i].index->header->inode_count;
        }
        tree->layer_count = (uint32_t)count;
        tree->first_new_ino = tree->next_ino;
}

int tree_new(const struct tree_options *options, const struct tree_layer *layers, size_t count,
             struct tree **ret, struct error *err)
{
        struct tree *tree;
        int r;

        if (count > TREE_LAYERS_MAX) {
                layers_done(layers, count);
                return error_set(err, -E2BIG, "%zu layers, at most %u can be stacked", count,
                                 TREE_LAYERS_MAX);
        }
        tree = calloc(1, sizeof(*tree));
        if (!tree) {
                layers_done(layers, count);
                return error_set_oom(err);
        }
        pthread_mutex_init(&tree->lock, NULL);
        for (size_t i = 0; i < CONTENT_LOCKS; i++)
                pthread_rwlock_init(&tree->content_locks[i], NULL);
        tree->dentries.key = hash_key();
        tree->persistent = options->persistent;
        tree->seed = hash_key();
        tree->store.epoch = 1;
        tree->store.lower = (struct lower_reader){ .read = lower_read, .userdata = tree };
        add_layers(tree, layers, count);
        tree->spool_dir_fd = options->spool_dir_fd;
        r = spool_new(options->spool_dir_fd, options->spool_memory_max, &tree->store.spool, err);
        if (r == 0 && attach_root(tree) < 0)
                r = error_set_oom(err);
        if (r < 0) {
                tree_free(tree);
                return r;
        }
        *ret = tree;
        return 0;
}

int tree_spool_dir(const struct tree *tree)
{
        return tree->spool_dir_fd;
}

static void free_nodes(struct tree *tree)
{
        struct node_table table = tree->nodes;

        tree->nodes = (struct node_table){ .slots = NULL };
        for (size_t i = 0; i < table.size; i++) {
                struct node_slot *slot = &table.slots[i];

                /* A merged directory stands there under several numbers. */
                if (slot->ino == 0 || slot->node->ino != slot->ino)
                        slot->node = NULL;
                else if (S_ISDIR(slot->node->meta.mode))
                        slot->node->dir.first = NULL; /* the dentries are gone */
        }
        for (size_t i = 0; i < table.size; i++)
                if (table.slots[i].node)
                        node_free(tree, table.slots[i].node);
        free(table.slots);
}

void tree_free(struct tree *tree)
{
        if (!tree)
                return;
        for (size_t i = 0; i < tree->dentries.size; i++) {
                for (struct dentry *at = tree->dentries.heads[i], *next; at; at = next) {
                        next = at->next_hash;
                        free(at);
                }
        }
        free(tree->dentries.heads);
        free_nodes(tree);
        free(tree->stubs);
        spool_free(tree->store.spool);
        for (uint32_t i = 0; i < tree->layer_count; i++) {
                index_free(tree->layers[i].index);
                close(tree->layers[i].tar_fd);
        }
        for (size_t i = 0; i < CONTENT_LOCKS; i++)
                pthread_rwlock_destroy(&tree->content_locks[i]);
        pthread_mutex_destroy(&tree->lock);
        free(tree);
}

int tree_statfs(struct tree *tree, struct statvfs *ret)
{
        return spool_statfs(tree->store.spool, ret);
}

void tree_remember(struct tree *tree, uint64_t ino)
{
        struct node *node;

        pthread_mutex_lock(&tree->lock);
        node = node_table_get(&tree->nodes, ino);
        if (node)
                node->lookups++;
        pthread_mutex_unlock(&tree->lock);
}

void tree_forget(struct tree *tree, uint64_t ino, uint64_t count)
{
        struct node *node;

        pthread_mutex_lock(&tree->lock);
        node = node_table_get(&tree->nodes, ino);
        if (node) {
                /* References from before the inode had a node were not counted. */
                node->lookups -= count < node->lookups ? count : node->lookups;
                node_drop_if_unused(tree, node);
        }
        pthread_mutex_unlock(&tree->lock);
}

/* Whether nothing in the tree, and no name's past, knows of a node. */
static bool is_forgotten(const struct tree *tree, const struct node *node)
{
        return !node->names && node != tree->root && node->born == tree_epoch(tree);
}

void tree_reset_lookups(struct tree *tree)
{
        struct node *forgotten = NULL, *node;

        pthread_mutex_lock(&tree->lock);
        for (size_t i = 0; i < tree->nodes.size; i++) {
                if (tree->nodes.slots[i].ino == 0)
                        continue;
                node = tree->nodes.slots[i].node;
                node->lookups = 0;
                if (is_forgotten(tree, node)) {
                        node->next_forgotten = forgotten;
                        forgotten = node;
                }
        }
        /* Freeing moves the table's slots, so it waits until they were all seen. */
        while ((node = forgotten)) {
                forgotten = node->next_forgotten;
                node_free(tree, node);
        }
        pthread_mutex_unlock(&tree->lock);
}
