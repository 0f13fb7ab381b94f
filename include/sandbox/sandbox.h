/*
 * One command in namespaces of its own: floor 2.
 *
 * The caller is a process with threads, so nothing of it runs on after a fork: a small static
 * program that this library carries inside is executed from memory, builds the sandbox and
 * becomes its PID 1. What goes wrong in there comes back as a `struct error`.
 *
 * The way of one command:
 *   sandbox_start()         the namespaces are there, and the filesystem of the root is mounted
 *   sandbox_take_fuse_fd()  where the root is served by the caller: begin serving it now, and what
 *                           sandbox_take_mount_fd() yields
 *   sandbox_go()            mounts the rest into the root and executes the command
 *   sandbox_execute()       executes one more command in it, if it was made for that
 *   sandbox_wait()          until it is over
 *   sandbox_free()          nothing is left: no process, no mount
 *
 * Invariant: every process of a sandbox dies with its PID 1, and PID 1 dies with its caller, even
 * one that is killed by SIGKILL; the mounts go with the last process.
 *
 * The caller must not reap children that it has not made itself (no waitpid(-1)).
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strv.h"
#include "sandbox/cgroup.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Caps of what a specification may hold. */
#define SANDBOX_MOUNTS_MAX 256
#define SANDBOX_GROUPS_MAX 1024
#define SANDBOX_PORTS_MAX  1024
#define SANDBOX_LIMITS_MAX RLIM_NLIMITS
#define SANDBOX_SPEC_MAX   (64 * 1024 * 1024) /* bytes, all strings and contents included */

/* The default capabilities of a Docker container, as bits. */
#define SANDBOX_CAPABILITIES 0xa80425fbULL

/* Which ids of the host a sandbox has. */
enum sandbox_users {
        SANDBOX_USERS_AUTO,   /* ranges where the host offers them, else one */
        SANDBOX_USERS_SINGLE, /* 0 is the caller, and nobody else exists */
        SANDBOX_USERS_RANGES, /* 0 is the caller, 1 and up come from /etc/subuid and /etc/subgid */
};

enum sandbox_root_type {
        SANDBOX_ROOT_FUSE,      /* a FUSE mount that the caller serves */
        SANDBOX_ROOT_DIRECTORY, /* a directory of the host, as it is */
};

enum sandbox_network {
        SANDBOX_NETWORK_HOST,
        SANDBOX_NETWORK_NONE,    /* a loopback interface alone */
        SANDBOX_NETWORK_PRIVATE, /* one of its own, which leads out through a confined process of
                                    varve's (network.h) */
        SANDBOX_NETWORK_PASTA,   /* the same through the host's program pasta(1) */
        SANDBOX_NETWORK_SLIRP4NETNS, /* or slirp4netns(1) */
};

/*
 * What is done about calls that need more ids than there are, or devices: chown, mknod, setuid and
 * their like.
 */
enum sandbox_emulation {
        SANDBOX_EMULATE_NOTHING, /* they fail */
        SANDBOX_EMULATE_FAKE,    /* with one uid: they succeed without effect */
        SANDBOX_EMULATE_RECORD,  /* they are handed to the caller (emulate.h); with ranges, where
                                    owners are real, making a device alone */
};

enum sandbox_mount_type {
        SANDBOX_MOUNT_BIND,  /* `source`, a file or directory of the host with what is mounted in it
                              */
        SANDBOX_MOUNT_TMPFS, /* an empty directory in memory */
        SANDBOX_MOUNT_DATA,  /* a file in memory that holds `data`; nothing of it is on a disk */
        SANDBOX_MOUNT_FUSE,  /* `source` in a FUSE mount that the caller serves, with the root's
                              * options
                              */
};

/*
 * One mount into the root. The mount point exists there already, as a directory or, for a file, a
 * regular file, and no component of its path is a symbolic link: such a one is refused.
 */
struct sandbox_mount {
        enum sandbox_mount_type type;
        const char *target; /* absolute, inside the root */
        int source_fd; /* BIND: an O_PATH or other descriptor of a file with a name; borrowed */
        const char *source; /* FUSE: the path in it, with no symlink; NULL or "" for all of it */
        const void *data;   /* DATA */
        size_t data_len;
        uint64_t size_bytes; /* TMPFS: its limit; 0 is half of the memory */
        uint32_t mode;       /* TMPFS, DATA: permission bits */
        uint32_t uid; /* TMPFS, DATA: owner as seen inside; 0 with one uid. BIND: to whom a file of
                         the caller's shall belong from then on, unless both are 0 */
        uint32_t gid;
        bool read_only;
        bool no_exec; /* TMPFS */
        bool fills;   /* BIND: a directory that is empty gets what the root has there */
};

