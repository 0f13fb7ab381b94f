#include "event.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

/* Reads what there is of a pipe whose other end is closed. */
static void drain(int fd, struct buf *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(io_read_fd(fd, "pipe", (size_t)1 << 24, ret, &err), 0, "%s", err.message);
        close(fd);
}

Test(event, arrives_as_it_was_sent)
{
        struct buf buf = BUF_INIT;
        struct message message;
        const char *data;
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        message_send(fds[1], MESSAGE_OUTPUT, 7, "text", 4);
        message_send(fds[1], MESSAGE_DONE, STEP_FROM, NULL, 0);
        close(fds[1]);
        drain(fds[0], &buf);
        cr_assert(message_next(&buf, &message, &data));
        cr_assert_eq(message.type, MESSAGE_OUTPUT);
        cr_assert_eq(message.step, 7);
        cr_assert_eq(message.len, 4);
        cr_assert_eq(memcmp(data, "text", 4), 0);
        message_drop(&buf, &message);
        cr_assert(message_next(&buf, &message, &data));
        cr_assert_eq(message.type, MESSAGE_DONE);
        cr_assert_eq(message.step, STEP_FROM);
        cr_assert_eq(message.len, 0);
        message_drop(&buf, &message);
        cr_assert_eq(buf.len, 0);
        buf_done(&buf);
}

Test(event, is_taken_only_when_all_of_it_is_there)
{
        struct buf whole = BUF_INIT, part = BUF_INIT;
        struct message message;
        const char *data;
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        message_send(fds[1], MESSAGE_CACHED, 0, "beware", 6);
        close(fds[1]);
        drain(fds[0], &whole);
        for (size_t i = 0; i < whole.len; i++) {
                cr_assert(!message_next(&part, &message, &data), "after %zu bytes", i);
                cr_assert_eq(buf_append(&part, whole.data + i, 1), 0);
        }
        cr_assert(message_next(&part, &message, &data));
        buf_done(&whole);
        buf_done(&part);
}

static void *send_large(void *fd)
{
        static char data[3 * PIPE_BUF];

        memset(data, 'x', sizeof(data));
        message_send(*(int *)fd, MESSAGE_RESULT, 1, data, sizeof(data));
        close(*(int *)fd);
        return NULL;
}

Test(event, may_be_larger_than_a_pipe_takes_at_once)
{
        struct buf buf = BUF_INIT;
        struct message message;
        const char *data;
        pthread_t sender;
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        cr_assert_eq(pthread_create(&sender, NULL, send_large, &fds[1]), 0);
        drain(fds[0], &buf);
        pthread_join(sender, NULL);
        cr_assert(message_next(&buf, &message, &data));
        cr_assert_eq(message.len, 3 * PIPE_BUF);
        for (size_t i = 0; i < message.len; i++)
                cr_assert_eq(data[i], 'x');
        buf_done(&buf);
}

#define THREADS  4
#define MESSAGES 500

static void *send_many(void *fd)
{
        char data[200];

        for (int i = 0; i < MESSAGES; i++) {
                memset(data, 'a' + i % 26, sizeof(data));
                message_send(*(int *)fd, MESSAGE_OUTPUT, (uint32_t)i, data,
                             1 + (size_t)i % sizeof(data));
        }
        return NULL;
}

static void *drain_thread(void *context)
{
        struct buf *buf = context;
        int fd;

        memcpy(&fd, buf->data, sizeof(fd));
        buf_clear(buf);
        drain(fd, buf);
        return NULL;
}

Test(event, stays_whole_beside_those_of_other_threads)
{
        pthread_t senders[THREADS], reader;
        struct buf buf = BUF_INIT;
        struct message message;
        const char *data;
        int fds[2], count = 0;

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        cr_assert_eq(buf_append(&buf, &fds[0], sizeof(fds[0])), 0);
        cr_assert_eq(pthread_create(&reader, NULL, drain_thread, &buf), 0);
        for (int i = 0; i < THREADS; i++)
                cr_assert_eq(pthread_create(&senders[i], NULL, send_many, &fds[1]), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(senders[i], NULL);
        close(fds[1]);
        pthread_join(reader, NULL);
        while (message_next(&buf, &message, &data)) {
                cr_assert_eq(message.len, 1 + message.step % 200);
                for (size_t i = 0; i < message.len; i++)
                        cr_assert_eq(data[i], (char)('a' + message.step % 26));
                message_drop(&buf, &message);
                count++;
        }
        cr_assert_eq(count, THREADS * MESSAGES);
        cr_assert_eq(buf.len, 0);
        buf_done(&buf);
}
