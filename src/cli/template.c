#include "template.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <string.h>

static int bad(const char *action, struct error *err)
{
        error_set(err, -EINVAL, "--format does not know {{%s}}", action);
        return error_hint(err,
                          "It knows {{.Field}}, {{.Field.Sub}}, {{json .}} and {{json .Field}}.");
}

/* Follows ".A.B" from an object; NULL where there is no such member. */
static const json_t *follow(const json_t *value, const char *path)
{
        while (*path == '.' && path[1] != '\0') {
                size_t len = strcspn(++path, ".");
                _cleanup_free_ char *name = strndup(path, len);

                value = name ? json_object_get(value, name) : NULL;
                if (!value)
                        return NULL;
                path += len;
        }
        return *path == '\0' || strcmp(path, ".") == 0 ? value : NULL;
}

static int append_value(const json_t *value, struct buf *ret, struct error *err)
{
        int r;

        if (json_is_string(value))
                r = buf_append_str(ret, json_string_value(value));
        else if (json_is_integer(value))
                r = buf_appendf(ret, "%lld", (long long)json_integer_value(value));
        else if (json_is_boolean(value))
                r = buf_append_str(ret, json_is_true(value) ? "true" : "false");
        else if (json_is_null(value))
                r = buf_append_str(ret, "<nil>");
        else
                return json_write(value, ret, err);
        return r < 0 ? error_set_oom(err) : 0;
}

static int expand_action(const char *action, const json_t *object, struct buf *ret,
                         struct error *err)
{
        bool as_json = strncmp(action, "json ", 5) == 0;
        const char *path = as_json ? action + 5 + strspn(action + 5, " ") : action;
        const json_t *value = *path == '.' ? follow(object, path) : NULL;

        if (!value)
                return bad(action, err);
        if (!as_json)
                return append_value(value, ret, err);
        return json_write(value, ret, err);
}

int template_expand(const char *text, const json_t *object, struct buf *ret, struct error *err)
{
        while (*text) {
                size_t plain = strcspn(text, "{\\");
                const char *end;
                int r = buf_append(ret, text, plain);

                if (r < 0)
                        return error_set_oom(err);
                text += plain;
                if (text[0] == '\\' && (text[1] == 'n' || text[1] == 't')) {
                        r = buf_append_char(ret, text[1] == 'n' ? '\n' : '\t');
                        text += 2;
                } else if (strncmp(text, "{{", 2) == 0 && (end = strstr(text, "}}"))) {
                        const char *begin = text + 2 + strspn(text + 2, " ");
                        size_t len = (size_t)(end - begin);

                        while (len > 0 && begin[len - 1] == ' ')
                                len--;
                        _cleanup_free_ char *action = strndup(begin, len);

                        r = action ? expand_action(action, object, ret, err) : -ENOMEM;
                        if (r < 0 && error_is_set(err))
                                return r;
                        text = end + 2;
                } else if (*text) {
                        r = buf_append_char(ret, *text++);
                }
                if (r < 0)
                        return error_set_oom(err);
        }
        return 0;
}
