/*
 * Programs that keep credentials, by the protocol of docker-credential-helpers: the verb is the
 * argument, the host or a document comes to standard input, a document is the answer. What a helper
 * says on standard error is not ours; what it says of a failure is on standard output.
 */
#include "credentials.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define NAME_MAX_BYTES   64

/* It becomes the name of a program, and is not to lead elsewhere. */
static bool name_is_valid(const char *name)
{
        size_t len = strlen(name);

        return len > 0 && len <= NAME_MAX_BYTES &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                       len;
}

/* Starts it: `ret_in` is a socket, which whoever does not read leaves without a signal for us, and
 * `ret_out` a pipe, whose end is one whatever was not read of that. */
static int start(const char *program, const char *verb, int *ret_in, int *ret_out, pid_t *ret_pid)
{
        char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)verb, NULL };
        _cleanup_close_ int own_in = -1, own_out = -1, its_in = -1, its_out = -1;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        own_in = fds[0];
        its_in = fds[1];
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        own_out = fds[0];
        its_out = fds[1];
        sigemptyset(&none);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, its_in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, its_out, STDOUT_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        r = -posix_spawnp(ret_pid, program, &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (r < 0)
                return r;
        *ret_in = TAKE_FD(own_in);
        *ret_out = TAKE_FD(own_out);
        return 0;
}

static int send_all(int fd, const void *data, size_t len)
{
        for (const char *at = data; len > 0;) {
                ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                len -= (size_t)n;
        }
        return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

/* Runs a helper. Returns its exit status, or a negative errno. */
static int run(const char *name, const char *verb, const char *input, struct buf *ret,
               struct error *err)
{
        _cleanup_free_ char *program = NULL;
        _cleanup_close_ int in = -1, out = -1;
        int status = 0, r;
        pid_t pid;

        if (!name_is_valid(name))
                return error_set(err, -EINVAL, "\"%s\" is no name of a credential helper", name);
        if (asprintf(&program, "docker-credential-%s", name) < 0) {
                program = NULL;
                return error_set_oom(err);
        }
        r = start(program, verb, &in, &out, &pid);
        if (r < 0) {
                error_set_errno(err, r, "cannot run %s", program);
                return error_hint(err, "The file of credentials names it; install it, or take it "
                                       "out of credsStore and credHelpers.");
        }
        r = send_all(in, input, strlen(input));
        if (r == 0 || r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN)
                r = io_read_fd(out, program, ANSWER_BYTES_MAX, ret, err);
        else
                error_set_errno(err, r, "cannot write to %s", program);
        if (r < 0)
                kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* What it prints when it fails may say why; it has no secrets then. */
static int fail(const char *name, const struct buf *answer, struct error *err)
{
        return error_set(err, -EIO, "the credential helper %s: %.200s", name,
                         answer->len > 0 ? answer->data : "has failed");
}

static int read_answer(const struct buf *answer, struct credentials *ret, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        int r = json_parse_object(answer->data, answer->len, "a credential helper's answer",
                                  &document, err);

        if (r == 0)
                r = json_get_string_copy(document, "Username", &ret->user, err);
        if (r == 0)
                r = json_get_string_copy(document, "Secret", &ret->password, err);
        if (r == 0 && ret->user && strcmp(ret->user, "<token>") == 0) {
                ret->identity_token = TAKE_PTR(ret->password);
                secret_free(TAKE_PTR(ret->user));
        }
        return r;
}

int helper_get(const char *name, const char *host, struct credentials *ret, bool *ret_found,
               struct error *err)
{
        struct buf answer = BUF_INIT;
        int r = run(name, "get", host, &answer, err);

        *ret_found = false;
        if (r == 0) {
                r = read_answer(&answer, ret, err);
                *ret_found = r == 0 && !credentials_are_empty(ret);
        } else if (r > 0) {
                r = strstr(buf_str(&answer), "not found") ? 0 : fail(name, &answer, err);
        }
        if (answer.data)
                explicit_bzero(answer.data, answer.len);
        buf_done(&answer);
        return r;
}

int helper_store(const char *name, const char *host, const char *user, const char *password,
                 struct error *err)
{
        _cleanup_json_ json_t *document =
                json_pack("{s:s,s:s,s:s}", "ServerURL", host, "Username", user, "Secret", password);
        char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        struct buf answer = BUF_INIT;
        int r = text ? run(name, "store", text, &answer, err) : error_set_oom(err);

        if (r > 0)
                r = fail(name, &answer, err);
        secret_free(text);
        buf_done(&answer);
        return r;
}

int helper_list(const char *name, struct strv *ret, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        struct buf answer = BUF_INIT;
        const char *key;
        json_t *value;
        int r = run(name, "list", "unused", &answer, err);

        if (r > 0)
                r = fail(name, &answer, err);
        if (r == 0)
                r = json_parse_object(answer.data, answer.len, "a credential helper's answer",
                                      &document, err);
        json_object_foreach(document, key, value)
        {
                if (r == 0 && strv_add(ret, key) < 0)
                        r = error_set_oom(err);
        }
        buf_done(&answer);
        return r;
}

int helper_erase(const char *name, const char *host, struct error *err)
{
        struct buf answer = BUF_INIT;
        int r = run(name, "erase", host, &answer, err);

        if (r > 0)
                r = fail(name, &answer, err);
        buf_done(&answer);
        return r;
}
