#include "wire.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void connect_ends(void)
{
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

TestSuite(wire, .init = connect_ends);

Test(wire, hands_a_message_and_a_descriptor_over)
{
        _cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct wire_message message;
        struct stat sent, received;
        int fd = -1;

        cr_assert_eq(wire_send(ends[0], WIRE_FUSE, 7, null_fd), 0);
        cr_assert_eq(wire_receive(ends[1], &message, &fd), 0);
        cr_expect_eq(message.type, WIRE_FUSE);
        cr_expect_eq(message.value, 7);
        cr_assert_geq(fd, 0);
        cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        cr_assert_eq(fstat(null_fd, &sent) + fstat(fd, &received), 0);
        cr_expect_eq(sent.st_rdev, received.st_rdev);
        close(fd);
}

Test(wire, closes_a_descriptor_that_nobody_asked_for)
{
        int before = dup(0), after;
        struct wire_message message;

        close(before);
        cr_assert_eq(wire_send(ends[0], WIRE_FUSE, 0, 0), 0);
        cr_assert_eq(wire_receive(ends[1], &message, NULL), 0);
        after = dup(0);
        cr_expect_eq(after, before, "a descriptor leaked");
}

Test(wire, hands_an_error_over_whole)
{
        struct error err = ERROR_INIT;
        struct wire_message message;

        error_set(&err, -ENOENT, "what happened");
        error_hint(&err, "what to do");
        cr_assert_eq(wire_send_error(ends[0], 126, &err), 0);
        cr_assert_eq(wire_receive(ends[1], &message, NULL), 0);
        cr_expect_eq(message.type, WIRE_ERROR);
        cr_expect_eq(message.value, 126);
        cr_expect_eq(message.error.code, -ENOENT);
        cr_expect_str_eq(message.error.message, "what happened");
        cr_expect_str_eq(message.error.hint, "what to do");
}

Test(wire, tells_when_the_other_side_is_gone)
{
        struct wire_message message;

        close(ends[1]);
        cr_expect_eq(wire_receive(ends[0], &message, NULL), -EPIPE);
        cr_expect_eq(wire_send(ends[0], WIRE_GO, 0, -1), -EPIPE);
}

Test(wire, refuses_what_is_no_message)
{
        struct wire_message message = { .type = WIRE_ERROR };
        char large[2 * sizeof(message)];

        memset(large, 0, sizeof(large));
        cr_assert_eq(send(ends[0], "x", 1, 0), 1);
        cr_expect_eq(wire_receive(ends[1], &message, NULL), -EBADMSG);
        cr_assert_eq(send(ends[0], large, sizeof(large), 0), sizeof(large));
        cr_expect_eq(wire_receive(ends[1], &message, NULL), -EBADMSG);
}

Test(wire, refuses_an_error_that_is_none_and_ends_its_texts)
{
        struct wire_message sent = { .type = WIRE_ERROR, .error = { .code = 0 } }, message;

        cr_assert_eq(send(ends[0], &sent, sizeof(sent), 0), sizeof(sent));
        cr_expect_eq(wire_receive(ends[1], &message, NULL), -EBADMSG);
        sent.error.code = -EIO;
        memset(sent.error.message, 'm', sizeof(sent.error.message));
        memset(sent.error.hint, 'h', sizeof(sent.error.hint));
        cr_assert_eq(send(ends[0], &sent, sizeof(sent), 0), sizeof(sent));
        cr_assert_eq(wire_receive(ends[1], &message, NULL), 0);
        cr_expect_eq(strnlen(message.error.message, ERROR_MESSAGE_MAX), ERROR_MESSAGE_MAX - 1);
        cr_expect_eq(strnlen(message.error.hint, ERROR_HINT_MAX), ERROR_HINT_MAX - 1);
}
