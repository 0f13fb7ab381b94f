/*
 * What the layers hold of a directory, an attribute, a byte, before anything was changed.
 */
#include "tree_internal.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

bool lower_of_ino(const struct tree *tree, uint64_t ino, struct lower_ref *ret)
{
        uint32_t low = 0, high = tree->layer_count;

        if (ino <= TREE_ROOT || ino >= tree->first_new_ino)
                return false;
        while (high - low > 1) {
                uint32_t middle = low + (high - low) / 2;

                if (tree->layers[middle].first_ino <= ino)
                        low = middle;
                else
                        high = middle;
        }
        *ret = (struct lower_ref){ .layer = low,
                                   .inode = (uint32_t)(ino - tree->layers[low].first_ino) };
        return ret->inode != 0;
}

uint64_t number_of(uint64_t seed, uint64_t item)
{
        /* Two rounds: the seed of a directory is a small number. The root's is taken. */
        uint64_t number = hash_mix(hash_mix(seed ^ 0xa0761d6478bd642fu, item + 0x9e3779b97f4a7c15u),
                                   0xe7037ed1a0b428dbu ^ item) >>
                          2;

        return number > TREE_ROOT ? number : item + TREE_ROOT + 1;
}

uint64_t lower_number(const struct tree *tree, struct lower_ref lower)
{
        const struct layer *layer = &tree->layers[lower.layer];
        struct entry_xattr xattr;
        struct meta meta;
        char digits[2 * sizeof(uint64_t) + 1];
        uint64_t number = 0;

        if (!tree->persistent)
                return lower_ino(tree, lower);
        if (lower.inode == INDEX_ROOT)
                return TREE_ROOT;
        lower_meta(tree, lower, &meta);
        if (xattr_set_find(meta.xattrs, TREE_NUMBER_XATTR, &xattr) &&
            xattr.value_len < sizeof(digits)) {
                memcpy(digits, xattr.value, xattr.value_len);
                digits[xattr.value_len] = '\0';
                number = strtoull(digits, NULL, 16);
        }
        return number > TREE_ROOT ? number : number_of(layer->seed, lower.inode);
}

void lower_meta(const struct tree *tree, struct lower_ref lower, struct meta *ret)
{
        const struct index *index = tree->layers[lower.layer].index;
        const struct index_inode *inode = index_inode(index, lower.inode);

        *ret = (struct meta){
                .mode = inode->mode,
                .uid = inode->uid,
                .gid = inode->gid,
                .mtime = { .tv_sec = inode->mtime_sec, .tv_nsec = (long)inode->mtime_nsec },
        };
        if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
                ret->rdev_major = (uint32_t)(inode->place >> 32);
                ret->rdev_minor = (uint32_t)inode->place;
        }
        if (inode->xattrs != 0)
                ret->xattrs = (const void *)(index->xattrs + inode->xattrs);
}

static uint64_t lower_blocks(const struct index *index, const struct index_inode *inode)
{
        uint64_t bytes = inode->size;

        if (S_ISDIR(inode->mode))
                return 8;
        if (!S_ISREG(inode->mode))
                return 0;
        if (inode->flags & INDEX_SPARSE) {
                bytes = 0;
                for (uint32_t i = 0; i < inode->count; i++)
                        bytes += index->extents[inode->first + i].length;
        }
        return (bytes + 511) / 512;
}

void lower_attr(const struct tree *tree, struct lower_ref lower, struct tree_attr *ret)
{
        const struct index *index = tree->layers[lower.layer].index;
        const struct index_inode *inode = index_inode(index, lower.inode);
        struct meta meta;

        lower_meta(tree, lower, &meta);
        *ret = (struct tree_attr){
                .ino = lower_ino(tree, lower),
                .number = lower_number(tree, lower),
                .size = S_ISDIR(inode->mode) ? 4096 : inode->size,
                .blocks = lower_blocks(index, inode),
                .mode = meta.mode,
                .nlink = inode->nlink,
                .uid = meta.uid,
                .gid = meta.gid,
                .rdev_major = meta.rdev_major,
                .rdev_minor = meta.rdev_minor,
                .atime = meta.mtime,
                .mtime = meta.mtime,
                .ctime = meta.mtime,
                .btime = meta.mtime,
        };
}

/* The file below `layer` that a hard link over layers means; count as lower_find(). */
static uint32_t find_link(const struct tree *tree, struct lower_ref link, struct lower_ref *ret)
{
        const struct index *index = tree->layers[link.layer].index;
        const struct index_inode *inode = index_inode(index, link.inode);
        const char *path = index->strings + inode->place, *end = path + inode->size;
        struct lower_ref dirs[TREE_LAYERS_MAX];
        uint32_t count = 0;

        for (uint32_t i = link.layer; i-- > 0;) {
                dirs[count++] = (struct lower_ref){ .layer = i, .inode = INDEX_ROOT };
                if (index_inode(tree->layers[i].index, INDEX_ROOT)->flags & INDEX_OPAQUE)
                        break;
        }
        while (path < end && count > 0) {
                const char *name = path;
                size_t len;

                while (path < end && *path != '/')
                        path++;
                len = (size_t)(path - name);
                path += path < end;
                if (len == 0 || (len == 1 && name[0] == '.'))
                        continue;
                if (!S_ISDIR(lower_inode(tree, dirs[0])->mode))
                        return 0;
                count = lower_find(tree, dirs, count, name, len, ret);
                memcpy(dirs, ret, count * sizeof(*dirs));
        }
        return count > 0 && !S_ISDIR(lower_inode(tree, ret[0])->mode) ? count : 0;
}

