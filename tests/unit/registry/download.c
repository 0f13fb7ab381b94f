#include "registry/download.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_BYTES 100000

/* To whoever connects it sends `head` and then zeros without end. Returns its process. */
static pid_t serve_without_end(const char *head, char ret_url[static 64])
{
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t len = sizeof(address);
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(bind(listening, (struct sockaddr *)&address, len), 0);
        cr_assert_eq(listen(listening, 8), 0);
        cr_assert_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
        snprintf(ret_url, 64, "http://127.0.0.1:%u/file", ntohs(address.sin_port));
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                static const char zeros[65536];

                signal(SIGPIPE, SIG_IGN);
                for (;;) {
                        int fd = accept(listening, NULL, NULL);

                        if (fd < 0 || io_write(fd, head, strlen(head)) < 0)
                                _exit(1);
                        while (io_write(fd, zeros, sizeof(zeros)) == 0)
                                ;
                        close(fd);
                }
        }
        close(listening);
        return pid;
}

static void assert_ends(const char *head, int code, const char *words)
{
        struct registry_options options = { .insecure = false };
        struct registry_download download;
        struct registry *registry = NULL;
        struct error err = ERROR_INIT;
        char url[64];
        pid_t server = serve_without_end(head, url);
        int fd = memfd_create("download", MFD_CLOEXEC);
        struct stat st;

        cr_assert_eq(registry_new(&options, &registry, &err), 0, "%s", err.message);
        cr_expect_eq(registry_download(registry, url, LIMIT_BYTES, fd, &download, &err), code, "%s",
                     err.message);
        cr_expect_not_null(strstr(err.message, words), "%s", err.message);
        cr_expect_eq(fstat(fd, &st), 0);
        cr_expect_leq(st.st_size, LIMIT_BYTES);
        registry_free(registry);
        close(fd);
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
}

Test(download, ends_with_its_limit_where_a_body_has_no_end)
{
        assert_ends("HTTP/1.1 200 OK\r\n\r\n", -EFBIG, "larger than 100000 bytes");
}

Test(download, ends_where_a_header_has_no_end)
{
        /* libcurl says so of a line that is longer than any it takes. */
        assert_ends("HTTP/1.1 200 OK\r\nX: ", -ENOMEM, "memory");
}
