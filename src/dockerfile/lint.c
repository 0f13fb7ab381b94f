#include "dockerfile/lint.h"

#include "base/cleanup.h"
#include "dockerfile/value.h"
#include "lint_file.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
        const char *name;
        const char *description;
        bool experimental;
} rules[LINT_RULE_COUNT] = {
        [LINT_CONSISTENT_INSTRUCTION_CASING] = { "ConsistentInstructionCasing",
                                                 "write all instructions in the same case" },
        [LINT_COPY_IGNORED_FILE] = { "CopyIgnoredFile",
                                     "do not copy what .dockerignore leaves out" },
        [LINT_DUPLICATE_STAGE_NAME] = { "DuplicateStageName", "give each stage a name of its own" },
        [LINT_EXPOSE_INVALID_FORMAT] = { "ExposeInvalidFormat",
                                         "EXPOSE takes no addresses and no ports of the host" },
        [LINT_EXPOSE_PROTO_CASING] = { "ExposeProtoCasing",
                                       "write the protocol of EXPOSE in lower case" },
        [LINT_FROM_AS_CASING] = { "FromAsCasing", "write FROM and AS in the same case" },
        [LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { "FromPlatformFlagConstDisallowed",
                                                       "do not fix the platform of FROM" },
        [LINT_INVALID_BASE_IMAGE_PLATFORM] = { "InvalidBaseImagePlatform",
                                               "take a base image of the platform that is built" },
        [LINT_INVALID_DEFAULT_ARG_IN_FROM] = { "InvalidDefaultArgInFrom",
                                               "let the defaults of ARGs name a valid base image" },
        [LINT_INVALID_DEFINITION_DESCRIPTION] = { "InvalidDefinitionDescription",
                                                  "begin the comment before a stage or ARG with "
                                                  "its name",
                                                  true },
        [LINT_JSON_ARGS_RECOMMENDED] = { "JSONArgsRecommended",
                                         "write CMD and ENTRYPOINT as JSON arrays, so that "
                                         "signals reach the process" },
        [LINT_LEGACY_KEY_VALUE_FORMAT] = { "LegacyKeyValueFormat",
                                           "write key=value, with an equals sign" },
        [LINT_MAINTAINER_DEPRECATED] = { "MaintainerDeprecated",
                                         "name the author with a LABEL instead of MAINTAINER" },
        [LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { "MultipleInstructionsDisallowed",
                                                    "write CMD, ENTRYPOINT and HEALTHCHECK once in "
                                                    "a stage" },
        [LINT_NO_EMPTY_CONTINUATION] = { "NoEmptyContinuation",
                                         "leave no empty line within an instruction" },
        [LINT_REDUNDANT_TARGET_PLATFORM] = { "RedundantTargetPlatform",
                                             "do not give FROM the platform that it has anyway" },
        [LINT_RESERVED_STAGE_NAME] = { "ReservedStageName",
                                       "do not call a stage scratch or context" },
        [LINT_SECRETS_USED_IN_ARG_OR_ENV] = { "SecretsUsedInArgOrEnv",
                                              "keep secrets out of ARG and ENV" },
        [LINT_STAGE_NAME_CASING] = { "StageNameCasing", "write names of stages in lower case" },
        [LINT_UNDEFINED_ARG_IN_FROM] = { "UndefinedArgInFrom",
                                         "declare what FROM uses with an ARG before it" },
        [LINT_UNDEFINED_VAR] = { "UndefinedVar", "define variables before they are used" },
        [LINT_WORKDIR_RELATIVE_PATH] = { "WorkdirRelativePath", "begin with an absolute WORKDIR" },
};

const char *lint_rule_name(enum lint_rule rule)
{
        return rules[rule].name;
}

const char *lint_rule_description(enum lint_rule rule)
{
        return rules[rule].description;
}

void lint_done(struct lint *lint)
{
        for (size_t i = 0; i < lint->count; i++)
                free(lint->warnings[i].message);
        free(lint->warnings);
        *lint = LINT_INIT;
}

/* "all", or names parted by commas. */
static uint32_t lint_rules_parse(struct slice names)
{
        uint32_t set = 0;

        if (names.len == 3 && memcmp(names.text, "all", 3) == 0)
                return UINT32_MAX;
        while (names.len > 0) {
                const char *comma = memchr(names.text, ',', names.len);
                size_t len = comma ? (size_t)(comma - names.text) : names.len;
                struct slice name = slice_trim((struct slice){ names.text, len });

                for (size_t i = 0; i < LINT_RULE_COUNT; i++)
                        if (name.len == strlen(rules[i].name) &&
                            memcmp(name.text, rules[i].name, name.len) == 0)
                                set |= UINT32_C(1) << i;
                len += comma != NULL;
                names.text += len;
                names.len -= len;
        }
        return set;
}

/* One "key=value". */
static int lint_option_parse(struct slice option, struct lint_options *options, struct error *err)
{
        const char *equals = memchr(option.text, '=', option.len);
        struct slice key, value;
        char word[16] = "";

        if (!equals)
                return error_set(err, -EINVAL, "the check option \"%.*s\" has no value",
                                 (int)(option.len < 100 ? option.len : 100), option.text);
        key = slice_trim((struct slice){ option.text, (size_t)(equals - option.text) });
        value = slice_trim(
                (struct slice){ equals + 1, option.len - (size_t)(equals + 1 - option.text) });
        if (key.len == 4 && memcmp(key.text, "skip", 4) == 0) {
                options->skipped |= lint_rules_parse(value);
        } else if (key.len == 12 && memcmp(key.text, "experimental", 12) == 0) {
                options->experimental |= lint_rules_parse(value);
        } else if (key.len == 5 && memcmp(key.text, "error", 5) == 0) {
                if (value.len < sizeof(word))
                        memcpy(word, value.text, value.len);
                if (value_parse_bool(word, &options->error) < 0)
                        return error_set(err, -EINVAL, "the check option error is true or false");
        } else {
                error_set(err, -EINVAL, "unknown check option \"%.*s\"",
                          (int)(key.len < 100 ? key.len : 100), key.text);
                return error_hint(err, "skip, experimental and error are known");
        }
        return 0;
}

int lint_options_parse(const char *text, struct lint_options *ret, struct error *err)
{
        struct slice rest = slice_trim((struct slice){ text, strlen(text) });
        struct lint_options options = { .error = false };

        while (rest.len > 0) {
                const char *semicolon = memchr(rest.text, ';', rest.len);
                size_t len = semicolon ? (size_t)(semicolon - rest.text) : rest.len;
                int r = lint_option_parse((struct slice){ rest.text, len }, &options, err);

                if (r < 0)
                        return r;
                len += semicolon != NULL;
                rest.text += len;
                rest.len -= len;
        }
        *ret = options;
        return 0;
}

void lint_read_comments(struct instruction *instruction)
{
        for (size_t i = 0; i < instruction->comments.count; i++) {
                const char *comment = instruction->comments.items[i];
                char value[1024] = "";
                struct lint_options options;
                struct error ignored = ERROR_INIT;
                size_t len;

                if (strncasecmp(comment, "check", 5) != 0)
                        continue;
                comment += 5;
                comment += strspn(comment, " \t");
                if (*comment++ != '=')
                        continue;
                comment += strspn(comment, " \t");
                len = strcspn(comment, " ");
                if (len >= sizeof(value))
                        return;
                memcpy(value, comment, len);
                if (lint_options_parse(value, &options, &ignored) < 0)
                        return;
                instruction->lint_skipped = options.skipped;
                instruction->lint_experimental = options.experimental;
                return;
        }
}

bool lint_is_on(const struct lint *lint, enum lint_rule rule, const struct instruction *instruction)
{
        uint32_t bit = UINT32_C(1) << rule;

        if (lint->count == LINT_WARNINGS_MAX)
                return false;
        if (rules[rule].experimental)
                return (lint->options.experimental | instruction->lint_experimental) & bit;
        return !((lint->options.skipped | instruction->lint_skipped) & bit);
}

int lint_add(struct lint *lint, enum lint_rule rule, const struct instruction *instruction,
             unsigned int line, const char *format, ...)
{
        struct lint_warning *warnings;
        char *message;
        va_list ap;
        int len;

        if (!lint_is_on(lint, rule, instruction))
                return 0;
        if (lint->count == lint->cap) {
                size_t cap = lint->cap ? lint->cap * 2 : 8;

                warnings = reallocarray(lint->warnings, cap, sizeof(*warnings));
                if (!warnings)
                        return -ENOMEM;
                lint->warnings = warnings;
                lint->cap = cap;
        }
        va_start(ap, format);
        len = vasprintf(&message, format, ap);
        va_end(ap);
        if (len < 0)
                return -ENOMEM;
        lint->warnings[lint->count++] = (struct lint_warning){ rule, line, message };
        return 0;
}
