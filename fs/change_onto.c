/*
 * What an epoch has changed and the topmost layer, as one layer.
 *
 * Two walks side by side: the list of changes lies in the order of a walk, and the layer's
 * directories are sorted as the list is. Where both have a name the list's stands; what only the
 * layer has is still as it was. Deletions stay only where the layers below have what they delete,
 * so they do not pile up.
 */
#include "change_list.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* A directory on the way. */
struct frame {
        uint32_t inode; /* the layer's directory; 0: it shows nothing of it */
        uint32_t next;  /* of its entries */
        size_t path_len;
        struct lower_ref *lowers; /* owned; the directories below the layer */
        uint32_t lower_count;
        struct timespec mtime; /* for deletions in it */
};

struct onto {
        struct tree *tree;
        uint32_t layer;
        const struct index *index;
        struct change_list *from; /* the changes */
        size_t at;                /* the next of them */
        struct change_list *to;
        uint32_t *listed; /* owned; where an inode of several names stands in `to`, and 1 */
        struct buf path;
        struct frame *frames; /* owned */
        size_t depth;
        size_t cap;
};

/* What there is of one name. */
struct name {
        const char *text;
        size_t len;
        struct change *change;           /* NULL: none */
        bool deletes;                    /* `change` is a deletion */
        const struct index_entry *entry; /* NULL: none */
        struct lower_ref lowers[TREE_LAYERS_MAX];
        uint32_t lower_count;
};

/* ---- what is read ---- */

static const char *change_path(const struct onto *onto, const struct change *change)
{
        return onto->from->strings.data + change->path;
}

/* The change that comes next, if it lies in the current directory. Sets its last component. */
static struct change *next_change(const struct onto *onto, const char **ret_name)
{
        const struct frame *frame = &onto->frames[onto->depth - 1];
        struct change *change;
        const char *path;

        if (onto->at == onto->from->count)
                return NULL;
        change = &onto->from->changes[onto->at];
        path = change_path(onto, change);
        if (frame->path_len > 0) {
                if (strncmp(path, onto->path.data, frame->path_len) != 0 ||
                    path[frame->path_len] != '/')
                        return NULL;
                path += frame->path_len + 1;
        }
        *ret_name = path;
        return change;
}

/* Whether the change that comes next hides what the layers have of the current directory. */
static bool takes_opaque(struct onto *onto)
{
        const char *name;

        if (!next_change(onto, &name) || strcmp(name, WHITEOUT_OPAQUE) != 0)
                return false;
        onto->at++;
        return true;
}

static const struct index_entry *next_entry(const struct onto *onto, const struct frame *frame)
{
        const struct index_inode *inode = index_inode(onto->index, frame->inode);

        if (frame->inode == 0 || frame->next == inode->count)
                return NULL;
        return &onto->index->entries[inode->first + frame->next];
}

/* Finds the name of the current directory that comes first. Returns false at its end. */
static bool next_name(struct onto *onto, struct name *ret)
{
        struct frame *frame = &onto->frames[onto->depth - 1];

        *ret = (struct name){ .entry = next_entry(onto, frame) };
        ret->change = next_change(onto, &ret->text);
        if (!ret->change && !ret->entry)
                return false;
        if (ret->change) {
                ret->deletes = strncmp(ret->text, WHITEOUT, strlen(WHITEOUT)) == 0;
                ret->text += ret->deletes ? strlen(WHITEOUT) : 0;
                ret->len = strlen(ret->text);
        }
        if (ret->entry) {
                const char *text = index_name(onto->index, ret->entry);
                int order = 1;

                if (ret->change)
                        order = index_name_cmp(ret->text, ret->len, text, ret->entry->name_len);
                if (order > 0) {
                        ret->change = NULL;
                        ret->deletes = false;
                        ret->text = text;
                        ret->len = ret->entry->name_len;
                } else if (order < 0) {
                        ret->entry = NULL;
                }
        }
        frame->next += ret->entry != NULL;
        onto->at += ret->change != NULL;
        ret->lower_count = lower_find(onto->tree, frame->lowers, frame->lower_count, ret->text,
                                      ret->len, ret->lowers);
        return true;
}

