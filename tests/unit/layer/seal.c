#include "layer/seal.h"

#include "../entry_log.h"
#include "../random_tree.h"
#include "archive/decompress.h"
#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/stream.h"
#include "oci/media_type.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TREE_ENTRIES 400

static const char *const codec_names[] = { "gzip", "fast", "zstd", "none" };

/* What one sealing gave. */
struct sealed {
        struct layer_sealed result;
        struct entry_log log;
        int tar_fd;
        int blob_fd;
};

static void seal_as(struct random_tree *tree, const char *codec, unsigned threads,
                    struct sealed *ret)
{
        struct entry_source source = random_tree_source(tree);
        struct layer_seal_options options = { .threads = threads };
        struct error err = ERROR_INIT;
        struct entry_sink sink;

        *ret = (struct sealed){ .tar_fd = memfd_create("tar", MFD_CLOEXEC),
                                .blob_fd = memfd_create("blob", MFD_CLOEXEC) };
        sink = entry_log_sink(&ret->log);
        options.tar_fd = ret->tar_fd;
        options.blob_fd = ret->blob_fd;
        cr_assert_eq(compression_parse(codec, 0, &options.compression, &err), 0);
        cr_assert_eq(layer_seal(&source, &sink, &options, &ret->result, &err), 0, "%s",
                     err.message);
}

static void sealed_done(struct sealed *sealed)
{
        entry_log_done(&sealed->log);
        close(sealed->tar_fd);
        close(sealed->blob_fd);
}

static void read_all(int fd, struct buf *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(io_read_fd(fd, "it", 1 << 30, ret, &err), 0);
}

static void assert_digest(const struct buf *bytes, const struct digest *expected, uint64_t size)
{
        struct error err = ERROR_INIT;
        struct digest digest;

        cr_assert_eq(bytes->len, size);
        cr_assert_eq(digest_of(bytes->data, bytes->len, &digest, &err), 0);
        cr_assert(digest_equal(&digest, expected));
}

/* The blob unpacks to exactly the tar. */
static void assert_blob_is_of_tar(int blob_fd, const struct buf *tar)
{
        struct fd_stream stream = { .fd = blob_fd, .name = "the blob" };
        struct byte_source source = byte_source_of_fd(&stream);
        struct decompress_limits limits = { .bytes_max = 0, .ratio_max = 0 };
        struct decompressor *decompressor;
        struct error err = ERROR_INIT;
        char *out = malloc(tar->len + 1);

        cr_assert_eq(lseek(blob_fd, 0, SEEK_SET), 0);
        cr_assert_eq(decompressor_new(&source, &limits, &decompressor, &err), 0);
        cr_assert_eq(decompressor_read(decompressor, out, tar->len + 1, &err), tar->len);
        cr_assert_eq(memcmp(out, tar->data, tar->len), 0);
        decompressor_free(decompressor);
        free(out);
}

/* What the tar holds at the offsets that were reported is the content of the tree's files. */
static void assert_content(const struct random_tree *tree, const struct buf *tar,
                           const struct entry_log *log)
{
        const uint64_t *offsets = (const uint64_t *)(const void *)log->offsets.data;
        size_t file = 0;

        for (size_t i = 0; i < tree->count; i++) {
                const struct entry *entry = &tree->entries[i];
                struct entry_extent whole = { 0, entry->size };
                const struct entry_extent *runs = entry->extents ? entry->extents : &whole;
                size_t run_count = entry->extents ? entry->extent_count : 1;
                uint64_t at;

                if (entry->type != ENTRY_FILE)
                        continue;
                at = offsets[file++];
                for (size_t j = 0; j < run_count; j++) {
                        char *expected = malloc(runs[j].length + 1);

                        random_content(i, runs[j].offset, expected, runs[j].length);
                        cr_assert_leq(at + runs[j].length, tar->len);
                        cr_assert_eq(memcmp(tar->data + at, expected, runs[j].length), 0);
                        at += runs[j].length;
                        free(expected);
                }
        }
        cr_assert_eq(file, log->offsets.len / sizeof(*offsets));
}

