#include "build_flags.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
        struct strv written;
        struct build_lists lists;
        struct strmap map;
        struct strv values;
        struct error err;
};

static void begin(struct fixture *fixture, const char *written)
{
        *fixture = (struct fixture){ .lists = BUILD_LISTS_INIT };
        cr_assert_eq(strv_add(&fixture->written, written), 0);
}

static void end(struct fixture *fixture)
{
        strv_done(&fixture->written);
        build_lists_done(&fixture->lists);
        strmap_done(&fixture->map);
        strv_done(&fixture->values);
}

/* ---- secrets ---- */

static void assert_secret(const char *written, const char *id, const char *path, const char *env)
{
        struct fixture fixture;
        const struct build_secret *secret;

        begin(&fixture, written);
        cr_assert_eq(build_flags_secrets(&fixture.written, &fixture.lists, &fixture.err), 0,
                     "%s: %s", written, fixture.err.message);
        cr_assert_eq(fixture.lists.secret_count, 1);
        secret = &fixture.lists.secrets[0];
        cr_assert_str_eq(secret->id, id);
        cr_assert(path ? secret->path && strcmp(secret->path, path) == 0 : !secret->path, "%s",
                  written);
        cr_assert(env ? secret->env && strcmp(secret->env, env) == 0 : !secret->env, "%s", written);
        end(&fixture);
}

static void refuse_secret(const char *written, int code, const char *message)
{
        struct fixture fixture;

        begin(&fixture, written);
        cr_assert_eq(build_flags_secrets(&fixture.written, &fixture.lists, &fixture.err), code,
                     "%s", written);
        cr_assert_not_null(strstr(fixture.err.message, message), "%s", fixture.err.message);
        end(&fixture);
}

Test(build_flags, takes_a_secret_from_a_file_or_from_the_environment)
{
        setenv("TOKEN", "x", true);
        unsetenv("/etc/passwd");
        assert_secret("id=a,src=/etc/passwd", "a", "/etc/passwd", NULL);
        assert_secret("id=a,source=/etc/passwd,type=file", "a", "/etc/passwd", NULL);
        assert_secret("id=a,env=TOKEN", "a", NULL, "TOKEN");
        assert_secret("type=env,id=a,src=TOKEN", "a", NULL, "TOKEN");
        assert_secret("id=TOKEN", "TOKEN", NULL, "TOKEN");
        assert_secret("id=/etc/passwd", "/etc/passwd", "/etc/passwd", NULL);
}

Test(build_flags, refuses_a_secret_that_is_not_there)
{
        unsetenv("NO_SUCH");
        refuse_secret("id=a,env=NO_SUCH", -ENOENT, "the environment has no NO_SUCH");
        refuse_secret("id=a,src=/no/such", -ENOENT, "cannot read /no/such");
        refuse_secret("id=a,src=/etc", -EINVAL, "not a regular file");
        refuse_secret("src=/etc/passwd", -EINVAL, "has no id");
        refuse_secret("id=a,src=/etc/passwd,env=HOME", -EINVAL, "not both");
        refuse_secret("id=a,type=vault", -EINVAL, "file or env");
        refuse_secret("id=a,mode=0400", -EINVAL, "unknown key mode");
        refuse_secret("a", -EINVAL, "has no value");
}

/* ---- agents ---- */

Test(build_flags, takes_the_agent_of_a_socket_and_refuses_what_is_none)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct fixture fixture;
        char option[150];

        snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/varve-agent-%d", getpid());
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        setenv("SSH_AUTH_SOCK", address.sun_path, true);
        begin(&fixture, "default");
        snprintf(option, sizeof(option), "mine=%s", address.sun_path);
        strv_add(&fixture.written, option);
        cr_assert_eq(build_flags_agents(&fixture.written, &fixture.lists, &fixture.err), 0);
        cr_assert_str_eq(fixture.lists.agents[0].id, "default");
        cr_assert_str_eq(fixture.lists.agents[0].socket, address.sun_path);
        cr_assert_str_eq(fixture.lists.agents[1].id, "mine");
        cr_assert_str_eq(fixture.lists.agents[1].socket, address.sun_path);
        end(&fixture);
        unlink(address.sun_path);

        begin(&fixture, "key=/etc/passwd");
        cr_assert_eq(build_flags_agents(&fixture.written, &fixture.lists, &fixture.err), -ENOTSOCK);
        end(&fixture);
        unsetenv("SSH_AUTH_SOCK");
        begin(&fixture, "default");
        cr_assert_eq(build_flags_agents(&fixture.written, &fixture.lists, &fixture.err), -ENOENT);
        end(&fixture);
}

