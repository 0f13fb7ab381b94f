#include "layer/unpack.h"

#include "../entry_log.h"
#include "../random_tree.h"
#include "base/io.h"
#include "layer/seal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A layer as it would come from a registry. */
struct layer {
        struct layer_sealed sealed;
        struct entry_log log;
        struct buf tar;
        struct buf blob;
};

static void read_all(int fd, struct buf *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(io_read_fd(fd, "it", 1 << 30, ret, &err), 0);
        close(fd);
}

static void make_layer(const char *codec, uint64_t seed, size_t count, struct layer *ret)
{
        struct layer_seal_options options = { .tar_fd = memfd_create("tar", MFD_CLOEXEC),
                                              .blob_fd = memfd_create("blob", MFD_CLOEXEC) };
        struct error err = ERROR_INIT;
        struct random_tree tree;
        struct entry_source source;
        struct entry_sink sink;

        *ret = (struct layer){ .log = { .count = 0 } };
        random_tree_init(&tree, seed, count);
        source = random_tree_source(&tree);
        sink = entry_log_sink(&ret->log);
        cr_assert_eq(compression_parse(codec, 0, &options.compression, &err), 0);
        cr_assert_eq(layer_seal(&source, &sink, &options, &ret->sealed, &err), 0);
        read_all(options.tar_fd, &ret->tar);
        read_all(options.blob_fd, &ret->blob);
        random_tree_done(&tree);
}

static void layer_done(struct layer *layer)
{
        entry_log_done(&layer->log);
        buf_done(&layer->tar);
        buf_done(&layer->blob);
}

struct bytes {
        const struct buf *buf;
        size_t at;
};

static ssize_t read_bytes(void *context, void *data, size_t len, struct error *err)
{
        struct bytes *bytes = context;
        size_t n = bytes->buf->len - bytes->at;

        (void)err;
        n = n < len ? n : len;
        n = n < 100000 ? n : 100000;
        memcpy(data, bytes->buf->data + bytes->at, n);
        bytes->at += n;
        return (ssize_t)n;
}

/* Unpacks with everything expected that is known of the layer. */
static int unpack(const struct layer *layer, struct entry_log *log, int tar_fd,
                  struct layer_unpacked *ret, struct error *err)
{
        struct bytes bytes = { &layer->blob, 0 };
        struct byte_source source = { read_bytes, &bytes };
        struct entry_sink sink = entry_log_sink(log);
        struct layer_unpack_options options = {
                .digest = &layer->sealed.digest,
                .has_size = true,
                .size = layer->sealed.size,
                .diff_id = &layer->sealed.diff_id,
                .tar_fd = tar_fd,
        };

        return layer_unpack(&source, &sink, &options, ret, err);
}

Test(unpack, gives_back_what_was_sealed_with_every_codec)
{
        static const char *const names[] = { "gzip", "fast", "zstd", "none" };
        static const enum codec codecs[] = { CODEC_GZIP, CODEC_GZIP, CODEC_ZSTD, CODEC_NONE };
        uint64_t seed = random_seed();

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                int tar_fd = memfd_create("tar", MFD_CLOEXEC);
                struct entry_log log = { 0 };
                struct error err = ERROR_INIT;
                struct layer_unpacked result;
                struct buf tar = BUF_INIT;
                struct layer layer;

                make_layer(names[i], seed, 400, &layer);
                cr_assert_eq(unpack(&layer, &log, tar_fd, &result, &err), 0, "%s", err.message);
                cr_assert_eq(result.codec, codecs[i]);
                cr_assert_eq(result.entry_count, 400);
                cr_assert_eq(result.size, layer.sealed.size);
                cr_assert_eq(result.tar_size, layer.sealed.tar_size);
                cr_assert(digest_equal(&result.digest, &layer.sealed.digest));
                cr_assert(digest_equal(&result.diff_id, &layer.sealed.diff_id));
                cr_assert(result.complete);
                read_all(tar_fd, &tar);
                cr_assert_eq(tar.len, layer.tar.len);
                cr_assert_eq(memcmp(tar.data, layer.tar.data, tar.len), 0);
                cr_assert_eq(log.offsets.len, layer.log.offsets.len);
                cr_assert_eq(memcmp(log.offsets.data, layer.log.offsets.data, log.offsets.len), 0);
                buf_done(&tar);
                entry_log_done(&log);
                layer_done(&layer);
        }
}

Test(unpack, keeps_what_follows_the_end_of_the_tar)
{
        int tar_fd = memfd_create("tar", MFD_CLOEXEC);
        struct entry_log log = { 0 };
        struct error err = ERROR_INIT;
        struct layer_unpacked result;
        struct layer layer;
        struct buf tar = BUF_INIT;

        make_layer("none", 1, 10, &layer);
        for (int i = 0; i < 5000; i++)
                buf_append_str(&layer.blob, "more");
        layer.sealed.size = layer.blob.len;
        cr_assert_eq(digest_of(layer.blob.data, layer.blob.len, &layer.sealed.digest, &err), 0);
        layer.sealed.diff_id = layer.sealed.digest;
        cr_assert_eq(unpack(&layer, &log, tar_fd, &result, &err), 0, "%s", err.message);
        read_all(tar_fd, &tar);
        cr_assert_eq(tar.len, layer.blob.len);
        cr_assert_eq(memcmp(tar.data, layer.blob.data, tar.len), 0);
        buf_done(&tar);
        entry_log_done(&log);
        layer_done(&layer);
}

