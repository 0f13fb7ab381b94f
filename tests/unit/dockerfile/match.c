#include "dockerfile/match.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool test_match(const char *pattern, bool double_star, const char *path)
{
        struct match *match = NULL;
        struct error err = ERROR_INIT;
        bool matches;

        cr_assert_eq(match_new(pattern, double_star, &match, &err), 0, "%s: %s", pattern,
                     err.message);
        matches = match_test(match, path, strlen(path));
        match_free(match);
        return matches;
}

#define assert_matches(pattern, path) \
        cr_assert(test_match(pattern, false, path), "%s does not take %s", pattern, path)
#define assert_differs(pattern, path) \
        cr_assert(!test_match(pattern, false, path), "%s takes %s", pattern, path)
#define assert_crosses(pattern, path) \
        cr_assert(test_match(pattern, true, path), "%s does not take %s", pattern, path)
#define assert_not_crosses(pattern, path) \
        cr_assert(!test_match(pattern, true, path), "%s takes %s", pattern, path)

Test(match, takes_names_as_they_are)
{
        assert_matches("a.b", "a.b");
        assert_differs("a.b", "axb");
        assert_differs("a.b", "a.b.c");
        assert_differs("a.b", "");
        assert_matches("", "");
        assert_matches("a(b)|{c}+$^", "a(b)|{c}+$^");
}

Test(match, knows_stars_and_question_marks)
{
        assert_matches("*", "a.b");
        assert_matches("*", "");
        assert_differs("*", "a/b");
        assert_matches("*.c", "a.c");
        assert_differs("*.c", "a/b.c");
        assert_differs("*.c", "c");
        assert_matches("a*/b", "axx/b");
        assert_differs("a*/b", "a/x/b");
        assert_matches("a*b*c", "axbxbxcxc");
        assert_differs("a*b*c", "axcxb");
        assert_matches("a?c", "abc");
        assert_differs("a?c", "a/c");
        assert_differs("a?c", "ac");
        assert_matches("?", "\xc3\xa9");
        assert_matches("?", "\xff");
        assert_matches("**", "ab");
        assert_differs("**", "a/b");
}

Test(match, knows_classes)
{
        assert_matches("[abc]x", "bx");
        assert_differs("[abc]x", "dx");
        assert_matches("[a-c0-9]", "7");
        assert_differs("[^a-c]", "b");
        assert_matches("[^a-c]", "d");
        assert_matches("[\\]a]", "]");
        assert_matches("[\\-x]", "-");
        assert_matches("[!a]", "!");
        assert_matches("[\xce\xb1-\xcf\x89]", "\xce\xbb");
        assert_differs("[\xce\xb1-\xcf\x89]", "\xc3\xa9");
        assert_matches("a]b", "a]b");
        assert_matches("[*]", "*");
        assert_differs("[b-a]", "a");
}

Test(match, takes_what_stands_behind_a_backslash_for_itself)
{
        assert_matches("a\\*b", "a*b");
        assert_differs("a\\*b", "axb");
        assert_matches("\\[a\\]", "[a]");
        assert_matches("\\a\\\\", "a\\");
}

Test(match, refuses_malformed_patterns)
{
        static const char *const bad[] = { "[",   "[a", "[]",  "[]a]", "[-a]",  "[a-]",
                                           "[a-", "[^", "a\\", "[a\\", "[\xff]" };
        struct error err = ERROR_INIT;
        struct match *match;
        char longer[MATCH_PATTERN_MAX + 2];

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_assert_eq(match_new(bad[i], false, &match, &err), -EINVAL, "%s", bad[i]);
                err = ERROR_INIT;
        }
        cr_assert_eq(match_new("[b-a]", true, &match, &err), -EINVAL);
        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        err = ERROR_INIT;
        cr_assert_eq(match_new(longer, false, &match, &err), -E2BIG);
}

Test(match, crosses_directories_with_two_stars)
{
        assert_crosses("**", "a");
        assert_crosses("**", "a/b/c");
        assert_crosses("**/c", "c");
        assert_crosses("**/c", "a/b/c");
        assert_not_crosses("**/c", "a/bc");
        assert_crosses("**c", "a/bc");
        assert_crosses("a/**", "a/b/c");
        assert_not_crosses("a/**", "a");
        assert_not_crosses("a/**", "ab");
        assert_crosses("a/**/c", "a/c");
        assert_crosses("a/**/c", "a/x/y/c");
        assert_not_crosses("a/**/c", "a/xc");
        assert_crosses("a**/c", "a/c");
        assert_crosses("a**/c", "ax/y/c");
        assert_crosses("**/*.txt", "a/b.txt");
        assert_not_crosses("**/*.txt", "a/b.txt2");
        assert_crosses("**/d/**", "a/d/b/c");
        assert_crosses("**/**/*.t", "x.t");
        assert_crosses("a/*.t**", "a/f.txt/x");
        assert_not_crosses("a/*", "a/b/c");
        assert_crosses("**/a**/b", "a/ab/b");
        assert_crosses("**a?", "ab");
        assert_not_crosses("**a?", "xab");
}

