#include "container/port.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct strv ports;
static struct error err;

static void end(void)
{
        strv_done(&ports);
        err = ERROR_INIT;
}

TestSuite(port, .fini = end);

static const char *first(const char *text)
{
        strv_done(&ports);
        cr_assert_eq(ports_parse(text, &ports, &err), 0, "%s: %s", text, err.message);
        return ports.items[0];
}

Test(port, reads_what_docker_reads)
{
        cr_expect_str_eq(first("8080:80"), "tcp 0.0.0.0 8080 80");
        cr_expect_str_eq(first("127.0.0.1:8080:80/tcp"), "tcp 127.0.0.1 8080 80");
        cr_expect_str_eq(first("53:53/udp"), "udp 0.0.0.0 53 53");
        cr_expect_str_eq(first("[::1]:8080:80"), "tcp ::1 8080 80");
        cr_expect_str_eq(first("8000-8002:80-82"), "tcp 0.0.0.0 8000 80");
        cr_expect_eq(ports.count, 3);
        cr_expect_str_eq(ports.items[2], "tcp 0.0.0.0 8002 82");
}

Test(port, finds_one_of_the_host_where_none_is_named)
{
        unsigned port = 0;

        cr_assert_eq(sscanf(first("80"), "tcp 0.0.0.0 %u 80", &port), 1);
        cr_expect_gt(port, 0);
        cr_assert_eq(sscanf(first("127.0.0.1::80"), "tcp 127.0.0.1 %u 80", &port), 1);
        cr_expect_gt(port, 0);
}

Test(port, is_the_first_of_a_range_that_is_free)
{
        struct sockaddr_in where = { .sin_family = AF_INET };
        socklen_t len = sizeof(where);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char text[64], expected[64];
        unsigned taken;

        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
        cr_assert_eq(listen(fd, 1), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&where, &len), 0);
        taken = ntohs(where.sin_port);
        snprintf(text, sizeof(text), "127.0.0.1:%u-%u:80", taken, taken + 1);
        snprintf(expected, sizeof(expected), "tcp 127.0.0.1 %u 80", taken + 1);
        cr_expect_str_eq(first(text), expected);
        cr_expect_eq(ports.count, 1);
        close(fd);
}

Test(port, refuses_what_is_none)
{
        static const char *const bad[] = { "",          "x",           "0:80",       "80:",
                                           "70000:80",  "8080:80/ftp", "1-2:80-85",  "a:80:80",
                                           "1.2.3:1:1", "[::1:80:80",  "80:80:80:80" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                err = ERROR_INIT;
                cr_expect_eq(ports_parse(bad[i], &ports, &err), -EINVAL, "%s", bad[i]);
        }
        cr_expect_eq(ports.count, 0);
}

Test(port, is_shown_as_docker_shows_it)
{
        struct strv exposed = STRV_INIT;
        struct buf text = BUF_INIT;

        cr_assert_eq(strv_add(&exposed, "80/tcp") + strv_add(&exposed, "443/tcp"), 0);
        first("127.0.0.1:8080:80");
        cr_assert_eq(ports_describe(&ports, &exposed, &text), 0);
        cr_expect_str_eq(buf_str(&text), "443/tcp, 127.0.0.1:8080->80/tcp");
        buf_done(&text);
        strv_done(&exposed);
}

Test(port, that_is_taken_is_told)
{
        struct sandbox_port *list, *others;
        size_t count;
        int fd;

        first("127.0.0.1::80");
        cr_assert_eq(ports_to_sandbox(&ports, &list, &count, &err), 0);
        cr_expect_eq(ports_check(list, count, &err), 0);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(bind(fd,
                          (struct sockaddr *)&(struct sockaddr_in){
                                  .sin_family = AF_INET,
                                  .sin_port = htons(list[0].host_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
                          sizeof(struct sockaddr_in)),
                     0);
        cr_assert_eq(listen(fd, 1), 0);
        others = list;
        cr_expect_eq(ports_check(others, count, &err), -EADDRINUSE);
        cr_expect(strstr(err.message, "port is already allocated"));
        close(fd);
        free(list);
}
