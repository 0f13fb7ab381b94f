#include "gzip_header.h"

#include <libdeflate.h>

enum {
        FLAG_CHECKSUM = 1 << 1,
        FLAG_EXTRA = 1 << 2,
        FLAG_NAME = 1 << 3,
        FLAG_COMMENT = 1 << 4,
        FLAGS_RESERVED = 0xe0,
};

enum {
        PART_FIXED,
        PART_EXTRA_LEN,
        PART_EXTRA,
        PART_NAME,
        PART_COMMENT,
        PART_CHECKSUM,
        PART_END,
};

#define FIXED_BYTES 10

/* Enters the next part that the flags say is there. */
static void enter_next(struct gzip_header *header)
{
        static const uint8_t flags[] = {
                [PART_EXTRA_LEN] = FLAG_EXTRA,   [PART_EXTRA] = FLAG_EXTRA,
                [PART_NAME] = FLAG_NAME,         [PART_COMMENT] = FLAG_COMMENT,
                [PART_CHECKSUM] = FLAG_CHECKSUM,
        };

        do {
                header->part++;
        } while (header->part < PART_END && !(header->flags & flags[header->part]));
        if (header->part == PART_EXTRA_LEN || header->part == PART_CHECKSUM)
                header->left = 2;
        if (header->part == PART_EXTRA && header->left == 0)
                enter_next(header);
}

/* False where the byte cannot stand there. */
static bool take_fixed(struct gzip_header *header, uint8_t byte)
{
        static const uint8_t magic[] = { 0x1f, 0x8b, 8 };
        unsigned at = header->fixed_len++;

        if (at < sizeof(magic))
                return byte == magic[at];
        if (at == sizeof(magic))
                header->flags = byte;
        if (header->fixed_len == FIXED_BYTES)
                enter_next(header);
        return (header->flags & FLAGS_RESERVED) == 0;
}

static void take_extra_len(struct gzip_header *header, uint8_t byte)
{
        header->extra_len |= (unsigned)byte << (header->left == 2 ? 0 : 8);
        if (--header->left > 0)
                return;
        header->left = header->extra_len;
        enter_next(header);
}

/* The low half of the checksum of all that came before. */
static bool take_checksum(struct gzip_header *header, uint8_t byte)
{
        uint32_t expected = header->crc >> (header->left == 2 ? 0 : 8) & 0xff;

        if (--header->left == 0)
                enter_next(header);
        return byte == expected;
}

/* Takes a byte of the part that is at hand. False where it cannot stand there. */
static bool take_byte(struct gzip_header *header, uint8_t byte)
{
        if (header->part == PART_CHECKSUM)
                return take_checksum(header, byte);
        header->crc = libdeflate_crc32(header->crc, &byte, 1);
        switch (header->part) {
        case PART_FIXED:
                return take_fixed(header, byte);
        case PART_EXTRA_LEN:
                take_extra_len(header, byte);
                return true;
        case PART_EXTRA:
                if (--header->left == 0)
                        enter_next(header);
                return true;
        default: /* a name or a comment */
                if (byte == 0)
                        enter_next(header);
                return true;
        }
}

size_t gzip_header_take(struct gzip_header *header, const uint8_t *data, size_t len, int *ret_state)
{
        size_t at;

        for (at = 0; at < len && header->part != PART_END; at++) {
                if (!take_byte(header, data[at])) {
                        *ret_state = -1;
                        return at;
                }
        }
        *ret_state = header->part == PART_END;
        return at;
}
