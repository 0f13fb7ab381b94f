/*
 * The compiled filters of system calls: private to the sandbox.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* What stands in front of the policy. */
enum filter_emulation {
        FILTER_FAKE,    /* what needs more ids than there are succeeds without effect */
        FILTER_DEVICES, /* making a device is asked of the listener */
        FILTER_EMULATE, /* all that root emulation needs to know is */
        FILTER_CREATE,  /* so is all that makes a name, for a root that does not see who makes it */
        FILTER_EMULATION_COUNT,
};

/* Calls of the root emulation, whatever their name and number on an architecture. */
enum emulate_call {
        EMULATE_NOTHING, /* not asked for */
        EMULATE_CHOWN,   /* path, uid, gid */
        EMULATE_LCHOWN,
        EMULATE_FCHOWN,    /* fd, uid, gid */
        EMULATE_FCHOWNAT,  /* dirfd, path, uid, gid, flags */
        EMULATE_MKNOD,     /* path, mode, device */
        EMULATE_MKNODAT,   /* dirfd, path, mode, device */
        EMULATE_SETXATTR,  /* path, name, value, size, flags */
        EMULATE_LSETXATTR, /* the same */
        EMULATE_FSETXATTR, /* fd, name, value, size, flags */
        EMULATE_STAT,      /* path, struct stat */
        EMULATE_LSTAT,
        EMULATE_FSTAT,   /* fd, struct stat */
        EMULATE_FSTATAT, /* dirfd, path, struct stat, flags */
        EMULATE_STATX,   /* dirfd, path, flags, mask, struct statx */
        EMULATE_SETUID,
        EMULATE_SETGID,
        EMULATE_SETREUID,
        EMULATE_SETREGID,
        EMULATE_SETRESUID,
        EMULATE_SETRESGID,
        EMULATE_SETFSUID,
        EMULATE_SETFSGID,
        EMULATE_SETGROUPS, /* count, array */
        EMULATE_GETUID,
        EMULATE_GETEUID,
        EMULATE_GETGID,
        EMULATE_GETEGID,
        EMULATE_GETRESUID, /* three pointers */
        EMULATE_GETRESGID,
        EMULATE_GETGROUPS,
        EMULATE_ACCESS,     /* path, mode */
        EMULATE_FACCESSAT,  /* dirfd, path, mode */
        EMULATE_FACCESSAT2, /* dirfd, path, mode, flags */
        EMULATE_EXECVE,     /* path, argv, envp */
        EMULATE_EXECVEAT,   /* dirfd, path, argv, envp, flags */
        EMULATE_CHROOT,     /* path */
        EMULATE_PRCTL,      /* of capabilities that are kept */
        EMULATE_CAPSET,     /* header, data */
        EMULATE_GETSOCKOPT, /* socket, level, who the peer is, value, size */
        EMULATE_CREAT,      /* path, mode */
        EMULATE_OPEN,       /* path, flags, mode */
        EMULATE_OPENAT,     /* dirfd, path, flags, mode */
        EMULATE_OPENAT2,    /* dirfd, path, struct open_how, size */
        EMULATE_MKDIR,      /* path, mode */
        EMULATE_MKDIRAT,    /* dirfd, path, mode */
        EMULATE_SYMLINK,    /* target, path */
        EMULATE_SYMLINKAT,  /* target, dirfd, path */
        EMULATE_LINK,       /* path, new path */
        EMULATE_LINKAT,     /* dirfd, path, new dirfd, new path, flags */
        EMULATE_MOVE,       /* a name that moves */
        EMULATE_CALL_COUNT,
};

/* Each appends code for this machine's architecture, as `struct sock_filter`s: the emulation's
 * part, which falls through, and then the policy, or what allows everything. Returns 0 or -ENOMEM.
 */
int filter_append_emulation(enum filter_emulation emulation, struct buf *ret);
int filter_append_policy(struct buf *ret);
int filter_append_allow(struct buf *ret);

/* What call `nr` of `arch` (AUDIT_ARCH_*) is to the emulation. */
enum emulate_call filter_emulated_call(uint32_t arch, int nr);
