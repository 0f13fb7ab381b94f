/*
 * Words: the first line of the input is the value of a variable, the rest is the word. Text without
 * anything special in it stays as it is, and single quotes keep all but themselves.
 */
#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/expand.h"
#include "dockerfile/mode.h"
#include "dockerfile/source.h"
#include "dockerfile/value.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_quoted(const struct expander *expander, const char *word)
{
        struct buf quoted = BUF_INIT, result = BUF_INIT;
        struct error err = ERROR_INIT;

        if (!strchr(word, '\'')) {
                check(buf_appendf(&quoted, "'%s'", word) == 0);
                check(expand_word(expander, buf_str(&quoted), &result, &err) == 0);
                check(strcmp(buf_str(&result), word) == 0);
        }
        buf_done(&quoted);
        buf_done(&result);
}

/* A path within a repository cannot lead out of it. */
static void check_subdir(const char *path)
{
        const char *name;
        size_t len;

        check(!path_is_absolute(path));
        while ((len = path_next(&path, &name)) > 0)
                check(!path_name_is_dot(name, len));
}

static void check_source(const char *text)
{
        struct arena arena = ARENA_INIT;
        struct git_source git;
        struct error err = ERROR_INIT;
        enum source_kind kind;
        const char *name;

        if (source_parse(text, true, &arena, &kind, &git, &err) < 0) {
                check(error_is_set(&err));
        } else if (kind == SOURCE_GIT) {
                check(git.remote[0] != '-' && (!git.ref || git.ref[0] != '-'));
                if (git.subdir)
                        check_subdir(git.subdir);
        }
        check(source_url_name(text, &arena, &name) == 0 && (!name || !strchr(name, '/')));
        arena_done(&arena);
}

/* The readers of short values take anything. */
static void check_values(const char *word)
{
        struct error err = ERROR_INIT;
        struct mode_change mode;
        struct port_range range;
        int64_t number;
        int signal;
        bool yes;

        if (mode_parse(word, &mode, &err) == 0)
                check((mode_apply(&mode, 0640, true) & ~(mode_t)07777) == 0);
        err = ERROR_INIT;
        if (value_parse_port(word, &range, &err) == 0)
                check(range.first <= range.last);
        if (value_parse_size(word, &number) == 0)
                check(number >= 0);
        value_parse_duration(word, &number);
        value_parse_signal(word, &signal);
        value_parse_bool(word, &yes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *)data, size);
        char *word = strchrnul(text, '\n');
        char *items[] = { NULL, NULL };
        struct strv env = { .items = items, .count = 1 }, used = STRV_INIT, unset = STRV_INIT;
        struct strv words = STRV_INIT;
        struct expander expander = {
                .escape = size % 2 ? '\\' : '`',
                .lookup = expand_lookup_strv,
                .variables = &env,
                .used = &used,
                .unset = &unset,
        };
        struct buf result = BUF_INIT;
        struct error err = ERROR_INIT;

        if (*word)
                *word++ = '\0';
        check(asprintf(&items[0], "V=%s", text) > 0);
        if (expand_word(&expander, word, &result, &err) < 0)
                check(error_is_set(&err));
        else if (!strpbrk(word, "$'\"\\`"))
                check(strcmp(buf_str(&result), word) == 0);
        err = ERROR_INIT;
        if (expand_words(&expander, word, &words, &err) < 0)
                check(error_is_set(&err));
        for (size_t i = 0; i < words.count; i++)
                check(words.items[i][0] != '\0');
        check_quoted(&expander, word);
        check_values(word);
        check_source(word);
        buf_done(&result);
        strv_done(&words);
        strv_done(&used);
        strv_done(&unset);
        free(items[0]);
        free(text);
        return 0;
}
