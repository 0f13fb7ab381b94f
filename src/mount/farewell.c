#include "farewell.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* How long the process of another user is waited for, who may not mean to answer. */
#define STRANGER_SECONDS 30

#define NAME_PREFIX  "varve-fs/"
#define NAME_MAX_LEN 64

void farewell_listen(struct farewell *farewell, const char *target, struct buf *ret_warning)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uint64_t unguessed;
        struct stat st;
        int fd = -1, n, r = -1;

        *farewell = (struct farewell){ .fd = -1 };
        if (stat(target, &st) == 0 &&
            getrandom(&unguessed, sizeof(unguessed), 0) == sizeof(unguessed)) {
                n = snprintf(address.sun_path + 1, NAME_MAX_LEN, NAME_PREFIX "%u:%u/%016" PRIx64,
                             major(st.st_dev), minor(st.st_dev), unguessed);
                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                r = fd < 0 ? -1
                           : bind(fd, (struct sockaddr *)&address,
                                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                              (size_t)n));
        }
        if (r == 0 && listen(fd, FAREWELL_WAITING_MAX) == 0) {
                farewell->fd = fd;
                return;
        }
        /* Too little memory for a warning is none to fail for. */
        (void)!buf_appendf(ret_warning, "umount will not wait until %s is sealed: %s", target,
                           strerror(errno));
        cleanup_close(&fd);
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

/* ---- the unmounter ---- */

/* What the kernel says of a mount. */
struct mount_facts {
        unsigned device_major;
        unsigned device_minor;
        uid_t user; /* who mounted */
};

/* Takes the octal escapes of /proc/self/mountinfo away, in place. */
static void unescape(char *text)
{
        char *to = text;

        for (; *text; text++, to++) {
                *to = *text;
                if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
                        *to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
                        text += 3;
                }
        }
        *to = '\0';
}

/* Takes a line of mountinfo (proc_pid_mountinfo(5)) that is of `target`. */
static bool take_mount(char *line, const char *target, struct mount_facts *ret)
{
        struct mount_facts facts;
        /* Of the last field, which is the kernel's own: what a mount is called is its owner's. */
        const char *options = strrchr(line, ' ');
        const char *user = options ? strstr(options, ",user_id=") : NULL;
        char *place, *end;
        int at = 0;

        if (!user ||
            sscanf(line, "%*u %*u %u:%u %*s %n", &facts.device_major, &facts.device_minor, &at) !=
                    2 ||
            at == 0)
                return false;
        place = line + at;
        end = strchr(place, ' ');
        if (!end)
                return false;
        *end = '\0';
        unescape(place);
        facts.user = (uid_t)strtoul(user + strlen(",user_id="), NULL, 10);
        if (strcmp(place, target) != 0)
                return false;
        *ret = facts;
        return true;
}

/* The kernel is asked, not the filesystem: its process may be one that does not answer. */
static bool find_mount(const char *target, struct mount_facts *ret)
{
        _cleanup_free_ char *line = NULL, *real = realpath(target, NULL);
        FILE *mounts = fopen("/proc/self/mountinfo", "re");
        bool found = false;
        size_t cap = 0;

        /* The last one is on top. */
        while (mounts && getline(&line, &cap, mounts) > 0)
                if (take_mount(line, real ? real : target, ret))
                        found = true;
        if (mounts)
                fclose(mounts);
        return found;
}

/* Connects to one who listens under a mount's name, if he is who may speak for it. */
static bool connect_to(const char *name, const struct mount_facts *mount,
                       struct farewell_answer *ret)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct timeval patience = { .tv_sec = STRANGER_SECONDS };
        socklen_t len = sizeof(struct ucred);
        size_t name_len = strlen(name);
        struct ucred peer;
        /* Whose queue is full does not hold up who unmounts. */
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || name_len >= NAME_MAX_LEN)
                return false;
        memcpy(address.sun_path + 1, name, name_len);
        if (connect(fd, (struct sockaddr *)&address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name_len)) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return false;
        if (peer.uid != 0 && peer.uid != geteuid() && peer.uid != mount->user)
                return false;
        *ret = (struct farewell_answer){ .fd = -1,
                                         .user = peer.uid,
                                         .of_stranger = peer.uid != 0 && peer.uid != geteuid() };
        if (fcntl(fd, F_SETFL, 0) < 0 ||
            (ret->of_stranger &&
             setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0))
                return false;
        ret->fd = TAKE_FD(fd);
        return true;
}

void farewell_ask(const char *target, struct farewell_answer *ret)
{
        _cleanup_free_ char *line = NULL;
        struct mount_facts mount = { 0 };
        FILE *sockets;
        char prefix[NAME_MAX_LEN];
        size_t cap = 0;

        *ret = (struct farewell_answer){ .fd = -1 };
        if (!find_mount(target, &mount))
                return;
        snprintf(prefix, sizeof(prefix), " @" NAME_PREFIX "%u:%u/", mount.device_major,
                 mount.device_minor);
        sockets = fopen("/proc/self/net/unix", "re");
        while (sockets && ret->fd < 0 && getline(&line, &cap, sockets) > 0) {
                const char *name = strstr(line, prefix);

                line[strcspn(line, "\n")] = '\0';
                if (name)
                        connect_to(name + strlen(" @"), &mount, ret);
        }
        if (sockets)
                fclose(sockets);
}

/* An error of another user's process is shown as that, and as plain text. */
static int tell_of_stranger(uid_t user, struct error *told, struct error *err)
{
        for (char *c = told->message; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        *c = '?';
        return error_set(err, told->code < 0 ? told->code : -EIO, "the process of user %u says: %s",
                         user, told->message);
}

int farewell_wait(struct farewell_answer *answer, struct error *err)
{
        struct error told;
        ssize_t n;

        if (answer->fd < 0)
                return 0;
        n = recv(answer->fd, &told, sizeof(told), MSG_WAITALL);
        if (n < 0 && errno == EAGAIN)
                error_set(err, -ETIMEDOUT,
                          "it is unmounted, but the process of user %u has not sealed it in %u s",
                          answer->user, STRANGER_SECONDS);
        farewell_forget(answer);
        if (error_is_set(err))
                return err->code;
        if (n != sizeof(told))
                return error_set(err, -EIO,
                                 "the filesystem's process ended before it had sealed "
                                 "what was changed");
        told.message[sizeof(told.message) - 1] = told.hint[sizeof(told.hint) - 1] = '\0';
        if (!error_is_set(&told))
                return 0;
        if (answer->of_stranger)
                return tell_of_stranger(answer->user, &told, err);
        *err = told;
        return told.code;
}

void farewell_forget(struct farewell_answer *answer)
{
        cleanup_close(&answer->fd);
        answer->fd = -1;
}
