/*
 * Containers of a store: floor 4.
 *
 *     containers/ID/config.json   what it was made to be (spec.h); its name alone changes
 *     containers/ID/state.json    what became of it; replaced as a whole
 *     containers/ID/.room         while it runs, room for that when the store is full
 *     containers/ID/keeps         what garbage collection keeps for it (store.h)
 *     containers/ID/log           what its command has printed (log.h)
 *     containers/ID/lock          held by the process that runs it, its *keeper* (keep.h)
 *     containers/ID/control       the keeper's socket (channel.h)
 *
 * There is no daemon: a container that runs has a keeper, which serves its files and is gone with
 * it. What it has changed lies in the keeper's memory and spool, and is sealed into a layer when it
 * stops, as a build's step is; a container at rest is the layers of its image and its own.
 *
 * A directory appears and goes as a whole, by rename. Whoever changes a container that does not run
 * holds its lock. A state that says that it runs is believed as long as its keeper lives: else it
 * is dead, and has lost what it had changed since it was started.
 */
#pragma once

#include "base/error.h"
#include "container/spec.h"
#include "store/images.h"
#include "store/store.h"

#include <stdbool.h>

#define CONTAINER_LAYERS_MAX 100

enum container_status {
        CONTAINER_CREATED,
        CONTAINER_RUNNING,
        CONTAINER_EXITED,
        CONTAINER_DEAD,
};

/* "created", "running", "exited", "dead". */
const char *container_status_name(enum container_status status);

struct container_state {
        enum container_status status;
        char *keeper; /* as store_process_name(); owned; NULL where it was never started */
        int64_t pid;  /* of the keeper */
        struct timespec started;
        struct timespec finished;
        int64_t exit_code;
        char *failure;         /* why it could not be run or kept, or NULL; owned */
        bool lost;             /* what it had changed could not be kept */
        struct digest *layers; /* its own, the bottom first; owned */
        size_t layer_count;
};

struct container {
        struct container_spec spec;
        struct container_state state;
        int dir_fd;
};

#define CONTAINER_INIT ((struct container){ .dir_fd = -1 })

void container_done(struct container *container);

/*
 * Makes a container of a spec whose ID and time are set here; a name, where it has none. Takes what
 * the spec owns, also when it fails. With `starts` this process is about to start it: one that is
 * not to be kept is then removed with it. -EEXIST: the name is taken; -EINVAL: it is none.
 */
int container_create(struct store *store, struct container_spec *spec, bool starts,
                     struct container *ret, struct error *err);

/* Gives it another name. -EEXIST: that is taken; -EINVAL: it is none. */
int container_rename(struct store *store, struct container *container, const char *name,
                     struct error *err);

struct containers {
        struct container *items; /* owned; the newest first */
        size_t count;
};

/* Reads all of them. One that cannot be read is left out, and counted in `ret_broken`, unless NULL;
 * one that was not to be kept, and whose keeper was killed, is removed. */
int containers_read(struct store *store, struct containers *ret, size_t *ret_broken,
                    struct error *err);
void containers_done(struct containers *containers);

/* Finds one by its name, its ID, or how that begins. -ENOENT: "No such container"; -EINVAL: several
 * IDs begin so. */
int container_find(struct store *store, const char *text, struct container *ret, struct error *err);

/* Reads its state anew. -ENOENT: it is gone. */
int container_refresh(struct store *store, struct container *container, struct error *err);

/* Writes its state, and what is to be kept for it. */
int container_write_state(struct container *container, struct error *err);

/* Makes room for a state that can be written when the store is full, as far as the filesystem can
 * do that; and writes it there, if its layers are those that were written last. */
void container_reserve_state(struct container *container);
int container_write_state_in_room(const struct container *container, struct error *err);

/* Refuses (-ENODATA) a container that has lost what it had changed when it was run last. */
int container_check_whole(const struct container *container, struct error *err);

/* Takes its lock. -EAGAIN, which sets no error, where its keeper has it and `wait` is false;
 * -ENOENT: it was removed meanwhile. */
int container_lock(struct store *store, struct container *container, bool wait,
                   struct store_lock *ret, struct error *err);

/* Removes it, whose lock the caller holds, and `with_volumes` those that nobody gave a name and no
 * other container has. What it alone has kept goes with the next garbage collection. */
int container_remove(struct store *store, struct container *container, bool with_volumes,
                     struct error *err);

/* Whether some container was made of the image of this ID: `ret_id` is then its short ID, and
 * `ret_running` whether it runs. */
bool containers_use_image(struct store *store, const char *image_id,
                          char ret_id[static CONTAINER_ID_SHORT + 1], bool *ret_running);
