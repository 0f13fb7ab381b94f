#include "copy.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/match.h"
#include "dockerfile/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void copy_items_done(struct copy_items *items)
{
        for (size_t i = 0; i < items->count; i++) {
                free(items->items[i].path);
                free(items->items[i].target);
                free(items->items[i].name);
        }
        free(items->items);
        *items = (struct copy_items){ .items = NULL };
}

/* Appends an item; owns `path` and `target`, where NULL stands for memory that had run out. */
static int add_item(struct copy_items *list, const struct copy_stat *st, char *path, char *target,
                    bool is_destination)
{
        struct copy_item *items = list->items;

        if (path && target && list->count == list->cap) {
                size_t cap = list->cap ? list->cap * 2 : 64;

                items = reallocarray(items, cap, sizeof(*items));
                if (items) {
                        list->items = items;
                        list->cap = cap;
                }
        }
        if (!path || !target || !items) {
                free(path);
                free(target);
                return -ENOMEM;
        }
        items[list->count++] = (struct copy_item){
                .path = path, .target = target, .st = *st, .is_destination = is_destination
        };
        return 0;
}

static void drop_last(struct copy_items *list)
{
        struct copy_item *item = &list->items[--list->count];

        free(item->path);
        free(item->target);
}

static char *join(const char *dir, const char *name)
{
        size_t len = strlen(dir);
        char *path;

        if (asprintf(&path, "%s%s%s", dir, len > 0 && dir[len - 1] != '/' ? "/" : "", name) < 0)
                return NULL;
        return path;
}

/* ---- directories ---- */

struct walk {
        const struct copy_rules *rules;
        struct copy_items *items;
        unsigned depth;
        size_t base_len;              /* of the source's path, and the slash behind it */
        const struct ignore *include; /* of --parents: what of the source is taken; NULL for all */
};

/* Whether --exclude or --parents leave out a path below the source. */
static bool is_filtered(const struct walk *walk, const char *path)
{
        const char *below = path + walk->base_len;

        return (walk->rules->exclude && ignore_matches(walk->rules->exclude, below)) ||
               (walk->include && !ignore_matches(walk->include, below));
}

/* Whether nothing below a directory that is filtered can be taken either. */
static bool is_filtered_whole(const struct walk *walk, const char *path)
{
        const struct ignore *exclude = walk->rules->exclude;

        return exclude && !ignore_has_exceptions(exclude) &&
               ignore_matches(exclude, path + walk->base_len);
}

static int walk_directory(struct walk *walk, const char *path, const char *target,
                          const struct ignore_scope *scope, struct error *err);

/* A directory below the one whose contents are copied. */
static int walk_subdirectory(struct walk *walk, const char *path, const char *target,
                             const struct copy_stat *st, const struct ignore_scope *parent,
                             struct error *err)
{
        const struct ignore *ignore = walk->rules->source->ignore;
        struct ignore_scope *scope = NULL;
        size_t before = walk->items->count;
        bool left_out = false;
        int r = 0;

        if (is_filtered_whole(walk, path))
                return 0;
        if (ignore && ignore_enter(ignore, parent, path, &scope, &left_out) < 0)
                return error_set_oom(err);
        if (!left_out || !ignore_scope_is_uniform(scope)) {
                left_out |= is_filtered(walk, path);
                if (add_item(walk->items, st, strdup(path), strdup(target), false) < 0)
                        r = error_set_oom(err);
                if (r == 0)
                        r = walk_directory(walk, path, target, scope, err);
                /* One that is left out goes in for the sake of what it holds. */
                if (r == 0 && left_out && walk->items->count == before + 1)
                        drop_last(walk->items);
        }
        ignore_scope_free(scope);
        return r;
}

static int walk_entry(struct walk *walk, const char *path, const char *target,
                      const struct copy_stat *st, const struct ignore_scope *scope,
                      struct error *err)
{
        if (S_ISDIR(st->mode))
                return walk_subdirectory(walk, path, target, st, scope, err);
        /* A socket is no content: others skip it as well. */
        if (!S_ISSOCK(st->mode) &&
            add_item(walk->items, st, strdup(path), strdup(target), false) < 0)
                return error_set_oom(err);
        return 0;
}