struct sandbox_limit {
        int resource; /* RLIMIT_* */
        struct rlimit value;
};

/* A port of the host that leads to one of the sandbox's private network. */
struct sandbox_port {
        char host[INET6_ADDRSTRLEN]; /* the address that is listened on */
        uint16_t host_port;
        uint16_t port;
        bool udp;
};

/* What to run and in what. Everything is borrowed until sandbox_start() returns. */
struct sandbox_spec {
        enum sandbox_root_type root;
        int root_fd;              /* DIRECTORY: the directory, O_PATH or not */
        const char *fuse_options; /* FUSE: mount options beside fd, rootmode, user_id, group_id;
                                     NULL or "" for none */
        const struct strv
                *argv; /* at least one; without a slash it is looked for in PATH of `env` */
        const struct strv *env;
        const char *workdir; /* absolute, must exist in the root */
        uint32_t uid;        /* as seen inside. With one uid the kernel's is always 0 (emulate.h) */
        uint32_t gid;
        const uint32_t *groups; /* supplementary */
        size_t group_count;
        const char *hostname;
        enum sandbox_network network;
        const char *resolvers; /* PRIVATE: an /etc/resolv.conf; whom it names answers the queries to
                                  the network's forwarder. NULL: nobody */
        const struct sandbox_port *ports; /* PRIVATE: they are listened on from the beginning */
        size_t port_count;
        int stdio[3];  /* what the command has as 0, 1 and 2; a directory is refused */
        bool terminal; /* instead of them it gets a terminal of its own, as /dev/console too */
        uint16_t rows; /* of the terminal, at first; 0 is unknown */
        uint16_t columns;
        bool executes;                      /* sandbox_execute() is going to be called */
        bool read_only;                     /* the root, but for what is mounted in it */
        uint64_t add_capabilities;          /* bits, beside SANDBOX_CAPABILITIES ... */
        uint64_t drop_capabilities;         /* ... and less these */
        const struct sandbox_mount *mounts; /* done in this order */
        size_t mount_count;
        const struct sandbox_limit *limits;
        size_t limit_count;
        uint64_t shm_size_bytes; /* of /dev/shm; 0 is Docker's 64 MiB */
        bool no_new_privileges;  /* with ranges; with one uid it is always set */
        bool unfiltered; /* all calls; as the next, on the explicit request of the user alone */
        bool unconfined; /* all calls and capabilities, and nothing masked */
        const struct sandbox_cgroup *cgroup; /* its limits, or NULL; borrowed while it lives */
        enum sandbox_emulation emulation;
};

struct sandbox_host;
struct sandbox;

/*
 * Prepares what all sandboxes of a process share: the program that builds them, the ids that they
 * map. `users` is what the caller's user asked for. One such object may be used by several
 * threads at once.
 *
 * Returns 0 or a negative errno: -EPERM with a hint when RANGES was asked for and the host has
 * none for this user.
 */
int sandbox_host_new(enum sandbox_users users, struct sandbox_host **ret, struct error *err);
void sandbox_host_free(struct sandbox_host *host);

/* SINGLE or RANGES: what `users` came to. */
enum sandbox_users sandbox_host_users(const struct sandbox_host *host);

/* 0 where a private network has a tap; else the negative errno of /dev/net/tun, and it has an end
 * of a pair of interfaces, or, where the kernel has none of these either, is -ENONET. */
int sandbox_host_tun(const struct sandbox_host *host);

/* The most that this kernel can do: RECORD, or else FAKE. */
enum sandbox_emulation sandbox_host_emulation(const struct sandbox_host *host);

/*
 * Makes the namespaces and mounts the root. The command does not run yet, and a FUSE root has not
 * been touched yet. `host` must outlive the sandbox.
 *
 * Returns 0 or a negative errno, with a hint where the host's settings stand in the way: -EISDIR
 * where one of `stdio` is a directory; -ENONET where the host allows no network of the kind asked
 * for, and another would do; -ENOENT where the host's program for it is not there.
 */
int sandbox_start(const struct sandbox_host *host, const struct sandbox_spec *spec,
                  struct sandbox **ret, struct error *err);

