#include "index_format.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/digest.h"

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

/* ---- numbers that lead nowhere, under a checksum that is right ---- */

struct forged {
        struct buf bytes;
        struct index_header *header;
        struct index_inode *inodes;
        struct index_entry *entries;
        struct index_link *links;
        struct index_extent *extents;
        char *xattrs;
        char *strings;
};

static void forge(struct forged *forged)
{
        char *data;

        forged->bytes = BUF_INIT;
        read_index(&forged->bytes);
        data = forged->bytes.data;
        forged->header = (void *)data;
        forged->inodes = (void *)(data + forged->header->inodes);
        forged->entries = (void *)(data + forged->header->entries);
        forged->links = (void *)(data + forged->header->links);
        forged->extents = (void *)(data + forged->header->extents);
        forged->xattrs = data + forged->header->xattrs;
        forged->strings = data + forged->header->strings;
}

/* The inode at a path. */
static struct index_inode *forged_inode(const struct forged *forged, const char *path)
{
        struct index index = { .inodes = forged->inodes,
                               .entries = forged->entries,
                               .strings = forged->strings };

        return (struct index_inode *)(uintptr_t)find(&index, path);
}

static int try_forged(struct forged *forged)
{
        int r;

        forged->header->crc = 0;
        forged->header->crc = libdeflate_crc32(0, forged->bytes.data, forged->bytes.len);
        r = try_open(&forged->bytes, forged->bytes.len);
        buf_done(&forged->bytes);
        return r;
}

