/*
 * Which system calls the network's program may make once it is confined. What is missing is refused
 * with EPERM: a library that tries something new goes on without it.
 */
#include "policy.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ALL_BITS   0xffffffffULL
#define SOCKET_BIT 0xfULL /* of the type: what is above are flags */

static const char *const allowed[] = {
        /* frames and connections */
        "read",
        "write",
        "readv",
        "writev",
        "recvfrom",
        "recvmsg",
        "sendto",
        "sendmsg",
        "bind",
        "connect",
        "getpeername",
        "getsockname",
        "getsockopt",
        "shutdown",
        "close",
        "poll",
        "ppoll",
        /* ports of the host that lead into the sandbox */
        "listen",
        "accept",
        "accept4",
        /* the host's resolvers, in the one file of the root */
        "open",
        "openat",
        "stat",
        "fstat",
        "newfstatat",
        "statx",
        "lseek",
        /* memory; mmap and mprotect stand below */
        "brk",
        "madvise",
        "mremap",
        "munmap",
        "futex",
        /* time, chance and the end */
        "clock_gettime",
        "gettimeofday",
        "getrandom",
        "getpid",
        "gettid",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "restart_syscall",
        "exit",
        "exit_group",
};

/* Allowed where an argument, or two, have a value under a mask. */
static const struct {
        const char *name;
        struct {
                unsigned int index;
                uint64_t mask;
                uint64_t value;
        } arguments[2];
        unsigned int count;
} conditional[] = {
        { "socket", { { 0, ALL_BITS, AF_INET }, { 1, SOCKET_BIT, SOCK_STREAM } }, 2 },
        { "socket", { { 0, ALL_BITS, AF_INET }, { 1, SOCKET_BIT, SOCK_DGRAM } }, 2 },
        { "socket", { { 0, ALL_BITS, AF_INET6 }, { 1, SOCKET_BIT, SOCK_STREAM } }, 2 },
        { "socket", { { 0, ALL_BITS, AF_INET6 }, { 1, SOCKET_BIT, SOCK_DGRAM } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, SOL_SOCKET }, { 2, ALL_BITS, SO_OOBINLINE } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, SOL_SOCKET }, { 2, ALL_BITS, SO_REUSEADDR } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_TCP }, { 2, ALL_BITS, TCP_NODELAY } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_IP }, { 2, ALL_BITS, IP_TTL } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_IP }, { 2, ALL_BITS, IP_RECVERR } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_IPV6 }, { 2, ALL_BITS, IPV6_UNICAST_HOPS } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_IPV6 }, { 2, ALL_BITS, IPV6_RECVERR } }, 2 },
        { "setsockopt", { { 1, ALL_BITS, IPPROTO_IPV6 }, { 2, ALL_BITS, IPV6_V6ONLY } }, 2 },
        { "ioctl", { { 1, ALL_BITS, FIONREAD } }, 1 },
        { "ioctl", { { 1, ALL_BITS, FIONBIO } }, 1 },
        { "fcntl", { { 1, ALL_BITS, F_GETFD } }, 1 },
        { "fcntl", { { 1, ALL_BITS, F_SETFD } }, 1 },
        { "fcntl", { { 1, ALL_BITS, F_GETFL } }, 1 },
        { "fcntl", { { 1, ALL_BITS, F_SETFL } }, 1 },
        { "mmap", { { 2, PROT_EXEC, 0 } }, 1 },
        { "mprotect", { { 2, PROT_EXEC, 0 } }, 1 },
};

static int add_rules(scmp_filter_ctx ctx, uint32_t token)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
                if (seccomp_syscall_resolve_name_arch(token, allowed[i]) >= 0)
                        r = seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW,
                                                   seccomp_syscall_resolve_name(allowed[i]), 0);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(conditional); i++) {
                struct scmp_arg_cmp compared[2];

                for (unsigned int j = 0; j < conditional[i].count; j++)
                        compared[j] =
                                SCMP_CMP64(conditional[i].arguments[j].index, SCMP_CMP_MASKED_EQ,
                                           conditional[i].arguments[j].mask,
                                           conditional[i].arguments[j].value);
                r = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW,
                                                 seccomp_syscall_resolve_name(conditional[i].name),
                                                 conditional[i].count, compared);
        }
        return r;
}

int policy_compile_network(uint32_t kernel, struct buf *ret, struct error *err)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        uint32_t token = 0;
        int r = ctx ? 0 : -ENOMEM;

        for (size_t i = 0; i < POLICY_ARCH_COUNT; i++)
                if (policy_arches[i].audit == kernel)
                        token = policy_arches[i].token;
        if (r == 0 && token != seccomp_arch_native()) {
                r = seccomp_arch_add(ctx, token);
                if (r == 0)
                        r = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
        }
        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r == 0)
                r = add_rules(ctx, token);
        if (r < 0)
                error_set_errno(err, r, "cannot compile the filter of the network's program");
        else
                r = policy_append_rules(ret, ctx, err);
        seccomp_release(ctx);
        return r;
}
