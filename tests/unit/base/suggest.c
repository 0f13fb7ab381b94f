#include "base/suggest.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const words[] = { "RUN", "COPY", "ENTRYPOINT", "EXPOSE" };

static const char *suggest(const char *word)
{
        return suggest_similar(word, words, sizeof(words) / sizeof(words[0]));
}

Test(suggest, finds_the_word_that_was_meant)
{
        cr_assert_str_eq(suggest("RNU"), "RUN");
        cr_assert_str_eq(suggest("ERNU"), "RUN");
        cr_assert_str_eq(suggest("copyy"), "COPY");
        cr_assert_str_eq(suggest("ENTRYPONT"), "ENTRYPOINT");
        cr_assert_str_eq(suggest("EPOSE"), "EXPOSE");
}

Test(suggest, says_nothing_about_words_that_are_too_different_or_the_same)
{
        char longer[200];

        cr_assert_null(suggest("WORKDIR"));
        cr_assert_null(suggest("run"));
        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        cr_assert_null(suggest(longer));
        cr_assert_null(suggest_similar("RUN", NULL, 0));
}
