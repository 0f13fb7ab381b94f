#include "fresh.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

Test(store, makes_an_image_layout_that_is_its_users_alone)
{
        struct buf text = BUF_INIT;
        struct fresh fresh;
        struct stat st;
        int dir_fd;

        fresh_begin(&fresh);
        dir_fd = open(fresh.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_eq(io_read_file(dir_fd, "oci/oci-layout", 100, &text, &fresh.err), 0);
        cr_assert_str_eq(buf_str(&text), "{\"imageLayoutVersion\":\"1.0.0\"}");
        cr_assert_eq(fstatat(dir_fd, "oci/blobs/sha256", &st, 0), 0);
        cr_assert_eq(st.st_mode & 07777, 0700);
        cr_assert_eq(fstatat(dir_fd, "tmp", &st, 0), 0);
        cr_assert_eq(st.st_mode & 07777, 0700);
        cr_assert_str_eq(store_root(fresh.store), fresh.root);
        buf_done(&text);
        close(dir_fd);
        fresh_end(&fresh);
}

Test(store, is_opened_again_with_what_it_holds)
{
        struct fresh fresh;
        struct digest digest;

        fresh_begin(&fresh);
        cr_assert_eq(store_put_blob(fresh.store, "abc", 3, &digest, &fresh.err), 0);
        fresh_reopen(&fresh);
        cr_assert(store_has(fresh.store, STORE_BLOB, &digest));
        fresh_end(&fresh);
}

Test(store, is_not_opened_where_others_may_write)
{
        struct store *store;
        struct fresh fresh;

        fresh_begin(&fresh);
        cr_assert_eq(chmod(fresh.root, 0770), 0);
        cr_assert_eq(store_open(fresh.root, &store, &fresh.err), -EPERM);
        cr_assert_not_null(strstr(fresh.err.hint, "chmod go-w"));
        cr_assert_eq(chmod(fresh.root, 0700), 0);
        fresh_end(&fresh);
}

Test(store, is_only_made_where_that_is_asked_for)
{
        struct store *store;
        struct fresh fresh;
        char path[64];

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/none", fresh.root);
        cr_assert_eq(store_open_existing(path, &store, &fresh.err), -ENXIO);
        cr_assert_not_null(strstr(fresh.err.message, "there is no store in"));
        cr_assert_eq(access(path, F_OK), -1);
        fresh.err = ERROR_INIT;
        cr_assert_eq(store_open(path, &store, &fresh.err), 0, "%s", fresh.err.message);
        store_free(store);
        cr_assert_eq(store_open_existing(path, &store, &fresh.err), 0, "%s", fresh.err.message);
        store_free(store);
        fresh_end(&fresh);
}

Test(store, is_not_opened_through_a_symlink_inside)
{
        struct store *store;
        struct fresh fresh;
        char layers[64];

        fresh_begin(&fresh);
        snprintf(layers, sizeof(layers), "%s/layers", fresh.root);
        cr_assert_eq(rmdir(layers), 0);
        cr_assert_eq(symlink("/tmp", layers), 0);
        cr_assert_lt(store_open(fresh.root, &store, &fresh.err), 0);
        cr_assert_not_null(strstr(fresh.err.message, "layers"));
        fresh_end(&fresh);
}

static void assert_root(const char *expected)
{
        struct error err = ERROR_INIT;
        struct store *store;

        cr_assert_eq(store_open(NULL, &store, &err), 0, "%s", err.message);
        cr_assert_str_eq(store_root(store), expected);
        store_free(store);
}

Test(store, lies_where_the_environment_says)
{
        char home[] = "/tmp/varve-home-XXXXXX", place[100];
        struct error err = ERROR_INIT;
        struct store *store;

        cr_assert_not_null(mkdtemp(home));
        unsetenv("VARVE_ROOT");
        unsetenv("XDG_DATA_HOME");
        unsetenv("HOME");
        cr_assert_eq(store_open(NULL, &store, &err), -ENOENT);
        cr_assert_not_null(strstr(err.hint, "VARVE_ROOT"));
        setenv("HOME", home, 1);
        snprintf(place, sizeof(place), "%s/.local/share/varve", home);
        assert_root(place);
        /* The XDG Base Directory Specification: a path that is not absolute is ignored. */
        setenv("XDG_DATA_HOME", "data", 1);
        assert_root(place);
        snprintf(place, sizeof(place), "%s/data", home);
        setenv("XDG_DATA_HOME", place, 1);
        strcat(place, "/varve");
        assert_root(place);
        snprintf(place, sizeof(place), "%s/own", home);
        setenv("VARVE_ROOT", place, 1);
        assert_root(place);
        cr_assert_eq(io_remove_tree(AT_FDCWD, home, &err), 0);
}

Test(store, names_itself_where_there_is_no_room_and_nowhere_else)
{
        struct error full = ERROR_INIT, other = ERROR_INIT, explained = ERROR_INIT;
        struct fresh fresh;

        fresh_begin(&fresh);
        error_set(&full, -ENOSPC, "cannot write");
        cr_assert_eq(store_explain_full(fresh.store, &full), -ENOSPC);
        cr_assert_not_null(strstr(full.message, fresh.root));
        cr_assert_not_null(strstr(full.hint, "--root"));
        error_set(&other, -EIO, "cannot write");
        cr_assert_eq(store_explain_full(fresh.store, &other), -EIO);
        cr_assert_str_eq(other.message, "cannot write");
        error_set(&explained, -ENOSPC, "no more user namespaces");
        error_hint(&explained, "known already");
        cr_assert_eq(store_explain_full(fresh.store, &explained), -ENOSPC);
        cr_assert_str_eq(explained.message, "no more user namespaces");
        fresh_end(&fresh);
}
