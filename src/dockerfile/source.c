#include "dockerfile/source.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dockerfile/value.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define ALPHANUMERIC "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The pieces of a reference, not decoded. */
struct source_parts {
        struct slice scheme; /* empty for user@host:path */
        struct slice remote; /* all before the query and the fragment */
        struct slice path;
        struct slice query;
        struct slice fragment;
};

static bool slice_is(struct slice slice, const char *text)
{
        return slice.len == strlen(text) && strncasecmp(slice.text, text, slice.len) == 0;
}

/* Cuts `slice` at the first `c`. Returns what follows it, or an empty slice. */
static struct slice slice_cut(struct slice *slice, char c)
{
        const char *at = memchr(slice->text, c, slice->len);
        struct slice rest = { slice->text + slice->len, 0 };

        if (at) {
                rest = (struct slice){ at + 1, slice->len - (size_t)(at + 1 - slice->text) };
                slice->len = (size_t)(at - slice->text);
        }
        return rest;
}

static int hex_value(char c)
{
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = c ? strchr(digits, c) : NULL;

        return digit ? (int)((digit - digits) % 16) : -1;
}

/* Resolves "%41", and in a query "+". NULL, and an error, for what is malformed. */
static char *source_decode(struct arena *arena, struct slice slice, bool query, struct error *err)
{
        char *decoded = arena_alloc(arena, slice.len + 1), *to = decoded;

        if (!decoded) {
                error_set_oom(err);
                return NULL;
        }
        for (size_t i = 0; i < slice.len; i++) {
                char c = slice.text[i];

                if (c == '%') {
                        int high = slice.len - i > 2 ? hex_value(slice.text[i + 1]) : -1;
                        int low = slice.len - i > 2 ? hex_value(slice.text[i + 2]) : -1;

                        if (high < 0 || low < 0 || high + low == 0) {
                                error_set(err, -EINVAL,
                                          "a \"%%\" is not followed by two digits of a byte");
                                return NULL;
                        }
                        c = (char)(high * 16 + low);
                        i += 2;
                } else if (c == '+' && query) {
                        c = ' ';
                }
                *to++ = c;
        }
        return decoded;
}

/* user@host:path. Returns whether it is one. */
static bool source_split_scp(const char *text, struct source_parts *ret)
{
        size_t user = strspn(text, ALPHANUMERIC "-_"), host;

        if (user == 0 || text[0] == '-' || text[user] != '@')
                return false;
        host = strspn(text + user + 1, ALPHANUMERIC "-.");
        if (host == 0 || text[user + 1] == '-' || text[user + 1 + host] != ':')
                return false;
        *ret = (struct source_parts){ .remote = { text, strlen(text) } };
        ret->fragment = slice_cut(&ret->remote, '#');
        ret->query = slice_cut(&ret->remote, '?');
        ret->path = (struct slice){ text + user + 1 + host + 1,
                                    ret->remote.len - (user + 1 + host + 1) };
        return true;
}

/* scheme://authority/path. Returns whether it is one. */
static bool source_split_url(const char *text, struct source_parts *ret)
{
        size_t scheme = strspn(text, ALPHANUMERIC);
        struct slice rest;

        if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
                return false;
        *ret = (struct source_parts){ .remote = { text, strlen(text) } };
        ret->scheme = (struct slice){ text, scheme };
        ret->fragment = slice_cut(&ret->remote, '#');
        ret->query = slice_cut(&ret->remote, '?');
        rest = (struct slice){ text + scheme + 3, ret->remote.len - scheme - 3 };
        ret->path = slice_cut(&rest, '/');
        /* No authority is no URL, and one that begins with a dash would be an option of ssh. */
        return rest.len > 0 && rest.text[0] != '-';
}

static int source_bad(const char *key, const char *value, struct error *err)
{
        return error_set(err, -EINVAL, "%s cannot be \"%.100s\" in a git reference", key, value);
}

