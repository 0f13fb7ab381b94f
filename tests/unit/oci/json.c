#include "oci/json.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
        struct error err = ERROR_INIT;
        json_t *value = NULL;

        cr_assert_eq(json_parse_object(text, strlen(text), "the text", &value, &err), 0, "%s",
                     err.message);
        return value;
}

Test(json, refuses_what_others_may_read_otherwise)
{
        static const char *const bad[] = {
                "",
                "{",
                "[]",
                "{} {}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":\"\\u0000\"}",
                "{\"a\":\"\xff\"}",
                "{\"a\":01}",
                "{\"a\":99999999999999999999}",
                "{'a':1}",
                "{\"a\":1,}",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;
                json_t *value;

                cr_assert_eq(json_parse_object(bad[i], strlen(bad[i]), "the text", &value, &err),
                             -EBADMSG, "%s", bad[i]);
                cr_assert_not_null(strstr(err.message, "the text"));
        }
}

Test(json, bounds_depth_and_values_before_it_parses)
{
        size_t len = 4 * JSON_VALUES_MAX;
        struct error err = ERROR_INIT;
        char *text = malloc(len + 1);
        json_t *value;

        memset(text, '[', JSON_DEPTH_MAX);
        memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
        cr_assert_eq(json_parse(text, 2 * JSON_DEPTH_MAX, "it", &value, &err), 0);
        json_decref(value);
        memset(text, '[', len);
        cr_assert_eq(json_parse(text, len, "it", &value, &err), -EBADMSG);
        cr_assert_str_eq(err.message, "it is nested deeper than 128 levels");

        text[0] = '[';
        for (size_t i = 0; i <= JSON_VALUES_MAX; i++)
                memcpy(text + 1 + 2 * i, "1,", 2);
        cr_assert_eq(json_parse(text, 2 * JSON_VALUES_MAX, "it", &value, &err), -EBADMSG);
        cr_assert_str_eq(err.message, "it has more than 262144 values");

        /* What stands in a string counts for nothing, nor does an escaped quote end it. */
        memset(text, '[', len);
        text[0] = '"';
        memcpy(text + 1, "\\\"", 2);
        text[len - 1] = '"';
        cr_assert_eq(json_parse(text, len, "it", &value, &err), 0);
        json_decref(value);
        free(text);
}

Test(json, gives_absent_and_null_members_as_empty)
{
        _cleanup_json_ json_t *object = parse("{\"n\":null}");
        struct error err = ERROR_INIT;
        struct strv strv = STRV_INIT;
        struct strmap map = STRMAP_INIT;
        struct timespec time;
        const char *text;
        int64_t number;
        json_t *value;
        bool flag;

        for (int i = 0; i < 2; i++) {
                const char *key = i ? "n" : "absent";

                cr_assert_eq(json_get_string(object, key, &text, &err), 0);
                cr_assert_null(text);
                cr_assert_eq(json_get_bool(object, key, &flag, &err), 0);
                cr_assert_not(flag);
                cr_assert_eq(json_get_integer(object, key, &number, &err), 0);
                cr_assert_eq(number, 0);
                cr_assert_eq(json_get_strv(object, key, &strv, &err), 0);
                cr_assert_eq(strv.count, 0);
                cr_assert_eq(json_get_strmap(object, key, &map, &err), 0);
                cr_assert_eq(map.count, 0);
                cr_assert_eq(json_get_time(object, key, &flag, &time, &err), 0);
                cr_assert_not(flag);
                cr_assert_eq(json_get_object(object, key, &value, &err), 0);
                cr_assert_null(value);
        }
}

