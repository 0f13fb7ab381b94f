#include "base/io.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK_BYTES (256 * 1024)

/* Until there is something to read, or an end. */
static void await_input(int fd)
{
        struct pollfd input = { .fd = fd, .events = POLLIN };

        poll(&input, 1, -1);
}

ssize_t io_read(int fd, void *data, size_t len)
{
        size_t done = 0;

        while (done < len) {
                ssize_t n = read(fd, (char *)data + done, len - done);

                if (n == 0)
                        break;
                if (n > 0)
                        done += (size_t)n;
                else if (errno == EAGAIN)
                        await_input(fd);
                else if (errno != EINTR)
                        return -errno;
        }
        return (ssize_t)done;
}

ssize_t io_pread(int fd, void *data, size_t len, off_t offset)
{
        size_t done = 0;

        while (done < len) {
                ssize_t n = pread(fd, (char *)data + done, len - done, offset + (off_t)done);

                if (n == 0)
                        break;
                if (n > 0)
                        done += (size_t)n;
                else if (errno != EINTR)
                        return -errno;
        }
        return (ssize_t)done;
}

int io_write(int fd, const void *data, size_t len)
{
        size_t done = 0;

        while (done < len) {
                ssize_t n = write(fd, (const char *)data + done, len - done);

                if (n >= 0)
                        done += (size_t)n;
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

int io_pwrite(int fd, const void *data, size_t len, off_t offset)
{
        size_t done = 0;

        while (done < len) {
                ssize_t n = pwrite(fd, (const char *)data + done, len - done, offset + (off_t)done);

                if (n >= 0)
                        done += (size_t)n;
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

int io_read_fd(int fd, const char *name, size_t max_bytes, struct buf *ret, struct error *err)
{
        size_t start = ret->len;

        for (;;) {
                size_t done = ret->len - start;
                size_t want = max_bytes - done < 65536 ? max_bytes - done + 1 : 65536;
                ssize_t n;
                int r;

                r = buf_reserve(ret, want);
                if (r < 0)
                        return error_set_oom(err);
                n = io_read(fd, ret->data + ret->len, want);
                if (n < 0)
                        return error_set_errno(err, (int)n, "cannot read %s", name);
                ret->len += (size_t)n;
                ret->data[ret->len] = '\0';
                if (ret->len - start > max_bytes)
                        return error_set(err, -EFBIG, "%s is larger than %zu bytes", name,
                                         max_bytes);
                if ((size_t)n < want)
                        return 0;
        }
}

int io_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *ret, struct error *err)
{
        /* Opening waits for nobody who might write to a FIFO; reading does, where there is one. */
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        return io_read_fd(fd, path, max_bytes, ret, err);
}

static int write_and_rename(int dir_fd, const char *temporary, const char *path, const void *data,
                            size_t len, mode_t mode)
{
        _cleanup_close_ int fd = -1, parent_fd = -1;
        char parent[PATH_MAX];
        int r;

        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0)
                return -errno;
        r = io_write(fd, data, len);
        if (r < 0)
                return r;
        if (fsync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, path) < 0)
                return -errno;
        r = path_parent(path, parent, sizeof(parent));
        if (r < 0)
                return r;
        parent_fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent_fd < 0 || fsync(parent_fd) < 0)
                return -errno;
        return 0;
}

int io_write_file_atomic(int dir_fd, const char *path, const void *data, size_t len, mode_t mode,
                         struct error *err)
{
        _cleanup_free_ char *temporary = NULL;
        uint64_t chance;
        int r;

        /* What a process has left that was killed may be in nobody's way. */
        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
                return error_set_errno(err, -errno, "cannot get random bytes");
        if (asprintf(&temporary, "%s.tmp-%016" PRIx64, path, chance) < 0) {
                temporary = NULL;
                return error_set_oom(err);
        }
        r = write_and_rename(dir_fd, temporary, path, data, len, mode);
        if (r < 0) {
                unlinkat(dir_fd, temporary, 0);
                return error_set_errno(err, r, "cannot write %s", path);
        }
        return 0;
}

int io_mkdir_parents(const char *path, struct error *err)
{
        _cleanup_free_ char *copy = strdup(path);
        char *at = copy;

        if (!copy)
                return error_set_oom(err);
        do {
                at = strchr(at + 1, '/');
                if (at)
                        *at = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                        return error_set_errno(err, -errno, "cannot make the directory %s", copy);
                if (at)
                        *at = '/';
        } while (at);
        return 0;
}

int io_open_own(int dir_fd, const char *name)
{
        _cleanup_close_ int handle = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char self[64];
        struct stat st;
        mode_t needed;
        int fd;

        if (handle < 0 || fstat(handle, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
        needed = S_ISDIR(st.st_mode) ? 0700 : 0400;
        snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
        if ((st.st_mode & needed) != needed && chmod(self, (st.st_mode & 07777) | needed) < 0)
                return -errno;
        fd = open(self, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int io_open_dir(int dir_fd, const char *name, DIR **ret)
{
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved;

        *ret = fd < 0 ? NULL : fdopendir(fd);
        if (*ret)
                return 0;
        saved = errno;
        if (fd >= 0)
                close(fd);
        return -saved;
}

int io_list_names(int fd, struct strv *ret)
{
        struct dirent *entry;
        DIR *dir;
        int r = io_open_dir(fd, ".", &dir);

        if (r < 0)
                return r;
        while (r == 0 && (errno = 0, entry = readdir(dir)))
                if (!path_name_is_dot(entry->d_name, strlen(entry->d_name)))
                        r = strv_add(ret, entry->d_name);
        if (r == 0)
                r = -errno;
        closedir(dir);
        return r;
}

int io_readlink(int fd, const char *name, struct buf *ret)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(fd, name, target, sizeof(target));

        return n < 0 ? -errno : buf_append(ret, target, (size_t)n);
}

int io_copy_range(int in, off_t offset, uint64_t len, int out)
{
        _cleanup_free_ char *chunk = malloc(COPY_CHUNK_BYTES);

        if (!chunk)
                return -ENOMEM;
        while (len > 0) {
                size_t want = len < COPY_CHUNK_BYTES ? (size_t)len : COPY_CHUNK_BYTES;
                ssize_t n = io_pread(in, chunk, want, offset);
                int r;

                if (n < 0)
                        return (int)n;
                if (n == 0)
                        return -ENODATA;
                r = io_write(out, chunk, (size_t)n);
                if (r < 0)
                        return r;
                offset += n;
                len -= (uint64_t)n;
        }
        return 0;
}
