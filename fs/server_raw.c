/*
 * The FUSE protocol where libfuse 3.14 (Debian 12) ends. A newer libfuse makes this file smaller.
 *
 *   HANDLE_KILLPRIV_V2  else every write(2) asks for security.capability
 *   SETXATTR_EXT        whether setting an access list takes setgid away
 *   TMPFILE             O_TMPFILE
 *   STATX               birth times
 */
#include "server_internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Protocol 7.39; Debian 12's headers end at 7.38. */
#define RAW_STATX   52u
#define RAW_TMPFILE 51u

/* Most replies are no longer: those with an entry or attributes. */
#define SMALL_REPLY 512u

struct raw_statx_in {
        uint32_t getattr_flags;
        uint32_t reserved;
        uint64_t fh;
        uint32_t sx_flags;
        uint32_t sx_mask;
};

struct raw_time {
        int64_t tv_sec;
        uint32_t tv_nsec;
        int32_t reserved;
};

struct raw_statx {
        uint32_t mask;
        uint32_t blksize;
        uint64_t attributes;
        uint32_t nlink;
        uint32_t uid;
        uint32_t gid;
        uint16_t mode;
        uint16_t spare0;
        uint64_t ino;
        uint64_t size;
        uint64_t blocks;
        uint64_t attributes_mask;
        struct raw_time atime;
        struct raw_time btime;
        struct raw_time ctime;
        struct raw_time mtime;
        uint32_t rdev_major;
        uint32_t rdev_minor;
        uint32_t dev_major;
        uint32_t dev_minor;
        uint64_t spare2[14];
};

struct raw_statx_out {
        uint64_t attr_valid;
        uint32_t attr_valid_nsec;
        uint32_t flags;
        uint64_t spare[2];
        struct raw_statx stat;
};

#define RAW_STATX_MASK 0xfffu /* the basic fields and the birth time */

static void raw_reply(struct server *server, const struct fuse_in_header *in, int error,
                      const void *payload, size_t len)
{
        struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + len),
                                       .error = error,
                                       .unique = in->unique };
        struct iovec iov[] = { { .iov_base = &out, .iov_len = sizeof(out) },
                               { .iov_base = (void *)(uintptr_t)payload, .iov_len = len } };

        /* ENOENT: the caller was interrupted and is gone. Nothing can be done about others. */
        (void)!raw_writev(server->fuse_fd, iov, len > 0 ? 2 : 1, server);
}

static void fill_attr(const struct server *server, const struct tree_attr *attr,
                      struct fuse_attr *ret)
{
        struct stat st;

        server_stat(server, attr, &st);
        *ret = (struct fuse_attr){
                .ino = st.st_ino,
                .size = (uint64_t)st.st_size,
                .blocks = (uint64_t)st.st_blocks,
                .atime = (uint64_t)st.st_atim.tv_sec,
                .mtime = (uint64_t)st.st_mtim.tv_sec,
                .ctime = (uint64_t)st.st_ctim.tv_sec,
                .atimensec = (uint32_t)st.st_atim.tv_nsec,
                .mtimensec = (uint32_t)st.st_mtim.tv_nsec,
                .ctimensec = (uint32_t)st.st_ctim.tv_nsec,
                .mode = st.st_mode,
                .nlink = (uint32_t)st.st_nlink,
                .uid = st.st_uid,
                .gid = st.st_gid,
                .blksize = (uint32_t)st.st_blksize,
        };
}

static void answer_tmpfile(struct server *server, const struct fuse_in_header *in)
{
        const struct fuse_create_in *arg = (const void *)(in + 1);
        struct tree_new_inode inode = { .mode = server_mode(server, S_IFREG | (arg->mode & 07777)),
                                        .umask = arg->umask };
        struct {
                struct fuse_entry_out entry;
                struct fuse_open_out open;
        } out = { .open = { .fh = 0 } };
        struct tree_attr attr;
        int r;

        server_owner(server, (pid_t)in->pid, in->uid, in->gid, &inode.owner);
        r = tree_create_unnamed(server->tree, in->nodeid, &inode, &attr);
        if (r < 0) {
                raw_reply(server, in, r, NULL, 0);
                return;
        }
        tree_remember(server->tree, attr.ino);
        out.entry.nodeid = attr.ino;
        out.entry.entry_valid = out.entry.attr_valid = (uint64_t)SERVER_FOREVER_S;
        fill_attr(server, &attr, &out.entry.attr);
        raw_reply(server, in, 0, &out, sizeof(out));
}

