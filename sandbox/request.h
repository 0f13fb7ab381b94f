/*
 * One intercepted call: private to the emulation (emulate.c).
 *
 * A request is of a process that waits in the kernel. Whatever is read of it may be a lie, and may
 * change while it is looked at; request_is_alive() tells whether what was read belonged to it.
 */
#pragma once

#include "credentials.h"
#include "executions.h"
#include "filter.h"
#include "walk.h"

#include "sandbox/emulate.h"

#include <stdatomic.h>
#include <sys/types.h>

/* Bytes of /proc/PID/status that are read. */
#define REQUEST_STATUS_MAX (64 * 1024)

/* What a handler returns instead of 0 or a negative errno: the kernel shall do the call itself. */
#define REQUEST_PASS 1

/* The command and those that are executed beside it, at a time. */
#define EMULATE_LISTENERS_MAX 129

struct emulator {
        bool single;          /* else devices alone are emulated */
        pthread_mutex_t lock; /* of the listeners, which other threads may add */
        int listeners[EMULATE_LISTENERS_MAX];
        size_t listener_count;
        atomic_bool stopping;
        int wake_fd; /* an eventfd: readable when there is another listener, or none any more */
        pthread_t thread;
        bool started;
        struct walk_mount *mounts; /* owned */
        size_t mount_count;
        struct strv mount_paths; /* of all but the first */
        struct credentials_table table;
        atomic_bool ids_differ;     /* some process may not be root */
        atomic_bool has_more_users; /* some process had other ids than the first one */
        atomic_bool has_chroots;    /* some process may have another root */
        struct executions executions;
        _Atomic uint64_t answered;
        _Atomic uint64_t passed;

        /* Room for the supervisor's thread alone. */
        struct credentials next;
        struct walk_place place;
        char path[PATH_MAX];
};

struct request {
        struct emulator *emulator;
        int listener_fd;
        uint64_t id;
        pid_t pid; /* of the thread */
        enum emulate_call call;
        const uint64_t *args;
        int64_t value; /* what the call returns, where the handler returns 0 */
};

/* The handlers of calls. Each returns 0, a negative errno or REQUEST_PASS. */
int emulate_chown(struct request *request);
int emulate_fchown(struct request *request);
int emulate_fchownat(struct request *request);
int emulate_mknod(struct request *request);
int emulate_setxattr(struct request *request);
int emulate_stat(struct request *request);
int emulate_fstat(struct request *request);
int emulate_fstatat(struct request *request);
int emulate_statx(struct request *request);
int emulate_ids(struct request *request);
int emulate_access(struct request *request);
int emulate_execve(struct request *request);
int emulate_chroot(struct request *request);
int emulate_prctl(struct request *request);
int emulate_capset(struct request *request);
int emulate_getsockopt(struct request *request);
int emulate_create(struct request *request);

/* The way from the root, with no start. */
static inline struct walk_origin emulator_origin(const struct emulator *emulator)
{
        return (struct walk_origin){ .root = { emulator->mounts, emulator->mounts[0].tree.root },
                                     .mounts = emulator->mounts,
                                     .mount_count = emulator->mount_count };
}

/* Whether the process still waits in this very call. */
bool request_is_alive(const struct request *request);

/* ---- memory of the process ---- */

/* Each returns 0 or -EFAULT; a string that has no end in `size` bytes is -ENAMETOOLONG. */
int request_read(const struct request *request, uint64_t address, void *ret, size_t size);
int request_read_string(const struct request *request, uint64_t address, char *ret, size_t size);
int request_write(const struct request *request, uint64_t address, const void *data, size_t size);

/* ---- files of the process ---- */

/* Path and descriptor of a call; which arguments they are, the handler knows. */
struct request_target {
        int dirfd;     /* AT_FDCWD or a descriptor of the process */
        uint64_t path; /* an address */
        bool follow;
        bool empty_path; /* an empty path, or none, means the descriptor itself */
};

/*
 * Finds in the trees what a call is about; `ret` is the emulator's own `place`. `searcher` must be
 * allowed to pass, unless NULL. A path that names a descriptor of the process ("/dev/fd/3") becomes
 * the target's `dirfd`. Returns 0 or a negative errno: -EFAULT, -EBADF, and those of walk().
 */
int request_find(const struct request *request, struct request_target *target,
                 const struct credentials *searcher, struct walk_place **ret);

/* As request_find(), of a descriptor. */
int request_find_descriptor(const struct request *request, int fd, struct walk_place **ret);

/* Writes the path by which this process reaches a place that request_find() has found for `target`.
 * Returns 0 or -ENAMETOOLONG. */
int request_path_to(const struct request *request, const struct request_target *target,
                    const struct walk_place *place, char ret[static PATH_MAX]);

/* ---- ids of the process ---- */

/* Of any process, numbered as the caller sees it. They live as long as the emulator. */
const struct credentials *emulator_credentials(struct emulator *emulator, pid_t pid);

const struct credentials *request_credentials(const struct request *request);

/* Gives the process the credentials that `emulator->next` holds; where that is `by_execve`, if the
 * one that the process waits in succeeds. Returns 0 or a negative errno. */
int request_set_credentials(struct request *request, bool by_execve);
