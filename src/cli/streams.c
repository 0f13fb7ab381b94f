#include "streams.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

static bool is_relayed(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
               !S_ISCHR(st.st_mode);
}

static bool is_same_file(int left, int right)
{
        struct stat a, b;

        return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_dev == b.st_dev &&
               a.st_ino == b.st_ino && fcntl(left, F_GETFL) == fcntl(right, F_GETFL);
}

static void *copy(void *userdata)
{
        struct stream_relay *relay = userdata;
        char data[CHUNK_BYTES];
        ssize_t n;

        while (!relay->stopped) {
                n = read(relay->from, data, sizeof(data));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                relay->copied += (size_t)n;
                relay->failure = io_write(relay->to, data, (size_t)n);
                if (relay->failure < 0)
                        break;
        }
        /* The command sees its input end, or that nobody takes what it writes. */
        close(relay->own);
        return NULL;
}

/* The thread takes nobody's signals, and none of its own: a file that grows too large is an error
 * of write() then. */
static int start(struct stream_relay *relay, struct error *err)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = -pthread_create(&relay->thread, NULL, copy, relay);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        relay->running = r == 0;
        return r < 0 ? error_set_errno(err, r, "cannot start a thread") : 0;
}

static int relay_stream(struct streams *streams, int fd, struct error *err)
{
        struct stream_relay *relay = &streams->relays[fd];
        _cleanup_close_ int theirs = -1, ours = -1;
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        theirs = ends[fd == STDIN_FILENO ? 0 : 1];
        ours = ends[fd == STDIN_FILENO ? 1 : 0];
        /* For a command that is not root, and opens /dev/stdout. */
        fchmod(theirs, 0666);
        relay->from = fd == STDIN_FILENO ? fd : ours;
        relay->to = fd == STDIN_FILENO ? ours : fd;
        relay->own = ours;
        r = start(relay, err);
        if (r < 0)
                return r;
        TAKE_FD(ours);
        streams->stdio[fd] = TAKE_FD(theirs);
        return 0;
}

int streams_open(struct streams *streams, bool input, bool outputs, struct error *err)
{
        int r = 0;

        for (int fd = 0; fd <= STDERR_FILENO && r == 0; fd++) {
                if (!(fd == STDIN_FILENO ? input : outputs) || !is_relayed(fd))
                        continue;
                if (fd == STDERR_FILENO && streams->relays[STDOUT_FILENO].running &&
                    is_same_file(STDOUT_FILENO, STDERR_FILENO))
                        streams->stdio[fd] = streams->stdio[STDOUT_FILENO];
                else
                        r = relay_stream(streams, fd, err);
        }
        return r;
}

/* What lies in the pipe was not read by the command: it is put back. */
static void end_input(struct stream_relay *relay, int pipe_fd)
{
        char data[CHUNK_BYTES];
        size_t unread = 0;
        ssize_t n;

        relay->stopped = true;
        /* The command may have left it non-blocking. */
        fcntl(pipe_fd, F_SETFL, 0);
        while ((n = io_read(pipe_fd, data, sizeof(data))) > 0)
                unread += (size_t)n;
        pthread_join(relay->thread, NULL);
        close(pipe_fd);
        /* The command can write to the pipe, too. */
        if (unread > relay->copied)
                unread = relay->copied;
        lseek(relay->from, -(off_t)unread, SEEK_CUR);
}

int streams_close(struct streams *streams, struct error *err)
{
        int r = 0;

        if (streams->relays[STDIN_FILENO].running)
                end_input(&streams->relays[STDIN_FILENO], streams->stdio[STDIN_FILENO]);
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                struct stream_relay *relay = &streams->relays[fd];

                if (!relay->running)
                        continue;
                close(streams->stdio[fd]);
                pthread_join(relay->thread, NULL);
                if (relay->failure < 0 && r == 0)
                        r = error_set_errno(err, relay->failure, "cannot write to standard %s",
                                            fd == STDOUT_FILENO ? "output" : "error");
        }
        return r;
}
