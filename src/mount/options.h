/*
 * The options of a mount: private to src/mount/.
 *
 * They are those of mount(8), of overlayfs and of libfuse that have a meaning here. What is not
 * known is refused by name.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"

#include <stdbool.h>

struct mount_options {
        struct strv lowers; /* the topmost first */
        char *upper;        /* owned, as all strings; NULL: there is none */
        char *work;
        char *fsname;
        unsigned long flags; /* MS_* */
        struct strv words;   /* the flags as fusermount3 takes them from a user */
        bool allow_other;
};

#define MOUNT_OPTIONS_INIT ((struct mount_options){ .upper = NULL })

void mount_options_done(struct mount_options *options);

/*
 * Takes the options of one -o: separated by commas, those of `lowerdir` by colons; a backslash
 * takes the meaning from what follows it. Later ones win. -EINVAL: one that is not known, or wants
 * a value, or has one too many; the error names it.
 */
int mount_options_add(struct mount_options *options, const char *text, struct error *err);

/* Whether they make a mount together. -EINVAL where they do not. */
int mount_options_check(const struct mount_options *options, struct error *err);
