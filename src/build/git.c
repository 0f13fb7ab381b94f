/*
 * Getting a repository: what the reference means is asked first, as git itself would rather take a
 * tag than a branch of that name; then that alone is fetched, and checked out.
 */
#include "git.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORIES_MAX 1000u

/* What a repository may take: with its files checked out, and for one run of git. */
#define REPOSITORY_BYTES_MAX ((uint64_t)16 << 30)
#define GIT_SECONDS_MAX      1800u

#define COMMIT_HEX      40u
#define COMMIT_HEX_LONG 64u

/* A repository that is being got. */
struct checkout {
        const struct git_source *git;
        struct git_place place;
        bool keep;    /* .git is part of the tree */
        char *name;   /* what is fetched: a full reference or a commit; owned */
        char *commit; /* owned */
};

static void checkout_done(struct checkout *checkout)
{
        cleanup_close(&checkout->place.dir_fd);
        cleanup_close(&checkout->place.tree_fd);
        free(checkout->name);
        free(checkout->commit);
}

/* A NULL without a type is none among variable arguments. */
#define END_OF_ARGUMENTS ((const char *)NULL)

/* Runs git with the arguments up to that. */
static int run(const struct checkout *checkout, struct buf *ret, struct error *err, ...)
{
        struct strv arguments = STRV_INIT;
        struct buf ignored = BUF_INIT;
        const char *argument;
        va_list ap;
        int r = 0;

        va_start(ap, err);
        while (r == 0 && (argument = va_arg(ap, const char *)))
                r = strv_add(&arguments, argument);
        va_end(ap);
        r = r < 0 ? error_set_oom(err)
                  : git_run(&checkout->place, &arguments, ret ? ret : &ignored, err);
        buf_done(&ignored);
        strv_done(&arguments);
        return r;
}

static bool is_commit(const char *text)
{
        size_t len = strspn(text, "0123456789abcdefABCDEF");

        return text[len] == '\0' && (len == COMMIT_HEX || len == COMMIT_HEX_LONG);
}

/* ---- what the reference means ---- */

/* Whether a line of ls-remote, "COMMIT\tNAME\n", has this name; `ret` is its commit then. */
static bool find_line(const char *list, const char *prefix, const char *name, const char *suffix,
                      const char **ret)
{
        size_t prefix_len = strlen(prefix), name_len = strlen(name), suffix_len = strlen(suffix);

        for (const char *at = list; *at;) {
                size_t len = strcspn(at, "\n"), hex = strcspn(at, "\t\n");
                const char *listed = at + hex + 1;

                if (hex < len && len - hex - 1 == prefix_len + name_len + suffix_len &&
                    memcmp(listed, prefix, prefix_len) == 0 &&
                    memcmp(listed + prefix_len, name, name_len) == 0 &&
                    memcmp(listed + prefix_len + name_len, suffix, suffix_len) == 0) {
                        *ret = at;
                        return true;
                }
                at += len + (at[len] == '\n');
        }
        return false;
}

/* A branch is preferred to a tag, as BuildKit does. */
static int choose(struct checkout *checkout, const char *list, const char *ref, struct error *err)
{
        static const char *const prefixes[] = { "refs/heads/", "refs/tags/", "refs/", "" };
        const char *line;

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                /* All that has no prefix is a whole name, or HEAD. */
                if (!*prefixes[i] && strcmp(ref, "HEAD") != 0 && strncmp(ref, "refs/", 5) != 0)
                        continue;
                if (!find_line(list, prefixes[i], ref, "", &line))
                        continue;
                if (asprintf(&checkout->name, "%s%s", prefixes[i], ref) < 0) {
                        checkout->name = NULL;
                        return error_set_oom(err);
                }
                return 0;
        }
        error_set(err, -ENOENT, "it has no branch, tag or reference %s", ref);
        return error_hint(err, "A commit is named by all its %u digits.", COMMIT_HEX);
}

static int resolve(struct checkout *checkout, struct error *err)
{
        const struct git_source *git = checkout->git;
        const char *ref = git->ref ? git->ref : "HEAD";
        struct buf list = BUF_INIT;
        int r;

        if (git->fetch_by_commit && git->checksum)
                ref = git->checksum;
        if (is_commit(ref)) {
                checkout->name = strdup(ref);
                return checkout->name ? 0 : error_set_oom(err);
        }
        r = run(checkout, &list, err, "ls-remote", "--quiet", "--", git->remote, ref,
                END_OF_ARGUMENTS);
        if (r == 0)
                r = choose(checkout, buf_str(&list), ref, err);
        buf_done(&list);
        return r;
}

/* ---- fetching ---- */

