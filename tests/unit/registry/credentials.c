#include "credentials.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "oci/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a document says of a registry: "user:password", "token TOKEN", or "" for nothing. */
static void assert_says(const char *text, const char *host, const char *path, const char *expected)
{
        struct credentials found = CREDENTIALS_INIT;
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *document = NULL;
        char said[200] = "";
        bool any;

        cr_assert_eq(json_parse_object(text, strlen(text), "a test", &document, &err), 0);
        cr_assert_eq(credentials_read(document, host, path, &found, &any, &err), 0, "%s",
                     err.message);
        if (found.identity_token)
                snprintf(said, sizeof(said), "token %s", found.identity_token);
        else if (any)
                snprintf(said, sizeof(said), "%s:%s", found.user, found.password);
        cr_assert_str_eq(said, expected);
        cr_assert_eq(any, *expected != '\0');
        credentials_done(&found);
}

/* user:password is dXNlcjpwYXNzd29yZA==, other:one is b3RoZXI6b25l. */
Test(credentials, are_found_by_host)
{
        static const char text[] =
                "{\"auths\":{\"a.example\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\"},"
                "\"https://b.example/v1/\":{\"username\":\"u\",\"password\":\"p:q\"},"
                "\"c.example\":{}}}";

        assert_says(text, "a.example", "any/thing", "user:password");
        assert_says(text, "b.example", NULL, "u:p:q");
        assert_says(text, "c.example", NULL, "");
        assert_says(text, "a.example.evil", NULL, "");
        assert_says(text, "example", NULL, "");
}

Test(credentials, of_the_longest_path_count)
{
        static const char text[] = "{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\"},"
                                   "\"h/team\":{\"auth\":\"b3RoZXI6b25l\"}}}";

        assert_says(text, "h", "team/app", "other:one");
        assert_says(text, "h", "teams/app", "user:password");
        assert_says(text, "h", NULL, "user:password");
}

Test(credentials, of_docker_hub_stand_under_its_old_name)
{
        assert_says("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"b3RoZXI6b25l\"}}}",
                    "docker.io", "library/debian", "other:one");
}

Test(credentials, may_be_an_identity_token)
{
        assert_says(
                "{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\",\"identitytoken\":\"t\"}}}",
                "h", NULL, "token t");
        assert_says("{\"auths\":{\"h\":{\"username\":\"<token>\",\"password\":\"t\"}}}", "h", NULL,
                    "token t");
}

Test(credentials, that_are_empty_are_none)
{
        assert_says("{\"credsStore\":\"\",\"auths\":{\"h\":{\"auth\":\"b3RoZXI6b25l\"}}}", "h",
                    NULL, "other:one");
        assert_says("{\"credHelpers\":{\"h\":\"\"},"
                    "\"auths\":{\"h\":{\"auth\":\"b3RoZXI6b25l\"}}}",
                    "h", NULL, "other:one");
        assert_says("{\"auths\":{\"h\":{\"auth\":\"b3RoZXI6b25l\",\"identitytoken\":\"\","
                    "\"registrytoken\":\"\"}}}",
                    "h", NULL, "other:one");
        assert_says("{\"auths\":{\"h\":{\"identitytoken\":\"\"}}}", "h", NULL, "");
}

Test(credentials, may_have_blanks_behind_the_base64)
{
        assert_says("{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\\r\\n\"}}}", "h", NULL,
                    "user:password");
}

Test(credentials, that_are_no_base64_are_refused)
{
        static const char *const bad[] = { "{\"auths\":{\"h\":{\"auth\":\"!!\"}}}",
                                           "{\"auths\":{\"h\":{\"auth\":\"dXNlcg==\"}}}",
                                           "{\"auths\":{\"h\":{\"auth\":\"====\"}}}",
                                           "{\"auths\":[]}",
                                           "{\"credHelpers\":{\"h\":\"../../bin/sh\"}}" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct credentials found = CREDENTIALS_INIT;
                struct error err = ERROR_INIT;
                _cleanup_json_ json_t *document = NULL;
                bool any;

                cr_assert_eq(json_parse_object(bad[i], strlen(bad[i]), "a test", &document, &err),
                             0);
                cr_assert_lt(credentials_read(document, "h", NULL, &found, &any, &err), 0, "%s",
                             bad[i]);
                cr_assert(error_is_set(&err));
        }
}

