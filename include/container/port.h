/*
 * Published ports: floor 4.
 *
 * As text, in a container's spec, a port is "tcp ADDRESS PORT INNER-PORT" or "udp ...", with the
 * host's side first.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "sandbox/sandbox.h"

/* Reads -p: [ADDRESS:][PORT[-PORT]:]PORT[-PORT][/tcp|/udp], as Docker; appends the text of each
 * port. A port of the host that is left out is one that is free now; of a range of the host for one
 * port it is the first that is. -EINVAL; -EADDRINUSE. */
int ports_parse(const char *text, struct strv *ret, struct error *err);

/* Appends those of a list of EXPOSE, "80/tcp", each on a port of the host that is free now. */
int ports_publish_all(const struct strv *exposed, struct strv *ret, struct error *err);

/* As the sandbox wants them; the caller frees the array. -EBADMSG. */
int ports_to_sandbox(const struct strv *ports, struct sandbox_port **ret, size_t *ret_count,
                     struct error *err);

/* Whether all of them can be listened on. -EADDRINUSE, -EACCES: the error names the first that
 * cannot. */
int ports_check(const struct sandbox_port *ports, size_t count, struct error *err);

/* "0.0.0.0:8080->80/tcp, 443/tcp": the published ones and those that are only exposed, as `docker
 * ps` shows them. Appends. */
int ports_describe(const struct strv *ports, const struct strv *exposed, struct buf *ret);
