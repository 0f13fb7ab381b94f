/*
 * Below tmp/ each process has a directory, named by its host and PID namespace, its number and the
 * time when it began: so everybody can tell whether it still lives. In it lie the files that it is
 * writing, and its pins.
 */
#include "store_internal.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of a process on another host, or in another namespace, nobody can tell whether it lives. */
#define FOREIGN_AGE_S (7 * 24 * 3600)
#define PARTIAL_AGE_S (7 * 24 * 3600)

/* The file of a process's directory that its pins are appended to, each as its digest's bytes. */
#define PINS           "pins"
#define PINS_BYTES_MAX ((size_t)64 << 20)

/* When a process began, in ticks since the system did. Returns 0 where there is none such, or one
 * that is dead and only waits for its parent to notice. */
static uint64_t start_time(pid_t pid)
{
        struct error err = ERROR_INIT;
        struct buf stat = BUF_INIT;
        uint64_t start = 0;
        const char *at;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        if (io_read_file(AT_FDCWD, path, 4096, &stat, &err) == 0) {
                /* The second field is a name that may hold anything, in parentheses. */
                at = strrchr(stat.data, ')');
                if (at && (at[2] == 'Z' || at[2] == 'X'))
                        at = NULL;
                for (int field = 2; at && field < 22; field++)
                        at = strchr(at + 1, ' ');
                if (at)
                        start = strtoull(at, NULL, 10);
        }
        buf_done(&stat);
        return start;
}

/* Where a process's number means that process: a host, and a PID namespace of it. */
static void name_of_host(char ret[static HOST_NAME_MAX + 1])
{
        char host[HOST_NAME_MAX + 1] = "";
        struct stat st = { .st_ino = 0 };

        gethostname(host, sizeof(host) - 1);
        /* Without /proc nobody can tell who lives, either. */
        (void)stat("/proc/self/ns/pid", &st);
        snprintf(ret, HOST_NAME_MAX + 1, "%.40s-%" PRIx64, host, (uint64_t)st.st_ino);
}

static void name_of_process(pid_t pid, char *ret, size_t size)
{
        char host[HOST_NAME_MAX + 1];

        name_of_host(host);
        snprintf(ret, size, "%s.%d.%" PRIu64, host, (int)pid, start_time(pid));
}

