#include "cli.h"

#include "base/cleanup.h"
#include "base/suggest.h"
#include "complete.h"
#include "docker_flags.h"
#include "log.h"
#include "registry/registry.h"
#include "store/store.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 64

/* The options that every command has, behind its own. */
#define COMMON_COUNT 2
#define VALUE_BASE   256 /* long options without a letter are told from letters by this */

static void print_option(const struct option_spec *option)
{
        char left[64], letter[8] = "    ";

        if (option->letter)
                snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
                 option->argument ? " " : "", option->argument ? option->argument : "");
        printf(strlen(left) > 28 ? "  %s\n%32s%s\n" : "  %-28s  %s%s\n", left,
               strlen(left) > 28 ? "" : option->help, strlen(left) > 28 ? option->help : "");
}

static void print_help(const struct command *command, const struct option_spec *options,
                       size_t count)
{
        printf("Usage: varve %s%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "",
               command->arguments, command->summary);
        if (command->details)
                printf("\n%s\n", command->details);
        printf("\nOptions:\n");
        for (size_t i = 0; i < count; i++)
                print_option(&options[i]);
}

static int unknown_option(const struct command *command, const struct option_spec *options,
                          size_t count, const char *written, struct error *err)
{
        const char *names[OPTIONS_MAX], *similar;
        _cleanup_free_ char *name = strndup(written, strcspn(written, "="));

        error_set(err, -EINVAL, "%s has no option %s", command->name, name ? name : written);
        for (size_t i = 0; i < count; i++)
                names[i] = options[i].name;
        similar = name && strncmp(name, "--", 2) == 0 ? suggest_similar(name + 2, names, count)
                                                      : NULL;
        if (similar)
                return error_hint(err, "Did you mean --%s?", similar);
        return error_hint(err, "`varve %s --help` lists its options.", command->name);
}

/* As Docker's: --rm=false. */
static int set_flag(const struct option_spec *option, const char *text, struct error *err)
{
        static const char *const words[][2] = {
                { "false", "true" }, { "0", "1" }, { "f", "t" }, { "False", "True" }
        };

        if (!text)
                *(bool *)option->value = true;
        for (size_t i = 0; i < ARRAY_SIZE(words) && text; i++)
                for (int on = 0; on <= 1; on++)
                        if (strcmp(text, words[i][on]) == 0) {
                                *(bool *)option->value = on;
                                return 0;
                        }
        return text ? error_set(err, -EINVAL, "--%s is true or false, not %s", option->name, text)
                    : 0;
}

static int set_value(const struct option_spec *option, const char *text, struct error *err)
{
        switch (option->type) {
        case OPTION_FLAG:
                return set_flag(option, text, err);
        case OPTION_STRING:
        case OPTION_CHOICE:
                *(const char **)option->value = text ? text : "";
                return 0;
        case OPTION_LIST:
                return strv_add(option->value, text) < 0 ? error_set_oom(err) : 0;
        }
        return 0;
}

/* Makes getopt's tables of ours. */
static void make_tables(const struct command *command, const struct option_spec *options,
                        size_t count, struct option *ret_long, char *ret_short)
{
        char *at = ret_short;

        /* "+": what follows the first argument belongs to it; else they may stand in any order. */
        if (command->options_first)
                *at++ = '+';
        *at++ = ':';
        for (size_t i = 0; i < count; i++) {
                bool optional = options[i].type == OPTION_FLAG || options[i].type == OPTION_CHOICE;
                int has_argument = optional ? optional_argument : required_argument;

                ret_long[i] = (struct option){ .name = options[i].name,
                                               .has_arg = has_argument,
                                               .val = VALUE_BASE + (int)i };
                if (options[i].letter)
                        *at++ = options[i].letter;
                if (options[i].letter && has_argument == required_argument)
                        *at++ = ':';
        }
        *at = '\0';
}

static const struct option_spec *find_option(const struct option_spec *options, size_t count,
                                             int value)
{
        for (size_t i = 0; i < count; i++)
                if (value == VALUE_BASE + (int)i ||
                    (options[i].letter && value == options[i].letter))
                        return &options[i];
        return NULL;
}

