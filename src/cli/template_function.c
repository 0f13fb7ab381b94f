/*
 * The functions of templates: Go's own, and those that Docker adds.
 */
#include "base/cleanup.h"
#include "oci/json.h"
#include "template_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of `pad` and `truncate`, in bytes. */
#define WIDTH_MAX 4096

struct template_function {
        const char *name;
        size_t min, max; /* arguments */
        int (*call)(json_t *const *arguments, size_t count, json_t **ret, struct error *err);
};

static int take_text(struct buf *text, int r, json_t **ret, struct error *err)
{
        if (r == 0) {
                *ret = json_stringn(buf_str(text), text->len);
                r = *ret ? 0 : -ENOMEM;
        }
        buf_done(text);
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

static int need_string(const json_t *value, const char **ret, struct error *err)
{
        *ret = json_string_value(value);
        return *ret ? 0 : error_set(err, -EINVAL, "that is no text");
}

static int need_number(const json_t *value, size_t *ret, struct error *err)
{
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) > WIDTH_MAX)
                return error_set(err, -EINVAL, "that is no number from 0 to %d", WIDTH_MAX);
        *ret = (size_t)json_integer_value(value);
        return 0;
}

/* ---- JSON and printing ---- */

static int call_json(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;

        (void)count;
        return take_text(&text, json_write(arguments[0], &text, err), ret, err);
}

/* Go puts a space between two values of which neither is a text. */
static int call_print(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++) {
                if (i > 0 && !json_is_string(arguments[i]) && !json_is_string(arguments[i - 1]))
                        r = buf_append_char(&text, ' ');
                if (r == 0)
                        r = template_append(arguments[i], &text);
        }
        return take_text(&text, r, ret, err);
}

static int call_println(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++) {
                if (i > 0)
                        r = buf_append_char(&text, ' ');
                if (r == 0)
                        r = template_append(arguments[i], &text);
        }
        return take_text(&text, r < 0 ? r : buf_append_char(&text, '\n'), ret, err);
}

/* %s, %v, %d, %q and %%, without widths. */
static int call_printf(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        const char *format;
        size_t used = 1;
        int r = need_string(arguments[0], &format, err);

        for (; r == 0 && *format; format++) {
                if (*format != '%') {
                        r = buf_append_char(&text, *format);
                } else if (*++format == '%') {
                        r = buf_append_char(&text, '%');
                } else if (!*format || !strchr("svdq", *format) || used >= count) {
                        r = error_set(err, -EINVAL, "printf does not know %%%c here",
                                      *format ? *format : ' ');
                        break;
                } else {
                        r = *format == 'q' ? json_write(arguments[used], &text, err)
                                           : template_append(arguments[used], &text);
                        used++;
                }
        }
        if (r == 0 && used < count)
                r = error_set(err, -EINVAL, "printf has more values than its format");
        return take_text(&text, r, ret, err);
}

/* ---- texts ---- */

static int map_letters(const json_t *value, int (*map)(int), bool first_only, json_t **ret,
                       struct error *err)
{
        struct buf text = BUF_INIT;
        const char *from;
        char before = ' ';
        int r = need_string(value, &from, err);

        for (; r == 0 && *from; before = *from++) {
                bool other = first_only && before != ' ';
                char c = *from;

                if ((unsigned char)c < 0x80 && !other)
                        c = (char)map(c);
                r = buf_append_char(&text, c);
        }
        return take_text(&text, r, ret, err);
}

static int call_lower(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        (void)count;
        return map_letters(arguments[0], tolower, false, ret, err);
}

static int call_upper(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        (void)count;
        return map_letters(arguments[0], toupper, false, ret, err);
}

static int call_title(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        (void)count;
        return map_letters(arguments[0], toupper, true, ret, err);
}

static int call_join(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        const char *separator;
        int r = need_string(arguments[1], &separator, err);

        (void)count;
        if (r == 0 && !json_is_array(arguments[0]) && !json_is_null(arguments[0]))
                r = error_set(err, -EINVAL, "join wants a list");
        for (size_t i = 0; i < json_array_size(arguments[0]) && r == 0; i++) {
                if (i > 0)
                        r = buf_append_str(&text, separator);
                if (r == 0)
                        r = template_append(json_array_get(arguments[0], i), &text);
        }
        return take_text(&text, r, ret, err);
}

