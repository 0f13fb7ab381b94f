#include "base/buf.h"
#include "base/cleanup.h"
#include "commands.h"
#include "container/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_WORDS_MAX 64

/* Starts ps(1), with what was asked for or -ef. Returns its output, and its number. */
static FILE *start_ps(const struct arguments *arguments, pid_t *ret_pid, struct error *err)
{
        _cleanup_free_ char **argv = calloc(arguments->count + 3, sizeof(*argv));
        char name[] = "ps", all[] = "-ef";
        FILE *file;
        int ends[2];

        if (!argv || pipe2(ends, O_CLOEXEC) < 0) {
                error_set_errno(err, argv ? -errno : -ENOMEM, "cannot make a pipe");
                return NULL;
        }
        argv[0] = name;
        argv[1] = arguments->count == 1 ? all : NULL;
        for (size_t i = 1; i < arguments->count; i++)
                argv[i] = arguments->items[i];
        *ret_pid = fork();
        if (*ret_pid == 0) {
                dup2(ends[1], STDOUT_FILENO);
                execvp(name, argv);
                _exit(127);
        }
        close(ends[1]);
        file = *ret_pid < 0 ? NULL : fdopen(ends[0], "r");
        if (!file) {
                error_set_errno(err, -errno, "cannot start ps");
                close(ends[0]);
        }
        return file;
}

/* The word of this number in a line, as a process's; -1: there is none. */
static long word_at(const char *line, size_t at)
{
        for (size_t i = 0;; i++) {
                line += strspn(line, " \t");
                if (i == at)
                        return *line >= '0' && *line <= '9' ? strtol(line, NULL, 10) : -1;
                line += strcspn(line, " \t\n");
                if (!*line)
                        return -1;
        }
}

/* Which word of the head is "PID". */
static int find_column(const char *head, size_t *ret)
{
        for (size_t i = 0; i < LINE_WORDS_MAX && *head; i++) {
                size_t len;

                head += strspn(head, " \t");
                len = strcspn(head, " \t\n");
                if (len == 3 && strncmp(head, "PID", 3) == 0) {
                        *ret = i;
                        return 0;
                }
                head += len;
        }
        return -ENOENT;
}

static int print_those(FILE *file, const pid_t *pids, size_t count, struct error *err)
{
        _cleanup_free_ char *line = NULL;
        size_t size = 0, column = 0;
        int r = getline(&line, &size, file) > 0 ? find_column(line, &column) : -EIO;

        if (r < 0)
                return error_set(err, r, "Couldn't find PID field in ps output");
        fputs(line, stdout);
        while (getline(&line, &size, file) > 0) {
                const long pid = word_at(line, column);

                for (size_t i = 0; i < count; i++)
                        if (pids[i] == pid) {
                                print_plain(line);
                                fputs(line, stdout);
                        }
        }
        return 0;
}

static int show(struct store *store, const struct arguments *arguments, struct error *err)
{
        _cleanup_free_ pid_t *pids = NULL;
        struct container container = CONTAINER_INIT;
        size_t count = 0;
        FILE *file = NULL;
        pid_t pid = 0;
        int status, r = container_find(store, arguments->items[0], &container, err);

        if (r == 0 && container.state.status != CONTAINER_RUNNING)
                r = error_set(err, -ESRCH, "container %s is not running", container.spec.id);
        if (r == 0)
                r = container_processes(&container, &pids, &count, err);
        if (r == 0 && !(file = start_ps(arguments, &pid, err)))
                r = err->code;
        if (r == 0) {
                r = print_those(file, pids, count, err);
                fclose(file);
                waitpid(pid, &status, 0);
        }
        container_done(&container);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, NULL, 0, argc, argv, 1, SIZE_MAX, &arguments, &store, &status))
                return status;
        if (show(store, &arguments, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_top = {
        .name = "top",
        .arguments = "CONTAINER [OPTION-OF-PS...]",
        .summary = "List the processes of a container",
        .details =
                "They have the numbers that the host gives them. The options are those of ps(1), "
                "-ef\nwithout any; its output has to have a column PID.\n\n"
                "Examples:\n"
                "  varve top web\n"
                "  varve top web -o pid,user,args",
        .options_first = true,
        .run = run,
};
