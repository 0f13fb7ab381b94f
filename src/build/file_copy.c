#include "build/file_copy.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/whole_file.h"
#include "build/layers.h"
#include "build/tree_source.h"
#include "context.h"
#include "copy.h"
#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct layers nothing;
static const struct tree_owner root_owner = { .uid = 0 };

/* "dir/." stands for what is in the directory. */
static bool means_contents(const char *path)
{
        size_t len = strlen(path);

        return strcmp(path, ".") == 0 || (len > 1 && strcmp(path + len - 2, "/.") == 0);
}

static int copy(const struct copy_source *source, const char *path, const char *destination,
                const struct tree_owner *owner, struct tree *to, struct error *err)
{
        const struct copy_manner manner = { .owner = owner };
        const struct copy_rules rules = { .source = source,
                                          .sources = &path,
                                          .source_count = 1,
                                          .is_literal = true,
                                          .destination = destination };
        struct copy_items items = { .items = NULL };
        int r = copy_find(&rules, &items, err);

        if (r == 0)
                r = copy_items_apply(source, &items, &manner, to, NULL, err);
        copy_items_done(&items);
        return r;
}

/* ---- into the tree ---- */

/* Where in the tree something goes that is called `name`, or NULL where it is no name of its own.
 */
static int choose_target(struct tree *tree, const char *target, const char *name, char **ret,
                         struct error *err)
{
        size_t len = strlen(target);
        struct tree_attr attr;
        int r = tree_resolve(tree, target, true, &attr);

        if (r == 0 && S_ISDIR(attr.mode))
                *ret = name ? path_resolve(target, name) : strdup(target);
        else if (r == 0 && (!name || (len > 0 && target[len - 1] == '/')))
                return error_set(err, -ENOTDIR, "%s in the container is no directory", target);
        else if (r < 0 && r != -ENOENT)
                return error_set_errno(err, r, "cannot copy to %s", target);
        else if (r < 0 && len > 0 && target[len - 1] == '/' && name)
                return error_set(err, -ENOENT, "there is no directory %s in the container", target);
        else
                *ret = path_resolve("/", target);
        return *ret ? 0 : error_set_oom(err);
}

static int copy_archive_in(struct store *store, struct tree *tree, const char *target,
                           struct error *err)
{
        struct buf begun = BUF_INIT;
        struct context context;
        struct tree_attr attr;
        int r = tree_resolve(tree, target, true, &attr);

        if (r < 0 || !S_ISDIR(attr.mode))
                return error_set(err, -ENOTDIR, "%s in the container is no directory", target);
        r = context_open_archive(store, STDIN_FILENO, &begun, &context, err);
        if (r < 0)
                return r;
        context.source.anonymous = false;
        r = copy(&context.source, "/", target, NULL, tree, err);
        context_done(&context);
        return r;
}

int files_copy_in(struct store *store, struct tree *tree, const char *source, const char *target,
                  struct error *err)
{
        _cleanup_free_ char *real = NULL, *to = NULL;
        struct copy_source from = { .root_fd = -1 };
        _cleanup_close_ int dir_fd = -1;
        char parent[PATH_MAX];
        struct stat st;
        bool contents;
        int r;

        if (strcmp(source, "-") == 0)
                return copy_archive_in(store, tree, target, err);
        real = realpath(source, NULL);
        if (!real || stat(real, &st) < 0)
                return error_set_errno(err, -errno, "cannot copy %s", source);
        contents = S_ISDIR(st.st_mode) && means_contents(source);
        r = choose_target(tree, target, contents ? NULL : path_base(real), &to, err);
        if (r < 0)
                return r;
        if (path_parent(real, parent, sizeof(parent)) < 0)
                return error_set_errno(err, -ENAMETOOLONG, "cannot copy %s", source);
        dir_fd = from.root_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", parent);
        return copy(&from, path_base(real), to, &root_owner, tree, err);
}

/* ---- out of it ---- */

/* A tree of what is copied alone, under the name that it gets. */
static int gather(struct store *store, struct tree *tree, const char *source, const char *name,
                  struct tree **ret, struct error *err)
{
        const struct copy_source from = { .root_fd = -1, .tree = tree };
        _cleanup_free_ char *to = path_resolve("/", name);
        struct tree_attr attr;
        int r = tree_resolve(tree, source, true, &attr);

        if (r < 0)
                return error_set(err, -ENOENT, "Could not find the file %s in the container",
                                 source);
        r = to ? layers_open(store, &nothing, ret, err) : error_set_oom(err);
        if (r < 0)
                return r;
        r = copy(&from, source, to, NULL, *ret, err);
        if (r < 0)
                tree_free(TAKE_PTR(*ret));
        return r;
}

/* What it is called where nobody gives it another name; "" for what is in a directory. */
static int name_of(const char *source, char **ret, struct error *err)
{
        _cleanup_free_ char *clean = path_resolve("/", source);

        *ret = clean ? strdup(means_contents(source) || strcmp(clean, "/") == 0 ? ""
                                                                                : path_base(clean))
                     : NULL;
        return *ret ? 0 : error_set_oom(err);
}

int files_copy_to_tar(struct store *store, struct tree *tree, const char *source,
                      const struct byte_sink *out, struct error *err)
{
        _cleanup_free_ char *name = NULL;
        struct tree *gathered = NULL;
        int r = name_of(source, &name, err);

        if (r == 0)
                r = gather(store, tree, source, name, &gathered, err);
        if (r == 0)
                r = tree_write_tar(gathered, out, err);
        tree_free(gathered);
        return r;
}

/* Into a directory of the host that is there, by way of one beside what it holds. */
static int write_out(struct tree *gathered, const char *place, size_t *left_out, struct error *err)
{
        _cleanup_(whole_directory_done) struct whole_directory directory = WHOLE_DIRECTORY_INIT;
        _cleanup_close_ int to_fd = -1;
        int r = whole_directory_plan(place, false, &directory, err);

        if (r == 0)
                r = whole_directory_open(&directory, err);
        if (r < 0)
                return r;
        to_fd = open(directory.target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (to_fd < 0)
                return error_set_errno(err, -errno, "cannot copy to %s", place);
        r = local_write(gathered, directory.fd, left_out, err);
        if (r == 0)
                r = local_merge(gathered, directory.fd, to_fd, true, err);
        return r < 0 ? r : local_finish(gathered, to_fd, left_out, err);
}

int files_copy_out(struct store *store, struct tree *tree, const char *source, const char *target,
                   size_t *ret_left_out, struct error *err)
{
        _cleanup_free_ char *name = NULL, *clean = path_clean(target);
        struct tree *gathered = NULL;
        const char *place = target;
        char parent[PATH_MAX];
        struct stat st;
        int r = clean ? name_of(source, &name, err) : error_set_oom(err);

        if (r < 0)
                return r;
        if (stat(target, &st) < 0 || !S_ISDIR(st.st_mode)) {
                if (target[strlen(target) - 1] == '/')
                        return error_set(err, -ENOENT, "there is no directory %s", target);
                free(name);
                name = strdup(path_base(clean));
                if (!name || path_parent(clean, parent, sizeof(parent)) < 0)
                        return error_set_oom(err);
                if (stat(parent, &st) < 0)
                        return error_set_errno(err, -errno, "cannot copy to %s", target);
                place = parent;
        }
        *ret_left_out = 0;
        r = gather(store, tree, source, name, &gathered, err);
        if (r == 0)
                r = write_out(gathered, place, ret_left_out, err);
        tree_free(gathered);
        return r;
}
