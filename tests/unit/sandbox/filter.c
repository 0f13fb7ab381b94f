#include "filter.h"
#include "policy.h"

#include "base/cleanup.h"

#include "simulate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define EPERM_ANSWER  (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_ANSWER (SECCOMP_RET_ERRNO | ENOSYS)

/* Compiles for a kernel of this architecture; `emulation` is FILTER_EMULATION_COUNT for none. */
static struct buf compile(uint32_t kernel, enum filter_emulation emulation)
{
        struct error err = ERROR_INIT;
        struct buf code = BUF_INIT;

        if (emulation != FILTER_EMULATION_COUNT)
                cr_assert_eq(policy_compile_emulation(emulation, kernel, &code), 0);
        cr_assert_eq(policy_compile(kernel, &code, &err), 0, "%s", err.message);
        cr_assert_leq(code.len / sizeof(struct sock_filter), BPF_MAXINSNS);
        return code;
}

static int number_of(uint32_t arch, const char *name)
{
        /* libseccomp has a number of its own for it. */
        if (arch == AUDIT_ARCH_I386 && strcmp(name, "socket") == 0)
                return 359;
        for (size_t i = 0; i < POLICY_ARCH_COUNT; i++) {
                if (policy_arches[i].audit == arch)
                        return seccomp_syscall_resolve_name_arch(policy_arches[i].token, name);
        }
        cr_assert_fail("unknown architecture");
        return -1;
}

static uint32_t ask(const struct buf *code, uint32_t arch, const char *name, uint64_t arg0,
                    uint64_t arg1, uint64_t arg2)
{
        struct seccomp_data data = { .nr = number_of(arch, name),
                                     .arch = arch,
                                     .args = { arg0, arg1, arg2 } };

        cr_assert_geq(data.nr, 0, "%s is no call of architecture %x", name, arch);
        return simulate(code, &data);
}

static uint32_t ask_number(const struct buf *code, uint32_t arch, int nr)
{
        const struct seccomp_data data = { .nr = nr, .arch = arch };

        return simulate(code, &data);
}

static const uint32_t kernels[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };

Test(filter, allows_daily_work_on_every_architecture)
{
        static const char *const calls[] = { "read",   "openat",    "execve", "fchownat",
                                             "futex",  "getrandom", "prctl",  "setgroups",
                                             "chroot", "ptrace" };

        for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
                struct buf code = compile(kernels[k], FILTER_EMULATION_COUNT);

                for (size_t i = 0; i < POLICY_ARCH_COUNT; i++) {
                        if (policy_arches[i].kernel != kernels[k])
                                continue;
                        for (size_t j = 0; j < ARRAY_SIZE(calls); j++)
                                cr_expect_eq(ask(&code, policy_arches[i].audit, calls[j], 0, 0, 0),
                                             SECCOMP_RET_ALLOW, "%s on %x", calls[j],
                                             policy_arches[i].audit);
                }
                buf_done(&code);
        }
}

Test(filter, refuses_the_hosts_affairs_on_every_architecture)
{
        static const char *const calls[] = {
                "unshare",         "setns",
                "mount",           "umount2",
                "pivot_root",      "move_mount",
                "open_tree",       "fsopen",
                "mount_setattr",   "bpf",
                "perf_event_open", "keyctl",
                "add_key",         "request_key",
                "userfaultfd",     "io_uring_setup",
                "io_uring_enter",  "open_by_handle_at",
                "kexec_load",      "reboot",
                "init_module",     "swapon",
                "sethostname",     "clock_settime",
                "pidfd_getfd",     "quotactl",
                "syslog",          "acct",
                "fanotify_init",
        };

        for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
                struct buf code = compile(kernels[k], FILTER_EMULATION_COUNT);

                for (size_t i = 0; i < POLICY_ARCH_COUNT; i++) {
                        if (policy_arches[i].kernel != kernels[k])
                                continue;
                        for (size_t j = 0; j < ARRAY_SIZE(calls); j++)
                                cr_expect_eq(ask(&code, policy_arches[i].audit, calls[j], 0, 0, 0),
                                             EPERM_ANSWER, "%s on %x", calls[j],
                                             policy_arches[i].audit);
                }
                buf_done(&code);
        }
}

Test(filter, answers_clone3_and_unknown_calls_as_an_old_kernel_does)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);

        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "clone3", 0, 0, 0), ENOSYS_ANSWER);
        cr_expect_eq(ask(&code, AUDIT_ARCH_I386, "clone3", 0, 0, 0), ENOSYS_ANSWER);
        cr_expect_eq(ask_number(&code, AUDIT_ARCH_X86_64, POLICY_CALLS_END), ENOSYS_ANSWER);
        cr_expect_eq(ask_number(&code, AUDIT_ARCH_I386, 9999), ENOSYS_ANSWER);
        cr_expect_eq(ask_number(&code, AUDIT_ARCH_X86_64, -1), ENOSYS_ANSWER);
        buf_done(&code);
}

