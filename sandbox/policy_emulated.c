#include "policy.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

/*
 * What the emulation wants to hear of, by its name on 64-bit and on 32-bit architectures. There the
 * older calls take ids of 16 bits, which no C library uses any more, and another struct stat: those
 * stay as the kernel answers them.
 *
 * setxattrat is left out: no tool needs it, all know the older calls.
 */
static const struct {
        const char *name;
        const char *name_32;
        enum emulate_call call;
} emulated[] = {
        { "chown", "chown32", EMULATE_CHOWN },
        { "lchown", "lchown32", EMULATE_LCHOWN },
        { "fchown", "fchown32", EMULATE_FCHOWN },
        { "fchownat", "fchownat", EMULATE_FCHOWNAT },
        { "mknod", "mknod", EMULATE_MKNOD },
        { "mknodat", "mknodat", EMULATE_MKNODAT },
        { "setxattr", "setxattr", EMULATE_SETXATTR },
        { "lsetxattr", "lsetxattr", EMULATE_LSETXATTR },
        { "fsetxattr", "fsetxattr", EMULATE_FSETXATTR },
        { "stat", NULL, EMULATE_STAT },
        { "lstat", NULL, EMULATE_LSTAT },
        { "fstat", NULL, EMULATE_FSTAT },
        { "newfstatat", NULL, EMULATE_FSTATAT },
        { "statx", "statx", EMULATE_STATX },
        { "setuid", "setuid32", EMULATE_SETUID },
        { "setgid", "setgid32", EMULATE_SETGID },
        { "setreuid", "setreuid32", EMULATE_SETREUID },
        { "setregid", "setregid32", EMULATE_SETREGID },
        { "setresuid", "setresuid32", EMULATE_SETRESUID },
        { "setresgid", "setresgid32", EMULATE_SETRESGID },
        { "setfsuid", "setfsuid32", EMULATE_SETFSUID },
        { "setfsgid", "setfsgid32", EMULATE_SETFSGID },
        { "setgroups", "setgroups32", EMULATE_SETGROUPS },
        { "getuid", "getuid32", EMULATE_GETUID },
        { "geteuid", "geteuid32", EMULATE_GETEUID },
        { "getgid", "getgid32", EMULATE_GETGID },
        { "getegid", "getegid32", EMULATE_GETEGID },
        { "getresuid", "getresuid32", EMULATE_GETRESUID },
        { "getresgid", "getresgid32", EMULATE_GETRESGID },
        { "getgroups", "getgroups32", EMULATE_GETGROUPS },
        { "access", "access", EMULATE_ACCESS },
        { "faccessat", "faccessat", EMULATE_FACCESSAT },
        { "faccessat2", "faccessat2", EMULATE_FACCESSAT2 },
        { "execve", "execve", EMULATE_EXECVE },
        { "execveat", "execveat", EMULATE_EXECVEAT },
        { "chroot", "chroot", EMULATE_CHROOT },
        { "prctl", "prctl", EMULATE_PRCTL },
        { "capset", "capset", EMULATE_CAPSET },
        { "getsockopt", NULL, EMULATE_GETSOCKOPT },
        { "creat", "creat", EMULATE_CREAT },
        { "open", "open", EMULATE_OPEN },
        { "openat", "openat", EMULATE_OPENAT },
        { "openat2", "openat2", EMULATE_OPENAT2 },
        { "mkdir", "mkdir", EMULATE_MKDIR },
        { "mkdirat", "mkdirat", EMULATE_MKDIRAT },
        { "symlink", "symlink", EMULATE_SYMLINK },
        { "symlinkat", "symlinkat", EMULATE_SYMLINKAT },
        { "rename", "rename", EMULATE_MOVE },
        { "renameat", "renameat", EMULATE_MOVE },
        { "renameat2", "renameat2", EMULATE_MOVE },
        { "link", "link", EMULATE_LINK },
        { "linkat", "linkat", EMULATE_LINKAT },
};

/* Calls that are asked for with some arguments alone: the lower half of argument `index`, masked,
 * is one of two values. */
static const struct condition {
        enum emulate_call call;
        uint32_t index;
        uint32_t mask;
        uint32_t values[2];
} conditions[] = {
        /* Fifos, sockets and plain files the kernel makes itself. */
        { EMULATE_MKNOD, 1, S_IFMT, { S_IFCHR, S_IFBLK } },
        { EMULATE_MKNODAT, 2, S_IFMT, { S_IFCHR, S_IFBLK } },
        { EMULATE_PRCTL, 0, UINT32_MAX, { PR_SET_KEEPCAPS, PR_SET_SECUREBITS } },
        { EMULATE_GETSOCKOPT, 2, UINT32_MAX, { SO_PEERCRED, SO_PEERCRED } },
        { EMULATE_OPEN, 1, O_CREAT, { O_CREAT, O_CREAT } },
        { EMULATE_OPENAT, 2, O_CREAT, { O_CREAT, O_CREAT } },
};

/* The number of what `i` of `emulated` names, or a negative number where the architecture has none.
 */
