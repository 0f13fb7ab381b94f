#include "shared_records.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct buf make_blob(void)
{
        const struct shared_record first = { { { 1 } }, { { 2 } }, "one\ntwo", 7 };
        const struct shared_record second = { { { 3 } }, { { 4 } }, "", 0 };
        struct buf blob = BUF_INIT;

        cr_assert_eq(shared_records_begin(&blob), 0);
        cr_assert_eq(shared_records_add(&first, &blob), 0);
        cr_assert_eq(shared_records_add(&second, &blob), 0);
        return blob;
}

Test(shared_records, are_read_as_they_were_written)
{
        struct buf blob = make_blob();
        struct shared_record *records;
        size_t count;

        cr_assert_eq(shared_records_parse(blob.data, blob.len, &records, &count), 0);
        cr_assert_eq(count, 2);
        cr_assert_eq(records[0].group.bytes[0], 1);
        cr_assert_eq(records[0].key.bytes[0], 2);
        cr_assert_eq(records[0].len, 7);
        cr_assert_eq(memcmp(records[0].text, "one\ntwo", 7), 0);
        cr_assert_eq(records[1].key.bytes[0], 4);
        cr_assert_eq(records[1].len, 0);
        free(records);
        buf_done(&blob);
}

Test(shared_records, that_are_cut_are_refused)
{
        struct buf blob = make_blob();
        struct shared_record *records;
        size_t count, whole = 0;

        for (size_t len = 0; len < blob.len; len++) {
                int r = shared_records_parse(blob.data, len, &records, &count);

                cr_assert(r == 0 || r == -EBADMSG || r == -ESTALE, "%zu bytes: %d", len, r);
                if (r < 0)
                        continue;
                whole++;
                free(records);
        }
        cr_assert_eq(whole, 2); /* behind the head, and behind the first */
        buf_done(&blob);
}

Test(shared_records, of_lengths_that_are_none_are_refused)
{
        static const char *const lengths[] = {
                "8", "-1", "+1", "", "1x", " 1", "99999999999999999999999999", "0x1"
        };
        char hex[DIGEST_HEX_MAX];

        digest_format_hex(&(struct digest){ { 1 } }, hex);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
                struct shared_record *records;
                struct buf blob = BUF_INIT;
                size_t count;

                cr_assert_eq(shared_records_begin(&blob), 0);
                cr_assert_eq(buf_appendf(&blob, "%s %s %s\n1234567", hex, hex, lengths[i]), 0);
                cr_assert_eq(shared_records_parse(blob.data, blob.len, &records, &count), -EBADMSG,
                             "%s", lengths[i]);
                buf_done(&blob);
        }
}

Test(shared_records, of_another_version_say_so)
{
        static const char other[] = "varve records 2 little\n";
        struct shared_record *records;
        size_t count;

        cr_assert_eq(shared_records_parse(other, strlen(other), &records, &count), -ESTALE);
}