Test(match, takes_patterns_of_many_tokens)
{
        char pattern[MATCH_PATTERN_MAX + 1], path[2 * MATCH_PATTERN_MAX];

        for (size_t i = 0; i < MATCH_PATTERN_MAX; i += 2)
                memcpy(pattern + i, "a*", 2);
        pattern[MATCH_PATTERN_MAX] = '\0';
        memset(path, 'a', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_matches(pattern, path);
        path[MATCH_PATTERN_MAX / 2 - 1] = '\0';
        assert_differs(pattern, path);
        pattern[MATCH_PATTERN_MAX - 1] = '?';
        path[MATCH_PATTERN_MAX / 2 - 1] = 'a';
        path[sizeof(path) - 2] = 'b';
        assert_matches(pattern, path);
}

/* The definition, in the plainest way: for short patterns of "*", "?", "**" between slashes. */
static bool slow_match(const char *pattern, const char *path)
{
        if (strncmp(pattern, "**/", 3) == 0) {
                if (slow_match(pattern + 3, path))
                        return true;
                for (; *path; path++)
                        if (*path == '/' && slow_match(pattern + 3, path + 1))
                                return true;
                return false;
        }
        if (*pattern == '*')
                return slow_match(pattern + 1, path) ||
                       (*path && *path != '/' && slow_match(pattern, path + 1));
        if (!*pattern || !*path)
                return !*pattern && !*path;
        if (*pattern == '?' ? *path == '/' : *pattern != *path)
                return false;
        return slow_match(pattern + 1, path + 1);
}

Test(match, carries_stars_from_one_word_of_tokens_to_the_next)
{
        for (size_t len = 1; len < 200; len++) {
                char pattern[256], path[256];

                memset(pattern, 'a', len);
                strcpy(pattern + len, "**/*b");
                memset(path, 'a', len);
                strcpy(path + len, "b");
                assert_crosses(pattern, path);
                strcpy(path + len, "/x/yb");
                assert_crosses(pattern, path);
                strcpy(pattern + len, "*b");
                strcpy(path + len, "b");
                assert_matches(pattern, path);
                path[len] = '\0';
                assert_differs(pattern, path);
        }
}

Test(match, agrees_with_its_definition_on_random_patterns)
{
        static const char *const pieces[] = { "a", "b", "/", "*", "?", "/**/", "ab" };
        unsigned int seed = 20260101;

        cr_log_info("seed %u", seed);
        for (int round = 0; round < 20000; round++) {
                char pattern[64] = "", path[32] = "";

                for (int i = rand_r(&seed) % 7; i >= 0; i--)
                        strcat(pattern, pieces[rand_r(&seed) % 7]);
                for (int i = rand_r(&seed) % 9; i >= 0; i--)
                        strcat(path, pieces[rand_r(&seed) % 3]);
                /* Three stars, and a double one at the end, mean something else. */
                if (strstr(pattern, "***") || strstr(pattern, "**/**") ||
                    (strlen(pattern) > 1 && strcmp(pattern + strlen(pattern) - 2, "**") == 0))
                        continue;
                for (char *s = pattern; (s = strstr(s, "**")); s += 2)
                        if ((s != pattern && s[-1] != '/') || s[2] != '/')
                                goto next;
                cr_assert_eq(test_match(pattern, true, path), slow_match(pattern, path),
                             "%s with %s", pattern, path);
        next:;
        }
}

Test(match, knows_what_may_lie_below_a_directory)
{
        static const struct {
                const char *pattern, *dir;
                bool may;
        } cases[] = {
                { "a/b", "a", true },     { "a/b", "b", false },    { "a/b", "a/b", false },
                { "a/b", "a/bc", false }, { "a/", "a", false },     { "*", "a", false },
                { "*/b", "a", true },     { "**/b", "x/y", true },  { "a/**", "a", true },
                { "a/**", "b", false },   { "a/*/c", "a/x", true }, { "a/*/c", "a/x/y", false },
                { "a*", "ab", false },    { "**", "a", true },      { "a?/x", "ab", true },
                { "a?/x", "abc", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = ERROR_INIT;
                struct match *match;

                cr_assert_eq(match_new(cases[i].pattern, true, &match, &err), 0);
                cr_assert_eq(match_may_match_below(match, cases[i].dir, strlen(cases[i].dir)),
                             cases[i].may, "%s below %s", cases[i].pattern, cases[i].dir);
                match_free(match);
        }
}

Test(match, tells_wildcards_from_escaped_ones)
{
        char name[16];

        cr_assert(match_has_wildcard("a*"));
        cr_assert(match_has_wildcard("a?"));
        cr_assert(match_has_wildcard("a[b]"));
        cr_assert(match_has_wildcard("a\\\\*"));
        cr_assert(!match_has_wildcard("a\\*b"));
        cr_assert(!match_has_wildcard("a]b\\"));
        match_unescape("a\\*\\\\b\\", name);
        cr_assert_str_eq(name, "a*\\b\\");
}
