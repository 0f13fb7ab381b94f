#include "oci/platform.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where this architecture is not named, the compiler stops below: its name in images goes here. */
#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#elif defined(__riscv)
#define HOST_ARCHITECTURE "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HOST_ARCHITECTURE "ppc64le"
#elif defined(__s390x__)
#define HOST_ARCHITECTURE "s390x"
#elif defined(__loongarch64)
#define HOST_ARCHITECTURE "loong64"
#elif defined(__i386__)
#define HOST_ARCHITECTURE "386"
#elif defined(__arm__)
#define HOST_ARCHITECTURE "arm"
#endif

static const char *const known_systems[] = {
        "aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios", "js",
        "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "windows", "zos",
};

static const char *const known_architectures[] = {
        "386",         "amd64",   "amd64p32", "arm",    "arm64",    "arm64be",
        "armbe",       "loong64", "mips",     "mips64", "mips64le", "mips64p32",
        "mips64p32le", "mipsle",  "ppc",      "ppc64",  "ppc64le",  "riscv",
        "riscv64",     "s390",    "s390x",    "sparc",  "sparc64",  "wasm",
};

/* Other spellings of architectures. `variant` NULL leaves the variant as it is. */
static const struct {
        const char *spelling;
        const char *architecture;
        const char *variant;
} spellings[] = {
        { "i386", "386", "" },        { "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL },
        { "aarch64", "arm64", NULL }, { "armhf", "arm", "v7" },    { "armel", "arm", "v6" },
};

/* Other spellings of variants. */
static const struct {
        const char *architecture;
        const char *spelling;
        const char *variant;
} variant_spellings[] = {
        { "amd64", "v1", "" },     { "arm64", "8", "" },   { "arm64", "v8", "" },
        { "arm64", "v8.0", "" },   { "arm64", "9", "v9" }, { "arm64", "9.0", "v9" },
        { "arm64", "v9.0", "v9" }, { "arm", "", "v7" },    { "arm", "5", "v5" },
        { "arm", "6", "v6" },      { "arm", "7", "v7" },   { "arm", "8", "v8" },
};

void platform_done(struct platform *platform)
{
        free(platform->os);
        free(platform->architecture);
        free(platform->variant);
        free(platform->os_version);
        strv_done(&platform->os_features);
        *platform = PLATFORM_INIT;
}

/* Replaces an owned string; "" becomes NULL. */
static int set_member(char **member, const char *text)
{
        char *copy = NULL;

        if (text && text[0] != '\0') {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        free(*member);
        *member = copy;
        return 0;
}

int platform_copy(const struct platform *from, struct platform *ret)
{
        _cleanup_(platform_done) struct platform copy = PLATFORM_INIT;

        if (set_member(&copy.os, from->os) < 0 ||
            set_member(&copy.architecture, from->architecture) < 0 ||
            set_member(&copy.variant, from->variant) < 0 ||
            set_member(&copy.os_version, from->os_version) < 0 ||
            strv_extend(&copy.os_features, &from->os_features) < 0)
                return -ENOMEM;
        *ret = copy;
        copy = PLATFORM_INIT;
        return 0;
}

int platform_host(struct platform *ret)
{
        _cleanup_(platform_done) struct platform platform = PLATFORM_INIT;

        if (set_member(&platform.os, "linux") < 0 ||
            set_member(&platform.architecture, HOST_ARCHITECTURE) < 0 ||
            platform_normalise(&platform) < 0)
                return -ENOMEM;
        *ret = platform;
        platform = PLATFORM_INIT;
        return 0;
}

static void lower(char *text)
{
        for (; text && *text; text++)
                *text = (char)tolower((unsigned char)*text);
}

/* The normal architecture and variant for these; borrowed, never NULL. */
static void normal_names(const char *architecture, const char *variant,
                         const char **ret_architecture, const char **ret_variant)
{
        architecture = architecture ? architecture : "";
        variant = variant ? variant : "";
        for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
                if (strcmp(architecture, spellings[i].spelling) != 0)
                        continue;
                architecture = spellings[i].architecture;
                if (spellings[i].variant)
                        variant = spellings[i].variant;
                break;
        }
        for (size_t i = 0; i < ARRAY_SIZE(variant_spellings); i++) {
                if (strcmp(architecture, variant_spellings[i].architecture) == 0 &&
                    strcmp(variant, variant_spellings[i].spelling) == 0) {
                        variant = variant_spellings[i].variant;
                        break;
                }
        }
        *ret_architecture = architecture;
        *ret_variant = variant;
}

int platform_normalise(struct platform *platform)
{
        _cleanup_free_ char *old_architecture = NULL, *old_variant = NULL;
        const char *architecture, *variant;

        lower(platform->os);
        lower(platform->architecture);
        lower(platform->variant);
        if (platform->os && strcmp(platform->os, "macos") == 0 &&
            set_member(&platform->os, "darwin") < 0)
                return -ENOMEM;
        old_architecture = TAKE_PTR(platform->architecture);
        old_variant = TAKE_PTR(platform->variant);
        normal_names(old_architecture, old_variant, &architecture, &variant);
        if (set_member(&platform->architecture, architecture) < 0 ||
            set_member(&platform->variant, variant) < 0)
                return -ENOMEM;
        return 0;
}

static bool is_one_of(const char *text, const char *const *names, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(text, names[i]) == 0)
                        return true;
        }
        return false;
}

static int invalid(const char *text, struct error *err)
{
        error_set(err, -EINVAL, "'%.100s' is no platform", text);
        return error_hint(err, "write it as linux/amd64 or linux/arm/v7");
}

