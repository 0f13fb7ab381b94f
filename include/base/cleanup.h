/*
 * Scope-bound release of locals, and handing ownership over: floor 0.
 *
 * A destructor takes NULL and half-built objects. A local that owns something is declared with
 * its `_cleanup_` attribute and is handed on with TAKE_PTR() or TAKE_FD().
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define TAKE_PTR(ptr)                                      \
        ({                                                 \
                __typeof__(ptr) *take_from_ = &(ptr);      \
                __typeof__(ptr) take_value_ = *take_from_; \
                *take_from_ = NULL;                        \
                take_value_;                               \
        })

#define TAKE_FD(fd)                            \
        ({                                     \
                int *take_from_ = &(fd);       \
                int take_value_ = *take_from_; \
                *take_from_ = -1;              \
                take_value_;                   \
        })

/* Makes `cleanup_NAME`, for `_cleanup_(cleanup_NAME)`, out of a destructor of a pointer. */
#define DEFINE_CLEANUP(name, type, destroy)              \
        static inline void cleanup_##name(type **object) \
        {                                                \
                destroy(*object);                        \
        }

static inline void cleanup_freep(void *memory)
{
        free(*(void **)memory);
}

static inline void cleanup_close(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
        if (*file)
                fclose(*file);
}

#define _cleanup_free_   _cleanup_(cleanup_freep)
#define _cleanup_close_  _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
