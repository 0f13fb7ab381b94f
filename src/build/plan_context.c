/*
 * What a build reads before it is planned: its contexts and the text of its Dockerfile.
 */
#include "archive/decompress.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "build/layers.h"
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Where a tar's first header has its mark, and how much of standard input tells what it is. */
#define TAR_MARK        "ustar"
#define TAR_MARK_OFFSET 257
#define SNIFF_BYTES     512

#define IMAGE_SCHEME "docker-image://"

struct plan_context *plan_find_context(const struct plan *plan, const char *name)
{
        for (size_t i = 0; i < plan->context_count; i++)
                if (strcasecmp(plan->contexts[i].name, name) == 0)
                        return &plan->contexts[i];
        return NULL;
}

/* ---- standard input ---- */

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

/* An archive is the context; all else is a Dockerfile that needs none. */
static int open_standard_input(struct store *store, const struct build_options *options,
                               struct plan *plan, struct error *err)
{
        static const struct layers nothing;
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
        plan->context.source.anonymous = true;
        r = layers_open(store, &nothing, &plan->context.source.tree, err);
        return r < 0 ? r : read_text(plan, err);
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
                          strcmp(options->context, "-") == 0 ? "archive" : "directory");
}

/* The Dockerfile that -f names lies on the host where the context does. */
static int read_dockerfile(const struct build_options *options, struct plan *plan,
                           struct error *err)
{
        int r;

        if (plan->path)
                return 0;
        if (!options->dockerfile)
                return find_dockerfile(options, plan, err);
        if (!plan->context.path) {
                r = read_in_context(plan, options->dockerfile, err);
                return r == -ENOENT && !error_is_set(err)
                               ? error_set(err, r, "there is no %s in the context",
                                           options->dockerfile)
                               : r;
        }
        if (strcmp(options->dockerfile, "-") == 0) {
                plan->path = strdup("Dockerfile");
                return plan->path ? read_text(plan, err) : error_set_oom(err);
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

static int open_named(const struct build_context *written, struct plan_context *context,
                      struct error *err)
{
        const char *source = written->source;
        int r;

        context->name = written->name;
        context->context = CONTEXT_INIT;
        context->kind = PLAN_SOURCE_CONTEXT;
        if (strncmp(source, IMAGE_SCHEME, strlen(IMAGE_SCHEME)) == 0) {
                /* Known once a stage that is built asks for it. */
                context->kind = PLAN_SOURCE_IMAGE;
                context->text = source + strlen(IMAGE_SCHEME);
                return 0;
        }
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

int plan_open_context(struct store *store, const struct build_options *options, struct plan *plan,
                      struct error *err)
{
        int r;

        plan->contexts = calloc(options->context_count + 1, sizeof(*plan->contexts));
        if (!plan->contexts)
                return error_set_oom(err);
        r = strcmp(options->context, "-") == 0
                    ? open_standard_input(store, options, plan, err)
                    : context_open_directory(options->context, &plan->context, err);
        if (r == 0)
                r = read_dockerfile(options, plan, err);
        if (r == 0)
                r = read_ignore(options, plan, err);
        for (; plan->context_count < options->context_count && r == 0; plan->context_count++)
                r = open_named(&options->contexts[plan->context_count],
                               &plan->contexts[plan->context_count], err);
        return r;
}
