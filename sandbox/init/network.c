/*
 * The process that a sandbox's network leads to. It stays where the caller is, in the host's
 * network, and is not inside the sandbox; yet it ends with it, as soon as PID 1 and with it the
 * other end of its socket is gone, and with the caller.
 *
 * Most commands use no network. So, unless ports of the host lead into the sandbox, it waits, this
 * small program, until the first frame is there, and only then executes the one that has a TCP/IP
 * stack (network/main.c): a command that needs none does not pay for it.
 */
#include "helper.h"

#include "base/cleanup.h"
#include "network_program.h"
#include "sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Behind what the program begins with. */
enum { IMAGE_FD = PROGRAM_LINK_FD + 1, FIRST_FREE_FD };

/* Descriptors of a program of the host's, in the order in which they come. */
enum { NETNS_FD = 4, USERNS_FD, READY_FD, LOG_FD, PASSED_END };
#define NETNS_PATH   "/proc/self/fd/4"
#define USERNS_PATH  "/proc/self/fd/5"
#define READY_PATH   "/proc/self/fd/6"
#define READY_NUMBER "6"

/* Nothing stays open that is the command's: who reads its output waits for the end of that. */
static int close_all_else(const struct helper *helper, struct error *err)
{
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        int lifeline, image;

        if (null_fd < 0)
                return error_set_errno(err, -errno, "cannot open /dev/null");
        for (int fd = 0; fd < WIRE_SOCKET_FD; fd++)
                dup2(null_fd, fd);
        /* IMAGE_FD may be where the socket is. */
        lifeline = fcntl(helper->network_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        image = fcntl(WIRE_NETWORK_FD, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        if (lifeline < 0 || image < 0 || dup2(lifeline, PROGRAM_LIFELINE_FD) < 0 ||
            dup3(image, IMAGE_FD, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot arrange descriptors");
        helper_close_from(FIRST_FREE_FD);
        return 0;
}

/* Waits for the sandbox's first frame. Does not return where it ends before. */
static void wait_for_frame(void)
{
        struct pollfd fds[] = { { .fd = PROGRAM_LINK_FD, .events = POLLIN },
                                { .fd = PROGRAM_LIFELINE_FD } };

        do {
                while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
                        continue;
                if (fds[1].revents)
                        _exit(0);
        } while (!(fds[0].revents & POLLIN));
}

static int run_private(const struct helper *helper, struct error *err)
{
        const char *resolvers = wire_string(helper->spec, helper->spec->resolvers);
        const struct wire_span ports = helper->spec->ports;
        const char *port = wire_at(helper->spec, ports.offset);
        char name[] = "varve-network", image[64];
        char **argv = calloc((size_t)ports.count + 3, sizeof(*argv)), *env[] = { NULL };
        struct wire_message message;
        int link = -1;

        if (!argv)
                return error_set_oom(err);
        argv[0] = name;
        argv[1] = (char *)(resolvers ? resolvers : "");
        for (uint32_t i = 0; i < ports.count; i++) {
                argv[i + 2] = (char *)port;
                port += strlen(port) + 1;
        }
        if (wire_receive(PROGRAM_LIFELINE_FD, &message, &link) < 0 || link < 0)
                _exit(0);
        if (link != PROGRAM_LINK_FD && (dup2(link, PROGRAM_LINK_FD) < 0 || close(link) < 0))
                return error_set_errno(err, -errno, "cannot arrange descriptors");
        fcntl(PROGRAM_LINK_FD, F_SETFD, 0);
        if (ports.count == 0)
                wait_for_frame();
        snprintf(image, sizeof(image), "/proc/self/fd/%d", IMAGE_FD);
        execve(image, argv, env);
        return error_set_errno(err, -errno, "cannot execute the program of the network");
}

static const char *const slirp4netns[] = {
        "slirp4netns",
        "--configure",
        "--mtu=65520",
        "--cidr=" NETWORK_CIDR,
        "--disable-host-loopback",
        "--enable-ipv6",
        "--enable-seccomp",
        "--ready-fd=" READY_NUMBER,
        "--netns-type=path",
        "--userns-path=" USERNS_PATH,
        NETNS_PATH,
        NETWORK_INTERFACE,
        NULL,
};

/* It writes its pid when it is ready. */
static const char *const pasta[] = {
        "pasta",
        "--config-net",
        "--foreground",
        "--quiet",
        "--no-map-gw",
        "--ns-ifname",
        NETWORK_INTERFACE,
        "--dns-forward",
        NETWORK_FORWARDER,
        "-t",
        "none",
        "-u",
        "none",
        "-T",
        "none",
        "-U",
        "none",
        "--pid",
        READY_PATH,
        "--userns",
        USERNS_PATH,
        "--netns",
        NETNS_PATH,
        NULL,
};

/* Takes what the builder passes, each under its number. */
static int receive_namespaces(struct error *err)
{
        helper_close_from(NETNS_FD);
        for (int fd = NETNS_FD; fd < PASSED_END; fd++) {
                struct wire_message message;
                int passed = -1;

                if (wire_receive(PROGRAM_LIFELINE_FD, &message, &passed) < 0 || passed < 0)
                        _exit(0);
                if (passed != fd && (dup2(passed, fd) < 0 || close(passed) < 0))
                        return error_set_errno(err, -errno, "cannot arrange descriptors");
                fcntl(fd, F_SETFD, 0);
        }
        dup2(LOG_FD, STDOUT_FILENO);
        dup2(LOG_FD, STDERR_FILENO);
        return 0;
}

int network_run(struct helper *helper, struct error *err)
{
        const char *program = wire_string(helper->spec, helper->spec->network_program);
        struct pollfd caller = { .fd = helper->caller_pidfd, .events = POLLIN };
        int r;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (helper->caller_pidfd >= 0 && poll(&caller, 1, 0) != 0)
                _exit(0);
        r = close_all_else(helper, err);
        if (r < 0)
                return r;
        if (helper->spec->network == SANDBOX_NETWORK_PRIVATE)
                return run_private(helper, err);
        r = receive_namespaces(err);
        if (r < 0)
                return r;
        execv(program,
              (char **)(helper->spec->network == SANDBOX_NETWORK_PASTA ? pasta : slirp4netns));
        dprintf(LOG_FD, "it cannot be executed: %s", strerror(errno));
        _exit(1);
}
