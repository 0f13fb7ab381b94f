/*
 * Root emulation: what a step does with more users than there are: floor 2.
 *
 * Where one uid is all there is, the kernel refuses chown, setuid, mknod of devices and their like
 * before any filesystem sees them. A filter hands these calls to a supervisor, a thread of the
 * caller, which knows who the process believes to be and records owners, devices and attributes in
 * the union trees: that of the root, and those mounted into it. The supervisor acts on inodes of
 * these alone, never on a path of the host: a step that swaps names in the meantime can mislabel
 * its own files and nothing else.
 *
 * What is emulated, by mode:
 *   one uid   chown; mknod of devices; trusted.* and security.* attributes; ids of processes, over
 *             fork, execve and setuid programs; stat, access; the owner of what processes make
 *   ranges    mknod of devices: the rest is real
 *
 * What is not:
 *   - Permissions: the kernel lets the one user read and write every file of the step, whatever a
 *     process believes to be; access(2) alone tells the truth.
 *   - Owners of what lies in no tree, as on a tmpfs: a chown there has no effect.
 *   - Threads of one process with different ids.
 *   - /proc/PID/status (ids and capabilities), kill(2), and other places where the kernel itself
 *     shows or compares them.
 *   - stat of 32-bit programs.
 *   - A script with a setuid bit, which the kernel would ignore, is obeyed.
 *
 * Sandbox and filesystem do not know each other: who wires them gives callbacks.
 */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct emulate_node {
        uint64_t ino; /* as fstat(2) in the step shows it */
        uint32_t mode;
        uint32_t uid; /* the declared owner */
        uint32_t gid;
        uint32_t rdev_major; /* of a device */
        uint32_t rdev_minor;
};

/* As an owner of `chown`: leave it as it is. */
#define EMULATE_UNCHANGED UINT32_MAX

/*
 * A tree that is the step's root, or is mounted into it. Each call returns 0 or a negative errno,
 * as the system call of that name, and may be made while the tree is served, but never from a
 * thread that serves it: the supervisor's own lookups are requests to it.
 *
 * What a call changes that the kernel may have seen before, the kernel is told of before it
 * returns: the mode that a chown has taken bits from, the name that a mknod has made.
 */
struct emulate_tree {
        void *context;
        uint64_t root; /* inode of "/", or of what is mounted of the tree */

        /* NULL, or told of each inode that a call begins at, as "/proc/PID/fd/3" and its like lead
         * to it: for a tree whose inodes cannot be found by their numbers. -EXDEV: it is none of
         * the tree's. */
        int (*begin)(void *context, const char *link, uint64_t ino);

        /* `name` is terminated, never empty or "."; ".." is the parent, of "/" itself. */
        int (*lookup)(void *context, uint64_t dir, const char *name, struct emulate_node *ret);
        int (*getattr)(void *context, uint64_t ino, struct emulate_node *ret);
        /* Appends the target. */
        int (*readlink)(void *context, uint64_t ino, struct buf *ret);
        /* Clears setuid, setgid and file capabilities, as the kernel does. */
        int (*chown)(void *context, uint64_t ino, uint32_t uid, uint32_t gid);
        /* Makes a device. `mode` has its type, and the umask taken off. */
        int (*mknod)(void *context, uint64_t dir, const char *name, uint32_t mode, dev_t device,
                     uint32_t uid, uint32_t gid);
        int (*setxattr)(void *context, uint64_t ino, const char *name, const void *value,
                        size_t len, int flags);

        /*
         * NULL both, or, of a root, for a tree that is not told who makes what (a sandbox whose
         * root is SANDBOX_ROOT_DIRECTORY). announce(): thread `pid` is about to make `name`, which
         * is not there yet, and shall belong to these. settle(): what was announced may be there by
         * now; where `pid` itself had announced it, it is or never will be. Called before each
         * call.
         */
        void (*announce)(void *context, pid_t pid, uint64_t dir, const char *name, uint32_t uid,
                         uint32_t gid);
        void (*settle)(void *context, pid_t pid);
};

struct emulator;

/*
 * Makes an emulator for one sandbox. `spec` says who the command begins as, and where something is
 * mounted. `mounted` is NULL, or has the tree of each of the spec's mounts; one without a lookup()
 * is none. All are borrowed for the call, and the trees' contexts for the emulator's life.
 */
int emulator_new(const struct sandbox_host *host, const struct sandbox_spec *spec,
                 const struct emulate_tree *root, const struct emulate_tree *mounted,
                 struct emulator **ret, struct error *err);

/*
 * Answers the sandbox's calls from now on, from a thread of its own. To be called after
 * sandbox_go(), of a sandbox whose `emulation` is RECORD.
 */
int emulator_start(struct emulator *emulator, struct sandbox *sandbox, struct error *err);

/*
 * For a command that is executed in the sandbox later: who it begins as. Yields the mark to give to
 * sandbox_execute(). -EAGAIN: there were too many users; -ENOMEM.
 */
int emulator_add_user(struct emulator *emulator, uint32_t uid, uint32_t gid, const uint32_t *groups,
                      size_t group_count, uint32_t *ret_mark);

/* Answers the calls of such a command too; owns its listener. -EAGAIN: there are too many. From any
 * thread. */
int emulator_add_listener(struct emulator *emulator, int listener_fd);

/* Ends the thread. Calls that come later fail with ENOSYS: the sandbox should be over. */
void emulator_free(struct emulator *emulator);

/*
 * Whose the files are that process `pid` (as a FUSE request numbers it) makes at this moment. May
 * be called from any thread, also before the emulator is started. 0.3 us at most.
 */
void emulator_owner_of(struct emulator *emulator, pid_t pid, uint32_t *ret_uid, uint32_t *ret_gid);

/* Whether any process has had other ids than the command began with. From any thread. */
bool emulator_had_more_users(const struct emulator *emulator);

/* What happened, to be shown: calls answered by the emulator, and those handed back to the kernel.
 */
struct emulator_counts {
        uint64_t answered;
        uint64_t passed;
};
void emulator_counts(const struct emulator *emulator, struct emulator_counts *ret);

DEFINE_CLEANUP(emulator, struct emulator, emulator_free)
