#include "shared_config.h"

#include "base/clock.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct shared_layer {
        struct digest blob;
        int parent;
};

struct shared_step {
        struct digest digest;
        int input;
};

struct shared_config {
        struct shared_layer *layers; /* owned */
        size_t layer_count;
        struct shared_step *steps; /* owned */
        size_t step_count;
        json_t *records;
};

int shared_config_new(struct shared_config **ret, struct error *err)
{
        struct shared_config *config = calloc(1, sizeof(*config));

        if (config)
                config->records = json_array();
        if (!config || !config->records) {
                free(config);
                return error_set_oom(err);
        }
        *ret = config;
        return 0;
}

void shared_config_free(struct shared_config *config)
{
        if (!config)
                return;
        json_decref(config->records);
        free(config->layers);
        free(config->steps);
        free(config);
}

int shared_config_add_layer(struct shared_config *config, const struct digest *blob, int parent)
{
        struct shared_layer *layers;

        for (size_t i = 0; i < config->layer_count; i++)
                if (config->layers[i].parent == parent &&
                    digest_equal(&config->layers[i].blob, blob))
                        return (int)i;
        layers = reallocarray(config->layers, config->layer_count + 1, sizeof(*layers));
        if (!layers)
                return -ENOMEM;
        config->layers = layers;
        layers[config->layer_count] = (struct shared_layer){ *blob, parent };
        return (int)config->layer_count++;
}

int shared_config_add_step(struct shared_config *config, const struct digest *digest, int input,
                           int layer, const struct timespec *created)
{
        char text[DIGEST_TEXT_MAX], time[CLOCK_TEXT_MAX];
        struct shared_step *steps;
        json_t *record;

        for (size_t i = 0; i < config->step_count; i++)
                if (config->steps[i].input == input &&
                    digest_equal(&config->steps[i].digest, digest))
                        return (int)i;
        steps = reallocarray(config->steps, config->step_count + 1, sizeof(*steps));
        if (!steps)
                return -ENOMEM;
        config->steps = steps;
        digest_format(digest, text);
        clock_format(created, time);
        record = json_object();
        if ((layer >= 0 &&
             json_put(record, "layers",
                      json_pack("[{s:i,s:s}]", "layer", layer, "createdat", time)) < 0) ||
            json_put_string(record, "digest", text) < 0 ||
            (input >= 0 && json_put(record, "inputs", json_pack("[[{s:i}]]", "link", input)) < 0)) {
                json_decref(record);
                return -ENOMEM;
        }
        if (json_append(config->records, record) < 0)
                return -ENOMEM;
        steps[config->step_count] = (struct shared_step){ *digest, input };
        return (int)config->step_count++;
}

int shared_config_write_steps(const struct shared_config *config, struct buf *ret,
                              struct error *err)
{
        return json_write(config->records, ret, err);
}

static json_t *make_layers(const struct shared_config *config)
{
        json_t *layers = json_array();

        for (size_t i = 0; layers && i < config->layer_count; i++) {
                char text[DIGEST_TEXT_MAX];

                digest_format(&config->layers[i].blob, text);
                /* BuildKit takes a parent that is missing for number 0. */
                if (json_append(layers, json_pack("{s:s,s:i}", "blob", text, "parent",
                                                  config->layers[i].parent)) < 0) {
                        json_decref(layers);
                        layers = NULL;
                }
        }
        return layers;
}

int shared_config_write(const struct shared_config *config, struct buf *ret, struct error *err)
{
        json_t *object = json_object();
        int r = 0;

        if (json_put(object, "layers", make_layers(config)) < 0 ||
            json_put(object, "records", json_incref(config->records)) < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = json_write(object, ret, err);
        json_decref(object);
        return r;
}
