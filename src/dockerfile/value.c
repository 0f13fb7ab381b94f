#include "dockerfile/value.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS (NS_PER_US * 1000)
#define NS_PER_S  (NS_PER_MS * 1000)

int value_parse_bool(const char *text, bool *ret)
{
        static const char *const yes[] = { "1", "t", "T", "true", "True", "TRUE" };
        static const char *const no[] = { "0", "f", "F", "false", "False", "FALSE" };

        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
                if (strcmp(text, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
                if (strcmp(text, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        }
        return -EINVAL;
}

int value_parse_number(const char *text, unsigned int base, uint64_t max, uint64_t *ret)
{
        uint64_t number = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                unsigned int digit = (unsigned int)(*text - '0');

                if (*text < '0' || digit >= base)
                        return -EINVAL;
                if (__builtin_mul_overflow(number, base, &number) ||
                    __builtin_add_overflow(number, digit, &number) || number > max)
                        return -EINVAL;
        }
        *ret = number;
        return 0;
}

/*
 * A decimal number: whole + fraction / scale. The fraction is cut off after 18 digits. Returns the
 * number of bytes read, 0 where there is no digit, or -EINVAL.
 */
static ptrdiff_t value_scan_decimal(const char *text, uint64_t *ret_whole, uint64_t *ret_fraction,
                                    uint64_t *ret_scale)
{
        const char *start = text;
        size_t digits = 0;

        *ret_whole = *ret_fraction = 0;
        *ret_scale = 1;
        for (; *text >= '0' && *text <= '9'; text++, digits++)
                if (__builtin_mul_overflow(*ret_whole, 10, ret_whole) ||
                    __builtin_add_overflow(*ret_whole, (uint64_t)(*text - '0'), ret_whole))
                        return -EINVAL;
        if (*text == '.')
                for (text++; *text >= '0' && *text <= '9'; text++, digits++)
                        if (*ret_scale < UINT64_C(1000000000000000000)) {
                                *ret_fraction = *ret_fraction * 10 + (uint64_t)(*text - '0');
                                *ret_scale *= 10;
                        }
        return digits ? text - start : 0;
}

/* whole.fraction times `unit`, cut off to a whole number. */
static int value_scale(uint64_t whole, uint64_t fraction, uint64_t scale, int64_t unit,
                       int64_t *ret)
{
        unsigned __int128 total = (unsigned __int128)whole * (uint64_t)unit +
                                  (unsigned __int128)fraction * (uint64_t)unit / scale;

        if (total > INT64_MAX)
                return -EINVAL;
        *ret = (int64_t)total;
        return 0;
}

int value_parse_size(const char *text, int64_t *ret_bytes)
{
        static const char units[] = "bkmgtp";
        uint64_t whole, fraction, scale;
        ptrdiff_t used = value_scan_decimal(text, &whole, &fraction, &scale);
        const char *unit;
        char letter;

        if (used <= 0)
                return -EINVAL;
        text += used;
        text += *text == ' ';
        if (!*text)
                return value_scale(whole, fraction, scale, 1, ret_bytes);
        letter = (char)(*text | 0x20);
        unit = strchr(units, letter);
        if (!unit)
                return -EINVAL;
        text++;
        if (letter != 'b' && (*text == 'i' || *text == 'I') && (text[1] | 0x20) == 'b')
                text += 2;
        else if (letter != 'b' && (*text | 0x20) == 'b')
                text++;
        if (*text)
                return -EINVAL;
        return value_scale(whole, fraction, scale, INT64_C(1) << (10 * (unit - units)), ret_bytes);
}

static size_t value_duration_unit(const char *text, int64_t *ret_unit)
{
        static const struct {
                const char *name;
                int64_t ns;
        } units[] = {
                { "ns", 1 },
                { "us", NS_PER_US },
                { "\u00b5s", NS_PER_US },
                { "\u03bcs", NS_PER_US },
                { "ms", NS_PER_MS },
                { "s", NS_PER_S },
                { "m", 60 * NS_PER_S },
                { "h", 3600 * NS_PER_S },
        };
        size_t len = strcspn(text, ".0123456789");

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (strlen(units[i].name) == len && memcmp(text, units[i].name, len) == 0) {
                        *ret_unit = units[i].ns;
                        return len;
                }
        return 0;
}

int value_parse_duration(const char *text, int64_t *ret_ns)
{
        bool negative = *text == '-';
        int64_t total = 0;

        text += *text == '-' || *text == '+';
        if (strcmp(text, "0") == 0) {
                *ret_ns = 0;
                return 0;
        }
        if (!*text)
                return -EINVAL;
        while (*text) {
                uint64_t whole, fraction, scale;
                ptrdiff_t used = value_scan_decimal(text, &whole, &fraction, &scale);
                int64_t unit, part;
                size_t len;

                if (used <= 0)
                        return -EINVAL;
                text += used;
                len = value_duration_unit(text, &unit);
                if (len == 0 || value_scale(whole, fraction, scale, unit, &part) < 0 ||
                    __builtin_add_overflow(total, part, &total))
                        return -EINVAL;
                text += len;
        }
        *ret_ns = negative ? -total : total;
        return 0;
}
