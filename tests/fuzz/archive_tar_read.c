/*
 * Tars: entries have the form that their struct promises, their content lies in what was read, and
 * neither depends on the pieces in which the tar is fed.
 */
#include "archive/tar_read.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums up what a reader reported. */
struct seen {
        uint64_t sum;
        uint64_t content;  /* bytes that the entries say are stored */
        uint64_t received; /* bytes of content that came */
        uint64_t last_offset;
};

static void mix(struct seen *seen, const void *bytes, size_t len)
{
        const unsigned char *at = bytes;

        for (size_t i = 0; i < len; i++)
                seen->sum = (seen->sum ^ at[i]) * 0x100000001b3;
}

static int add(void *context, const struct entry *entry, uint64_t data_offset, struct error *err)
{
        struct seen *seen = context;
        uint64_t stored = entry->size, end = 0;

        (void)err;
        if (seen->received != seen->content || data_offset <= seen->last_offset ||
            data_offset % 512 != 0)
                abort();
        if (entry->path[0] == '\0' || strlen(entry->path) > TAR_PATH_MAX || entry->mode > 07777 ||
            (entry->type != ENTRY_FILE && (entry->size > 0 || entry->extents)) ||
            (entry->link != NULL) !=
                    (entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK) ||
            entry->mtime.tv_nsec < 0 || entry->mtime.tv_nsec > 999999999)
                abort();
        if (entry->extents) {
                stored = 0;
                for (size_t i = 0; i < entry->extent_count; i++) {
                        if (entry->extents[i].length == 0 ||
                            (i > 0 && entry->extents[i].offset <= end) ||
                            entry->extents[i].offset + entry->extents[i].length > entry->size)
                                abort();
                        end = entry->extents[i].offset + entry->extents[i].length;
                        stored += entry->extents[i].length;
                        mix(seen, &entry->extents[i], sizeof(entry->extents[i]));
                }
        }
        for (size_t i = 0; i < entry->xattr_count; i++) {
                if (i > 0 && strcmp(entry->xattrs[i - 1].name, entry->xattrs[i].name) >= 0)
                        abort();
                mix(seen, entry->xattrs[i].name, strlen(entry->xattrs[i].name));
                mix(seen, entry->xattrs[i].value, entry->xattrs[i].value_len);
        }
        mix(seen, entry->path, strlen(entry->path));
        mix(seen, &data_offset, sizeof(data_offset));
        mix(seen, &entry->size, sizeof(entry->size));
        seen->last_offset = data_offset;
        seen->content += stored;
        return 0;
}

static int take(void *context, const void *data, size_t len, struct error *err)
{
        struct seen *seen = context;

        (void)err;
        mix(seen, data, len);
        seen->received += len;
        if (seen->received > seen->content)
                abort();
        return 0;
}

/* Feeds pieces whose sizes come from the data itself, or all at once. */
static int run(const uint8_t *data, size_t size, bool whole, struct seen *seen)
{
        struct entry_sink sink = { .add = add, .context = seen };
        struct byte_sink content = { take, seen };
        struct error err = ERROR_INIT;
        struct tar_reader *reader;
        bool complete;
        int r = 0;

        if (tar_reader_new(&sink, &content, &reader, &err) < 0)
                abort();
        for (size_t at = 0; at < size && r == 0;) {
                size_t step = whole ? size : 1 + (data[at] * 7U) % 1000;

                step = step < size - at ? step : size - at;
                r = tar_reader_feed(reader, data + at, step, &err);
                at += step;
        }
        if (r == 0)
                r = tar_reader_finish(reader, &complete, &err);
        if ((r < 0) != error_is_set(&err))
                abort();
        tar_reader_free(reader);
        return r;
}

/* Rights the checksum of every block that looks like a header: no mutation would. */
static void right_checksums(uint8_t *data, size_t size)
{
        for (size_t at = 0; at + 512 <= size; at += 512) {
                unsigned sum = 0;
                char text[8];

                if (memcmp(data + at + 257, "ustar", 5) != 0)
                        continue;
                memset(data + at + 148, ' ', 8);
                for (size_t i = 0; i < 512; i++)
                        sum += data[at + i];
                snprintf(text, sizeof(text), "%06o", sum & 0777777);
                memcpy(data + at + 148, text, 7);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct seen whole = { 0 }, pieces = { 0 };
        uint8_t *copy = malloc(size + 1);
        int r;

        memcpy(copy, data, size);
        right_checksums(copy, size);
        r = run(copy, size, true, &whole);
        if (run(copy, size, false, &pieces) != r || whole.sum != pieces.sum)
                abort();
        free(copy);
        return 0;
}
