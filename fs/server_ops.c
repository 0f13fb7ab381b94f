/*
 * The requests, one by one: each is a call of the tree and a reply.
 *
 * What is not here is answered ENOSYS by libfuse, and the kernel does not ask again: CREATE (it
 * makes a node and opens it without us), FLUSH and RELEASE (there are no handles), FSYNC (a step
 * that dies is run again), locks (they are the kernel's own).
 */
#include "server_internal.h"

#include <errno.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define READ_BYTES_MAX    ((size_t)1 << 20)
#define COPY_BYTES_MAX    ((size_t)1 << 20)
#define READDIR_BYTES_MAX ((size_t)1 << 20)
#define XATTR_BYTES_MAX   65536u
#define OVERFLOW_ID       65534u
#define BLOCK_SIZE        4096

static struct server *server_of(fuse_req_t req)
{
        return fuse_req_userdata(req);
}

static uint32_t shown_id(const struct server *server, uint32_t id)
{
        if (server->options.single_id)
                return 0;
        return id > server->options.id_max ? OVERFLOW_ID : id;
}

void server_stat(const struct server *server, const struct tree_attr *attr, struct stat *ret)
{
        bool is_plain = server->options.plain_links && S_ISDIR(attr->mode);

        *ret = (struct stat){
                .st_ino = attr->number,
                .st_mode = attr->mode,
                .st_nlink = is_plain ? 1 : attr->nlink,
                .st_uid = shown_id(server, attr->uid),
                .st_gid = shown_id(server, attr->gid),
                .st_rdev = makedev(attr->rdev_major, attr->rdev_minor),
                .st_size = (off_t)attr->size,
                .st_blksize = BLOCK_SIZE,
                .st_blocks = (blkcnt_t)attr->blocks,
                .st_atim = attr->atime,
                .st_mtim = attr->mtime,
                .st_ctim = attr->ctime,
        };
}

uint32_t server_mode(const struct server *server, uint32_t mode)
{
        return server->options.owners_unknown ? mode & ~(uint32_t)(S_ISUID | S_ISGID) : mode;
}

void server_owner(const struct server *server, pid_t pid, uint32_t uid, uint32_t gid,
                  struct tree_owner *ret)
{
        *ret = (struct tree_owner){ .uid = uid, .gid = gid };
        if (server->options.single_id)
                *ret = (struct tree_owner){ .uid = 0 };
        if (server->options.owner_of)
                server->options.owner_of(server->options.context, pid, ret);
}

static void reply_attr(fuse_req_t req, int r, const struct tree_attr *attr)
{
        struct stat st;

        if (r < 0) {
                fuse_reply_err(req, -r);
                return;
        }
        server_stat(server_of(req), attr, &st);
        fuse_reply_attr(req, &st, SERVER_FOREVER_S);
}

static void fill_entry(const struct server *server, const struct tree_attr *attr,
                       struct fuse_entry_param *ret)
{
        *ret = (struct fuse_entry_param){
                .ino = attr->ino,
                .attr_timeout = SERVER_FOREVER_S,
                .entry_timeout = SERVER_FOREVER_S,
        };
        server_stat(server, attr, &ret->attr);
}

