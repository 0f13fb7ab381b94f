#include "listing.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli.h"
#include "oci/json.h"
#include "template.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a template says of the columns' heads. */
static json_t *make_heads(const struct listing *listing)
{
        json_t *heads = json_object();
        int r = heads ? 0 : -ENOMEM;

        for (size_t i = 0; i < listing->column_count && r == 0; i++)
                r = json_put_string(heads, listing->columns[i].field, listing->columns[i].head);
        for (size_t i = 0; i < listing->more_count && r == 0; i++)
                r = json_put_string(heads, listing->more[i].field, listing->more[i].head);
        if (r == 0)
                return heads;
        json_decref(heads);
        return NULL;
}

static int print_columns(const struct listing *listing, const json_t *rows, struct error *err)
{
        struct table table = { .columns = listing->column_count };
        json_t *row;
        size_t at;
        int r = 0;

        for (size_t i = 0; i < listing->column_count && r == 0; i++)
                r = table_add(&table, listing->columns[i].head);
        json_array_foreach(rows, at, row)
        {
                for (size_t i = 0; i < listing->column_count && r == 0; i++) {
                        const char *text =
                                json_string_value(json_object_get(row, listing->columns[i].field));

                        r = table_add(&table, text ? text : "");
                }
        }
        if (r < 0) {
                strv_done(&table.cells);
                return error_set_oom(err);
        }
        table_print(&table);
        return 0;
}

static int add_line(struct table *table, char *line)
{
        int r = 0;

        for (char *cell; r == 0 && (cell = strsep(&line, "\t"));)
                r = table_add(table, cell);
        return r;
}

static size_t count_tabs(const char *text)
{
        size_t count = 0;

        for (; *text; text++)
                count += *text == '\t';
        return count;
}

/* One that is a table has heads, and its tabs part columns. */
static int print_template(const struct listing *listing, const char *format, bool is_table,
                          const json_t *rows, struct error *err)
{
        _cleanup_json_ json_t *heads = make_heads(listing);
        struct table table = { .columns = 0 };
        struct buf line = BUF_INIT;
        json_t *row;
        size_t at;
        int r = heads ? 0 : error_set_oom(err);

        if (r == 0)
                r = template_expand(format, heads, &line, err);
        if (r == 0 && is_table) {
                table.columns = count_tabs(buf_str(&line)) + 1;
                if (table.columns > TABLE_COLUMNS_MAX)
                        r = error_set(err, -E2BIG, "--format has too many columns");
                else if (buf_append_char(&line, '\0') < 0 || add_line(&table, line.data) < 0)
                        r = error_set_oom(err);
        }
        json_array_foreach(rows, at, row)
        {
                buf_clear(&line);
                if (r == 0)
                        r = template_expand(format, row, &line, err);
                if (r < 0)
                        break;
                if (!is_table)
                        printf("%s\n", buf_str(&line));
                else if (count_tabs(buf_str(&line)) + 1 != table.columns ||
                         add_line(&table, line.data) < 0)
                        r = error_set(err, -EINVAL, "--format gives lines of different lengths");
        }
        buf_done(&line);
        if (r == 0 && is_table)
                table_print(&table);
        else
                strv_done(&table.cells);
        return r;
}

static int print_json(const json_t *rows, struct error *err)
{
        json_t *row;
        size_t at;

        json_array_foreach(rows, at, row)
        {
                struct buf text = BUF_INIT;
                int r = json_write(row, &text, err);

                if (r == 0)
                        printf("%s\n", buf_str(&text));
                buf_done(&text);
                if (r < 0)
                        return r;
        }
        return 0;
}

int listing_print(const struct listing *listing, const json_t *rows, struct error *err)
{
        const char *format = listing->format;
        json_t *row;
        size_t at;

        if (listing->quiet && !format) {
                json_array_foreach(rows, at, row)
                {
                        puts(json_string_value(json_object_get(row, listing->quiet)));
                }
                return 0;
        }
        if (!format || strcmp(format, "table") == 0)
                return print_columns(listing, rows, err);
        if (strcmp(format, "json") == 0)
                return print_json(rows, err);
        if (strncmp(format, "table ", strlen("table ")) == 0)
                return print_template(listing, format + strlen("table "), true, rows, err);
        return print_template(listing, format, false, rows, err);
}