/* A directory that is scanned. */
struct walk_scan {
        const struct walk *walk;
        const char *path;
        const struct ignore_scope *scope;
        bool no_memory;
};

static bool leaves_out(void *context, const char *name)
{
        struct walk_scan *scan = context;
        const struct ignore *ignore = scan->walk->rules->source->ignore;
        _cleanup_free_ char *path = NULL;

        if (!ignore && !scan->walk->rules->exclude && !scan->walk->include)
                return false;
        path = join(scan->path, name);
        scan->no_memory |= !path;
        return path && ((ignore && ignore_test(ignore, scan->scope, path)) ||
                        is_filtered(scan->walk, path));
}

static int walk_directory(struct walk *walk, const char *path, const char *target,
                          const struct ignore_scope *scope, struct error *err)
{
        struct walk_scan scan = { .walk = walk, .path = path, .scope = scope };
        struct copy_entries entries = { .items = NULL };
        int r;

        if (walk->depth >= COPY_DEPTH_MAX)
                return error_set(err, -ELOOP, "%.200s...: directories nest more than %d deep", path,
                                 COPY_DEPTH_MAX);
        walk->depth++;
        r = copy_source_scan(walk->rules->source, path, leaves_out, &scan, &entries, err);
        if (r == 0 && scan.no_memory)
                r = error_set_oom(err);
        for (size_t i = 0; i < entries.count && r == 0; i++) {
                const struct copy_entry *entry = &entries.items[i];
                _cleanup_free_ char *child = join(path, entry->name);
                _cleanup_free_ char *child_target = join(target, entry->name);

                r = child && child_target
                            ? walk_entry(walk, child, child_target, &entry->st, scope, err)
                            : error_set_oom(err);
        }
        walk->depth--;
        copy_entries_done(&entries);
        return r;
}

/* The scope of a directory of the context, by way of those above it. */
static int enter_scopes(const struct ignore *ignore, const char *path, struct ignore_scope **ret,
                        size_t *ret_count, size_t max, struct error *err)
{
        const char *at = path, *name;
        size_t len;

        *ret_count = 0;
        while (ignore && (len = path_next(&at, &name)) > 0) {
                _cleanup_free_ char *prefix = strndup(path, (size_t)(at - path));
                bool left_out;

                if (*ret_count == max)
                        return error_set(err, -ELOOP, "%.200s...: directories nest too deep", path);
                if (!prefix || ignore_enter(ignore, *ret_count ? ret[*ret_count - 1] : NULL, prefix,
                                            &ret[*ret_count], &left_out) < 0)
                        return error_set_oom(err);
                ++*ret_count;
        }
        return 0;
}

static int copy_contents(struct walk *walk, const char *path, const struct copy_stat *st,
                         const char *target, struct error *err)
{
        struct ignore_scope *scopes[256];
        size_t count = 0;
        int r;

        if (add_item(walk->items, st, strdup(path), strdup(target), true) < 0)
                return error_set_oom(err);
        walk->base_len = strlen(path) + (*path != '\0');
        r = enter_scopes(walk->rules->source->ignore, path, scopes, &count, ARRAY_SIZE(scopes),
                         err);
        if (r == 0)
                r = walk_directory(walk, path, target, count ? scopes[count - 1] : NULL, err);
        while (count > 0)
                ignore_scope_free(scopes[--count]);
        return r;
}

/* ---- sources ---- */

static bool is_left_out(const struct copy_source *source, const char *path)
{
        return source->ignore && *path && ignore_matches(source->ignore, path);
}

/* `hidden` is what the pattern meets: what is asked for, or where it leads. */
static int refuse_left_out(const char *path, const char *hidden, struct error *err)
{
        if (strcmp(path, hidden) == 0)
                error_set(err, -ENOENT, "%s is left out by .dockerignore", path);
        else
                error_set(err, -ENOENT, "%s leads to %s, which is left out by .dockerignore", path,
                          hidden);
        return error_hint(err, "Take the pattern out of it, or add \"!%s\".", hidden);
}

