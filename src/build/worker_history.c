/*
 * What the image's history says of each instruction: the text that BuildKit writes, with variables
 * expanded, but for its own name.
 */
#include "build/config_change.h"
#include "worker.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMMENT "varve.dockerfile.v0"

#define SECOND_NS ((uint64_t)1000000000)

int worker_add_history(struct worker *worker, bool empty_layer, struct error *err,
                       const char *format, ...)
{
        struct image_history history = { .has_created = true,
                                         .created = worker->created,
                                         .comment = (char *)(uintptr_t)COMMENT,
                                         .empty_layer = empty_layer };
        struct buf text = BUF_INIT;
        va_list ap;
        int r;

        va_start(ap, format);
        r = buf_vappendf(&text, format, ap);
        va_end(ap);
        history.created_by = (char *)(uintptr_t)buf_str(&text);
        if (r == 0)
                r = image_config_add_history(&worker->state.config, &history);
        buf_done(&text);
        return r < 0 ? error_set_oom(err) : 0;
}

/* ---- values, as Go prints them ---- */

/* "1.5", without zeros at the end, and a unit. */
static int add_fraction(struct buf *text, uint64_t ns, uint64_t unit_ns, const char *unit)
{
        char digits[16] = "";
        size_t len;

        if (ns % unit_ns) {
                snprintf(digits, sizeof(digits), ".%0*" PRIu64,
                         unit_ns == SECOND_NS          ? 9
                         : unit_ns == SECOND_NS / 1000 ? 6
                                                       : 3,
                         ns % unit_ns);
                for (len = strlen(digits); len > 1 && digits[len - 1] == '0'; len--)
                        digits[len - 1] = '\0';
        }
        return buf_appendf(text, "%" PRIu64 "%s%s", ns / unit_ns, digits, unit);
}

static int add_duration(struct buf *text, int64_t duration_ns)
{
        uint64_t ns = (uint64_t)duration_ns, minutes = ns / (60 * SECOND_NS);
        int r = 0;

        if (ns > 0 && ns < SECOND_NS / 1000)
                return add_fraction(text, ns, SECOND_NS / 1000000, "\302\265s");
        if (ns > 0 && ns < SECOND_NS)
                return add_fraction(text, ns, SECOND_NS / 1000, "ms");
        if (minutes >= 60)
                r = buf_appendf(text, "%" PRIu64 "h", minutes / 60);
        if (r == 0 && minutes > 0)
                r = buf_appendf(text, "%" PRIu64 "m", minutes % 60);
        return r < 0 ? r : add_fraction(text, ns % (60 * SECOND_NS), SECOND_NS, "s");
}

static int add_quoted(struct buf *text, const char *word)
{
        static const char special[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
        int r = buf_append_char(text, '"');

        for (; r == 0 && *word; word++) {
                const char *found = strchr(special, *word);

                if (found)
                        r = buf_appendf(text, "\\%c", letters[found - special]);
                else if ((unsigned char)*word < ' ' || *word == 0x7f)
                        r = buf_appendf(text, "\\x%02x", (unsigned)*word);
                else
                        r = buf_append_char(text, *word);
        }
        return r < 0 ? r : buf_append_char(text, '"');
}

static int add_list(struct buf *text, const char *const *items, size_t count, bool quoted)
{
        int r = buf_append_char(text, '[');

        for (size_t i = 0; r == 0 && i < count; i++) {
                if (i > 0)
                        r = buf_append_char(text, ' ');
                if (r == 0)
                        r = quoted ? add_quoted(text, items[i]) : buf_append_str(text, items[i]);
        }
        return r < 0 ? r : buf_append_char(text, ']');
}

static int add_strv(struct buf *text, const struct strv *list, bool quoted)
{
        return add_list(text, (const char *const *)list->items, list->count, quoted);
}

/* ---- instructions that only change the config ---- */

static int add_pairs(struct buf *text, const struct key_values *pairs)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < pairs->count; i++)
                r = buf_appendf(text, " %s=%s", pairs->items[i].key, pairs->items[i].value);
        return r;
}

/* With the values that they came to. */
static int add_args(const struct worker *worker, struct buf *text, const struct key_values *pairs)
{
        const struct strv *given = worker->options->args;
        int r = 0;

        for (size_t i = 0; r == 0 && i < pairs->count; i++) {
                const char *key = pairs->items[i].key;
                bool has_value = pairs->items[i].value || (given && strv_env_get(given, key)) ||
                                 strv_env_get(&worker->plan->globals, key);
                const char *value = has_value ? strv_env_get(&worker->state.args, key) : NULL;

                r = buf_appendf(text, value ? " %s=%s" : " %s%s", key, value ? value : "");
        }
        return r;
}

static int add_ports(struct buf *text, const struct words *words)
{
        _cleanup_(strv_done) struct strv ports = STRV_INIT;
        struct error ignored = ERROR_INIT; /* they were read before */
        int r = config_list_ports(words, &ports, &ignored);

        return r < 0 ? r : add_strv(text, &ports, false);
}

