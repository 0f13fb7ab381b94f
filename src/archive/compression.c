#include "archive/compression.h"

#include "base/cleanup.h"

#include <errno.h>
#include <isa-l.h>
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

/* What one thread compresses at a time. Blocks of 512 KiB take 2% longer; of 2 MiB zstd would save
 * 0.02 of the size, but they no longer stay in a CPU's cache between being written, digested and
 * compressed: sealing then takes half as long again. */
#define BLOCK_BYTES ((size_t)1 << 20)

/* ISA-L's output is the same on all of x86-64, and another on ARM. */
#if defined(__x86_64__)
#define ISAL_MACHINE "x86_64"
#elif defined(__aarch64__)
#define ISAL_MACHINE "aarch64"
#else
#define ISAL_MACHINE "generic"
#endif

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define ISAL_NUMBER \
        TEXT(ISAL_MAJOR_VERSION) "." TEXT(ISAL_MINOR_VERSION) "." TEXT(ISAL_PATCH_VERSION)

/*
 * The defaults, measured on a Debian tree of 775 MB, for one CPU, against gzip -6 (26 MB/s):
 *
 *   libdeflate 1 / 2 / 3 / 6   222 / 169 / 151 / 99 MB/s   size 1.076 / 1.031 / 1.021 / 0.990
 *   ISA-L 1 / 2 / 3            640 / 603 / 395 MB/s        size 1.140 / 1.115 / 1.106
 *   zstd 1 / 2 / 3 / 4         605 / 506 / 360 / 281 MB/s  size 1.075 / 1.015 / 0.974 / 0.968
 *
 * ISA-L's level 3 depends on the CPU. zstd's own default, 3, takes a quarter more of a seal's time
 * for 0.04; 2 is smaller than what gzip makes here.
 */
static const struct codec_traits {
        const char *name;   /* by which people ask for it */
        const char *format; /* what the bytes are */
        int level_max;      /* 0: it has none */
        int level_default;
} codecs[] = {
        [CODEC_NONE] = { "none", "none", 0, 0 },  [CODEC_GZIP] = { "gzip", "gzip", 12, 2 },
        [CODEC_ZSTD] = { "zstd", "zstd", 19, 2 }, [CODEC_FAST] = { "fast", "gzip", 2, 2 },
        [CODEC_XZ] = { NULL, "xz", 0, 0 },        [CODEC_BZIP2] = { NULL, "bzip2", 0, 0 },
};

int compression_parse(const char *name, int level, struct compression *ret, struct error *err)
{
        /* BuildKit's word. */
        if (strcmp(name, "uncompressed") == 0)
                name = codecs[CODEC_NONE].name;
        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                if (!codecs[i].name || strcmp(name, codecs[i].name) != 0)
                        continue;
                if (level < 0 || level > codecs[i].level_max) {
                        if (codecs[i].level_max == 0)
                                return error_set(err, -EINVAL, "the compression '%s' has no levels",
                                                 name);
                        return error_set(err, -EINVAL,
                                         "the compression '%s' has the levels 1 to %d, not %d",
                                         name, codecs[i].level_max, level);
                }
                *ret = (struct compression){
                        .codec = (enum codec)i,
                        .level = level > 0 ? level : codecs[i].level_default,
                };
                return 0;
        }
        error_set(err, -EINVAL, "there is no compression '%.100s'", name);
        return error_hint(err, "use one of: gzip, zstd, fast, none");
}

const char *compression_format_name(enum codec codec)
{
        return codecs[codec].format;
}

size_t compression_block_bytes(const struct compression *compression)
{
        return codecs[compression->codec].name ? BLOCK_BYTES : 0;
}

/* Of libdeflate and ISA-L it is the version that this was compiled against: they do not tell that
 * of the library that is loaded, as zstd does. */
int compression_record(const struct compression *compression, struct buf *ret)
{
        size_t block = compression_block_bytes(compression);

        switch (compression->codec) {
        case CODEC_GZIP:
                return buf_appendf(ret, "libdeflate %s level %d block %zu",
                                   LIBDEFLATE_VERSION_STRING, compression->level, block);
        case CODEC_ZSTD:
                return buf_appendf(ret, "libzstd %s level %d block %zu", ZSTD_versionString(),
                                   compression->level, block);
        case CODEC_FAST:
                return buf_appendf(ret, "isa-l %s %s level %d block %zu", ISAL_NUMBER, ISAL_MACHINE,
                                   compression->level, block);
        case CODEC_NONE:
        case CODEC_XZ:
        case CODEC_BZIP2:
        default:
                return buf_append_str(ret, codecs[compression->codec].format);
        }
}

int compression_parse_record(const char *record, struct compression *ret)
{
        static const struct {
                const char *library;
                enum codec codec;
        } libraries[] = {
                { "libdeflate ", CODEC_GZIP },
                { "libzstd ", CODEC_ZSTD },
                { "isa-l ", CODEC_FAST },
        };
        const char *level = strstr(record, " level ");
        int number;

        if (!level || sscanf(level, " level %d block ", &number) != 1)
                return -EINVAL;
        for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
                if (strncmp(record, libraries[i].library, strlen(libraries[i].library)) != 0)
                        continue;
                if (number < 1 || number > codecs[libraries[i].codec].level_max)
                        return -EINVAL;
                *ret = (struct compression){ .codec = libraries[i].codec, .level = number };
                return 0;
        }
        return -EINVAL;
}
