#include "fs/trace.h"

#include "../small_tree.h"

#include <errno.h>
#include <stdlib.h>

/* A tree of /dir/file ("one"), /dir/other and /link. The tests look at it as it is made: for these
 * it does not matter that it has no layer. */
static struct tree *make_tree(void)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/dir/file", "one");
        small_tree_file(tree, "/dir/other", "two");
        small_tree_symlink(tree, "/link", "dir/file");
        return tree;
}

/* As a step does that resolves a path. */
static uint64_t look_up(struct trace *trace, struct tree *tree, uint64_t dir, const char *name)
{
        struct tree_attr attr = { .ino = 0 };

        if (tree_lookup(tree, dir, name, &attr) < 0)
                attr.ino = 0;
        trace_name(trace, dir, name, attr.ino);
        return attr.ino;
}

static struct observations *evaluate(const struct trace *trace, struct tree *tree)
{
        struct observations *observations = NULL;
        struct error err = ERROR_INIT;

        cr_assert_eq(trace_evaluate(trace, tree, NULL, &observations, &err), 0, "%s", err.message);
        return observations;
}

static void assert_differs(const struct observations *observations, struct tree *tree,
                           const char *expected)
{
        struct buf difference = BUF_INIT;
        struct error err = ERROR_INIT;
        int r = observations_check(observations, tree, 1, &difference, &err);

        cr_assert_eq(r, expected == NULL, "%d: %s", r, buf_str(&difference));
        cr_assert_str_eq(buf_str(&difference), expected ? expected : "");
        buf_done(&difference);
}

static struct trace *new_trace(void)
{
        struct error err = ERROR_INIT;
        struct trace *trace;

        cr_assert_eq(trace_new(&trace, &err), 0);
        return trace;
}

Test(trace, holds_where_it_was_made_and_tells_what_differs_elsewhere)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct tree_attr attr = { .mode = 0600 };
        struct observations *observations;
        uint64_t dir, file;

        dir = look_up(trace, tree, TREE_ROOT, "dir");
        file = look_up(trace, tree, dir, "file");
        look_up(trace, tree, dir, "missing");
        trace_inode(trace, file, TRACE_READ);
        observations = evaluate(trace, tree);
        cr_assert_eq(observations_count(observations), 4);
        assert_differs(observations, tree, NULL);
        cr_assert_eq(tree_write(tree, file, 0, "two", 3, false), 0);
        assert_differs(observations, tree, "/dir/file has another content");
        cr_assert_eq(tree_setattr(tree, file, &attr, TREE_SET_MODE, &attr), 0);
        assert_differs(observations, tree, "/dir/file has another mode");
        cr_assert_eq(tree_unlink(tree, dir, "file"), 0);
        assert_differs(observations, tree, "/dir/file is not there any more");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, of_a_listing_knows_names_and_types_alone)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        struct tree_attr attr;
        uint64_t dir = look_up(trace, tree, TREE_ROOT, "dir");

        trace_inode(trace, dir, TRACE_LISTED);
        observations = evaluate(trace, tree);
        cr_assert_eq(tree_lookup(tree, dir, "file", &attr), 0);
        cr_assert_eq(tree_write(tree, attr.ino, 0, "longer than one", 15, false), 0);
        assert_differs(observations, tree, NULL);
        small_tree_file(tree, "/dir/more", "");
        assert_differs(observations, tree, "/dir lists other names");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, of_a_symlink_knows_where_it_leads)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;

        look_up(trace, tree, TREE_ROOT, "link");
        observations = evaluate(trace, tree);
        cr_assert_eq(tree_unlink(tree, TREE_ROOT, "link"), 0);
        small_tree_symlink(tree, "/link", "dir/othe");
        assert_differs(observations, tree, "/link leads elsewhere");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, passes_over_what_lies_in_directories_of_the_step)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;

        trace_name(trace, 12345, "name", 12346);
        trace_inode(trace, 12346, TRACE_READ);
        observations = evaluate(trace, tree);
        cr_assert_eq(observations_count(observations), 1);
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, says_that_a_changed_file_of_several_names_cannot_be_known)
{
        struct observations *observations;
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct error err = ERROR_INIT;
        struct tree_attr attr;
        uint64_t dir = look_up(trace, tree, TREE_ROOT, "dir");
        uint64_t file = look_up(trace, tree, dir, "file");

        cr_assert_eq(tree_link(tree, file, TREE_ROOT, "again", &attr), 0);
        trace_inode(trace, file, TRACE_CHANGED);
        cr_assert_eq(trace_evaluate(trace, tree, NULL, &observations, &err), -EOPNOTSUPP);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, is_read_as_it_was_written_and_refused_when_it_is_not_sound)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations, *read;
        struct buf bytes = BUF_INIT;

        trace_inode(trace, look_up(trace, tree, TREE_ROOT, "dir"), TRACE_LISTED | TRACE_XATTRS);
        look_up(trace, tree, TREE_ROOT, "link");
        observations = evaluate(trace, tree);
        cr_assert_eq(observations_write(observations, &bytes), 0);
        cr_assert_eq(observations_read(bytes.data, bytes.len, &read), 0);
        assert_differs(read, tree, NULL);
        observations_free(read);
        for (size_t len = 0; len < bytes.len; len++)
                cr_assert_eq(observations_read(bytes.data, len, &read), -EBADMSG);
        for (size_t i = 0; i < bytes.len; i++) {
                bytes.data[i] = (char)~bytes.data[i];
                if (observations_read(bytes.data, bytes.len, &read) == 0)
                        observations_free(read);
                bytes.data[i] = (char)~bytes.data[i];
        }
        observations_free(observations);
        buf_done(&bytes);
        trace_free(trace);
        tree_free(tree);
}

