#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int cli_fail(const struct error *err, int status)
{
        struct error plain = *err;

        print_plain(plain.message);
        print_plain(plain.hint);
        fflush(stdout);
        fprintf(stderr, "varve: %s\n", plain.message);
        if (plain.hint[0] != '\0')
                fprintf(stderr, "%s\n", plain.hint);
        return status;
}

void print_plain(char *text)
{
        for (unsigned char *c = (unsigned char *)text; *c; c++) {
                if ((*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
                        *c = '?';
                /* U+0080 to U+009F, in UTF-8. */
                if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
                        c[0] = c[1] = '?';
        }
}

void print_size(uint64_t bytes, char ret[static PRINT_SIZE_MAX])
{
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
        double size = (double)bytes;
        size_t unit = 0;

        while (size >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
                size /= 1000;
                unit++;
        }
        snprintf(ret, PRINT_SIZE_MAX, size >= 100 || unit == 0 ? "%.0f%s" : "%.3g%s", size,
                 units[unit]);
}

void print_age(time_t then, char ret[static PRINT_AGE_MAX])
{
        static const struct {
                time_t seconds;
                const char *name;
        } units[] = {
                { 365 * 24 * 3600, "year" },
                { 30 * 24 * 3600, "month" },
                { 7 * 24 * 3600, "week" },
                { 24 * 3600, "day" },
                { 3600, "hour" },
                { 60, "minute" },
                { 1, "second" },
        };
        time_t age = time(NULL) - then;

        if (age < 1) {
                snprintf(ret, PRINT_AGE_MAX, "Less than a second ago");
                return;
        }
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                /* Two of a unit before it is used: "36 hours", "8 days", as Docker. */
                if (age < units[i].seconds * (units[i].seconds > 1 ? 2 : 1))
                        continue;
                snprintf(ret, PRINT_AGE_MAX, "%lld %s%s ago", (long long)(age / units[i].seconds),
                         units[i].name, age / units[i].seconds == 1 ? "" : "s");
                return;
        }
}

int table_add(struct table *table, const char *cell)
{
        char *text;

        if (strv_add(&table->cells, cell) < 0)
                return -ENOMEM;
        text = table->cells.items[table->cells.count - 1];
        print_plain(text);
        for (; *text; text++)
                if (*text == '\n' || *text == '\t')
                        *text = ' ';
        return 0;
}

void table_print(struct table *table)
{
        int widths[TABLE_COLUMNS_MAX] = { 0 };

        for (size_t i = 0; i < table->cells.count; i++) {
                int width = (int)strlen(table->cells.items[i]);

                if (width > widths[i % table->columns])
                        widths[i % table->columns] = width;
        }
        for (size_t i = 0; i < table->cells.count; i++) {
                size_t column = i % table->columns;

                if (column + 1 == table->columns)
                        printf("%s\n", table->cells.items[i]);
                else
                        printf("%-*s   ", widths[column], table->cells.items[i]);
        }
        strv_done(&table->cells);
}
