/*
 * What the parent and its helper say to each other: private to the sandbox.
 *
 * Both are built together and one carries the other inside, so there is no version. First the
 * specification, one block of memory (a memfd): a header, and what it points to by offsets that
 * count from the start of the block. Then messages of one shape over a SOCK_SEQPACKET socket.
 *
 * Invariant: only the parent writes the block, and checks every size when it does (spec.c); the
 * helper trusts it. The parent trusts no length in a message.
 */
#pragma once

#include "base/error.h"
#include "sandbox/sandbox.h"

#include <stddef.h>
#include <stdint.h>

/* Descriptors that the helper begins with, beside the command's own 0, 1 and 2. */
enum {
        WIRE_SOCKET_FD = 3,
        WIRE_SPEC_FD,
        WIRE_ROOT_FD,    /* the directory that is the root; else a copy of the specification */
        WIRE_NETWORK_FD, /* the program of a private network */
        WIRE_SOURCE_FD,  /* the first of `source_count` descriptors of bind mounts; for a FUSE mount
                            a copy of the specification, until it is mounted */
};

struct wire_span {
        uint32_t offset;
        uint32_t count; /* of elements; 0 where there is nothing */
};

/* `count` ids from `inside` on are those from `outside` on. */
struct wire_range {
        uint32_t inside;
        uint32_t outside;
        uint32_t count;
};

struct wire_limit {
        uint64_t soft;
        uint64_t hard;
        int32_t resource;
        uint32_t padding;
};

struct wire_mount {
        uint64_t size_bytes;
        uint32_t type; /* enum sandbox_mount_type */
        uint32_t target;
        uint32_t source; /* BIND, FUSE: index from WIRE_SOURCE_FD on */
        uint32_t path;   /* FUSE: a string, what of it is mounted */
        struct wire_span data;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t read_only;
        uint32_t no_exec; /* TMPFS */
        uint32_t fills;   /* BIND */
};

struct wire_spec {
        uint64_t size_bytes; /* of the whole block */
        uint64_t capabilities;
        uint64_t shm_size_bytes;
        uint32_t uid;
        uint32_t gid;
        uint32_t root_type;
        uint32_t network;
        uint32_t fuse_options; /* a string, as the seven that follow; offset 0 is none */
        uint32_t workdir;
        uint32_t hostname;
        uint32_t newuidmap; /* the program; none with one uid */
        uint32_t newgidmap;
        uint32_t network_program; /* of the host: pasta, slirp4netns */
        uint32_t resolvers;       /* what the private network forwards queries to */
        uint32_t source_count;
        struct wire_span argv; /* strings, one after the other */
        struct wire_span env;
        struct wire_span groups; /* uint32_t */
        struct wire_span mounts;
        struct wire_span limits;
        struct wire_span filter; /* struct sock_filter */
        struct wire_span uid_map;
        struct wire_span gid_map;
        uint8_t no_new_privileges;
        uint8_t unmasked;     /* /proc and /sys as they are */
        uint8_t has_terminal; /* the caller has one, so the command gets a session of its own */
        uint8_t listen;       /* install the filter with a listener, and hand that over */
        uint8_t terminal;     /* the command gets one of its own */
        uint8_t executes;     /* more commands follow the first */
        uint8_t read_only;
        uint16_t rows;
        uint16_t columns;
        uint32_t mark;          /* of the emulation: who the command begins as */
        struct wire_span ports; /* strings, as the network's program takes them */
};

static inline const void *wire_at(const struct wire_spec *spec, uint32_t offset)
{
        return (const char *)spec + offset;
}

static inline const char *wire_string(const struct wire_spec *spec, uint32_t offset)
{
        return offset == 0 ? NULL : wire_at(spec, offset);
}

enum wire_type {
        WIRE_BUILDER = 1, /* helper: `value` is the pid of the process that builds the root */
        WIRE_NETWORK,     /* helper: `value` is the pid of the process that the network leads to */
        WIRE_LINK,        /* between that and the builder: a descriptor */
        WIRE_INIT,        /* helper: `value` is the pid of PID 1 */
        WIRE_FUSE,     /* helper: the root is mounted; with the descriptor if it is a FUSE. With a
                          `value`, it is the mount of this index, counted from 1 */
        WIRE_GO,       /* parent: complete the root and execute */
        WIRE_DEVICE,   /* helper: `device` is the root's or, with a `value`, that of the FUSE mount
                          of this index, counted from 1 */
        WIRE_RUNNING,  /* helper: the command is about to be executed; with its listener. `value`
                          is 1 where /proc is that of a container around */
        WIRE_TERMINAL, /* helper: the other end of the command's terminal, or of a child's */
        WIRE_SIGNAL,   /* parent: `value` is a signal for the command */
        WIRE_STDIO,    /* parent: what the next child has as descriptor `value` */
        WIRE_EXECUTE,  /* parent: execute the child of this number; with its specification */
        WIRE_CHILD_RUNNING, /* helper: a child is about to be executed; with its listener */
        WIRE_CHILD_EXIT,    /* helper: `value` is a child's exit status */
        WIRE_CHILD_ERROR,   /* helper: likewise, and why it could not be executed */
        WIRE_EXIT,          /* helper: `value` is the exit status */
        WIRE_ERROR, /* helper: `error` is why it ends; `value` is the exit status that says so
                       where it is the command that could not be executed, else 0 */
};

struct wire_message {
        uint32_t type;
        int32_t value;
        uint64_t device;
        uint64_t child;     /* the number of what follows the command; 0 is the command itself */
        struct error error; /* sent with WIRE_ERROR and WIRE_CHILD_ERROR alone */
};

/*
 * Sends a message of this type and value, and `fd` with it unless that is -1; a WIRE_DEVICE; an
 * error, with its exit status or 0. Each returns 0 or a negative errno: -EPIPE where the other side
 * is gone.
 */
int wire_send(int socket, enum wire_type type, int value, int fd);
int wire_send_device(int socket, int value, uint64_t device);
int wire_send_error(int socket, int status, const struct error *err);

/* The same of a child. */
int wire_send_child(int socket, enum wire_type type, uint64_t child, int value, int fd);
int wire_send_child_error(int socket, uint64_t child, int status, const struct error *err);

/*
 * Receives one message. `ret_fd` becomes the descriptor that came with it (the caller closes it),
 * or -1; it may be NULL. Returns 0, or a negative errno: -EPIPE when the other side is gone,
 * -EBADMSG for what is no message.
 */
int wire_receive(int socket, struct wire_message *ret, int *ret_fd);