static void reply_entry(fuse_req_t req, int r, const struct tree_attr *attr)
{
        struct fuse_entry_param entry;

        if (r < 0) {
                fuse_reply_err(req, -r);
                return;
        }
        fill_entry(server_of(req), attr, &entry);
        tree_remember(server_of(req)->tree, attr->ino);
        if (fuse_reply_entry(req, &entry) < 0)
                tree_forget(server_of(req)->tree, attr->ino, 1);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
        const struct server *server = userdata;
        unsigned want = FUSE_CAP_DONT_MASK | FUSE_CAP_NO_OPEN_SUPPORT |
                        FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_CACHE_SYMLINKS |
                        FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_PARALLEL_DIROPS |
                        FUSE_CAP_ASYNC_READ;

        /* It primes what a step has not asked for, which would count as observed. */
        if (!server->options.trace)
                want |= FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
        /* WRITEBACK_CACHE is left out: with it the kernel doubts how many blocks a file has at each
         * close(2) and asks again at the next stat, and a full disk is told of too late.
         * docs/bench.md has what it gains and costs. */
        /* Access lists make the kernel check permissions itself, which it does not do with one id;
         * and whoever knows a directory's default list has to apply the umask. */
        if (!server->options.single_id)
                want |= FUSE_CAP_POSIX_ACL;
        /* ATOMIC_O_TRUNC needs OPEN; AUTO_INVAL_DATA and HANDLE_KILLPRIV have better successors. */
        conn->want = want & conn->capable;
        conn->max_background = 64;
        conn->congestion_threshold = 48;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        struct fuse_entry_param missing = { .ino = 0, .entry_timeout = SERVER_FOREVER_S };
        struct tree_attr attr;
        int r = tree_lookup(server_of(req)->tree, parent, name, &attr);

        if (server_of(req)->options.trace && (r == 0 || r == -ENOENT))
                trace_name(server_of(req)->options.trace, parent, name, r == 0 ? attr.ino : 0);
        if (r == -ENOENT)
                fuse_reply_entry(req, &missing);
        else
                reply_entry(req, r, &attr);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
        tree_forget(server_of(req)->tree, ino, count);
        fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
        for (size_t i = 0; i < count; i++)
                tree_forget(server_of(req)->tree, forgets[i].ino, forgets[i].nlookup);
        fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
        struct tree_attr attr;

        (void)info;
        reply_attr(req, tree_getattr(server_of(req)->tree, ino, &attr), &attr);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
                       struct fuse_file_info *info)
{
        static const struct {
                int fuse;
                unsigned tree;
        } map[] = {
                { FUSE_SET_ATTR_MODE, TREE_SET_MODE },
                { FUSE_SET_ATTR_UID, TREE_SET_UID },
                { FUSE_SET_ATTR_GID, TREE_SET_GID },
                { FUSE_SET_ATTR_SIZE, TREE_SET_SIZE },
                { FUSE_SET_ATTR_ATIME, TREE_SET_ATIME },
                { FUSE_SET_ATTR_MTIME, TREE_SET_MTIME },
                { FUSE_SET_ATTR_CTIME, TREE_SET_CTIME },
                /* FATTR_KILL_SUIDGID of the protocol has this bit. */
                { FUSE_SET_ATTR_KILL_SUID, TREE_SET_KILL_PRIV },
        };
        struct tree_attr attr = {
                .mode = server_mode(server_of(req), st->st_mode),
                .uid = st->st_uid,
                .gid = st->st_gid,
                .size = (uint64_t)st->st_size,
                .atime = st->st_atim,
                .mtime = st->st_mtim,
                .ctime = st->st_ctim,
        };
        unsigned set = 0;

        (void)info;
        for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
                if (to_set & map[i].fuse)
                        set |= map[i].tree;
        if (to_set & (FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)) {
                struct timespec now;

                clock_gettime(CLOCK_REALTIME_COARSE, &now);
                if (to_set & FUSE_SET_ATTR_ATIME_NOW)
                        attr.atime = now;
                if (to_set & FUSE_SET_ATTR_MTIME_NOW)
                        attr.mtime = now;
        }
        reply_attr(req, tree_setattr(server_of(req)->tree, ino, &attr, set, &attr), &attr);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
        struct buf target = BUF_INIT;
        int r = tree_readlink(server_of(req)->tree, ino, &target);

        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_readlink(req, buf_str(&target));
        buf_done(&target);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, struct tree_new_inode *inode)
{
        const struct fuse_ctx *ctx = fuse_req_ctx(req);
        struct tree_attr attr;

        inode->umask = (uint32_t)ctx->umask;
        server_owner(server_of(req), ctx->pid, ctx->uid, ctx->gid, &inode->owner);
        reply_entry(req, tree_create(server_of(req)->tree, parent, name, inode, &attr), &attr);
}

/* Files and directories need no handle: the kernel does not ask a second time. */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
        (void)ino;
        (void)info;
        fuse_reply_err(req, ENOSYS);
}

/*
 * access(2) and chdir(2), asked where the kernel does not check permissions: there is only root,
 * who may do anything but execute what nobody may. With root emulation that was answered before.
 */
