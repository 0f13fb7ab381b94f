#include "hub.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "client.h"
#include "exec_request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#define CLIENTS_MAX 128

/* In the foreground, who does not take what there is to say by then is not told; else the keeper
 * stays for them, when all else is done. */
#define END_TIMEOUT_MS 2000

/* What local output takes without waiting, once it is ready: pipe(7), PIPE_BUF. */
#define LOCAL_CHUNK ((size_t)4096)

struct hub {
        struct hub_options options;
        pthread_t thread;
        pthread_mutex_t lock; /* of `live` and the clients */
        struct execution_live *live;
        struct client clients[CLIENTS_MAX];
        uint32_t children;
        int wake_fd;
        bool draining, drained, ending;
        pthread_cond_t changed;
        bool input_ends;
        struct buf input;    /* for the command, not yet taken */
        struct buf local[2]; /* the last of the output, not yet taken */
        uint64_t ended_ns;
        char buffer[CHANNEL_MESSAGE_MAX];
};

/* ---- clients ---- */

static void add_client(struct hub *hub, int fd, bool attached)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                if (hub->clients[i].fd >= 0)
                        continue;
                fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
                hub->clients[i] = (struct client){ .fd = fd, .attached = attached };
                return;
        }
        close(fd);
}

/* ---- output ---- */

static bool is_blocked(const struct hub *hub)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (hub->clients[i].fd >= 0 && hub->clients[i].pending.len > 0)
                        return true;
        return false;
}

/* Returns false where nobody reads it any more. What a full disk does not take is lost, and in the
 * log. */
static bool write_locally(struct hub *hub, size_t stream, const char *data, size_t len)
{
        int r = io_write(hub->options.local_fds[stream], data, len);

        if (r < 0)
                hub->options.local_fds[stream] = -1;
        return r != -EPIPE;
}

/* The last of the output is not waited for before the changes are kept. */
static bool give_locally(struct hub *hub, size_t stream, const char *data, size_t len)
{
        if (hub->options.local_fds[stream] < 0)
                return true;
        if (!hub->draining)
                return write_locally(hub, stream, data, len);
        return buf_append(&hub->local[stream], data, len) == 0;
}

static void flush_locally(struct hub *hub, size_t stream)
{
        struct buf *pending = &hub->local[stream];
        size_t len = pending->len < LOCAL_CHUNK ? pending->len : LOCAL_CHUNK;

        write_locally(hub, stream, pending->data, len);
        if (hub->options.local_fds[stream] < 0)
                buf_clear(pending);
        else
                buf_cut_front(pending, len);
}

/* Takes a piece of what was printed. Returns false at its end, or where the caller of a command in
 * the foreground does not read it any more, which the command is then to notice as in a pipeline.
 */
static bool take_output(struct hub *hub, size_t stream)
{
        size_t room = hub->options.local_fds[stream] >= 0 ? LOCAL_CHUNK : CHANNEL_CHUNK;
        ssize_t n = read(hub->options.output_fds[stream], hub->buffer, room);
        enum channel_type type = stream == LOG_STDOUT ? CHANNEL_STDOUT : CHANNEL_STDERR;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return !hub->draining;
        /* A terminal that nobody has open any more says EIO. */
        if (n <= 0)
                return false;
        if (hub->options.log)
                log_write(hub->options.log, (enum log_stream)stream, hub->buffer, (size_t)n);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (hub->clients[i].fd >= 0 && hub->clients[i].attached)
                        client_give(&hub->clients[i], type, hub->buffer, (size_t)n);
        return give_locally(hub, stream, hub->buffer, (size_t)n);
}

/* ---- input ---- */

static void feed(struct hub *hub)
{
        ssize_t n;

        if (hub->options.input_fd < 0) {
                buf_clear(&hub->input);
                return;
        }
        if (hub->input.len > 0) {
                n = write(hub->options.input_fd, hub->input.data, hub->input.len);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        buf_clear(&hub->input);
                if (n > 0)
                        buf_cut_front(&hub->input, (size_t)n);
        }
        if (hub->input.len == 0 && hub->input_ends &&
            hub->options.input_fd != hub->options.output_fds[0]) {
                close(hub->options.input_fd);
                hub->options.input_fd = -1;
        }
}

static void resize(struct hub *hub, const char *text)
{
        struct winsize size = { .ws_row = 0 };

        if (sscanf(text, "%hu %hu", &size.ws_row, &size.ws_col) == 2 && hub->options.input_fd >= 0)
                ioctl(hub->options.input_fd, TIOCSWINSZ, &size);
}

