#include "base/cleanup.h"
#include "base/io.h"
#include "index_build.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>

/*
 * Finishing: the names that are reachable from the root, sorted by directory and name, and the
 * inodes renumbered in the order of a walk in breadth, so that one directory's lie together.
 */
struct layout {
        struct index_builder *builder;
        uint32_t *order;         /* indexes of names, sorted by (parent, name) */
        uint32_t *first, *count; /* of each old inode that is a directory: its run in `order` */
        uint32_t *number;        /* of each old inode: its new one, 0 when not (yet) met */
        uint32_t *queue;         /* old inodes by their new number */
        struct index_inode *inodes;
        struct index_entry *entries;
        struct index_link *links;
        struct index_digest *digests;
        uint32_t inode_count, entry_count, link_count;
};

static void layout_done(struct layout *layout)
{
        free(layout->order);
        free(layout->first);
        free(layout->count);
        free(layout->number);
        free(layout->queue);
        free(layout->inodes);
        free(layout->entries);
        free(layout->links);
        free(layout->digests);
}

static int compare_names(const void *a, const void *b, void *userdata)
{
        const struct index_builder *builder = userdata;
        const struct build_name *left = &builder->names[*(const uint32_t *)a];
        const struct build_name *right = &builder->names[*(const uint32_t *)b];

        if (left->parent != right->parent)
                return left->parent < right->parent ? -1 : 1;
        return index_name_cmp(builder->strings.data + left->text, left->len,
                              builder->strings.data + right->text, right->len);
}

static int layout_init(struct layout *layout, struct index_builder *builder)
{
        size_t inodes = builder->inode_count, names = (size_t)builder->name_count + 1;

        *layout = (struct layout){
                .builder = builder,
                .order = calloc(names, sizeof(*layout->order)),
                .first = calloc(inodes, sizeof(*layout->first)),
                .count = calloc(inodes, sizeof(*layout->count)),
                .number = calloc(inodes, sizeof(*layout->number)),
                .queue = calloc(inodes, sizeof(*layout->queue)),
                .inodes = calloc(inodes, sizeof(*layout->inodes)),
                .entries = calloc(names, sizeof(*layout->entries)),
                .links = calloc(names, sizeof(*layout->links)),
                .digests = calloc(inodes, sizeof(*layout->digests)),
                .inode_count = INDEX_ROOT,
        };
        if (!layout->order || !layout->first || !layout->count || !layout->number ||
            !layout->queue || !layout->inodes || !layout->entries || !layout->links ||
            !layout->digests)
                return -ENOMEM;
        for (uint32_t i = 0; i < builder->name_count; i++)
                layout->order[i] = i;
        qsort_r(layout->order, builder->name_count, sizeof(*layout->order), compare_names, builder);
        for (uint32_t i = builder->name_count; i-- > 0;) {
                uint32_t parent = builder->names[layout->order[i]].parent;

                layout->first[parent] = i;
                layout->count[parent]++;
        }
        return 0;
}

static uint32_t layout_number(struct layout *layout, uint32_t inode)
{
        if (layout->number[inode] == 0) {
                layout->queue[layout->inode_count] = inode;
                layout->number[inode] = layout->inode_count++;
        }
        return layout->number[inode];
}

/* Lays out one directory's entries and numbers what they name. */
static void layout_directory(struct layout *layout, uint32_t old, struct index_inode *dir)
{
        struct index_builder *builder = layout->builder;

        dir->first = layout->entry_count;
        dir->count = 0;
        for (uint32_t i = layout->first[old]; i < layout->first[old] + layout->count[old]; i++) {
                const struct build_name *name = &builder->names[layout->order[i]];
                struct index_entry *entry = &layout->entries[layout->entry_count];

                if (name->inode == 0 && !name->whiteout)
                        continue;
                *entry = (struct index_entry){ .name = name->text,
                                               .name_len = name->len,
                                               .parent = layout->number[old] };
                if (name->inode != 0) {
                        struct index_inode *child = &builder->inodes[name->inode];

                        /* A whiteout beside a directory hides the lower one: it is opaque. */
                        if (name->whiteout && S_ISDIR(child->mode))
                                child->flags |= INDEX_OPAQUE;
                        if (layout->number[name->inode] == 0)
                                child->entry = layout->entry_count;
                        entry->inode = layout_number(layout, name->inode);
                        if (child->nlink > 1 && !S_ISDIR(child->mode))
                                layout->links[layout->link_count++] =
                                        (struct index_link){ .inode = entry->inode,
                                                             .entry = layout->entry_count };
                }
                layout->entry_count++;
                dir->count++;
        }
}

static int compare_links(const void *a, const void *b)
{
        const struct index_link *left = a, *right = b;

        if (left->inode != right->inode)
                return left->inode < right->inode ? -1 : 1;
        return left->entry < right->entry ? -1 : left->entry > right->entry;
}

/* Names of a file that lie in directories that were replaced are gone: counts what is left. */
static void layout_links(struct layout *layout)
{
        qsort(layout->links, layout->link_count, sizeof(*layout->links), compare_links);
        for (uint32_t i = 0; i < layout->link_count; i++)
                layout->inodes[layout->links[i].inode].nlink = 0;
        for (uint32_t i = 0; i < layout->link_count; i++)
                layout->inodes[layout->links[i].inode].nlink++;
}