static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
        const struct server *server = server_of(req);
        struct tree_attr attr;
        int r = 0;

        if (!server->options.single_id || server->options.owner_of) {
                fuse_reply_err(req, ENOSYS);
                return;
        }
        if (mask & X_OK)
                r = tree_getattr(server->tree, ino, &attr);
        if (r == 0 && mask & X_OK && !S_ISDIR(attr.mode) && !(attr.mode & 0111))
                r = -EACCES;
        fuse_reply_err(req, -r);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
        struct tree_new_inode inode = { .mode = server_mode(server_of(req), mode),
                                        .rdev_major = major(rdev),
                                        .rdev_minor = minor(rdev) };

        make(req, parent, name, &inode);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
        struct tree_new_inode inode = { .mode = S_IFDIR | (mode & 07777) };

        make(req, parent, name, &inode);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
        struct tree_new_inode inode = { .mode = S_IFLNK | 0777, .target = target };

        make(req, parent, name, &inode);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
        struct tree_attr attr;

        reply_entry(req, tree_link(server_of(req)->tree, ino, parent, name, &attr), &attr);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        fuse_reply_err(req, -tree_unlink(server_of(req)->tree, parent, name));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        fuse_reply_err(req, -tree_rmdir(server_of(req)->tree, parent, name));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
                      const char *to_name, unsigned flags)
{
        fuse_reply_err(req,
                       -tree_rename(server_of(req)->tree, parent, name, to_parent, to_name, flags));
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
        char *data;
        ssize_t n;

        (void)info;
        if (size > READ_BYTES_MAX)
                size = READ_BYTES_MAX;
        data = malloc(size);
        if (!data) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        n = tree_read(server_of(req)->tree, ino, (uint64_t)offset, data, size);
        if (n < 0)
                fuse_reply_err(req, (int)-n);
        else
                fuse_reply_buf(req, data, (size_t)n);
        free(data);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *info)
{
        struct tree *tree = server_of(req)->tree;
        uint32_t flags = raw_write_flags(data);
        int r = tree_write(tree, ino, (uint64_t)offset, data, size,
                           flags & FUSE_WRITE_KILL_SUIDGID);

        (void)info;
        /* Of a page that was written to through a mapping: the process may be gone. */
        if (r < 0 && flags & FUSE_WRITE_CACHE)
                tree_lose(tree, r);
        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_write(req, size);
}

/* fallocate(2) and copy_file_range(2) do not say whether the caller may keep setuid: only root
 * outside of all user namespaces may. */
#define KILL_PRIV true

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *info)
{
        (void)info;
        fuse_reply_err(req, -tree_fallocate(server_of(req)->tree, ino, mode, (uint64_t)offset,
                                            (uint64_t)length, KILL_PRIV));
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
                     struct fuse_file_info *info)
{
        (void)info;
        seek_answer(server_of(req), req, ino, offset, whence);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t offset,
                               struct fuse_file_info *info, fuse_ino_t to_ino, off_t to_offset,
                               struct fuse_file_info *to_info, size_t len, int flags)
{
        struct tree *tree = server_of(req)->tree;
        char *data;
        ssize_t n;
        int r = 0;

        (void)info;
        (void)to_info;
        (void)flags;
        /* A copy may be short: whoever wants more asks again, and others get their turn. */
        if (len > COPY_BYTES_MAX)
                len = COPY_BYTES_MAX;
        data = malloc(len);
        if (!data) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        n = tree_read(tree, ino, (uint64_t)offset, data, len);
        if (n > 0)
                r = tree_write(tree, to_ino, (uint64_t)to_offset, data, (size_t)n, KILL_PRIV);
        if (n < 0 || r < 0)
                fuse_reply_err(req, n < 0 ? (int)-n : -r);
        else
                fuse_reply_write(req, (size_t)n);
        free(data);
}

/* ---- listings ---- */

struct reply_listing {
        fuse_req_t req;
        char *data;
        size_t size;
        size_t used;
};

static int add_dirent(void *userdata, const struct tree_dirent *entry)
{
        struct reply_listing *listing = userdata;
        struct fuse_entry_param param = { .ino = 0 };
        char name[TREE_NAME_MAX + 1];
        char *at = listing->data + listing->used;
        size_t room = listing->size - listing->used, need;

        memcpy(name, entry->name, entry->name_len);
        name[entry->name_len] = '\0';
        if (entry->attr) {
                fill_entry(server_of(listing->req), entry->attr, &param);
        } else {
                param.attr.st_ino = entry->number;
                param.attr.st_mode = entry->type;
        }
        need = fuse_add_direntry_plus(listing->req, at, room, name, &param, (off_t)entry->next);
        if (need > room)
                return 1;
        listing->used += need;
        return 0;
}

