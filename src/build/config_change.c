/*
 * What instructions make of an image's config.
 */
#include "build/config_change.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/utf8.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/expand.h"
#include "dockerfile/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Names and values as they are once variables are expanded. */
static int check_pairs(const struct key_values *pairs, struct error *err)
{
        for (size_t i = 0; i < pairs->count; i++) {
                const struct key_value *pair = &pairs->items[i];

                if (*pair->key == '\0')
                        return error_set(err, -EINVAL, "the name of \"%.200s\" is empty",
                                         pair->value);
                if (!utf8_is_valid(pair->key) || !utf8_is_valid(pair->value))
                        return error_set(err, -EINVAL,
                                         "%.200s is not UTF-8, as all that an image's config holds "
                                         "has to be",
                                         pair->key);
        }
        return 0;
}

static int set_env(struct image_config *config, const struct key_values *pairs, struct error *err)
{
        int r = check_pairs(pairs, err);

        for (size_t i = 0; i < pairs->count && r == 0; i++)
                r = strv_env_set(&config->env, pairs->items[i].key, pairs->items[i].value);
        return r;
}

static int set_labels(struct image_config *config, const struct key_values *pairs,
                      struct error *err)
{
        int r = check_pairs(pairs, err);

        for (size_t i = 0; i < pairs->count && r == 0; i++)
                r = strmap_set(&config->labels, pairs->items[i].key, pairs->items[i].value);
        return r;
}

static int set_words(struct strv *list, const struct words *words)
{
        int r = 0;

        strv_done(list);
        for (size_t i = 0; i < words->count && r == 0; i++)
                r = strv_add(list, words->items[i]);
        return r;
}

/* The shell form goes to the shell. */
static int set_command(struct image_config *config, const struct command_line *command,
                       struct strv *list)
{
        const struct strv *shell = &config->shell;
        int r = 0;

        if (command->exec_form)
                return set_words(list, &command->argv);
        strv_done(list);
        if (shell->count > 0)
                r = strv_extend(list, shell);
        else if (strv_add(list, "/bin/sh") < 0 || strv_add(list, "-c") < 0)
                r = -ENOMEM;
        return r < 0 ? r : strv_add(list, command->argv.items[0]);
}

static int set_entrypoint(struct image_config *config, const struct command_line *command,
                          bool keeps_cmd)
{
        /* An inherited CMD was meant for another entrypoint. */
        if (!keeps_cmd)
                strv_done(&config->cmd);
        return set_command(config, command, &config->entrypoint);
}

static int set_volumes(struct image_config *config, const struct words *words)
{
        int r = 0;

        for (size_t i = 0; i < words->count && r == 0; i++)
                r = image_config_add_to_set(&config->volumes, words->items[i]);
        return r;
}

int config_list_ports(const struct words *words, struct strv *ret, struct error *err)
{
        for (size_t i = 0; i < words->count; i++) {
                struct port_range range;
                int r = value_parse_port(words->items[i], &range, err);

                for (unsigned port = range.first; r == 0 && port <= range.last; port++)
                        if (strv_addf(ret, "%u/%s", port, range.protocol) < 0)
                                r = error_set_oom(err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_ports(struct image_config *config, const struct words *words, struct error *err)
{
        _cleanup_(strv_done) struct strv ports = STRV_INIT;
        int r = config_list_ports(words, &ports, err);

        for (size_t i = 0; i < ports.count && r == 0; i++)
                if (image_config_add_to_set(&config->exposed_ports, ports.items[i]) < 0)
                        r = error_set_oom(err);
        return r;
}

static int set_healthcheck(struct image_config *config, const struct instruction_healthcheck *from)
{
        struct healthcheck *check = calloc(1, sizeof(*check));
        int r;

        if (!check)
                return -ENOMEM;
        if (from->none) {
                r = strv_add(&check->test, "NONE");
        } else {
                r = strv_add(&check->test, from->command.exec_form ? "CMD" : "CMD-SHELL");
                for (size_t i = 0; i < from->command.argv.count && r == 0; i++)
                        r = strv_add(&check->test, from->command.argv.items[i]);
                check->interval_ns = from->interval_ns;
                check->timeout_ns = from->timeout_ns;
                check->start_period_ns = from->start_period_ns;
                check->start_interval_ns = from->start_interval_ns;
                check->retries = from->retries;
        }
        if (r < 0) {
                healthcheck_free(check);
                return r;
        }
        healthcheck_free(config->healthcheck);
        config->healthcheck = check;
        return 0;
}

static int change(struct image_config *config, const struct instruction *instruction,
                  bool keeps_cmd, struct error *err)
{
        switch (instruction->type) {
        case INSTRUCTION_ENV:
                return set_env(config, &instruction->pairs, err);
        case INSTRUCTION_LABEL:
                return set_labels(config, &instruction->pairs, err);
        case INSTRUCTION_CMD:
                return set_command(config, &instruction->command, &config->cmd);
        case INSTRUCTION_ENTRYPOINT:
                return set_entrypoint(config, &instruction->command, keeps_cmd);
        case INSTRUCTION_EXPOSE:
                return set_ports(config, &instruction->words, err);
        case INSTRUCTION_HEALTHCHECK:
                return set_healthcheck(config, &instruction->healthcheck);
        case INSTRUCTION_MAINTAINER:
                return image_config_set(&config->author, instruction->value);
        case INSTRUCTION_ONBUILD:
                return strv_add(&config->on_build, instruction->onbuild.expression);
        case INSTRUCTION_SHELL:
                return set_words(&config->shell, &instruction->words);
        case INSTRUCTION_STOPSIGNAL:
                return image_config_set(&config->stop_signal, instruction->value);
        case INSTRUCTION_USER:
                return image_config_set(&config->user, instruction->value);
        case INSTRUCTION_VOLUME:
                return set_volumes(config, &instruction->words);
        case INSTRUCTION_ADD:
        case INSTRUCTION_ARG:
        case INSTRUCTION_COPY:
        case INSTRUCTION_FROM:
        case INSTRUCTION_RUN:
        case INSTRUCTION_WORKDIR:
                break;
        }
        return error_set(err, -EINVAL, "%s changes more than the config",
                         instruction_name(instruction->type));
}

int config_change(struct image_config *config, const struct instruction *instruction,
                  bool keeps_cmd, struct error *err)
{
        int r = change(config, instruction, keeps_cmd, err);

        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

/* Of an image nothing else is there than its config, so that a working directory is a path alone.
 */
static int change_by(struct image_config *config, const struct instruction *instruction,
                     struct error *err)
{
        const char *from = config->working_dir ? config->working_dir : "/";
        _cleanup_free_ char *workdir = NULL;

        if (instruction->type != INSTRUCTION_WORKDIR)
                return config_change(config, instruction, true, err);
        workdir = path_resolve(from, instruction->value);
        return workdir && image_config_set(&config->working_dir, workdir) == 0 ? 0
                                                                               : error_set_oom(err);
}

int config_change_by_text(struct image_config *config, const char *text, struct error *err)
{
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &config->env };
        struct source_position ignored;
        struct arena arena = ARENA_INIT;
        struct instruction *expanded;
        struct dockerfile *file;
        int r = dockerfile_parse_trigger(text, &file, err);

        if (r == 0) {
                r = instruction_expand(file->instructions, &expander, &arena, &expanded, &ignored,
                                       err);
                if (r == 0)
                        r = change_by(config, expanded, err);
                dockerfile_free(file);
        }
        arena_done(&arena);
        return r < 0 ? error_wrap(err, "%.200s", text) : 0;
}
