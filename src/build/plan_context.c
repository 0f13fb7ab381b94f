/*
 * What a build reads before it is planned: its contexts and the text of its Dockerfile.
 */
#include "archive/decompress.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "build/layers.h"
#include "dockerfile/source.h"
#include "dockerfile/value.h"
#include "git.h"
#include "load.h"
#include "oci/reference.h"
#include "plan.h"
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a tar's first header has its mark, and how much of standard input tells what it is. */
#define TAR_MARK        "ustar"
#define TAR_MARK_OFFSET 257
#define SNIFF_BYTES     512

#define IMAGE_SCHEME  "docker-image://"
#define LAYOUT_SCHEME "oci-layout://"

/* BuildKit's name for the file that a URL leads to. */
#define URL_FILE "context"

#define EPOCH_ARG "SOURCE_DATE_EPOCH"

static bool begins(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- finding one by its name ---- */

/* "debian" for "docker.io/library/debian:latest"; NULL for what is no reference. */
static char *familiar_name(const char *name)
{
        struct reference reference = REFERENCE_INIT;
        struct error ignored = ERROR_INIT;
        char *familiar = NULL;

        if (reference_parse(name, &reference, &ignored) == 0)
                familiar = reference_format(&reference);
        reference_done(&reference);
        return familiar;
}

struct plan_context *plan_find_context(const struct plan *plan, const char *name)
{
        _cleanup_free_ char *wanted = plan->context_count > 0 ? familiar_name(name) : NULL;

        for (size_t i = 0; i < plan->context_count; i++)
                if (strcasecmp(plan->contexts[i].name, name) == 0)
                        return &plan->contexts[i];
        for (size_t i = 0; i < plan->context_count && wanted; i++) {
                _cleanup_free_ char *own = familiar_name(plan->contexts[i].name);

                if (own && strcmp(own, wanted) == 0)
                        return &plan->contexts[i];
        }
        return NULL;
}

/* ---- standard input ---- */

static bool is_standard_input(const struct build_options *options)
{
        return strcmp(options->context, "-") == 0;
}

static bool is_archive(const struct buf *begun)
{
        if (begun->len > 0 &&
            decompress_sniff((const unsigned char *)begun->data, begun->len) != CODEC_NONE)
                return true;
        return begun->len >= TAR_MARK_OFFSET + strlen(TAR_MARK) &&
               memcmp(begun->data + TAR_MARK_OFFSET, TAR_MARK, strlen(TAR_MARK)) == 0;
}

/* Reads a Dockerfile of which `plan->text` has the beginning. */
static int read_text(struct plan *plan, struct error *err)
{
        int r = io_read_fd(STDIN_FILENO, "standard input", DOCKERFILE_SIZE_MAX, &plan->text, err);

        if (r == 0 && plan->text.len == 0) {
                error_set(err, -EINVAL, "standard input is empty");
                r = error_hint(err, "Pass a Dockerfile, or a tar archive of a context.");
        }
        return r;
}

/* A context with nothing in it. */
static int open_nothing(struct store *store, struct context *ret, struct error *err)
{
        static const struct layers nothing;

        ret->source.anonymous = true;
        return layers_open(store, &nothing, &ret->source.tree, err);
}

/* An archive is the context; all else is a Dockerfile that needs none. */
static int open_standard_input(struct store *store, const struct build_options *options,
                               struct plan *plan, struct error *err)
{
        struct buf begun = BUF_INIT;
        ssize_t n;
        int r;

        if (options->dockerfile && strcmp(options->dockerfile, "-") == 0)
                return error_set(err, -EINVAL,
                                 "standard input cannot be both the context and the Dockerfile");
        if (buf_reserve(&begun, SNIFF_BYTES) < 0)
                return error_set_oom(err);
        n = io_read(STDIN_FILENO, begun.data, SNIFF_BYTES);
        if (n < 0) {
                buf_done(&begun);
                return error_set_errno(err, (int)n, "cannot read standard input");
        }
        begun.len = (size_t)n;
        if (options->dockerfile || is_archive(&begun)) {
                r = context_open_archive(store, STDIN_FILENO, &begun, &plan->context, err);
                buf_done(&begun);
                return r;
        }
        plan->text = begun;
        plan->path = strdup("Dockerfile");
        if (!plan->path)
                return error_set_oom(err);
        r = open_nothing(store, &plan->context, err);
        return r < 0 ? r : read_text(plan, err);
}

/* ---- from elsewhere ---- */

static bool is_directory(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool build_context_is_remote(const char *context)
{
        struct arena arena = ARENA_INIT;
        struct error ignored = ERROR_INIT;
        enum source_kind kind = SOURCE_PATH;
        struct git_source git;

        /* What is malformed is told when it is to be got. */
        if (!is_directory(context) &&
            source_parse(context, true, &arena, &kind, &git, &ignored) < 0)
                kind = SOURCE_GIT;
        arena_done(&arena);
        return kind != SOURCE_PATH;
}

static void tell_fetching(const struct build_options *options, const char *url)
{
        _cleanup_free_ char *shown = remote_show(url), *text = NULL;
        struct build_event note = { .type = BUILD_NOTE };

        if (!options->event || !shown || asprintf(&text, "getting %s", shown) < 0)
                return;
        note.text = text;
        options->event(options->event_context, &note);
}

static int open_git(struct store *store, const struct plan *plan, bool is_main,
                    struct git_source *git, struct context *ret, struct error *err)
{
        const struct build_options *options = plan->options;
        const char *epoch = options->args ? strv_env_get(options->args, EPOCH_ARG) : NULL;
        _cleanup_free_ char *commit = NULL;

        if (is_main && plan->builder_args.keep_git_dir)
                git->keep_git_dir = CHOICE_YES;
        /* Who wants the same times each time does not want those of the checkout. */
        git->commit_times |= is_main && epoch && *epoch;
        return git_open(store, git, remote_agent(options), ret, &commit, err);
}

/* Opens an archive that a URL leads to, or else makes a context of that one file and returns 1. */
static int open_url(struct store *store, const char *url, bool unpacks, struct context *ret,
                    struct error *err)
{
        struct registry_download download;
        _cleanup_close_ int fd = -1;
        struct buf begun = BUF_INIT;
        ssize_t n;
        int r = remote_fetch(store, url, &fd, &download, err);

        if (r == 0 && unpacks && buf_reserve(&begun, SNIFF_BYTES) < 0)
                r = error_set_oom(err);
        if (r < 0)
                return r;
        n = unpacks ? io_read(fd, begun.data, SNIFF_BYTES) : 0;
        begun.len = n > 0 ? (size_t)n : 0;
        if (n < 0)
                r = error_set_errno(err, (int)n, "cannot read a download");
        else if (is_archive(&begun))
                r = context_open_archive(store, fd, &begun, ret, err);
        else
                r = remote_make_tree(store, fd, &download, URL_FILE, NULL, ret, err) < 0 ? err->code
                                                                                         : 1;
        if (r >= 0 && download.modified >= 0) {
                ret->source.is_dated = true;
                ret->source.date = (struct timespec){ .tv_sec = download.modified };
        }
        buf_done(&begun);
        return r;
}

/* Of the main context archives are unpacked. Returns 1 for a context of one file, that of a URL. */
static int open_remote(struct store *store, const struct plan *plan, const char *text, bool is_main,
                       struct context *ret, struct error *err)
{
        const struct build_options *options = plan->options;
        struct arena arena = ARENA_INIT;
        enum source_kind kind;
        struct git_source git;
        int r = source_parse(text, true, &arena, &kind, &git, err);

        if (r == 0)
                tell_fetching(options, kind == SOURCE_GIT ? git.remote : text);
        if (r == 0)
                r = kind == SOURCE_GIT ? open_git(store, plan, is_main, &git, ret, err)
                                       : open_url(store, text, is_main, ret, err);
        arena_done(&arena);
        return r;
}

static int open_main(struct store *store, const struct build_options *options, struct plan *plan,
                     struct error *err)
{
        if (is_standard_input(options))
                return open_standard_input(store, options, plan, err);
        if (build_context_is_remote(options->context))
                return open_remote(store, plan, options->context, true, &plan->context, err);
        return context_open_directory(options->context, &plan->context, err);
}

int build_context_date(struct store *store, const struct build_options *options, bool *ret_known,
                       struct timespec *ret, struct error *err)
{
        struct plan plan = { .options = options, .context = CONTEXT_INIT };
        int r;

        *ret_known = false;
        if (is_standard_input(options) || !build_context_is_remote(options->context))
                return 0;
        r = open_main(store, options, &plan, err);
        if (r < 0)
                return r;
        *ret_known = plan.context.source.is_dated;
        *ret = plan.context.source.date;
        context_done(&plan.context);
        return 0;
}

/* ---- the Dockerfile ---- */

static int read_in_context(struct plan *plan, const char *path, struct error *err)
{
        _cleanup_free_ char *rooted = path_resolve("/", path);
        int r;

        if (!rooted)
                return error_set_oom(err);
        r = context_read(&plan->context, rooted + 1, DOCKERFILE_SIZE_MAX, &plan->text, err);
        if (r == 0) {
                plan->path = strdup(rooted + 1);
                r = plan->path ? 0 : error_set_oom(err);
        }
        return r;
}

static int read_on_host(struct plan *plan, struct error *err)
{
        int r = io_read_file(AT_FDCWD, plan->path, DOCKERFILE_SIZE_MAX, &plan->text, err);

        return r == -ENOENT ? error_hint(err, "Name the file with -f FILE.") : r;
}

/* Reads the file of that name if it is there. -ENOENT sets no error. */
static int try_dockerfile(struct plan *plan, const char *name, struct error *err)
{
        if (!plan->context.path)
                return read_in_context(plan, name, err);
        if (asprintf(&plan->path, "%s/%s", plan->context.path, name) < 0) {
                plan->path = NULL;
                return error_set_oom(err);
        }
        if (access(plan->path, F_OK) == 0)
                return read_on_host(plan, err);
        free(TAKE_PTR(plan->path));
        return -ENOENT;
}

static int find_dockerfile(const struct build_options *options, struct plan *plan,
                           struct error *err)
{
        static const char *const names[] = { "Dockerfile", "dockerfile", "Containerfile" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                int r = try_dockerfile(plan, names[i], err);

                if (r != -ENOENT || error_is_set(err))
                        return r;
        }
        error_set(err, -ENOENT, "there is no Dockerfile in %s",
                  plan->context.path ? plan->context.path : "the context");
        return error_hint(err, "Name the file with -f FILE, or give the %s that has it.",
                          is_standard_input(options) ? "archive" : "directory");
}

/* The file that a URL leads to, where that was no archive, is a Dockerfile. */
static int read_url_file(struct plan *plan, struct error *err)
{
        int r = context_read(&plan->context, URL_FILE, DOCKERFILE_SIZE_MAX, &plan->text, err);

        if (r == 0) {
                plan->path = strdup("Dockerfile");
                r = plan->path ? 0 : error_set_oom(err);
        }
        return r;
}

/* The Dockerfile that -f names lies on the host where the context does. Beside one from elsewhere,
 * an absolute path is the host's, too. */
static int read_dockerfile(const struct build_options *options, struct plan *plan,
                           struct error *err)
{
        int r;

        if (plan->path)
                return 0;
        if (!options->dockerfile)
                return find_dockerfile(options, plan, err);
        if (strcmp(options->dockerfile, "-") == 0) {
                plan->path = strdup("Dockerfile");
                return plan->path ? read_text(plan, err) : error_set_oom(err);
        }
        if (!plan->context.path && (*options->dockerfile != '/' || is_standard_input(options))) {
                r = read_in_context(plan, options->dockerfile, err);
                return r == -ENOENT && !error_is_set(err)
                               ? error_set(err, r, "there is no %s in the context",
                                           options->dockerfile)
                               : r;
        }
        plan->path = strdup(options->dockerfile);
        if (!plan->path)
                return error_set_oom(err);
        return read_on_host(plan, err);
}

static int read_ignore(const struct build_options *options, struct plan *plan, struct error *err)
{
        bool no_file = options->dockerfile && strcmp(options->dockerfile, "-") == 0;
        _cleanup_free_ char *beside = NULL;

        if (!no_file && asprintf(&beside, "%s.dockerignore", plan->path) < 0) {
                beside = NULL;
                return error_set_oom(err);
        }
        return context_read_ignore(&plan->context, beside, plan->context.path, err);
}

/* ---- contexts with names ---- */

/* What a name stands for, without getting it: a stage that is built may never ask for it. */
static int open_named(struct store *store, const struct build_context *written,
                      struct plan_context *context, struct error *err)
{
        const char *source = written->source;
        int r;

        if (strcasecmp(written->name, "scratch") == 0 || strcasecmp(written->name, "context") == 0)
                return error_set(err, -EINVAL,
                                 "--build-context %s: nothing else can have this name",
                                 written->name);
        *context = (struct plan_context){ .name = written->name,
                                          .text = source,
                                          .context = CONTEXT_INIT,
                                          .kind = PLAN_SOURCE_CONTEXT };
        if (strcmp(source, IMAGE_SCHEME "scratch") == 0) {
                context->resolved = true;
                return open_nothing(store, &context->context, err);
        }
        if (begins(source, IMAGE_SCHEME) || begins(source, LAYOUT_SCHEME)) {
                context->kind = PLAN_SOURCE_IMAGE;
                return 0;
        }
        if (build_context_is_remote(source))
                return 0;
        context->resolved = true;
        if (strstr(source, "://"))
                r = error_set(err, -EOPNOTSUPP, "%.*s:// is not supported",
                              (int)strcspn(source, ":"), source);
        else
                r = context_open_directory(source, &context->context, err);
        if (r == 0)
                r = context_read_ignore(&context->context, NULL, false, err);
        return r < 0 ? error_wrap(err, "--build-context %s", written->name) : 0;
}

static int get_layout_image(struct store *store, struct plan *plan, struct plan_context *context,
                            struct error *err)
{
        _cleanup_(layout_name_done) struct layout_name name = { .path = NULL };
        struct stored_image image;
        int r = layout_name_parse(context->text + strlen(LAYOUT_SCHEME), &name, err);

        if (r == 0)
                r = layout_load(store, &name, &image, err);
        return r < 0 ? r
                     : plan_add_stored(plan, context->text, &plan->platform, &image,
                                       &context->image, err);
}

int plan_get_context(struct store *store, struct plan *plan, struct plan_context *context,
                     struct error *err)
{
        int r;

        if (begins(context->text, IMAGE_SCHEME))
                r = plan_add_image(store, plan, context->text + strlen(IMAGE_SCHEME),
                                   &plan->platform, &context->image, err);
        else if (begins(context->text, LAYOUT_SCHEME))
                r = get_layout_image(store, plan, context, err);
        else
                r = open_remote(store, plan, context->text, false, &context->context, err);
        context->resolved = r >= 0;
        return r < 0 ? r : 0;
}

int plan_open_context(struct store *store, const struct build_options *options, struct plan *plan,
                      struct error *err)
{
        int r;

        plan->contexts = calloc(options->context_count + 1, sizeof(*plan->contexts));
        if (!plan->contexts)
                return error_set_oom(err);
        r = open_main(store, options, plan, err);
        if (r > 0 && !options->dockerfile)
                r = read_url_file(plan, err);
        if (r >= 0)
                r = read_dockerfile(options, plan, err);
        /* What comes from elsewhere is taken as a whole, as BuildKit does. */
        if (r == 0 && (plan->context.path || is_standard_input(options)))
                r = read_ignore(options, plan, err);
        for (; plan->context_count < options->context_count && r == 0; plan->context_count++)
                r = open_named(store, &options->contexts[plan->context_count],
                               &plan->contexts[plan->context_count], err);
        return r;
}
