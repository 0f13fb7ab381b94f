#include "helper.h"

#include "base/cleanup.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* What a shell exits with when a command is there but cannot be executed, and when it is not. */
#define STATUS_CANNOT_EXECUTE 126
#define STATUS_NOT_FOUND      127

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Installs the filter of system calls. It comes first, because without no_new_privs only who has
 * CAP_SYS_ADMIN may; it allows what follows. The listener must be told of signals that interrupt a
 * call only if they kill (5.19): else a program with a fast timer never gets an answer.
 */
static int install_filter(const struct wire_spec *spec, int *ret_listener, struct error *err)
{
        const struct sock_fprog program = {
                .len = (unsigned short)spec->filter.count,
                .filter = (struct sock_filter *)wire_at(spec, spec->filter.offset),
        };
        unsigned long flags = spec->listen ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
        long fd = -1;

        if (spec->filter.count == 0)
                return 0;
        if (spec->listen) {
                fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                             flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
        }
        if (fd < 0)
                fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot install the system call filter");
        *ret_listener = spec->listen ? (int)fd : -1;
        return 0;
}

static int confine(const struct helper *helper, struct error *err)
{
        const struct wire_spec *spec = helper->spec;
        _cleanup_close_ int listener = -1;
        struct rlimit marks;
        int r;

        /* Where the emulation keeps who the process is (credentials.h). */
        if (spec->listen && getrlimit(RLIMIT_LOCKS, &marks) == 0) {
                marks.rlim_cur = spec->mark;
                setrlimit(RLIMIT_LOCKS, &marks);
        }
        if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set_errno(err, -errno, "cannot set no_new_privs");
        r = install_filter(spec, &listener, err);
        if (r < 0)
                return r;
        if (helper->child)
                r = wire_send_child(WIRE_SOCKET_FD, WIRE_CHILD_RUNNING, helper->child, 0, listener);
        else
                r = wire_send(WIRE_SOCKET_FD, WIRE_RUNNING, helper->outer_proc, listener);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}

static int set_limits(const struct wire_spec *spec, struct error *err)
{
        const struct wire_limit *limits = wire_at(spec, spec->limits.offset);
        const struct rlimit no_core = { 0, 0 };
        bool wants_core = false;

        /* A core file would end up in the layer. */
        for (uint32_t i = 0; i < spec->limits.count; i++)
                wants_core |= limits[i].resource == RLIMIT_CORE;
        if (!wants_core)
                setrlimit(RLIMIT_CORE, &no_core);
        for (uint32_t i = 0; i < spec->limits.count; i++) {
                const struct rlimit value = { limits[i].soft, limits[i].hard };
                int r;

                if (setrlimit((__rlimit_resource_t)limits[i].resource, &value) == 0)
                        continue;
                r = error_set_errno(err, -errno, "cannot set the resource limit %d to %llu",
                                    limits[i].resource, (unsigned long long)limits[i].hard);
                error_hint(err, "Only root can raise a limit above what this user's session has.");
                return r;
        }
        return 0;
}

/* Takes from the bounding set what the command shall never have. */
static int bound_capabilities(const struct wire_spec *spec, struct error *err)
{
        for (unsigned int capability = 0; capability < 64; capability++) {
                if (spec->capabilities & 1ULL << capability)
                        continue;
                if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
                        continue;
                if (errno == EINVAL)
                        break; /* past the kernel's last */
                return error_set_errno(err, -errno, "cannot drop capability %u", capability);
        }
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        return 0;
}

/* With ranges the ids are real. With one, 0 is the only one there is, and the supervisor of the
 * root emulation answers for all others. */
static int become_user(const struct helper *helper, struct error *err)
{
        const struct wire_spec *spec = helper->spec;

        if (!helper_has_ranges(helper))
                return 0;
        if (setgroups(spec->groups.count, wire_at(spec, spec->groups.offset)) < 0)
                error_set_errno(err, -errno, "cannot set the groups of user %u", spec->uid);
        else if (setresgid(spec->gid, spec->gid, spec->gid) < 0)
                error_set_errno(err, -errno, "cannot become group %u", spec->gid);
        else if (setresuid(spec->uid, spec->uid, spec->uid) < 0)
                error_set_errno(err, -errno, "cannot become user %u", spec->uid);
        if (err->code == -EINVAL)
                error_hint(err, "The host does not give this user that many subordinate ids; "
                                "--userns=single knows all ids.");
        if (error_is_set(err))
                return err->code;
        return 0;
}

/* Nothing is inherited: an executed file gets what its owner, root, and the bounding set give. */
static int drop_capabilities(const struct wire_spec *spec, struct error *err)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (syscall(SYS_capget, &header, data) < 0)
                return error_set_errno(err, -errno, "cannot read the capabilities");
        for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
                data[i].permitted &= (uint32_t)(spec->capabilities >> (32 * i));
                data[i].effective = data[i].permitted;
                data[i].inheritable = 0;
        }
        if (syscall(SYS_capset, &header, data) < 0)
                return error_set_errno(err, -errno, "cannot drop the capabilities");
        return 0;
}