/* ---- what is listed ---- */

/* Adds a deletion, of `name` in the current directory. */
static int add_whiteout(struct onto *onto, const char *name, size_t len)
{
        const struct frame *frame = &onto->frames[onto->depth - 1];
        struct buf path = BUF_INIT;
        struct change *change;
        int r = buf_append(&path, onto->path.data, frame->path_len);

        if (r == 0 && frame->path_len > 0)
                r = buf_append_char(&path, '/');
        if (r == 0)
                r = buf_append_str(&path, WHITEOUT);
        if (r == 0)
                r = buf_append(&path, name, len);
        if (r == 0)
                r = change_list_add(onto->to, path.data, path.len, &change);
        if (r == 0) {
                change->type = ENTRY_FILE;
                change->meta.mode = S_IFREG;
                change->meta.mtime = frame->mtime;
        }
        buf_done(&path);
        return r;
}

/* Moves a change over. */
static int add_change(struct onto *onto, struct change *from)
{
        size_t path, link = 0;
        struct change *change;
        int r = change_list_add(onto->to, onto->path.data, onto->path.len, &change);

        if (r == 0 && (from->type == ENTRY_SYMLINK || from->type == ENTRY_HARDLINK)) {
                const char *text = onto->from->strings.data + from->link;

                r = change_list_add_string(onto->to, text, strlen(text), &link);
        }
        if (r < 0)
                return r;
        path = change->path;
        *change = *from;
        change->path = path;
        change->link = link;
        from->meta.xattrs = NULL;
        from->content.extents = NULL;
        return 0;
}

/* Adds an inode of the layer, under the current path. */
static int add_inode(struct onto *onto, uint32_t number)
{
        struct lower_ref lower = { .layer = onto->layer, .inode = number };
        uint32_t *listed = &onto->listed[number];
        struct change *change;
        int r = change_list_add(onto->to, onto->path.data, onto->path.len, &change);

        if (r < 0)
                return r;
        if (*listed > 0 && !S_ISDIR(index_inode(onto->index, number)->mode)) {
                lower_meta(onto->tree, lower, &change->meta);
                change->type = ENTRY_HARDLINK;
                change->link = onto->to->changes[*listed - 1].path;
                return 0;
        }
        *listed = (uint32_t)onto->to->count;
        return change_list_fill(onto->to, change, lower);
}

/* ---- the walk ---- */

static int push(struct onto *onto, uint32_t inode, const struct lower_ref *lowers, uint32_t count)
{
        const struct change_list *list = onto->to;
        struct frame *frame;

        if (onto->depth == onto->cap) {
                size_t cap = onto->cap ? onto->cap * 2 : 32;

                frame = reallocarray(onto->frames, cap, sizeof(*frame));
                if (!frame)
                        return -ENOMEM;
                onto->frames = frame;
                onto->cap = cap;
        }
        frame = &onto->frames[onto->depth];
        *frame = (struct frame){ .inode = inode, .path_len = onto->path.len, .lower_count = count };
        frame->mtime = list->count > 0 ? list->changes[list->count - 1].meta.mtime : tree_now();
        frame->lowers = reallocarray(NULL, count + 1, sizeof(*frame->lowers));
        if (!frame->lowers)
                return -ENOMEM;
        memcpy(frame->lowers, lowers, count * sizeof(*lowers));
        onto->depth++;
        return 0;
}

static bool is_directory(const struct onto *onto, uint32_t inode)
{
        return inode != 0 && S_ISDIR(index_inode(onto->index, inode)->mode);
}

