#include "agent.h"

#include "../store/fresh.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int listen_at(const char *path, struct sockaddr_un *ret)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
        cr_assert_eq(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
        cr_assert_eq(listen(fd, 5), 0);
        return fd;
}

/* Connects to the socket's file, as the step does by its mount. */
static int connect_to(const struct agent_relay *relay)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d",
                 agent_relay_fd(relay));
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void assert_comes(int fd, const char *text)
{
        char got[20] = "";

        cr_assert_eq(io_read(fd, got, strlen(text)), (ssize_t)strlen(text));
        cr_assert_str_eq(got, text);
}

Test(agent, passes_on_what_is_said_in_both_directions, .timeout = 20)
{
        struct agent_relay *relay = NULL;
        struct sockaddr_un address;
        int listening, client, agent;
        struct fresh fresh;
        char path[60];
        struct stat st;

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/agent", fresh.root);
        listening = listen_at(path, &address);
        cr_assert_eq(agent_relay_start(fresh.store, path, 0640, &relay, &fresh.err), 0, "%s",
                     fresh.err.message);
        cr_assert_eq(fstat(agent_relay_fd(relay), &st), 0);
        cr_assert_eq(st.st_mode, S_IFSOCK | 0640);
        /* It has looked whether there is anybody. */
        close(accept(listening, NULL, NULL));
        client = connect_to(relay);
        agent = accept(listening, NULL, NULL);
        cr_assert_eq(io_write(client, "ask", 3), 0);
        assert_comes(agent, "ask");
        cr_assert_eq(io_write(agent, "answer", 6), 0);
        assert_comes(client, "answer");
        agent_relay_free(relay);
        assert_comes(client, "");
        close(client);
        close(agent);
        close(listening);
        fresh_end(&fresh);
}

Test(agent, one_that_is_gone_is_refused_at_once_and_closes_who_comes_later, .timeout = 20)
{
        struct agent_relay *relay = NULL;
        struct sockaddr_un address;
        struct fresh fresh;
        char path[60], byte;
        int client, listening;

        fresh_begin(&fresh);
        snprintf(path, sizeof(path), "%s/agent", fresh.root);
        listening = listen_at(path, &address);
        cr_assert_eq(agent_relay_start(fresh.store, path, 0600, &relay, &fresh.err), 0);
        close(listening);
        client = connect_to(relay);
        cr_assert_eq(io_read(client, &byte, 1), 0);
        close(client);
        agent_relay_free(relay);
        cr_assert_lt(agent_relay_start(fresh.store, path, 0600, &relay, &fresh.err), 0);
        fresh_end(&fresh);
}
