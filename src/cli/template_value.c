#include "template_value.h"

#include "base/cleanup.h"
#include "base/strmap.h"
#include "oci/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE " \t\r\n"

struct reader {
        struct template_scope *scope;
        json_t *dot;
        const char *at;
        bool skipped;
        unsigned depth;
        struct error *err;
};

static int read_pipeline(struct reader *reader, json_t **ret);

/* ---- variables ---- */

static struct template_variable *find_variable(struct template_scope *scope, const char *name,
                                               size_t len)
{
        for (size_t i = scope->count; i-- > 0;)
                if (strlen(scope->variables[i].name) == len &&
                    strncmp(scope->variables[i].name, name, len) == 0)
                        return &scope->variables[i];
        return NULL;
}

int template_declare(struct template_scope *scope, const char *name, size_t len, json_t *value,
                     struct error *err)
{
        struct template_variable *variable = &scope->variables[scope->count];

        if (scope->count >= TEMPLATE_VARIABLES_MAX || len >= TEMPLATE_NAME_MAX || !value) {
                json_decref(value);
                return error_set(err, -EINVAL,
                                 "there are too many variables, or their names are "
                                 "too long");
        }
        memcpy(variable->name, name, len);
        variable->name[len] = '\0';
        variable->value = value;
        scope->count++;
        return 0;
}

void template_forget(struct template_scope *scope, size_t count)
{
        while (scope->count > count)
                json_decref(scope->variables[--scope->count].value);
}

/* ---- printing ---- */

bool template_is_true(const json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return json_object_size(value) > 0;
        case JSON_ARRAY:
                return json_array_size(value) > 0;
        case JSON_STRING:
                return json_string_length(value) > 0;
        case JSON_INTEGER:
                return json_integer_value(value) != 0;
        case JSON_REAL:
                return json_real_value(value) != 0;
        case JSON_TRUE:
                return true;
        case JSON_FALSE:
        case JSON_NULL:
                return false;
        }
        return false;
}

static int append_map(const json_t *value, struct buf *ret)
{
        struct strmap keys = STRMAP_INIT;
        const char *key;
        json_t *item;
        int r = buf_append_str(ret, "map[");

        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
                if (r == 0)
                        r = strmap_set(&keys, key, "");
        }
        for (size_t i = 0; i < keys.count && r == 0; i++) {
                r = buf_appendf(ret, "%s%s:", i > 0 ? " " : "", keys.items[i].key);
                if (r == 0)
                        r = template_append(json_object_get(value, keys.items[i].key), ret);
        }
        strmap_done(&keys);
        return r < 0 ? r : buf_append_char(ret, ']');
}

static int append_list(const json_t *value, struct buf *ret)
{
        int r = buf_append_char(ret, '[');

        for (size_t i = 0; i < json_array_size(value) && r == 0; i++) {
                if (i > 0)
                        r = buf_append_char(ret, ' ');
                if (r == 0)
                        r = template_append(json_array_get(value, i), ret);
        }
        return r < 0 ? r : buf_append_char(ret, ']');
}

/* A document is at most JSON_DEPTH_MAX deep. */
int template_append(const json_t *value, struct buf *ret)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return append_map(value, ret);
        case JSON_ARRAY:
                return append_list(value, ret);
        case JSON_STRING:
                return buf_append_str(ret, json_string_value(value));
        case JSON_INTEGER:
                return buf_appendf(ret, "%lld", (long long)json_integer_value(value));
        case JSON_REAL:
                return buf_appendf(ret, "%g", json_real_value(value));
        case JSON_TRUE:
        case JSON_FALSE:
                return buf_append_str(ret, json_is_true(value) ? "true" : "false");
        case JSON_NULL:
                return buf_append_str(ret, "<nil>");
        }
        return 0;
}

/* ---- reading ---- */

static size_t name_length(const char *at)
{
        size_t len = 0;

        while (isalnum((unsigned char)at[len]) || at[len] == '_')
                len++;
        return len;
}

static void skip_space(struct reader *reader)
{
        reader->at += strspn(reader->at, SPACE);
}

/* Follows ".A.B" from a value, which is taken over. */
static int follow(struct reader *reader, json_t *value, json_t **ret)
{
        while (*reader->at == '.' && name_length(reader->at + 1) > 0) {
                size_t len = name_length(++reader->at);
                _cleanup_free_ char *name = strndup(reader->at, len);
                json_t *member = name ? json_object_get(value, name) : NULL;

                reader->at += len;
                if (!member && !reader->skipped) {
                        error_set(reader->err, -EINVAL, "there is no .%s", name ? name : "");
                        json_decref(value);
                        return error_hint(reader->err,
                                          "--format '{{json .}}' shows what there is.");
                }
                if (!member)
                        continue;
                json_incref(member);
                json_decref(value);
                value = member;
        }
        *ret = value;
        return 0;
}

