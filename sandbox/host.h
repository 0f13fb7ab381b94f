/*
 * What the sandboxes of a process share: private to the sandbox.
 *
 * Invariant: nothing in it changes after sandbox_host_new(), so threads share it without a lock.
 */
#pragma once

#include "base/buf.h"
#include "sandbox/sandbox.h"

#include "subid.h"
#include "wire.h"

struct sandbox_host {
        int image_fd;         /* the helper program, executable and of no name */
        int network_image_fd; /* likewise, the program of a private network */
        int tun;              /* 0, or why /dev/net/tun cannot be opened */
        enum sandbox_users users;
        enum sandbox_emulation emulation; /* the most that the kernel can do */
        struct wire_range uid_map[SUBID_RANGES_MAX + 1];
        size_t uid_map_count;
        struct wire_range gid_map[SUBID_RANGES_MAX + 1];
        size_t gid_map_count;
        char *newuidmap; /* owned; NULL with one uid */
        char *newgidmap;
};

/*
 * Makes an executable of the helper that is carried inside this library, on no filesystem where
 * that is possible. Returns its descriptor or a negative errno with `err` set.
 */
int image_open(struct error *err);
int image_open_network(struct error *err);

/* Looks for a program of the host, in PATH and where distributions have it. Returns NULL if there
 * is none; the caller frees it. */
char *host_find_program(const char *name);

/*
 * Writes the specification for the helper; `mark` is as sandbox_execute() has it. `ret_sources` has
 * the descriptors that it begins with from WIRE_SOURCE_FD on: borrowed of the mounts,
 * `ret_source_count` of them. Returns 0 or a negative errno: -EINVAL for what the header of
 * sandbox.h forbids, -E2BIG for what is over a cap.
 */
int spec_write(const struct sandbox_host *host, const struct sandbox_spec *spec, uint32_t mark,
               struct buf *ret, int ret_sources[static SANDBOX_MOUNTS_MAX],
               size_t *ret_source_count, struct error *err);

/* The device number of the sandbox's root, or of mount `number`, counted from 1, where that is a
 * FUSE (else 0), as stat(2) in it shows it; known after sandbox_go(). */
dev_t sandbox_device(const struct sandbox *sandbox, size_t number);
