/*
 * Files of a mounted tree against a model in memory: every way to read and write, at random, on
 * files that begin in a layer.
 *
 * Several processes work side by side, each on a file of its own. Now and then all of it is sealed
 * and the tree made anew of its layers, so that the next writes meet a file of a layer again.
 *
 * Arguments: [SEED [OPERATIONS [PROCESSES]]]; so many operations in all. The seed is printed.
 */
#include "mounted.h"
#include "random.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE_MAX_     (256 << 10)
#define BYTES_MAX     (64 << 10)
#define SPOOL_MEMORY  (1 << 20)
#define PROCESSES_MAX 64
#define ROUNDS_MAX    100
#define ROUND         5000 /* operations of one process, at least, before all is sealed */

/* What a file should hold; shared with the processes. */
struct model {
        uint64_t random;
        uint64_t size;
        unsigned long operation;
        char data[SIZE_MAX_];
};

struct file {
        struct model *model;
        const char *name;
        int fd;
};

static void fail(const struct file *file, const char *what) __attribute__((noreturn));

static void fail(const struct file *file, const char *what)
{
        printf("not ok: %s, operation %lu: %s: %s\n", file->name, file->model->operation, what,
               strerror(errno));
        exit(1);
}

static uint64_t below(struct file *file, uint64_t limit)
{
        return random_below(&file->model->random, limit);
}

/* Bytes beyond the size are zeros in the model. */
static void resize(struct model *model, uint64_t size)
{
        if (size < model->size)
                memset(model->data + size, 0, model->size - size);
        model->size = size;
}

static void check(struct file *file, const char *got, uint64_t offset, uint64_t len)
{
        const char *want = file->model->data + offset;
        char what[128];

        for (uint64_t i = 0; i < len; i++) {
                if (got[i] == want[i])
                        continue;
                snprintf(what, sizeof(what), "byte %llu of %llu is %#x, should be %#x",
                         (unsigned long long)(offset + i), (unsigned long long)file->model->size,
                         (unsigned char)got[i], (unsigned char)want[i]);
                fail(file, what);
        }
}

static void fill(struct file *file, char *data, uint64_t len)
{
        uint64_t seed = file->model->random;

        for (uint64_t i = 0; i < len; i++)
                data[i] = (char)(random_below(&seed, 255) + 1);
}

/* ---- operations ---- */

static void op_read(struct file *file, uint64_t offset, uint64_t len)
{
        static char data[BYTES_MAX];
        uint64_t size = file->model->size, want = offset >= size ? 0 : size - offset;
        ssize_t n = pread(file->fd, data, len, (off_t)offset);

        if (n != (ssize_t)(want < len ? want : len))
                fail(file, "read of another length");
        check(file, data, offset, (uint64_t)n);
}

static void op_write(struct file *file, uint64_t offset, uint64_t len)
{
        struct model *model = file->model;

        if (offset + len > model->size)
                resize(model, offset + len);
        fill(file, model->data + offset, len);
        if (pwrite(file->fd, model->data + offset, len, (off_t)offset) != (ssize_t)len)
                fail(file, "write");
}

static void op_map(struct file *file, uint64_t offset, uint64_t len, bool write)
{
        struct model *model = file->model;
        char *data;

        if (offset >= model->size)
                return;
        if (offset + len > model->size)
                len = model->size - offset;
        data = mmap(NULL, model->size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, file->fd,
                    0);
        if (data == MAP_FAILED)
                fail(file, "mmap");
        if (write) {
                fill(file, model->data + offset, len);
                memcpy(data + offset, model->data + offset, len);
                if (below(file, 4) == 0 && msync(data, model->size, MS_SYNC) < 0)
                        fail(file, "msync");
        } else {
                check(file, data + offset, offset, len);
        }
        munmap(data, model->size);
}

static void op_truncate(struct file *file, uint64_t size)
{
        resize(file->model, size);
        if (ftruncate(file->fd, (off_t)size) < 0)
                fail(file, "truncate");
}

static void op_fallocate(struct file *file, uint64_t offset, uint64_t len)
{
        static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
        int mode = modes[below(file, ARRAY_SIZE(modes))];
        struct model *model = file->model;
        uint64_t end = offset + len;

        if (fallocate(file->fd, mode, (off_t)offset, (off_t)len) < 0)
                fail(file, "fallocate");
        if (!(mode & FALLOC_FL_KEEP_SIZE) && end > model->size)
                resize(model, end);
        if (mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE) && offset < model->size)
                memset(model->data + offset, 0, end < model->size ? len : model->size - offset);
}

static void op_copy(struct file *file, uint64_t offset, uint64_t len)
{
        struct model *model = file->model;
        uint64_t to = below(file, SIZE_MAX_ - BYTES_MAX);
        off_t from = (off_t)offset, at = (off_t)to;
        ssize_t n;

        if (offset >= model->size || (to < offset + len && offset < to + len))
                return;
        n = copy_file_range(file->fd, &from, file->fd, &at, len, 0);
        if (n <= 0)
                fail(file, "copy_file_range");
        if (to + (uint64_t)n > model->size)
                resize(model, to + (uint64_t)n);
        memcpy(model->data + to, model->data + offset, (size_t)n);
}

