#include "../../../sandbox/network/datagram.h"

#include "sandbox/network.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define INNER_PORT 5000
#define PAYLOAD    42 /* where it stands in a frame */

/* A port of loopback that leads to INNER_PORT; `ret_client` is a socket connected to it. */
static struct datagrams *listen_on(const char *address, int *ret_client)
{
        struct sockaddr_storage any = { .ss_family = AF_INET }, where;
        struct datagrams *datagrams = datagrams_new();
        struct sockaddr_in *narrow = (struct sockaddr_in *)&any;
        socklen_t len = sizeof(where);

        cr_assert_eq(inet_pton(AF_INET, address, &narrow->sin_addr), 1);
        cr_assert_not_null(datagrams);
        cr_assert_eq(datagrams_listen(datagrams, &any, sizeof(*narrow), INNER_PORT), 0);
        cr_assert_eq(datagrams_count(datagrams), 1);
        cr_assert_eq(getsockname(datagrams_fd(datagrams, 0), (struct sockaddr *)&where, &len), 0);
        *ret_client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        cr_assert_eq(connect(*ret_client, (struct sockaddr *)&where, len), 0);
        return datagrams;
}

static void swap(uint8_t *one, uint8_t *other, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                uint8_t kept = one[i];

                one[i] = other[i];
                other[i] = kept;
        }
}

/* Makes what was sent what comes back. */
static void turn(uint8_t *frame)
{
        memcpy(frame + 6, "sandbx", 6);
        swap(frame + 26, frame + 30, 4);
        swap(frame + 34, frame + 36, 2);
}

static void expect_answer(int client, const char *text)
{
        char answer[64];
        ssize_t n = recv(client, answer, sizeof(answer), 0);

        cr_expect_eq(n, (ssize_t)strlen(text), "%zd", n);
        cr_expect(n > 0 && memcmp(answer, text, (size_t)n) == 0);
}

Test(datagram, goes_in_as_a_frame_and_its_answer_comes_back)
{
        static uint8_t frame[NETWORK_FRAME_MAX];
        int client;
        struct datagrams *datagrams = listen_on("127.0.0.1", &client);
        uint32_t sum = 0;
        size_t len;

        cr_expect_eq(datagrams_take(datagrams, 0, frame), 0, "nothing has come");
        cr_assert_eq(send(client, "ask", 3, 0), 3);
        len = datagrams_take(datagrams, 0, frame);
        cr_assert_eq(len, PAYLOAD + 3);
        cr_expect_eq(memcmp(frame + PAYLOAD, "ask", 3), 0);
        cr_expect_eq(memcmp(frame + 26, "\x0a\x76\x61\x02\x0a\x76\x61\x64", 8), 0,
                     "from the gateway to the sandbox");
        cr_expect_eq(frame[36] << 8 | frame[37], INNER_PORT);
        for (size_t i = 14; i < 34; i += 2)
                sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
        cr_expect_eq((sum & 0xffff) + (sum >> 16), 0xffff, "the header's checksum is right");

        turn(frame);
        memcpy(frame + PAYLOAD, "yes", 3);
        cr_expect(datagrams_answer(datagrams, frame, len));
        expect_answer(client, "yes");
        cr_assert_eq(send(client, "", 0, 0), 0);
        cr_expect_eq(datagrams_take(datagrams, 0, frame), PAYLOAD, "one of nothing");
        cr_expect_eq(memcmp(frame, "sandbx", 6), 0, "its hardware address is known now");
        close(client);
        datagrams_free(datagrams);
}

Test(datagram, is_no_answer_to_whoever_has_not_asked)
{
        static uint8_t frame[NETWORK_FRAME_MAX];
        int client;
        struct datagrams *datagrams = listen_on("127.0.0.1", &client);
        const size_t len = PAYLOAD + 3;
        /* What is changed, of a good answer: protocol, fragment, both addresses, both ports,
         * lengths. */
        static const size_t changed[] = { 12, 14, 20, 21, 23, 26, 30, 34, 36, 16, 38 };

        cr_assert_eq(send(client, "ask", 3, 0), 3);
        cr_assert_eq(datagrams_take(datagrams, 0, frame), len);
        turn(frame);
        for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
                frame[changed[i]] ^= 0x11;
                cr_expect_not(datagrams_answer(datagrams, frame, len), "byte %zu", changed[i]);
                frame[changed[i]] ^= 0x11;
        }
        for (size_t cut = 0; cut < len; cut++)
                cr_expect_not(datagrams_answer(datagrams, frame, cut), "%zu bytes", cut);
        cr_expect(recv(client, frame, 1, MSG_PEEK) < 0 && errno == EAGAIN);
        cr_expect(datagrams_answer(datagrams, frame, len));
        close(client);
        datagrams_free(datagrams);
}

Test(datagram, tells_clients_of_one_port_apart)
{
        static uint8_t frames[2][NETWORK_FRAME_MAX];
        int clients[2];
        struct datagrams *datagrams = listen_on("127.0.0.1", &clients[0]);
        struct sockaddr_in own = { .sin_family = AF_INET }, where;
        socklen_t len = sizeof(own);

        cr_assert_eq(getpeername(clients[0], (struct sockaddr *)&where, &len), 0);
        cr_assert_eq(getsockname(clients[0], (struct sockaddr *)&own, &len), 0);
        /* Another address of loopback, the same port. */
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        clients[1] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        cr_assert_eq(bind(clients[1], (struct sockaddr *)&own, sizeof(own)), 0);
        cr_assert_eq(connect(clients[1], (struct sockaddr *)&where, sizeof(where)), 0);
        for (int i = 0; i < 2; i++) {
                cr_assert_eq(send(clients[i], "ask", 3, 0), 3);
                cr_assert_eq(datagrams_take(datagrams, 0, frames[i]), PAYLOAD + 3);
        }
        for (int i = 0; i < 2; i++) {
                turn(frames[i]);
                memcpy(frames[i] + PAYLOAD, i == 0 ? "one" : "two", 3);
                cr_expect(datagrams_answer(datagrams, frames[i], PAYLOAD + 3));
        }
        expect_answer(clients[0], "one");
        expect_answer(clients[1], "two");
        close(clients[0]);
        close(clients[1]);
        datagrams_free(datagrams);
}