/* The descriptor of /dev/fuse, mounted, for the caller to serve and close; -1 for a directory. */
int sandbox_take_fuse_fd(struct sandbox *sandbox);

/* The same for the FUSE mount that `spec.mounts` has at this index. */
int sandbox_take_mount_fd(struct sandbox *sandbox, size_t index);

/*
 * Completes the root and executes the command. Every FUSE must be served by other threads
 * from now on: this call waits for what is asked of them.
 *
 * Returns 0 when the command is about to be executed, or a negative errno. That it could not be
 * executed is told by sandbox_wait().
 */
int sandbox_go(struct sandbox *sandbox, struct error *err);

/* The listener of the command's system calls, for emulate_start(); -1 unless `emulation` is RECORD.
 * It is there after sandbox_go(), and from then on intercepted calls wait for an answer. */
int sandbox_take_listener_fd(struct sandbox *sandbox);

/* The other end of the command's terminal; -1 unless it has one. It is there after sandbox_go(). */
int sandbox_take_terminal_fd(struct sandbox *sandbox);

/* What is heard of a command that sandbox_execute() has begun. */
struct sandbox_child_event {
        enum sandbox_child_state {
                SANDBOX_CHILD_TERMINAL, /* `fd` is the other end of its terminal */
                SANDBOX_CHILD_RUNNING,  /* `fd` is the listener of its calls, or -1 */
                SANDBOX_CHILD_ENDED,    /* `status` and `err` are as sandbox_wait() has them */
        } state;
        uint32_t number;
        int fd; /* the callee's to close */
        int status;
        const struct error *err; /* NULL unless it could not be executed */
};

/* Who is told of them, on the thread that waits. To be called before sandbox_wait(). */
void sandbox_on_child(struct sandbox *sandbox,
                      void (*event)(void *context, const struct sandbox_child_event *event),
                      void *context);

/*
 * Executes one more command in the sandbox, with the same walls around it as around the first.
 * PID 1 forks it: nothing of the caller's enters the sandbox but what `spec` names as its stdio. Of
 * `spec` there count command, environment, working directory, user, stdio and terminal, and what is
 * said of calls and capabilities. `number` is for the events; `mark` is what emulator_add_user()
 * yields, or 0. From any thread. Returns 0 or a negative errno; what goes wrong inside is told as
 * the event that it has ended.
 */
int sandbox_execute(struct sandbox *sandbox, const struct sandbox_host *host,
                    const struct sandbox_spec *spec, uint32_t number, uint32_t mark,
                    struct error *err);

/* Whether /proc is that of a container around, because the kernel allowed no other: worth a notice.
 * Known after sandbox_go(). */
bool sandbox_shows_outer_proc(const struct sandbox *sandbox);

/*
 * Whether the process that the network leads to has ended before its sandbox did; known after
 * sandbox_wait(). Then `err` says how, for a notice: the command had no network from then on.
 */
bool sandbox_lost_network(const struct sandbox *sandbox, struct error *err);

/*
 * Waits until the command and all that it started are gone, at most `timeout_ms` (-1: for ever).
 * `ret_status` is its exit status, or 128 and the signal that killed it.
 *
 * Returns 0, -ETIMEDOUT (it still runs), or another negative errno: -ECHILD when the sandbox was
 * killed, by sandbox_kill() or from outside. Where the error is that the command itself could not
 * be executed, `ret_status` is what a shell has for that: 127 when there is no such file, 126 when
 * it cannot be executed, or not in that working directory. On all other errors it is untouched.
 */
int sandbox_wait(struct sandbox *sandbox, int timeout_ms, int *ret_status, struct error *err);

/* Whether processes of it were killed because the memory of its cgroup ran out. */
bool sandbox_ran_out_of_memory(const struct sandbox *sandbox);

/* Sends a signal to the command; SIGINT and SIGQUIT, as a terminal's keys do, to its whole process
 * group. Without effect once it is over. */
void sandbox_signal(struct sandbox *sandbox, int signal_number);

/* Kills all of it at once; sandbox_wait() then tells of it. May be called from another thread
 * than that which waits, as long as sandbox_free() comes after both. */
void sandbox_kill(struct sandbox *sandbox);

/* Kills what still runs and waits for its end. */
void sandbox_free(struct sandbox *sandbox);

DEFINE_CLEANUP(sandbox_host, struct sandbox_host, sandbox_host_free)
DEFINE_CLEANUP(sandbox, struct sandbox, sandbox_free)
