/*
 * Instructions that only change the config.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "build/config_change.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Known without being declared; in a RUN's environment, but neither in history nor in its key. Some
 * programs know a name in capitals, some in small letters: a RUN has both. */
static const char *const proxy_args[][2] = { { "HTTP_PROXY", "http_proxy" },
                                             { "HTTPS_PROXY", "https_proxy" },
                                             { "FTP_PROXY", "ftp_proxy" },
                                             { "NO_PROXY", "no_proxy" },
                                             { "ALL_PROXY", "all_proxy" } };

bool worker_is_proxy_arg(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(proxy_args); i++)
                if (strcmp(proxy_args[i][0], name) == 0 || strcmp(proxy_args[i][1], name) == 0)
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

        if (r == 0)
                r = strv_env_merge(ret, &worker->state.args);
        for (size_t i = 0; i < 2 * ARRAY_SIZE(proxy_args) && r == 0 && worker->options->args; i++) {
                const char *const *names = proxy_args[i / 2];
                const char *value = strv_env_get(worker->options->args, names[i % 2]);

                if (!value)
                        value = strv_env_get(worker->options->args, names[1 - i % 2]);
                if (value && !strv_env_get(ret, names[i % 2]))
                        r = strv_env_set(ret, names[i % 2], value);
        }
        return r < 0 ? error_set_oom(err) : 0;
}

/* ---- instruction by instruction: each returns 0 or -ENOMEM, or sets the error itself ---- */

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

static int configure(struct worker *worker, struct error *err)
{
        const struct instruction *instruction = worker->instruction;

        if (instruction->type == INSTRUCTION_ARG)
                return set_args(worker, &instruction->pairs, err);
        worker->cmd_given |= instruction->type == INSTRUCTION_CMD;
        worker->state.shell_given |= instruction->type == INSTRUCTION_SHELL;
        for (size_t i = 0; instruction->type == INSTRUCTION_ENV && i < instruction->pairs.count;
             i++)
                strv_env_unset(&worker->state.args, instruction->pairs.items[i].key);
        return config_change(&worker->state.config, instruction, worker->cmd_given, err);
}

int worker_configure(struct worker *worker, struct error *err)
{
        int r = configure(worker, err);

        if (r < 0)
                return error_is_set(err) ? r : error_set_oom(err);
        return worker_add_config_history(worker, err);
}