/* ---- contexts ---- */

Test(build_flags, splits_a_context_at_its_first_equals_sign)
{
        struct fixture fixture;

        begin(&fixture, "debian:12=https://host/x?a=b");
        cr_assert_eq(build_flags_contexts(&fixture.written, &fixture.lists, &fixture.err), 0);
        cr_assert_str_eq(fixture.lists.contexts[0].name, "debian:12");
        cr_assert_str_eq(fixture.lists.contexts[0].source, "https://host/x?a=b");
        end(&fixture);
}

Test(build_flags, refuses_a_context_without_a_name_or_a_source)
{
        static const char *const bad[] = { "x", "x=", "=x", "" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct fixture fixture;

                begin(&fixture, bad[i]);
                cr_assert_eq(build_flags_contexts(&fixture.written, &fixture.lists, &fixture.err),
                             -EINVAL, "%s", bad[i]);
                end(&fixture);
        }
}

/* ---- names and values ---- */

Test(build_flags, takes_the_value_of_an_argument_from_the_environment)
{
        struct fixture fixture;

        setenv("GIVEN", "there", true);
        unsetenv("MISSING");
        begin(&fixture, "GIVEN");
        strv_add(&fixture.written, "MISSING");
        strv_add(&fixture.written, "EMPTY=");
        strv_add(&fixture.written, "TWICE=a");
        strv_add(&fixture.written, "TWICE=b=c");
        cr_assert_eq(build_flags_args(&fixture.written, &fixture.values, &fixture.err), 0);
        cr_assert_eq(fixture.values.count, 3);
        cr_assert_str_eq(strv_env_get(&fixture.values, "GIVEN"), "there");
        cr_assert_str_eq(strv_env_get(&fixture.values, "EMPTY"), "");
        cr_assert_str_eq(strv_env_get(&fixture.values, "TWICE"), "b=c");
        end(&fixture);

        begin(&fixture, "=x");
        cr_assert_eq(build_flags_args(&fixture.written, &fixture.values, &fixture.err), -EINVAL);
        end(&fixture);
}

Test(build_flags, a_label_without_a_value_is_empty)
{
        struct fixture fixture;

        begin(&fixture, "a");
        strv_add(&fixture.written, "b=c=d");
        cr_assert_eq(build_flags_map(&fixture.written, &fixture.map, &fixture.err), 0);
        cr_assert_str_eq(strmap_get(&fixture.map, "a"), "");
        cr_assert_str_eq(strmap_get(&fixture.map, "b"), "c=d");
        end(&fixture);
}

/* ---- annotations ---- */

static void assert_annotation(const char *written, const char *name, const char *value)
{
        struct fixture fixture;

        begin(&fixture, written);
        cr_assert_eq(build_flags_annotations(&fixture.written, &fixture.map, &fixture.err), 0,
                     "%s: %s", written, fixture.err.message);
        cr_assert_str_eq(strmap_get(&fixture.map, name), value);
        end(&fixture);
}

static void refuse_annotation(const char *written, int code, const char *message)
{
        struct fixture fixture;

        begin(&fixture, written);
        cr_assert_eq(build_flags_annotations(&fixture.written, &fixture.map, &fixture.err), code,
                     "%s", written);
        cr_assert_not_null(strstr(fixture.err.message, message), "%s", fixture.err.message);
        end(&fixture);
}

