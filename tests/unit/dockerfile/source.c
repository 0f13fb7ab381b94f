#include "dockerfile/source.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static enum source_kind kind_of(const char *text, bool is_context)
{
        _cleanup_(arena_done) struct arena arena = ARENA_INIT;
        struct git_source git;
        struct error err = ERROR_INIT;
        enum source_kind kind;

        cr_assert_eq(source_parse(text, is_context, &arena, &kind, &git, &err), 0, "%s: %s", text,
                     err.message);
        return kind;
}

/* All parts of a reference in one string. */
static void assert_git(const char *text, const char *expected)
{
        _cleanup_(arena_done) struct arena arena = ARENA_INIT;
        _cleanup_(buf_done) struct buf found = BUF_INIT;
        struct git_source git;
        struct error err = ERROR_INIT;
        enum source_kind kind;

        cr_assert_eq(source_parse(text, true, &arena, &kind, &git, &err), 0, "%s: %s", text,
                     err.message);
        cr_assert_eq(kind, SOURCE_GIT, "%s", text);
        buf_appendf(&found, "%s %s", git.remote, git.name);
        if (git.ref)
                buf_appendf(&found, " ref=%s", git.ref);
        if (git.subdir)
                buf_appendf(&found, " subdir=%s", git.subdir);
        if (git.checksum)
                buf_appendf(&found, " checksum=%s", git.checksum);
        if (git.keep_git_dir)
                buf_appendf(&found, " keep=%d", git.keep_git_dir == CHOICE_YES);
        if (git.submodules)
                buf_appendf(&found, " submodules=%d", git.submodules == CHOICE_YES);
        buf_appendf(&found, "%s%s%s", git.commit_times ? " times" : "",
                    git.fetch_by_commit ? " by-commit" : "", git.unencrypted ? " open" : "");
        cr_assert_str_eq(buf_str(&found), expected, "%s is %s", text, buf_str(&found));
}

