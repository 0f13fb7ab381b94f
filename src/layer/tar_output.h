/*
 * Where the tar of a layer goes, block by block: to its file and into its digest, each on a thread
 * of its own.
 */
#pragma once

#include "archive/block.h"
#include "base/error.h"
#include "oci/digest.h"

struct tar_output;

/* `copy_fd` gets the same bytes, or is -1. */
int tar_output_new(int tar_fd, int copy_fd, struct tar_output **ret, struct error *err);

/* Takes references of its own. Returns 0 or the code of a failure, which tar_output_finish() tells
 * in words. */
int tar_output_push(struct tar_output *output, struct block *block);

/* Waits for all that was pushed. To be called once. */
int tar_output_finish(struct tar_output *output, struct digest *ret, struct error *err);

/* Drops what is still to be done. */
void tar_output_free(struct tar_output *output);
