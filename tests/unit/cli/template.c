#include "template.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static json_t *object(void)
{
        json_error_t error;
        json_t *json = json_loads("{\"Id\":\"sha256:1\",\"Size\":12,\"Config\":{\"User\":\"app\","
                                  "\"Env\":[\"A=1\"],\"Tty\":false,\"Cmd\":null}}",
                                  0, &error);

        cr_assert_not_null(json);
        return json;
}

static void assert_expands(const char *text, const char *expected)
{
        struct error err = ERROR_INIT;
        struct buf out = BUF_INIT;
        json_t *json = object();

        cr_assert_eq(template_expand(text, json, &out, &err), 0, "%s: %s", text, err.message);
        cr_assert_str_eq(buf_str(&out), expected, "%s", text);
        buf_done(&out);
        json_decref(json);
}

static void assert_refused(const char *text, const char *named)
{
        struct error err = ERROR_INIT;
        struct buf out = BUF_INIT;
        json_t *json = object();

        cr_assert_eq(template_expand(text, json, &out, &err), -EINVAL, "%s is taken", text);
        cr_assert_not_null(strstr(err.message, named), "%s", err.message);
        buf_done(&out);
        json_decref(json);
}

Test(template, puts_members_in_their_place)
{
        assert_expands("{{.Id}}", "sha256:1");
        assert_expands("<{{ .Size }}|{{.Config.User}}>", "<12|app>");
        assert_expands("{{.Config.Tty}} {{.Config.Cmd}}", "false <nil>");
}

Test(template, writes_json_where_it_is_asked_for)
{
        assert_expands("{{json .Config.Env}}", "[\"A=1\"]");
        assert_expands("{{json .Id}}", "\"sha256:1\"");
        assert_expands("{{json  .Config.User }}", "\"app\"");
}

Test(template, leaves_other_text_as_it_is)
{
        assert_expands("", "");
        assert_expands("a {b} \\x {", "a {b} \\x {");
        assert_expands("{{.Id", "{{.Id");
        assert_expands("a\\tb\\n", "a\tb\n");
}

Test(template, names_what_it_does_not_know)
{
        assert_refused("{{.None}}", "{{.None}}");
        assert_refused("{{.Config.None}}", "{{.Config.None}}");
        assert_refused("{{range .Config.Env}}", "{{range .Config.Env}}");
        assert_refused("{{.Id.Sub}}", "{{.Id.Sub}}");
        assert_refused("{{}}", "{{}}");
}