static int call_split(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        const char *text = NULL, *separator = NULL;
        json_t *list;
        int r = need_string(arguments[0], &text, err);

        (void)count;
        if (r == 0)
                r = need_string(arguments[1], &separator, err);
        if (r == 0 && !*separator)
                r = error_set(err, -EINVAL, "split wants something to split at");
        if (r < 0)
                return r;
        list = json_array();
        r = list ? 0 : -ENOMEM;
        while (r == 0) {
                const char *end = strstr(text, separator);
                size_t len = end ? (size_t)(end - text) : strlen(text);

                r = json_append(list, json_stringn(text, len));
                if (!end)
                        break;
                text = end + strlen(separator);
        }
        if (r < 0) {
                json_decref(list);
                return error_set_oom(err);
        }
        *ret = list;
        return 0;
}

static int call_pad(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        const char *from;
        size_t before, after;
        int r = need_string(arguments[0], &from, err);

        (void)count;
        if (r == 0)
                r = need_number(arguments[1], &before, err);
        if (r == 0)
                r = need_number(arguments[2], &after, err);
        if (r == 0 && *from)
                r = buf_appendf(&text, "%*s%s%*s", (int)before, "", from, (int)after, "");
        return take_text(&text, r, ret, err);
}

static int call_truncate(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        const char *from;
        size_t max, len = 0;
        int r = need_string(arguments[0], &from, err);

        (void)count;
        if (r == 0)
                r = need_number(arguments[1], &max, err);
        /* Whole characters. */
        for (; r == 0 && from[len]; len++)
                if (((unsigned char)from[len] & 0xc0) != 0x80 && max-- == 0)
                        break;
        return take_text(&text, r < 0 ? r : buf_append(&text, from, len), ret, err);
}

/* ---- lists ---- */

static int call_len(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        const json_t *value = arguments[0];
        size_t len = json_is_string(value)   ? json_string_length(value)
                     : json_is_object(value) ? json_object_size(value)
                                             : json_array_size(value);

        (void)count;
        if (json_is_number(value) || json_is_boolean(value))
                return error_set(err, -EINVAL, "len wants a list or a text");
        *ret = json_integer((json_int_t)len);
        return *ret ? 0 : error_set_oom(err);
}

/* What a map does not have is its type's empty value: those of images and containers are of text.
 */
static int call_index(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        json_t *value = arguments[0];

        for (size_t i = 1; i < count; i++) {
                const char *key = json_string_value(arguments[i]);
                json_int_t at =
                        json_is_integer(arguments[i]) ? json_integer_value(arguments[i]) : -1;

                if (key && (json_is_object(value) || json_is_null(value))) {
                        value = json_object_get(value, key);
                } else if (json_is_array(value) && at >= 0 && (size_t)at < json_array_size(value)) {
                        value = json_array_get(value, (size_t)at);
                } else {
                        return error_set(err, -EINVAL, "index: there is no such item");
                }
                if (!value)
                        break;
        }
        *ret = value ? json_incref(value) : json_string("");
        return *ret ? 0 : error_set_oom(err);
}

static int call_slice(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        const char *text;
        size_t len, begin = 0, end;
        int r = need_string(arguments[0], &text, err);

        if (r < 0)
                return r;
        end = len = strlen(text);
        if (count > 1)
                r = need_number(arguments[1], &begin, err);
        if (r == 0 && count > 2)
                r = need_number(arguments[2], &end, err);
        if (r == 0 && (end > len || begin > end))
                r = error_set(err, -EINVAL, "slice: the text is shorter");
        if (r < 0)
                return r;
        *ret = json_stringn(text + begin, end - begin);
        return *ret ? 0 : error_set(err, -EINVAL, "slice cuts through a character");
}

/* ---- truth ---- */

