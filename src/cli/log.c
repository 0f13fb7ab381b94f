#include "log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli.h"
#include "oci/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum log_level log_level = LOG_LEVEL_NOTE;
static bool log_json;

int log_set_level(const char *text, struct error *err)
{
        static const struct {
                const char *name;
                enum log_level level;
        } names[] = {
                { "debug", LOG_LEVEL_DEBUG },  { "info", LOG_LEVEL_NOTE },
                { "warn", LOG_LEVEL_WARNING }, { "warning", LOG_LEVEL_WARNING },
                { "error", LOG_LEVEL_ERROR },  { "fatal", LOG_LEVEL_ERROR },
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(text, names[i].name) == 0) {
                        log_level = names[i].level;
                        return 0;
                }
        return error_set(err, -EINVAL, "--log-level is debug, info, warn, error or fatal, not %s",
                         text);
}

int log_set_format(const char *text, struct error *err)
{
        log_json = strcmp(text, "json") == 0;
        if (log_json || strcmp(text, "text") == 0)
                return 0;
        return error_set(err, -EINVAL, "--log-format is text or json, not %s", text);
}

bool log_is_json(void)
{
        return log_json;
}

bool log_wants(enum log_level level)
{
        return level <= log_level;
}

static void print_json(const char *level, const char *message, const char *hint)
{
        const struct timespec now = clock_now();
        json_t *document = json_object();
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;

        if (json_put_time(document, "time", &now) == 0 &&
            json_put_string(document, "level", level) == 0 &&
            json_put_string(document, "msg", message) == 0 &&
            json_put_string(document, "hint", hint) == 0 &&
            json_write(document, &text, &ignored) == 0)
                fprintf(stderr, "%s\n", buf_str(&text));
        buf_done(&text);
        json_decref(document);
}

void log_print(enum log_level level, const char *format, ...)
{
        static const char *const names[] = { "error", "warning", "info", "debug" };
        struct buf text = BUF_INIT;
        va_list ap;

        if (!log_wants(level))
                return;
        va_start(ap, format);
        if (buf_vappendf(&text, format, ap) == 0 && text.len > 0) {
                print_plain(text.data);
                if (log_json)
                        print_json(names[level], buf_str(&text), NULL);
                else if (level == LOG_LEVEL_NOTE)
                        fprintf(stderr, "note: %s\n", buf_str(&text));
                else
                        fprintf(stderr, "varve: %s: %s\n", names[level], buf_str(&text));
        }
        va_end(ap);
        buf_done(&text);
}

void log_notice(void *context, const char *text)
{
        (void)context;
        log_print(LOG_LEVEL_WARNING, "%s", text);
}

void log_error(const struct error *err)
{
        struct error plain = *err;

        print_plain(plain.message);
        print_plain(plain.hint);
        fflush(stdout);
        if (log_json) {
                print_json("error", plain.message, plain.hint);
                return;
        }
        /* Docker's own words stand alone. */
        fprintf(stderr, "%s%s\n",
                strncmp(plain.message, "Error: ", 7) == 0 ? "" : "varve: ", plain.message);
        if (plain.hint[0] != '\0')
                fprintf(stderr, "%s\n", plain.hint);
}
