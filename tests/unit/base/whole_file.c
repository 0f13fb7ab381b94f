#include "base/whole_file.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char directory[] = "/tmp/varve-whole-XXXXXX";

static void begin(void)
{
        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(chdir(directory), 0);
}

static void end(void)
{
        struct error err = ERROR_INIT;

        io_remove_tree(AT_FDCWD, directory, &err);
}

static void assert_holds(const char *path, const char *text)
{
        struct error err = ERROR_INIT;
        struct buf held = BUF_INIT;

        cr_assert_eq(io_read_file(AT_FDCWD, path, 100, &held, &err), 0, "%s", err.message);
        cr_assert_str_eq(buf_str(&held), text);
        buf_done(&held);
}

static void write_file(const char *path, const char *text)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(io_write_file_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

Test(whole_file, replaces_a_file_when_it_is_finished, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        write_file("f", "old");
        cr_assert_eq(whole_file_plan("f", &file, &err), 0);
        cr_assert_eq(whole_file_open(&file, &err), 0);
        cr_assert_eq(io_write(file.fd, "new", 3), 0);
        assert_holds("f", "old");
        cr_assert_eq(whole_file_finish(&file, &err), 0);
        whole_file_done(&file);
        assert_holds("f", "new");
}

Test(whole_file, leaves_nothing_where_it_was_not_finished, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        cr_assert_eq(whole_file_plan("f", &file, &err), 0);
        cr_assert_eq(whole_file_open(&file, &err), 0);
        whole_file_done(&file);
        cr_assert_eq(rmdir(directory), 0, "it is empty");
}

Test(whole_file, writes_where_a_link_leads_to, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        write_file("f", "old");
        cr_assert_eq(symlink("f", "link"), 0);
        cr_assert_eq(whole_file_plan("link", &file, &err), 0);
        cr_assert_eq(whole_file_open(&file, &err), 0);
        cr_assert_eq(whole_file_finish(&file, &err), 0);
        whole_file_done(&file);
        assert_holds("f", "");
}

Test(whole_file, refuses_directories_and_links_that_lead_nowhere, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        cr_assert_eq(whole_file_plan(".", &file, &err), -EISDIR);
        cr_assert_eq(symlink("nowhere", "link"), 0);
        err = ERROR_INIT;
        cr_assert_eq(whole_file_plan("link", &file, &err), -ENOENT);
}

Test(whole_file, writes_a_pipe_as_it_is, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        cr_assert_eq(mkfifo("p", 0600), 0);
        cr_assert_eq(whole_file_plan("p", &file, &err), 0);
        cr_assert_null(file.temporary);
        whole_file_done(&file);
}
