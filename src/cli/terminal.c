#include "terminal.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "container/channel.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#define STATUS_KILLED 137

static const int caught[] = {
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT
};

/* ---- keys ---- */

static int parse_key(const char *text, size_t len, char *ret)
{
        static const char controls[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
        const char *at;

        if (len == 1) {
                *ret = text[0];
                return 0;
        }
        if (len != strlen("ctrl-x") || strncasecmp(text, "ctrl-", 5) != 0)
                return -EINVAL;
        at = strchr(controls, tolower((unsigned char)text[5]));
        if (!at)
                return -EINVAL;
        *ret = (char)(at - controls);
        return 0;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err)
{
        const char *at = text ? text : "ctrl-p,ctrl-q";

        *ret = (struct detach_keys){ .count = 0 };
        while (*at) {
                size_t len = strcspn(at, ",");

                if (ret->count == DETACH_KEYS_MAX ||
                    parse_key(at, len, &ret->bytes[ret->count]) < 0) {
                        error_set(err, -EINVAL, "--detach-keys %s are no keys", text);
                        return error_hint(err, "They are written as ctrl-p,ctrl-q.");
                }
                ret->count++;
                at += len;
                at += *at == ',';
        }
        return 0;
}

/* ---- the caller's terminal ---- */

struct session {
        struct attachment *attachment;
        struct termios before;
        bool raw;
        int signal_fd;
        sigset_t old_mask;
        bool input;     /* is still read */
        size_t pressed; /* keys to detach */
        bool terminal_ended;
        bool over;
        bool detached;
        int *ret_status;
        char buffer[CHANNEL_MESSAGE_MAX];
};

void terminal_size(uint16_t *ret_rows, uint16_t *ret_columns)
{
        struct winsize size = { .ws_row = 0 };

        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
                ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        *ret_rows = size.ws_row;
        *ret_columns = size.ws_col;
}

static void make_raw(struct session *session)
{
        struct termios raw;

        if (!session->attachment->terminal || !session->attachment->input ||
            tcgetattr(STDIN_FILENO, &session->before) < 0)
                return;
        raw = session->before;
        cfmakeraw(&raw);
        session->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void restore(struct session *session)
{
        if (session->raw)
                tcsetattr(STDIN_FILENO, TCSADRAIN, &session->before);
        session->raw = false;
}

static void pass_size(const struct session *session)
{
        const struct attachment *attachment = session->attachment;
        struct winsize size = { .ws_row = 0 };
        char text[32];

        terminal_size(&size.ws_row, &size.ws_col);
        if (!attachment->terminal || size.ws_row == 0)
                return;
        if (attachment->terminal_fd >= 0) {
                ioctl(attachment->terminal_fd, TIOCSWINSZ, &size);
                return;
        }
        snprintf(text, sizeof(text), "%u %u", size.ws_row, size.ws_col);
        channel_send(attachment->channel_fd, CHANNEL_SIZE, text, strlen(text), NULL, 0);
}

static void take_signal(struct session *session)
{
        struct signalfd_siginfo info;

        if (read(session->signal_fd, &info, sizeof(info)) != sizeof(info))
                return;
        if (info.ssi_signo == SIGWINCH) {
                pass_size(session);
        } else if (info.ssi_signo == SIGCONT) {
                /* A shell that has brought it back has set the terminal as it likes it. */
                if (session->raw) {
                        struct termios before = session->before;

                        make_raw(session);
                        session->before = before;
                }
                pass_size(session);
        } else if (session->attachment->signal) {
                session->attachment->signal(session->attachment->context, (int)info.ssi_signo);
        }
}

/* ---- input ---- */

static void end_input(struct session *session)
{
        session->input = false;
        if (session->attachment->terminal_fd < 0)
                channel_send(session->attachment->channel_fd, CHANNEL_STDIN_END, NULL, 0, NULL, 0);
}

static int pass_input(const struct session *session, const char *data, size_t len)
{
        const struct attachment *attachment = session->attachment;

        if (len == 0)
                return 0;
        if (attachment->terminal_fd >= 0)
                return io_write(attachment->terminal_fd, data, len);
        return channel_send(attachment->channel_fd, CHANNEL_STDIN, data, len, NULL, 0);
}

/* Takes the keys to detach out of what was typed. Returns how many bytes are the command's. */
static size_t take_keys(struct session *session, const char *typed, size_t count, char *ret)
{
        const struct detach_keys *keys = &session->attachment->keys;
        size_t len = 0;

        for (size_t i = 0; i < count && !session->detached; i++) {
                if (keys->count > 0 && session->raw && typed[i] == keys->bytes[session->pressed]) {
                        session->detached = ++session->pressed == keys->count;
                        continue;
                }
                /* It was the command's after all. */
                memcpy(ret + len, keys->bytes, session->pressed);
                len += session->pressed;
                session->pressed = 0;
                ret[len++] = typed[i];
        }
        return len;
}

static void take_input(struct session *session)
{
        char typed[4096], data[sizeof(typed) + DETACH_KEYS_MAX];
        ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0) {
                end_input(session);
                return;
        }
        if (pass_input(session, data, take_keys(session, typed, (size_t)n, data)) < 0)
                session->input = false;
}

/* ---- output ---- */

static void print(int fd, const char *data, size_t len)
{
        /* Who has closed it does not want it. */
        (void)io_write(fd, data, len);
}

static void take_terminal(struct session *session)
{
        ssize_t n = read(session->attachment->terminal_fd, session->buffer, CHANNEL_CHUNK);

        if (n > 0)
                print(STDOUT_FILENO, session->buffer, (size_t)n);
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
                session->terminal_ended = true;
}

static int take_end(struct session *session, const struct channel_message *message,
                    struct error *err)
{
        struct channel_end end;

        if (message->len != sizeof(end))
                return error_set(err, -EBADMSG, "the container's process says what is not known");
        memcpy(&end, message->data, sizeof(end));
        *session->ret_status = end.status;
        session->over = true;
        if (error_is_set(&end.err)) {
                *err = end.err;
                return end.err.code;
        }
        return 0;
}

static int take_message(struct session *session, struct error *err)
{
        struct attachment *attachment = session->attachment;
        struct channel_message message;
        int r = channel_receive(attachment->channel_fd, session->buffer, &message);

        if (r < 0)
                return error_set(err, -EPIPE, "the container's process was killed");
        if (message.type == CHANNEL_STDOUT || message.type == CHANNEL_STDERR) {
                /* Who only waits for it to begin may be told of what it has printed by then. */
                if (!attachment->until_started)
                        print(message.type == CHANNEL_STDOUT ? STDOUT_FILENO : STDERR_FILENO,
                              message.data, message.len);
        } else if (message.type == CHANNEL_STARTED) {
                session->detached |= attachment->until_started;
                if (message.fds[0] >= 0) {
                        attachment->terminal_fd = TAKE_FD(message.fds[0]);
                        pass_size(session);
                }
        } else if (message.type == CHANNEL_END) {
                r = take_end(session, &message, err);
        }
        channel_close_fds(&message);
        return r;
}

/* ---- all of it ---- */

static int run(struct session *session, struct error *err)
{
        struct attachment *attachment = session->attachment;
        int r = 0;

        while (r == 0 && !session->over && !session->detached) {
                const int terminal = session->terminal_ended ? -1 : attachment->terminal_fd;
                /* A command with a terminal here takes input once that is there. */
                const bool listens = session->input && (!attachment->terminal || terminal >= 0 ||
                                                        attachment->terminal_fd < 0);
                struct pollfd fds[] = { { .fd = attachment->channel_fd, .events = POLLIN },
                                        { .fd = session->signal_fd, .events = POLLIN },
                                        { .fd = terminal, .events = POLLIN },
                                        { .fd = listens ? STDIN_FILENO : -1, .events = POLLIN } };

                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        continue;
                if (fds[1].revents)
                        take_signal(session);
                /* What the terminal holds comes before the end. */
                if (fds[2].revents)
                        take_terminal(session);
                else if (fds[0].revents)
                        r = take_message(session, err);
                if (fds[3].revents)
                        take_input(session);
        }
        return r;
}

static void drain_terminal(struct session *session)
{
        struct pollfd fd = { .fd = session->attachment->terminal_fd, .events = POLLIN };

        while (fd.fd >= 0 && !session->terminal_ended && poll(&fd, 1, 0) > 0)
                take_terminal(session);
}

int attachment_run(struct attachment *attachment, int *ret_status, struct error *err)
{
        _cleanup_free_ struct session *session = calloc(1, sizeof(*session));
        sigset_t set;
        int r;

        if (!session)
                return error_set_oom(err);
        session->attachment = attachment;
        session->input = attachment->input;
        session->ret_status = ret_status;
        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
                sigaddset(&set, caught[i]);
        sigprocmask(SIG_BLOCK, &set, &session->old_mask);
        session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
        make_raw(session);
        pass_size(session);
        r = run(session, err);
        drain_terminal(session);
        restore(session);
        cleanup_close(&session->signal_fd);
        sigprocmask(SIG_SETMASK, &session->old_mask, NULL);
        if (r == -EPIPE && !session->over)
                *ret_status = STATUS_KILLED;
        return r == 0 && session->detached ? -ECANCELED : r;
}
