#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME      "lock"
#define LOCK_FILE_NAME "lock.held"
#define NAMED_LOCKS    "locks"

/* The store's lock file is held for moments: one of this age was left behind. */
#define LOCK_FILE_STALE_S 60
#define LOCK_FILE_WAIT_NS 20000000

/* Filesystems that know no record locks: Lustre without -o flock, some NFS mounts. */
static bool has_no_locks(int code)
{
        return code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP || code == EINVAL;
}

/* ---- record locks ---- */

static int take_record_lock(struct store *store, const char *name, bool wait,
                            struct store_lock *ret)
{
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = openat(store->root_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &whole) < 0) {
                int r = errno == EACCES ? -EAGAIN : -errno;

                if (r == -EINTR)
                        continue;
                close(fd);
                return r;
        }
        *ret = (struct store_lock){ .fd = fd };
        return 0;
}

/* ---- lock files ---- */

static bool is_old(const struct store *store, const char *name)
{
        struct stat st;

        return fstatat(store->root_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_mtime + LOCK_FILE_STALE_S < time(NULL);
}

/* A lock that may be held for long has its holder's name in its file. One that is written just now
 * has none yet. */
static bool is_abandoned(const struct store *store, const char *name)
{
        struct error ignored = ERROR_INIT;
        struct buf holder = BUF_INIT;
        bool dead = false;

        if (io_read_file(store->root_fd, name, sizeof(store->process_name), &holder, &ignored) == 0)
                dead = holder.len > 0 ? !store_process_lives(store, buf_str(&holder))
                                      : is_old(store, name);
        buf_done(&holder);
        return dead;
}

static int take_lock_file(struct store *store, const char *name, const char *holder, bool wait,
                          struct store_lock *ret)
{
        const struct timespec pause = { .tv_nsec = LOCK_FILE_WAIT_NS };

        for (;;) {
                int fd =
                        openat(store->root_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

                if (fd >= 0) {
                        *ret = (struct store_lock){ .fd = fd };
                        snprintf(ret->file, sizeof(ret->file), "%s", name);
                        return holder ? io_write(fd, holder, strlen(holder)) : 0;
                }
                if (errno != EEXIST)
                        return -errno;
                if (holder ? is_abandoned(store, name) : is_old(store, name))
                        unlinkat(store->root_fd, name, 0);
                else if (!wait)
                        return -EAGAIN;
                else
                        nanosleep(&pause, NULL);
        }
}

/* ---- both ---- */

int store_lock_take(struct store *store, struct store_lock *ret, struct error *err)
{
        int r = take_record_lock(store, LOCK_NAME, true, ret);

        if (r < 0 && has_no_locks(-r))
                r = take_lock_file(store, LOCK_FILE_NAME, NULL, true, ret);
        if (r < 0)
                return error_set_errno(err, r, "cannot lock the store %s", store->root);
        return 0;
}

int store_lock_named(struct store *store, const struct digest *name, bool wait,
                     struct store_lock *ret, struct error *err)
{
        char hex[DIGEST_HEX_MAX], path[sizeof(ret->file)];

        digest_format_hex(name, hex);
        snprintf(path, sizeof(path), NAMED_LOCKS "/%s", hex);
        if (mkdirat(store->root_fd, NAMED_LOCKS, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        return store_lock_path(store, path, wait, ret, err);
}

int store_lock_path(struct store *store, const char *path, bool wait, struct store_lock *ret,
                    struct error *err)
{
        int r = take_record_lock(store, path, wait, ret);

        if (r < 0 && has_no_locks(-r)) {
                char held[sizeof(ret->file)];

                r = store_process_dir(store, err);
                if (r < 0)
                        return r;
                snprintf(held, sizeof(held), "%s.held", path);
                r = take_lock_file(store, held, store->process_name, wait, ret);
        }
        if (r < 0 && r != -EAGAIN)
                return error_set_errno(err, r, "cannot lock in the store %s", store->root);
        return r;
}

void store_lock_release(struct store *store, struct store_lock *lock)
{
        if (lock->fd < 0)
                return;
        if (*lock->file)
                unlinkat(store->root_fd, lock->file, 0);
        close(lock->fd);
        lock->fd = -1;
}