static int read_string(struct reader *reader, json_t **ret)
{
        const char quote = *reader->at++;
        struct buf text = BUF_INIT;
        int r = 0;

        while (*reader->at && *reader->at != quote && r == 0) {
                char c = *reader->at++;

                if (c == '\\' && quote == '"' && *reader->at) {
                        c = *reader->at++;
                        if (c == 'n' || c == 't')
                                c = c == 'n' ? '\n' : '\t';
                }
                r = buf_append_char(&text, c);
        }
        if (r == 0 && *reader->at != quote)
                r = error_set(reader->err, -EINVAL, "a string does not end");
        else if (r == 0)
                reader->at++;
        if (r == 0) {
                *ret = json_string(buf_str(&text));
                r = *ret ? 0 : error_set(reader->err, -EINVAL, "a string is no UTF-8");
        }
        buf_done(&text);
        return r == -ENOMEM ? error_set_oom(reader->err) : r;
}

static int read_variable(struct reader *reader, json_t **ret)
{
        size_t len = 1 + name_length(reader->at + 1);
        const struct template_variable *variable = find_variable(reader->scope, reader->at, len);
        json_t *value = len == 1 ? reader->scope->root : variable ? variable->value : NULL;

        if (!value)
                return error_set(reader->err, -EINVAL, "there is no variable %.*s", (int)len,
                                 reader->at);
        reader->at += len;
        return follow(reader, json_incref(value), ret);
}

static int read_parentheses(struct reader *reader, json_t **ret)
{
        json_t *value = NULL;
        int r;

        if (reader->depth >= TEMPLATE_DEPTH_MAX)
                return error_set(reader->err, -EINVAL, "it is too deep");
        reader->at++;
        reader->depth++;
        r = read_pipeline(reader, &value);
        reader->depth--;
        if (r == 0 && *reader->at != ')') {
                json_decref(value);
                return error_set(reader->err, -EINVAL, "a parenthesis is not closed");
        }
        reader->at++;
        return r < 0 ? r : follow(reader, value, ret);
}

static int read_number(struct reader *reader, json_t **ret)
{
        char *end;
        long long number;

        errno = 0;
        number = strtoll(reader->at, &end, 10);
        if (errno != 0 || end == reader->at || name_length(end) > 0 || *end == '.')
                return error_set(reader->err, -EINVAL, "a number is not understood");
        reader->at = end;
        *ret = json_integer(number);
        return *ret ? 0 : error_set_oom(reader->err);
}

/* A value; 1: there is none here. */
static int read_operand(struct reader *reader, json_t **ret)
{
        static const struct {
                const char *word;
                json_t *(*make)(void);
        } words[] = { { "true", json_true }, { "false", json_false }, { "nil", json_null } };
        const char *at = reader->at;

        if (*at == '.' && name_length(at + 1) > 0)
                return follow(reader, json_incref(reader->dot), ret);
        if (*at == '.') {
                reader->at++;
                *ret = json_incref(reader->dot);
                return 0;
        }
        if (*at == '$')
                return read_variable(reader, ret);
        if (*at == '(')
                return read_parentheses(reader, ret);
        if (*at == '"' || *at == '`')
                return read_string(reader, ret);
        if (isdigit((unsigned char)*at) || (*at == '-' && isdigit((unsigned char)at[1])))
                return read_number(reader, ret);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (name_length(at) == strlen(words[i].word) &&
                    strncmp(at, words[i].word, strlen(words[i].word)) == 0) {
                        reader->at += strlen(words[i].word);
                        *ret = words[i].make();
                        return 0;
                }
        return 1;
}

static int unknown_function(struct reader *reader)
{
        size_t len = name_length(reader->at);
        struct buf list = BUF_INIT;

        if (len == 0)
                len = strcspn(reader->at, SPACE);
        error_set(reader->err, -EINVAL, len ? "\"%.*s\" is not known" : "a value is missing%.*s",
                  (int)len, reader->at);
        if (template_function_list(&list) == 0)
                error_hint(reader->err,
                           "It knows {{.Field}}, if, else, range, with, end, and the functions%s.",
                           buf_str(&list));
        buf_done(&list);
        return -EINVAL;
}

/* `.Label "KEY"`: of the labels, "a=b,c=d", the value of one. The head of a table has none: there
 * it is the key. 1: it is not that. */
