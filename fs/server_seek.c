/*
 * lseek(2) for data and holes.
 *
 * The kernel asks us, but does not write back before what it holds itself: to us, bytes written a
 * moment ago through a mapping still are a hole, and whoever copies files by their holes would lose
 * them. Telling
 * the kernel to drop the inode's pages makes it write the dirty ones, and returns when that is
 * done. Those writes are requests, which somebody has to serve meanwhile: so a thread of its own
 * does it, and answers then.
 */
#include "server_internal.h"

#include <errno.h>
#include <stdlib.h>

struct seek {
        struct seek *next;
        fuse_req_t req;
        uint64_t ino;
        off_t offset;
        int whence;
};

static void answer(struct server *server, const struct seek *seek)
{
        uint64_t found;
        int r;

        fuse_lowlevel_notify_inval_inode(server->session, seek->ino, seek->offset, 0);
        r = tree_seek(server->tree, seek->ino, (uint64_t)seek->offset, seek->whence, &found);
        if (r < 0)
                fuse_reply_err(seek->req, -r);
        else
                fuse_reply_lseek(seek->req, (off_t)found);
}

static void *answer_all(void *userdata)
{
        struct server *server = userdata;
        struct seeker *seeker = &server->seeker;
        struct seek *seek;

        pthread_mutex_lock(&seeker->lock);
        for (;;) {
                while (!seeker->first && !seeker->ends)
                        pthread_cond_wait(&seeker->changed, &seeker->lock);
                seek = seeker->first;
                if (!seek)
                        break;
                seeker->first = seek->next;
                pthread_mutex_unlock(&seeker->lock);
                answer(server, seek);
                free(seek);
                pthread_mutex_lock(&seeker->lock);
        }
        pthread_mutex_unlock(&seeker->lock);
        return NULL;
}

int seek_start(struct server *server)
{
        struct seeker *seeker = &server->seeker;
        int r;

        pthread_mutex_init(&seeker->lock, NULL);
        pthread_cond_init(&seeker->changed, NULL);
        r = pthread_create(&seeker->thread, NULL, answer_all, server);
        seeker->started = r == 0;
        return -r;
}

void seek_stop(struct server *server)
{
        struct seeker *seeker = &server->seeker;

        if (!seeker->started)
                return;
        pthread_mutex_lock(&seeker->lock);
        seeker->ends = true;
        pthread_cond_signal(&seeker->changed);
        pthread_mutex_unlock(&seeker->lock);
        pthread_join(seeker->thread, NULL);
        pthread_cond_destroy(&seeker->changed);
        pthread_mutex_destroy(&seeker->lock);
}

void seek_answer(struct server *server, fuse_req_t req, uint64_t ino, off_t offset, int whence)
{
        struct seeker *seeker = &server->seeker;
        struct seek *seek = malloc(sizeof(*seek)), **last;

        if (!seek) {
                fuse_reply_err(req, ENOMEM);
                return;
        }
        *seek = (struct seek){ .req = req, .ino = ino, .offset = offset, .whence = whence };
        pthread_mutex_lock(&seeker->lock);
        for (last = &seeker->first; *last; last = &(*last)->next)
                continue;
        *last = seek;
        pthread_cond_signal(&seeker->changed);
        pthread_mutex_unlock(&seeker->lock);
}
