#include "complete.h"

#include "aliases.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "container/container.h"
#include "container/volume.h"
#include "dockerfile/dockerfile.h"
#include "oci/reference.h"
#include "store/images.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 4096

/* ---- names ---- */

static void print_images(struct store *store)
{
        struct error ignored = ERROR_INIT;
        struct image_index list;

        if (store_images_read(store, &list, &ignored) < 0)
                return;
        for (size_t i = 0; i < list.manifests.count; i++) {
                const char *name = store_image_name(&list.manifests.items[i]);
                struct reference reference = REFERENCE_INIT;
                _cleanup_free_ char *familiar = NULL;

                if (name && reference_parse(name, &reference, &ignored) == 0)
                        familiar = store_name_show(store, &reference);
                if (familiar)
                        puts(familiar);
                reference_done(&reference);
        }
        image_index_done(&list);
}

static void print_containers(struct store *store)
{
        struct error ignored = ERROR_INIT;
        struct containers all;

        if (containers_read(store, &all, NULL, &ignored) < 0)
                return;
        for (size_t i = 0; i < all.count; i++)
                puts(all.items[i].spec.name);
        containers_done(&all);
}

static void print_volumes(struct store *store)
{
        struct error ignored = ERROR_INIT;
        struct volumes all;

        if (volumes_read(store, &all, &ignored) < 0)
                return;
        for (size_t i = 0; i < all.count; i++)
                puts(all.items[i].name);
        volumes_done(&all);
}

/* The stages of the Dockerfile that the words before name: --file, or that of the context. */
static void print_stages(int count, char **words)
{
        _cleanup_free_ char *path = NULL;
        struct error ignored = ERROR_INIT;
        struct source_position where;
        struct dockerfile *file;
        struct buf text = BUF_INIT;
        const char *named = NULL;

        for (int i = 0; i + 1 < count; i++) {
                if (strcmp(words[i], "-f") == 0 || strcmp(words[i], "--file") == 0)
                        named = words[i + 1];
                if (strncmp(words[i], "--file=", 7) == 0)
                        named = words[i] + 7;
        }
        path = strdup(named ? named : "Dockerfile");
        if (path && io_read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, &ignored) == 0 &&
            dockerfile_parse(text.data, text.len, NULL, &file, &where, &ignored) == 0) {
                for (size_t i = 0; i < file->named_count; i++)
                        puts(file->stages[file->named_stages[i]].from->from.name);
                dockerfile_free(file);
        }
        buf_done(&text);
}

/* What a word such as "IMAGE..." or "STAGE" of a usage line wants. */
static void print_named(const char *what, int count, char **words)
{
        static const struct {
                const char *word;
                void (*print)(struct store *store);
        } kinds[] = { { "IMAGE", print_images },
                      { "CONTAINER", print_containers },
                      { "VOLUME", print_volumes } };
        struct error ignored = ERROR_INIT;
        struct store *store;

        if (strcmp(what, "STAGE") == 0) {
                print_stages(count, words);
                return;
        }
        if (cli_open_store(NULL, false, &store, &ignored) < 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strstr(what, kinds[i].word))
                        kinds[i].print(store);
        store_free(store);
}

/* ---- options ---- */

/* The option that the word before the cursor is, if it wants a value. */
static const struct option_spec *open_option(const struct option_spec *options, size_t count,
                                             const char *word)
{
        size_t len = strlen(word);

        for (size_t i = 0; i < count; i++) {
                bool wants = options[i].type == OPTION_STRING || options[i].type == OPTION_LIST;
                bool is_long = len > 2 && strcmp(word + 2, options[i].name) == 0 &&
                               strncmp(word, "--", 2) == 0;
                bool is_short = len == 2 && word[0] == '-' && word[1] == options[i].letter;

                if (wants && (is_long || is_short))
                        return &options[i];
        }
        return NULL;
}

/* The values of options that have but a few. */
static bool print_values(const char *name)
{
        static const struct {
                const char *option;
                const char *values;
        } all[] = {
                { "network", "private\nbridge\nhost\nnone\npasta\nslirp4netns" },
                { "progress", "auto\nplain\ntty\nrawjson\nquiet" },
                { "pull", "missing\nalways\nnewer\nnever" },
                { "userns", "auto\nranges\nsingle" },
                { "fs", "auto\nfuse\ncopy" },
                { "compression", "gzip\nzstd\nfast\nnone" },
                { "type", "container\nimage\nvolume" },
                { "call", "check\noutline\ntargets" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (strcmp(all[i].option, name) == 0) {
                        puts(all[i].values);
                        return true;
                }
        return false;
}

static void print_options(const struct option_spec *options, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                printf("--%s\n", options[i].name);
                if (options[i].letter)
                        printf("-%c\n", options[i].letter);
        }
}

void complete_of_command(const struct command *command, const struct option_spec *options,
                         size_t count, int word_count, char **words)
{
        const char *current = word_count > 0 ? words[word_count - 1] : "";
        const struct option_spec *before =
                word_count > 1 ? open_option(options, count, words[word_count - 2]) : NULL;

        if (before && print_values(before->name))
                return;
        if (before)
                print_named(before->argument, word_count, words);
        else if (*current == '-')
                print_options(options, count);
        else
                print_named(command->arguments, word_count, words);
}

/* ---- commands ---- */

/* The second words of commands, or the first ones of all. */
static void print_commands(const char *group)
{
        const char *last = "";

        for (size_t i = 0; cli_commands[i] && !group; i++) {
                const char *name = cli_commands[i]->name;
                int len = (int)strcspn(name, " ");

                if (strncmp(name, last, (size_t)len) != 0 || (size_t)len != strcspn(last, " "))
                        printf("%.*s\n", len, name);
                last = name;
        }
        command_print_words(group);
}

int complete(int argc, char **argv)
{
        static char ask[] = COMPLETE_OPTION;
        const struct command *command;
        char *words[WORDS_MAX];
        int taken, count = 0;

        while (argc > 1 && **argv == '-' && strcmp(*argv, "--") != 0) {
                argc--;
                argv++;
        }
        command = argc > 1 && argc < WORDS_MAX - 2 ? command_find(argc - 1, argv, &taken) : NULL;
        if (!command) {
                print_commands(argc > 1 ? argv[0] : NULL);
                return EXIT_SUCCESS;
        }
        words[count++] = argv[0];
        words[count++] = ask;
        for (int i = taken; i < argc; i++)
                words[count++] = argv[i];
        words[count] = NULL;
        return command->run(command, count, words);
}
