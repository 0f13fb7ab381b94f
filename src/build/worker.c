#include "worker.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "oci/digest.h"
#include "shared_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- beginning ---- */

/* A stage begins with what its base is. What the base says to do ONBUILD is done in it, once. */
static int begin_stage(struct worker *worker, struct error *err)
{
        const struct plan_stage *stage = worker->stage;
        struct stage_result *state = &worker->state;
        const struct stored_image *image;

        worker->created = clock_now();
        switch (stage->base) {
        case PLAN_SCRATCH:
                if (platform_copy(&stage->platform, &state->config.platform) < 0 ||
                    image_config_set(&state->config.working_dir, "/") < 0)
                        return error_set_oom(err);
                break;
        case PLAN_STAGE:
                if (stage_result_copy(&worker->results[stage->base_index], state) < 0)
                        return error_set_oom(err);
                break;
        case PLAN_IMAGE:
                image = &worker->plan->images[stage->base_index].image;
                if (image_config_copy(&image->config, &state->config) < 0)
                        return error_set_oom(err);
                if (layers_of_image(&image->parsed, &image->config, &state->layers, err) < 0)
                        return err->code;
                break;
        }
        /* Programs are found where everybody expects them, unless the image says otherwise. */
        if (!strv_env_get(&state->config.env, "PATH") &&
            strv_add(&state->config.env, DEFAULT_PATH) < 0)
                return error_set_oom(err);
        /* In a stage that begins with another, what that has said by ENV goes before its ARGs. */
        for (size_t i = 0; i < state->config.env.count; i++)
                strv_env_unset(&state->args, state->config.env.items[i]);
        if (state->config.has_created)
                worker->created = state->config.created;
        strv_done(&state->config.on_build);
        shared_image_clear(&state->config);
        worker->inherited = state->step_count;
        return 0;
}

/* ---- instructions ---- */

static int expand(struct worker *worker, struct arena *arena, struct error *err)
{
        struct strv variables = STRV_INIT;
        struct expander expander = { .escape = worker->plan->file->escape,
                                     .lookup = expand_lookup_strv,
                                     .variables = &variables };
        int r;

        r = worker_environment(worker, &variables, err);
        if (r == 0)
                r = instruction_expand(worker->step->instruction, &expander, arena,
                                       &worker->instruction, &worker->where, err);
        strv_done(&variables);
        return r;
}

static int carry_out(struct worker *worker, bool *ret_cached, struct error *err)
{
        *ret_cached = false;
        switch (worker->instruction->type) {
        case INSTRUCTION_RUN:
                return worker_run(worker, ret_cached, err);
        case INSTRUCTION_COPY:
        case INSTRUCTION_ADD:
                return worker_copy(worker, ret_cached, err);
        case INSTRUCTION_WORKDIR:
                return worker_workdir_step(worker, ret_cached, err);
        case INSTRUCTION_ARG:
        case INSTRUCTION_CMD:
        case INSTRUCTION_ENTRYPOINT:
        case INSTRUCTION_ENV:
        case INSTRUCTION_EXPOSE:
        case INSTRUCTION_FROM:
        case INSTRUCTION_HEALTHCHECK:
        case INSTRUCTION_LABEL:
        case INSTRUCTION_MAINTAINER:
        case INSTRUCTION_ONBUILD:
        case INSTRUCTION_SHELL:
        case INSTRUCTION_STOPSIGNAL:
        case INSTRUCTION_USER:
        case INSTRUCTION_VOLUME:
                break;
        }
        return worker_configure(worker, err);
}

static int do_step(struct worker *worker, const struct plan_step *step, struct error *err)
{
        uint32_t index = (uint32_t)(step - worker->stage->steps);
        struct arena arena = ARENA_INIT;
        bool cached = false;
        int r;

        worker->step = step;
        worker->where = (struct source_position){ .line = 0 };
        worker->user = (struct digest){ .bytes = { 0 } };
        trace_free(worker->trace);
        worker->trace = NULL;
        observed_mounts_done(&worker->mounts);
        if (step->number > 0)
                message_send(worker->events_fd, MESSAGE_BEGIN, index, NULL, 0);
        r = expand(worker, &arena, err);
        if (r == 0)
                r = carry_out(worker, &cached, err);
        if (r >= 0 && step->number > 0)
                message_send(worker->events_fd, cached ? MESSAGE_CACHED : MESSAGE_DONE, index,
                             worker->told.data, cached ? worker->told.len : 0);
        arena_done(&arena);
        return r < 0 ? r : 0;
}

static int build_stage(struct worker *worker, struct error *err)
{
        int fd, r;

        /* The threads that are started later share the process's directory. */
        r = store_tmp_dir(worker->store, &fd, err);
        if (r == 0)
                r = begin_stage(worker, err);
        if (r < 0)
                return r;
        message_send(worker->events_fd, MESSAGE_BEGIN, STEP_FROM, NULL, 0);
        message_send(worker->events_fd, MESSAGE_DONE, STEP_FROM, NULL, 0);
        for (size_t i = 0; i < worker->stage->step_count && r == 0; i++) {
                r = worker_join_sealed(worker, err);
                if (r == 0)
                        r = do_step(worker, &worker->stage->steps[i], err);
        }
        if (r == 0) {
                worker->step = NULL;
                worker->state.config.created = worker->created;
                worker->state.config.has_created = true;
                r = worker_join_steps(worker, err);
        }
        return r < 0 ? r : worker_keep_memory(worker, err);
}

static void worker_done(struct worker *worker)
{
        struct error ignored = ERROR_INIT;

        worker_join_steps(worker, &ignored);
        sealer_free(worker->sealer);
        tree_free(worker->tree);
        sandbox_host_free(worker->host);
        free(worker->finished);
        memory_done(&worker->past);
        memory_done(&worker->present);
        trace_free(worker->trace);
        observed_mounts_done(&worker->mounts);
        buf_done(&worker->told);
        stage_result_done(&worker->state);
}

/* Who hears of a failure ends this process. So what was done before it is recorded first: the next
 * build need not do it again. */
static void report_failure(struct worker *worker, const struct error *err)
{
        struct message_failure failure = { .where = worker->where, .err = *err };
        struct error ignored = ERROR_INIT;
        uint32_t index = worker->step ? (uint32_t)(worker->step - worker->stage->steps) : STEP_FROM;

        store_explain_full(worker->store, &failure.err);
        message_send(worker->events_fd, MESSAGE_FAILED, index, NULL, 0);
        worker_join_steps(worker, &ignored);
        message_send(worker->events_fd, MESSAGE_FAILURE, index, &failure, sizeof(failure));
}

static int report(struct worker *worker, int r, struct error *err)
{
        struct buf result = BUF_INIT;

        if (r == 0)
                r = stage_result_write(&worker->state, &result, err);
        if (r == 0)
                message_send(worker->events_fd, MESSAGE_RESULT, 0, result.data, result.len);
        else
                report_failure(worker, err);
        buf_done(&result);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int worker_main(struct worker *worker)
{
        struct error err = ERROR_INIT;
        int r = build_stage(worker, &err);

        r = report(worker, r, &err);
        worker_done(worker);
        return r;
}
