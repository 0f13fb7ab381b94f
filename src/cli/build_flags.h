/*
 * What the options of `varve build` say. Private to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"
#include "build/build.h"

/* The lists that the build takes; strings are borrowed from `words` or from what was parsed. */
struct build_lists {
        struct strv words; /* owned: parts of options */
        struct build_secret *secrets;
        size_t secret_count;
        struct build_agent *agents;
        size_t agent_count;
        struct build_context *contexts;
        size_t context_count;
};

#define BUILD_LISTS_INIT ((struct build_lists){ .secrets = NULL })

void build_lists_done(struct build_lists *lists);

/* "id=NAME[,src=FILE|,env=VARIABLE]", as Docker has it: with neither, the variable of that name if
 * there is one, else the file. */
int build_flags_secrets(const struct strv *written, struct build_lists *ret, struct error *err);

/* "default" or "NAME[=SOCKET]"; without a socket that of $SSH_AUTH_SOCK. */
int build_flags_agents(const struct strv *written, struct build_lists *ret, struct error *err);

/* "NAME=SOURCE". */
int build_flags_contexts(const struct strv *written, struct build_lists *ret, struct error *err);

/* "NAME[=VALUE]" as variables; without a value that of the environment, and none where it has none.
 */
int build_flags_args(const struct strv *written, struct strv *ret, struct error *err);

/* BuildKit's older way of saying --cache-to type=inline, by a build argument: adds that. */
int build_flags_inline_cache(const struct strv *args, struct strv *cache_to, struct error *err);

/*
 * SOURCE_DATE_EPOCH=context, of --build-arg or else of the environment: makes it that of the
 * build's context, as a number; or empty, where the context has none. `args` are those of the
 * options.
 */
int build_flags_epoch(struct store *store, const struct build_options *options, struct strv *args,
                      struct error *err);

/* "[manifest:]NAME=VALUE", as Docker has it. -EOPNOTSUPP for what is not of the manifest: there is
 * no index around an image of one platform. */
int build_flags_annotations(const struct strv *written, struct strmap *ret, struct error *err);

/* What --call asks for. */
struct build_call {
        bool builds;                 /* and nothing else */
        enum build_description what; /* otherwise */
        bool json;
        bool ignore_status; /* warnings are no failure */
};

/* "METHOD[,format=text|json][,ignorestatus[=BOOL]]", as Docker has it. */
int build_flags_call(const char *written, struct build_call *ret, struct error *err);

/* "NAME=VALUE". */
int build_flags_map(const struct strv *written, struct strmap *ret, struct error *err);
