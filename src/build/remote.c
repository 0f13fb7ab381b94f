#include "remote.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "build/layers.h"
#include "dockerfile/source.h"
#include "git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define FILE_NAME   "download"

char *remote_show(const char *url)
{
        const char *slashes = strstr(url, "://");
        const char *host = slashes ? slashes + 3 : url;
        size_t len = strcspn(host, "/?#");
        const char *at = memrchr(host, '@', len);
        const char *rest = at ? at + 1 : host;
        char *shown;

        if (asprintf(&shown, "%.*s%.*s", (int)(host - url), url, (int)strcspn(rest, "?#"), rest) <
            0)
                return NULL;
        return shown;
}

/* ---- what is asked for ---- */

static bool is_known(const char *text, bool expanded)
{
        return expanded || !strchr(text, '$');
}

static int check_checksum(const struct instruction_copy *copy, enum source_kind kind, bool expanded,
                          struct error *err)
{
        struct digest digest;

        if (copy->sources.count + copy->file_count != 1)
                return error_set(err, -EINVAL, "--checksum is for one source alone");
        if (kind == SOURCE_PATH)
                return error_set(err, -EINVAL, "--checksum is for URLs and git repositories");
        if (kind == SOURCE_URL && is_known(copy->checksum, expanded) &&
            digest_parse(copy->checksum, &digest, err) < 0)
                return error_wrap(err, "--checksum");
        return 0;
}

int remote_set_git(const struct instruction *instruction, bool expanded, struct git_source *git,
                   struct error *err)
{
        const struct instruction_copy *copy = &instruction->copy;

        if (copy->keep_git_dir != CHOICE_UNSET) {
                if (git->keep_git_dir != CHOICE_UNSET && git->keep_git_dir != copy->keep_git_dir)
                        return error_set(err, -EINVAL,
                                         "--keep-git-dir and the reference do not agree");
                git->keep_git_dir = copy->keep_git_dir;
        }
        if (!copy->checksum || !is_known(copy->checksum, expanded))
                return 0;
        if (git->checksum && strcmp(git->checksum, copy->checksum) != 0)
                return error_set(err, -EINVAL, "--checksum and the reference do not agree");
        if (!*copy->checksum || copy->checksum[strspn(copy->checksum, "0123456789abcdefABCDEF")])
                return error_set(err, -EINVAL, "--checksum of a repository is a commit, not %.100s",
                                 copy->checksum);
        git->checksum = copy->checksum;
        return 0;
}

int remote_check(const struct instruction *instruction, bool expanded, struct error *err)
{
        const struct instruction_copy *copy = &instruction->copy;
        enum source_kind kind = SOURCE_PATH;
        struct git_source git;
        bool known = true;
        int r = 0;

        for (size_t i = 0; i < copy->sources.count && r == 0; i++) {
                struct arena arena = ARENA_INIT;

                known = is_known(copy->sources.items[i], expanded);
                if (known)
                        r = source_parse(copy->sources.items[i], false, &arena, &kind, &git, err);
                if (r == 0 && known && kind == SOURCE_GIT)
                        r = remote_set_git(instruction, expanded, &git, err);
                if (r == 0 && known && kind == SOURCE_GIT && instruction->type == INSTRUCTION_ADD)
                        r = git_find(err);
                arena_done(&arena);
                if (r == 0 && known && kind != SOURCE_PATH &&
                    instruction->type == INSTRUCTION_COPY) {
                        r = error_set(err, -EINVAL, "COPY takes no URLs and no repositories");
                        error_hint(err, "Write ADD.");
                }
        }
        if (r == 0 && copy->checksum && (known || copy->sources.count != 1))
                r = check_checksum(copy, kind, expanded, err);
        return r;
}

/* ---- getting it ---- */