/* Of a commit alone a server may say that it is no reference: then it is among all of them. */
static int fetch_all(const struct checkout *checkout, struct error *err)
{
        return run(checkout, NULL, err, "fetch", "--quiet", "--no-recurse-submodules", "--force",
                   "--update-head-ok", "--", checkout->git->remote,
                   "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*",
                   END_OF_ARGUMENTS);
}

static int fetch(const struct checkout *checkout, struct error *err)
{
        _cleanup_free_ char *refspec = NULL;
        struct error first = ERROR_INIT;
        bool commit = is_commit(checkout->name);
        int r;

        /* A branch and a tag keep their names, for who keeps .git. */
        if (asprintf(&refspec, "+%s%s%s", checkout->name,
                     strncmp(checkout->name, "refs/", 5) == 0 ? ":" : "",
                     strncmp(checkout->name, "refs/", 5) == 0 ? checkout->name : "") < 0) {
                refspec = NULL;
                return error_set_oom(err);
        }
        r = run(checkout, NULL, &first, "fetch", "--quiet", "--depth=1", "--no-tags",
                "--no-recurse-submodules", "--force", "--update-head-ok", "--",
                checkout->git->remote, refspec, END_OF_ARGUMENTS);
        if (r == -EIO && commit)
                r = fetch_all(checkout, err);
        else if (r == -EIO && strstr(first.message, "shallow"))
                r = run(checkout, NULL, err, "fetch", "--quiet", "--no-tags",
                        "--no-recurse-submodules", "--force", "--update-head-ok", "--",
                        checkout->git->remote, refspec, END_OF_ARGUMENTS);
        else if (r < 0)
                *err = first;
        return r;
}

static int find_commit(struct checkout *checkout, struct error *err)
{
        const char *name = checkout->name;
        _cleanup_free_ char *text = NULL;
        struct buf answer = BUF_INIT;
        int r;

        if (asprintf(&text, "%s^{commit}", strcmp(name, "HEAD") == 0 ? "FETCH_HEAD" : name) < 0) {
                text = NULL;
                return error_set_oom(err);
        }
        r = run(checkout, &answer, err, "rev-parse", "--verify", "--quiet", "--end-of-options",
                text, END_OF_ARGUMENTS);
        if (r == 0) {
                checkout->commit = strndup(buf_str(&answer), strcspn(buf_str(&answer), "\n"));
                r = checkout->commit ? 0 : error_set_oom(err);
        }
        if (r == 0 && !is_commit(checkout->commit))
                r = error_set(err, -EBADMSG, "git names no commit");
        buf_done(&answer);
        return r;
}

/* A checksum is of the commit, or of the tag that leads to it. */
static int check(const struct checkout *checkout, struct error *err)
{
        const char *wanted = checkout->git->checksum;
        struct buf tag = BUF_INIT;
        int r;

        if (!wanted || strncasecmp(checkout->commit, wanted, strlen(wanted)) == 0)
                return 0;
        r = run(checkout, &tag, err, "rev-parse", "--verify", "--quiet", "--end-of-options",
                strcmp(checkout->name, "HEAD") == 0 ? "FETCH_HEAD" : checkout->name,
                END_OF_ARGUMENTS);
        if (r == 0 && strncasecmp(buf_str(&tag), wanted, strlen(wanted)) != 0)
                r = error_set(err, -EBADMSG, "its commit is %s, not %.64s", checkout->commit,
                              wanted);
        buf_done(&tag);
        return r;
}

/* ---- checking out ---- */

