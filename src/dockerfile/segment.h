/*
 * Places in a logical line: private to the room.
 */
#pragma once

#include "dockerfile/instruction.h"

/* The place in the file of an offset in the line that these segments make up; there is one at
 * least. */
struct source_position segments_locate(const struct text_segment *segments, size_t count,
                                       size_t offset);
