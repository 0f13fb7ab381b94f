/*
 * Content: reading and writing files.
 */
#include "tree_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

static pthread_rwlock_t *content_lock(struct tree *tree, uint64_t ino)
{
        return &tree->content_locks[ino % CONTENT_LOCKS];
}

int content_begin(struct tree *tree, uint64_t ino, struct node **ret)
{
        int r;

        pthread_rwlock_wrlock(content_lock(tree, ino));
        pthread_mutex_lock(&tree->lock);
        r = attach_ino(tree, ino, ret);
        if (r == 0 && !S_ISREG((*ret)->meta.mode))
                r = S_ISDIR((*ret)->meta.mode) ? -EISDIR : -EINVAL;
        if (r == 0)
                r = node_touch_content(tree, *ret);
        pthread_mutex_unlock(&tree->lock);
        if (r < 0)
                pthread_rwlock_unlock(content_lock(tree, ino));
        return r;
}

void content_end(struct tree *tree, struct node *node, int result)
{
        pthread_mutex_lock(&tree->lock);
        node->size = node->file.size;
        node->blocks = content_blocks(&node->file);
        if (result == 0)
                node->meta.mtime = node->ctime = tree_now();
        pthread_mutex_unlock(&tree->lock);
        pthread_rwlock_unlock(content_lock(tree, node->ino));
}

/* Where a file's bytes are: its node, or the layer's inode. */
static int find_file(struct tree *tree, uint64_t ino, struct node **ret_node,
                     struct lower_ref *ret_lower)
{
        uint32_t mode;
        int r = 0;

        pthread_mutex_lock(&tree->lock);
        *ret_node = node_table_get(&tree->nodes, ino);
        if (*ret_node)
                mode = (*ret_node)->meta.mode;
        else if (lower_of_ino(tree, ino, ret_lower))
                mode = lower_inode(tree, *ret_lower)->mode;
        else
                r = -ENOENT;
        if (r == 0 && !S_ISREG(mode))
                r = S_ISDIR(mode) ? -EISDIR : -EINVAL;
        pthread_mutex_unlock(&tree->lock);
        return r;
}

ssize_t tree_read(struct tree *tree, uint64_t ino, uint64_t offset, void *data, size_t len)
{
        const struct index_inode *inode;
        struct lower_ref lower;
        struct node *node;
        ssize_t n;
        int r;

        pthread_rwlock_rdlock(content_lock(tree, ino));
        r = find_file(tree, ino, &node, &lower);
        if (r < 0) {
                n = r;
        } else if (node) {
                n = content_read(&node->file, &tree->store, offset, data, len);
        } else {
                inode = lower_inode(tree, lower);
                if (offset >= inode->size)
                        len = 0;
                else if (inode->size - offset < len)
                        len = (size_t)(inode->size - offset);
                r = lower_read(tree, lower, offset, data, len);
                n = r < 0 ? r : (ssize_t)len;
        }
        pthread_rwlock_unlock(content_lock(tree, ino));
        return n;
}

/* Whether the index of the layer that a file is as a whole has its digest. */
static bool find_digest(struct tree *tree, uint64_t ino, struct digest *ret, int *ret_code)
{
        static const struct index_digest unknown;
        const struct index_digest *known = &unknown;
        struct lower_ref lower = { .inode = 0 };
        struct node *node;

        pthread_rwlock_rdlock(content_lock(tree, ino));
        *ret_code = find_file(tree, ino, &node, &lower);
        if (*ret_code == 0 && node) {
                lower = node->file.lower;
                if (node->file.count > 0 || node->file.size != node->file.lower_size ||
                    node->file.size != lower_inode(tree, lower)->size)
                        lower.inode = 0;
        }
        if (*ret_code == 0 && lower.inode != 0)
                known = &tree->layers[lower.layer].index->digests[lower.inode];
        memcpy(ret->bytes, known->bytes, INDEX_DIGEST_BYTES);
        pthread_rwlock_unlock(content_lock(tree, ino));
        return memcmp(known, &unknown, sizeof(unknown)) != 0;
}

