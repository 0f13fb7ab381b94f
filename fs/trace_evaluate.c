/*
 * From a trace to observations, and comparing these with another tree.
 */
#include "trace_internal.h"

#include "base/path.h"
#include "hash.h"
#include "index_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   "varvetrc"
#define VERSION 1u

struct header {
        char magic[8];
        uint32_t version;
        uint32_t count;
        uint32_t digest_count;
        uint32_t strings_size;
};

static const unsigned made_again = TRACE_CUT | TRACE_NAME_CHANGED;

/* What of a file of this mode can be observed beyond its value. */
static uint32_t uses_of(uint32_t mode)
{
        uint32_t all = TRACE_XATTRS | TRACE_TIMED;

        if (mode == 0)
                return 0;
        return S_ISDIR(mode) ? all | TRACE_LISTED : S_ISREG(mode) ? all | TRACE_READ : all;
}

/* ---- evaluating ---- */

struct evaluation {
        struct seen_list seen;
        struct answers answers;
        const struct index *layer;
        struct observations *result;
        uint32_t digest_cap;
        struct error *err;
};

static const char *name_at(const struct evaluation *evaluation, uint32_t at)
{
        return evaluation->seen.strings.data + evaluation->seen.items[at].name;
}

static int copy_seen(const struct trace *trace, struct seen_list *ret)
{
        uint32_t number;
        int r = 0;

        ret->key = trace->seen.key;
        r = seen_add(ret, 0, "", &number);
        if (r == 0)
                ret->items[0].uses = trace->seen.items[0].uses;
        for (uint32_t i = 1; i < trace->seen.count && r == 0; i++) {
                const struct seen *seen = &trace->seen.items[i];

                r = seen_add(ret, seen->parent, trace->seen.strings.data + seen->name, &number);
                if (r == 0)
                        ret->items[number].uses = seen->uses;
        }
        return r;
}

/* The directories on the way to a change are in the layer with all that they have. */
static void mark_ways(struct seen_list *list)
{
        for (uint32_t i = 1; i < list->count; i++) {
                if (!(list->items[i].uses & TRACE_CHANGING))
                        continue;
                for (uint32_t at = i; at != 0;) {
                        at = list->items[at].parent;
                        if (list->items[at].uses & TRACE_ON_THE_WAY)
                                break;
                        list->items[at].uses |= TRACE_ON_THE_WAY | TRACE_XATTRS;
                }
        }
}

/* Whether the layer says what becomes of a name: it has it, or hides it, or hides all above. */
static bool layer_decides(const struct evaluation *evaluation, uint32_t at)
{
        const struct index *layer = evaluation->layer;
        const struct index_entry *entry;
        uint32_t way[512], depth = 0, inode = INDEX_ROOT;

        if (!layer)
                return false;
        for (; at != 0 && depth < 512; at = evaluation->seen.items[at].parent)
                way[depth++] = at;
        if (at != 0)
                return false;
        while (depth > 0) {
                const char *name = name_at(evaluation, way[--depth]);

                if (!S_ISDIR(index_inode(layer, inode)->mode) ||
                    index_inode(layer, inode)->flags & INDEX_OPAQUE)
                        return true;
                entry = index_find(layer, inode, name, strlen(name));
                if (!entry)
                        return false;
                if (entry->inode == 0)
                        return true;
                inode = entry->inode;
        }
        return true;
}

struct expansion {
        struct evaluation *evaluation;
        uint32_t dir;
        int code;
};

static int expand_name(void *userdata, const struct tree_dirent *entry)
{
        struct expansion *expansion = userdata;
        char name[TREE_NAME_MAX + 1];
        uint32_t number;

        memcpy(name, entry->name, entry->name_len);
        name[entry->name_len] = '\0';
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        expansion->code = seen_add(&expansion->evaluation->seen, expansion->dir, name, &number);
        if (expansion->code == 0)
                expansion->evaluation->seen.items[number].uses |= TRACE_RENAMED;
        return expansion->code;
}

