#include "template.h"

#include "base/cleanup.h"
#include "cli.h"
#include "oci/json.h"
#include "template_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SPACE " \t\r\n"

/* What a block ends with. */
enum stop {
        STOP_TEXT,
        STOP_ELSE,
        STOP_END,
};

struct run {
        struct template_scope scope;
        const char *at;  /* what is to be done yet */
        char *else_text; /* what stands behind the "else" that was met last; owned */
        unsigned depth;
        struct buf *out;
        struct error *err;
};

static int run_block(struct run *run, json_t *dot, bool skipped, enum stop *ret);

static int bad(const char *action, struct error *err)
{
        return error_wrap(err, "--format: {{%s}}", action);
}

static int append_text(struct run *run, const char *text, size_t len, bool skipped)
{
        for (size_t i = 0; i < len && !skipped; i++) {
                bool escape = text[i] == '\\' && i + 1 < len &&
                              (text[i + 1] == 'n' || text[i + 1] == 't');
                char c = text[i];

                if (escape)
                        c = text[i + 1] == 'n' ? '\n' : '\t';
                i += escape;
                if (buf_append_char(run->out, c) < 0)
                        return error_set_oom(run->err);
        }
        return 0;
}

/* Where an action ends: at "}}" outside of strings. NULL: it does not. */
static const char *find_end(const char *at)
{
        char quote = '\0';

        for (; *at; at++) {
                if (quote && *at == '\\' && quote != '`' && at[1])
                        at++;
                else if (quote && *at == quote)
                        quote = '\0';
                else if (quote)
                        continue;
                else if (*at == '"' || *at == '`')
                        quote = *at;
                else if (strncmp(at, "}}", 2) == 0)
                        return at;
        }
        return NULL;
}

static size_t trimmed(const char *text, size_t len)
{
        while (len > 0 && strchr(SPACE, text[len - 1]))
                len--;
        return len;
}

/* Takes text up to an action, and that. `ret` is NULL at the end of the template. */
static int next_action(struct run *run, bool skipped, char **ret)
{
        const char *begin = run->at, *open = begin, *end;
        size_t len;
        int r;

        *ret = NULL;
        do {
                open = strstr(open, "{{");
                end = open ? find_end(open + 2) : NULL;
        } while (open && !end && (open += 2));
        len = open ? (size_t)(open - begin) : strlen(begin);
        run->at = open ? end + 2 : begin + len;
        if (open && open[2] == '-' && strchr(SPACE, open[3])) {
                len = trimmed(begin, len);
                open++;
        }
        r = append_text(run, begin, len, skipped);
        if (!open || r < 0)
                return r;
        open += 2;
        open += strspn(open, SPACE);
        len = end > open ? (size_t)(end - open) : 0;
        if (len > 1 && open[len - 1] == '-' && strchr(SPACE, open[len - 2])) {
                run->at += strspn(run->at, SPACE);
                len--;
        }
        *ret = strndup(open, trimmed(open, len));
        return *ret ? 0 : error_set_oom(run->err);
}

/* What stands behind a keyword, or NULL. */
static const char *behind(const char *action, const char *word)
{
        size_t len = strlen(word);

        if (strncmp(action, word, len) != 0 || (action[len] && !strchr(SPACE "(", action[len])))
                return NULL;
        return action + len + strspn(action + len, SPACE);
}

static int evaluate(struct run *run, json_t *dot, const char *pipeline, bool skipped, json_t **ret)
{
        int r = template_evaluate(&run->scope, dot, pipeline, skipped, ret, run->err);

        if (r == 0 && !*ret)
                *ret = json_null();
        return r;
}

static int expect_end(struct run *run, enum stop stop)
{
        return stop == STOP_END ? 0 : error_set(run->err, -EINVAL, "there is no {{end}} for it");
}

