/*
 * Root emulation over a tree that is laid out (fs/layout.h): what sandbox/emulate.h asks of a tree,
 * answered by the copy's files, which are reached through descriptors alone.
 */
#pragma once

#include "fs/layout.h"
#include "sandbox/emulate.h"

#include <limits.h>
#include <sys/types.h>

/* A walk goes back to no more inodes than these. */
#define EMULATION_SEEN_MAX 128

/* No more threads than these make something at one time. */
#define EMULATION_ANNOUNCED_MAX 64

struct emulation_layout {
        struct layout *layout;
        struct emulator *emulator;
        uint64_t root; /* the copy's inode */

        /* What the walks have come by, by number: the latest ones, around and around. */
        struct {
                uint64_t ino;
                int fd; /* O_PATH */
        } seen[EMULATION_SEEN_MAX];
        size_t seen_count; /* ever */

        /* What is being made, in no order. */
        struct {
                int dir; /* O_PATH */
                char name[NAME_MAX + 1];
                pid_t pid;
                struct tree_owner owner;
        } announced[EMULATION_ANNOUNCED_MAX];
        size_t announced_count;
};

/* Makes the emulator for a sandbox of `spec` whose root the layout's directory is; `emulation`
 * keeps its address. */
int emulation_layout_init(struct emulation_layout *emulation, struct layout *layout,
                          const struct sandbox_host *host, const struct sandbox_spec *spec,
                          struct error *err);
void emulation_layout_done(struct emulation_layout *emulation);
