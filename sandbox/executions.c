#include "executions.h"

#include "credentials.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAT_BYTES_MAX 4096
#define FIRST_ROOM     16

/* Numbers of attempts are behind all of credentials. */
#define FIRST_NUMBER ((uint64_t)CREDENTIALS_MAX)

/* Where the kernel has put the parts of a program: each execve puts them elsewhere. */
struct image {
        uint64_t code, stack, arguments;
};

struct execution {
        uint64_t before;
        uint64_t after;
        struct image image;
};

void executions_init(struct executions *executions)
{
        pthread_mutex_init(&executions->lock, NULL);
}

void executions_done(struct executions *executions)
{
        pthread_mutex_destroy(&executions->lock);
        free(executions->items);
}

/* Of a process that is gone, or closed to us, all is 0. */
static struct image image_of(pid_t pid)
{
        struct image image = { .code = 0 };
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        char path[32], *at = NULL, *rest;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        if (io_read_file(AT_FDCWD, path, STAT_BYTES_MAX, &text, &ignored) == 0)
                at = strrchr(buf_str(&text), ')');
        at = at ? strtok_r(at + 1, " ", &rest) : NULL;
        /* The name is the second field; those that are looked at are startcode, startstack and
         * arg_start of proc(5). */
        for (int field = 3; at; field++, at = strtok_r(NULL, " ", &rest)) {
                if (field == 26)
                        image.code = strtoull(at, NULL, 10);
                else if (field == 28)
                        image.stack = strtoull(at, NULL, 10);
                else if (field == 48)
                        image.arguments = strtoull(at, NULL, 10);
        }
        buf_done(&text);
        return image;
}

uint64_t executions_begin(struct executions *executions, pid_t pid, uint64_t before, uint64_t after)
{
        const struct execution begun = { before, after, image_of(pid) };
        uint64_t number = after;

        pthread_mutex_lock(&executions->lock);
        if (executions->count == executions->room && executions->room < EXECUTIONS_MAX) {
                size_t room = executions->room > 0 ? executions->room * 2 : FIRST_ROOM;
                struct execution *items = reallocarray(executions->items, room, sizeof(*items));

                if (items) {
                        executions->items = items;
                        executions->room = room;
                }
        }
        if (executions->count < executions->room) {
                number = FIRST_NUMBER + executions->count;
                executions->items[executions->count++] = begun;
        }
        pthread_mutex_unlock(&executions->lock);
        return number;
}

uint64_t executions_settle(struct executions *executions, pid_t pid, uint64_t number)
{
        struct execution found = { .before = 0 };
        struct image image;

        if (number < FIRST_NUMBER)
                return number;
        pthread_mutex_lock(&executions->lock);
        if (number - FIRST_NUMBER < executions->count)
                found = executions->items[number - FIRST_NUMBER];
        pthread_mutex_unlock(&executions->lock);
        image = image_of(pid);
        return memcmp(&image, &found.image, sizeof(image)) == 0 ? found.before : found.after;
}
