/*
 * Terminals of commands. They are made in the sandbox's own /dev/pts, by a descriptor of it that
 * was opened when it was mounted, so that neither the image nor the command can put anything else
 * in their place (CVE-2025-52565).
 */
#include "helper.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int terminal_make(struct helper *helper, struct error *err)
{
        const struct winsize size = { .ws_row = helper->spec->rows,
                                      .ws_col = helper->spec->columns };
        _cleanup_close_ int other = -1, ours = -1;
        unsigned int number;
        int unlocked = 0, r;
        char name[16];

        other = openat(helper->terminals_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (other < 0 || ioctl(other, TIOCSPTLCK, &unlocked) < 0 ||
            ioctl(other, TIOCGPTN, &number) < 0)
                return error_set_errno(err, -errno, "cannot make a terminal");
        snprintf(name, sizeof(name), "%u", number);
        ours = openat(helper->terminals_fd, name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        /* Above 0, 1 and 2, which it is going to be. */
        helper->terminal_fd = ours < 0 ? -1 : fcntl(ours, F_DUPFD_CLOEXEC, WIRE_SOCKET_FD);
        if (helper->terminal_fd < 0)
                return error_set_errno(err, -errno, "cannot open a terminal");
        ioctl(other, TIOCSWINSZ, &size);
        r = wire_send_child(WIRE_SOCKET_FD, WIRE_TERMINAL, helper->child, 0, other);
        return r < 0 ? error_set_errno(err, r, "cannot reach the caller of the sandbox") : 0;
}

int terminal_take(const struct helper *helper, struct error *err)
{
        /* With one id it is the user's already. */
        if (helper_has_ranges(helper) &&
            fchown(helper->terminal_fd, helper->spec->uid, (gid_t)-1) < 0)
                return error_set_errno(err, -errno, "cannot give the terminal to user %u",
                                       helper->spec->uid);
        if (ioctl(helper->terminal_fd, TIOCSCTTY, 0) < 0)
                return error_set_errno(err, -errno, "cannot take the terminal");
        for (int fd = 0; fd < WIRE_SOCKET_FD; fd++)
                if (dup2(helper->terminal_fd, fd) < 0)
                        return error_set_errno(err, -errno, "cannot use the terminal");
        return 0;
}
