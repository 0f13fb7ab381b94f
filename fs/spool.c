#include "spool.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blocks given back are used again once they are this much and a quarter of all. */
#define REUSE_BLOCKS_MIN ((uint64_t)(8 << 20) / SPOOL_BLOCK)

/* A gap smaller than this is left for small files when much is wanted. */
#define GAP_BLOCKS_MIN ((uint64_t)(64 << 10) / SPOOL_BLOCK)

/* From this size on, memory and disk of what is given back are returned to the system. */
#define RELEASE_BYTES_MIN ((uint64_t)1 << 20)

/* Memory from here on comes in large pages. */
#define SMALL_BYTES ((size_t)2 << 20)

struct spool {
        pthread_mutex_t lock; /* of all below but the memory's content */
        char *memory;         /* mapping of `memory_blocks`, touched as it is used */
        uint64_t memory_blocks;
        int dir_fd;     /* borrowed */
        int fd;         /* -1 until the memory is used up */
        uint64_t *used; /* a bit for each block below `end` */
        uint64_t used_words;
        uint64_t end;   /* blocks from here on were never handed out */
        uint64_t given; /* blocks below `end` that are free */
        uint64_t cursor;
};

int spool_new(int dir_fd, uint64_t memory_max, struct spool **ret, struct error *err)
{
        struct spool *spool = calloc(1, sizeof(*spool));
        size_t size = (size_t)(memory_max & ~(uint64_t)4095);

        if (!spool)
                return error_set_oom(err);
        spool->fd = -1;
        spool->dir_fd = dir_fd;
        spool->memory_blocks = size / SPOOL_BLOCK;
        pthread_mutex_init(&spool->lock, NULL);
        if (size > 0) {
                spool->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                if (spool->memory == MAP_FAILED) {
                        spool->memory = NULL;
                        spool_free(spool);
                        return error_set_oom(err);
                }
                /* A small step shall not pay for a large page. */
                if (size > SMALL_BYTES)
                        madvise(spool->memory + SMALL_BYTES, size - SMALL_BYTES, MADV_HUGEPAGE);
        }
        *ret = spool;
        return 0;
}

void spool_free(struct spool *spool)
{
        if (!spool)
                return;
        if (spool->memory)
                munmap(spool->memory, spool->memory_blocks * SPOOL_BLOCK);
        if (spool->fd >= 0)
                close(spool->fd);
        pthread_mutex_destroy(&spool->lock);
        free(spool->used);
        free(spool);
}

/* Opens the file: without a name where the filesystem can (NFS cannot), else unlinked at once. */
static int open_file(int dir_fd)
{
        char name[64];
        int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
                return fd < 0 ? -errno : fd;
        snprintf(name, sizeof(name), "spool-%d", (int)getpid());
        fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        unlinkat(dir_fd, name, 0);
        return fd;
}

static void set_used(struct spool *spool, uint64_t block, uint64_t count, bool used)
{
        for (uint64_t at = block; at < block + count;) {
                uint64_t bits = block + count - at;
                uint64_t mask;

                if (bits > 64 - at % 64)
                        bits = 64 - at % 64;
                mask = (bits == 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1) << (at % 64);
                if (used)
                        spool->used[at / 64] |= mask;
                else
                        spool->used[at / 64] &= ~mask;
                at += bits;
        }
}

/* The first block from `at` on, below `end`, that is (not) used; `end` where there is none. */
static uint64_t next_block(const struct spool *spool, uint64_t at, uint64_t end, bool used)
{
        while (at < end) {
                uint64_t word = spool->used[at / 64];

                word = (used ? word : ~word) >> (at % 64);
                if (word != 0) {
                        at += (uint64_t)__builtin_ctzll(word);
                        return at < end ? at : end;
                }
                at = (at / 64 + 1) * 64;
        }
        return end;
}

/* A run never crosses from memory to the file. */
static uint64_t run_limit(const struct spool *spool, uint64_t block, uint64_t end)
{
        return block < spool->memory_blocks && end > spool->memory_blocks ? spool->memory_blocks
                                                                          : end;
}