/* What the step did with an inode, as what it has observed of it by that. */
static int settle_uses(struct evaluation *evaluation, uint32_t at, const struct seen_value *value)
{
        struct seen *seen = &evaluation->seen.items[at];
        struct expansion expansion = { .evaluation = evaluation, .dir = at };
        unsigned moved = seen->uses & (TRACE_CHANGED | TRACE_RENAMED);
        bool directory = S_ISDIR(value->mode);
        int r = 0;

        if (!directory && value->nlink > 1 && (moved || seen->uses & TRACE_CUT))
                return error_set(evaluation->err, -EOPNOTSUPP,
                                 "the step has changed a file of several names (%s)",
                                 name_at(evaluation, at));
        if (moved || seen->uses & TRACE_CUT)
                seen->uses |= TRACE_XATTRS;
        if (moved && !directory)
                seen->uses |= TRACE_READ;
        /* What is equal to what was there before is in no layer: its time was the same, too. */
        if (seen->uses & (made_again | TRACE_TIMED) && layer_decides(evaluation, at))
                seen->uses &= ~(uint32_t)TRACE_TIMED;
        else if (!directory && seen->uses & made_again)
                seen->uses |= TRACE_READ | TRACE_XATTRS | TRACE_TIMED;
        if (directory && seen->uses & TRACE_RENAMED) {
                seen->uses |= TRACE_LISTED;
                r = tree_readdir(evaluation->answers.tree, evaluation->answers.inodes[at], 0, false,
                                 expand_name, &expansion);
                seen = &evaluation->seen.items[at];
                r = r < 0 ? r : expansion.code;
        }
        seen->uses &= uses_of(value->mode);
        seen->value = *value;
        return r;
}

static int add_digests(struct evaluation *evaluation, uint32_t at)
{
        struct observations *result = evaluation->result;
        struct seen *seen = &evaluation->seen.items[at];
        unsigned count = digests_of(seen);
        int r;

        seen->digest = result->digest_count;
        if (result->digest_count + count > evaluation->digest_cap) {
                uint32_t cap = evaluation->digest_cap ? evaluation->digest_cap * 2 : 256;
                struct digest *digests =
                        reallocarray(result->digests, cap, sizeof(*result->digests));

                if (!digests)
                        return -ENOMEM;
                result->digests = digests;
                evaluation->digest_cap = cap;
        }
        r = answer_digests(&evaluation->answers, evaluation->seen.items, at,
                           result->digests + result->digest_count, evaluation->err);
        if (r == 0)
                result->digest_count += count;
        return r;
}

static int evaluate_name(struct evaluation *evaluation, uint32_t at)
{
        uint32_t uses = evaluation->seen.items[at].uses;
        struct seen_value value;
        int r;

        if (uses & TRACE_COVERED && !(uses & TRACE_CHANGING))
                return answer_nothing(&evaluation->answers, at);
        evaluation->seen.items[at].uses &= ~TRACE_COVERED;
        r = answer_name(&evaluation->answers, evaluation->seen.items, at, name_at(evaluation, at),
                        &value);
        if (r < 0)
                return r;
        if (value.mode == 0) {
                evaluation->seen.items[at].uses = 0;
                evaluation->seen.items[at].digest = evaluation->result->digest_count;
                return 0;
        }
        r = settle_uses(evaluation, at, &value);
        return r < 0 ? r : add_digests(evaluation, at);
}

/*
 * Keeps what says something: below a name that was not there, nothing does, nor what was covered.
 * What stays is numbered anew.
 */
static int keep(struct evaluation *evaluation)
{
        struct seen_list *list = &evaluation->seen;
        uint32_t *numbers = calloc((size_t)list->count + 1, sizeof(*numbers)), kept = 0;

        if (!numbers)
                return -ENOMEM;
        for (uint32_t i = 0; i < list->count; i++) {
                struct seen *seen = &list->items[i];

                numbers[i] = UINT32_MAX;
                if (i > 0 && (seen->uses & TRACE_COVERED || numbers[seen->parent] == UINT32_MAX ||
                              list->items[numbers[seen->parent]].value.mode == 0))
                        continue;
                numbers[i] = kept;
                seen->parent = i > 0 ? numbers[seen->parent] : 0;
                if (seen->value.nlink > 1)
                        seen->value.same = numbers[seen->value.same];
                list->items[kept++] = *seen;
        }
        free(numbers);
        evaluation->result->items = list->items;
        evaluation->result->count = kept;
        evaluation->result->strings = list->strings.data;
        evaluation->result->strings_size = (uint32_t)list->strings.len;
        list->items = NULL;
        list->strings = BUF_INIT;
        return 0;
}

static int evaluate(struct evaluation *evaluation, const struct trace *trace)
{
        int r = trace->failure;

        if (r == 0)
                r = copy_seen(trace, &evaluation->seen);
        if (r == 0)
                mark_ways(&evaluation->seen);
        for (uint32_t i = 0; r == 0 && i < evaluation->seen.count; i++)
                r = evaluate_name(evaluation, i);
        return r < 0 ? r : keep(evaluation);
}

