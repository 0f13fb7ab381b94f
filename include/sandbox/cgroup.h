/*
 * How much memory and CPU time a sandbox may use: floor 2.
 *
 * A cgroup (version 2) of its own, in one that the host has given to the user: delegated, as
 * cgroup v2's documentation has it ("Delegation"). Most login sessions are not; a user gets one
 * with `systemd-run --user --scope -p Delegate=yes COMMAND`.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sandbox_cgroup {
        int fd;                /* the directory in which groups are made */
        uint64_t memory_bytes; /* 0: no limit */
        uint32_t cpu_millis;   /* thousandths of a CPU; 0: no limit */
};

/*
 * Finds the directory in which groups for sandboxes can be made, with limits of memory and CPU
 * time, and opens it. A group that has processes cannot have such groups below it: so this process
 * moves to one beside them, where it stays, and only where nobody else is in its group. To be
 * called before it makes others.
 *
 * Returns 0, or a negative errno with the reason in `err`, of which nothing else depends: -ENOENT
 * where the host has no cgroup v2, -EACCES where the group is not the user's, -EBUSY where others
 * are in it, -EOPNOTSUPP where it has no such controllers.
 */
int cgroup_prepare(int *ret_fd, struct error *err);

#define CGROUP_NAME_MAX 48

/* Makes a group with these limits and moves a process into it. `ret_name` is for the others. */
int cgroup_add(const struct sandbox_cgroup *cgroup, pid_t pid,
               char ret_name[static CGROUP_NAME_MAX], struct error *err);

/* Whether processes of the group were killed because memory ran out. */
bool cgroup_ran_out(const struct sandbox_cgroup *cgroup, const char *name);

/* Removes the group, whose processes are all gone. */
void cgroup_remove(const struct sandbox_cgroup *cgroup, const char *name);
