#include "describe.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Owns `object`. */
static int write_object(json_t *object, int r, struct buf *ret, struct error *err)
{
        if (r < 0)
                error_set_oom(err);
        else
                r = json_write(object, ret, err);
        if (r == 0 && buf_append_str(ret, "\n") < 0)
                r = error_set_oom(err);
        json_decref(object);
        return r;
}

/* {"ranges":[{"start":{"line":1},"end":{"line":1}}]} */
static json_t *location_of(unsigned line)
{
        return json_pack("{s:[{s:{s:i},s:{s:i}}]}", "ranges", "start", "line", (int)line, "end",
                         "line", (int)line);
}

/* The Dockerfile in base64. */
static json_t *source_of(const struct plan *plan)
{
        size_t size = (plan->text.len + 2) / 3 * 4 + 1;
        _cleanup_free_ char *text = malloc(size);

        if (!text)
                return NULL;
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)buf_str(&plan->text),
                        (int)plan->text.len);
        return json_string(text);
}

static int put_sources(json_t *object, const struct plan *plan)
{
        json_t *sources = json_array();
        int r = sources ? json_append(sources, source_of(plan)) : -ENOMEM;

        if (r < 0) {
                json_decref(sources);
                return r;
        }
        return json_put(object, "sources", sources);
}

/* ---- outline ---- */

static json_t *item_of(const struct outline_item *item, const char *key)
{
        json_t *object = json_object();
        int r = object ? json_put_string(object, key, item->name) : -ENOMEM;

        if (r == 0 && item->text)
                r = json_put_string(object, "description", item->text);
        if (r == 0 && item->value && *item->value)
                r = json_put_string(object, "value", item->value);
        if (r == 0)
                r = json_put_true(object, "required", item->required);
        if (r == 0)
                r = json_put(object, "location", location_of(item->line));
        if (r < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

static int put_list(json_t *object, const char *name, const struct outline_list *list,
                    const char *key)
{
        json_t *array;
        int r = 0;

        if (list->count == 0)
                return 0;
        array = json_array();
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < list->count && r == 0; i++)
                r = json_append(array, item_of(&list->items[i], key));
        if (r < 0) {
                json_decref(array);
                return r;
        }
        return json_put(object, name, array);
}

int describe_outline_json(const struct outline *outline, struct buf *ret, struct error *err)
{
        json_t *object = json_object();
        int r = object ? json_put_string(object, "name", outline->name) : -ENOMEM;

        if (r == 0 && outline->text)
                r = json_put_string(object, "description", outline->text);
        if (r == 0)
                r = put_list(object, "args", &outline->args, "name");
        if (r == 0)
                r = put_list(object, "secrets", &outline->secrets, "name");
        if (r == 0)
                r = put_list(object, "ssh", &outline->agents, "name");
        if (r == 0)
                r = put_list(object, "cache", &outline->caches, "ID");
        if (r == 0)
                r = put_sources(object, outline->plan);
        return write_object(object, r, ret, err);
}

/* ---- targets ---- */

static json_t *target_of(const struct plan *plan, size_t index)
{
        const struct instruction *from = plan->stages[index].stage->from;
        const char *name = from->from.name;
        const char *text = name ? instruction_description(from, name) : NULL;
        json_t *object = json_object();
        int r = object ? 0 : -ENOMEM;

        if (r == 0 && name)
                r = json_put_string(object, "name", name);
        if (r == 0)
                r = json_put_true(object, "default", index == plan->stage_count - 1);
        if (r == 0 && text)
                r = json_put_string(object, "description", text);
        if (r == 0)
                r = json_put_string(object, "base", from->from.base);
        if (r == 0 && from->from.platform)
                r = json_put_string(object, "platform", from->from.platform);
        if (r == 0)
                r = json_put(object, "location", location_of(from->first_line));
        if (r < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

int describe_targets_json(const struct plan *plan, struct buf *ret, struct error *err)
{
        json_t *object = json_object(), *targets = json_array();
        int r = object && targets ? 0 : -ENOMEM;

        for (size_t i = 0; i < plan->stage_count && r == 0; i++)
                r = json_append(targets, target_of(plan, i));
        if (r == 0)
                r = json_put(object, "targets", TAKE_PTR(targets));
        if (r == 0)
                r = put_sources(object, plan);
        json_decref(targets);
        return write_object(object, r, ret, err);
}

/* ---- check ---- */

/* Where BuildKit's documentation says more of a rule: its name in small letters, words joined by
 * dashes. */
static int put_url(json_t *object, enum lint_rule rule)
{
        _cleanup_(buf_done) struct buf url = BUF_INIT;
        const char *name = lint_rule_name(rule);
        int r = buf_append_str(&url, "https://docs.docker.com/go/dockerfile/rule/");

        for (size_t i = 0; name[i] && r == 0; i++) {
                bool capital = name[i] >= 'A' && name[i] <= 'Z';
                bool begins = capital && i > 0 &&
                              (name[i - 1] >= 'a' || (name[i + 1] >= 'a' && name[i + 1] <= 'z'));

                r = buf_appendf(&url, "%s%c", begins ? "-" : "",
                                capital ? name[i] - 'A' + 'a' : name[i]);
        }
        return r == 0 ? buf_append_str(&url, "/") < 0
                                ? -ENOMEM
                                : json_put_string(object, "url", buf_str(&url))
                      : r;
}

static json_t *warning_of(const struct lint_warning *warning)
{
        json_t *object = json_object();
        int r = object ? json_put_string(object, "ruleName", lint_rule_name(warning->rule))
                       : -ENOMEM;

        if (r == 0)
                r = json_put_string(object, "description", lint_rule_description(warning->rule));
        if (r == 0)
                r = put_url(object, warning->rule);
        if (r == 0)
                r = json_put_string(object, "detail", warning->message);
        if (r == 0)
                r = json_put(object, "location", location_of(warning->line));
        if (r < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

int describe_check_json(const struct plan *plan, struct buf *ret, struct error *err)
{
        const struct lint *lint = &plan->file->lint;
        json_t *object = json_object(), *warnings = json_array(), *source = json_object(),
               *sources = json_array();
        int r = object && warnings && source && sources ? 0 : -ENOMEM;

        for (size_t i = 0; i < lint->count && r == 0; i++)
                r = json_append(warnings, warning_of(&lint->warnings[i]));
        if (r == 0)
                r = json_put(object, "warnings", TAKE_PTR(warnings));
        if (r == 0)
                r = json_put_string(source, "filename", plan_file_name(plan));
        if (r == 0)
                r = json_put_string(source, "language", "Dockerfile");
        if (r == 0)
                r = json_put(source, "data", source_of(plan));
        if (r == 0)
                r = json_append(sources, TAKE_PTR(source));
        if (r == 0)
                r = json_put(object, "sources", TAKE_PTR(sources));
        json_decref(warnings);
        json_decref(source);
        json_decref(sources);
        return write_object(object, r, ret, err);
}