Test(credentials, are_kept_for_their_owner_alone_and_forgotten)
{
        char dir[] = "/tmp/varve-auth-XXXXXX", path[100];
        struct credentials found;
        struct error err = ERROR_INIT;
        struct stat st;
        bool any;

        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/below/auth.json", dir);
        setenv("REGISTRY_AUTH_FILE", path, 1);
        cr_assert_eq(credentials_keep("h:5000", "alice", "s3:cret", &err), 0, "%s", err.message);
        cr_assert_eq(credentials_keep("other", "bob", "x", &err), 0);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        cr_assert_eq(credentials_find("h:5000", "a/b", &found, &err), 0);
        cr_assert_str_eq(found.user, "alice");
        cr_assert_str_eq(found.password, "s3:cret");
        credentials_done(&found);
        cr_assert_eq(credentials_forget("h:5000", &any, &err), 0);
        cr_assert(any);
        cr_assert_eq(credentials_forget("h:5000", &any, &err), 0);
        cr_assert(!any);
        cr_assert_eq(credentials_find("h:5000", NULL, &found, &err), 0);
        cr_assert(credentials_are_empty(&found));
        cr_assert_eq(credentials_forget(NULL, &any, &err), 0);
        cr_assert(any);
        unlink(path);
        *strrchr(path, '/') = '\0';
        rmdir(path);
        rmdir(dir);
}

