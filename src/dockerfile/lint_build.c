/*
 * The lint of what is built: stage by stage, and with values that the text alone does not have.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/suggest.h"
#include "dockerfile/expand.h"
#include "dockerfile/ignore.h"
#include "lint_file.h"
#include "port.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* So many names are looked through for the one that was meant. */
#define LINT_CANDIDATES_MAX 1000

/* Whether one of the words between underscores is in the list, case aside. */
static bool name_has_word(const char *name, const char *const *words, size_t count)
{
        while (*name) {
                size_t len = strcspn(name, "_");

                for (size_t i = 0; i < count; i++)
                        if (strlen(words[i]) == len && strncasecmp(name, words[i], len) == 0)
                                return true;
                name += len + (name[len] == '_');
        }
        return false;
}

static bool name_is_secret(const char *name)
{
        static const char *const secrets[] = {
                "apikey", "auth",  "credential", "credentials", "key",
                "passwd", "pword", "password",   "secret",      "token",
        };
        static const char *const harmless[] = { "public", "file", "version" };

        return name_has_word(name, secrets, ARRAY_SIZE(secrets)) &&
               !name_has_word(name, harmless, ARRAY_SIZE(harmless));
}

static int lint_pairs(struct lint *lint, const struct instruction *instruction)
{
        const char *name = instruction_name(instruction->type);
        int r = 0;

        for (size_t i = 0; r == 0 && i < instruction->pairs.count; i++) {
                const struct key_value *pair = &instruction->pairs.items[i];

                if (pair->legacy)
                        r = lint_add(lint, LINT_LEGACY_KEY_VALUE_FORMAT, instruction,
                                     instruction->first_line,
                                     "write \"%s name=value\" instead of \"%s name value\"", name,
                                     name);
                if (r == 0 && instruction->type != INSTRUCTION_LABEL && name_is_secret(pair->key))
                        r = lint_add(lint, LINT_SECRETS_USED_IN_ARG_OR_ENV, instruction,
                                     instruction->first_line,
                                     "%s \"%s\" looks like a secret, which the image would keep; "
                                     "use RUN --mount=type=secret",
                                     name, pair->key);
        }
        return r;
}

/* Those of a stage of which the last one alone counts, as they were seen. */
struct lint_once {
        const struct instruction *command;
        const struct instruction *entrypoint;
        const struct instruction *healthcheck;
};

/* The earlier one is blamed: it has no effect. */
static int lint_once_see(struct lint *lint, const struct instruction *instruction,
                         const struct instruction **seen)
{
        const struct instruction *before = *seen;

        *seen = instruction;
        if (!before)
                return 0;
        return lint_add(lint, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, instruction,
                        before->first_line,
                        "this %s has no effect: line %u of the same stage has another one",
                        instruction_name(before->type), instruction->first_line);
}

static int lint_command_form(struct lint *lint, const struct instruction *instruction,
                             const struct lint_stage_state *state)
{
        if (instruction->command.exec_form || state->shell)
                return 0;
        return lint_add(lint, LINT_JSON_ARGS_RECOMMENDED, instruction, instruction->first_line,
                        "%s should be a JSON array, so that signals reach the process",
                        instruction_name(instruction->type));
}

int lint_workdir(struct lint *lint, const struct instruction *instruction,
                 struct lint_stage_state *state)
{
        bool first = !state->workdir;

        state->workdir = true;
        if (!first || path_is_absolute(instruction->value))
                return 0;
        return lint_add(lint, LINT_WORKDIR_RELATIVE_PATH, instruction, instruction->first_line,
                        "the directory \"%s\" hangs on what the base image has as its WORKDIR",
                        instruction->value);
}

