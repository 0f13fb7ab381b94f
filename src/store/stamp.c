/*
 * Which files of a layer are known to be as they should be, by what the filesystem says of them:
 * who alters one changes its time of change, which he cannot set.
 *
 * A line for each: "KIND DIGEST INODE SIZE SECONDS NANOSECONDS". A stamp is not synced; one that is
 * lost or cut means that the files are looked at again.
 */
#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP_BYTES_MAX 1024

static const enum store_kind kinds[] = { STORE_TAR, STORE_INDEX, STORE_BLOB };

/* The line of a file as it is now; "" where there is none. */
static void make_line(const struct store *store, enum store_kind kind, const struct digest *digest,
                      char ret[static STAMP_BYTES_MAX / 4])
{
        char name[STORE_NAME_MAX], hex[DIGEST_HEX_MAX];
        int dir_fd = store_place(store, kind, digest, name);
        struct stat st;

        *ret = '\0';
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        digest_format_hex(digest, hex);
        snprintf(ret, STAMP_BYTES_MAX / 4, "%d %s %" PRIu64 " %" PRIu64 " %" PRId64 " %ld\n",
                 (int)kind, hex, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                 (int64_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

void store_stamp_put(struct store *store, const struct digest *diff_id, const struct digest *blob)
{
        char text[STAMP_BYTES_MAX] = "", name[STORE_NAME_MAX];
        int dir_fd = store_place(store, STORE_STAMP, diff_id, name);
        _cleanup_close_ int fd = -1;
        size_t len = 0;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct digest *digest = kinds[i] == STORE_BLOB ? blob : diff_id;

                if (digest)
                        make_line(store, kinds[i], digest, text + len);
                len = strlen(text);
        }
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
                io_write(fd, text, len);
}

unsigned store_stamp_check(struct store *store, const struct digest *diff_id,
                           const struct digest *blob)
{
        char text[STAMP_BYTES_MAX] = "", name[STORE_NAME_MAX];
        int dir_fd = store_place(store, STORE_STAMP, diff_id, name);
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        unsigned unknown = 0;

        if (fd >= 0 && io_read(fd, text, sizeof(text) - 1) < 0)
                *text = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct digest *digest = kinds[i] == STORE_BLOB ? blob : diff_id;
                char line[STAMP_BYTES_MAX / 4] = "";

                if (digest)
                        make_line(store, kinds[i], digest, line);
                if (*line && !strstr(text, line))
                        unknown |= 1u << kinds[i];
        }
        return unknown;
}
