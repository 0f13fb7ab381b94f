/*
 * The tar alone says which layer there is. An index is never beside a tar that it is not of: the
 * old one goes before the tar is replaced, and the new one comes after.
 */
#include "sealed.h"

#include "archive/decompress.h"
#include "archive/tar_read.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "layer/seal.h"
#include "oci/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define READ_BYTES ((size_t)1 << 20)

/* The name of what lies beside a tar. */
static int name_beside(const char *tar, const char *suffix, char ret[static NAME_MAX + 1],
                       struct error *err)
{
        size_t len = strlen(tar);

        if (len > strlen(".tar") && strcmp(tar + len - strlen(".tar"), ".tar") == 0)
                len -= strlen(".tar");
        if (snprintf(ret, NAME_MAX + 1, "%.*s%s", (int)len, tar, suffix) > NAME_MAX)
                return error_set(err, -ENAMETOOLONG, "the name %s is too long", tar);
        return 0;
}

/* ---- opening ---- */

/* Passes a tar through the reader, and digests it. `ret_complete`: its end is marked. */
static int read_tar(int fd, const char *name, struct tar_reader *reader,
                    struct digest_hasher *hasher, bool *ret_complete, struct error *err)
{
        _cleanup_free_ uint8_t *data = malloc(READ_BYTES);
        off_t at = 0;

        if (!data)
                return error_set_oom(err);
        for (;;) {
                ssize_t n = io_pread(fd, data, READ_BYTES, at);
                int r;

                if (n < 0)
                        return error_set_errno(err, (int)n, "cannot read %s", name);
                if (n == 0)
                        return tar_reader_finish(reader, ret_complete, err);
                if (at == 0 && decompress_sniff(data, (size_t)n) != CODEC_NONE) {
                        error_set(err, -EBADMSG, "%s is compressed", name);
                        return error_hint(err, "Unpack it: a layer is read where it lies.");
                }
                r = tar_reader_feed(reader, data, (size_t)n, err);
                if (r == 0)
                        r = digest_hasher_update(hasher, data, (size_t)n, err);
                if (r < 0)
                        return r;
                at += n;
        }
}

DEFINE_CLEANUP(tar_reader, struct tar_reader, tar_reader_free)
DEFINE_CLEANUP(hasher, struct digest_hasher, digest_hasher_free)
DEFINE_CLEANUP(builder, struct index_builder, index_builder_free)

/* Makes the index of a tar, in memory. */
static int make_index(int tar_fd, const char *name, off_t size, bool own, struct index **ret,
                      struct error *err)
{
        _cleanup_close_ int index_fd = memfd_create("index", MFD_CLOEXEC);
        _cleanup_(cleanup_builder) struct index_builder *builder = NULL;
        _cleanup_(cleanup_tar_reader) struct tar_reader *reader = NULL;
        _cleanup_(cleanup_hasher) struct digest_hasher *hasher = NULL;
        struct entry_sink sink;
        struct digest digest;
        bool complete;
        int r;

        if (index_fd < 0)
                return error_set_errno(err, -errno, "cannot make an index");
        r = index_builder_new(&builder, err);
        if (r == 0)
                r = digest_hasher_new(&hasher, err);
        if (r < 0)
                return r;
        sink = index_builder_sink(builder);
        r = tar_reader_new(&sink, NULL, &reader, err);
        if (r == 0)
                r = read_tar(tar_fd, name, reader, hasher, &complete, err);
        if (r == 0 && own && !complete)
                r = error_set(err, -EBADMSG, "its end is missing");
        if (r == 0)
                r = digest_hasher_finish(hasher, &digest, err);
        if (r == 0)
                r = index_builder_finish(builder, digest.bytes, (uint64_t)size, index_fd, err);
        if (r < 0)
                return error_wrap(err, "cannot take %s for a layer", name);
        return index_open(index_fd, name, ret, err);
}

/*
 * Whether an index is of a tar: it came after it, or the tar is named after what it digests to, as
 * in a store; and it leads to the headers of files. Another tar may have been put in the place of
 * the one that it was made of.
 */
static bool is_index_of(const struct index *index, const struct stat *index_st, const char *tar,
                        int tar_fd, const struct stat *tar_st)
{
        const struct timespec *made = &index_st->st_ctim, *changed = &tar_st->st_ctim;
        struct digest digest;
        char hex[DIGEST_HEX_MAX];
        bool later = made->tv_sec != changed->tv_sec ? made->tv_sec > changed->tv_sec
                                                     : made->tv_nsec >= changed->tv_nsec;

        memcpy(digest.bytes, index_diff_id(index), sizeof(digest.bytes));
        digest_format_hex(&digest, hex);
        return (later || strncmp(tar, hex, strlen(hex)) == 0) && index_fits_tar(index, tar_fd);
}

/* Opens the index beside a tar. Any error but -EBADMSG means that it has to be made again. */
static int open_index(int dir_fd, const char *name, const char *tar, int tar_fd,
                      const struct stat *tar_st, bool own, struct index **ret, struct error *err)
{
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        struct error ignored = ERROR_INIT;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || index_open(fd, name, ret, &ignored) < 0)
                return -ESTALE;
        if (index_tar_size(*ret) == (uint64_t)tar_st->st_size &&
            is_index_of(*ret, &st, tar, tar_fd, tar_st))
                return 0;
        if (own && index_tar_size(*ret) != (uint64_t)tar_st->st_size) {
                error_set(err, -EBADMSG,
                          "%s has %" PRIu64 " bytes, and had %" PRIu64 " when it was sealed", tar,
                          (uint64_t)tar_st->st_size, index_tar_size(*ret));
                error_hint(err, "Bring the file back. To go on with what is left, remove %s.",
                           name);
        }
        index_free(*ret);
        return own && error_is_set(err) ? err->code : -ESTALE;
}

