#include "image_filters.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "dockerfile/match.h"
#include "image_info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGO_SECONDS_MAX (1000L * 365 * 24 * 3600)

void image_filters_done(struct image_filters *filters)
{
        strv_done(&filters->references);
        strv_done(&filters->labels);
        strv_done(&filters->no_labels);
}

/* "1h30m". */
static bool parse_ago(const char *text, long *ret_seconds)
{
        static const struct {
                char letter;
                long seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        long total = 0;

        if (!*text)
                return false;
        while (*text) {
                char *rest;
                long number = strtol(text, &rest, 10);
                size_t unit = 0;

                while (unit < ARRAY_SIZE(units) && units[unit].letter != *rest)
                        unit++;
                if (*text < '0' || *text > '9' || unit == ARRAY_SIZE(units) ||
                    number > AGO_SECONDS_MAX / units[unit].seconds || total > AGO_SECONDS_MAX)
                        return false;
                total += number * units[unit].seconds;
                text = rest + 1;
        }
        *ret_seconds = total;
        return true;
}

int filter_parse_until(const char *text, time_t *ret, struct error *err)
{
        struct timespec when;
        char date[CLOCK_TEXT_MAX];
        long ago;
        char *end;

        if (parse_ago(text, &ago)) {
                *ret = time(NULL) - ago;
                return 0;
        }
        when.tv_sec = strtol(text, &end, 10);
        if (*text >= '0' && *text <= '9' && *end == '\0') {
                *ret = when.tv_sec;
                return 0;
        }
        snprintf(date, sizeof(date), "%s%s", text,
                 strlen(text) == strlen("2026-01-02")            ? "T00:00:00Z"
                 : strlen(text) == strlen("2026-01-02T03:04:05") ? "Z"
                                                                 : "");
        if (clock_parse(date, &when) == 0) {
                *ret = when.tv_sec;
                return 0;
        }
        error_set(err, -EINVAL, "until=%s is no time", text);
        return error_hint(err, "Times are such as 90m, 24h, 30d, 2026-01-02 or "
                               "2026-01-02T03:04:05Z.");
}

static int created_of(struct store *store, const char *image, struct timespec *ret,
                      struct error *err)
{
        struct stored_image found;
        int r = store ? store_image_find(store, image, NULL, &found, err)
                      : error_set(err, -ENOENT, "there is no image %s", image);

        if (r < 0)
                return r;
        *ret = found.config.created;
        stored_image_done(&found);
        return 0;
}

static const char *value_of(const char *filter, const char *key)
{
        size_t len = strlen(key);

        return strncmp(filter, key, len) == 0 && filter[len] == '=' ? filter + len + 1 : NULL;
}

static int parse_dangling(const char *value, int *ret, struct error *err)
{
        if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
                *ret = 1;
        else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
                *ret = 0;
        else
                return error_set(err, -EINVAL, "dangling is true or false, not %s", value);
        return 0;
}

static bool is_earlier(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_zero(const struct timespec *time)
{
        return time->tv_sec == 0 && time->tv_nsec == 0;
}

/* Sets the earlier of two ends. */
static void end_at(struct timespec *end, const struct timespec *when)
{
        if (is_zero(end) || is_earlier(when, end))
                *end = *when;
}

static int parse_one(struct store *store, const char *filter, struct image_filters *filters,
                     struct error *err)
{
        const char *value;
        struct timespec when = { .tv_sec = 0 };
        int r;

        if ((value = value_of(filter, "dangling")))
                return parse_dangling(value, &filters->dangling, err);
        if ((value = value_of(filter, "reference")))
                return strv_add(&filters->references, value) < 0 ? error_set_oom(err) : 0;
        if ((value = value_of(filter, "label")))
                return strv_add(&filters->labels, value) < 0 ? error_set_oom(err) : 0;
        if ((value = value_of(filter, "label!")))
                return strv_add(&filters->no_labels, value) < 0 ? error_set_oom(err) : 0;
        if ((value = value_of(filter, "until"))) {
                r = filter_parse_until(value, &when.tv_sec, err);
                end_at(&filters->before, &when);
                return r;
        }
        if ((value = value_of(filter, "before"))) {
                r = created_of(store, value, &when, err);
                end_at(&filters->before, &when);
                return r;
        }
        if ((value = value_of(filter, "since"))) {
                r = created_of(store, value, &when, err);
                if (is_earlier(&filters->since, &when))
                        filters->since = when;
                return r;
        }
        error_set(err, -EINVAL, "there is no filter \"%s\" of images", filter);
        return error_hint(err, "Filters are dangling=, reference=, label=, label!=, before=, "
                               "since= and until=.");
}

int image_filters_parse(struct store *store, const struct strv *written,
                        struct image_filters *filters, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < written->count && r == 0; i++)
                r = parse_one(store, written->items[i], filters, err);
        return r;
}

bool labels_fit(const struct strmap *labels, const char *written)
{
        _cleanup_free_ char *key = strndup(written, strcspn(written, "="));
        const char *value = key ? strmap_get(labels, key) : NULL;

        return value && (!written[strlen(key)] || strcmp(value, written + strlen(key) + 1) == 0);
}

/* A pattern may fit the repository alone, too. */
static int fits_reference(const char *pattern, const char *repository, const char *tag,
                          struct error *err)
{
        _cleanup_free_ char *whole = NULL;
        struct match *match;
        bool fits;
        int r = match_new(pattern, false, &match, err);

        if (r < 0)
                return error_wrap(err, "--filter reference=%s", pattern);
        if (asprintf(&whole, "%s:%s", repository, tag) < 0)
                whole = NULL;
        fits = match_test(match, repository, strlen(repository)) ||
               (whole && match_test(match, whole, strlen(whole)));
        match_free(match);
        return fits;
}

/* What a repository may be called where its host is one that is searched. */
static const char *without_host(const char *repository, const struct strv *hosts)
{
        for (size_t i = 0; i < hosts->count; i++) {
                size_t len = strlen(hosts->items[i]);

                if (strncmp(repository, hosts->items[i], len) == 0 && repository[len] == '/')
                        return repository + len + 1;
        }
        return repository;
}

static int passes_references(const struct image_filters *filters, const struct store *store,
                             const char *name, struct error *err)
{
        _cleanup_free_ char *repository = NULL, *tag = NULL;
        int r = filters->references.count == 0;

        if (r > 0)
                return r;
        if (image_split_name(store, name, &repository, &tag) < 0)
                return error_set_oom(err);
        for (size_t i = 0; i < filters->references.count && r == 0; i++)
                r = fits_reference(filters->references.items[i], repository, tag, err);
        for (size_t i = 0; name && i < filters->references.count && r == 0; i++)
                r = fits_reference(filters->references.items[i],
                                   without_host(repository, store_search(store)), tag, err);
        return r < 0 ? r : r > 0 && name;
}

int image_filters_pass(const struct image_filters *filters, const struct store *store,
                       const struct stored_image *image, const char *name, struct error *err)
{
        const struct timespec *created = &image->config.created;

        if (filters->dangling >= 0 && filters->dangling != !name)
                return 0;
        if ((!is_zero(&filters->before) && !is_earlier(created, &filters->before)) ||
            (!is_zero(&filters->since) && !is_earlier(&filters->since, created)))
                return 0;
        for (size_t i = 0; i < filters->labels.count; i++)
                if (!labels_fit(&image->config.labels, filters->labels.items[i]))
                        return 0;
        for (size_t i = 0; i < filters->no_labels.count; i++)
                if (labels_fit(&image->config.labels, filters->no_labels.items[i]))
                        return 0;
        return passes_references(filters, store, name, err);
}
