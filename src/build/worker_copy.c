/*
 * COPY and ADD.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "copy.h"
#include "users.h"
#include "worker.h"
#include "worker_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a COPY works with. */
struct copy_step {
        struct copy_source source;
        struct tree *tree; /* owned: of a stage or an image */
        struct copy_items items;
        char *destination; /* absolute, with its trailing slash */
        struct mode_change mode;
        struct copy_manner manner;
        struct tree_owner owner;
};

static void copy_step_done(struct copy_step *step)
{
        copy_items_done(&step->items);
        tree_free(step->tree);
        free(step->destination);
}

/* Refuses by name what would otherwise be passed over. */
static int check_options(const struct instruction *instruction, struct error *err)
{
        const struct instruction_copy *copy = &instruction->copy;
        const char *option = NULL;

        if (copy->file_count > 0)
                option = "with a here-document";
        else if (copy->link)
                option = "--link";
        else if (copy->parents)
                option = "--parents";
        else if (copy->excludes.count > 0)
                option = "--exclude";
        else if (copy->checksum)
                option = "--checksum";
        else if (copy->keep_git_dir != CHOICE_UNSET)
                option = "--keep-git-dir";
        for (size_t i = 0; i < copy->sources.count && !option; i++)
                if (strstr(copy->sources.items[i], "://") ||
                    strncmp(copy->sources.items[i], "git@", 4) == 0)
                        option = "of a URL";
        if (!option)
                return 0;
        error_set(err, -EOPNOTSUPP, "%s %s is not supported", instruction_name(instruction->type),
                  option);
        return error_hint(err, "Build this image without it.");
}

/* ---- sources ---- */

static int open_source(struct worker *worker, const char *from, struct copy_step *step,
                       struct error *err)
{
        const struct copy_source *files;
        struct layers layers;
        int r = worker_find_source(worker, from, true, &files, &layers, err);

        if (r == 0 && files)
                step->source = *files;
        else if (r == 0)
                r = worker_open_layers(worker, &layers, &step->tree, err);
        if (step->tree)
                step->source = (struct copy_source){ .root_fd = -1, .tree = step->tree };
        layers_done(&layers);
        return r;
}

/* ---- how and where ---- */

static int find_destination(const struct worker *worker, struct copy_step *step, struct error *err)
{
        const char *written = worker->instruction->copy.destination;
        size_t len = strlen(written);
        _cleanup_free_ char *clean = path_resolve(worker_workdir(worker), written);
        bool directory = len > 0 && (written[len - 1] == '/' || strcmp(written, ".") == 0 ||
                                     (len > 1 && strcmp(written + len - 2, "/.") == 0));

        if (!clean || asprintf(&step->destination, "%s%s", clean,
                               directory && strcmp(clean, "/") != 0 ? "/" : "") < 0)
                return error_set_oom(err);
        return 0;
}

/* Files of the context belong to root; those of an image keep their owners. */
static int find_manner(struct worker *worker, struct copy_step *step, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        int r = 0;

        if (copy->chmod) {
                r = mode_parse(copy->chmod, &step->mode, err);
                step->manner.mode = &step->mode;
        }
        if (r == 0 && copy->chown) {
                r = worker_open_tree(worker, err);
                if (r == 0)
                        r = user_find_owner(worker->tree, copy->chown, &step->owner, err);
                step->manner.owner = &step->owner;
        }
        return r;
}

/* ---- the step ---- */

static int copy_group(const struct worker *worker, struct digest *ret, struct error *err)
{
        const struct instruction *instruction = worker->instruction;
        struct key key;
        int r = key_begin(&key, instruction->type == INSTRUCTION_ADD ? "ADD" : "COPY", err);

        if (r < 0)
                return r;
        key_add_number(&key, instruction->copy.sources.count);
        for (size_t i = 0; i < instruction->copy.sources.count; i++)
                key_add_text(&key, instruction->copy.sources.items[i]);
        key_add_text(&key, instruction->copy.destination);
        key_add_text(&key, worker_workdir(worker));
        key_add_text(&key, instruction->copy.chmod);
        key_add_text(&key, instruction->copy.chown);
        key_add_text(&key, instruction->copy.from);
        return key_finish(&key, ret, err);
}

/* Reads everything once: for the digest, and into `image` where that is not NULL. */
static int apply(struct copy_step *step, struct tree *image, struct digest *ret_input,
                 struct error *err)
{
        struct key key;
        int r = key_begin(&key, "files", err);

        if (r < 0)
                return r;
        r = copy_items_apply(&step->source, &step->items, &step->manner, image, &key, err);
        if (r < 0) {
                key_done(&key);
                return r;
        }
        return key_finish(&key, ret_input, err);
}

static int prepare(struct worker *worker, struct copy_step *step, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        struct copy_rules rules = { .source = &step->source,
                                    .sources = copy->sources.items,
                                    .source_count = copy->sources.count,
                                    .unpacks = worker->instruction->type == INSTRUCTION_ADD &&
                                               copy->unpack != CHOICE_NO };
        int r;

        r = open_source(worker, copy->from, step, err);
        if (r == 0)
                r = find_destination(worker, step, err);
        if (r == 0)
                r = find_manner(worker, step, err);
        rules.destination = step->destination;
        return r < 0 ? r : copy_find(&rules, &step->items, err);
}

/* "COPY /src /dest # varve", with all its sources. */
static int add_copy_history(struct worker *worker, bool empty, struct error *err)
{
        return worker_add_history(worker, empty, err, "%s # varve", worker->instruction->text);
}

int worker_copy(struct worker *worker, bool *ret_cached, struct error *err)
{
        _cleanup_(copy_step_done) struct copy_step step = { .tree = NULL };
        struct digest group, input;
        bool empty = false;
        int r;

        *ret_cached = false;
        r = check_options(worker->instruction, err);
        if (r == 0)
                r = prepare(worker, &step, err);
        if (r == 0)
                r = copy_group(worker, &group, err);
        if (r < 0)
                return r;
        if (worker_may_be_cached(worker, &group)) {
                r = apply(&step, NULL, &input, err);
                if (r == 0)
                        r = worker_try_cache(worker, &group, &input, &empty, err);
                *ret_cached = r > 0;
        }
        if (r == 0) {
                r = worker_open_tree(worker, err);
                if (r == 0)
                        r = apply(&step, worker->tree, &input, err);
                if (r == 0)
                        r = worker_finish_step(worker, &group, &input, &empty, err);
        }
        return r < 0 ? r : add_copy_history(worker, empty, err);
}
