#include "index_format.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <sys/mman.h>

static void add(struct index_builder *builder, const struct entry *entry)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(index_builder_add(builder, entry, 512, &err), 0, "%s: %s", entry->path,
                     err.message);
}

/* An index of one of each. */
static int make_index(void)
{
        static const struct entry_xattr xattrs[] = { { "user.a", "1", 1 }, { "user.b", "", 0 } };
        static const struct entry_extent extents[] = { { 0, 512 }, { 8192, 512 } };
        static const struct entry entries[] = {
                { .path = "etc", .type = ENTRY_DIRECTORY, .mode = 0755 },
                { .path = "etc/passwd", .type = ENTRY_FILE, .mode = 0644, .size = 100 },
                { .path = "etc/group", .type = ENTRY_HARDLINK, .link = "etc/passwd" },
                { .path = "etc/below", .type = ENTRY_HARDLINK, .link = "usr/below" },
                { .path = "etc/.wh.gone", .type = ENTRY_FILE },
                { .path = "opaque/.wh..wh..opq", .type = ENTRY_FILE },
                { .path = "bin", .type = ENTRY_SYMLINK, .mode = 0777, .link = "usr/bin" },
                { .path = "dev/null",
                  .type = ENTRY_CHAR,
                  .mode = 0666,
                  .device_major = 1,
                  .device_minor = 3 },
                { .path = "xattrs",
                  .type = ENTRY_FILE,
                  .mode = 04755,
                  .uid = 7,
                  .gid = 8,
                  .mtime = { 5, 6 },
                  .xattrs = xattrs,
                  .xattr_count = 2 },
                { .path = "sparse",
                  .type = ENTRY_FILE,
                  .mode = 0644,
                  .size = 9000,
                  .extents = extents,
                  .extent_count = 2 },
        };
        uint8_t diff_id[INDEX_DIFF_ID_BYTES] = { 1, 2, 3 };
        int fd = memfd_create("index", MFD_CLOEXEC);
        struct error err = ERROR_INIT;
        struct index_builder *builder;

        cr_assert_eq(index_builder_new(&builder, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
                add(builder, &entries[i]);
        cr_assert_eq(index_builder_finish(builder, diff_id, 10240, fd, &err), 0, "%s", err.message);
        index_builder_free(builder);
        return fd;
}

static struct index *open_index(int fd)
{
        struct error err = ERROR_INIT;
        struct index *index;

        cr_assert_eq(index_open(fd, "the index", &index, &err), 0, "%s", err.message);
        return index;
}

static const struct index_inode *find(const struct index *index, const char *path)
{
        uint32_t inode = INDEX_ROOT;

        while (*path) {
                size_t len = strcspn(path, "/");
                const struct index_entry *entry = index_find(index, inode, path, len);

                if (!entry)
                        return NULL;
                inode = entry->inode;
                path += len + (path[len] == '/');
        }
        return index_inode(index, inode);
}

Test(index, holds_what_was_put_into_it)
{
        int fd = make_index();
        struct index *index = open_index(fd);
        const struct index_inode *inode;

        cr_assert_eq(index_diff_id(index)[2], 3);
        cr_assert_eq(index_tar_size(index), 10240);
        cr_assert_eq(index_content_bytes(index), 100 + 9000);
        inode = find(index, "etc/passwd");
        cr_assert_eq(inode->mode, S_IFREG | 0644);
        cr_assert_eq(inode->size, 100);
        cr_assert_eq(inode->place, 512);
        cr_assert_eq(inode->nlink, 2);
        cr_assert_eq(find(index, "etc/group"), inode);
        inode = find(index, "bin");
        cr_assert_eq(inode->mode, S_IFLNK | 0777);
        cr_assert_eq(memcmp(index->strings + inode->place, "usr/bin", inode->size), 0);
        inode = find(index, "dev/null");
        cr_assert_eq(inode->mode, S_IFCHR | 0666);
        cr_assert_eq(inode->place, UINT64_C(1) << 32 | 3);
        cr_assert(find(index, "dev")->flags & INDEX_IMPLIED);
        inode = find(index, "xattrs");
        cr_assert_eq(inode->mode, S_IFREG | 04755);
        cr_assert_eq(inode->uid, 7);
        cr_assert_eq(inode->gid, 8);
        cr_assert_eq(inode->mtime_sec, 5);
        cr_assert_eq(inode->mtime_nsec, 6);
        cr_assert_neq(inode->xattrs, 0);
        inode = find(index, "sparse");
        cr_assert(inode->flags & INDEX_SPARSE);
        cr_assert_eq(inode->count, 2);
        cr_assert_eq(index->extents[inode->first + 1].offset, 8192);
        cr_assert_eq(index->extents[inode->first + 1].place, 1024);
        index_free(index);
        close(fd);
}

Test(index, keeps_what_hides_and_links_into_layers_below)
{
        int fd = make_index();
        struct index *index = open_index(fd);
        const struct index_inode *etc = find(index, "etc"), *below = find(index, "etc/below");
        const struct index_entry *gone;

        cr_assert(etc->flags & INDEX_MIXED);
        gone = index_find(index, index_find(index, INDEX_ROOT, "etc", 3)->inode, "gone", 4);
        cr_assert_not_null(gone);
        cr_assert_eq(gone->inode, 0);
        cr_assert_eq(below->mode & S_IFMT, INDEX_S_IFLOWER);
        cr_assert_eq(memcmp(index->strings + below->place, "usr/below", below->size), 0);
        cr_assert(find(index, "opaque")->flags & INDEX_OPAQUE);
        index_free(index);
        close(fd);
}

Test(index, finds_every_name_and_no_other)
{
        int fd = make_index();
        struct index *index = open_index(fd);

        cr_assert_null(find(index, "none"));
        cr_assert_null(find(index, "et"));
        cr_assert_null(find(index, "etcx"));
        cr_assert_null(find(index, "etc/zzz"));
        cr_assert_null(find(index, "bin/x"));
        cr_assert_null(find(index, "etc/passwd/x"));
        index_free(index);
        close(fd);
}

Test(index, lists_the_names_of_a_file_that_has_several)
{
        int fd = make_index();
        struct index *index = open_index(fd);
        const struct index_entry *passwd, *group;
        const struct index_link *links = NULL;
        uint32_t etc = index_find(index, INDEX_ROOT, "etc", 3)->inode;

        passwd = index_find(index, etc, "passwd", 6);
        group = index_find(index, etc, "group", 5);
        cr_assert_eq(index_links(index, passwd->inode, &links), 2);
        cr_assert_eq(&index->entries[links[0].entry], group);
        cr_assert_eq(&index->entries[links[1].entry], passwd);
        cr_assert_eq(index_links(index, etc, &links), 0);
        index_free(index);
        close(fd);
}

/* ---- damage ---- */

static int copy_of(const struct buf *bytes, size_t len)
{
        int fd = memfd_create("copy", MFD_CLOEXEC);

        cr_assert_eq(io_write(fd, bytes->data, len), 0);
        return fd;
}

static void read_index(struct buf *ret)
{
        struct error err = ERROR_INIT;
        int fd = make_index();

        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(io_read_fd(fd, "index", 1 << 20, ret, &err), 0);
        close(fd);
}

static int try_open(const struct buf *bytes, size_t len)
{
        int fd = copy_of(bytes, len), r;
        struct error err = ERROR_INIT;
        struct index *index;

        r = index_open(fd, "the index", &index, &err);
        if (r == 0)
                index_free(index);
        else
                cr_assert_not_null(strstr(err.message, "the index"));
        close(fd);
        return r;
}

Test(index, is_refused_whichever_bit_is_wrong)
{
        struct buf bytes = BUF_INIT;

        read_index(&bytes);
        cr_assert_eq(try_open(&bytes, bytes.len), 0);
        for (size_t i = 0; i < bytes.len * 8; i++) {
                int r;

                bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
                r = try_open(&bytes, bytes.len);
                bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
                cr_assert_eq(r,
                             i / 32 == offsetof(struct index_header, version) / 4 ? -ESTALE
                                                                                  : -EBADMSG,
                             "bit %zu", i);
        }
        buf_done(&bytes);
}

Test(index, is_refused_wherever_it_ends_too_early)
{
        struct buf bytes = BUF_INIT;

        read_index(&bytes);
        for (size_t len = 0; len < bytes.len; len++)
                cr_assert_eq(try_open(&bytes, len), -EBADMSG, "%zu bytes", len);
        cr_assert_eq(buf_append_char(&bytes, '\0'), 0);
        cr_assert_eq(try_open(&bytes, bytes.len), -EBADMSG);
        buf_done(&bytes);
}
