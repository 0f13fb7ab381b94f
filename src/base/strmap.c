#include "base/strmap.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void strmap_done(struct strmap *map)
{
        for (size_t i = 0; i < map->count; i++) {
                free(map->items[i].key);
                free(map->items[i].value);
        }
        free(map->items);
        *map = STRMAP_INIT;
}

/* Finds `key`, or else the index where it belongs. */
static bool find(const struct strmap *map, const char *key, size_t *ret_index)
{
        size_t low = 0, high = map->count;

        /* Keys mostly come sorted, as from another map or from a file. */
        if (map->count > 0 && strcmp(map->items[map->count - 1].key, key) < 0)
                low = map->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(map->items[middle].key, key);

                if (order == 0) {
                        *ret_index = middle;
                        return true;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_index = low;
        return false;
}

static int reserve_one(struct strmap *map)
{
        size_t cap = map->cap ? map->cap * 2 : 8;
        struct strmap_item *items;

        if (map->count < map->cap)
                return 0;
        items = reallocarray(map->items, cap, sizeof(*items));
        if (!items)
                return -ENOMEM;
        map->items = items;
        map->cap = cap;
        return 0;
}

int strmap_set(struct strmap *map, const char *key, const char *value)
{
        _cleanup_free_ char *key_copy = NULL, *value_copy = strdup(value);
        size_t index;

        if (!value_copy)
                return -ENOMEM;
        if (find(map, key, &index)) {
                free(map->items[index].value);
                map->items[index].value = TAKE_PTR(value_copy);
                return 0;
        }
        key_copy = strdup(key);
        if (!key_copy || reserve_one(map) < 0)
                return -ENOMEM;
        memmove(&map->items[index + 1], &map->items[index],
                (map->count - index) * sizeof(*map->items));
        map->items[index].key = TAKE_PTR(key_copy);
        map->items[index].value = TAKE_PTR(value_copy);
        map->count++;
        return 0;
}

const char *strmap_get(const struct strmap *map, const char *key)
{
        size_t index;

        return find(map, key, &index) ? map->items[index].value : NULL;
}

void strmap_remove(struct strmap *map, const char *key)
{
        size_t index;

        if (!find(map, key, &index))
                return;
        free(map->items[index].key);
        free(map->items[index].value);
        map->count--;
        memmove(&map->items[index], &map->items[index + 1],
                (map->count - index) * sizeof(*map->items));
}

int strmap_extend(struct strmap *map, const struct strmap *from)
{
        for (size_t i = 0; i < from->count; i++) {
                int r = strmap_set(map, from->items[i].key, from->items[i].value);

                if (r < 0)
                        return r;
        }
        return 0;
}
