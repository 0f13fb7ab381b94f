#include "directive.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool directive_is_alnum(char c)
{
        return text_is_letter((unsigned char)c) || text_is_digit((unsigned char)c);
}

/* "# name = value". Returns whether the line is of this form. */
static bool directive_split(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
        size_t i = 0;

        if (line.len == 0 || line.text[0] != '#')
                return false;
        line = slice_trim((struct slice){ line.text + 1, line.len - 1 });
        if (line.len == 0 || !text_is_letter((unsigned char)line.text[0]))
                return false;
        while (i < line.len && (unsigned char)line.text[i] < 0x80 &&
               directive_is_alnum(line.text[i]))
                i++;
        *ret_name = (struct slice){ line.text, i };
        line = slice_trim((struct slice){ line.text + i, line.len - i });
        if (line.len == 0 || line.text[0] != '=')
                return false;
        *ret_value = slice_trim((struct slice){ line.text + 1, line.len - 1 });
        return ret_value->len > 0;
}

static bool directive_is(struct slice name, const char *other)
{
        return name.len == strlen(other) && strncasecmp(name.text, other, name.len) == 0;
}

static int directive_set_text(struct lexer *lexer, const char **text, struct slice value,
                              struct error *err)
{
        const char *blank = memchr(value.text, ' ', value.len);

        *text = arena_strndup(lexer->arena, value.text,
                              blank ? (size_t)(blank - value.text) : value.len);
        return *text ? 0 : error_set_oom(err);
}

static int directive_set_escape(struct directives *directives, struct slice value,
                                struct error *err)
{
        if (value.len != 1 || (value.text[0] != '\\' && value.text[0] != '`'))
                return error_set(err, -EINVAL, "the escape directive takes \\ or `, not \"%.*s\"",
                                 (int)(value.len < 200 ? value.len : 200), value.text);
        directives->escape = value.text[0];
        return 0;
}

static int directive_twice(const char *name, struct error *err)
{
        return error_set(err, -EINVAL, "the %s directive is given twice", name);
}

/* Returns 1 where the line was a directive, 0 where it was not. */
static int directive_read_line(struct lexer *lexer, struct directives *directives,
                               struct slice line, struct error *err)
{
        struct slice name, value;
        int r;

        if (!directive_split(line, &name, &value))
                return 0;
        if (directive_is(name, "escape")) {
                if (directives->escape)
                        return directive_twice("escape", err);
                r = directive_set_escape(directives, value, err);
        } else if (directive_is(name, "syntax")) {
                if (directives->syntax)
                        return directive_twice("syntax", err);
                r = directive_set_text(lexer, &directives->syntax, value, err);
        } else if (directive_is(name, "check")) {
                if (directives->check)
                        return directive_twice("check", err);
                directives->check_line = lexer->line;
                r = directive_set_text(lexer, &directives->check, value, err);
        } else {
                return 0;
        }
        return r < 0 ? r : 1;
}

int directives_read(struct lexer *lexer, struct directives *ret, struct error *err)
{
        struct directives directives = { .escape = '\0' };

        for (;;) {
                struct lexer before = *lexer;
                struct slice line;
                int r = lexer_read_physical(lexer, &line, NULL, err);

                if (r > 0)
                        r = directive_read_line(lexer, &directives, slice_trim(line), err);
                if (r < 0)
                        return r;
                if (r == 0) {
                        *lexer = before;
                        break;
                }
        }
        if (!directives.escape)
                directives.escape = '\\';
        *ret = directives;
        return 0;
}
