#include "worker.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void stage_result_done(struct stage_result *result)
{
        image_config_done(&result->config);
        layers_done(&result->layers);
        strv_done(&result->args);
        strv_done(&result->arg_names);
        free(result->steps);
}

int stage_result_add_step(struct stage_result *result, const struct step_key *step)
{
        struct step_key *steps =
                reallocarray(result->steps, result->step_count + 1, sizeof(*steps));

        if (!steps)
                return -ENOMEM;
        result->steps = steps;
        steps[result->step_count++] = *step;
        return 0;
}

static int add_steps(const struct step_key *steps, size_t count, struct stage_result *ret)
{
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++)
                r = stage_result_add_step(ret, &steps[i]);
        return r;
}

int stage_result_copy(const struct stage_result *from, struct stage_result *ret)
{
        struct stage_result copy = { .shell_given = from->shell_given };

        if (image_config_copy(&from->config, &copy.config) < 0 ||
            layers_copy(&from->layers, &copy.layers) < 0 ||
            strv_extend(&copy.args, &from->args) < 0 ||
            strv_extend(&copy.arg_names, &from->arg_names) < 0 ||
            add_steps(from->steps, from->step_count, &copy) < 0) {
                stage_result_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static int add_content(struct strv *contents, const struct layer *layer, struct error *err)
{
        char text[DIGEST_TEXT_MAX] = "";

        if (layer->has_content)
                digest_format(&layer->content, text);
        return strv_add(contents, text) < 0 ? error_set_oom(err) : 0;
}

/*
 * {"config": the config as text, "layers": its blobs' descriptors, "contents": their digests or "",
 * "args": [...], "arg_names": [...], "shell": true, "steps": "..."}. The diffIDs are the config's;
 * the steps are bytes.
 */
int stage_result_write(const struct stage_result *result, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = json_object(), *layers = json_array();
        struct strv contents = STRV_INIT;
        struct buf config = BUF_INIT;
        int r = object && layers ? 0 : error_set_oom(err);

        if (r == 0)
                r = image_config_write(&result->config, &config, err);
        for (size_t i = 0; i < result->layers.count && r == 0; i++) {
                json_t *blob;

                r = descriptor_write(&result->layers.items[i].blob, &blob, err);
                if (r == 0 && json_append(layers, blob) < 0)
                        r = error_set_oom(err);
                if (r == 0)
                        r = add_content(&contents, &result->layers.items[i], err);
        }
        if (r == 0 && (json_put_string(object, "config", buf_str(&config)) < 0 ||
                       json_put(object, "layers", json_incref(layers)) < 0 ||
                       json_put_strv(object, "contents", &contents) < 0 ||
                       json_put_strv(object, "args", &result->args) < 0 ||
                       json_put_strv(object, "arg_names", &result->arg_names) < 0 ||
                       json_put_true(object, "shell", result->shell_given) < 0 ||
                       json_put_base64(object, "steps", result->steps,
                                       result->step_count * sizeof(*result->steps)) < 0))
                r = error_set_oom(err);
        if (r == 0)
                r = json_write(object, ret, err);
        buf_done(&config);
        strv_done(&contents);
        return r;
}

static int read_layers(const json_t *list, const struct strv *contents, struct stage_result *result,
                       struct error *err)
{
        size_t i;
        json_t *item;

        if (json_array_size(list) != result->config.diff_id_count ||
            contents->count != result->config.diff_id_count)
                return error_set(err, -EBADMSG, "a stage's layers and diffIDs differ in number");
        json_array_foreach(list, i, item)
        {
                struct layer layer = { .diff_id = result->config.diff_ids[i] };
                int r = descriptor_read(item, &layer.blob, err);

                if (r < 0)
                        return r;
                layer.has_content = contents->items[i][0] != '\0';
                if (layer.has_content &&
                    digest_parse(contents->items[i], &layer.content, err) < 0) {
                        descriptor_done(&layer.blob);
                        return err->code;
                }
                if (layers_add(&result->layers, &layer) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

static int read_steps(const json_t *object, struct stage_result *result, struct error *err)
{
        struct buf bytes = BUF_INIT;
        bool has_steps;
        int r = json_get_base64(object, "steps", &has_steps, &bytes, err);

        if (r == 0 && bytes.len % sizeof(struct step_key) != 0)
                r = error_set(err, -EBADMSG, "a stage's steps are cut");
        if (r == 0 && bytes.len > 0) {
                result->steps = (struct step_key *)(void *)TAKE_PTR(bytes.data);
                result->step_count = bytes.len / sizeof(struct step_key);
        }
        buf_done(&bytes);
        return r;
}

int stage_result_read(const void *data, size_t len, struct stage_result *ret, struct error *err)
{
        struct stage_result result = STAGE_RESULT_INIT;
        _cleanup_json_ json_t *object = NULL;
        const char *config = NULL;
        struct strv contents = STRV_INIT;
        json_t *layers;
        int r;

        r = json_parse_object(data, len, "a stage's result", &object, err);
        if (r == 0)
                r = json_get_string(object, "config", &config, err);
        if (r == 0)
                r = image_config_parse(config, strlen(config), &result.config, err);
        if (r == 0)
                r = json_get_array(object, "layers", &layers, err);
        if (r == 0)
                r = json_get_strv(object, "contents", &contents, err);
        if (r == 0)
                r = read_layers(layers, &contents, &result, err);
        strv_done(&contents);
        if (r == 0)
                r = json_get_strv(object, "args", &result.args, err);
        if (r == 0)
                r = json_get_strv(object, "arg_names", &result.arg_names, err);
        if (r == 0)
                r = json_get_bool(object, "shell", &result.shell_given, err);
        if (r == 0)
                r = read_steps(object, &result, err);
        if (r < 0) {
                stage_result_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}
