#include "tree.h"

#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "fs/change.h"
#include "fs/server.h"
#include "fs/tree.h"

#include "emulation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define SPOOL_MEMORY_MAX (1ULL << 30)
#define ID_MAX           65535
#define CHUNK_BYTES      (256 * 1024)

struct test_tree {
        struct tree *tree;
        int spool_dir_fd;
        struct server *server;
        struct server_options options;
        struct buf mount_options;
        struct emulation emulation;
};

/* ---- the tar ---- */

static int read_tar(int tar_fd, struct index_builder *builder, struct error *err)
{
        const struct entry_sink sink = index_builder_sink(builder);
        static char chunk[CHUNK_BYTES];
        struct tar_reader *reader;
        bool complete;
        ssize_t n;
        int r;

        r = tar_reader_new(&sink, NULL, &reader, err);
        if (r < 0)
                return r;
        while (r == 0 && (n = io_read(tar_fd, chunk, sizeof(chunk))) > 0)
                r = tar_reader_feed(reader, chunk, (size_t)n, err);
        if (r == 0)
                r = tar_reader_finish(reader, &complete, err);
        tar_reader_free(reader);
        return r;
}

/* The tar as a layer at rest: with an index, in memory. */
static int open_layer(const char *tar, struct tree_layer *ret, struct error *err)
{
        static const uint8_t no_digest[INDEX_DIFF_ID_BYTES];
        _cleanup_close_ int index_fd = memfd_create("index", MFD_CLOEXEC);
        struct index_builder *builder;
        int r;

        *ret = (struct tree_layer){ .tar_fd = open(tar, O_RDONLY | O_CLOEXEC) };
        if (ret->tar_fd < 0 || index_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", tar);
        r = index_builder_new(&builder, err);
        if (r < 0)
                return r;
        r = read_tar(ret->tar_fd, builder, err);
        if (r == 0)
                r = index_builder_finish(builder, no_digest,
                                         (uint64_t)lseek(ret->tar_fd, 0, SEEK_END), index_fd, err);
        index_builder_free(builder);
        return r < 0 ? r : index_open(index_fd, tar, &ret->index, err);
}

/* ---- the tree ---- */

int test_tree_new(const char *tar, bool single, struct test_tree **ret, struct error *err)
{
        static const char *const stubs[] = { "/proc", "/sys", "/dev" };
        struct test_tree *test = calloc(1, sizeof(*test));
        struct tree_layer layer;
        int r;

        *ret = test;
        test->spool_dir_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = open_layer(tar, &layer, err);
        if (r == 0)
                r = tree_new(&(struct tree_options){ .spool_dir_fd = test->spool_dir_fd,
                                                     .spool_memory_max = SPOOL_MEMORY_MAX },
                             &layer, 1, &test->tree, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(stubs); i++)
                tree_add_stub(test->tree, stubs[i], true);
        test->options = (struct server_options){ .single_id = single, .id_max = ID_MAX };
        return server_mount_options(&test->options, &test->mount_options);
}

const char *test_tree_options(struct test_tree *tree)
{
        return buf_str(&tree->mount_options);
}

int test_tree_emulate(struct test_tree *test, const struct sandbox_host *host,
                      const struct sandbox_spec *spec, struct emulator **ret, struct error *err)
{
        int r;

        test->emulation.root.tree = test->tree;
        r = emulation_init(&test->emulation, host, spec, err);
        if (test->options.single_id)
                test->options.owner_of = emulation_owner_of;
        test->options.context = &test->emulation;
        *ret = test->emulation.emulator;
        return r;
}

int test_tree_serve(struct test_tree *test, int fuse_fd, struct error *err)
{
        int r = server_start(test->tree, fuse_fd, &test->options, &test->server, err);

        test->emulation.root.server = test->server;
        return r;
}

static void print_entry(FILE *file, const struct entry *entry)
{
        static const char types[] = {
                [ENTRY_FILE] = '-',     [ENTRY_DIRECTORY] = 'd', [ENTRY_SYMLINK] = 'l',
                [ENTRY_HARDLINK] = 'h', [ENTRY_CHAR] = 'c',      [ENTRY_BLOCK] = 'b',
                [ENTRY_FIFO] = 'p',     [ENTRY_SOCKET] = 's',
        };

        fprintf(file, "/%s %c%04o %u %u", entry->path, types[entry->type], entry->mode, entry->uid,
                entry->gid);
        if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK)
                fprintf(file, " %u:%u", entry->device_major, entry->device_minor);
        for (size_t i = 0; i < entry->xattr_count; i++)
                fprintf(file, " %s=%zu", entry->xattrs[i].name, entry->xattrs[i].value_len);
        fprintf(file, "\n");
}

int test_tree_print_changes(struct test_tree *test, FILE *file, struct error *err)
{
        struct change_list *changes;
        struct entry_source source;
        struct entry entry;
        int r;

        server_stop(TAKE_PTR(test->server));
        tree_remove_stubs(test->tree);
        r = tree_commit(test->tree, &changes, err);
        if (r < 0)
                return r;
        source = change_list_source(changes);
        while ((r = source.next(source.context, &entry, err)) > 0)
                print_entry(file, &entry);
        change_list_free(changes);
        return r;
}

void test_tree_free(struct test_tree *test)
{
        if (!test)
                return;
        server_stop(test->server);
        emulation_done(&test->emulation);
        tree_free(test->tree);
        close(test->spool_dir_fd);
        buf_done(&test->mount_options);
        free(test);
}
