/*
 * A keyed hash of names, for tables that hold what an image's author chose. Private to fs/.
 *
 * The key is random for each process: nobody can prepare names that fall together.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
        __uint128_t product = (__uint128_t)a * b;

        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_key(void)
{
        uint64_t key = 0;

        /* Without entropy the table is still right, only slower against an adversary. */
        (void)!getrandom(&key, sizeof(key), GRND_NONBLOCK);
        return key;
}

static inline uint64_t hash_name(uint64_t key, uint64_t seed, const char *name, size_t len)
{
        uint64_t hash = hash_mix(key ^ seed, 0x9e3779b97f4a7c15u ^ len), word;

        for (; len >= sizeof(word); name += sizeof(word), len -= sizeof(word)) {
                memcpy(&word, name, sizeof(word));
                hash = hash_mix(hash ^ word ^ key, 0xa0761d6478bd642fu);
        }
        word = 0;
        memcpy(&word, name, len);
        return hash_mix(hash ^ word ^ key, 0xe7037ed1a0b428dbu);
}
