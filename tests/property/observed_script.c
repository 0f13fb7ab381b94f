#include "observed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define STEPS_MAX 8

void random_path(struct random *random, char ret[static RANDOM_PATH_MAX])
{
        unsigned names = 1 + random_below(random, 3);
        char *at = ret;

        for (unsigned i = 0; i < names; i++) {
                if (i > 0)
                        *at++ = '/';
                *at++ = (char)('a' + random_below(random, 5));
        }
        *at = '\0';
}

const char *random_text(struct random *random)
{
        static const char *const texts[] = { "", "one", "two", "six", "more than three" };

        return texts[random_below(random, 5)];
}

/* Everything that was answered so far. */
struct memory {
        uint64_t hash;
};

static void remember(struct memory *memory, const void *data, size_t len)
{
        const unsigned char *at = data;

        for (size_t i = 0; i < len; i++)
                memory->hash = (memory->hash ^ at[i]) * 0x100000001b3u;
}

static void remember_number(struct memory *memory, int64_t number)
{
        remember(memory, &number, sizeof(number));
}

static void remember_call(struct memory *memory, int result)
{
        remember_number(memory, result < 0 ? -errno : 0);
}

/* ---- looking ---- */

static void look_stat(struct memory *memory, const char *path, bool follow)
{
        struct stat st;
        int r = follow ? stat(path, &st) : lstat(path, &st);

        remember_call(memory, r);
        if (r < 0)
                return;
        remember_number(memory, st.st_mode);
        remember_number(memory, st.st_uid);
        remember_number(memory, st.st_gid);
        remember_number(memory, (int64_t)st.st_nlink);
        remember_number(memory, st.st_size);
        remember_number(memory, (int64_t)st.st_rdev);
}

static void look_read(struct memory *memory, const char *path)
{
        char data[256];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

        remember_call(memory, n < 0 ? -1 : 0);
        if (n > 0)
                remember(memory, data, (size_t)n);
        if (fd >= 0)
                close(fd);
}

static void look_map(struct memory *memory, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st = { .st_size = 0 };
        void *map;

        remember_call(memory, fd);
        if (fd < 0)
                return;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
                map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
                if (map != MAP_FAILED) {
                        remember(memory, map, (size_t)st.st_size);
                        munmap(map, (size_t)st.st_size);
                }
        }
        close(fd);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void look_list(struct memory *memory, const char *path)
{
        struct dirent **names;
        int count = scandir(path, &names, NULL, compare_names);

        remember_call(memory, count);
        for (int i = 0; i < count; i++) {
                remember(memory, names[i]->d_name, strlen(names[i]->d_name));
                remember_number(memory, names[i]->d_type);
                free(names[i]);
        }
        if (count >= 0)
                free(names);
}

static void look_xattrs(struct memory *memory, const char *path)
{
        char data[256];
        ssize_t n = listxattr(path, data, sizeof(data));

        remember_call(memory, (int)n);
        if (n > 0)
                remember(memory, data, (size_t)n);
        n = lgetxattr(path, "user.x", data, sizeof(data));
        remember_call(memory, (int)n);
        if (n > 0)
                remember(memory, data, (size_t)n);
}

static void look_link(struct memory *memory, const char *path)
{
        char data[256];
        ssize_t n = readlink(path, data, sizeof(data));

        remember_call(memory, (int)n);
        if (n > 0)
                remember(memory, data, (size_t)n);
}

static void look(struct random *random, struct memory *memory, const char *path)
{
        switch (random_below(random, 8)) {
        case 0:
                look_stat(memory, path, false);
                break;
        case 1:
                look_stat(memory, path, true);
                break;
        case 2:
                look_read(memory, path);
                break;
        case 3:
                look_map(memory, path);
                break;
        case 4:
                look_list(memory, path);
                break;
        case 5:
                look_xattrs(memory, path);
                break;
        case 6:
                look_link(memory, path);
                break;
        default:
                remember_call(memory, access(path, X_OK));
                break;
        }
}

/* ---- changing ---- */

static void set_one_time(const char *path)
{
        const struct timespec times[2] = { { .tv_sec = ONE_TIME }, { .tv_sec = ONE_TIME } };

        utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static void write_file(struct random *random, struct memory *memory, const char *path)
{
        static const int flags[] = { O_TRUNC, O_APPEND, 0, O_EXCL };
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags[random_below(random, 4)], 0644);
        bool known = random_below(random, 4) != 0;
        const char *text = random_text(random);
        char number[32];

        remember_call(memory, fd);
        if (fd < 0)
                return;
        snprintf(number, sizeof(number), "%" PRIx64, memory->hash);
        text = known ? text : number;
        remember_call(memory, (int)write(fd, text, strlen(text)));
        close(fd);
}

static void copy_range(struct memory *memory, const char *from, const char *to)
{
        int in = open(from, O_RDONLY | O_CLOEXEC),
            out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        remember_call(memory, in);
        remember_call(memory, out);
        if (in >= 0 && out >= 0)
                remember_call(memory, (int)copy_file_range(in, NULL, out, NULL, 64, 0));
        if (in >= 0)
                close(in);
        if (out >= 0)
                close(out);
}

static int change_one(struct random *random, struct memory *memory, const char *path,
                      const char *other)
{
        switch (random_below(random, 14)) {
        case 0:
        case 1:
        case 2:
                write_file(random, memory, path);
                return 0;
        case 3:
                return unlink(path);
        case 4:
                return rmdir(path);
        case 5:
                return mkdir(path, 0755);
        case 6:
                return rename(path, other);
        case 7:
                return renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
        case 8:
                return link(path, other);
        case 9:
                return symlink(other, path);
        case 10:
                return chmod(path, random_below(random, 2) ? 0600 : 0755);
        case 11:
                return truncate(path, random_below(random, 5));
        case 12:
                return lsetxattr(path, "user.x", random_text(random), 2, 0);
        default:
                copy_range(memory, path, other);
                return 0;
        }
}

static void change(struct random *random, struct memory *memory, const char *path)
{
        char other[RANDOM_PATH_MAX];

        random_path(random, other);
        remember_call(memory, change_one(random, memory, path, other));
        if (random_below(random, 2)) {
                set_one_time(path);
                set_one_time(other);
        }
}

void observed_script(uint64_t seed)
{
        struct random random = { .state = seed | 1 };
        unsigned steps = 1 + random_below(&random, STEPS_MAX);
        bool tells = random_below(&random, 2);
        struct memory memory = { .hash = 0xcbf29ce484222325u };
        char path[RANDOM_PATH_MAX], text[32];
        int fd;

        umask(022);
        for (unsigned i = 0; i < steps; i++) {
                random_path(&random, path);
                if (random_below(&random, 5) < 3)
                        look(&random, &memory, path);
                else
                        change(&random, &memory, path);
        }
        if (!tells)
                return;
        snprintf(text, sizeof(text), "%" PRIx64, memory.hash);
        fd = open("told", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd >= 0) {
                (void)!write(fd, text, strlen(text));
                close(fd);
        }
}
