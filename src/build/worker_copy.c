/*
 * COPY and ADD.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "copy.h"
#include "dockerfile/source.h"
#include "git.h"
#include "remote.h"
#include "users.h"
#include "worker.h"
#include "worker_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sources that are read together. */
struct copy_part {
        struct copy_source source;
        struct copy_items items;
        struct context context; /* owns what `source` points to where it is of this part alone */
        char *commit;           /* that all of it is of, instead of its files; owned, or NULL */
};

/* What a COPY works with. */
struct copy_step {
        struct copy_source local; /* what paths are in */
        struct tree *tree;        /* owned: of a stage or an image */
        struct copy_part *parts;  /* owned; in the order of the sources, here-documents last */
        size_t part_count;
        struct ignore *exclude;
        char *destination; /* absolute, with its trailing slash */
        struct mode_change mode;
        struct copy_manner manner;
        struct tree_owner owner;
};

static void copy_step_done(struct copy_step *step)
{
        for (size_t i = 0; i < step->part_count; i++) {
                copy_items_done(&step->parts[i].items);
                context_done(&step->parts[i].context);
                free(step->parts[i].commit);
        }
        free(step->parts);
        ignore_free(step->exclude);
        tree_free(step->tree);
        free(step->destination);
}

/* ---- sources ---- */

static int open_source(struct worker *worker, const char *from, struct copy_step *step,
                       struct error *err)
{
        const struct copy_source *files;
        struct layers layers;
        int r = worker_find_source(worker, from, true, &files, &layers, err);

        if (r == 0 && files)
                step->local = *files;
        else if (r == 0)
                r = worker_open_layers(worker, &layers, &step->tree, err);
        if (step->tree)
                step->local = (struct copy_source){ .root_fd = -1, .tree = step->tree };
        layers_done(&layers);
        return r;
}

/* ---- how and where ---- */

static int find_destination(const struct worker *worker, struct copy_step *step, struct error *err)
{
        const char *written = worker->instruction->copy.destination;
        _cleanup_free_ char *clean = path_resolve(worker_workdir(worker), written);
        bool directory = copy_names_directory(written);

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
        if (copy->chown)
                step->manner.owner = &step->owner;
        /* Numbers do not take a base that need not be there otherwise. */
        if (r == 0 && copy->chown && !user_owner_is_number(copy->chown, &step->owner)) {
                r = worker_open_tree(worker, err);
                if (r == 0)
                        r = user_find_owner(worker->tree, copy->chown, &step->owner, err);
        }
        return r;
}

/* ---- the step ---- */

