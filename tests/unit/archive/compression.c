#include "archive/compression.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(compression, is_known_by_name_with_a_default_level)
{
        static const char *const names[] = { "none", "gzip", "zstd", "fast" };
        static const enum codec codecs[] = { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD, CODEC_FAST };
        struct compression compression;
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < 4; i++) {
                cr_assert_eq(compression_parse(names[i], 0, &compression, &err), 0);
                cr_assert_eq(compression.codec, codecs[i]);
                cr_assert_eq(compression.level > 0, codecs[i] != CODEC_NONE);
        }
        cr_assert_eq(compression_parse("gzip", 9, &compression, &err), 0);
        cr_assert_eq(compression.level, 9);
        cr_assert_str_eq(compression_format_name(CODEC_FAST), "gzip");
}

Test(compression, says_which_names_and_levels_there_are)
{
        struct compression compression;
        struct error err = ERROR_INIT;

        cr_assert_eq(compression_parse("lz4", 0, &compression, &err), -EINVAL);
        cr_assert_str_eq(err.message, "there is no compression 'lz4'");
        cr_assert_str_eq(err.hint, "use one of: gzip, zstd, fast, none");
        cr_assert_eq(compression_parse("xz", 0, &compression, &err), -EINVAL);
        cr_assert_eq(compression_parse("gzip", 13, &compression, &err), -EINVAL);
        cr_assert_str_eq(err.message, "the compression 'gzip' has the levels 1 to 12, not 13");
        cr_assert_eq(compression_parse("gzip", -1, &compression, &err), -EINVAL);
        cr_assert_eq(compression_parse("none", 1, &compression, &err), -EINVAL);
        cr_assert_str_eq(err.message, "the compression 'none' has no levels");
}

Test(compression, records_what_the_bytes_depend_on)
{
        static const char *const begins[] = { "libdeflate 1.", "libzstd 1.", "isa-l 2." };
        static const char *const names[] = { "gzip", "zstd", "fast" };
        static const char *const ends[] = { " level 2 block 1048576", " level 2 block 1048576",
                                            " level 2 block 1048576" };
        struct compression compression;
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < 3; i++) {
                struct buf buf = BUF_INIT;

                cr_assert_eq(compression_parse(names[i], 0, &compression, &err), 0);
                cr_assert_eq(compression_record(&compression, &buf), 0);
                cr_assert_eq(strncmp(buf.data, begins[i], strlen(begins[i])), 0, "%s", buf.data);
                cr_assert_str_eq(buf.data + buf.len - strlen(ends[i]), ends[i]);
                buf_done(&buf);
        }
}

Test(compression, a_record_says_how_to_compress_again)
{
        static const struct compression all[] = { { CODEC_GZIP, 9 },
                                                  { CODEC_ZSTD, 19 },
                                                  { CODEC_FAST, 1 } };
        struct compression found;

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                struct buf record = BUF_INIT;

                cr_assert_eq(compression_record(&all[i], &record), 0);
                cr_assert_eq(compression_parse_record(buf_str(&record), &found), 0);
                cr_assert_eq(found.codec, all[i].codec);
                cr_assert_eq(found.level, all[i].level);
                buf_done(&record);
        }
        cr_assert_eq(compression_parse_record("none", &found), -EINVAL);
        cr_assert_eq(compression_parse_record("libzstd 1.5.4 level 99 block 1", &found), -EINVAL);
        cr_assert_eq(compression_parse_record("other 1 level 3 block 1", &found), -EINVAL);
}
