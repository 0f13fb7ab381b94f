#include "heredoc.h"

#include "base/cleanup.h"
#include "shell.h"

#include <errno.h>
#include <string.h>

static size_t count_quotes(const char *text)
{
        size_t count = 0;

        for (; *text; text++)
                count += *text == '\'' || *text == '"';
        return count;
}

/* What stands behind "<<" and "-": NULL where the word is no heredoc. */
static const char *heredoc_name(const char *word, bool *ret_strip_tabs)
{
        word += strspn(word, "0123456789");
        if (word[0] != '<' || word[1] != '<')
                return NULL;
        word += 2;
        *ret_strip_tabs = *word == '-';
        word += *ret_strip_tabs;
        word += strspn(word, "\t\n\f\r ");
        return *word && !strchr(word, '<') ? word : NULL;
}

int heredoc_parse_word(struct arena *arena, const char *word, struct heredoc *ret,
                       struct error *err)
{
        /* A heredoc is the shell's matter, so its escape is the backslash, whatever the file's. */
        struct shell_options plain = { .escape = '\\', .keep_unset = true };
        struct shell_options raw = { .escape = '\\', .keep_unset = true, .raw_quotes = true };
        _cleanup_(strv_done) struct strv names = STRV_INIT, raw_names = STRV_INIT;
        struct heredoc heredoc = { .data = "" };
        const char *name = heredoc_name(word, &heredoc.strip_tabs);
        int r;

        if (!name)
                return 0;
        r = shell_split(&plain, NULL, name, &names, err);
        if (r == 0 && names.count == 1)
                r = shell_split(&raw, NULL, name, &raw_names, err);
        if (r < 0)
                return r;
        if (names.count != 1 || raw_names.count != 1)
                return 0;
        heredoc.expand = count_quotes(names.items[0]) == count_quotes(raw_names.items[0]);
        heredoc.name = arena_strdup(arena, names.items[0]);
        if (!heredoc.name)
                return error_set_oom(err);
        *ret = heredoc;
        return 1;
}

int heredoc_find(struct arena *arena, const char *line, struct heredoc **ret, size_t *ret_count,
                 struct error *err)
{
        struct shell_options options = {
                .escape = '\\',
                .raw_quotes = true,
                .raw_escapes = true,
                .keep_unset = true,
        };
        _cleanup_(strv_done) struct strv words = STRV_INIT;
        struct error ignored = ERROR_INIT;
        struct heredoc *heredocs = NULL;
        size_t count = 0, cap = 0;
        int r;

        r = shell_split(&options, NULL, line, &words, &ignored);
        if (r == -ENOMEM)
                return error_set_oom(err);
        for (size_t i = 0; r == 0 && i < words.count; i++) {
                struct heredoc *grown = arena_grow(arena, heredocs, count, &cap, sizeof(*grown));

                if (!grown)
                        return error_set_oom(err);
                heredocs = grown;
                if (count == HEREDOCS_MAX)
                        return error_set(err, -E2BIG, "the line asks for more than %d heredocs",
                                         HEREDOCS_MAX);
                r = heredoc_parse_word(arena, words.items[i], &heredocs[count], err);
                if (r < 0)
                        return r;
                count += (size_t)r;
                r = 0;
        }
        *ret = heredocs;
        *ret_count = count;
        return 0;
}

const char *heredoc_strip_tabs(struct arena *arena, const char *text)
{
        char *stripped = arena_strdup(arena, text), *to = stripped;
        bool at_start = true;

        if (!stripped)
                return NULL;
        for (; *text; text++) {
                if (at_start && *text == '\t')
                        continue;
                at_start = *text == '\n';
                *to++ = *text;
        }
        *to = '\0';
        return stripped;
}
