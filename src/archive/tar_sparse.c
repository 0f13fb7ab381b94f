#include "tar_sparse.h"

#include "archive/tar_read.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tar_sparse_done(struct tar_sparse *sparse)
{
        free(sparse->extents);
        *sparse = TAR_SPARSE_INIT;
}

static int bad_map(struct error *err)
{
        return error_set(err, -EBADMSG, "its map of a sparse file is malformed");
}

static int add(struct tar_sparse *sparse, uint64_t offset, uint64_t length, struct error *err)
{
        struct entry_extent *extents;
        size_t cap = sparse->cap ? sparse->cap * 2 : 16;

        if (sparse->count == TAR_EXTENTS_MAX)
                return error_set(err, -EBADMSG, "its sparse file has more than %d runs of data",
                                 TAR_EXTENTS_MAX);
        if (sparse->count == sparse->cap) {
                extents = reallocarray(sparse->extents, cap, sizeof(*extents));
                if (!extents)
                        return error_set_oom(err);
                sparse->extents = extents;
                sparse->cap = cap;
        }
        sparse->extents[sparse->count++] =
                (struct entry_extent){ .offset = offset, .length = length };
        return 0;
}

static int add_fields(struct tar_sparse *sparse, const struct tar_block_sparse *fields,
                      size_t count, struct error *err)
{
        for (size_t i = 0; i < count && fields[i].offset[0] != '\0'; i++) {
                int64_t offset, length;
                int r;

                if (!tar_number_read(fields[i].offset, sizeof(fields[i].offset), &offset) ||
                    !tar_number_read(fields[i].length, sizeof(fields[i].length), &length) ||
                    offset < 0 || length < 0)
                        return bad_map(err);
                r = add(sparse, (uint64_t)offset, (uint64_t)length, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int tar_sparse_add_header(struct tar_sparse *sparse, const struct tar_block *block, bool *ret_more,
                          struct error *err)
{
        *ret_more = block->gnu.is_extended != '\0';
        return add_fields(sparse, block->gnu.sparse, ARRAY_SIZE(block->gnu.sparse), err);
}

int tar_sparse_add_extension(struct tar_sparse *sparse, const struct tar_block_extension *block,
                             bool *ret_more, struct error *err)
{
        *ret_more = block->is_extended != '\0';
        return add_fields(sparse, block->sparse, ARRAY_SIZE(block->sparse), err);
}

/* Reads digits up to `end` and goes past that; false where something else comes. */
static bool take_number(const char **text, char end, uint64_t *ret)
{
        const char *at = *text;
        uint64_t value = 0;

        if (*at < '0' || *at > '9')
                return false;
        for (; *at >= '0' && *at <= '9'; at++) {
                if (value > (INT64_MAX - 9) / 10)
                        return false;
                value = value * 10 + (uint64_t)(*at - '0');
        }
        if (*at != end)
                return false;
        *text = end ? at + 1 : at;
        *ret = value;
        return true;
}

int tar_sparse_add_records(struct tar_sparse *sparse, const struct tar_pax_sparse *records,
                           struct error *err)
{
        const char *text = records->map ? records->map : "", *count_text = records->block_count;
        uint64_t count, offset, length;
        int r = 0;

        if (!count_text || !take_number(&count_text, '\0', &count))
                return bad_map(err);
        for (size_t i = 0; i < records->extent_count && r == 0; i++)
                r = add(sparse, records->extents[i].offset, records->extents[i].length, err);
        while (*text && r == 0) {
                const char *comma;

                if (!take_number(&text, ',', &offset))
                        return bad_map(err);
                comma = text + strspn(text, "0123456789");
                if (!take_number(&text, *comma, &length) || (*comma && *comma != ','))
                        return bad_map(err);
                if (*comma && !*text)
                        return bad_map(err);
                r = add(sparse, offset, length, err);
        }
        if (r < 0)
                return r;
        return sparse->count == count ? 0 : bad_map(err);
}

/* A line of the text has ended: a number is whole. */
static int take_line(struct tar_sparse *sparse, struct error *err)
{
        uint64_t number = sparse->number;

        if (!sparse->has_digits)
                return bad_map(err);
        sparse->has_digits = false;
        sparse->number = 0;
        if (!sparse->count_is_read) {
                if (number > TAR_EXTENTS_MAX)
                        return error_set(err, -EBADMSG,
                                         "its sparse file has more than %d runs of data",
                                         TAR_EXTENTS_MAX);
                sparse->count_is_read = true;
                sparse->numbers_left = 2 * number;
                return 0;
        }
        if (sparse->numbers_left-- % 2 == 0) {
                sparse->offset = number;
                return 0;
        }
        return add(sparse, sparse->offset, number, err);
}

int tar_sparse_add_text(struct tar_sparse *sparse, const char block[static TAR_BLOCK_BYTES],
                        bool *ret_more, struct error *err)
{
        for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
                int r;

                if (block[i] >= '0' && block[i] <= '9') {
                        if (sparse->number > (INT64_MAX - 9) / 10)
                                return bad_map(err);
                        sparse->number = sparse->number * 10 + (uint64_t)(block[i] - '0');
                        sparse->has_digits = true;
                        continue;
                }
                if (block[i] != '\n')
                        return bad_map(err);
                r = take_line(sparse, err);
                if (r < 0)
                        return r;
                if (sparse->numbers_left == 0) {
                        *ret_more = false;
                        return 0;
                }
        }
        *ret_more = true;
        return 0;
}

/* Drops empty runs and joins adjacent ones. False where they are out of order or out of the file.
 */
static bool join_runs(struct tar_sparse *sparse, uint64_t size, uint64_t *ret_data)
{
        uint64_t end = 0, data = 0;
        size_t count = 0;

        for (size_t i = 0; i < sparse->count; i++) {
                struct entry_extent run = sparse->extents[i];

                if (run.offset < end || run.length > size || run.offset > size - run.length)
                        return false;
                if (run.length == 0)
                        continue;
                if (count > 0 && run.offset == end)
                        sparse->extents[count - 1].length += run.length;
                else
                        sparse->extents[count++] = run;
                end = run.offset + run.length;
                data += run.length;
        }
        sparse->count = count;
        *ret_data = data;
        return true;
}

int tar_sparse_finish(struct tar_sparse *sparse, uint64_t stored, struct entry *entry,
                      struct error *err)
{
        uint64_t data;

        if (!join_runs(sparse, entry->size, &data))
                return error_set(err, -EBADMSG,
                                 "its runs of data overlap or go beyond the size of the file");
        if (data != stored)
                return error_set(err, -EBADMSG,
                                 "its runs of data are not what is stored of the file");
        if (data == entry->size)
                return 0;
        /* A file that is one hole has no run, but is sparse. */
        if (!sparse->extents) {
                sparse->extents = calloc(1, sizeof(*sparse->extents));
                if (!sparse->extents)
                        return error_set_oom(err);
                sparse->cap = 1;
        }
        entry->extents = sparse->extents;
        entry->extent_count = sparse->count;
        return 0;
}
