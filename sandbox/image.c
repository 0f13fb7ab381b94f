#include "host.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* The programs and their sizes in bytes, put there by image.S and network.S. */
extern const unsigned char sandbox_image[], network_image[];
extern const uint64_t sandbox_image_size, network_image_size;

/* Sealed, so that not even a process with a descriptor of it can change what the next sandbox
 * executes. */
static int open_memory(const void *image, size_t size)
{
        _cleanup_close_ int fd = -1;
        int r;

        fd = memfd_create("varve-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (fd < 0 && errno == EINVAL) /* before Linux 6.3, where all are executable */
                fd = memfd_create("varve-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = io_write(fd, image, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Where the host forbids to execute memory (sysctl vm.memfd_noexec=2): a file without a name, open
 * for reading alone, on the first filesystem that lets files be executed. */
static int open_unnamed_file(const void *image, size_t size)
{
        static const char *const directories[] = { "/tmp", "/var/tmp", "/dev/shm", "." };
        int last = -EACCES;

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                _cleanup_close_ int writer = -1;
                struct statvfs fs;
                char self[64];
                int reader;

                if (statvfs(directories[i], &fs) < 0 || fs.f_flag & ST_NOEXEC)
                        continue;
                writer = open(directories[i], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0500);
                if (writer < 0 || io_write(writer, image, size) < 0) {
                        last = -errno;
                        continue;
                }
                snprintf(self, sizeof(self), "/proc/self/fd/%d", writer);
                reader = open(self, O_RDONLY | O_CLOEXEC);
                if (reader >= 0)
                        return reader;
                last = -errno;
        }
        return last;
}

static int open_image(const void *image, size_t size, struct error *err)
{
        int fd = open_memory(image, size);

        if (fd < 0)
                fd = open_unnamed_file(image, size);
        if (fd < 0) {
                error_set_errno(err, fd, "cannot make the sandbox's program executable");
                return error_hint(err, "The host forbids to execute memory, and neither /tmp nor "
                                       "/var/tmp allows executables. Its administrator can allow "
                                       "the former: sudo sysctl -w vm.memfd_noexec=1");
        }
        return fd;
}

int image_open(struct error *err)
{
        return open_image(sandbox_image, sandbox_image_size, err);
}

int image_open_network(struct error *err)
{
        return open_image(network_image, network_image_size, err);
}
