#include "base/cleanup.h"
#include "base/io.h"
#include "commands.h"
#include "log.h"
#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_BYTES_MAX ((size_t)64 << 10)

/* A line without its end. */
static int take_line(struct buf *text)
{
        char *end = memchr(buf_str(text), '\n', text->len);

        if (end)
                text->len = (size_t)(end - text->data);
        while (text->len > 0 && text->data[text->len - 1] == '\r')
                text->len--;
        if (text->data)
                text->data[text->len] = '\0';
        return text->len > 0 ? 0 : -EINVAL;
}

static int read_line(int fd, struct buf *ret, struct error *err)
{
        char c = '\0';
        int r = 0;

        while (r == 0 && c != '\n' && ret->len < PASSWORD_BYTES_MAX) {
                ssize_t n = io_read(fd, &c, 1);

                if (n <= 0)
                        break;
                r = buf_append_char(ret, c);
        }
        return r < 0 ? error_set_oom(err) : 0;
}

/* Asks at the terminal; what is typed is shown where `echo`. */
static int ask(const char *what, bool echo, struct buf *ret, struct error *err)
{
        struct termios before, quiet;
        int r;

        if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
                error_set(err, -EINVAL, "there is nobody to ask for the %s", what);
                return error_hint(err, "Give -u USER, and the password with --password-stdin.");
        }
        quiet = before;
        if (!echo)
                quiet.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", what);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        r = read_line(STDIN_FILENO, ret, err);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        if (!echo)
                fprintf(stderr, "\n");
        if (r == 0 && take_line(ret) < 0)
                r = error_set(err, -EINVAL, "there is no %s", what);
        return r;
}

struct login_flags {
        const char *user;
        const char *password;
        bool from_stdin;
        bool insecure;
};

static int get_password(const struct login_flags *flags, struct buf *ret, struct error *err)
{
        int r;

        if (flags->password) {
                log_print(LOG_LEVEL_WARNING, "other users can see a password on the command line; "
                                             "use --password-stdin");
                return buf_append_str(ret, flags->password) < 0 ? error_set_oom(err) : 0;
        }
        if (!flags->from_stdin)
                return ask("Password", false, ret, err);
        r = io_read_fd(STDIN_FILENO, "standard input", PASSWORD_BYTES_MAX, ret, err);
        if (r == 0 && take_line(ret) < 0)
                r = error_set(err, -EINVAL, "there is no password on standard input");
        return r;
}

static int login(const struct login_flags *flags, const char *host, struct error *err)
{
        struct registry_options options = { .insecure = flags->insecure, .notice = log_notice };
        struct buf user = BUF_INIT, password = BUF_INIT;
        struct registry *registry = NULL;
        int r = 0;

        if (flags->user && buf_append_str(&user, flags->user) < 0)
                r = error_set_oom(err);
        else if (!flags->user)
                r = ask("User", true, &user, err);
        if (r == 0)
                r = get_password(flags, &password, err);
        if (r == 0)
                r = registry_new(&options, &registry, err);
        if (r == 0)
                r = registry_login(registry, host, buf_str(&user), buf_str(&password), err);
        registry_free(registry);
        if (password.data)
                explicit_bzero(password.data, password.cap);
        buf_done(&password);
        buf_done(&user);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct login_flags flags = { .user = NULL };
        const struct option_spec options[] = {
                { OPTION_STRING, 'u', "username", &flags.user, "USER", "Who logs in (asks)" },
                { OPTION_STRING, 'p', "password", &flags.password, "PASSWORD",
                  "The password, for all to see (asks)" },
                { OPTION_FLAG, 0, "password-stdin", &flags.from_stdin, NULL,
                  "Read the password from standard input" },
                INSECURE_OPTION(&flags.insecure),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 1, &arguments, NULL,
                       &status))
                return status;
        if (login(&flags, arguments.count > 0 ? arguments.items[0] : NULL, &err) < 0)
                return cli_fail(&err, EXIT_FAILURE);
        printf("Logged in.\n");
        return EXIT_SUCCESS;
}

const struct command cmd_login = {
        .name = "login",
        .arguments = "[OPTIONS] [HOST]",
        .summary = "Log in to a registry",
        .details =
                "The registry is asked whether it lets the user in; then user and password are\n"
                "kept where podman and docker look for them, too. HOST left out is Docker Hub.\n\n"
                "Example:\n"
                "  varve login -u alice --password-stdin registry.example <password.txt",
        .run = run,
};
