#include "tar_header.h"

#include <string.h>

bool tar_block_is_zero(const void *block)
{
        static const char zeros[TAR_BLOCK_BYTES];

        return memcmp(block, zeros, sizeof(zeros)) == 0;
}

uint32_t tar_block_checksum(const struct tar_block *block)
{
        const unsigned char *bytes = (const unsigned char *)block;
        uint32_t sum = 0;

        for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
                sum += bytes[i];
        for (size_t i = 0; i < sizeof(block->checksum); i++)
                sum += (uint32_t)' ' - (unsigned char)block->checksum[i];
        return sum;
}

/* Some old tars summed signed characters. */
static int32_t signed_checksum(const struct tar_block *block)
{
        const signed char *bytes = (const signed char *)block;
        int32_t sum = 0;

        for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
                sum += bytes[i];
        for (size_t i = 0; i < sizeof(block->checksum); i++)
                sum += ' ' - (signed char)block->checksum[i];
        return sum;
}

/* Two's complement, big-endian, the first bit set as a mark. */
static bool read_base256(const char *field, size_t len, int64_t *ret)
{
        const unsigned char *bytes = (const unsigned char *)field;
        unsigned char flip = bytes[0] & 0x40 ? 0xff : 0;
        uint64_t value = 0;

        for (size_t i = 0; i < len; i++) {
                unsigned char byte = bytes[i] ^ flip;

                if (i == 0)
                        byte &= 0x7f;
                if (value >> 56)
                        return false;
                value = value << 8 | byte;
        }
        if (value >> 63)
                return false;
        *ret = flip ? (int64_t)~value : (int64_t)value;
        return true;
}

static bool is_padding(char c)
{
        return c == ' ' || c == '\0';
}

bool tar_number_read(const char *field, size_t len, int64_t *ret)
{
        uint64_t value = 0;

        if ((unsigned char)field[0] & 0x80)
                return read_base256(field, len, ret);
        while (len > 0 && is_padding(field[0])) {
                field++;
                len--;
        }
        while (len > 0 && is_padding(field[len - 1]))
                len--;
        for (size_t i = 0; i < len && field[i] != '\0'; i++) {
                if (field[i] < '0' || field[i] > '7' || value >> 60)
                        return false;
                value = value << 3 | (uint64_t)(field[i] - '0');
        }
        *ret = (int64_t)value;
        return true;
}

#define READ_NUMBER(field, ret) tar_number_read(field, sizeof(field), ret)

static bool checksum_is_right(const struct tar_block *block)
{
        int64_t said;

        return READ_NUMBER(block->checksum, &said) &&
               (said == tar_block_checksum(block) || said == signed_checksum(block));
}

/* A name of at most `len` bytes, ended by a NUL where it is shorter. */
static size_t copy_name(char *to, const char *from, size_t len)
{
        len = strnlen(from, len);
        memcpy(to, from, len);
        to[len] = '\0';
        return len;
}

static bool is_ascii(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if ((unsigned char)text[i] >= 0x80)
                        return false;
        }
        return true;
}

/*
 * Finds the prefix of the name. GNU's header has times where ustar's has it. Go before 1.8 wrote
 * prefixes into GNU headers nevertheless, and layers made by it are still about: where the times
 * are no numbers, the field is taken as a prefix.
 */
static size_t find_prefix(const struct tar_block *block, bool is_gnu, bool is_star,
                          const char **ret_prefix)
{
        size_t len;
        int64_t time;

        *ret_prefix = block->ustar.prefix;
        if (is_star)
                return strnlen(block->star.prefix, sizeof(block->star.prefix));
        len = strnlen(block->ustar.prefix, sizeof(block->ustar.prefix));
        if (!is_gnu)
                return len;
        if ((block->gnu.atime[0] == '\0' || READ_NUMBER(block->gnu.atime, &time)) &&
            (block->gnu.ctime[0] == '\0' || READ_NUMBER(block->gnu.ctime, &time)))
                return 0;
        return is_ascii(*ret_prefix, len) ? len : 0;
}

const char *tar_header_read(const struct tar_block *block, struct tar_header *ret)
{
        bool is_gnu = memcmp(block->magic, "ustar ", 6) == 0 && memcmp(block->version, " ", 2) == 0;
        bool is_ustar = memcmp(block->magic, "ustar", 6) == 0;
        bool is_star = is_ustar && memcmp(block->star.trailer, "tar", 4) == 0;
        const char *prefix;
        size_t len = 0;

        if (!checksum_is_right(block))
                return "there is no tar header, or its checksum is wrong";
        *ret = (struct tar_header){ .type = block->type, .is_gnu = is_gnu };
        if (!READ_NUMBER(block->mode, &ret->mode) || !READ_NUMBER(block->uid, &ret->uid) ||
            !READ_NUMBER(block->gid, &ret->gid) || !READ_NUMBER(block->size, &ret->size) ||
            !READ_NUMBER(block->mtime, &ret->mtime_s))
                return "a field of its header is no number";
        if ((is_gnu || is_ustar) && (!READ_NUMBER(block->dev_major, &ret->dev_major) ||
                                     !READ_NUMBER(block->dev_minor, &ret->dev_minor)))
                return "a device number of its header is no number";
        if (is_gnu || is_ustar) {
                len = find_prefix(block, is_gnu, is_star, &prefix);
                memcpy(ret->path, prefix, len);
                if (len > 0)
                        ret->path[len++] = '/';
        }
        copy_name(ret->path + len, block->name, sizeof(block->name));
        copy_name(ret->link, block->link, sizeof(block->link));
        return NULL;
}