int lint_stage(struct lint *lint, const struct stage *stage, struct lint_stage_state *state)
{
        struct lint_once once = { .command = NULL };
        int r = 0;

        for (size_t i = 0; r == 0 && i < stage->instruction_count; i++) {
                const struct instruction *instruction = &stage->instructions[i];

                switch ((int)instruction->type) {
                case INSTRUCTION_ARG:
                case INSTRUCTION_ENV:
                case INSTRUCTION_LABEL:
                        r = lint_pairs(lint, instruction);
                        break;
                case INSTRUCTION_CMD:
                        r = lint_once_see(lint, instruction, &once.command);
                        if (r == 0)
                                r = lint_command_form(lint, instruction, state);
                        break;
                case INSTRUCTION_ENTRYPOINT:
                        r = lint_once_see(lint, instruction, &once.entrypoint);
                        if (r == 0)
                                r = lint_command_form(lint, instruction, state);
                        break;
                case INSTRUCTION_HEALTHCHECK:
                        r = lint_once_see(lint, instruction, &once.healthcheck);
                        break;
                case INSTRUCTION_SHELL:
                        state->shell = true;
                        break;
                default:
                        break;
                }
        }
        return r;
}

/* The name in the first of many "NAME=value" strings that was meant by `name`; NULL where there is
 * none. The result is the caller's. Returns 0 or -ENOMEM. */
static int environment_suggest(const struct strv *environment, const char *name, char **ret)
{
        _cleanup_(strv_done) struct strv names = STRV_INIT;
        const char *similar;

        *ret = NULL;
        for (size_t i = 0; i < environment->count && i < LINT_CANDIDATES_MAX; i++) {
                const char *item = environment->items[i];

                if (strv_take(&names, strndup(item, strcspn(item, "="))) < 0)
                        return -ENOMEM;
        }
        similar = suggest_similar(name, (const char *const *)names.items, names.count);
        if (!similar)
                return 0;
        *ret = strdup(similar);
        return *ret ? 0 : -ENOMEM;
}

int lint_undefined_variables(struct lint *lint, const struct instruction *instruction,
                             const struct strv *unset, const struct strv *declared,
                             const struct strv *environment)
{
        int r = 0;

        if (!lint_is_on(lint, LINT_UNDEFINED_VAR, instruction))
                return 0;
        for (size_t i = 0; r == 0 && i < unset->count; i++) {
                _cleanup_free_ char *similar = NULL;
                const char *name = unset->items[i];

                if (strv_contains(declared, name))
                        continue;
                r = environment_suggest(environment, name, &similar);
                if (r == 0)
                        r = lint_add(lint, LINT_UNDEFINED_VAR, instruction, instruction->first_line,
                                     "the variable $%s is not defined%s%s%s", name,
                                     similar ? " (did you mean $" : "", similar ? similar : "",
                                     similar ? "?)" : "");
        }
        return r;
}

static int lint_from_unset(struct lint *lint, const struct instruction *from,
                           const struct strv *unset, const struct strv *declared)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < unset->count; i++) {
                const char *name = unset->items[i], *similar;

                if (strv_contains(declared, name))
                        continue;
                similar = suggest_similar(name, (const char *const *)declared->items,
                                          declared->count < LINT_CANDIDATES_MAX
                                                  ? declared->count
                                                  : LINT_CANDIDATES_MAX);
                r = lint_add(lint, LINT_UNDEFINED_ARG_IN_FROM, from, from->first_line,
                             "FROM uses $%s, which no ARG declares%s%s%s", name,
                             similar ? " (did you mean $" : "", similar ? similar : "",
                             similar ? "?)" : "");
        }
        return r;
}

/* Whether the name of the stage says which platform it is for. */
static bool stage_names_platform(const char *stage, const char *platform)
{
        while (stage && *platform) {
                size_t len = strcspn(platform, "/");

                if (len > 0 && memmem(stage, strlen(stage), platform, len))
                        return true;
                platform += len + (platform[len] == '/');
        }
        return false;
}

