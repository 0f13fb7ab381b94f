/*
 * Stubs: mount points that a step needs and no layer may hold.
 *
 * A stub's dentry is set aside from the rest: it changes no directory's times, marks nothing, and
 * knows what the name means without it.
 */
#include "base/path.h"
#include "tree_internal.h"

#include <errno.h>
#include <stdlib.h>

#define STUB_DIRECTORY_MODE (S_IFDIR | 0755u)
#define STUB_FILE_MODE      (S_IFREG | 0644u)

static int remember_stub(struct tree *tree, struct dentry *dentry)
{
        struct dentry **stubs =
                reallocarray(tree->stubs, tree->stub_count + 1, sizeof(struct dentry *));

        if (!stubs)
                return -ENOMEM;
        tree->stubs = stubs;
        tree->stubs[tree->stub_count++] = dentry;
        return 0;
}

static int make_stub(struct tree *tree, struct node *dir, const char *name, size_t len,
                     bool directory, struct node **ret)
{
        struct meta meta = { .mode = directory ? STUB_DIRECTORY_MODE : STUB_FILE_MODE,
                             .mtime = dir->meta.mtime };
        struct node *under = NULL, *node;
        struct dentry *dentry;
        int r;

        r = attach_child(tree, dir, name, len, &under);
        if (r < 0 && r != -ENOENT)
                return r;
        r = dentry_get(tree, dir, name, len, &dentry);
        if (r == 0)
                r = remember_stub(tree, dentry);
        if (r == 0)
                r = node_new(tree, &meta, &node);
        if (r < 0)
                return r;
        node->marked = 0; /* what is put below it has to be told further up */
        node->nlink = directory ? 2 : 1;
        node->size = directory ? 4096 : 0;
        dentry->stub = true;
        dentry->under = under;
        dentry_point(dentry, node);
        dir->dir.live += under == NULL;
        *ret = node;
        return 0;
}

int tree_add_stub(struct tree *tree, const char *path, bool directory)
{
        struct node *dir = tree->root, *node;
        const char *name;
        size_t len;
        int r = 0;

        pthread_mutex_lock(&tree->lock);
        while (r == 0 && (len = path_next(&path, &name)) > 0) {
                bool last = path[strspn(path, "/")] == '\0';
                uint32_t want = last && !directory ? S_IFREG : S_IFDIR;

                r = attach_child(tree, dir, name, len, &node);
                if (r == -ENOENT || (r == 0 && (node->meta.mode & S_IFMT) != want))
                        r = make_stub(tree, dir, name, len, want == S_IFDIR, &node);
                dir = node;
        }
        pthread_mutex_unlock(&tree->lock);
        return r;
}

/* What a step has made something of stays, as if the step had made it. */
static bool is_in_use(const struct node *node)
{
        if (node->meta.uid != 0 || node->meta.gid != 0 || node->meta.xattrs)
                return true;
        if (!S_ISDIR(node->meta.mode))
                return node->meta.mode != STUB_FILE_MODE || node->size > 0;
        return node->meta.mode != STUB_DIRECTORY_MODE || node->dir.live > 0;
}

static void remove_stub(struct tree *tree, struct dentry *dentry)
{
        struct node *dir = dentry->dir, *node = dentry->node, *under = dentry->under;

        dentry->stub = false;
        dentry->under = NULL;
        if (is_in_use(node)) {
                dentry->base = under;
                dentry->epoch = tree_epoch(tree);
                node_mark(tree, node);
                node_mark(tree, dir);
                return;
        }
        dentry_point(dentry, under);
        dir->dir.live -= under == NULL;
        if (!under && !dentry->lower && !dentry->base)
                dentry_free(tree, dentry);
        node_free(tree, node);
}

void tree_remove_stubs(struct tree *tree)
{
        pthread_mutex_lock(&tree->lock);
        /* Those that lie deeper were made later. */
        while (tree->stub_count > 0) {
                struct dentry *dentry = tree->stubs[--tree->stub_count];

                if (dentry)
                        remove_stub(tree, dentry);
        }
        pthread_mutex_unlock(&tree->lock);
}
