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

static char lower(char c)
{
        return (char)tolower((unsigned char)c);
}

/* How many letters have to be inserted, removed, replaced or swapped with their neighbour to make
 * one of the other, case aside. */
static size_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
        size_t rows[3][SUGGEST_WORD_MAX + 1];

        for (size_t j = 0; j <= b_len; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= a_len; i++) {
                const size_t *before = rows[(i + 1) % 3], *above = rows[(i - 1) % 3];
                size_t *row = rows[i % 3];

                row[0] = i;
                for (size_t j = 1; j <= b_len; j++) {
                        bool same = lower(a[i - 1]) == lower(b[j - 1]);

                        row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1));
                        if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                            lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < row[j])
                                row[j] = before[j - 2] + 1;
                }
        }
        return rows[a_len % 3][b_len];
}

const char *suggest_similar(const char *word, const char *const *candidates, size_t count)
{
        size_t best = SUGGEST_DISTANCE_MAX + 1, len = strlen(word);
        const char *found = NULL;

        if (len > SUGGEST_WORD_MAX)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                size_t other_len = strlen(candidates[i]), distance;

                if (other_len > SUGGEST_WORD_MAX || other_len > len + SUGGEST_DISTANCE_MAX ||
                    len > other_len + SUGGEST_DISTANCE_MAX)
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
