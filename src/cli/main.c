#include "cli.h"

#include "aliases.h"
#include "base/suggest.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct command *const cli_commands[] = {
        &cmd_build,
        &cmd_run,
        &cmd_exec,
        &cmd_ps,
        &cmd_logs,
        &cmd_attach,
        &cmd_start,
        &cmd_stop,
        &cmd_restart,
        &cmd_kill,
        &cmd_wait,
        &cmd_rm,
        &cmd_commit,
        &cmd_cp,
        &cmd_port,
        &cmd_volume_create,
        &cmd_volume_ls,
        &cmd_volume_inspect,
        &cmd_volume_rm,
        &cmd_volume_prune,
        &cmd_pull,
        &cmd_push,
        &cmd_images,
        &cmd_inspect,
        &cmd_history,
        &cmd_tag,
        &cmd_rmi,
        &cmd_image_prune,
        &cmd_load,
        &cmd_import,
        &cmd_save,
        &cmd_export,
        &cmd_diff,
        &cmd_login,
        &cmd_logout,
        &cmd_tags,
        &cmd_search,
        &cmd_cache_ls,
        &cmd_cache_rm,
        &cmd_cache_prune,
        &cmd_system_df,
        &cmd_system_prune,
        &cmd_doctor,
        &cmd_info,
        &cmd_version,
        NULL,
};

const char *const cli_version = VARVE_VERSION;

static int help(FILE *file)
{
        fprintf(file, "Usage: varve COMMAND [OPTIONS] ...\n\n"
                      "Builds OCI images with no root, no daemon and no setuid helper.\n\n"
                      "Commands:\n");
        for (size_t i = 0; cli_commands[i]; i++)
                fprintf(file, "  %-13s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
        fprintf(file, "\nImages are kept in $VARVE_ROOT, else in $XDG_DATA_HOME/varve, else in\n"
                      "~/.local/share/varve; --root DIR names another place.\n\n"
                      "Example:\n"
                      "  varve load -i debian.tar && varve build -t app . && varve run --rm app\n\n"
                      "`varve COMMAND --help` says more, and so does `man varve`.\n");
        return EXIT_SUCCESS;
}

static int unknown_command(const char *name)
{
        const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])], *similar;
        struct error err = ERROR_INIT;
        size_t count;

        for (count = 0; cli_commands[count]; count++)
                names[count] = cli_commands[count]->name;
        similar = suggest_similar(name, names, count);
        for (size_t i = 0; i < count && !similar; i++)
                if (strncmp(names[i], name, strlen(name)) == 0 && names[i][strlen(name)] == ' ')
                        similar = names[i];
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
        bool asks = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        struct error err = ERROR_INIT;

        if (asks) {
                command_print_group(argv[0], argc < 2 ? stderr : stdout);
                return argc < 2 ? CLI_EXIT_USAGE : EXIT_SUCCESS;
        }
        error_set(&err, -EINVAL, "there is no command \"%s %s\"", argv[0], argv[1]);
        error_hint(&err, "`varve %s --help` lists those that there are.", argv[0]);
        return cli_fail(&err, CLI_EXIT_USAGE);
}

static int run_command(int argc, char **argv)
{
        const struct command *command;
        int words;

        if (argc < 2) {
                help(stderr);
                return CLI_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0)
                return help(stdout);
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
                printf("varve %s\n", cli_version);
                return EXIT_SUCCESS;
        }
        command = command_find(argc - 1, argv + 1, &words);
        if (command)
                return command->run(command, argc - words, argv + words);
        if (command_is_group(argv[1]))
                return run_group(argc - 1, argv + 1);
        return unknown_command(argv[1]);
}

/* A --root before the command. Returns how many arguments it takes. */
static int take_root(int argc, char **argv)
{
        static const char option[] = "--root=";

        if (argc > 2 && strcmp(argv[1], "--root") == 0) {
                setenv("VARVE_ROOT", argv[2], 1);
                return 2;
        }
        if (argc > 1 && strncmp(argv[1], option, strlen(option)) == 0) {
                setenv("VARVE_ROOT", argv[1] + strlen(option), 1);
                return 1;
        }
        return 0;
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
        taken = take_root(argc, argv);
        return finish_output(run_command(argc - taken, argv + taken));
}