/* One name alone: a system, or else an architecture. */
static int complete_single(const char *text, struct platform *platform, struct error *err)
{
        if (is_one_of(platform->os, known_systems, ARRAY_SIZE(known_systems)))
                return set_member(&platform->architecture, HOST_ARCHITECTURE) < 0
                               ? error_set_oom(err)
                               : 0;
        platform->architecture = TAKE_PTR(platform->os);
        if (set_member(&platform->os, "linux") < 0 || platform_normalise(platform) < 0)
                return error_set_oom(err);
        if (!is_one_of(platform->architecture, known_architectures,
                       ARRAY_SIZE(known_architectures)))
                return invalid(text, err);
        return 0;
}

int platform_parse(const char *text, struct platform *ret, struct error *err)
{
        _cleanup_(platform_done) struct platform platform = PLATFORM_INIT;
        char **members[] = { &platform.os, &platform.architecture, &platform.variant };
        const char *at = text;
        size_t count = 0;
        int r;

        for (;;) {
                size_t len = strcspn(at, "/");

                if (count == ARRAY_SIZE(members) || len == 0)
                        return invalid(text, err);
                for (size_t i = 0; i < len; i++) {
                        if (!isalnum((unsigned char)at[i]) && !strchr("_.-", at[i]))
                                return invalid(text, err);
                }
                *members[count] = strndup(at, len);
                if (!*members[count++])
                        return error_set_oom(err);
                at += len;
                if (*at == '\0')
                        break;
                at++;
        }
        if (platform_normalise(&platform) < 0)
                return error_set_oom(err);
        if (count == 1) {
                r = complete_single(text, &platform, err);
                if (r < 0)
                        return r;
        }
        *ret = platform;
        platform = PLATFORM_INIT;
        return 0;
}

char *platform_format(const struct platform *platform)
{
        const char *parts[] = { platform->os ? platform->os : "unknown", platform->architecture,
                                platform->variant };
        _cleanup_(buf_done) struct buf buf = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (parts[i] && buf_appendf(&buf, "%s%s", i > 0 ? "/" : "", parts[i]) < 0)
                        return NULL;
        }
        return buf_take_str(&buf);
}

/* The number of a variant such as "v7", or 0. */
static int variant_number(const char *variant)
{
        if (variant[0] != 'v' || !isdigit((unsigned char)variant[1]) || variant[2] != '\0')
                return 0;
        return variant[1] - '0';
}

/* "v9.2" as 9 and 2, "v8" as 8 and 0, "" as 8 and 0. */
static bool arm64_version(const char *variant, int *ret_major, int *ret_minor)
{
        if (variant[0] == '\0')
                variant = "v8";
        if (variant[0] != 'v' || (variant[1] != '8' && variant[1] != '9'))
                return false;
        *ret_major = variant[1] - '0';
        *ret_minor = 0;
        if (variant[2] == '\0')
                return true;
        if (variant[2] != '.' || !isdigit((unsigned char)variant[3]) || variant[4] != '\0')
                return false;
        *ret_minor = variant[3] - '0';
        return true;
}

/* arm32 of variant `wanted` runs this variant or older ones, down to v5. */
static int rank_arm(int wanted, const char *variant)
{
        int number = variant_number(variant);

        return number >= 5 && number <= wanted ? wanted - number : -1;
}

/* v9.N runs v9.0 to v9.N and, being v8.(N+5), v8.0 to v8.(N+5); all of it runs arm. */
static int rank_arm64(const char *wanted, const char *architecture, const char *variant)
{
        int major, minor, other_major, other_minor, rank;

        if (!arm64_version(wanted, &major, &minor))
                return strcmp(architecture, "arm64") == 0 && strcmp(wanted, variant) == 0 ? 0 : -1;
        if (strcmp(architecture, "arm") == 0) {
                rank = rank_arm(8, variant);
                return rank < 0 ? -1 : 100 + rank;
        }
        if (strcmp(architecture, "arm64") != 0 ||
            !arm64_version(variant, &other_major, &other_minor))
                return -1;
        if (major == other_major)
                return other_minor <= minor ? minor - other_minor : -1;
        if (major == 8 || other_minor > minor + 5)
                return -1;
        return minor + 1 + (minor + 5 - other_minor);
}

static int rank_amd64(const char *wanted, const char *architecture, const char *variant)
{
        int number = wanted[0] == '\0' ? 1 : variant_number(wanted);
        int other = variant[0] == '\0' ? 1 : variant_number(variant);

        if (strcmp(architecture, "386") == 0)
                return variant[0] == '\0' ? 100 : -1;
        if (strcmp(architecture, "amd64") != 0)
                return -1;
        if (number == 0 || other == 0)
                return strcmp(wanted, variant) == 0 ? 0 : -1;
        return other <= number ? number - other : -1;
}

int platform_rank(const struct platform *wanted, const struct platform *candidate)
{
        const char *architecture, *variant, *other_architecture, *other_variant;

        if (strcmp(wanted->os ? wanted->os : "", candidate->os ? candidate->os : "") != 0)
                return -1;
        for (size_t i = 0; i < candidate->os_features.count; i++) {
                if (!strv_contains(&wanted->os_features, candidate->os_features.items[i]))
                        return -1;
        }
        normal_names(wanted->architecture, wanted->variant, &architecture, &variant);
        normal_names(candidate->architecture, candidate->variant, &other_architecture,
                     &other_variant);
        if (strcmp(architecture, "amd64") == 0)
                return rank_amd64(variant, other_architecture, other_variant);
        if (strcmp(architecture, "arm64") == 0)
                return rank_arm64(variant, other_architecture, other_variant);
        if (strcmp(architecture, other_architecture) != 0)
                return -1;
        if (strcmp(architecture, "arm") == 0 && variant_number(variant) >= 5)
                return rank_arm(variant_number(variant), other_variant);
        return strcmp(variant, other_variant) == 0 ? 0 : -1;
}
