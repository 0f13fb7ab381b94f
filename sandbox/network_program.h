/*
 * How the program of the private network is started: private to the sandbox.
 *
 *   varve-network RESOLVERS [PORT...]
 *                               the text of an /etc/resolv.conf: whom queries to the forwarder go
 *                               to; and ports that are listened on: "tcp ADDRESS PORT INNER-PORT"
 *   varve-network               says that it could be loaded, by exiting with 0
 */
#pragma once

/* Descriptors that it begins with; 0, 1 and 2 lead nowhere. */
enum {
        PROGRAM_LIFELINE_FD = 3, /* a socket: its other end is held by PID 1 of the sandbox */
        PROGRAM_LINK_FD,         /* a tap or a packet socket: one frame for each read and write */
};

/* What it exits with; 0 when the sandbox is over. */
enum {
        PROGRAM_CANNOT_CONFINE = 2,
        PROGRAM_CANNOT_START, /* libslirp */
        PROGRAM_LINK_FAILED,
        PROGRAM_PORT_TAKEN,
        PROGRAM_NOT_LOADED = 127, /* of the dynamic linker */
};
