#include "client.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct pending_head {
        enum channel_type type;
        uint32_t len;
};

void client_drop(struct client *client)
{
        close(client->fd);
        buf_done(&client->pending);
        *client = (struct client){ .fd = -1 };
}

/* The last message is the one after which there is nothing to say. */
static int send_message(struct client *client, enum channel_type type, const void *data, size_t len)
{
        int r = channel_send(client->fd, type, data, len, NULL, 0);

        if (r != -EAGAIN && (r < 0 || type == CHANNEL_END))
                client_drop(client);
        return r;
}

void client_give(struct client *client, enum channel_type type, const void *data, size_t len)
{
        const struct pending_head head = { .type = type, .len = (uint32_t)len };

        if (client->pending.len == 0 && send_message(client, type, data, len) != -EAGAIN)
                return;
        if (buf_append(&client->pending, &head, sizeof(head)) < 0 ||
            buf_append(&client->pending, data, len) < 0)
                client_drop(client);
}

void client_tell_end(struct client *client, int status, const struct error *err)
{
        struct channel_end end = { .status = status };

        if (err)
                end.err = *err;
        client_give(client, CHANNEL_END, &end, sizeof(end));
}

void client_flush(struct client *client)
{
        struct pending_head head;

        while (client->pending.len > 0) {
                const char *message = client->pending.data + sizeof(head);

                memcpy(&head, client->pending.data, sizeof(head));
                if (send_message(client, head.type, message, head.len) < 0 || client->fd < 0)
                        return;
                buf_cut_front(&client->pending, sizeof(head) + head.len);
        }
}

void client_answer(struct client *client, int r, const struct error *err)
{
        if (r < 0)
                channel_send(client->fd, CHANNEL_FAILED, err, sizeof(*err), NULL, 0);
        else
                channel_send(client->fd, CHANNEL_DONE, NULL, 0, NULL, 0);
}
