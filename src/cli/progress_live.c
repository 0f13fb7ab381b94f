#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "progress.h"
#include "terminal_text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS        100000000L
#define NS_PER_S       1000000000ull
#define COLUMNS_GUESS  80
#define ROWS_GUESS     24
#define COLUMNS_MIN    20
#define STEP_LINES_MAX 6
#define TIMER_COLUMNS  9

#define COLOR_NONE "\033[0m"
#define COLOR_RED  "\033[31m"
#define COLOR_BLUE "\033[34m"
#define COLOR_GREY "\033[90m"

struct screen {
        int rows;
        int columns;
};

static struct screen screen_size(void)
{
        struct screen screen = { .rows = ROWS_GUESS, .columns = COLUMNS_GUESS };
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
                screen = (struct screen){ .rows = size.ws_row, .columns = size.ws_col };
        if (screen.columns < COLUMNS_MIN)
                screen.columns = COLUMNS_MIN;
        return screen;
}

static double seconds_since(uint64_t then_ns)
{
        return (double)(clock_monotonic_ns() - then_ns) / (double)NS_PER_S;
}

/* Takes the lines off the screen, which has wrapped them if it became narrower meanwhile. */
static void append_erasing(struct progress_live *live, const struct screen *screen, struct buf *out)
{
        int rows = 0;

        for (size_t i = 0; i < live->line_count; i++)
                rows += live->widths[i] <= 0 ? 1 : (live->widths[i] - 1) / screen->columns + 1;
        if (rows > screen->rows - 1)
                rows = screen->rows - 1;
        if (rows > 0)
                buf_appendf(out, "\033[%dA\r\033[J", rows);
        live->line_count = 0;
}

/* "LEFT ... 1.2s": the text is cut where it does not fit. Returns the columns that it takes. */
static int append_line(struct buf *out, const struct screen *screen, const char *color,
                       const char *text, size_t len, double seconds)
{
        int columns = screen->columns - 1 - (seconds >= 0 ? TIMER_COLUMNS : 0), used;
        size_t fits = terminal_fit(text, len, columns, &used);

        buf_append_str(out, color);
        buf_append(out, text, fits);
        if (seconds >= 0)
                buf_appendf(out, "%*s%*.1fs", columns - used, "", TIMER_COLUMNS - 1, seconds);
        buf_append_str(out, *color ? COLOR_NONE "\n" : "\n");
        return seconds >= 0 ? screen->columns - 1 : used;
}

/* A line that is to be erased. */
static void add_live(struct progress_live *live, struct buf *out, const struct screen *screen,
                     const char *color, const char *text, size_t len, double seconds)
{
        int *widths = reallocarray(live->widths, live->line_count + 1, sizeof(*widths));

        if (!widths)
                return;
        live->widths = widths;
        widths[live->line_count++] =
                append_line(out, screen, live->colors ? color : "", text, len, seconds);
}

/* The last lines of what a step has printed, the unfinished one among it. */
static void add_output(struct progress_live *live, struct buf *out, const struct screen *screen,
                       const struct progress_step *step, int max)
{
        size_t end = step->tail_len, begin = end;
        struct buf line = BUF_INIT;
        int lines = step->line_len > 0;

        for (; begin > 0 && lines <= max; begin--)
                if (step->tail[begin - 1] == '\n' && begin < end && ++lines >= max)
                        break;
        while (max > 0 && begin < end) {
                size_t len = strcspn(step->tail + begin, "\n");

                if (len > end - begin)
                        len = end - begin;
                buf_clear(&line);
                if (buf_append_str(&line, " => => ") == 0 &&
                    buf_append(&line, step->tail + begin, len) == 0)
                        add_live(live, out, screen, COLOR_GREY, line.data, line.len, -1);
                begin += len + 1;
        }
        buf_clear(&line);
        if (max > 0 && step->line_len > 0 && buf_append_str(&line, " => => ") == 0 &&
            buf_append(&line, step->line, step->line_len) == 0) {
                line.len = terminal_strip(line.data, line.len);
                add_live(live, out, screen, COLOR_GREY, line.data, line.len, -1);
        }
        buf_done(&line);
}

