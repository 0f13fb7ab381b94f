#include "oci/config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* Everything that Docker writes, in its order. */
static const char whole[] =
        "{\"architecture\":\"arm\",\"author\":\"me\",\"config\":{\"User\":\"1:2\","
        "\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}},\"Env\":[\"PATH=/bin\",\"A=\"],"
        "\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\",\"\"],\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/"
        "w\","
        "\"Labels\":{\"a\":\"1\",\"b\":\"\"},\"StopSignal\":\"SIGINT\",\"ArgsEscaped\":true,"
        "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":30000000000,\"Timeout\":1,"
        "\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4},\"OnBuild\":[\"RUN x\"],"
        "\"Shell\":[\"/bin/bash\",\"-c\"],\"Hostname\":\"kept\",\"Tty\":false},"
        "\"container\":\"kept\",\"created\":\"2024-01-02T03:04:05.000000006Z\",\"history\":["
        "{\"created\":\"2024-01-02T03:04:05Z\",\"created_by\":\"RUN x\",\"author\":\"me\","
        "\"comment\":\"c\"},{\"created_by\":\"ENV A=\",\"empty_layer\":true}],\"os\":\"linux\","
        "\"os.features\":[\"f\"],\"os.version\":\"1\",\"rootfs\":{\"type\":\"layers\","
        "\"diff_ids\":[\"sha256:" HEX "\"]},\"variant\":\"v7\"}";

static void parse(const char *text, struct image_config *ret)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(image_config_parse(text, strlen(text), ret, &err), 0, "%s: %s", text,
                     err.message);
}

static void assert_text(const struct image_config *config, const char *expected)
{
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;

        cr_assert_eq(image_config_write(config, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), expected);
        buf_done(&buf);
}

Test(image_config, is_read_and_written_with_all_that_docker_puts_there)
{
        struct image_config config, copy;

        parse(whole, &config);
        cr_assert_eq(config.created.tv_nsec, 6);
        cr_assert_str_eq(config.platform.variant, "v7");
        cr_assert_str_eq(strv_env_get(&config.env, "PATH"), "/bin");
        cr_assert_eq(config.healthcheck->retries, 4);
        cr_assert_eq(config.history_count, 2);
        cr_assert(config.history[1].empty_layer);
        cr_assert_eq(config.diff_id_count, 1);
        assert_text(&config, whole);

        cr_assert_eq(image_config_copy(&config, &copy), 0);
        image_config_done(&config);
        assert_text(&copy, whole);
        image_config_done(&copy);
}

Test(image_config, is_built_up_from_nothing)
{
        struct image_history entry = { .created_by = (char *)"RUN x" };
        struct image_config config = IMAGE_CONFIG_INIT;
        struct digest digest = { { 0 } };

        assert_text(&config, "{\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
        cr_assert_eq(image_config_set(&config.user, "root"), 0);
        cr_assert_eq(image_config_set(&config.user, "me"), 0);
        cr_assert_eq(image_config_set(&config.working_dir, "/"), 0);
        cr_assert_eq(image_config_set(&config.working_dir, ""), 0);
        cr_assert_eq(image_config_add_to_set(&config.volumes, "/b"), 0);
        cr_assert_eq(image_config_add_to_set(&config.volumes, "/a"), 0);
        cr_assert_eq(image_config_add_to_set(&config.volumes, "/b"), 0);
        cr_assert_eq(image_config_add_diff_id(&config, &digest), 0);
        cr_assert_eq(image_config_add_history(&config, &entry), 0);
        assert_text(
                &config,
                "{\"config\":{\"User\":\"me\",\"Volumes\":{\"/a\":{},\"/b\":{}}},\"history\":["
                "{\"created_by\":\"RUN x\"}],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
                "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]}}");
        image_config_done(&config);
}

Test(image_config, may_leave_out_or_null_most_members)
{
        struct image_config config;

        parse("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null},\"config\":null}", &config);
        cr_assert_null(config.platform.os);
        cr_assert_eq(config.env.count, 0);
        image_config_done(&config);
        parse("{\"rootfs\":{\"diff_ids\":[]},\"config\":{\"Env\":null,\"Cmd\":null,"
              "\"Volumes\":null,\"Labels\":null,\"Healthcheck\":null},\"history\":null}",
              &config);
        cr_assert_null(config.healthcheck);
        image_config_done(&config);
}

Test(image_config, keeps_gos_zero_time)
{
        struct image_config config;

        parse("{\"created\":\"0001-01-01T00:00:00Z\",\"rootfs\":{}}", &config);
        assert_text(&config, "{\"config\":{},\"created\":\"0001-01-01T00:00:00Z\","
                             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
        image_config_done(&config);
}

Test(image_config, writes_bytes_that_are_no_utf8_as_go_does)
{
        struct image_config config = IMAGE_CONFIG_INIT;

        cr_assert_eq(strv_add(&config.env, "A=\xff"), 0);
        assert_text(&config, "{\"config\":{\"Env\":[\"A=\xef\xbf\xbd\"]},"
                             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
        image_config_done(&config);
}

Test(image_config, says_which_member_is_wrong)
{
        static const char *const bad[][2] = {
                { "{}", "\"rootfs\" is missing" },
                { "{\"rootfs\":{\"type\":\"other\"}}", "not \"layers\"" },
                { "{\"rootfs\":{\"diff_ids\":[\"sha256:../../x\"]}}", "digest" },
                { "{\"rootfs\":{\"diff_ids\":[1]}}", "\"diff_ids\"" },
                { "{\"rootfs\":{},\"os\":1}", "\"os\"" },
                { "{\"rootfs\":{},\"created\":\"yesterday\"}", "\"created\"" },
                { "{\"rootfs\":{},\"config\":{\"Env\":\"A=1\"}}", "\"config\": \"Env\"" },
                { "{\"rootfs\":{},\"config\":{\"Healthcheck\":{\"Interval\":\"30s\"}}}",
                  "\"Healthcheck\": \"Interval\"" },
                { "{\"rootfs\":{},\"history\":[1]}", "\"history\"" },
                { "{\"rootfs\":{},\"history\":[{\"created_by\":1}]}", "\"created_by\"" },
        };
        struct image_config config;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;

                cr_assert_eq(image_config_parse(bad[i][0], strlen(bad[i][0]), &config, &err),
                             -EBADMSG, "%s", bad[i][0]);
                cr_assert_not_null(strstr(err.message, bad[i][1]), "%s", err.message);
        }
}
