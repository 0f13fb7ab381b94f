#include "context.h"

#include "../store/fresh.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct fixture {
        char root[40];
        struct context context;
        struct buf text;
        struct error err;
};

static void begin(struct fixture *fixture)
{
        *fixture = (struct fixture){ .root = "/tmp/varve-context-XXXXXX" };
        cr_assert_not_null(mkdtemp(fixture->root));
        cr_assert_eq(context_open_directory(fixture->root, &fixture->context, &fixture->err), 0);
}

static void end(struct fixture *fixture)
{
        struct error ignored = ERROR_INIT;

        context_done(&fixture->context);
        buf_done(&fixture->text);
        io_remove_tree(AT_FDCWD, fixture->root, &ignored);
}

static void put(struct fixture *fixture, const char *name, const char *text)
{
        cr_assert_eq(io_write_file_atomic(fixture->context.source.root_fd, name, text, strlen(text),
                                          0644, &fixture->err),
                     0);
}

static int read_it(struct fixture *fixture, const char *name, size_t max)
{
        return context_read(&fixture->context, name, max, &fixture->text, &fixture->err);
}

Test(context, reads_files_by_links_that_stay_inside)
{
        struct fixture fixture;

        begin(&fixture);
        put(&fixture, "f", "text");
        cr_assert_eq(symlinkat("/f", fixture.context.source.root_fd, "link"), 0);
        cr_assert_eq(read_it(&fixture, "link", 100), 0, "%s", fixture.err.message);
        cr_assert_str_eq(buf_str(&fixture.text), "text");
        cr_assert_eq(symlinkat("../../etc/passwd", fixture.context.source.root_fd, "out"), 0);
        cr_assert_eq(read_it(&fixture, "out", 100), -ENOENT);
        cr_assert(!error_is_set(&fixture.err));
        end(&fixture);
}

Test(context, reads_nothing_but_files_and_no_more_than_it_may)
{
        struct fixture fixture;

        begin(&fixture);
        put(&fixture, "f", "text");
        cr_assert_eq(mkfifoat(fixture.context.source.root_fd, "fifo", 0600), 0);
        cr_assert_eq(read_it(&fixture, "fifo", 100), -EINVAL);
        fixture.err = ERROR_INIT;
        cr_assert_eq(read_it(&fixture, "f", 3), -E2BIG);
        fixture.err = ERROR_INIT;
        cr_assert_eq(read_it(&fixture, "none", 3), -ENOENT);
        cr_assert(!error_is_set(&fixture.err));
        end(&fixture);
}

Test(context, takes_the_ignore_file_beside_the_Dockerfile_before_its_own)
{
        struct fixture fixture;

        begin(&fixture);
        put(&fixture, ".dockerignore", "own\n");
        put(&fixture, "D.dockerignore", "beside\n");
        cr_assert_eq(context_read_ignore(&fixture.context, "D.dockerignore", false, &fixture.err),
                     0);
        cr_assert(ignore_matches(fixture.context.source.ignore, "beside"));
        cr_assert(!ignore_matches(fixture.context.source.ignore, "own"));
        end(&fixture);

        begin(&fixture);
        put(&fixture, ".dockerignore", "own\n");
        cr_assert_eq(context_read_ignore(&fixture.context, "D.dockerignore", false, &fixture.err),
                     0);
        cr_assert(ignore_matches(fixture.context.source.ignore, "own"));
        end(&fixture);

        begin(&fixture);
        cr_assert_eq(context_read_ignore(&fixture.context, NULL, false, &fixture.err), 0);
        cr_assert_null(fixture.context.source.ignore);
        end(&fixture);
}

Test(context, names_the_line_of_a_bad_pattern)
{
        struct fixture fixture;

        begin(&fixture);
        put(&fixture, ".dockerignore", "fine\n[\n");
        cr_assert_eq(context_read_ignore(&fixture.context, NULL, false, &fixture.err), -EINVAL);
        cr_assert_not_null(strstr(fixture.err.message, ".dockerignore:2"));
        end(&fixture);
}

Test(context, an_archive_is_read_behind_what_was_read_of_it)
{
        static const char command[] = "cd %s && printf inside >f && tar -czf a.tgz f";
        struct context archive = CONTEXT_INIT;
        struct buf begun = BUF_INIT;
        struct fixture fixture;
        struct fresh fresh;
        char text[100];
        int fd;

        fresh_begin(&fresh);
        begin(&fixture);
        snprintf(text, sizeof(text), command, fixture.root);
        cr_assert_eq(system(text), 0); /* NOLINT: of our own making */
        fd = openat(fixture.context.source.root_fd, "a.tgz", O_RDONLY | O_CLOEXEC);
        cr_assert_eq(buf_reserve(&begun, 10), 0);
        begun.len = (size_t)io_read(fd, begun.data, 10);
        cr_assert_eq(context_open_archive(fresh.store, fd, &begun, &archive, &fixture.err), 0, "%s",
                     fixture.err.message);
        cr_assert_eq(context_read(&archive, "f", 100, &fixture.text, &fixture.err), 0);
        cr_assert_str_eq(buf_str(&fixture.text), "inside");
        context_done(&archive);
        buf_done(&begun);
        close(fd);
        end(&fixture);
        fresh_end(&fresh);
}
