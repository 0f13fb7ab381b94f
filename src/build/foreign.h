/*
 * Stages for other platforms than this machine's. Private to src/build/.
 */
#pragma once

#include "plan.h"

/* Refuses, with -EOPNOTSUPP, a RUN whose programs this machine can execute neither itself nor by an
 * interpreter that binfmt_misc has. `ret_fault` as build_image(). */
int foreign_check(struct plan *plan, struct build_fault *ret_fault, struct error *err);

/*
 * Whether an entry of /proc/sys/fs/binfmt_misc, its text, is of an interpreter for programs of this
 * architecture, by Go's name, that is found in a container too (flag F). Linux,
 * Documentation/admin-guide/binfmt-misc.rst. Returns 1; 0: it is not; -ENOEXEC: it would, but is
 * looked for in the container.
 */
int foreign_entry_runs(const char *entry, const char *architecture);