Test(credentials, are_written_through_a_link)
{
        char dir[] = "/tmp/varve-auth-XXXXXX", path[100], real[100];
        struct error err = ERROR_INIT;
        struct stat st;

        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/auth.json", dir);
        snprintf(real, sizeof(real), "%s/real.json", dir);
        setenv("REGISTRY_AUTH_FILE", real, 1);
        cr_assert_eq(credentials_keep("h", "alice", "a", &err), 0, "%s", err.message);
        cr_assert_eq(symlink("real.json", path), 0);
        setenv("REGISTRY_AUTH_FILE", path, 1);
        cr_assert_eq(credentials_keep("other", "bob", "b", &err), 0, "%s", err.message);
        cr_assert_eq(lstat(path, &st), 0);
        cr_assert(S_ISLNK(st.st_mode));
        cr_assert_eq(lstat(real, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        unlink(path);
        unlink(real);
        rmdir(dir);
}

Test(credentials, are_found_however_the_host_is_written)
{
        static const char text[] = "{\"auths\":{\"H.example:443\":{\"auth\":\"b3RoZXI6b25l\"},"
                                   "\"docker.io\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\"}}}";

        assert_says(text, "h.example", "a/b", "other:one");
        assert_says(text, "h.EXAMPLE:443", NULL, "other:one");
        assert_says(text, "h.example:5000", NULL, "");
        assert_says(text, "registry-1.docker.io", "a/b", "user:password");
}

/* What a helper keeps, one file for each host, is what is to be seen of it. */
static const char keeper[] =
        "#!/bin/sh\ncd \"${0%/*}\" || exit\ncase $1 in\n"
        "store) sed 's/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1 &/' >in; "
        "read -r host text <in; rm in; echo \"$text\" >\"host-$host\" ;;\n"
        "get) read -r host; cat \"host-$host\" 2>&- || { echo 'credentials not found'; exit 1; } "
        ";;\n"
        "erase) read -r host; rm \"host-$host\" ;;\n"
        "list) printf '{'; for f in host-*; do [ ! -e \"$f\" ] || "
        "printf '%s\"%s\":\"u\"' \"$comma\" \"${f#host-}\"; comma=,; done; printf '}' ;;\nesac\n";

static void write_text(const char *path, const char *text, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

Test(credentials, are_kept_and_forgotten_by_the_helpers_of_the_file)
{
        static const char text[] =
                "{\"credsStore\":\"keeper\",\"credHelpers\":{\"own\":\"keeper\"},"
                "\"auths\":{\"h:1\":{\"auth\":\"b3RoZXI6b25l\"},"
                "\"plain\":{\"auth\":\"b3RoZXI6b25l\"}}}";
        char dir[] = "/tmp/varve-helper-XXXXXX", path[100], program[100], search[200];
        struct error err = ERROR_INIT;
        struct buf left = BUF_INIT;
        struct credentials found;
        bool any;

        cr_assert_not_null(mkdtemp(dir));
        snprintf(program, sizeof(program), "%s/docker-credential-keeper", dir);
        snprintf(path, sizeof(path), "%s/auth.json", dir);
        snprintf(search, sizeof(search), "%s:/usr/bin:/bin", dir);
        write_text(program, keeper, 0700);
        write_text(path, text, 0600);
        setenv("PATH", search, 1);
        setenv("REGISTRY_AUTH_FILE", path, 1);
        cr_assert_eq(credentials_keep("h:1", "alice", "secret", &err), 0, "%s", err.message);
        cr_assert_eq(credentials_keep("own", "bob", "b", &err), 0, "%s", err.message);
        cr_assert_eq(credentials_keep("more", "eve", "e", &err), 0, "%s", err.message);
        cr_assert_eq(io_read_file(AT_FDCWD, path, 4096, &left, &err), 0);
        cr_assert_null(strstr(buf_str(&left), "h:1"), "an older one lies in the open");
        buf_done(&left);
        cr_assert_eq(credentials_find("h:1", NULL, &found, &err), 0, "%s", err.message);
        cr_assert_str_eq(found.password, "secret");
        credentials_done(&found);
        cr_assert_eq(credentials_forget("h:1", &any, &err), 0, "%s", err.message);
        cr_assert(any);
        cr_assert_eq(credentials_find("h:1", NULL, &found, &err), 0, "%s", err.message);
        cr_assert(credentials_are_empty(&found));
        cr_assert_eq(credentials_forget(NULL, &any, &err), 0, "%s", err.message);
        cr_assert(any);
        cr_assert_eq(credentials_find("own", NULL, &found, &err), 0, "%s", err.message);
        cr_assert(credentials_are_empty(&found));
        cr_assert_eq(credentials_find("more", NULL, &found, &err), 0, "%s", err.message);
        cr_assert(credentials_are_empty(&found));
        cr_assert_eq(credentials_find("plain", NULL, &found, &err), 0, "%s", err.message);
        cr_assert(credentials_are_empty(&found));
        cr_assert_eq(io_remove_tree(AT_FDCWD, dir, &err), 0);
}

Test(credentials, come_from_a_helper_that_the_file_names)
{
        static const char script[] =
                "#!/bin/sh\nread -r host\ncase $1:$host in\n"
                "get:h) echo '{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"from helper\"}' "
                ";;\n"
                "get:*) echo 'credentials not found in native keychain'; exit 1 ;;\nesac\n";
        static const char text[] = "{\"credHelpers\":{\"h\":\"test\",\"none\":\"test\"},"
                                   "\"auths\":{\"none\":{\"auth\":\"b3RoZXI6b25l\"}}}";
        char dir[] = "/tmp/varve-helper-XXXXXX", path[100], search[200];
        int fd;

        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/docker-credential-test", dir);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
        cr_assert_eq(write(fd, script, strlen(script)), (ssize_t)strlen(script));
        close(fd);
        snprintf(search, sizeof(search), "%s:/usr/bin:/bin", dir);
        setenv("PATH", search, 1);
        assert_says(text, "h", NULL, "u:from helper");
        assert_says(text, "none", NULL, "other:one");
        unlink(path);
        rmdir(dir);
}
