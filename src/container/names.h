/*
 * Names for containers that were given none. Private to src/container/.
 */
#pragma once

/* "quiet_ammonite": an adjective and a noun, by two numbers; with a third digit behind it where
 * `attempt` is not 0. */
#define NAME_MAX_BYTES 64
void name_make(unsigned adjective, unsigned noun, unsigned attempt,
               char ret[static NAME_MAX_BYTES]);
