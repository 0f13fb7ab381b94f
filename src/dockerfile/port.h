/*
 * The parts of a word of EXPOSE: private to the room.
 */
#pragma once

#include <stddef.h>

struct port_parts {
        const char *ip; /* as it was written, brackets included; its length may be 0 */
        size_t ip_len;
        const char *host_port; /* its length may be 0 */
        size_t host_port_len;
        const char *port; /* to the end of the text: port, range, protocol */
};

/* Splits [[ip:]hostport:]port[-port][/protocol] at its colons; checks nothing. */
void port_split(const char *text, struct port_parts *ret);
