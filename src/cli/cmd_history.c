#include "base/cleanup.h"
#include "commands.h"
#include "image_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of history is cut at this many characters, as Docker cuts it. */
#define CREATED_BY_MAX 45

/* The bytes of layer number `at`. */
static uint64_t layer_size(struct store *store, const struct stored_image *image, size_t at)
{
        struct error ignored = ERROR_INIT;
        uint64_t size = 0;
        int fd;

        if (at < image->config.diff_id_count &&
            store_open_file(store, STORE_TAR, &image->config.diff_ids[at], &fd, &size, &ignored) ==
                    0)
                close(fd);
        return size;
}

static int add_row(struct table *table, const struct image_history *entry, const char *id,
                   uint64_t bytes, bool whole)
{
        const char *by = entry->created_by ? entry->created_by : "";
        char size[PRINT_SIZE_MAX], age[PRINT_AGE_MAX] = "N/A";
        _cleanup_free_ char *text = strdup(by);

        if (!text)
                return -1;
        if (!whole && strlen(text) > CREATED_BY_MAX)
                strcpy(text + CREATED_BY_MAX - 3, "...");
        print_size(bytes, size);
        if (entry->has_created)
                print_age(entry->created.tv_sec, age);
        return table_add(table, id) < 0 || table_add(table, age) < 0 ||
                               table_add(table, text) < 0 || table_add(table, size) < 0 ||
                               table_add(table, entry->comment ? entry->comment : "") < 0
                       ? -1
                       : 0;
}

static int print_history(struct store *store, const struct stored_image *image, bool whole,
                         struct error *err)
{
        static const char *const heads[] = { "IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT" };
        const struct image_config *config = &image->config;
        struct table table = { .columns = 5 };
        size_t layer = config->diff_id_count;
        char id[DIGEST_HEX_MAX];
        int r = 0;

        digest_format_hex(&image->parsed.config.digest, id);
        if (!whole)
                id[12] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(heads) && r == 0; i++)
                r = table_add(&table, heads[i]);
        /* The newest comes first. */
        for (size_t i = config->history_count; i-- > 0 && r == 0;) {
                const struct image_history *entry = &config->history[i];
                uint64_t bytes = 0;

                if (!entry->empty_layer && layer > 0)
                        bytes = layer_size(store, image, --layer);
                r = add_row(&table, entry, i + 1 == config->history_count ? id : "<missing>", bytes,
                            whole);
        }
        if (r < 0) {
                strv_done(&table.cells);
                return error_set_oom(err);
        }
        table_print(&table);
        return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        bool whole = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "no-trunc", &whole, NULL, "Cut nothing" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct stored_image image;
        struct store *store;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, &store,
                       &status))
                return status;
        r = store_image_find(store, arguments.items[0], NULL, &image, &err);
        if (r == 0) {
                r = print_history(store, &image, whole, &err);
                stored_image_done(&image);
        }
        if (r < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        store_free(store);
        return status;
}

const struct command cmd_history = {
        .name = "history",
        .arguments = "[OPTIONS] IMAGE",
        .summary = "Show how an image was made",
        .details = "The last step comes first. SIZE is that of the step's layer, uncompressed.\n\n"
                   "Example:\n"
                   "  varve history --no-trunc app",
        .run = run,
};
