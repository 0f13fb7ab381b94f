/*
 * What instructions make of an image's config: floor 3.
 */
#pragma once

#include "base/error.h"
#include "dockerfile/instruction.h"
#include "oci/config.h"

#include <stdbool.h>

/*
 * Carries out an instruction that changes nothing but a config. ENTRYPOINT takes the CMD away
 * unless `keeps_cmd`. -EINVAL: it is one of those that do more (ADD, ARG, COPY, FROM, RUN,
 * WORKDIR), or what it says cannot be.
 */
int config_change(struct image_config *config, const struct instruction *instruction,
                  bool keeps_cmd, struct error *err);

/* Appends what the words of an EXPOSE mean, a range as each of its ports: "80/tcp". Errors of
 * value_parse_port(). */
int config_list_ports(const struct words *words, struct strv *ret, struct error *err);

/* As config_change(), of an instruction as it is written, such as "ENV a=b", with its variables
 * expanded by the config's environment; WORKDIR too. */
int config_change_by_text(struct image_config *config, const char *text, struct error *err);
