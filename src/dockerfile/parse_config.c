#include "flags.h"
#include "parser.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int config_needs_argument(struct parser *parser, const struct instruction *instruction,
                                 struct error *err)
{
        return parser_fail(parser, NULL, err, "%s needs an argument",
                           instruction_name(instruction->type));
}

/* The words of EXPOSE and VOLUME. */
static int config_read_words(struct parser *parser, const struct arguments *arguments,
                             struct instruction *ret, struct error *err)
{
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        ret->words = arguments->items;
        if (!arguments->exec_form)
                r = words_split_blanks(parser->arena, arguments->text, &ret->words, err);
        if (r == 0 && ret->words.count == 0)
                return config_needs_argument(parser, ret, err);
        return r;
}

static int words_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int parse_expose(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                 struct error *err)
{
        int r = config_read_words(parser, arguments, ret, err);

        if (r == 0)
                qsort(ret->words.items, ret->words.count, sizeof(*ret->words.items), words_compare);
        return r;
}

int parse_volume(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                 struct error *err)
{
        int r = config_read_words(parser, arguments, ret, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->words.count; i++) {
                const char *word = ret->words.items[i];
                struct slice slice = slice_trim((struct slice){ word, strlen(word) });

                if (slice.len == 0)
                        return parser_fail(parser, NULL, err, "VOLUME cannot be an empty path");
                ret->words.items[i] = arena_strndup(parser->arena, slice.text, slice.len);
                if (!ret->words.items[i])
                        return error_set_oom(err);
        }
        return 0;
}

int parse_value(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err)
{
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        if (arguments->text.len == 0)
                return config_needs_argument(parser, ret, err);
        ret->value = arena_strndup(parser->arena, arguments->text.text, arguments->text.len);
        return ret->value ? 0 : error_set_oom(err);
}

/* Adds a pair whose name reaches from `key` to `key_end`. */
static int pair_add(struct parser *parser, struct key_values *pairs, size_t *cap, const char *key,
                    const char *key_end, const char *value, bool legacy, struct error *err)
{
        struct key_value *items;
        const char *copy;

        if (key == key_end)
                return parser_blame(parser, key, NULL,
                                    error_set(err, -EINVAL,
                                              "there is no name before the \"=\" in \"%.200s\"",
                                              key));
        items = arena_grow(parser->arena, pairs->items, pairs->count, cap, sizeof(*items));
        copy = arena_strndup(parser->arena, key, (size_t)(key_end - key));
        if (!items || !copy)
                return error_set_oom(err);
        pairs->items = items;
        items[pairs->count++] = (struct key_value){ copy, value, legacy };
        return 0;
}

/* "NAME the rest of the line": one pair, whose value is the rest as it stands. */
static int pairs_read_legacy(struct parser *parser, const struct arguments *arguments,
                             struct instruction *ret, struct error *err)
{
        struct slice text = arguments->text;
        size_t key_len = 0, cap = 0;
        const char *value;

        while (key_len < text.len && !text_is_blank(text.text[key_len]))
                key_len++;
        if (key_len == text.len) {
                parser_fail(parser, text.text, err, "%s needs a name and a value",
                            instruction_name(ret->type));
                return error_hint(err, "write it as %s %.*s=value", instruction_name(ret->type),
                                  (int)(key_len < 100 ? key_len : 100), text.text);
        }
        text.text += key_len;
        text.len -= key_len;
        while (text_is_blank(*text.text)) {
                text.text++;
                text.len--;
        }
        value = arena_strndup(parser->arena, text.text, text.len);
        if (!value)
                return error_set_oom(err);
        return pair_add(parser, &ret->pairs, &cap, arguments->text.text,
                        arguments->text.text + key_len, value, true, err);
}

