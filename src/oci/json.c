#include "oci/json.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/*
 * Counts depth and values before jansson allocates anything: a document of "[[[[" or "{},{},{}"
 * takes hundreds of times its own size as a tree. Text that is no JSON may be miscounted and is
 * refused by the parser.
 */
static int check_size(const char *text, size_t len, const char *what, struct error *err)
{
        size_t depth = 0, values = 1;
        bool in_string = false;

        for (size_t i = 0; i < len; i++) {
                char c = text[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                        continue;
                }
                if (c == '"')
                        in_string = true;
                else if (c == '[' || c == '{')
                        depth++;
                else if ((c == ']' || c == '}') && depth > 0)
                        depth--;
                if (c == ',' || c == '[' || c == '{')
                        values++;
                if (depth > JSON_DEPTH_MAX)
                        return error_set(err, -EBADMSG, "%s is nested deeper than %d levels", what,
                                         JSON_DEPTH_MAX);
                if (values > JSON_VALUES_MAX)
                        return error_set(err, -EBADMSG, "%s has more than %d values", what,
                                         JSON_VALUES_MAX);
        }
        return 0;
}

int json_parse(const void *data, size_t len, const char *what, json_t **ret, struct error *err)
{
        json_error_t cause;
        json_t *value;
        int r;

        r = check_size(data, len, what, err);
        if (r < 0)
                return r;
        value = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &cause);
        if (!value && json_error_code(&cause) == json_error_out_of_memory)
                return error_set_oom(err);
        if (!value)
                return error_set(err, -EBADMSG, "%s is no valid JSON: line %d, column %d: %s", what,
                                 cause.line, cause.column, cause.text);
        *ret = value;
        return 0;
}

int json_parse_object(const void *data, size_t len, const char *what, json_t **ret,
                      struct error *err)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = json_parse(data, len, what, &value, err);
        if (r < 0)
                return r;
        if (!json_is_object(value))
                return error_set(err, -EBADMSG, "%s is no JSON object", what);
        *ret = TAKE_PTR(value);
        return 0;
}

static int append_text(const char *text, size_t len, void *context)
{
        return buf_append(context, text, len);
}

