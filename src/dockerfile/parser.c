#include "parser.h"

#include "base/cleanup.h"
#include "base/suggest.h"
#include "heredoc.h"
#include "segment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct instruction_kind {
        bool json;     /* its text may be a JSON array */
        bool heredocs; /* it may ask for heredocs */
        int (*parse)(struct parser *parser, const struct arguments *arguments,
                     struct instruction *ret, struct error *err);
} kinds[] = {
        [INSTRUCTION_ADD] = { true, true, parse_add },
        [INSTRUCTION_ARG] = { false, false, parse_arg },
        [INSTRUCTION_CMD] = { true, false, parse_command },
        [INSTRUCTION_COPY] = { true, true, parse_copy },
        [INSTRUCTION_ENTRYPOINT] = { true, false, parse_command },
        [INSTRUCTION_ENV] = { false, false, parse_pairs },
        [INSTRUCTION_EXPOSE] = { false, false, parse_expose },
        [INSTRUCTION_FROM] = { false, false, parse_from },
        [INSTRUCTION_HEALTHCHECK] = { false, false, parse_healthcheck },
        [INSTRUCTION_LABEL] = { false, false, parse_pairs },
        [INSTRUCTION_MAINTAINER] = { false, false, parse_value },
        [INSTRUCTION_ONBUILD] = { false, false, parse_onbuild },
        [INSTRUCTION_RUN] = { true, true, parse_run },
        [INSTRUCTION_SHELL] = { true, false, parse_shell },
        [INSTRUCTION_STOPSIGNAL] = { false, false, parse_value },
        [INSTRUCTION_USER] = { false, false, parse_value },
        [INSTRUCTION_VOLUME] = { true, false, parse_volume },
        [INSTRUCTION_WORKDIR] = { false, false, parse_value },
};

static void parser_point_at(struct parser *parser, const char *at)
{
        const struct logical_line *line = parser->line;

        parser->where = segments_locate(line->segments, line->segment_count,
                                        at ? (size_t)(at - line->text) : 0);
}

int parser_blame(struct parser *parser, const char *text, const char *at, int r)
{
        const char *found = strstr(parser->line->text, text);

        parser_point_at(parser, found ? found : at);
        return r;
}

int parser_fail(struct parser *parser, const char *at, struct error *err, const char *format, ...)
{
        char message[ERROR_MESSAGE_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        parser_point_at(parser, at);
        return error_set(err, -EINVAL, "%s", message);
}

static int parser_unknown(struct parser *parser, struct slice keyword, struct error *err)
{
        const char *names[ARRAY_SIZE(kinds)], *similar;
        char word[SUGGEST_WORD_MAX + 1];
        int shown = keyword.len < SUGGEST_WORD_MAX ? (int)keyword.len : SUGGEST_WORD_MAX;

        if (keyword.len == 0)
                return parser_fail(parser, NULL, err,
                                   "the line goes on to the next one but there "
                                   "is no instruction in it");
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                names[i] = instruction_name((enum instruction_type)i);
        snprintf(word, sizeof(word), "%.*s", shown, keyword.text);
        similar = suggest_similar(word, names, ARRAY_SIZE(names));
        if (similar)
                return parser_fail(parser, keyword.text, err,
                                   "unknown instruction %s (did you mean %s?)", word, similar);
        return parser_fail(parser, keyword.text, err, "unknown instruction %s", word);
}

static int parser_find_kind(struct parser *parser, struct slice keyword, bool in_trigger,
                            enum instruction_type *ret, struct error *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                enum instruction_type type = (enum instruction_type)i;

                const char *name = instruction_name(type);

                if (strlen(name) != keyword.len ||
                    strncasecmp(name, keyword.text, keyword.len) != 0)
                        continue;
                if (in_trigger && (type == INSTRUCTION_FROM || type == INSTRUCTION_MAINTAINER ||
                                   type == INSTRUCTION_ONBUILD))
                        return parser_fail(parser, keyword.text, err,
                                           "ONBUILD cannot be followed by %s", name);
                *ret = type;
                return 0;
        }
        return parser_unknown(parser, keyword, err);
}

static int parser_read_heredocs(struct parser *parser, struct error *err)
{
        int r;

        if (!strstr(parser->line->text, "<<"))
                return 0;
        r = heredoc_find(parser->arena, parser->line->text, &parser->heredocs,
                         &parser->heredoc_count, err);
        for (size_t i = 0; r == 0 && i < parser->heredoc_count; i++)
                r = lexer_read_heredoc(&parser->lexer, &parser->heredocs[i], err);
        return r < 0 ? parser_blame(parser, "<<", NULL, r) : 0;
}

int parser_read_instruction(struct parser *parser, struct slice text, bool in_trigger,
                            struct instruction *ret, struct error *err)
{
        struct arguments arguments = { .exec_form = false };
        struct slice keyword;
        int r;

        parser_point_at(parser, NULL);
        text = slice_trim(text);
        keyword = (struct slice){ text.text, 0 };
        while (keyword.len < text.len && !text_is_blank(text.text[keyword.len]))
                keyword.len++;
        r = parser_find_kind(parser, keyword, in_trigger, &ret->type, err);
        if (r < 0)
                return r;
        arguments.keyword = arena_strndup(parser->arena, keyword.text, keyword.len);
        ret->keyword = arguments.keyword;
        ret->text_offset = (size_t)(text.text - parser->line->text);
        ret->segments = parser->line->segments;
        ret->segment_count = parser->line->segment_count;
        ret->first_line = parser->line->first_line;
        ret->text = arena_strndup(parser->arena, text.text, text.len);
        if (!ret->keyword || !ret->text)
                return error_set_oom(err);
        r = words_take_flags(parser->arena,
                             (struct slice){ text.text + keyword.len, text.len - keyword.len },
                             parser->lexer.escape, &arguments.flags, &arguments.text, err);
        if (r < 0)
                return r;
        if (kinds[ret->type].json) {
                r = words_parse_json(parser->arena, arguments.text, &arguments.items, err);
                if (r < 0)
                        return parser_blame(parser, "[", arguments.text.text, r);
                arguments.exec_form = r > 0;
        }
        if (kinds[ret->type].heredocs && !arguments.exec_form) {
                r = parser_read_heredocs(parser, err);
                if (r < 0)
                        return r;
        }
        r = kinds[ret->type].parse(parser, &arguments, ret, err);
        ret->last_line = parser->lexer.line;
        return r;
}
