#include "shared_records.h"

#include "base/cleanup.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "varve records 1 " HEAD_ORDER "\n"
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define HEAD_ORDER "little"
#else
#define HEAD_ORDER "big"
#endif

#define LINE_MAX_BYTES (2 * DIGEST_HEX_MAX + 24)

int shared_records_begin(struct buf *ret)
{
        return buf_append_str(ret, HEAD);
}

int shared_records_add(const struct shared_record *record, struct buf *ret)
{
        char group[DIGEST_HEX_MAX], key[DIGEST_HEX_MAX];

        digest_format_hex(&record->group, group);
        digest_format_hex(&record->key, key);
        if (buf_appendf(ret, "%s %s %zu\n", group, key, record->len) < 0)
                return -ENOMEM;
        return buf_append(ret, record->text, record->len);
}

/* Takes one record off what is left. */
static int take_record(const char **at, const char *end, struct shared_record *ret)
{
        size_t left = (size_t)(end - *at), len;
        const char *newline = memchr(*at, '\n', left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES);
        char line[LINE_MAX_BYTES], *number, *stop;
        struct error ignored = ERROR_INIT;

        if (!newline)
                return -EBADMSG;
        len = (size_t)(newline - *at);
        memcpy(line, *at, len);
        line[len] = '\0';
        if (len < 2 * DIGEST_HEX_MAX + 1 || line[DIGEST_HEX_MAX - 1] != ' ' ||
            line[2 * DIGEST_HEX_MAX - 1] != ' ')
                return -EBADMSG;
        line[DIGEST_HEX_MAX - 1] = line[2 * DIGEST_HEX_MAX - 1] = '\0';
        number = line + 2 * DIGEST_HEX_MAX;
        if (digest_parse_hex(line, &ret->group, &ignored) < 0 ||
            digest_parse_hex(line + DIGEST_HEX_MAX, &ret->key, &ignored) < 0 || *number < '0' ||
            *number > '9')
                return -EBADMSG;
        errno = 0;
        ret->len = strtoul(number, &stop, 10);
        ret->text = newline + 1;
        if (errno != 0 || *stop || ret->len > (size_t)(end - ret->text))
                return -EBADMSG;
        *at = ret->text + ret->len;
        return 0;
}

int shared_records_parse(const char *data, size_t len, struct shared_record **ret,
                         size_t *ret_count)
{
        _cleanup_free_ struct shared_record *records = NULL;
        const char *at = data + strlen(HEAD), *end = data + len;
        size_t count = 0, cap = 0;

        if (len < strlen(HEAD) || memcmp(data, HEAD, strlen(HEAD)) != 0)
                return len >= 14 && memcmp(data, HEAD, 14) == 0 ? -ESTALE : -EBADMSG;
        while (at < end) {
                int r;

                if (count >= SHARED_RECORDS_COUNT_MAX)
                        return -EBADMSG;
                if (count == cap) {
                        struct shared_record *more;

                        cap = cap ? cap * 2 : 64;
                        more = reallocarray(records, cap, sizeof(*records));
                        if (!more)
                                return -ENOMEM;
                        records = more;
                }
                r = take_record(&at, end, &records[count]);
                if (r < 0)
                        return r;
                count++;
        }
        *ret = TAKE_PTR(records);
        *ret_count = count;
        return 0;
}
