#include "oci/config.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void healthcheck_free(struct healthcheck *healthcheck)
{
        if (!healthcheck)
                return;
        strv_done(&healthcheck->test);
        free(healthcheck);
}

static void history_done(struct image_history *entry)
{
        free(entry->created_by);
        free(entry->author);
        free(entry->comment);
}

void image_config_done(struct image_config *config)
{
        free(config->author);
        platform_done(&config->platform);
        free(config->user);
        strv_done(&config->exposed_ports);
        strv_done(&config->env);
        strv_done(&config->entrypoint);
        strv_done(&config->cmd);
        strv_done(&config->volumes);
        free(config->working_dir);
        strmap_done(&config->labels);
        free(config->stop_signal);
        healthcheck_free(config->healthcheck);
        strv_done(&config->on_build);
        strv_done(&config->shell);
        free(config->diff_ids);
        for (size_t i = 0; i < config->history_count; i++)
                history_done(&config->history[i]);
        free(config->history);
        json_decref(config->other);
        json_decref(config->other_config);
        *config = IMAGE_CONFIG_INIT;
}

int image_config_set(char **member, const char *text)
{
        char *copy = NULL;

        if (text && text[0] != '\0') {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        free(*member);
        *member = copy;
        return 0;
}

int image_config_add_to_set(struct strv *set, const char *text)
{
        return strv_contains(set, text) ? 0 : strv_add(set, text);
}

int image_config_add_diff_id(struct image_config *config, const struct digest *diff_id)
{
        struct digest *ids =
                reallocarray(config->diff_ids, config->diff_id_count + 1, sizeof(*ids));

        if (!ids)
                return -ENOMEM;
        ids[config->diff_id_count++] = *diff_id;
        config->diff_ids = ids;
        return 0;
}

int image_config_add_history(struct image_config *config, const struct image_history *entry)
{
        struct image_history copy = *entry, *history;

        copy.created_by = copy.author = copy.comment = NULL;
        history = reallocarray(config->history, config->history_count + 1, sizeof(*history));
        if (history)
                config->history = history;
        if (!history || image_config_set(&copy.created_by, entry->created_by) < 0 ||
            image_config_set(&copy.author, entry->author) < 0 ||
            image_config_set(&copy.comment, entry->comment) < 0) {
                history_done(&copy);
                return -ENOMEM;
        }
        history[config->history_count++] = copy;
        return 0;
}

static int copy_healthcheck(const struct healthcheck *from, struct healthcheck **ret)
{
        struct healthcheck *copy = malloc(sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        *copy = *from;
        copy->test = STRV_INIT;
        if (strv_extend(&copy->test, &from->test) < 0) {
                healthcheck_free(copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static int copy_strings(const struct image_config *from, struct image_config *copy)
{
        if (image_config_set(&copy->author, from->author) < 0 ||
            platform_copy(&from->platform, &copy->platform) < 0 ||
            image_config_set(&copy->user, from->user) < 0 ||
            strv_extend(&copy->exposed_ports, &from->exposed_ports) < 0 ||
            strv_extend(&copy->env, &from->env) < 0 ||
            strv_extend(&copy->entrypoint, &from->entrypoint) < 0 ||
            strv_extend(&copy->cmd, &from->cmd) < 0 ||
            strv_extend(&copy->volumes, &from->volumes) < 0 ||
            image_config_set(&copy->working_dir, from->working_dir) < 0 ||
            strmap_extend(&copy->labels, &from->labels) < 0 ||
            image_config_set(&copy->stop_signal, from->stop_signal) < 0 ||
            strv_extend(&copy->on_build, &from->on_build) < 0 ||
            strv_extend(&copy->shell, &from->shell) < 0)
                return -ENOMEM;
        return 0;
}

int image_config_copy(const struct image_config *from, struct image_config *ret)
{
        _cleanup_(image_config_done) struct image_config copy = IMAGE_CONFIG_INIT;

        copy.has_created = from->has_created;
        copy.created = from->created;
        copy.args_escaped = from->args_escaped;
        if (copy_strings(from, &copy) < 0 ||
            (from->healthcheck && copy_healthcheck(from->healthcheck, &copy.healthcheck) < 0))
                return -ENOMEM;
        for (size_t i = 0; i < from->diff_id_count; i++) {
                if (image_config_add_diff_id(&copy, &from->diff_ids[i]) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < from->history_count; i++) {
                if (image_config_add_history(&copy, &from->history[i]) < 0)
                        return -ENOMEM;
        }
        copy.other = json_deep_copy(from->other);
        copy.other_config = json_deep_copy(from->other_config);
        if ((from->other && !copy.other) || (from->other_config && !copy.other_config))
                return -ENOMEM;
        *ret = copy;
        copy = IMAGE_CONFIG_INIT;
        return 0;
}
