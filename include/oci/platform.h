/*
 * Platforms, "os/architecture/variant": floor 1.
 *
 * Names, their many spellings and which platform can run what are those of containerd/platforms.
 * An empty member is NULL.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"

#include <stdbool.h>

struct platform {
        char *os;           /* owned, as all of them */
        char *architecture; /* Go's names: "amd64", "arm64", "386" */
        char *variant;      /* "v7" */
        char *os_version;
        struct strv os_features;
};

#define PLATFORM_INIT ((struct platform){ .os = NULL })

/*
 * Reads "linux/arm/v7", "linux/amd64", "arm64" or "linux"; what is left out is this machine's. The
 * result is normalised. Returns 0, -ENOMEM or -EINVAL.
 */
int platform_parse(const char *text, struct platform *ret, struct error *err);
void platform_done(struct platform *platform);

/* A copy. Returns 0 or -ENOMEM. */
int platform_copy(const struct platform *from, struct platform *ret);

/* The platform of this machine. Returns 0 or -ENOMEM. */
int platform_host(struct platform *ret);

/* One spelling for each platform: "x86_64" is "amd64", "arm64/v8" is "arm64", "arm" is "arm/v7".
 * Returns 0 or -ENOMEM. */
int platform_normalise(struct platform *platform);

/* "linux/arm/v7". NULL when memory ran out; the caller frees it. */
char *platform_format(const struct platform *platform);

/*
 * How well an image of platform `candidate` suits who wants `wanted`: 0 is best, a higher number is
 * an older variant or an architecture that `wanted` also runs (386 on amd64, arm on arm64), -1 is
 * not at all. Windows' versions are not compared.
 */
int platform_rank(const struct platform *wanted, const struct platform *candidate);
