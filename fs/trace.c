/*
 * Filling a trace.
 */
#include "trace_internal.h"

#include "base/path.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

static uint32_t *find_slot(const struct seen_list *list, uint32_t parent, const char *name,
                           size_t len)
{
        uint32_t mask = list->slot_count - 1;
        uint32_t at = (uint32_t)hash_name(list->key, parent, name, len) & mask;

        for (;; at = (at + 1) & mask) {
                const struct seen *other;

                if (list->slots[at] == 0)
                        return &list->slots[at];
                other = &list->items[list->slots[at] - 1];
                if (other->parent == parent && strcmp(list->strings.data + other->name, name) == 0)
                        return &list->slots[at];
        }
}

static int grow(struct seen_list *list)
{
        uint32_t cap = list->cap ? list->cap * 2 : 256;
        struct seen *items = reallocarray(list->items, cap, sizeof(*items));

        if (!items)
                return -ENOMEM;
        list->items = items;
        list->cap = cap;
        free(list->slots);
        list->slot_count = cap * 2;
        list->slots = calloc(list->slot_count, sizeof(*list->slots));
        if (!list->slots)
                return -ENOMEM;
        for (uint32_t i = 1; i < list->count; i++) {
                const char *name = list->strings.data + items[i].name;

                *find_slot(list, items[i].parent, name, strlen(name)) = i + 1;
        }
        return 0;
}

static int append(struct seen_list *list, uint32_t parent, const char *name, size_t len)
{
        size_t text = list->strings.len;

        if (text + len + 1 > UINT32_MAX)
                return -E2BIG;
        if (buf_append(&list->strings, name, len + 1) < 0)
                return -ENOMEM;
        list->items[list->count++] = (struct seen){ .parent = parent, .name = (uint32_t)text };
        return 0;
}

int seen_add(struct seen_list *list, uint32_t parent, const char *name, uint32_t *ret)
{
        size_t len = strlen(name);
        uint32_t *slot;
        int r = 0;

        if (list->count == list->cap)
                r = grow(list);
        /* The root has no name, and is not looked for. */
        if (r == 0 && list->count == 0)
                r = append(list, 0, "", 0);
        if (r < 0 || len == 0)
                return r;
        slot = find_slot(list, parent, name, len);
        if (*slot == 0) {
                if (list->count >= TRACE_NAMES_MAX)
                        return -E2BIG;
                r = append(list, parent, name, len);
                if (r < 0)
                        return r;
                *slot = list->count;
        }
        *ret = *slot - 1;
        return 0;
}

void seen_list_done(struct seen_list *list)
{
        free(list->items);
        free(list->slots);
        buf_done(&list->strings);
}

static struct number_slot *find_number(const struct number_map *map, uint64_t key)
{
        uint32_t mask = map->slot_count - 1;
        uint32_t at = (uint32_t)hash_mix(key, 0x9e3779b97f4a7c15u) & mask;

        while (map->slots[at].key != 0 && map->slots[at].key != key)
                at = (at + 1) & mask;
        return &map->slots[at];
}

uint32_t number_map_get(const struct number_map *map, uint64_t key)
{
        const struct number_slot *slot = map->slot_count ? find_number(map, key) : NULL;

        return slot && slot->key ? slot->value : UINT32_MAX;
}

int number_map_put(struct number_map *map, uint64_t key, uint32_t value)
{
        if (map->count * 2 >= map->slot_count) {
                struct number_map bigger = { .slot_count =
                                                     map->slot_count ? map->slot_count * 2 : 256,
                                             .count = map->count };

                bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
                if (!bigger.slots)
                        return -ENOMEM;
                for (uint32_t i = 0; i < map->slot_count; i++)
                        if (map->slots[i].key)
                                *find_number(&bigger, map->slots[i].key) = map->slots[i];
                free(map->slots);
                *map = bigger;
        }
        *find_number(map, key) = (struct number_slot){ .key = key, .value = value };
        map->count++;
        return 0;
}

void number_map_done(struct number_map *map)
{
        free(map->slots);
}

/* ---- the trace ---- */

int trace_new(struct trace **ret, struct error *err)
{
        struct trace *trace = calloc(1, sizeof(*trace));
        uint32_t root;

        if (!trace)
                return error_set_oom(err);
        pthread_mutex_init(&trace->lock, NULL);
        trace->seen.key = hash_key();
        if (seen_add(&trace->seen, 0, "", &root) < 0 ||
            number_map_put(&trace->inodes, TREE_ROOT, 0) < 0) {
                trace_free(trace);
                return error_set_oom(err);
        }
        *ret = trace;
        return 0;
}

void trace_free(struct trace *trace)
{
        if (!trace)
                return;
        seen_list_done(&trace->seen);
        number_map_done(&trace->inodes);
        pthread_mutex_destroy(&trace->lock);
        free(trace);
}

/* The entry of a name below a directory that is not the step's own; NULL otherwise. */
static struct seen *note(struct trace *trace, uint64_t dir, const char *name, uint32_t *ret_number)
{
        uint32_t parent = number_map_get(&trace->inodes, dir);
        int r;