/* ---- requests ---- */

static int begin_child(struct hub *hub, struct client *client, struct channel_message *message,
                       struct error *err)
{
        struct exec_request request = EXEC_REQUEST_INIT;
        struct execution_child child;
        int r = exec_request_read(message->data, message->len, &request, err);

        if (r == 0 && !hub->live)
                r = error_set(err, -ESRCH, "the container does not run");
        if (r == 0) {
                child = (struct execution_child){ .argv = &request.argv,
                                                  .env = &request.env,
                                                  .workdir = request.workdir,
                                                  .user = request.user,
                                                  .terminal = request.terminal,
                                                  .rows = (uint16_t)request.rows,
                                                  .columns = (uint16_t)request.columns };
                memcpy(child.stdio, message->fds, sizeof(child.stdio));
                client->child = ++hub->children;
                r = execution_begin(hub->live, &child, client->child, err);
        }
        exec_request_done(&request);
        return r;
}

static int signal_command(struct hub *hub, const char *text, struct error *err)
{
        int number = atoi(text);

        if (!hub->live)
                return error_set(err, -ESRCH, "the container does not run");
        if (number == SIGKILL)
                execution_kill(hub->live);
        else
                execution_signal(hub->live, number);
        return 0;
}

static void obey(struct hub *hub, struct client *client, struct channel_message *message)
{
        struct error err = ERROR_INIT;

        switch (message->type) {
        case CHANNEL_ATTACH:
                client->attached = true;
                break;
        case CHANNEL_WAIT:
                client->waits = true;
                break;
        case CHANNEL_SIGNAL:
                client_answer(client, signal_command(hub, message->data, &err), &err);
                break;
        case CHANNEL_CHECKPOINT:
                client_answer(client,
                              hub->live ? hub->options.checkpoint(hub->options.context, &err)
                                        : error_set(&err, -ESRCH, "the container does not run"),
                              &err);
                break;
        case CHANNEL_EXEC:
                if (begin_child(hub, client, message, &err) < 0)
                        client_tell_end(client, 126, &err);
                break;
        case CHANNEL_STDIN:
                if (client->attached && buf_append(&hub->input, message->data, message->len) == 0)
                        feed(hub);
                break;
        case CHANNEL_STDIN_END:
                hub->input_ends = client->attached;
                feed(hub);
                break;
        case CHANNEL_SIZE:
                resize(hub, message->data);
                break;
        case CHANNEL_STDOUT:
        case CHANNEL_STDERR:
        case CHANNEL_STARTED:
        case CHANNEL_DONE:
        case CHANNEL_FAILED:
        case CHANNEL_END:
                break;
        }
}

static void hear(struct hub *hub, struct client *client)
{
        struct channel_message message;
        int r = channel_receive(client->fd, hub->buffer, &message);

        if (r == 0) {
                obey(hub, client, &message);
                channel_close_fds(&message);
        } else if (r != -EAGAIN) {
                client_drop(client);
        }
}

/* ---- the thread ---- */

enum { POLL_WAKE, POLL_LISTEN, POLL_OUTPUT, POLL_ERRORS, POLL_INPUT, POLL_LOCAL, POLL_CLIENTS = 7 };

static void list_polled(struct hub *hub, struct pollfd fds[static POLL_CLIENTS + CLIENTS_MAX])
{
        const struct hub_options *options = &hub->options;
        /* At the end the rest is taken at once, and kept for who is slow. */
        bool blocked = !hub->draining && is_blocked(hub);

        fds[POLL_WAKE] = (struct pollfd){ .fd = hub->wake_fd, .events = POLLIN };
        fds[POLL_LISTEN] = (struct pollfd){ .fd = options->listen_fd, .events = POLLIN };
        for (size_t i = 0; i < 2; i++) {
                fds[POLL_OUTPUT + i] = (struct pollfd){ .fd = blocked ? -1 : options->output_fds[i],
                                                        .events = POLLIN };
                fds[POLL_LOCAL + i] =
                        (struct pollfd){ .fd = hub->local[i].len > 0 ? options->local_fds[i] : -1,
                                         .events = POLLOUT };
        }
        fds[POLL_INPUT] = (struct pollfd){ .fd = hub->input.len > 0 ? options->input_fd : -1,
                                           .events = POLLOUT };
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                const struct client *client = &hub->clients[i];

                fds[POLL_CLIENTS + i] = (struct pollfd){ .fd = client->fd };
                /* More input is not taken before there is room for it. */
                if (!client->attached || hub->input.len < CHANNEL_CHUNK)
                        fds[POLL_CLIENTS + i].events |= POLLIN;
                if (client->pending.len > 0)
                        fds[POLL_CLIENTS + i].events |= POLLOUT;
        }
}

