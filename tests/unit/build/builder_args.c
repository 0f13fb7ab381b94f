#include "builder_args.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int read_one(const char *text, struct builder_args *ret, struct error *err)
{
        static struct strv args; /* what is read borrows from it */
        int r;

        strv_done(&args);
        cr_assert_eq(strv_add(&args, text), 0);
        r = builder_args_read(&args, ret, err);
        return r;
}

static void assert_refused(const char *text, int code, const char *words)
{
        struct error err = ERROR_INIT;
        struct builder_args args;

        cr_assert_eq(read_one(text, &args, &err), code, "%s", text);
        cr_assert_not_null(strstr(err.message, words), "%s", err.message);
}

static int check(const char *frontend)
{
        struct error err = ERROR_INIT;

        return builder_check_syntax(frontend, &err);
}

Test(builder_args, says_nothing_where_nothing_is_given)
{
        struct error err = ERROR_INIT;
        struct builder_args args;

        cr_assert_eq(builder_args_read(NULL, &args, &err), 0);
        cr_assert_null(args.hostname);
        cr_assert_null(args.cache_namespace);
        cr_assert_not(args.keep_git_dir);
        cr_assert_not(args.has_lint);
}

Test(builder_args, takes_the_names_that_buildkit_has)
{
        struct error err = ERROR_INIT;
        struct builder_args args;

        cr_assert_eq(read_one("BUILDKIT_SANDBOX_HOSTNAME=a-1.b", &args, &err), 0);
        cr_assert_str_eq(args.hostname, "a-1.b");
        cr_assert_eq(read_one("BUILDKIT_CACHE_MOUNT_NS=mine", &args, &err), 0);
        cr_assert_str_eq(args.cache_namespace, "mine");
        cr_assert_eq(read_one("BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", &args, &err), 0);
        cr_assert(args.keep_git_dir);
        cr_assert_eq(read_one("BUILDKIT_DOCKERFILE_CHECK=error=true", &args, &err), 0);
        cr_assert(args.has_lint && args.lint.error);
        cr_assert_eq(read_one("BUILDKIT_SYNTAX=docker/dockerfile:1", &args, &err), 0);
        cr_assert(builder_args_know("BUILDKIT_INLINE_CACHE"));
        cr_assert_not(builder_args_know("BUILDKIT_COLOR"));
}

Test(builder_args, refuses_what_cannot_be_and_what_is_not_done)
{
        assert_refused("BUILDKIT_SANDBOX_HOSTNAME=a b", -EINVAL, "BUILDKIT_SANDBOX_HOSTNAME");
        assert_refused("BUILDKIT_MULTI_PLATFORM=maybe", -EINVAL, "neither true nor false");
        assert_refused("BUILDKIT_MULTI_PLATFORM=1", -EOPNOTSUPP, "index");
        assert_refused("BUILDKIT_DOCKERFILE_CHECK=what", -EINVAL, "BUILDKIT_DOCKERFILE_CHECK");
        assert_refused("BUILDKIT_SYNTAX=a/b", -EOPNOTSUPP, "a/b");
}

Test(builder_args, takes_mirrors_and_kinds_of_the_own_syntax_and_no_other)
{
        cr_assert_eq(check("docker/dockerfile"), 0);
        cr_assert_eq(check("docker/dockerfile:1.20-labs"), 0);
        cr_assert_eq(check("docker/dockerfile-upstream:master"), 0);
        cr_assert_eq(check("mirror.example:5000/hub/docker/dockerfile:1"), 0);
        cr_assert_eq(check("example/dockerfile-plus:1"), -EOPNOTSUPP);
        cr_assert_eq(check("docker/dockerfile/other"), -EOPNOTSUPP);
        cr_assert_eq(check("No Reference"), -EINVAL);
}