/* Settles what a directory's entries say about it. */
static void layout_directories(struct layout *layout)
{
        for (uint32_t i = INDEX_ROOT; i < layout->inode_count; i++) {
                struct index_inode *dir = &layout->inodes[i];

                if (!S_ISDIR(dir->mode))
                        continue;
                dir->nlink = 2;
                for (uint32_t at = dir->first; at < dir->first + dir->count; at++) {
                        uint32_t child = layout->entries[at].inode;
                        uint32_t type = layout->inodes[child].mode & S_IFMT;

                        dir->nlink += type == S_IFDIR;
                        if (child == 0 || type == INDEX_S_IFLOWER)
                                dir->flags |= INDEX_MIXED;
                }
        }
}

static void layout_run(struct layout *layout)
{
        layout_number(layout, INDEX_ROOT);
        for (uint32_t i = INDEX_ROOT; i < layout->inode_count; i++) {
                uint32_t old = layout->queue[i];
                struct index_inode *inode = &layout->builder->inodes[old];

                if (S_ISDIR(inode->mode))
                        layout_directory(layout, old, inode);
        }
        /* Opaqueness and first names are settled only now. */
        for (uint32_t i = INDEX_ROOT; i < layout->inode_count; i++) {
                uint32_t old = layout->queue[i];

                layout->inodes[i] = layout->builder->inodes[old];
                if (old < layout->builder->digest_count)
                        layout->digests[i] = layout->builder->digests[old];
        }
        layout_links(layout);
        layout_directories(layout);
}

/* Appends a section, padded to 8 bytes, to the file and the checksum. */
static int put_section(int fd, uint32_t *crc, const void *data, size_t size)
{
        static const char padding[8];
        size_t rest = (8 - size % 8) % 8;
        int r;

        if (size == 0)
                return 0; /* and no data: the library would begin anew */
        *crc = libdeflate_crc32(libdeflate_crc32(*crc, data, size), padding, rest);
        r = io_write(fd, data, size);
        return r < 0 ? r : io_write(fd, padding, rest);
}

static uint64_t place_section(uint64_t *end, uint64_t size)
{
        uint64_t offset = *end;

        *end += (size + 7) & ~(uint64_t)7;
        return offset;
}

static int layout_write(const struct layout *layout, struct index_header *header, int fd)
{
        const struct index_builder *builder = layout->builder;
        struct {
                uint64_t *offset;
                const void *data;
                size_t size;
        } sections[] = {
                { &header->inodes, layout->inodes,
                  layout->inode_count * sizeof(struct index_inode) },
                { &header->entries, layout->entries,
                  layout->entry_count * sizeof(struct index_entry) },
                { &header->links, layout->links, layout->link_count * sizeof(struct index_link) },
                { &header->extents, builder->extents,
                  builder->extent_count * sizeof(struct index_extent) },
                { &header->digests, layout->digests,
                  layout->inode_count * sizeof(struct index_digest) },
                { &header->xattrs, builder->xattrs.data, builder->xattrs.len },
                { &header->strings, builder->strings.data, builder->strings.len },
        };
        uint64_t end = sizeof(*header);
        uint32_t crc;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
                *sections[i].offset = place_section(&end, sections[i].size);
        header->file_size = end;
        crc = libdeflate_crc32(0, header, sizeof(*header));
        r = io_write(fd, header, sizeof(*header));
        for (size_t i = 0; i < ARRAY_SIZE(sections) && r == 0; i++)
                r = put_section(fd, &crc, sections[i].data, sections[i].size);
        header->crc = crc;
        return r < 0 ? r : io_pwrite(fd, header, sizeof(*header), 0);
}

static int layout_content_id(const struct layout *layout, struct index_header *header,
                             struct error *err)
{
        const struct index index = { .header = header,
                                     .inodes = layout->inodes,
                                     .entries = layout->entries,
                                     .extents = layout->builder->extents,
                                     .digests = layout->digests,
                                     .xattrs = layout->builder->xattrs.data,
                                     .strings = layout->builder->strings.data };

        if (!layout->builder->undigested)
                return content_id_of(&index, header->content_id, err);
        memcpy(header->content_id, header->diff_id, INDEX_DIGEST_BYTES);
        return 0;
}

int index_builder_finish(struct index_builder *builder,
                         const uint8_t diff_id[static INDEX_DIFF_ID_BYTES], uint64_t tar_size,
                         int fd, struct error *err)
{
        struct index_header header = { .magic = INDEX_MAGIC, .version = INDEX_VERSION };
        _cleanup_(layout_done) struct layout layout = { .builder = NULL };
        int r;

        r = content_digest_end(builder, err);
        if (r < 0)
                return r;
        r = layout_init(&layout, builder);
        if (r < 0)
                return error_set_oom(err);
        layout_run(&layout);
        memcpy(header.diff_id, diff_id, INDEX_DIFF_ID_BYTES);
        header.tar_size = tar_size;
        header.content_bytes = builder->content_bytes;
        header.strings_size = builder->strings.len;
        header.xattrs_size = builder->xattrs.len;
        header.inode_count = layout.inode_count;
        header.entry_count = layout.entry_count;
        header.link_count = layout.link_count;
        header.extent_count = builder->extent_count;
        r = layout_content_id(&layout, &header, err);
        if (r < 0)
                return r;
        r = layout_write(&layout, &header, fd);
        if (r < 0)
                return error_set_errno(err, r, "cannot write a layer's index");
        return 0;
}
