/*
 * usage: bench-seal tree DIR TAR CODEC
 *        bench-seal few DIR
 *
 * Measures sealing, from the end of a step to tar at rest, diffID, index, compressed blob and its
 * digest in a store in DIR, synced. "tree": of a step that has made all that is in TAR, with the
 * default level of CODEC; prints "timed CODEC WALL CPU 0 0" in milliseconds, "sized size-CODEC MB
 * 0" of the blob, and "sized memory-CODEC MB 0": what the process needs more for it than before.
 * "few": of steps that change 10 files each in an image of 100,000; prints "timed few WALL CPU 0
 * 0", the median of 21.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "build/layers.h"
#include "copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FEW_DIRECTORIES 1000
#define FEW_FILES       100 /* in each */
#define FEW_STEPS       21
#define FEW_CHANGED     10

static void check(int r, const struct error *err)
{
        if (r >= 0)
                return;
        fprintf(stderr, "bench-seal: %s\n", err->message);
        exit(EXIT_FAILURE);
}

static double cpu_ms(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* "VmRSS" or "VmHWM", in MB. */
static double memory_mb(const char *key)
{
        _cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
        char line[256];
        double kib = 0;

        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, key, strlen(key)) == 0)
                        kib = strtod(line + strlen(key) + 1, NULL);
        return kib * 1024 / 1e6;
}

static void reset_peak(void)
{
        _cleanup_fclose_ FILE *file = fopen("/proc/self/clear_refs", "we");

        if (!file || fputs("5", file) < 0)
                fprintf(stderr, "bench-seal: the peak cannot be reset\n");
}

static struct store *open_store(const char *directory, struct error *err)
{
        _cleanup_free_ char *root = NULL;
        struct store *store;

        if (asprintf(&root, "%s/store", directory) < 0)
                exit(EXIT_FAILURE);
        check(store_open(root, &store, err), err);
        return store;
}

static void seal_tree(const char *directory, const char *tar, const char *codec)
{
        static const struct layers nothing;
        struct error err = ERROR_INIT;
        struct store *store = open_store(directory, &err);
        struct fd_stream stream = { .fd = open(tar, O_RDONLY | O_CLOEXEC), .name = tar };
        struct byte_source source = byte_source_of_fd(&stream);
        bool has_blob = strcmp(codec, "tar") != 0;
        struct compression compression;
        struct change_list *changes;
        double before, cpu;
        struct layer layer;
        struct tree *tree;
        uint64_t begin;

        if (has_blob)
                check(compression_parse(codec, 0, &compression, &err), &err);
        check(layers_open(store, &nothing, &tree, &err), &err);
        check(copy_unpack_stream(&source, tree, &err), &err);
        sync();
        reset_peak();
        before = memory_mb("VmRSS");
        cpu = cpu_ms();
        begin = clock_monotonic_ns();
        check(tree_commit(tree, &changes, &err), &err);
        check(layers_seal(store, changes, has_blob ? &compression : NULL, &layer, &err), &err);
        printf("timed %s %.3f %.3f 0 0\n", codec, (double)(clock_monotonic_ns() - begin) / 1e6,
               cpu_ms() - cpu);
        printf("sized size-%s %.3f 0\n", codec, (double)layer.blob.size / 1e6);
        printf("sized memory-%s %.1f 0\n", codec, memory_mb("VmHWM") - before);
        change_list_free(changes);
        descriptor_done(&layer.blob);
        tree_free(tree);
        store_free(store);
}

static void write_file(struct tree *tree, unsigned directory, unsigned file, const char *text)
{
        const struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
        const struct tree_owner owner = { .uid = 0 };
        struct error err = ERROR_INIT;
        char name[64];
        struct tree_attr attr;
        uint64_t parent;
        int r;

        snprintf(name, sizeof(name), "/d%u", directory);
        r = tree_make_path(tree, name, 0755, &owner, &attr);
        parent = attr.ino;
        snprintf(name, sizeof(name), "f%u", file);
        if (r == 0 && tree_lookup(tree, parent, name, &attr) < 0)
                r = tree_create(tree, parent, name, &inode, &attr);
        if (r == 0)
                r = tree_write(tree, attr.ino, 0, text, strlen(text), false);
        if (r < 0)
                check(error_set_errno(&err, r, "%s", name), &err);
}

static int compare(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void seal_few(const char *directory)
{
        static const struct layers nothing;
        struct layers image = { .items = NULL };
        struct error err = ERROR_INIT;
        struct store *store = open_store(directory, &err);
        double wall[FEW_STEPS], cpu[FEW_STEPS];
        struct compression compression;
        struct change_list *changes;
        struct layer layer;
        struct tree *tree;

        check(compression_parse("gzip", 0, &compression, &err), &err);
        check(layers_open(store, &nothing, &tree, &err), &err);
        for (unsigned i = 0; i < FEW_DIRECTORIES * FEW_FILES; i++)
                write_file(tree, i / FEW_FILES, i % FEW_FILES, "as it was in the image\n");
        check(tree_commit(tree, &changes, &err), &err);
        check(layers_seal(store, changes, &compression, &layer, &err), &err);
        change_list_free(changes);
        tree_free(tree);
        check(layers_add(&image, &layer), &err);
        check(layers_open(store, &image, &tree, &err), &err);
        sync();
        for (unsigned step = 0; step < FEW_STEPS; step++) {
                double began_cpu;
                char text[64];
                uint64_t begin;

                snprintf(text, sizeof(text), "changed by step %u\n", step);
                for (unsigned i = 0; i < FEW_CHANGED; i++)
                        write_file(tree, (step * 37 + i * 91) % FEW_DIRECTORIES, i, text);
                began_cpu = cpu_ms();
                begin = clock_monotonic_ns();
                check(tree_commit(tree, &changes, &err), &err);
                check(layers_seal(store, changes, &compression, &layer, &err), &err);
                wall[step] = (double)(clock_monotonic_ns() - begin) / 1e6;
                cpu[step] = cpu_ms() - began_cpu;
                change_list_free(changes);
                descriptor_done(&layer.blob);
        }
        qsort(wall, FEW_STEPS, sizeof(*wall), compare);
        qsort(cpu, FEW_STEPS, sizeof(*cpu), compare);
        printf("timed few %.3f %.3f 0 0\n", wall[FEW_STEPS / 2], cpu[FEW_STEPS / 2]);
        layers_done(&image);
        tree_free(tree);
        store_free(store);
}

int main(int argc, char **argv)
{
        if (argc == 5 && strcmp(argv[1], "tree") == 0) {
                seal_tree(argv[2], argv[3], argv[4]);
        } else if (argc == 3 && strcmp(argv[1], "few") == 0) {
                seal_few(argv[2]);
        } else {
                fprintf(stderr, "usage: bench-seal tree DIR TAR CODEC\n"
                                "       bench-seal few DIR\n");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