static int enter_workdir(const struct wire_spec *spec, struct error *err)
{
        const char *workdir = wire_string(spec, spec->workdir);
        char here[PATH_MAX];
        long r;

        if (chdir(workdir) < 0)
                return error_set_errno(err, -errno, "cannot enter the working directory %s",
                                       workdir);
        /* The kernel names a directory that is not below "/" without one (CVE-2024-21626). A path
         * too long to name begins below it. */
        r = syscall(SYS_getcwd, here, sizeof(here));
        if (r < 0 && errno == ENAMETOOLONG)
                return 0;
        if (r < 0 || here[0] != '/')
                return error_set(err, -EXDEV, "the working directory %s lies outside of the root",
                                 workdir);
        return 0;
}

static int explain_execute(int code, const char *path, int *ret_status, struct error *err)
{
        const bool missing = (code == -ENOENT || code == -ENOTDIR) && access(path, F_OK) < 0;

        *ret_status = missing ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
        error_set_errno(err, code, "cannot execute %s", path);
        if (code == -ENOENT && !missing)
                return error_hint(err, "The file is there, but not the interpreter that its first "
                                       "line or its ELF header names.");
        if (code == -ENOEXEC)
                return error_hint(err,
                                  "The file is made for another kind of machine, or is a script "
                                  "without a first line that begins with #!");
        if (code == -EACCES)
                return error_hint(err, "The file, or a directory above it, is not executable for "
                                       "the user of this step.");
        return code;
}

static const char *find_path(char *const *env)
{
        for (; *env; env++) {
                if (strncmp(*env, "PATH=", 5) == 0)
                        return *env + 5;
        }
        return PATH_DEFAULT;
}

/* As execvpe(), but by the command's own PATH. Returns what went wrong. */
static int execute_by_path(char *const *argv, char *const *env, int *ret_status, struct error *err)
{
        const char *path = find_path(env);
        char file[PATH_MAX];
        bool denied = false;

        for (const char *at = path; *at;) {
                size_t len = strcspn(at, ":");

                if (snprintf(file, sizeof(file), "%.*s/%s", len == 0 ? 1 : (int)len,
                             len == 0 ? "." : at, argv[0]) < (int)sizeof(file)) {
                        execve(file, argv, env);
                        if (errno == EACCES)
                                denied = true;
                        else if ((errno != ENOENT && errno != ENOTDIR) || access(file, F_OK) == 0)
                                return explain_execute(-errno, file, ret_status, err);
                }
                at += len;
                if (*at == ':')
                        at++;
        }
        if (denied)
                return explain_execute(-EACCES, argv[0], ret_status, err);
        *ret_status = STATUS_NOT_FOUND;
        error_set(err, -ENOENT, "cannot find the command %s", argv[0]);
        return error_hint(err, "PATH of this step is %s", path);
}

/* Pointers to `span.count` strings that stand one after the other. NULL when memory ran out. */
static char **point_to_strings(const struct wire_spec *spec, struct wire_span span)
{
        char **vector = calloc((size_t)span.count + 1, sizeof(*vector));
        const char *at = wire_at(spec, span.offset);

        if (!vector)
                return NULL;
        for (uint32_t i = 0; i < span.count; i++) {
                vector[i] = (char *)at;
                at += strlen(at) + 1;
        }
        return vector;
}

static int execute(const struct wire_spec *spec, int *ret_status, struct error *err)
{
        char **argv = point_to_strings(spec, spec->argv);
        char **env = point_to_strings(spec, spec->env);

        if (!argv || !env)
                return error_set_oom(err);
        if (!strchr(argv[0], '/'))
                return execute_by_path(argv, env, ret_status, err);
        execve(argv[0], argv, env);
        return explain_execute(-errno, argv[0], ret_status, err);
}

/* glibc keeps two signals for itself, and its posix_spawn(3) leaves them ignored. */
static void reset_internal_signals(void)
{
        static const uint64_t defaults[8]; /* struct sigaction, as the kernel has it */

        for (int signal = 32; signal < SIGRTMIN; signal++)
                syscall(SYS_rt_sigaction, signal, defaults, NULL, sizeof(uint64_t));
}

/* The command shall share no terminal and no process group with what is outside. A session of its
 * own would be both, and put it into another group of the scheduler (sched(7), autogroup) than who
 * serves its filesystem: then the kernel does not compare their policies, and each message costs
 * more (fs/server_loop.c). */
static void leave(const struct wire_spec *spec)
{
        if (spec->has_terminal)
                setsid();
        else
                setpgid(0, 0);
}

int step_run(struct helper *helper, int *ret_status, struct error *err)
{
        const struct wire_spec *spec = helper->spec;
        sigset_t none;
        int r;

        *ret_status = 0;
        leave(spec);
        reset_internal_signals();
        umask(022);
        if (spec->terminal && terminal_take(helper, err) < 0)
                return err->code;
        r = confine(helper, err);
        if (r < 0)
                return r;
        /* Before anything looks at a path of the image: one that leads to a descriptor of ours
         * leads nowhere (CVE-2024-21626). */
        helper_close_from(WIRE_SOCKET_FD);
        r = set_limits(spec, err);
        if (r == 0)
                r = bound_capabilities(spec, err);
        if (r == 0)
                r = become_user(helper, err);
        if (r == 0)
                r = drop_capabilities(spec, err);
        if (r < 0)
                return r;
        /* From here on it is the image, or the caller's command, that is at fault. */
        *ret_status = STATUS_CANNOT_EXECUTE;
        r = enter_workdir(spec, err);
        if (r < 0)
                return r;
        /* Not before the caller knows that it runs: one that came meanwhile ends it as a command.
         */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        return execute(spec, ret_status, err);
}
