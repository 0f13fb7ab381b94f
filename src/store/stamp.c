/*
 * Which files of a layer are known to be as they should be, by what the filesystem says of them:
 * who alters one changes its time of change, which he cannot set. And which diffIDs blobs are known
 * to have.
 *
 * One file for all, as users have few inodes; a line is appended for each file: "KIND DIGEST INODE
 * SIZE SECONDS NANOSECONDS", and for each pair: "pair BLOB DIFFID". It is not synced, and begins
 * anew when it is full: a line that is lost or cut means that a file is looked at again.
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

#define STAMPS_NAME      ".stamps"
#define STAMPS_BYTES_MAX (1 << 20)
#define LINE_BYTES_MAX   256

static const enum store_kind kinds[] = { STORE_TAR, STORE_INDEX, STORE_BLOB };

/* The line of a file as it is now; "" where there is none. */
static void make_line(const struct store *store, enum store_kind kind, const struct digest *digest,
                      char ret[static LINE_BYTES_MAX])
{
        char name[STORE_NAME_MAX], hex[DIGEST_HEX_MAX];
        int dir_fd = store_place(store, kind, digest, name);
        struct stat st;

        *ret = '\0';
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        digest_format_hex(digest, hex);
        snprintf(ret, LINE_BYTES_MAX, "%d %s %" PRIu64 " %" PRIu64 " %" PRId64 " %ld\n", (int)kind,
                 hex, (uint64_t)st.st_ino, (uint64_t)st.st_size, (int64_t)st.st_ctim.tv_sec,
                 st.st_ctim.tv_nsec);
}

static void append(const struct store *store, const char *text)
{
        _cleanup_close_ int fd =
                openat(store->layers_fd, STAMPS_NAME,
                       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        size_t len = strlen(text);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 ||
            (st.st_size + (off_t)len > STAMPS_BYTES_MAX && ftruncate(fd, 0) < 0))
                return;
        io_write(fd, text, len);
}

static void read_all(const struct store *store, struct buf *ret)
{
        struct error ignored = ERROR_INIT;

        if (io_read_file(store->layers_fd, STAMPS_NAME, STAMPS_BYTES_MAX, ret, &ignored) < 0)
                buf_clear(ret);
}

void store_stamp_put(struct store *store, const struct digest *diff_id, const struct digest *blob)
{
        char text[ARRAY_SIZE(kinds) * LINE_BYTES_MAX] = "";
        size_t len = 0;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct digest *digest = kinds[i] == STORE_BLOB ? blob : diff_id;

                if (digest)
                        make_line(store, kinds[i], digest, text + len);
                len = strlen(text);
        }
        append(store, text);
}

unsigned store_stamp_check(struct store *store, const struct digest *diff_id,
                           const struct digest *blob)
{
        struct buf text = BUF_INIT;
        unsigned unknown = 0;

        read_all(store, &text);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct digest *digest = kinds[i] == STORE_BLOB ? blob : diff_id;
                char line[LINE_BYTES_MAX] = "";

                if (digest)
                        make_line(store, kinds[i], digest, line);
                if (*line && !strstr(buf_str(&text), line))
                        unknown |= 1u << kinds[i];
        }
        buf_done(&text);
        return unknown;
}

void store_pair_put(struct store *store, const struct digest *blob, const struct digest *diff_id)
{
        char blob_hex[DIGEST_HEX_MAX], hex[DIGEST_HEX_MAX], line[LINE_BYTES_MAX];
        struct digest known;

        if (digest_equal(blob, diff_id) ||
            (store_pair_find(store, blob, &known) && digest_equal(&known, diff_id)))
                return;
        digest_format_hex(blob, blob_hex);
        digest_format_hex(diff_id, hex);
        snprintf(line, sizeof(line), "pair %s %s\n", blob_hex, hex);
        append(store, line);
}

bool store_pair_find(struct store *store, const struct digest *blob, struct digest *ret_diff_id)
{
        char hex[DIGEST_HEX_MAX], start[LINE_BYTES_MAX];
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        const size_t digits = DIGEST_HEX_MAX - 1;
        const char *at;
        bool found;

        digest_format_hex(blob, hex);
        snprintf(start, sizeof(start), "pair %s ", hex);
        read_all(store, &text);
        at = strstr(buf_str(&text), start);
        if (at)
                at += strlen(start);
        found = at && strcspn(at, "\n") == digits && at[digits] == '\n';
        if (found) {
                memcpy(hex, at, digits);
                found = digest_parse_hex(hex, ret_diff_id, &ignored) == 0;
        }
        buf_done(&text);
        return found;
}