int trace_evaluate(const struct trace *trace, struct tree *before, const struct index *layer,
                   struct observations **ret, struct error *err)
{
        struct evaluation evaluation = { .answers = { .tree = before },
                                         .layer = layer,
                                         .err = err };
        int r;

        evaluation.result = calloc(1, sizeof(*evaluation.result));
        if (!evaluation.result)
                return error_set_oom(err);
        r = evaluate(&evaluation, trace);
        seen_list_done(&evaluation.seen);
        answers_done(&evaluation.answers);
        if (r < 0) {
                observations_free(evaluation.result);
                if (r == -E2BIG)
                        return error_set(err, -EOPNOTSUPP,
                                         "the step has looked at more than %u names",
                                         TRACE_NAMES_MAX);
                if (r == -EOPNOTSUPP && !error_is_set(err))
                        return error_set(err, r, "%s", trace->refused);
                return error_is_set(err) ? r : error_set_errno(err, r, "cannot look at a tree");
        }
        *ret = evaluation.result;
        return 0;
}

void observations_free(struct observations *observations)
{
        if (!observations)
                return;
        free(observations->items);
        free(observations->digests);
        free(observations->strings);
        free(observations);
}

size_t observations_count(const struct observations *observations)
{
        return observations->count;
}

/* ---- bytes ---- */

int observations_write(const struct observations *observations, struct buf *ret)
{
        const struct header header = { .magic = MAGIC,
                                       .version = VERSION,
                                       .count = observations->count,
                                       .digest_count = observations->digest_count,
                                       .strings_size = observations->strings_size };

        if (buf_append(ret, &header, sizeof(header)) < 0 ||
            buf_append(ret, observations->items,
                       observations->count * sizeof(*observations->items)) < 0 ||
            buf_append(ret, observations->digests,
                       observations->digest_count * sizeof(*observations->digests)) < 0 ||
            buf_append(ret, observations->strings, observations->strings_size) < 0)
                return -ENOMEM;
        return 0;
}

static bool is_sound(const struct observations *observations)
{
        uint32_t digests = 0, size = observations->strings_size;

        if (observations->count == 0 || size == 0 || observations->strings[size - 1] != '\0')
                return false;
        for (uint32_t i = 0; i < observations->count; i++) {
                const struct seen *seen = &observations->items[i];

                if ((i > 0 && seen->parent >= i) || seen->name >= size || seen->digest != digests ||
                    seen->uses & ~(uint32_t)TRACE_DIGESTED)
                        return false;
                digests += digests_of(seen);
                if (digests > observations->digest_count)
                        return false;
        }
        return digests == observations->digest_count;
}

static void *copy_of(const char **at, size_t size)
{
        void *copy = malloc(size + !size);

        if (copy)
                memcpy(copy, *at, size);
        *at += size;
        return copy;
}

int observations_read(const void *data, size_t len, struct observations **ret)
{
        struct observations *observations;
        const char *at = data;
        struct header header;
        size_t items, digests;

        if (len < sizeof(header))
                return -EBADMSG;
        memcpy(&header, at, sizeof(header));
        items = header.count * sizeof(*observations->items);
        digests = header.digest_count * sizeof(*observations->digests);
        if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 || header.version != VERSION ||
            header.count > TRACE_NAMES_MAX ||
            len != sizeof(header) + items + digests + header.strings_size)
                return -EBADMSG;
        observations = calloc(1, sizeof(*observations));
        if (!observations)
                return -ENOMEM;
        at += sizeof(header);
        observations->count = header.count;
        observations->digest_count = header.digest_count;
        observations->strings_size = header.strings_size;
        observations->items = copy_of(&at, items);
        observations->digests = copy_of(&at, digests);
        observations->strings = copy_of(&at, header.strings_size);
        if (!observations->items || !observations->digests || !observations->strings ||
            !is_sound(observations)) {
                bool sound = observations->items && observations->digests && observations->strings;

                observations_free(observations);
                return sound ? -EBADMSG : -ENOMEM;
        }
        *ret = observations;
        return 0;
}

/* ---- distrust ---- */

static bool could_be_seen(const struct observations *observations, uint32_t at)
{
        const struct seen *seen = &observations->items[at];
        const char *name = observations->strings + seen->name;
        size_t len = strlen(name);

        if (seen->uses & ~uses_of(seen->value.mode))
                return false;
        if (at == 0)
                return len == 0 && S_ISDIR(seen->value.mode);
        return len > 0 && len <= TREE_NAME_MAX && !strchr(name, '/') &&
               !path_name_is_dot(name, len);
}

