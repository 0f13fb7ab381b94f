#include "aliases.h"

#include "base/cleanup.h"

#include <string.h>

struct alias {
        const char *group;
        const char *word;
        const char *command;
        const char *option; /* of the command, or NULL */
};

/* clang-format off */
static const struct alias aliases[] = {
        { "image", "build", "build", NULL },
        { "image", "history", "history", NULL },
        { "image", "import", "import", NULL },
        { "image", "inspect", "inspect", "--type=image" },
        { "image", "load", "load", NULL },
        { "image", "ls", "images", NULL },
        { "image", "list", "images", NULL },
        { "image", "pull", "pull", NULL },
        { "image", "push", "push", NULL },
        { "image", "remove", "rmi", NULL },
        { "image", "rm", "rmi", NULL },
        { "image", "save", "save", NULL },
        { "image", "tag", "tag", NULL },
        { "container", "attach", "attach", NULL },
        { "container", "commit", "commit", NULL },
        { "container", "cp", "cp", NULL },
        { "container", "create", "create", NULL },
        { "container", "diff", "diff", NULL },
        { "container", "exec", "exec", NULL },
        { "container", "export", "export", NULL },
        { "container", "inspect", "inspect", "--type=container" },
        { "container", "kill", "kill", NULL },
        { "container", "list", "ps", NULL },
        { "container", "logs", "logs", NULL },
        { "container", "ls", "ps", NULL },
        { "container", "port", "port", NULL },
        { "container", "ps", "ps", NULL },
        { "container", "rename", "rename", NULL },
        { "container", "restart", "restart", NULL },
        { "container", "rm", "rm", NULL },
        { "container", "run", "run", NULL },
        { "container", "start", "start", NULL },
        { "container", "stop", "stop", NULL },
        { "container", "top", "top", NULL },
        { "container", "wait", "wait", NULL },
        { "builder", "build", "build", NULL },
        { "builder", "prune", "cache prune", NULL },
        { "buildx", "build", "build", NULL },
        { "buildx", "du", "cache ls", NULL },
        { "buildx", "prune", "cache prune", NULL },
        { "system", "info", "info", NULL },
};
/* clang-format on */

static const struct command *named(const char *name)
{
        for (size_t i = 0; cli_commands[i]; i++)
                if (strcmp(cli_commands[i]->name, name) == 0)
                        return cli_commands[i];
        return NULL;
}

/* How many arguments a command's name is, of one or two words; 0: it is not what they say. */
static int count_words(const char *name, int argc, char **argv)
{
        size_t len = strcspn(name, " ");

        if (strlen(argv[0]) != len || strncmp(argv[0], name, len) != 0)
                return 0;
        if (name[len] == '\0')
                return 1;
        return argc > 1 && strcmp(argv[1], name + len + 1) == 0 ? 2 : 0;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
        for (size_t i = 0; cli_commands[i] && argc > 0; i++) {
                *ret_words = count_words(cli_commands[i]->name, argc, argv);
                if (*ret_words > 0)
                        return cli_commands[i];
        }
        for (size_t i = 0; i < ARRAY_SIZE(aliases) && argc > 1; i++)
                if (strcmp(aliases[i].group, argv[0]) == 0 &&
                    strcmp(aliases[i].word, argv[1]) == 0) {
                        /* An option takes the second word's place, behind the "name". */
                        *ret_words = aliases[i].option ? 1 : 2;
                        if (aliases[i].option)
                                argv[1] = (char *)(uintptr_t)aliases[i].option;
                        return named(aliases[i].command);
                }
        return NULL;
}

bool command_is_group(const char *word)
{
        size_t len = strlen(word);

        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
                if (strcmp(aliases[i].group, word) == 0)
                        return true;
        for (size_t i = 0; cli_commands[i]; i++)
                if (strncmp(cli_commands[i]->name, word, len) == 0 &&
                    cli_commands[i]->name[len] == ' ')
                        return true;
        return false;
}

void command_print_group(const char *word, FILE *file)
{
        size_t len = strlen(word);

        fprintf(file, "Usage: varve %s COMMAND\n\nCommands:\n", word);
        for (size_t i = 0; cli_commands[i]; i++)
                if (strncmp(cli_commands[i]->name, word, len) == 0 &&
                    cli_commands[i]->name[len] == ' ')
                        fprintf(file, "  %-10s %s\n", cli_commands[i]->name + len + 1,
                                cli_commands[i]->summary);
        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
                const struct command *command = named(aliases[i].command);

                if (command && strcmp(aliases[i].group, word) == 0)
                        fprintf(file, "  %-10s %s (varve %s)\n", aliases[i].word, command->summary,
                                command->name);
        }
}

void command_print_words(const char *group)
{
        size_t len = group ? strlen(group) : 0;
        const char *last = "";

        for (size_t i = 0; cli_commands[i] && group; i++)
                if (strncmp(cli_commands[i]->name, group, len) == 0 &&
                    cli_commands[i]->name[len] == ' ')
                        puts(cli_commands[i]->name + len + 1);
        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
                if (group && strcmp(aliases[i].group, group) == 0 && named(aliases[i].command))
                        puts(aliases[i].word);
                if (!group && strcmp(aliases[i].group, last) != 0)
                        puts(aliases[i].group);
                last = aliases[i].group;
        }
}
