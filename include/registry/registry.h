/*
 * A client of image registries: floor 2.
 *
 * OCI distribution-spec 1.1, with Docker's token authentication and media types. What comes back is
 * checked before it is handed on: a manifest against its digest, blobs by whoever reads them
 * against theirs, sizes against limits. What fails for a reason that may pass (connections that
 * break, 408, 429, 5xx) is tried again, after as long as the registry asks for, and transfers go on
 * where they were. Credentials go to the registry that they are for, and to the token server that
 * it names, and to no other host.
 *
 * A `struct registry` may be used by several threads at once. It has a thread of its own; a process
 * must not fork and run on while there is one.
 *
 * Errors, of all functions: -EINVAL: the settings or the reference forbid it; -ENOENT: the registry
 * has no such thing; -EACCES: it does not let this user; -EKEYREJECTED: nobody vouches for its
 * certificate; -EBADMSG: what it sent is not what it should be; -EFBIG: or too large; -EIO: it
 * could not be reached, or has failed, more often than was tried; -ECANCELED; -ENOMEM.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "oci/descriptor.h"
#include "oci/reference.h"

#include <stdbool.h>
#include <stdint.h>

struct registry;

struct registry_options {
        bool insecure; /* as if the settings called every host insecure */
        bool optional; /* what is asked for can be done without: it is tried once more, not five
                        * times */

        /* Is told what a person should know while things go on: a registry's warnings, and what is
         * tried again. On any thread, one at a time; or NULL. */
        void (*notice)(void *context, const char *text);
        void *notice_context;
};

/* Reads the settings (see varve(1), "Registries"). `options` is copied. */
int registry_new(const struct registry_options *options, struct registry **ret, struct error *err);
void registry_free(struct registry *registry);

/* Ends all transfers, of other threads too, now and from now on. */
void registry_cancel(struct registry *registry);

/* Appends the hosts at which names without one are looked for: the settings' `search`. */
int registry_search_hosts(struct strv *ret, struct error *err);

/* ---- manifests ---- */

struct registry_manifest {
        struct buf bytes;
        char *media_type; /* owned */
        struct digest digest;
};

#define REGISTRY_MANIFEST_INIT ((struct registry_manifest){ .media_type = NULL })

void registry_manifest_done(struct registry_manifest *manifest);

/*
 * Gets a manifest or an index of OCI or Docker, by the reference's digest, else its tag; from a
 * mirror where there is one that has it. -EBADMSG: its digest is another, or it has a type that it
 * does not have by what it says itself.
 */
int registry_get_manifest(struct registry *registry, const struct reference *reference,
                          struct registry_manifest *ret, struct error *err);

/* Only its digest. */
int registry_find_digest(struct registry *registry, const struct reference *reference,
                         struct digest *ret, struct error *err);

/* Puts one under the reference's digest, else its tag. */
int registry_put_manifest(struct registry *registry, const struct reference *reference,
                          const char *media_type, const void *data, size_t len, struct error *err);

/* Deletes what the reference names: the manifest of its digest, with all tags, else the tag alone.
 * -EOPNOTSUPP: the registry cannot delete a tag alone. */
int registry_delete_manifest(struct registry *registry, const struct reference *reference,
                             struct error *err);

/* Appends all tags of a repository. */
int registry_list_tags(struct registry *registry, const struct reference *repository,
                       struct strv *ret, struct error *err);

/*
 * Appends descriptors of the manifests that speak of this one (signatures, attestations): by the
 * referrers API, else by the tag that stands in for it.
 */
int registry_list_referrers(struct registry *registry, const struct reference *repository,
                            const struct digest *subject, struct descriptors *ret,
                            struct error *err);

/* ---- blobs ---- */

/* Is told how many bytes have arrived, or gone, of all. May end the transfer with a negative errno
 * and `err` set. */
struct registry_progress {
        int (*moved)(void *context, uint64_t bytes, struct error *err);
        void *context;
};

/*
 * Gets a blob into a file that has its first `have` bytes, and appends the rest, up to the
 * descriptor's size: at least at `have` the progress is told of what can be read. Digests are the
 * caller's to check. After an error the file has as much as the progress was told, and is good for
 * another call. From mirrors as registry_get_manifest(); a foreign layer also from its URLs.
 */
int registry_get_blob(struct registry *registry, const struct reference *repository,
                      const struct descriptor *blob, int fd, uint64_t have,
                      const struct registry_progress *progress, struct error *err);

/* Reads a blob of at most `max_bytes` and appends it, its digest checked. */
int registry_read_blob(struct registry *registry, const struct reference *repository,
                       const struct descriptor *blob, size_t max_bytes, struct buf *ret,
                       struct error *err);

/* Returns 1 where the repository has it, 0 where not. */
int registry_has_blob(struct registry *registry, const struct reference *repository,
                      const struct digest *digest, struct error *err);

/* Lets a blob of the repository `from` of the same registry stand in this one too. Returns 1, or 0
 * where the registry would not. */
int registry_mount_blob(struct registry *registry, const struct reference *repository,
                        const struct digest *digest, const char *from, struct error *err);

/* Puts a blob of `size` bytes, which `fd` has from its beginning. */
int registry_put_blob(struct registry *registry, const struct reference *repository,
                      const struct digest *digest, uint64_t size, int fd,
                      const struct registry_progress *progress, struct error *err);

/* ---- logging in ---- */

/* Asks the registry whether it lets this user in (-EACCES), and keeps the credentials. `host` NULL
 * is Docker Hub. */
int registry_login(struct registry *registry, const char *host, const char *user,
                   const char *password, struct error *err);

/* Forgets the credentials for a host; NULL: for all. `ret_any`: there were some. */
int registry_logout(const char *host, bool *ret_any, struct error *err);
