/*
 * For tests: entries as lines of text, so that two lists of them are compared as strings.
 *
 *   TYPE PATH [-> LINK] MODE UID:GID MTIME SIZE [DEVICE] [{RUN+LENGTH ...}] [NAME=HEX ...]
 */
#pragma once

#include "archive/entry.h"
#include "base/buf.h"

#include <criterion/criterion.h>
#include <inttypes.h>

struct entry_log {
        struct buf text;
        struct buf offsets; /* of the content of each file, as an array of uint64_t */
        int fail_with;      /* what add() returns once it has `fail_after` entries */
        size_t fail_after;
        size_t count;
};

static inline void entry_log_entry(struct buf *text, const struct entry *entry)
{
        buf_appendf(text, "%c %s", "-dlhcbps"[entry->type], entry -> path);
        if (entry->link)
                buf_appendf(text, " -> %s", entry->link);
        buf_appendf(text, " %04o %u:%u %lld.%09ld %" PRIu64, entry->mode, entry->uid, entry->gid,
                    (long long)entry->mtime.tv_sec, entry->mtime.tv_nsec, entry->size);
        if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK)
                buf_appendf(text, " %u,%u", entry->device_major, entry->device_minor);
        if (entry->extents) {
                buf_append_str(text, " {");
                for (size_t i = 0; i < entry->extent_count; i++)
                        buf_appendf(text, "%s%" PRIu64 "+%" PRIu64, i ? " " : "",
                                    entry->extents[i].offset, entry->extents[i].length);
                buf_append_str(text, "}");
        }
        for (size_t i = 0; i < entry->xattr_count; i++) {
                buf_appendf(text, " %s=", entry->xattrs[i].name);
                for (size_t j = 0; j < entry->xattrs[i].value_len; j++)
                        buf_appendf(text, "%02x",
                                    ((const unsigned char *)entry->xattrs[i].value)[j]);
        }
        buf_append_char(text, '\n');
}

static inline int entry_log_add(void *context, const struct entry *entry, uint64_t data_offset,
                                struct error *err)
{
        struct entry_log *log = context;

        if (log->fail_with && log->count == log->fail_after)
                return error_set(err, log->fail_with, "the sink is full");
        log->count++;
        entry_log_entry(&log->text, entry);
        if (entry->type == ENTRY_FILE)
                buf_append(&log->offsets, &data_offset, sizeof(data_offset));
        return 0;
}

static inline struct entry_sink entry_log_sink(struct entry_log *log)
{
        return (struct entry_sink){ .add = entry_log_add, .context = log };
}

static inline void entry_log_done(struct entry_log *log)
{
        buf_done(&log->text);
        buf_done(&log->offsets);
}
