/*
 * What the parser finds out for the lint: private to the room.
 */
#pragma once

#include "dockerfile/dockerfile.h"
#include "dockerfile/lint.h"
#include "lexer.h"

/* Finds the first "check=..." among the comments before an instruction. */
void lint_read_comments(struct instruction *instruction);

/* Whether a warning of the rule would be recorded for an instruction. */
bool lint_is_on(const struct lint *lint, enum lint_rule rule,
                const struct instruction *instruction);

/* Records a warning. Returns 0 or -ENOMEM. */
int lint_add(struct lint *lint, enum lint_rule rule, const struct instruction *instruction,
             unsigned int line, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What one instruction shows by itself. */
int lint_instruction(struct lint *lint, const struct instruction *instruction,
                     const struct logical_line *line);

/* What the file as a whole shows: names of stages, the case of instructions. */
int lint_file(struct lint *lint, const struct dockerfile *file);
