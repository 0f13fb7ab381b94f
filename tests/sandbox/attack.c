/*
 * Tries from inside of a sandbox what a hostile command would, for the tests.
 *
 *   attack NAME [ARGUMENT]...
 *
 * Prints one line: "ok" where the call succeeded, else the name of its errno. The tests expect that
 * name; nothing here depends on the library's own idea of what a call may do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
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

/* edge SIZE [TERMINATED]: chown of a path of that many bytes that ends where memory ends. */
static int path_at_edge(int argc, char **argv)
{
        size_t size = (size_t)number(argv[0]), page = 4096, room = (size / page + 2) * page;
        char *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char *path = memory + room - page - size;

        mprotect(memory + room - page, page, PROT_NONE);
        for (size_t i = 0; i < size; i++)
                path[i] = i % 2 ? '.' : '/';
        if (argc > 1)
                path[size - 1] = '\0';
        return answer(syscall(SYS_chown, path, 33, 33));
}

/* swarm PROCESSES: all give a file away and look at it, at once. */
static int swarm(int argc, char **argv)
{
        long count = number(argv[0]);
        int status, failed = 0;

        (void)argc;
        for (long i = 0; i < count; i++) {
                if (fork() == 0) {
                        char name[64];
                        struct stat st;

                        snprintf(name, sizeof(name), "/tmp/swarm-%ld", i);
                        close(open(name, O_CREAT | O_WRONLY, 0600));
                        for (unsigned int owner = 1; owner <= 50; owner++) {
                                if (chown(name, owner, owner) < 0 || stat(name, &st) < 0 ||
                                    st.st_uid != owner)
                                        _exit(1);
                        }
                        _exit(0);
                }
        }
        while (wait(&status) > 0)
                failed += status != 0;
        errno = EIO;
        return answer(failed ? -1 : 0);
}

/* swap SECONDS TARGET: a name is now a file, now a symbolic link to a file of the host; the other
 * process gives it away and looks at it. */
static int swap(int argc, char **argv)
{
        time_t end = time(NULL) + number(argv[0]);
        struct stat st;
        pid_t pid;

        (void)argc;
        close(open("/tmp/file", O_CREAT | O_WRONLY, 0600));
        symlink(argv[1], "/tmp/link");
        pid = fork();
        if (pid == 0) {
                for (;;)
                        renameat2(AT_FDCWD, "/tmp/file", AT_FDCWD, "/tmp/link", RENAME_EXCHANGE);
        }
        while (time(NULL) < end) {
                chown("/tmp/file", 33, 33);
                if (stat("/tmp/file", &st) == 0 && st.st_size > 0) {
                        puts("saw a file of the host");
                        return 1;
                }
        }
        kill(pid, SIGKILL);
        return answer(0);
}

/* timer MICROSECONDS: a signal comes so often while files are given away. */
static void ignore(int signal_number)
{
        (void)signal_number;
}

static int under_timer(int argc, char **argv)
{
        struct itimerval interval = { { 0, number(argv[0]) }, { 0, number(argv[0]) } };
        struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };

        (void)argc;
        close(open("/tmp/timed", O_CREAT | O_WRONLY, 0600));
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &interval, NULL);
        for (unsigned int i = 0; i < 2000; i++) {
                if (chown("/tmp/timed", i, i) < 0)
                        return answer(-1);
        }
        return answer(0);
}

/* cost CALLS: nanoseconds of one chown, in the best of ten turns of so many. */
static int cost(int argc, char **argv)
{
        long calls = number(argv[0]), best = LONG_MAX;
        struct timespec begin, end;

        (void)argc;
        close(open("/tmp/priced", O_CREAT | O_WRONLY, 0600));
        for (int turn = 0; turn < 10; turn++) {
                long taken;

                clock_gettime(CLOCK_MONOTONIC, &begin);
                for (long i = 0; i < calls; i++) {
                        if (chown("/tmp/priced", 33, (gid_t)i) < 0)
                                return answer(-1);
                }
                clock_gettime(CLOCK_MONOTONIC, &end);
                taken = (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
                if (taken / calls < best)
                        best = taken / calls;
        }
        printf("%ld\n", best);
        return 0;
}

/* owner PATH: "UID:GID MODE", of the file or the error. */
static int owner(int argc, char **argv)
{
        struct stat st;

        (void)argc;
        if (lstat(argv[0], &st) < 0)
                return answer(-1);
        printf("%u:%u %o\n", st.st_uid, st.st_gid, st.st_mode & 07777);
        return 0;
}

/* xattr PATH NAME VALUE */
static int set_attribute(int argc, char **argv)
{
        (void)argc;
        return answer(setxattr(argv[0], argv[1], argv[2], strlen(argv[2]), 0));
}

/* threads UID: one thread changes the user, and another, older one is asked. */
static void *wait_and_ask(void *pipe_fd)
{
        char byte;

        if (read(*(int *)pipe_fd, &byte, 1) != 1)
                return NULL;
        return (void *)(uintptr_t)getuid();
}

static int threads(int argc, char **argv)
{
        pthread_t thread;
        void *uid;
        int fds[2];

        (void)argc;
        if (pipe(fds) < 0 || pthread_create(&thread, NULL, wait_and_ask, fds) != 0)
                return answer(-1);
        if (setuid((uid_t)number(argv[0])) < 0 || write(fds[1], "", 1) != 1)
                return answer(-1);
        pthread_join(thread, &uid);
        printf("%u %u\n", getuid(), (unsigned int)(uintptr_t)uid);
        return 0;
}

/* orphan UID: a process becomes the user, forks and ends; the orphan makes /tmp/orphan. */
static int orphan(int argc, char **argv)
{
        int fds[2];
        char byte;

        (void)argc;
        if (pipe(fds) < 0)
                return answer(-1);
        if (fork() == 0) {
                if (setgid((gid_t)number(argv[0])) < 0 || setuid((uid_t)number(argv[0])) < 0)
                        _exit(1);
                if (fork() == 0) {
                        usleep(100000);
                        close(open("/tmp/orphan", O_CREAT | O_WRONLY, 0600));
                        printf("%u %u\n", getuid(), getppid());
                        fflush(stdout);
                        write(fds[1], "", 1);
                }
                _exit(0);
        }
        close(fds[1]);
        return read(fds[0], &byte, 1) == 1 ? 0 : 1;
}

/* peer UID: who a server sees that a client of that user has connected to. */
static int peer(int argc, char **argv)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/socket" };
        int server = socket(AF_UNIX, SOCK_STREAM, 0), client;
        struct ucred who;
        socklen_t size = sizeof(who);
        pid_t pid;

        (void)argc;
        if (bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(server, 1) < 0)
                return answer(-1);
        pid = fork();
        if (pid == 0) {
                setgid((gid_t)number(argv[0]));
                setuid((uid_t)number(argv[0]));
                client = socket(AF_UNIX, SOCK_STREAM, 0);
                connect(client, (struct sockaddr *)&address, sizeof(address));
                pause();
        }
        client = accept(server, NULL, NULL);
        if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
                return answer(-1);
        printf("%u:%u %s\n", who.uid, who.gid, who.pid == pid ? "client" : "another");
        kill(pid, SIGKILL);
        return 0;
}