static size_t count_running(const struct progress *progress)
{
        size_t count = 0;

        for (size_t i = 0; i < progress->count; i++)
                count += progress->steps[i].runs;
        return count;
}

static void draw(struct progress *progress)
{
        struct progress_live *live = &progress->live;
        const struct screen screen = screen_size();
        size_t running = count_running(progress), room = (size_t)screen.rows - 2, shown = 0;
        int lines = running > 0 && room > running ? (int)((room - running) / running) : 0;
        struct buf out = BUF_INIT, text = BUF_INIT;

        append_erasing(live, &screen, &out);
        if (lines > STEP_LINES_MAX)
                lines = STEP_LINES_MAX;
        buf_appendf(&text, "[+] Building %.1fs (%zu done, %zu running)",
                    seconds_since(progress->began_ns), progress->done, running);
        add_live(live, &out, &screen, "", buf_str(&text), text.len, -1);
        for (size_t i = 0; i < progress->count && shown < room; i++) {
                const struct progress_step *step = &progress->steps[i];

                if (!step->runs)
                        continue;
                shown++;
                buf_clear(&text);
                buf_appendf(&text, " => %s", step->title ? step->title : "");
                add_live(live, &out, &screen, "", buf_str(&text), text.len,
                         seconds_since(step->began_ns));
                add_output(live, &out, &screen, step, lines);
        }
        fflush(stderr);
        io_write(STDERR_FILENO, buf_str(&out), out.len);
        buf_done(&text);
        buf_done(&out);
}

static void *tick(void *context)
{
        struct progress *progress = context;
        struct progress_live *live = &progress->live;

        pthread_mutex_lock(&live->lock);
        while (!live->stopping) {
                struct timespec when;

                draw(progress);
                clock_gettime(CLOCK_REALTIME, &when);
                when.tv_nsec += TICK_NS;
                when.tv_sec += when.tv_nsec / (long)NS_PER_S;
                when.tv_nsec %= (long)NS_PER_S;
                pthread_cond_timedwait(&live->stop, &live->lock, &when);
        }
        pthread_mutex_unlock(&live->lock);
        return NULL;
}

void progress_live_begin(struct progress *progress)
{
        struct progress_live *live = &progress->live;
        const char *no_color = getenv("NO_COLOR");
        sigset_t all, old;

        live->colors = progress->strips && (!no_color || !*no_color);
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &old);
        /* Without it steps are told as they end. */
        live->running = pthread_create(&live->thread, NULL, tick, progress) == 0;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void progress_live_end(struct progress *progress)
{
        struct progress_live *live = &progress->live;

        if (!live->running)
                return;
        pthread_mutex_lock(&live->lock);
        live->stopping = true;
        pthread_cond_signal(&live->stop);
        pthread_mutex_unlock(&live->lock);
        pthread_join(live->thread, NULL);
        live->running = false;
        progress_live_erase(progress);
        if (progress->done == 0)
                return;
        fprintf(stderr, "[+] Building %.1fs (%zu done) %s\n", seconds_since(progress->began_ns),
                progress->done, progress->failed ? "FAILED" : "FINISHED");
}

void progress_live_erase(struct progress *progress)
{
        const struct screen screen = screen_size();
        struct buf out = BUF_INIT;

        append_erasing(&progress->live, &screen, &out);
        fflush(stderr);
        io_write(STDERR_FILENO, buf_str(&out), out.len);
        buf_done(&out);
}

void progress_live_fold(struct progress *progress, const struct progress_step *step,
                        const char *how)
{
        const struct screen screen = screen_size();
        struct buf out = BUF_INIT, text = BUF_INIT;
        const char *color = strcmp(how, "ERROR") == 0 ? COLOR_RED : COLOR_BLUE;

        append_erasing(&progress->live, &screen, &out);
        buf_appendf(&text, " => %s%s%s", how, *how ? " " : "", step->title ? step->title : "");
        append_line(&out, &screen, progress->live.colors ? color : "", buf_str(&text), text.len,
                    step->began_ns ? seconds_since(step->began_ns) : 0);
        fflush(stderr);
        io_write(STDERR_FILENO, buf_str(&out), out.len);
        buf_done(&text);
        buf_done(&out);
}
