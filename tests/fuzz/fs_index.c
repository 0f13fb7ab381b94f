/*
 * Any bytes as a layer's index, with magic, version, size and checksum put right: index_open()
 * refuses them, or all that can be asked of a tree over them gets an answer.
 */
#include "../../fs/index_format.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "fs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <sys/mman.h>

#define NODES_MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Directories that are still to be listed. */
struct todo {
        struct tree *tree;
        uint64_t dirs[NODES_MAX];
        size_t dir_count;
        uint64_t others[NODES_MAX];
        size_t other_count;
        size_t seen;
};

static int collect(void *userdata, const struct tree_dirent *entry)
{
        struct todo *todo = userdata;

        if (entry->name[0] == '.' &&
            (entry->name_len == 1 || (entry->name_len == 2 && entry->name[1] == '.')))
                return 0;
        if (todo->seen == NODES_MAX)
                return 1;
        todo->seen++;
        if (entry->type == S_IFDIR)
                todo->dirs[todo->dir_count++] = entry->ino;
        else
                todo->others[todo->other_count++] = entry->ino;
        return 0;
}

static void ask(struct tree *tree, uint64_t ino)
{
        struct buf target = BUF_INIT;
        struct tree_attr attr;
        char bytes[4096];
        uint64_t at;

        if (tree_getattr(tree, ino, &attr) == 0) {
                tree_read(tree, ino, 0, bytes, sizeof(bytes));
                tree_read(tree, ino, attr.size / 2, bytes, sizeof(bytes));
                tree_seek(tree, ino, 0, SEEK_HOLE, &at);
        }
        tree_readlink(tree, ino, &target);
        if (target.len > 0)
                tree_resolve(tree, buf_str(&target), true, &attr);
        buf_done(&target);
        if (tree_listxattr(tree, ino, bytes, sizeof(bytes)) > 0)
                tree_getxattr(tree, ino, bytes, NULL, 0);
}

static void walk(struct tree *tree)
{
        struct todo todo = { .tree = tree, .dirs = { TREE_ROOT }, .dir_count = 1 };

        while (todo.dir_count > 0) {
                uint64_t dir = todo.dirs[--todo.dir_count];

                ask(tree, dir);
                tree_readdir(tree, dir, 0, false, collect, &todo);
        }
        for (size_t i = 0; i < todo.other_count; i++)
                ask(tree, todo.others[i]);
        /* A change copies what is there. */
        for (size_t i = 0; i < todo.other_count; i++)
                tree_setattr(tree, todo.others[i], &(struct tree_attr){ .mode = 0600 },
                             TREE_SET_MODE, &(struct tree_attr){ .ino = 0 });
}

static int write_index(const uint8_t *data, size_t size)
{
        int fd = memfd_create("index", MFD_CLOEXEC);
        struct index_header header;
        uint32_t crc;

        memcpy(&header, data, sizeof(header));
        memcpy(header.magic, INDEX_MAGIC, sizeof(header.magic));
        header.version = INDEX_VERSION;
        header.file_size = size;
        header.crc = 0;
        crc = libdeflate_crc32(0, &header, sizeof(header));
        header.crc = libdeflate_crc32(crc, data + sizeof(header), size - sizeof(header));
        if (io_write(fd, &header, sizeof(header)) < 0 ||
            io_write(fd, data + sizeof(header), size - sizeof(header)) < 0)
                abort();
        return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct tree_options options = { .spool_memory_max = 1 << 16 };
        struct tree_layer layer = { .tar_fd = -1 };
        _cleanup_close_ int dir_fd = -1, fd = -1;
        struct error err = ERROR_INIT;
        struct tree *tree = NULL;
        int r;

        if (size < sizeof(struct index_header))
                return 0;
        fd = write_index(data, size);
        r = index_open(fd, "index", &layer.index, &err);
        if (r < 0) {
                if (r != -EBADMSG)
                        abort();
                return 0;
        }
        options.spool_dir_fd = dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        layer.tar_fd = memfd_create("tar", MFD_CLOEXEC);
        if (tree_new(&options, &layer, 1, &tree, &err) == 0)
                walk(tree);
        tree_free(tree);
        return 0;
}
