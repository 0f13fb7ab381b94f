/*
 * What an errno of the kernel means for a person: private to the sandbox, and compiled into the
 * helper too.
 *
 * The kernel refuses with few numbers what many settings can forbid; the settings themselves tell
 * which of them it was. Each function sets the error (message, and as hint the one command that
 * mends it) and returns its code. `proc_sys` is a descriptor of /proc/sys, or -1 where that cannot
 * be had, and is only read.
 */
#pragma once

#include "base/error.h"

/* Opens /proc/sys. Returns -1 where there is none. */
int explain_open_settings(void);

/* A clone() or unshare() of a user namespace failed with `code`. */
int explain_user_namespace(int code, int proc_sys, struct error *err);

/* A mount (`what` is how the message names it) was refused inside a user namespace. */
int explain_mount(int code, const char *what, int proc_sys, struct error *err);

/* /dev/fuse could not be opened. */
int explain_fuse_open(int code, struct error *err);
