#include "sandbox/cgroup.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU_PERIOD_US  100000u
#define FILE_BYTES_MAX ((size_t)1 << 20)

/* Groups of ours, in each other's sight: a process number, and for sandboxes that of PID 1. */
#define OWN_NAME     "varve-%d"
#define SANDBOX_NAME "varve-step-%d"

static const char mend[] = "Give varve a group of its own, with: systemd-run --user --scope -p "
                           "Delegate=yes varve ...";

static int write_at(int dir_fd, const char *path, const char *text)
{
        _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

static int write_number(int dir_fd, const char *name, const char *file, uint64_t number)
{
        char path[CGROUP_NAME_MAX + 32], text[32];

        snprintf(path, sizeof(path), "%s/%s", name, file);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        return write_at(dir_fd, path, text);
}

/* Whether the words of a file, one after the other, have both controllers among them. */
static bool has_controllers(int dir_fd, const char *path)
{
        struct error ignored = ERROR_INIT;
        bool memory = false, cpu = false;
        struct buf text = BUF_INIT;
        char *rest, *word;

        if (io_read_file(dir_fd, path, FILE_BYTES_MAX, &text, &ignored) == 0) {
                buf_str(&text);
                for (word = strtok_r(text.data, " \n", &rest); word;
                     word = strtok_r(NULL, " \n", &rest)) {
                        memory |= strcmp(word, "memory") == 0;
                        cpu |= strcmp(word, "cpu") == 0;
                }
        }
        buf_done(&text);
        return memory && cpu;
}

/* Where cgroup v2 is mounted: the fifth field of the line of /proc/self/mountinfo that says so. */
static int find_mount(char ret[static PATH_MAX], struct error *err)
{
        struct buf text = BUF_INIT;
        int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", FILE_BYTES_MAX, &text, err);
        char *rest = NULL, *line;

        ret[0] = '\0';
        if (r == 0)
                buf_str(&text);
        for (line = r == 0 ? strtok_r(text.data, "\n", &rest) : NULL; line && !ret[0];
             line = strtok_r(NULL, "\n", &rest)) {
                if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %4095s", ret) != 1)
                        ret[0] = '\0';
        }
        buf_done(&text);
        if (r == 0 && !ret[0])
                r = error_set(err, -ENOENT, "this host has no cgroups of version 2");
        return r;
}

/* The directory of this process's group, and its parent's. */
static int open_own(int *ret_own, int *ret_parent, struct error *err)
{
        char mount[PATH_MAX], path[2 * PATH_MAX], *line;
        struct buf text = BUF_INIT;
        int r = find_mount(mount, err);

        if (r == 0)
                r = io_read_file(AT_FDCWD, "/proc/self/cgroup", FILE_BYTES_MAX, &text, err);
        if (r < 0)
                return r;
        line = strstr(buf_str(&text), "0::/");
        snprintf(path, sizeof(path), "%s/%.*s", mount, line ? (int)strcspn(line + 4, "\n") : 0,
                 line ? line + 4 : "");
        buf_done(&text);
        *ret_own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*ret_own < 0)
                return error_set_errno(err, -errno, "cannot open this process's cgroup");
        *ret_parent = openat(*ret_own, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return 0;
}

/* Whether the user may make groups here that can have limits. */
static bool is_base(int fd)
{
        return fd >= 0 && faccessat(fd, ".", W_OK, 0) == 0 &&
               faccessat(fd, "cgroup.procs", W_OK, 0) == 0 &&
               has_controllers(fd, "cgroup.subtree_control");
}

/* Makes room below this process's own group, by leaving it. */
static int leave_own(int own_fd, struct error *err)
{
        char name[CGROUP_NAME_MAX];
        int r;

        if (faccessat(own_fd, "cgroup.subtree_control", W_OK, 0) < 0) {
                error_set(err, -EACCES, "the cgroup of this session belongs to the system");
                return error_hint(err, "%s", mend);
        }
        if (!has_controllers(own_fd, "cgroup.controllers"))
                return error_set(err, -EOPNOTSUPP,
                                 "this session's cgroup can limit neither memory nor CPU time");
        snprintf(name, sizeof(name), OWN_NAME, (int)getpid());
        if (mkdirat(own_fd, name, 0755) < 0)
                return error_set_errno(err, -errno, "cannot make a cgroup");
        r = write_number(own_fd, name, "cgroup.procs", 0);
        if (r == 0)
                r = write_at(own_fd, "cgroup.subtree_control", "+memory +cpu");
        if (r == 0)
                return 0;
        write_at(own_fd, "cgroup.procs", "0");
        unlinkat(own_fd, name, AT_REMOVEDIR);
        error_set_errno(err, r, "cannot divide this session's cgroup");
        return r == -EBUSY ? error_hint(err, "Other processes are in it. %s", mend) : r;
}

int cgroup_prepare(int *ret_fd, struct error *err)
{
        _cleanup_close_ int own = -1, parent = -1;
        int r = open_own(&own, &parent, err);

        if (r < 0)
                return r;
        if (is_base(parent)) {
                *ret_fd = TAKE_FD(parent);
                return 0;
        }
        r = leave_own(own, err);
        if (r == 0)
                *ret_fd = TAKE_FD(own);
        return r;
}

static int set_limits(const struct sandbox_cgroup *cgroup, const char *name)
{
        char path[CGROUP_NAME_MAX + 32], text[64];
        int r = 0;

        if (cgroup->memory_bytes > 0) {
                r = write_number(cgroup->fd, name, "memory.max", cgroup->memory_bytes);
                /* Without them more is used than was allowed, or half of a command goes on. */
                if (r == 0)
                        write_number(cgroup->fd, name, "memory.swap.max", 0);
                if (r == 0)
                        write_number(cgroup->fd, name, "memory.oom.group", 1);
        }
        if (r == 0 && cgroup->cpu_millis > 0) {
                snprintf(path, sizeof(path), "%s/cpu.max", name);
                snprintf(text, sizeof(text), "%llu %u",
                         (unsigned long long)cgroup->cpu_millis * CPU_PERIOD_US / 1000,
                         CPU_PERIOD_US);
                r = write_at(cgroup->fd, path, text);
        }
        return r;
}

int cgroup_add(const struct sandbox_cgroup *cgroup, pid_t pid,
               char ret_name[static CGROUP_NAME_MAX], struct error *err)
{
        char name[CGROUP_NAME_MAX];
        int r;

        snprintf(name, sizeof(name), SANDBOX_NAME, (int)pid);
        if (mkdirat(cgroup->fd, name, 0755) < 0)
                return error_set_errno(err, -errno, "cannot make a cgroup");
        r = set_limits(cgroup, name);
        if (r == 0)
                r = write_number(cgroup->fd, name, "cgroup.procs", (uint64_t)pid);
        if (r < 0) {
                unlinkat(cgroup->fd, name, AT_REMOVEDIR);
                return error_set_errno(err, r, "cannot limit memory or CPU time by a cgroup");
        }
        memcpy(ret_name, name, sizeof(name));
        return 0;
}

bool cgroup_ran_out(const struct sandbox_cgroup *cgroup, const char *name)
{
        char path[CGROUP_NAME_MAX + 32];
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        bool result = false;
        const char *at;

        snprintf(path, sizeof(path), "%s/memory.events", name);
        if (io_read_file(cgroup->fd, path, FILE_BYTES_MAX, &text, &ignored) == 0) {
                at = strstr(buf_str(&text), "oom_kill ");
                result = at && strtoul(at + strlen("oom_kill "), NULL, 10) > 0;
        }
        buf_done(&text);
        return result;
}

void cgroup_remove(const struct sandbox_cgroup *cgroup, const char *name)
{
        unlinkat(cgroup->fd, name, AT_REMOVEDIR);
}
