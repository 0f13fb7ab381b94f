#include "dockerfile/expand.h"

#include "base/cleanup.h"
#include "dockerfile/value.h"
#include "mount.h"
#include "shell.h"
#include "text.h"

#include <errno.h>
#include <string.h>

bool expand_lookup_strv(const void *strv, const char *name, const char **ret_value)
{
        const char *value = strv_env_get(strv, name);

        if (value)
                *ret_value = value;
        return value != NULL;
}

int expand_word(const struct expander *expander, const char *word, struct buf *ret,
                struct error *err)
{
        struct shell_options options = { .escape = expander->escape };

        return shell_expand(&options, expander, word, ret, err);
}

int expand_words(const struct expander *expander, const char *word, struct strv *ret,
                 struct error *err)
{
        struct shell_options options = { .escape = expander->escape };

        return shell_split(&options, expander, word, ret, err);
}

/* One instruction on its way. */
struct expansion {
        const struct instruction *from;
        struct instruction *to;
        const struct expander *expander;
        struct arena *arena;
        struct source_position *ret_where;
};

/* Gives an error that is set its place: that of `word`. Returns `r`. */
static int expansion_blame(struct expansion *expansion, const char *word, int r)
{
        *expansion->ret_where = instruction_locate(expansion->from, word);
        return r;
}

static int expansion_text(struct expansion *expansion, const struct shell_options *options,
                          const char **text, struct error *err)
{
        _cleanup_(buf_done) struct buf expanded = BUF_INIT;
        const char special[] = { '$', '\'', '"', options->escape, '\0' };
        const char *word = *text;
        int r;

        /* Nothing in it changes. */
        if (!word || !strpbrk(word, special))
                return 0;
        r = shell_expand(options, expansion->expander, word, &expanded, err);
        if (r < 0) {
                error_wrap(err, "cannot expand \"%.200s\"", word);
                return expansion_blame(expansion, word, r);
        }
        *text = arena_strndup(expansion->arena, buf_str(&expanded), expanded.len);
        return *text ? 0 : error_set_oom(err);
}

static int expansion_word(struct expansion *expansion, const char **word, struct error *err)
{
        struct shell_options options = { .escape = expansion->expander->escape };

        return expansion_text(expansion, &options, word, err);
}

/* Expands each word of a list, which is copied first. */
static int expansion_list(struct expansion *expansion, struct words *words, struct error *err)
{
        const char **items = arena_alloc_array(expansion->arena, words->count + 1, sizeof(*items));
        int r = 0;

        if (!items)
                return error_set_oom(err);
        for (size_t i = 0; r == 0 && i < words->count; i++) {
                items[i] = words->items[i];
                r = expansion_word(expansion, &items[i], err);
        }
        words->items = items;
        return r;
}

static int expansion_copy(struct expansion *expansion, struct error *err)
{
        /* Bodies are like a shell's heredocs: quotes are text, and the escape is a backslash. */
        struct shell_options body = { .escape = '\\', .file = true };
        struct instruction_copy *copy = &expansion->to->copy;
        const char **options[] = { &copy->chown, &copy->chmod, &copy->checksum };
        struct inline_file *files;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(options); i++) {
                r = expansion_word(expansion, options[i], err);
                /* What comes to nothing was not given. */
                if (r == 0 && *options[i] && !**options[i])
                        *options[i] = NULL;
        }
        if (r == 0)
                r = expansion_word(expansion, &copy->destination, err);
        if (r == 0)
                r = expansion_list(expansion, &copy->sources, err);
        if (r < 0)
                return r;
        files = arena_alloc_array(expansion->arena, copy->file_count, sizeof(*files));
        if (!files)
                return error_set_oom(err);
        for (size_t i = 0; r == 0 && i < copy->file_count; i++) {
                files[i] = copy->files[i];
                if (files[i].expand)
                        r = expansion_text(expansion, &body, &files[i].data, err);
        }
        copy->files = files;
        return r;
}

static int expansion_pairs(struct expansion *expansion, struct error *err)
{
        struct key_values *pairs = &expansion->to->pairs;
        struct key_value *items = arena_alloc_array(expansion->arena, pairs->count, sizeof(*items));
        int r = 0;

        if (!items)
                return error_set_oom(err);
        for (size_t i = 0; r == 0 && i < pairs->count; i++) {
                items[i] = pairs->items[i];
                r = expansion_word(expansion, &items[i].key, err);
                if (r == 0)
                        r = expansion_word(expansion, &items[i].value, err);
        }
        pairs->items = items;
        return r;
}