Test(build_flags, an_annotation_is_the_manifests)
{
        assert_annotation("a.b=c=d:e", "a.b", "c=d:e");
        assert_annotation("manifest:a=b", "a", "b");
        assert_annotation("manifest[linux/amd64]:a=", "a", "");
}

Test(build_flags, refuses_annotations_of_what_is_not_there)
{
        refuse_annotation("index:a=b", -EOPNOTSUPP, "there is no index");
        refuse_annotation("manifest,index-descriptor:a=b", -EOPNOTSUPP,
                          "there is no index-descriptor");
        refuse_annotation("manifest[linux/s390x]:a=b", -EOPNOTSUPP, "alone");
        refuse_annotation("layer:a=b", -EINVAL, "layer is nothing that can be annotated");
        refuse_annotation("a", -EINVAL, "names nothing");
        refuse_annotation("=a", -EINVAL, "names nothing");
}

/* ---- call ---- */

Test(build_flags, reads_what_call_asks_for)
{
        struct error err = ERROR_INIT;
        struct build_call call;

        cr_assert_eq(build_flags_call("build", &call, &err), 0);
        cr_assert(call.builds);
        cr_assert_eq(build_flags_call("outline,format=json", &call, &err), 0);
        cr_assert(!call.builds && call.json && !call.ignore_status);
        cr_assert_eq(call.what, BUILD_DESCRIBE_OUTLINE);
        cr_assert_eq(build_flags_call("lint,ignorestatus,format=text", &call, &err), 0);
        cr_assert(!call.json && call.ignore_status);
        cr_assert_eq(call.what, BUILD_DESCRIBE_CHECK);
        cr_assert_eq(build_flags_call("targets", &call, &err), 0);
        cr_assert_eq(call.what, BUILD_DESCRIBE_TARGETS);
}

Test(build_flags, refuses_calls_that_are_none)
{
        static const char *const bad[] = { "",       "checks",       "check,format=xml",
                                           "check,", "check,format", ",format=json" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct error err = ERROR_INIT;
                struct build_call call;

                cr_assert_eq(build_flags_call(bad[i], &call, &err), -EINVAL, "%s", bad[i]);
        }
}

static void assert_inline(const char *arg, const char *written, size_t expected)
{
        struct strv args = STRV_INIT, cache_to = STRV_INIT;
        struct error err = ERROR_INIT;

        strv_add(&args, arg);
        if (written)
                strv_add(&cache_to, written);
        cr_assert_eq(build_flags_inline_cache(&args, &cache_to, &err), 0);
        cr_assert_eq(cache_to.count, expected, "%s", arg);
        strv_done(&args);
        strv_done(&cache_to);
}

Test(build_flags, take_the_older_way_of_asking_for_an_inline_cache)
{
        assert_inline("BUILDKIT_INLINE_CACHE=1", NULL, 1);
        assert_inline("BUILDKIT_INLINE_CACHE=1", "type=inline", 1);
        assert_inline("BUILDKIT_INLINE_CACHE=1", "type=local,dest=d", 2);
        assert_inline("BUILDKIT_INLINE_CACHE=0", NULL, 0);
        assert_inline("OTHER=1", NULL, 0);
}

Test(build_flags, leave_a_time_alone_and_give_a_directory_none)
{
        struct strv args = STRV_INIT;
        struct build_options options = { .context = "/", .args = &args };
        struct error err = ERROR_INIT;

        unsetenv("SOURCE_DATE_EPOCH");
        cr_assert_eq(build_flags_epoch(NULL, &options, &args, &err), 0);
        cr_assert_eq(args.count, 0);
        strv_env_set(&args, "SOURCE_DATE_EPOCH", "7");
        cr_assert_eq(build_flags_epoch(NULL, &options, &args, &err), 0);
        cr_assert_str_eq(strv_env_get(&args, "SOURCE_DATE_EPOCH"), "7");
        strv_env_set(&args, "SOURCE_DATE_EPOCH", "context");
        cr_assert_eq(build_flags_epoch(NULL, &options, &args, &err), 0);
        cr_assert_str_eq(strv_env_get(&args, "SOURCE_DATE_EPOCH"), "");
        strv_done(&args);
}
