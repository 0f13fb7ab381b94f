#include "client.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client that does not read, and its other end. */
static struct client make(int *ret_other)
{
        int ends[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
        *ret_other = ends[1];
        return (struct client){ .fd = ends[0] };
}

Test(client, gets_all_messages_in_order_however_late_it_reads)
{
        char *data = calloc(1, CHANNEL_CHUNK), *buffer = malloc(CHANNEL_MESSAGE_MAX);
        struct channel_message message;
        struct channel_end end;
        int other;
        struct client client = make(&other);

        for (int i = 0; i < 64; i++) {
                memcpy(data, &i, sizeof(i));
                client_give(&client, i % 2 ? CHANNEL_STDERR : CHANNEL_STDOUT, data, CHANNEL_CHUNK);
        }
        cr_assert(client.pending.len > 0);
        client_tell_end(&client, 7, NULL);
        cr_assert(client.fd >= 0);
        for (int i = 0; i < 64; i++) {
                if (client.fd >= 0)
                        client_flush(&client);
                cr_assert_eq(channel_receive(other, buffer, &message), 0);
                cr_assert_eq(message.type, i % 2 ? CHANNEL_STDERR : CHANNEL_STDOUT);
                cr_assert_eq(message.len, CHANNEL_CHUNK);
                cr_assert_eq(memcmp(message.data, &i, sizeof(i)), 0);
        }
        if (client.fd >= 0)
                client_flush(&client);
        cr_assert_eq(channel_receive(other, buffer, &message), 0);
        cr_assert_eq(message.type, CHANNEL_END);
        memcpy(&end, message.data, sizeof(end));
        cr_assert_eq(end.status, 7);
        cr_assert_eq(client.fd, -1, "dropped once it knows the end");
        close(other);
        free(buffer);
        free(data);
}

Test(client, is_dropped_when_it_is_gone)
{
        int other;
        struct client client = make(&other);

        close(other);
        client_give(&client, CHANNEL_STDOUT, "x", 1);
        cr_assert_eq(client.fd, -1);
}