/* "if" and "with": the block, and what else there is. */
static int run_choice(struct run *run, json_t *dot, const char *pipeline, bool sets_dot,
                      bool skipped)
{
        size_t variables = run->scope.count;
        _cleanup_free_ char *text = strdup(pipeline);
        enum stop stop = STOP_ELSE;
        bool taken = skipped;
        int r = text ? 0 : error_set_oom(run->err);

        while (r == 0 && stop == STOP_ELSE) {
                _cleanup_json_ json_t *value = NULL;
                bool chosen = !taken, plain = *text == '\0';

                if (!plain) {
                        r = evaluate(run, dot, text, taken, &value);
                        chosen = !taken && r == 0 && template_is_true(value);
                }
                if (r == 0)
                        r = run_block(run, sets_dot && !plain ? value : dot, !chosen, &stop);
                taken |= chosen;
                if (r == 0 && stop == STOP_ELSE && plain)
                        r = error_set(run->err, -EINVAL, "there is an {{else}} behind {{else}}");
                free(text);
                text = TAKE_PTR(run->else_text);
        }
        template_forget(&run->scope, variables);
        return r < 0 ? r : expect_end(run, stop);
}

/* Reads "$a :=" or "$a, $b :=" before a pipeline. Returns what stands behind it. */
static const char *read_names(const char *text, const char *ret_names[static 2],
                              size_t ret_lens[static 2])
{
        const char *at = text;
        size_t count = 0;

        ret_names[0] = ret_names[1] = NULL;
        while (*at == '$' && count < 2) {
                ret_names[count] = at;
                ret_lens[count] = strcspn(at, SPACE ",:=");
                at += ret_lens[count++];
                at += strspn(at, SPACE);
                if (strncmp(at, ":=", 2) == 0)
                        return at + 2 + strspn(at + 2, SPACE);
                if (*at != ',')
                        break;
                at++;
                at += strspn(at, SPACE);
        }
        ret_names[0] = ret_names[1] = NULL;
        return text;
}

static int run_item(struct run *run, const char *const names[static 2], const size_t lens[static 2],
                    json_t *key, json_t *item, enum stop *ret_stop)
{
        size_t variables = run->scope.count;
        int r = 0;

        if (names[1])
                r = template_declare(&run->scope, names[0], lens[0], json_incref(key), run->err);
        if (names[0] && r == 0)
                r = template_declare(&run->scope, names[names[1] ? 1 : 0], lens[names[1] ? 1 : 0],
                                     json_incref(item), run->err);
        if (r == 0)
                r = run_block(run, item, false, ret_stop);
        template_forget(&run->scope, variables);
        return r;
}

/* Every item of a list, or of an object sorted by its keys. */
static int run_items(struct run *run, json_t *list, const char *const names[static 2],
                     const size_t lens[static 2], const char *begin, enum stop *ret_stop)
{
        struct strmap keys = STRMAP_INIT;
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach(list, name, value)
        {
                if (r == 0 && strmap_set(&keys, name, "") < 0)
                        r = error_set_oom(run->err);
        }
        for (size_t i = 0; i < json_array_size(list) + keys.count && r == 0; i++) {
                _cleanup_json_ json_t *key =
                        keys.count ? json_string(keys.items[i].key) : json_integer((json_int_t)i);
                json_t *item = keys.count ? json_object_get(list, keys.items[i].key)
                                          : json_array_get(list, i);

                run->at = begin;
                r = run_item(run, names, lens, key, item, ret_stop);
        }
        strmap_done(&keys);
        return r;
}

static int run_range(struct run *run, json_t *dot, const char *text, bool skipped)
{
        _cleanup_json_ json_t *list = NULL;
        const char *names[2], *begin = run->at;
        size_t lens[2], variables = run->scope.count;
        enum stop stop = STOP_TEXT;
        bool any;
        int r = evaluate(run, dot, read_names(text, names, lens), skipped, &list);

        if (r < 0)
                return r;
        if (!skipped && !json_is_array(list) && !json_is_object(list) && !json_is_null(list))
                return error_set(run->err, -EINVAL, "that is no list");
        any = json_array_size(list) + json_object_size(list) > 0;
        if (any) {
                r = run_items(run, list, names, lens, begin, &stop);
        } else {
                /* The block is read, with its variables. */
                for (size_t i = 0; i < 2 && names[i] && r == 0; i++)
                        r = template_declare(&run->scope, names[i], lens[i], json_null(), run->err);
                if (r == 0)
                        r = run_block(run, dot, true, &stop);
                template_forget(&run->scope, variables);
        }
        if (r == 0 && stop == STOP_ELSE)
                r = run_block(run, dot, skipped || any, &stop);
        return r < 0 ? r : expect_end(run, stop);
}

