#include "parse.h"

static void assert_shell_form(const char *text)
{
        _cleanup_free_ char *line = NULL;

        cr_assert_gt(asprintf(&line, "CMD %s", text), 0);
        {
                _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(line);

                cr_assert(!first(file)->command.exec_form);
                assert_words_are(&first(file)->command.argv, text);
        }
}

Test(json, arrays_of_strings_are_the_exec_form)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body(
                "CMD [ \"a\" ,\t\"b \\\"c\\\" \\\\ \\/ \\t\",\"\\u00e9\\ud83d\\ude80\" ]");

        cr_assert(first(file)->command.exec_form);
        assert_words_are(&first(file)->command.argv, "a", "b \"c\" \\ / \t",
                         "\xc3\xa9\xf0\x9f\x9a\x80");
}

Test(json, that_is_invalid_is_the_shell_form)
{
        assert_shell_form("['a', 'b']");
        assert_shell_form("[\"a\", \"b\"");
        assert_shell_form("[\"a\" \"b\"]");
        assert_shell_form("[\"a\"] && b");
        assert_shell_form("[\"a\\q\"]");
        assert_shell_form("[ -f x ]");
        assert_shell_form("\"a\"");
}

Test(json, arrays_with_anything_but_strings_are_an_error)
{
        assert_fails_at("FROM a\nCMD [\"a\", 1]", 2, 5, "element 2");
        assert_fails_at("FROM a\nCMD [123456789012345678901234567890]", 2, 5, "element 1");
        assert_fails_at("FROM a\nCMD [\"a\", \"b\", null]", 2, 5, "element 3");
        assert_fails_at("FROM a\nCMD [[\"a\"]]", 2, 5, "element 1");
        assert_fails_at("FROM a\nCMD [{}]", 2, 5, "element 1");
        assert_fails_at("FROM a\nCMD [\"a\\u0000b\"]", 2, 5, "NUL");
}

Test(json, arrays_may_be_empty_or_hold_empty_strings)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file = parse_body("CMD []\nCMD [\"\"]");

        cr_assert(first(file)->command.exec_form);
        cr_assert_eq(first(file)->command.argv.count, 0);
        assert_words_are(&file->instructions[2].command.argv, "");
}

Test(json, takes_what_is_no_unicode_for_the_replacement_character)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("CMD [\"a\xe9z\", \"\\ud800x\", \"\\udc00\", \"\\\\ud800\"]");

        assert_words_are(&first(file)->command.argv, "a\xef\xbf\xbdz", "\xef\xbf\xbdx",
                         "\xef\xbf\xbd", "\\ud800");
}

Test(json, is_read_for_copy_and_volume_too)
{
        _cleanup_(cleanup_dockerfile) struct dockerfile *file =
                parse_body("COPY [\"a b\", \"<<EOF\", \"/c d/\"]\nVOLUME [\"/x y\", \" /z \"]");

        assert_words_are(&first(file)->copy.sources, "a b", "<<EOF");
        cr_assert_eq(first(file)->copy.file_count, 0);
        cr_assert_str_eq(first(file)->copy.destination, "/c d/");
        assert_words_are(&file->instructions[2].words, "/x y", "/z");
}