Test(filter, lets_no_call_through_by_x32_or_a_foreign_architecture)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);

        for (int nr = 0; nr < 600; nr++) {
                cr_expect_eq(ask_number(&code, AUDIT_ARCH_X86_64, nr | 0x40000000), ENOSYS_ANSWER);
                cr_expect_eq(ask_number(&code, AUDIT_ARCH_AARCH64, nr), ENOSYS_ANSWER);
        }
        buf_done(&code);
}

Test(filter, refuses_every_namespace_in_clone_and_allows_threads)
{
        static const uint64_t namespaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                               CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                               CLONE_NEWNET };
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);
        const uint32_t both[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };

        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                cr_expect_eq(ask(&code, both[i], "clone", CLONE_VM | CLONE_THREAD | 17, 0, 0),
                             SECCOMP_RET_ALLOW);
                for (size_t j = 0; j < ARRAY_SIZE(namespaces); j++)
                        cr_expect_eq(ask(&code, both[i], "clone", namespaces[j] | 17, 0, 0),
                                     EPERM_ANSWER);
        }
        buf_done(&code);
}

/* CVE-2017-5226, CVE-2019-10063: the kernel looks at 32 bits of what a filter sees 64 of. */
Test(filter, refuses_terminal_injection_whatever_the_upper_bits_are)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);
        const uint32_t both[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };
        const uint64_t upper[] = { 0, 1ULL << 32, 0xffffffffULL << 32, 1ULL << 63 };

        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                cr_expect_eq(ask(&code, both[i], "ioctl", 0, TIOCGWINSZ, 0), SECCOMP_RET_ALLOW);
                for (size_t j = 0; j < ARRAY_SIZE(upper); j++) {
                        cr_expect_eq(ask(&code, both[i], "ioctl", 0, TIOCSTI | upper[j], 0),
                                     EPERM_ANSWER);
                        cr_expect_eq(ask(&code, both[i], "ioctl", 0, TIOCLINUX | upper[j], 0),
                                     EPERM_ANSWER);
                        cr_expect_eq(ask(&code, both[i], "socket", AF_VSOCK | upper[j], 0, 0),
                                     EPERM_ANSWER);
                        cr_expect_eq(ask(&code, both[i], "socket", AF_ALG | upper[j], 0, 0),
                                     EPERM_ANSWER);
                        cr_expect_eq(ask(&code, both[i], "socket", AF_INET | upper[j], 0, 0),
                                     SECCOMP_RET_ALLOW);
                }
        }
        buf_done(&code);
}

Test(filter, allows_the_personalities_that_change_nothing_of_importance)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);

        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "personality", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "personality", 0xffffffff, 0, 0),
                     SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "personality", 0x0040000, 0, 0), EPERM_ANSWER);
        buf_done(&code);
}

Test(filter, allows_calls_that_libseccomp_does_not_know)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATION_COUNT);

        cr_expect_eq(ask_number(&code, AUDIT_ARCH_X86_64, 462), SECCOMP_RET_ALLOW); /* mseal */
        cr_expect_eq(ask_number(&code, AUDIT_ARCH_X86_64, 335), SECCOMP_RET_ALLOW); /* uretprobe */
        cr_expect_eq(ask_number(&code, AUDIT_ARCH_I386, 466),
                     SECCOMP_RET_ALLOW); /* removexattrat */
        buf_done(&code);
}

Test(filter, asks_for_devices_and_lets_fifos_through)
{
        static const enum filter_emulation with[] = { FILTER_DEVICES, FILTER_EMULATE };
        const uint32_t both[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };

        for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
                struct buf code = compile(AUDIT_ARCH_X86_64, with[i]);

                for (size_t j = 0; j < ARRAY_SIZE(both); j++) {
                        cr_expect_eq(ask(&code, both[j], "mknod", 0, S_IFCHR | 0600, 0),
                                     SECCOMP_RET_USER_NOTIF);
                        cr_expect_eq(ask(&code, both[j], "mknodat", 0, 0, S_IFBLK | 0600),
                                     SECCOMP_RET_USER_NOTIF);
                        cr_expect_eq(ask(&code, both[j], "mknod", 0, S_IFIFO | 0600, 0),
                                     SECCOMP_RET_ALLOW);
                        cr_expect_eq(ask(&code, both[j], "mknodat", 0, 0, S_IFSOCK),
                                     SECCOMP_RET_ALLOW);
                        cr_expect_eq(ask(&code, both[j], "read", 0, 0, 0), SECCOMP_RET_ALLOW);
                        cr_expect_eq(ask(&code, both[j], "mount", 0, 0, 0), EPERM_ANSWER);
                }
                cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "chown", 0, 0, 0),
                             with[i] == FILTER_EMULATE ? SECCOMP_RET_USER_NOTIF
                                                       : SECCOMP_RET_ALLOW);
                buf_done(&code);
        }
}

