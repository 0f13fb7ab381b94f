/*
 * What a stage was when it was last built, so that a step that is not in the cache can say what of
 * it has changed: the instruction, or what it is carried out with.
 *
 * A record of the store for each stage of each Dockerfile, by its path. The first line says what it
 * is; then come, for each step of the cache, "step GROUP KEY", "text INSTRUCTION", and "with" for
 * each variable and the like.
 */
#include "base/cleanup.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an instruction and of a value, for people. */
#define TEXT_SHOWN  70
#define VALUE_SHOWN 40

void memory_done(struct memory *memory)
{
        for (size_t i = 0; i < memory->count; i++) {
                free(memory->items[i].text);
                strv_done(&memory->items[i].with);
        }
        free(memory->items);
        *memory = (struct memory){ .items = NULL };
}

static struct remembered *add(struct memory *memory)
{
        struct remembered *items = reallocarray(memory->items, memory->count + 1, sizeof(*items));

        if (!items)
                return NULL;
        memory->items = items;
        items[memory->count] = (struct remembered){ .text = NULL };
        return &items[memory->count++];
}

/* ---- what comes now ---- */

static char *one_line(const char *text)
{
        char *line = strdup(text);

        for (char *at = line; line && *at; at++)
                if ((unsigned char)*at < ' ')
                        *at = ' ';
        return line;
}

static int add_with(struct strv *with, const char *kind, const char *text)
{
        _cleanup_free_ char *line = one_line(text);

        return line ? strv_addf(with, "%s %s", kind, line) : -ENOMEM;
}

int worker_remember(struct worker *worker, const struct digest *group, struct error *err)
{
        const struct strv *env = &worker->state.config.env, *args = &worker->state.args;
        const char *user = worker->state.config.user;
        struct remembered *item = add(&worker->present);
        int r = item ? 0 : -ENOMEM;

        if (r == 0) {
                item->step.group = *group;
                item->text = one_line(worker->step->instruction->text);
                r = item->text ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < args->count && r == 0; i++)
                r = add_with(&item->with, "ARG", args->items[i]);
        for (size_t i = 0; i < env->count && r == 0; i++)
                r = add_with(&item->with, "ENV", env->items[i]);
        if (r == 0 && user)
                r = add_with(&item->with, "USER", user);
        if (r == 0)
                r = add_with(&item->with, "WORKDIR", worker_workdir(worker));
        if (r == 0 && worker->options->clamps_times)
                r = strv_addf(&item->with, "SOURCE_DATE_EPOCH %lld",
                              (long long)worker->options->latest.tv_sec);
        if (r == 0 && worker->instruction->type == INSTRUCTION_RUN)
                r = worker_run_with(worker, &item->with);
        return r < 0 ? error_set_oom(err) : 0;
}

/* ---- where it is kept ---- */

static int find_place(const struct worker *worker, struct digest *ret_group, struct digest *ret,
                      struct error *err)
{
        const struct plan *plan = worker->plan;
        _cleanup_free_ char *context = realpath(worker->options->context, NULL);
        _cleanup_free_ char *platform = platform_format(&plan->platform);
        struct key key;
        int r = digest_of(RECORD_MEMORY, strlen(RECORD_MEMORY), ret_group, err);

        if (r == 0)
                r = key_begin(&key, "memory", err);
        if (r < 0)
                return r;
        key_add_text(&key, context ? context : worker->options->context);
        key_add_text(&key, plan->path);
        key_add_text(&key, platform);
        key_add_number(&key, worker->stage->index);
        return key_finish(&key, ret, err);
}

/* ---- as text ---- */

