#include "fresh.h"

#include "store_internal.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

static size_t count_processes(const struct fresh *fresh)
{
        char path[64];
        struct dirent *entry;
        size_t count = 0;
        DIR *dir;

        snprintf(path, sizeof(path), "%s/tmp", fresh->root);
        dir = opendir(path);
        while ((entry = readdir(dir)))
                count += entry->d_name[0] != '.';
        closedir(dir);
        return count;
}

Test(process, has_a_directory_of_its_own_while_it_works)
{
        struct fresh fresh;
        int first, again;

        fresh_begin(&fresh);
        cr_assert_eq(count_processes(&fresh), 0);
        cr_assert_eq(store_tmp_dir(fresh.store, &first, &fresh.err), 0);
        cr_assert_eq(store_tmp_dir(fresh.store, &again, &fresh.err), 0);
        cr_assert_eq(first, again);
        cr_assert_eq(count_processes(&fresh), 1);
        store_leave(fresh.store);
        cr_assert_eq(count_processes(&fresh), 0);
        fresh_end(&fresh);
}

Test(process, that_was_forked_has_another)
{
        struct fresh fresh;
        int dir_fd, status;
        pid_t child;

        fresh_begin(&fresh);
        cr_assert_eq(store_tmp_dir(fresh.store, &dir_fd, &fresh.err), 0);
        child = fork();
        if (child == 0) {
                bool good = store_tmp_dir(fresh.store, &dir_fd, &fresh.err) == 0 &&
                            count_processes(&fresh) == 2;

                store_leave(fresh.store);
                _exit(good ? 0 : 1);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
        cr_assert_eq(count_processes(&fresh), 1);
        fresh_end(&fresh);
}

Test(process, that_is_gone_leaves_what_the_next_removes)
{
        struct digest abc = fresh_digest("abc");
        struct fresh fresh;
        pid_t child;

        fresh_begin(&fresh);
        cr_assert_eq(store_pin(fresh.store, &abc, &fresh.err), 0);
        child = fork();
        if (child == 0)
                _exit(store_pin(fresh.store, &abc, &fresh.err) < 0);
        /* Not waited for yet: the dead who are still listed have nothing to lose either. */
        cr_assert_eq(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT), 0);
        cr_assert_eq(count_processes(&fresh), 2);
        store_sweep(fresh.store);
        cr_assert_eq(count_processes(&fresh), 1);
        cr_assert(store_is_pinned(fresh.store, &abc));
        cr_assert_eq(waitpid(child, NULL, 0), child);
        fresh_end(&fresh);
}

Test(process, pins_what_it_needs_while_it_lives)
{
        struct digest abc = fresh_digest("abc"), other = fresh_digest("other");
        struct fresh fresh;
        pid_t child;

        fresh_begin(&fresh);
        child = fork();
        if (child == 0)
                _exit(store_pin(fresh.store, &abc, &fresh.err) < 0);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        cr_assert(!store_is_pinned(fresh.store, &abc));
        cr_assert_eq(store_pin(fresh.store, &abc, &fresh.err), 0);
        cr_assert(store_is_pinned(fresh.store, &abc));
        cr_assert(!store_is_pinned(fresh.store, &other));
        store_leave(fresh.store);
        cr_assert(!store_is_pinned(fresh.store, &abc));
        fresh_end(&fresh);
}

Test(process, of_another_host_is_believed_for_a_week)
{
        static const struct timespec times[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
        struct fresh fresh;
        char path[100];

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/tmp/a.host.of.others.7.1234", fresh.root);
        cr_assert_eq(mkdir(path, 0700), 0);
        store_sweep(fresh.store);
        cr_assert_eq(count_processes(&fresh), 1);
        cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
        store_sweep(fresh.store);
        cr_assert_eq(count_processes(&fresh), 0);
        fresh_end(&fresh);
}

Test(process, has_a_name_that_nothing_else_in_tmp_stands_for)
{
        static const char *const names[] = { "junk", "a.b", "a.b.c", "..1", ".x.1", "host.1.x" };
        struct fresh fresh;
        char path[100];

        fresh_begin(&fresh);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(path, sizeof(path), "%s/tmp/%s", fresh.root, names[i]);
                cr_assert_eq(mkdir(path, 0700), 0);
        }
        store_sweep(fresh.store);
        cr_assert_eq(count_processes(&fresh), 0);
        fresh_end(&fresh);
}

Test(process, that_dies_leaves_its_pieces_of_blobs_to_the_next)
{
        struct digest abc = fresh_digest("abc");
        struct store_file file;
        struct fresh fresh;
        uint64_t size;
        pid_t child;

        fresh_begin(&fresh);
        child = fork();
        if (child == 0) {
                int r = store_partial_open(fresh.store, &abc, &file, &size, &fresh.err);

                _exit(r < 0 || io_write(file.fd, "ab", 2) < 0);
        }
        cr_assert_eq(waitpid(child, NULL, 0), child);
        store_sweep(fresh.store);
        cr_assert_eq(store_partial_open(fresh.store, &abc, &file, &size, &fresh.err), 0);
        cr_assert_eq(size, 2);
        store_file_discard(fresh.store, &file);
        fresh_end(&fresh);
}

Test(process, sweeps_away_pieces_that_nobody_goes_on_with_for_a_week)
{
        static const struct timespec times[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
        struct digest abc = fresh_digest("abc"), old = fresh_digest("old");
        const struct digest *digests[] = { &abc, &old };
        char path[200], hex[DIGEST_HEX_MAX];
        struct store_file file;
        struct fresh fresh;
        uint64_t size;

        fresh_begin(&fresh);
        for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
                cr_assert_eq(store_partial_open(fresh.store, digests[i], &file, &size, &fresh.err),
                             0);
                cr_assert_eq(io_write(file.fd, "ab", 2), 0);
                store_partial_keep(fresh.store, &file);
        }
        digest_format_hex(&old, hex);
        snprintf(path, sizeof(path), "%s/tmp/.partial-%s", fresh.root, hex);
        cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
        store_sweep(fresh.store);
        cr_assert_neq(faccessat(AT_FDCWD, path, F_OK, 0), 0);
        cr_assert_eq(store_partial_open(fresh.store, &abc, &file, &size, &fresh.err), 0);
        cr_assert_eq(size, 2);
        store_file_discard(fresh.store, &file);
        fresh_end(&fresh);
}
