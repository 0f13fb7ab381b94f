#include "content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t blocks_of(uint64_t bytes)
{
        return bytes / SPOOL_BLOCK + (bytes % SPOOL_BLOCK != 0);
}

static uint64_t extent_end(const struct extent *extent)
{
        return extent->block + extent->count;
}

/* The first extent that ends beyond `block`. */
static uint32_t find_extent(const struct content *content, uint64_t block)
{
        uint32_t low = 0, high = content->count;

        /* Most writes append. */
        if (high > 0 && extent_end(&content->extents[high - 1]) <= block)
                return high;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (extent_end(&content->extents[middle]) <= block)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int reserve_extents(struct content *content, uint32_t extra)
{
        uint32_t cap = content->cap ? content->cap : 1;
        struct extent *extents;

        if (content->count + extra <= content->cap)
                return 0;
        while (cap < content->count + extra)
                cap *= 2;
        extents = reallocarray(content->extents, cap, sizeof(*extents));
        if (!extents)
                return -ENOMEM;
        content->extents = extents;
        content->cap = cap;
        return 0;
}

/* Blocks of an older epoch may still be read by the sealing of it: they stay. */
static void give_back(const struct content_store *store, const struct extent *extent)
{
        if (extent->place != EXTENT_ZEROS && extent->epoch == store->epoch)
                spool_give(store->spool, extent->place, extent->count);
}

/* How many blocks of the lower file an extent stands before. */
static uint64_t hidden_by(const struct content *content, const struct extent *extent)
{
        uint64_t end = blocks_of(content->lower_size);

        if (content->lower.inode == 0 || extent->block >= end)
                return 0;
        return end - extent->block < extent->count ? end - extent->block : extent->count;
}

static void drop_extent(struct content *content, const struct content_store *store,
                        const struct extent *extent)
{
        content->hides -= hidden_by(content, extent);
        if (extent->place != EXTENT_ZEROS)
                content->held -= extent->count;
        give_back(store, extent);
}

void content_done(struct content *content, const struct content_store *store)
{
        for (uint32_t i = 0; i < content->count; i++)
                give_back(store, &content->extents[i]);
        free(content->extents);
        *content = (struct content){ .extents = NULL };
}

int content_copy(const struct content *content, struct content *ret)
{
        struct extent *extents = NULL;

        if (content->count > 0) {
                extents = reallocarray(NULL, content->count, sizeof(*extents));
                if (!extents)
                        return -ENOMEM;
                memcpy(extents, content->extents, content->count * sizeof(*extents));
        }
        *ret = *content;
        ret->extents = extents;
        ret->cap = content->count;
        return 0;
}

/* The part of an extent from file block `block` on, for `count` blocks. */
static struct extent extent_part(const struct extent *extent, uint64_t block, uint64_t count)
{
        struct extent part = *extent;

        part.block = block;
        part.count = count;
        if (part.place != EXTENT_ZEROS)
                part.place += block - extent->block;
        return part;
}

/* Takes the blocks [first, end) out of the extents; there is room for one more extent. */
static void cut_extents(struct content *content, const struct content_store *store, uint64_t first,
                        uint64_t end)
{
        uint32_t at = find_extent(content, first), next = at;

        if (at < content->count && content->extents[at].block < first) {
                struct extent *extent = &content->extents[at];
                struct extent tail = *extent;

                extent->count = first - extent->block;
                tail = extent_part(&tail, first, extent_end(&tail) - first);
                at++;
                memmove(&content->extents[at + 1], &content->extents[at],
                        (content->count - at) * sizeof(tail));
                content->extents[at] = tail;
                content->count++;
                next = at;
        }
        while (next < content->count && extent_end(&content->extents[next]) <= end)
                drop_extent(content, store, &content->extents[next++]);
        if (next < content->count && content->extents[next].block < end) {
                struct extent *extent = &content->extents[next];
                struct extent head = extent_part(extent, extent->block, end - extent->block);

                drop_extent(content, store, &head);
                *extent = extent_part(extent, end, extent_end(extent) - end);
        }
        if (next > at) {
                memmove(&content->extents[at], &content->extents[next],
                        (content->count - next) * sizeof(*content->extents));
                content->count -= next - at;
        }
}

static bool extents_join(const struct content_store *store, const struct extent *left,
                         const struct extent *right)
{
        if (extent_end(left) != right->block || left->epoch != right->epoch)
                return false;
        if (left->place == EXTENT_ZEROS)
                return right->place == EXTENT_ZEROS;
        return left->place + left->count == right->place &&
               !spool_is_seam(store->spool, right->place);
}

/* Puts an extent where no other is; there is room for it. */
static void insert_extent(struct content *content, const struct content_store *store,
                          const struct extent *extent)
{
        uint32_t at = find_extent(content, extent->block);

        content->hides += hidden_by(content, extent);
        if (extent->place != EXTENT_ZEROS)
                content->held += extent->count;
        if (at > 0 && extents_join(store, &content->extents[at - 1], extent)) {
                content->extents[at - 1].count += extent->count;
                return;
        }
        memmove(&content->extents[at + 1], &content->extents[at],
                (content->count - at) * sizeof(*extent));
        content->extents[at] = *extent;
        content->count++;
}

/* Reads what no extent covers: the lower file, and zeros beyond it. */
static int read_below(const struct content *content, const struct content_store *store,
                      uint64_t offset, char *data, size_t len)
{
        size_t lower = 0;
        int r = 0;

        if (content->lower.inode != 0 && offset < content->lower_size) {
                lower = len;
                if (content->lower_size - offset < len)
                        lower = (size_t)(content->lower_size - offset);
                r = store->lower.read(store->lower.userdata, content->lower, offset, data, lower);
        }
        memset(data + lower, 0, len - lower);
        return r;
}

/* As content_read(), and beyond the size: whole blocks can be asked for. */
static int read_range(const struct content *content, const struct content_store *store,
                      uint64_t offset, char *data, size_t len)
{
        uint32_t at = find_extent(content, offset / SPOOL_BLOCK);

        while (len > 0) {
                const struct extent *extent = &content->extents[at];
                uint64_t begin = UINT64_MAX, end = UINT64_MAX, run = len;
                int r;

                if (at < content->count) {
                        begin = extent->block * SPOOL_BLOCK;
                        end = extent_end(extent) * SPOOL_BLOCK;
                }
                if (begin > offset) {
                        if (begin - offset < run)
                                run = begin - offset;
                        r = read_below(content, store, offset, data, (size_t)run);
                } else {
                        if (end - offset < run)
                                run = end - offset;
                        r = 0;
                        if (extent->place == EXTENT_ZEROS)
                                memset(data, 0, (size_t)run);
                        else
                                r = spool_read(store->spool, extent->place, offset - begin, data,
                                               (size_t)run);
                        at++;
                }
                if (r < 0)
                        return r;
                offset += run;
                data += run;
                len -= (size_t)run;
        }
        return 0;
}

ssize_t content_read(const struct content *content, const struct content_store *store,
                     uint64_t offset, void *data, size_t len)
{
        int r;

        if (offset >= content->size)
                return 0;
        if (content->size - offset < len)
                len = (size_t)(content->size - offset);
        r = read_range(content, store, offset, data, len);
        return r < 0 ? r : (ssize_t)len;
}

/*
 * Writes a run of whole blocks of the file to fresh blocks of the spool and lets them stand for it.
 * `data` begins `skip` bytes into the first block; what the first and the last block hold besides
 * is taken over from what they held before.
 */
static int write_fresh(struct content *content, const struct content_store *store, uint64_t block,
                       uint64_t want, uint64_t skip, const char *data, size_t len,
                       uint64_t *ret_count)
{
        struct extent extent = { .block = block, .epoch = store->epoch };
        uint64_t offset = block * SPOOL_BLOCK, bytes;
        char edge[SPOOL_BLOCK];
        int r;

        r = reserve_extents(content, 3);
        if (r == 0)
                r = spool_take(store->spool, want, &extent.place, &extent.count);
        if (r < 0)
                return r;
        bytes = extent.count * SPOOL_BLOCK;
        if (bytes - skip < len)
                len = (size_t)(bytes - skip);
        if (skip > 0) {
                r = read_range(content, store, offset, edge, (size_t)skip);
                if (r == 0)
                        r = spool_write(store->spool, extent.place, 0, edge, (size_t)skip);
        }
        if (r == 0 && skip + len < bytes) {
                r = read_range(content, store, offset + skip + len, edge,
                               (size_t)(bytes - skip - len));
                if (r == 0)
                        r = spool_write(store->spool, extent.place, skip + len, edge,
                                        (size_t)(bytes - skip - len));
        }
        if (r == 0)
                r = spool_write(store->spool, extent.place, skip, data, len);
        if (r < 0) {
                spool_give(store->spool, extent.place, extent.count);
                return r;
        }
        cut_extents(content, store, block, block + extent.count);
        insert_extent(content, store, &extent);
        *ret_count = extent.count;
        return 0;
}

int content_write(struct content *content, const struct content_store *store, uint64_t offset,
                  const void *data, size_t len)
{
        const char *from = data;

        while (len > 0) {
                uint64_t block = offset / SPOOL_BLOCK, skip = offset % SPOOL_BLOCK;
                uint64_t want = blocks_of(skip + len), count, done;
                uint32_t at = find_extent(content, block);
                struct extent *extent = &content->extents[at];
                int r;

                if (at < content->count && extent->block <= block &&
                    extent->epoch == store->epoch && extent->place != EXTENT_ZEROS) {
                        /* Our own block of this epoch: overwritten where it lies. */
                        done = (extent_end(extent) - block) * SPOOL_BLOCK - skip;
                        done = done < len ? done : len;
                        r = spool_write(store->spool, extent->place,
                                        (block - extent->block) * SPOOL_BLOCK + skip, from,
                                        (size_t)done);
                } else {
                        /* Up to the next block of our own. */
                        while (at < content->count && (content->extents[at].epoch != store->epoch ||
                                                       content->extents[at].place == EXTENT_ZEROS))
                                at++;
                        if (at < content->count && content->extents[at].block - block < want)
                                want = content->extents[at].block - block;
                        r = write_fresh(content, store, block, want, skip, from, len, &count);
                        done = r < 0 ? 0 : count * SPOOL_BLOCK - skip;
                        done = done < len ? done : len;
                }
                if (r < 0)
                        return r;
                offset += done;
                from += done;
                len -= (size_t)done;
                if (offset > content->size)
                        content->size = offset;
        }
        return 0;
}

/* Makes bytes inside one block zeros. */
static int zero_bytes(struct content *content, const struct content_store *store, uint64_t offset,
                      size_t len)
{
        static const char zeros[SPOOL_BLOCK];
        uint64_t size = content->size;
        int r = content_write(content, store, offset, zeros, len);

        content->size = size;
        return r;
}

int content_truncate(struct content *content, const struct content_store *store, uint64_t size)
{
        uint64_t end = blocks_of(size);

        if (size < content->size) {
                uint32_t at = find_extent(content, size / SPOOL_BLOCK);

                /* The rest of the last block has to read as zeros when the file grows again. */
                if (size % SPOOL_BLOCK != 0 && at < content->count &&
                    content->extents[at].place != EXTENT_ZEROS &&
                    content->extents[at].block <= size / SPOOL_BLOCK) {
                        int r = zero_bytes(content, store, size,
                                           SPOOL_BLOCK - (size_t)(size % SPOOL_BLOCK));
                        if (r < 0)
                                return r;
                }
                if (reserve_extents(content, 1) < 0)
                        return -ENOMEM;
                cut_extents(content, store, end, UINT64_MAX / SPOOL_BLOCK);
                if (content->lower_size > size)
                        content->lower_size = size;
        }
        content->size = size;
        return 0;
}

int content_zero(struct content *content, const struct content_store *store, uint64_t offset,
                 uint64_t len)
{
        struct extent zeros = { .place = EXTENT_ZEROS, .epoch = store->epoch };
        uint64_t end, first, last;
        int r;

        if (offset >= content->size)
                return 0;
        if (content->size - offset < len)
                len = content->size - offset;
        end = offset + len;
        first = blocks_of(offset);
        /* Up to the end of the file is up to the end of its last block. */
        last = end == content->size ? blocks_of(end) : end / SPOOL_BLOCK;
        if (first > last)
                return zero_bytes(content, store, offset, (size_t)len);
        if (offset % SPOOL_BLOCK != 0) {
                r = zero_bytes(content, store, offset,
                               SPOOL_BLOCK - (size_t)(offset % SPOOL_BLOCK));
                if (r < 0)
                        return r;
        }
        if (end > last * SPOOL_BLOCK) {
                r = zero_bytes(content, store, last * SPOOL_BLOCK,
                               (size_t)(end - last * SPOOL_BLOCK));
                if (r < 0)
                        return r;
        }
        if (first == last)
                return 0;
        if (reserve_extents(content, 2) < 0)
                return -ENOMEM;
        cut_extents(content, store, first, last);
        zeros.block = first;
        zeros.count = last - first;
        insert_extent(content, store, &zeros);
        return 0;
}

uint64_t content_run_end(const struct content *content, const struct lower_runs *lower,
                         uint64_t offset, bool *ret_data)
{
        uint32_t at = find_extent(content, offset / SPOOL_BLOCK);
        uint64_t end = content->size;

        if (at < content->count) {
                const struct extent *extent = &content->extents[at];

                if (extent->block * SPOOL_BLOCK <= offset) {
                        *ret_data = extent->place != EXTENT_ZEROS;
                        return extent_end(extent) * SPOOL_BLOCK < end
                                       ? extent_end(extent) * SPOOL_BLOCK
                                       : end;
                }
                if (extent->block * SPOOL_BLOCK < end)
                        end = extent->block * SPOOL_BLOCK;
        }
        *ret_data = false;
        if (content->lower.inode != 0 && offset < content->lower_size) {
                uint64_t run = lower->run_end(lower->userdata, content->lower, offset, ret_data);

                if (run > content->lower_size)
                        run = content->lower_size;
                if (run < end)
                        end = run;
        }
        return end;
}

uint64_t content_blocks(const struct content *content)
{
        uint64_t lower = blocks_of(content->lower_size) - content->hides;

        if (content->lower.inode == 0)
                return content->held;
        return content->held + (lower < content->lower_blocks ? lower : content->lower_blocks);
}
