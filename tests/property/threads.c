/*
 * The union tree as a library, from several threads at once: for ThreadSanitizer and
 * AddressSanitizer. Each thread checks the bytes of a file of its own; names, listings, attributes
 * and the content of shared files are everybody's.
 *
 * Arguments: [SEED [OPERATIONS [THREADS]]]; so many operations in all. The seed is printed.
 */
#include "layers.h"
#include "random.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_MAX  64
#define SHARED       16
#define DIRECTORIES  4
#define BYTES_MAX    20000
#define SIZE_MAX_    60000
#define SPOOL_MEMORY (256 << 10)

struct shared {
        struct tree *tree;
        uint64_t directories[DIRECTORIES];
        uint64_t files[SHARED]; /* never unlinked */
};

struct worker {
        const struct shared *shared;
        pthread_t thread;
        uint64_t random;
        unsigned long operations;
        unsigned number;
        const char *failure; /* what went wrong, or NULL */
};

static uint64_t below(struct worker *worker, uint64_t limit)
{
        return random_below(&worker->random, limit);
}

static int ignore(void *userdata, const struct tree_dirent *entry)
{
        (void)userdata;
        (void)entry;
        return 0;
}

/* Makes a file, writes, reads it back under another name, and takes it away. */
static void use_own_file(struct worker *worker)
{
        struct tree *tree = worker->shared->tree;
        uint64_t dir = worker->shared->directories[below(worker, DIRECTORIES)];
        uint64_t to = worker->shared->directories[below(worker, DIRECTORIES)];
        struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
        size_t len = 1 + below(worker, BYTES_MAX);
        char data[BYTES_MAX], got[BYTES_MAX], name[32], other[32];
        struct tree_attr attr;

        memset(data, (int)worker->number, len);
        snprintf(name, sizeof(name), "own%u", worker->number);
        snprintf(other, sizeof(other), "moved%u", worker->number);
        if (tree_create(tree, dir, name, &inode, &attr) < 0)
                worker->failure = "create";
        tree_remember(tree, attr.ino);
        if (tree_write(tree, attr.ino, 100, data, len, true) < 0)
                worker->failure = "write";
        if (tree_rename(tree, dir, name, to, other, 0) < 0)
                worker->failure = "rename";
        if (tree_read(tree, attr.ino, 100, got, len) != (ssize_t)len || memcmp(got, data, len) != 0)
                worker->failure = "read";
        if (tree_unlink(tree, to, other) < 0)
                worker->failure = "unlink";
        if (tree_read(tree, attr.ino, 100, got, len) != (ssize_t)len)
                worker->failure = "read of a file without a name";
        tree_forget(tree, attr.ino, 1);
}

static void use_shared_file(struct worker *worker)
{
        struct tree *tree = worker->shared->tree;
        uint64_t ino = worker->shared->files[below(worker, SHARED)];
        uint64_t offset = below(worker, SIZE_MAX_), len = 1 + below(worker, BYTES_MAX), found;
        struct tree_attr attr = { .size = offset, .mode = 0640 };
        char data[BYTES_MAX] = "";
        int r = 0;

        switch (below(worker, 7)) {
        case 0:
                r = tree_read(tree, ino, offset, data, len) < 0;
                break;
        case 1:
                memset(data, (int)worker->number, len);
                r = tree_write(tree, ino, offset, data, len, false);
                break;
        case 2:
                r = tree_setattr(tree, ino, &attr, TREE_SET_SIZE, &attr);
                break;
        case 3:
                r = tree_fallocate(tree, ino, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                                   len, true);
                break;
        case 4:
                r = tree_setattr(tree, ino, &attr, TREE_SET_MODE, &attr);
                break;
        case 5:
                r = tree_setxattr(tree, ino, "user.x", data, worker->number, 0);
                break;
        default:
                tree_seek(tree, ino, offset, SEEK_DATA, &found);
                r = tree_getattr(tree, ino, &attr);
        }
        if (r != 0)
                worker->failure = "a shared file";
}