/* EXPOSE: one word may become several, or none. */
static int expansion_expose(struct expansion *expansion, struct error *err)
{
        const struct words *from = &expansion->from->words;
        struct words words = { .count = 0 };
        size_t cap = 0;

        for (size_t i = 0; i < from->count; i++) {
                _cleanup_(strv_done) struct strv split = STRV_INIT;
                int r = expand_words(expansion->expander, from->items[i], &split, err);

                if (r < 0) {
                        error_wrap(err, "cannot expand \"%.200s\"", from->items[i]);
                        return expansion_blame(expansion, from->items[i], r);
                }
                for (size_t j = 0; r == 0 && j < split.count; j++)
                        r = words_add(expansion->arena, &words, &cap,
                                      arena_strdup(expansion->arena, split.items[j]), err);
                if (r < 0)
                        return r;
        }
        expansion->to->words = words;
        return 0;
}

static int expansion_volume(struct expansion *expansion, struct error *err)
{
        const struct words *from = &expansion->from->words;
        int r = expansion_list(expansion, &expansion->to->words, err);

        for (size_t i = 0; r == 0 && i < from->count; i++)
                if (!*expansion->to->words.items[i])
                        r = expansion_blame(expansion, from->items[i],
                                            error_set(err, -EINVAL,
                                                      "the volume \"%.200s\" is an empty path",
                                                      from->items[i]));
        return r;
}

static int expansion_from(struct expansion *expansion, struct error *err)
{
        const struct instruction_from *before = &expansion->from->from;
        struct instruction_from *from = &expansion->to->from;
        int r;

        r = expansion_word(expansion, &from->base, err);
        if (r == 0)
                r = expansion_word(expansion, &from->platform, err);
        if (r < 0)
                return r;
        if (!*from->base) {
                error_set(err, -EINVAL, "the base image \"%.200s\" is empty", before->base);
                r = error_hint(err, "give the variable a value: ARG NAME=value before FROM, or "
                                    "--build-arg NAME=value");
                return expansion_blame(expansion, before->base, r);
        }
        if (from->platform && !*from->platform)
                return expansion_blame(expansion, before->platform,
                                       error_set(err, -EINVAL, "the platform \"%.200s\" is empty",
                                                 before->platform));
        return 0;
}

static int expansion_run(struct expansion *expansion, struct error *err)
{
        struct instruction_run *run = &expansion->to->run;
        struct run_mount *mounts =
                arena_alloc_array(expansion->arena, run->mount_count, sizeof(*mounts));

        if (!mounts)
                return error_set_oom(err);
        for (size_t i = 0; i < run->mount_count; i++) {
                const char *text = run->mounts[i].text;
                int r = mount_expand(expansion->arena, text, expansion->expander, &mounts[i], err);

                if (r < 0)
                        return expansion_blame(expansion, text, r);
        }
        run->mounts = mounts;
        return 0;
}

static int expansion_value(struct expansion *expansion, struct error *err)
{
        const char *before = expansion->from->value;
        int r = expansion_word(expansion, &expansion->to->value, err), number;

        if (r < 0 || expansion->from->type != INSTRUCTION_STOPSIGNAL ||
            value_parse_signal(expansion->to->value, &number) == 0)
                return r;
        error_set(err, -EINVAL, "\"%.200s\" is no signal", expansion->to->value);
        r = error_hint(err, "signals are named like SIGTERM, or numbers");
        return expansion_blame(expansion, before, r);
}

static int expansion_run_through(struct expansion *expansion, struct error *err)
{
        switch (expansion->from->type) {
        case INSTRUCTION_ADD:
        case INSTRUCTION_COPY:
                return expansion_copy(expansion, err);
        case INSTRUCTION_ENV:
        case INSTRUCTION_LABEL:
                return expansion_pairs(expansion, err);
        case INSTRUCTION_EXPOSE:
                return expansion_expose(expansion, err);
        case INSTRUCTION_FROM:
                return expansion_from(expansion, err);
        case INSTRUCTION_RUN:
                return expansion_run(expansion, err);
        case INSTRUCTION_STOPSIGNAL:
        case INSTRUCTION_USER:
        case INSTRUCTION_WORKDIR:
                return expansion_value(expansion, err);
        case INSTRUCTION_VOLUME:
                return expansion_volume(expansion, err);
        case INSTRUCTION_ARG:
        case INSTRUCTION_CMD:
        case INSTRUCTION_ENTRYPOINT:
        case INSTRUCTION_HEALTHCHECK:
        case INSTRUCTION_MAINTAINER:
        case INSTRUCTION_ONBUILD:
        case INSTRUCTION_SHELL:
                break;
        }
        return 0;
}

int instruction_expand(const struct instruction *instruction, const struct expander *expander,
                       struct arena *arena, struct instruction **ret,
                       struct source_position *ret_where, struct error *err)
{
        struct expansion expansion = {
                .from = instruction,
                .to = arena_alloc(arena, sizeof(*expansion.to)),
                .expander = expander,
                .arena = arena,
                .ret_where = ret_where,
        };
        int r;

        *ret_where = (struct source_position){ .line = instruction->first_line };
        if (!expansion.to)
                return error_set_oom(err);
        *expansion.to = *instruction;
        r = expansion_run_through(&expansion, err);
        if (r < 0)
                return r;
        *ret = expansion.to;
        return 0;
}
