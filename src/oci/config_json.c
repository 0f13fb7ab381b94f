#include "base/cleanup.h"
#include "oci/config.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "platform_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Members that have a place in struct image_config, of the document and of its "config". */
static const char *const document_members[] = {
        "architecture", "author",      "config",     "created", "history",
        "os",           "os.features", "os.version", "rootfs",  "variant",
};
static const char *const config_members[] = {
        "User",   "ExposedPorts", "Env",         "Entrypoint",  "Cmd",     "Volumes", "WorkingDir",
        "Labels", "StopSignal",   "ArgsEscaped", "Healthcheck", "OnBuild", "Shell",
};

DEFINE_CLEANUP(healthcheck, struct healthcheck, healthcheck_free)

/* Makes a new object of the members that are not in `known`; NULL where there are none. */
static int keep_others(json_t *object, const char *const *known, size_t known_count, json_t **ret,
                       struct error *err)
{
        _cleanup_json_ json_t *others = json_object();
        const char *name;
        json_t *value;

        if (!others)
                return error_set_oom(err);
        json_object_foreach(object, name, value)
        {
                bool is_known = false;

                for (size_t i = 0; i < known_count; i++)
                        is_known |= strcmp(name, known[i]) == 0;
                if (!is_known && json_object_set(others, name, value) < 0)
                        return error_set_oom(err);
        }
        *ret = json_object_size(others) > 0 ? TAKE_PTR(others) : NULL;
        return 0;
}

static int read_healthcheck(const json_t *config, struct healthcheck **ret, struct error *err)
{
        _cleanup_(cleanup_healthcheck) struct healthcheck *check = NULL;
        json_t *object;
        int r;

        r = json_get_object(config, "Healthcheck", &object, err);
        if (r < 0 || !object)
                return r;
        check = calloc(1, sizeof(*check));
        if (!check)
                return error_set_oom(err);
        if ((r = json_get_strv(object, "Test", &check->test, err)) < 0 ||
            (r = json_get_integer(object, "Interval", &check->interval_ns, err)) < 0 ||
            (r = json_get_integer(object, "Timeout", &check->timeout_ns, err)) < 0 ||
            (r = json_get_integer(object, "StartPeriod", &check->start_period_ns, err)) < 0 ||
            (r = json_get_integer(object, "StartInterval", &check->start_interval_ns, err)) < 0 ||
            (r = json_get_integer(object, "Retries", &check->retries, err)) < 0)
                return error_wrap(err, "\"Healthcheck\"");
        *ret = TAKE_PTR(check);
        return 0;
}

static int read_config(const json_t *document, struct image_config *config, struct error *err)
{
        json_t *object;
        int r;

        r = json_get_object(document, "config", &object, err);
        if (r < 0 || !object)
                return r;
        if ((r = json_get_string_copy(object, "User", &config->user, err)) < 0 ||
            (r = json_get_set(object, "ExposedPorts", &config->exposed_ports, err)) < 0 ||
            (r = json_get_strv(object, "Env", &config->env, err)) < 0 ||
            (r = json_get_strv(object, "Entrypoint", &config->entrypoint, err)) < 0 ||
            (r = json_get_strv(object, "Cmd", &config->cmd, err)) < 0 ||
            (r = json_get_set(object, "Volumes", &config->volumes, err)) < 0 ||
            (r = json_get_string_copy(object, "WorkingDir", &config->working_dir, err)) < 0 ||
            (r = json_get_strmap(object, "Labels", &config->labels, err)) < 0 ||
            (r = json_get_string_copy(object, "StopSignal", &config->stop_signal, err)) < 0 ||
            (r = json_get_bool(object, "ArgsEscaped", &config->args_escaped, err)) < 0 ||
            (r = read_healthcheck(object, &config->healthcheck, err)) < 0 ||
            (r = json_get_strv(object, "OnBuild", &config->on_build, err)) < 0 ||
            (r = json_get_strv(object, "Shell", &config->shell, err)) < 0)
                return error_wrap(err, "\"config\"");
        return keep_others(object, config_members, ARRAY_SIZE(config_members),
                           &config->other_config, err);
}

