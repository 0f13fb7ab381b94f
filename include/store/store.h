/*
 * The store: images, layers at rest and what is being written: floor 2.
 *
 *     oci/         an OCI image layout (image-spec v1.1, image-layout.md): any OCI tool reads it
 *     layers/      DIFFID.tar and DIFFID.idx: layers at rest; .stamps: that they are whole
 *     cache/       records of build steps, GROUP/KEY
 *     containers/  containers that are kept, ID/
 *     tmp/         what is being written, a directory for each process
 *     lock         taken by whoever changes oci/index.json
 *
 * Whatever the store holds was written to tmp/, synced, renamed to its place, and its directory
 * synced: it is there as a whole or not at all, whenever a process is killed. Files other than
 * oci/index.json never change. Readers take no lock.
 *
 * Garbage collection removes what no image, no record and no living process needs. A process says
 * what it needs with store_pin(), before it looks whether it is there.
 *
 * All belongs to one user: directories are 0700, files 0600, and plain `rm -rf` removes it.
 *
 * A store may be used by several threads once store_tmp_dir() has been called in the process.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct store;

/*
 * Opens the store at `root`; NULL: $VARVE_ROOT, else $XDG_DATA_HOME/varve, else
 * ~/.local/share/varve. It is made if it is not there. What processes that are gone have left in
 * tmp/ is removed. -EPERM: others than its user could write to it.
 */
int store_open(const char *root, struct store **ret, struct error *err);

/* The same of a store that is there: -ENXIO, and nothing is made, where its directory is not. */
int store_open_existing(const char *root, struct store **ret, struct error *err);
void store_free(struct store *store);

/* Removes what this process has in tmp/: for a forked child that ends without store_free(). */
void store_leave(struct store *store);

/* Removes what processes that are gone have left in tmp/. */
void store_sweep(struct store *store);

/* The absolute path of the store; borrowed. */
const char *store_root(const struct store *store);

/* Its directory, open; borrowed. */
int store_root_dir(const struct store *store);

/* The hosts that names of images without a host are looked for at (reference_candidates()); none
 * unless they were set. store_search(): borrowed. store_set_search() copies. */
int store_set_search(struct store *store, const struct strv *hosts, struct error *err);
const struct strv *store_search(const struct store *store);

/* Of an error that says that there is no room (-ENOSPC, -EDQUOT) and nothing of what to do: names
 * the store, and what to do. Leaves others as they are. Returns the error's code. */
int store_explain_full(const struct store *store, struct error *err);

/* ---- files ---- */

enum store_kind {
        STORE_BLOB,  /* oci/blobs/sha256/HEX, by its own digest */
        STORE_TAR,   /* layers/DIFFID.tar */
        STORE_INDEX, /* layers/DIFFID.idx */
};

/* Opens for reading. -ENOENT, with an error that names it. `ret_size` may be NULL. */
int store_open_file(struct store *store, enum store_kind kind, const struct digest *digest,
                    int *ret_fd, uint64_t *ret_size, struct error *err);

/* Whether it is there. */
bool store_has(struct store *store, enum store_kind kind, const struct digest *digest);

/* Reads a file that is no larger than `max_bytes` and appends it. A blob is checked against its
 * digest: -EBADMSG when it was changed. */
int store_read(struct store *store, enum store_kind kind, const struct digest *digest,
               size_t max_bytes, struct buf *ret, struct error *err);

/* Removes it; what is not there is no error. */
int store_remove(struct store *store, enum store_kind kind, const struct digest *digest,
                 struct error *err);

/* A file that is being written. */
struct store_file {
        int fd; /* for reading and writing */
        char name[80];
};

#define STORE_FILE_INIT ((struct store_file){ .fd = -1 })

int store_file_new(struct store *store, struct store_file *ret, struct error *err);

/* Pins the digest and puts the file in its place, where an equal one may stand already. Closes it,
 * also on an error, which leaves nothing. */
int store_file_publish(struct store *store, struct store_file *file, enum store_kind kind,
                       const struct digest *digest, struct error *err);

/* Lets a layer's plain tar stand as its blob too, without holding its bytes twice where the
 * filesystem has hard links. */
int store_link_blob(struct store *store, const struct digest *diff_id, struct error *err);

/*
 * Notes that the files of a layer, and its blob (both times NULL: none), are what they should be as
 * they lie there. store_stamp_check() tells the files, as bits `1u << kind`, of which that is not
 * known: that are not noted, or were altered or replaced since. What is missing is not told.
 */
void store_stamp_put(struct store *store, const struct digest *diff_id, const struct digest *blob);
unsigned store_stamp_check(struct store *store, const struct digest *diff_id,
                           const struct digest *blob);

/*
 * Notes that a layer's blob was unpacked and is of this diffID: a fact of the two digests, whatever
 * lies in the store. Nothing is noted of a plain tar, which is its own blob. store_pair_find():
 * whether the diffID of a blob is noted.
 */
void store_pair_put(struct store *store, const struct digest *blob, const struct digest *diff_id);
bool store_pair_find(struct store *store, const struct digest *blob, struct digest *ret_diff_id);

/* Throws it away. */
void store_file_discard(struct store *store, struct store_file *file);

/*
 * A blob that comes in pieces, over several processes if need be: opens what there is of it, for
 * this process alone, or an empty file. `ret_size`: how much there is. It is then published or
 * discarded like other files, or put by for the next one, which is also what happens to it when
 * this process is killed. What nobody has gone on with for a week is removed.
 */
