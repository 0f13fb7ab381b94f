#include "cli.h"

#include "aliases.h"
#include "base/suggest.h"
#include "complete.h"
#include "docker_flags.h"
#include "log.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS_MAX 128 /* that a hint looks through */

static int help(FILE *file)
{
        fprintf(file, "Usage: varve COMMAND [OPTIONS] ...\n\n"
                      "Builds OCI images with no root, no daemon and no setuid helper.\n\n"
                      "Commands:\n");
        for (size_t i = 0; cli_commands[i]; i++)
                fprintf(file, "  %-14s  %s\n", cli_commands[i]->name, cli_commands[i]->summary);
        fprintf(file, "\nOptions before the command:\n"
                      "  --root DIR           Where the store lies ($VARVE_ROOT)\n"
                      "  -l, --log-level WHAT debug, info (the default), warn, error or fatal\n"
                      "  --log-format FORM    text (the default) or json, a document a line\n"
                      "  -D, --debug          As --log-level=debug\n"
                      "  -v, --version        Print the version\n");
        fprintf(file, "\nImages are kept in $VARVE_ROOT, else in $XDG_DATA_HOME/varve, else in\n"
                      "~/.local/share/varve; --root DIR names another place.\n\n"
                      "Example:\n"
                      "  varve load -i debian.tar && varve build -t app . && varve run --rm app\n\n"
                      "`varve COMMAND --help` says more, and so does `man varve`.\n");
        return EXIT_SUCCESS;
}

static int unknown_command(const char *name)
{
        const char *names[COMMANDS_MAX], *similar;
        struct error err = ERROR_INIT;
        size_t count;

        if (docker_command_refuse(name, &err) < 0)
                return cli_fail(&err, CLI_EXIT_USAGE);
        for (count = 0; count < COMMANDS_MAX && cli_commands[count]; count++)
                names[count] = cli_commands[count]->name;
        similar = suggest_similar(name, names, count);
        for (size_t i = 0; i < count && !similar; i++)
                if (strncmp(names[i], name, strlen(name)) == 0 && names[i][strlen(name)] == ' ')
                        similar = names[i];
        if (*name == '-')
                error_set(&err, -EINVAL, "varve has no option %s", name);
        else
                error_set(&err, -EINVAL, "there is no command \"%s\"", name);
        if (similar)
                error_hint(&err, "Did you mean `varve %s`?", similar);
        else
                error_hint(&err, "`varve --help` lists all commands.");
        return cli_fail(&err, CLI_EXIT_USAGE);
}

/* What is opened under the number of a standard stream would be taken for it, by this program and
 * by the command of a container. So those that the caller closed lead nowhere. */
static int fill_standard_streams(struct error *err)
{
        int fd;

        do {
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return error_set_errno(err, -errno, "cannot open /dev/null");
        } while (fd <= STDERR_FILENO);
        close(fd);
        return 0;
}

/* What was printed has arrived, or the exit status says that it has not. */
static int finish_output(int status)
{
        struct error err = ERROR_INIT;

        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        error_set_errno(&err, errno ? -errno : -EIO, "cannot write to standard output");
        return cli_fail(&err, status == EXIT_SUCCESS ? EXIT_FAILURE : status);
}

/* "varve image", and what follows it is no command. */
static int run_group(int argc, char **argv)
{
        char name[64];
        bool asks = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        struct error err = ERROR_INIT;

        if (asks) {
                command_print_group(argv[0], argc < 2 ? stderr : stdout);
                return argc < 2 ? CLI_EXIT_USAGE : EXIT_SUCCESS;
        }
        snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
        if (docker_command_refuse(name, &err) < 0)
                return cli_fail(&err, CLI_EXIT_USAGE);
        error_set(&err, -EINVAL, "there is no command \"%s %s\"", argv[0], argv[1]);
        error_hint(&err, "`varve %s --help` lists those that there are.", argv[0]);
        return cli_fail(&err, CLI_EXIT_USAGE);
}

