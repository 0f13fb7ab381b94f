#include "dockerfile/ignore.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

DEFINE_CLEANUP(ignore, struct ignore, ignore_free)

static struct ignore *parse(const char *text)
{
        struct error err = ERROR_INIT;
        struct ignore *ignore = NULL;
        unsigned int line;

        cr_assert_eq(ignore_parse(text, strlen(text), &ignore, &line, &err), 0, "%s", err.message);
        return ignore;
}

static void assert_matches(const char *text, const char *path, bool matches)
{
        _cleanup_(cleanup_ignore) struct ignore *ignore = parse(text);

        cr_assert_eq(ignore_matches(ignore, path), matches, "%s: %s", text, path);
}

Test(ignore, reads_lines_as_patterns)
{
        _cleanup_(cleanup_ignore) struct ignore *ignore =
                parse("\xef\xbb\xbf# comment\r\n\n  a/  \r\n/b\n./c/../d\n # e\n! f/\n");
        _cleanup_(cleanup_ignore) struct ignore *empty = parse("# only\n\n  \n");

        cr_assert(ignore_matches(ignore, "a"));
        cr_assert(ignore_matches(ignore, "b"));
        cr_assert(ignore_matches(ignore, "d"));
        cr_assert(!ignore_matches(ignore, "c"));
        cr_assert(!ignore_matches(ignore, "x/b"));
        cr_assert(ignore_matches(ignore, "# e"));
        cr_assert(ignore_has_exceptions(ignore));
        cr_assert(!ignore_matches(empty, "a"));
}

Test(ignore, refuses_bad_patterns_and_names_their_line)
{
        static const char *const texts[] = { "a\n!\n", "a\n! \n", "a\n[\n", "a\nb\\\n", "a\n!/\n" };
        struct error err = ERROR_INIT;
        struct ignore *ignore;
        unsigned int line;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                cr_assert_eq(ignore_parse(texts[i], strlen(texts[i]), &ignore, &line, &err),
                             -EINVAL, "%s", texts[i]);
                cr_assert_eq(line, 2);
                err = ERROR_INIT;
        }
        cr_assert_eq(ignore_parse("a\0b", 3, &ignore, &line, &err), -EINVAL);
}

Test(ignore, takes_a_directory_with_all_that_lies_below)
{
        assert_matches("a", "a/b/c", true);
        assert_matches("a/*", "a/b/c", true);
        assert_matches("*/c", "a/b/c", false);
        assert_matches("a/b", "a/bc", false);
        assert_matches("**/b", "a/b/c", true);
}

Test(ignore, lets_the_last_pattern_that_matches_decide)
{
        assert_matches("*.md\n!README.md", "README.md", false);
        assert_matches("*.md\n!README.md", "a.md", true);
        assert_matches("!README.md\n*.md", "README.md", true);
        assert_matches("docs\n!docs/a", "docs/a", false);
        assert_matches("docs\n!docs/a", "docs/b", true);
        assert_matches("docs\n!docs/a\ndocs/a/x", "docs/a/x", true);
        assert_matches("**\n!keep", "keep/x/y", false);
        assert_matches("**\n!keep\nkeep/x", "keep/x/y", true);
}

Test(ignore, takes_patterns_of_flags)
{
        static const char *const patterns[] = { "*.o", " b ", "!c.o" };
        struct error err = ERROR_INIT;
        struct ignore *ignore;

        cr_assert_eq(ignore_new(patterns, 3, &ignore, &err), 0);
        cr_assert(ignore_matches(ignore, "a.o"));
        cr_assert(ignore_matches(ignore, "b"));
        cr_assert(!ignore_matches(ignore, "c.o"));
        ignore_free(ignore);
}

/* Walks down to `path` and asks for it there. */
static bool walk(const struct ignore *ignore, const char *path)
{
        struct ignore_scope *scopes[16] = { NULL };
        struct ignore_scope *scope = NULL;
        bool matched = false, sure = false, answer = false;
        char dir[64];
        size_t depth = 0;

        for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
                memcpy(dir, path, (size_t)(slash - path));
                dir[slash - path] = '\0';
                cr_assert_eq(ignore_enter(ignore, scope, dir, &scopes[depth], &matched), 0);
                scope = scopes[depth++];
                cr_assert(!sure || matched == answer, "%s", path);
                sure = ignore_scope_is_uniform(scope);
                answer = matched;
        }
        matched = ignore_test(ignore, scope, path);
        cr_assert(!sure || matched == answer, "%s is not what was said of the directory", path);
        for (size_t i = 0; i < depth; i++)
                ignore_scope_free(scopes[i]);
        return matched;
}

