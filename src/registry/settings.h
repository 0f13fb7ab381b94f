/*
 * The one settings file of registries. Private to src/registry/.
 *
 *     # comment
 *     insecure HOST             plain http, and certificates that nobody vouches for, are allowed
 *     mirror PREFIX LOCATION    pulls of PREFIX (HOST, HOST/PATH) try LOCATION first
 *     search HOST               where names without a host are looked for, instead of docker.io
 *     block HOST                never asked
 *     stall SECONDS             how long nothing may move (60)
 *
 * A HOST is as references have it: "localhost:5000", "[::1]:5000". It is kept, and to be looked
 * for, in the spelling of host_normalize().
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_BYTES_MAX   ((size_t)1 << 20)
#define SETTINGS_STALL_S     60
#define SETTINGS_STALL_S_MAX 3600

struct settings {
        struct strv insecure;
        struct strv mirrors; /* PREFIX, LOCATION, PREFIX, LOCATION, ... */
        struct strv search;
        struct strv block;
        long stall_s;
};

#define SETTINGS_INIT ((struct settings){ .stall_s = SETTINGS_STALL_S })

void settings_done(struct settings *settings);

/* Reads the text of the file; `name` is for errors. Returns 0, -ENOMEM, or -EINVAL with an error
 * that names the line. */
int settings_parse(const char *text, const char *name, struct settings *ret, struct error *err);

/* Reads $VARVE_REGISTRIES; else $XDG_CONFIG_HOME/varve/registries (~/.config/varve/registries);
 * else /etc/varve/registries. That there is none is no error. */
int settings_load(struct settings *ret, struct error *err);