/* Reading the tar gives the same entries at the same offsets as sealing reported. */
static void assert_reads_back(const struct buf *tar, const struct random_tree *tree,
                              const struct entry_log *sealed)
{
        struct entry_log read = { 0 };
        struct entry_sink sink = entry_log_sink(&read);
        struct buf expected = BUF_INIT;
        struct error err = ERROR_INIT;
        struct tar_reader *reader;
        bool complete;

        cr_assert_eq(tar_reader_new(&sink, NULL, &reader, &err), 0);
        cr_assert_eq(tar_reader_feed(reader, tar->data, tar->len, &err), 0, "%s", err.message);
        cr_assert_eq(tar_reader_finish(reader, &complete, &err), 0);
        cr_assert(complete);
        tar_reader_free(reader);
        for (size_t i = 0; i < tree->count; i++)
                entry_log_entry(&expected, &tree->entries[i]);
        cr_assert_str_eq(buf_str(&sealed->text), buf_str(&expected));
        cr_assert_eq(read.count, tree->count);
        cr_assert_eq(read.offsets.len, sealed->offsets.len);
        cr_assert_eq(memcmp(read.offsets.data, sealed->offsets.data, read.offsets.len), 0);
        entry_log_done(&read);
        buf_done(&expected);
}

Test(seal, gives_tar_digests_blob_and_offsets_in_one_pass)
{
        struct random_tree tree;

        random_tree_init(&tree, random_seed(), TREE_ENTRIES);
        for (size_t i = 0; i < sizeof(codec_names) / sizeof(codec_names[0]); i++) {
                struct buf tar = BUF_INIT, blob = BUF_INIT;
                struct sealed sealed;

                seal_as(&tree, codec_names[i], 0, &sealed);
                cr_assert_eq(sealed.result.entry_count, TREE_ENTRIES);
                read_all(sealed.tar_fd, &tar);
                read_all(sealed.blob_fd, &blob);
                assert_digest(&tar, &sealed.result.diff_id, sealed.result.tar_size);
                assert_digest(&blob, &sealed.result.digest, sealed.result.size);
                assert_blob_is_of_tar(sealed.blob_fd, &tar);
                assert_content(&tree, &tar, &sealed.log);
                assert_reads_back(&tar, &tree, &sealed.log);
                buf_done(&tar);
                buf_done(&blob);
                sealed_done(&sealed);
        }
        random_tree_done(&tree);
}

Test(seal, does_not_depend_on_the_number_of_threads)
{
        struct random_tree tree;

        random_tree_init(&tree, random_seed(), TREE_ENTRIES);
        for (size_t i = 0; i < sizeof(codec_names) / sizeof(codec_names[0]); i++) {
                struct sealed one, more;

                seal_as(&tree, codec_names[i], 1, &one);
                seal_as(&tree, codec_names[i], 5, &more);
                cr_assert(digest_equal(&one.result.diff_id, &more.result.diff_id));
                cr_assert(digest_equal(&one.result.digest, &more.result.digest));
                sealed_done(&one);
                sealed_done(&more);
        }
        random_tree_done(&tree);
}

Test(seal, of_nothing_is_no_layer)
{
        struct random_tree tree;
        struct sealed sealed;

        random_tree_init(&tree, 1, 0);
        seal_as(&tree, "gzip", 0, &sealed);
        cr_assert_eq(sealed.result.entry_count, 0);
        cr_assert_eq(lseek(sealed.tar_fd, 0, SEEK_END), 0);
        cr_assert_eq(lseek(sealed.blob_fd, 0, SEEK_END), 0);
        sealed_done(&sealed);
        random_tree_done(&tree);
}

Test(seal, needs_no_blob)
{
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct layer_seal_options options = { .blob_fd = -1 };
        struct error err = ERROR_INIT;
        struct layer_sealed result;
        struct entry_source source;
        struct random_tree tree;
        struct buf tar = BUF_INIT;

        random_tree_init(&tree, 5, 20);
        source = random_tree_source(&tree);
        options.tar_fd = memfd_create("tar", MFD_CLOEXEC);
        cr_assert_eq(compression_parse("gzip", 0, &options.compression, &err), 0);
        cr_assert_eq(layer_seal(&source, &sink, &options, &result, &err), 0);
        read_all(options.tar_fd, &tar);
        assert_digest(&tar, &result.diff_id, result.tar_size);
        buf_done(&tar);
        close(options.tar_fd);
        entry_log_done(&log);
        random_tree_done(&tree);
}