static int call_and(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        size_t i = 0;

        (void)err;
        while (i + 1 < count && template_is_true(arguments[i]))
                i++;
        *ret = json_incref(arguments[i]);
        return 0;
}

static int call_or(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        size_t i = 0;

        (void)err;
        while (i + 1 < count && !template_is_true(arguments[i]))
                i++;
        *ret = json_incref(arguments[i]);
        return 0;
}

static int call_not(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        (void)count;
        (void)err;
        *ret = json_boolean(!template_is_true(arguments[0]));
        return 0;
}

/* Any of the others. */
static int call_eq(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        bool equal = false;

        (void)err;
        for (size_t i = 1; i < count; i++)
                equal |= json_equal(arguments[0], arguments[i]) == 1;
        *ret = json_boolean(equal);
        return 0;
}

static int call_ne(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        (void)count;
        (void)err;
        *ret = json_boolean(json_equal(arguments[0], arguments[1]) != 1);
        return 0;
}

/* Numbers or texts. */
static int compare(json_t *const *arguments, int *ret, struct error *err)
{
        const json_t *a = arguments[0], *b = arguments[1];

        if (json_is_string(a) && json_is_string(b))
                *ret = strcmp(json_string_value(a), json_string_value(b));
        else if (json_is_number(a) && json_is_number(b))
                *ret = (json_number_value(a) > json_number_value(b)) -
                       (json_number_value(a) < json_number_value(b));
        else
                return error_set(err, -EINVAL, "two numbers or two texts can be compared");
        return 0;
}

static int call_lt(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        int order, r = compare(arguments, &order, err);

        (void)count;
        if (r == 0)
                *ret = json_boolean(order < 0);
        return r;
}

static int call_le(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        int order, r = compare(arguments, &order, err);

        (void)count;
        if (r == 0)
                *ret = json_boolean(order <= 0);
        return r;
}

static int call_gt(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        int order, r = compare(arguments, &order, err);

        (void)count;
        if (r == 0)
                *ret = json_boolean(order > 0);
        return r;
}

static int call_ge(json_t *const *arguments, size_t count, json_t **ret, struct error *err)
{
        int order, r = compare(arguments, &order, err);

        (void)count;
        if (r == 0)
                *ret = json_boolean(order >= 0);
        return r;
}

#define ANY TEMPLATE_ARGUMENTS_MAX

static const struct template_function functions[] = {
        { "json", 1, 1, call_json },       { "join", 2, 2, call_join },
        { "split", 2, 2, call_split },     { "lower", 1, 1, call_lower },
        { "upper", 1, 1, call_upper },     { "title", 1, 1, call_title },
        { "pad", 3, 3, call_pad },         { "truncate", 2, 2, call_truncate },
        { "print", 0, ANY, call_print },   { "println", 0, ANY, call_println },
        { "printf", 1, ANY, call_printf }, { "len", 1, 1, call_len },
        { "index", 1, ANY, call_index },   { "slice", 1, 3, call_slice },
        { "and", 1, ANY, call_and },       { "or", 1, ANY, call_or },
        { "not", 1, 1, call_not },         { "eq", 2, ANY, call_eq },
        { "ne", 2, 2, call_ne },           { "lt", 2, 2, call_lt },
        { "le", 2, 2, call_le },           { "gt", 2, 2, call_gt },
        { "ge", 2, 2, call_ge },
};

const struct template_function *template_function_find(const char *name, size_t len)
{
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
                if (strlen(functions[i].name) == len && strncmp(functions[i].name, name, len) == 0)
                        return &functions[i];
        return NULL;
}

int template_function_call(const struct template_function *function, json_t *const *arguments,
                           size_t count, json_t **ret, struct error *err)
{
        if (count < function->min || count > function->max)
                return error_set(err, -EINVAL, "%s does not take %zu values", function->name,
                                 count);
        return function->call(arguments, count, ret, err);
}

int template_function_list(struct buf *ret)
{
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(functions) && r == 0; i++)
                r = buf_appendf(ret, "%s %s", i > 0 ? "," : "", functions[i].name);
        return r;
}
