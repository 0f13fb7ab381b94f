/*
 * From a logical line to an instruction: private to the room.
 */
#pragma once

#include "dockerfile/instruction.h"
#include "dockerfile/lint.h"
#include "lexer.h"
#include "words.h"

struct parser {
        struct lexer lexer;
        struct arena *arena;
        struct lint *lint;
        const struct logical_line *line; /* the one being parsed */
        struct heredoc *heredocs;        /* that it has asked for, read */
        size_t heredoc_count;
        struct source_position where; /* of the error */
};

/* What stands behind an instruction's name. */
struct arguments {
        const char *keyword; /* as it was written */
        struct slice text;   /* behind the flags, trimmed */
        struct flag_words flags;
        bool exec_form;     /* the text is a JSON array ... */
        struct words items; /* ... of these */
};

/* Sets an error of the place `at` in the text of the line; NULL is its start. Returns -EINVAL. */
int parser_fail(struct parser *parser, const char *at, struct error *err, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Gives an error that is set the place of `text` in the line: where it first occurs, else `at`.
 * Returns `r`. */
int parser_blame(struct parser *parser, const char *text, const char *at, int r);

/* Parses one instruction from a text within the line; `in_trigger` refuses what ONBUILD cannot
 * hold. */
int parser_read_instruction(struct parser *parser, struct slice text, bool in_trigger,
                            struct instruction *ret, struct error *err);

/* One function for each kind of instruction; `ret` has its type set and nothing else. */
int parse_add(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err);
int parse_copy(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
               struct error *err);
int parse_from(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
               struct error *err);
int parse_run(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err);
int parse_command(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                  struct error *err);
int parse_shell(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err);
int parse_healthcheck(struct parser *parser, const struct arguments *arguments,
                      struct instruction *ret, struct error *err);
int parse_pairs(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err);
int parse_arg(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
              struct error *err);
int parse_value(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                struct error *err);
int parse_expose(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                 struct error *err);
int parse_volume(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                 struct error *err);
int parse_onbuild(struct parser *parser, const struct arguments *arguments, struct instruction *ret,
                  struct error *err);
