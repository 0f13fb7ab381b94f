#include "fresh.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* A child that takes the lock, says so through the pipe, and keeps it until it is killed. */
static pid_t hold_lock(struct fresh *fresh, int said)
{
        struct store_lock lock;
        pid_t child = fork();

        if (child == 0) {
                if (store_lock_take(fresh->store, &lock, &fresh->err) < 0)
                        _exit(1);
                io_write(said, "x", 1);
                for (;;)
                        pause();
        }
        return child;
}

/* Whether the lock can be had at once. */
static bool is_free(const struct fresh *fresh)
{
        char path[64];
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd;
        bool free;

        snprintf(path, sizeof(path), "%s/lock", fresh->root);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        free = fcntl(fd, F_OFD_SETLK, &whole) == 0;
        close(fd);
        return free;
}

Test(lock, shuts_others_out_until_it_is_released)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        cr_assert(is_free(&fresh));
        cr_assert_eq(store_lock_take(fresh.store, &lock, &fresh.err), 0);
        cr_assert(!is_free(&fresh));
        store_lock_release(fresh.store, &lock);
        store_lock_release(fresh.store, &lock);
        cr_assert(is_free(&fresh));
        fresh_end(&fresh);
}

Test(lock, ends_with_a_process_that_is_killed, .timeout = 20)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct fresh fresh;
        int said[2];
        pid_t child;
        char text;

        fresh_begin(&fresh);
        cr_assert_eq(pipe2(said, O_CLOEXEC), 0);
        child = hold_lock(&fresh, said[1]);
        cr_assert_eq(io_read(said[0], &text, 1), 1);
        cr_assert(!is_free(&fresh));
        kill(child, SIGKILL);
        cr_assert_eq(store_lock_take(fresh.store, &lock, &fresh.err), 0);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        store_lock_release(fresh.store, &lock);
        close(said[0]);
        close(said[1]);
        fresh_end(&fresh);
}