int observations_distrust(const struct observations *observations, struct error *err)
{
        struct seen_list list = { .key = hash_key() };
        int r = 0;

        for (uint32_t i = 0; i < observations->count && r == 0; i++) {
                const struct seen *seen = &observations->items[i];
                bool sound = could_be_seen(observations, i);
                uint32_t number = 0;

                if (sound)
                        r = seen_add(&list, seen->parent, observations->strings + seen->name,
                                     &number);
                if (r == 0 && (!sound || number != i))
                        r = error_set(err, -EBADMSG, "its observations are damaged");
        }
        seen_list_done(&list);
        return r == -ENOMEM ? error_set_oom(err) : r;
}

/* ---- comparing ---- */

static int add_path(const struct observations *observations, uint32_t at, struct buf *ret)
{
        uint32_t way[512], depth = 0;

        for (; at != 0 && depth < 512; at = observations->items[at].parent)
                way[depth++] = at;
        if (depth == 0)
                return buf_append_char(ret, '/');
        while (depth > 0)
                if (buf_append_char(ret, '/') < 0 ||
                    buf_append_str(ret, observations->strings +
                                                observations->items[way[--depth]].name) < 0)
                        return -ENOMEM;
        return 0;
}

static const char *difference_of(const struct seen_value *was, const struct seen_value *is)
{
        if (was->mode == 0)
                return "is there now";
        if (is->mode == 0)
                return "is not there any more";
        if ((was->mode & S_IFMT) != (is->mode & S_IFMT))
                return "is of another type";
        if (was->mode != is->mode)
                return "has another mode";
        if (was->uid != is->uid || was->gid != is->gid)
                return "has another owner";
        if (was->size != is->size)
                return "has another size";
        return was->nlink != is->nlink || was->same != is->same ? "has other hard links"
                                                                : "is another device";
}

static const char *digest_difference(const struct seen *seen, unsigned which)
{
        static const char *const texts[] = { "leads elsewhere", "lists other names",
                                             "has another content", "has other extended attributes",
                                             "has another time" };
        const bool has[DIGESTS_MAX] = { S_ISLNK(seen->value.mode), seen->uses & TRACE_LISTED,
                                        seen->uses & TRACE_READ, seen->uses & TRACE_XATTRS,
                                        seen->uses & TRACE_TIMED };

        for (unsigned i = 0; i < DIGESTS_MAX; i++)
                if (has[i] && which-- == 0)
                        return texts[i];
        return "differs";
}

static int check_name(const struct observations *observations, struct answers *answers, uint32_t at,
                      const char **ret_difference, struct error *err)
{
        const struct seen *seen = &observations->items[at];
        struct digest digests[DIGESTS_MAX];
        struct seen_value value;
        int r = answer_name(answers, observations->items, at, observations->strings + seen->name,
                            &value);

        if (r < 0)
                return error_set_errno(err, r, "cannot look at a tree");
        if (memcmp(&value, &seen->value, sizeof(value)) != 0) {
                *ret_difference = difference_of(&seen->value, &value);
                return 0;
        }
        r = answer_digests(answers, observations->items, at, digests, err);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < digests_of(seen); i++) {
                if (digest_equal(&digests[i], &observations->digests[seen->digest + i]))
                        continue;
                *ret_difference = digest_difference(seen, i);
                return 0;
        }
        return 1;
}

int observations_check(const struct observations *observations, struct tree *tree,
                       size_t differences_max, struct buf *ret_differences, struct error *err)
{
        struct answers answers = { .tree = tree };
        size_t differences = 0;
        bool equal = true;
        int r = 0;

        for (uint32_t i = 0; i < observations->count && r >= 0 && differences < differences_max;
             i++) {
                const char *difference = NULL;

                r = check_name(observations, &answers, i, &difference, err);
                equal &= r != 0;
                /* What is not there any more is told without what was in it. */
                if (r == 0 && (i == 0 || answers.inodes[observations->items[i].parent] != 0) &&
                    (buf_append_str(ret_differences, differences++ > 0 ? "; " : "") < 0 ||
                     add_path(observations, i, ret_differences) < 0 ||
                     buf_append_char(ret_differences, ' ') < 0 ||
                     buf_append_str(ret_differences, difference) < 0))
                        r = error_set_oom(err);
        }
        answers_done(&answers);
        return r < 0 ? r : equal;
}