static struct raw_time raw_time(struct timespec time)
{
        return (struct raw_time){ .tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec };
}

static void answer_statx(struct server *server, const struct fuse_in_header *in)
{
        struct raw_statx_out out = { .attr_valid = (uint64_t)SERVER_FOREVER_S };
        struct tree_attr attr;
        struct stat st;
        int r = tree_getattr(server->tree, in->nodeid, &attr);

        if (r < 0) {
                raw_reply(server, in, r, NULL, 0);
                return;
        }
        server_stat(server, &attr, &st);
        out.stat = (struct raw_statx){
                .mask = RAW_STATX_MASK,
                .blksize = (uint32_t)st.st_blksize,
                .nlink = (uint32_t)st.st_nlink,
                .uid = st.st_uid,
                .gid = st.st_gid,
                .mode = (uint16_t)st.st_mode,
                .ino = st.st_ino,
                .size = (uint64_t)st.st_size,
                .blocks = (uint64_t)st.st_blocks,
                .atime = raw_time(attr.atime),
                .btime = raw_time(attr.btime),
                .ctime = raw_time(attr.ctime),
                .mtime = raw_time(attr.mtime),
                .rdev_major = attr.rdev_major,
                .rdev_minor = attr.rdev_minor,
        };
        raw_reply(server, in, 0, &out, sizeof(out));
}

static void answer_setxattr(struct server *server, const struct fuse_in_header *in)
{
        const struct fuse_setxattr_in *arg = (const void *)(in + 1);
        const char *name =
                (const char *)(server->setxattr_ext ? arg + 1
                                                    : (const void *)((const char *)arg +
                                                                     FUSE_COMPAT_SETXATTR_IN_SIZE));
        int flags = (int)arg->flags;

        if (server->setxattr_ext && arg->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID)
                flags |= TREE_XATTR_KILL_SGID;
        raw_reply(server, in,
                  tree_setxattr(server->tree, in->nodeid, name, name + strlen(name) + 1, arg->size,
                                flags),
                  NULL, 0);
}

bool raw_answer(struct server *server, const struct fuse_buf *request)
{
        const struct fuse_in_header *in = request->mem;

        if (server->options.trace)
                observe_request(server, in);
        switch (in->opcode) {
        case FUSE_INIT: {
                const struct fuse_init_in *arg = (const void *)(in + 1);

                server->kernel_flags = arg->flags;
                return false;
        }
        case FUSE_SETXATTR:
                answer_setxattr(server, in);
                return true;
        case RAW_TMPFILE:
                answer_tmpfile(server, in);
                return true;
        case RAW_STATX:
                answer_statx(server, in);
                return true;
        default:
                return false;
        }
}

ssize_t raw_writev(int fd, struct iovec *iov, int count, void *userdata)
{
        struct server *server = userdata;
        char small[SMALL_REPLY], *end = small;
        size_t total = 0;

        if (!server->init_replied) {
                server->init_replied = true;
                if (count == 2 && iov[1].iov_len >= offsetof(struct fuse_init_out, unused)) {
                        struct fuse_init_out *out = iov[1].iov_base;

                        out->flags |= (uint32_t)(server->kernel_flags &
                                                 (FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT));
                        server->setxattr_ext = server->kernel_flags & FUSE_SETXATTR_EXT;
                }
        }
        /* With the reply the client takes the companion's CPU: the rest of this may have to wait.
         */
        atomic_store(&server->answering, false);
        for (int i = 0; i < count; i++)
                total += iov[i].iov_len;
        if (count == 1 || total > sizeof(small))
                return writev(fd, iov, count);
        /* The kernel maps one page into its space for each part: for a short reply that is dear. */
        for (int i = 0; i < count; i++)
                end = mempcpy(end, iov[i].iov_base, iov[i].iov_len);
        return write(fd, small, total);
}

uint32_t raw_write_flags(const char *data)
{
        struct fuse_write_in arg;

        memcpy(&arg, data - sizeof(arg), sizeof(arg));
        return arg.write_flags;
}
