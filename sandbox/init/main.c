/*
 * The helper: from the host's namespaces to the command in its sandbox.
 *
 * Theory of operation. Four processes follow each other, each doing what the next one could not:
 *
 *   mapper   runs where the caller runs. It clones the builder into new namespaces and writes
 *            its id maps, for which one must stand outside.
 *   builder  is in the new user, mount, IPC, UTS, cgroup and network namespaces, but still in the
 *            caller's PID namespace: FUSE numbers processes as they are seen from where it was
 *            mounted, and the caller must recognise them. It mounts the root and clones init.
 *   init     is PID 1 of the new PID namespace. It waits until the caller serves the root, mounts
 * all else into it, makes it "/" and forks the step. Then it reaps, forwards signals, and ends when
 * the step ends or the caller is gone; the kernel then kills what is left. step     gives up what
 * the command shall not have, and executes it.
 *
 * Where the sandbox has a network of its own, the mapper also forks the process that this leads to
 * (network.c), which stays outside.
 *
 * Mapper and builder exit when their successor is on its way. Builder, init and the
 * network's process are made with CLONE_PARENT, so that they are children of the caller, who can
 * wait for them. None of them writes to the command's standard output or error: what goes wrong is
 * sent to the caller.
 *
 * None of these reads anything of the image but names of mount points. Until the step executes, the
 * process is not dumpable, so nothing inside the sandbox can trace it, read its memory or
 * open its /proc/PID/exe, which besides is a sealed memfd and not a file of the host.
 */
#include "explain.h"
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

_Noreturn void helper_run(struct helper *helper, int (*stage)(struct helper *, struct error *))
{
        struct error err = ERROR_INIT;

        if (stage(helper, &err) < 0) {
                wire_send_error(WIRE_SOCKET_FD, 0, &err);
                _exit(1);
        }
        _exit(0);
}

pid_t helper_clone(unsigned long flags)
{
        return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

void helper_close_from(unsigned int first)
{
        struct dirent *entry;
        DIR *dir;

        if (syscall(SYS_close_range, first, ~0U, 0) == 0)
                return;
        /* Before Linux 5.9. */
        dir = opendir("/proc/self/fd");
        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                int fd = atoi(entry->d_name);

                if (entry->d_name[0] != '.' && fd >= (int)first && fd != dirfd(dir))
                        close(fd);
        }
        closedir(dir);
}

static int helper_receive_spec(struct helper *helper, struct error *err)
{
        const struct wire_spec *spec;
        struct stat st;
        void *block;

        if (fstat(WIRE_SPEC_FD, &st) < 0 || st.st_size < (off_t)sizeof(*spec))
                return error_set(err, -EINVAL, "this program is started by varve alone");
        block = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, WIRE_SPEC_FD, 0);
        if (block == MAP_FAILED)
                return error_set_errno(err, -errno, "cannot map the sandbox's specification");
        spec = block;
        if (spec->size_bytes != (uint64_t)st.st_size)
                return error_set(err, -EINVAL, "the sandbox's specification is cut short");
        close(WIRE_SPEC_FD);
        helper->spec = spec;
        return 0;
}

int main(void)
{
        struct helper helper = { .caller_pidfd = -1,
                                 .settings_fd = -1,
                                 .network_fd = -1,
                                 .terminals_fd = -1,
                                 .terminal_fd = -1 };
        struct error err = ERROR_INIT;

        if (helper_receive_spec(&helper, &err) < 0) {
                wire_send_error(WIRE_SOCKET_FD, 0, &err);
                return 1;
        }
        prctl(PR_SET_NAME, "varve-sandbox");
        helper_close_from(WIRE_SOURCE_FD + helper.spec->source_count);
        for (int fd = WIRE_SOCKET_FD; fd < WIRE_SOURCE_FD + (int)helper.spec->source_count; fd++)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
        helper.caller_pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
        helper.settings_fd = explain_open_settings();
        helper_run(&helper, mapper_run);
}