int store_partial_open(struct store *store, const struct digest *digest, struct store_file *ret,
                       uint64_t *ret_size, struct error *err);

/* Closes it and puts it by. */
void store_partial_keep(struct store *store, struct store_file *file);

/* Both of the above for a blob in memory, whose digest is told. */
int store_put_blob(struct store *store, const void *data, size_t len, struct digest *ret,
                   struct error *err);

/* An open directory of this process's own below tmp/, borrowed. */
int store_tmp_dir(struct store *store, int *ret_fd, struct error *err);

/* Keeps the files of this digest, of every kind, from garbage collection while this process lives.
 */
int store_pin(struct store *store, const struct digest *digest, struct error *err);

/* "HOST.PID.START": who this process is, for others to ask about; borrowed. NULL where no directory
 * of its own can be made, which sets the error. */
const char *store_process_name(struct store *store, struct error *err);

/* Whether the process of that name lives, as far as can be told from here. */
bool store_process_lives(const struct store *store, const char *name);

/* Whether a living process has pinned the digest. */
bool store_is_pinned(struct store *store, const struct digest *digest);

/*
 * From now on what this process pins, and what the processes pin that it forks, is kept while this
 * process lives: a child may end before its parent has made use of what it has stored.
 */
int store_gather_pins(struct store *store, struct error *err);

/* ---- containers ---- */

/*
 * The directory containers/, open, and made if need be; borrowed. Each directory in it has a file
 * STORE_KEEPS, whose lines "image DIGEST MEDIA-TYPE" (of a manifest) and "layer DIGEST" (a diffID)
 * say what garbage collection keeps for it.
 */
#define STORE_CONTAINERS "containers"
#define STORE_KEEPS      "keeps"
#define STORE_KEEPS_MAX  ((size_t)64 << 10)

int store_containers_dir(struct store *store, int *ret_fd, struct error *err);

/* ---- what uses the space ---- */

struct store_usage {
        struct store_share {
                uint64_t files;
                uint64_t size_bytes; /* as the filesystem counts them */
        } images, cache, unused;     /* what images need; what records alone keep, and they
                                      * themselves; what nobody needs */
        uint64_t image_count;
        uint64_t record_count;
};

int store_measure(struct store *store, struct store_usage *ret, struct error *err);

/* ---- records ---- */

/*
 * Documents, each under a key of a group: cache/GROUP/KEY. What they say is their writer's; garbage
 * collection asks for no more than the lines "layer sha256:..." of their heads, which keep the
 * layers at rest of these diffIDs; their blobs can be made again. The head ends with an empty line,
 * or after STORE_RECORD_HEAD_MAX bytes.
 */
#define STORE_RECORD_MAX      ((size_t)256 << 20)
#define STORE_RECORD_HEAD_MAX ((size_t)64 << 10)

int store_record_put(struct store *store, const struct digest *group, const struct digest *key,
                     const void *data, size_t len, struct error *err);

/* -ENOENT: there is none, which sets no error. */
int store_record_get(struct store *store, const struct digest *group, const struct digest *key,
                     struct buf *ret, struct error *err);

/* Calls `visit` for each record's head, in no order; one that cannot be read is passed over. What
 * it returns, other than 0, ends the walk and is returned. */
int store_record_each(struct store *store, int (*visit)(void *context, const char *text),
                      void *context);

/* A record's place, and when it was last of use. */
struct store_record {
        struct digest group;
        struct digest key;
        struct timespec used;
        uint64_t size_bytes;
};

/* Lists the records of a group, or of all (NULL), the most recently used first. The caller frees
 * `ret`. */
int store_record_list(struct store *store, const struct digest *group, struct store_record **ret,
                      size_t *ret_count, struct error *err);

/* Reads a record's head. -ENOENT: there is none, which sets no error. */
int store_record_head(struct store *store, const struct digest *group, const struct digest *key,
                      struct buf *ret, struct error *err);

/* Says that a record is of use now. */
void store_record_use(struct store *store, const struct digest *group, const struct digest *key);

/* Removes it; what is not there is no error. What it alone has kept stays until the next
 * collection. */
int store_record_remove(struct store *store, const struct digest *group, const struct digest *key,
                        struct error *err);

/* Whether the group has any. */
bool store_record_any(struct store *store, const struct digest *group);

/* ---- locks ---- */

/*
 * Waits for the store's lock. It works on network filesystems too: POSIX record locks where there
 * are any, a lock file elsewhere.
 */
struct store_lock {
        int fd;
        char file[DIGEST_HEX_MAX + 32]; /* where a lock file stands for the lock; else "" */
};

#define STORE_LOCK_INIT ((struct store_lock){ .fd = -1 })

int store_lock_take(struct store *store, struct store_lock *ret, struct error *err);

/*
 * Takes the lock of this name, which may be held for long, and is nobody's once its process is
 * gone. With `wait` false: -EAGAIN, which sets no error, where somebody holds it.
 */
int store_lock_named(struct store *store, const struct digest *name, bool wait,
                     struct store_lock *ret, struct error *err);

/* The same by a path below the store, whose directory is there. */
int store_lock_path(struct store *store, const char *path, bool wait, struct store_lock *ret,
                    struct error *err);

void store_lock_release(struct store *store, struct store_lock *lock);
