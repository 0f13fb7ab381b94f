/*
 * What the property of observed inputs is tried with: a random step. Private to
 * tests/property/observed*.c.
 */
#pragma once

#include <stdint.h>

struct random {
        uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
        random->state ^= random->state << 13;
        random->state ^= random->state >> 7;
        random->state ^= random->state << 17;
        return random->state;
}

static inline unsigned random_below(struct random *random, unsigned count)
{
        return (unsigned)((random_next(random) >> 11) % count);
}

/* A path of one to three names out of few. */
#define RANDOM_PATH_MAX 16
void random_path(struct random *random, char ret[static RANDOM_PATH_MAX]);

/* Text out of few, some of it of equal length. */
const char *random_text(struct random *random);

/* Times are all the same, unless a step says otherwise. */
#define ONE_TIME 1000000000

/*
 * Does random things in the working directory, the same for the same seed and the same answers.
 * What was answered goes into what is written.
 */
void observed_script(uint64_t seed);
