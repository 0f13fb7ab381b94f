/*
 * usage: parse RUNS FILE...
 *
 * Parses each Dockerfile as often, and prints "FILE LINES INSTRUCTIONS LEAST MEDIAN": the
 * milliseconds of processor time that one took, which what else the machine does hardly changes.
 */
#include "dockerfile/dockerfile.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* Returns the instructions that it has, or a negative errno. */
static long parse(const struct buf *text, double *ret_ms, struct error *err)
{
        struct source_position where;
        struct dockerfile *file;
        double began = now_ms();
        long instructions;

        if (dockerfile_parse(text->data, text->len, NULL, &file, &where, err) < 0)
                return error_wrap(err, "line %u", where.line);
        instructions = (long)file->instruction_count;
        *ret_ms = now_ms() - began;
        dockerfile_free(file);
        return instructions;
}

static int measure(const char *path, size_t runs, struct error *err)
{
        _cleanup_free_ double *times = calloc(runs, sizeof(*times));
        _cleanup_(buf_done) struct buf text = BUF_INIT;
        size_t lines = 0;
        long instructions = 0;
        int r = times ? io_read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, err)
                      : error_set_oom(err);

        for (size_t i = 0; i < runs && r == 0; i++) {
                instructions = parse(&text, &times[i], err);
                r = instructions < 0 ? (int)instructions : 0;
        }
        if (r < 0)
                return error_wrap(err, "%s", path);
        for (size_t i = 0; i < text.len; i++)
                lines += text.data[i] == '\n';
        qsort(times, runs, sizeof(*times), compare);
        printf("%s %zu %ld %.2f %.2f\n", path, lines, instructions, times[0], times[runs / 2]);
        return 0;
}

int main(int argc, char **argv)
{
        struct error err = ERROR_INIT;
        size_t runs = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;

        if (runs == 0) {
                fprintf(stderr, "usage: parse RUNS FILE...\n");
                return EXIT_FAILURE;
        }
        for (int i = 2; i < argc; i++)
                if (measure(argv[i], runs, &err) < 0) {
                        fprintf(stderr, "parse: %s\n", err.message);
                        return EXIT_FAILURE;
                }
        return EXIT_SUCCESS;
}
