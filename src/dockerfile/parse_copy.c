#include "flags.h"
#include "heredoc.h"
#include "parser.h"
#include "shell.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

/* The body that the line has for a heredoc of this name; of several the last. */
static const struct heredoc *copy_find_heredoc(const struct parser *parser, const char *name)
{
        for (size_t i = parser->heredoc_count; i > 0; i--)
                if (strcmp(parser->heredocs[i - 1].name, name) == 0)
                        return &parser->heredocs[i - 1];
        return NULL;
}

static int copy_add_file(struct parser *parser, const struct heredoc *word,
                         struct instruction_copy *copy, size_t *cap, struct error *err)
{
        const struct heredoc *heredoc = copy_find_heredoc(parser, word->name);
        struct inline_file *files;

        if (!heredoc)
                return error_set(
                        err, -EINVAL,
                        "the heredoc %.200s has no body: a quote in the line is not closed",
                        word->name);
        files = arena_grow(parser->arena, copy->files, copy->file_count, cap, sizeof(*files));
        if (!files)
                return error_set_oom(err);
        copy->files = files;
        files[copy->file_count].name = word->name;
        files[copy->file_count].expand = word->expand;
        files[copy->file_count].data =
                word->strip_tabs ? heredoc_strip_tabs(parser->arena, heredoc->data) : heredoc->data;
        return files[copy->file_count++].data ? 0 : error_set_oom(err);
}

/* Shares the words out: sources, files written in place, and the destination at the end. */
static int copy_read_words(struct parser *parser, const struct words *words, bool exec_form,
                           struct instruction_copy *copy, struct error *err)
{
        size_t source_cap = 0, file_cap = 0;

        for (size_t i = 0; i < words->count; i++) {
                const char *word = words->items[i];
                struct heredoc heredoc;
                int r = exec_form ? 0 : heredoc_parse_word(parser->arena, word, &heredoc, err);

                if (r > 0 && i == words->count - 1)
                        r = error_set(err, -EINVAL, "the destination cannot be a heredoc");
                else if (r > 0)
                        r = copy_add_file(parser, &heredoc, copy, &file_cap, err);
                else if (r == 0 && i < words->count - 1)
                        r = words_add(parser->arena, &copy->sources, &source_cap, word, err);
                if (r < 0)
                        return parser_blame(parser, word, NULL, r);
        }
        copy->destination = words->items[words->count - 1];
        return 0;
}

static int copy_read_arguments(struct parser *parser, const struct arguments *arguments,
                               const char *name, struct instruction_copy *copy, struct error *err)
{
        struct words words = arguments->items;

        if (!arguments->exec_form) {
                int r = words_split_blanks(parser->arena, arguments->text, &words, err);

                if (r < 0)
                        return r;
        }
        if (words.count < 2) {
                parser_fail(parser, NULL, err, "%s needs a source and a destination", name);
                return error_hint(err, "write it as %s SOURCE... DESTINATION", name);
        }
        return copy_read_words(parser, &words, arguments->exec_form, copy, err);
}

/* --from names a stage, an image or a context once and for all. */
static int copy_check_from(struct parser *parser, const struct flag *from, struct error *err)
{
        struct shell_options options = { .escape = parser->lexer.escape };
        _cleanup_(buf_done) struct buf plain = BUF_INIT;
        int r;

        if (!from->value)
                return 0;
        r = shell_expand(&options, NULL, from->value, &plain, err);
        if (r == 0 && strcmp(buf_str(&plain), from->value) == 0)
                return 0;
        if (r == 0) {
                error_set(err, -EINVAL, "--from does not take variables: \"%.200s\"", from->value);
                r = error_hint(err, "give the image a name with FROM ... AS name, where global "
                                    "ARGs can be used, and copy from that name");
        }
        return parser_blame(parser, from->value, from->source, r);
}

int parse_add(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err)
{
        enum { CHOWN, CHMOD, LINK, EXCLUDE, CHECKSUM, KEEP_GIT_DIR, UNPACK };
        struct flag flags[] = {
                [CHOWN] = { .name = "chown", .kind = FLAG_TEXT },
                [CHMOD] = { .name = "chmod", .kind = FLAG_TEXT },
                [LINK] = { .name = "link", .kind = FLAG_BOOL },
                [EXCLUDE] = { .name = "exclude", .kind = FLAG_LIST },
                [CHECKSUM] = { .name = "checksum", .kind = FLAG_TEXT },
                [KEEP_GIT_DIR] = { .name = "keep-git-dir", .kind = FLAG_BOOL },
                [UNPACK] = { .name = "unpack", .kind = FLAG_BOOL },
        };
        int r = flags_read(parser, arguments, flags, ARRAY_SIZE(flags), err);

        if (r < 0)
                return r;
        ret->copy = (struct instruction_copy){
                .chown = flags[CHOWN].value,
                .chmod = flags[CHMOD].value,
                .link = flags[LINK].choice == CHOICE_YES,
                .excludes = flags[EXCLUDE].values,
                .checksum = flags[CHECKSUM].value,
                .keep_git_dir = flags[KEEP_GIT_DIR].choice,
                .unpack = flags[UNPACK].choice,
        };
        return copy_read_arguments(parser, arguments, "ADD", &ret->copy, err);
}

int parse_copy(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
               struct error *err)
{
        enum { CHOWN, CHMOD, LINK, EXCLUDE, FROM, PARENTS };
        struct flag flags[] = {
                [CHOWN] = { .name = "chown", .kind = FLAG_TEXT },
                [CHMOD] = { .name = "chmod", .kind = FLAG_TEXT },
                [LINK] = { .name = "link", .kind = FLAG_BOOL },
                [EXCLUDE] = { .name = "exclude", .kind = FLAG_LIST },
                [FROM] = { .name = "from", .kind = FLAG_TEXT },
                [PARENTS] = { .name = "parents", .kind = FLAG_BOOL },
        };
        int r = flags_read(parser, arguments, flags, ARRAY_SIZE(flags), err);

        if (r < 0)
                return r;
        r = copy_check_from(parser, &flags[FROM], err);
        if (r < 0)
                return r;
        ret->copy = (struct instruction_copy){
                .chown = flags[CHOWN].value,
                .chmod = flags[CHMOD].value,
                .link = flags[LINK].choice == CHOICE_YES,
                .excludes = flags[EXCLUDE].values,
                .from = flags[FROM].value,
                .parents = flags[PARENTS].choice == CHOICE_YES,
        };
        return copy_read_arguments(parser, arguments, "COPY", &ret->copy, err);
}
