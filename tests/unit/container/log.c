#include "container/log.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/varve-log.XXXXXX";
static int dir_fd;
static struct buf seen;

static void begin(void)
{
        cr_assert(mkdtemp(directory));
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY);
}

static void end(void)
{
        unlinkat(dir_fd, "log", 0);
        close(dir_fd);
        rmdir(directory);
        buf_done(&seen);
}

TestSuite(log, .init = begin, .fini = end);

static int take_line(void *context, enum log_stream stream, const char *time, const char *text,
                     struct error *err)
{
        (void)context;
        (void)err;
        cr_expect(*time);
        return buf_appendf(&seen, "%c:%s", stream == LOG_STDERR ? 'e' : 'o', text);
}

static const char *read_log(long tail)
{
        const struct log_options options = { .tail = tail };
        const struct log_reader reader = { .line = take_line };
        struct error err = ERROR_INIT;

        buf_clear(&seen);
        cr_assert_eq(log_read(dir_fd, &options, &reader, &err), 0);
        return buf_str(&seen);
}

static struct log_writer *new_writer(void)
{
        struct error err = ERROR_INIT;
        struct log_writer *writer;

        cr_assert_eq(log_writer_new(dir_fd, &writer, &err), 0);
        return writer;
}

Test(log, gives_back_lines_by_stream_and_in_order)
{
        struct log_writer *writer = new_writer();

        log_write(writer, LOG_STDOUT, "one\ntw", 6);
        log_write(writer, LOG_STDERR, "bad\n", 4);
        log_write(writer, LOG_STDOUT, "o\nthe last", 10);
        log_writer_free(writer);
        cr_expect_str_eq(read_log(-1), "o:one\ne:bad\no:two\no:the last");
        cr_expect_str_eq(read_log(1), "o:the last");
        cr_expect_str_eq(read_log(0), "");
}

Test(log, is_empty_where_nothing_was_printed)
{
        cr_expect_str_eq(read_log(-1), "");
}

Test(log, parts_a_line_that_is_too_long)
{
        struct log_writer *writer = new_writer();
        char *line = malloc(2 * LOG_LINE_MAX);

        memset(line, 'x', 2 * LOG_LINE_MAX);
        log_write(writer, LOG_STDOUT, line, 2 * LOG_LINE_MAX);
        log_writer_free(writer);
        cr_expect_eq(strlen(read_log(-1)), 2 * (LOG_LINE_MAX + 2));
        free(line);
}

Test(log, passes_over_what_cannot_be_understood)
{
        static const char garbage[] = "{\"log\":\"half\nnot json\n{\"log\":1}\n";
        struct log_writer *writer;
        int fd = openat(dir_fd, "log", O_WRONLY | O_CREAT, 0600);

        cr_assert_eq(write(fd, garbage, sizeof(garbage) - 1), (ssize_t)sizeof(garbage) - 1);
        close(fd);
        writer = new_writer();
        log_write(writer, LOG_STDOUT, "a\0b\xff\n", 5);
        log_writer_free(writer);
        cr_expect_str_eq(read_log(-1), "o:a?b\xef\xbf\xbd\n");
}