static int write_memory(const struct memory *memory, struct buf *ret)
{
        int r = buf_append_str(ret, RECORD_MEMORY "\n");

        for (size_t i = 0; i < memory->count && r == 0; i++) {
                const struct remembered *item = &memory->items[i];
                char group[DIGEST_HEX_MAX], key[DIGEST_HEX_MAX];

                digest_format_hex(&item->step.group, group);
                digest_format_hex(&item->step.key, key);
                r = buf_appendf(ret, "step %s %s\ntext %s\n", group, key, item->text);
                for (size_t j = 0; j < item->with.count && r == 0; j++)
                        r = buf_appendf(ret, "with %s\n", item->with.items[j]);
        }
        return r;
}

/* Takes one line. What is strange in it is passed over: it is for people alone. */
static int take_line(char *line, struct memory *ret)
{
        struct remembered *item = ret->count > 0 ? &ret->items[ret->count - 1] : NULL;
        char group[DIGEST_HEX_MAX], key[DIGEST_HEX_MAX];
        struct error ignored = ERROR_INIT;
        struct step_key step;

        if (sscanf(line, "step %64s %64s", group, key) == 2) {
                if (digest_parse_hex(group, &step.group, &ignored) < 0 ||
                    digest_parse_hex(key, &step.key, &ignored) < 0)
                        return 0;
                item = add(ret);
                if (!item)
                        return -ENOMEM;
                item->step = step;
                return 0;
        }
        if (item && strncmp(line, "with ", 5) == 0)
                return strv_add(&item->with, line + 5);
        if (item && strncmp(line, "text ", 5) == 0 && !item->text) {
                item->text = strdup(line + 5);
                return item->text ? 0 : -ENOMEM;
        }
        return 0;
}

static int read_memory(struct buf *text, struct memory *ret)
{
        char *at = text->data, *end = text->data + text->len;
        int r = 0;

        while (r == 0 && at < end) {
                char *newline = memchr(at, '\n', (size_t)(end - at));

                if (!newline)
                        break;
                *newline = '\0';
                r = take_line(at, ret);
                at = newline + 1;
        }
        for (size_t i = 0; i < ret->count && r == 0; i++)
                if (!ret->items[i].text) {
                        ret->items[i].text = strdup("");
                        r = ret->items[i].text ? 0 : -ENOMEM;
                }
        return r;
}

static int load(struct worker *worker, struct error *err)
{
        struct error ignored = ERROR_INIT;
        struct digest group, key;
        struct buf text = BUF_INIT;
        int r;

        if (worker->has_past)
                return 0;
        worker->has_past = true;
        r = find_place(worker, &group, &key, err);
        if (r == 0 && store_record_get(worker->store, &group, &key, &text, &ignored) == 0 &&
            read_memory(&text, &worker->past) < 0)
                r = error_set_oom(err);
        buf_done(&text);
        return r;
}

int worker_keep_memory(struct worker *worker, struct error *err)
{
        struct memory *present = &worker->present;
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT, kept = BUF_INIT;
        struct digest group, key;
        int r = find_place(worker, &group, &key, err);

        for (size_t i = 0; i < present->count; i++)
                if (worker->inherited + i < worker->state.step_count)
                        present->items[i].step.key = worker->state.steps[worker->inherited + i].key;
        if (r == 0 && write_memory(present, &text) < 0)
                r = error_set_oom(err);
        /* Most builds are as the last one was. */
        if (r == 0 && store_record_get(worker->store, &group, &key, &kept, &ignored) == 0 &&
            kept.len == text.len && memcmp(kept.data, text.data, text.len) == 0)
                store_record_use(worker->store, &group, &key);
        else if (r == 0 && present->count > 0)
                r = store_record_put(worker->store, &group, &key, text.data, text.len, err);
        buf_done(&text);
        buf_done(&kept);
        return r;
}

/* ---- what has changed ---- */

static int shown(const struct worker *worker, const char *text, int max)
{
        size_t len = strlen(text);

        return worker->options->explain || len <= (size_t)max ? (int)len : max;
}

