#include "transfer.h"

#include "base/clock.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S     1000000000ull
#define REDRAW_NS    (NS_PER_S / 10)
#define REPORT_NS    NS_PER_S
#define SHORT_DIGEST 12
#define LINE_BYTES   512

int transfer_view_init(struct transfer_view *view, const char *style, bool quiet, struct error *err)
{
        static const char *const names[] = { [TRANSFER_TERMINAL] = "tty",
                                             [TRANSFER_PLAIN] = "plain",
                                             [TRANSFER_JSON] = "json",
                                             [TRANSFER_QUIET] = "quiet" };

        *view = (struct transfer_view){ .style = isatty(STDERR_FILENO) ? TRANSFER_TERMINAL
                                                                       : TRANSFER_PLAIN };
        if (log_is_json())
                view->style = TRANSFER_JSON;
        if (style && strcmp(style, "auto") != 0) {
                size_t i = 0;

                while (i < sizeof(names) / sizeof(names[0]) && strcmp(style, names[i]) != 0)
                        i++;
                if (i == sizeof(names) / sizeof(names[0]))
                        return error_set(err, -EINVAL,
                                         "--progress is auto, tty, plain, json or quiet, not %s",
                                         style);
                view->style = (enum transfer_style)i;
        }
        if (quiet)
                view->style = TRANSFER_QUIET;
        return 0;
}

void transfer_view_done(struct transfer_view *view)
{
        free(view->lines);
        view->lines = NULL;
}

static struct transfer_line *find_line(struct transfer_view *view, const struct digest *digest)
{
        struct transfer_line *lines;

        for (size_t i = 0; i < view->count; i++)
                if (digest_equal(&view->lines[i].digest, digest))
                        return &view->lines[i];
        lines = reallocarray(view->lines, view->count + 1, sizeof(*lines));
        if (!lines)
                return NULL;
        view->lines = lines;
        lines[view->count] = (struct transfer_line){ .digest = *digest };
        return &lines[view->count++];
}

static double seconds_since(uint64_t then_ns)
{
        return (double)(clock_monotonic_ns() - then_ns) / (double)NS_PER_S;
}

/* ---- text ---- */

static const char *state_text(enum transfer_state state)
{
        switch (state) {
        case TRANSFER_BEGINS:
        case TRANSFER_MOVES:
        case TRANSFER_NOTICE:
                break;
        case TRANSFER_DONE:
                return "done";
        case TRANSFER_THERE:
                return "already there";
        case TRANSFER_MOUNTED:
                return "mounted from another repository";
        }
        return "";
}

static void format_digest(const struct transfer_line *line, char ret[static DIGEST_HEX_MAX])
{
        digest_format_hex(&line->digest, ret);
        ret[SHORT_DIGEST] = '\0';
}

/* "0123456789ab  12.3MB / 45MB  8.1MB/s  4s left" */
static void format_moving(const struct transfer_line *line, char ret[static LINE_BYTES])
{
        char hex[DIGEST_HEX_MAX], bytes[PRINT_SIZE_MAX], size[PRINT_SIZE_MAX];
        char speed_text[PRINT_SIZE_MAX];
        double seconds = seconds_since(line->began_ns), speed;

        format_digest(line, hex);
        print_size(line->bytes, bytes);
        print_size(line->size, size);
        speed = seconds > 0 ? (double)(line->bytes - line->began_bytes) / seconds : 0;
        print_size((uint64_t)speed, speed_text);
        if (speed < 1)
                snprintf(ret, LINE_BYTES, "%s  %s / %s", hex, bytes, size);
        else
                snprintf(ret, LINE_BYTES, "%s  %s / %s  %s/s  %.0fs left", hex, bytes, size,
                         speed_text, (double)(line->size - line->bytes) / speed);
}

static bool is_moving(const struct transfer_line *line)
{
        return line->state == TRANSFER_BEGINS || line->state == TRANSFER_MOVES;
}

static void format_line(const struct transfer_line *line, char ret[static LINE_BYTES])
{
        char hex[DIGEST_HEX_MAX], size[PRINT_SIZE_MAX];

        if (is_moving(line)) {
                format_moving(line, ret);
                return;
        }
        format_digest(line, hex);
        print_size(line->size, size);
        snprintf(ret, LINE_BYTES, "%s  %s  %s", hex, size, state_text(line->state));
}