/* Of a directory that is left out some things may be taken in again: then it goes in for their
 * sake. Returns 1, or 0 where there are none. */
static int copy_left_out(struct walk *walk, const char *path, const struct copy_stat *st,
                         struct error *err)
{
        struct copy_items *items = walk->items;
        size_t before = items->count;
        int r;

        if (!S_ISDIR(st->mode) || !ignore_has_exceptions(walk->rules->source->ignore))
                return 0;
        r = copy_contents(walk, path, st, walk->rules->destination, err);
        if (r < 0 || items->count > before + 1)
                return r < 0 ? r : 1;
        drop_last(items);
        return 0;
}

/* A source as it lies there, `name` being what it was found as. */
static int add_real(struct walk *walk, const char *real, const char *name,
                    const struct copy_stat *st, struct error *err)
{
        const struct copy_rules *rules = walk->rules;
        struct copy_item *item;
        int archive = 0;

        if (S_ISDIR(st->mode))
                return copy_contents(walk, real, st, rules->destination, err);
        if (S_ISSOCK(st->mode))
                return error_set(err, -EINVAL, "%s is a socket, which cannot be copied", real);
        if (rules->unpacks && S_ISREG(st->mode))
                archive = copy_is_archive(rules->source, real, err);
        if (archive < 0)
                return archive;
        if (add_item(walk->items, st, strdup(real), strdup(rules->destination), false) < 0)
                return error_set_oom(err);
        item = &walk->items->items[walk->items->count - 1];
        item->unpack = archive > 0;
        item->name = archive ? NULL : strdup(name);
        return archive || item->name ? 0 : error_set_oom(err);
}

/* A source that was found, and where it leads. What is left out is not there, by whatever name it
 * is asked for; a wildcard passes over it, unless it comes by a link that is not left out. */
static int add_source(struct walk *walk, const char *path, bool by_wildcard, struct error *err)
{
        const struct copy_source *source = walk->rules->source;
        bool is_hidden = is_left_out(source, path);
        _cleanup_free_ char *real = NULL;
        struct error failed = ERROR_INIT;
        struct copy_stat st;
        int r;

        r = copy_source_resolve(source, path, &real, &failed);
        if (r == 0)
                r = copy_source_stat(source, real, &st, &failed);
        if (r < 0 && is_hidden && by_wildcard)
                return 0;
        if (r == -ENOENT && !error_is_set(&failed))
                return error_set(err, r, "%s is a link to what is not there", path);
        if (r < 0) {
                *err = failed;
                return r;
        }
        if (!is_left_out(source, real))
                return !is_hidden    ? add_real(walk, real, path_base(path), &st, err)
                       : by_wildcard ? 0
                                     : refuse_left_out(path, path, err);
        r = copy_left_out(walk, real, &st, err);
        if (r == 0 && !(is_hidden && by_wildcard))
                r = refuse_left_out(path, real, err);
        return r < 0 ? r : 0;
}

/* What a person needs to know of a source that is not there. */
static int tell_missing(const struct copy_source *source, const char *path, const char *written,
                        struct error *err)
{
        const char *root =
                source->tree ? "root of what is copied from" : "build's context, the last argument";
        struct error ignored = ERROR_INIT;
        struct buf link = BUF_INIT;
        struct copy_stat st;

        if (copy_source_stat(source, path, &st, &ignored) == 0 && S_ISLNK(st.mode) &&
            copy_source_readlink(source, path, &link, &ignored) == 0) {
                error_set(err, -ENOENT, "%s is a link to %s, which is not there", written,
                          buf_str(&link));
                error_hint(err, "Links are followed inside the %s.", root);
        } else {
                error_set(err, -ENOENT, "%s is not there", written);
                error_hint(err, "Paths are relative to the %s.", root);
        }
        buf_done(&link);
        return err->code;
}