static int read_label(struct reader *reader, json_t **ret)
{
        static const char word[] = ".Label";
        const size_t word_len = sizeof(word) - 1;
        _cleanup_json_ json_t *key = NULL;
        const char *labels, *name;
        size_t len;
        int r;

        if (strncmp(reader->at, word, word_len) != 0 || !strchr(SPACE, reader->at[word_len]) ||
            !reader->at[word_len])
                return 1;
        reader->at += word_len;
        skip_space(reader);
        r = read_operand(reader, &key);
        if (r == 0 && !json_is_string(key))
                r = 1;
        if (r != 0)
                return r < 0 ? r : error_set(reader->err, -EINVAL, ".Label takes a text");
        name = json_string_value(key);
        len = strlen(name);
        labels = json_string_value(json_object_get(reader->dot, "Labels"));
        if (labels && *labels && !strchr(labels, '=')) {
                *ret = json_incref(key);
                return 0;
        }
        while (labels && *labels && (strncmp(labels, name, len) != 0 || labels[len] != '=')) {
                labels += strcspn(labels, ",");
                labels += *labels == ',';
        }
        *ret = labels && *labels ? json_stringn(labels + len + 1, strcspn(labels + len + 1, ","))
                                 : json_string("");
        return *ret ? 0 : error_set_oom(reader->err);
}

/* A function with its arguments, or a value alone. `piped`, which is taken over, is the last
 * argument; or NULL. */
static int read_command(struct reader *reader, json_t *piped, json_t **ret)
{
        const struct template_function *function = NULL;
        json_t *arguments[TEMPLATE_ARGUMENTS_MAX];
        size_t count = 0;
        int r;

        skip_space(reader);
        r = read_label(reader, &arguments[0]);
        if (r > 0)
                r = read_operand(reader, &arguments[0]);
        if (r == 0)
                count = 1;
        if (r > 0) {
                function = template_function_find(reader->at, name_length(reader->at));
                r = function ? 0 : unknown_function(reader);
                reader->at += function ? name_length(reader->at) : 0;
        }
        skip_space(reader);
        while (r == 0 && *reader->at && *reader->at != '|' && *reader->at != ')') {
                if (!function || count + 1 >= TEMPLATE_ARGUMENTS_MAX)
                        r = error_set(reader->err, -EINVAL, "\"%s\" is not understood", reader->at);
                else
                        r = read_operand(reader, &arguments[count]);
                if (r > 0)
                        r = unknown_function(reader);
                count += r == 0;
                skip_space(reader);
        }
        if (piped && r == 0 && !function)
                r = error_set(reader->err, -EINVAL, "only a function can stand behind |");
        if (piped)
                arguments[count++] = piped;
        if (r == 0 && reader->skipped)
                *ret = json_null();
        else if (r == 0 && function)
                r = template_function_call(function, arguments, count, ret, reader->err);
        else if (r == 0)
                *ret = json_incref(arguments[0]);
        for (size_t i = 0; i < count; i++)
                json_decref(arguments[i]);
        return r;
}

static int read_pipeline(struct reader *reader, json_t **ret)
{
        json_t *value = NULL;
        int r;

        do {
                json_t *piped = value;

                value = NULL;
                r = read_command(reader, piped, &value);
        } while (r == 0 && *reader->at == '|' && reader->at++);
        if (r == 0)
                *ret = value;
        return r;
}

/* "$name :=" or "$name =" before a pipeline: whether it is there. */
static bool read_target(struct reader *reader, const char **ret_name, size_t *ret_len,
                        bool *ret_new)
{
        size_t len = *reader->at == '$' ? 1 + name_length(reader->at + 1) : 0;
        const char *at = reader->at + len;

        if (len < 2)
                return false;
        at += strspn(at, SPACE);
        *ret_new = strncmp(at, ":=", 2) == 0;
        if (!*ret_new && *at != '=')
                return false;
        *ret_name = reader->at;
        *ret_len = len;
        reader->at = at + (*ret_new ? 2 : 1);
        return true;
}

static int set_variable(struct reader *reader, const char *name, size_t len, json_t *value)
{
        struct template_variable *variable = find_variable(reader->scope, name, len);

        if (!variable) {
                json_decref(value);
                return error_set(reader->err, -EINVAL, "there is no variable %.*s", (int)len, name);
        }
        json_decref(variable->value);
        variable->value = value;
        return 0;
}

int template_evaluate(struct template_scope *scope, json_t *dot, const char *pipeline, bool skipped,
                      json_t **ret, struct error *err)
{
        struct reader reader = {
                .scope = scope, .dot = dot, .at = pipeline, .skipped = skipped, .err = err
        };
        const char *name = NULL;
        json_t *value = NULL;
        size_t len = 0;
        bool is_new = false;
        int r;

        skip_space(&reader);
        read_target(&reader, &name, &len, &is_new);
        r = read_pipeline(&reader, &value);
        if (r == 0 && *reader.at) {
                json_decref(value);
                return error_set(err, -EINVAL, "\"%s\" is not understood", reader.at);
        }
        if (r < 0)
                return r;
        *ret = name ? NULL : value;
        if (name && is_new)
                return template_declare(scope, name, len, value, err);
        return name ? set_variable(&reader, name, len, value) : 0;
}
