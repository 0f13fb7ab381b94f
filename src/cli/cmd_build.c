#include "bounds.h"
#include "cli.h"
#include "network_flags.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "build/build.h"
#include "build_flags.h"
#include "cache_flags.h"
#include "log.h"
#include "oci/reference.h"
#include "output_flags.h"
#include "progress.h"
#include "transfer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS_MAX 1024u

/* What --build-arg, --label and their like give. */
struct build_flags {
        struct strv tags;
        struct strv args;
        struct strv labels;
        struct strv annotations;
        struct strv secrets;
        struct strv agents;
        struct strv contexts;
        const char *file;
        const char *target;
        const char *userns;
        const char *files;
        const char *iidfile;
        struct whole_file iid;      /* what that is, planned, ... */
        struct whole_file metadata; /* ... and --metadata-file */
        struct output_flags output;
        struct strv allowed;
        struct network_flags network;
        struct bounds_flags bounds;
        const char *pull;
        const char *call;
        bool no_cache;
        struct strv no_cache_stages;
        const char *cache_precision;
        bool explain;
        struct strv cache_from;
        struct strv cache_to;
        const char *jobs;
        const char *progress;
        bool quiet;
        bool writes_stdout; /* an output goes there */
        bool check;
};

static void build_flags_done(struct build_flags *flags)
{
        strv_done(&flags->tags);
        strv_done(&flags->args);
        strv_done(&flags->labels);
        strv_done(&flags->annotations);
        strv_done(&flags->allowed);
        network_flags_done(&flags->network);
        strv_done(&flags->no_cache_stages);
        strv_done(&flags->cache_from);
        strv_done(&flags->cache_to);
        bounds_flags_done(&flags->bounds);
        strv_done(&flags->secrets);
        strv_done(&flags->agents);
        strv_done(&flags->contexts);
        output_flags_done(&flags->output);
        whole_file_done(&flags->iid);
        whole_file_done(&flags->metadata);
}

