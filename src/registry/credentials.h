/*
 * Who the user is to a registry: what `varve login`, `podman login` and `docker login` have kept.
 * Private to src/registry/.
 *
 * Read in this order, the first that knows the registry: $REGISTRY_AUTH_FILE alone where it is set;
 * else $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json
 * (~/.config/containers/auth.json), $DOCKER_CONFIG/config.json (~/.docker/config.json). In each:
 * credHelpers, then credsStore, then auths; in auths, the longest key HOST/PATH that the repository
 * begins with.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>

#define CREDENTIALS_BYTES_MAX ((size_t)4 << 20)

/* All owned, NULL where there is none, and wiped when released. */
struct credentials {
        char *user;
        char *password;
        char *identity_token; /* to be given to the token server instead of user and password */
        char *registry_token; /* to be given to the registry as it is */
};

#define CREDENTIALS_INIT ((struct credentials){ .user = NULL })

void credentials_done(struct credentials *credentials);

static inline bool credentials_are_empty(const struct credentials *credentials)
{
        return !credentials->user && !credentials->identity_token && !credentials->registry_token;
}

/* Wipes a string of the heap and frees it. */
void secret_free(char *secret);

/* Finds those for "HOST/PATH" (`path` NULL: for the host). None is no error: they are empty. */
int credentials_find(const char *host, const char *path, struct credentials *ret,
                     struct error *err);

/* What one file's document says; `ret_found` tells whether it knows the registry. */
int credentials_read(const json_t *document, const char *host, const char *path,
                     struct credentials *ret, bool *ret_found, struct error *err);

/* Keeps, or forgets, a user and his password where `varve login` keeps them: in the first of the
 * files above, by the helper that it names for the host. credentials_forget(): `ret_any` tells
 * whether there was something to forget; `host` NULL: all, of the helpers too. */
int credentials_keep(const char *host, const char *user, const char *password, struct error *err);
int credentials_forget(const char *host, bool *ret_any, struct error *err);

/* ---- helper.c: `docker-credential-NAME` ---- */

/* Asks a helper for a host. `ret_found` false: it has nothing. */
int helper_get(const char *name, const char *host, struct credentials *ret, bool *ret_found,
               struct error *err);
int helper_store(const char *name, const char *host, const char *user, const char *password,
                 struct error *err);
/* Appends the hosts that a helper has something for. */
int helper_list(const char *name, struct strv *ret, struct error *err);
int helper_erase(const char *name, const char *host, struct error *err);
