#include "git.h"

#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
        char root[64];
        struct git_place place;
        struct strv arguments;
        struct buf answer;
        struct error err;
};

static void begin(struct fixture *fixture)
{
        *fixture = (struct fixture){ .root = "/tmp/varve-git-XXXXXX",
                                     .place = { .git_dir = "../repo",
                                                .remote = "https://user:secret@host/x.git",
                                                .bytes_max = (uint64_t)1 << 30,
                                                .seconds_max = 100 } };
        cr_assert_not_null(mkdtemp(fixture->root));
        fixture->place.dir_fd = open(fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_eq(mkdirat(fixture->place.dir_fd, "tree", 0755), 0);
        fixture->place.tree_fd =
                openat(fixture->place.dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(fixture->place.tree_fd, 0);
}

static void end(struct fixture *fixture)
{
        struct error ignored = ERROR_INIT;

        io_remove_tree(AT_FDCWD, fixture->root, &ignored);
        close(fixture->place.dir_fd);
        close(fixture->place.tree_fd);
        strv_done(&fixture->arguments);
        buf_done(&fixture->answer);
}

/* Runs a command of the shell as git's "x". */
static int run_shell(struct fixture *fixture, const char *command)
{
        char alias[200];

        snprintf(alias, sizeof(alias), "alias.x=!%s", command);
        strv_add(&fixture->arguments, "-c");
        strv_add(&fixture->arguments, alias);
        strv_add(&fixture->arguments, "x");
        return git_run(&fixture->place, &fixture->arguments, &fixture->answer, &fixture->err);
}

Test(git_run, yields_what_git_prints)
{
        struct fixture fixture;

        begin(&fixture);
        strv_add(&fixture.arguments, "--version");
        cr_assert_eq(git_run(&fixture.place, &fixture.arguments, &fixture.answer, &fixture.err), 0,
                     "%s", fixture.err.message);
        cr_assert_eq(strncmp(buf_str(&fixture.answer), "git version ", 12), 0);
        end(&fixture);
}

Test(git_run, works_in_the_tree_with_an_environment_of_its_own)
{
        struct fixture fixture;

        begin(&fixture);
        setenv("GIT_DIR", "/nowhere", true);
        setenv("SECRET", "told", true);
        cr_assert_eq(run_shell(&fixture, "pwd; echo $SECRET $HOME $SSH_AUTH_SOCK"), 0, "%s",
                     fixture.err.message);
        cr_assert_not_null(strstr(buf_str(&fixture.answer), fixture.root));
        cr_assert_not_null(strstr(buf_str(&fixture.answer), "/tree\n/dev/null\n"));
        end(&fixture);
}

Test(git_run, tells_what_git_says_without_the_password)
{
        struct fixture fixture;

        begin(&fixture);
        cr_assert_eq(run_shell(&fixture, "echo 'no https://user:secret@host/x.git' >&2; false"),
                     -EIO);
        cr_assert_str_eq(fixture.err.message, "git: no https://host/x.git");
        end(&fixture);
}

Test(git_run, ends_git_when_it_takes_too_long)
{
        struct fixture fixture;

        begin(&fixture);
        fixture.place.seconds_max = 1;
        cr_assert_eq(run_shell(&fixture, "exec sleep 100"), -ETIME);
        cr_assert_not_null(strstr(fixture.err.message, "longer than 1 seconds"));
        end(&fixture);
}

Test(git_run, ends_git_when_its_files_take_too_much)
{
        struct fixture fixture;

        begin(&fixture);
        fixture.place.bytes_max = (uint64_t)1 << 20;
        cr_assert_eq(run_shell(&fixture,
                               "mkdir d; dd if=/dev/zero of=d/f bs=1M count=2 2>d/e; exec "
                               "sleep 100"),
                     -EFBIG);
        cr_assert_str_eq(fixture.err.message, "it takes more than 1 MiB");
        end(&fixture);
}

Test(git_run, ends_git_when_it_prints_without_end)
{
        struct fixture fixture;

        begin(&fixture);
        cr_assert_eq(run_shell(&fixture, "exec yes"), -EFBIG);
        end(&fixture);
}