Test(ignore, gives_a_walk_the_same_answers)
{
        static const char *const texts[] = {
                "a",         "a/b", "**/b",      "*\n!a",           "a\n!a/b", "a/*\n!a/b\na/b/c",
                "**\n!**/c", "*/b", "a*\n!ab/c", "**/a/**\n!a/b/c",
        };
        static const char *const paths[] = {
                "a", "b", "ab", "a/b", "a/c", "b/a", "b/b", "ab/c", "a/b/c", "b/a/c", "a/b/c/d",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(cleanup_ignore) struct ignore *ignore = parse(texts[i]);

                for (size_t j = 0; j < ARRAY_SIZE(paths); j++)
                        cr_assert_eq(walk(ignore, paths[j]), ignore_matches(ignore, paths[j]),
                                     "%s: %s", texts[i], paths[j]);
        }
}

static bool is_uniform(const char *text, const char *dir)
{
        _cleanup_(cleanup_ignore) struct ignore *ignore = parse(text);
        struct ignore_scope *scope;
        bool matched, uniform;

        cr_assert_eq(ignore_enter(ignore, NULL, dir, &scope, &matched), 0);
        uniform = ignore_scope_is_uniform(scope);
        ignore_scope_free(scope);
        return uniform;
}

Test(ignore, tells_a_walk_what_it_need_not_enter)
{
        cr_assert(is_uniform("node_modules", "node_modules"));
        cr_assert(is_uniform("a\n!b/c", "a"));
        cr_assert(is_uniform("!a/b\na", "a"));
        cr_assert(is_uniform("x/y", "a"));
        cr_assert(is_uniform("a\na/b", "a"));
        cr_assert(is_uniform("!a/b", "a"));
        cr_assert(!is_uniform("a\n!a/b", "a"));
        cr_assert(!is_uniform("a\n!**/b", "a"));
        cr_assert(!is_uniform("*\n!*.md\n!*/*.md", "a"));
        cr_assert(!is_uniform("a/b", "a"));
        cr_assert(!is_uniform("**/b", "a"));
}

Test(ignore, walks_random_trees_as_it_says)
{
        static const char *const pieces[] = { "a", "b", "/", "*", "**/", "/**", "ab" };
        unsigned int seed = 20260102;

        cr_log_info("seed %u", seed);
        for (int round = 0; round < 3000; round++) {
                char text[256] = "";
                struct error err = ERROR_INIT;
                struct ignore *ignore;
                unsigned int line;

                for (int i = rand_r(&seed) % 4; i >= 0; i--) {
                        strcat(text, rand_r(&seed) % 3 ? "" : "!");
                        for (int j = rand_r(&seed) % 4; j >= 0; j--)
                                strcat(text, pieces[rand_r(&seed) % 7]);
                        strcat(text, "\n");
                }
                if (ignore_parse(text, strlen(text), &ignore, &line, &err) < 0)
                        continue;
                for (int i = 0; i < 20; i++) {
                        char path[64] = "";

                        for (int j = rand_r(&seed) % 4; j >= 0; j--) {
                                strcat(path, pieces[rand_r(&seed) % 2]);
                                strcat(path, j ? "/" : "");
                        }
                        walk(ignore, path);
                }
                ignore_free(ignore);
        }
}

Test(ignore, knows_when_the_whole_root_is_taken)
{
        static const struct {
                const char *text;
                bool all;
        } cases[] = {
                { "*", true }, { "a\n**", true }, { "**/*", true }, { "a", false }, { "!*", false }
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(cleanup_ignore) struct ignore *ignore = parse(cases[i].text);

                cr_assert_eq(ignore_takes_root(ignore), cases[i].all, "%s", cases[i].text);
        }
}

Test(ignore, is_limited_in_size_and_number)
{
        size_t len = IGNORE_SIZE_MAX + 1;
        _cleanup_free_ char *text = malloc(len);
        struct error err = ERROR_INIT;
        struct ignore *ignore;
        unsigned int line;

        memset(text, '\n', len);
        cr_assert_eq(ignore_parse(text, len, &ignore, &line, &err), -E2BIG);
        for (size_t i = 0; i < len - 1; i += 2)
                text[i] = 'a';
        err = ERROR_INIT;
        cr_assert_eq(ignore_parse(text, len - 1, &ignore, &line, &err), -E2BIG);
        cr_assert_eq(line, IGNORE_COUNT_MAX + 1);
        memset(text, 'a', 5000);
        text[5000] = '\0';
        err = ERROR_INIT;
        cr_assert_eq(ignore_parse(text, 5000, &ignore, &line, &err), -E2BIG);
}
