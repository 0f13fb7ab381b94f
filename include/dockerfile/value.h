/*
 * Values that instructions and flags take: floor 1. Each reads the whole of its text.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* "1", "t", "true", "True", "TRUE" and their opposites, as Go's strconv.ParseBool. Returns 0 or
 * -EINVAL. */
int value_parse_bool(const char *text, bool *ret);

/* A size in bytes as "64m", "1.5g", "10KiB"; units are powers of 1024. Returns 0 or -EINVAL. */
int value_parse_size(const char *text, int64_t *ret_bytes);

/* "1h15m30.5s", "-1.5s", "300ms", "0", as Go's time.ParseDuration. Returns 0 or -EINVAL, also for
 * what does not fit. */
int value_parse_duration(const char *text, int64_t *ret_ns);

/* An unsigned number in `base` (8 or 10), at most `max`, digits alone. Returns 0 or -EINVAL. */
int value_parse_number(const char *text, unsigned int base, uint64_t max, uint64_t *ret);

/* A signal as STOPSIGNAL takes it: a number that is not 0, or a name of Linux with or without
 * "SIG", in any case, "RTMIN+3" among them. Returns 0 or -EINVAL. */
int value_parse_signal(const char *text, int *ret);

/* Ports of EXPOSE: `first` to `last`, which is the same for one. */
struct port_range {
        uint16_t first;
        uint16_t last;
        const char *protocol; /* "tcp", "udp" or "sctp" */
};

/*
 * Reads one word of EXPOSE: [[ip:]hostport:]port[-port][/protocol]. What stands before the last
 * ":" is checked and dropped, as BuildKit does. Returns 0 or -EINVAL.
 */
int value_parse_port(const char *text, struct port_range *ret, struct error *err);