static int run_action(struct run *run, json_t *dot, const char *action, bool skipped)
{
        _cleanup_json_ json_t *value = NULL;
        const char *rest;
        int r;

        if (strncmp(action, "/*", 2) == 0)
                return 0;
        if ((rest = behind(action, "if")))
                return run_choice(run, dot, rest, false, skipped);
        if ((rest = behind(action, "with")))
                return run_choice(run, dot, rest, true, skipped);
        if ((rest = behind(action, "range")))
                return run_range(run, dot, rest, skipped);
        r = template_evaluate(&run->scope, dot, action, skipped, &value, run->err);
        if (r == 0 && value && !skipped && template_append(value, run->out) < 0)
                return error_set_oom(run->err);
        return r;
}

static int run_block(struct run *run, json_t *dot, bool skipped, enum stop *ret)
{
        int r = 0;

        if (run->depth >= TEMPLATE_DEPTH_MAX)
                return error_set(run->err, -EINVAL, "it is too deep");
        run->depth++;
        *ret = STOP_TEXT;
        while (r == 0 && *ret == STOP_TEXT) {
                _cleanup_free_ char *action = NULL;
                const char *rest;

                r = next_action(run, skipped, &action);
                if (r < 0 || !action)
                        break;
                rest = behind(action, "else");
                if (strcmp(action, "end") == 0 || rest)
                        *ret = rest ? STOP_ELSE : STOP_END;
                if (*ret != STOP_TEXT && run->depth == 1)
                        r = error_set(run->err, -EINVAL, "it belongs to nothing");
                else if (*ret == STOP_TEXT)
                        r = run_action(run, dot, action, skipped);
                if (r < 0)
                        bad(action, run->err);
                if (r < 0 || !rest)
                        continue;
                free(run->else_text);
                run->else_text = strdup(behind(rest, "if") ? behind(rest, "if") : rest);
                if (!run->else_text)
                        r = error_set_oom(run->err);
        }
        run->depth--;
        return r;
}

int template_expand(const char *text, const json_t *object, struct buf *ret, struct error *err)
{
        struct error failure = ERROR_INIT;
        json_t *root = json_incref((json_t *)(uintptr_t)object);
        struct run run = { .scope.root = root, .at = text, .out = ret, .err = &failure };
        enum stop stop;
        int r = run_block(&run, root, false, &stop);

        template_forget(&run.scope, 0);
        free(run.else_text);
        json_decref(root);
        if (r < 0)
                *err = failure;
        return r;
}

static int print_line(struct buf *line)
{
        if (line->len > 0 && isatty(STDOUT_FILENO))
                print_plain(line->data);
        return fwrite(buf_str(line), 1, line->len, stdout) == line->len && putchar('\n') >= 0
                       ? 0
                       : -EIO;
}

int template_print(const char *text, const json_t *list, struct error *err)
{
        struct buf line = BUF_INIT;
        json_t *object;
        size_t i;
        int r = 0;

        if (!text && (json_dumpf(list, stdout, JSON_INDENT(4)) < 0 || puts("") < 0))
                return error_set_errno(err, -EIO, "cannot print");
        json_array_foreach(list, i, object)
        {
                if (!text || r < 0)
                        break;
                buf_clear(&line);
                r = strcmp(text, "json") == 0 ? json_write(object, &line, err)
                                              : template_expand(text, object, &line, err);
                if (r == 0 && print_line(&line) < 0)
                        r = error_set_errno(err, -EIO, "cannot print");
        }
        buf_done(&line);
        return r;
}