/* Goes into a directory whose own entry was added last. */
static int enter(struct onto *onto, const struct name *name)
{
        uint32_t inode = name->entry ? name->entry->inode : 0;
        uint32_t lower_count = name->lower_count;
        bool merges = is_directory(onto, inode), opaque;
        struct frame *frame;
        int r;

        if (lower_count > 0 && !S_ISDIR(lower_inode(onto->tree, name->lowers[0])->mode))
                lower_count = 0;
        r = push(onto, merges ? inode : 0, name->lowers, lower_count);
        if (r < 0)
                return r;
        frame = &onto->frames[onto->depth - 1];
        opaque = name->entry && (!merges || index_inode(onto->index, inode)->flags & INDEX_OPAQUE);
        if (takes_opaque(onto)) {
                opaque = true;
                frame->inode = 0;
        }
        if (!opaque || lower_count == 0)
                return 0;
        frame->lower_count = 0;
        return add_whiteout(onto, ".wh..opq", strlen(".wh..opq"));
}

static int visit(struct onto *onto, const struct name *name)
{
        bool directory;
        int r;

        if (name->deletes || (!name->change && name->entry->inode == 0))
                return name->lower_count > 0 ? add_whiteout(onto, name->text, name->len) : 0;
        r = onto->path.len > 0 ? buf_append_char(&onto->path, '/') : 0;
        if (r == 0)
                r = buf_append(&onto->path, name->text, name->len);
        if (r < 0)
                return r;
        if (name->change) {
                directory = name->change->type == ENTRY_DIRECTORY;
                r = add_change(onto, name->change);
        } else {
                directory = is_directory(onto, name->entry->inode);
                r = add_inode(onto, name->entry->inode);
        }
        return r == 0 && directory ? enter(onto, name) : r;
}

/* The root, which has an entry of its own only where it has changed. */
static int begin(struct onto *onto)
{
        const struct index_inode *root = index_inode(onto->index, INDEX_ROOT);
        bool opaque = root->flags & INDEX_OPAQUE, hides = opaque;
        struct lower_ref lowers[TREE_LAYERS_MAX];
        uint32_t count = 0;
        int r;

        for (uint32_t i = onto->layer; i-- > 0 && !hides;) {
                lowers[count++] = (struct lower_ref){ .layer = i, .inode = INDEX_ROOT };
                hides = lower_inode(onto->tree, lowers[count - 1])->flags & INDEX_OPAQUE;
        }
        r = buf_append_str(&onto->path, "./");
        if (r < 0)
                return r;
        if (onto->from->count > 0 && strcmp(change_path(onto, onto->from->changes), "./") == 0)
                r = add_change(onto, &onto->from->changes[onto->at++]);
        else if (!(root->flags & INDEX_IMPLIED))
                r = add_inode(onto, INDEX_ROOT);
        buf_clear(&onto->path);
        if (r == 0)
                r = push(onto, INDEX_ROOT, lowers, count);
        return r == 0 && opaque ? add_whiteout(onto, ".wh..opq", strlen(".wh..opq")) : r;
}

static int walk(struct onto *onto)
{
        int r = begin(onto);

        while (r == 0 && onto->depth > 0) {
                struct frame *frame = &onto->frames[onto->depth - 1];
                struct name name;

                onto->path.len = frame->path_len;
                onto->path.data[frame->path_len] = '\0';
                if (next_name(onto, &name)) {
                        r = visit(onto, &name);
                } else {
                        free(frame->lowers);
                        onto->depth--;
                }
        }
        while (onto->depth > 0)
                free(onto->frames[--onto->depth].lowers);
        return r;
}

int tree_commit_onto(struct tree *tree, struct change_list **ret, struct error *err)
{
        struct onto onto = { .tree = tree, .layer = tree->layer_count - 1 };
        int r = tree_commit(tree, &onto.from, err);

        if (r < 0)
                return r;
        if (onto.from->count == 0) {
                change_list_free(onto.from);
                *ret = NULL;
                return 0;
        }
        onto.index = tree->layers[onto.layer].index;
        onto.listed = calloc(onto.index->header->inode_count, sizeof(*onto.listed));
        onto.to = change_list_new(tree);
        r = onto.listed && onto.to ? walk(&onto) : -ENOMEM;
        free(onto.listed);
        free(onto.frames);
        buf_done(&onto.path);
        change_list_free(onto.from);
        if (r < 0) {
                change_list_free(onto.to);
                return error_set_errno(err, r, "cannot list what has changed");
        }
        *ret = onto.to;
        return 0;
}