/* Local output that has no room is waited for beside everything else. */
static void wait_for_local(struct hub *hub, struct pollfd *fds)
{
        for (size_t i = 0; i < 2; i++) {
                struct pollfd local = { .fd = hub->options.local_fds[i], .events = POLLOUT };

                if (hub->draining || fds[POLL_OUTPUT + i].fd < 0 || local.fd < 0 ||
                    poll(&local, 1, 0) != 0)
                        continue;
                fds[POLL_LOCAL + i].fd = local.fd;
                fds[POLL_OUTPUT + i].fd = -1;
        }
}

static void end_output(struct hub *hub, size_t stream)
{
        int *fd = &hub->options.output_fds[stream];

        /* A terminal is read and written by one descriptor. */
        if (*fd == hub->options.input_fd)
                hub->options.input_fd = -1;
        close(*fd);
        *fd = -1;
}

static void look_at_outputs(struct hub *hub, const struct pollfd *fds)
{
        for (size_t i = 0; i < 2; i++) {
                bool ready = fds[POLL_OUTPUT + i].revents || hub->draining;

                if (hub->options.output_fds[i] >= 0 && fds[POLL_OUTPUT + i].fd >= 0 && ready &&
                    !take_output(hub, i))
                        end_output(hub, i);
                if (hub->local[i].len > 0 && fds[POLL_LOCAL + i].revents)
                        flush_locally(hub, i);
        }
        if (hub->draining && !hub->drained && hub->options.output_fds[0] < 0 &&
            hub->options.output_fds[1] < 0) {
                hub->drained = true;
                pthread_cond_broadcast(&hub->changed);
        }
}

static void look_at_clients(struct hub *hub, const struct pollfd *fds)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &hub->clients[i];

                if (client->fd < 0 || client->fd != fds[POLL_CLIENTS + i].fd)
                        continue;
                if (fds[POLL_CLIENTS + i].revents & POLLOUT)
                        client_flush(client);
                if (client->fd >= 0 && fds[POLL_CLIENTS + i].revents & (POLLIN | POLLHUP | POLLERR))
                        hear(hub, client);
        }
}

/* How long to wait for who has not taken all by now; 0 where all have. */
static int end_timeout_ms(const struct hub *hub)
{
        uint64_t passed_ms = (clock_monotonic_ns() - hub->ended_ns) / 1000000;

        if (hub->local[0].len + hub->local[1].len > 0)
                return -1;
        if (!is_blocked(hub))
                return 0;
        if (hub->options.client_fd >= 0)
                return -1;
        return passed_ms < END_TIMEOUT_MS ? (int)(END_TIMEOUT_MS - passed_ms) : 0;
}

static int timeout_ms(const struct hub *hub)
{
        if (hub->ending)
                return end_timeout_ms(hub);
        return hub->draining && !hub->drained ? 0 : -1;
}

static void *work(void *userdata)
{
        struct pollfd fds[POLL_CLIENTS + CLIENTS_MAX];
        struct hub *hub = userdata;

        pthread_mutex_lock(&hub->lock);
        while (!hub->ending || end_timeout_ms(hub) != 0) {
                int n, wait_ms = timeout_ms(hub);

                list_polled(hub, fds);
                wait_for_local(hub, fds);
                pthread_mutex_unlock(&hub->lock);
                n = poll(fds, ARRAY_SIZE(fds), wait_ms);
                pthread_mutex_lock(&hub->lock);
                if (n < 0)
                        continue;
                if (fds[POLL_WAKE].revents)
                        eventfd_read(hub->wake_fd, &(eventfd_t){ 0 });
                if (fds[POLL_INPUT].revents)
                        feed(hub);
                look_at_outputs(hub, fds);
                look_at_clients(hub, fds);
                if (fds[POLL_LISTEN].revents) {
                        int fd = accept4(hub->options.listen_fd, NULL, NULL, SOCK_CLOEXEC);

                        if (fd >= 0)
                                add_client(hub, fd, false);
                }
        }
        pthread_mutex_unlock(&hub->lock);
        return NULL;
}

/* ---- from the keeper ---- */

