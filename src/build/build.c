#include "builder.h"

#include "advice.h"
#include "base/cleanup.h"
#include "cache_export.h"
#include "cache_import.h"
#include "entitlements.h"
#include "event.h"
#include "foreign.h"
#include "image.h"
#include "plan.h"
#include "squash.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)

/* A stage that is being built. */
struct job {
        enum { JOB_WAITING, JOB_RUNNING, JOB_DONE } state;
        pid_t pid;
        int fd; /* what its worker tells; -1 when it is not running */
        struct buf received;
        bool succeeded;
};

struct builder {
        struct store *store;
        struct build_options options; /* the caller's, and what the plan has found */
        struct build_fault *fault;
        struct plan plan;
        struct job *jobs;             /* owned; one for each stage of the file, as the next */
        struct stage_result *results; /* the caller's, of this run */
        struct cache_import *import;  /* owned; NULL where nothing is taken from others */
        size_t running;
        size_t jobs_max;
        struct strv notices; /* that were told: each once, whichever steps it is true of */
        bool reaps;          /* this process gets what workers that were killed leave */
        int code;            /* the first failure */
};

/* ---- events ---- */

static void tell(const struct builder *builder, const struct build_event *event)
{
        if (builder->options.event)
                builder->options.event(builder->options.event_context, event);
}

static const struct plan_step *step_of(const struct plan_stage *stage, uint32_t index)
{
        return index == STEP_FROM ? &stage->from : &stage->steps[index];
}

static void tell_step(const struct builder *builder, const struct plan_stage *stage,
                      const struct message *message, const char *data)
{
        static const enum build_event_type types[] = {
                [MESSAGE_BEGIN] = BUILD_STEP_BEGIN,   [MESSAGE_OUTPUT] = BUILD_STEP_OUTPUT,
                [MESSAGE_DONE] = BUILD_STEP_DONE,     [MESSAGE_CACHED] = BUILD_STEP_CACHED,
                [MESSAGE_MISSED] = BUILD_STEP_MISSED, [MESSAGE_FAILED] = BUILD_STEP_FAILED,
        };
        const struct plan_step *step = step_of(stage, message->step);
        struct build_event event = { .type = types[message->type],
                                     .step = step->number,
                                     .text = step->title,
                                     .data = data,
                                     .len = message->len };

        if (step->number > 0)
                tell(builder, &event);
}

static int take_notice(struct builder *builder, const struct message *message, const char *data,
                       struct error *err)
{
        _cleanup_free_ char *text = strndup(data, message->len);

        if (!text)
                return error_set_oom(err);
        if (strv_contains(&builder->notices, text))
                return 0;
        tell(builder, &(struct build_event){ .type = message->type == MESSAGE_NOTE ? BUILD_NOTE
                                                                                   : BUILD_WARNING,
                                             .text = text });
        return strv_add(&builder->notices, text) < 0 ? error_set_oom(err) : 0;
}

static int take_failure(struct builder *builder, const struct plan_stage *stage,
                        const struct message *message, const char *data, struct error *err)
{
        struct message_failure failure;
        const struct plan_step *step;

        /* Of several that fail the first is told; the others were stopped, or follow from it. */
        if (builder->code < 0 || message->len != sizeof(failure))
                return builder->code;
        memcpy(&failure, data, sizeof(failure));
        *err = failure.err;
        step = step_of(stage, message->step);
        if (step->instruction)
                plan_blame(&builder->plan, step->instruction, failure.where, builder->fault, err);
        return err->code;
}

static int take_message(struct builder *builder, size_t index, const struct message *message,
                        const char *data, struct error *err)
{
        const struct plan_stage *stage = &builder->plan.stages[index];

        switch ((enum message_type)message->type) {
        case MESSAGE_BEGIN:
        case MESSAGE_OUTPUT:
        case MESSAGE_DONE:
        case MESSAGE_CACHED:
        case MESSAGE_MISSED:
        case MESSAGE_FAILED:
                tell_step(builder, stage, message, data);
                return 0;
        case MESSAGE_WARNING:
        case MESSAGE_NOTE:
                return take_notice(builder, message, data, err);
        case MESSAGE_RESULT:
                builder->jobs[index].succeeded = true;
                return stage_result_read(data, message->len, &builder->results[index], err);
        case MESSAGE_FAILURE:
                return take_failure(builder, stage, message, data, err);
        }
        return error_set(err, -EBADMSG, "a worker has sent what nobody understands");
}

