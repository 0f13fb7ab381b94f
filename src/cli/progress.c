#include "progress.h"

#include "base/clock.h"
#include "cli.h"
#include "log.h"
#include "terminal_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int progress_parse_style(const char *text, enum progress_style *ret, struct error *err)
{
        static const char *const names[] = { [PROGRESS_PLAIN] = "plain",
                                             [PROGRESS_TTY] = "tty",
                                             [PROGRESS_RAWJSON] = "rawjson",
                                             [PROGRESS_QUIET] = "quiet" };
        const char *terminal = getenv("TERM"), *option = text ? "--progress" : "BUILDKIT_PROGRESS";
        bool dumb = !terminal || !*terminal || strcmp(terminal, "dumb") == 0;

        if (!text)
                text = getenv("BUILDKIT_PROGRESS");
        *ret = isatty(STDERR_FILENO) && !dumb ? PROGRESS_TTY : PROGRESS_PLAIN;
        if (log_is_json())
                *ret = PROGRESS_RAWJSON;
        if (!text || !*text || strcmp(text, "auto") == 0)
                return 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(text, names[i]) == 0) {
                        *ret = (enum progress_style)i;
                        return 0;
                }
        return error_set(err, -EINVAL, "%s is auto, plain, tty, rawjson or quiet, not %s", option,
                         text);
}

int progress_init(struct progress *progress, enum progress_style style, struct error *err)
{
        const char *transfers = style == PROGRESS_RAWJSON ? "json" : "plain";
        int r;

        *progress = (struct progress){ .style = style,
                                       .strips = isatty(STDERR_FILENO),
                                       .began_ns = clock_monotonic_ns() };
        r = transfer_view_init(&progress->transfers, transfers, style == PROGRESS_QUIET, err);
        pthread_mutex_init(&progress->live.lock, NULL);
        pthread_cond_init(&progress->live.stop, NULL);
        if (r == 0 && style == PROGRESS_TTY)
                progress_live_begin(progress);
        return r;
}

void progress_finish(struct progress *progress)
{
        if (progress->style == PROGRESS_TTY)
                progress_live_end(progress);
}

void progress_done(struct progress *progress)
{
        progress_finish(progress);
        for (size_t i = 0; i < progress->count; i++)
                free(progress->steps[i].title);
        free(progress->steps);
        free(progress->live.widths);
        transfer_view_done(&progress->transfers);
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
        if (progress->strips)
                step->line_len = terminal_strip(step->line, step->line_len);
        if (progress->style == PROGRESS_PLAIN)
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

static void begin(const struct progress *progress, unsigned number, struct progress_step *step,
                  const char *title)
{
        free(step->title);
        *step = (struct progress_step){ .runs = true,
                                        .began_ns = clock_monotonic_ns(),
                                        .title = strdup(title ? title : "") };
        if (step->title)
                terminal_strip(step->title, strlen(step->title));
        if (progress->style == PROGRESS_PLAIN)
                fprintf(stderr, "#%u %s\n", number, step->title ? step->title : "");
}

/* DONE and FAILED. */
static void end(struct progress *progress, unsigned number, struct progress_step *step,
                const char *how)
{
        double seconds = (double)(clock_monotonic_ns() - step->began_ns) / 1e9;

        step->runs = false;
        progress->done++;
        if (progress->style == PROGRESS_PLAIN)
                fprintf(stderr, "#%u %s %.2fs\n", number, how, seconds);
        else if (progress->style == PROGRESS_TTY)
                progress_live_fold(progress, step, progress->failed == number ? "ERROR" : "");
}

/* It is not begun before, where nothing had to be looked at. */
static void cached(struct progress *progress, struct progress_step *step,
                   const struct build_event *event)
{
        step->runs = false;
        progress->done++;
        if (progress->style == PROGRESS_PLAIN)
                fprintf(stderr, "#%u CACHED (%.*s)\n", event->step, (int)event->len,
                        (const char *)event->data);
        else if (progress->style == PROGRESS_TTY)
                progress_live_fold(progress, step, "CACHED");
}

/* Why a step is carried out. Paths in it are an image's. */
static void missed(const struct progress *progress, const struct build_event *event)
{
        char *text = progress->style == PROGRESS_PLAIN ? strndup(event->data, event->len) : NULL;

        if (text) {
                print_plain(text);
                fprintf(stderr, "#%u not cached: %s\n", event->step, text);
        }
        free(text);
}

static void tell(struct progress *progress, const struct build_event *event)
{
        bool warns = event->type == BUILD_WARNING;
        enum log_level level = warns ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTE;

        if (progress->style == PROGRESS_RAWJSON)
                progress_json_event(NULL, event);
        else if (warns || progress->style != PROGRESS_QUIET) {
                progress_live_erase(progress);
                log_print(level, "%s", event->text);
        }
}

static void handle(struct progress *progress, const struct build_event *event)
{
        struct progress_step *step;

        if (event->type == BUILD_WARNING || event->type == BUILD_NOTE) {
                tell(progress, event);
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
                cached(progress, step, event);
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
        if (progress->style == PROGRESS_RAWJSON)
                progress_json_event(step, event);
}

void progress_event(void *userdata, const struct build_event *event)
{
        struct progress *progress = userdata;

        pthread_mutex_lock(&progress->live.lock);
        handle(progress, event);
        pthread_mutex_unlock(&progress->live.lock);
}

void progress_transfer(void *userdata, const struct transfer_event *event)
{
        struct progress *progress = userdata;

        pthread_mutex_lock(&progress->live.lock);
        progress_live_erase(progress);
        transfer_view_event(&progress->transfers, event);
        pthread_mutex_unlock(&progress->live.lock);
}

const char *progress_tail(const struct progress *progress)
{
        struct progress_step *step;
        size_t at, lines = 0;

        if (progress->failed == 0 || progress->failed >= progress->count)
                return "";
        step = &progress->steps[progress->failed];
        if (step->tail_len == sizeof(step->tail))
                step->tail_len--;
        step->tail[step->tail_len] = '\0';
        for (at = step->tail_len; at > 0; at--)
                if (step->tail[at - 1] == '\n' && ++lines > PROGRESS_TAIL_LINES)
                        break;
        return step->tail + at;
}