static int copy_group(const struct worker *worker, struct digest *ret, struct error *err)
{
        const struct instruction *instruction = worker->instruction;
        struct key key;
        int r = worker_begin_group(worker, instruction->type == INSTRUCTION_ADD ? "ADD" : "COPY",
                                   &key, err);

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
        key_add_text(&key, instruction->copy.checksum);
        key_add_number(&key, instruction->copy.unpack);
        key_add_number(&key, instruction->copy.keep_git_dir);
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
        for (size_t i = 0; i < step->part_count && r == 0; i++) {
                const struct copy_part *part = &step->parts[i];

                /* Of .git no two checkouts are the same. */
                key_add_text(&key, part->commit);
                if (part->commit && step->manner.owner)
                        key_add_number(&key, (uint64_t)step->manner.owner->uid << 32 |
                                                     step->manner.owner->gid);
                if (image || !part->commit)
                        r = copy_items_apply(&part->source, &part->items, &step->manner, image,
                                             part->commit ? NULL : &key, err);
        }
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

/* Finds what to copy of a part that comes next. The part is of the step's from now on. */
static int add_part(struct copy_step *step, const struct copy_rules *rules,
                    const char *const *sources, size_t count, struct error *err)
{
        struct copy_part *part = &step->parts[step->part_count++];
        struct copy_rules own = *rules;

        own.source = &part->source;
        own.sources = sources;
        own.source_count = count;
        return copy_find(&own, &part->items, err);
}

/* Puts the files that the Dockerfile holds itself into a tree, each in a directory of its own, as
 * there may be several of a name. */
static int add_inlined(struct worker *worker, struct copy_step *step,
                       const struct copy_rules *rules, struct error *err)
{
        static const struct layers nothing;
        const struct instruction_copy *copy = &worker->instruction->copy;
        struct copy_part *part = &step->parts[step->part_count];
        struct copy_rules own = { .is_literal = true, .destination = rules->destination };
        struct strv paths = STRV_INIT;
        int r;

        if (copy->file_count == 0)
                return 0;
        r = layers_open(worker->store, &nothing, &part->context.source.tree, err);
        for (size_t i = 0; i < copy->file_count && r == 0; i++) {
                char directory[32];

                snprintf(directory, sizeof(directory), "/%zu", i);
                r = write_inlined(part->context.source.tree, directory, &copy->files[i], err);
                if (r == 0 &&
                    strv_addf(&paths, "%s/%s", directory, path_base(copy->files[i].name)) < 0)
                        r = error_set_oom(err);
        }
        part->source = part->context.source;
        if (r == 0)
                r = add_part(step, &own, (const char *const *)paths.items, paths.count, err);
        else
                context_done(&part->context);
        strv_done(&paths);
        return r;
}

/* A file of a URL, by the name that the URL gives it. */
static int add_url(struct worker *worker, struct copy_step *step, const struct copy_rules *rules,
                   const char *url, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        struct copy_part *part = &step->parts[step->part_count];
        struct copy_rules own = *rules;
        struct arena arena = ARENA_INIT;
        struct digest checksum;
        const char *name;
        int r = source_url_name(url, &arena, &name) < 0 ? error_set_oom(err) : 0;

        if (r == 0 && copy->checksum)
                r = digest_parse(copy->checksum, &checksum, err);
        /* BuildKit's own word for what has no name. */
        if (r == 0 && !name)
                name = "__unnamed__";
        if (r == 0)
                r = remote_open_file(worker->store, url, name, copy->checksum ? &checksum : NULL,
                                     &part->context, err);
        if (r == 0) {
                part->source = part->context.source;
                own.is_literal = true;
                own.parents = false;
                own.unpacks = copy->unpack == CHOICE_YES;
                r = add_part(step, &own, &name, 1, err);
        }
        arena_done(&arena);
        return r;
}

/* All that is in a repository, or in its subdirectory. */
static int add_git(struct worker *worker, struct copy_step *step, const struct copy_rules *rules,
                   struct git_source *git, struct error *err)
{
        static const char *const all = "/";
        struct copy_part *part = &step->parts[step->part_count];
        struct copy_rules own = *rules;
        int r = remote_set_git(worker->instruction, true, git, err);

        if (r == 0)
                r = git_open(worker->store, git, remote_agent(worker->options), &part->context,
                             &part->commit, err);
        if (r < 0)
                return r;
        part->source = part->context.source;
        own.is_literal = true;
        own.parents = own.unpacks = false;
        return add_part(step, &own, &all, 1, err);
}

/* Paths that follow each other are of one part: hard links among them stay links. */
static int add_sources(struct worker *worker, struct copy_step *step,
                       const struct copy_rules *rules, struct error *err)
{
        const struct words *sources = &worker->instruction->copy.sources;
        size_t begin = 0;
        int r = 0;

        for (size_t i = 0; i <= sources->count && r == 0; i++) {
                enum source_kind kind = SOURCE_PATH;
                struct git_source git;
                struct arena arena = ARENA_INIT;

                if (i < sources->count)
                        r = source_parse(sources->items[i], false, &arena, &kind, &git, err);
                if (r == 0 && i < sources->count && kind == SOURCE_PATH) {
                        arena_done(&arena);
                        continue;
                }
                if (r == 0 && i > begin) {
                        step->parts[step->part_count].source = step->local;
                        r = add_part(step, rules, sources->items + begin, i - begin, err);
                }
                begin = i + 1;
                if (r == 0 && kind == SOURCE_URL)
                        r = add_url(worker, step, rules, sources->items[i], err);
                if (r == 0 && kind == SOURCE_GIT)
                        r = add_git(worker, step, rules, &git, err);
                arena_done(&arena);
        }
        return r;
}

static int prepare(struct worker *worker, struct copy_step *step, struct error *err)
{
        const struct instruction_copy *copy = &worker->instruction->copy;
        bool is_add = worker->instruction->type == INSTRUCTION_ADD;
        struct copy_rules rules = { .parents = copy->parents,
                                    .unpacks = copy->unpack == CHOICE_YES ||
                                               (is_add && copy->unpack != CHOICE_NO) };
        int r;

        step->parts = calloc(copy->sources.count + 1, sizeof(*step->parts));
        if (!step->parts)
                return error_set_oom(err);
        for (size_t i = 0; i <= copy->sources.count; i++)
                step->parts[i].context = CONTEXT_INIT;
        r = copy_check_parts(copy, err);
        if (r == 0)
                r = open_source(worker, copy->from, step, err);
        if (r == 0)
                r = find_destination(worker, step, err);
        if (r == 0)
                r = find_manner(worker, step, err);
        if (r == 0 && copy->excludes.count > 0)
                r = ignore_new(copy->excludes.items, copy->excludes.count, &step->exclude, err);
        rules.destination = step->destination;
        rules.exclude = step->exclude;
        if (r == 0)
                r = add_sources(worker, step, &rules, err);
        return r < 0 ? r : add_inlined(worker, step, &rules, err);
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
                worker_clamp_times(worker);
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

int worker_copy(struct worker *worker, bool *ret_cached, struct error *err)
{
        _cleanup_(copy_step_done) struct copy_step step = { .tree = NULL };
        struct digest group, input = { .bytes = { 0 } };
        bool empty = false;
        int r;

        *ret_cached = false;
        worker->stands_alone = worker->instruction->copy.link;
        r = remote_check(worker->instruction, true, err);
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
        if (r == 0)
                r = worker_tell_files(worker, err);
        return r < 0 ? r : worker_add_copy_history(worker, empty, err);
}