int tree_content_digest(struct tree *tree, uint64_t ino, struct digest *ret, struct error *err)
{
        struct digest_hasher *hasher;
        uint64_t offset = 0;
        char data[16384];
        ssize_t n = 1;
        int r;

        if (find_digest(tree, ino, ret, &r) || r < 0)
                return r < 0 ? error_set_errno(err, r, "cannot read a file") : 0;
        r = digest_hasher_new(&hasher, err);
        if (r < 0)
                return r;
        while (r == 0 && n > 0) {
                n = tree_read(tree, ino, offset, data, sizeof(data));
                if (n < 0)
                        r = error_set_errno(err, (int)n, "cannot read a file");
                else
                        r = digest_hasher_update(hasher, data, (size_t)n, err);
                offset += (uint64_t)n;
        }
        if (r == 0)
                r = digest_hasher_finish(hasher, ret, err);
        digest_hasher_free(hasher);
        return r;
}

static int kill_priv_locked(struct tree *tree, struct node *node)
{
        int r;

        pthread_mutex_lock(&tree->lock);
        r = node_kill_priv(node);
        pthread_mutex_unlock(&tree->lock);
        return r;
}

int tree_write(struct tree *tree, uint64_t ino, uint64_t offset, const void *data, size_t len,
               bool kill_priv)
{
        struct node *node;
        int r;

        if (offset > INT64_MAX - len)
                return -EFBIG;
        r = content_begin(tree, ino, &node);
        if (r < 0)
                return r;
        r = content_write(&node->file, &tree->store, offset, data, len);
        if (r == 0 && kill_priv)
                r = kill_priv_locked(tree, node);
        content_end(tree, node, r);
        return r;
}

void tree_lose(struct tree *tree, int error)
{
        pthread_mutex_lock(&tree->lock);
        if (tree->write_error == 0)
                tree->write_error = error;
        pthread_mutex_unlock(&tree->lock);
}

/* Space that is asked for beforehand is not taken, but a disk that is full is told of at once. */
static int check_space(struct tree *tree, uint64_t len)
{
        struct statvfs st;
        int r = spool_statfs(tree->store.spool, &st);

        if (r < 0)
                return r;
        return len / st.f_frsize > st.f_bavail ? -ENOSPC : 0;
}

int tree_fallocate(struct tree *tree, uint64_t ino, int mode, uint64_t offset, uint64_t len,
                   bool kill_priv)
{
        bool keep = mode & FALLOC_FL_KEEP_SIZE;
        int kind = mode & ~FALLOC_FL_KEEP_SIZE;
        struct node *node;
        int r;

        if (kind != 0 && kind != FALLOC_FL_ZERO_RANGE && !(kind == FALLOC_FL_PUNCH_HOLE && keep))
                return -EOPNOTSUPP;
        if (len == 0)
                return -EINVAL;
        if (offset > INT64_MAX - len)
                return -EFBIG;
        if (kind != FALLOC_FL_PUNCH_HOLE) {
                r = check_space(tree, len);
                if (r < 0)
                        return r;
        }
        r = content_begin(tree, ino, &node);
        if (r < 0)
                return r;
        if (kind != 0)
                r = content_zero(&node->file, &tree->store, offset, len);
        if (r == 0 && !keep && offset + len > node->file.size)
                r = content_truncate(&node->file, &tree->store, offset + len);
        if (r == 0 && kill_priv)
                r = kill_priv_locked(tree, node);
        content_end(tree, node, r);
        return r;
}

int tree_seek(struct tree *tree, uint64_t ino, uint64_t offset, int whence, uint64_t *ret)
{
        struct lower_runs runs = { .run_end = lower_run_end, .userdata = tree };
        struct content plain = { .extents = NULL };
        const struct content *content = &plain;
        struct lower_ref lower;
        struct node *node;
        bool want = whence == SEEK_DATA, data = !want;
        int r;

        if (whence != SEEK_DATA && whence != SEEK_HOLE)
                return -EINVAL;
        pthread_rwlock_rdlock(content_lock(tree, ino));
        r = find_file(tree, ino, &node, &lower);
        if (r == 0 && node) {
                content = &node->file;
        } else if (r == 0) {
                plain.lower = lower;
                plain.size = plain.lower_size = lower_inode(tree, lower)->size;
        }
        if (r == 0 && offset >= content->size)
                r = -ENXIO;
        while (r == 0 && offset < content->size) {
                uint64_t end = content_run_end(content, &runs, offset, &data);

                if (data == want)
                        break;
                offset = end;
        }
        /* The end of a file is a hole, and no data. */
        if (r == 0 && data != want && want)
                r = -ENXIO;
        pthread_rwlock_unlock(content_lock(tree, ino));
        if (r == 0)
                *ret = offset;
        return r;
}