/* Seals a tree into these files, and gives what failed. */
static int seal_into(const struct entry_source *source, const struct entry_sink *sink, int tar_fd,
                     int blob_fd, struct error *err)
{
        struct layer_seal_options options = { .compression = { CODEC_FAST, 2 },
                                              .tar_fd = tar_fd,
                                              .blob_fd = blob_fd };
        struct layer_sealed result;

        return layer_seal(source, sink, &options, &result, err);
}

Test(seal, says_which_file_could_not_be_written)
{
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        int good = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct entry_source source;
        struct random_tree tree;

        random_tree_init(&tree, random_seed(), TREE_ENTRIES);
        for (int i = 0; i < 2; i++) {
                struct error err = ERROR_INIT;

                source = random_tree_source(&tree);
                cr_assert_eq(seal_into(&source, &sink, i ? good : full, i ? full : good, &err),
                             -ENOSPC);
                cr_assert_str_eq(err.message,
                                 i ? "cannot write the layer's blob: No space left on device"
                                   : "cannot write the layer's tar: No space left on device");
        }
        close(full);
        close(good);
        entry_log_done(&log);
        random_tree_done(&tree);
}

/* A tree whose files cannot be read after some bytes, or that ends with an error. */
struct broken {
        struct random_tree tree;
        bool next_fails;
};

static int broken_next(void *context, struct entry *ret, struct error *err)
{
        struct broken *broken = context;

        if (broken->next_fails && broken->tree.next == 300)
                return error_set(err, -ESTALE, "the tree is gone");
        return random_tree_next(&broken->tree, ret, err);
}

static int broken_read(void *context, uint64_t offset, void *data, size_t len, struct error *err)
{
        struct broken *broken = context;

        if (!broken->next_fails && broken->tree.next > 200)
                return error_set(err, -EIO, "the file is gone");
        return random_tree_read(&broken->tree, offset, data, len, err);
}

Test(seal, ends_with_what_its_source_or_sink_returns)
{
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct entry_log log = { 0 }, failing = { .fail_with = -EDQUOT, .fail_after = 100 };
        struct entry_sink sink = entry_log_sink(&log), failing_sink = entry_log_sink(&failing);
        struct broken broken = { .next_fails = true };
        struct entry_source source = { broken_next, broken_read, &broken };
        struct error err = ERROR_INIT;

        random_tree_init(&broken.tree, 3, TREE_ENTRIES);
        cr_assert_eq(seal_into(&source, &sink, null, null, &err), -ESTALE);
        cr_assert_str_eq(err.message, "the tree is gone");
        broken.tree.next = 0;
        broken.next_fails = false;
        err = ERROR_INIT;
        cr_assert_eq(seal_into(&source, &sink, null, null, &err), -EIO);
        cr_assert_str_eq(err.message, "the file is gone");
        broken.tree.next = 0;
        err = ERROR_INIT;
        cr_assert_eq(seal_into(&source, &failing_sink, null, null, &err), -EDQUOT);
        cr_assert_str_eq(err.message, "the sink is full");
        random_tree_done(&broken.tree);
        entry_log_done(&log);
        entry_log_done(&failing);
        close(null);
}

Test(seal, names_the_media_types_of_both_families)
{
        cr_assert_str_eq(layer_media_type(CODEC_FAST, false), MEDIA_TYPE_OCI_LAYER "+gzip");
        cr_assert_str_eq(layer_media_type(CODEC_GZIP, true), MEDIA_TYPE_DOCKER_LAYER ".gzip");
        cr_assert_str_eq(layer_media_type(CODEC_NONE, false), MEDIA_TYPE_OCI_LAYER);
        cr_assert_str_eq(layer_media_type(CODEC_ZSTD, false), MEDIA_TYPE_OCI_LAYER "+zstd");
        cr_assert_null(layer_media_type(CODEC_ZSTD, true));
        cr_assert_null(layer_media_type(CODEC_XZ, false));
}
