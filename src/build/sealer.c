#include "sealer.h"

#include "base/cleanup.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct seal_job {
        struct sealer *sealer;
        struct change_list *changes; /* owned, until they are sealed */
        struct seal_job *next;
        bool done;
        int code;
        struct layer layer;
        struct error err;
};

struct sealer {
        struct store *store; /* borrowed */
        struct compression compression;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct seal_job *first, **last; /* the queue */
        bool ending;
        pthread_t thread;
        bool started;
};

/* What an image holds goes through this thread and those that it starts to compress: they see the
 * store alone. */
static int confine(const struct sealer *sealer, struct error *err)
{
        const struct confine_path store = { .fd = store_root_dir(sealer->store), .writable = true };

        return confine_thread(&store, 1, false, err);
}

static void *seal(void *userdata)
{
        struct sealer *sealer = userdata;
        struct error failure = ERROR_INIT;
        struct seal_job *job;
        int confined = confine(sealer, &failure);

        pthread_mutex_lock(&sealer->lock);
        for (;;) {
                while (!sealer->first && !sealer->ending)
                        pthread_cond_wait(&sealer->changed, &sealer->lock);
                job = sealer->first;
                if (!job)
                        break;
                sealer->first = job->next;
                if (!sealer->first)
                        sealer->last = &sealer->first;
                pthread_mutex_unlock(&sealer->lock);

                job->err = failure;
                job->code = confined < 0
                                    ? confined
                                    : layers_seal(sealer->store, job->changes, &sealer->compression,
                                                  &job->layer, &job->err);
                change_list_free(job->changes);
                job->changes = NULL;

                pthread_mutex_lock(&sealer->lock);
                job->done = true;
                pthread_cond_broadcast(&sealer->changed);
        }
        pthread_mutex_unlock(&sealer->lock);
        return NULL;
}

int sealer_new(struct store *store, const struct compression *compression, struct sealer **ret,
               struct error *err)
{
        struct sealer *sealer = calloc(1, sizeof(*sealer));
        int r;

        if (!sealer)
                return error_set_oom(err);
        sealer->store = store;
        sealer->compression = *compression;
        sealer->last = &sealer->first;
        pthread_mutex_init(&sealer->lock, NULL);
        pthread_cond_init(&sealer->changed, NULL);
        r = -pthread_create(&sealer->thread, NULL, seal, sealer);
        sealer->started = r == 0;
        if (r < 0) {
                sealer_free(sealer);
                return error_set_errno(err, r, "cannot start a thread");
        }
        *ret = sealer;
        return 0;
}

void sealer_free(struct sealer *sealer)
{
        if (!sealer)
                return;
        pthread_mutex_lock(&sealer->lock);
        sealer->ending = true;
        pthread_cond_broadcast(&sealer->changed);
        pthread_mutex_unlock(&sealer->lock);
        if (sealer->started)
                pthread_join(sealer->thread, NULL);
        pthread_cond_destroy(&sealer->changed);
        pthread_mutex_destroy(&sealer->lock);
        free(sealer);
}

struct seal_job *sealer_add(struct sealer *sealer, struct change_list *changes)
{
        struct seal_job *job = calloc(1, sizeof(*job));

        if (!job) {
                change_list_free(changes);
                return NULL;
        }
        job->sealer = sealer;
        job->changes = changes;
        pthread_mutex_lock(&sealer->lock);
        *sealer->last = job;
        sealer->last = &job->next;
        pthread_cond_broadcast(&sealer->changed);
        pthread_mutex_unlock(&sealer->lock);
        return job;
}

bool seal_job_is_done(struct seal_job *job)
{
        bool done;

        pthread_mutex_lock(&job->sealer->lock);
        done = job->done;
        pthread_mutex_unlock(&job->sealer->lock);
        return done;
}

int seal_job_finish(struct seal_job *job, struct layer *ret, struct error *err)
{
        struct sealer *sealer = job->sealer;
        int r;

        pthread_mutex_lock(&sealer->lock);
        while (!job->done)
                pthread_cond_wait(&sealer->changed, &sealer->lock);
        pthread_mutex_unlock(&sealer->lock);
        r = job->code;
        if (r < 0)
                *err = job->err;
        else
                *ret = job->layer;
        free(job);
        return r;
}
