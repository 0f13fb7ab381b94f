#include "policy.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Namespaces that clone() can make: the flags that no command may give. */
#define CLONE_NAMESPACES                                                               \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET)

/*
 * Allowed without a condition, on the architectures that have them. What is missing is refused with
 * EPERM. Calls that one would look for, and why they are not here:
 *
 * - clone3: its flags are in memory, where no filter sees them; answered ENOSYS, and every C
 *   library falls back to clone.
 * - unshare, setns, mount, umount2, pivot_root, fsopen, fsmount, move_mount, open_tree and
 *   mount_setattr: undo what the sandbox mounted or masked.
 * - bpf, perf_event_open, userfaultfd, io_uring_*: large parts of the kernel with a long record of
 *   flaws; io_uring besides makes calls that no filter sees.
 * - keyctl, add_key, request_key: not all keys are bound to a namespace.
 * - open_by_handle_at: reaches files outside of the root.
 * - kcmp, pidfd_getfd, process_madvise, mbind, set_mempolicy, move_pages, migrate_pages: look into
 *   other processes, or change them.
 * - acct, clock_settime, fanotify_init, init_module, ioperm, iopl, kexec_load, lookup_dcookie,
 *   quotactl, reboot, setdomainname, sethostname, settimeofday, swapon, syslog, vhangup: are the
 *   host's, not the command's.
 */
static const struct {
        const char *about;
        const char *names; /* with blanks between */
} allowed[] = {
        { "files: names, contents, metadata",
          "access chdir chmod chown chown32 close close_range copy_file_range creat dup "
          "dup2 dup3 faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir "
          "fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
          "fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 "
          "fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents "
          "getdents64 getxattr ioctl lchown lchown32 lgetxattr link linkat listxattr "
          "llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat "
          "mknod mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2 "
          "pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink "
          "readlinkat readv removexattr rename renameat renameat2 rmdir sendfile "
          "sendfile64 setxattr splice stat stat64 statfs statfs64 statx symlink "
          "symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink "
          "unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev "
          "chroot" },
        { "a command may confine itself further",
          "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp" },
        { "memory", "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret "
                    "mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync munlock "
                    "munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease "
                    "remap_file_pages shmat shmctl shmdt shmget" },
        { "processes and threads; tracing reaches no further than the user namespace",
          "capget capset execve execveat exit exit_group fork futex futex_requeue "
          "futex_time64 futex_wait futex_waitv futex_wake getcpu getpgid getpgrp getpid "
          "getppid getpriority getrlimit get_robust_list getrusage getsid "
          "get_thread_area gettid ioprio_get ioprio_set kill pause pidfd_open "
          "pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace "
          "restart_syscall rseq sched_getaffinity sched_getattr sched_getparam "
          "sched_get_priority_max sched_get_priority_min sched_getscheduler "
          "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity "
          "sched_setattr sched_setparam sched_setscheduler sched_yield setpgid "
          "setpriority setrlimit set_robust_list setsid set_thread_area set_tid_address "
          "tgkill times tkill ugetrlimit vfork wait4 waitid waitpid" },
        { "signals", "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
                     "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
                     "sigaltstack signalfd signalfd4 sigprocmask sigreturn" },
        { "ids", "getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
                 "getresgid getresgid32 getresuid getresuid32 getuid getuid32 setfsgid "
                 "setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 "
                 "setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid "
                 "setreuid32 setuid setuid32" },
        { "time; setting a clock needs a capability of the host",
          "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres "
          "clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
          "clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time "
          "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 "
          "timer_settime timer_settime64 timerfd_create timerfd_gettime "
          "timerfd_gettime64 timerfd_settime timerfd_settime64" },
        { "waiting and events",
          "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
          "epoll_wait epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch "
          "inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy "
          "io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit "
          "_newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select" },
        { "sockets; families are looked at in front of this list",
          "accept accept4 bind connect getpeername getsockname getsockopt listen recv "
          "recvfrom recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto "
          "setsockopt shutdown socket socketcall socketpair" },
        { "System V and POSIX messages, of an IPC namespace of their own",
          "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 "
          "mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd "
          "semctl semget semop semtimedop semtimedop_time64" },
        { "the machine", "getrandom sysinfo uname" },
        { "of one architecture each: x86; ARM",
          "arch_prctl modify_ldt arm_fadvise64_64 arm_sync_file_range breakpoint "
          "cacheflush set_tls sync_file_range2" },
};

/* Calls that libseccomp 2.5 does not know; from 424 on all architectures number alike. */
static const struct {
        const char *name;
        int number;
        uint32_t arch; /* AUDIT_ARCH_*; 0 for all */
} young_calls[] = {
        /* made by a return probe that somebody set from outside, in the name of the process */
        { "uretprobe", 335, AUDIT_ARCH_X86_64 },
        { "statmount", 457, 0 },
        { "listmount", 458, 0 },
        { "mseal", 462, 0 },
        { "setxattrat", 463, 0 },
        { "getxattrat", 464, 0 },
        { "listxattrat", 465, 0 },
        { "removexattrat", 466, 0 },
};

const struct policy_arch policy_arches[POLICY_ARCH_COUNT] = {
        { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64, false },
        { SCMP_ARCH_X86, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, true },
        { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_AARCH64, false },
        { SCMP_ARCH_ARM, AUDIT_ARCH_ARM, AUDIT_ARCH_AARCH64, true },
};

/* The number that libseccomp wants in a rule: that of the machine it runs on, whatever the filter
 * is for. */
static int resolve(const char *name)
{
        return seccomp_syscall_resolve_name(name);
}

/* The number that a call has on an architecture; negative where it has none. Of i386, libseccomp
 * gives numbers of its own to what used to go through socketcall and ipc: -101 and down. */
