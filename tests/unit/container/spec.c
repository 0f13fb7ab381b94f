#include "container/spec.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void fill(struct container_spec *spec)
{
        struct container_mount mount = { .type = CONTAINER_TMPFS,
                                         .target = strdup("/t"),
                                         .read_only = true,
                                         .size_bytes = 4096,
                                         .mode = 01777 };

        memset(spec->id, 'a', CONTAINER_ID_DIGITS);
        spec->name = strdup("name");
        spec->image = strdup("image");
        spec->image_id = strdup("sha256:1");
        spec->manifest = strdup("sha256:2");
        spec->manifest_type = strdup("type");
        spec->hostname = strdup("host");
        spec->created.tv_sec = 1000;
        spec->terminal = true;
        spec->stop_timeout_s = -1;
        cr_assert_eq(strv_add(&spec->entrypoint, "sh") + strv_add(&spec->cmd, "-c"), 0);
        cr_assert_eq(strmap_set(&spec->labels, "a", "b"), 0);
        cr_assert_eq(container_spec_add_mount(spec, &mount), 0);
}

Test(spec, is_read_as_it_was_written)
{
        struct container_spec spec = CONTAINER_SPEC_INIT, again;
        struct buf text = BUF_INIT, anew = BUF_INIT;
        struct error err = ERROR_INIT;

        fill(&spec);
        cr_assert_eq(container_spec_write(&spec, &text, &err), 0);
        cr_assert_eq(container_spec_read(text.data, text.len, &again, &err), 0, "%s", err.message);
        cr_expect_str_eq(again.id, spec.id);
        cr_expect_eq(again.stop_timeout_s, -1);
        cr_expect(again.terminal);
        cr_expect_not(again.read_only);
        cr_expect_str_eq(strmap_get(&again.labels, "a"), "b");
        cr_assert_eq(again.mount_count, 1);
        cr_expect_str_eq(again.mounts[0].target, "/t");
        cr_expect_eq(again.mounts[0].mode, 01777);
        cr_assert_eq(container_spec_write(&again, &anew, &err), 0);
        cr_expect_str_eq(buf_str(&text), buf_str(&anew));
        buf_done(&text);
        buf_done(&anew);
        container_spec_done(&spec);
        container_spec_done(&again);
}

Test(spec, that_lacks_something_is_refused)
{
        static const char *const bad[] = { "", "{}", "[]", "{\"Id\":\"short\"}", "{\"Id\":1}" };
        struct container_spec spec = CONTAINER_SPEC_INIT, again;
        struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_expect_lt(container_spec_read(bad[i], strlen(bad[i]), &spec, &err), 0);
        fill(&spec);
        strv_done(&spec.entrypoint);
        strv_done(&spec.cmd);
        cr_assert_eq(container_spec_write(&spec, &text, &err), 0);
        cr_expect_eq(container_spec_read(text.data, text.len, &again, &err), -EBADMSG);
        buf_done(&text);
        container_spec_done(&spec);
}