/* Unpacking what `spoil` makes of a layer fails with this code and these words. */
static void assert_spoiled(const char *codec, void (*spoil)(struct layer *), int code,
                           const char *words)
{
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct entry_log log = { 0 };
        struct error err = ERROR_INIT;
        struct layer_unpacked result;
        struct layer layer;

        make_layer(codec, 11, 200, &layer);
        spoil(&layer);
        cr_assert_eq(unpack(&layer, &log, null, &result, &err), code, "%s: %s", words, err.message);
        cr_assert_not_null(strstr(err.message, words), "'%s' is not in: %s", words, err.message);
        entry_log_done(&log);
        layer_done(&layer);
        close(null);
}

static void cut(struct layer *layer)
{
        layer->blob.len /= 2;
}

static void lengthen(struct layer *layer)
{
        buf_append_char(&layer->blob, 'x');
}

/* Changes a byte of a file's content: where no header begins. */
static void change_content(struct layer *layer)
{
        const uint64_t *offsets = (const uint64_t *)(const void *)layer->log.offsets.data;

        while (memcmp(layer->blob.data + *offsets + 257, "ustar", 5) == 0)
                offsets++;
        layer->blob.data[*offsets] ^= 1;
}

static void expect_other_digest(struct layer *layer)
{
        layer->sealed.digest.bytes[0] ^= 1;
}

static void expect_other_diff_id(struct layer *layer)
{
        layer->sealed.diff_id.bytes[31] ^= 1;
}

static void expect_more(struct layer *layer)
{
        layer->sealed.size++;
}

static void be_a_web_page(struct layer *layer)
{
        buf_clear(&layer->blob);
        while (layer->blob.len < 2000)
                buf_append_str(&layer->blob, "<html>not found</html>");
        layer->sealed.size = layer->blob.len;
}

Test(unpack, refuses_a_layer_that_is_not_what_it_must_be)
{
        assert_spoiled("gzip", cut, -EBADMSG, "the gzip data is cut short");
        assert_spoiled("zstd", cut, -EBADMSG, "the zstd data is cut short");
        assert_spoiled("none", cut, -EBADMSG, "the tar is cut short");
        assert_spoiled("gzip", lengthen, -EBADMSG, "more than the");
        assert_spoiled("none", change_content, -EBADMSG, "the digest of the layer is sha256:");
        assert_spoiled("gzip", expect_other_digest, -EBADMSG, "the digest of the layer is sha256:");
        assert_spoiled("zstd", expect_other_diff_id, -EBADMSG,
                       "the diffID of the layer is sha256:");
        assert_spoiled("gzip", expect_more, -EBADMSG, "and should have");
        assert_spoiled("gzip", be_a_web_page, -EBADMSG, "there is no tar header");
}

Test(unpack, stops_at_limits)
{
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct layer_unpack_options options = { .tar_fd = null };
        struct entry_log log = { 0 };
        struct entry_sink sink = entry_log_sink(&log);
        struct error err = ERROR_INIT;
        struct layer_unpacked result;
        struct layer layer;
        struct bytes bytes;
        struct byte_source source = { read_bytes, &bytes };

        make_layer("gzip", 11, 200, &layer);
        bytes = (struct bytes){ &layer.blob, 0 };
        options.limits.bytes_max = layer.sealed.tar_size - 1;
        cr_assert_eq(layer_unpack(&source, &sink, &options, &result, &err), -EFBIG);
        bytes.at = 0;
        options.limits.bytes_max++;
        cr_assert_eq(layer_unpack(&source, &sink, &options, &result, &err), 0);
        entry_log_done(&log);
        layer_done(&layer);
        close(null);
}

Test(unpack, says_that_the_disk_is_full)
{
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        struct entry_log log = { 0 };
        struct error err = ERROR_INIT;
        struct layer_unpacked result;
        struct layer layer;

        make_layer("fast", 11, 400, &layer);
        cr_assert_eq(unpack(&layer, &log, full, &result, &err), -ENOSPC);
        cr_assert_str_eq(err.message, "cannot write the layer's tar: No space left on device");
        entry_log_done(&log);
        layer_done(&layer);
        close(full);
}

static ssize_t fail_to_read(void *context, void *data, size_t len, struct error *err)
{
        (void)context;
        (void)data;
        (void)len;
        return error_set(err, -ECONNRESET, "the connection broke");
}

Test(unpack, ends_with_what_its_source_or_sink_returns)
{
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct layer_unpack_options options = { .tar_fd = null };
        struct entry_log log = { .fail_with = -EDQUOT, .fail_after = 5 };
        struct entry_sink sink = entry_log_sink(&log);
        struct byte_source source = { .read = fail_to_read };
        struct error err = ERROR_INIT;
        struct layer_unpacked result;
        struct layer layer;

        cr_assert_eq(layer_unpack(&source, &sink, &options, &result, &err), -ECONNRESET);
        cr_assert_str_eq(err.message, "the connection broke");
        make_layer("fast", 11, 400, &layer);
        err = ERROR_INIT;
        cr_assert_eq(unpack(&layer, &log, null, &result, &err), -EDQUOT);
        cr_assert_str_eq(err.message, "the sink is full");
        entry_log_done(&log);
        layer_done(&layer);
        close(null);
}
