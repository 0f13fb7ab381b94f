/*
 * Paths as text: floor 0. Nothing here looks at a filesystem.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Walks the components of a path: `*path` is advanced past the component found, repeated
 * slashes are one, "." and ".." are components like others. Returns the component's length and
 * sets `ret_name` to where it begins (it is not terminated), or 0 at the end.
 */
size_t path_next(const char **path, const char **ret_name);

/*
 * Go's path.Clean: the shortest path of the same meaning, by text alone. "." for an empty one;
 * ".." that would climb above "/" is dropped. Returns a string that the caller frees, or NULL
 * when memory ran out.
 */
char *path_clean(const char *path);

/* As path_clean(), of `dir` "/" `path`; an absolute `path` stands alone. */
char *path_resolve(const char *dir, const char *path);

/* Writes what stands before the last component ("." where there is nothing, "/" for the root).
 * Returns 0 or -ENAMETOOLONG. */
int path_parent(const char *path, char *ret, size_t size);

/* How many components a path has. */
size_t path_depth(const char *path);

/* The last component, inside `path`; "" when it ends with a slash. */
const char *path_base(const char *path);

static inline bool path_is_absolute(const char *path)
{
        return path[0] == '/';
}

/* A component that names no entry: ".", "..". */
bool path_name_is_dot(const char *name, size_t len);