/* Reads what a worker tells. Returns 1 when it has nothing more to tell. */
static int read_job(struct builder *builder, size_t index, struct error *err)
{
        struct job *job = &builder->jobs[index];
        struct message message;
        const char *data;
        ssize_t n;
        int r = 0;

        if (buf_reserve(&job->received, READ_BYTES) < 0)
                return error_set_oom(err);
        n = read(job->fd, job->received.data + job->received.len, READ_BYTES);
        if (n < 0)
                return errno == EINTR ? 0
                                      : error_set_errno(err, -errno, "cannot read from a worker");
        if (n == 0)
                return 1;
        job->received.len += (size_t)n;
        while (r >= 0 && message_next(&job->received, &message, &data)) {
                r = take_message(builder, index, &message, data, err);
                message_drop(&job->received, &message);
        }
        return r;
}

/* ---- processes ---- */

static void work(struct builder *builder, size_t index, int fd) __attribute__((noreturn));

/* In the child: builds the stage. The builder's death is its own. */
static void work(struct builder *builder, size_t index, int fd)
{
        struct worker worker = { .store = builder->store,
                                 .options = &builder->options,
                                 .plan = &builder->plan,
                                 .stage = &builder->plan.stages[index],
                                 .results = builder->results,
                                 .import = builder->import,
                                 .events_fd = fd };
        int status;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < builder->plan.stage_count; i++)
                cleanup_close(&builder->jobs[i].fd);
        status = worker_main(&worker);
        store_leave(builder->store);
        _exit(status);
}

static int start_job(struct builder *builder, size_t index, struct error *err)
{
        struct job *job = &builder->jobs[index];
        pid_t parent = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(err, -errno, "cannot make a pipe");
        job->pid = fork();
        if (job->pid < 0) {
                close(fds[0]);
                close(fds[1]);
                return error_set_errno(err, -errno, "cannot start a process");
        }
        if (job->pid == 0) {
                close(fds[0]);
                if (getppid() != parent)
                        _exit(EXIT_FAILURE);
                work(builder, index, fds[1]);
        }
        close(fds[1]);
        job->fd = fds[0];
        job->state = JOB_RUNNING;
        builder->running++;
        return 0;
}

static int end_job(struct builder *builder, size_t index, struct error *err)
{
        struct job *job = &builder->jobs[index];
        int status = 0;

        close(job->fd);
        job->fd = -1;
        while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
                ;
        job->state = JOB_DONE;
        builder->running--;
        if (job->succeeded || builder->code < 0)
                return 0;
        if (WIFSIGNALED(status))
                return error_set(err, -ECHILD, "the process of a stage was killed by signal %d",
                                 WTERMSIG(status));
        return error_set(err, -ECHILD, "the process of a stage has ended without a result");
}

static void kill_jobs(struct builder *builder)
{
        for (size_t i = 0; i < builder->plan.stage_count; i++)
                if (builder->jobs[i].state == JOB_RUNNING)
                        kill(builder->jobs[i].pid, SIGKILL);
}

/* Waits for what workers that were killed have left: their sandboxes die with them, and come to
 * this process as the reaper. */
static void reap_orphans(void)
{
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                ;
}

/* ---- the schedule ---- */

static bool is_ready(const struct builder *builder, size_t index)
{
        const struct plan_stage *stage = &builder->plan.stages[index];

        if (!stage->needed || builder->jobs[index].state != JOB_WAITING)
                return false;
        for (size_t i = 0; i < index; i++)
                if (stage->needs[i] && builder->jobs[i].state != JOB_DONE)
                        return false;
        return true;
}

