/*
 * The processes of a container, as the host numbers them: floor 4.
 */
#pragma once

#include "container/container.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Finds them in /proc: the command first, then what it and `exec` have started, in the order of
 * their numbers. None of one that does not run. The caller frees the array.
 */
int container_processes(const struct container *container, pid_t **ret, size_t *ret_count,
                        struct error *err);

/* The command's; 0 where it does not run, or cannot be seen. */
pid_t container_command_pid(const struct container *container);
