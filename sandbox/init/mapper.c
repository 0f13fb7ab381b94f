#include "explain.h"
#include "helper.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What newuidmap has to say fits in here; the rest is not read. */
#define MAP_PROGRAM_OUTPUT_MAX 512

/* "inside outside count" of every range, each of them 32 bits in decimal. */
#define MAP_RANGE_TEXT_MAX 12
#define MAP_RANGES_MAX     340 /* the kernel's limit */

static int write_proc(pid_t pid, const char *name, const char *text, struct error *err)
{
        _cleanup_close_ int fd = -1;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, text, strlen(text)) >= 0)
                return 0;
        error_set_errno(err, -errno, "cannot write the sandbox's %s", name);
        /* user_namespaces(7): since 5.12 who maps the 0 around must have that capability. */
        if (err->code == -EPERM && geteuid() == 0)
                error_hint(err, "Root of a container needs CAP_SETFCAP for it: start the container "
                                "with --cap-add SETFCAP, or run varve as another user.");
        return err->code;
}

/* One uid needs no privilege, but that groups cannot be dropped by it: a group may also
 * be there to deny. */
static int map_single(const struct helper *helper, pid_t pid, struct error *err)
{
        const struct wire_range *uid = wire_at(helper->spec, helper->spec->uid_map.offset);
        const struct wire_range *gid = wire_at(helper->spec, helper->spec->gid_map.offset);
        char text[64];
        int r;

        r = write_proc(pid, "setgroups", "deny", err);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "%u %u 1", gid->inside, gid->outside);
        r = write_proc(pid, "gid_map", text, err);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "%u %u 1", uid->inside, uid->outside);
        return write_proc(pid, "uid_map", text, err);
}

/* Starts newuidmap or newgidmap. `ret_output` is a pipe with what it says. */
static int start_map_program(const char *program, pid_t pid, const struct wire_range *ranges,
                             uint32_t count, pid_t *ret_pid, int *ret_output, struct error *err)
{
        static char *const no_environment[] = { NULL };
        char texts[1 + 3 * MAP_RANGES_MAX][MAP_RANGE_TEXT_MAX];
        char *argv[2 + 3 * MAP_RANGES_MAX + 1];
        posix_spawn_file_actions_t actions;
        size_t argc = 0, used = 0;
        int pipe_fds[2], r;

        if (count > MAP_RANGES_MAX)
                return error_set(err, -E2BIG, "more than %d ranges of ids", MAP_RANGES_MAX);
        argv[argc++] = (char *)program;
        snprintf(texts[used], MAP_RANGE_TEXT_MAX, "%d", (int)pid);
        argv[argc++] = texts[used++];
        for (uint32_t i = 0; i < count; i++) {
                const uint32_t numbers[] = { ranges[i].inside, ranges[i].outside, ranges[i].count };

                for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
                        snprintf(texts[used], MAP_RANGE_TEXT_MAX, "%u", numbers[j]);
                        argv[argc++] = texts[used++];
                }
        }
        argv[argc] = NULL;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
        r = posix_spawn(ret_pid, program, &actions, NULL, argv, no_environment);
        posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (r != 0) {
                close(pipe_fds[0]);
                return error_set_errno(err, -r, "cannot execute %s", program);
        }
        *ret_output = pipe_fds[0];
        return 0;
}

static int finish_map_program(const char *program, pid_t pid, int output, struct error *err)
{
        char text[MAP_PROGRAM_OUTPUT_MAX];
        size_t used = 0;
        int status = 0;
        ssize_t n;

        while (used < sizeof(text) - 1 &&
               (n = read(output, text + used, sizeof(text) - 1 - used)) > 0)
                used += (size_t)n;
        close(output);
        while (used > 0 && text[used - 1] == '\n')
                used--;
        text[used] = '\0';
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        error_set(err, -EPERM, "%s could not map the subordinate ids: %s", program,
                  used > 0 ? text : "it said nothing");
        return error_hint(err,
                          "Check that %s has its setuid bit or file capabilities, and that "
                          "the ranges in /etc/subuid and /etc/subgid are this user's own; or "
                          "build with one uid: --userns=single",
                          program);
}