int json_write(const json_t *value, struct buf *ret, struct error *err)
{
        if (json_dump_callback(value, append_text, ret, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
                return error_set_oom(err);
        return 0;
}

/* The member, or NULL where it is absent or null. */
static json_t *member(const json_t *object, const char *key)
{
        json_t *value = json_object_get(object, key);

        return json_is_null(value) ? NULL : value;
}

static int wrong_type(const char *key, const char *expected, struct error *err)
{
        return error_set(err, -EBADMSG, "\"%s\" is not %s", key, expected);
}

int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err)
{
        json_t *value = member(object, key);

        if (value && !json_is_string(value))
                return wrong_type(key, "a string", err);
        *ret = json_string_value(value);
        return 0;
}

int json_get_string_copy(const json_t *object, const char *key, char **ret, struct error *err)
{
        const char *text;
        char *copy = NULL;
        int r;

        r = json_get_string(object, key, &text, err);
        if (r < 0)
                return r;
        if (text) {
                copy = strdup(text);
                if (!copy)
                        return error_set_oom(err);
        }
        *ret = copy;
        return 0;
}

int json_get_bool(const json_t *object, const char *key, bool *ret, struct error *err)
{
        json_t *value = member(object, key);

        if (value && !json_is_boolean(value))
                return wrong_type(key, "true or false", err);
        *ret = json_is_true(value);
        return 0;
}

int json_get_integer(const json_t *object, const char *key, int64_t *ret, struct error *err)
{
        json_t *value = member(object, key);

        if (value && !json_is_integer(value))
                return wrong_type(key, "an integer", err);
        *ret = json_integer_value(value);
        return 0;
}

int json_get_size(const json_t *object, const char *key, uint64_t *ret, struct error *err)
{
        json_t *value = member(object, key);

        if (!value)
                return error_set(err, -EBADMSG, "\"%s\" is missing", key);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return wrong_type(key, "a size", err);
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}

int json_get_object(const json_t *object, const char *key, json_t **ret, struct error *err)
{
        json_t *value = member(object, key);

        if (value && !json_is_object(value))
                return wrong_type(key, "an object", err);
        *ret = value;
        return 0;
}

int json_get_array(const json_t *object, const char *key, json_t **ret, struct error *err)
{
        json_t *value = member(object, key);

        if (value && !json_is_array(value))
                return wrong_type(key, "an array", err);
        *ret = value;
        return 0;
}

int json_get_strv(const json_t *object, const char *key, struct strv *ret, struct error *err)
{
        json_t *array, *item;
        size_t i;
        int r;

        r = json_get_array(object, key, &array, err);
        if (r < 0)
                return r;
        json_array_foreach(array, i, item)
        {
                if (!json_is_string(item))
                        return wrong_type(key, "an array of strings", err);
                if (strv_add(ret, json_string_value(item)) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

int json_get_strmap(const json_t *object, const char *key, struct strmap *ret, struct error *err)
{
        json_t *map, *item;
        const char *name;
        int r;

        r = json_get_object(object, key, &map, err);
        if (r < 0)
                return r;
        json_object_foreach(map, name, item)
        {
                if (!json_is_string(item))
                        return wrong_type(key, "an object of strings", err);
                if (strmap_set(ret, name, json_string_value(item)) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

int json_get_set(const json_t *object, const char *key, struct strv *ret, struct error *err)
{
        json_t *set, *item;
        const char *name;
        int r;

        r = json_get_object(object, key, &set, err);
        if (r < 0)
                return r;
        json_object_foreach(set, name, item)
        {
                if (strv_add(ret, name) < 0)
                        return error_set_oom(err);
        }
        return 0;
}

int json_get_base64(const json_t *object, const char *key, bool *ret_has, struct buf *ret,
                    struct error *err)
{
        size_t len, padding = 0;
        const char *text;
        int n, r;

        *ret_has = false;
        r = json_get_string(object, key, &text, err);
        if (r < 0 || !text)
                return r;
        len = strlen(text);
        while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
                padding++;
        if (len > INT_MAX || buf_reserve(ret, len + 1) < 0)
                return error_set_oom(err);
        n = EVP_DecodeBlock((unsigned char *)ret->data + ret->len, (const unsigned char *)text,
                            (int)len);
        if (n < (int)padding || strcspn(text, "=") != len - padding)
                return error_set(err, -EBADMSG, "\"%s\" is no base64", key);
        ret->len += (size_t)n - padding;
        ret->data[ret->len] = '\0';
        *ret_has = true;
        return 0;
}

int json_get_time(const json_t *object, const char *key, bool *ret_has, struct timespec *ret,
                  struct error *err)
{
        const char *text;
        int r;

        r = json_get_string(object, key, &text, err);
        if (r < 0)
                return r;
        if (text && clock_parse(text, ret) < 0)
                return wrong_type(key, "a time in the form of RFC 3339", err);
        *ret_has = text != NULL;
        return 0;
}

int json_put(json_t *object, const char *key, json_t *value)
{
        return json_object_set_new_nocheck(object, key, value) < 0 ? -ENOMEM : 0;
}

int json_append(json_t *array, json_t *value)
{
        return json_array_append_new(array, value) < 0 ? -ENOMEM : 0;
}

/* Appends `text` with each byte that is not part of well-formed UTF-8 as U+FFFD. */
static int append_utf8(struct buf *buf, const char *text)
{
        while (*text) {
                size_t len = utf8_length(text);
                int r = len > 0 ? buf_append(buf, text, len) : buf_append_str(buf, "\xef\xbf\xbd");

                if (r < 0)
                        return r;
                text += len > 0 ? len : 1;
        }
        return 0;
}

/* A new JSON string; NULL when memory ran out. */
static json_t *string_of(const char *text)
{
        _cleanup_(buf_done) struct buf buf = BUF_INIT;
        json_t *value = json_string(text);

        if (value || append_utf8(&buf, text) < 0)
                return value;
        return json_string(buf_str(&buf));
}

int json_put_string(json_t *object, const char *key, const char *text)
{
        if (!text || text[0] == '\0')
                return 0;
        return json_put(object, key, string_of(text));
}

int json_put_integer(json_t *object, const char *key, int64_t value)
{
        return value == 0 ? 0 : json_put(object, key, json_integer(value));
}

int json_put_true(json_t *object, const char *key, bool value)
{
        return value ? json_put(object, key, json_true()) : 0;
}

int json_put_strv(json_t *object, const char *key, const struct strv *strv)
{
        _cleanup_json_ json_t *array = json_array();

        if (strv->count == 0)
                return 0;
        for (size_t i = 0; i < strv->count; i++) {
                if (json_append(array, string_of(strv->items[i])) < 0)
                        return -ENOMEM;
        }
        return json_put(object, key, TAKE_PTR(array));
}

/* Adds a member whose key may be no UTF-8. */
static int put_under_text(json_t *object, const char *key, json_t *value)
{
        _cleanup_json_ json_t *owned = value;
        _cleanup_(buf_done) struct buf buf = BUF_INIT;

        if (append_utf8(&buf, key) < 0)
                return -ENOMEM;
        return json_put(object, buf_str(&buf), TAKE_PTR(owned));
}

int json_put_strmap(json_t *object, const char *key, const struct strmap *map)
{
        _cleanup_json_ json_t *members = json_object();

        if (map->count == 0)
                return 0;
        for (size_t i = 0; i < map->count; i++) {
                if (put_under_text(members, map->items[i].key, string_of(map->items[i].value)) < 0)
                        return -ENOMEM;
        }
        return json_put(object, key, TAKE_PTR(members));
}

int json_put_set(json_t *object, const char *key, const struct strv *set)
{
        _cleanup_(strmap_done) struct strmap sorted = STRMAP_INIT;
        _cleanup_json_ json_t *members = json_object();

        if (set->count == 0)
                return 0;
        for (size_t i = 0; i < set->count; i++) {
                if (strmap_set(&sorted, set->items[i], "") < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < sorted.count; i++) {
                if (put_under_text(members, sorted.items[i].key, json_object()) < 0)
                        return -ENOMEM;
        }
        return json_put(object, key, TAKE_PTR(members));
}

int json_put_time(json_t *object, const char *key, const struct timespec *time)
{
        char text[CLOCK_TEXT_MAX];

        clock_format(time, text);
        return json_put(object, key, json_string(text));
}

int json_put_base64(json_t *object, const char *key, const void *data, size_t len)
{
        _cleanup_free_ char *text = NULL;

        if (len > INT_MAX / 2)
                return -ENOMEM;
        text = malloc(4 * ((len + 2) / 3) + 1);
        if (!text)
                return -ENOMEM;
        EVP_EncodeBlock((unsigned char *)text, data, (int)len);
        return json_put(object, key, json_string(text));
}
