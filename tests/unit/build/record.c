#include "record.h"

#include "../small_tree.h"

#include <errno.h>
#include <stdlib.h>

static struct record make_record(void)
{
        struct record record = {
                .created = { 1700000000, 5 },
                .has_layer = true,
                .layer = { .diff_id = { { 1 } }, .content = { { 2 } }, .has_content = true },
                .owners = OWNERS_REAL,
                .below = { { 3 } },
                .input = { { 4 } },
                .user = { { 5 } },
                .unobserved = strdup("because"),
        };

        record.layer.blob = (struct descriptor){ .media_type = strdup("a/b+gzip"),
                                                 .digest = { { 6 } },
                                                 .size = 7 };
        return record;
}

static void assert_equal(const struct record *a, const struct record *b)
{
        cr_assert_eq(a->created.tv_sec, b->created.tv_sec);
        cr_assert_eq(a->created.tv_nsec, b->created.tv_nsec);
        cr_assert_eq(a->has_layer, b->has_layer);
        cr_assert(digest_equal(&a->below, &b->below));
        cr_assert(digest_equal(&a->input, &b->input));
        cr_assert(digest_equal(&a->user, &b->user));
        if (!a->has_layer)
                return;
        cr_assert(digest_equal(&a->layer.diff_id, &b->layer.diff_id));
        cr_assert(digest_equal(&a->layer.content, &b->layer.content));
        cr_assert(digest_equal(&a->layer.blob.digest, &b->layer.blob.digest));
        cr_assert_eq(a->layer.blob.size, b->layer.blob.size);
        cr_assert_str_eq(a->layer.blob.media_type, b->layer.blob.media_type);
        cr_assert_eq(a->owners, b->owners);
}

Test(record, is_read_as_it_was_written)
{
        struct record record = make_record(), read;
        struct buf text = BUF_INIT;

        cr_assert_eq(record_write(&record, &text), 0);
        cr_assert_eq(record_read(text.data, text.len, &read), 0);
        assert_equal(&record, &read);
        cr_assert_str_eq(read.unobserved, "because");
        record_done(&read);
        record_done(&record);
        buf_done(&text);
}

Test(record, of_a_step_that_changed_nothing_has_no_layer)
{
        struct record record = { .created = { 5, 0 } }, read;
        struct buf text = BUF_INIT;

        cr_assert_eq(record_write(&record, &text), 0);
        cr_assert_eq(record_read(text.data, text.len, &read), 0);
        assert_equal(&record, &read);
        cr_assert_null(read.unobserved);
        cr_assert_null(read.observations);
        record_done(&read);
        buf_done(&text);
}

Test(record, that_was_altered_anywhere_is_none)
{
        struct record record = make_record(), read;
        struct buf text = BUF_INIT;

        cr_assert_eq(record_write(&record, &text), 0);
        for (size_t i = 0; i < text.len; i++) {
                text.data[i] ^= 1;
                cr_assert_eq(record_read(text.data, text.len, &read), -EBADMSG, "byte %zu", i);
                text.data[i] ^= 1;
                cr_assert_eq(record_read(text.data, i, &read), -EBADMSG, "%zu bytes", i);
        }
        record_done(&record);
        buf_done(&text);
}
