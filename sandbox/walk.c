#include "walk.h"

#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A walk under way. */
struct way {
        const struct walk_origin *origin;
        struct walk_place *place;
        struct emulate_node at;
        struct buf rest; /* what symbolic links have put before the path's end */
        unsigned int symlinks;
};

bool walk_allows(const struct credentials *credentials, const struct emulate_node *node, int mask)
{
        uint32_t bits = node->mode;

        if (credentials->user.fs == 0) /* root, but for what nobody may execute */
                return !(mask & X_OK) || S_ISDIR(node->mode) || node->mode & 0111;
        if (credentials->user.fs == node->uid)
                bits >>= 6;
        else if (credentials_have_group(credentials, node->gid))
                bits >>= 3;
        return ((uint32_t)mask & ~bits) == 0;
}

/* The tree that the way is in. */
static const struct emulate_tree *tree_of(const struct way *way)
{
        return &way->place->mount->tree;
}

static int go_to(struct way *way, const struct walk_inode *inode)
{
        way->place->mount = inode->mount;
        return tree_of(way)->getattr(tree_of(way)->context, inode->ino, &way->at);
}

/* Back to the root, for a path or symbolic link that begins there. */
static int go_to_root(struct way *way)
{
        way->place->from_root = true;
        way->place->text[0] = '\0';
        return go_to(way, &way->origin->root);
}

static const struct walk_mount *mounted_on(const struct way *way)
{
        const struct walk_origin *origin = way->origin;

        for (size_t i = 0; i < origin->mount_count; i++) {
                const struct walk_mount *mount = &origin->mounts[i];

                if (mount->point == way->at.ino && mount->parent == way->place->mount)
                        return mount;
        }
        return NULL;
}

/* Enters what is mounted where the way is, and what is mounted on that. */
static int cross(struct way *way)
{
        const struct walk_mount *mount;
        int r = 0;

        while (r == 0 && !way->place->foreign && (mount = mounted_on(way))) {
                way->place->foreign = !mount->tree.lookup;
                if (!way->place->foreign)
                        r = go_to(way, &(struct walk_inode){ mount, mount->tree.root });
        }
        return r;
}

/* Follows the step in the text; on the way up, the last name is taken back where there is one. */
static int note_step(struct walk_place *place, const char *name)
{
        char *slash = strrchr(place->text, '/');
        const char *last = slash ? slash + 1 : place->text;
        size_t used = strlen(place->text), len = strlen(name);

        if (strcmp(name, "..") == 0 && used > 0 && strcmp(last, "..") != 0) {
                place->text[slash ? slash - place->text : 0] = '\0';
                return 0;
        }
        if (used + 1 + len >= sizeof(place->text))
                return -ENAMETOOLONG;
        if (used > 0)
                place->text[used++] = '/';
        memcpy(place->text + used, name, len + 1);
        return 0;
}

static int go_up(struct way *way)
{
        const struct walk_inode *root = &way->origin->root;
        struct walk_place *place = way->place;
        int r;

        if (way->at.ino == root->ino && place->mount == root->mount)
                return 0;
        r = note_step(place, "..");
        if (r < 0)
                return r;
        while (place->mount->parent && way->at.ino == place->mount->tree.root) {
                way->at.ino = place->mount->point;
                place->mount = place->mount->parent;
        }
        r = tree_of(way)->lookup(tree_of(way)->context, way->at.ino, "..", &way->at);
        return r < 0 ? r : cross(way);
}

/* Puts a symbolic link's target before what is left of the path, which `path` then is. */
static int expand(struct way *way, const char **path)
{
        const struct emulate_tree *tree = tree_of(way);
        struct buf target = BUF_INIT;
        int r;

        if (++way->symlinks > WALK_SYMLINKS_MAX)
                return -ELOOP;
        r = tree->readlink(tree->context, way->at.ino, &target);
        if (r == 0 && target.len == 0)
                r = -ENOENT;
        if (r == 0 && target.len + strlen(*path) >= 2 * PATH_MAX)
                r = -ENAMETOOLONG;
        if (r == 0)
                r = buf_append_str(&target, *path);
        if (r < 0) {
                buf_done(&target);
                return r;
        }
        buf_done(&way->rest);
        way->rest = target;
        *path = buf_str(&way->rest);
        return 0;
}

static bool ends_here(const char *path)
{
        return path[strspn(path, "/")] == '\0';
}

/* One name that is neither "." nor "..": looks it up in the directory where the way is. */
static int enter(struct way *way, bool follow, const char **path)
{
        const struct emulate_tree *tree = tree_of(way);
        struct walk_place *place = way->place;
        const struct emulate_node dir = way->at;
        int r;

        place->dir = dir.ino;
        r = tree->lookup(tree->context, dir.ino, place->name, &way->at);
        place->exists = r == 0;
        if (r == -ENOENT && ends_here(*path))
                return note_step(place, place->name);
        if (r == 0)
                r = cross(way);
        if (r < 0)
                return r;
        if (place->foreign) {
                r = note_step(place, place->name);
                if (r < 0 || strlen(place->text) + strlen(*path) >= sizeof(place->text))
                        return -ENAMETOOLONG;
                strcat(place->text, *path);
                return 0;
        }
        if (S_ISLNK(way->at.mode) && (follow || **path == '/')) {
                r = expand(way, path);
                if (r < 0)
                        return r;
                way->at = dir;
                return **path == '/' ? go_to_root(way) : 0;
        }
        /* What a slash follows is a directory. */
        if (**path == '/' && !S_ISDIR(way->at.mode))
                return -ENOTDIR;
        return note_step(place, place->name);
}

static int step(struct way *way, const char *name, size_t len, bool follow, const char **path)
{
        const struct credentials *searcher = way->origin->searcher;

        if (!S_ISDIR(way->at.mode))
                return -ENOTDIR;
        if (searcher && !walk_allows(searcher, &way->at, X_OK))
                return -EACCES;
        if (len > NAME_MAX)
                return -ENAMETOOLONG;
        way->place->exists = true;
        way->place->name[0] = '\0';
        if (len == 1 && name[0] == '.')
                return 0;
        if (len == 2 && name[0] == '.' && name[1] == '.')
                return go_up(way);
        memcpy(way->place->name, name, len);
        way->place->name[len] = '\0';
        return enter(way, follow, path);
}

static int go(struct way *way, const char *path, bool follow)
{
        const char *name;
        size_t len;
        int r;

        way->place->exists = true;
        if (path[0] == '\0')
                return -ENOENT;
        if (path[0] == '/')
                r = go_to_root(way);
        else
                r = go_to(way, &way->origin->start);
        while (r == 0 && !way->place->foreign && (len = path_next(&path, &name)) > 0)
                r = step(way, name, len, follow, &path);
        way->place->node = way->at;
        return r;
}

int walk(const struct walk_origin *origin, const char *path, bool follow, struct walk_place *ret)
{
        struct way way = { .origin = origin, .place = ret, .rest = BUF_INIT };
        int r;

        ret->foreign = ret->from_root = false;
        ret->name[0] = ret->text[0] = '\0';
        r = go(&way, path, follow);
        buf_done(&way.rest);
        return r;
}
