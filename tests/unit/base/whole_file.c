#include "base/whole_file.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

Test(whole_file, writes_a_descriptor_by_its_name_wherever_it_stands, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;
        char name[64];
        int fd;

        write_file("f", "old");
        fd = open("f", O_WRONLY | O_APPEND | O_CLOEXEC);
        snprintf(name, sizeof(name), "/dev/fd/%d", fd);
        cr_assert_eq(whole_file_plan(name, &file, &err), 0, "%s", err.message);
        cr_assert_eq(whole_file_write(&file, "new", 3, &err), 0, "%s", err.message);
        whole_file_done(&file);
        assert_holds("f", "oldnew");
        close(fd);
        cr_assert_eq(whole_file_plan(name, &file, &err), -EBADF);
}

Test(whole_file, writes_a_file_of_a_closed_directory_in_its_place, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        cr_assert_eq(chmod(".", 0755), 0);
        cr_assert_eq(mkdir("closed", 0755), 0);
        write_file("closed/f", "older");
        cr_assert_eq(chmod("closed/f", 0666), 0);
        cr_assert_eq(chmod("closed", 0555), 0);
        if (geteuid() == 0)
                cr_assert_eq(seteuid(65534), 0);
        cr_assert_eq(whole_file_plan("closed/f", &file, &err), 0, "%s", err.message);
        cr_assert_eq(whole_file_write(&file, "new", 3, &err), 0, "%s", err.message);
        whole_file_done(&file);
        assert_holds("closed/f", "new");
        cr_assert_eq(whole_file_plan("closed/g", &file, &err), -EACCES);
        cr_assert_eq(seteuid(getuid()), 0);
        cr_assert_eq(chmod("closed", 0755), 0);
}

Test(whole_file, without_a_directory_is_refused_at_once, .init = begin, .fini = end)
{
        struct whole_file file;
        struct error err = ERROR_INIT;

        write_file("f", "text");
        cr_assert_eq(whole_file_plan("none/x", &file, &err), -ENOENT);
        err = ERROR_INIT;
        cr_assert_eq(whole_file_plan("f/x", &file, &err), -ENOTDIR);
}

Test(whole_file, is_one_under_whatever_spelling, .init = begin, .fini = end)
{
        struct whole_file one, other;
        struct error err = ERROR_INIT;
        char path[100];

        snprintf(path, sizeof(path), "%s//./f", directory);
        cr_assert_eq(whole_file_plan("f", &one, &err), 0);
        cr_assert_eq(whole_file_plan(path, &other, &err), 0);
        cr_assert(whole_file_is(&one, &other));
        cr_assert_str_neq(one.temporary, other.temporary);
        whole_file_done(&other);
        cr_assert_eq(whole_file_plan("g", &other, &err), 0);
        cr_assert_not(whole_file_is(&one, &other));
        whole_file_done(&other);
        whole_file_done(&one);
}

/* ---- directories ---- */

/* Makes a directory of the files a and last. */
static int fill(const char *path, struct error *err)
{
        struct whole_directory whole;
        int r = whole_directory_plan(path, true, &whole, err);

        if (r < 0)
                return r;
        r = whole_directory_open(&whole, err);
        if (r == 0)
                r = io_write_file_atomic(whole.fd, "a", "a", 1, 0644, err);
        if (r == 0)
                r = io_write_file_atomic(whole.fd, "last", "l", 1, 0644, err);
        if (r == 0)
                r = whole_directory_finish(&whole, "last", err);
        whole_directory_done(&whole);
        return r;
}

Test(whole_directory, is_made_with_its_parents, .init = begin, .fini = end)
{
        struct error err = ERROR_INIT;

        cr_assert_eq(fill("x/y/./z/../d", &err), 0, "%s", err.message);
        assert_holds("x/y/d/last", "l");
        assert_holds("x/y/d/a", "a");
        cr_assert_eq(fill("x/new", &err), 0, "%s", err.message);
        assert_holds("x/new/a", "a");
        cr_assert_neq(access("x/y/z", F_OK), 0);
}

Test(whole_directory, that_is_there_is_filled_in_its_place, .init = begin, .fini = end)
{
        struct error err = ERROR_INIT;
        struct stat was, is;

        cr_assert_eq(fill(".", &err), 0, "%s", err.message);
        assert_holds("last", "l");
        cr_assert_eq(mkdir("there", 0755), 0);
        cr_assert_eq(symlink("there", "link"), 0);
        cr_assert_eq(stat("there", &was), 0);
        cr_assert_eq(fill("link", &err), 0, "%s", err.message);
        cr_assert_eq(stat("there", &is), 0);
        cr_assert_eq(was.st_ino, is.st_ino);
        assert_holds("there/a", "a");
        cr_assert_eq(unlink("there/a"), 0);
        cr_assert_eq(unlink("there/last"), 0);
        cr_assert_eq(rmdir("there"), 0, "nothing else is in it");
}

Test(whole_directory, that_cannot_be_is_refused_before_anything_is_written, .init = begin,
     .fini = end)
{
        struct error err = ERROR_INIT;

        write_file("f", "text");
        cr_assert_eq(fill("f", &err), -ENOTDIR);
        err = ERROR_INIT;
        cr_assert_eq(fill("f/x/y", &err), -ENOTDIR);
        err = ERROR_INIT;
        cr_assert_eq(fill(".", &err), -ENOTEMPTY);
        err = ERROR_INIT;
        cr_assert_eq(symlink("nowhere", "link"), 0);
        cr_assert_eq(fill("link", &err), -ENOENT);
        err = ERROR_INIT;
        if (geteuid() == 0)
                cr_assert_eq(seteuid(65534), 0);
        cr_assert_eq(fill("/proc/x/y", &err), -EACCES);
        cr_assert_eq(seteuid(getuid()), 0);
}
