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
        struct tree *inlined; /* owned: what the Dockerfile holds itself, or NULL */
        struct copy_source inlined_source;
        struct copy_items inlined_items;
        struct ignore *exclude;
        char *destination; /* absolute, with its trailing slash */
        struct mode_change mode;
        struct copy_manner manner;
        struct tree_owner owner;
};

static void copy_step_done(struct copy_step *step)
{
        copy_items_done(&step->items);
        copy_items_done(&step->inlined_items);
        tree_free(step->inlined);
        ignore_free(step->exclude);
        tree_free(step->tree);
        free(step->destination);
}

/* Refuses by name what would otherwise be passed over. */
static int check_options(const struct instruction *instruction, struct error *err)
{
        const struct instruction_copy *copy = &instruction->copy;
        const char *option = NULL;

        if (copy->checksum)
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
        key_add_number(&key, (uint64_t)instruction->copy.link << 1 | instruction->copy.parents);
        key_add_number(&key, instruction->copy.excludes.count);
        for (size_t i = 0; i < instruction->copy.excludes.count; i++)
                key_add_text(&key, instruction->copy.excludes.items[i]);
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
        if (r == 0 && step->inlined)
                r = copy_items_apply(&step->inlined_source, &step->inlined_items, &step->manner,
                                     image, &key, err);
        if (r < 0) {
                key_done(&key);
                return r;
        }
        return key_finish(&key, ret_input, err);
}

static int write_inlined(struct tree *tree, const char *directory, const struct inline_file *file,
                         struct error *err)
{
        struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
        struct tree_attr attr;
        int r = tree_make_path(tree, directory, 0755, &inode.owner, &attr);

        if (r == 0)
                r = tree_create(tree, attr.ino, path_base(file->name), &inode, &attr);
        if (r == 0 && *file->data)
                r = tree_write(tree, attr.ino, 0, file->data, strlen(file->data), false);
        return r < 0 ? error_set_errno(err, r, "cannot write the here-document %s", file->name) : 0;
}

/* Puts the files that the Dockerfile holds itself into a tree, each in a directory of its own, as
 * there may be several of a name. */
static int open_inlined(struct worker *worker, struct copy_step *step, struct error *err)
{
        static const struct layers nothing;
        const struct instruction_copy *copy = &worker->instruction->copy;
        struct strv paths = STRV_INIT;
        struct copy_rules rules = { .source = &step->inlined_source,
                                    .is_literal = true,
                                    .several = copy->sources.count + copy->file_count > 1,
                                    .destination = step->destination };
        int r;

        if (copy->file_count == 0)
                return 0;
        r = layers_open(worker->store, &nothing, &step->inlined, err);
        for (size_t i = 0; i < copy->file_count && r == 0; i++) {
                char directory[32];

                snprintf(directory, sizeof(directory), "/%zu", i);
                r = write_inlined(step->inlined, directory, &copy->files[i], err);
                if (r == 0 &&
                    strv_addf(&paths, "%s/%s", directory, path_base(copy->files[i].name)) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0) {
                step->inlined_source = (struct copy_source){ .root_fd = -1, .tree = step->inlined };
                rules.sources = (const char *const *)paths.items;
                rules.source_count = paths.count;
                r = copy_find(&rules, &step->inlined_items, err);
        }
        strv_done(&paths);
        return r;
}

static int prepare(struct worker *worker, struct copy_step *step, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        bool is_add = worker->instruction->type == INSTRUCTION_ADD;
        struct copy_rules rules = { .source = &step->source,
                                    .sources = copy->sources.items,
                                    .source_count = copy->sources.count,
                                    .parents = copy->parents,
                                    .several = copy->sources.count + copy->file_count > 1,
                                    .unpacks = copy->unpack == CHOICE_YES ||
                                               (is_add && copy->unpack != CHOICE_NO) };
        int r;

        r = open_source(worker, copy->from, step, err);
        if (r == 0)
                r = find_destination(worker, step, err);
        if (r == 0)
                r = find_manner(worker, step, err);
        if (r == 0 && copy->excludes.count > 0)
                r = ignore_new(copy->excludes.items, copy->excludes.count, &step->exclude, err);
        if (r == 0)
                r = open_inlined(worker, step, err);
        rules.destination = step->destination;
        rules.exclude = step->exclude;
        return r < 0 ? r : copy_find(&rules, &step->items, err);
}

/* --link: into a layer of its own, as if there were nothing below it. */
static int carry_out_alone(struct worker *worker, struct copy_step *step,
                           const struct digest *group, bool *ret_empty, struct error *err)
{
        static const struct layers nothing;
        struct digest input;
        int r = worker_join_steps(worker, err);

        if (r < 0)
                return r;
        tree_free(worker->tree);
        worker->tree = NULL;
        r = layers_open(worker->store, &nothing, &worker->tree, err);
        if (r == 0)
                r = apply(step, worker->tree, &input, err);
        if (r == 0)
                r = worker_finish_step(worker, group, &input, ret_empty, err);
        if (r == 0)
                r = worker_join_steps(worker, err);
        tree_free(worker->tree);
        worker->tree = NULL;
        return r;
}

static int carry_out(struct worker *worker, struct copy_step *step, const struct digest *group,
                     bool *ret_empty, struct error *err)
{
        struct digest input;
        int r = worker_open_tree(worker, err);

        if (r == 0)
                r = apply(step, worker->tree, &input, err);
        return r < 0 ? r : worker_finish_step(worker, group, &input, ret_empty, err);
}

/* "COPY /src /dest # varve", with all its sources. */
static int add_copy_history(struct worker *worker, bool empty, struct error *err)
{
        return worker_add_history(worker, empty, err, "%s # varve", worker->instruction->text);
}

int worker_copy(struct worker *worker, bool *ret_cached, struct error *err)
{
        _cleanup_(copy_step_done) struct copy_step step = { .tree = NULL };
        struct digest group, input = { .bytes = { 0 } };
        bool empty = false;
        int r;

        *ret_cached = false;
        worker->stands_alone = worker->instruction->copy.link;
        r = check_options(worker->instruction, err);
        if (r == 0)
                r = prepare(worker, &step, err);
        if (r == 0)
                r = copy_group(worker, &group, err);
        if (r < 0)
                return r;
        if (worker_may_be_cached(worker, &group))
                r = apply(&step, NULL, &input, err);
        if (r == 0)
                r = worker_try_cache(worker, &group, &input, &empty, err);
        *ret_cached = r > 0;
        if (r == 0)
                r = worker->stands_alone ? carry_out_alone(worker, &step, &group, &empty, err)
                                         : carry_out(worker, &step, &group, &empty, err);
        worker->stands_alone = false;
        return r < 0 ? r : add_copy_history(worker, empty, err);
}