static int add_plain_dirent(void *userdata, const struct tree_dirent *entry)
{
        struct reply_listing *listing = userdata;
        struct stat st = { .st_ino = entry->number, .st_mode = entry->type };
        char name[TREE_NAME_MAX + 1];
        char *at = listing->data + listing->used;
        size_t room = listing->size - listing->used, need;

        memcpy(name, entry->name, entry->name_len);
        name[entry->name_len] = '\0';
        need = fuse_add_direntry(listing->req, at, room, name, &st, (off_t)entry->next);
        if (need > room)
                return 1;
        listing->used += need;
        return 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
        struct reply_listing listing = { .req = req };
        int r;

        listing.size = size < READDIR_BYTES_MAX ? size : READDIR_BYTES_MAX;
        listing.data = malloc(listing.size);
        if (!listing.data) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        r = tree_readdir(server_of(req)->tree, ino, (uint64_t)offset, plus,
                         plus ? add_dirent : add_plain_dirent, &listing);
        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_buf(req, listing.data, listing.used);
        free(listing.data);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *info)
{
        (void)info;
        list(req, ino, size, offset, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                           struct fuse_file_info *info)
{
        (void)info;
        list(req, ino, size, offset, true);
}

/* ---- the rest ---- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
        struct statvfs st;
        int r = tree_statfs(server_of(req)->tree, &st);

        (void)ino;
        st.f_namemax = TREE_NAME_MAX;
        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_statfs(req, &st);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
        fuse_reply_err(req, -tree_removexattr(server_of(req)->tree, ino, name));
}

/* The kernel asks for a length with size 0, for the bytes with another. */
static void reply_xattr(fuse_req_t req, ssize_t n, const char *data, size_t size)
{
        if (n < 0)
                fuse_reply_err(req, (int)-n);
        else if (size == 0)
                fuse_reply_xattr(req, (size_t)n);
        else
                fuse_reply_buf(req, data, (size_t)n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
        char *data;

        if (size > XATTR_BYTES_MAX)
                size = XATTR_BYTES_MAX;
        data = malloc(size + 1);
        if (!data) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        reply_xattr(req, tree_getxattr(server_of(req)->tree, ino, name, data, size), data, size);
        free(data);
}

/* Takes out what the kernel tells nobody but root the value of. */
static ssize_t hide_trusted(char *list, ssize_t size)
{
        char *to = list;

        for (const char *name = list; name < list + size;) {
                size_t len = strlen(name) + 1;
                const char *next = name + len;

                if (strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) != 0)
                        to = (char *)memmove(to, name, len) + len;
                name = next;
        }
        return to - list;
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
        char *data = malloc(XATTR_BYTES_MAX);
        ssize_t n;

        if (!data) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        n = tree_listxattr(server_of(req)->tree, ino, data, XATTR_BYTES_MAX);
        if (n > 0 && fuse_req_ctx(req)->uid != 0)
                n = hide_trusted(data, n);
        if (size > 0 && n > (ssize_t)size)
                n = -ERANGE;
        reply_xattr(req, n, data, size);
        free(data);
}

const struct fuse_lowlevel_ops server_ops = {
        .init = op_init,
        .lookup = op_lookup,
        .forget = op_forget,
        .forget_multi = op_forget_multi,
        .getattr = op_getattr,
        .setattr = op_setattr,
        .readlink = op_readlink,
        .open = op_open,
        .opendir = op_open,
        .access = op_access,
        .mknod = op_mknod,
        .mkdir = op_mkdir,
        .symlink = op_symlink,
        .link = op_link,
        .unlink = op_unlink,
        .rmdir = op_rmdir,
        .rename = op_rename,
        .read = op_read,
        .write = op_write,
        .fallocate = op_fallocate,
        .lseek = op_lseek,
        .copy_file_range = op_copy_file_range,
        .readdir = op_readdir,
        .readdirplus = op_readdirplus,
        .statfs = op_statfs,
        .getxattr = op_getxattr,
        .listxattr = op_listxattr,
        .removexattr = op_removexattr,
};
