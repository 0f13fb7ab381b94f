/*
 * What a request tells of what its step observes and changes (fs/trace.h), as far as the request
 * alone says it. What a LOOKUP has found, its answer tells.
 */
#include "server_internal.h"

#include <stdio.h>
#include <string.h>

static const char *second_name(const char *name)
{
        return name + strlen(name) + 1;
}

/* Whether nothing is set that a layer holds: the time of access; or times that the kernel has kept
 * itself, which it sends when it gives up an inode, one that was just unlinked among them. No
 * process sets the time of change. */
static bool sets_nothing(uint32_t valid)
{
        static const uint32_t access = FATTR_ATIME | FATTR_ATIME_NOW | FATTR_FH | FATTR_LOCKOWNER;

        if (valid & FATTR_CTIME)
                return !(valid & ~(access | FATTR_MTIME | FATTR_CTIME));
        return !(valid & ~access);
}

static void observe_setattr(struct trace *trace, const struct fuse_in_header *in)
{
        const struct fuse_setattr_in *arg = (const void *)(in + 1);

        if (sets_nothing(arg->valid))
                return;
        if (arg->valid & FATTR_MTIME && !(arg->valid & FATTR_MTIME_NOW))
                trace_inode(trace, in->nodeid, TRACE_TIMED);
        if (arg->valid & FATTR_SIZE && arg->size == 0)
                trace_inode(trace, in->nodeid, TRACE_CUT);
        trace_inode(trace, in->nodeid, TRACE_CHANGED);
}

static void observe_rename(struct trace *trace, uint64_t dir, uint64_t to_dir, const char *names,
                           bool exchange)
{
        const char *to = second_name(names);

        trace_renamed(trace, dir, names);
        if (exchange)
                trace_renamed(trace, to_dir, to);
        else
                trace_name_emptied(trace, to_dir, to);
}

/* Requests that make or remove a name of the directory they are about. */
static bool observe_name(struct trace *trace, const struct fuse_in_header *in)
{
        const char *arg = (const void *)(in + 1);

        switch (in->opcode) {
        case FUSE_MKNOD:
                trace_name_changed(trace, in->nodeid, arg + sizeof(struct fuse_mknod_in));
                return true;
        case FUSE_MKDIR:
                trace_name_changed(trace, in->nodeid, arg + sizeof(struct fuse_mkdir_in));
                return true;
        case FUSE_SYMLINK:
        case FUSE_UNLINK:
                trace_name_changed(trace, in->nodeid, arg);
                return true;
        case FUSE_RMDIR:
                trace_name_emptied(trace, in->nodeid, arg);
                return true;
        case FUSE_LINK:
                trace_inode(trace, ((const struct fuse_link_in *)(const void *)arg)->oldnodeid,
                            TRACE_CHANGED);
                trace_name_changed(trace, in->nodeid, arg + sizeof(struct fuse_link_in));
                return true;
        case FUSE_RENAME:
                observe_rename(trace, in->nodeid,
                               ((const struct fuse_rename_in *)(const void *)arg)->newdir,
                               arg + sizeof(struct fuse_rename_in), false);
                return true;
        case FUSE_RENAME2: {
                const struct fuse_rename2_in *rename = (const void *)arg;

                observe_rename(trace, in->nodeid, rename->newdir,
                               arg + sizeof(struct fuse_rename2_in),
                               rename->flags & RENAME_EXCHANGE);
                return true;
        }
        default:
                return false;
        }
}

void observe_request(struct server *server, const struct fuse_in_header *in)
{
        struct trace *trace = server->options.trace;
        const struct fuse_copy_file_range_in *copy = (const void *)(in + 1);

        if (observe_name(trace, in))
                return;
        switch (in->opcode) {
        case FUSE_READDIR:
        case FUSE_READDIRPLUS:
                trace_inode(trace, in->nodeid, TRACE_LISTED);
                break;
        case FUSE_READ:
        case FUSE_LSEEK:
                trace_inode(trace, in->nodeid, TRACE_READ);
                break;
        case FUSE_GETXATTR:
        case FUSE_LISTXATTR:
        case FUSE_TMPFILE: /* what is made has what the directory's default list says */
                trace_inode(trace, in->nodeid, TRACE_XATTRS);
                break;
        case FUSE_SETATTR:
                observe_setattr(trace, in);
                break;
        case FUSE_WRITE:
        case FUSE_FALLOCATE:
        case FUSE_SETXATTR:
        case FUSE_REMOVEXATTR:
                trace_inode(trace, in->nodeid, TRACE_CHANGED);
                break;
        case FUSE_COPY_FILE_RANGE:
                trace_inode(trace, in->nodeid, TRACE_READ);
                trace_inode(trace, copy->nodeid_out, TRACE_CHANGED);
                break;
        default:
                break;
        }
}
