#include "fresh.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct digest layer = { { 1 } }, blob = { { 2 } };

static void put(struct fresh *fresh, enum store_kind kind, const struct digest *digest)
{
        struct store_file file;

        cr_assert_eq(store_file_new(fresh->store, &file, &fresh->err), 0);
        cr_assert_eq(write(file.fd, "abc", 3), 3);
        cr_assert_eq(store_file_publish(fresh->store, &file, kind, digest, &fresh->err), 0);
}

/* Writes what is there already, and sets the time of modification back. */
static void rewrite(struct fresh *fresh, enum store_kind kind, const struct digest *digest)
{
        char path[64];
        struct stat st;
        int fd;

        cr_assert_eq(store_open_file(fresh->store, kind, digest, &fd, NULL, &fresh->err), 0);
        cr_assert_eq(fstat(fd, &st), 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        usleep(20000); /* times of change have the kernel's ticks */
        cr_assert_eq(truncate(path, 0), 0);
        cr_assert_eq(truncate(path, 3), 0);
        cr_assert_eq(utimensat(AT_FDCWD, path, (struct timespec[]){ st.st_atim, st.st_mtim }, 0),
                     0);
        close(fd);
}

Test(stamp, knows_files_until_they_are_altered)
{
        struct fresh fresh;

        fresh_begin(&fresh);
        put(&fresh, STORE_TAR, &layer);
        put(&fresh, STORE_INDEX, &layer);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob),
                     1u << STORE_TAR | 1u << STORE_INDEX);
        store_stamp_put(fresh.store, &layer, NULL);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob), 0);
        put(&fresh, STORE_BLOB, &blob);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob), 1u << STORE_BLOB);
        store_stamp_put(fresh.store, &layer, &blob);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob), 0);
        rewrite(&fresh, STORE_TAR, &layer);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob), 1u << STORE_TAR);
        rewrite(&fresh, STORE_BLOB, &blob);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, &blob),
                     1u << STORE_TAR | 1u << STORE_BLOB);
        fresh_end(&fresh);
}

Test(stamp, that_is_cut_knows_what_it_still_has)
{
        struct fresh fresh;
        int fd;

        fresh_begin(&fresh);
        put(&fresh, STORE_TAR, &layer);
        put(&fresh, STORE_INDEX, &layer);
        store_stamp_put(fresh.store, &layer, NULL);
        fd = openat(store_root_dir(fresh.store), "layers/.stamps", O_RDWR | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        for (off_t size = lseek(fd, 0, SEEK_END); size > 0; size--) {
                char path[64];

                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                cr_assert_eq(truncate(path, size - 1), 0);
                cr_assert_neq(store_stamp_check(fresh.store, &layer, NULL), 0);
        }
        close(fd);
        fresh_end(&fresh);
}

Test(stamp, that_are_too_many_begin_anew)
{
        struct fresh fresh;
        struct stat st;

        fresh_begin(&fresh);
        put(&fresh, STORE_TAR, &layer);
        put(&fresh, STORE_INDEX, &layer);
        for (int i = 0; i < 5000; i++)
                store_stamp_put(fresh.store, &layer, NULL);
        cr_assert_eq(store_stamp_check(fresh.store, &layer, NULL), 0);
        cr_assert_eq(fstatat(store_root_dir(fresh.store), "layers/.stamps", &st, 0), 0);
        cr_assert_leq(st.st_size, 1 << 20);
        fresh_end(&fresh);
}

Test(stamp, knows_the_diff_id_of_a_blob_until_its_line_is_cut)
{
        const struct digest other = { { 3 } };
        struct digest found;
        struct fresh fresh;
        char path[64];
        off_t size;
        int fd;

        fresh_begin(&fresh);
        store_pair_put(fresh.store, &other, &blob);
        store_pair_put(fresh.store, &layer, &layer);
        cr_assert_not(store_pair_find(fresh.store, &blob, &found));
        cr_assert_not(store_pair_find(fresh.store, &layer, &found));
        store_pair_put(fresh.store, &blob, &layer);
        cr_assert(store_pair_find(fresh.store, &blob, &found));
        cr_assert(digest_equal(&found, &layer));
        fd = openat(store_root_dir(fresh.store), "layers/.stamps", O_RDWR | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        size = lseek(fd, 0, SEEK_END);
        store_pair_put(fresh.store, &blob, &layer);
        cr_assert_eq(lseek(fd, 0, SEEK_END), size);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        /* What is appended to a line that was cut is none of it. */
        while (size-- > 0) {
                cr_assert_eq(truncate(path, size), 0);
                cr_assert_not(store_pair_find(fresh.store, &blob, &found));
                store_pair_put(fresh.store, &other, &other);
                store_pair_put(fresh.store, &other, &layer);
                cr_assert_not(store_pair_find(fresh.store, &blob, &found));
        }
        close(fd);
        fresh_end(&fresh);
}
