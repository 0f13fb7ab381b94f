/*
 * The defaults that a user has set: config.toml. Private to src/cli/.
 */
#pragma once

#include "base/error.h"

/*
 * Reads $XDG_CONFIG_HOME/varve/config.toml, else ~/.config/varve/config.toml, and makes what it
 * says the default: of the environment, where that says nothing, and of the options before the
 * command. No file is no error. -EINVAL: a line of it is not understood.
 */
int settings_read(struct error *err);
