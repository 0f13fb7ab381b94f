/*
 * Repositories are got by ssh, for which a script stands that runs on this host what it is asked
 * to.
 */
#include "git.h"

#include "../store/fresh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
        struct fresh fresh;
        char remote[100];
        char first[41]; /* the commit of the tag */
        struct git_source git;
        struct context context;
        char *commit;
        bool is_open;
        struct error err;
};

/* Each branch says its name in the file f, and a tag has the name of one of them. */
static const char script[] =
        "set -e\n"
        "exec 2>log\n"
        "export HOME=/nowhere GIT_CONFIG_NOSYSTEM=1 GIT_COMMITTER_DATE='@981173106 +0000'\n"
        "mkdir bin\n"
        "cat >bin/ssh <<'END'\n"
        "#!/bin/sh\n"
        "for last; do :; done\n"
        "[ \"$SSH_AUTH_SOCK\" != /closed ] || { echo 'the agent says no' >&2; exit 1; }\n"
        "exec sh -c \"$last\"\n"
        "END\n"
        "chmod 755 bin/ssh\n"
        "git init -q -b main work\n"
        "cd work\n"
        "git config user.name a\n"
        "git config user.email a@b\n"
        "mkdir sub\n"
        "ln -s sub link\n"
        "echo low >sub/g\n"
        "for name in first both main; do\n"
        "        git checkout -q -B $name\n"
        "        echo $name >f\n"
        "        git add .\n"
        "        git commit -q -m $name\n"
        "        [ $name != first ] || { git tag -a -m tag v1; git tag both; git rev-parse HEAD "
        ">../first; }\n"
        "done\n"
        "git clone -q --bare . ../x.git\n";

static void begin(struct fixture *fixture)
{
        char command[sizeof(script) + 100], path[400];
        struct buf first = BUF_INIT;

        *fixture = (struct fixture){ .context = CONTEXT_INIT };
        fresh_begin(&fixture->fresh);
        snprintf(command, sizeof(command), "cd %s\n%s", fixture->fresh.root, script);
        cr_assert_eq(system(command), 0);
        snprintf(path, sizeof(path), "%s/first", fixture->fresh.root);
        cr_assert_eq(io_read_file(AT_FDCWD, path, 100, &first, &fixture->err), 0);
        snprintf(fixture->first, sizeof(fixture->first), "%s", buf_str(&first));
        buf_done(&first);
        snprintf(path, sizeof(path), "%s/bin:%s", fixture->fresh.root, getenv("PATH"));
        setenv("PATH", path, true);
        snprintf(fixture->remote, sizeof(fixture->remote), "ssh://user:secret@host%s/x.git",
                 fixture->fresh.root);
        fixture->git = (struct git_source){ .remote = fixture->remote, .name = "x" };
}

static void close_it(struct fixture *fixture)
{
        if (fixture->is_open)
                context_done(&fixture->context);
        fixture->is_open = false;
        free(TAKE_PTR(fixture->commit));
        fixture->err = ERROR_INIT;
}

static void end(struct fixture *fixture)
{
        close_it(fixture);
        fresh_end(&fixture->fresh);
}

static int open_it(struct fixture *fixture, const char *ref)
{
        int r;

        close_it(fixture);
        fixture->git.ref = ref;
        r = git_open(fixture->fresh.store, &fixture->git, NULL, &fixture->context, &fixture->commit,
                     &fixture->err);
        fixture->is_open = r == 0;
        return r;
}

static void assert_holds(struct fixture *fixture, const char *path, const char *expected)
{
        struct buf text = BUF_INIT;

        cr_assert(fixture->is_open);
        cr_assert_eq(context_read(&fixture->context, path, 1000, &text, &fixture->err), 0, "%s: %s",
                     path, fixture->err.message);
        cr_assert_str_eq(buf_str(&text), expected, "%s", path);
        buf_done(&text);
}

static bool has(const struct fixture *fixture, const char *path)
{
        struct error err = ERROR_INIT;
        struct copy_stat st;

        return copy_source_stat(&fixture->context.source, path, &st, &err) == 0;
}

static void assert_opens(struct fixture *fixture, const char *ref, const char *expected)
{
        cr_assert_eq(open_it(fixture, ref), 0, "%s: %s", ref, fixture->err.message);
        assert_holds(fixture, "f", expected);
}

static void assert_fails(struct fixture *fixture, const char *ref, int code, const char *words)
{
        cr_assert_eq(open_it(fixture, ref), code, "%s: %d", ref, fixture->err.code);
        cr_assert_not_null(strstr(fixture->err.message, words), "%s", fixture->err.message);
        cr_assert_null(strstr(fixture->err.message, "secret"), "%s", fixture->err.message);
}

Test(git, gets_the_default_branch_a_branch_a_tag_and_a_commit)
{
        struct fixture fixture;

        begin(&fixture);
        assert_opens(&fixture, NULL, "main\n");
        assert_opens(&fixture, "HEAD", "main\n");
        assert_opens(&fixture, "first", "first\n");
        assert_opens(&fixture, "v1", "first\n");
        cr_assert_str_eq(fixture.commit, fixture.first);
        assert_opens(&fixture, "refs/tags/both", "first\n");
        assert_opens(&fixture, fixture.first, "first\n");
        cr_assert_not(has(&fixture, ".git"));
        end(&fixture);
}

