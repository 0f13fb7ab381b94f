#include "host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct strv argv, env;
static struct sandbox_host host;
static struct sandbox_spec spec;
static int sources[SANDBOX_MOUNTS_MAX];
static size_t source_count;

static void begin(void)
{
        host.users = SANDBOX_USERS_SINGLE;
        host.uid_map[0] = host.gid_map[0] = (struct wire_range){ 0, 1000, 1 };
        host.uid_map_count = host.gid_map_count = 1;
        cr_assert_eq(strv_add(&argv, "sh") + strv_add(&argv, "-c") + strv_add(&argv, ""), 0);
        cr_assert_eq(strv_add(&env, "PATH=/bin"), 0);
        spec = (struct sandbox_spec){
                .root = SANDBOX_ROOT_FUSE, .argv = &argv, .env = &env, .workdir = "/work"
        };
}

static void end(void)
{
        strv_done(&argv);
        strv_done(&env);
}

TestSuite(spec, .init = begin, .fini = end);

static const char *string_at(const struct wire_spec *block, struct wire_span span, uint32_t index)
{
        const char *at = wire_at(block, span.offset);

        cr_assert_lt(index, span.count);
        while (index-- > 0)
                at += strlen(at) + 1;
        return at;
}

Test(spec, says_in_one_block_what_was_asked_for)
{
        static const uint32_t groups[] = { 4, 27 };
        static const struct sandbox_limit limits[] = { { RLIMIT_NOFILE, { 100, 200 } } };
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;
        const struct wire_spec *block;

        spec.groups = groups;
        spec.group_count = 2;
        spec.limits = limits;
        spec.limit_count = 1;
        spec.hostname = "name";
        spec.uid = 5;
        cr_assert_eq(spec_write(&host, &spec, 0, &buf, sources, &source_count, &err), 0);
        block = (const void *)buf.data;
        cr_expect_eq(block->size_bytes, buf.len);
        cr_expect_eq(block->argv.count, 3);
        cr_expect_str_eq(string_at(block, block->argv, 1), "-c");
        cr_expect_str_eq(string_at(block, block->argv, 2), "");
        cr_expect_str_eq(string_at(block, block->env, 0), "PATH=/bin");
        cr_expect_str_eq(wire_string(block, block->workdir), "/work");
        cr_expect_str_eq(wire_string(block, block->hostname), "name");
        cr_expect_null(wire_string(block, block->fuse_options));
        cr_expect_null(wire_string(block, block->newuidmap));
        cr_expect_eq(((const uint32_t *)wire_at(block, block->groups.offset))[1], 27);
        cr_expect_eq(((const struct wire_limit *)wire_at(block, block->limits.offset))->hard, 200);
        cr_expect_eq(((const struct wire_range *)wire_at(block, block->uid_map.offset))->outside,
                     1000);
        cr_expect_eq(block->uid, 5);
        cr_expect_eq(block->no_new_privileges, 1, "one uid implies it");
        cr_expect_gt(block->filter.count, 100);
        cr_expect_eq(block->capabilities, SANDBOX_CAPABILITIES);
        buf_done(&buf);
}

Test(spec, numbers_the_sources_of_bind_mounts_in_order)
{
        const struct sandbox_mount mounts[] = {
                { .type = SANDBOX_MOUNT_TMPFS, .target = "/a", .mode = 01777 },
                { .type = SANDBOX_MOUNT_BIND, .target = "/b", .source_fd = 40 },
                { .type = SANDBOX_MOUNT_DATA, .target = "/c", .data = "xy\0z", .data_len = 4 },
                { .type = SANDBOX_MOUNT_BIND, .target = "/d", .source_fd = 41, .read_only = true },
        };
        const struct wire_mount *written;
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;
        const struct wire_spec *block;

        spec.mounts = mounts;
        spec.mount_count = 4;
        cr_assert_eq(spec_write(&host, &spec, 0, &buf, sources, &source_count, &err), 0);
        block = (const void *)buf.data;
        written = wire_at(block, block->mounts.offset);
        cr_expect_eq(source_count, 2);
        cr_expect_eq(block->source_count, 2);
        cr_expect_eq(sources[written[1].source], 40);
        cr_expect_eq(sources[written[3].source], 41);
        cr_expect_eq(written[3].read_only, 1);
        cr_expect_eq(written[2].data.count, 4);
        cr_expect_arr_eq(wire_at(block, written[2].data.offset), "xy\0z", 4);
        cr_expect_str_eq(wire_string(block, written[0].target), "/a");
        buf_done(&buf);
}

static void expect_refusal(int code, const char *message)
{
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        cr_expect_eq(spec_write(&host, &spec, 0, &buf, sources, &source_count, &err), code);
        cr_expect_not_null(strstr(err.message, message), "%s", err.message);
        buf_done(&buf);
}

Test(spec, refuses_what_no_command_can_have)
{
        const struct sandbox_mount relative = { .type = SANDBOX_MOUNT_TMPFS, .target = "a" };
        struct strv empty = STRV_INIT;

        spec.workdir = "work";
        expect_refusal(-EINVAL, "not absolute");
        spec.workdir = "/";
        spec.argv = &empty;
        expect_refusal(-EINVAL, "the command is empty");
        spec.argv = &argv;
        spec.mounts = &relative;
        spec.mount_count = 1;
        expect_refusal(-EINVAL, "not absolute");
        spec.mount_count = SANDBOX_MOUNTS_MAX + 1;
        expect_refusal(-E2BIG, "mounts");
        spec.mount_count = 0;
        spec.group_count = SANDBOX_GROUPS_MAX + 1;
        expect_refusal(-E2BIG, "groups");
        spec.group_count = 0;
        spec.hostname = "0123456789012345678901234567890123456789012345678901234567890123456789";
        expect_refusal(-EINVAL, "host name");
}

Test(spec, refuses_more_than_fits_its_cap)
{
        char *large = malloc(SANDBOX_SPEC_MAX);

        memset(large, 'x', SANDBOX_SPEC_MAX - 1);
        large[SANDBOX_SPEC_MAX - 1] = '\0';
        cr_assert_eq(strv_add(&env, large), 0);
        expect_refusal(-E2BIG, "larger than");
        free(large);
}

Test(spec, filters_an_unconfined_command_only_where_it_is_emulated)
{
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;
        const struct wire_spec *block;

        spec.unconfined = true;
        cr_assert_eq(spec_write(&host, &spec, 0, &buf, sources, &source_count, &err), 0);
        block = (const void *)buf.data;
        cr_expect_eq(block->filter.count, 0);
        cr_expect_eq(block->capabilities, UINT64_MAX);
        buf_clear(&buf);
        spec.emulation = SANDBOX_EMULATE_RECORD;
        cr_assert_eq(spec_write(&host, &spec, 0, &buf, sources, &source_count, &err), 0);
        block = (const void *)buf.data;
        cr_expect_gt(block->filter.count, 0);
        cr_expect_eq(block->listen, 1);
        buf_done(&buf);
}
