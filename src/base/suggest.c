#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define SUGGEST_DISTANCE_MAX 2

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t least = a < b ? a : b;

        return least < c ? least : c;
}

/* Levenshtein's distance, case aside. */
static size_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
        size_t row[SUGGEST_WORD_MAX + 1];

        for (size_t j = 0; j <= b_len; j++)
                row[j] = j;
        for (size_t i = 0; i < a_len; i++) {
                size_t diagonal = row[0];

                row[0] = i + 1;
                for (size_t j = 0; j < b_len; j++) {
                        size_t above = row[j + 1];
                        bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);

                        row[j + 1] = min3(above + 1, row[j] + 1, diagonal + (same ? 0 : 1));
                        diagonal = above;
                }
        }
        return row[b_len];
}

const char *suggest_similar(const char *word, const char *const *candidates, size_t count)
{
        size_t best = SUGGEST_DISTANCE_MAX + 1, len = strlen(word);
        const char *found = NULL;

        if (len > SUGGEST_WORD_MAX)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                size_t other_len = strlen(candidates[i]), distance;

                if (other_len > SUGGEST_WORD_MAX)
                        continue;
                distance = suggest_distance(word, len, candidates[i], other_len);
                if (distance == 0)
                        return NULL;
                if (distance < best) {
                        best = distance;
                        found = candidates[i];
                }
        }
        return found;
}