Test(git, takes_a_branch_rather_than_the_tag_of_its_name)
{
        struct fixture fixture;

        begin(&fixture);
        assert_opens(&fixture, "both", "both\n");
        end(&fixture);
}

Test(git, names_what_the_repository_does_not_have)
{
        struct fixture fixture;

        begin(&fixture);
        assert_fails(&fixture, "none", -ENOENT, "no branch, tag or reference none");
        fixture.first[10] = '\0';
        assert_fails(&fixture, fixture.first, -ENOENT, "no branch, tag or reference");
        assert_fails(&fixture, "0000000000000000000000000000000000000000", -EIO, "cannot get ssh:");
        fixture.git.remote = "ssh://user:secret@host/nowhere.git";
        assert_fails(&fixture, NULL, -EIO, "cannot get ssh://host/nowhere.git: git: ");
        end(&fixture);
}

Test(git, compares_a_checksum_with_the_commit_and_with_the_tag)
{
        struct fixture fixture;

        begin(&fixture);
        fixture.git.checksum = fixture.first;
        assert_opens(&fixture, "v1", "first\n");
        assert_fails(&fixture, "main", -EBADMSG, "its commit is ");
        fixture.git.fetch_by_commit = true;
        assert_opens(&fixture, "main", "first\n");
        fixture.git.fetch_by_commit = false;
        fixture.first[12] = '\0';
        assert_opens(&fixture, "first", "first\n");
        end(&fixture);
}

Test(git, opens_a_subdirectory_and_follows_no_link_to_it)
{
        struct fixture fixture;

        begin(&fixture);
        fixture.git.subdir = "sub";
        cr_assert_eq(open_it(&fixture, NULL), 0, "%s", fixture.err.message);
        assert_holds(&fixture, "g", "low\n");
        cr_assert_not(has(&fixture, "f"));
        fixture.git.subdir = "link";
        assert_fails(&fixture, NULL, -ENOTDIR, "its subdirectory link");
        fixture.git.subdir = "none";
        assert_fails(&fixture, NULL, -ENOENT, "its subdirectory none");
        end(&fixture);
}

Test(git, keeps_the_repository_without_its_password)
{
        struct fixture fixture;
        struct buf config = BUF_INIT;

        begin(&fixture);
        fixture.git.keep_git_dir = CHOICE_YES;
        assert_opens(&fixture, "first", "first\n");
        cr_assert(has(&fixture, ".git/objects"));
        cr_assert_not(has(&fixture, ".git/FETCH_HEAD"));
        cr_assert_eq(context_read(&fixture.context, ".git/config", 10000, &config, &fixture.err),
                     0);
        cr_assert_not_null(strstr(buf_str(&config), "ssh://host/"));
        cr_assert_null(strstr(buf_str(&config), "secret"));
        buf_done(&config);
        end(&fixture);
}

Test(git, dates_all_files_by_the_commit_where_that_is_asked_for)
{
        struct fixture fixture;
        struct copy_stat st;

        begin(&fixture);
        assert_opens(&fixture, NULL, "main\n");
        cr_assert_eq(copy_source_stat(&fixture.context.source, "f", &st, &fixture.err), 0);
        cr_assert_gt(st.mtime.tv_sec, 981173106);
        fixture.git.commit_times = true;
        fixture.git.subdir = "sub";
        cr_assert_eq(open_it(&fixture, NULL), 0, "%s", fixture.err.message);
        cr_assert_eq(copy_source_stat(&fixture.context.source, "g", &st, &fixture.err), 0);
        cr_assert_eq(st.mtime.tv_sec, 981173106);
        cr_assert_eq(copy_source_stat(&fixture.context.source, "", &st, &fixture.err), 0);
        cr_assert_eq(st.mtime.tv_sec, 981173106);
        end(&fixture);
}

Test(git, gives_ssh_the_agent_that_it_may_ask)
{
        struct fixture fixture;
        int r;

        begin(&fixture);
        setenv("SSH_AUTH_SOCK", "/closed", true);
        assert_opens(&fixture, NULL, "main\n");
        close_it(&fixture);
        r = git_open(fixture.fresh.store, &fixture.git, "/closed", &fixture.context,
                     &fixture.commit, &fixture.err);
        cr_assert_eq(r, -EIO);
        cr_assert_not_null(strstr(fixture.err.message, "the agent says no"), "%s",
                           fixture.err.message);
        end(&fixture);
}

Test(git, leaves_nothing_in_the_store)
{
        struct fixture fixture;
        int fd;

        begin(&fixture);
        assert_opens(&fixture, NULL, "main\n");
        cr_assert_eq(store_tmp_dir(fixture.fresh.store, &fd, &fixture.err), 0);
        cr_assert_eq(faccessat(fd, "git-0", F_OK, 0), 0);
        close_it(&fixture);
        cr_assert_neq(faccessat(fd, "git-0", F_OK, 0), 0);
        assert_fails(&fixture, "none", -ENOENT, "none");
        cr_assert_neq(faccessat(fd, "git-0", F_OK, 0), 0);
        end(&fixture);
}

Test(git, says_where_there_is_no_program)
{
        struct error err = ERROR_INIT;

        setenv("PATH", "/nowhere:/etc", true);
        cr_assert_eq(git_find(&err), -ENOENT);
        cr_assert_str_eq(err.hint, "Install git.");
}