/* Looks for blocks that were given back. Returns how many were found. */
static uint64_t take_again(struct spool *spool, uint64_t want, uint64_t *ret_block)
{
        uint64_t least = want < GAP_BLOCKS_MIN ? want : GAP_BLOCKS_MIN;
        uint64_t at = spool->cursor, limit = spool->end;

        for (bool wrapped = false;;) {
                uint64_t begin = next_block(spool, at, limit, false), end, count;

                if (begin >= limit) {
                        if (wrapped)
                                return 0;
                        wrapped = true;
                        at = 0;
                        limit = spool->cursor;
                        continue;
                }
                end = limit - begin > want ? begin + want : limit;
                at = next_block(spool, begin, run_limit(spool, begin, end), true);
                count = at - begin;
                if (count < least)
                        continue;
                *ret_block = begin;
                spool->cursor = begin + count;
                spool->given -= count;
                return count;
        }
}

static int take_at_end(struct spool *spool, uint64_t want, uint64_t *ret_block, uint64_t *ret_count)
{
        uint64_t end = run_limit(spool, spool->end, spool->end + want);
        uint64_t words = (end + 63) / 64;

        if (words > spool->used_words) {
                uint64_t more = words * 2 > 1024 ? words * 2 : 1024;
                uint64_t *used = reallocarray(spool->used, more, sizeof(*used));

                if (!used)
                        return -ENOMEM;
                memset(used + spool->used_words, 0, (more - spool->used_words) * sizeof(*used));
                spool->used = used;
                spool->used_words = more;
        }
        if (end > spool->memory_blocks && spool->fd < 0) {
                int fd = open_file(spool->dir_fd);

                if (fd < 0)
                        return fd;
                spool->fd = fd;
        }
        *ret_block = spool->end;
        *ret_count = end - spool->end;
        spool->end = end;
        return 0;
}

int spool_take(struct spool *spool, uint64_t want, uint64_t *ret_block, uint64_t *ret_count)
{
        uint64_t count = 0;
        int r = 0;

        pthread_mutex_lock(&spool->lock);
        if (spool->given >= REUSE_BLOCKS_MIN && spool->given >= spool->end / 4)
                count = take_again(spool, want, ret_block);
        if (count == 0)
                r = take_at_end(spool, want, ret_block, &count);
        if (r == 0) {
                set_used(spool, *ret_block, count, true);
                *ret_count = count;
        }
        pthread_mutex_unlock(&spool->lock);
        return r;
}

void spool_give(struct spool *spool, uint64_t block, uint64_t count)
{
        uint64_t bytes = count * SPOOL_BLOCK;

        /* Returned to the system while the blocks are still ours, else a new owner's bytes go. */
        if (bytes >= RELEASE_BYTES_MIN && block < spool->memory_blocks) {
                uint64_t begin = (block * SPOOL_BLOCK + 4095) & ~(uint64_t)4095;
                uint64_t end = (block + count) * SPOOL_BLOCK & ~(uint64_t)4095;

                madvise(spool->memory + begin, end - begin, MADV_DONTNEED);
        } else if (bytes >= RELEASE_BYTES_MIN) {
                /* Not every filesystem can; then the blocks are only used again. */
                (void)!fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 (off_t)((block - spool->memory_blocks) * SPOOL_BLOCK),
                                 (off_t)bytes);
        }
        pthread_mutex_lock(&spool->lock);
        set_used(spool, block, count, false);
        spool->given += count;
        pthread_mutex_unlock(&spool->lock);
}

bool spool_is_seam(const struct spool *spool, uint64_t block)
{
        return block == spool->memory_blocks;
}

int spool_write(struct spool *spool, uint64_t block, uint64_t offset, const void *data, size_t len)
{
        if (block < spool->memory_blocks) {
                memcpy(spool->memory + block * SPOOL_BLOCK + offset, data, len);
                return 0;
        }
        return io_pwrite(spool->fd, data, len,
                         (off_t)((block - spool->memory_blocks) * SPOOL_BLOCK + offset));
}

int spool_read(struct spool *spool, uint64_t block, uint64_t offset, void *data, size_t len)
{
        ssize_t n;

        if (block < spool->memory_blocks) {
                memcpy(data, spool->memory + block * SPOOL_BLOCK + offset, len);
                return 0;
        }
        n = io_pread(spool->fd, data, len,
                     (off_t)((block - spool->memory_blocks) * SPOOL_BLOCK + offset));
        if (n < 0)
                return (int)n;
        /* The last block of the file need not have been written to its end. */
        memset((char *)data + n, 0, len - (size_t)n);
        return 0;
}

int spool_statfs(const struct spool *spool, struct statvfs *ret)
{
        return fstatvfs(spool->dir_fd, ret) < 0 ? -errno : 0;
}