        if (parent == UINT32_MAX || trace->failure < 0)
                return NULL;
        r = seen_add(&trace->seen, parent, name, ret_number);
        if (r < 0)
                trace->failure = r;
        return r < 0 ? NULL : &trace->seen.items[*ret_number];
}

void trace_name(struct trace *trace, uint64_t dir, const char *name, uint64_t ino)
{
        uint32_t number;

        pthread_mutex_lock(&trace->lock);
        if (note(trace, dir, name, &number) && ino != 0 &&
            number_map_get(&trace->inodes, ino) == UINT32_MAX &&
            number_map_put(&trace->inodes, ino, number) < 0)
                trace->failure = -ENOMEM;
        pthread_mutex_unlock(&trace->lock);
}

static void use_name(struct trace *trace, uint64_t dir, const char *name, unsigned uses)
{
        struct seen *seen;
        uint32_t number;

        pthread_mutex_lock(&trace->lock);
        seen = note(trace, dir, name, &number);
        if (seen)
                seen->uses |= uses;
        pthread_mutex_unlock(&trace->lock);
}

void trace_name_changed(struct trace *trace, uint64_t dir, const char *name)
{
        use_name(trace, dir, name, TRACE_NAME_CHANGED);
}

void trace_name_emptied(struct trace *trace, uint64_t dir, const char *name)
{
        use_name(trace, dir, name, TRACE_NAME_CHANGED | TRACE_LISTED);
}

void trace_renamed(struct trace *trace, uint64_t dir, const char *name)
{
        use_name(trace, dir, name, TRACE_NAME_CHANGED | TRACE_RENAMED);
}

void trace_refuse(struct trace *trace, const char *why)
{
        pthread_mutex_lock(&trace->lock);
        trace->failure = -EOPNOTSUPP;
        if (!trace->refused)
                trace->refused = why;
        pthread_mutex_unlock(&trace->lock);
}

bool trace_has_changes(struct trace *trace)
{
        bool found = false;

        pthread_mutex_lock(&trace->lock);
        for (uint32_t i = 0; i < trace->seen.count && !found; i++)
                found = trace->seen.items[i].uses & TRACE_CHANGING;
        pthread_mutex_unlock(&trace->lock);
        return found;
}

/* ---- paths ---- */

/* Calls `visit` for each name of a path, which may not be there (`ino` 0), and what is below that
 * neither. Returns 1 where the path has a symlink or a dot: the rest is not looked at. */
static int walk(struct trace *trace, struct tree *tree, const char *path,
                void (*visit)(struct trace *trace, uint64_t dir, const char *name, bool exists,
                              bool last))
{
        uint64_t dir = TREE_ROOT;
        const char *name;
        size_t len;

        while ((len = path_next(&path, &name)) > 0) {
                bool last = path[strspn(path, "/")] == '\0';
                struct tree_attr attr = { .ino = 0 };
                char text[TREE_NAME_MAX + 1];
                int r;

                if (len > TREE_NAME_MAX)
                        return -ENAMETOOLONG;
                if (path_name_is_dot(name, len))
                        return 1;
                memcpy(text, name, len);
                text[len] = '\0';
                r = tree_lookup(tree, dir, text, &attr);
                if (r < 0 && r != -ENOENT)
                        return r;
                trace_name(trace, dir, text, r == 0 ? attr.ino : 0);
                visit(trace, dir, text, r == 0, last);
                if (r < 0)
                        return 0;
                if (S_ISLNK(attr.mode) && !last)
                        return 1;
                dir = attr.ino;
        }
        return 0;
}

static void cover(struct trace *trace, uint64_t dir, const char *name, bool exists, bool last)
{
        (void)exists;
        if (last)
                use_name(trace, dir, name, TRACE_COVERED);
}

int trace_cover(struct trace *trace, struct tree *tree, const char *path)
{
        int r = walk(trace, tree, path, cover);

        return r < 0 ? r : 0;
}

static void make(struct trace *trace, uint64_t dir, const char *name, bool exists, bool last)
{
        (void)last;
        if (!exists)
                trace_name_changed(trace, dir, name);
}

int trace_make_path(struct trace *trace, struct tree *tree, const char *path)
{
        struct tree_attr attr;
        int r = walk(trace, tree, path, make);

        /* Also where the last name is a symlink that leads nowhere. */
        if (r > 0 || (r == 0 && tree_resolve(tree, path, false, &attr) == 0 && S_ISLNK(attr.mode)))
                trace_refuse(trace, "its working directory was made behind a symlink");
        return r < 0 ? r : 0;
}

/* ---- inodes ---- */

void trace_inode(struct trace *trace, uint64_t ino, unsigned uses)
{
        struct seen *seen;
        uint32_t number;

        pthread_mutex_lock(&trace->lock);
        number = number_map_get(&trace->inodes, ino);
        if (number != UINT32_MAX) {
                seen = &trace->seen.items[number];
                /* Once it is cut, content is the step's own. */
                if (seen->uses & TRACE_CUT)
                        uses &= ~(unsigned)(TRACE_READ | TRACE_CHANGED);
                seen->uses |= uses;
        }
        pthread_mutex_unlock(&trace->lock);
}
