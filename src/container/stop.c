#include "container/stop.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "container/channel.h"
#include "dockerfile/value.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How often a keeper that is sealing what a killed command has changed is asked whether it lives.
 */
#define SEAL_ASK_MS 30000

/* How long one may be silent. */
#define SILENCE_MS 5000

#define STATUS_KILLED (128 + SIGKILL)

int container_signal(struct container *container, int number, struct error *err)
{
        char text[16];

        if (container->state.status != CONTAINER_RUNNING)
                return error_set(err, -ESRCH, "container %s is not running", container->spec.id);
        snprintf(text, sizeof(text), "%d", number);
        return channel_ask(container->dir_fd, CHANNEL_SIGNAL, text, err);
}

/* What its state says once its keeper is gone. */
static int take_state(struct store *store, struct container *container, int *ret_status,
                      struct error *err)
{
        int r = container_refresh(store, container, err);

        if (r == 0)
                *ret_status = container->state.status == CONTAINER_DEAD
                                      ? STATUS_KILLED
                                      : (int)container->state.exit_code;
        return r;
}

static int left_ms(uint64_t began, int timeout_ms)
{
        uint64_t passed_ms = (clock_monotonic_ns() - began) / 1000000;

        if (timeout_ms < 0)
                return -1;
        return passed_ms >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)passed_ms;
}

int container_wait(struct store *store, struct container *container, int timeout_ms,
                   int *ret_status, struct error *err)
{
        _cleanup_close_ int fd = channel_connect(container->dir_fd);
        _cleanup_free_ char *buffer = malloc(CHANNEL_MESSAGE_MAX);
        const uint64_t began = clock_monotonic_ns();
        struct pollfd polled = { .fd = fd, .events = POLLIN };
        struct error ignored = ERROR_INIT;
        struct channel_message message;
        struct channel_end end;
        int r;

        if (!buffer)
                return error_set_oom(err);
        if (fd < 0 || channel_send(fd, CHANNEL_WAIT, NULL, 0, NULL, 0) < 0)
                return take_state(store, container, ret_status, err);
        do {
                r = poll(&polled, 1, left_ms(began, timeout_ms));
        } while (r < 0 && errno == EINTR);
        if (r == 0)
                return -ETIMEDOUT;
        r = channel_receive(fd, buffer, &message);
        if (r < 0 || message.type != CHANNEL_END || message.len != sizeof(end))
                return take_state(store, container, ret_status, err);
        memcpy(&end, message.data, sizeof(end));
        *ret_status = end.status;
        /* One that is to be removed is gone now. */
        container_refresh(store, container, &ignored);
        return 0;
}

/* Its keeper does not do what it is told. */
static void kill_keeper(struct store *store, const struct container *container)
{
        const struct container_state *state = &container->state;

        if (state->pid > 1 && state->keeper && store_process_lives(store, state->keeper))
                kill((pid_t)state->pid, SIGKILL);
}

/* Whether a keeper that nobody can talk to, perhaps because it is about to go, is gone within this
 * time. */
static bool is_gone_soon(struct store *store, struct container *container)
{
        const struct timespec pause = { .tv_nsec = 20000000 };
        const uint64_t began = clock_monotonic_ns();
        struct error ignored = ERROR_INIT;

        while (left_ms(began, SILENCE_MS) > 0) {
                if (container_refresh(store, container, &ignored) < 0 ||
                    container->state.status != CONTAINER_RUNNING)
                        return true;
                nanosleep(&pause, NULL);
        }
        return false;
}

/* A keeper whose command is over is sealing what that has changed, and is to be left alone for as
 * long as it answers: if it were killed, that were lost. */
int container_kill(struct store *store, struct container *container, struct error *err)
{
        struct error ignored = ERROR_INIT;
        int status, r;

        if (container->state.status != CONTAINER_RUNNING)
                return 0;
        do {
                r = container_signal(container, SIGKILL, &ignored);
                if (r == 0 || r == -ESRCH)
                        r = container_wait(store, container, SEAL_ASK_MS, &status, &ignored);
        } while (r == -ETIMEDOUT);
        if (r == 0 || is_gone_soon(store, container))
                return 0;
        kill_keeper(store, container);
        if (is_gone_soon(store, container))
                return 0;
        return error_set(err, -ETIMEDOUT, "the container %s cannot be killed",
                         container->spec.name);
}

static int end(struct store *store, struct container *container, int number, int64_t timeout_s,
               struct error *err)
{
        int timeout_ms = timeout_s < 0         ? -1
                         : timeout_s > 1000000 ? 1000000000
                                               : (int)timeout_s * 1000;
        int status, r;

        if (container->state.status != CONTAINER_RUNNING)
                return 0;
        if (number == 0 && (!container->spec.stop_signal ||
                            value_parse_signal(container->spec.stop_signal, &number) < 0))
                number = SIGTERM;
        r = container_signal(container, number, err);
        if (r < 0)
                *err = ERROR_INIT;
        if (r == 0)
                r = container_wait(store, container, timeout_ms, &status, err);
        /* It does not end by itself; or is gone by now. */
        if (r == -ETIMEDOUT || r == -ECONNREFUSED || r == -ENOENT || r == -EPIPE || r == -ESRCH) {
                *err = ERROR_INIT;
                return container_kill(store, container, err);
        }
        return r;
}

int container_stop(struct store *store, struct container *container, int number, int64_t timeout_s,
                   struct error *err)
{
        const bool was_running = container->state.status == CONTAINER_RUNNING;
        int r = end(store, container, number, timeout_s, err);

        return r == 0 && was_running ? container_check_whole(container, err) : r;
}