Test(json, names_the_member_that_is_of_another_type)
{
        _cleanup_json_ json_t *object = parse("{\"a\":[1],\"o\":{\"x\":1},\"s\":\"t\",\"n\":-1}");
        struct error err = ERROR_INIT;
        struct strv strv = STRV_INIT;
        struct strmap map = STRMAP_INIT;
        struct timespec time;
        const char *text;
        uint64_t size;
        json_t *value;
        bool flag;

        cr_assert_eq(json_get_string(object, "a", &text, &err), -EBADMSG);
        cr_assert_str_eq(err.message, "\"a\" is not a string");
        cr_assert_eq(json_get_strv(object, "a", &strv, &err), -EBADMSG);
        cr_assert_eq(json_get_strv(object, "s", &strv, &err), -EBADMSG);
        cr_assert_eq(json_get_strmap(object, "o", &map, &err), -EBADMSG);
        cr_assert_eq(json_get_size(object, "n", &size, &err), -EBADMSG);
        cr_assert_eq(json_get_size(object, "absent", &size, &err), -EBADMSG);
        cr_assert_eq(json_get_bool(object, "s", &flag, &err), -EBADMSG);
        cr_assert_eq(json_get_time(object, "s", &flag, &time, &err), -EBADMSG);
        cr_assert_eq(json_get_object(object, "a", &value, &err), -EBADMSG);
        cr_assert_eq(json_get_array(object, "o", &value, &err), -EBADMSG);
}

Test(json, writes_sorted_sets_and_leaves_out_what_is_empty)
{
        _cleanup_json_ json_t *object = json_object();
        struct error err = ERROR_INIT;
        struct buf buf = BUF_INIT;
        struct strv set = STRV_INIT, none = STRV_INIT;
        struct strmap map = STRMAP_INIT;

        strv_add(&set, "b");
        strv_add(&set, "a");
        strmap_set(&map, "z", "1");
        strmap_set(&map, "y", "");
        cr_assert_eq(json_put_set(object, "set", &set), 0);
        cr_assert_eq(json_put_strv(object, "list", &set), 0);
        cr_assert_eq(json_put_strv(object, "none", &none), 0);
        cr_assert_eq(json_put_strmap(object, "map", &map), 0);
        cr_assert_eq(json_put_string(object, "empty", ""), 0);
        cr_assert_eq(json_put_string(object, "null", NULL), 0);
        cr_assert_eq(json_put_integer(object, "zero", 0), 0);
        cr_assert_eq(json_put_true(object, "false", false), 0);
        cr_assert_eq(json_write(object, &buf, &err), 0);
        cr_assert_str_eq(buf_str(&buf), "{\"set\":{\"a\":{},\"b\":{}},\"list\":[\"b\",\"a\"],"
                                        "\"map\":{\"y\":\"\",\"z\":\"1\"}}");
        buf_done(&buf);
        strv_done(&set);
        strmap_done(&map);
}

Test(json, replaces_bytes_that_are_no_utf8)
{
        static const char *const cases[][2] = {
                { "a\xff z", "a\xef\xbf\xbd z" },
                { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
                { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong */
                { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
                { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* cut short */
                { "\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_json_ json_t *object = json_object();

                cr_assert_eq(json_put_string(object, "k", cases[i][0]), 0);
                cr_assert_str_eq(json_string_value(json_object_get(object, "k")), cases[i][1]);
        }
}

Test(json, reports_memory_that_had_run_out_for_a_value)
{
        _cleanup_json_ json_t *object = json_object();

        cr_assert_eq(json_put(object, "k", NULL), -ENOMEM);
        cr_assert_eq(json_put(NULL, "k", json_object()), -ENOMEM);
        cr_assert_eq(json_append(NULL, json_object()), -ENOMEM);
}

Test(json, carries_bytes_as_base64)
{
        static const char *const texts[] = { "", "a", "ab", "abc", "abcd" };
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                _cleanup_json_ json_t *object = json_object();
                struct buf bytes = BUF_INIT;
                bool has;

                cr_assert_eq(json_get_base64(object, "a", &has, &bytes, &err), 0);
                cr_assert_not(has);
                cr_assert_eq(json_put_base64(object, "a", texts[i], strlen(texts[i])), 0);
                cr_assert_eq(json_get_base64(object, "a", &has, &bytes, &err), 0);
                cr_assert(has);
                cr_assert_str_eq(buf_str(&bytes), texts[i]);
                buf_done(&bytes);
        }
}

Test(json, refuses_what_is_no_base64)
{
        static const char *const texts[] = { "{\"a\":\"!\"}", "{\"a\":\"====\"}", "{\"a\":1}" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                _cleanup_json_ json_t *object = parse(texts[i]);
                struct error err = ERROR_INIT;
                struct buf bytes = BUF_INIT;
                bool has;

                cr_assert_eq(json_get_base64(object, "a", &has, &bytes, &err), -EBADMSG, "%s",
                             texts[i]);
                buf_done(&bytes);
        }
}