/* Each of these alone makes the index one that is refused. */
#define assert_forgery_is_refused(...)                                \
        do {                                                          \
                struct forged f;                                      \
                                                                      \
                forge(&f);                                            \
                __VA_ARGS__;                                          \
                cr_assert_eq(try_forged(&f), -EBADMSG, #__VA_ARGS__); \
        } while (0)

Test(index, that_was_not_changed_is_taken_under_a_new_checksum)
{
        struct forged f;

        forge(&f);
        f.header->diff_id[0] ^= 1;
        cr_assert_eq(try_forged(&f), 0);
}

Test(index, is_refused_where_a_section_is_not_inside_of_it)
{
        assert_forgery_is_refused(f.header->inodes += 8 << 20);
        assert_forgery_is_refused(f.header->entries = UINT64_MAX - 7);
        assert_forgery_is_refused(f.header->links += 4);
        assert_forgery_is_refused(f.header->inode_count = UINT32_MAX);
        assert_forgery_is_refused(f.header->inode_count = 1);
        assert_forgery_is_refused(f.header->entry_count = UINT32_MAX);
        assert_forgery_is_refused(f.header->link_count = UINT32_MAX);
        assert_forgery_is_refused(f.header->extent_count = UINT32_MAX);
        assert_forgery_is_refused(f.header->strings_size = UINT64_MAX);
        assert_forgery_is_refused(f.header->xattrs_size = UINT64_MAX);
        assert_forgery_is_refused(f.header->file_size -= 8);
}

Test(index, is_refused_where_an_inode_is_none)
{
        assert_forgery_is_refused(f.inodes[INDEX_ROOT].mode = S_IFREG | 0644);
        assert_forgery_is_refused(forged_inode(&f, "bin")->mode = 0170000 | 0777);
        assert_forgery_is_refused(forged_inode(&f, "bin")->mode |= 1u << 20);
        assert_forgery_is_refused(forged_inode(&f, "bin")->place = f.header->strings_size);
        assert_forgery_is_refused(forged_inode(&f, "bin")->size = UINT64_MAX);
        assert_forgery_is_refused(forged_inode(&f, "bin")->mtime_nsec = 1000000000);
        assert_forgery_is_refused(forged_inode(&f, "bin")->entry = 1);
        assert_forgery_is_refused(forged_inode(&f, "bin")->entry = UINT32_MAX);
        assert_forgery_is_refused(forged_inode(&f, "etc/below")->size = UINT32_MAX);
        assert_forgery_is_refused(forged_inode(&f, "etc/passwd")->place = 10240 - 99);
        assert_forgery_is_refused(forged_inode(&f, "etc/passwd")->nlink = 3);
        assert_forgery_is_refused(forged_inode(&f, "dev/null")->nlink = 2);
        assert_forgery_is_refused(forged_inode(&f, "etc")->first = f.header->entry_count);
        assert_forgery_is_refused(forged_inode(&f, "etc")->count = UINT32_MAX);
}

Test(index, is_refused_where_an_entry_leads_elsewhere)
{
        assert_forgery_is_refused(f.entries[0].inode = f.header->inode_count);
        assert_forgery_is_refused(f.entries[0].inode = INDEX_ROOT);
        assert_forgery_is_refused(f.entries[0].parent = 0);
        assert_forgery_is_refused(f.entries[0].parent = f.header->inode_count);
        assert_forgery_is_refused(f.entries[0].parent = f.entries[0].inode);
        assert_forgery_is_refused(f.entries[0].name = UINT32_MAX);
        assert_forgery_is_refused(f.entries[0].name_len = 0);
        assert_forgery_is_refused(f.entries[0].name_len = INDEX_NAME_MAX + 1);
        assert_forgery_is_refused(f.strings[f.entries[0].name] = '/');
        assert_forgery_is_refused(f.strings[f.entries[0].name] = '\0');
        assert_forgery_is_refused(f.strings[f.entries[0].name] = '\xff');
        assert_forgery_is_refused(f.entries[1] = f.entries[0]);
        assert_forgery_is_refused(f.links[0].entry = UINT32_MAX);
        assert_forgery_is_refused(f.links[0].inode = UINT32_MAX);
        assert_forgery_is_refused(f.links[1].entry = 0);
}

Test(index, is_refused_where_a_directory_lies_in_itself)
{
        struct forged f;
        uint32_t dev, etc;

        forge(&f);
        dev = f.entries[forged_inode(&f, "dev")->entry].inode;
        etc = f.entries[forged_inode(&f, "etc")->entry].inode;
        for (uint32_t i = 0; i < f.header->entry_count; i++)
                if (f.entries[i].parent == dev)
                        f.entries[i].inode = etc < dev ? etc : dev;
        cr_assert_eq(try_forged(&f), -EBADMSG);
}

Test(index, is_refused_where_data_is_not_in_the_tar)
{
        assert_forgery_is_refused(f.extents[0].place = 10240);
        assert_forgery_is_refused(f.extents[0].length = UINT64_MAX);
        assert_forgery_is_refused(f.extents[1].offset = 100);
        assert_forgery_is_refused(f.extents[1].offset = 9000);
        assert_forgery_is_refused(forged_inode(&f, "sparse")->count = 3);
        assert_forgery_is_refused(f.header->tar_size = 512);
}

Test(index, is_refused_where_xattrs_do_not_end)
{
        assert_forgery_is_refused(forged_inode(&f, "xattrs")->xattrs = 1);
        assert_forgery_is_refused(forged_inode(&f, "xattrs")->xattrs = UINT32_MAX - 3);
        /* references, size and count of the set; the first item's lengths; the end of its name */
        assert_forgery_is_refused(f.xattrs[8 + 0] = 1);
        assert_forgery_is_refused(f.xattrs[8 + 4] = 4);
        assert_forgery_is_refused(f.xattrs[8 + 6] = 1);
        assert_forgery_is_refused(f.xattrs[8 + 8] = 9);
        assert_forgery_is_refused(f.xattrs[8 + 16] = 60);
        assert_forgery_is_refused(f.xattrs[8 + 23] = 1);
        assert_forgery_is_refused(f.xattrs[8 + 24 + 2] = '\0');
        assert_forgery_is_refused(f.xattrs[8 + 24 + 6] = 'x');
}

/* A layer of one file in one directory, whose content is given in two pieces. */
static struct index *make_small(const char *content, size_t given, int64_t mtime, uint32_t mode)
{
        const struct entry dir = { .path = "d", .type = ENTRY_DIRECTORY, .mode = 0755 };
        const struct entry file = { .path = "d/f",
                                    .type = ENTRY_FILE,
                                    .mode = mode,
                                    .size = strlen(content),
                                    .mtime = { mtime, 0 } };
        uint8_t diff_id[INDEX_DIFF_ID_BYTES] = { (uint8_t)mtime };
        _cleanup_close_ int fd = memfd_create("index", MFD_CLOEXEC);
        struct error err = ERROR_INIT;
        struct index_builder *builder;

        cr_assert_eq(index_builder_new(&builder, &err), 0);
        add(builder, &dir);
        add(builder, &file);
        cr_assert_eq(index_builder_content(builder, content, given / 2, &err), 0);
        cr_assert_eq(index_builder_content(builder, content + given / 2, given - given / 2, &err),
                     0);
        cr_assert_eq(index_builder_finish(builder, diff_id, 10240, fd, &err), 0, "%s", err.message);
        index_builder_free(builder);
        return open_index(fd);
}

static bool same_content(struct index *a, struct index *b)
{
        bool same = memcmp(index_content_id(a), index_content_id(b), INDEX_DIGEST_BYTES) == 0;

        index_free(a);
        index_free(b);
        return same;
}

Test(index, has_the_digest_of_each_files_content)
{
        struct index *index = make_small("abc", 3, 1, 0644);
        uint32_t number = (uint32_t)(find(index, "d/f") - index->inodes);
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(digest_of("abc", 3, &digest, &err), 0);
        cr_assert_eq(memcmp(index->digests[number].bytes, digest.bytes, DIGEST_BYTES), 0);
        index_free(index);
}

Test(index, of_equal_content_has_an_equal_id_whatever_the_times)
{
        cr_assert(same_content(make_small("abc", 3, 1, 0644), make_small("abc", 3, 2, 0644)));
        cr_assert_not(same_content(make_small("abc", 3, 1, 0644), make_small("abd", 3, 1, 0644)));
        cr_assert_not(same_content(make_small("abc", 3, 1, 0644), make_small("abc", 3, 1, 0640)));
}

Test(index, of_content_that_was_not_given_is_like_itself_alone)
{
        cr_assert_not(same_content(make_small("abc", 2, 1, 0644), make_small("abc", 2, 2, 0644)));
}

Test(index, tells_its_content_id_by_its_head)
{
        int fd = make_index();
        struct index *index = open_index(fd);
        uint8_t other[INDEX_DIFF_ID_BYTES] = { 9 }, id[INDEX_DIGEST_BYTES];

        cr_assert_eq(index_read_content_id(fd, index_diff_id(index), id), 0);
        cr_assert_eq(memcmp(id, index_content_id(index), sizeof(id)), 0);
        cr_assert_eq(index_read_content_id(fd, other, id), -EBADMSG);
        index_free(index);
        close(fd);
}