uint32_t lower_find(const struct tree *tree, const struct lower_ref *dirs, uint32_t count,
                    const char *name, size_t len, struct lower_ref *ret)
{
        uint32_t found = 0;

        for (uint32_t i = 0; i < count; i++) {
                const struct index *index = tree->layers[dirs[i].layer].index;
                const struct index_entry *entry = index_find(index, dirs[i].inode, name, len);
                struct lower_ref child;
                const struct index_inode *inode;

                if (!entry)
                        continue;
                child = (struct lower_ref){ .layer = dirs[i].layer, .inode = entry->inode };
                inode = index_inode(index, entry->inode);
                if (entry->inode != 0 && S_ISDIR(inode->mode)) {
                        ret[found++] = child;
                        if (!(inode->flags & INDEX_OPAQUE))
                                continue;
                } else if (found == 0 && entry->inode != 0) {
                        if ((inode->mode & S_IFMT) == INDEX_S_IFLOWER)
                                return find_link(tree, child, ret);
                        ret[found++] = child;
                }
                break; /* a whiteout, a file or an opaque directory ends what lies below */
        }
        return found;
}

/* ---- merged views ---- */

static const char *merged_text(const struct tree *tree, const struct merged_name *name,
                               size_t *ret_len)
{
        const struct index_entry *entry = lower_entry(tree, *name);

        *ret_len = entry->name_len;
        return index_name(tree->layers[name->layer].index, entry);
}

static int compare_merged(const void *a, const void *b, void *tree)
{
        const struct merged_name *left = a, *right = b;
        size_t left_len, right_len;
        const char *left_text = merged_text(tree, left, &left_len);
        const char *right_text = merged_text(tree, right, &right_len);
        int order = index_name_cmp(left_text, left_len, right_text, right_len);

        /* Of one name the topmost comes first. */
        return order ? order : (left->layer < right->layer) - (left->layer > right->layer);
}

static bool merged_is_visible(const struct tree *tree, const struct merged_name *name)
{
        const struct index *index = tree->layers[name->layer].index;
        struct lower_ref link = { .layer = name->layer, .inode = lower_entry(tree, *name)->inode };
        struct lower_ref target[TREE_LAYERS_MAX];

        if (link.inode == 0)
                return false;
        return (index_inode(index, link.inode)->mode & S_IFMT) != INDEX_S_IFLOWER ||
               find_link(tree, link, target) > 0;
}

static int merge(struct tree *tree, struct directory *dir)
{
        struct merged_name *names;
        size_t total = 1, count = 0, kept = 0;

        for (uint32_t i = 0; i < dir->lower_count; i++)
                total += lower_inode(tree, dir->lowers[i])->count;
        names = reallocarray(NULL, total, sizeof(*names));
        if (!names)
                return -ENOMEM;
        for (uint32_t i = 0; i < dir->lower_count; i++) {
                const struct index_inode *inode = lower_inode(tree, dir->lowers[i]);

                for (uint32_t at = 0; at < inode->count; at++)
                        names[count++] = (struct merged_name){ .layer = dir->lowers[i].layer,
                                                               .entry = inode->first + at };
        }
        qsort_r(names, count, sizeof(*names), compare_merged, tree);
        for (size_t i = 0, next; i < count; i = next) {
                size_t len, next_len;
                const char *text = merged_text(tree, &names[i], &len);

                for (next = i + 1; next < count; next++) {
                        const char *other = merged_text(tree, &names[next], &next_len);

                        if (index_name_cmp(text, len, other, next_len) != 0)
                                break;
                }
                if (merged_is_visible(tree, &names[i]))
                        names[kept++] = names[i];
        }
        dir->merged = names;
        dir->merged_count = (uint32_t)kept;
        return 0;
}

int lower_view(struct tree *tree, struct node *node, uint32_t *ret_count)
{
        struct directory *dir = &node->dir;

        if (dir->lower_count == 0) {
                *ret_count = 0;
                return 0;
        }
        if (dir->lower_count == 1 && lower_is_plain(lower_inode(tree, dir->lowers[0]))) {
                *ret_count = lower_inode(tree, dir->lowers[0])->count;
                return 0;
        }
        if (!dir->merged) {
                int r = merge(tree, dir);

                if (r < 0)
                        return r;
        }
        *ret_count = dir->merged_count;
        return 0;
}

struct merged_name lower_name_at(const struct tree *tree, const struct node *node,
                                 uint32_t position)
{
        const struct directory *dir = &node->dir;

        if (dir->merged)
                return dir->merged[position];
        return (struct merged_name){ .layer = dir->lowers[0].layer,
                                     .entry = lower_inode(tree, dir->lowers[0])->first + position };
}

