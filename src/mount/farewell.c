#include "farewell.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

/* For how long a number that is still another mount's is waited for. */
#define TRIES    100u
#define PAUSE_NS 10000000

static int make_socket(const char *target, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
        struct stat st;
        int n;

        if (stat(target, &st) < 0)
                return -1;
        *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        n = snprintf(ret_address->sun_path + 1, sizeof(ret_address->sun_path) - 1, "varve-fs/%u:%u",
                     major(st.st_dev), minor(st.st_dev));
        *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

void farewell_listen(struct farewell *farewell, const char *target)
{
        const struct timespec pause = { .tv_nsec = PAUSE_NS };
        struct sockaddr_un address;
        socklen_t len;
        int fd = make_socket(target, &address, &len), r = -1;

        *farewell = (struct farewell){ .fd = -1 };
        /* The mount that had the number before may not have noticed that it is gone. */
        for (unsigned i = 0; fd >= 0 && r < 0 && i < TRIES; i++) {
                r = bind(fd, (struct sockaddr *)&address, len);
                if (r < 0)
                        nanosleep(&pause, NULL);
        }
        if (r < 0 || listen(fd, FAREWELL_WAITING_MAX) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                cleanup_close(&fd);
        else
                farewell->fd = fd;
}

void farewell_unmounted(struct farewell *farewell)
{
        while (farewell->fd >= 0 && farewell->waiting_count < FAREWELL_WAITING_MAX) {
                int client = accept4(farewell->fd, NULL, NULL, SOCK_CLOEXEC);

                if (client < 0)
                        break;
                farewell->waiting[farewell->waiting_count++] = client;
        }
        cleanup_close(&farewell->fd);
        farewell->fd = -1;
}

void farewell_tell(struct farewell *farewell, const struct error *err)
{
        while (farewell->waiting_count > 0) {
                int client = farewell->waiting[--farewell->waiting_count];

                /* Who has gone does not wait for it. */
                (void)!send(client, err, sizeof(*err), MSG_NOSIGNAL);
                close(client);
        }
}

int farewell_ask(const char *target)
{
        struct sockaddr_un address;
        socklen_t len;
        int fd = make_socket(target, &address, &len);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0)
                return fd;
        cleanup_close(&fd);
        return -1;
}

int farewell_wait(int fd, struct error *err)
{
        struct error told;
        ssize_t n;

        if (fd < 0)
                return 0;
        n = io_read(fd, &told, sizeof(told));
        close(fd);
        if (n != sizeof(told))
                return error_set(err, -EIO,
                                 "the filesystem's process ended before it had sealed "
                                 "what was changed");
        told.message[sizeof(told.message) - 1] = told.hint[sizeof(told.hint) - 1] = '\0';
        if (!error_is_set(&told))
                return 0;
        *err = told;
        return told.code;
}
