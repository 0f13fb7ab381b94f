#include "fresh.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void read_back(struct fresh *fresh, enum store_kind kind, const struct digest *digest,
                      const char *expected)
{
        struct buf text = BUF_INIT;

        cr_assert_eq(store_read(fresh->store, kind, digest, 100, &text, &fresh->err), 0, "%s",
                     fresh->err.message);
        cr_assert_str_eq(buf_str(&text), expected);
        buf_done(&text);
}

Test(file, keeps_a_blob_under_its_digest)
{
        struct fresh fresh;
        struct digest digest;

        fresh_begin(&fresh);
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        cr_assert(fresh_has(&fresh, "oci/blobs/sha256/" ABC));
        cr_assert(store_has(fresh.store, STORE_BLOB, &digest));
        cr_assert(!store_has(fresh.store, STORE_TAR, &digest));
        read_back(&fresh, STORE_BLOB, &digest, "abc");
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        cr_assert_eq(store_remove(fresh.store, STORE_BLOB, &digest, &fresh.err), 0);
        cr_assert(!store_has(fresh.store, STORE_BLOB, &digest));
        cr_assert_eq(store_remove(fresh.store, STORE_BLOB, &digest, &fresh.err), 0);
        fresh_end(&fresh);
}

Test(file, puts_each_kind_in_its_place)
{
        struct digest abc = fresh_digest("abc");
        struct store_file file;
        struct fresh fresh;

        fresh_begin(&fresh);
        fresh_layer(&fresh, "abc");
        cr_assert(fresh_has(&fresh, "layers/" ABC ".tar"));
        cr_assert_eq(store_file_new(fresh.store, &file, &fresh.err), 0);
        cr_assert_eq(store_file_publish(fresh.store, &file, STORE_INDEX, &abc, &fresh.err), 0);
        cr_assert_eq(file.fd, -1);
        cr_assert(fresh_has(&fresh, "layers/" ABC ".idx"));
        fresh_end(&fresh);
}

Test(file, finds_a_blob_that_was_changed)
{
        struct buf text = BUF_INIT;
        struct fresh fresh;
        struct digest digest;
        char path[200];
        int fd;

        fresh_begin(&fresh);
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        snprintf(path, sizeof(path), "%s/oci/blobs/sha256/" ABC, fresh.root);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        cr_assert_eq(io_write(fd, "abd", 3), 0);
        close(fd);
        cr_assert_eq(store_read(fresh.store, STORE_BLOB, &digest, 100, &text, &fresh.err),
                     -EBADMSG);
        cr_assert_not_null(strstr(fresh.err.message, "was changed"));
        buf_done(&text);
        fresh_end(&fresh);
}

Test(file, reads_no_more_than_it_was_allowed)
{
        struct buf text = BUF_INIT;
        struct fresh fresh;
        struct digest digest;

        fresh_begin(&fresh);
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        cr_assert_eq(store_read(fresh.store, STORE_BLOB, &digest, 2, &text, &fresh.err), -EFBIG);
        buf_done(&text);
        fresh_end(&fresh);
}

Test(file, tells_which_is_not_there)
{
        struct digest abc = fresh_digest("abc");
        struct fresh fresh;
        int fd = -1;

        fresh_begin(&fresh);
        cr_assert_eq(store_open_file(fresh.store, STORE_BLOB, &abc, &fd, NULL, &fresh.err),
                     -ENOENT);
        cr_assert_not_null(strstr(fresh.err.message, "blob sha256:" ABC));
        fresh.err = ERROR_INIT;
        cr_assert_eq(store_open_file(fresh.store, STORE_TAR, &abc, &fd, NULL, &fresh.err), -ENOENT);
        cr_assert_not_null(strstr(fresh.err.message, "layer sha256:" ABC));
        cr_assert_eq(fd, -1);
        fresh_end(&fresh);
}

Test(file, opens_with_its_size)
{
        struct fresh fresh;
        struct digest digest;
        uint64_t size;
        int fd;

        fresh_begin(&fresh);
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        cr_assert_eq(store_open_file(fresh.store, STORE_BLOB, &digest, &fd, &size, &fresh.err), 0);
        cr_assert_eq(size, 3);
        close(fd);
        fresh_end(&fresh);
}

Test(file, leaves_alone_what_stands_there_already)
{
        struct digest abc = fresh_digest("abc");
        struct store_file file;
        struct fresh fresh;
        struct stat before, after;
        char path[200];

        fresh_begin(&fresh);
        fresh_layer(&fresh, "abc");
        snprintf(path, sizeof(path), "%s/layers/" ABC ".tar", fresh.root);
        cr_assert_eq(stat(path, &before), 0);
        cr_assert_eq(store_file_new(fresh.store, &file, &fresh.err), 0);
        cr_assert_eq(store_file_publish(fresh.store, &file, STORE_TAR, &abc, &fresh.err), 0);
        cr_assert_eq(stat(path, &after), 0);
        cr_assert_eq(before.st_ino, after.st_ino);
        fresh_end(&fresh);
}