/* Names that are none are told before the work. */
static int check_tags(const struct strv *tags, struct error *err)
{
        for (size_t i = 0; i < tags->count; i++) {
                _cleanup_free_ char *name = NULL;
                int r = reference_parse_name(tags->items[i], &name, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_context(const char *context, struct error *err)
{
        struct stat st;

        if (strcmp(context, "-") == 0 || build_context_is_remote(context))
                return 0;
        if (stat(context, &st) < 0)
                return error_set_errno(err, -errno, "cannot use \"%s\" as the context", context);
        if (!S_ISDIR(st.st_mode)) {
                error_set(err, -ENOTDIR, "the context %s is no directory", context);
                return error_hint(err, "Give the directory that COPY takes its files from.");
        }
        return 0;
}

/* That the ID, or what else is told of the image, could not be written is told before the work,
 * too. */
static int plan_result_files(struct build_flags *flags, struct strv *leftovers, struct error *err)
{
        struct whole_file *files[] = { &flags->iid, &flags->metadata };
        const char *paths[] = { flags->iidfile, flags->output.metadata_file };

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                int r = paths[i] ? whole_file_plan(paths[i], files[i], err) : 0;

                if (r < 0)
                        return r;
                if (files[i]->temporary && strv_add(leftovers, files[i]->temporary) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

/* As Docker does: a build that fails leaves no ID of another. */
static void forget_id(const struct whole_file *file)
{
        if (file->temporary)
                unlink(file->target);
        else if (file->is_regular)
                (void)!truncate(file->target, 0);
}

static void tell_line(const char *what, const char *text)
{
        if (log_is_json())
                log_print(LOG_LEVEL_NOTE, "%s %s", what, text);
        else
                fprintf(stderr, "%s %s\n", what, text);
}

static int tell_result(struct build_flags *flags, const struct store *store,
                       const struct build_result *result, bool keeps, struct error *err)
{
        char id[DIGEST_TEXT_MAX];

        digest_format(&result->config, id);
        if (flags->iid.target && whole_file_write(&flags->iid, id, strlen(id), err) < 0)
                return err->code;
        if (flags->metadata.target &&
            output_flags_tell(&flags->metadata, store, &flags->tags, result, err) < 0)
                return err->code;
        if (flags->quiet) {
                fprintf(flags->writes_stdout ? stderr : stdout, "%s\n", id);
                return 0;
        }
        tell_line("image", id);
        for (size_t i = 0; i < flags->tags.count && keeps; i++)
                tell_line("named", flags->tags.items[i]);
        return 0;
}

static void use_lists(const struct build_lists *lists, struct build_options *options)
{
        options->secrets = lists->secrets;
        options->secret_count = lists->secret_count;
        options->agents = lists->agents;
        options->agent_count = lists->agent_count;
        options->contexts = lists->contexts;
        options->context_count = lists->context_count;
}

static int build_and_tell(struct store *store, struct build_flags *flags,
                          const struct build_options *options, struct build_fault *fault,
                          struct error *err)
{
        struct build_result result;
        struct buf report = BUF_INIT;
        int r;

        forget_id(&flags->iid);
        r = flags->output.verify ? build_verify(store, options, &result, &report, fault, err)
                                 : build_image(store, options, &result, fault, err);
        progress_finish(options->event_context);
        if (report.len > 0) {
                print_plain(report.data);
                printf("%s", buf_str(&report));
        }
        buf_done(&report);

        if (r == 0) {
                r = tell_result(flags, store, &result, build_keeps_image(options), err);
                build_result_done(&result);
        }
        return r;
}

/* --check, and --call of all but "build". */
static int describe(struct store *store, struct build_flags *flags,
                    const struct build_options *options, struct build_fault *fault,
                    struct error *err)
{
        struct build_call call;
        struct buf text = BUF_INIT;
        size_t warnings = 0;
        int r = build_flags_call(flags->check ? "check" : flags->call, &call, err);

        if (r < 0)
                return r;
        if (call.builds)
                return build_and_tell(store, flags, options, fault, err);
        r = build_describe(store, options, call.what, call.json, &text, &warnings, fault, err);
        if (r == 0) {
                print_plain(text.data);
                printf("%s", buf_str(&text));
        }
        buf_done(&text);
        if (r == 0 && warnings > 0 && !call.ignore_status)
                r = error_set(err, -EINVAL, "the Dockerfile has warnings");
        return r;
}

static int parse_precision(const char *text, bool *ret_chain_only, struct error *err)
{
        *ret_chain_only = text && strcmp(text, "chain") == 0;
        if (!text || *ret_chain_only || strcmp(text, "observed") == 0)
                return 0;
        return error_set(err, -EINVAL, "--cache-precision is observed or chain, not %s", text);
}

/* A flag for Docker, a choice for podman; "" where nothing is said. */
static int parse_pull(const char *text, enum pull_policy *ret, struct error *err)
{
        if (*text == '\0' || strcmp(text, "true") == 0)
                *ret = PULL_ALWAYS;
        else if (strcmp(text, "false") == 0)
                *ret = PULL_MISSING;
        else
                return pull_policy_parse(text, ret, err);
        return 0;
}

/* Each --no-cache-filter may name several stages. */
static int split_stages(const struct strv *written, struct strv *ret)
{
        int r = 0;

        for (size_t i = 0; i < written->count && r == 0; i++) {
                const char *at = written->items[i];

                while (r == 0 && *at) {
                        size_t len = strcspn(at, ",");

                        if (len > 0)
                                r = strv_take(ret, strndup(at, len));
                        at += len + (at[len] == ',');
                }
        }
        return r;
}

static int parse_jobs(const char *text, unsigned *ret, struct error *err)
{
        char *end;
        unsigned long number;

        if (!text)
                return 0;
        number = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || number == 0 || number > JOBS_MAX) {
                error_set(err, -EINVAL, "--jobs %s is no number of stages", text);
                return error_hint(err, "Give a number from 1 to %u.", JOBS_MAX);
        }
        *ret = (unsigned)number;
        return 0;
}

/* The caches that are shared. */
struct shared_caches {
        struct cache_list from;
        struct cache_list to;
};

static void shared_caches_done(struct shared_caches *caches)
{
        cache_list_done(&caches->from);
        cache_list_done(&caches->to);
}

/* What is in an image says which of its layers came of which steps. */
static int check_inline(const struct build_options *options, struct error *err)
{
        for (size_t i = 0; i < options->cache_to_count && options->squash; i++)
                if (options->cache_to[i].type == BUILD_CACHE_INLINE)
                        return error_set(err, -EINVAL,
                                         "--cache-to type=inline wants a layer for each step: it "
                                         "does not go with --squash");
        return 0;
}

static int parse_caches(const struct build_flags *flags, struct shared_caches *caches,
                        struct build_options *options, struct error *err)
{
        int r = cache_flags_parse(&flags->cache_from, false, &caches->from, err);

        if (r == 0)
                r = cache_flags_parse(&flags->cache_to, true, &caches->to, err);
        options->cache_from = caches->from.items;
        options->cache_from_count = caches->from.count;
        options->cache_to = caches->to.items;
        options->cache_to_count = caches->to.count;
        return r;
}

static int build(struct store *store, struct build_flags *flags, const struct output_list *outputs,
                 const struct execution_bounds *bounds, const char *context,
                 struct progress *progress, struct build_fault *fault, struct error *err)
{
        _cleanup_(shared_caches_done) struct shared_caches caches = { .from.count = 0 };
        struct build_lists lists = BUILD_LISTS_INIT;
        struct strmap labels = STRMAP_INIT, annotations = STRMAP_INIT;
        struct strv stages = STRV_INIT;
        struct strv args = STRV_INIT;
        struct build_options options = { .context = context,
                                         .dockerfile = flags->file,
                                         .tags = &flags->tags,
                                         .args = &args,
                                         .labels = &labels,
                                         .annotations = &annotations,
                                         .target = flags->target,
                                         .no_cache = flags->no_cache,
                                         .no_cache_stages = &stages,
                                         .explain = flags->explain,
                                         .bounds = bounds,
                                         .allowed = &flags->allowed,
                                         .event = progress_event,
                                         .event_context = progress,
                                         .watcher = { progress_transfer, progress } };
        int r;

        r = check_tags(&flags->tags, err);
        if (r == 0)
                r = check_context(context, err);
        if (r == 0)
                r = build_flags_args(&flags->args, &args, err);
        if (r == 0)
                r = build_flags_inline_cache(&args, &flags->cache_to, err);
        if (r == 0)
                r = build_flags_map(&flags->labels, &labels, err);
        if (r == 0)
                r = build_flags_annotations(&flags->annotations, &annotations, err);
        if (r == 0)
                r = build_flags_secrets(&flags->secrets, &lists, err);
        if (r == 0)
                r = build_flags_agents(&flags->agents, &lists, err);
        if (r == 0)
                r = build_flags_contexts(&flags->contexts, &lists, err);
        use_lists(&lists, &options);
        if (r == 0)
                r = build_flags_epoch(store, &options, &args, err);
        if (r == 0)
                r = output_flags_times(&flags->output, &args, &options, err);
        output_list_use(outputs, &options);
        if (r == 0 && split_stages(&flags->no_cache_stages, &stages) < 0)
                r = error_set_oom(err);
        if (r == 0 && flags->pull)
                r = parse_pull(flags->pull, &options.pull, err);
        if (r == 0)
                r = parse_precision(flags->cache_precision, &options.chain_only, err);
        if (r == 0)
                r = parse_jobs(flags->jobs, &options.jobs, err);
        if (r == 0)
                r = parse_caches(flags, &caches, &options, err);
        if (r == 0)
                r = check_inline(&options, err);
        if (r == 0)
                r = cli_parse_users(flags->userns, &options.users, err);
        if (r == 0)
                r = cli_parse_files(flags->files, &options.files, err);
        if (r == 0)
                r = network_flags_parse(&flags->network, &options.network, err);
        if (r == 0 && (flags->check || flags->call))
                r = describe(store, flags, &options, fault, err);
        else if (r == 0)
                r = build_and_tell(store, flags, &options, fault, err);
        network_options_done(&options.network);
        build_lists_done(&lists);
        strmap_done(&labels);
        strv_done(&stages);
        strmap_done(&annotations);
        strv_done(&args);
        return r;
}

/* What is known beyond the message: the lines of the Dockerfile, and what the step printed last. */
static void tell_fault(const struct progress *progress, const struct build_fault *fault)
{
        const char *tail = progress_tail(progress);

        if (*tail && log_is_json())
                log_print(LOG_LEVEL_ERROR, "the step printed last: %s", tail);
        else if (*tail)
                fprintf(stderr, "\nThe step printed last:\n%s", tail);
        if (fault->excerpt && log_is_json())
                log_print(LOG_LEVEL_ERROR, "%s", fault->excerpt);
        else if (fault->excerpt)
                fprintf(stderr, "\n%s\n", fault->excerpt);
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(build_flags_done) struct build_flags flags = { .iid = WHOLE_FILE_INIT,
                                                                 .metadata = WHOLE_FILE_INIT };
        enum progress_style style;
        struct progress progress;
        _cleanup_(build_fault_done) struct build_fault fault = { .excerpt = NULL };
        _cleanup_(output_list_done) struct output_list outputs = { .count = 0 };
        const struct option_spec options[] = {
                { OPTION_LIST, 't', "tag", &flags.tags, "NAME[:TAG]",
                  "Name the image; may be repeated" },
                { OPTION_STRING, 'f', "file", &flags.file, "FILE",
                  "The Dockerfile (CONTEXT/Dockerfile); - for standard input" },
                { OPTION_LIST, 0, "build-arg", &flags.args, "NAME[=VALUE]",
                  "Set an ARG; may be repeated" },
                { OPTION_LIST, 0, "label", &flags.labels, "NAME=VALUE",
                  "Add a label; may be repeated" },
                { OPTION_LIST, 0, "annotation", &flags.annotations, "NAME=VALUE",
                  "Add an annotation to the manifest; may be repeated" },
                { OPTION_LIST, 0, "secret", &flags.secrets, "id=NAME[,src=FILE|,env=NAME]",
                  "A secret for RUN --mount=type=secret; may be repeated" },
                { OPTION_LIST, 0, "ssh", &flags.agents, "default|NAME[=SOCKET]",
                  "An agent for RUN --mount=type=ssh; may be repeated" },
                { OPTION_LIST, 0, "build-context", &flags.contexts, "NAME=SOURCE",
                  "Files or an image that FROM and --from may name; may be repeated" },
                { OPTION_FLAG, 0, "check", &flags.check, NULL,
                  "Tell what the Dockerfile could do better, and build nothing" },
                { OPTION_STRING, 0, "call", &flags.call, "METHOD[,format=json]",
                  "build (the default), check, outline or targets" },
                { OPTION_STRING, 0, "target", &flags.target, "STAGE",
                  "Build this stage, by name or number" },
                { OPTION_CHOICE, 0, "pull", &flags.pull, "[=WHEN]",
                  "Ask registries for base images: missing (the default), always (without WHEN),\n"
                  "                                newer or never" },
                { OPTION_STRING, 'j', "jobs", &flags.jobs, "NUMBER",
                  "Build at most so many stages side by side (the number of CPUs)" },
                { OPTION_FLAG, 0, "no-cache", &flags.no_cache, NULL, "Carry every step out again" },
                { OPTION_LIST, 0, "no-cache-filter", &flags.no_cache_stages, "STAGE,...",
                  "Carry every step of these stages out again" },
                { OPTION_STRING, 0, "cache-precision", &flags.cache_precision, "HOW",
                  "What a RUN step depends on: what it has read (observed), or all that the image "
                  "held (chain)" },
                { OPTION_FLAG, 0, "explain", &flags.explain, NULL,
                  "Tell all that has changed of a step that is carried out, not only the first" },
                { OPTION_LIST, 0, "cache-from", &flags.cache_from, "CACHE",
                  "Take steps from a cache too: type=local,src=DIR or type=registry,ref=NAME" },
                { OPTION_LIST, 0, "cache-to", &flags.cache_to, "CACHE",
                  "Write the cache for others: type=local,dest=DIR, type=registry,ref=NAME or\n"
                  "                                type=inline" },
                { OPTION_STRING, 0, "userns", &flags.userns, "MODE",
                  "auto (the default), ranges (subordinate ids) or single (one id)" },
                FILES_OPTION(&flags.files),
                { OPTION_LIST, 0, "allow", &flags.allowed, "ENTITLEMENT",
                  "Let RUN have what is closed to it: network.host, security.insecure" },
                NETWORK_OPTIONS(&flags.network),
                BOUNDS_OPTIONS(&flags.bounds),
                OUTPUT_OPTIONS(&flags.output),
                { OPTION_STRING, 0, "iidfile", &flags.iidfile, "FILE",
                  "Write the image's ID to a file" },
                { OPTION_STRING, 0, "progress", &flags.progress, "STYLE",
                  "auto (the default), plain, tty, rawjson or quiet ($BUILDKIT_PROGRESS)" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL,
                  "Print the image's ID alone, as --progress=quiet" },
        };
        struct error err = ERROR_INIT;
        struct execution_bounds bounds;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, &store,
                       &status))
                return status;
        if (progress_parse_style(flags.quiet ? "quiet" : flags.progress, &style, &err) < 0 ||
            bounds_parse(&flags.bounds, &bounds, &err) < 0 ||
            output_flags_parse(&flags.output, &flags.tags, &outputs, &err) < 0 ||
            plan_result_files(&flags, &outputs.leftovers, &err) < 0) {
                store_free(store);
                return cli_fail(&err, EXIT_FAILURE);
        }
        if (!cli_guard(store, (const char *const *)outputs.leftovers.items, &status))
                return status;
        flags.quiet = style == PROGRESS_QUIET;
        flags.writes_stdout = output_list_writes_stdout(&outputs);
        if (progress_init(&progress, style, &err) < 0 ||
            build(store, &flags, &outputs, &bounds, arguments.items[0], &progress, &fault, &err) <
                    0) {
                progress_finish(&progress);
                tell_fault(&progress, &fault);
                status = cli_fail(&err, EXIT_FAILURE);
        }
        progress_done(&progress);
        store_free(store);
        return status;
}

const struct command cmd_build = {
        .name = "build",
        .arguments = "[OPTIONS] CONTEXT",
        .summary = "Build an image from a Dockerfile",
        .details = "Examples:\n"
                   "  varve build -t app .\n"
                   "  varve build -t app:2 -f docker/Dockerfile --build-arg VERSION=2 .\n"
                   "  varve build -t app https://git.example/app.git#main:docker",
        .makes_store = true,
        .run = run,
};
