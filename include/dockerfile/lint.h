/*
 * Advice on a Dockerfile, under the names of BuildKit's rules: floor 1.
 * https://docs.docker.com/reference/build-checks/
 *
 * The parser records what the text as a whole shows. lint_stage() adds what one stage shows; the
 * builder calls it for the stages that it builds. The other functions are for what only
 * the builder knows: values of variables, the base image, the context.
 *
 * Every function that records returns 0 or -ENOMEM. Nothing is recorded for a rule that is
 * switched off, by the options or by a comment "# check=skip=Rule" before the instruction.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "dockerfile/instruction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expander;
struct ignore;
struct stage;

enum lint_rule {
        LINT_CONSISTENT_INSTRUCTION_CASING,
        LINT_COPY_IGNORED_FILE,
        LINT_DUPLICATE_STAGE_NAME,
        LINT_EXPOSE_INVALID_FORMAT,
        LINT_EXPOSE_PROTO_CASING,
        LINT_FROM_AS_CASING,
        LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
        LINT_INVALID_BASE_IMAGE_PLATFORM,
        LINT_INVALID_DEFAULT_ARG_IN_FROM,
        LINT_INVALID_DEFINITION_DESCRIPTION, /* experimental: off unless asked for */
        LINT_JSON_ARGS_RECOMMENDED,
        LINT_LEGACY_KEY_VALUE_FORMAT,
        LINT_MAINTAINER_DEPRECATED,
        LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
        LINT_NO_EMPTY_CONTINUATION,
        LINT_REDUNDANT_TARGET_PLATFORM,
        LINT_RESERVED_STAGE_NAME,
        LINT_SECRETS_USED_IN_ARG_OR_ENV,
        LINT_STAGE_NAME_CASING,
        LINT_UNDEFINED_ARG_IN_FROM,
        LINT_UNDEFINED_VAR,
        LINT_WORKDIR_RELATIVE_PATH,
        LINT_RULE_COUNT,
};

struct lint_options {
        uint32_t skipped;      /* bit N: rule N is off */
        uint32_t experimental; /* bit N: rule N is on although it is experimental */
        bool error;            /* a warning makes the build fail */
};

struct lint_warning {
        enum lint_rule rule;
        unsigned int line;
        char *message; /* owned */
};

struct lint {
        struct lint_options options;
        struct lint_warning *warnings; /* owned, in the order found */
        size_t count;
        size_t cap;
};

#define LINT_INIT ((struct lint){ .warnings = NULL })

/* More warnings than this are not recorded. */
#define LINT_WARNINGS_MAX 10000

void lint_done(struct lint *lint);

const char *lint_rule_name(enum lint_rule rule);

/* What the rule asks for, in a sentence. */
const char *lint_rule_description(enum lint_rule rule);

/* Reads "skip=RuleA,RuleB;experimental=all;error=true". Names that are no rule's are passed over.
 * Returns 0 or -EINVAL. */
int lint_options_parse(const char *text, struct lint_options *ret, struct error *err);

/* What a stage has from its base, and leaves to those that are FROM it. */
struct lint_stage_state {
        bool shell;   /* SHELL was given, so CMD and ENTRYPOINT in the shell form are meant */
        bool workdir; /* WORKDIR was given in this file */
};

/* What the text of one stage shows: JSONArgsRecommended, LegacyKeyValueFormat,
 * MultipleInstructionsDisallowed, SecretsUsedInArgOrEnv. */
int lint_stage(struct lint *lint, const struct stage *stage, struct lint_stage_state *state);

/* WorkdirRelativePath: of each WORKDIR, expanded, in order. */
int lint_workdir(struct lint *lint, const struct instruction *instruction,
                 struct lint_stage_state *state);

/*
 * UndefinedVar: `unset` are the names that the expansion of the instruction found unset. Those in
 * `declared` (ARG without a value) are no mistake. `environment` ("NAME=value") is where a name
 * that was meant is looked for.
 */
int lint_undefined_variables(struct lint *lint, const struct instruction *instruction,
                             const struct strv *unset, const struct strv *declared,
                             const struct strv *environment);

/*
 * UndefinedArgInFrom, RedundantTargetPlatform, FromPlatformFlagConstDisallowed: `globals` finds the
 * values of the global ARGs, `declared` are the names of them all, with or without a value.
 * What cannot be expanded is passed over.
 */
int lint_from(struct lint *lint, const struct instruction *from, const struct expander *globals,
              const struct strv *declared);

/* InvalidDefaultArgInFrom: with no --build-arg, the FROM has no valid image name. */
int lint_from_without_arguments(struct lint *lint, const struct instruction *from);

/* InvalidBaseImagePlatform: platforms as "os/architecture[/variant]". */
int lint_base_platform(struct lint *lint, const struct instruction *from, const char *image,
                       const char *expected, const char *actual);

/* ExposeProtoCasing, ExposeInvalidFormat: of the text `word` of an EXPOSE, expanded. */
int lint_port(struct lint *lint, const struct instruction *instruction, const char *word);

/* CopyIgnoredFile: `source` of a COPY or ADD from the context, expanded. */
int lint_copy_source(struct lint *lint, const struct instruction *instruction, const char *source,
                     const struct ignore *ignore);
