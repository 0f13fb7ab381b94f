/*
 * The mounted union tree against the filesystem of the working directory: the same system calls
 * must end alike, errno by errno. The scenarios are run thrice: on what the same mount has made, on
 * what lies in a layer below, and on a tree made anew of its layers. Then all of it is sealed and
 * must still be the same.
 *
 * Arguments: single | ranges [SCENARIO].
 */
#include "compare.h"
#include "mounted.h"
#include "scenario.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPOOL_MEMORY (1 << 20)
#define SECONDS_MAX  60

static const struct scenario *const all[] = { name_scenarios, rename_scenarios, data_scenarios,
                                              right_scenarios, xattr_scenarios };

/* Where a scenario's process writes down what it sees. */
#define TRACE_FD 100

/* ---- what scenarios use ---- */

void scenario_say(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vdprintf(TRACE_FD, format, args);
        va_end(args);
        dprintf(TRACE_FD, "\n");
}

long long scenario_trace(int line, const char *call, long long result)
{
        int code = errno;

        if (result < 0)
                dprintf(TRACE_FD, "%d: %s: %s\n", line, call, strerrorname_np(code));
        else
                dprintf(TRACE_FD, "%d: %s: %lld\n", line, call, result);
        errno = code;
        return result;
}

void scenario_stat(const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                scenario_say("%s: %s", path, strerror(errno));
        else
                scenario_say("%s: mode %o, %lu links, %u:%u, %lld bytes", path, st.st_mode,
                             (unsigned long)st.st_nlink, st.st_uid, st.st_gid,
                             S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size);
}

void scenario_content(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY);
        unsigned char data[65536];
        long long run = 0;
        int last = -1;
        ssize_t n;

        dprintf(TRACE_FD, "%s:", path);
        while ((n = read(fd, data, sizeof(data))) > 0) {
                for (ssize_t i = 0; i < n; i++) {
                        if (data[i] != last && run > 0)
                                dprintf(TRACE_FD, " %lld of %d", run, last);
                        run = data[i] == last ? run + 1 : 1;
                        last = data[i];
                }
        }
        scenario_say(" %lld of %d%s", run, last, n < 0 ? strerror(errno) : "");
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void scenario_list(const char *path)
{
        char *names[1024];
        size_t count = 0;
        struct dirent *entry;
        DIR *dir = opendir(path);

        while (dir && (entry = readdir(dir)) && count < ARRAY_SIZE(names))
                if (asprintf(&names[count], "%s/%d", entry->d_name, entry->d_type) > 0)
                        count++;
        if (dir)
                closedir(dir);
        qsort(names, count, sizeof(names[0]), compare_names);
        dprintf(TRACE_FD, "%s has", path);
        for (size_t i = 0; i < count; i++) {
                dprintf(TRACE_FD, " %s", names[i]);
                free(names[i]);
        }
        scenario_say("%s", "");
}

void scenario_file(const char *path, size_t size, char byte)
{
        _cleanup_free_ char *data = malloc(size + 1);
        _cleanup_close_ int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

        memset(data, byte, size);
        if (fd < 0 || io_write(fd, data, size) < 0)
                scenario_say("%s cannot be made: %s", path, strerror(errno));
}

void scenario_as(unsigned uid, unsigned gid, unsigned group, void (*act)(void))
{
        gid_t groups[] = { group };
        pid_t pid = fork();

        if (pid == 0) {
                if (uid != 0 && (setgroups(group != 0, groups) < 0 ||
                                 setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
                        scenario_say("cannot become %u", uid);
                act();
                _exit(0);
        }
        waitpid(pid, NULL, 0);
}

/* ---- running them ---- */

struct check {
        struct comparison comparison;
        bool ranges;
        const char *only;
        unsigned failures;
};

/* Runs a scenario's part in a directory. Returns what it has written down, open. */
static int run_part(void (*part)(void), const char *directory, const char *name)
{
        _cleanup_close_ int memory = memfd_create("trace", MFD_CLOEXEC);
        int trace = fcntl(memory, F_DUPFD_CLOEXEC, TRACE_FD + 1), status;
        pid_t pid;

        /* Out of the way: scenarios write down the numbers of descriptors. */

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                umask(022);
                alarm(SECONDS_MAX);
                dup2(trace, TRACE_FD);
                close(memory);
                if (chdir(directory) < 0 || (mkdir(name, 0755) < 0 && errno != EEXIST) ||
                    chdir(name) < 0)
                        _exit(2);
                part();
                _exit(0);
        }
        waitpid(pid, &status, 0);
        if (status != 0)
                dprintf(trace, "it has ended with status %#x\n", (unsigned)status);
        lseek(trace, 0, SEEK_SET);
        return trace;
}

/* Prints the lines that differ. */
static unsigned compare_traces(const char *name, int expected, int got)
{
        FILE *left = fdopen(expected, "r"), *right = fdopen(got, "r");
        char *expected_line = NULL, *got_line = NULL;
        size_t expected_cap = 0, got_cap = 0;
        unsigned differences = 0;

        for (;;) {
                ssize_t n = getline(&expected_line, &expected_cap, left);
                ssize_t m = getline(&got_line, &got_cap, right);

                if (n < 0 && m < 0)
                        break;
                if (n >= 0 && m >= 0 && strcmp(expected_line, got_line) == 0)
                        continue;
                printf("%s: should say  %s%s: says        %s", name,
                       n < 0 ? "nothing\n" : expected_line, name, m < 0 ? "nothing\n" : got_line);
                if (++differences == 20 || n < 0 || m < 0)
                        break;
        }
        free(expected_line);
        free(got_line);
        fclose(left);
        fclose(right);
        return differences;
}

static void run_all(struct check *check, const char *plain, const char *mounted, bool act)
{
        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                for (const struct scenario *at = all[i]; at->name; at++) {
                        int expected, got;

                        if ((at->ranges && !check->ranges) ||
                            (check->only && strcmp(check->only, at->name) != 0))
                                continue;
                        expected = run_part(act ? at->act : at->prepare, plain, at->name);
                        got = run_part(act ? at->act : at->prepare, mounted, at->name);
                        check->failures += compare_traces(at->name, expected, got);
                }
        }
}

