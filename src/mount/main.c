/*
 * varve-fs: the union filesystem as a mount of its own. As umount.fuse.varve-fs: its unmounter.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "farewell.h"
#include "fuse_mount.h"
#include "options.h"
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* As of mount(8). */
#define EXIT_USAGE 1
#define EXIT_MOUNT 32

#define UNMOUNTER "umount.fuse.varve-fs"

static int help(void)
{
        printf("Usage: varve-fs [OPTIONS] SOURCE DIRECTORY\n\n"
               "Mount a union of layers on a directory.\n\n"
               "SOURCE is a name that the mount is listed under. `mount -t fuse.varve-fs` calls "
               "this\n"
               "program; `umount` or `fusermount3 -u` ends it.\n\n"
               "Options:\n"
               "  -o OPTION[,OPTION...]  Mount options, below\n"
               "  -f, --foreground       Stay in the foreground until the mount is gone\n"
               "  -h, --help             Say this\n"
               "      --version          Print the version\n\n"
               "Mount options:\n"
               "  lowerdir=PATH[:PATH...]  Layers, the topmost first: directories, tars of "
               "layers,\n"
               "                           upper directories of earlier mounts\n"
               "  upperdir=DIRECTORY       Seal into it what was changed, at the end\n"
               "  workdir=DIRECTORY        Keep there what is written until then\n"
               "  ro, rw                   Take changes or not; without upperdir, never\n"
               "  fsname=NAME              Another name than SOURCE\n"
               "  allow_other              Let other users in, as root's mounts do\n"
               "  nosuid, nodev, noexec, noatime, nodiratime, relatime, strictatime, sync,\n"
               "  dirsync, and their opposites: as of mount(8)\n");
        return EXIT_SUCCESS;
}

static int fail(const struct error *err, int status)
{
        fprintf(stderr, "varve-fs: %s\n", err->message);
        if (err->hint[0] != '\0')
                fprintf(stderr, "%s\n", err->hint);
        return status;
}

/* ---- mounting ---- */

struct arguments {
        struct mount_options options;
        char target[PATH_MAX];
        bool foreground;
};

static int take_operands(int argc, char **argv, struct arguments *arguments, struct error *err)
{
        struct stat st;

        if (argc != 2) {
                error_set(err, -EINVAL, "a source and a directory are wanted, not %d words", argc);
                return error_hint(err, "`varve-fs --help` says how it is called.");
        }
        if (!arguments->options.fsname)
                arguments->options.fsname = strdup(argv[0]);
        if (!arguments->options.fsname)
                return error_set_oom(err);
        if (!realpath(argv[1], arguments->target) || stat(arguments->target, &st) < 0)
                return error_set_errno(err, -errno, "%s", argv[1]);
        if (!S_ISDIR(st.st_mode))
                return error_set(err, -ENOTDIR, "%s is not a directory", argv[1]);
        return 0;
}

/* Returns 1 where all is done. */
static int take_arguments(int argc, char **argv, struct arguments *arguments, struct error *err)
{
        static const struct option longs[] = { { "foreground", no_argument, NULL, 'f' },
                                               { "help", no_argument, NULL, 'h' },
                                               { "version", no_argument, NULL, 'V' },
                                               { NULL, 0, NULL, 0 } };
        int letter, r = 0;

        opterr = 0;
        while (r == 0 && (letter = getopt_long(argc, argv, ":o:fhV", longs, NULL)) >= 0) {
                switch (letter) {
                case 'o':
                        r = mount_options_add(&arguments->options, optarg, err);
                        break;
                case 'f':
                        arguments->foreground = true;
                        break;
                case 'h':
                        help();
                        return 1;
                case 'V':
                        printf("varve-fs %s\n", VARVE_VERSION);
                        return 1;
                case ':':
                        return error_set(err, -EINVAL, "-%c wants a value", optopt);
                default:
                        error_set(err, -EINVAL, "there is no option %s", argv[optind - 1]);
                        return error_hint(err, "`varve-fs --help` lists the options.");
                }
        }
        if (r == 0)
                r = take_operands(argc - optind, argv + optind, arguments, err);
        if (r == 0 && !arguments->options.upper)
                arguments->options.flags |= MS_RDONLY;
        /* Again, now that the flags are known. */
        if (r == 0)
                r = mount_options_add(&arguments->options, "", err);
        return r < 0 ? r : mount_options_check(&arguments->options, err);
}

