/*
 * usage: timed NAME COMMAND [ARGUMENT...]
 *
 * Runs a command and prints "timed NAME WALL CPU BEGIN DEVICE" on standard output: the milliseconds
 * that passed; those of processor time that the command and the children it waited for used; when
 * it began, in milliseconds of the monotonic clock; and the number of the root filesystem's device.
 * Ends as the command ended. What the command prints goes nowhere, but errors: a file to take it
 * would be measured as well, and lie where cat copies to without reading.
 *
 * Linked statically, it is one and the same clock inside every root filesystem that is measured.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double of_timeval(struct timeval time)
{
        return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static double of_timespec(struct timespec time)
{
        return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
        struct timespec begin, end;
        struct rusage usage;
        struct stat root;
        int status;
        pid_t pid;

        if (argc < 3) {
                fprintf(stderr, "usage: timed NAME COMMAND [ARGUMENT...]\n");
                return EXIT_FAILURE;
        }
        if (stat("/", &root) < 0) {
                perror("/");
                return EXIT_FAILURE;
        }
        clock_gettime(CLOCK_MONOTONIC, &begin);
        pid = fork();
        if (pid == 0) {
                dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
                execvp(argv[2], argv + 2);
                perror(argv[2]);
                _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                perror("timed");
                return EXIT_FAILURE;
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        getrusage(RUSAGE_CHILDREN, &usage);
        printf("timed %s %.2f %.2f %.3f %u\n", argv[1], of_timespec(end) - of_timespec(begin),
               of_timeval(usage.ru_utime) + of_timeval(usage.ru_stime), of_timespec(begin),
               minor(root.st_dev));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
