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
