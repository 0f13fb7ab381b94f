#include "flags.h"
#include "heredoc.h"
#include "mount.h"
#include "parser.h"

#include "base/cleanup.h"
#include "dockerfile/value.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

/* The command of an instruction: the JSON array, or the text as one string. */
static int command_read(struct parser *parser, bool exec_form, const struct words *items,
                        struct slice text, struct command_line *ret, struct error *err)
{
        size_t cap = 0;

        ret->exec_form = exec_form;
        if (exec_form) {
                ret->argv = *items;
                return 0;
        }
        return words_add(parser->arena, &ret->argv, &cap,
                         arena_strndup(parser->arena, text.text, text.len), err);
}

int parse_command(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                  struct error *err)
{
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        return command_read(parser, arguments->exec_form, &arguments->items, arguments->text,
                            &ret->command, err);
}

int parse_shell(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err)
{
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        if (!arguments->exec_form || arguments->items.count == 0) {
                parser_fail(parser, arguments->text.text, err,
                            "SHELL takes a JSON array of one string or more");
                return error_hint(err, "write it as SHELL [\"/bin/sh\", \"-c\"]");
        }
        ret->words = arguments->items;
        return 0;
}

/* A sole heredoc is the text for the shell, or an executable file where it begins with "#!". */
static int run_take_script(struct parser *parser, const struct heredoc *heredoc,
                           struct instruction_run *run, struct error *err)
{
        const char *text = heredoc->data;
        struct slice first;
        size_t cap = 0;

        if (heredoc->strip_tabs)
                text = heredoc_strip_tabs(parser->arena, text);
        if (!text)
                return error_set_oom(err);
        if (strncmp(text, "#!", 2) == 0) {
                run->script = text;
                run->script_name = heredoc->name;
        }
        first = slice_trim((struct slice){ text, strlen(text) });
        first.len = (size_t)(strchrnul(first.text, '\n') - first.text);
        first = slice_trim(first);
        run->heredoc = arena_strndup(parser->arena, first.text, first.len);
        if (!run->heredoc)
                return error_set_oom(err);
        return words_add(parser->arena, &run->command.argv, &cap, text, err);
}

/* Other heredocs follow the line that asks for them, for the shell to read. */
static int run_append_heredocs(struct parser *parser, const struct arguments *arguments,
                               struct instruction_run *run, struct error *err)
{
        _cleanup_(buf_done) struct buf text = BUF_INIT;
        size_t cap = 0;
        int r;

        r = buf_append(&text, arguments->text.text, arguments->text.len);
        for (size_t i = 0; r == 0 && i < parser->heredoc_count; i++)
                r = buf_appendf(&text, "\n%s%s", parser->heredocs[i].data,
                                parser->heredocs[i].name);
        if (r < 0)
                return error_set_oom(err);
        return words_add(parser->arena, &run->command.argv, &cap,
                         arena_strndup(parser->arena, buf_str(&text), text.len), err);
}

static int run_read_command(struct parser *parser, const struct arguments *arguments,
                            struct instruction_run *run, struct error *err)
{
        struct heredoc sole;
        const char *text;
        int r;

        if (arguments->exec_form && arguments->items.count == 0)
                return parser_fail(parser, arguments->text.text, err, "RUN [] has no command");
        if (parser->heredoc_count == 0)
                return command_read(parser, arguments->exec_form, &arguments->items,
                                    arguments->text, &run->command, err);
        text = arena_strndup(parser->arena, arguments->text.text, arguments->text.len);
        if (!text)
                return error_set_oom(err);
        r = heredoc_parse_word(parser->arena, text, &sole, err);
        if (r < 0)
                return r;
        return r > 0 ? run_take_script(parser, &parser->heredocs[0], run, err)
                     : run_append_heredocs(parser, arguments, run, err);
}

/* Finds the value of a flag among `names`; the first one is the default. Returns its index. */
static int run_choose(struct parser *parser, const struct flag *flag, const char *const *names,
                      size_t count, struct error *err)
{
        for (size_t i = 0; i < count; i++)
                if (!flag->value || strcmp(flag->value, names[i]) == 0)
                        return (int)i;
        return parser_fail(parser, flag->source, err, "--%s cannot be \"%.100s\"", flag->name,
                           flag->value);
}

static int run_read_lists(struct parser *parser, const struct flag *mounts,
                          const struct flag *devices, struct instruction_run *run,
                          struct error *err)
{
        int r;

        run->mounts = arena_alloc_array(parser->arena, mounts->values.count, sizeof(*run->mounts));
        run->devices =
                arena_alloc_array(parser->arena, devices->values.count, sizeof(*run->devices));
        if (!run->mounts || !run->devices)
                return error_set_oom(err);
        run->mount_count = mounts->values.count;
        run->device_count = devices->values.count;
        for (size_t i = 0; i < run->mount_count; i++) {
                const char *text = mounts->values.items[i];

                r = mount_read(parser->arena, text, parser->lexer.escape, &run->mounts[i], err);
                if (r < 0)
                        return parser_blame(parser, text, mounts->source, r);
        }
        for (size_t i = 0; i < run->device_count; i++) {
                const char *text = devices->values.items[i];

                r = device_read(parser->arena, text, &run->devices[i], err);
                if (r < 0)
                        return parser_blame(parser, text, devices->source, r);
        }
        return 0;
}

