#include "container/processes.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX ((size_t)64 << 10)

/* What the first process of a sandbox, which is not the command, and the command are inside. */
#define INNER_INIT    1
#define INNER_COMMAND 2

struct process {
        pid_t pid;
        pid_t parent;
        pid_t inner; /* its number in its own namespace */
        bool nested; /* which is not ours */
        bool ours;   /* of the container */
};

struct processes {
        struct process *items; /* owned */
        size_t count;
};

/* Reads a line "NAME:\t..." of a status. */
static const char *find_line(const char *text, const char *name)
{
        const char *at = strstr(text, name);

        return at ? at + strlen(name) : NULL;
}

/* One that has ended meanwhile is passed over. */
static bool read_process(int proc_fd, const char *name, struct process *ret)
{
        struct error gone = ERROR_INIT;
        struct buf text = BUF_INIT;
        const char *parent, *numbers;
        char path[64];
        bool good = false;

        snprintf(path, sizeof(path), "%.20s/status", name);
        if (io_read_file(proc_fd, path, STATUS_MAX, &text, &gone) == 0) {
                parent = find_line(buf_str(&text), "\nPPid:\t");
                numbers = find_line(buf_str(&text), "\nNSpid:\t");
                good = parent && numbers;
        }
        if (good) {
                const char *last = numbers + strcspn(numbers, "\n");

                while (last > numbers && last[-1] != '\t')
                        last--;
                *ret = (struct process){ .pid = (pid_t)strtol(name, NULL, 10),
                                         .parent = (pid_t)strtol(parent, NULL, 10),
                                         .inner = (pid_t)strtol(last, NULL, 10),
                                         .nested = last > numbers };
        }
        buf_done(&text);
        return good;
}

static int read_all(struct processes *list, struct error *err)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return error_set_errno(err, -errno, "cannot open /proc");
        while (r == 0 && (entry = readdir(dir))) {
                struct process *items, process;

                if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
                    !read_process(dirfd(dir), entry->d_name, &process))
                        continue;
                items = reallocarray(list->items, list->count + 1, sizeof(*items));
                if (!items) {
                        r = error_set_oom(err);
                        break;
                }
                list->items = items;
                list->items[list->count++] = process;
        }
        closedir(dir);
        return r;
}

static bool has_parent_of_ours(const struct processes *list, const struct process *process,
                               pid_t init)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->items[i].pid == process->parent)
                        return list->items[i].ours || list->items[i].pid == init;
        return false;
}

/* All that descend from the sandbox's first, which is a child of the keeper. */
static size_t mark(struct processes *list, pid_t keeper)
{
        size_t count = 0;
        pid_t init = 0;
        bool more = true;

        for (size_t i = 0; i < list->count; i++)
                if (list->items[i].parent == keeper && list->items[i].nested &&
                    list->items[i].inner == INNER_INIT)
                        init = list->items[i].pid;
        while (more && init) {
                more = false;
                for (size_t i = 0; i < list->count; i++) {
                        struct process *process = &list->items[i];

                        if (process->ours || !has_parent_of_ours(list, process, init))
                                continue;
                        process->ours = more = true;
                        count++;
                }
        }
        return count;
}

static int compare(const void *a, const void *b)
{
        const struct process *left = a, *right = b;
        const bool left_first = left->inner == INNER_COMMAND,
                   right_first = right->inner == INNER_COMMAND;

        if (left_first != right_first)
                return left_first ? -1 : 1;
        return (left->pid > right->pid) - (left->pid < right->pid);
}

int container_processes(const struct container *container, pid_t **ret, size_t *ret_count,
                        struct error *err)
{
        struct processes list = { .items = NULL };
        size_t count = 0;
        pid_t *pids;
        int r = 0;

        if (container->state.status == CONTAINER_RUNNING)
                r = read_all(&list, err);
        if (r == 0 && list.count > 0) {
                count = mark(&list, (pid_t)container->state.pid);
                qsort(list.items, list.count, sizeof(*list.items), compare);
        }
        pids = calloc(count + 1, sizeof(*pids));
        if (r == 0 && !pids)
                r = error_set_oom(err);
        if (r < 0) {
                free(list.items);
                free(pids);
                return r;
        }
        *ret_count = 0;
        for (size_t i = 0; i < list.count; i++)
                if (list.items[i].ours)
                        pids[(*ret_count)++] = list.items[i].pid;
        *ret = pids;
        free(list.items);
        return 0;
}

pid_t container_command_pid(const struct container *container)
{
        _cleanup_free_ pid_t *pids = NULL;
        struct error ignored = ERROR_INIT;
        size_t count = 0;

        if (container_processes(container, &pids, &count, &ignored) < 0 || count == 0)
                return 0;
        return pids[0];
}
