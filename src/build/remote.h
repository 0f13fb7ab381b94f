/*
 * Files from elsewhere, for ADD and as contexts: what a URL leads to. Private to src/build/.
 */
#pragma once

#include "build/build.h"
#include "context.h"
#include "dockerfile/instruction.h"
#include "dockerfile/source.h"
#include "registry/download.h"

/* A file of a URL is no larger than this. */
#define REMOTE_BYTES_MAX ((uint64_t)64 << 30)

/*
 * Refuses an ADD or COPY, -EINVAL, whose sources cannot be what is asked of them. Where it is not
 * `expanded` yet, what has variables in it is passed over.
 */
int remote_check(const struct instruction *instruction, bool expanded, struct error *err);

/* Adds what an ADD says of a repository to what its reference says. -EINVAL: they do not agree. */
int remote_set_git(const struct instruction *instruction, bool expanded, struct git_source *git,
                   struct error *err);

/* A URL as people may see it: without what may be secret, user, password and query. The caller
 * frees it; NULL when memory ran out. */
char *remote_show(const char *url);

/* Gets a URL into a file that has no name. The caller closes it. Errors as registry_download(). */
int remote_fetch(struct store *store, const char *url, int *ret_fd, struct registry_download *ret,
                 struct error *err);

/* Makes a context of one file in its root, `name`: what remote_fetch() has put into `fd`. Else as
 * remote_open_file(). */
int remote_make_tree(struct store *store, int fd, const struct registry_download *download,
                     const char *name, const struct digest *checksum, struct context *ret,
                     struct error *err);

/*
 * Makes a context of one file in its root, `name`: what the URL leads to, with mode 0600 and the
 * time that the server says, else 0. `checksum`: the digest that it must have, or NULL; -EBADMSG:
 * it has another.
 */
int remote_open_file(struct store *store, const char *url, const char *name,
                     const struct digest *checksum, struct context *ret, struct error *err);

/* The socket of the agent that git asks for keys; NULL: it has none. */
const char *remote_agent(const struct build_options *options);