int parse_pairs(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err)
{
        struct words words;
        size_t cap = 0;
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        r = words_split_quoted(parser->arena, arguments->text, parser->lexer.escape, &words, err);
        if (r < 0)
                return r;
        if (words.count == 0)
                return config_needs_argument(parser, ret, err);
        if (!strchr(words.items[0], '='))
                return pairs_read_legacy(parser, arguments, ret, err);
        for (size_t i = 0; i < words.count; i++) {
                const char *word = words.items[i], *equals = strchr(word, '=');

                if (!equals)
                        return parser_blame(
                                parser, word, NULL,
                                error_set(err, -EINVAL, "there is no \"=\" in \"%.200s\"", word));
                r = pair_add(parser, &ret->pairs, &cap, word, equals, equals + 1, false, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int parse_arg(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err)
{
        struct words words;
        size_t cap = 0;
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        r = words_split_quoted(parser->arena, arguments->text, parser->lexer.escape, &words, err);
        if (r < 0)
                return r;
        if (words.count == 0)
                return config_needs_argument(parser, ret, err);
        for (size_t i = 0; i < words.count; i++) {
                const char *word = words.items[i], *equals = strchrnul(word, '=');

                r = pair_add(parser, &ret->pairs, &cap, word, equals, *equals ? equals + 1 : NULL,
                             false, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ^[a-z][a-z0-9-_.]*$ */
static bool stage_name_is_valid(const char *name)
{
        if (*name < 'a' || *name > 'z')
                return false;
        return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

int parse_from(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
               struct error *err)
{
        struct flag flags[] = { { .name = "platform", .kind = FLAG_TEXT } };
        struct words words;
        char *name;
        int r;

        r = flags_read(parser, arguments, flags, ARRAY_SIZE(flags), err);
        if (r < 0)
                return r;
        r = words_split_blanks(parser->arena, arguments->text, &words, err);
        if (r < 0)
                return r;
        if (words.count != 1 && !(words.count == 3 && strcasecmp(words.items[1], "as") == 0)) {
                parser_fail(parser, words.count ? arguments->text.text : NULL, err,
                            "FROM takes an image, and then nothing or AS and a name");
                return error_hint(err, "write it as FROM IMAGE or FROM IMAGE AS NAME");
        }
        ret->from = (struct instruction_from){ .base = words.items[0], .platform = flags[0].value };
        if (words.count == 1)
                return 0;
        name = arena_strdup(parser->arena, words.items[2]);
        if (!name)
                return error_set_oom(err);
        for (char *c = name; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c - 'A' + 'a');
        if (!stage_name_is_valid(name)) {
                error_set(err, -EINVAL, "\"%.200s\" cannot be the name of a stage", words.items[2]);
                r = error_hint(err, "it begins with a letter; letters, digits, \"-\", \"_\" and "
                                    "\".\" may follow");
                return parser_blame(parser, words.items[2], NULL, r);
        }
        ret->from.name = name;
        ret->from.as = words.items[1];
        ret->from.as_written = words.items[2];
        return 0;
}

/* The text of the trigger, and of its heredocs, for the image's config. */
static const char *onbuild_expression(struct parser *parser, const char *text)
{
        _cleanup_(buf_done) struct buf expression = BUF_INIT;
        int r = buf_append_str(&expression, text);

        for (size_t i = 0; r == 0 && i < parser->heredoc_count; i++)
                r = buf_appendf(&expression, "\n%s%s", parser->heredocs[i].data,
                                parser->heredocs[i].name);
        return r < 0 ? NULL : arena_strndup(parser->arena, buf_str(&expression), expression.len);
}

int parse_onbuild(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                  struct error *err)
{
        int r = flags_read(parser, arguments, NULL, 0, err);

        if (r < 0)
                return r;
        if (arguments->text.len == 0)
                return config_needs_argument(parser, ret, err);
        ret->onbuild.trigger = arena_alloc(parser->arena, sizeof(*ret->onbuild.trigger));
        if (!ret->onbuild.trigger)
                return error_set_oom(err);
        r = parser_read_instruction(parser, arguments->text, true, ret->onbuild.trigger, err);
        if (r < 0)
                return r;
        ret->onbuild.expression = onbuild_expression(parser, arguments->text.text);
        return ret->onbuild.expression ? 0 : error_set_oom(err);
}