/* The two programs run side by side: each needs a millisecond. */
static int map_ranges(const struct helper *helper, pid_t pid, struct error *err)
{
        const struct wire_spec *spec = helper->spec;
        const char *uid_program = wire_string(spec, spec->newuidmap);
        const char *gid_program = wire_string(spec, spec->newgidmap);
        struct error gid_err = ERROR_INIT;
        int uid_output, gid_output, uid_result, gid_result;
        pid_t uid_pid, gid_pid;

        gid_result = start_map_program(gid_program, pid, wire_at(spec, spec->gid_map.offset),
                                       spec->gid_map.count, &gid_pid, &gid_output, err);
        if (gid_result < 0)
                return gid_result;
        uid_result = start_map_program(uid_program, pid, wire_at(spec, spec->uid_map.offset),
                                       spec->uid_map.count, &uid_pid, &uid_output, err);
        if (uid_result == 0)
                uid_result = finish_map_program(uid_program, uid_pid, uid_output, err);
        gid_result = finish_map_program(gid_program, gid_pid, gid_output, &gid_err);
        if (uid_result < 0)
                return uid_result;
        if (gid_result < 0)
                *err = gid_err;
        return gid_result;
}

/* The process that the network leads to; from here on `network_fd` is the sandbox's end. */
static int fork_network(struct helper *helper, struct error *err)
{
        int sockets[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set_errno(err, -errno, "cannot make a socket");
        helper->network_fd = sockets[1];
        pid = helper_clone(CLONE_PARENT);
        if (pid < 0)
                return error_set_errno(err, -errno, "cannot fork the process of the network");
        if (pid == 0)
                helper_run(helper, network_run);
        close(sockets[1]);
        helper->network_fd = sockets[0];
        r = wire_send(WIRE_SOCKET_FD, WIRE_NETWORK, pid, -1);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}

/* Where all namespaces but the network's could be made, it is the network alone that there is none
 * of. */
static int explain_namespaces(const struct helper *helper, int code, unsigned long flags,
                              struct error *err)
{
        pid_t pid;

        if (!(flags & CLONE_NEWNET))
                return explain_user_namespace(code, helper->settings_fd, err);
        pid = helper_clone(flags & ~(unsigned long)CLONE_NEWNET);
        if (pid < 0)
                return explain_user_namespace(code, helper->settings_fd, err);
        if (pid == 0)
                _exit(0);
        waitpid(pid, NULL, 0);
        error_set_errno(err, code, "the kernel refuses a network namespace");
        err->code = -ENONET;
        return error_hint(err, "Its administrator can allow them: sudo sysctl -w "
                               "user.max_net_namespaces=15000; or give the sandbox the host's "
                               "network: --network=host");
}

int mapper_run(struct helper *helper, struct error *err)
{
        unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
        int mapped[2];
        pid_t pid;
        int r;

        if (helper->spec->network != SANDBOX_NETWORK_HOST)
                flags |= CLONE_NEWNET;
        if (helper_has_network_process(helper)) {
                r = fork_network(helper, err);
                if (r < 0)
                        return r;
        }
        if (pipe2(mapped, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        pid = helper_clone(CLONE_PARENT | CLONE_NEWCGROUP | flags);
        if (pid < 0 && errno == EINVAL)
                pid = helper_clone(CLONE_PARENT | flags); /* a kernel without cgroup namespaces */
        if (pid < 0)
                return explain_namespaces(helper, -errno, flags, err);
        if (pid == 0) {
                char byte;

                close(mapped[1]);
                /* The end of the pipe is a mapper that failed and has told why. */
                if (read(mapped[0], &byte, 1) != 1)
                        _exit(1);
                close(mapped[0]);
                helper_run(helper, builder_run);
        }
        r = wire_send(WIRE_SOCKET_FD, WIRE_BUILDER, pid, -1);
        if (r < 0)
                return error_set_errno(err, r, "cannot reach the caller of the sandbox");
        r = helper_has_ranges(helper) ? map_ranges(helper, pid, err) : map_single(helper, pid, err);
        if (r < 0)
                return r;
        if (write(mapped[1], "", 1) < 0)
                return error_set_errno(err, -errno, "cannot start the sandbox's builder");
        return 0;
}