static int number_on(const struct policy_arch *arch, size_t i)
{
        const char *name = arch->is_32 ? emulated[i].name_32 : emulated[i].name;

        return name ? seccomp_syscall_resolve_name_arch(arch->token, name) : -1;
}

static const struct condition *condition_of(enum filter_emulation emulation, enum emulate_call call)
{
        if (emulation == FILTER_CREATE && (call == EMULATE_MKNOD || call == EMULATE_MKNODAT))
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
                if (conditions[i].call == call)
                        return &conditions[i];
        }
        return NULL;
}

static bool is_asked_for(enum filter_emulation emulation, enum emulate_call call)
{
        switch (emulation) {
        case FILTER_FAKE:
                return call <= EMULATE_MKNODAT ||
                       (call >= EMULATE_SETUID && call <= EMULATE_SETGROUPS);
        case FILTER_DEVICES:
                return call == EMULATE_MKNOD || call == EMULATE_MKNODAT;
        case FILTER_EMULATE:
                return call < EMULATE_CREAT;
        case FILTER_CREATE:
                return true;
        case FILTER_EMULATION_COUNT:
                break;
        }
        return false;
}

/* The number of the call has been loaded, and is again at the end. */
static int append_condition(struct buf *code, uint32_t number, const struct condition *condition,
                            uint32_t action)
{
        const uint32_t offset =
                (uint32_t)offsetof(struct seccomp_data, args) + 8 * condition->index;
        const struct sock_filter block[] = {
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 6),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, condition->mask),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, condition->values[0], 1, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, condition->values[1], 0, 1),
                BPF_STMT(BPF_RET | BPF_K, action),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        };

        return buf_append(code, block, sizeof(block));
}

static int append_call(struct buf *code, uint32_t number, uint32_t action)
{
        const struct sock_filter block[] = {
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, action),
        };

        return buf_append(code, block, sizeof(block));
}

/* The emulation marks processes by RLIMIT_LOCKS, which the kernel does not use (credentials.h). It
 * can be read; setting it succeeds and does nothing. */
static int append_limit_calls(struct buf *code, const struct policy_arch *arch)
{
        const uint32_t pretend = SECCOMP_RET_ERRNO | 0;
        const uint32_t first = (uint32_t)offsetof(struct seccomp_data, args);
        const int set = seccomp_syscall_resolve_name_arch(arch->token, "setrlimit");
        const int both = seccomp_syscall_resolve_name_arch(arch->token, "prlimit64");
        const struct sock_filter block[] = {
                /* setrlimit(resource, new) */
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)set, 0, 4),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_LOCKS, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, pretend),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                /* prlimit64(pid, resource, new, old), where new may be NULL */
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)both, 0, 8),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first + 8),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_LOCKS, 0, 5),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first + 16),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first + 20),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, pretend),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        };

        return buf_append(code, block, sizeof(block));
}

static int append_arch(struct buf *code, enum filter_emulation emulation,
                       const struct policy_arch *arch)
{
        const uint32_t action =
                emulation == FILTER_FAKE ? SECCOMP_RET_ERRNO | 0 : SECCOMP_RET_USER_NOTIF;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(emulated); i++) {
                const struct condition *condition = condition_of(emulation, emulated[i].call);
                int number = number_on(arch, i);

                if (number < 0 || !is_asked_for(emulation, emulated[i].call))
                        continue;
                r = condition ? append_condition(code, (uint32_t)number, condition, action)
                              : append_call(code, (uint32_t)number, action);
        }
        if (r == 0 && (emulation == FILTER_EMULATE || emulation == FILTER_CREATE))
                r = append_limit_calls(code, arch);
        return r;
}

int policy_compile_emulation(enum filter_emulation emulation, uint32_t kernel, struct buf *ret)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < POLICY_ARCH_COUNT; i++) {
                const struct policy_arch *arch = &policy_arches[i];
                struct buf calls = BUF_INIT;

                if (arch->kernel != kernel)
                        continue;
                r = append_arch(&calls, emulation, arch);
                if (r == 0) {
                        /* A jump of more than 255 has to be unconditional. */
                        const struct sock_filter head[] = {
                                BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                         offsetof(struct seccomp_data, arch)),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch->audit, 1, 0),
                                BPF_STMT(BPF_JMP | BPF_JA,
                                         (uint32_t)(calls.len / sizeof(head[0])) + 1),
                                BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                         offsetof(struct seccomp_data, nr)),
                        };

                        r = buf_append(ret, head, sizeof(head));
                }
                if (r == 0)
                        r = buf_append(ret, calls.data, calls.len);
                buf_done(&calls);
        }
        return r;
}

enum emulate_call policy_emulated_call(uint32_t audit, int nr)
{
        for (size_t i = 0; i < POLICY_ARCH_COUNT; i++) {
                if (policy_arches[i].audit != audit)
                        continue;
                for (size_t j = 0; j < ARRAY_SIZE(emulated); j++) {
                        if (number_on(&policy_arches[i], j) == nr)
                                return emulated[j].call;
                }
        }
        return EMULATE_NOTHING;
}
