/*
 * Times: floor 0. All are UTC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* "2026-01-02T03:04:05.123456789Z" needs 31 bytes, terminator included. */
#define CLOCK_TEXT_MAX 48

/* RFC 3339 with as many digits of a second as are needed (none for whole seconds). What lies before
 * the year 1 or after 9999 is written as the first or last second of these. */
void clock_format(const struct timespec *time, char ret[static CLOCK_TEXT_MAX]);

/* Reads RFC 3339, with any offset. Returns 0 or -EINVAL. */
int clock_parse(const char *text, struct timespec *ret);

struct timespec clock_now(void);

/* A clock that never goes back, for durations. */
uint64_t clock_monotonic_ns(void);

/* Makes `time` no later than `latest`. */
static inline void clock_clamp(struct timespec *time, const struct timespec *latest)
{
        if (time->tv_sec > latest->tv_sec ||
            (time->tv_sec == latest->tv_sec && time->tv_nsec > latest->tv_nsec))
                *time = *latest;
}

static inline bool clock_equal(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}
