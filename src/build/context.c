#include "context.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "build/layers.h"
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)

void context_done(struct context *context)
{
        struct error ignored = ERROR_INIT;

        ignore_free((struct ignore *)context->source.ignore);
        tree_free(context->source.tree);
        cleanup_close(&context->source.root_fd);
        free(context->path);
        if (context->temporary)
                io_remove_tree(context->parent_fd, context->temporary, &ignored);
        free(context->temporary);
        *context = CONTEXT_INIT;
}

int context_open_directory(const char *path, struct context *ret, struct error *err)
{
        *ret = CONTEXT_INIT;
        ret->source.root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (ret->source.root_fd < 0)
                return error_set_errno(err, -errno, "cannot open the context %s", path);
        ret->path = strdup(path);
        if (!ret->path) {
                context_done(ret);
                return error_set_oom(err);
        }
        return 0;
}

/* ---- archives ---- */

/* What was read before, then the rest. */
struct archive {
        const struct buf *begun;
        size_t at;
        int fd;
};

static ssize_t read_archive(void *userdata, void *data, size_t len, struct error *err)
{
        struct archive *archive = userdata;
        size_t left = archive->begun->len - archive->at;
        ssize_t n;

        if (left > 0) {
                if (left < len)
                        len = left;
                memcpy(data, archive->begun->data + archive->at, len);
                archive->at += len;
                return (ssize_t)len;
        }
        n = io_read(archive->fd, data, len);
        return n < 0 ? error_set_errno(err, (int)n, "cannot read the context") : n;
}

int context_open_archive(struct store *store, int fd, const struct buf *begun, struct context *ret,
                         struct error *err)
{
        static const struct layers nothing;
        struct archive archive = { .begun = begun, .fd = fd };
        struct byte_source source = { .read = read_archive, .context = &archive };
        int r;

        *ret = CONTEXT_INIT;
        ret->source.anonymous = true;
        r = layers_open(store, &nothing, &ret->source.tree, err);
        if (r == 0)
                r = copy_unpack_stream(&source, ret->source.tree, err);
        if (r < 0)
                context_done(ret);
        return r < 0 ? error_wrap(err, "the context") : 0;
}

/* ---- files of it ---- */

/* Opens a regular file: a FIFO would be waited for, and say something else the next time. */
static int open_regular(const struct context *context, const char *path, char **ret_path,
                        struct copy_file *ret, struct error *err)
{
        struct copy_stat st;
        int r;

        r = copy_source_resolve(&context->source, path, ret_path, err);
        if (r == 0)
                r = copy_source_stat(&context->source, *ret_path, &st, err);
        if (r < 0)
                return r;
        if (!S_ISREG(st.mode))
                return error_set(err, -EINVAL, "%s is not a regular file", path);
        return copy_file_open(&context->source, *ret_path, ret, err);
}

int context_read(const struct context *context, const char *path, size_t max_bytes, struct buf *ret,
                 struct error *err)
{
        _cleanup_free_ char *real = NULL;
        struct copy_file file;
        ssize_t n = 0;
        int r;

        r = open_regular(context, path, &real, &file, err);
        if (r < 0)
                return r;
        file.data_end = UINT64_MAX; /* holes are the zeros that they are read as */
        do {
                r = buf_reserve(ret, READ_BYTES);
                if (r < 0) {
                        error_set_oom(err);
                        break;
                }
                n = copy_file_read(&file, ret->data + ret->len, READ_BYTES - 1, err);
                if (n < 0)
                        r = (int)n;
                else
                        ret->data[ret->len += (size_t)n] = '\0';
                if (r == 0 && ret->len > max_bytes)
                        r = error_set(err, -E2BIG, "%s is larger than %zu bytes", path, max_bytes);
        } while (r == 0 && n > 0);
        copy_file_close(&file);
        return r;
}

static int read_host_file(const char *path, struct buf *ret, struct error *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT
                                       : error_set_errno(err, -errno, "cannot open %s", path);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return error_set(err, -EINVAL, "%s is not a regular file", path);
        return io_read_fd(fd, path, IGNORE_SIZE_MAX, ret, err);
}

/* A host's file is whatever the name leads to on the host. */
static int read_own_ignore(const struct context *context, const char *name, struct buf *ret,
                           struct error *err)
{
        _cleanup_free_ char *path = NULL;

        if (!context->path)
                return context_read(context, name, IGNORE_SIZE_MAX, ret, err);
        if (asprintf(&path, "%s/%s", context->path, name) < 0) {
                path = NULL;
                return error_set_oom(err);
        }
        return read_host_file(path, ret, err);
}

int context_read_ignore(struct context *context, const char *beside, bool beside_host,
                        struct error *err)
{
        const char *path = beside;
        struct ignore *ignore = NULL;
        struct buf text = BUF_INIT;
        unsigned int line = 0;
        int r = -ENOENT;

        if (beside)
                r = beside_host ? read_host_file(beside, &text, err)
                                : context_read(context, beside, IGNORE_SIZE_MAX, &text, err);
        if (r == -ENOENT && !error_is_set(err)) {
                path = ".dockerignore";
                r = read_own_ignore(context, path, &text, err);
                if (r == -ENOENT && !error_is_set(err))
                        r = 0;
        }
        if (r == 0 && text.len > 0) {
                r = ignore_parse(text.data, text.len, &ignore, &line, err);
                if (r < 0)
                        error_wrap(err, "%s:%u", path, line);
                else
                        context->source.ignore = ignore;
        }
        buf_done(&text);
        return r;
}