static int add_literal(struct walk *walk, const char *path, const char *written, struct error *err)
{
        const struct copy_source *source = walk->rules->source;
        _cleanup_free_ char *real = NULL;
        struct copy_stat st;
        int r;

        r = copy_source_resolve(source, path, &real, err);
        if (r == 0)
                r = copy_source_stat(source, real, &st, err);
        if (r == -ENOENT && !error_is_set(err))
                return tell_missing(source, path, written, err);
        return r < 0 ? r : add_source(walk, path, false, err);
}

/* A file that a wildcard has found is left out by its name. */
static bool is_excluded_file(const struct walk *walk, const char *path)
{
        struct error ignored = ERROR_INIT;
        struct copy_stat st;

        return walk->rules->exclude && ignore_matches(walk->rules->exclude, path_base(path)) &&
               copy_source_stat(walk->rules->source, path, &st, &ignored) == 0 && !S_ISDIR(st.mode);
}

static bool is_no_match(void *match, const char *name)
{
        return !match_test(match, name, strlen(name));
}

/* Matches the components of a pattern, one directory after another. */
static int add_matches(struct walk *walk, const char *dir, const char *pattern, struct error *err)
{
        const struct copy_source *source = walk->rules->source;
        const char *rest = pattern, *begin;
        size_t len = path_next(&rest, &begin);
        _cleanup_free_ char *component = strndup(begin, len);
        struct copy_entries entries = { .items = NULL };
        struct match *match = NULL;
        bool last = rest[strspn(rest, "/")] == '\0';
        int r;

        if (!component)
                return error_set_oom(err);
        r = match_new(component, false, &match, err);
        if (r == 0)
                r = copy_source_scan(source, dir, is_no_match, match, &entries, err);
        for (size_t i = 0; i < entries.count && r == 0; i++) {
                const char *name = entries.items[i].name;
                _cleanup_free_ char *path = join(dir, name);
                _cleanup_free_ char *real = NULL;
                struct copy_stat st;

                if (!path) {
                        r = error_set_oom(err);
                } else if (is_no_match(match, name)) {
                        continue;
                } else if (last) {
                        if (is_excluded_file(walk, path))
                                continue;
                        r = add_source(walk, path, true, err);
                } else {
                        struct error skipped = ERROR_INIT;

                        if (copy_source_resolve(source, path, &real, &skipped) == 0 &&
                            copy_source_stat(source, real, &st, &skipped) == 0 && S_ISDIR(st.mode))
                                r = add_matches(walk, real, rest, err);
                }
        }
        match_free(match);
        copy_entries_done(&entries);
        return r;
}

static int add_written(struct walk *walk, const char *written, struct error *err)
{
        _cleanup_free_ char *rooted = path_resolve("/", written);
        const char *path;

        if (!rooted)
                return error_set_oom(err);
        path = rooted + 1;
        if (!walk->rules->is_literal && match_has_wildcard(path))
                return add_matches(walk, "", path, err);
        if (!walk->rules->is_literal)
                match_unescape(path, rooted + 1);
        return add_literal(walk, path, written, err);
}

/* ---- --parents ---- */

/* Refuses a link on the way to the first wildcard of a pattern: the walk does not follow it, and
 * would find nothing. What of `base` is not there is told elsewhere. */
static int check_no_links(const struct walk *walk, const char *base, const char *pattern,
                          struct error *err)
{
        _cleanup_free_ char *rooted = path_resolve("/", base), *real = NULL;
        const char *rest = pattern, *begin;
        struct error ignored = ERROR_INIT;
        size_t len;

        if (!rooted)
                return error_set_oom(err);
        if (match_has_wildcard(base) ||
            copy_source_resolve(walk->rules->source, rooted + 1, &real, &ignored) < 0)
                return 0;
        while ((len = path_next(&rest, &begin)) > 0 && rest[strspn(rest, "/")] != '\0') {
                _cleanup_free_ char *below = strndup(pattern, (size_t)(begin + len - pattern));
                _cleanup_free_ char *path = below ? join(real, below) : NULL;
                struct copy_stat st;

                if (!path)
                        return error_set_oom(err);
                if (match_has_wildcard(below))
                        return 0;
                match_unescape(path, path);
                if (copy_source_stat(walk->rules->source, path, &st, &ignored) < 0)
                        return 0;
                if (S_ISLNK(st.mode)) {
                        error_set(err, -EINVAL, "--parents follows no links, and %s is one", path);
                        return error_hint(err, "Name the directory that it leads to.");
                }
        }
        return 0;
}

