/*
 * Tries from inside of a sandbox what a hostile command would, for the tests.
 *
 *   attack NAME [ARGUMENT]...
 *
 * Prints one line: "ok" where the call succeeded, else the name of its errno. The tests expect that
 * name; nothing here depends on the library's own idea of what a call may do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int answer(long r)
{
        puts(r >= 0 ? "ok" : strerrorname_np(errno));
        return r >= 0 ? 0 : 1;
}

static long number(const char *text)
{
        return (long)strtoull(text, NULL, 0);
}

/* call NUMBER [ARGUMENT]...: numbers, or text for a pointer to it. */
static int call(int argc, char **argv)
{
        long arguments[7] = { 0 };

        for (int i = 0; i < argc && i < 7; i++)
                arguments[i] = (argv[i][0] >= '0' && argv[i][0] <= '9') || argv[i][0] == '-'
                                       ? number(argv[i])
                                       : (long)argv[i];
        return answer(syscall(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                              arguments[5], arguments[6]));
}

#ifdef __x86_64__
/* As call, through the gate of 32-bit programs. Pointers must not be needed. */
static int call_32(int argc, char **argv)
{
        uint32_t arguments[4] = { 0 };
        long r;

        for (int i = 0; i < argc && i < 4; i++)
                arguments[i] = (uint32_t)number(argv[i]);
        __asm__ volatile("int $0x80"
                         : "=a"(r)
                         : "a"(arguments[0]), "b"(arguments[1]), "c"(arguments[2]),
                           "d"(arguments[3])
                         : "memory", "r8", "r9", "r10", "r11");
        r = (int32_t)r;
        if (r < 0) {
                errno = (int)-r;
                r = -1;
        }
        return answer(r);
}
#endif

/* open PATH [w]: with or without writing. */
static int open_path(int argc, char **argv)
{
        return answer(open(argv[0], argc > 1 ? O_WRONLY : O_RDONLY));
}

static int mount_tmpfs(int argc, char **argv)
{
        (void)argc;
        return answer(mount("x", argv[0], "tmpfs", 0, NULL));
}

static int unmount(int argc, char **argv)
{
        (void)argc;
        return answer(umount2(argv[0], MNT_DETACH));
}

static int trace(int argc, char **argv)
{
        (void)argc;
        return answer(ptrace(PTRACE_ATTACH, (pid_t)number(argv[0]), NULL, NULL));
}

static int read_memory(int argc, char **argv)
{
        char byte;
        struct iovec ours = { &byte, 1 }, theirs = { &byte, 1 };

        (void)argc;
        return answer(process_vm_readv((pid_t)number(argv[0]), &ours, 1, &theirs, 1, 0));
}

static int signal_process(int argc, char **argv)
{
        (void)argc;
        return answer(kill((pid_t)number(argv[0]), (int)number(argv[1])));
}

/* inject [UPPER BITS]: types into a terminal of its own, which the kernel would allow. */
static int inject(int argc, char **argv)
{
        unsigned long upper = argc > 0 ? strtoul(argv[0], NULL, 0) : 0;
        int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
                return answer(-1);
        setsid();
        slave = open(ptsname(master), O_RDWR);
        if (slave < 0)
                return answer(-1);
        return answer(syscall(SYS_ioctl, slave, TIOCSTI | upper, "x"));
}

static int clone_namespace(int argc, char **argv)
{
        long pid = syscall(SYS_clone, number(argv[0]) | SIGCHLD, 0, 0, 0, 0);

        (void)argc;
        if (pid == 0)
                _exit(0);
        return answer(pid);
}

static int clone_by_struct(int argc, char **argv)
{
        uint64_t arguments[8] = { CLONE_NEWUSER };
        long pid;

        (void)argc;
        (void)argv;
        arguments[4] = SIGCHLD;
        pid = syscall(435, arguments, 64);
        if (pid == 0)
                _exit(0);
        return answer(pid);
}

static int find_key(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return answer(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}

static int open_socket(int argc, char **argv)
{
        (void)argc;
        return answer(syscall(SYS_socket, number(argv[0]), SOCK_STREAM, 0));
}

/* Gives itself back what root has in another user namespace. */
static int gain_capabilities(int argc, char **argv)
{
        uint32_t header[2] = { 0x20080522, 0 }, data[6];

        (void)argc;
        (void)argv;
        memset(data, 0xff, sizeof(data));
        return answer(syscall(SYS_capset, header, data));
}

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
} attacks[] = {
        { "call", call },
#ifdef __x86_64__
        { "call-32", call_32 },
#endif
        { "open", open_path },
        { "mount", mount_tmpfs },
        { "unmount", unmount },
        { "trace", trace },
        { "read-memory", read_memory },
        { "signal", signal_process },
        { "inject", inject },
        { "clone", clone_namespace },
        { "clone3", clone_by_struct },
        { "key", find_key },
        { "socket", open_socket },
        { "capabilities", gain_capabilities },
};

int main(int argc, char **argv)
{
        for (size_t i = 0; argc > 1 && i < sizeof(attacks) / sizeof(attacks[0]); i++) {
                if (strcmp(argv[1], attacks[i].name) == 0)
                        return attacks[i].run(argc - 2, argv + 2);
        }
        fprintf(stderr, "attack: unknown\n");
        return 2;
}
