/*
 * The lock is on two bytes of `.varve/lock`, as the kernel's record locks of an open file: the
 * first is held while the directory is mounted, the second until it is sealed. So who waits can
 * tell an end that has begun, for which it waits, from a mount that goes on. Behind them lies what
 * prevents the sealing. That has its room beforehand, so a full disk has room for it.
 */
#include "upper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "directory.h"
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LAYER "layer.tar"

#define BYTE_MOUNTED  0
#define BYTE_UNSEALED 1
#define MESSAGE_AT    2
#define MESSAGE_BYTES 1022

/* How long a mount may take to notice that it was unmounted, on a busy machine. */
#define GRACE_NS 5000000000u
#define PAUSE_NS 10000000

void upper_done(struct upper *upper)
{
        cleanup_close(&upper->lock_fd);
        cleanup_close(&upper->own_fd);
        cleanup_close(&upper->dir_fd);
        *upper = UPPER_INIT;
}

static int lock_byte(int fd, int command, int type, off_t byte)
{
        struct flock lock = {
                .l_type = (short)type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
        };

        while (fcntl(fd, command, &lock) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* Reads what the mount before has left to say; empty where that is nothing. */
static int read_message(int fd, char ret[static MESSAGE_BYTES])
{
        ssize_t n = io_pread(fd, ret, MESSAGE_BYTES - 1, MESSAGE_AT);

        ret[n < 0 ? 0 : n] = '\0';
        return n < 0 ? (int)n : 0;
}

/* Tries for a lock until it is there, or `give_up` says that it will not be. */
static int wait_for_byte(int fd, int type, off_t byte, bool (*give_up)(void *context),
                         void *context)
{
        const struct timespec pause = { .tv_nsec = PAUSE_NS };
        int r;

        while ((r = lock_byte(fd, F_OFD_SETLK, type, byte)) == -EAGAIN || r == -EACCES) {
                if (give_up(context))
                        return -EBUSY;
                nanosleep(&pause, NULL);
        }
        return r;
}

static bool is_time_up(void *context)
{
        const uint64_t *end = context;

        return clock_monotonic_ns() > *end;
}

struct sealing {
        int fd;
        char message[MESSAGE_BYTES];
};

/* Who cannot seal at present says so. */
static bool is_stuck(void *context)
{
        struct sealing *sealing = context;

        return read_message(sealing->fd, sealing->message) < 0 || sealing->message[0] != '\0';
}

static int take_lock(int fd, bool to_change, const char *path, struct error *err)
{
        uint64_t end = clock_monotonic_ns() + GRACE_NS;
        struct sealing sealing = { .fd = fd };
        int type = to_change ? F_WRLCK : F_RDLCK;
        int r = wait_for_byte(fd, type, BYTE_MOUNTED, is_time_up, &end);

        if (r == -EBUSY) {
                error_set(err, -EBUSY, "%s is in use by another mount", path);
                return error_hint(err, "Unmount it. Processes in a mount namespace of their own (a "
                                       "container, unshare) may hold a copy of it until they end.");
        }
        if (r == 0)
                r = wait_for_byte(fd, type, BYTE_UNSEALED, is_stuck, &sealing);
        if (r == -EBUSY)
                return error_set(err, -EBUSY, "%s is not sealed yet: %s", path, sealing.message);
        return r < 0 ? error_set_errno(err, r, "cannot lock %s", path) : 0;
}

/* Makes room for a message, and takes what lies there. */
static int take_message(const struct upper *upper, const char *path, struct buf *ret,
                        struct error *err)
{
        char message[MESSAGE_BYTES];
        int r = read_message(upper->lock_fd, message);

        if (r == 0 && message[0] != '\0')
                r = buf_appendf(ret, "of the mount before: %s", message);
        if (r < 0)
                return error_set_errno(err, r, "cannot read %s/%s/lock", path, DIRECTORY_OWN);
        r = upper_keep_message(upper, NULL);
        return r < 0 ? error_set_errno(err, r, "cannot write to %s/%s/lock", path, DIRECTORY_OWN)
                     : 0;
}

static int open_own(struct upper *upper, const char *path, bool to_change, struct error *err)
{
        if (to_change && mkdirat(upper->dir_fd, DIRECTORY_OWN, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot write to %s", path);
        upper->own_fd = openat(upper->dir_fd, DIRECTORY_OWN,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (upper->own_fd < 0) {
                if (!to_change && errno == ENOENT)
                        return 0;
                return error_set_errno(err, -errno, "cannot open %s/%s", path, DIRECTORY_OWN);
        }
        upper->lock_fd =
                openat(upper->own_fd, "lock",
                       (to_change ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (upper->lock_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s/%s/lock", path, DIRECTORY_OWN);
        return take_lock(upper->lock_fd, to_change, path, err);
}

int upper_open(const char *path, bool to_change, struct upper *ret, struct buf *ret_warning,
               struct error *err)
{
        struct upper upper = UPPER_INIT;
        int r;

        upper.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (upper.dir_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        r = open_own(&upper, path, to_change, err);
        if (r == 0 && to_change)
                r = take_message(&upper, path, ret_warning, err);
        if (r == 0 && to_change)
                sealed_remove_rest(upper.own_fd, LAYER);
        if (r < 0) {
                upper_done(&upper);
                return r;
        }
        *ret = upper;
        return 0;
}

int upper_layers(const struct upper *upper, const char *path, struct tree_layer *ret,
                 size_t *ret_count, struct error *err)
{
        struct error sealed = ERROR_INIT;
        int r;

        r = directory_open(upper->dir_fd, path, &ret[0], err);
        if (r < 0)
                return r;
        *ret_count = 1;
        if (upper->own_fd < 0)
                return 0;
        r = sealed_open(upper->own_fd, LAYER, true, &ret[1], &sealed);
        if (r == -ENOENT)
                return 0;
        *ret_count += r == 0;
        if (r < 0) {
                *err = sealed;
                return error_wrap(err, "%s/%s", path, DIRECTORY_OWN);
        }
        return 0;
}

void upper_unmounted(const struct upper *upper)
{
        lock_byte(upper->lock_fd, F_OFD_SETLK, F_UNLCK, BYTE_MOUNTED);
}

int upper_seal(const struct upper *upper, struct change_list *changes, struct buf *ret_left_out,
               struct error *err)
{
        return sealed_replace(upper->own_fd, LAYER, changes, ret_left_out, err);
}

bool upper_is_there(const struct upper *upper)
{
        struct stat st;

        return fstat(upper->own_fd, &st) < 0 || st.st_nlink > 0;
}

int upper_keep_message(const struct upper *upper, const char *message)
{
        char room[MESSAGE_BYTES] = "";
        int r;

        if (message)
                memcpy(room, message, strnlen(message, sizeof(room) - 1));
        /* Whoever asked for the end of the mount is told too; this is for those that cannot be. */
        r = io_pwrite(upper->lock_fd, room, sizeof(room), MESSAGE_AT);
        return r == 0 && fsync(upper->lock_fd) < 0 ? -errno : r;
}