/* Lets go of the caller: of its terminal, its streams and its directory. */
static void become_daemon(void)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        setsid();
        (void)!chdir("/");
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
                dup2(null, fd);
}

/* `context` is a pipe to the caller, or -1 where this is the caller's process. */
static void mount_is_ready(void *context, const char *warning)
{
        const int *fd = context;

        if (*warning)
                fprintf(stderr, "varve-fs: %s\n", warning);
        if (*fd < 0)
                return;
        become_daemon();
        (void)!io_write(*fd, "", 1);
        close(*fd);
}

/* For those that are there to read it, and for those that come later. */
static void report(void *context, const struct error *err)
{
        (void)context;
        syslog(LOG_DAEMON | LOG_ERR, "%s", err->message);
        fail(err, EXIT_MOUNT);
}

static int serve(struct arguments *arguments, int ready_fd)
{
        const struct mount_events events = { mount_is_ready, report, &ready_fd };
        struct error err = ERROR_INIT;
        int r = mount_serve(&arguments->options, arguments->target, &events, &err);

        if (r < 0)
                report(NULL, &err);
        return r < 0 ? EXIT_MOUNT : EXIT_SUCCESS;
}

/* Serves from another process; returns once the mount can be used, or cannot be. */
static int serve_behind(struct arguments *arguments)
{
        int ends[2], status;
        char byte;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
                perror("varve-fs");
                return EXIT_MOUNT;
        }
        if (pid == 0) {
                close(ends[0]);
                return serve(arguments, ends[1]);
        }
        close(ends[1]);
        if (io_read(ends[0], &byte, 1) == 1)
                return EXIT_SUCCESS;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return EXIT_MOUNT;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_MOUNT;
}

static int mount_main(int argc, char **argv)
{
        struct arguments arguments = { .options = MOUNT_OPTIONS_INIT };
        struct error err = ERROR_INIT;
        int r = take_arguments(argc, argv, &arguments, &err), status = EXIT_SUCCESS;

        if (r < 0)
                status = fail(&err, EXIT_USAGE);
        else if (r == 0)
                status = arguments.foreground ? serve(&arguments, -1) : serve_behind(&arguments);
        mount_options_done(&arguments.options);
        return status;
}

/* ---- unmounting ---- */

/* As umount(8) calls it: umount.TYPE DIRECTORY [-flnrv] [-N NAMESPACE] [-t TYPE]. */
static int unmount_main(int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct farewell_answer answer;
        int flags = 0, letter, r;

        while ((letter = getopt(argc, argv, "flnrvN:t:")) >= 0) {
                if (letter == 'f')
                        flags |= MNT_FORCE;
                else if (letter == 'l')
                        flags |= MNT_DETACH;
                else if (letter == '?')
                        return EXIT_USAGE;
        }
        if (optind + 1 != argc) {
                fprintf(stderr, "usage: " UNMOUNTER " DIRECTORY\n");
                return EXIT_USAGE;
        }
        farewell_ask(argv[optind], &answer);
        r = fuse_unmount(argv[optind], flags, &err);
        /* A mount that is only detached may live on for long. */
        if (r == 0 && !(flags & MNT_DETACH))
                r = farewell_wait(&answer, &err);
        farewell_forget(&answer);
        return r < 0 ? fail(&err, EXIT_MOUNT) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        /* Names in archives and messages are bytes; nothing depends on the caller's locale. */
        setlocale(LC_CTYPE, "C.UTF-8");
        /* A file size limit (ulimit -f) is an error of the write that meets it. */
        signal(SIGXFSZ, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        if (strcmp(path_base(argv[0]), UNMOUNTER) == 0)
                return unmount_main(argc, argv);
        return mount_main(argc, argv);
}
