/*
 * Commands that are executed beside the first one. PID 1 forks them, so nobody has to enter a
 * sandbox whose root, working directory and descriptors are in hostile hands: a child begins as a
 * copy of this program, goes the same way as the first command did (step.c), and has nothing that
 * leads outside but the streams that it was given.
 */
#include "helper.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Above all numbers that the helper and a command begin with. */
#define STDIO_MIN 16

void children_init(struct children *children)
{
        *children = (struct children){ .stdio = { -1, -1, -1 } };
}

static void drop_stdio(struct children *children)
{
        for (size_t i = 0; i < ARRAY_SIZE(children->stdio); i++)
                if (children->stdio[i] >= 0)
                        close(TAKE_FD(children->stdio[i]));
}

static void keep_stdio(struct children *children, int number, int fd)
{
        if (number < 0 || number >= (int)ARRAY_SIZE(children->stdio) || fd < 0)
                return;
        cleanup_close(&children->stdio[number]);
        children->stdio[number] = fcntl(fd, F_DUPFD_CLOEXEC, STDIO_MIN);
}

static int map_spec(int fd, const struct wire_spec **ret, struct error *err)
{
        struct stat st;
        void *block;

        if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(**ret))
                return error_set(err, -EBADMSG, "a command without a specification");
        block = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (block == MAP_FAILED)
                return error_set_errno(err, -errno, "cannot map a command's specification");
        *ret = block;
        return 0;
}

static int arrange_stdio(const struct children *children, struct helper *helper, struct error *err)
{
        if (helper->spec->terminal)
                return terminal_make(helper, err);
        for (int i = 0; i < (int)ARRAY_SIZE(children->stdio); i++)
                if (children->stdio[i] < 0 || dup2(children->stdio[i], i) < 0)
                        return error_set(err, -EBADF, "a command without standard streams");
        return 0;
}

/* In the child: does not return. */
static _Noreturn void run_child(struct children *children, const struct helper *helper,
                                struct child *child)
{
        struct helper own = *helper;
        int status = 0;

        own.child = child->number;
        own.terminal_fd = -1;
        if (arrange_stdio(children, &own, child->failure) == 0)
                step_run(&own, &status, child->failure);
        _exit(status);
}

static int fork_child(struct children *children, const struct helper *helper, struct child *child,
                      struct error *err)
{
        child->failure = mmap(NULL, sizeof(*child->failure), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (child->failure == MAP_FAILED)
                return error_set_oom(err);
        child->pid = helper_clone(0);
        if (child->pid == 0)
                run_child(children, helper, child);
        if (child->pid > 0)
                return 0;
        error_set_errno(err, -errno, "cannot fork the command");
        munmap(child->failure, sizeof(*child->failure));
        child->pid = 0;
        return err->code;
}

static int execute(struct children *children, const struct helper *helper, uint64_t number, int fd,
                   struct error *err)
{
        struct helper own = *helper;
        int r = map_spec(fd, &own.spec, err);

        if (r < 0)
                return r;
        r = -EAGAIN;
        for (size_t i = 0; i < CHILDREN_MAX && r == -EAGAIN; i++) {
                struct child *child = &children->items[i];

                if (child->pid != 0)
                        continue;
                child->number = number;
                r = fork_child(children, &own, child, err);
                break;
        }
        munmap((void *)(uintptr_t)own.spec, (size_t)own.spec->size_bytes);
        if (r == -EAGAIN && !error_is_set(err))
                error_set(err, r, "%d commands are executed in the container already",
                          CHILDREN_MAX);
        return r;
}

void children_obey(struct children *children, const struct helper *helper,
                   const struct wire_message *message, int fd)
{
        struct error err = ERROR_INIT;

        if (message->type == WIRE_STDIO) {
                keep_stdio(children, message->value, fd);
        } else if (message->type == WIRE_EXECUTE) {
                if (execute(children, helper, message->child, fd, &err) < 0)
                        wire_send_child_error(WIRE_SOCKET_FD, message->child, 0, &err);
                drop_stdio(children);
        }
}

void children_reap(struct children *children, pid_t pid, int status)
{
        for (size_t i = 0; i < CHILDREN_MAX; i++) {
                struct child *child = &children->items[i];

                if (child->pid != pid)
                        continue;
                if (error_is_set(child->failure))
                        wire_send_child_error(WIRE_SOCKET_FD, child->number, status,
                                              child->failure);
                else
                        wire_send_child(WIRE_SOCKET_FD, WIRE_CHILD_EXIT, child->number, status, -1);
                munmap(child->failure, sizeof(*child->failure));
                child->pid = 0;
        }
}
