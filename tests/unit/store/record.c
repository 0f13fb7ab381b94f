#include "fresh.h"

#include <errno.h>

Test(record, is_found_under_its_group_and_key)
{
        struct digest group = fresh_digest("group"), key = fresh_digest("key");
        struct buf text = BUF_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        cr_assert(!store_record_any(fresh.store, &group));
        cr_assert_eq(store_record_get(fresh.store, &group, &key, &text, &fresh.err), -ENOENT);
        cr_assert(!error_is_set(&fresh.err));
        cr_assert_eq(store_record_put(fresh.store, &group, &key, "one", 3, &fresh.err), 0);
        cr_assert(store_record_any(fresh.store, &group));
        cr_assert_eq(store_record_get(fresh.store, &group, &key, &text, &fresh.err), 0);
        cr_assert_str_eq(buf_str(&text), "one");
        cr_assert_eq(store_record_get(fresh.store, &key, &group, &text, &fresh.err), -ENOENT);
        cr_assert_eq(store_record_get(fresh.store, &group, &group, &text, &fresh.err), -ENOENT);
        buf_done(&text);
        fresh_end(&fresh);
}

Test(record, is_replaced_as_a_whole)
{
        struct digest group = fresh_digest("group"), key = fresh_digest("key");
        struct buf text = BUF_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        cr_assert_eq(store_record_put(fresh.store, &group, &key, "longer", 6, &fresh.err), 0);
        cr_assert_eq(store_record_put(fresh.store, &group, &key, "new", 3, &fresh.err), 0);
        fresh_reopen(&fresh);
        cr_assert_eq(store_record_get(fresh.store, &group, &key, &text, &fresh.err), 0);
        cr_assert_str_eq(buf_str(&text), "new");
        buf_done(&text);
        fresh_end(&fresh);
}

static void put_text(struct fresh *fresh, const char *key, const char *text)
{
        struct digest group = fresh_digest("group"), digest = fresh_digest(key);

        cr_assert_eq(
                store_record_put(fresh->store, &group, &digest, text, strlen(text), &fresh->err), 0,
                "%s", fresh->err.message);
}

Test(record, has_a_head_that_ends_where_it_ends)
{
        struct digest group = fresh_digest("group"), key = fresh_digest("short");
        struct buf head = BUF_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        put_text(&fresh, "long", "a long one that was read before\nand more of it\n\nand the rest");
        put_text(&fresh, "short", "short\n\nrest");
        cr_assert_eq(buf_append_str(&head, "a long text that was here before"), 0);
        buf_clear(&head);
        cr_assert_eq(store_record_head(fresh.store, &group, &key, &head, &fresh.err), 0);
        cr_assert_str_eq(buf_str(&head), "short\n");
        buf_done(&head);
        fresh_end(&fresh);
}

Test(record, may_be_empty)
{
        struct digest group = fresh_digest("group"), key = fresh_digest("key");
        struct buf text = BUF_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        cr_assert_eq(store_record_put(fresh.store, &group, &key, "", 0, &fresh.err), 0);
        cr_assert_eq(store_record_get(fresh.store, &group, &key, &text, &fresh.err), 0);
        cr_assert_eq(text.len, 0);
        buf_done(&text);
        fresh_end(&fresh);
}
