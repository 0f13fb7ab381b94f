/*
 * A tar as the root of a sandbox: a union tree that FUSE serves, with the emulation of root wired
 * to it, for the tests of the sandbox.
 */
#pragma once

#include "base/error.h"
#include "sandbox/emulate.h"

#include <stdio.h>

struct test_tree;

/* Reads the tar; `single` is whether the sandbox has one uid. */
int test_tree_new(const char *tar, bool single, struct test_tree **ret, struct error *err);

/* The mount options; they live as long as the tree. */
const char *test_tree_options(struct test_tree *tree);

/* Makes the emulator for a sandbox; the tree owns it. */
int test_tree_emulate(struct test_tree *tree, const struct sandbox_host *host,
                      const struct sandbox_spec *spec, struct emulator **ret, struct error *err);

int test_tree_serve(struct test_tree *tree, int fuse_fd, struct error *err);

/* Prints what the step has changed: "path mode uid gid [major:minor] [xattr=length]..." a line. The
 * sandbox is over. */
int test_tree_print_changes(struct test_tree *tree, FILE *file, struct error *err);

void test_tree_free(struct test_tree *tree);
