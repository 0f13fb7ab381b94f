#include "template.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static json_t *object(void)
{
        json_error_t error;
        json_t *json = json_loads("{\"Id\":\"sha256:1\",\"Size\":12,\"Config\":{\"User\":\"app\","
                                  "\"Env\":[\"A=1\"],\"Tty\":false,\"Cmd\":null},"
                                  "\"Labels\":{\"b\":\"\",\"a\":\"x\"},\"Ports\":[80,443],"
                                  "\"Bindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}",
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

Test(template, prints_lists_and_maps_as_go_does)
{
        assert_expands("{{.Config.Env}} {{.Labels}}", "[A=1] map[a:x b:]");
        assert_expands("{{len .Config.Env}}{{len .Labels}}{{len .Config.Cmd}}{{len .Id}}", "1208");
}

Test(template, goes_through_lists_and_maps)
{
        assert_expands("{{range .Ports}}{{.}},{{end}}", "80,443,");
        assert_expands("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=x;b=;");
        assert_expands("{{range $i, $p := .Ports}}{{$i}}:{{$p}} {{end}}{{$.Id}}",
                       "0:80 1:443 sha256:1");
        assert_expands("{{range .Config.Cmd}}x{{else}}none{{end}}", "none");
        assert_expands("{{range .Ports}}{{range $.Ports}}{{.}} {{end}}{{end}}", "80 443 80 443 ");
        assert_expands("{{range $p, $c := .Bindings}}{{$p}}->{{(index $c 0).HostPort}}{{end}}",
                       "80/tcp->8080");
}

Test(template, chooses)
{
        assert_expands("{{if .Config.User}}yes{{else}}no{{end}}", "yes");
        assert_expands("{{if .Config.Tty}}yes{{else if eq .Size 12}}twelve{{else}}no{{end}}",
                       "twelve");
        assert_expands("{{if and .Size (not .Config.Tty)}}1{{end}}{{if or .Config.Tty}}2{{end}}",
                       "1");
        assert_expands("{{with .Config}}{{.User}}{{end}}{{with .Config.Cmd}}{{.}}{{end}}", "app");
        assert_expands("{{if lt .Size 13}}{{if ge .Size 12}}b{{end}}{{end}}", "b");
}

Test(template, calls_functions_in_pipelines)
{
        assert_expands("{{join .Config.Env \", \" | upper | printf \"<%s>\"}}", "<A=1>");
        assert_expands("{{index .Labels \"a\"}}{{index .Labels \"none\"}}{{index .Ports 1}}",
                       "x443");
        assert_expands("{{range split \"a b\" \" \"}}{{.}}{{println}}{{end}}", "a\nb\n");
        assert_expands("{{truncate .Id 3}}{{pad \"x\" 1 2}}{{title \"ab cd\"}}{{slice .Id 7}}",
                       "sha x  Ab Cd1");
        assert_expands("{{$a := len .Ports}}{{$a}}{{$a = 5}}{{$a}}{{println 1 \"b\"}}", "251 b\n");
        assert_expands("{{print \"}}\"}}{{/* no */}}{{`a\"`}}", "}}a\"");
}

Test(template, trims_white_space)
{
        assert_expands("a {{- .Size -}} \n b {{.Size}} c", "a12b 12 c");
}

Test(template, finds_a_label_among_those_of_a_row)
{
        static const char *const texts[][2] = {
                { "{{.Label \"a.b\"}}|{{.Label `c`}}|{{.Label \"none\"}}", "1|x|" },
                { "{{if .Label \"c\"}}yes{{end}}{{if .Label \"b\"}}no{{end}}", "yes" },
        };
        json_t *row = json_pack("{s:s}", "Labels", "a.b=1,c=x"),
               *heads = json_pack("{s:s}", "Labels", "LABELS");
        struct error err = ERROR_INIT;
        struct buf out = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                buf_clear(&out);
                cr_assert_eq(template_expand(texts[i][0], row, &out, &err), 0, "%s", err.message);
                cr_expect_str_eq(buf_str(&out), texts[i][1]);
        }
        buf_clear(&out);
        cr_assert_eq(template_expand("{{.Label \"c\"}}", heads, &out, &err), 0);
        cr_expect_str_eq(buf_str(&out), "c", "the head of its column");
        cr_expect_eq(template_expand("{{.Label 3}}", row, &out, &err), -EINVAL);
        buf_done(&out);
        json_decref(row);
        json_decref(heads);
}

Test(template, names_what_it_does_not_know)
{
        assert_refused("{{.None}}", "there is no .None");
        assert_refused("{{.None}}", "{{.None}}");
        assert_refused("{{.Config.None}}", "{{.Config.None}}");
        assert_refused("{{if .Config.Tty}}{{nonsense .Id}}{{end}}", "\"nonsense\"");
        assert_refused("{{range .Config.Env}}", "{{range .Config.Env}}");
        assert_refused("{{.Id.Sub}}", "{{.Id.Sub}}");
        assert_refused("{{}}", "{{}}");
        assert_refused("{{template \"a\"}}", "\"template\"");
        assert_refused("{{end}}", "{{end}}");
        assert_refused("{{.Id .Size}}", ".Size");
        assert_refused("{{index .Ports 2}}", "index");
        assert_refused("{{join .Id}}", "join");
        assert_refused("{{$x}}", "$x");
        assert_refused("{{(len .Id}}", "parenthesis");
        assert_refused("{{printf \"%x\" 1}}", "%x");
        assert_refused("{{.Id | .Size}}", "function");
}

Test(template, has_limits)
{
        struct buf deep = BUF_INIT;

        for (int i = 0; i < 100; i++)
                cr_assert_eq(buf_append_str(&deep, "{{if .Id}}"), 0);
        assert_refused(buf_str(&deep), "too deep");
        buf_clear(&deep);
        cr_assert_eq(buf_append_str(&deep, "{{"), 0);
        for (int i = 0; i < 100; i++)
                cr_assert_eq(buf_append_str(&deep, "("), 0);
        cr_assert_eq(buf_append_str(&deep, "}}"), 0);
        assert_refused(buf_str(&deep), "too deep");
        buf_done(&deep);
}