/* Of RFC 1071. */
static uint16_t sum(const uint8_t *data, size_t len)
{
        uint32_t total = 0;

        for (size_t i = 0; i + 1 < len; i += 2)
                total += (uint32_t)data[i] << 8 | data[i + 1];
        while (total >> 16)
                total = (total & 0xffff) + (total >> 16);
        return htons((uint16_t)~total);
}

/* packet ADDRESS PORT: a frame with UDP to that address, whatever routes there are. */
static int packet(int argc, char **argv)
{
        static const char text[] = "made by hand";
        struct sockaddr_ll link = { .sll_family = AF_PACKET,
                                    .sll_ifindex = (int)if_nametoindex("eth0"),
                                    .sll_halen = ETH_ALEN };
        uint8_t frame[sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr) +
                      sizeof(text)];
        struct ether_header *ethernet = (void *)frame;
        struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
        struct udphdr udp = { .source = htons(4000), .dest = htons((uint16_t)number(argv[1])) };
        int fd = socket(AF_PACKET, SOCK_RAW, 0);

        (void)argc;
        ip.tot_len = htons(sizeof(ip) + sizeof(udp) + sizeof(text));
        udp.len = htons(sizeof(udp) + sizeof(text));
        inet_pton(AF_INET, "10.118.97.100", &ip.saddr);
        inet_pton(AF_INET, argv[0], &ip.daddr);
        ip.check = sum((const uint8_t *)&ip, sizeof(ip));
        memset(ethernet, 0x52, sizeof(*ethernet));
        ethernet->ether_type = htons(ETHERTYPE_IP);
        memcpy(frame + sizeof(*ethernet), &ip, sizeof(ip));
        memcpy(frame + sizeof(*ethernet) + sizeof(ip), &udp, sizeof(udp));
        memcpy(frame + sizeof(frame) - sizeof(text), text, sizeof(text));
        if (fd < 0 ||
            sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&link, sizeof(link)) < 0)
                return answer(-1);
        usleep(300000); /* the network is gone with its command */
        return answer(0);
}

/* abstract NAME: connects to a socket of that name. */
static int connect_abstract(int argc, char **argv)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t len = strlen(argv[0]);

        (void)argc;
        memcpy(address.sun_path + 1, argv[0], len);
        return answer(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)));
}

/* upload ADDRESS PORT BYTES: sends zeros, and prints what comes back. */
static int upload(int argc, char **argv)
{
        static char data[65536];
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)number(argv[1])) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        ssize_t n;

        (void)argc;
        inet_pton(AF_INET, argv[0], &to.sin_addr);
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
                return answer(-1);
        for (long left = number(argv[2]); left > 0; left -= n) {
                n = write(fd, data, left < (long)sizeof(data) ? (size_t)left : sizeof(data));
                if (n < 0)
                        return answer(-1);
        }
        shutdown(fd, SHUT_WR);
        while ((n = read(fd, data, sizeof(data))) > 0)
                write(STDOUT_FILENO, data, (size_t)n);
        return n < 0 ? answer(-1) : 0;
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
        { "edge", path_at_edge },
        { "swarm", swarm },
        { "swap", swap },
        { "timer", under_timer },
        { "cost", cost },
        { "owner", owner },
        { "xattr", set_attribute },
        { "threads", threads },
        { "orphan", orphan },
        { "peer", peer },
        { "packet", packet },
        { "abstract", connect_abstract },
        { "upload", upload },
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
