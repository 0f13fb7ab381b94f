/*
 * Instructions that only change the config.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/utf8.h"
#include "dockerfile/value.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Known without being declared; in a RUN's environment, but neither in history nor in its key. */
static const char *const proxy_args[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                          "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy",
                                          "ALL_PROXY",  "all_proxy" };

bool worker_is_proxy_arg(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(proxy_args); i++)
                if (strcmp(proxy_args[i], name) == 0)
                        return true;
        return false;
}

const char *worker_workdir(const struct worker *worker)
{
        const char *workdir = worker->state.config.working_dir;

        return workdir && *workdir ? workdir : "/";
}

int worker_environment(const struct worker *worker, struct strv *ret, struct error *err)
{
        int r = strv_extend(ret, &worker->state.config.env);

        for (size_t i = 0; i < worker->state.args.count && r == 0; i++) {
                const char *item = worker->state.args.items[i];
                _cleanup_free_ char *name = strndup(item, strcspn(item, "="));

                if (!name)
                        r = -ENOMEM;
                else if (!strv_env_get(ret, name))
                        r = strv_add(ret, item);
        }
        for (size_t i = 0; i < ARRAY_SIZE(proxy_args) && r == 0 && worker->options->args; i++) {
                const char *value = strv_env_get(worker->options->args, proxy_args[i]);

                if (value && !strv_env_get(ret, proxy_args[i]))
                        r = strv_env_set(ret, proxy_args[i], value);
        }
        return r < 0 ? error_set_oom(err) : 0;
}

/* ---- instruction by instruction: each returns 0 or -ENOMEM, or sets the error itself ---- */

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

static int set_env(struct worker *worker, const struct key_values *pairs, struct error *err)
{
        int r = check_pairs(pairs, err);

        for (size_t i = 0; i < pairs->count && r == 0; i++)
                r = strv_env_set(&worker->state.config.env, pairs->items[i].key,
                                 pairs->items[i].value);
        return r;
}

static int set_labels(struct worker *worker, const struct key_values *pairs, struct error *err)
{
        int r = check_pairs(pairs, err);

        for (size_t i = 0; i < pairs->count && r == 0; i++)
                r = strmap_set(&worker->state.config.labels, pairs->items[i].key,
                               pairs->items[i].value);
        return r;
}

/* ARG's values see those before them, in the same instruction too. */
static int set_args(struct worker *worker, const struct key_values *pairs, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < pairs->count && r == 0; i++) {
                const struct key_value *pair = &pairs->items[i];
                const char *given = worker->options->args
                                            ? strv_env_get(worker->options->args, pair->key)
                                            : NULL;
                struct strv seen = STRV_INIT;
                struct expander expander = { .escape = worker->plan->file->escape,
                                             .lookup = expand_lookup_strv,
                                             .variables = &seen };
                struct buf value = BUF_INIT;

                if (!given && !pair->value)
                        given = strv_env_get(&worker->plan->globals, pair->key);
                if (!given && pair->value) {
                        r = worker_environment(worker, &seen, err);
                        if (r == 0)
                                r = expand_word(&expander, pair->value, &value, err);
                }
                if (r == 0 && (given || pair->value) &&
                    strv_env_set(&worker->state.args, pair->key, given ? given : buf_str(&value)) <
                            0)
                        r = error_set_oom(err);
                if (r == 0 && !strv_contains(&worker->state.arg_names, pair->key) &&
                    strv_add(&worker->state.arg_names, pair->key) < 0)
                        r = error_set_oom(err);
                buf_done(&value);
                strv_done(&seen);
        }
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
static int set_command(struct worker *worker, const struct command_line *command, struct strv *list)
{
        const struct strv *shell = &worker->state.config.shell;
        int r = 0;

        if (command->exec_form)
                return set_words(list, &command->argv);
        strv_done(list);
        if (command->argv.count == 0)
                return 0;
        if (shell->count > 0)
                r = strv_extend(list, shell);
        else if (strv_add(list, "/bin/sh") < 0 || strv_add(list, "-c") < 0)
                r = -ENOMEM;
        return r < 0 ? r : strv_add(list, command->argv.items[0]);
}

static int set_entrypoint(struct worker *worker, const struct command_line *command)
{
        /* An inherited CMD was meant for another entrypoint. */
        if (!worker->cmd_given)
                strv_done(&worker->state.config.cmd);
        return set_command(worker, command, &worker->state.config.entrypoint);
}

static int set_volumes(struct worker *worker, const struct words *words)
{
        int r = 0;

        for (size_t i = 0; i < words->count && r == 0; i++)
                r = image_config_add_to_set(&worker->state.config.volumes, words->items[i]);
        return r;
}

int worker_list_ports(const struct words *words, struct strv *ret, struct error *err)
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

static int set_ports(struct worker *worker, const struct words *words, struct error *err)
{
        _cleanup_(strv_done) struct strv ports = STRV_INIT;
        int r = worker_list_ports(words, &ports, err);

        for (size_t i = 0; i < ports.count && r == 0; i++)
                if (image_config_add_to_set(&worker->state.config.exposed_ports, ports.items[i]) <
                    0)
                        r = error_set_oom(err);
        return r;
}

static int set_healthcheck(struct worker *worker, const struct instruction_healthcheck *from)
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
        healthcheck_free(worker->state.config.healthcheck);
        worker->state.config.healthcheck = check;
        return 0;
}

static int configure(struct worker *worker, struct error *err)
{
        const struct instruction *instruction = worker->instruction;
        struct image_config *config = &worker->state.config;

        switch (instruction->type) {
        case INSTRUCTION_ENV:
                return set_env(worker, &instruction->pairs, err);
        case INSTRUCTION_LABEL:
                return set_labels(worker, &instruction->pairs, err);
        case INSTRUCTION_ARG:
                return set_args(worker, &instruction->pairs, err);
        case INSTRUCTION_CMD:
                worker->cmd_given = true;
                return set_command(worker, &instruction->command, &config->cmd);
        case INSTRUCTION_ENTRYPOINT:
                return set_entrypoint(worker, &instruction->command);
        case INSTRUCTION_EXPOSE:
                return set_ports(worker, &instruction->words, err);
        case INSTRUCTION_HEALTHCHECK:
                return set_healthcheck(worker, &instruction->healthcheck);
        case INSTRUCTION_MAINTAINER:
                return image_config_set(&config->author, instruction->value);
        case INSTRUCTION_ONBUILD:
                return strv_add(&config->on_build, instruction->onbuild.expression);
        case INSTRUCTION_SHELL:
                worker->state.shell_given = true;
                return set_words(&config->shell, &instruction->words);
        case INSTRUCTION_STOPSIGNAL:
                return image_config_set(&config->stop_signal, instruction->value);
        case INSTRUCTION_USER:
                return image_config_set(&config->user, instruction->value);
        case INSTRUCTION_VOLUME:
                return set_volumes(worker, &instruction->words);
        case INSTRUCTION_ADD:
        case INSTRUCTION_COPY:
        case INSTRUCTION_FROM:
        case INSTRUCTION_RUN:
        case INSTRUCTION_WORKDIR:
                break;
        }
        return error_set(err, -EINVAL, "%s changes more than the config",
                         instruction_name(instruction->type));
}

int worker_configure(struct worker *worker, struct error *err)
{
        int r = configure(worker, err);

        if (r < 0)
                return error_is_set(err) ? r : error_set_oom(err);
        return worker_add_config_history(worker, err);
}
