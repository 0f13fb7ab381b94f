/*
 * Finding what an epoch has changed.
 *
 * From the root the walk follows the marks: only what is on the way to a change is looked at. It
 * meets two kinds of names. One that means what it meant before is listed if its inode changed,
 * and gone into if it is a marked directory. One that means something else is listed as new, with
 * everything below it.
 */
#include "change_list.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A name that the walk has yet to look at. */
struct child {
        const char *name;
        size_t len;
        const struct dentry *dentry; /* NULL: it is as the layers have it ... */
        struct lower_ref lower;      /* ... and this needs no node */
        bool fresh;                  /* what it means is new here ... */
        bool inside_fresh;           /* ... because the directory is */
};

/* A directory on the way. */
struct frame {
        struct child *children; /* owned, sorted */
        size_t count;
        size_t next;
        struct node *node;
        size_t path_len;
        bool listed; /* its own entry stands in the list */
        bool fresh;
};

struct walk {
        struct tree *tree;
        struct change_list *list;
        struct frame *frames;
        size_t depth;
        size_t cap;
        struct buf path;
        struct error *err; /* for what is not a failure of memory or the spool alone */
        bool again;        /* a file got marked behind the walk's back: it has to be walked anew */
};

void tree_clamp_times(struct tree *tree, const struct timespec *latest)
{
        pthread_mutex_lock(&tree->lock);
        tree->clamps_times = true;
        tree->latest = *latest;
        pthread_mutex_unlock(&tree->lock);
}

/* ---- the list ---- */

static void clamp_time(const struct tree *tree, struct timespec *time)
{
        if (tree->clamps_times)
                clock_clamp(time, &tree->latest);
}

static int add_node(struct walk *walk, size_t path_len, struct node *node)
{
        struct change *change;
        int r = change_list_add(walk->list, walk->path.data, path_len, &change);

        if (r < 0)
                return r;
        /* Docker and containers/storage give a hard link's file what the link's header says. */
        clamp_time(walk->tree, &node->meta.mtime);
        change->meta = node->meta;
        change->number = node->number;
        xattr_set_ref(change->meta.xattrs);
        if (node->nlink > 1 && !S_ISDIR(node->meta.mode)) {
                if (node->listed == walk->tree->walks) {
                        change->type = ENTRY_HARDLINK;
                        change->link = walk->list->changes[node->listed_as].path;
                        return 0;
                }
                node->listed = walk->tree->walks;
                node->listed_as = (uint32_t)(walk->list->count - 1);
        }
        change->type = entry_type_of_mode(node->meta.mode);
        if (change->type == ENTRY_FILE)
                return content_copy(&node->file, &change->content);
        if (change->type == ENTRY_SYMLINK)
                return change_list_add_string(walk->list, node->target, strlen(node->target),
                                              &change->link);
        return 0;
}

static int add_lower(struct walk *walk, struct lower_ref lower)
{
        struct change *change;
        int r = change_list_add(walk->list, walk->path.data, walk->path.len, &change);

        return r < 0 ? r : change_list_fill(walk->list, change, lower);
}

/* Lists the directories on the way that are not yet; the root only if it has changed itself. */
static int add_way(struct walk *walk)
{
        for (size_t i = 1; i < walk->depth; i++) {
                struct frame *frame = &walk->frames[i];
                int r;

                if (frame->listed)
                        continue;
                r = add_node(walk, frame->path_len, frame->node);
                if (r < 0)
                        return r;
                frame->listed = true;
        }
        return 0;
}

static int add_whiteout(struct walk *walk, const char *name, size_t len)
{
        const struct frame *frame = &walk->frames[walk->depth - 1];
        struct buf path = BUF_INIT;
        struct change *change;
        int r = add_way(walk);

        if (r == 0)
                r = buf_append(&path, walk->path.data, frame->path_len);
        if (r == 0 && frame->path_len > 0)
                r = buf_append_char(&path, '/');
        if (r == 0)
                r = buf_append_str(&path, ".wh.");
        if (r == 0)
                r = buf_append(&path, name, len);
        if (r == 0)
                r = change_list_add(walk->list, path.data, path.len, &change);
        if (r == 0) {
                change->type = ENTRY_FILE;
                change->meta.mode = S_IFREG;
                change->meta.mtime = frame->node->meta.mtime;
        }
        buf_done(&path);
        return r;
}