/* What observations_write() has of a name: where it lies in the bytes. */
#define HEADER_BYTES 24
#define SEEN_BYTES   56
#define USES_AT      8

static int distrust(const struct buf *bytes)
{
        struct observations *read = NULL;
        struct error err = ERROR_INIT;
        int r = observations_read(bytes->data, bytes->len, &read);

        if (r == 0)
                r = observations_distrust(read, &err);
        observations_free(read);
        return r;
}

Test(trace, of_somebody_else_is_not_believed_what_cannot_be)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        struct buf bytes = BUF_INIT;
        uint64_t dir, file;
        char *seen, *names;

        dir = look_up(trace, tree, TREE_ROOT, "dir");
        file = look_up(trace, tree, dir, "file");
        look_up(trace, tree, dir, "othe_");
        trace_inode(trace, file, TRACE_READ);
        observations = evaluate(trace, tree);
        cr_assert_eq(observations_write(observations, &bytes), 0);
        cr_assert_eq(distrust(&bytes), 0);
        seen = bytes.data + HEADER_BYTES;
        names = memmem(bytes.data, bytes.len, "file", 5);
        cr_assert_not_null(names);

        memcpy(names, "..\0", 4);
        cr_assert_eq(distrust(&bytes), -EBADMSG);
        memcpy(names, "a/bc", 4);
        cr_assert_eq(distrust(&bytes), -EBADMSG);
        memcpy(names, "\0ile", 4);
        cr_assert_eq(distrust(&bytes), -EBADMSG);
        memcpy(names, "file", 4);
        /* A file is read, not listed. */
        seen[2 * SEEN_BYTES + USES_AT] = TRACE_LISTED;
        cr_assert_eq(distrust(&bytes), -EBADMSG);
        seen[2 * SEEN_BYTES + USES_AT] = TRACE_READ;
        cr_assert_eq(distrust(&bytes), 0);
        /* A name is seen once. */
        memcpy(memmem(bytes.data, bytes.len, "othe_", 6), "file\0", 6);
        cr_assert_eq(distrust(&bytes), -EBADMSG);
        buf_done(&bytes);
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

