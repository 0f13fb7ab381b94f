/*
 * The argument of --chmod: floor 1.
 *
 * Octal ("755", at most 7777) or symbolic as chmod(1) has it ("u=rwX,go=rX", "g=u", "+x"), with no
 * umask. A symbolic mode starts from what the file has.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Clauses and permissions copied in one symbolic mode. */
#define MODE_STEPS_MAX 64

struct mode_step {
        char kind;     /* '+', '-', '=' with bits; 'X'; 'u', 'g', 'o' copied */
        char how;      /* of a copy: '+', '-' or '=' */
        uint16_t who;  /* the bits that may change */
        uint16_t bits; /* of them: those that are set or cleared */
};

struct mode_change {
        struct mode_step steps[MODE_STEPS_MAX];
        unsigned int count;
        bool octal; /* it says all bits, whatever there was before */
};

/* Returns 0 or -EINVAL. */
int mode_parse(const char *text, struct mode_change *ret, struct error *err);

/* The permission bits (07777) of a file or directory that had those of `mode`. */
mode_t mode_apply(const struct mode_change *change, mode_t mode, bool is_directory);