/* A file in the store's tmp/, which is gone with its descriptor. */
static int open_unnamed(struct store *store, struct error *err)
{
        int dir_fd, fd, r;

        r = store_tmp_dir(store, &dir_fd, err);
        if (r < 0)
                return r;
        fd = openat(dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(err, -errno, "cannot write to the store");
        unlinkat(dir_fd, FILE_NAME, 0);
        return fd;
}

int remote_fetch(struct store *store, const char *url, int *ret_fd, struct registry_download *ret,
                 struct error *err)
{
        static const struct registry_options options;
        _cleanup_free_ char *shown = remote_show(url);
        _cleanup_close_ int fd = open_unnamed(store, err);
        struct registry *registry = NULL;
        int r;

        if (fd < 0)
                return fd;
        if (!shown)
                return error_set_oom(err);
        r = registry_new(&options, &registry, err);
        if (r == 0)
                r = registry_download(registry, url, REMOTE_BYTES_MAX, fd, ret, err);
        registry_free(registry);
        if (r < 0)
                return error_wrap(err, "cannot get %s", shown);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* ---- as a tree of one file ---- */

static int check(const struct digest *wanted, const struct digest *found, struct error *err)
{
        char wanted_text[DIGEST_TEXT_MAX], found_text[DIGEST_TEXT_MAX];

        if (memcmp(wanted->bytes, found->bytes, sizeof(wanted->bytes)) == 0)
                return 0;
        digest_format(wanted, wanted_text);
        digest_format(found, found_text);
        return error_set(err, -EBADMSG, "its checksum is %s, not %s", found_text, wanted_text);
}

/* Copies the file into the tree, and yields its digest. */
static int copy_content(int fd, uint64_t size, struct tree *tree, uint64_t ino, char *chunk,
                        struct digest *ret, struct error *err)
{
        struct digest_hasher *hasher = NULL;
        uint64_t at = 0;
        int r = digest_hasher_new(&hasher, err);

        while (r == 0 && at < size) {
                ssize_t n = io_pread(fd, chunk, CHUNK_BYTES, (off_t)at);

                if (n <= 0) {
                        r = error_set_errno(err, n < 0 ? (int)n : -ENODATA,
                                            "cannot read a download");
                        break;
                }
                r = digest_hasher_update(hasher, chunk, (size_t)n, err);
                if (r == 0 && tree_write(tree, ino, at, chunk, (size_t)n, false) < 0)
                        r = error_set(err, -EIO, "cannot write a download");
                at += (uint64_t)n;
        }
        if (r == 0)
                r = digest_hasher_finish(hasher, ret, err);
        digest_hasher_free(hasher);
        return r;
}

static int fill(int fd, const struct registry_download *download, const char *name,
                const struct digest *checksum, struct tree *tree, struct error *err)
{
        struct tree_new_inode inode = { .mode = S_IFREG | 0600 };
        struct tree_attr attr, root;
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        struct digest digest;
        int r;

        if (!chunk)
                return error_set_oom(err);
        r = tree_resolve(tree, "/", true, &root);
        if (r == 0)
                r = tree_create(tree, root.ino, name, &inode, &attr);
        if (r < 0)
                return error_set_errno(err, r, "cannot make a file \"%s\"", name);
        r = copy_content(fd, download->size, tree, attr.ino, chunk, &digest, err);
        if (r == 0 && checksum)
                r = check(checksum, &digest, err);
        if (r < 0)
                return r;
        attr.mtime = (struct timespec){ .tv_sec = download->modified < 0 ? 0 : download->modified };
        r = tree_setattr(tree, attr.ino, &attr, TREE_SET_MTIME, &attr);
        return r < 0 ? error_set_errno(err, r, "cannot set the time of \"%s\"", name) : 0;
}

int remote_make_tree(struct store *store, int fd, const struct registry_download *download,
                     const char *name, const struct digest *checksum, struct context *ret,
                     struct error *err)
{
        static const struct layers nothing;
        int r;

        *ret = CONTEXT_INIT;
        ret->source.anonymous = true;
        r = layers_open(store, &nothing, &ret->source.tree, err);
        if (r == 0)
                r = fill(fd, download, name, checksum, ret->source.tree, err);
        if (r < 0)
                context_done(ret);
        return r;
}

int remote_open_file(struct store *store, const char *url, const char *name,
                     const struct digest *checksum, struct context *ret, struct error *err)
{
        struct registry_download download;
        _cleanup_close_ int fd = -1;
        int r = remote_fetch(store, url, &fd, &download, err);

        if (r < 0)
                return r;
        r = remote_make_tree(store, fd, &download, name, checksum, ret, err);
        if (r < 0) {
                _cleanup_free_ char *shown = remote_show(url);

                return shown ? error_wrap(err, "%s", shown) : error_set_oom(err);
        }
        return 0;
}

const char *remote_agent(const struct build_options *options)
{
        for (size_t i = 0; i < options->agent_count; i++)
                if (strcmp(options->agents[i].id, "default") == 0)
                        return options->agents[i].socket;
        return NULL;
}