/* Sets a part that may be given more than once, if it is the same. */
static int source_set(const char **part, const char *key, const char *value, struct error *err)
{
        if (*value == '-')
                return source_bad(key, value, err);
        if (*part && strcmp(*part, value) != 0)
                return error_set(err, -EINVAL,
                                 "a git reference names both \"%.100s\" and \"%.100s\"", *part,
                                 value);
        *part = value;
        return 0;
}

static int source_set_subdir(struct arena *arena, struct git_source *git, const char *value,
                             struct error *err)
{
        _cleanup_free_ char *clean = path_resolve("/", value + strspn(value, "/"));
        const char *copy = clean ? arena_strdup(arena, clean + 1) : NULL;

        if (!copy)
                return error_set_oom(err);
        return *copy ? source_set(&git->subdir, "subdir", copy, err) : 0;
}

/* ?tag=v1 is refs/tags/v1, ?branch=b is refs/heads/b. */
static int source_set_ref(struct arena *arena, struct git_source *git, const char *key,
                          const char *prefix, const char *value, struct error *err)
{
        _cleanup_(buf_done) struct buf ref = BUF_INIT;
        const char *copy;

        if (*value == '-')
                return source_bad(key, value, err);
        if (buf_appendf(&ref, "%s%s", strncmp(value, prefix, strlen(prefix)) == 0 ? "" : prefix,
                        value) < 0)
                return error_set_oom(err);
        copy = arena_strndup(arena, buf_str(&ref), ref.len);
        return copy ? source_set(&git->ref, key, copy, err) : error_set_oom(err);
}

/* A key that may stand alone, which is true. */
static int source_read_bool(const char *key, const char *value, bool *ret, struct error *err)
{
        *ret = true;
        return *value && value_parse_bool(value, ret) < 0 ? source_bad(key, value, err) : 0;
}

static int source_set_key(struct arena *arena, struct git_source *git, const char *key,
                          const char *value, struct error *err)
{
        bool yes;
        int r;

        if (strcmp(key, "submodules") == 0 || strcmp(key, "keep-git-dir") == 0 ||
            strcmp(key, "fetch-by-commit") == 0) {
                r = source_read_bool(key, value, &yes, err);
                if (*key == 's')
                        git->submodules = yes ? CHOICE_YES : CHOICE_NO;
                else if (*key == 'k')
                        git->keep_git_dir = yes ? CHOICE_YES : CHOICE_NO;
                else
                        git->fetch_by_commit = yes;
                return r;
        }
        if (!*value)
                return error_set(err, -EINVAL, "%.100s has no value in a git reference", key);
        if (strcmp(key, "ref") == 0)
                return source_set(&git->ref, key, value, err);
        if (strcmp(key, "tag") == 0)
                return source_set_ref(arena, git, key, "refs/tags/", value, err);
        if (strcmp(key, "branch") == 0)
                return source_set_ref(arena, git, key, "refs/heads/", value, err);
        if (strcmp(key, "subdir") == 0)
                return source_set_subdir(arena, git, value, err);
        if (strcmp(key, "checksum") == 0 || strcmp(key, "commit") == 0) {
                if (value[strspn(value, "0123456789abcdefABCDEF")])
                        return source_bad(key, value, err);
                return source_set(&git->checksum, key, value, err);
        }
        if (strcmp(key, "mtime") != 0)
                return error_set(err, -EINVAL, "a git reference does not take %.100s", key);
        git->commit_times = strcmp(value, "commit") == 0;
        return git->commit_times || strcmp(value, "checkout") == 0 ? 0
                                                                   : source_bad(key, value, err);
}

static int source_read_query(struct arena *arena, struct slice query, struct git_source *git,
                             struct error *err)
{
        while (query.len > 0) {
                struct slice rest = slice_cut(&query, '&'), value = slice_cut(&query, '=');
                const char *key = source_decode(arena, query, true, err);
                const char *decoded = key ? source_decode(arena, value, true, err) : NULL;
                int r;

                if (!decoded)
                        return err->code;
                r = *key || *decoded ? source_set_key(arena, git, key, decoded, err) : 0;
                if (r < 0)
                        return r;
                query = rest;
        }
        return 0;
}

