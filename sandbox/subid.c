#include "subid.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void add_range(struct subid_ranges *ranges, uint64_t start, uint64_t count)
{
        if (count == 0 || start > UINT32_MAX || count > UINT32_MAX || start + count > UINT32_MAX ||
            ranges->count == SUBID_RANGES_MAX)
                return;
        ranges->items[ranges->count++] = (struct subid_range){ (uint32_t)start, (uint32_t)count };
}

/* Where useradd begins. */
#define FIRST_SUBID 100000

/* Reads a decimal number that `end` follows, and moves past both. */
static bool parse_number(const char **at, char end, uint64_t *ret)
{
        char *stop;

        if (!isdigit((unsigned char)**at))
                return false;
        errno = 0;
        *ret = strtoull(*at, &stop, 10);
        if (errno != 0 || (*stop != end && !(end == '\n' && *stop == '\0')))
                return false;
        *at = *stop == '\0' ? stop : stop + 1;
        return true;
}

static const char *next_line(const char *line)
{
        const char *end = strchr(line, '\n');

        return end ? end + 1 : line + strlen(line);
}

void subid_parse_file(const char *text, const char *name, uid_t uid, struct subid_ranges *ret)
{
        char number[16];

        snprintf(number, sizeof(number), "%u", uid);
        for (const char *line = text; *line; line = next_line(line)) {
                size_t len = strcspn(line, ":\n");
                const char *at = line + len + 1;
                uint64_t start, count;

                if (line[len] != ':')
                        continue;
                if (!(len == strlen(name) && memcmp(line, name, len) == 0) &&
                    !(len == strlen(number) && memcmp(line, number, len) == 0))
                        continue;
                if (parse_number(&at, ':', &start) && parse_number(&at, '\n', &count))
                        add_range(ret, start, count);
        }
}

uint64_t subid_next_free(const char *text)
{
        uint64_t next = FIRST_SUBID;

        for (const char *line = text; *line; line = next_line(line)) {
                const char *at = line + strcspn(line, ":\n");
                uint64_t start, count;

                if (*at++ != ':' || !parse_number(&at, ':', &start) ||
                    !parse_number(&at, '\n', &count) || start > UINT32_MAX || count > UINT32_MAX)
                        continue;
                if (start + count > next)
                        next = start + count;
        }
        return next;
}

void subid_parse_output(const char *text, struct subid_ranges *ret)
{
        for (const char *line = text; *line; line = next_line(line)) {
                uint64_t index, start, count;
                const char *at = line;

                if (!parse_number(&at, ':', &index) || *at != ' ')
                        continue;
                at++;
                at += strcspn(at, " \n");
                if (*at != ' ')
                        continue;
                at++;
                if (parse_number(&at, ' ', &start) && parse_number(&at, '\n', &count))
                        add_range(ret, start, count);
        }
}

/* Returns false where there is no such program, or it fails. */
static bool ask_program(enum subid_kind kind, const char *name, struct subid_ranges *ret)
{
        const char *const user_argv[] = { "getsubids", name, NULL };
        const char *const group_argv[] = { "getsubids", "-g", name, NULL };
        const char *const *argv = kind == SUBID_USERS ? user_argv : group_argv;
        posix_spawn_file_actions_t actions;
        struct error ignored = ERROR_INIT;
        struct buf output = BUF_INIT;
        int fds[2], r, status = -1;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return false;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);
        if (r == 0) {
                r = io_read_fd(fds[0], "getsubids", SUBID_FILE_MAX, &output, &ignored);
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        continue;
        }
        close(fds[0]);
        if (r == 0 && status == 0)
                subid_parse_output(buf_str(&output), ret);
        buf_done(&output);
        return r == 0 && status == 0;
}

int subid_find(enum subid_kind kind, const char *name, uid_t uid, struct subid_ranges *ret,
               struct error *err)
{
        const char *path = kind == SUBID_USERS ? "/etc/subuid" : "/etc/subgid";
        struct error file_err = ERROR_INIT;
        struct buf text = BUF_INIT;
        int r;

        ret->count = 0;
        if (ask_program(kind, name, ret))
                return 0;
        r = io_read_file(AT_FDCWD, path, SUBID_FILE_MAX, &text, &file_err);
        if (r == 0)
                subid_parse_file(buf_str(&text), name, uid, ret);
        buf_done(&text);
        if (r == 0 || r == -ENOENT)
                return 0;
        *err = file_err;
        return r;
}

uint64_t subid_total(const struct subid_ranges *ranges)
{
        uint64_t total = 0;

        for (size_t i = 0; i < ranges->count; i++)
                total += ranges->items[i].count;
        return total;
}

static bool is_mapped(const struct subid_range *range, const char *map)
{
        for (const char *line = map; line && *line; line = strchr(line, '\n')) {
                unsigned long first, count;

                line += *line == '\n';
                if (sscanf(line, "%lu %*u %lu", &first, &count) == 2 && range->start >= first &&
                    (uint64_t)range->start + range->count <= (uint64_t)first + count)
                        return true;
        }
        return false;
}

void subid_keep_mapped(struct subid_ranges *ranges, const char *map)
{
        size_t kept = 0;

        for (size_t i = 0; i < ranges->count; i++)
                if (is_mapped(&ranges->items[i], map))
                        ranges->items[kept++] = ranges->items[i];
        ranges->count = kept;
}
