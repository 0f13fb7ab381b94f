#include "cli.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int cli_fail(const struct error *err, int status)
{
        log_error(err);
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

void print_file_name(char *name)
{
        print_plain(name);
        for (; *name; name++)
                if (*name == '\n' || *name == '\t')
                        *name = '?';
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

/* As Docker words them (go-units): from how many seconds on, in which unit. */
void print_duration(time_t seconds, char ret[static PRINT_AGE_MAX])
{
        static const struct {
                time_t below;
                time_t unit;
                const char *name;
        } units[] = {
                { 60, 1, "seconds" },
                { 3600, 60, "minutes" },
                { 48 * 3600, 3600, "hours" },
                { 14 * 24 * 3600, 24 * 3600, "days" },
                { 60 * 24 * 3600, 7 * 24 * 3600, "weeks" },
                { 2 * 365 * 24 * (time_t)3600, 30 * 24 * 3600, "months" },
        };
        /* Hours alone are rounded. */
        const time_t rounded = seconds < 3600 ? seconds : (seconds + 1800) / 3600 * 3600;

        if (seconds < 1)
                snprintf(ret, PRINT_AGE_MAX, "Less than a second");
        else if (seconds == 1)
                snprintf(ret, PRINT_AGE_MAX, "1 second");
        else if (seconds >= 60 && seconds < 120)
                snprintf(ret, PRINT_AGE_MAX, "About a minute");
        else if (rounded == 3600)
                snprintf(ret, PRINT_AGE_MAX, "About an hour");
        else
                snprintf(ret, PRINT_AGE_MAX, "%lld years",
                         (long long)(seconds / (365 * 24 * (time_t)3600)));
        if (seconds <= 1 || (seconds >= 60 && seconds < 120) || rounded == 3600)
                return;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (rounded < units[i].below) {
                        snprintf(ret, PRINT_AGE_MAX, "%lld %s",
                                 (long long)(rounded / units[i].unit), units[i].name);
                        return;
                }
}

void print_age(time_t then, char ret[static PRINT_AGE_MAX])
{
        char duration[PRINT_AGE_MAX];

        print_duration(time(NULL) - then, duration);
        snprintf(ret, PRINT_AGE_MAX, "%.*s ago", (int)(PRINT_AGE_MAX - sizeof(" ago")), duration);
}

void print_time(time_t when, char ret[static PRINT_TIME_MAX])
{
        struct tm local;

        if (!localtime_r(&when, &local) ||
            strftime(ret, PRINT_TIME_MAX, "%Y-%m-%d %H:%M:%S %z %Z", &local) == 0)
                snprintf(ret, PRINT_TIME_MAX, "N/A");
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

int print_width(const char *text, size_t len)
{
        int width = 0;

        for (size_t i = 0; i < len && text[i]; i++)
                width += ((unsigned char)text[i] & 0xc0) != 0x80;
        return width;
}

static int width_of(const char *text)
{
        return print_width(text, SIZE_MAX);
}

void table_print(struct table *table)
{
        int widths[TABLE_COLUMNS_MAX] = { 0 };

        for (size_t i = 0; i < table->cells.count; i++) {
                int width = width_of(table->cells.items[i]);

                if (width > widths[i % table->columns])
                        widths[i % table->columns] = width;
        }
        for (size_t i = 0; i < table->cells.count; i++) {
                size_t column = i % table->columns;

                if (column + 1 == table->columns)
                        printf("%s\n", table->cells.items[i]);
                else
                        printf("%s%*s", table->cells.items[i],
                               widths[column] - width_of(table->cells.items[i]) + 3, "");
        }
        strv_done(&table->cells);
}
