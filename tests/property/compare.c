#include "compare.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define LINKS_MAX 4096
#define BYTES     65536
#define DEPTH_MAX 1000

/* Which inodes of several names correspond. */
struct links {
        ino_t pairs[LINKS_MAX][2];
        size_t count;
};

static bool differ(struct comparison *comparison, const char *path, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static bool differ(struct comparison *comparison, const char *path, const char *format, ...)
{
        int n = snprintf(comparison->what, sizeof(comparison->what), "%.300s: ", path);
        va_list args;

        va_start(args, format);
        vsnprintf(comparison->what + n, sizeof(comparison->what) - (size_t)n, format, args);
        va_end(args);
        return false;
}

static bool content_is_alike(struct comparison *comparison, const char *a, const char *b)
{
        static char left[BYTES], right[BYTES];
        _cleanup_close_ int fd = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_close_ int other = open(b, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        off_t offset = 0;
        ssize_t n;

        if (fd < 0 || other < 0)
                return differ(comparison, a, "cannot be opened");
        do {
                n = pread(fd, left, sizeof(left), offset);
                if (n < 0 || pread(other, right, sizeof(right), offset) != n)
                        return differ(comparison, a, "content of another length, or an error");
                for (ssize_t i = 0; i < n; i++)
                        if (left[i] != right[i])
                                return differ(comparison, a, "byte %lld is %#x, not %#x",
                                              (long long)(offset + i), (unsigned char)left[i],
                                              (unsigned char)right[i]);
                offset += n;
        } while (n > 0);
        return true;
}

static int compare_pointers(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t sorted_xattrs(const char *path, char *list, size_t size, char **ret, size_t max)
{
        ssize_t n = llistxattr(path, list, size);
        size_t count = 0;

        for (char *name = list; n > 0 && name < list + n && count < max; name += strlen(name) + 1)
                if (strcmp(name, "security.selinux") != 0)
                        ret[count++] = name;
        qsort(ret, count, sizeof(*ret), compare_pointers);
        return count;
}

static bool xattrs_are_alike(struct comparison *comparison, const char *a, const char *b)
{
        static char left[BYTES], right[BYTES], value[BYTES], other[BYTES];
        char *lefts[256], *rights[256];
        size_t count = sorted_xattrs(a, left, sizeof(left), lefts, ARRAY_SIZE(lefts));

        if (sorted_xattrs(b, right, sizeof(right), rights, ARRAY_SIZE(rights)) != count)
                return differ(comparison, a, "another number of xattrs");
        for (size_t i = 0; i < count; i++) {
                ssize_t n = lgetxattr(a, lefts[i], value, sizeof(value));

                if (strcmp(lefts[i], rights[i]) != 0)
                        return differ(comparison, a, "xattr %s, not %s", lefts[i], rights[i]);
                if (lgetxattr(b, lefts[i], other, sizeof(other)) != n ||
                    (n > 0 && memcmp(value, other, (size_t)n) != 0))
                        return differ(comparison, a, "xattr %s is another", lefts[i]);
        }
        return true;
}

static bool targets_are_alike(struct comparison *comparison, const char *a, const char *b)
{
        char left[PATH_MAX], right[PATH_MAX];
        ssize_t n = readlink(a, left, sizeof(left));

        if (n < 0 || readlink(b, right, sizeof(right)) != n || memcmp(left, right, (size_t)n) != 0)
                return differ(comparison, a, "another target");
        return true;
}

static bool links_are_alike(struct comparison *comparison, struct links *links, const char *path,
                            ino_t a, ino_t b)
{
        for (size_t i = 0; i < links->count; i++)
                if (links->pairs[i][0] == a || links->pairs[i][1] == b)
                        return (links->pairs[i][0] == a && links->pairs[i][1] == b) ||
                               differ(comparison, path, "a link to another file");
        if (links->count < LINKS_MAX) {
                links->pairs[links->count][0] = a;
                links->pairs[links->count++][1] = b;
        }
        return true;
}

static bool is_earlier(struct timespec a, struct timespec b)
{
        return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static bool stats_are_alike(struct comparison *comparison, const char *path, const struct stat *a,
                            const struct stat *b)
{
        if (a->st_mode != b->st_mode)
                return differ(comparison, path, "mode %o, not %o", a->st_mode, b->st_mode);
        if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
                return differ(comparison, path, "owner %u:%u, not %u:%u", a->st_uid, a->st_gid,
                              b->st_uid, b->st_gid);
        if (a->st_nlink != b->st_nlink)
                return differ(comparison, path, "%lu links, not %lu", (unsigned long)a->st_nlink,
                              (unsigned long)b->st_nlink);
        if (!S_ISDIR(a->st_mode) && a->st_size != b->st_size)
                return differ(comparison, path, "%lld bytes, not %lld", (long long)a->st_size,
                              (long long)b->st_size);
        if (a->st_rdev != b->st_rdev)
                return differ(comparison, path, "device %lx, not %lx", a->st_rdev, b->st_rdev);
        if ((is_earlier(a->st_mtim, comparison->begin) ||
             is_earlier(b->st_mtim, comparison->begin)) &&
            (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec))
                return differ(comparison, path, "mtime %lld.%09ld, not %lld.%09ld",
                              (long long)a->st_mtim.tv_sec, a->st_mtim.tv_nsec,
                              (long long)b->st_mtim.tv_sec, b->st_mtim.tv_nsec);
        return true;
}

static bool directories_are_alike(struct comparison *comparison, struct links *links, const char *a,
                                  const char *b, unsigned depth);

static bool files_are_alike(struct comparison *comparison, struct links *links, const char *a,
                            const char *b, unsigned depth)
{
        struct stat left, right;

        if (lstat(a, &left) < 0)
                return differ(comparison, a, "%s", strerror(errno));
        if (lstat(b, &right) < 0)
                return differ(comparison, a, "the other: %s", strerror(errno));
        if (!stats_are_alike(comparison, a, &left, &right))
                return false;
        if (left.st_nlink > 1 && !S_ISDIR(left.st_mode) &&
            !links_are_alike(comparison, links, a, left.st_ino, right.st_ino))
                return false;
        if (S_ISREG(left.st_mode) && !content_is_alike(comparison, a, b))
                return false;
        if (S_ISLNK(left.st_mode) && !targets_are_alike(comparison, a, b))
                return false;
        if (!xattrs_are_alike(comparison, a, b))
                return false;
        return !S_ISDIR(left.st_mode) || directories_are_alike(comparison, links, a, b, depth + 1);
}

/* The names of a directory, sorted; each is to be freed. Returns how many, -1 on an error. */
static int list_names(struct comparison *comparison, const char *path, char ***ret)
{
        DIR *dir = opendir(path);
        size_t count = 0, cap = 64;
        char **names = dir ? calloc(cap, sizeof(*names)) : NULL;
        struct dirent *entry;

        while (names && (entry = readdir(dir))) {
                struct stat st;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    st.st_ino != entry->d_ino ||
                    (entry->d_type != DT_UNKNOWN &&
                     (mode_t)DTTOIF(entry->d_type) != (st.st_mode & S_IFMT)))
                        differ(comparison, path, "%s is listed as another inode", entry->d_name);
                if (S_ISSOCK(st.st_mode) && comparison->tolerate_sockets)
                        continue;
                if (count == cap)
                        names = reallocarray(names, cap *= 2, sizeof(*names));
                names[count++] = strdup(entry->d_name);
        }
        if (dir)
                closedir(dir);
        if (!names)
                return -1;
        qsort(names, count, sizeof(*names), compare_pointers);
        *ret = names;
        return (int)count;
}

static void free_names(char **names, int count)
{
        for (int i = 0; i < count; i++)
                free(names[i]);
        free(names);
}

static bool directories_are_alike(struct comparison *comparison, struct links *links, const char *a,
                                  const char *b, unsigned depth)
{
        char **lefts = NULL, **rights = NULL;
        int left_count = list_names(comparison, a, &lefts);
        int right_count = list_names(comparison, b, &rights);
        bool alike = left_count >= 0 && right_count >= 0 && comparison->what[0] == '\0';

        if (left_count < 0 || right_count < 0 || depth > DEPTH_MAX)
                alike = differ(comparison, a, "cannot be listed");
        for (int i = 0; alike && i < left_count && i < right_count; i++) {
                _cleanup_free_ char *left = NULL, *right = NULL;

                if (asprintf(&left, "%s/%s", a, lefts[i]) < 0 ||
                    asprintf(&right, "%s/%s", b, rights[i]) < 0)
                        return differ(comparison, a, "no memory");
                if (strcmp(lefts[i], rights[i]) != 0)
                        alike = differ(comparison, left, "the other has %s", rights[i]);
                else
                        alike = files_are_alike(comparison, links, left, right, depth);
        }
        if (alike && left_count != right_count)
                alike = differ(comparison, a, "%d names, not %d", left_count, right_count);
        free_names(lefts, left_count);
        free_names(rights, right_count);
        return alike;
}

bool compare_trees(struct comparison *comparison, const char *a, const char *b)
{
        struct links *links = calloc(1, sizeof(*links));
        bool alike;

        comparison->what[0] = '\0';
        alike = files_are_alike(comparison, links, a, b, 0);
        free(links);
        return alike;
}
