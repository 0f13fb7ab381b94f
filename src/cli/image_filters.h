/*
 * --filter of images. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "store/images.h"

#include <stdbool.h>
#include <time.h>

struct image_filters {
        struct strv references; /* patterns; one of them has to fit */
        struct strv labels;     /* "KEY" or "KEY=VALUE": all have to fit */
        struct strv no_labels;  /* the same: none may */
        int dangling;           /* 1: only those without a name, 0: only those with one, -1: all */
        struct timespec before; /* only older ones; 0: any */
        struct timespec since;  /* only newer ones; 0: any */
};

#define IMAGE_FILTERS_INIT ((struct image_filters){ .dangling = -1 })

void image_filters_done(struct image_filters *filters);

/*
 * Adds what is written: "dangling=BOOL", "reference=PATTERN", "label=KEY[=VALUE]", "label!=...",
 * "before=IMAGE", "since=IMAGE", "until=TIME". `store` may be NULL: it has no images. -EINVAL;
 * -ENOENT: there is no such image.
 */
int image_filters_parse(struct store *store, const struct strv *written,
                        struct image_filters *filters, struct error *err);

/* Whether an image passes under this name (NULL: none). 1, 0, or a negative errno: a pattern is
 * none. */
int image_filters_pass(const struct image_filters *filters, const struct store *store,
                       const struct stored_image *image, const char *name, struct error *err);

/* Whether there is the label "KEY", or "KEY=VALUE" with this value. */
bool labels_fit(const struct strmap *labels, const char *written);

/* "90m", "1h30m", "30d": as long ago; or RFC 3339, a date, or seconds since 1970. -EINVAL. */
int filter_parse_until(const char *text, time_t *ret, struct error *err);

/* Removes the images that pass, with all their names, and prints which (cmd_image_prune.c). */
int image_prune(struct store *store, const struct image_filters *filters, size_t *ret_count,
                struct error *err);