/* Tells the first line that only one of two lists has. Returns 1, 0 where there is none. */
static int tell_with(struct worker *worker, const struct remembered *was,
                     const struct remembered *is)
{
        for (size_t i = 0; i < is->with.count; i++) {
                const char *line = is->with.items[i];
                size_t space = strcspn(line, " ") + 1, len = strcspn(line, "=");
                const char *past = NULL, *value = line + len + (line[len] == '=');

                if (strv_contains(&was->with, line))
                        continue;
                if (!line[len]) /* USER and WORKDIR have no name */
                        len = space, value = line + space;
                for (size_t j = 0; j < was->with.count && !past; j++)
                        if (strncmp(was->with.items[j], line, len + (line[len] == '=')) == 0)
                                past = was->with.items[j] + len + (line[len] == '=');
                if (!past)
                        return worker_tell(worker, "%.*s was not set before", (int)len, line) < 0
                                       ? -ENOMEM
                                       : 1;
                return worker_tell(worker, "%.*s has changed: \"%.*s\" -> \"%.*s\"",
                                   (int)(line[len] == '=' ? len : len - 1), line,
                                   shown(worker, past, VALUE_SHOWN), past,
                                   shown(worker, value, VALUE_SHOWN), value) < 0
                               ? -ENOMEM
                               : 1;
        }
        for (size_t i = 0; i < was->with.count; i++) {
                const char *line = was->with.items[i];

                if (!strv_contains(&is->with, line))
                        return worker_tell(worker, "%.*s is not set any more",
                                           (int)strcspn(line, "="), line) < 0
                                       ? -ENOMEM
                                       : 1;
        }
        return 0;
}

/* The step of this text, at this place or else the first. */
static const struct remembered *find_text(const struct memory *memory, const char *text, size_t at)
{
        if (at < memory->count && strcmp(memory->items[at].text, text) == 0)
                return &memory->items[at];
        for (size_t i = 0; i < memory->count; i++)
                if (strcmp(memory->items[i].text, text) == 0)
                        return &memory->items[i];
        return NULL;
}

/* Whether the stage still has an instruction. */
static bool is_planned(const struct worker *worker, const char *text)
{
        for (size_t i = 0; i < worker->stage->step_count; i++) {
                _cleanup_free_ char *line = one_line(worker->stage->steps[i].instruction->text);

                if (line && strcmp(line, text) == 0)
                        return true;
        }
        return false;
}

static int tell_change(struct worker *worker, const struct digest *group)
{
        size_t at = worker->present.count - 1;
        const struct remembered *now = &worker->present.items[at];
        const struct remembered *was = find_text(&worker->past, now->text, at);
        int r;

        if (was && digest_equal(&was->step.group, group))
                return worker_tell(worker, "its record was removed from the cache");
        if (was) {
                r = tell_with(worker, was, now);
                return r != 0 ? r : worker_tell(worker, "it is carried out in another way");
        }
        if (worker->past.count == 0)
                return worker_tell(worker, "no such step is in the cache");
        if (at >= worker->past.count || is_planned(worker, worker->past.items[at].text))
                return worker_tell(worker, "the instruction is new");
        was = &worker->past.items[at];
        return worker_tell(worker, "the instruction has changed: %.*s -> %.*s",
                           shown(worker, was->text, TEXT_SHOWN), was->text,
                           shown(worker, now->text, TEXT_SHOWN), now->text);
}

int worker_tell_unknown(struct worker *worker, const struct digest *group, struct error *err)
{
        int r = load(worker, err);

        if (r < 0)
                return r;
        return tell_change(worker, group) < 0 ? error_set_oom(err) : 0;
}

bool worker_had_step(struct worker *worker, const struct digest *group, const struct digest *key)
{
        struct error ignored = ERROR_INIT;

        if (load(worker, &ignored) < 0)
                return false;
        for (size_t i = 0; i < worker->past.count; i++)
                if (digest_equal(&worker->past.items[i].step.group, group) &&
                    digest_equal(&worker->past.items[i].step.key, key))
                        return true;
        return false;
}