/* With no wildcard in it, what is asked for has to be there. */
static int check_required(const struct walk *walk, const char *base, const char *pattern,
                          const char *written, struct error *err)
{
        _cleanup_free_ char *path = NULL, *real = NULL;
        int r;

        if (match_has_wildcard(base) || match_has_wildcard(pattern))
                return 0;
        if (asprintf(&path, "%s/%s", base, pattern) < 0) {
                path = NULL;
                return error_set_oom(err);
        }
        match_unescape(path, path);
        r = copy_source_resolve(walk->rules->source, path, &real, err);
        return r == -ENOENT && !error_is_set(err)
                       ? tell_missing(walk->rules->source, path, written, err)
                       : r;
}

/*
 * What stands before "/./" is a source whose contents are copied, as far as the pattern behind it
 * takes them; without it that is the root.
 */
static int add_parents(struct walk *walk, const char *written, struct error *err)
{
        const char *pivot = strstr(written, "/./");
        _cleanup_free_ char *base =
                pivot ? strndup(written, (size_t)(pivot - written)) : strdup("");
        _cleanup_free_ char *rest = path_resolve("/", pivot ? pivot + 3 : written);
        struct ignore *include = NULL;
        const char *pattern;
        int r;

        if (!base || !rest)
                return error_set_oom(err);
        pattern = rest + 1;
        r = check_no_links(walk, base, pattern, err);
        if (r == 0)
                r = check_required(walk, base, pattern, written, err);
        if (r == 0 && *pattern)
                r = ignore_new(&pattern, 1, &include, err);
        walk->include = include;
        if (r == 0)
                r = add_written(walk, *base ? base : "/", err);
        walk->include = NULL;
        ignore_free(include);
        return r;
}

/* Whether not all sources are read together. */
static bool are_several_parts(const struct instruction_copy *copy)
{
        bool has_local = false, has_remote = false;

        for (size_t i = 0; i < copy->sources.count; i++) {
                struct error ignored = ERROR_INIT;
                struct arena arena = ARENA_INIT;
                enum source_kind kind = SOURCE_PATH;
                struct git_source git;

                /* What is wrong about it is told when it is got. */
                source_parse(copy->sources.items[i], false, &arena, &kind, &git, &ignored);
                has_local |= kind == SOURCE_PATH;
                has_remote |= kind != SOURCE_PATH;
                arena_done(&arena);
        }
        return (has_remote && copy->sources.count + copy->file_count > 1) ||
               (has_local && copy->file_count > 0);
}

bool copy_names_directory(const char *written)
{
        size_t len = strlen(written);

        return len == 0 || written[len - 1] == '/' || strcmp(written, ".") == 0 ||
               (len > 1 && strcmp(written + len - 2, "/.") == 0);
}

int copy_check_parts(const struct instruction_copy *copy, struct error *err)
{
        if (copy_names_directory(copy->destination) || !are_several_parts(copy))
                return 0;
        error_set(err, -EINVAL, "several files cannot be copied to the one name %s",
                  copy->destination);
        return error_hint(err, "End it with a slash to say that it is a directory.");
}

int copy_find(const struct copy_rules *rules, struct copy_items *ret, struct error *err)
{
        struct walk walk = { .rules = rules, .items = ret };
        int r = 0;

        *ret = (struct copy_items){ .items = NULL };
        for (size_t i = 0; i < rules->source_count && r == 0; i++)
                r = rules->parents ? add_parents(&walk, rules->sources[i], err)
                                   : add_written(&walk, rules->sources[i], err);
        if (r < 0)
                copy_items_done(ret);
        return r;
}
