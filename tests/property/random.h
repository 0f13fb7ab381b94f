/*
 * Random numbers that a seed repeats.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* The seed that is asked for, or one of the clock's; never 0. */
static inline uint64_t random_seed(const char *text)
{
        struct timespec now;

        if (text)
                return strtoull(text, NULL, 10) | 1;
        clock_gettime(CLOCK_REALTIME, &now);
        return ((uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec) | 1;
}

static inline uint64_t random_below(uint64_t *state, uint64_t below)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state % below;
}