static int read_rootfs(const json_t *document, struct image_config *config, struct error *err)
{
        _cleanup_(strv_done) struct strv diff_ids = STRV_INIT;
        const char *type;
        json_t *rootfs;
        int r;

        r = json_get_object(document, "rootfs", &rootfs, err);
        if (r < 0)
                return r;
        if (!rootfs)
                return error_set(err, -EBADMSG, "\"rootfs\" is missing");
        r = json_get_string(rootfs, "type", &type, err);
        if (r < 0)
                return r;
        if (type && strcmp(type, "layers") != 0)
                return error_set(err, -EBADMSG, "the type of \"rootfs\" is not \"layers\"");
        r = json_get_strv(rootfs, "diff_ids", &diff_ids, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < diff_ids.count; i++) {
                struct digest digest;

                if (digest_parse(diff_ids.items[i], &digest, err) < 0)
                        return err->code = -EBADMSG;
                if (image_config_add_diff_id(config, &digest) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

static int read_history_entry(const json_t *object, struct image_config *config, struct error *err)
{
        const char *created_by, *author, *comment;
        struct image_history entry;
        int r;

        if (!json_is_object(object))
                return error_set(err, -EBADMSG, "an item of \"history\" is no object");
        if ((r = json_get_time(object, "created", &entry.has_created, &entry.created, err)) < 0 ||
            (r = json_get_string(object, "created_by", &created_by, err)) < 0 ||
            (r = json_get_string(object, "author", &author, err)) < 0 ||
            (r = json_get_string(object, "comment", &comment, err)) < 0 ||
            (r = json_get_bool(object, "empty_layer", &entry.empty_layer, err)) < 0)
                return error_wrap(err, "\"history\"");
        /* image_config_add_history() copies the strings. */
        entry.created_by = (char *)created_by;
        entry.author = (char *)author;
        entry.comment = (char *)comment;
        return image_config_add_history(config, &entry) < 0 ? error_set_oom(err) : 0;
}

static int read_history(const json_t *document, struct image_config *config, struct error *err)
{
        json_t *array, *item;
        size_t i;
        int r;

        r = json_get_array(document, "history", &array, err);
        if (r < 0)
                return r;
        json_array_foreach(array, i, item)
        {
                r = read_history_entry(item, config, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_document(json_t *document, struct image_config *config, struct error *err)
{
        int r;

        if ((r = json_get_time(document, "created", &config->has_created, &config->created, err)) <
                    0 ||
            (r = json_get_string_copy(document, "author", &config->author, err)) < 0 ||
            (r = platform_read(document, &config->platform, err)) < 0 ||
            (r = read_config(document, config, err)) < 0 ||
            (r = read_rootfs(document, config, err)) < 0 ||
            (r = read_history(document, config, err)) < 0)
                return r;
        return keep_others(document, document_members, ARRAY_SIZE(document_members), &config->other,
                           err);
}

int image_config_parse(const void *data, size_t len, struct image_config *ret, struct error *err)
{
        _cleanup_(image_config_done) struct image_config config = IMAGE_CONFIG_INIT;
        _cleanup_json_ json_t *document = NULL;
        int r;

        if (len > MANIFEST_BYTES_MAX)
                return error_set(err, -EFBIG, "the image config is larger than %d bytes",
                                 MANIFEST_BYTES_MAX);
        r = json_parse_object(data, len, "the image config", &document, err);
        if (r < 0)
                return r;
        r = read_document(document, &config, err);
        if (r < 0)
                return error_wrap(err, "the image config is refused");
        *ret = config;
        config = IMAGE_CONFIG_INIT;
        return 0;
}

static int put_healthcheck(const struct healthcheck *check, json_t *config)
{
        json_t *object;

        if (!check)
                return 0;
        object = json_object();
        if (json_put(config, "Healthcheck", object) < 0 ||
            json_put_strv(object, "Test", &check->test) < 0 ||
            json_put_integer(object, "Interval", check->interval_ns) < 0 ||
            json_put_integer(object, "Timeout", check->timeout_ns) < 0 ||
            json_put_integer(object, "StartPeriod", check->start_period_ns) < 0 ||
            json_put_integer(object, "StartInterval", check->start_interval_ns) < 0 ||
            json_put_integer(object, "Retries", check->retries) < 0)
                return -ENOMEM;
        return 0;
}

static int put_config(const struct image_config *config, json_t *document)
{
        json_t *object = json_object();

        if (json_put(document, "config", object) < 0 ||
            json_put_string(object, "User", config->user) < 0 ||
            json_put_set(object, "ExposedPorts", &config->exposed_ports) < 0 ||
            json_put_strv(object, "Env", &config->env) < 0 ||
            json_put_strv(object, "Entrypoint", &config->entrypoint) < 0 ||
            json_put_strv(object, "Cmd", &config->cmd) < 0 ||
            json_put_set(object, "Volumes", &config->volumes) < 0 ||
            json_put_string(object, "WorkingDir", config->working_dir) < 0 ||
            json_put_strmap(object, "Labels", &config->labels) < 0 ||
            json_put_string(object, "StopSignal", config->stop_signal) < 0 ||
            json_put_true(object, "ArgsEscaped", config->args_escaped) < 0 ||
            put_healthcheck(config->healthcheck, object) < 0 ||
            json_put_strv(object, "OnBuild", &config->on_build) < 0 ||
            json_put_strv(object, "Shell", &config->shell) < 0 ||
            (config->other_config && json_object_update(object, config->other_config) < 0))
                return -ENOMEM;
        return 0;
}

static int put_history(const struct image_config *config, json_t *document)
{
        json_t *array;

        if (config->history_count == 0)
                return 0;
        array = json_array();
        if (json_put(document, "history", array) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < config->history_count; i++) {
                const struct image_history *entry = &config->history[i];
                json_t *object = json_object();

                if (json_append(array, object) < 0 ||
                    (entry->has_created && json_put_time(object, "created", &entry->created) < 0) ||
                    json_put_string(object, "created_by", entry->created_by) < 0 ||
                    json_put_string(object, "author", entry->author) < 0 ||
                    json_put_string(object, "comment", entry->comment) < 0 ||
                    json_put_true(object, "empty_layer", entry->empty_layer) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int put_rootfs(const struct image_config *config, json_t *document)
{
        json_t *rootfs = json_object(), *array;

        if (json_put(document, "rootfs", rootfs) < 0 ||
            json_put(rootfs, "type", json_string("layers")) < 0)
                return -ENOMEM;
        array = json_array();
        if (json_put(rootfs, "diff_ids", array) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < config->diff_id_count; i++) {
                char text[DIGEST_TEXT_MAX];

                digest_format(&config->diff_ids[i], text);
                if (json_append(array, json_string(text)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Makes a new object of the same members, sorted by name. NULL when memory ran out. */
static json_t *sorted_by_name(json_t *object)
{
        _cleanup_(strmap_done) struct strmap names = STRMAP_INIT;
        _cleanup_json_ json_t *sorted = json_object();
        const char *name;
        json_t *value;

        json_object_foreach(object, name, value)
        {
                if (strmap_set(&names, name, "") < 0)
                        return NULL;
        }
        for (size_t i = 0; i < names.count; i++) {
                name = names.items[i].key;
                if (json_put(sorted, name, json_incref(json_object_get(object, name))) < 0)
                        return NULL;
        }
        return TAKE_PTR(sorted);
}

int image_config_write(const struct image_config *config, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *document = json_object(), *sorted = NULL;

        if ((config->has_created && json_put_time(document, "created", &config->created) < 0) ||
            json_put_string(document, "author", config->author) < 0 ||
            platform_write(&config->platform, document) < 0 || put_config(config, document) < 0 ||
            put_rootfs(config, document) < 0 || put_history(config, document) < 0 ||
            (config->other && json_object_update(document, config->other) < 0))
                return error_set_oom(err);
        sorted = sorted_by_name(document);
        return sorted ? json_write(sorted, ret, err) : error_set_oom(err);
}