bool lower_find_merged(const struct tree *tree, const struct node *dir, const char *name,
                       size_t len, struct merged_name *ret)
{
        uint32_t low = 0, high = dir->dir.merged_count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                size_t other_len;
                const char *other = merged_text(tree, &dir->dir.merged[middle], &other_len);
                int order = index_name_cmp(name, len, other, other_len);

                if (order == 0) {
                        *ret = dir->dir.merged[middle];
                        return true;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}

/* ---- content ---- */

/* The extent of a sparse file that ends beyond `offset`; `count` where there is none. */
static uint32_t find_index_extent(const struct index_extent *extents, uint32_t count,
                                  uint64_t offset)
{
        uint32_t low = 0, high = count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (extents[middle].offset + extents[middle].length <= offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int read_tar(const struct layer *layer, uint64_t place, void *data, size_t len)
{
        ssize_t n = io_pread(layer->tar_fd, data, len, (off_t)place);

        if (n < 0)
                return (int)n;
        return (size_t)n == len ? 0 : -EIO; /* somebody has cut the tar */
}

/*
 * Opens a file of a layer that is a directory, name by name from the top: so no symlink that
 * somebody puts there leads out of it, and no path is too long.
 */
static int open_file(const struct layer *layer, uint32_t inode)
{
        const struct index *index = layer->index;
        _cleanup_free_ const struct index_entry **way = NULL;
        _cleanup_close_ int dir = -1;
        size_t depth = 0;
        int fd;

        for (uint32_t at = inode; at != INDEX_ROOT; depth++)
                at = index->entries[index_inode(index, at)->entry].parent;
        way = reallocarray(NULL, depth, sizeof(const struct index_entry *));
        if (!way)
                return -ENOMEM;
        for (size_t i = depth; i-- > 0; inode = way[i]->parent)
                way[i] = &index->entries[index_inode(index, inode)->entry];
        for (size_t i = 0; i < depth; i++) {
                int how = i + 1 < depth ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
                char name[INDEX_NAME_MAX + 1];

                memcpy(name, index_name(index, way[i]), way[i]->name_len);
                name[way[i]->name_len] = '\0';
                fd = openat(dir < 0 ? layer->tar_fd : dir, name, how | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return errno == ENOMEM || errno == EACCES ? -errno : -EIO;
                cleanup_close(&dir);
                dir = fd;
        }
        return TAKE_FD(dir);
}

static int read_file(const struct layer *layer, uint32_t inode, uint64_t offset, void *data,
                     size_t len)
{
        _cleanup_close_ int fd = open_file(layer, inode);
        ssize_t n;

        if (fd < 0)
                return fd;
        n = io_pread(fd, data, len, (off_t)offset);
        if (n < 0)
                return (int)n;
        return (size_t)n == len ? 0 : -EIO; /* somebody has cut the file */
}

int lower_read(void *userdata, struct lower_ref lower, uint64_t offset, void *data, size_t len)
{
        const struct tree *tree = userdata;
        const struct layer *layer = &tree->layers[lower.layer];
        const struct index_inode *inode = index_inode(layer->index, lower.inode);
        const struct index_extent *extents = layer->index->extents + inode->first;
        char *to = data;

        if (layer->is_directory)
                return read_file(layer, lower.inode, offset, data, len);
        if (!(inode->flags & INDEX_SPARSE))
                return read_tar(layer, inode->place + offset, data, len);
        for (uint32_t i = find_index_extent(extents, inode->count, offset); len > 0; i++) {
                uint64_t begin = i < inode->count ? extents[i].offset : UINT64_MAX;
                uint64_t zeros = begin > offset ? begin - offset : 0, run;
                int r;

                zeros = zeros < len ? zeros : len;
                memset(to, 0, (size_t)zeros);
                to += zeros;
                offset += zeros;
                len -= (size_t)zeros;
                if (len == 0)
                        break;
                run = extents[i].offset + extents[i].length - offset;
                run = run < len ? run : len;
                r = read_tar(layer, extents[i].place + (offset - begin), to, (size_t)run);
                if (r < 0)
                        return r;
                to += run;
                offset += run;
                len -= (size_t)run;
        }
        return 0;
}

uint64_t lower_run_end(void *userdata, struct lower_ref lower, uint64_t offset, bool *ret_data)
{
        const struct tree *tree = userdata;
        const struct index *index = tree->layers[lower.layer].index;
        const struct index_inode *inode = index_inode(index, lower.inode);
        const struct index_extent *extents = index->extents + inode->first;
        uint32_t at;

        *ret_data = true;
        if (!(inode->flags & INDEX_SPARSE))
                return inode->size;
        at = find_index_extent(extents, inode->count, offset);
        *ret_data = at < inode->count && extents[at].offset <= offset;
        if (*ret_data)
                return extents[at].offset + extents[at].length;
        return at < inode->count ? extents[at].offset : inode->size;
}
