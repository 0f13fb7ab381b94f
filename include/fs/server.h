/*
 * The FUSE server: a union tree as the root filesystem of a step: floor 2.
 *
 * It is a frontend of the tree (fs/tree.h) over a /dev/fuse descriptor that somebody else, inside
 * the step's namespaces, has opened and mounted; it serves from outside of them, as the user, and
 * nothing of it can be reached from a step.
 *
 * The kernel is told to keep everything it has seen: names, attributes, listings, content. Who
 * changes the tree past the mount while it is served says so.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fs/trace.h"
#include "fs/tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server;

struct server_options {
        /*
         * Only one user and group exist for the kernel: every inode is shown as owned by 0:0,
         * whatever the tree says. Else ids above `id_max` are shown as 65534, because an inode
         * whose owner the step's user namespace does not map could not be changed at all.
         */
        bool single_id;
        uint32_t id_max;

        /* Whose a file is that somebody has given away is not known: then none is given a setuid
         * or setgid bit, which would be root's. chmod(2) takes them and leaves them out. */
        bool owners_unknown;

        /* Asked for the owner of what a process makes; NULL: the ids that the request carries, or
         * 0:0 with `single_id`. `pid` is numbered as the mounter's pid namespace does. */
        void (*owner_of)(void *context, pid_t pid, struct tree_owner *ret);

        /* A directory is shown with one link, as btrfs and overlayfs do, whatever is in it: a look
         * at it does not tell of the directories below. */
        bool plain_links;

        /* What the step observes is noted here, or NULL. A listing then gives names and types
         * alone, so that a look at what is listed is known from the listing. */
        struct trace *trace;

        /* Called first by each of the server's threads, to confine itself; or NULL. What they open
         * from then on is the spool's file in its directory (tree_spool_dir()) and, to be read,
         * what lies below /proc. Returns 0 or a negative errno, which ends the server's start. */
        int (*confine)(void *context, struct error *err);
        void *context;
};

/* Appends the mount's options that the server's way of working needs, besides those that every
 * FUSE mount has (fd, rootmode, user_id, group_id). Returns 0 or -ENOMEM. */
int server_mount_options(const struct server_options *options, struct buf *ret);

/*
 * Begins to serve `tree` on `fuse_fd`, which is the server's from then on, also on an error, from
 * threads of its own. The tree is borrowed. The mount is usable when this returns.
 */
int server_start(struct tree *tree, int fuse_fd, const struct server_options *options,
                 struct server **ret, struct error *err);

/*
 * The kernel forgets what it knows of an inode's attributes, or that a directory has no such name.
 * From any thread but the server's own.
 */
void server_inode_changed(struct server *server, uint64_t ino);
void server_name_made(struct server *server, uint64_t dir, const char *name);

/* Returns once nothing is left to serve: the mount is gone, or was cut off. */
void server_wait(struct server *server);

/*
 * Ends the serving and frees the server: once the mount is gone, or by cutting it off (whoever
 * still uses it gets ENOTCONN). The tree is then without any of the kernel's references.
 */
void server_stop(struct server *server);