static void compare_both(struct check *check, const char *plain, const char *mounted,
                         const char *when)
{
        if (compare_trees(&check->comparison, mounted, plain))
                return;
        printf("%s: %s\n", when, check->comparison.what);
        check->failures++;
}

/* One pass, below directories of its own. */
static int run_pass(struct check *check, struct mounted *mounted, const char *pass, bool seal,
                    bool reopen, struct error *err)
{
        char plain[64], at[64];
        int r = 0;

        printf("pass: %s\n", pass);
        snprintf(plain, sizeof(plain), "plain/tree/%s", pass);
        snprintf(at, sizeof(at), MOUNTED_AT "/tree/%s", pass);
        if (mkdir(plain, 0755) < 0 || mkdir(at, 0755) < 0)
                return error_set_errno(err, -errno, "cannot make a directory");
        run_all(check, plain, at, false);
        if (seal) {
                r = mounted_seal(mounted, reopen, err);
                compare_both(check, plain, at, "sealed before");
        }
        if (r == 0) {
                run_all(check, plain, at, true);
                compare_both(check, plain, at, "after");
                r = mounted_seal(mounted, false, err);
        }
        if (r == 0) {
                compare_both(check, plain, at, "sealed");
                r = mounted_seal(mounted, true, err);
        }
        if (r == 0)
                compare_both(check, "plain/tree", MOUNTED_AT "/tree", "read again");
        return r;
}

static int run_passes(struct check *check, struct mounted *mounted, struct error *err)
{
        int r;

        if (mkdir("plain", 0755) < 0 || mkdir("plain/tree", 0755) < 0 ||
            mkdir("mnt/tree", 0755) < 0)
                return error_set_errno(err, -errno, "cannot make a directory");
        r = run_pass(check, mounted, "fresh", false, false, err);
        if (r == 0)
                r = run_pass(check, mounted, "sealed", true, false, err);
        return r < 0 ? r : run_pass(check, mounted, "reopened", true, true, err);
}

int main(int argc, char **argv)
{
        struct mounted_options options = { .spool_memory_max = SPOOL_MEMORY };
        struct check check = { .comparison = { .tolerate_sockets = true } };
        struct error err = ERROR_INIT;
        struct mounted *mounted;
        char root[] = "/tmp/varve-semantics-XXXXXX";
        int r;

        check.ranges = argc > 1 && strcmp(argv[1], "ranges") == 0;
        check.only = argc > 2 ? argv[2] : NULL;
        if (check.ranges && getuid() != 0) {
                printf("skipped: only root can map more ids\n");
                return 77;
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        clock_gettime(CLOCK_REALTIME_COARSE, &check.comparison.begin);
        if (!mkdtemp(root) || chmod(root, 0755) < 0 || chdir(root) < 0)
                return 2;
        options.users = check.ranges ? MOUNTED_RANGES : MOUNTED_SINGLE;
        options.spool_dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        umask(0);
        r = mounted_new(&options, &mounted, &err);
        if (r == 0) {
                r = run_passes(&check, mounted, &err);
                if (mounted_free(mounted) < 0)
                        check.failures++;
        }
        if (r < 0)
                printf("%s\n", err.message);
        err = ERROR_INIT;
        if (chdir("/") < 0 || io_remove_tree(AT_FDCWD, root, &err) < 0)
                printf("%s\n", err.message);
        printf("%s: %u differences\n", check.failures || r < 0 ? "not ok" : "ok", check.failures);
        return check.failures || r < 0;
}
