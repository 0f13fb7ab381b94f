#include "container/log.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "oci/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LOG_NAME "log"

/* How often a log that is followed is looked at. */
#define FOLLOW_NS 50000000

/* A line of the file: each byte of LOG_LINE_MAX may be written as six. */
#define FILE_LINE_MAX (8 * LOG_LINE_MAX)

static const char *const stream_names[] = { [LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr" };

/* ---- writing ---- */

struct log_writer {
        int fd;
        struct buf partial[LOG_STREAM_COUNT];
};

int log_writer_new(int dir_fd, struct log_writer **ret, struct error *err)
{
        struct log_writer *writer = calloc(1, sizeof(*writer));

        if (!writer)
                return error_set_oom(err);
        writer->fd = openat(dir_fd, LOG_NAME,
                            O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (writer->fd < 0) {
                free(writer);
                return error_set_errno(err, -errno, "cannot write the container's log");
        }
        *ret = writer;
        return 0;
}

static void write_line(struct log_writer *writer, enum log_stream stream)
{
        struct buf *partial = &writer->partial[stream];
        _cleanup_json_ json_t *object = json_object();
        struct timespec now = clock_now();
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;

        /* A NUL cannot be part of it. */
        for (char *at = partial->data;
             (at = memchr(at, '\0', partial->len - (size_t)(at - partial->data)));)
                *at = '?';
        if (object && json_put_string(object, "log", buf_str(partial)) == 0 &&
            json_put_string(object, "stream", stream_names[stream]) == 0 &&
            json_put_time(object, "time", &now) == 0 && json_write(object, &text, &ignored) == 0 &&
            buf_append_char(&text, '\n') == 0)
                io_write(writer->fd, text.data, text.len);
        buf_done(&text);
        buf_clear(partial);
}

void log_write(struct log_writer *writer, enum log_stream stream, const void *data, size_t len)
{
        struct buf *partial = &writer->partial[stream];
        const char *at = data, *end = at + len;

        while (at < end) {
                const char *newline = memchr(at, '\n', (size_t)(end - at));
                size_t part = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);

                if (part > LOG_LINE_MAX - partial->len)
                        part = LOG_LINE_MAX - partial->len;
                if (buf_append(partial, at, part) < 0)
                        return;
                at += part;
                if (partial->len == LOG_LINE_MAX || partial->data[partial->len - 1] == '\n')
                        write_line(writer, stream);
        }
}

void log_writer_free(struct log_writer *writer)
{
        if (!writer)
                return;
        for (enum log_stream i = 0; i < LOG_STREAM_COUNT; i++) {
                if (writer->partial[i].len > 0)
                        write_line(writer, i);
                buf_done(&writer->partial[i]);
        }
        close(writer->fd);
        free(writer);
}

/* ---- reading ---- */

struct reading {
        FILE *file;
        const struct log_options *options;
        const struct log_reader *reader;
        struct buf line; /* the beginning of one that is not whole yet */
        long skip;       /* lines that are before the tail */
};

static bool is_before(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A line that cannot be understood - cut when a disk was full - is passed over. */
static int give_line(struct reading *reading, struct error *err)
{
        const struct log_options *options = reading->options;
        const char *text = NULL, *stream = NULL, *when = NULL;
        _cleanup_json_ json_t *object = NULL;
        struct error bad = ERROR_INIT;
        struct timespec time;

        if (reading->skip > 0) {
                reading->skip--;
                return 0;
        }
        if (json_parse_object(reading->line.data, reading->line.len, "the log", &object, &bad) <
                    0 ||
            json_get_string(object, "log", &text, &bad) < 0 ||
            json_get_string(object, "stream", &stream, &bad) < 0 ||
            json_get_string(object, "time", &when, &bad) < 0 || !text || !stream || !when ||
            clock_parse(when, &time) < 0)
                return 0;
        if (is_before(&time, &options->since) ||
            (options->until.tv_sec > 0 && is_before(&options->until, &time)))
                return 0;
        return reading->reader->line(reading->reader->context,
                                     strcmp(stream, stream_names[LOG_STDERR]) == 0 ? LOG_STDERR
                                                                                   : LOG_STDOUT,
                                     when, text, err);
}

/* Gives what is there by now. */
static int read_on(struct reading *reading, struct error *err)
{
        char part[4096];
        int r = 0;

        clearerr(reading->file);
        while (r == 0 && fgets(part, sizeof(part), reading->file)) {
                if (buf_append_str(&reading->line, part) < 0)
                        return error_set_oom(err);
                if (reading->line.data[reading->line.len - 1] != '\n' &&
                    reading->line.len < FILE_LINE_MAX)
                        continue;
                r = give_line(reading, err);
                buf_clear(&reading->line);
        }
        return r;
}

/* Whether nothing that is printed from now on is wanted. */
static bool is_over(const struct log_options *options)
{
        const struct timespec now = clock_now();

        return options->until.tv_sec > 0 && is_before(&options->until, &now);
}

static long count_lines(FILE *file)
{
        long count = 0;
        int c;

        while ((c = getc_unlocked(file)) != EOF)
                count += c == '\n';
        rewind(file);
        return count;
}

static FILE *open_log(int dir_fd)
{
        int fd = openat(dir_fd, LOG_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

        if (!file)
                cleanup_close(&fd);
        return file;
}

int log_read(int dir_fd, const struct log_options *options, const struct log_reader *reader,
             struct error *err)
{
        const struct timespec pause = { .tv_nsec = FOLLOW_NS };
        struct reading reading = { .options = options, .reader = reader };
        bool lives;
        int r = 0;

        do {
                lives = options->follow && reader->lives && reader->lives(reader->context) &&
                        !is_over(options);
                if (!reading.file) {
                        reading.file = open_log(dir_fd);
                        if (reading.file && options->tail >= 0) {
                                long count = count_lines(reading.file);

                                reading.skip = count > options->tail ? count - options->tail : 0;
                        }
                }
                if (reading.file)
                        r = read_on(&reading, err);
                if (r == 0 && lives)
                        nanosleep(&pause, NULL);
        } while (r == 0 && lives);
        if (reading.file)
                fclose(reading.file);
        buf_done(&reading.line);
        return r;
}
