#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000LL

/* 0001-01-01T00:00:00Z, Go's zero time, and 9999-12-31T23:59:59Z: what RFC 3339 can hold. */
#define FIRST_S (-62135596800LL)
#define LAST_S  253402300799LL

struct timespec clock_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return now;
}

uint64_t clock_monotonic_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void clock_format(const struct timespec *time, char ret[static CLOCK_TEXT_MAX])
{
        struct timespec at = *time;
        struct tm tm;
        size_t len;

        if (at.tv_sec < FIRST_S)
                at = (struct timespec){ .tv_sec = FIRST_S };
        else if (at.tv_sec > LAST_S)
                at = (struct timespec){ .tv_sec = LAST_S };
        gmtime_r(&at.tv_sec, &tm);
        /* strftime's %Y would write the year 1 without its zeros. */
        len = (size_t)snprintf(ret, CLOCK_TEXT_MAX, "%04d", tm.tm_year + 1900);
        len += strftime(ret + len, CLOCK_TEXT_MAX - len, "-%m-%dT%H:%M:%S", &tm);
        if (at.tv_nsec != 0) {
                len += (size_t)snprintf(ret + len, CLOCK_TEXT_MAX - len, ".%09ld", at.tv_nsec);
                while (ret[len - 1] == '0')
                        len--;
        }
        snprintf(ret + len, CLOCK_TEXT_MAX - len, "Z");
}

/* Reads ".123" at `*text` as nanoseconds, further digits dropped. Returns 0 or -EINVAL. */
static int parse_fraction(const char **text, long *ret_ns)
{
        long ns = 0, unit = 100000000;
        const char *at = *text;

        if (*at == '.') {
                at++;
                if (*at < '0' || *at > '9')
                        return -EINVAL;
                for (; *at >= '0' && *at <= '9'; at++, unit /= 10)
                        ns += (*at - '0') * unit;
        }
        *text = at;
        *ret_ns = ns;
        return 0;
}

int clock_parse(const char *text, struct timespec *ret)
{
        struct tm tm = { 0 };
        int hours = 0, minutes = 0, used = 0;
        time_t seconds;
        long ns;

        text = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!text || parse_fraction(&text, &ns) < 0)
                return -EINVAL;
        seconds = timegm(&tm);
        if (*text == '+' || *text == '-') {
                if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
                    text[6] != '\0')
                        return -EINVAL;
                seconds -= (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        } else if (strcmp(text, "Z") != 0 && strcmp(text, "z") != 0) {
                return -EINVAL;
        }
        *ret = (struct timespec){ .tv_sec = seconds, .tv_nsec = ns };
        return 0;
}