static int lint_from_platform(struct lint *lint, const struct instruction *from,
                              const struct expander *globals, const char *platform,
                              const struct strv *used, const struct strv *unset)
{
        const char *target;

        if (used->count == 0 && unset->count == 0) {
                if (stage_names_platform(from->from.name, platform))
                        return 0;
                return lint_add(lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, from,
                                from->first_line,
                                "the platform is fixed to \"%s\", whatever is built", platform);
        }
        if (used->count != 1 || unset->count != 0 ||
            strcmp(used->items[0], "TARGETPLATFORM") != 0 ||
            !globals->lookup(globals->variables, "TARGETPLATFORM", &target) ||
            strcmp(platform, target) != 0)
                return 0;
        return lint_add(lint, LINT_REDUNDANT_TARGET_PLATFORM, from, from->first_line,
                        "--platform=%s says what is so anyway", from->from.platform);
}

int lint_from(struct lint *lint, const struct instruction *from, const struct expander *globals,
              const struct strv *declared)
{
        const char *words[] = { from->from.base, from->from.platform };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++) {
                _cleanup_(strv_done) struct strv used = STRV_INIT, unset = STRV_INIT;
                _cleanup_(buf_done) struct buf text = BUF_INIT;
                struct expander expander = *globals;
                struct error ignored = ERROR_INIT;

                if (!words[i])
                        continue;
                expander.used = &used;
                expander.unset = &unset;
                r = expand_word(&expander, words[i], &text, &ignored);
                if (r < 0)
                        return r == -ENOMEM ? r : 0;
                r = lint_from_unset(lint, from, &unset, declared);
                if (r == 0 && words[i] == from->from.platform)
                        r = lint_from_platform(lint, from, globals, buf_str(&text), &used, &unset);
        }
        return r;
}

int lint_from_without_arguments(struct lint *lint, const struct instruction *from)
{
        return lint_add(lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, from, from->first_line,
                        "with the defaults of its ARGs, \"%s\" is no valid image name",
                        from->from.base);
}

int lint_base_platform(struct lint *lint, const struct instruction *from, const char *image,
                       const char *expected, const char *actual)
{
        return lint_add(lint, LINT_INVALID_BASE_IMAGE_PLATFORM, from, from->first_line,
                        "the base image %s is for %s, and %s is built", image, actual, expected);
}

int lint_port(struct lint *lint, const struct instruction *instruction, const char *word)
{
        struct port_parts parts;
        const char *protocol;
        int r = 0;

        port_split(word, &parts);
        protocol = strchrnul(parts.port, '/');
        for (const char *c = protocol; *c; c++)
                if (isupper((unsigned char)*c)) {
                        r = lint_add(lint, LINT_EXPOSE_PROTO_CASING, instruction,
                                     instruction->first_line,
                                     "the protocol of \"%s\" should be in lower case", word);
                        break;
                }
        if (r == 0 && (parts.ip_len > 0 || parts.host_port_len > 0))
                r = lint_add(lint, LINT_EXPOSE_INVALID_FORMAT, instruction, instruction->first_line,
                             "\"%s\" names an address or a port of the host, which EXPOSE cannot "
                             "set",
                             word);
        return r;
}

int lint_copy_source(struct lint *lint, const struct instruction *instruction, const char *source,
                     const struct ignore *ignore)
{
        _cleanup_free_ char *clean = NULL;
        const char *path;
        bool is_root;

        /* Whether an exception takes back what lies in a directory is not known from its name. */
        if (ignore_has_exceptions(ignore))
                return 0;
        clean = path_clean(source);
        if (!clean)
                return -ENOMEM;
        path = clean + strspn(clean, "/");
        is_root = *path == '\0' || strcmp(path, ".") == 0;
        if (is_root ? !ignore_takes_root(ignore) : !ignore_matches(ignore, path))
                return 0;
        return lint_add(lint, LINT_COPY_IGNORED_FILE, instruction, instruction->first_line,
                        "\"%s\" is left out of the context by .dockerignore", source);
}
