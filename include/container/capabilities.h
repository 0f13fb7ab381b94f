/*
 * --cap-add and --cap-drop: floor 4.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"

#include <stdint.h>

/* Makes bits of names such as "NET_ADMIN", "CAP_NET_ADMIN" and, to drop, "ALL". -EINVAL: there is
 * no such capability; -EPERM: one that would let a container undo the walls around it. */
int capabilities_parse(const struct strv *add, const struct strv *drop, uint64_t *ret_add,
                       uint64_t *ret_drop, struct error *err);