/* What is said to be a hole has to be zeros. */
static void op_seek(struct file *file, uint64_t offset)
{
        struct model *model = file->model;
        off_t data;

        if (offset >= model->size)
                return;
        data = lseek(file->fd, (off_t)offset, SEEK_DATA);
        if (data < 0 && errno != ENXIO)
                fail(file, "SEEK_DATA");
        if (data < 0)
                data = (off_t)model->size;
        for (uint64_t i = offset; i < (uint64_t)data; i++)
                if (model->data[i] != 0)
                        fail(file, "data is taken for a hole");
        if (lseek(file->fd, (off_t)offset, SEEK_HOLE) > (off_t)model->size)
                fail(file, "SEEK_HOLE");
}

static void open_it(struct file *file)
{
        char path[64];

        snprintf(path, sizeof(path), MOUNTED_AT "/%s", file->name);
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file->fd < 0)
                fail(file, "open");
}

static void op_attributes(struct file *file)
{
        struct stat st;

        if (fstat(file->fd, &st) < 0 || (uint64_t)st.st_size != file->model->size)
                fail(file, "another size");
        if (below(file, 4) == 0 && fsync(file->fd) < 0)
                fail(file, "fsync");
        if (below(file, 4) == 0 && fchmod(file->fd, 0600 + (mode_t)below(file, 64)) < 0)
                fail(file, "chmod");
        if (below(file, 4) == 0) {
                close(file->fd);
                open_it(file);
        }
}

static void operate(struct file *file)
{
        uint64_t offset = below(file, SIZE_MAX_ - BYTES_MAX), len = 1 + below(file, BYTES_MAX);

        /* Most are small, some end where pages or blocks do. */
        if (below(file, 2))
                len = 1 + len % 600;
        if (below(file, 4) == 0)
                offset &= ~(uint64_t)4095;
        if (below(file, 4) == 0)
                len = (len + 511) & ~(uint64_t)511;
        switch (below(file, 16)) {
        case 0 ... 3:
                op_read(file, offset, len);
                break;
        case 4 ... 7:
                op_write(file, offset, len);
                break;
        case 8:
                op_map(file, offset, len, false);
                break;
        case 9 ... 10:
                op_map(file, offset, len, true);
                break;
        case 11:
                op_truncate(file, offset);
                break;
        case 12:
                op_fallocate(file, offset, len);
                break;
        case 13:
                op_copy(file, offset, len);
                break;
        case 14:
                op_seek(file, offset);
                break;
        default:
                op_attributes(file);
        }
}

/* ---- rounds ---- */

static void run_file(struct model *model, const char *name, unsigned long operations)
{
        static char data[SIZE_MAX_];
        struct file file = { .model = model, .name = name };

        open_it(&file);
        if (pread(file.fd, data, sizeof(data), 0) != (ssize_t)model->size)
                fail(&file, "another size at the beginning");
        check(&file, data, 0, model->size);
        for (unsigned long i = 0; i < operations; i++) {
                model->operation++;
                operate(&file);
        }
        close(file.fd);
        exit(0);
}

static bool run_round(struct model *models, unsigned processes, unsigned long operations)
{
        bool good = true;

        fflush(NULL);
        for (unsigned i = 0; i < processes; i++) {
                if (fork() == 0) {
                        char name[32];

                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        snprintf(name, sizeof(name), "file%u", i);
                        run_file(&models[i], name, operations);
                }
        }
        for (unsigned i = 0; i < processes; i++) {
                int status;

                wait(&status);
                good = good && status == 0;
        }
        return good;
}

static int run(struct mounted *mounted, uint64_t seed, unsigned long operations, unsigned processes,
               struct error *err)
{
        struct model *models = mmap(NULL, processes * sizeof(*models), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        unsigned long each = operations / processes, round = each / ROUNDS_MAX;
        int r = 0;

        if (models == MAP_FAILED)
                return error_set_oom(err);
        if (round < ROUND)
                round = ROUND;
        for (unsigned i = 0; i < processes; i++)
                models[i].random = seed + 2 * i;
        for (unsigned long done = 0; r == 0 && done < each; done += round) {
                if (!run_round(models, processes, each - done < round ? each - done : round))
                        r = error_set(err, -EIO, "a process has failed");
                else
                        r = mounted_seal(mounted, true, err);
        }
        if (r == 0 && !run_round(models, processes, 0))
                r = error_set(err, -EIO, "a file is another one at the end");
        munmap(models, processes * sizeof(*models));
        return r;
}

int main(int argc, char **argv)
{
        struct mounted_options options = { .spool_memory_max = SPOOL_MEMORY };
        uint64_t seed = random_seed(argc > 1 ? argv[1] : NULL);
        unsigned long operations = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
        unsigned processes = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2;
        struct error err = ERROR_INIT;
        struct mounted *mounted = NULL;
        char root[] = "/tmp/varve-fsx-XXXXXX";
        int r;

        if (processes < 1 || processes > PROCESSES_MAX)
                return 2;
        printf("seed %llu, %lu operations of %u processes\n", (unsigned long long)seed, operations,
               processes);
        if (!mkdtemp(root) || chdir(root) < 0)
                return 2;
        options.spool_dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = mounted_new(&options, &mounted, &err);
        if (r == 0)
                r = run(mounted, seed, operations, processes, &err);
        return mounted_end(mounted, root, r, &err, "the files hold what was written");
}
