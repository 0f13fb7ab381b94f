/*
 * Two trees of files, compared by system calls in all that stat(2), xattrs and content show.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct comparison {
        struct timespec begin; /* an earlier mtime was set by a test, and has to be equal */
        bool tolerate_sockets; /* of the first tree; a layer cannot hold them */
        char what[512];        /* the first difference */
};

/* Whether the directories `a` and `b` are alike. */
bool compare_trees(struct comparison *comparison, const char *a, const char *b);
