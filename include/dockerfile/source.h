/*
 * What a source of ADD, or a build context, is by its text: floor 1.
 *
 * https://docs.docker.com/build/concepts/context/#url-fragments and #url-queries
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "dockerfile/instruction.h"

#include <stdbool.h>

enum source_kind {
        SOURCE_PATH, /* in the context */
        SOURCE_URL,  /* http:// or https:// */
        SOURCE_GIT,
};

/*
 * A repository and what of it. No part begins with "-", so that none can become an option of
 * git, and the remote has one of the schemes http, https, ssh and git, or is user@host:path.
 */
struct git_source {
        const char *remote;   /* for git, without the rest; a password may be in it */
        const char *name;     /* of the repository, without ".git" */
        const char *ref;      /* branch, tag, commit or full reference; NULL for the default */
        const char *checksum; /* the commit that it must be, or begin with; NULL for any */
        const char *subdir;   /* clean and relative; NULL for the whole */
        enum choice keep_git_dir;
        enum choice submodules;
        bool commit_times;    /* files get the time of the commit, not of the checkout */
        bool fetch_by_commit; /* the checksum is fetched, whatever the reference is by then */
        bool unencrypted;     /* http or git */
};

/*
 * Tells what `text` is, and reads a reference to a repository into `ret_git`, whose strings lie in
 * `arena`. A context may also be written as github.com/owner/name. Returns 0; -EINVAL for a
 * repository with something wrong about it, -ENOMEM.
 */
int source_parse(const char *text, bool is_context, struct arena *arena, enum source_kind *ret,
                 struct git_source *ret_git, struct error *err);

/* The file name that a URL ends with, decoded, in `ret_name`; NULL where it has none that could
 * be one. Returns 0 or -ENOMEM. */
int source_url_name(const char *url, struct arena *arena, const char **ret_name);
