#include "load.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void assert_name(const char *text, const char *path, const char *tag, bool by_digest)
{
        struct layout_name name;
        struct error err = ERROR_INIT;

        cr_assert_eq(layout_name_parse(text, &name, &err), 0, "%s: %s", text, err.message);
        cr_assert_str_eq(name.path, path);
        cr_assert(tag ? name.tag && strcmp(name.tag, tag) == 0 : !name.tag, "%s", text);
        cr_assert_eq(name.by_digest, by_digest);
        layout_name_done(&name);
}

Test(load, a_layout_is_named_with_a_tag_a_digest_or_neither)
{
        assert_name("/a/b", "/a/b", NULL, false);
        assert_name("./a:one", "./a", "one", false);
        assert_name("a@" DIGEST, "a", NULL, true);
        assert_name("a:one@" DIGEST, "a", "one", true);
}

Test(load, a_colon_that_no_tag_can_follow_is_of_the_path)
{
        assert_name("/a:b/c", "/a:b/c", NULL, false);
        assert_name("/a:b/c:d", "/a:b/c", "d", false);
        assert_name("/a:", "/a:", NULL, false);
}

Test(load, what_follows_an_at_sign_is_a_digest)
{
        struct layout_name name;
        struct error err = ERROR_INIT;

        cr_assert_eq(layout_name_parse("a@sha256:12", &name, &err), -EINVAL);
}