/* ---- what is equal ---- */

static bool meta_equal(const struct meta *a, const struct meta *b)
{
        return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
               a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor &&
               a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
               xattr_set_equal(a->xattrs, b->xattrs);
}

/* Whether the same bytes are read of both. What cannot be read is not known to be equal: whoever
 * reads the list will meet the error at the file that it is of. */
static bool content_equal(struct tree *tree, const struct content *a, const struct content *b)
{
        char left[16384], right[sizeof(left)];

        if (a->size != b->size)
                return false;
        for (uint64_t offset = 0; offset < a->size; offset += sizeof(left)) {
                ssize_t n = content_read(a, &tree->store, offset, left, sizeof(left));
                ssize_t m = content_read(b, &tree->store, offset, right, sizeof(right));

                if (n < 0 || m < 0 || n != m || memcmp(left, right, (size_t)n) != 0)
                        return false;
        }
        return true;
}

/* Whether an inode differs from what it was when the epoch began. */
static bool is_changed(struct tree *tree, const struct node *node)
{
        if (node->relinked == tree_epoch(tree))
                return true;
        if (node->changed != tree_epoch(tree))
                return false;
        if (!node->base || !meta_equal(&node->meta, &node->base->meta))
                return true;
        return node->base->has_content && !content_equal(tree, &node->file, &node->base->content);
}

/* Whether a file that took another's place is the same as that one was. */
static bool is_replaced_by_equal(struct tree *tree, const struct node *node, const struct node *old)
{
        bool old_changed = old && old->changed == tree_epoch(tree) && old->base;
        const struct meta *meta;

        if (!old || S_ISDIR(node->meta.mode) || node->nlink > 1 ||
            node->relinked == tree_epoch(tree) || old->relinked == tree_epoch(tree) ||
            (old->names && old->names->next_name))
                return false;
        meta = old_changed ? &old->base->meta : &old->meta;
        if (!meta_equal(&node->meta, meta))
                return false;
        if (S_ISLNK(node->meta.mode))
                return strcmp(node->target, old->target) == 0;
        if (!S_ISREG(node->meta.mode))
                return true;
        return content_equal(tree, &node->file,
                             old_changed && old->base->has_content ? &old->base->content
                                                                   : &old->file);
}

/* ---- the walk ---- */

static int compare_children(const void *a, const void *b)
{
        const struct child *left = a, *right = b;

        return index_name_cmp(left->name, left->len, right->name, right->len);
}

static int add_child(struct frame *frame, size_t *cap, const struct child *child)
{
        struct child *children;

        if (frame->count == *cap) {
                *cap = *cap ? *cap * 2 : 16;
                children = reallocarray(frame->children, *cap, sizeof(*children));
                if (!children)
                        return -ENOMEM;
                frame->children = children;
        }
        frame->children[frame->count++] = *child;
        return 0;
}

