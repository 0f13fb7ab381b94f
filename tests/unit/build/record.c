#include "record.h"

#include "../small_tree.h"
#include "key.h"

#include <errno.h>
#include <stdlib.h>

static struct record make_record(void)
{
        struct record record = {
                .created = { 1700000000, 5 },
                .group = { { 9 } },
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
        cr_assert_eq(strmap_set(&record.layer.blob.annotations, LAYER_COMPRESSION, "lib 1"), 0);
        return record;
}

static void assert_equal(const struct record *a, const struct record *b)
{
        cr_assert_eq(a->created.tv_sec, b->created.tv_sec);
        cr_assert_eq(a->created.tv_nsec, b->created.tv_nsec);
        cr_assert(digest_equal(&a->group, &b->group));
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
        cr_assert_str_eq(strmap_get(&a->layer.blob.annotations, LAYER_COMPRESSION),
                         strmap_get(&b->layer.blob.annotations, LAYER_COMPRESSION));
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

/* Where the head has its version, and not the digest. */
#define VERSION_AT strlen("varve step ")

Test(record, that_was_altered_anywhere_is_none)
{
        struct record record = make_record(), read;
        struct buf text = BUF_INIT;

        cr_assert_eq(record_write(&record, &text), 0);
        for (size_t i = 0; i < text.len; i++) {
                text.data[i] ^= 1;
                cr_assert_eq(record_read(text.data, text.len, &read),
                             i == VERSION_AT ? -ESTALE : -EBADMSG, "byte %zu", i);
                text.data[i] ^= 1;
                cr_assert_eq(record_read(text.data, i, &read), -EBADMSG, "%zu bytes", i);
        }
        record_done(&record);
        buf_done(&text);
}

Test(record, of_another_version_is_told_from_one_that_was_altered)
{
        const char text[] = "varve step 1 sha256:";
        struct record read;

        cr_assert_eq(record_read(text, strlen(text), &read), -ESTALE);
        cr_assert_eq(record_read("varve cache 1", 13, &read), -EBADMSG);
}

Test(record, is_of_one_step_alone)
{
        struct record record = { .group = { { 1 } }, .below = { { 2 } }, .input = { { 3 } } };
        const struct digest other = { { 4 } };
        struct error err = ERROR_INIT;
        struct digest key;

        cr_assert_eq(key_of_step(&record.below, &record.input, &key, &err), 0);
        cr_assert_eq(record_check(&record, &record.group, &key, &err), 0);
        cr_assert_eq(record_check(&record, &other, &key, &err), -EBADMSG);
        err = ERROR_INIT;
        cr_assert_eq(record_check(&record, &record.group, &other, &err), -EBADMSG);
}

/* What a step has observed that has looked at a file of a tree. */
static struct observations *observe(struct tree *tree, const char *name)
{
        struct observations *observations;
        struct error err = ERROR_INIT;
        struct trace *trace;
        struct tree_attr attr;

        cr_assert_eq(trace_new(&trace, &err), 0);
        cr_assert_eq(tree_lookup(tree, TREE_ROOT, name, &attr), 0);
        trace_name(trace, TREE_ROOT, name, attr.ino);
        trace_inode(trace, attr.ino, TRACE_READ);
        cr_assert_eq(trace_evaluate(trace, tree, NULL, &observations, &err), 0);
        trace_free(trace);
        return observations;
}

Test(record, has_what_was_observed_of_each_mount)
{
        struct observations *mounted[2];
        struct record record = { .mounts = { .items = mounted, .count = 2, .fixed = { { 7 } } } };
        struct tree *tree = small_tree(NULL, 0);
        struct buf text = BUF_INIT, difference = BUF_INIT;
        struct error err = ERROR_INIT;
        struct tree_attr attr;
        struct record read;

        small_tree_file(tree, "/image", "1");
        small_tree_file(tree, "/first", "1");
        small_tree_file(tree, "/second", "1");
        record.observations = observe(tree, "image");
        mounted[0] = observe(tree, "first");
        mounted[1] = observe(tree, "second");
        cr_assert_eq(record_write(&record, &text), 0);
        cr_assert_eq(record_read(text.data, text.len, &read), 0);
        cr_assert_eq(read.mounts.count, 2);
        cr_assert(digest_equal(&read.mounts.fixed, &record.mounts.fixed));
        cr_assert_eq(tree_lookup(tree, TREE_ROOT, "second", &attr), 0);
        cr_assert_eq(tree_write(tree, attr.ino, 0, "2", 1, false), 0);
        cr_assert_eq(observations_check(read.observations, tree, 1, &difference, &err), 1);
        cr_assert_eq(observations_check(read.mounts.items[0], tree, 1, &difference, &err), 1);
        cr_assert_eq(observations_check(read.mounts.items[1], tree, 1, &difference, &err), 0);
        cr_assert_str_eq(buf_str(&difference), "/second has another content");
        record_done(&read);
        observations_free(mounted[0]);
        observations_free(mounted[1]);
        observations_free(record.observations);
        buf_done(&difference);
        buf_done(&text);
        tree_free(tree);
}