static int resolve_on(uint32_t token, const char *name)
{
        return seccomp_syscall_resolve_name_arch(token, name);
}

static bool exists_on(uint32_t token, const char *name)
{
        int number = resolve_on(token, name);

        return number >= 0 || (token == SCMP_ARCH_X86 && number <= -101 && number >= -299);
}

/* Calls that are allowed with some arguments. */
static int add_conditional(scmp_filter_ctx ctx)
{
        /* Nothing, UNAME26, ADDR_NO_RANDOMIZE's relatives stay off; asking (all ones) is fine. */
        static const uint64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };
        int r;

        r = seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, resolve("clone"), 1,
                                   SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0));
        if (r == 0)
                r = seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(ENOSYS), resolve("clone3"), 0);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(personalities); i++)
                r = seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, resolve("personality"), 1,
                                           SCMP_CMP64(0, SCMP_CMP_EQ, personalities[i]));
        return r;
}

/* All rules of one architecture. Returns 0 or a negative errno. */
static int add_rules(scmp_filter_ctx ctx, uint32_t token)
{
        char name[64];
        int r;

        r = add_conditional(ctx);
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
                for (const char *at = allowed[i].names; r == 0 && *at; at += strspn(at, " ")) {
                        size_t len = strcspn(at, " ");

                        snprintf(name, sizeof(name), "%.*s", (int)len, at);
                        if (exists_on(token, name))
                                r = seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, resolve(name), 0);
                        at += len;
                }
        }
        return r;
}

/* Rules for one architecture alone; the caller releases them. Returns 0 or a negative errno. */
static int make_arch_rules(uint32_t token, scmp_filter_ctx *ret)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int r = 0;

        if (!ctx)
                return -ENOMEM;
        if (token != seccomp_arch_native()) {
                r = seccomp_arch_add(ctx, token);
                if (r == 0)
                        r = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
        }
        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
        /* A tree instead of a chain: when it is installed, the kernel runs it for every call. */
        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r == 0)
                r = add_rules(ctx, token);
        if (r < 0)
                seccomp_release(ctx);
        else
                *ret = ctx;
        return r;
}

/*
 * What libseccomp cannot say goes in front of what it says: that a number is past the list's end,
 * and that the lower half of an argument has some value. A filter that compares all 64 bits of an
 * int is passed by a stray bit in the upper half, which the kernel ignores (CVE-2019-10063).
 */
static int append_end_of_list(struct buf *code, uint32_t audit)
{
        const struct sock_filter block[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, POLICY_CALLS_END, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        };

        /* ARM has calls of its own far above the list. */
        return audit == AUDIT_ARCH_ARM ? 0 : buf_append(code, block, sizeof(block));
}

static int append_allowance(struct buf *code, uint32_t audit, int number)
{
        const struct sock_filter block[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };

        return buf_append(code, block, sizeof(block));
}

/* Refuses a call if the lower half of an argument is `value`; all architectures of the list are
 * little-endian. */
static int append_refusal(struct buf *code, uint32_t audit, int number, unsigned int argument,
                          uint32_t value)
{
        const uint32_t argument_at = (uint32_t)offsetof(struct seccomp_data, args) + 8 * argument;
        const struct sock_filter block[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 5),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_at),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        };

        return buf_append(code, block, sizeof(block));
}

static int append_front(struct buf *code, const struct policy_arch *arch)
{
        static const struct {
                const char *name;
                int number_on_i386;
                unsigned int argument;
                uint32_t value;
        } refused[] = {
                /* Put characters into the terminal's input, as if its user had typed them. */
                { "ioctl", 54, 1, TIOCSTI },
                { "ioctl", 54, 1, TIOCLINUX },
                /* The kernel's ciphers, with a record of flaws; the host of a virtual machine. */
                { "socket", 359, 0, AF_ALG },
                { "socket", 359, 0, AF_VSOCK },
        };
        const uint32_t audit = arch->audit;
        int r;

        r = append_end_of_list(code, audit);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(refused); i++) {
                int number = audit == AUDIT_ARCH_I386 ? refused[i].number_on_i386
                                                      : resolve_on(arch->token, refused[i].name);

                r = append_refusal(code, audit, number, refused[i].argument, refused[i].value);
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(young_calls); i++) {
                if (young_calls[i].arch == 0 || young_calls[i].arch == audit)
                        r = append_allowance(code, audit, young_calls[i].number);
        }
        return r;
}

int policy_append_rules(struct buf *code, void *rules, struct error *err)
{
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        int r;

        if (fd < 0)
                return error_set_errno(err, -errno, "cannot make memory for a filter");
        r = seccomp_export_bpf(rules, fd);
        if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return error_set(err, -EINVAL, "libseccomp cannot compile the policy: %d", r);
        return io_read_fd(fd, "the filter", BPF_MAXINSNS * sizeof(struct sock_filter), code, err);
}

int policy_compile(uint32_t kernel, struct buf *ret, struct error *err)
{
        scmp_filter_ctx all = NULL, one;
        int r = 0;

        for (size_t i = 0; r == 0 && i < POLICY_ARCH_COUNT; i++) {
                if (policy_arches[i].kernel != kernel)
                        continue;
                r = make_arch_rules(policy_arches[i].token, &one);
                if (r == 0 && all)
                        r = seccomp_merge(all, one);
                else if (r == 0)
                        all = one;
                if (r == 0)
                        r = append_front(ret, &policy_arches[i]);
        }
        if (r == 0 && !all)
                r = -EOPNOTSUPP;
        if (r < 0)
                error_set_errno(err, r, "cannot compile the policy of system calls");
        else
                r = policy_append_rules(ret, all, err);
        if (all)
                seccomp_release(all);
        return r;
}