static void erase(struct transfer_view *view)
{
        if (view->drawn > 0)
                fprintf(stderr, "\033[%zuA\r\033[J", view->drawn);
        view->drawn = 0;
}

/* What has come to its end is printed for good. Only what moves is drawn again, which is never more
 * than a few lines: what has left the screen at its top cannot be drawn anew. */
static void draw(struct transfer_view *view)
{
        char text[LINE_BYTES];

        erase(view);
        for (int moving = 0; moving <= 1; moving++) {
                for (size_t i = 0; i < view->count; i++) {
                        struct transfer_line *line = &view->lines[i];

                        if (line->printed || is_moving(line) != (bool)moving)
                                continue;
                        format_line(line, text);
                        fprintf(stderr, "%s\n", text);
                        line->printed = !moving;
                        view->drawn += (size_t)moving;
                }
        }
        view->drawn_ns = clock_monotonic_ns();
}

static void print_plainly(const struct transfer_line *line)
{
        char hex[DIGEST_HEX_MAX], size[PRINT_SIZE_MAX], bytes[PRINT_SIZE_MAX];

        if (line->state == TRANSFER_MOVES)
                return;
        format_digest(line, hex);
        print_size(line->size, size);
        print_size(line->began_bytes, bytes);
        if (line->state == TRANSFER_BEGINS && line->began_bytes > 0)
                fprintf(stderr, "%s: %s, going on at %s\n", hex, size, bytes);
        else if (line->state == TRANSFER_BEGINS)
                fprintf(stderr, "%s: %s\n", hex, size);
        else if (line->state == TRANSFER_DONE)
                fprintf(stderr, "%s: done in %.1fs\n", hex, seconds_since(line->began_ns));
        else
                fprintf(stderr, "%s: %s\n", hex, state_text(line->state));
}

/* ---- JSON ---- */

static void print_json(struct transfer_line *line)
{
        static const char *const names[] = {
                [TRANSFER_BEGINS] = "begins",   [TRANSFER_MOVES] = "moves",
                [TRANSFER_DONE] = "done",       [TRANSFER_THERE] = "there",
                [TRANSFER_MOUNTED] = "mounted", [TRANSFER_NOTICE] = "notice",
        };
        uint64_t now = clock_monotonic_ns();
        char digest[DIGEST_TEXT_MAX];

        if (line->state == TRANSFER_MOVES && now - line->told_ns < REPORT_NS)
                return;
        line->told_ns = now;
        digest_format(&line->digest, digest);
        fprintf(stderr,
                "{\"layer\":\"%s\",\"state\":\"%s\",\"bytes\":%" PRIu64 ",\"size\":%" PRIu64 "}\n",
                digest, names[line->state], line->bytes, line->size);
}

/* ---- events ---- */

static void notice(struct transfer_view *view, const char *text)
{
        char *plain = strdup(text), *quoted;
        json_t *string;

        if (!plain)
                return;
        print_plain(plain);
        erase(view);
        if (view->style == TRANSFER_JSON) {
                string = json_string(text);
                quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
                if (quoted)
                        fprintf(stderr, "{\"notice\":%s}\n", quoted);
                free(quoted);
                json_decref(string);
        } else {
                log_print(LOG_LEVEL_WARNING, "%s", plain);
        }
        if (view->style == TRANSFER_TERMINAL)
                draw(view);
        free(plain);
}

void transfer_view_event(void *context, const struct transfer_event *event)
{
        struct transfer_view *view = context;
        struct transfer_line *line;
        bool moves = event->state == TRANSFER_MOVES;

        if (event->state == TRANSFER_NOTICE) {
                notice(view, event->text);
                return;
        }
        line = view->style == TRANSFER_QUIET ? NULL : find_line(view, event->digest);
        if (!line)
                return;
        line->state = event->state;
        line->bytes = event->bytes;
        line->size = event->size;
        if (event->state == TRANSFER_BEGINS) {
                line->printed = false;
                line->began_ns = clock_monotonic_ns();
                line->began_bytes = event->bytes;
        }
        if (view->style == TRANSFER_PLAIN)
                print_plainly(line);
        else if (view->style == TRANSFER_JSON)
                print_json(line);
        else if (!moves || clock_monotonic_ns() - view->drawn_ns >= REDRAW_NS)
                draw(view);
}
