/*
 * How long it takes to compare 20,000 observations with a tree: less than 50 ms of processor time,
 * or the test fails. Prints what it was, best of several.
 */
#include "layers.h"

#include "fs/trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORIES  100
#define FILES        100 /* in each */
#define MISSING      99  /* looked for in each */
#define SPOOL_MEMORY (16u << 20)
#define TURNS        5
#define BEST_MS_MAX  50.0

static void check(int r, const struct error *err)
{
        if (r >= 0)
                return;
        fprintf(stderr, "%s\n", error_is_set(err) ? err->message : strerror(-r));
        exit(EXIT_FAILURE);
}

static void name_of(char kind, unsigned number, char ret[static 16])
{
        snprintf(ret, 16, "%c%u", kind, number);
}

static void make_files(struct tree *tree)
{
        struct error none = ERROR_INIT;
        struct tree_new_inode inode;
        struct tree_attr dir, file;
        char name[16];

        for (unsigned i = 0; i < DIRECTORIES; i++) {
                name_of('d', i, name);
                inode = (struct tree_new_inode){ .mode = S_IFDIR | 0755 };
                check(tree_create(tree, TREE_ROOT, name, &inode, &dir), &none);
                for (unsigned j = 0; j < FILES; j++) {
                        name_of('f', j, name);
                        inode = (struct tree_new_inode){ .mode = S_IFREG | 0644 };
                        check(tree_create(tree, dir.ino, name, &inode, &file), &none);
                        check(tree_write(tree, file.ino, 0, name, strlen(name), false), &none);
                }
        }
}

static uint64_t look_up(struct trace *trace, struct tree *tree, uint64_t dir, const char *name)
{
        struct tree_attr attr = { .ino = 0 };

        if (tree_lookup(tree, dir, name, &attr) < 0)
                attr.ino = 0;
        trace_name(trace, dir, name, attr.ino);
        return attr.ino;
}

/* All files are read, and as many that are not there are looked for. */
static void observe(struct trace *trace, struct tree *tree)
{
        char name[16];

        for (unsigned i = 0; i < DIRECTORIES; i++) {
                uint64_t dir;

                name_of('d', i, name);
                dir = look_up(trace, tree, TREE_ROOT, name);
                for (unsigned j = 0; j < FILES; j++) {
                        name_of('f', j, name);
                        trace_inode(trace, look_up(trace, tree, dir, name), TRACE_READ);
                }
                for (unsigned j = 0; j < MISSING; j++) {
                        name_of('m', j, name);
                        look_up(trace, tree, dir, name);
                }
        }
}

static double processor_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(void)
{
        struct layers layers = { .dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
        struct buf bytes = BUF_INIT, difference = BUF_INIT;
        struct observations *observations, *read;
        struct error err = ERROR_INIT;
        double best_ms = 1e9;
        struct trace *trace;
        struct tree *tree;
        size_t count;

        check(layers_open(&layers, SPOOL_MEMORY, &tree, &err), &err);
        make_files(tree);
        check(layers_commit(&layers, tree, &err), &err);
        tree_free(tree);
        check(layers_open(&layers, SPOOL_MEMORY, &tree, &err), &err);
        check(trace_new(&trace, &err), &err);
        observe(trace, tree);
        check(trace_evaluate(trace, tree, NULL, &observations, &err), &err);
        check(observations_write(observations, &bytes), &err);
        count = observations_count(observations);
        for (unsigned i = 0; i < TURNS; i++) {
                double began_ms = processor_ms(), took_ms;

                check(observations_read(bytes.data, bytes.len, &read), &err);
                if (observations_check(read, tree, 1, &difference, &err) != 1) {
                        fprintf(stderr, "%s\n", buf_str(&difference));
                        return EXIT_FAILURE;
                }
                took_ms = processor_ms() - began_ms;
                best_ms = took_ms < best_ms ? took_ms : best_ms;
                observations_free(read);
        }
        printf("%zu observations, %zu bytes, compared in %.1f ms\n", count, bytes.len, best_ms);
        observations_free(observations);
        trace_free(trace);
        tree_free(tree);
        layers_done(&layers);
        close(layers.dir_fd);
        buf_done(&difference);
        buf_done(&bytes);
        return count >= 20000 && best_ms < BEST_MS_MAX ? EXIT_SUCCESS : EXIT_FAILURE;
}
