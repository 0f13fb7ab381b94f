#include "layers.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "fs/change.h"

#include <errno.h>
#include <fcntl.h>

/* Offset 0 would be the header's. */
#define CONTENT_BEGIN 512

struct layer_file {
        struct index_builder *builder;
        int fd;
        uint64_t end;
};

static int write_content(struct layer_file *file, const struct entry_source *source,
                         const struct entry *entry, struct error *err)
{
        struct entry_extent whole = { .offset = 0, .length = entry->size };
        const struct entry_extent *extents = entry->extents ? entry->extents : &whole;
        size_t count = entry->extents ? entry->extent_count : 1;
        char data[8192];
        int r = 0;

        for (size_t i = 0; i < count; i++) {
                for (uint64_t at = 0; at < extents[i].length && r == 0;) {
                        uint64_t want = extents[i].length - at;

                        if (want > sizeof(data))
                                want = sizeof(data);
                        r = source->read(source->context, extents[i].offset + at, data, want, err);
                        if (r == 0)
                                r = io_pwrite(file->fd, data, want, (off_t)file->end);
                        if (r == 0)
                                r = index_builder_content(file->builder, data, want, err);
                        file->end += want;
                        at += want;
                }
        }
        return r;
}

static int write_layer(struct layer_file *file, struct change_list *list, int index_fd,
                       struct error *err)
{
        static const uint8_t no_digest[INDEX_DIFF_ID_BYTES];
        struct entry_source source = change_list_source(list);
        struct entry entry;
        int r;

        while ((r = source.next(source.context, &entry, err)) > 0) {
                r = index_builder_add(file->builder, &entry, file->end, err);
                if (r == 0 && entry.type == ENTRY_FILE)
                        r = write_content(file, &source, &entry, err);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : index_builder_finish(file->builder, no_digest, file->end, index_fd, err);
}

/* Makes a layer of a list. */
static int add_layer(struct layers *layers, struct change_list *list, struct error *err)
{
        _cleanup_close_ int fd = openat(layers->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        _cleanup_close_ int index_fd =
                openat(layers->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        struct layer_file file = { .fd = fd, .end = CONTENT_BEGIN };
        int r;

        if (fd < 0 || index_fd < 0)
                return error_set_errno(err, -errno, "cannot make a layer's files");
        if (layers->count == LAYERS_MAX)
                return error_set(err, -E2BIG, "too many layers");
        r = index_builder_new(&file.builder, err);
        if (r == 0) {
                r = write_layer(&file, list, index_fd, err);
                index_builder_free(file.builder);
        }
        if (r < 0)
                return r;
        layers->fds[layers->count][0] = TAKE_FD(fd);
        layers->fds[layers->count][1] = TAKE_FD(index_fd);
        layers->count++;
        return 0;
}

int layers_commit(struct layers *layers, struct tree *tree, struct error *err)
{
        struct change_list *list;
        int r = tree_commit(tree, &list, err);

        if (r < 0)
                return r;
        r = add_layer(layers, list, err);
        change_list_free(list);
        return r;
}

static void drop_top(struct layers *layers)
{
        layers->count--;
        close(layers->fds[layers->count][0]);
        close(layers->fds[layers->count][1]);
}

int layers_replace(struct layers *layers, struct tree *tree, struct error *err)
{
        struct change_list *list;
        int r = tree_commit_onto(tree, &list, err);

        if (r < 0 || !list)
                return r;
        drop_top(layers);
        r = add_layer(layers, list, err);
        change_list_free(list);
        return r;
}

int layers_open(const struct layers *layers, uint64_t spool_memory_max, struct tree **ret,
                struct error *err)
{
        struct tree_options options = { .spool_dir_fd = layers->dir_fd,
                                        .spool_memory_max = spool_memory_max,
                                        .persistent = layers->persistent };
        struct tree_layer opened[LAYERS_MAX];

        for (size_t i = 0; i < layers->count; i++) {
                int r;

                opened[i] = (struct tree_layer){ .index = NULL };
                r = index_open(layers->fds[i][1], "index", &opened[i].index, err);
                if (r < 0)
                        return r;
                opened[i].tar_fd = fcntl(layers->fds[i][0], F_DUPFD_CLOEXEC, 0);
        }
        return tree_new(&options, opened, layers->count, ret, err);
}

void layers_done(struct layers *layers)
{
        while (layers->count > 0)
                drop_top(layers);
}
