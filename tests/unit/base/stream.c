#include "base/stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

Test(stream, passes_bytes_through_descriptors_to_the_end)
{
        struct error err = ERROR_INIT;
        char data[8];
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        struct fd_stream in = { .fd = fds[0], .name = "the pipe" },
                         out = { .fd = fds[1], .name = "the pipe" };
        struct byte_source source = byte_source_of_fd(&in);
        struct byte_sink sink = byte_sink_of_fd(&out);

        cr_assert_eq(sink.write(sink.context, "hello", 5, &err), 0);
        close(fds[1]);
        cr_assert_eq(source.read(source.context, data, sizeof(data), &err), 5);
        cr_assert_eq(memcmp(data, "hello", 5), 0);
        cr_assert_eq(source.read(source.context, data, sizeof(data), &err), 0);
        close(fds[0]);
}

Test(stream, names_what_it_could_not_write)
{
        struct error err = ERROR_INIT;
        struct fd_stream out = { .fd = open("/dev/full", O_WRONLY | O_CLOEXEC),
                                 .name = "the layer" };
        struct byte_sink sink = byte_sink_of_fd(&out);

        cr_assert_eq(sink.write(sink.context, "x", 1, &err), -ENOSPC);
        cr_assert_str_eq(err.message, "cannot write the layer: No space left on device");
        close(out.fd);
}
