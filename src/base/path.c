#include "base/path.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t path_next(const char **path, const char **ret_name)
{
        const char *begin = *path + strspn(*path, "/");
        size_t len = strcspn(begin, "/");

        *path = begin + len;
        *ret_name = begin;
        return len;
}

bool path_name_is_dot(const char *name, size_t len)
{
        return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Drops the last component of `buf`, down to `floor`. Returns false where there is none. */
static bool drop_last(struct buf *buf, size_t floor)
{
        if (buf->len <= floor)
                return false;
        while (buf->len > floor && buf->data[buf->len - 1] != '/')
                buf->len--;
        if (buf->len > floor)
                buf->len--;
        buf->data[buf->len] = '\0';
        return true;
}

char *path_clean(const char *path)
{
        struct buf out = BUF_INIT;
        bool rooted = path[0] == '/';
        size_t floor = rooted ? 1 : 0;
        const char *name;
        size_t len;

        if (rooted && buf_append_char(&out, '/') < 0)
                goto oom;
        while ((len = path_next(&path, &name)) > 0) {
                if (len == 1 && name[0] == '.')
                        continue;
                if (len == 2 && name[0] == '.' && name[1] == '.') {
                        if (drop_last(&out, floor) || rooted)
                                continue;
                }
                if (out.len > (rooted ? 1 : 0) && buf_append_char(&out, '/') < 0)
                        goto oom;
                if (buf_append(&out, name, len) < 0)
                        goto oom;
                if (path_name_is_dot(name, len))
                        floor = out.len; /* a leading ".." of a relative path stays */
        }
        if (out.len == 0 && buf_append_char(&out, '.') < 0)
                goto oom;
        return buf_take_str(&out);
oom:
        buf_done(&out);
        return NULL;
}

char *path_resolve(const char *dir, const char *path)
{
        char *joined, *clean;

        if (path_is_absolute(path))
                return path_clean(path);
        if (asprintf(&joined, "%s/%s", dir, path) < 0)
                return NULL;
        clean = path_clean(joined);
        free(joined);
        return clean;
}

int path_parent(const char *path, char *ret, size_t size)
{
        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : 0;

        if (!slash) {
                path = ".";
                len = 1;
        } else if (len == 0) {
                len = 1;
        }
        if (len >= size)
                return -ENAMETOOLONG;
        memcpy(ret, path, len);
        ret[len] = '\0';
        return 0;
}

size_t path_depth(const char *path)
{
        size_t depth = 0;
        const char *name;

        while (path_next(&path, &name) > 0)
                depth++;
        return depth;
}

const char *path_base(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}