/* "varve help COMMAND" is "varve COMMAND --help". */
static int help_on(int argc, char **argv)
{
        char option[] = "--help";
        int words;
        const struct command *command = command_find(argc, argv, &words);
        char *asked[] = { argv[0], option, NULL };

        if (command)
                return command->run(command, 2, asked);
        return command_is_group(argv[0]) ? run_group(2, asked) : unknown_command(argv[0]);
}

static int run_command(int argc, char **argv)
{
        const struct command *command;
        int words;

        if (argc < 2) {
                help(stderr);
                return CLI_EXIT_USAGE;
        }
        if (strcmp(argv[1], "help") == 0 && argc > 2)
                return help_on(argc - 2, argv + 2);
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0)
                return help(stdout);
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
                printf("varve %s\n", cli_version);
                return EXIT_SUCCESS;
        }
        if (strcmp(argv[1], COMPLETE_COMMAND) == 0)
                return complete(argc - 2, argv + 2);
        command = command_find(argc - 1, argv + 1, &words);
        if (command)
                return command->run(command, argc - words, argv + words);
        if (command_is_group(argv[1]))
                return run_group(argc - 1, argv + 1);
        return unknown_command(argv[1]);
}

/* "--NAME VALUE" or "--NAME=VALUE" at the beginning: its value, or NULL. */
static const char *value_of(int argc, char **argv, const char *name, int *ret_taken)
{
        size_t len = strlen(name);

        if (strncmp(argv[0], name, len) != 0)
                return NULL;
        *ret_taken = argv[0][len] == '=' ? 1 : 2;
        if (argv[0][len] == '=')
                return argv[0] + len + 1;
        return argv[0][len] == '\0' && argc > 1 ? argv[1] : NULL;
}

static int refuse_daemon(const char *option, struct error *err)
{
        static const char *const names[] = { "-H",       "--host",     "-c",          "--context",
                                             "--config", "--tls",      "--tlscacert", "--tlscert",
                                             "--tlskey", "--tlsverify" };
        size_t len = strcspn(option, "=");

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strlen(names[i]) == len && strncmp(option, names[i], len) == 0)
                        return error_set(err, -EOPNOTSUPP,
                                         "varve cannot honour %s: there is no daemon", option);
        return 0;
}

/* Takes one of the options that stand before the command. Returns how many arguments it takes. */
static int take_option(int argc, char **argv, struct error *err)
{
        const char *value;
        int taken = 0, r;

        if (strcmp(argv[0], "-D") == 0 || strcmp(argv[0], "--debug") == 0) {
                r = log_set_level("debug", err);
                return r < 0 ? r : 1;
        }
        if ((value = value_of(argc, argv, "--root", &taken)))
                return setenv("VARVE_ROOT", value, 1) < 0 ? error_set_oom(err) : taken;
        if ((value = value_of(argc, argv, "--log-level", &taken)) ||
            (value = value_of(argc, argv, "-l", &taken))) {
                r = log_set_level(value, err);
                return r < 0 ? r : taken;
        }
        if ((value = value_of(argc, argv, "--log-format", &taken))) {
                r = log_set_format(value, err);
                return r < 0 ? r : taken;
        }
        return refuse_daemon(argv[0], err);
}

/* All of them. */
static int take_options(int argc, char **argv, struct error *err)
{
        int taken = 0, r = 0;

        do {
                taken += r;
                if (taken + 1 >= argc || argv[taken + 1][0] != '-')
                        return taken;
                r = take_option(argc - taken - 1, argv + taken + 1, err);
        } while (r > 0);
        return r < 0 ? r : taken;
}

int main(int argc, char **argv)
{
        struct error err = ERROR_INIT;
        int taken;

        if (fill_standard_streams(&err) < 0)
                return cli_fail(&err, CLI_EXIT_USAGE);
        /* Names in archives and messages are bytes; nothing depends on the caller's locale. */
        setlocale(LC_CTYPE, "C.UTF-8");
        /* A file size limit (ulimit -f) is an error of the write that meets it. */
        signal(SIGXFSZ, SIG_IGN);
        taken = settings_read(&err);
        if (taken == 0)
                taken = take_options(argc, argv, &err);
        if (taken < 0)
                return cli_fail(&err, CLI_EXIT_USAGE);
        return finish_output(run_command(argc - taken, argv + taken));
}