Test(source, is_a_path_a_url_or_a_repository)
{
        static const struct {
                const char *text;
                enum source_kind kind;
        } cases[] = {
                { "a/b", SOURCE_PATH },
                { ".git", SOURCE_PATH },
                { "./x.git", SOURCE_PATH },
                { "h.org/x.git", SOURCE_PATH },
                { "github.com/o/n", SOURCE_PATH },
                { "file:///x.git", SOURCE_PATH },
                { "ext::sh -c x", SOURCE_PATH },
                { "https://", SOURCE_PATH },
                { "https:///x.git", SOURCE_PATH },
                { "ssh://-oProxyCommand=x/y", SOURCE_PATH },
                { "-u@h:x", SOURCE_PATH },
                { "u@-h:x", SOURCE_PATH },
                { "https://h.org/x.tar", SOURCE_URL },
                { "http://h.org", SOURCE_URL },
                { "https://h.org/x.git/", SOURCE_URL },
                { "https://h.org/x.git.tar", SOURCE_URL },
                { "https://h.org/x.git:#b", SOURCE_URL },
                { "HTTPS://h.org/x", SOURCE_URL },
                { "https://h.org/x.git", SOURCE_GIT },
                { "http://h.org/x.git#b", SOURCE_GIT },
                { "git://h.org/x", SOURCE_GIT },
                { "ssh://u@h.org:22/x", SOURCE_GIT },
                { "git@h.org:x", SOURCE_GIT },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                cr_assert_eq(kind_of(cases[i].text, false), cases[i].kind, "%s", cases[i].text);
        cr_assert_eq(kind_of("github.com/o/n", true), SOURCE_GIT);
}

Test(source, of_a_repository_names_what_of_it)
{
        assert_git("https://h.org/o/n.git", "https://h.org/o/n.git n");
        assert_git("https://h.org/n.git#v1", "https://h.org/n.git n ref=v1");
        assert_git("https://h.org/n.git#rel/1:a/b", "https://h.org/n.git n ref=rel/1 subdir=a/b");
        assert_git("https://h.org/n.git#:a", "https://h.org/n.git n subdir=a");
        assert_git("https://u:p@h.org/n.git#a%23b", "https://u:p@h.org/n.git n ref=a#b");
        assert_git("git@h.org:o/n.git#v1:a", "git@h.org:o/n.git n ref=v1 subdir=a");
        assert_git("git@h.org:n?subdir=a#v1", "git@h.org:n n ref=v1 subdir=a");
        assert_git("git@h.org:n#a%20b", "git@h.org:n n ref=a%20b");
        assert_git("git://h.org/n", "git://h.org/n n open");
        assert_git("github.com/o/n#b", "https://github.com/o/n n ref=b");
}

Test(source, of_a_repository_takes_keys)
{
        assert_git("https://h.org/n.git?ref=v1&subdir=/a", "https://h.org/n.git n ref=v1 subdir=a");
        assert_git("https://h.org/n.git?tag=v1", "https://h.org/n.git n ref=refs/tags/v1");
        assert_git("https://h.org/n.git?branch=refs/heads/b",
                   "https://h.org/n.git n ref=refs/heads/b");
        assert_git("https://h.org/n.git?checksum=deadbeef&fetch-by-commit#b",
                   "https://h.org/n.git n ref=b checksum=deadbeef by-commit");
        assert_git("https://h.org/n.git?commit=12&keep-git-dir=true&submodules=0",
                   "https://h.org/n.git n checksum=12 keep=1 submodules=0");
        assert_git("https://h.org/n.git?mtime=commit", "https://h.org/n.git n times");
        assert_git("https://h.org/n.git?mtime=checkout&&", "https://h.org/n.git n");
        assert_git("https://h.org/n.git?ref=a+b%20c", "https://h.org/n.git n ref=a b c");
}

Test(source, of_a_repository_stays_within_it)
{
        assert_git("https://h.org/n.git#b:../../etc", "https://h.org/n.git n ref=b subdir=etc");
        assert_git("https://h.org/n.git?subdir=a/../..", "https://h.org/n.git n");
        assert_git("https://h.org/n.git#:/", "https://h.org/n.git n");
}

Test(source, of_a_repository_with_something_wrong_is_refused)
{
        static const char *const bad[] = {
                "https://h.org/n.git?ref=a#b",
                "https://h.org/n.git?ref=a&tag=b",
                "https://h.org/n.git?tag=a&branch=a",
                "https://h.org/n.git?subdir=a#:b",
                "https://h.org/n.git?other=1",
                "https://h.org/n.git?ref=",
                "https://h.org/n.git?ref",
                "https://h.org/n.git?mtime=now",
                "https://h.org/n.git?submodules=maybe",
                "https://h.org/n.git?checksum=xyz",
                "https://h.org/n.git#--upload-pack=x",
                "https://h.org/n.git?ref=-x",
                "https://h.org/n.git?branch=-x",
                "https://h.org/n.git#%2dx",
                "https://h.org/n.git#:-x",
                "https://h.org/n.git#%",
                "https://h.org/n.git#%00",
                "https://h.org/n.git?ref=%zz",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_(arena_done) struct arena arena = ARENA_INIT;
                struct git_source git;
                struct error err = ERROR_INIT;
                enum source_kind kind;

                cr_assert_eq(source_parse(bad[i], false, &arena, &kind, &git, &err), -EINVAL, "%s",
                             bad[i]);
                cr_assert(error_is_set(&err));
        }
}

Test(source, url_may_name_a_file)
{
        static const struct {
                const char *url, *name;
        } cases[] = {
                { "https://h.org/a/b.tar.gz", "b.tar.gz" },
                { "https://h.org/a/b.txt?c=d/e#f/g", "b.txt" },
                { "https://h.org/a/", "a" },
                { "https://h.org/a%20b", "a b" },
                { "https://h.org/a%2Fb", "b" },
                { "https://h.org/", NULL },
                { "https://h.org", NULL },
                { "https://h.org/a/..", NULL },
                { "https://h.org/%", NULL },
                { "a/b", NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_done) struct arena arena = ARENA_INIT;
                const char *name = "";

                cr_assert_eq(source_url_name(cases[i].url, &arena, &name), 0);
                if (cases[i].name)
                        cr_assert_str_eq(name, cases[i].name);
                else
                        cr_assert_null(name, "%s is %s", cases[i].url, name);
        }
}
