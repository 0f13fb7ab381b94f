/*
 * What a container was made to be: floor 4.
 *
 * The document config.json of its directory: written before anybody can see the container, and
 * again as a whole when that gets another name.
 * What is text here was checked when the container was made, and is read again when it is started.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CONTAINER_ID_DIGITS  64
#define CONTAINER_ID_SHORT   12
#define CONTAINER_MOUNTS_MAX 128
#define CONTAINER_CONFIG_MAX ((size_t)4 << 20)
#define CONTAINER_TIMEOUT_S  10 /* before a container that is to stop is killed */

enum container_mount_type {
        CONTAINER_BIND,   /* `source` is a path of the host */
        CONTAINER_VOLUME, /* `source` is a volume's name */
        CONTAINER_TMPFS,
};

struct container_mount {
        enum container_mount_type type;
        char *source; /* owned; NULL for a tmpfs */
        char *target; /* owned, absolute */
        bool read_only;
        bool makes_source;   /* of -v: a directory of the host that is not there is made */
        bool anonymous;      /* VOLUME: nobody gave it a name; it may go with the container */
        bool no_copy;        /* VOLUME: it gets nothing of the image when it is empty */
        uint64_t size_bytes; /* TMPFS; 0 is half of the memory */
        uint32_t mode;       /* TMPFS */
        bool no_exec;        /* TMPFS */
};

struct container_spec {
        char id[CONTAINER_ID_DIGITS + 1];
        char *name;  /* everything here is owned */
        char *image; /* as it was written */
        char *image_id;
        char *manifest; /* digest of the image's manifest, and its media type */
        char *manifest_type;
        struct timespec created;

        struct strv entrypoint; /* with `cmd` behind it, the command */
        struct strv cmd;
        struct strv env;
        char *workdir;
        char *user;
        char *hostname;
        bool terminal;
        bool open_stdin;
        bool detached;
        bool remove; /* when it is over */
        bool read_only;
        struct strmap labels;
        char *stop_signal;
        int64_t stop_timeout_s; /* -1: for ever */

        char *users; /* "auto", "ranges", "single" */
        char *files; /* "auto", "fuse", "copy" */
        char *network;
        struct strv hosts;
        struct strv dns;
        struct strv ports; /* port.h */
        struct strv exposed;
        struct strv ulimits;
        struct strv security;
        struct strv add_capabilities; /* "NET_ADMIN" */
        struct strv drop_capabilities;
        char *shm_size;
        char *memory;
        char *cpus;
        char *timeout;
        struct container_mount *mounts;
        size_t mount_count;
};

#define CONTAINER_SPEC_INIT ((struct container_spec){ .stop_timeout_s = CONTAINER_TIMEOUT_S })

void container_spec_done(struct container_spec *spec);

/* Appends a mount; owns its parts, also when it fails. Returns 0 or -ENOMEM; -E2BIG. */
int container_spec_add_mount(struct container_spec *spec, struct container_mount *mount);
void container_mount_done(struct container_mount *mount);

/* Appends the whole command. Returns 0 or -ENOMEM. */
int container_spec_argv(const struct container_spec *spec, struct strv *ret);

/* Appends the document. Returns 0 or -ENOMEM. */
int container_spec_write(const struct container_spec *spec, struct buf *ret, struct error *err);

/* -EBADMSG: it is none. */
int container_spec_read(const void *data, size_t len, struct container_spec *ret,
                        struct error *err);