static int get_submodules(struct checkout *checkout, struct error *err)
{
        int r;

        if (checkout->git->submodules == CHOICE_NO ||
            faccessat(checkout->place.tree_fd, ".gitmodules", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        checkout->place.submodules = true;
        r = run(checkout, NULL, err, "submodule", "--quiet", "update", "--init", "--recursive",
                "--checkout", "--depth=1", END_OF_ARGUMENTS);
        return r < 0 ? error_wrap(err, "its submodules") : 0;
}

/* mtime=commit: all files shall have the time of the commit. */
static int read_time(const struct checkout *checkout, struct copy_source *ret, struct error *err)
{
        struct buf answer = BUF_INIT;
        long long seconds;
        char *end;
        int r;

        if (!checkout->git->commit_times)
                return 0;
        r = run(checkout, &answer, err, "show", "--no-patch", "--format=%ct", checkout->commit,
                END_OF_ARGUMENTS);
        if (r == 0) {
                seconds = strtoll(buf_str(&answer), &end, 10);
                if (end == buf_str(&answer) || *end != '\n')
                        r = error_set(err, -EBADMSG, "its commit has no time");
                else
                        *ret = (struct copy_source){ .root_fd = -1,
                                                     .is_dated = true,
                                                     .date = { .tv_sec = seconds } };
        }
        buf_done(&answer);
        return r;
}

/* What is kept names where it came from, but no password, nor what was fetched last. */
static int tidy(const struct checkout *checkout, struct error *err)
{
        _cleanup_free_ char *shown = remote_show(checkout->git->remote);
        int r;

        if (!checkout->keep)
                return 0;
        if (!shown)
                return error_set_oom(err);
        unlinkat(checkout->place.tree_fd, ".git/FETCH_HEAD", 0);
        r = run(checkout, NULL, err, "config", "--local", "remote.origin.url", shown,
                END_OF_ARGUMENTS);
        return r < 0 ? r
                     : run(checkout, NULL, err, "reflog", "expire", "--all", "--expire=now",
                           END_OF_ARGUMENTS);
}

static int get(struct checkout *checkout, struct error *err)
{
        int r = run(checkout, NULL, err, "init", "--quiet", END_OF_ARGUMENTS);

        if (r == 0)
                r = resolve(checkout, err);
        if (r == 0)
                r = fetch(checkout, err);
        if (r == 0)
                r = find_commit(checkout, err);
        if (r == 0)
                r = check(checkout, err);
        if (r == 0)
                r = run(checkout, NULL, err, "checkout", "--quiet", "--force", "--detach",
                        checkout->commit, END_OF_ARGUMENTS);
        if (r == 0)
                r = get_submodules(checkout, err);
        return r < 0 ? r : tidy(checkout, err);
}

/* ---- where ---- */

/* Makes DIR/ with tree/ in the store's tmp/. */
static int make_place(struct store *store, struct context *context, struct git_place *place,
                      struct error *err)
{
        int r = store_tmp_dir(store, &context->parent_fd, err);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < DIRECTORIES_MAX && !context->temporary; i++) {
                char name[32];

                snprintf(name, sizeof(name), "git-%u", i);
                if (mkdirat(context->parent_fd, name, 0700) == 0) {
                        context->temporary = strdup(name);
                        if (!context->temporary)
                                return error_set_oom(err);
                } else if (errno != EEXIST) {
                        break;
                }
        }
        if (!context->temporary)
                return error_set_errno(err, -errno, "cannot write to the store");
        place->dir_fd = openat(context->parent_fd, context->temporary,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (place->dir_fd >= 0 && mkdirat(place->dir_fd, "tree", 0755) == 0)
                place->tree_fd = openat(place->dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return place->tree_fd < 0 ? error_set_errno(err, -errno, "cannot write to the store") : 0;
}

/* Opens the subdirectory. No part of it may be a link. */
static int open_subdirectory(const struct checkout *checkout, int *ret_fd, struct error *err)
{
        const char *rest = checkout->git->subdir ? checkout->git->subdir : "", *name;
        int fd = fcntl(checkout->place.tree_fd, F_DUPFD_CLOEXEC, 0);
        size_t len;

        while (fd >= 0 && (len = path_next(&rest, &name)) > 0) {
                char text[NAME_MAX + 1];
                int next;

                snprintf(text, sizeof(text), "%.*s", (int)len, name);
                next = openat(fd, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (next < 0)
                        error_set_errno(err, -errno, "its subdirectory %s", checkout->git->subdir);
                close(fd);
                fd = next;
        }
        if (fd < 0)
                return error_is_set(err) ? err->code
                                         : error_set_errno(err, -errno, "its directory");
        *ret_fd = fd;
        return 0;
}

int git_open(struct store *store, const struct git_source *git, const char *agent,
             struct context *ret, char **ret_commit, struct error *err)
{
        _cleanup_(checkout_done) struct checkout checkout = {
                .git = git,
                .place = { .dir_fd = -1,
                           .tree_fd = -1,
                           .remote = git->remote,
                           .agent = agent,
                           .bytes_max = REPOSITORY_BYTES_MAX,
                           .seconds_max = GIT_SECONDS_MAX },
                /* Of a subdirectory there is no .git to keep. */
                .keep = git->keep_git_dir == CHOICE_YES && !git->subdir,
        };
        int r = git_find(err);

        if (r < 0)
                return r;
        *ret = CONTEXT_INIT;
        checkout.place.git_dir = checkout.keep ? ".git" : "../repo";
        r = make_place(store, ret, &checkout.place, err);
        if (r == 0)
                r = get(&checkout, err);
        if (r == 0)
                r = read_time(&checkout, &ret->source, err);
        if (r == 0)
                r = open_subdirectory(&checkout, &ret->source.root_fd, err);
        if (r < 0) {
                _cleanup_free_ char *shown = remote_show(git->remote);

                context_done(ret);
                return shown ? error_wrap(err, "cannot get %s", shown) : error_set_oom(err);
        }
        *ret_commit = TAKE_PTR(checkout.commit);
        return 0;
}
