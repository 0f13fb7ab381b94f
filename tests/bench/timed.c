/*
 * usage: timed NAME COMMAND [ARGUMENT...]
 *
 * Runs a command and prints "timed NAME WALL CPU" on standard output: the milliseconds that passed,
 * and those of processor time that the command and the children it waited for used. What the
 * command prints goes to standard error. Ends as the command ended.
 *
 * Linked statically, it is one and the same clock inside every root filesystem that is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double milliseconds(struct timeval time)
{
        return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
        struct timespec begin, end;
        struct rusage usage;
        int status;
        pid_t pid;

        if (argc < 3) {
                fprintf(stderr, "usage: timed NAME COMMAND [ARGUMENT...]\n");
                return EXIT_FAILURE;
        }
        clock_gettime(CLOCK_MONOTONIC, &begin);
        pid = fork();
        if (pid == 0) {
                dup2(STDERR_FILENO, STDOUT_FILENO);
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
        printf("timed %s %.2f %.2f\n", argv[1],
               (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                       (double)(end.tv_nsec - begin.tv_nsec) / 1e6,
               milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