static int add_healthcheck(struct buf *text, const struct healthcheck *check)
{
        const struct {
                const char *name;
                int64_t ns;
        } times[] = { { "Interval", check->interval_ns },
                      { "Timeout", check->timeout_ns },
                      { "StartPeriod", check->start_period_ns },
                      { "StartInterval", check->start_interval_ns } };
        int r = buf_append_str(text, " {Test:");

        if (r == 0)
                r = add_strv(text, &check->test, false);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(times); i++) {
                r = buf_appendf(text, " %s:", times[i].name);
                if (r == 0)
                        r = add_duration(text, times[i].ns);
        }
        return r < 0 ? r : buf_appendf(text, " Retries:%d}", (int)check->retries);
}

static int add_what(const struct worker *worker, struct buf *text)
{
        const struct instruction *instruction = worker->instruction;
        const struct image_config *config = &worker->state.config;

        switch (instruction->type) {
        case INSTRUCTION_ARG:
                return add_args(worker, text, &instruction->pairs);
        case INSTRUCTION_ENV:
        case INSTRUCTION_LABEL:
                return add_pairs(text, &instruction->pairs);
        case INSTRUCTION_EXPOSE:
                return buf_append_char(text, ' ') < 0 ? -ENOMEM
                                                      : add_ports(text, &instruction->words);
        case INSTRUCTION_HEALTHCHECK:
                return add_healthcheck(text, config->healthcheck);
        case INSTRUCTION_CMD:
                return buf_append_char(text, ' ') < 0 ? -ENOMEM
                                                      : add_strv(text, &config->cmd, true);
        case INSTRUCTION_ENTRYPOINT:
                return buf_append_char(text, ' ') < 0 ? -ENOMEM
                                                      : add_strv(text, &config->entrypoint, true);
        case INSTRUCTION_SHELL:
        case INSTRUCTION_VOLUME:
                return buf_append_char(text, ' ') < 0 ? -ENOMEM
                                                      : add_list(text, instruction->words.items,
                                                                 instruction->words.count, false);
        case INSTRUCTION_MAINTAINER:
        case INSTRUCTION_STOPSIGNAL:
        case INSTRUCTION_USER:
                return buf_appendf(text, " %s", instruction->value);
        case INSTRUCTION_ADD:
        case INSTRUCTION_COPY:
        case INSTRUCTION_FROM:
        case INSTRUCTION_ONBUILD:
        case INSTRUCTION_RUN:
        case INSTRUCTION_WORKDIR:
                break;
        }
        return 0;
}

int worker_add_config_history(struct worker *worker, struct error *err)
{
        _cleanup_(buf_done) struct buf text = BUF_INIT;

        /* What it triggers will say it. */
        if (worker->instruction->type == INSTRUCTION_ONBUILD)
                return 0;
        if (buf_append_str(&text, instruction_name(worker->instruction->type)) < 0 ||
            add_what(worker, &text) < 0)
                return error_set_oom(err);
        return worker_add_history(worker, true, err, "%s", buf_str(&text));
}

/* ---- those that change files ---- */

int worker_add_run_history(struct worker *worker, const struct strv *argv, bool empty,
                           struct error *err)
{
        const struct stage_result *state = &worker->state;
        _cleanup_(buf_done) struct buf text = BUF_INIT;
        int r = buf_append_str(&text, "RUN");

        if (r == 0 && state->arg_names.count > 0)
                r = buf_appendf(&text, " |%zu", state->arg_names.count);
        for (size_t i = 0; r == 0 && i < state->arg_names.count; i++) {
                const char *name = state->arg_names.items[i];
                const char *value = strv_env_get(&state->args, name);

                if (!value)
                        value = strv_env_get(&state->config.env, name);
                r = buf_appendf(&text, " %s=%s", name, value ? value : "");
        }
        for (size_t i = 0; r == 0 && i < argv->count; i++)
                r = buf_appendf(&text, " %s", argv->items[i]);
        if (r == 0)
                r = buf_append_str(&text, " # varve");
        return r < 0 ? error_set_oom(err)
                     : worker_add_history(worker, empty, err, "%s", buf_str(&text));
}

int worker_add_copy_history(struct worker *worker, bool empty, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        _cleanup_(buf_done) struct buf text = BUF_INIT;
        int r = buf_append_str(&text, instruction_name(worker->instruction->type));

        if (r == 0 && copy->parents)
                r = buf_append_str(&text, " --parents");
        if (r == 0 && copy->chown)
                r = buf_appendf(&text, " --chown=%s", copy->chown);
        if (r == 0 && copy->chmod)
                r = buf_appendf(&text, " --chmod=%s", copy->chmod);
        for (size_t i = 0; r == 0 && i < copy->sources.count; i++)
                r = buf_appendf(&text, " %s", copy->sources.items[i]);
        for (size_t i = 0; r == 0 && i < copy->file_count; i++)
                r = buf_appendf(&text, " <<%s", copy->files[i].name);
        if (r == 0)
                r = buf_appendf(&text, " %s # varve", copy->destination);
        return r < 0 ? error_set_oom(err)
                     : worker_add_history(worker, empty, err, "%s", buf_str(&text));
}