/* ref:subdir, which is encoded in a URL alone. */
static int source_read_fragment(struct arena *arena, const struct source_parts *parts,
                                struct git_source *git, struct error *err)
{
        bool encoded = parts->scheme.len > 0;
        char *text = encoded ? source_decode(arena, parts->fragment, false, err)
                             : arena_strndup(arena, parts->fragment.text, parts->fragment.len);
        char *colon;

        if (!text)
                return encoded ? err->code : error_set_oom(err);
        colon = strchrnul(text, ':');
        if (*colon) {
                int r = source_set_subdir(arena, git, colon + 1, err);

                if (r < 0)
                        return r;
                *colon = '\0';
        }
        return *text ? source_set(&git->ref, "ref", text, err) : 0;
}

static int source_read_git(struct arena *arena, const struct source_parts *parts,
                           struct git_source *ret, struct error *err)
{
        struct git_source git = {
                .unencrypted = slice_is(parts->scheme, "http") || slice_is(parts->scheme, "git"),
        };
        const char *name = parts->path.text + parts->path.len;
        size_t len = 0;
        int r;

        while (len < parts->path.len && name[-1] != '/') {
                name--;
                len++;
        }
        if (len >= 4 && memcmp(name + len - 4, ".git", 4) == 0)
                len -= 4;
        git.name = arena_strndup(arena, name, len);
        git.remote = arena_strndup(arena, parts->remote.text, parts->remote.len);
        if (!git.name || !git.remote)
                return error_set_oom(err);
        r = source_read_fragment(arena, parts, &git, err);
        if (r == 0)
                r = source_read_query(arena, parts->query, &git, err);
        if (r < 0)
                return r;
        *ret = git;
        return 0;
}

/* github.com/owner/name, in front of which https:// was left out. */
static int source_read_github(const char *text, struct arena *arena, struct git_source *ret,
                              struct error *err)
{
        size_t size = strlen("https://") + strlen(text) + 1;
        char *url = arena_alloc(arena, size);
        struct source_parts parts = { .scheme = { NULL, 0 } };

        if (!url)
                return error_set_oom(err);
        stpcpy(stpcpy(url, "https://"), text);
        source_split_url(url, &parts);
        return source_read_git(arena, &parts, ret, err);
}

int source_parse(const char *text, bool is_context, struct arena *arena, enum source_kind *ret,
                 struct git_source *ret_git, struct error *err)
{
        struct source_parts parts = { .scheme = { NULL, 0 } };
        bool http;

        *ret = SOURCE_GIT;
        if (is_context && strncmp(text, "github.com/", 11) == 0)
                return source_read_github(text, arena, ret_git, err);
        if (source_split_scp(text, &parts))
                return source_read_git(arena, &parts, ret_git, err);
        if (!source_split_url(text, &parts)) {
                *ret = SOURCE_PATH;
                return 0;
        }
        http = slice_is(parts.scheme, "http") || slice_is(parts.scheme, "https");
        if (http &&
            (parts.path.len < 4 || memcmp(parts.path.text + parts.path.len - 4, ".git", 4) != 0))
                *ret = SOURCE_URL;
        else if (!http && !slice_is(parts.scheme, "ssh") && !slice_is(parts.scheme, "git"))
                *ret = SOURCE_PATH;
        else
                return source_read_git(arena, &parts, ret_git, err);
        return 0;
}

int source_url_name(const char *url, struct arena *arena, const char **ret_name)
{
        struct error ignored = ERROR_INIT;
        struct source_parts parts = { .scheme = { NULL, 0 } };
        const char *name = NULL;
        char *path;

        if (source_split_url(url, &parts)) {
                path = source_decode(arena, parts.path, false, &ignored);
                if (ignored.code == -ENOMEM)
                        return -ENOMEM;
                for (size_t len = path ? strlen(path) : 0; len > 0 && path[len - 1] == '/'; len--)
                        path[len - 1] = '\0';
                name = path ? path_base(path) : NULL;
        }
        *ret_name = name && *name && !path_name_is_dot(name, strlen(name)) ? name : NULL;
        return 0;
}
