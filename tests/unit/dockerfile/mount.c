#include "parse.h"

#include "dockerfile/expand.h"

#include <errno.h>

/* Parses and expands a RUN with one mount, with $A set to "cache". */
static const struct run_mount *expand_mount(struct arena *arena, const struct dockerfile *file)
{
        char *items[] = { (char *)"A=cache", NULL };
        struct strv env = { .items = items, .count = 1 };
        struct expander expander = {
                .escape = file->escape,
                .lookup = expand_lookup_strv,
                .variables = &env,
        };
        struct source_position where;
        struct error err = ERROR_INIT;
        struct instruction *expanded = NULL;

        cr_assert_eq(instruction_expand(first(file), &expander, arena, &expanded, &where, &err), 0,
                     "%s", err.message);
        cr_assert_eq(expanded->run.mount_count, 1);
        return &expanded->run.mounts[0];
}

#define with_mount(name, text)                                         \
        _cleanup_(cleanup_dockerfile) struct dockerfile *name##_file = \
                parse_body("RUN --mount=" text " true");               \
        _cleanup_(arena_done) struct arena name##_arena = ARENA_INIT;  \
        const struct run_mount *name = expand_mount(&name##_arena, name##_file)

static void assert_bad(const char *mount, const char *message)
{
        _cleanup_free_ char *text = NULL;

        cr_assert_gt(asprintf(&text, "FROM a\nRUN --mount=%s true", mount), 0);
        assert_fails_at(text, 2, 13, message);
}

Test(mount, of_a_directory_is_read_only_unless_it_says_so)
{
        with_mount(plain, "target=/a,source=b,from=c");
        with_mount(writable, "type=bind,dst=/a,rw");
        with_mount(not_read_only, "destination=/a,ro=false");
        with_mount(not_writable, "Target=/a,READWRITE=0");

        cr_assert_eq(plain->type, MOUNT_BIND);
        cr_assert_str_eq(plain->target, "/a");
        cr_assert_str_eq(plain->source, "b");
        cr_assert_str_eq(plain->from, "c");
        cr_assert(plain->read_only);
        cr_assert(!writable->read_only);
        cr_assert(!not_read_only->read_only);
        cr_assert(not_writable->read_only);
}

Test(mount, of_a_cache_knows_owner_and_sharing)
{
        with_mount(cache, "type=cache,target=/c,id=x,sharing=LOCKED,mode=0770,uid=1,gid=2,src=s");
        with_mount(plain, "type=cache,target=/c,readonly");

        cr_assert_eq(cache->type, MOUNT_CACHE);
        cr_assert_str_eq(cache->id, "x");
        cr_assert_str_eq(cache->source, "s");
        cr_assert_eq(cache->sharing, MOUNT_LOCKED);
        cr_assert(cache->has_mode && cache->has_uid && cache->has_gid && !cache->read_only);
        cr_assert_eq(cache->mode, 0770);
        cr_assert_eq(cache->uid, 1);
        cr_assert_eq(cache->gid, 2);
        cr_assert_eq(plain->sharing, MOUNT_SHARED);
        cr_assert(!plain->has_mode && !plain->has_uid && plain->read_only);
        cr_assert_null(plain->id);
}

Test(mount, of_memory_has_a_size)
{
        with_mount(tmpfs, "type=tmpfs,target=/t,size=1.5g");

        cr_assert_eq(tmpfs->type, MOUNT_TMPFS);
        cr_assert_eq(tmpfs->size_bytes, INT64_C(3) << 29);
        cr_assert(!tmpfs->read_only);
}

Test(mount, of_secrets_and_agents_may_be_required)
{
        with_mount(secret, "type=secret,id=s,env=E,required,mode=400");
        with_mount(agent, "type=ssh,required=false,target=/s");

        cr_assert_eq(secret->type, MOUNT_SECRET);
        cr_assert_str_eq(secret->env, "E");
        cr_assert(secret->required);
        cr_assert_eq(secret->mode, 0400);
        cr_assert_null(secret->target);
        cr_assert_eq(agent->type, MOUNT_SSH);
        cr_assert(!agent->required);
}

Test(mount, takes_variables_in_all_values_but_from)
{
        with_mount(cache, "type=$A,target=/${A}/x,id=${B:-y},from=st");

        cr_assert_eq(cache->type, MOUNT_CACHE);
        cr_assert_str_eq(cache->target, "/cache/x");
        cr_assert_str_eq(cache->id, "y");
        cr_assert_str_eq(cache_file->instructions[1].run.mounts[0].from, "st");
        assert_bad("target=/a,from=$A", "does not take variables");
}

Test(mount, that_cannot_be_is_refused_before_the_build)
{
        assert_bad("type=bnd,target=/a", "\"bnd\" (did you mean bind?)");
        assert_bad("tagret=/a", "\"tagret\" (did you mean target?)");
        assert_bad("target", "target needs a value");
        assert_bad("type=bind,target=/a,size=1g", "type bind does not take size");
        assert_bad("type=bind,target=/a,required", "type bind does not take required");
        assert_bad("required,type=secret,id=a", "type bind does not take required");
        assert_bad("type=bind,target=/a,uid=1", "type bind does not take uid");
        assert_bad("type=tmpfs,target=/a,mode=1", "type tmpfs does not take mode");
        assert_bad("type=bind,target=/a,sharing=shared", "type bind does not take sharing");
        assert_bad("type=cache,target=/a,sharing=none", "unknown sharing \"none\"");
        assert_bad("type=cache,target=/a,mode=9", "mode cannot be \"9\"");
        assert_bad("type=cache,target=/a,uid=-1", "uid cannot be \"-1\"");
        assert_bad("type=cache,target=/a,uid=4294967296", "uid cannot be");
        assert_bad("type=tmpfs,target=/a,size=x", "size cannot be \"x\"");
        assert_bad("target=/a,ro=2", "ro cannot be \"2\"");
        assert_bad("type=secret", "needs an id or a target");
        assert_bad("type=secret,id=a,src=b", "not both");
        assert_bad("type=secret,id=a,from=b", "type secret does not take from");
}

Test(mount, that_a_variable_spoils_is_refused_when_it_is_expanded)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("RUN \\\n --mount=type=$A$A,target=/a true");
        _cleanup_(arena_done) struct arena arena = ARENA_INIT;
        char *items[] = { (char *)"A=cache", NULL };
        struct strv env = { .items = items, .count = 1 };
        struct expander expander = { .escape = '\\',
                                     .lookup = expand_lookup_strv,
                                     .variables = &env };
        struct source_position where;
        struct error err = ERROR_INIT;
        struct instruction *expanded;

        cr_assert_eq(instruction_expand(first(file), &expander, &arena, &expanded, &where, &err),
                     -EINVAL);
        cr_assert_not_null(strstr(err.message, "\"cachecache\""));
        cr_assert_eq(where.line, 3);
        cr_assert_eq(where.column, 10);
}