int sealed_open(int dir_fd, const char *tar, bool own, struct tree_layer *ret, struct error *err)
{
        _cleanup_close_ int fd = openat(dir_fd, tar, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        char name[NAME_MAX + 1];
        struct index *index;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(err, -errno, "cannot open %s", tar);
        if (!S_ISREG(st.st_mode))
                return error_set(err, -EBADMSG, "%s is neither a directory nor a layer", tar);
        r = name_beside(tar, ".idx", name, err);
        if (r == 0)
                r = open_index(dir_fd, name, tar, fd, &st, own, &index, err);
        if (r == -ESTALE)
                r = make_index(fd, tar, st.st_size, own, &index, err);
        if (r < 0)
                return r;
        *ret = (struct tree_layer){ .index = index, .tar_fd = TAKE_FD(fd) };
        return 0;
}

/* ---- sealing ---- */

struct names {
        char tar[NAME_MAX + 1]; /* being written, as is `idx` */
        char idx[NAME_MAX + 1];
        char final_idx[NAME_MAX + 1];
};

static int create(int dir_fd, const char *name, struct error *err)
{
        int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? error_set_errno(err, -errno, "cannot make %s", name) : fd;
}

/* Writes tar and index, onto the disk. Returns 1 where there is a layer, 0 where there is none. */
static int write_layer(int dir_fd, const struct names *names, struct change_list *changes,
                       struct error *err)
{
        _cleanup_close_ int tar_fd = create(dir_fd, names->tar, err);
        _cleanup_close_ int index_fd = tar_fd < 0 ? -1 : create(dir_fd, names->idx, err);
        _cleanup_(cleanup_builder) struct index_builder *builder = NULL;
        struct layer_seal_options options = { .compression = { .codec = CODEC_NONE },
                                              .tar_fd = tar_fd,
                                              .blob_fd = -1 };
        struct entry_source source = change_list_source(changes);
        struct layer_sealed sealed;
        struct entry_sink sink;
        int r;

        if (tar_fd < 0 || index_fd < 0)
                return err->code;
        r = index_builder_new(&builder, err);
        if (r < 0)
                return r;
        sink = index_builder_sink(builder);
        r = layer_seal(&source, &sink, &options, &sealed, err);
        if (r < 0 || sealed.entry_count == 0)
                return r;
        r = index_builder_finish(builder, sealed.diff_id.bytes, sealed.tar_size, index_fd, err);
        if (r < 0)
                return r;
        if (fsync(tar_fd) < 0 || fsync(index_fd) < 0)
                return error_set_errno(err, -errno, "cannot write %s", names->tar);
        return 1;
}

/* Again, without what may not be read, if it was that. */
static int write_allowed(int dir_fd, const struct names *names, struct change_list *changes,
                         struct buf *ret_left_out, struct error *err)
{
        if (err->code != -EACCES && err->code != -EPERM)
                return err->code;
        if (change_list_drop_forbidden(changes, ret_left_out) <= 0)
                return err->code;
        *err = ERROR_INIT;
        return write_layer(dir_fd, names, changes, err);
}

static int sync_directory(int dir_fd)
{
        _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int remove_file(int dir_fd, const char *name)
{
        return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Puts what was written in its place, or nothing. */
static int publish(int dir_fd, const struct names *names, const char *tar, bool something)
{
        int r = remove_file(dir_fd, names->final_idx);

        if (r == 0)
                r = sync_directory(dir_fd);
        if (r == 0 && !something)
                r = remove_file(dir_fd, tar);
        if (r == 0 && something && renameat(dir_fd, names->tar, dir_fd, tar) < 0)
                r = -errno;
        if (r == 0)
                r = sync_directory(dir_fd);
        if (r == 0 && something && renameat(dir_fd, names->idx, dir_fd, names->final_idx) < 0)
                r = -errno;
        return r == 0 ? sync_directory(dir_fd) : r;
}

int sealed_replace(int dir_fd, const char *tar, struct change_list *changes,
                   struct buf *ret_left_out, struct error *err)
{
        struct names names;
        int r, published;

        r = name_beside(tar, ".tar.new", names.tar, err);
        if (r == 0)
                r = name_beside(tar, ".idx.new", names.idx, err);
        if (r == 0)
                r = name_beside(tar, ".idx", names.final_idx, err);
        if (r < 0)
                return r;
        r = write_layer(dir_fd, &names, changes, err);
        if (r < 0)
                r = write_allowed(dir_fd, &names, changes, ret_left_out, err);
        if (r >= 0) {
                published = publish(dir_fd, &names, tar, r > 0);
                r = published < 0 ? error_set_errno(err, published, "cannot replace %s", tar) : 0;
        }
        remove_file(dir_fd, names.tar);
        remove_file(dir_fd, names.idx);
        return r;
}

void sealed_remove_rest(int dir_fd, const char *tar)
{
        struct error ignored = ERROR_INIT;
        char name[NAME_MAX + 1];

        if (name_beside(tar, ".tar.new", name, &ignored) == 0)
                remove_file(dir_fd, name);
        if (name_beside(tar, ".idx.new", name, &ignored) == 0)
                remove_file(dir_fd, name);
}
