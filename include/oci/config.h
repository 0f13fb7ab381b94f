/*
 * Image configs: floor 1.
 *
 * OCI image-spec, config.md, with what Docker adds (Healthcheck, OnBuild, Shell). Members that are
 * not known here are kept as they were, so a config made from a base's loses nothing.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "oci/digest.h"
#include "oci/platform.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Durations are in nanoseconds, 0 where the default holds. */
struct healthcheck {
        struct strv test; /* {"NONE"}, {"CMD", ...} or {"CMD-SHELL", text} */
        int64_t interval_ns;
        int64_t timeout_ns;
        int64_t start_period_ns;
        int64_t start_interval_ns;
        int64_t retries;
};

struct image_history {
        bool has_created;
        struct timespec created;
        char *created_by; /* NULL where empty, as the others; owned */
        char *author;
        char *comment;
        bool empty_layer;
};

/* Everything is owned; a string that is empty or absent is NULL. */
struct image_config {
        bool has_created;
        struct timespec created;
        char *author;
        struct platform platform;

        char *user;
        struct strv exposed_ports; /* a set: "80/tcp" */
        struct strv env;           /* "NAME=value" */
        struct strv entrypoint;
        struct strv cmd;
        struct strv volumes; /* a set of paths */
        char *working_dir;
        struct strmap labels;
        char *stop_signal;
        bool args_escaped;
        struct healthcheck *healthcheck; /* NULL where there is none */
        struct strv on_build;
        struct strv shell;

        struct digest *diff_ids; /* lowest layer first */
        size_t diff_id_count;
        struct image_history *history;
        size_t history_count;

        json_t *other;        /* members of the document that are not known here, or NULL */
        json_t *other_config; /* the same of its "config" */
};

#define IMAGE_CONFIG_INIT ((struct image_config){ .author = NULL })

/* Returns 0, -EBADMSG, -EFBIG above MANIFEST_BYTES_MAX, or -ENOMEM. */
int image_config_parse(const void *data, size_t len, struct image_config *ret, struct error *err);
void image_config_done(struct image_config *config);

/* A deep copy. Returns 0 or -ENOMEM. */
int image_config_copy(const struct image_config *from, struct image_config *ret);

/*
 * Appends the config's text: the same config gives the same bytes. Members stand in the order in
 * which Docker writes them: those of the document sorted by name, those of "config" as Go declares
 * them; sets and maps are sorted. Returns 0 or -ENOMEM.
 */
int image_config_write(const struct image_config *config, struct buf *ret, struct error *err);

/* Each appends to its list. Returns 0 or -ENOMEM. */
int image_config_add_diff_id(struct image_config *config, const struct digest *diff_id);
int image_config_add_history(struct image_config *config, const struct image_history *entry);

/* Sets an owned string member: `text` is copied, NULL or "" clears it. Returns 0 or -ENOMEM. */
int image_config_set(char **member, const char *text);

/* Adds to a set (exposed_ports, volumes) what is not in it. Returns 0 or -ENOMEM. */
int image_config_add_to_set(struct strv *set, const char *text);

void healthcheck_free(struct healthcheck *healthcheck);