static int parse(const struct command *command, const struct option_spec *options, size_t count,
                 int argc, char **argv, struct error *err)
{
        struct option long_options[OPTIONS_MAX + 1] = { { .name = NULL } };
        char short_options[2 * OPTIONS_MAX + 3];
        int value;

        make_tables(command, options, count, long_options, short_options);
        opterr = 0;
        optind = 0;
        while ((value = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
                const struct option_spec *option = find_option(options, count, value);
                int r;

                if (value == ':')
                        return error_set(err, -EINVAL, "the option %s of %s needs a value",
                                         argv[optind - 1], command->name);
                if (!option) {
                        char letter[] = { '-', (char)optopt, '\0' };
                        const bool is_letter = optopt > 0 && optopt < VALUE_BASE;
                        const char *written = is_letter ? letter : argv[optind - 1];

                        r = docker_flag_take(command->name, written, argv[optind], err);
                        if (r == 0)
                                r = unknown_option(command, options, count, written, err);
                        if (r < 0)
                                return r;
                        optind += r - 1;
                        continue;
                }
                r = set_value(option, optarg, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int options_parse(const struct command *command, const struct option_spec *options, size_t count,
                  int argc, char **argv, struct arguments *ret, struct error *err)
{
        struct option_spec all[OPTIONS_MAX];
        bool help = false;
        int r;

        *ret = (struct arguments){ .root = NULL };
        for (size_t i = 0; i < count; i++)
                all[i] = options[i];
        all[count] =
                (struct option_spec){ OPTION_STRING, 0,     "root",
                                      &ret->root,    "DIR", "Where the store lies ($VARVE_ROOT)" };
        all[count + 1] =
                (struct option_spec){ OPTION_FLAG, 'h', "help", &help, NULL, "Print this help" };
        if (argc > 1 && strcmp(argv[1], COMPLETE_OPTION) == 0) {
                complete_of_command(command, all, count + COMMON_COUNT, argc - 2, argv + 2);
                return -ECANCELED;
        }
        r = parse(command, all, count + COMMON_COUNT, argc, argv, err);
        if (help) {
                print_help(command, all, count + COMMON_COUNT);
                return -ECANCELED;
        }
        ret->items = argv + optind;
        ret->count = (size_t)(argc - optind);
        return r;
}

int cli_open_store(const char *root, bool make, struct store **ret, struct error *err)
{
        struct strv hosts = STRV_INIT;
        struct store *store = NULL;
        int r = make ? store_open(root, &store, err) : store_open_existing(root, &store, err);

        if (r < 0)
                return r;
        r = registry_search_hosts(&hosts, err);
        if (r == 0)
                r = store_set_search(store, &hosts, err);
        strv_done(&hosts);
        if (r < 0)
                store_free(store);
        else
                *ret = store;
        return r;
}

bool cli_begin(const struct command *command, const struct option_spec *options, size_t count,
               int argc, char **argv, size_t min, size_t max, struct arguments *ret,
               struct store **ret_store, int *ret_status)
{
        struct error err = ERROR_INIT;
        int r = options_parse(command, options, count, argc, argv, ret, &err);

        *ret_status = EXIT_SUCCESS;
        if (r == -ECANCELED && !error_is_set(&err))
                return false;
        if (r == 0 && (ret->count < min || ret->count > max)) {
                error_set(&err, -EINVAL, "%s takes %s", command->name,
                          max == 0 ? "no arguments" : command->arguments);
                error_hint(&err, "`varve %s --help` says more.", command->name);
        }
        if (error_is_set(&err)) {
                *ret_status = cli_fail(&err, CLI_EXIT_USAGE);
                return false;
        }
        if (ret_store)
                r = cli_open_store(ret->root, command->makes_store, ret_store, &err);
        if (r < 0) {
                *ret_status = cli_fail(&err, EXIT_FAILURE);
                return false;
        }
        if (ret_store)
                log_print(LOG_LEVEL_DEBUG, "%s: the store is %s", command->name,
                          store_root(*ret_store));
        return true;
}

int cli_show(const struct command *command, int argc, char **argv,
             int (*show)(struct store *store, struct error *err))
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        if (!cli_begin(command, NULL, 0, argc, argv, 0, 0, &arguments, &store, &status))
                return status;
        r = show(store, &err);
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : EXIT_SUCCESS;
}

int cli_check_stdout(struct error *err)
{
        if (!isatty(STDOUT_FILENO))
                return 0;
        error_set(err, -EINVAL, "an archive is not written to a terminal");
        return error_hint(err, "Name a file with -o FILE, or redirect standard output.");
}

void cli_hint_full(struct error *err)
{
        if (err->code == -ENOSPC || err->code == -EDQUOT)
                error_hint(err, "Free some room there, or write to another filesystem.");
}

int cli_parse_users(const char *text, enum sandbox_users *ret, struct error *err)
{
        *ret = SANDBOX_USERS_AUTO;
        if (!text || strcmp(text, "auto") == 0)
                return 0;
        if (strcmp(text, "single") == 0)
                *ret = SANDBOX_USERS_SINGLE;
        else if (strcmp(text, "ranges") == 0)
                *ret = SANDBOX_USERS_RANGES;
        else
                return error_set(err, -EINVAL, "--userns is auto, single or ranges, not %s", text);
        return 0;
}

int cli_parse_files(const char *text, enum execution_files *ret, struct error *err)
{
        *ret = EXECUTION_FILES_AUTO;
        if (!text || strcmp(text, "auto") == 0)
                return 0;
        if (strcmp(text, "fuse") == 0)
                *ret = EXECUTION_FILES_FUSE;
        else if (strcmp(text, "copy") == 0)
                *ret = EXECUTION_FILES_COPY;
        else
                return error_set(err, -EINVAL, "--fs is auto, fuse or copy, not %s", text);
        return 0;
}