int store_process_dir(struct store *store, struct error *err)
{
        if (store->process_fd >= 0 && store->process == getpid())
                return store->process_fd;
        cleanup_close(&store->process_fd);
        store->process = getpid();
        store->serial = 0;
        name_of_process(store->process, store->process_name, sizeof(store->process_name));
        if (mkdirat(store->tmp_fd, store->process_name, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        store->process_fd = openat(store->tmp_fd, store->process_name,
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (store->process_fd < 0)
                return error_set_errno(err, -errno, "cannot write to the store %s", store->root);
        return store->process_fd;
}

int store_tmp_dir(struct store *store, int *ret_fd, struct error *err)
{
        int fd = store_process_dir(store, err);

        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

const char *store_process_name(struct store *store, struct error *err)
{
        return store_process_dir(store, err) < 0 ? NULL : store->process_name;
}

void store_leave(struct store *store)
{
        struct error err = ERROR_INIT;

        if (store->process_fd < 0)
                return;
        if (store->process == getpid())
                io_remove_tree(store->tmp_fd, store->process_name, &err);
        if (store->pins_process == getpid()) {
                cleanup_close(&store->pins_fd);
                store->pins_fd = -1;
                store->gathers = false;
        }
        cleanup_close(&store->process_fd);
        store->process_fd = -1;
}

/* "HOST.PID.START": a host's name may have dots itself. */
static bool parse_name(const char *name, char host[static HOST_NAME_MAX + 1], pid_t *ret_pid,
                       uint64_t *ret_start)
{
        const char *start = strrchr(name, '.'), *pid = start;
        char *end;

        while (pid && pid > name && *--pid != '.')
                ;
        if (!pid || pid == name || (size_t)(pid - name) > HOST_NAME_MAX)
                return false;
        memcpy(host, name, (size_t)(pid - name));
        host[pid - name] = '\0';
        *ret_pid = (pid_t)strtol(pid + 1, &end, 10);
        if (end != start)
                return false;
        *ret_start = strtoull(start + 1, &end, 10);
        return *end == '\0';
}

bool store_process_lives(const struct store *store, const char *name)
{
        char host[HOST_NAME_MAX + 1], own[HOST_NAME_MAX + 1];
        uint64_t start;
        struct stat st;
        pid_t pid;

        if (!parse_name(name, host, &pid, &start))
                return false;
        name_of_host(own);
        if (strcmp(host, own) == 0)
                return start_time(pid) == start;
        return fstatat(store->tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_mtime + FOREIGN_AGE_S > time(NULL);
}

/* Puts by what a dead process has got of blobs. */
static void rescue_partials(struct store *store, const char *process)
{
        char by[NAME_MAX + 2];
        struct dirent *entry;
        DIR *dir;

        if (io_open_dir(store->tmp_fd, process, &dir) < 0)
                return;
        while ((entry = readdir(dir))) {
                if (strncmp(entry->d_name, STORE_PARTIAL, strlen(STORE_PARTIAL)) != 0)
                        continue;
                snprintf(by, sizeof(by), ".%s", entry->d_name);
                (void)!renameat(dirfd(dir), entry->d_name, store->tmp_fd, by);
        }
        closedir(dir);
}

/* What nobody has gone on with for long is given up. */
static void remove_old_partial(struct store *store, const char *name)
{
        struct stat st;

        if (strncmp(name, "." STORE_PARTIAL, sizeof(STORE_PARTIAL)) == 0 &&
            fstatat(store->tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtime + PARTIAL_AGE_S < time(NULL))
                unlinkat(store->tmp_fd, name, 0);
}

void store_sweep(struct store *store)
{
        struct error err = ERROR_INIT;
        struct dirent *entry;
        DIR *dir;

        if (io_open_dir(store->tmp_fd, ".", &dir) < 0)
                return;
        /* What cannot be removed now does no harm until it can. */
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.') {
                        remove_old_partial(store, entry->d_name);
                } else if (!store_process_lives(store, entry->d_name)) {
                        rescue_partials(store, entry->d_name);
                        io_remove_tree(store->tmp_fd, entry->d_name, &err);
                }
        }
        closedir(dir);
}

/* Opens the file that takes this process's pins; where they are gathered, that of its ancestor. */
static int open_pins(struct store *store, struct error *err)
{
        int dir_fd;

        if (store->pins_fd >= 0 && (store->gathers || store->pins_process == getpid()))
                return store->pins_fd;
        dir_fd = store_process_dir(store, err);
        if (dir_fd < 0)
                return dir_fd;
        cleanup_close(&store->pins_fd);
        store->pins_process = getpid();
        store->pins_fd = openat(dir_fd, PINS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        return store->pins_fd < 0
                       ? error_set_errno(err, -errno, "cannot write to the store %s", store->root)
                       : store->pins_fd;
}

int store_gather_pins(struct store *store, struct error *err)
{
        int fd = open_pins(store, err);

        store->gathers = fd >= 0;
        return fd < 0 ? fd : 0;
}

int store_pin(struct store *store, const struct digest *digest, struct error *err)
{
        int r, fd = open_pins(store, err);

        if (fd < 0)
                return fd;
        r = io_write(fd, digest->bytes, sizeof(digest->bytes));
        return r < 0 ? error_set_errno(err, r, "cannot write to the store %s", store->root) : 0;
}

static bool has_pinned(const struct store *store, const char *process, const struct digest *digest)
{
        char path[NAME_MAX + sizeof(PINS) + 2];
        struct error ignored = ERROR_INIT;
        struct buf pins = BUF_INIT;
        bool found;

        snprintf(path, sizeof(path), "%s/" PINS, process);
        /* Anywhere: what was appended to a full disk may be cut. */
        found = io_read_file(store->tmp_fd, path, PINS_BYTES_MAX, &pins, &ignored) == 0 &&
                memmem(pins.data, pins.len, digest->bytes, sizeof(digest->bytes));
        buf_done(&pins);
        return found;
}

bool store_is_pinned(struct store *store, const struct digest *digest)
{
        struct dirent *entry;
        bool pinned = false;
        DIR *dir;

        /* What cannot be looked up is taken for needed. */
        if (io_open_dir(store->tmp_fd, ".", &dir) < 0)
                return true;
        while (!pinned && (entry = readdir(dir)))
                pinned = entry->d_name[0] != '.' && has_pinned(store, entry->d_name, digest) &&
                         store_process_lives(store, entry->d_name);
        closedir(dir);
        return pinned;
}