/* The names of a directory's own dentries that the walk has to look at. */
static int add_dentries(struct walk *walk, struct frame *frame, size_t *cap)
{
        uint32_t epoch = tree_epoch(walk->tree);

        for (const struct dentry *at = frame->node->dir.first; at; at = at->next) {
                struct child child = { .name = at->name,
                                       .len = at->name_len,
                                       .dentry = at,
                                       .inside_fresh = frame->fresh,
                                       .fresh = frame->fresh ||
                                                (at->epoch == epoch && at->node != at->base) };

                /* The mount points of a tree that is in use. */
                if (at->stub)
                        continue;
                if (frame->fresh ? at->node != NULL
                                 : child.fresh || (at->node && at->node->marked == epoch)) {
                        if (add_child(frame, cap, &child) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

/* Finds what a name of the layers means; gives it a node where it needs one. */
static int find_lower_child(struct walk *walk, struct node *dir, struct child *child)
{
        struct node *node;
        int r = attach_find(walk->tree, dir, child->name, child->len, &node, &child->lower);

        if (r == 0 && !node && lower_inode(walk->tree, child->lower)->nlink > 1 &&
            !S_ISDIR(lower_inode(walk->tree, child->lower)->mode))
                r = attach_child(walk->tree, dir, child->name, child->len, &node);
        if (r == 0 && node)
                child->dentry = dentry_find(walk->tree, dir, child->name, child->len);
        return r;
}

/* In a directory that is new as a whole: the names that only the layers have. */
static int add_lower_names(struct walk *walk, struct frame *frame, size_t *cap)
{
        struct tree *tree = walk->tree;
        uint32_t count;
        int r = lower_view(tree, frame->node, &count);

        for (uint32_t i = 0; i < count && r == 0; i++) {
                struct merged_name name = lower_name_at(tree, frame->node, i);
                const struct index_entry *entry = lower_entry(tree, name);
                struct child child = {
                        .name = index_name(tree->layers[name.layer].index, entry),
                        .len = entry->name_len,
                        .fresh = true,
                        .inside_fresh = true,
                };

                if (dentry_find(tree, frame->node, child.name, child.len))
                        continue;
                r = find_lower_child(walk, frame->node, &child);
                if (r == 0)
                        r = add_child(frame, cap, &child);
        }
        return r;
}

static int push(struct walk *walk, struct node *node, bool fresh, bool listed)
{
        struct frame *frame;
        size_t cap = 0;
        int r = 0;

        if (walk->depth == walk->cap) {
                size_t more = walk->cap ? walk->cap * 2 : 32;

                frame = reallocarray(walk->frames, more, sizeof(*frame));
                if (!frame)
                        return -ENOMEM;
                walk->frames = frame;
                walk->cap = more;
        }
        frame = &walk->frames[walk->depth++];
        *frame = (struct frame){
                .node = node, .path_len = walk->path.len, .listed = listed, .fresh = fresh
        };
        /* Names of the layers first: finding them may make dentries, which are then met once. */
        if (fresh)
                r = add_lower_names(walk, frame, &cap);
        if (r == 0 && fresh) {
                for (size_t i = 0; i < frame->count; i++)
                        if (frame->children[i].dentry)
                                frame->children[i--] = frame->children[--frame->count];
        }
        if (r == 0)
                r = add_dentries(walk, frame, &cap);
        if (frame->count > 1)
                qsort(frame->children, frame->count, sizeof(*frame->children), compare_children);
        return r;
}

/* All other names of a file that is listed have to be listed too. */
static void check_links(struct walk *walk, struct node *node)
{
        if (node->nlink > 1 && node->relinked != tree_epoch(walk->tree)) {
                node_relink(walk->tree, node);
                walk->again = true;
        }
}

/* In a layer such a name would be a deletion, and the name itself be gone. */
static int refuse_marker(struct walk *walk)
{
        error_set(walk->err, -EINVAL,
                  "a layer cannot hold /%s: names that begin with \".wh.\" mean deletions in it",
                  walk->path.data);
        return error_hint(walk->err, "Remove it in the step that makes it.");
}

static int visit_new(struct walk *walk, const struct child *child)
{
        const struct dentry *dentry = child->dentry;
        bool replaces = dentry->epoch == tree_epoch(walk->tree) && !child->inside_fresh;
        const struct node *old = replaces ? dentry->base : NULL;
        struct node *node = dentry->node;
        bool directory;
        int r;

        if (!node)
                return add_whiteout(walk, child->name, child->len);
        if (S_ISSOCK(node->meta.mode))
                return old ? add_whiteout(walk, child->name, child->len) : 0;
        if (child->len >= strlen(".wh.") && memcmp(child->name, ".wh.", strlen(".wh.")) == 0)
                return refuse_marker(walk);
        if (is_replaced_by_equal(walk->tree, node, old))
                return 0;
        directory = S_ISDIR(node->meta.mode);
        if (!directory)
                check_links(walk, node);
        r = add_way(walk);
        if (r == 0)
                r = add_node(walk, walk->path.len, node);
        if (r == 0 && directory)
                r = push(walk, node, true, true);
        if (r == 0 && directory && old && S_ISDIR(old->meta.mode))
                r = add_whiteout(walk, ".wh..opq", strlen(".wh..opq"));
        return r;
}

static int visit_known(struct walk *walk, const struct child *child)
{
        struct node *node = child->dentry->node;
        bool changed = is_changed(walk->tree, node);
        int r = 0;

        if (S_ISSOCK(node->meta.mode))
                return 0;
        if (changed) {
                r = add_way(walk);
                if (r == 0)
                        r = add_node(walk, walk->path.len, node);
        }
        if (r == 0 && S_ISDIR(node->meta.mode))
                r = push(walk, node, false, changed);
        return r;
}

/* A file or directory of a layer, below a directory that is new here. */
static int visit_lower(struct walk *walk, struct node *dir, const struct child *child)
{
        struct node *node;
        int r;

        if (!S_ISDIR(lower_inode(walk->tree, child->lower)->mode))
                return add_lower(walk, child->lower);
        r = attach_child(walk->tree, dir, child->name, child->len, &node);
        if (r == 0)
                r = add_node(walk, walk->path.len, node);
        return r < 0 ? r : push(walk, node, true, true);
}

static int visit(struct walk *walk, struct node *dir, const struct child *child)
{
        int r = 0;

        if (walk->path.len > 0)
                r = buf_append_char(&walk->path, '/');
        if (r == 0)
                r = buf_append(&walk->path, child->name, child->len);
        if (r < 0)
                return r;
        if (!child->dentry)
                return visit_lower(walk, dir, child);
        return child->fresh ? visit_new(walk, child) : visit_known(walk, child);
}

static int walk_tree(struct walk *walk)
{
        struct node *root = walk->tree->root;
        int r = buf_reserve(&walk->path, 1);

        if (r == 0 && is_changed(walk->tree, root)) {
                struct change *change;

                r = change_list_add(walk->list, "./", 2, &change);
                if (r == 0) {
                        change->type = ENTRY_DIRECTORY;
                        clamp_time(walk->tree, &root->meta.mtime);
                        change->meta = root->meta;
                        xattr_set_ref(change->meta.xattrs);
                }
        }
        if (r == 0)
                r = push(walk, root, false, true);
        while (r == 0 && walk->depth > 0) {
                struct frame *frame = &walk->frames[walk->depth - 1];

                walk->path.len = frame->path_len;
                walk->path.data[walk->path.len] = '\0';
                if (frame->next < frame->count) {
                        struct child child = frame->children[frame->next++];

                        r = visit(walk, frame->node, &child);
                } else {
                        free(frame->children);
                        walk->depth--;
                }
        }
        while (walk->depth > 0)
                free(walk->frames[--walk->depth].children);
        return r;
}

static int find_changes(struct tree *tree, struct change_list *list, struct error *err)
{
        struct walk walk = { .tree = tree, .list = list, .err = err, .again = true };
        int r = 0;

        while (r == 0 && walk.again) {
                walk.again = false;
                walk.path.len = 0;
                change_list_clear(list);
                tree->walks++;
                r = walk_tree(&walk);
        }
        free(walk.frames);
        buf_done(&walk.path);
        return r;
}

int tree_commit(struct tree *tree, struct change_list **ret, struct error *err)
{
        struct change_list *list = change_list_new(tree);
        int r = 0;

        if (!list)
                return error_set_oom(err);
        /* Nobody is in the middle of a write, either. */
        for (size_t i = 0; i < CONTENT_LOCKS; i++)
                pthread_rwlock_wrlock(&tree->content_locks[i]);
        pthread_mutex_lock(&tree->lock);
        if (tree->write_error < 0 && !tree->persistent)
                r = error_set_errno(err, tree->write_error, "some of what the step wrote was lost");
        if (r == 0) {
                r = find_changes(tree, list, err);
                if (r < 0 && !error_is_set(err))
                        error_set_errno(err, r, "cannot list what the step has changed");
        }
        tree->write_error = 0;
        tree->store.epoch++;
        pthread_mutex_unlock(&tree->lock);
        for (size_t i = 0; i < CONTENT_LOCKS; i++)
                pthread_rwlock_unlock(&tree->content_locks[i]);
        if (r < 0) {
                change_list_free(list);
                return r;
        }
        *ret = list;
        return 0;
}
