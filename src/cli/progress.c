#include "progress.h"

#include "base/clock.h"
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void progress_done(struct progress *progress)
{
        for (size_t i = 0; i < progress->count; i++)
                free(progress->steps[i].title);
        free(progress->steps);
}

static struct progress_step *get_step(struct progress *progress, unsigned number)
{
        struct progress_step *steps = progress->steps;

        if (number >= progress->count) {
                size_t count = number + 16;

                steps = reallocarray(steps, count, sizeof(*steps));
                if (!steps)
                        return NULL;
                memset(steps + progress->count, 0, (count - progress->count) * sizeof(*steps));
                progress->steps = steps;
                progress->count = count;
        }
        return &steps[number];
}

/* Keeps the end of what was printed: whole lines. */
static void keep_line(struct progress_step *step, const char *line, size_t len)
{
        if (len + 1 > sizeof(step->tail) / 2)
                len = sizeof(step->tail) / 2 - 1;
        while (step->tail_len + len + 1 > sizeof(step->tail)) {
                char *end = memchr(step->tail, '\n', step->tail_len);
                size_t first = end ? (size_t)(end - step->tail) + 1 : step->tail_len;

                step->tail_len -= first;
                memmove(step->tail, step->tail + first, step->tail_len);
        }
        memcpy(step->tail + step->tail_len, line, len);
        step->tail_len += len;
        step->tail[step->tail_len++] = '\n';
}

static void print_line(const struct progress *progress, unsigned number, struct progress_step *step)
{
        if (!progress->quiet)
                fprintf(stderr, "#%u %.*s\n", number, (int)step->line_len, step->line);
        keep_line(step, step->line, step->line_len);
        step->line_len = 0;
}

static void take_output(struct progress *progress, unsigned number, struct progress_step *step,
                        const char *data, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                /* A progress bar redraws its line: what it ends up as is enough. */
                if (data[i] == '\r' && i + 1 < len && data[i + 1] != '\n') {
                        step->line_len = 0;
                } else if (data[i] == '\n') {
                        print_line(progress, number, step);
                } else if (data[i] != '\r') {
                        if (step->line_len == sizeof(step->line))
                                print_line(progress, number, step);
                        step->line[step->line_len++] = data[i];
                }
        }
}

static void begin(struct progress *progress, unsigned number, struct progress_step *step,
                  const char *title)
{
        free(step->title);
        *step = (struct progress_step){ .began_ns = clock_monotonic_ns(),
                                        .title = title ? strdup(title) : NULL };
        if (step->title)
                print_plain(step->title);
        if (!progress->quiet)
                fprintf(stderr, "#%u %s\n", number, step->title ? step->title : "");
}

static void end(const struct progress *progress, unsigned number, struct progress_step *step,
                const char *how)
{
        double seconds = (double)(clock_monotonic_ns() - step->began_ns) / 1e9;

        if (!progress->quiet)
                fprintf(stderr, "#%u %s %.2fs\n", number, how, seconds);
}

/* Why a step is carried out. Paths in it are an image's. */
static void missed(const struct progress *progress, const struct build_event *event)
{
        char *text = strndup(event->data, event->len);

        if (text && !progress->quiet) {
                print_plain(text);
                fprintf(stderr, "#%u not cached: %s\n", event->step, text);
        }
        free(text);
}

void progress_event(void *userdata, const struct build_event *event)
{
        struct progress *progress = userdata;
        struct progress_step *step;

        if (event->type == BUILD_WARNING) {
                fprintf(stderr, "varve: warning: %s\n", event->text);
                return;
        }
        if (event->type == BUILD_NOTE) {
                if (!progress->quiet)
                        fprintf(stderr, "note: %s\n", event->text);
                return;
        }
        step = get_step(progress, event->step);
        if (!step)
                return;
        if (event->type != BUILD_STEP_BEGIN && event->type != BUILD_STEP_OUTPUT &&
            step->line_len > 0)
                print_line(progress, event->step, step);
        switch (event->type) {
        case BUILD_STEP_BEGIN:
                begin(progress, event->step, step, event->text);
                break;
        case BUILD_STEP_OUTPUT:
                take_output(progress, event->step, step, event->data, event->len);
                break;
        case BUILD_STEP_DONE:
                end(progress, event->step, step, "DONE");
                break;
        case BUILD_STEP_CACHED:
                if (!progress->quiet)
                        fprintf(stderr, "#%u CACHED (%.*s)\n", event->step, (int)event->len,
                                (const char *)event->data);
                break;
        case BUILD_STEP_MISSED:
                missed(progress, event);
                break;
        case BUILD_STEP_FAILED:
                progress->failed = event->step;
                end(progress, event->step, step, "FAILED");
                break;
        case BUILD_WARNING:
        case BUILD_NOTE:
                break;
        }
}

const char *progress_tail(const struct progress *progress)
{
        struct progress_step *step;

        if (progress->failed == 0 || progress->failed >= progress->count)
                return "";
        step = &progress->steps[progress->failed];
        if (step->tail_len == sizeof(step->tail))
                step->tail_len--;
        step->tail[step->tail_len] = '\0';
        return step->tail;
}
