#include "archive/compress.h"

#include "base/cleanup.h"
#include "encode.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* A block on its way. Its room for output is kept for later ones. */
struct job {
        struct job *next; /* in order of the input; or among the unused */
        struct block *block;
        uint8_t *out;
        size_t out_cap;
        size_t out_len;
        uint32_t checksum;
        bool is_done;
};

/*
 * Jobs stand in one list in the order of the input. Each worker takes the first that nobody has
 * taken. Whoever finds the first of the list done writes it and those behind it that are done too,
 * so output is in order and nobody waits for somebody to write.
 */
struct compressor {
        struct compression compression;
        const struct byte_sink *out;
        unsigned threads_max;
        pthread_t threads[COMPRESS_THREADS_MAX];
        bool is_joined;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Guarded by `lock`: */
        unsigned thread_count;
        unsigned idle_count;
        struct job *first; /* not yet written */
        struct job **end;  /* where the next one is to be linked */
        struct job *todo;  /* the first that nobody has taken */
        struct job *unused;
        bool is_writing;
        bool is_closed;
        uint32_t checksum; /* of all that was written */
        uint64_t total_len;
        struct error err; /* of the first failure */
};

DEFINE_CLEANUP(compressor, struct compressor, compressor_free)

unsigned compress_default_threads(void)
{
        cpu_set_t cpus;
        int count = 1;

        if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
                count = CPU_COUNT(&cpus);
        return count < 1                      ? 1
               : count > COMPRESS_THREADS_MAX ? COMPRESS_THREADS_MAX
                                              : (unsigned)count;
}

static int put(struct compressor *compressor, const void *data, size_t len, struct error *err)
{
        if (len == 0)
                return 0;
        return compressor->out->write(compressor->out->context, data, len, err);
}

