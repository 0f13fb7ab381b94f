/*
 * What a command sees where there is no /dev/fuse: copies of its trees (fs/layout.h).
 */
#pragma once

#include "build/execute.h"
#include "emulation_layout.h"

struct copies {
        struct layout *root;
        struct layout **mounts; /* owned, each too; of the execution's mounts, NULL for most */
        int *mount_fds;         /* owned, each too; what is mounted of them; -1 for most */
        size_t mount_count;
        struct emulation_layout emulation;
};

/* Lays out what the execution serves. `owner` is whose it is what the command makes. */
int copies_make(struct copies *copies, const struct execution *execution,
                const struct tree_owner *owner, struct error *err);

/* Makes the execution's `mounts` those of copies. */
void copies_use(const struct copies *copies, struct sandbox_mount *mounts);

/*
 * Does to the trees what the command has done to their copies, once it is over; to its root only
 * with `root`. `emulated`: the emulation has noted whose files are whose.
 */
int copies_take_back(struct copies *copies, const struct execution *execution, bool root,
                     bool emulated, struct error *err);

/* To be called once the sandbox is gone. */
void copies_done(struct copies *copies);
