#include "state.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { [CONTAINER_CREATED] = "created",
                                     [CONTAINER_RUNNING] = "running",
                                     [CONTAINER_EXITED] = "exited",
                                     [CONTAINER_DEAD] = "dead" };

const char *container_status_name(enum container_status status)
{
        return names[status];
}

void state_done(struct container_state *state)
{
        free(state->keeper);
        free(state->failure);
        free(state->layers);
        *state = (struct container_state){ .keeper = NULL };
}

static int put_layers(json_t *object, const struct container_state *state)
{
        json_t *list = json_array();
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; i < state->layer_count && r == 0; i++) {
                char text[DIGEST_TEXT_MAX];

                digest_format(&state->layers[i], text);
                r = json_append(list, json_string(text));
        }
        if (r < 0) {
                json_decref(list);
                return r;
        }
        return json_put(object, "Layers", list);
}

int state_write(const struct container_state *state, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        int r = object ? json_put_string(object, "Status", names[state->status]) : -ENOMEM;

        if (r == 0)
                r = json_put_string(object, "Keeper", state->keeper);
        if (r == 0)
                r = json_put_integer(object, "Pid", state->pid);
        if (r == 0 && state->started.tv_sec != 0)
                r = json_put_time(object, "StartedAt", &state->started);
        if (r == 0 && state->finished.tv_sec != 0)
                r = json_put_time(object, "FinishedAt", &state->finished);
        if (r == 0)
                r = json_put_integer(object, "ExitCode", state->exit_code);
        if (r == 0)
                r = json_put_string(object, "Error", state->failure);
        if (r == 0 && state->lost)
                r = json_put_true(object, "Lost", true);
        if (r == 0)
                r = put_layers(object, state);
        return r < 0 ? error_set_oom(err) : json_write(object, ret, err);
}

static int get_layers(const json_t *object, struct container_state *state, struct error *err)
{
        _cleanup_(strv_done) struct strv layers = STRV_INIT;
        int r = json_get_strv(object, "Layers", &layers, err);

        if (r == 0 && layers.count > CONTAINER_LAYERS_MAX)
                r = error_set(err, -EBADMSG, "it has too many layers");
        if (r < 0 || layers.count == 0)
                return r;
        state->layers = calloc(layers.count, sizeof(*state->layers));
        if (!state->layers)
                return error_set_oom(err);
        for (size_t i = 0; i < layers.count && r == 0; i++) {
                r = digest_parse(layers.items[i], &state->layers[i], err);
                state->layer_count += r == 0;
        }
        return r;
}

static int get_all(const json_t *object, struct container_state *state, struct error *err)
{
        const char *status = NULL;
        bool found = false;
        int r = json_get_string(object, "Status", &status, err);

        for (size_t i = 0; r == 0 && status && i < ARRAY_SIZE(names); i++)
                if (strcmp(status, names[i]) == 0) {
                        state->status = (enum container_status)i;
                        found = true;
                }
        if (r == 0 && !found)
                r = error_set(err, -EBADMSG, "it has no status");
        if (r == 0)
                r = json_get_string_copy(object, "Keeper", &state->keeper, err);
        if (r == 0)
                r = json_get_integer(object, "Pid", &state->pid, err);
        if (r == 0)
                r = json_get_time(object, "StartedAt", &found, &state->started, err);
        if (r == 0)
                r = json_get_time(object, "FinishedAt", &found, &state->finished, err);
        if (r == 0)
                r = json_get_integer(object, "ExitCode", &state->exit_code, err);
        if (r == 0)
                r = json_get_string_copy(object, "Error", &state->failure, err);
        if (r == 0)
                r = json_get_bool(object, "Lost", &state->lost, err);
        return r < 0 ? r : get_layers(object, state, err);
}

int state_read(const void *data, size_t len, struct container_state *ret, struct error *err)
{
        struct container_state state = { .keeper = NULL };
        _cleanup_json_ json_t *object = NULL;
        int r = json_parse_object(data, len, "the container's state", &object, err);

        if (r == 0)
                r = get_all(object, &state, err);
        if (r < 0) {
                state_done(&state);
                return error_wrap(err, "the container's state");
        }
        *ret = state;
        return 0;
}
