/*
 * The FUSE server's parts. Private to fs/server*.c.
 */
#pragma once

#define FUSE_USE_VERSION 314

#include "fs/server.h"

#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/uio.h>

/* The thread that runs where its client does (server_loop.c). */
struct companion {
        pthread_t thread;
        bool started;
        int wake_fd;        /* an eventfd: it shall look at `serves` or `ends` */
        atomic_bool ready;  /* it has the policy that it needs */
        atomic_bool serves; /* set by the leader, taken back by both */
        atomic_bool ends;
        atomic_uint served; /* requests */
};

struct seek;

/* The thread that answers for data and holes (server_seek.c). */
struct seeker {
        pthread_t thread;
        bool started;
        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t changed;
        struct seek *first; /* owned; what has to be answered */
        bool ends;
};

struct server {
        struct tree *tree; /* borrowed */
        struct server_options options;
        struct fuse_session *session;
        int fuse_fd; /* owned, by the session once it has it */
        bool session_has_fd;
        int stop_fd; /* an eventfd: readable when the threads shall end */
        pthread_t thread;
        bool started;
        sem_t begun; /* the leader has confined itself, or failed: `failure` */
        struct error failure;
        struct companion companion;
        struct seeker seeker;
        atomic_bool answering; /* a request is taken, and not yet answered */
        uint64_t kernel_flags; /* what the kernel offered in INIT */
        bool init_replied;
        bool setxattr_ext; /* SETXATTR has the longer form */
};

/* The kernel may keep what it has learnt for as long as the mount lives. */
#define SERVER_FOREVER_S (10.0 * 365 * 24 * 3600)

extern const struct fuse_lowlevel_ops server_ops;

/* ---- server_loop.c ---- */

/* Starts the threads, which confine themselves. Returns 0 or a negative errno, with `err` set. */
int server_loop_start(struct server *server, struct error *err);
void server_loop_stop(struct server *server);

/* ---- server_seek.c ---- */

/* Starts the thread, confined as its caller is. Returns 0 or a negative errno. */
int seek_start(struct server *server);

/* Answers what is asked, with the others' help, and ends the thread. */
void seek_stop(struct server *server);

/* Answers a request for data or holes, later. */
void seek_answer(struct server *server, fuse_req_t req, uint64_t ino, off_t offset, int whence);

/* ---- server_ops.c ---- */

/* As the kernel shall see an inode. */
void server_stat(const struct server *server, const struct tree_attr *attr, struct stat *ret);

/* A mode as a file may get it. */
uint32_t server_mode(const struct server *server, uint32_t mode);

/* The owner of what the process behind a request makes. */
void server_owner(const struct server *server, pid_t pid, uint32_t uid, uint32_t gid,
                  struct tree_owner *ret);

/* ---- server_observe.c ---- */

/* Notes what a request tells of its step. */
void observe_request(struct server *server, const struct fuse_in_header *in);

/* ---- server_raw.c: what libfuse 3.14 does not know ---- */

/* Answers a request that libfuse has no callback for. Returns false where it has. */
bool raw_answer(struct server *server, const struct fuse_buf *request);

/* writev(2) to the kernel; adds to the reply to INIT what we support and libfuse does not ask. */
ssize_t raw_writev(int fd, struct iovec *iov, int count, void *server);

/* The flags (FUSE_WRITE_) of the write of which libfuse has handed out this data. */
uint32_t raw_write_flags(const char *data);
