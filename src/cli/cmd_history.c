#include "base/cleanup.h"
#include "base/clock.h"
#include "commands.h"
#include "image_info.h"
#include "listing.h"
#include "oci/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of history is cut at this many characters, as Docker cuts it. */
#define CREATED_BY_MAX 45

struct history_flags {
        const char *format;
        bool human;
        bool quiet;
        bool whole;
};

static const struct listing_column columns[] = {
        { "ID", "IMAGE" },  { "CreatedSince", "CREATED" }, { "CreatedBy", "CREATED BY" },
        { "Size", "SIZE" }, { "Comment", "COMMENT" },
};

static const struct listing_column more_columns[] = { { "CreatedAt", "CREATED AT" } };

/* One line, and no more of it than fits beside the rest. */
static char *created_by(const struct image_history *entry, bool whole)
{
        const char *by = entry->created_by ? entry->created_by : "";
        bool cut = !whole && print_width(by, SIZE_MAX) > CREATED_BY_MAX;
        size_t len = cut ? strnlen(by, CREATED_BY_MAX * 4) : strlen(by);
        char *text;

        while (cut && print_width(by, len) >= CREATED_BY_MAX)
                len--;
        if (asprintf(&text, "%.*s%s", (int)len, by, cut ? "\xe2\x80\xa6" : "") < 0)
                return NULL;
        for (size_t i = 0; text[i]; i++)
                if (text[i] == '\t')
                        text[i] = ' ';
        return text;
}

static int fill_row(const struct history_flags *flags, const struct image_history *entry,
                    const char *id, uint64_t bytes, json_t *row)
{
        char size[PRINT_SIZE_MAX], age[PRINT_AGE_MAX] = "N/A", when[CLOCK_TEXT_MAX] = "N/A";
        _cleanup_free_ char *by = created_by(entry, flags->whole);

        if (flags->human)
                print_size(bytes, size);
        else
                snprintf(size, sizeof(size), "%" PRIu64, bytes);
        if (entry->has_created) {
                const struct timespec second = { .tv_sec = entry->created.tv_sec };

                print_age(entry->created.tv_sec, age);
                clock_format(&second, when);
        }
        if (!by || row_put(row, "Comment", entry->comment) < 0 ||
            row_put(row, "CreatedAt", when) < 0 || row_put(row, "CreatedBy", by) < 0 ||
            row_put(row, "CreatedSince", flags->human ? age : when) < 0 ||
            row_put(row, "ID", id) < 0 || row_put(row, "Size", size) < 0)
                return -ENOMEM;
        return 0;
}

static int print_history(struct store *store, const struct stored_image *image,
                         const struct history_flags *flags, struct error *err)
{
        const struct listing listing = { .columns = columns,
                                         .column_count = ARRAY_SIZE(columns),
                                         .more = more_columns,
                                         .more_count = ARRAY_SIZE(more_columns),
                                         .format = flags->format,
                                         .quiet = flags->quiet ? "ID" : NULL };
        const struct image_config *config = &image->config;
        _cleanup_json_ json_t *rows = json_array();
        size_t layer = config->diff_id_count;
        char id[DIGEST_TEXT_MAX];

        digest_format(&image->parsed.config.digest, id);
        if (!flags->whole) {
                digest_format_hex(&image->parsed.config.digest, id);
                id[12] = '\0';
        }
        /* The newest comes first. */
        for (size_t i = config->history_count; i-- > 0;) {
                const struct image_history *entry = &config->history[i];
                const char *shown = i + 1 == config->history_count ? id : "<missing>";
                json_t *row = json_object();
                uint64_t bytes = 0;

                if (!entry->empty_layer && layer > 0)
                        bytes = image_layer_size(store, &image->config.diff_ids[--layer]);
                if (json_append(rows, row) < 0 || fill_row(flags, entry, shown, bytes, row) < 0)
                        return error_set_oom(err);
        }
        return rows ? listing_print(&listing, rows, err) : error_set_oom(err);
}

static int run(const struct command *command, int argc, char **argv)
{
        struct history_flags flags = { .human = true };
        const struct option_spec options[] = {
                { OPTION_STRING, 0, "format", &flags.format, "TEMPLATE",
                  "\"table {{.ID}}\\t{{.CreatedBy}}\", \"{{.CreatedBy}}\" or json" },
                { OPTION_FLAG, 'H', "human", &flags.human, NULL,
                  "Sizes and times for people (unless --human=false)" },
                { OPTION_FLAG, 0, "no-trunc", &flags.whole, NULL, "Cut nothing" },
                { OPTION_FLAG, 'q', "quiet", &flags.quiet, NULL, "Print the IDs alone" },
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
                r = print_history(store, &image, &flags, &err);
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
                   "Examples:\n"
                   "  varve history --no-trunc app\n"
                   "  varve history --format '{{.Size}}\\t{{.CreatedBy}}' app",
        .run = run,
};