int parse_run(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err)
{
        static const char *const networks[] = { "default", "none", "host" };
        static const char *const securities[] = { "sandbox", "insecure" };
        struct flag flags[] = {
                { .name = "mount", .kind = FLAG_LIST },
                { .name = "device", .kind = FLAG_LIST },
                { .name = "network", .kind = FLAG_TEXT },
                { .name = "security", .kind = FLAG_TEXT },
        };
        struct instruction_run *run = &ret->run;
        int r;

        r = flags_read(parser, arguments, flags, ARRAY_SIZE(flags), err);
        if (r < 0)
                return r;
        r = run_read_lists(parser, &flags[0], &flags[1], run, err);
        if (r < 0)
                return r;
        r = run_choose(parser, &flags[2], networks, ARRAY_SIZE(networks), err);
        if (r < 0)
                return r;
        run->network = (enum run_network)r;
        r = run_choose(parser, &flags[3], securities, ARRAY_SIZE(securities), err);
        if (r < 0)
                return r;
        run->security = (enum run_security)r;
        return run_read_command(parser, arguments, run, err);
}

static int healthcheck_read_interval(struct parser *parser, const struct flag *flag, int64_t *ret,
                                     struct error *err)
{
        if (!flag->value || !*flag->value)
                return 0;
        if (value_parse_duration(flag->value, ret) < 0) {
                parser_fail(parser, flag->source, err, "--%s=%.100s is no duration", flag->name,
                            flag->value);
                return error_hint(err, "durations are written as 30s, 1m30s or 500ms");
        }
        if (*ret != 0 && *ret < 1000000)
                return parser_fail(parser, flag->source, err, "--%s cannot be less than 1ms",
                                   flag->name);
        return 0;
}

static int healthcheck_read_flags(struct parser *parser, const struct arguments *arguments,
                                  struct instruction_healthcheck *health, struct error *err)
{
        struct flag flags[] = {
                { .name = "interval", .kind = FLAG_TEXT },
                { .name = "timeout", .kind = FLAG_TEXT },
                { .name = "start-period", .kind = FLAG_TEXT },
                { .name = "start-interval", .kind = FLAG_TEXT },
                { .name = "retries", .kind = FLAG_TEXT },
        };
        int64_t *durations[] = {
                &health->interval_ns,
                &health->timeout_ns,
                &health->start_period_ns,
                &health->start_interval_ns,
        };
        const struct flag *retries = &flags[4];
        uint64_t number = 0;
        int r;

        r = flags_read(parser, arguments, flags, ARRAY_SIZE(flags), err);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(durations); i++)
                r = healthcheck_read_interval(parser, &flags[i], durations[i], err);
        if (r < 0)
                return r;
        if (retries->value && *retries->value &&
            value_parse_number(retries->value, 10, INT_MAX, &number) < 0)
                return parser_fail(parser, retries->source, err,
                                   "--retries=%.100s is no number of 0 or more", retries->value);
        health->retries = (int)number;
        return 0;
}

int parse_healthcheck(struct parser *parser, const struct arguments *arguments,
                      struct instruction *ret, struct error *err)
{
        struct instruction_healthcheck *health = &ret->healthcheck;
        struct slice kind = arguments->text, rest;
        struct words items;
        int r;

        if (kind.len == 0)
                return parser_fail(parser, NULL, err, "HEALTHCHECK needs CMD or NONE");
        r = healthcheck_read_flags(parser, arguments, health, err);
        if (r < 0)
                return r;
        kind.len = 0;
        while (kind.len < arguments->text.len && !text_is_blank(kind.text[kind.len]))
                kind.len++;
        rest = slice_trim((struct slice){ kind.text + kind.len, arguments->text.len - kind.len });
        if (kind.len == 4 && strncasecmp(kind.text, "NONE", 4) == 0) {
                if (rest.len > 0)
                        return parser_fail(parser, rest.text, err,
                                           "HEALTHCHECK NONE takes no arguments");
                *health = (struct instruction_healthcheck){ .none = true };
                return 0;
        }
        if (kind.len != 3 || strncasecmp(kind.text, "CMD", 3) != 0)
                return parser_fail(parser, kind.text, err,
                                   "HEALTHCHECK takes CMD or NONE, not \"%.*s\"",
                                   (int)(kind.len < 100 ? kind.len : 100), kind.text);
        r = words_parse_json(parser->arena, rest, &items, err);
        if (r < 0)
                return r;
        if (rest.len == 0 || (r > 0 && items.count == 0))
                return parser_fail(parser, NULL, err, "HEALTHCHECK CMD needs a command");
        return command_read(parser, r > 0, &items, rest, &health->command, err);
}
