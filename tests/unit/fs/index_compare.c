#include "fs/index.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* A file of an index, with its content. */
struct file {
        struct entry entry;
        const char *content;
};

static struct index *make_index(const struct file *files, size_t count)
{
        _cleanup_close_ int fd = memfd_create("index", MFD_CLOEXEC);
        uint8_t diff_id[INDEX_DIFF_ID_BYTES] = { 1 };
        struct index_builder *builder;
        struct error err = ERROR_INIT;
        struct index *index;

        cr_assert_eq(index_builder_new(&builder, &err), 0);
        for (size_t i = 0; i < count; i++) {
                struct entry entry = files[i].entry;

                entry.size = files[i].content ? strlen(files[i].content) : 0;
                cr_assert_eq(index_builder_add(builder, &entry, 512, &err), 0, "%s", err.message);
                if (files[i].content)
                        cr_assert_eq(index_builder_content(builder, files[i].content,
                                                           strlen(files[i].content), &err),
                                     0);
        }
        cr_assert_eq(index_builder_finish(builder, diff_id, 10240, fd, &err), 0, "%s", err.message);
        index_builder_free(builder);
        cr_assert_eq(index_open(fd, "the index", &index, &err), 0, "%s", err.message);
        return index;
}

static int note(void *context, const struct index_difference *difference)
{
        struct buf *text = context;

        cr_assert_eq(!difference->was, !difference->is);
        if (difference->was)
                cr_assert(memcmp(difference->was, difference->is, INDEX_DIGEST_BYTES) != 0);
        return buf_appendf(text, "%s %s%s\n", difference->path, difference->how,
                           difference->was ? " with digests" : "");
}

static int stop(void *context, const struct index_difference *difference)
{
        (void)context;
        (void)difference;
        return 7;
}

#define FILE_OF(name, text)                                                  \
        {                                                                    \
                { .path = (name), .type = ENTRY_FILE, .mode = 0644 }, (text) \
        }

static const struct entry_xattr tags[] = { { "user.tag", "one", 3 }, { "user.tag", "two", 3 } };

#define TAGGED(tag)                   \
        {                             \
                { .path = "tag",      \
                  .type = ENTRY_FILE, \
                  .mode = 0644,       \
                  .xattrs = (tag),    \
                  .xattr_count = 1 }, \
                        ""            \
        }

static const struct file was_files[] = {
        FILE_OF("a/changed", "one"),
        FILE_OF("a/gone", "one"),
        FILE_OF("a/same", "one"),
        FILE_OF("dir/sub/deep", "one"),
        { { .path = "link", .type = ENTRY_SYMLINK, .mode = 0777, .link = "a" }, NULL },
        { { .path = "mode", .type = ENTRY_FILE, .mode = 0600 }, "" },
        { { .path = "owner", .type = ENTRY_FILE, .mode = 0644, .mtime = { 1, 1 } }, "" },
        TAGGED(&tags[0]),
        FILE_OF("type", ""),
};

static const struct file is_files[] = {
        FILE_OF("a/changed", "two"),
        FILE_OF("a/new", "one"),
        { { .path = "a/same", .type = ENTRY_FILE, .mode = 0644, .mtime = { 9, 9 } }, "one" },
        FILE_OF("dir/sub/deep", "longer"),
        { { .path = "link", .type = ENTRY_SYMLINK, .mode = 0777, .link = "b" }, NULL },
        { { .path = "mode", .type = ENTRY_FILE, .mode = 0644 }, "" },
        { { .path = "owner", .type = ENTRY_FILE, .mode = 0644, .uid = 5 }, "" },
        TAGGED(&tags[1]),
        { { .path = "type", .type = ENTRY_DIRECTORY, .mode = 0755 }, NULL },
        FILE_OF("type/inside", ""),
};

Test(index_compare, tells_what_two_layers_do_not_have_alike)
{
        struct index *was = make_index(was_files, ARRAY_SIZE(was_files));
        struct index *is = make_index(is_files, ARRAY_SIZE(is_files));
        struct buf text = BUF_INIT;

        cr_assert_eq(index_compare(was, is, note, &text), 0);
        cr_assert_str_eq(buf_str(&text), "/link leads elsewhere\n"
                                         "/mode has another mode\n"
                                         "/owner has another owner\n"
                                         "/tag has other extended attributes\n"
                                         "/type is of another type\n"
                                         "/dir/sub/deep has changed with digests\n"
                                         "/a/changed has changed with digests\n"
                                         "/a/gone is not there any more\n"
                                         "/a/new is new\n");
        buf_clear(&text);
        cr_assert_eq(index_compare(was, was, note, &text), 0);
        cr_assert_str_eq(buf_str(&text), "");
        buf_done(&text);
        index_free(was);
        index_free(is);
}

Test(index_compare, ends_when_it_is_told_to)
{
        struct index *was = make_index(was_files, ARRAY_SIZE(was_files));
        struct index *is = make_index(is_files, ARRAY_SIZE(is_files));

        cr_assert_eq(index_compare(was, is, stop, NULL), 7);
        index_free(was);
        index_free(is);
}
