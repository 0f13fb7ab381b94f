#include "flags.h"

#include "base/suggest.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define FLAGS_KNOWN_MAX 16

static int flag_unknown(struct parser *parser, const struct flag_word *word, const char *name,
                        const struct flag *flags, size_t count, struct error *err)
{
        const char *names[FLAGS_KNOWN_MAX];
        const char *similar;

        for (size_t i = 0; i < count; i++)
                names[i] = flags[i].name;
        similar = suggest_similar(name, names, count);
        if (similar)
                return parser_fail(parser, word->source, err,
                                   "unknown flag --%.100s (did you mean --%s?)", name, similar);
        return parser_fail(parser, word->source, err, "unknown flag --%.100s", name);
}

static int flag_set_bool(struct parser *parser, const struct flag_word *word, const char *value,
                         struct flag *flag, struct error *err)
{
        if (!value || strcasecmp(value, "true") == 0)
                flag->choice = CHOICE_YES;
        else if (strcasecmp(value, "false") == 0)
                flag->choice = CHOICE_NO;
        else
                return parser_fail(parser, word->source, err,
                                   "--%s is true or false, not \"%.100s\"", flag->name, value);
        return 0;
}

static int flag_set(struct parser *parser, const struct flag_word *word, const char *value,
                    struct flag *flag, struct error *err)
{
        if (flag->source && flag->kind != FLAG_LIST)
                return parser_fail(parser, word->source, err, "--%s is given twice", flag->name);
        flag->source = word->source;
        if (flag->kind == FLAG_BOOL)
                return flag_set_bool(parser, word, value, flag, err);
        if (!value)
                return parser_fail(parser, word->source, err, "--%s needs a value: --%s=...",
                                   flag->name, flag->name);
        flag->value = value;
        if (flag->kind == FLAG_LIST)
                return words_add(parser->arena, &flag->values, &flag->cap, value, err);
        return 0;
}

int flags_read(struct parser *parser, const struct arguments *arguments, struct flag *flags,
               size_t count, struct error *err)
{
        for (size_t i = 0; i < arguments->flags.count; i++) {
                const struct flag_word *word = &arguments->flags.items[i];
                const char *name = word->text + 2, *equals = strchr(name, '=');
                struct flag *flag = NULL;
                int r;

                name = arena_strndup(parser->arena, name,
                                     equals ? (size_t)(equals - name) : strlen(name));
                if (!name)
                        return error_set_oom(err);
                for (size_t j = 0; j < count && !flag; j++)
                        if (strcmp(flags[j].name, name) == 0)
                                flag = &flags[j];
                if (!flag)
                        return flag_unknown(parser, word, name, flags, count, err);
                r = flag_set(parser, word, equals ? equals + 1 : NULL, flag, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
