/*
 * Who is at the other end of a socket: the process that connected, as what it believes to be.
 * Servers that know their users by it (PostgreSQL, D-Bus) are set up in many builds.
 */
#include "request.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Reads the number behind `key` of /proc/PID/status, the last of its line. Returns 0 if there is
 * none. */
static pid_t status_of(pid_t pid, const char *key)
{
        struct error ignored = ERROR_INIT;
        struct buf status = BUF_INIT;
        pid_t number = 0;
        char path[64];
        char *at;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        if (io_read_file(AT_FDCWD, path, REQUEST_STATUS_MAX, &status, &ignored) == 0 &&
            (at = strstr(status.data, key))) {
                at[strcspn(at + 1, "\n") + 1] = '\0';
                at = strrchr(at, '\t');
                number = at ? atoi(at + 1) : 0;
        }
        buf_done(&status);
        return number;
}

/* A copy of the process's descriptor, or a negative errno. */
static int take_socket(const struct request *request)
{
        _cleanup_close_ int pidfd = -1;
        pid_t process = status_of(request->pid, "\nTgid:");
        int fd;

        pidfd = (int)syscall(SYS_pidfd_open, process, 0);
        if (pidfd < 0)
                return -errno;
        fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)request->args[0], 0);
        return fd < 0 ? -errno : fd;
}

int emulate_getsockopt(struct request *request)
{
        struct emulator *emulator = request->emulator;
        const struct credentials *credentials;
        _cleanup_close_ int fd = -1;
        struct ucred peer;
        socklen_t size = sizeof(peer), room;
        int r;

        if (!emulator->ids_differ || (int)request->args[1] != SOL_SOCKET)
                return REQUEST_PASS;
        fd = take_socket(request);
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0)
                return REQUEST_PASS;
        r = request_read(request, request->args[4], &room, sizeof(room));
        if (r < 0)
                return r;
        credentials = emulator_credentials(emulator, peer.pid);
        peer = (struct ucred){ .pid = status_of(peer.pid, "\nNSpid:"),
                               .uid = credentials->user.effective,
                               .gid = credentials->group.effective };
        if (room < size)
                size = room;
        r = request_write(request, request->args[3], &peer, size);
        return r < 0 ? r : request_write(request, request->args[4], &size, sizeof(size));
}
