#include "tree_internal.h"

#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct dentry **head_of(const struct dentry_table *table, uint64_t hash)
{
        return &table->heads[hash & (table->size - 1)];
}

struct dentry *dentry_find(const struct tree *tree, const struct node *dir, const char *name,
                           size_t len)
{
        uint64_t hash = hash_name(tree->dentries.key, dir->ino, name, len);

        if (!dir->dir.first)
                return NULL;
        for (struct dentry *at = *head_of(&tree->dentries, hash); at; at = at->next_hash)
                if (at->hash == hash && at->dir == dir && at->name_len == len &&
                    memcmp(at->name, name, len) == 0)
                        return at;
        return NULL;
}

static int grow_table(struct dentry_table *table)
{
        struct dentry_table bigger = *table;

        if (table->count < table->size)
                return 0;
        bigger.size = table->size ? table->size * 2 : 256;
        bigger.heads = calloc(bigger.size, sizeof(struct dentry *));
        if (!bigger.heads)
                return -ENOMEM;
        for (size_t i = 0; i < table->size; i++) {
                for (struct dentry *at = table->heads[i], *next; at; at = next) {
                        struct dentry **head = head_of(&bigger, at->hash);

                        next = at->next_hash;
                        at->next_hash = *head;
                        *head = at;
                }
        }
        free(table->heads);
        *table = bigger;
        return 0;
}

static int dentry_new(struct tree *tree, struct node *dir, const char *name, size_t len,
                      struct dentry **ret)
{
        struct dentry **head, *dentry;

        if (grow_table(&tree->dentries) < 0)
                return -ENOMEM;
        dentry = calloc(1, sizeof(*dentry) + len + 1);
        if (!dentry)
                return -ENOMEM;
        memcpy(dentry->name, name, len);
        dentry->name_len = (uint8_t)len;
        dentry->hash = hash_name(tree->dentries.key, dir->ino, name, len);
        dentry->order = tree->next_order++;
        dentry->dir = dir;
        head = head_of(&tree->dentries, dentry->hash);
        dentry->next_hash = *head;
        *head = dentry;
        tree->dentries.count++;
        dentry->prev = dir->dir.last;
        if (dir->dir.last)
                dir->dir.last->next = dentry;
        else
                dir->dir.first = dentry;
        dir->dir.last = dentry;
        *ret = dentry;
        return 0;
}

int dentry_get(struct tree *tree, struct node *dir, const char *name, size_t len,
               struct dentry **ret)
{
        *ret = dentry_find(tree, dir, name, len);
        return *ret ? 0 : dentry_new(tree, dir, name, len, ret);
}

void dentry_point(struct dentry *dentry, struct node *node)
{
        if (dentry->node) {
                struct dentry **at = &dentry->node->names;

                while (*at != dentry)
                        at = &(*at)->next_name;
                *at = dentry->next_name;
        }
        dentry->node = node;
        dentry->next_name = node ? node->names : NULL;
        if (node)
                node->names = dentry;
}

/* A stub that the step makes something else of is none any more. */
static void forget_stub(struct tree *tree, struct dentry *dentry)
{
        for (size_t i = 0; i < tree->stub_count; i++)
                if (tree->stubs[i] == dentry)
                        tree->stubs[i] = NULL;
        dentry->stub = false;
}

void dentry_free(struct tree *tree, struct dentry *dentry)
{
        struct directory *dir = &dentry->dir->dir;
        struct dentry **at;

        dentry_point(dentry, NULL);
        for (at = head_of(&tree->dentries, dentry->hash); *at != dentry; at = &(*at)->next_hash)
                ;
        *at = dentry->next_hash;
        tree->dentries.count--;
        if (dir->listed == dentry)
                dir->listed = dentry->prev;
        *(dentry->prev ? &dentry->prev->next : &dir->first) = dentry->next;
        *(dentry->next ? &dentry->next->prev : &dir->last) = dentry->prev;
        free(dentry);
}

int dentry_add_lower(struct tree *tree, struct node *dir, const char *name, size_t len,
                     struct node *node)
{
        struct dentry *dentry;
        int r = dentry_new(tree, dir, name, len, &dentry);

        if (r < 0)
                return r;
        dentry->lower = true;
        dentry_point(dentry, node);
        return 0;
}

int dentry_set(struct tree *tree, struct node *dir, const char *name, size_t len, struct node *node)
{
        struct dentry *dentry;
        int r = dentry_get(tree, dir, name, len, &dentry);

        if (r < 0)
                return r;
        if (dentry->epoch != tree_epoch(tree)) {
                dentry->epoch = tree_epoch(tree);
                dentry->base = dentry->stub ? dentry->under : dentry->node;
        }
        if (dentry->stub)
                forget_stub(tree, dentry);
        dir->dir.live -= dentry->node != NULL;
        dir->dir.live += node != NULL;
        dentry_point(dentry, node);
        node_mark(tree, dir);
        /* A name that only this epoch has known leaves nothing behind. */
        if (!node && !dentry->lower && !dentry->base)
                dentry_free(tree, dentry);
        return 0;
}