static void wake(struct hub *hub)
{
        eventfd_write(hub->wake_fd, 1);
}

static void set_non_blocking(int fd)
{
        if (fd >= 0)
                fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void hub_free(struct hub *hub)
{
        struct hub_options *options = &hub->options;

        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (hub->clients[i].fd >= 0)
                        client_drop(&hub->clients[i]);
        if (options->input_fd == options->output_fds[0])
                options->input_fd = -1;
        cleanup_close(&options->listen_fd);
        cleanup_close(&options->output_fds[0]);
        cleanup_close(&options->output_fds[1]);
        cleanup_close(&options->input_fd);
        cleanup_close(&hub->wake_fd);
        log_writer_free(options->log);
        buf_done(&hub->input);
        buf_done(&hub->local[0]);
        buf_done(&hub->local[1]);
        pthread_cond_destroy(&hub->changed);
        pthread_mutex_destroy(&hub->lock);
        free(hub);
}

int hub_start(const struct hub_options *options, struct hub **ret, struct error *err)
{
        struct hub *hub = calloc(1, sizeof(*hub));
        sigset_t all, old;
        int r;

        if (!hub)
                return error_set_oom(err);
        hub->options = *options;
        pthread_mutex_init(&hub->lock, NULL);
        pthread_cond_init(&hub->changed, NULL);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                hub->clients[i].fd = -1;
        hub->wake_fd = eventfd(0, EFD_CLOEXEC);
        if (options->client_fd >= 0)
                add_client(hub, options->client_fd, true);
        for (size_t i = 0; i < 2; i++)
                set_non_blocking(options->output_fds[i]);
        set_non_blocking(options->input_fd);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = hub->wake_fd < 0 ? -errno : -pthread_create(&hub->thread, NULL, work, hub);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r < 0) {
                hub_free(hub);
                return error_set_errno(err, r, "cannot start a thread");
        }
        *ret = hub;
        return 0;
}

void hub_set_live(struct hub *hub, struct execution_live *live)
{
        int terminal;

        pthread_mutex_lock(&hub->lock);
        terminal = live ? execution_take_terminal(live) : -1;
        if (terminal >= 0) {
                set_non_blocking(terminal);
                hub->options.output_fds[0] = hub->options.input_fd = terminal;
        }
        for (size_t i = 0; i < CLIENTS_MAX && live && !hub->live; i++)
                if (hub->clients[i].fd >= 0 && hub->clients[i].attached)
                        channel_send(hub->clients[i].fd, CHANNEL_STARTED, NULL, 0, NULL, 0);
        hub->live = live;
        pthread_mutex_unlock(&hub->lock);
        wake(hub);
}

void hub_child(struct hub *hub, const struct sandbox_child_event *event)
{
        pthread_mutex_lock(&hub->lock);
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &hub->clients[i];

                if (client->fd < 0 || client->child != event->number)
                        continue;
                if (event->state == SANDBOX_CHILD_ENDED)
                        client_tell_end(client, event->status, event->err);
                else if (event->state == SANDBOX_CHILD_TERMINAL)
                        channel_send(client->fd, CHANNEL_STARTED, NULL, 0, &event->fd, 1);
        }
        pthread_mutex_unlock(&hub->lock);
        if (event->fd >= 0)
                close(event->fd);
}

void hub_drain(struct hub *hub)
{
        pthread_mutex_lock(&hub->lock);
        hub->draining = true;
        wake(hub);
        while (!hub->drained)
                pthread_cond_wait(&hub->changed, &hub->lock);
        log_writer_free(TAKE_PTR(hub->options.log));
        pthread_mutex_unlock(&hub->lock);
}

void hub_end(struct hub *hub, int status, const struct error *err)
{
        pthread_mutex_lock(&hub->lock);
        hub->ending = true;
        hub->ended_ns = clock_monotonic_ns();
        if (hub->options.listen_fd >= 0)
                close(TAKE_FD(hub->options.listen_fd));
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &hub->clients[i];

                if (client->fd >= 0 && (client->attached || client->waits))
                        client_tell_end(client, status, error_is_set(err) ? err : NULL);
                else if (client->fd >= 0 && client->child != 0)
                        client_tell_end(client, 128 + SIGKILL, NULL);
                else if (client->fd >= 0)
                        client_drop(client);
        }
        pthread_mutex_unlock(&hub->lock);
        wake(hub);
        pthread_join(hub->thread, NULL);
        hub_free(hub);
}
