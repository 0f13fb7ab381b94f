#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define POLL_MS 1000

/* More than a registry's fair share makes it answer 429. */
#define CONNECTIONS_PER_HOST 8L

/* A transfer; lives on the stack of who waits for it. */
struct job {
        struct job *next;
        CURL *easy;
        CURLcode result;
        bool done;
};

struct engine {
        CURLM *multi; /* the thread's alone, but for curl_multi_wakeup() */
        pthread_t thread;
        bool started;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Guarded by `lock`: */
        struct job *added;
        bool closing;
};

static void finish_job(struct engine *engine, struct job *job, CURLcode result)
{
        pthread_mutex_lock(&engine->lock);
        job->result = result;
        job->done = true;
        pthread_cond_broadcast(&engine->changed);
        pthread_mutex_unlock(&engine->lock);
}

/* Returns false when the engine is to end. */
static bool take_added(struct engine *engine)
{
        struct job *job, *next;
        bool closing;

        pthread_mutex_lock(&engine->lock);
        job = engine->added;
        engine->added = NULL;
        closing = engine->closing;
        pthread_mutex_unlock(&engine->lock);
        for (; job; job = next) {
                next = job->next;
                if (curl_multi_add_handle(engine->multi, job->easy) != CURLM_OK)
                        finish_job(engine, job, CURLE_OUT_OF_MEMORY);
        }
        return !closing;
}

static void finish_jobs(struct engine *engine)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(engine->multi, &left))) {
                CURL *easy = message->easy_handle;
                CURLcode result = message->data.result;
                char *job = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
                curl_multi_remove_handle(engine->multi, easy);
                finish_job(engine, (struct job *)(void *)job, result);
        }
}

static void *run(void *context)
{
        struct engine *engine = context;
        sigset_t all;
        int running;

        /* Signals are for the other threads; a peer that has gone is an error of the write. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        while (take_added(engine)) {
                curl_multi_perform(engine->multi, &running);
                finish_jobs(engine);
                curl_multi_poll(engine->multi, NULL, 0, POLL_MS, NULL);
        }
        return NULL;
}

int engine_new(struct engine **ret, struct error *err)
{
        struct engine *engine = calloc(1, sizeof(*engine));
        int r;

        if (!engine)
                return error_set_oom(err);
        pthread_mutex_init(&engine->lock, NULL);
        pthread_cond_init(&engine->changed, NULL);
        engine->multi = curl_multi_init();
        if (!engine->multi) {
                engine_free(engine);
                return error_set_oom(err);
        }
        curl_multi_setopt(engine->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
        r = -pthread_create(&engine->thread, NULL, run, engine);
        if (r < 0) {
                engine_free(engine);
                return error_set_errno(err, r, "cannot start a thread");
        }
        engine->started = true;
        *ret = engine;
        return 0;
}

void engine_free(struct engine *engine)
{
        if (!engine)
                return;
        if (engine->started) {
                pthread_mutex_lock(&engine->lock);
                engine->closing = true;
                pthread_mutex_unlock(&engine->lock);
                curl_multi_wakeup(engine->multi);
                pthread_join(engine->thread, NULL);
        }
        curl_multi_cleanup(engine->multi);
        pthread_cond_destroy(&engine->changed);
        pthread_mutex_destroy(&engine->lock);
        free(engine);
}

CURLcode engine_perform(struct engine *engine, CURL *easy)
{
        struct job job = { .easy = easy };

        curl_easy_setopt(easy, CURLOPT_PRIVATE, &job);
        pthread_mutex_lock(&engine->lock);
        job.next = engine->added;
        engine->added = &job; /* cppcheck-suppress autoVariables; it is done when this returns */
        curl_multi_wakeup(engine->multi);
        while (!job.done)
                pthread_cond_wait(&engine->changed, &engine->lock);
        pthread_mutex_unlock(&engine->lock);
        return job.result;
}