Test(file, leaves_nothing_of_what_is_thrown_away)
{
        struct store_file first, second;
        struct fresh fresh;
        struct stat st;
        int dir_fd;

        fresh_begin(&fresh);
        cr_assert_eq(store_file_new(fresh.store, &first, &fresh.err), 0);
        cr_assert_eq(store_file_new(fresh.store, &second, &fresh.err), 0);
        cr_assert_str_neq(first.name, second.name);
        cr_assert_eq(store_tmp_dir(fresh.store, &dir_fd, &fresh.err), 0);
        cr_assert_eq(fstatat(dir_fd, first.name, &st, 0), 0);
        store_file_discard(fresh.store, &first);
        store_file_discard(fresh.store, &first);
        cr_assert_eq(fstatat(dir_fd, first.name, &st, 0), -1);
        cr_assert_eq(fstatat(dir_fd, second.name, &st, 0), 0);
        store_file_discard(fresh.store, &second);
        fresh_end(&fresh);
}

Test(file, lets_a_plain_layer_be_its_own_blob)
{
        struct fresh fresh;
        struct digest diff_id;
        struct stat tar, blob;
        char path[200];

        fresh_begin(&fresh);
        diff_id = fresh_layer(&fresh, "abc");
        cr_assert_eq(store_link_blob(fresh.store, &diff_id, &fresh.err), 0);
        cr_assert_eq(store_link_blob(fresh.store, &diff_id, &fresh.err), 0);
        read_back(&fresh, STORE_BLOB, &diff_id, "abc");
        snprintf(path, sizeof(path), "%s/layers/" ABC ".tar", fresh.root);
        cr_assert_eq(stat(path, &tar), 0);
        snprintf(path, sizeof(path), "%s/oci/blobs/sha256/" ABC, fresh.root);
        cr_assert_eq(stat(path, &blob), 0);
        cr_assert_eq(tar.st_ino, blob.st_ino);
        fresh_end(&fresh);
}

/* ---- blobs that come in pieces ---- */

static void get_partial(struct fresh *fresh, const struct digest *digest, struct store_file *ret,
                        uint64_t expected_size)
{
        uint64_t size;

        cr_assert_eq(store_partial_open(fresh->store, digest, ret, &size, &fresh->err), 0, "%s",
                     fresh->err.message);
        cr_assert_eq(size, expected_size);
}

/* Puts by a piece, behind what there is. */
static void put_piece(struct fresh *fresh, const struct digest *digest, const char *bytes,
                      uint64_t expected_size)
{
        struct store_file file;

        get_partial(fresh, digest, &file, expected_size);
        cr_assert_eq(lseek(file.fd, 0, SEEK_END), (off_t)expected_size);
        cr_assert_eq(io_write(file.fd, bytes, strlen(bytes)), 0);
        store_partial_keep(fresh->store, &file);
        cr_assert_eq(file.fd, -1);
}

Test(file, goes_on_with_a_blob_that_was_put_by)
{
        struct digest abc = fresh_digest("abc"), other = fresh_digest("other");
        struct store_file file;
        struct fresh fresh;

        fresh_begin(&fresh);
        put_piece(&fresh, &abc, "a", 0);
        put_piece(&fresh, &other, "oth", 0);
        cr_assert(fresh_has(&fresh, "tmp/.partial-" ABC));
        fresh_reopen(&fresh);
        put_piece(&fresh, &abc, "bc", 1);
        get_partial(&fresh, &abc, &file, 3);
        cr_assert(!fresh_has(&fresh, "tmp/.partial-" ABC));
        cr_assert_eq(store_file_publish(fresh.store, &file, STORE_BLOB, &abc, &fresh.err), 0);
        read_back(&fresh, STORE_BLOB, &abc, "abc");
        get_partial(&fresh, &abc, &file, 0);
        store_file_discard(fresh.store, &file);
        get_partial(&fresh, &other, &file, 3);
        store_file_discard(fresh.store, &file);
        fresh_end(&fresh);
}

Test(file, has_nothing_to_go_on_with_once_it_is_thrown_away)
{
        struct digest abc = fresh_digest("abc");
        struct store_file file;
        struct fresh fresh;

        fresh_begin(&fresh);
        put_piece(&fresh, &abc, "ab", 0);
        get_partial(&fresh, &abc, &file, 2);
        store_file_discard(fresh.store, &file);
        store_partial_keep(fresh.store, &file);
        cr_assert(!fresh_has(&fresh, "tmp/.partial-" ABC));
        get_partial(&fresh, &abc, &file, 0);
        store_file_discard(fresh.store, &file);
        fresh_end(&fresh);
}

Test(file, gives_what_was_put_by_to_one_process_alone)
{
        struct digest abc = fresh_digest("abc");
        struct store_file file;
        struct fresh fresh;
        pid_t child;
        int status;

        fresh_begin(&fresh);
        put_piece(&fresh, &abc, "ab", 0);
        get_partial(&fresh, &abc, &file, 2);
        child = fork();
        if (child == 0) {
                struct store_file own;
                uint64_t size = 1;
                int r = store_partial_open(fresh.store, &abc, &own, &size, &fresh.err);

                store_file_discard(fresh.store, &own);
                _exit(r == 0 && size == 0 ? 0 : 1);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
        store_partial_keep(fresh.store, &file);
        get_partial(&fresh, &abc, &file, 2);
        store_file_discard(fresh.store, &file);
        fresh_end(&fresh);
}
