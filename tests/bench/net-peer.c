/*
 * usage: net-peer serve ADDRESS | net-peer receive|send|connect ADDRESS COUNT
 *
 * The two ends of what tests/bench/net measures. `serve` answers until it is killed. The others
 * print one line: how many MB a second came in or went out when COUNT of them did, or how many
 * microseconds one of COUNT connections took, with a byte there and back.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT  7201
#define CHUNK 262144

static char chunk[CHUNK];

static _Noreturn void fail(const char *what)
{
        perror(what);
        exit(1);
}

static double now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in address_of(const char *text)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

        if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
                fail(text);
        return address;
}

static void write_all(int fd, long count)
{
        while (count > 0) {
                ssize_t n = write(fd, chunk, count < CHUNK ? (size_t)count : CHUNK);

                if (n <= 0)
                        fail("write");
                count -= n;
        }
}

/* Reads `count` bytes, or to the end where that comes first. */
static void read_some(int fd, long count)
{
        ssize_t n;

        while (count > 0 && (n = read(fd, chunk, CHUNK)) > 0)
                count -= n;
}

/* The first bytes say how many are wanted; or, below 0, how many come, to be answered by one. No
 * end of a connection is closed before the other: pasta of Debian 12 does not pass that on. */
static void answer(int fd)
{
        long wanted;

        if (read(fd, &wanted, sizeof(wanted)) != sizeof(wanted))
                return;
        if (wanted < 0)
                read_some(fd, -wanted);
        write_all(fd, wanted < 0 ? 1 : wanted);
}

static _Noreturn void serve(const char *text)
{
        const struct sockaddr_in address = address_of(text);
        int server = socket(AF_INET, SOCK_STREAM, 0), one = 1;

        signal(SIGCHLD, SIG_IGN);
        setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(server, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(server, 128) < 0)
                fail("listen");
        for (;;) {
                int fd = accept(server, NULL, NULL);

                if (fork() == 0) {
                        answer(fd);
                        _exit(0);
                }
                close(fd);
        }
}

static int ask(const char *text, long wanted)
{
        const struct sockaddr_in address = address_of(text);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            write(fd, &wanted, sizeof(wanted)) != sizeof(wanted))
                fail("connect");
        return fd;
}

int main(int argc, char **argv)
{
        long count = argc > 3 ? atol(argv[3]) : 0;
        double begin;
        int fd;

        if (argc > 2 && strcmp(argv[1], "serve") == 0)
                serve(argv[2]);
        if (argc != 4)
                return 2;
        begin = now();
        if (strcmp(argv[1], "connect") == 0) {
                for (long i = 0; i < count; i++) {
                        fd = ask(argv[2], 1);
                        read_some(fd, 1);
                        close(fd);
                }
                printf("%.0f\n", (now() - begin) * 1e6 / (double)count);
                return 0;
        }
        fd = ask(argv[2], strcmp(argv[1], "receive") == 0 ? count : -count);
        if (strcmp(argv[1], "send") == 0)
                write_all(fd, count);
        read_some(fd, strcmp(argv[1], "receive") == 0 ? count : 1);
        printf("%.0f\n", (double)count / (now() - begin) / 1e6);
        return 0;
}