static int start_ready_jobs(struct builder *builder, struct error *err)
{
        for (size_t i = 0; i <= builder->plan.target; i++) {
                if (builder->running >= builder->jobs_max)
                        break;
                if (is_ready(builder, i)) {
                        int r = start_job(builder, i, err);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Waits for news and takes it. The first failure ends all that runs. */
static void wait_for_news(struct builder *builder, struct pollfd *fds, size_t *indexes,
                          struct error *err)
{
        nfds_t count = 0;
        int r = 0;

        for (size_t i = 0; i < builder->plan.stage_count; i++) {
                if (builder->jobs[i].state != JOB_RUNNING)
                        continue;
                indexes[count] = i;
                fds[count++] = (struct pollfd){ .fd = builder->jobs[i].fd, .events = POLLIN };
        }
        if (poll(fds, count, -1) < 0)
                return;
        for (nfds_t i = 0; i < count; i++) {
                if (!fds[i].revents)
                        continue;
                r = read_job(builder, indexes[i], err);
                if (r > 0)
                        r = end_job(builder, indexes[i], err);
                if (r < 0 && builder->code == 0) {
                        builder->code = r;
                        kill_jobs(builder);
                }
        }
}

static int run_jobs(struct builder *builder, struct error *err)
{
        size_t count = builder->plan.stage_count;
        _cleanup_free_ struct pollfd *fds = calloc(count, sizeof(*fds));
        _cleanup_free_ size_t *indexes = calloc(count, sizeof(*indexes));

        if (!fds || !indexes)
                return error_set_oom(err);
        while (builder->code == 0) {
                int r = start_ready_jobs(builder, err);

                if (r < 0) {
                        builder->code = r;
                        kill_jobs(builder);
                }
                if (builder->running == 0)
                        break;
                wait_for_news(builder, fds, indexes, err);
        }
        while (builder->running > 0)
                wait_for_news(builder, fds, indexes, err);
        return builder->code;
}

static size_t count_cpus(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

/* What a run of the builder needs, and nothing of one before. */
static int begin_run(struct builder *builder, struct built *built, struct error *err)
{
        size_t count = builder->plan.stage_count;

        builder->jobs_max = builder->options.jobs ? builder->options.jobs : count_cpus();
        builder->jobs = calloc(count, sizeof(*builder->jobs));
        built->results = calloc(count, sizeof(*built->results));
        if (!builder->jobs || !built->results)
                return error_set_oom(err);
        built->result_count = count;
        builder->results = built->results;
        for (size_t i = 0; i < count; i++)
                builder->jobs[i].fd = -1;
        builder->reaps = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        return 0;
}

static void end_run(struct builder *builder)
{
        if (builder->reaps) {
                reap_orphans();
                prctl(PR_SET_CHILD_SUBREAPER, 0);
                builder->reaps = false;
        }
        for (size_t i = 0; i < builder->plan.stage_count && builder->jobs; i++) {
                cleanup_close(&builder->jobs[i].fd);
                buf_done(&builder->jobs[i].received);
        }
        free(TAKE_PTR(builder->jobs));
        cache_import_free(TAKE_PTR(builder->import));
        /* What killed workers have left in the store. */
        store_sweep(builder->store);
}

/* Makes the image of the target's result, which stays as its steps have made it. */
static int make_image(struct builder *builder, struct built *ret, struct error *err)
{
        const struct build_options *options = &builder->options;
        size_t base_count = squash_base_count(&builder->plan, builder->plan.target);
        struct stage_result target;
        int r = stage_result_copy(&builder->results[builder->plan.target], &target);

        if (r < 0)
                return error_set_oom(err);
        if (options->squash && target.layers.count > base_count)
                r = squash_layers(builder->store, options, base_count, &target, err);
        if (r == 0)
                r = image_make(builder->store, options, &target, &ret->config, &ret->manifest, err);
        if (r == 0 && platform_copy(&target.config.platform, &ret->platform) < 0)
                r = error_set_oom(err);
        stage_result_done(&target);
        return r;
}

/* The caches that others find it in, and the image. */
static int store_result(struct builder *builder, struct built *ret, struct error *err)
{
        const struct build_options *options = &builder->options;
        struct stage_result *target = &builder->results[builder->plan.target];
        const struct cache_export export = { .store = builder->store,
                                             .options = options,
                                             .results = builder->results,
                                             .result_count = builder->plan.stage_count,
                                             .target = builder->plan.target };
        int r = 0;

        if (options->compression)
                r = squash_compress(builder->store, options,
                                    squash_base_count(&builder->plan, builder->plan.target), target,
                                    err);
        if (r == 0)
                r = cache_export_inline(&export, &target->config, err);
        if (r == 0)
                r = cache_export_write(&export, err);
        return r < 0 ? r : make_image(builder, ret, err);
}

void builder_free(struct builder *builder)
{
        if (!builder)
                return;
        strv_done(&builder->notices);
        plan_done(&builder->plan);
        free(builder);
}

int builder_new(struct store *store, const struct build_options *options, bool advises,
                struct builder **ret, struct build_fault *ret_fault, struct error *err)
{
        struct builder *builder = calloc(1, sizeof(*builder));
        int r;

        if (!builder)
                return error_set_oom(err);
        builder->store = store;
        builder->options = *options;
        builder->fault = ret_fault;
        r = plan_make(store, &builder->options, &builder->plan, ret_fault, err);
        if (r < 0) {
                free(builder);
                return r;
        }
        if (builder->plan.has_epoch) {
                builder->options.clamps_times = true;
                builder->options.latest = builder->plan.epoch;
        }
        r = entitlements_check(&builder->plan, &builder->options, ret_fault, err);
        if (r == 0)
                r = foreign_check(&builder->plan, ret_fault, err);
        if (r == 0 && advises)
                r = advice_tell(&builder->plan, &builder->options, false, err);
        if (r < 0)
                builder_free(builder);
        else
                *ret = builder;
        return r;
}

const struct plan *builder_plan(const struct builder *builder)
{
        return &builder->plan;
}

int builder_run(struct builder *builder, struct built *ret, struct error *err)
{
        int r = begin_run(builder, ret, err);

        if (r == 0)
                r = cache_import_open(builder->store, &builder->options, &builder->plan.platform,
                                      &builder->import, err);
        if (r == 0)
                r = run_jobs(builder, err);
        if (r == 0)
                r = store_result(builder, ret, err);
        end_run(builder);
        return r;
}
