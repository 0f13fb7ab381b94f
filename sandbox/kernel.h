/*
 * What the kernel can do that its headers may not know: private to the sandbox. Each is one system
 * call that changes nothing.
 */
#pragma once

#include <stdbool.h>

/* System calls can be handed to a listener, which may let them go on (5.5). */
bool kernel_has_notification(void);

/* The listener is not disturbed by signals that do not kill (5.19). */
bool kernel_has_killable_notification(void);

/* The version of Landlock's interface, 0 where there is none. */
int kernel_landlock_version(void);

/* This session's hard limit RLIMIT_LOCKS leaves room for the emulation's marks (credentials.h). */
bool kernel_leaves_room_for_marks(void);
