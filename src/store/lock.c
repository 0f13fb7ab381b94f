#include "store_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME      "lock"
#define LOCK_FILE_NAME "lock.held"

/* A lock file is held for moments: one of this age was left behind. */
#define LOCK_FILE_STALE_S 60
#define LOCK_FILE_WAIT_NS 20000000

/* Filesystems that know no record locks: Lustre without -o flock, some NFS mounts. */
static bool has_no_locks(int code)
{
        return code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP || code == EINVAL;
}

static int take_lock_file(struct store *store, struct store_lock *ret)
{
        const struct timespec wait = { .tv_nsec = LOCK_FILE_WAIT_NS };

        for (;;) {
                struct stat st;
                int fd = openat(store->root_fd, LOCK_FILE_NAME,
                                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

                if (fd >= 0) {
                        *ret = (struct store_lock){ .fd = fd, .is_file = true };
                        return 0;
                }
                if (errno != EEXIST)
                        return -errno;
                if (fstatat(store->root_fd, LOCK_FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    st.st_mtime + LOCK_FILE_STALE_S < time(NULL))
                        unlinkat(store->root_fd, LOCK_FILE_NAME, 0);
                else
                        nanosleep(&wait, NULL);
        }
}

static int take_record_lock(struct store *store, struct store_lock *ret)
{
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = openat(store->root_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        while (fcntl(fd, F_OFD_SETLKW, &whole) < 0) {
                int r = -errno;

                if (r == -EINTR)
                        continue;
                close(fd);
                return r;
        }
        *ret = (struct store_lock){ .fd = fd };
        return 0;
}

int store_lock_take(struct store *store, struct store_lock *ret, struct error *err)
{
        int r = take_record_lock(store, ret);

        if (r < 0 && has_no_locks(-r))
                r = take_lock_file(store, ret);
        if (r < 0)
                return error_set_errno(err, r, "cannot lock the store %s", store->root);
        return 0;
}

void store_lock_release(struct store *store, struct store_lock *lock)
{
        if (lock->fd < 0)
                return;
        if (lock->is_file)
                unlinkat(store->root_fd, LOCK_FILE_NAME, 0);
        close(lock->fd);
        lock->fd = -1;
}
