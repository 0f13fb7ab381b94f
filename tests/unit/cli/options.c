#include "cli.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <string.h>

struct parsed {
        bool quiet;
        const char *file;
        struct strv tags;
        struct arguments arguments;
        struct error err;
};

/* Parses what stands after the command's name, up to a NULL. */
static int parse(struct parsed *ret, bool options_first, const char *const *words)
{
        struct option_spec options[] = {
                { OPTION_FLAG, 'q', "quiet", &ret->quiet, NULL, "Say less" },
                { OPTION_STRING, 'f', "file", &ret->file, "FILE", "Read this" },
                { OPTION_LIST, 't', "tag", &ret->tags, "NAME", "Name it" },
                { OPTION_FLAG, 0, "no-cache", &ret->quiet, NULL, "Do all" },
                { OPTION_STRING, 0, "with-a-long-name", &ret->file, "NAME=VALUE", "Too long" },
        };
        struct command command = { .name = "build",
                                   .arguments = "[OPTIONS] CONTEXT",
                                   .summary = "Build an image",
                                   .options_first = options_first };
        static char *argv[20]; /* what is left points into it */
        int argc = 0;

        *ret = (struct parsed){ .quiet = false };
        argv[argc++] = (char *)(uintptr_t) "build";
        while (*words)
                argv[argc++] = (char *)(uintptr_t)*words++;
        argv[argc] = NULL;
        return options_parse(&command, options, ARRAY_SIZE(options), argc, argv, &ret->arguments,
                             &ret->err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(options, may_stand_anywhere_and_in_every_form)
{
        struct parsed parsed;

        cr_assert_eq(parse(&parsed, false,
                           WORDS("-q", "first", "-ffile", "-t", "a", "--tag=b", "second", "--tag",
                                 "c", "--root=/store", "--", "-t")),
                     0);
        cr_assert(parsed.quiet);
        cr_assert_str_eq(parsed.file, "file");
        cr_assert_eq(parsed.tags.count, 3);
        cr_assert_str_eq(parsed.tags.items[0], "a");
        cr_assert_str_eq(parsed.tags.items[1], "b");
        cr_assert_str_eq(parsed.tags.items[2], "c");
        cr_assert_str_eq(parsed.arguments.root, "/store");
        cr_assert_eq(parsed.arguments.count, 3);
        cr_assert_str_eq(parsed.arguments.items[0], "first");
        cr_assert_str_eq(parsed.arguments.items[1], "second");
        cr_assert_str_eq(parsed.arguments.items[2], "-t");
        strv_done(&parsed.tags);
}

Test(options, may_come_first_only)
{
        struct parsed parsed;

        cr_assert_eq(parse(&parsed, true, WORDS("-q", "image", "-f", "--none")), 0);
        cr_assert(parsed.quiet);
        cr_assert_null(parsed.file);
        cr_assert_eq(parsed.arguments.count, 3);
        cr_assert_str_eq(parsed.arguments.items[1], "-f");
}

static void assert_refused(const char *const *words, const char *message, const char *hint)
{
        struct parsed parsed;

        cr_assert_eq(parse(&parsed, false, words), -EINVAL, "%s is taken", words[0]);
        cr_assert_str_eq(parsed.err.message, message);
        cr_assert_str_eq(parsed.err.hint, hint);
        strv_done(&parsed.tags);
}

Test(options, that_are_unknown_are_told_with_the_nearest)
{
        assert_refused(WORDS("--flie", "x"), "build has no option --flie", "Did you mean --file?");
        assert_refused(WORDS("--tags=x"), "build has no option --tags", "Did you mean --tag?");
        assert_refused(WORDS("--frobnicate"), "build has no option --frobnicate",
                       "`varve build --help` lists its options.");
        assert_refused(WORDS("-qx"), "build has no option -x",
                       "`varve build --help` lists its options.");
}

Test(options, that_lack_a_value_or_have_one_too_many_are_told)
{
        assert_refused(WORDS("-q", "--file"), "the option --file of build needs a value", "");
        assert_refused(WORDS("-t"), "the option -t of build needs a value", "");
        assert_refused(WORDS("--quiet=yes"), "--quiet is true or false, not yes", "");
}

Test(options, are_listed_by_help)
{
        struct parsed parsed;

        cr_redirect_stdout();
        cr_assert_eq(parse(&parsed, false, WORDS("x", "--help")), -ECANCELED);
        cr_assert(!error_is_set(&parsed.err));
        fflush(stdout);
        cr_assert_stdout_eq_str("Usage: varve build [OPTIONS] CONTEXT\n\n"
                                "Build an image.\n\n"
                                "Options:\n"
                                "  -q, --quiet                   Say less\n"
                                "  -f, --file FILE               Read this\n"
                                "  -t, --tag NAME                Name it\n"
                                "      --no-cache                Do all\n"
                                "      --with-a-long-name NAME=VALUE\n"
                                "                                Too long\n"
                                "      --root DIR                Where the store lies "
                                "($VARVE_ROOT)\n"
                                "  -h, --help                    Print this help\n");
}

Test(options, of_users_are_three_words)
{
        struct error err = ERROR_INIT;
        enum sandbox_users users;

        cr_assert_eq(cli_parse_users(NULL, &users, &err), 0);
        cr_assert_eq(users, SANDBOX_USERS_AUTO);
        cr_assert_eq(cli_parse_users("auto", &users, &err), 0);
        cr_assert_eq(users, SANDBOX_USERS_AUTO);
        cr_assert_eq(cli_parse_users("single", &users, &err), 0);
        cr_assert_eq(users, SANDBOX_USERS_SINGLE);
        cr_assert_eq(cli_parse_users("ranges", &users, &err), 0);
        cr_assert_eq(users, SANDBOX_USERS_RANGES);
        cr_assert_eq(cli_parse_users("", &users, &err), -EINVAL);
}

Test(options, and_arguments_that_are_wrong_end_with_their_own_status)
{
        static const struct command command = { .name = "rmi",
                                                .arguments = "[OPTIONS] IMAGE...",
                                                .summary = "Remove" };
        char a[] = "a", *argv[] = { a, a, a, a, NULL };
        struct arguments arguments;
        int status;

        cr_redirect_stderr();
        cr_assert(!cli_begin(&command, NULL, 0, 1, argv, 1, 2, &arguments, NULL, &status));
        cr_assert_eq(status, CLI_EXIT_USAGE);
        cr_assert(!cli_begin(&command, NULL, 0, 4, argv, 1, 2, &arguments, NULL, &status));
        cr_assert_eq(status, CLI_EXIT_USAGE);
        cr_assert(cli_begin(&command, NULL, 0, 3, argv, 1, 2, &arguments, NULL, &status));
        cr_assert_eq(arguments.count, 2);
        fflush(stderr);
        cr_assert_stderr_eq_str("varve: rmi takes [OPTIONS] IMAGE...\n"
                                "`varve rmi --help` says more.\n"
                                "varve: rmi takes [OPTIONS] IMAGE...\n"
                                "`varve rmi --help` says more.\n");
}
