#include "builder_args.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/value.h"
#include "oci/reference.h"

#include <errno.h>
#include <string.h>

static int set_hostname(const char *value, struct builder_args *args, struct error *err)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-_";

        /* As sethostname(2) takes it. */
        if (strlen(value) > 64 || value[strspn(value, allowed)])
                return error_set(err, -EINVAL, "\"%.100s\" cannot be the name of a host", value);
        args->hostname = *value ? value : NULL;
        return 0;
}

static int set_cache_namespace(const char *value, struct builder_args *args, struct error *err)
{
        (void)err;
        args->cache_namespace = *value ? value : NULL;
        return 0;
}

static int set_lint(const char *value, struct builder_args *args, struct error *err)
{
        args->has_lint = true;
        return lint_options_parse(value, &args->lint, err);
}

/* What is no boolean BuildKit passes over. */
static int set_keep_git_dir(const char *value, struct builder_args *args, struct error *err)
{
        (void)err;
        if (value_parse_bool(value, &args->keep_git_dir) < 0)
                args->keep_git_dir = false;
        return 0;
}

static int set_multi_platform(const char *value, struct builder_args *args, struct error *err)
{
        bool wanted = false;

        (void)args;
        if (*value && value_parse_bool(value, &wanted) < 0)
                return error_set(err, -EINVAL, "\"%.100s\" is neither true nor false", value);
        return wanted ? error_set(err, -EOPNOTSUPP, "an index of one platform is not made") : 0;
}

static int set_syntax(const char *value, struct builder_args *args, struct error *err)
{
        (void)args;
        return *value ? builder_check_syntax(value, err) : 0;
}

/* Of the command line, which has made a --cache-to of it. */
static int set_inline_cache(const char *value, struct builder_args *args, struct error *err)
{
        (void)value;
        (void)args;
        (void)err;
        return 0;
}

static const struct builder_arg {
        const char *name;
        int (*set)(const char *value, struct builder_args *args, struct error *err);
} builder_arg_table[] = {
        { "BUILDKIT_CACHE_MOUNT_NS", set_cache_namespace },
        { "BUILDKIT_CONTEXT_KEEP_GIT_DIR", set_keep_git_dir },
        { "BUILDKIT_DOCKERFILE_CHECK", set_lint },
        { "BUILDKIT_INLINE_CACHE", set_inline_cache },
        { "BUILDKIT_MULTI_PLATFORM", set_multi_platform },
        { "BUILDKIT_SANDBOX_HOSTNAME", set_hostname },
        { "BUILDKIT_SYNTAX", set_syntax },
};

bool builder_args_know(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(builder_arg_table); i++)
                if (strcmp(builder_arg_table[i].name, name) == 0)
                        return true;
        return false;
}

int builder_args_read(const struct strv *args, struct builder_args *ret, struct error *err)
{
        struct builder_args read = { .hostname = NULL };

        for (size_t i = 0; args && i < ARRAY_SIZE(builder_arg_table); i++) {
                const struct builder_arg *arg = &builder_arg_table[i];
                const char *value = strv_env_get(args, arg->name);

                if (value && arg->set(value, &read, err) < 0)
                        return error_wrap(err, "--build-arg %s", arg->name);
        }
        *ret = read;
        return 0;
}

bool builder_args_name_syntax(const struct strv *args)
{
        const char *value = args ? strv_env_get(args, "BUILDKIT_SYNTAX") : NULL;

        return value && *value;
}

int builder_check_syntax(const char *frontend, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        const char *name;
        bool own;

        if (reference_parse(frontend, &reference, err) < 0)
                return err->code;
        /* A mirror of it is the same. */
        name = path_base(reference.path);
        own = strcmp(name, "dockerfile") == 0 || strcmp(name, "dockerfile-upstream") == 0;
        reference_done(&reference);
        if (own)
                return 0;
        error_set(err, -EOPNOTSUPP, "the syntax %.200s is not supported", frontend);
        return error_hint(err, "If the file is an ordinary Dockerfile, write docker/dockerfile:1.");
}