int compressor_new(const struct compression *compression, unsigned threads,
                   const struct byte_sink *out, struct compressor **ret, struct error *err)
{
        _cleanup_(cleanup_compressor) struct compressor *compressor =
                calloc(1, sizeof(*compressor));
        uint8_t head[ENCODE_FRAME_MAX];
        int r;

        if (!compressor)
                return error_set_oom(err);
        pthread_mutex_init(&compressor->lock, NULL);
        pthread_cond_init(&compressor->changed, NULL);
        compressor->compression = *compression;
        compressor->out = out;
        compressor->threads_max = threads == 0 ? compress_default_threads() : threads;
        if (compressor->threads_max > COMPRESS_THREADS_MAX)
                compressor->threads_max = COMPRESS_THREADS_MAX;
        compressor->end = &compressor->first;
        if (!compression_block_bytes(compression))
                return error_set(err, -EINVAL, "nothing is compressed with %s here",
                                 compression_format_name(compression->codec));
        r = put(compressor, head, encode_head(compression->codec, head), err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(compressor);
        return 0;
}

static void job_free(struct job *job)
{
        if (!job)
                return;
        block_unref(job->block);
        free(job->out);
        free(job);
}

static void fail(struct compressor *compressor, const struct error *err)
{
        if (!error_is_set(&compressor->err))
                compressor->err = *err;
}

/* Writes what is done at the head of the list, unless another thread is at it. Called and returns
 * with the lock held. */
static void write_done(struct compressor *compressor)
{
        struct error err = ERROR_INIT;

        if (compressor->is_writing)
                return;
        compressor->is_writing = true;
        while (compressor->first && compressor->first->is_done) {
                struct job *job = compressor->first;

                if (!error_is_set(&compressor->err)) {
                        pthread_mutex_unlock(&compressor->lock);
                        put(compressor, job->out, job->out_len, &err);
                        pthread_mutex_lock(&compressor->lock);
                        if (error_is_set(&err))
                                fail(compressor, &err);
                }
                compressor->checksum =
                        encode_join_checksums(compressor->checksum, job->checksum, job->block->len);
                compressor->total_len += job->block->len;
                compressor->first = job->next;
                if (!compressor->first)
                        compressor->end = &compressor->first;
                block_unref(job->block);
                job->block = NULL;
                job->next = compressor->unused;
                compressor->unused = job;
        }
        compressor->is_writing = false;
}

static int compress(struct encoder *encoder, struct job *job, struct error *err)
{
        size_t bound = encoder_bound(encoder, job->block->len);

        if (job->out_cap < bound) {
                free(job->out);
                job->out = malloc(bound);
                job->out_cap = job->out ? bound : 0;
                if (!job->out)
                        return error_set_oom(err);
        }
        return encoder_run(encoder, job->block->data, job->block->len, job->out, &job->out_len,
                           &job->checksum, err);
}

static void *run(void *argument)
{
        struct compressor *compressor = argument;
        struct encoder *encoder = NULL;
        struct error err = ERROR_INIT;

        encoder_new(&compressor->compression, &encoder, &err);
        pthread_mutex_lock(&compressor->lock);
        if (!encoder)
                fail(compressor, &err);
        for (;;) {
                struct job *job;

                while (!compressor->todo && !compressor->is_closed) {
                        compressor->idle_count++;
                        pthread_cond_wait(&compressor->changed, &compressor->lock);
                        compressor->idle_count--;
                }
                job = compressor->todo;
                if (!job)
                        break;
                compressor->todo = job->next;
                /* After a failure the jobs that are left only pass by. */
                if (!error_is_set(&compressor->err)) {
                        pthread_mutex_unlock(&compressor->lock);
                        compress(encoder, job, &err);
                        pthread_mutex_lock(&compressor->lock);
                        if (error_is_set(&err))
                                fail(compressor, &err);
                }
                job->is_done = true;
                write_done(compressor);
        }
        pthread_mutex_unlock(&compressor->lock);
        encoder_free(encoder);
        return NULL;
}

/* Takes a job that was used before, or a new one. */
static struct job *take_job(struct compressor *compressor)
{
        struct job *job = compressor->unused;

        if (!job)
                return calloc(1, sizeof(*job));
        compressor->unused = job->next;
        job->next = NULL;
        job->is_done = false;
        return job;
}

/* Starts a thread where all that there are have work. One that cannot be started is missed only
 * when there is no other. */
static int add_thread(struct compressor *compressor)
{
        int r;

        if (compressor->idle_count > 0 || compressor->thread_count == compressor->threads_max)
                return 0;
        r = pthread_create(&compressor->threads[compressor->thread_count], NULL, run, compressor);
        if (r == 0)
                compressor->thread_count++;
        return compressor->thread_count > 0 ? 0 : -r;
}

/* Called with the lock held. */
static int queue(struct compressor *compressor, struct block *block)
{
        struct job *job;
        int r;

        if (error_is_set(&compressor->err))
                return compressor->err.code;
        job = take_job(compressor);
        if (!job)
                return error_set_oom(&compressor->err);
        job->block = block_ref(block);
        *compressor->end = job;
        compressor->end = &job->next;
        if (!compressor->todo)
                compressor->todo = job;
        r = add_thread(compressor);
        if (r < 0)
                return error_set_errno(&compressor->err, r, "cannot start a thread");
        pthread_cond_signal(&compressor->changed);
        return 0;
}

int compressor_push(struct compressor *compressor, struct block *block)
{
        int r;

        pthread_mutex_lock(&compressor->lock);
        r = queue(compressor, block);
        pthread_mutex_unlock(&compressor->lock);
        return r;
}

static void close_and_join(struct compressor *compressor)
{
        if (compressor->is_joined)
                return;
        pthread_mutex_lock(&compressor->lock);
        compressor->is_closed = true;
        pthread_cond_broadcast(&compressor->changed);
        pthread_mutex_unlock(&compressor->lock);
        for (unsigned i = 0; i < compressor->thread_count; i++)
                pthread_join(compressor->threads[i], NULL);
        compressor->is_joined = true;
}

int compressor_finish(struct compressor *compressor, struct error *err)
{
        uint8_t tail[ENCODE_FRAME_MAX];
        size_t len;

        close_and_join(compressor);
        if (error_is_set(&compressor->err)) {
                *err = compressor->err;
                return err->code;
        }
        len = encode_tail(compressor->compression.codec, compressor->checksum,
                          compressor->total_len, tail);
        return put(compressor, tail, len, err);
}

void compressor_free(struct compressor *compressor)
{
        struct error dropped = ERROR_INIT;

        if (!compressor)
                return;
        if (!compressor->is_joined) {
                error_set(&dropped, -ECANCELED, "the compression was given up");
                pthread_mutex_lock(&compressor->lock);
                fail(compressor, &dropped);
                pthread_mutex_unlock(&compressor->lock);
        }
        close_and_join(compressor);
        while (compressor->first) {
                struct job *job = compressor->first;

                compressor->first = job->next;
                job_free(job);
        }
        while (compressor->unused) {
                struct job *job = compressor->unused;

                compressor->unused = job->next;
                job_free(job);
        }
        pthread_cond_destroy(&compressor->changed);
        pthread_mutex_destroy(&compressor->lock);
        free(compressor);
}
