/*
 * The options by which build and run say what a command may use and do, as Docker spells them.
 * Private to src/cli/.
 */
#pragma once

#include "build/execute.h"
#include "cli.h"

struct bounds_flags {
        struct strv ulimits;
        struct strv security;
        const char *shm_size;
        const char *memory;
        const char *cpus;
        const char *cgroup_parent;
        const char *timeout;
};

/* Lines for a command's table of options. */
/* clang-format off */
#define BOUNDS_OPTIONS(flags) \
        { OPTION_LIST, 0, "ulimit", &(flags)->ulimits, "NAME=SOFT[:HARD]", \
          "Set a limit of setrlimit(2), such as nofile=1024; may be repeated" }, \
        { OPTION_STRING, 0, "shm-size", &(flags)->shm_size, "BYTES", \
          "How much /dev/shm holds, such as 1g (64m)" }, \
        { OPTION_STRING, 'm', "memory", &(flags)->memory, "BYTES", \
          "How much memory a command may use, such as 512m" }, \
        { OPTION_STRING, 0, "cpus", &(flags)->cpus, "NUMBER", \
          "How many CPUs' time a command may use, such as 1.5" }, \
        { OPTION_STRING, 0, "cgroup-parent", &(flags)->cgroup_parent, "GROUP", \
          "No effect, which is told: the group is made below varve's own" }, \
        { OPTION_STRING, 0, "timeout", &(flags)->timeout, "DURATION", \
          "End a command that takes longer, such as 90s, 5m, 1h" }, \
        { OPTION_LIST, 0, "security-opt", &(flags)->security, "OPTION", \
          "seccomp=unconfined or no-new-privileges; may be repeated" }
/* clang-format on */

void bounds_flags_done(struct bounds_flags *flags);

/*
 * Reads them. Where memory and CPU time cannot be limited on this host that is told, and nothing
 * else changes; this process may move to another cgroup for it (sandbox/cgroup.h). Nothing in `ret`
 * has to be freed; the cgroup's descriptor stays open. -EINVAL for what cannot be understood.
 */
int bounds_parse(const struct bounds_flags *flags, struct execution_bounds *ret, struct error *err);

/* A size such as 512m, of this option. Returns 0 or -EINVAL. */
int bounds_parse_bytes(const char *option, const char *text, uint64_t *ret, struct error *err);