static void set_time(struct tree *tree, uint64_t ino, time_t seconds)
{
        struct tree_attr attr = { .mtime.tv_sec = seconds };

        cr_assert_eq(tree_setattr(tree, ino, &attr, TREE_SET_MTIME, &attr), 0);
}

Test(trace, knows_the_time_of_a_file_that_a_step_has_given_the_same)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        uint64_t dir = look_up(trace, tree, TREE_ROOT, "dir");
        uint64_t file = look_up(trace, tree, dir, "file"), other;

        other = look_up(trace, tree, dir, "other");
        trace_inode(trace, file, TRACE_TIMED);
        trace_inode(trace, file, TRACE_CHANGED);
        set_time(tree, file, 5);
        observations = evaluate(trace, tree);
        set_time(tree, other, 6);
        assert_differs(observations, tree, NULL);
        set_time(tree, file, 6);
        assert_differs(observations, tree, "/dir/file has another time");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, of_what_is_covered_knows_nothing)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        struct tree_attr attr;

        cr_assert_eq(trace_cover(trace, tree, "/dir/file"), 0);
        cr_assert_eq(trace_cover(trace, tree, "/dir/missing"), 0);
        cr_assert_eq(trace_cover(trace, tree, "/nowhere/missing"), 0);
        observations = evaluate(trace, tree);
        /* The root, /dir and /nowhere. */
        cr_assert_eq(observations_count(observations), 3);
        cr_assert_eq(tree_resolve(tree, "/dir/file", false, &attr), 0);
        cr_assert_eq(tree_write(tree, attr.ino, 0, "longer", 6, false), 0);
        small_tree_file(tree, "/dir/missing", "");
        assert_differs(observations, tree, NULL);
        small_tree_file(tree, "/nowhere/missing", "");
        assert_differs(observations, tree, "/nowhere is there now");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, of_what_is_covered_and_moved_knows_all)
{
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        struct tree_attr attr;

        cr_assert_eq(trace_cover(trace, tree, "/dir/file"), 0);
        trace_renamed(trace, TREE_ROOT, "dir");
        observations = evaluate(trace, tree);
        cr_assert_eq(tree_resolve(tree, "/dir/file", false, &attr), 0);
        cr_assert_eq(tree_write(tree, attr.ino, 0, "two", 3, false), 0);
        assert_differs(observations, tree, "/dir/file has another content");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, of_a_path_that_is_made_knows_the_directories_on_the_way)
{
        static const struct tree_owner root = { .uid = 0 };
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct observations *observations;
        struct tree_attr attr;

        cr_assert_eq(trace_make_path(trace, tree, "/dir/new/newer"), 0);
        observations = evaluate(trace, tree);
        assert_differs(observations, tree, NULL);
        cr_assert_eq(tree_resolve(tree, "/dir", false, &attr), 0);
        cr_assert_eq(tree_setxattr(tree, attr.ino, "user.x", "1", 1, 0), 0);
        assert_differs(observations, tree, "/dir has other extended attributes");
        cr_assert_eq(tree_removexattr(tree, attr.ino, "user.x"), 0);
        cr_assert_eq(tree_make_path(tree, "/dir/new", 0755, &root, &attr), 0);
        assert_differs(observations, tree, "/dir/new is there now");
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
}

Test(trace, says_that_a_path_made_behind_a_symlink_cannot_be_known)
{
        struct observations *observations;
        struct trace *trace = new_trace();
        struct tree *tree = make_tree();
        struct error err = ERROR_INIT;

        small_tree_symlink(tree, "/astray", "missing");
        cr_assert_eq(trace_make_path(trace, tree, "/astray"), 0);
        cr_assert_eq(trace_evaluate(trace, tree, NULL, &observations, &err), -EOPNOTSUPP);
        cr_assert_str_eq(err.message, "its working directory was made behind a symlink");
        trace_free(trace);
        tree_free(tree);
}
