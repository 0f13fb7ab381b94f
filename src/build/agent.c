#include "agent.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Clients at a time; more wait to be accepted. */
#define CLIENTS_MAX 32

struct client {
        int step_fd; /* -1: free */
        int agent_fd;
};

struct agent_relay {
        struct sockaddr_un agent;
        int dir_fd; /* where the socket lies, borrowed */
        char name[32];
        int listen_fd;
        int file_fd; /* O_PATH */
        int stop_fd;
        pthread_t thread;
        bool started;
        struct client clients[CLIENTS_MAX];
};

/* ---- the thread ---- */

static void drop(struct client *client)
{
        cleanup_close(&client->step_fd);
        cleanup_close(&client->agent_fd);
        client->step_fd = client->agent_fd = -1;
}

static int connect_agent(const struct agent_relay *relay)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 &&
            connect(fd, (const struct sockaddr *)&relay->agent, sizeof(relay->agent)) == 0 &&
            fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
                return fd;
        cleanup_close(&fd);
        return -1;
}

static void accept_client(struct agent_relay *relay)
{
        int fd = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        for (size_t i = 0; i < CLIENTS_MAX && fd >= 0; i++) {
                struct client *client = &relay->clients[i];

                if (client->step_fd >= 0)
                        continue;
                client->step_fd = TAKE_FD(fd);
                client->agent_fd = connect_agent(relay);
                if (client->agent_fd < 0)
                        drop(client);
        }
        cleanup_close(&fd);
}

/* Passes on what has come. A message of an agent fits into a socket's buffer: who does not take it
 * is cut off, so that nobody has to be waited for. */
static bool pass(int from, int to)
{
        char data[16384];
        ssize_t n = recv(from, data, sizeof(data), 0);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        return n > 0 && send(to, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *relay_main(void *userdata)
{
        struct agent_relay *relay = userdata;
        struct pollfd fds[2 + 2 * CLIENTS_MAX];

        for (;;) {
                fds[0] = (struct pollfd){ .fd = relay->stop_fd, .events = POLLIN };
                fds[1] = (struct pollfd){ .fd = relay->listen_fd, .events = POLLIN };
                for (size_t i = 0; i < CLIENTS_MAX; i++) {
                        const struct client *client = &relay->clients[i];

                        fds[2 + 2 * i] = (struct pollfd){ .fd = client->step_fd, .events = POLLIN };
                        fds[3 + 2 * i] =
                                (struct pollfd){ .fd = client->agent_fd, .events = POLLIN };
                }
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        continue;
                if (fds[0].revents)
                        return NULL;
                for (size_t i = 0; i < CLIENTS_MAX; i++) {
                        struct client *client = &relay->clients[i];

                        if ((fds[2 + 2 * i].revents && !pass(client->step_fd, client->agent_fd)) ||
                            (fds[3 + 2 * i].revents && !pass(client->agent_fd, client->step_fd)))
                                drop(client);
                }
                if (fds[1].revents)
                        accept_client(relay);
        }
}

/* ---- the socket ---- */

/* By way of the descriptor of its directory: the path itself may be too long for a socket. */
static int listen_at(struct agent_relay *relay, uint32_t mode)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", relay->dir_fd,
                 relay->name);
        relay->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (relay->listen_fd < 0 ||
            bind(relay->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            fchmodat(relay->dir_fd, relay->name, mode, 0) < 0 ||
            listen(relay->listen_fd, CLIENTS_MAX) < 0)
                return -errno;
        relay->file_fd = openat(relay->dir_fd, relay->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return relay->file_fd < 0 ? -errno : 0;
}

static int set_agent(struct agent_relay *relay, const char *socket, struct error *err)
{
        int fd;

        if (strlen(socket) >= sizeof(relay->agent.sun_path))
                return error_set(err, -ENAMETOOLONG, "the path %s is too long for a socket",
                                 socket);
        relay->agent.sun_family = AF_UNIX;
        strcpy(relay->agent.sun_path, socket);
        fd = connect_agent(relay);
        if (fd < 0) {
                error_set_errno(err, -errno, "no agent answers at %s", socket);
                return error_hint(err, "Start one: eval $(ssh-agent) && ssh-add");
        }
        close(fd);
        return 0;
}

int agent_relay_start(struct store *store, const char *socket, uint32_t mode,
                      struct agent_relay **ret, struct error *err)
{
        struct agent_relay *relay = calloc(1, sizeof(*relay));
        int r;

        if (!relay)
                return error_set_oom(err);
        relay->listen_fd = relay->file_fd = relay->stop_fd = relay->dir_fd = -1;
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                relay->clients[i] = (struct client){ -1, -1 };
        r = set_agent(relay, socket, err);
        if (r == 0)
                r = store_tmp_dir(store, &relay->dir_fd, err);
        if (r == 0) {
                snprintf(relay->name, sizeof(relay->name), "agent-%p", (void *)relay);
                r = listen_at(relay, mode);
                if (r == 0) {
                        relay->stop_fd = eventfd(0, EFD_CLOEXEC);
                        r = relay->stop_fd < 0 ? -errno : 0;
                }
                if (r == 0)
                        r = -pthread_create(&relay->thread, NULL, relay_main, relay);
                if (r < 0)
                        error_set_errno(err, r, "cannot make a socket for the agent");
                relay->started = r == 0;
        }
        if (r < 0)
                agent_relay_free(relay);
        else
                *ret = relay;
        return r;
}

int agent_relay_fd(const struct agent_relay *relay)
{
        return relay->file_fd;
}

void agent_relay_free(struct agent_relay *relay)
{
        if (!relay)
                return;
        if (relay->started) {
                eventfd_write(relay->stop_fd, 1);
                pthread_join(relay->thread, NULL);
        }
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                drop(&relay->clients[i]);
        if (relay->dir_fd >= 0 && *relay->name)
                unlinkat(relay->dir_fd, relay->name, 0);
        cleanup_close(&relay->listen_fd);
        cleanup_close(&relay->file_fd);
        cleanup_close(&relay->stop_fd);
        free(relay);
}