static void use_names(struct worker *worker)
{
        struct tree *tree = worker->shared->tree;
        uint64_t dir = worker->shared->directories[below(worker, DIRECTORIES)];
        struct tree_new_inode inode = { .mode = S_IFDIR | 0755 };
        struct tree_attr attr;
        char name[32];

        snprintf(name, sizeof(name), "shared%llu", (unsigned long long)below(worker, SHARED));
        switch (below(worker, 5)) {
        case 0:
                tree_create(tree, dir, name, &inode, &attr);
                break;
        case 1:
                tree_rmdir(tree, dir, name);
                break;
        case 2:
                tree_link(tree, worker->shared->files[below(worker, SHARED)], dir, name, &attr);
                break;
        case 3:
                if (tree_readdir(tree, dir, 0, below(worker, 2), ignore, NULL) < 0)
                        worker->failure = "readdir";
                break;
        default:
                tree_lookup(tree, dir, name, &attr);
        }
}

static void *work(void *userdata)
{
        struct worker *worker = userdata;

        for (unsigned long i = 0; i < worker->operations && !worker->failure; i++) {
                switch (below(worker, 4)) {
                case 0:
                        use_own_file(worker);
                        break;
                case 1:
                        use_names(worker);
                        break;
                default:
                        use_shared_file(worker);
                }
        }
        return NULL;
}

/* The shared names, in a layer. */
static int prepare(struct layers *layers, struct tree *tree, struct error *err)
{
        struct tree_new_inode file = { .mode = S_IFREG | 0644 }, dir = { .mode = S_IFDIR | 0755 };
        char data[BYTES_MAX] = "x", name[32];
        struct tree_attr attr;

        for (unsigned i = 0; i < DIRECTORIES; i++) {
                snprintf(name, sizeof(name), "dir%u", i);
                tree_create(tree, TREE_ROOT, name, &dir, &attr);
        }
        for (unsigned i = 0; i < SHARED; i++) {
                snprintf(name, sizeof(name), "file%u", i);
                tree_create(tree, TREE_ROOT, name, &file, &attr);
                tree_write(tree, attr.ino, 0, data, sizeof(data), false);
        }
        return layers_commit(layers, tree, err);
}

static void find_shared(struct shared *shared)
{
        struct tree_attr attr;
        char name[32];

        for (unsigned i = 0; i < DIRECTORIES; i++) {
                snprintf(name, sizeof(name), "dir%u", i);
                tree_lookup(shared->tree, TREE_ROOT, name, &attr);
                shared->directories[i] = attr.ino;
        }
        for (unsigned i = 0; i < SHARED; i++) {
                snprintf(name, sizeof(name), "file%u", i);
                tree_lookup(shared->tree, TREE_ROOT, name, &attr);
                shared->files[i] = attr.ino;
        }
}

static bool run(struct shared *shared, uint64_t seed, unsigned long operations, unsigned threads)
{
        struct worker workers[THREADS_MAX];
        bool good = true;

        for (unsigned i = 0; i < threads; i++) {
                workers[i] = (struct worker){ .shared = shared,
                                              .random = seed + 2 * i,
                                              .operations = operations / threads,
                                              .number = i + 1 };
                if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
                        exit(2);
        }
        for (unsigned i = 0; i < threads; i++) {
                pthread_join(workers[i].thread, NULL);
                if (workers[i].failure)
                        printf("thread %u: %s\n", i, workers[i].failure);
                good = good && !workers[i].failure;
        }
        return good;
}

int main(int argc, char **argv)
{
        uint64_t seed = random_seed(argc > 1 ? argv[1] : NULL);
        unsigned long operations = argc > 2 ? strtoul(argv[2], NULL, 10) : 40000;
        unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 8;
        struct layers layers = { .dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
        struct error err = ERROR_INIT;
        struct shared shared;
        bool good = false;

        printf("seed %llu, %lu operations of %u threads\n", (unsigned long long)seed, operations,
               threads);
        if (threads < 1 || threads > THREADS_MAX)
                return 2;
        if (layers_open(&layers, SPOOL_MEMORY, &shared.tree, &err) == 0 &&
            prepare(&layers, shared.tree, &err) == 0) {
                tree_free(shared.tree);
                if (layers_open(&layers, SPOOL_MEMORY, &shared.tree, &err) == 0) {
                        find_shared(&shared);
                        good = run(&shared, seed, operations, threads) &&
                               layers_commit(&layers, shared.tree, &err) == 0;
                        tree_free(shared.tree);
                }
        }
        layers_done(&layers);
        close(layers.dir_fd);
        printf("%s %s\n", good ? "ok: the threads do not disturb each other" : "not ok",
               err.message);
        return !good;
}