Test(filter, asks_who_makes_a_name_only_where_told_to)
{
        struct buf create = compile(AUDIT_ARCH_X86_64, FILTER_CREATE);
        struct buf plain = compile(AUDIT_ARCH_X86_64, FILTER_EMULATE);
        const uint32_t both[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };

        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                static const char *const makers[] = { "mkdir", "symlink", "rename", "openat2" };

                for (size_t j = 0; j < ARRAY_SIZE(makers); j++) {
                        cr_expect_eq(ask(&create, both[i], makers[j], 0, 0, 0),
                                     SECCOMP_RET_USER_NOTIF, "%s", makers[j]);
                        cr_expect_eq(ask(&plain, both[i], makers[j], 0, 0, 0), SECCOMP_RET_ALLOW,
                                     "%s", makers[j]);
                }
                cr_expect_eq(ask(&create, both[i], "mknod", 0, S_IFIFO | 0600, 0),
                             SECCOMP_RET_USER_NOTIF);
                cr_expect_eq(ask(&create, both[i], "open", 0, O_WRONLY, 0), SECCOMP_RET_ALLOW);
                cr_expect_eq(ask(&create, both[i], "open", 0, O_WRONLY | O_CREAT, 0),
                             SECCOMP_RET_USER_NOTIF);
                cr_expect_eq(ask(&create, both[i], "openat", 0, 0, O_RDWR | O_TMPFILE),
                             SECCOMP_RET_ALLOW);
                cr_expect_eq(ask(&plain, both[i], "openat", 0, 0, O_RDWR | O_CREAT),
                             SECCOMP_RET_ALLOW);
        }
        buf_done(&create);
        buf_done(&plain);
}

Test(filter, leaves_the_struct_stat_of_32_bits_to_the_kernel)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATE);

        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "newfstatat", 0, 0, 0), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(ask(&code, AUDIT_ARCH_I386, "fstatat64", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_I386, "chown32", 0, 0, 0), SECCOMP_RET_USER_NOTIF);
        cr_expect_eq(ask(&code, AUDIT_ARCH_I386, "chown", 0, 0, 0), SECCOMP_RET_ALLOW);
        buf_done(&code);
}

Test(filter, fakes_success_without_asking)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_FAKE);
        const uint32_t success = SECCOMP_RET_ERRNO;

        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "chown", 0, 0, 0), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "mknod", 0, S_IFCHR, 0), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "setgroups", 0, 0, 0), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "setresuid", 0, 0, 0), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "setxattr", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "getuid", 0, 0, 0), SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "stat", 0, 0, 0), SECCOMP_RET_ALLOW);
        buf_done(&code);
}

Test(filter, keeps_the_mark_of_the_emulation_from_being_set)
{
        struct buf code = compile(AUDIT_ARCH_X86_64, FILTER_EMULATE);
        const uint32_t success = SECCOMP_RET_ERRNO;

        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "prlimit64", 0, RLIMIT_LOCKS, 0),
                     SECCOMP_RET_ALLOW, "reading is allowed");
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "prlimit64", 0, RLIMIT_LOCKS, 4096), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "prlimit64", 0, RLIMIT_LOCKS, 1ULL << 40),
                     success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "prlimit64", 0, RLIMIT_LOCKS | 1ULL << 32, 1),
                     success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "setrlimit", RLIMIT_LOCKS, 1, 0), success);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "setrlimit", RLIMIT_NOFILE, 1, 0),
                     SECCOMP_RET_ALLOW);
        cr_expect_eq(ask(&code, AUDIT_ARCH_X86_64, "prlimit64", 0, RLIMIT_NOFILE, 1),
                     SECCOMP_RET_ALLOW);
        buf_done(&code);
}

Test(filter, knows_emulated_calls_by_the_numbers_of_each_architecture)
{
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_X86_64, 92), EMULATE_CHOWN);
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_I386, 212), EMULATE_CHOWN);
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_I386, 92), EMULATE_NOTHING);
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_X86_64, 0), EMULATE_NOTHING);
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_X86_64, -1), EMULATE_NOTHING);
        cr_expect_eq(filter_emulated_call(AUDIT_ARCH_X86_64, 1 << 30), EMULATE_NOTHING);
        cr_expect_eq(filter_emulated_call(0, 92), EMULATE_NOTHING);
}

Test(filter, carries_what_was_compiled_for_this_machine)
{
        struct buf now = compile(AUDIT_ARCH_X86_64, FILTER_EMULATE), then = BUF_INIT;

        if (seccomp_arch_native() != SCMP_ARCH_X86_64)
                cr_skip_test("the tables are of another architecture");
        cr_assert_eq(filter_append_emulation(FILTER_EMULATE, &then), 0);
        cr_assert_eq(filter_append_policy(&then), 0);
        cr_expect_eq(now.len, then.len);
        cr_expect_arr_eq(now.data, then.data, now.len);
        buf_done(&now);
        buf_done(&then);
}
