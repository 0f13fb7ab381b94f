#include "cli.h"

#include "base/suggest.h"
#include "commands.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command *const cli_commands[] = {
        &cmd_build, &cmd_run,  &cmd_images, &cmd_inspect, &cmd_history, &cmd_tag,
        &cmd_rmi,   &cmd_load, &cmd_import, &cmd_save,    &cmd_doctor,  NULL,
};

static int help(FILE *file)
{
        fprintf(file, "Usage: varve COMMAND [OPTIONS] ...\n\n"
                      "Builds OCI images with no root, no daemon and no setuid helper.\n\n"
                      "Commands:\n");
        for (size_t i = 0; cli_commands[i]; i++)
                fprintf(file, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
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
        error_set(&err, -EINVAL, "there is no command \"%s\"", name);
        if (similar)
                error_hint(&err, "Did you mean `varve %s`?", similar);
        else
                error_hint(&err, "`varve --help` lists all commands.");
        return cli_fail(&err, CLI_EXIT_USAGE);
}

int main(int argc, char **argv)
{
        /* Names in archives and messages are bytes; nothing depends on the caller's locale. */
        setlocale(LC_CTYPE, "C.UTF-8");
        if (argc > 2 && strcmp(argv[1], "--root") == 0) {
                setenv("VARVE_ROOT", argv[2], 1);
                argc -= 2;
                argv += 2;
        }
        if (argc < 2) {
                help(stderr);
                return CLI_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0)
                return help(stdout);
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
                printf("varve %s\n", VARVE_VERSION);
                return EXIT_SUCCESS;
        }
        for (size_t i = 0; cli_commands[i]; i++)
                if (strcmp(argv[1], cli_commands[i]->name) == 0)
                        return cli_commands[i]->run(cli_commands[i], argc - 1, argv + 1);
        return unknown_command(argv[1]);
}
