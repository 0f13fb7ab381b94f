#include "tar_pax.h"

#include "archive/tar_read.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHILY_XATTR     "SCHILY.xattr."
#define LIBARCHIVE_XATTR "LIBARCHIVE.xattr."
#define NS_DIGITS        9

/* One record, and what it is in the header. */
struct record {
        char *key;
        char *value; /* terminated */
        size_t value_len;
};

void tar_pax_done(struct tar_pax *pax)
{
        free(pax->sparse.extents);
        free(pax->xattrs);
        *pax = TAR_PAX_INIT;
}

bool tar_pax_integer(const char *text, int64_t *ret)
{
        bool negative = text[0] == '-';
        uint64_t value = 0, max = (uint64_t)INT64_MAX + (negative ? 1 : 0);

        if (text[0] == '-' || text[0] == '+')
                text++;
        if (text[0] == '\0')
                return false;
        for (; *text; text++) {
                unsigned digit = (unsigned)(*text - '0');

                if (digit > 9 || value > (max - digit) / 10)
                        return false;
                value = value * 10 + digit;
        }
        *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
        return true;
}

bool tar_pax_time(const char *text, struct timespec *ret)
{
        size_t whole_len = strcspn(text, ".");
        const char *digits = text + whole_len;
        char whole[24];
        int64_t seconds;
        long ns = 0, unit = 100000000;

        if (whole_len >= sizeof(whole))
                return false;
        memcpy(whole, text, whole_len);
        whole[whole_len] = '\0';
        if (!tar_pax_integer(whole, &seconds))
                return false;
        for (digits += *digits == '.'; *digits; digits++, unit /= 10) {
                if (!isdigit((unsigned char)*digits))
                        return false;
                ns += (*digits - '0') * unit;
        }
        /* "-1.5" is one and a half seconds before, and a timespec's nanoseconds count forwards. */
        if (text[0] == '-' && ns > 0) {
                if (seconds == INT64_MIN)
                        return false;
                seconds--;
                ns = 1000000000 - ns;
        }
        *ret = (struct timespec){ .tv_sec = seconds, .tv_nsec = ns };
        return true;
}

/* Takes "LEN KEY=VALUE\n" off the front of `*records`. False where it is none. */
static bool next_record(char **records, size_t *len, struct record *ret)
{
        char *end, *equals, *at = *records;
        size_t size = 0;

        for (; (size_t)(at - *records) < *len && isdigit((unsigned char)*at); at++) {
                size = size * 10 + (size_t)(*at - '0');
                if (size > *len)
                        return false;
        }
        if (at == *records || (size_t)(at - *records) >= *len || *at != ' ')
                return false;
        at++;
        end = *records + size;
        if (size < (size_t)(at - *records) + 1 || end[-1] != '\n')
                return false;
        equals = memchr(at, '=', (size_t)(end - 1 - at));
        if (!equals || equals == at || memchr(at, '\0', (size_t)(equals - at)))
                return false;
        *equals = '\0';
        end[-1] = '\0';
        *ret = (struct record){ .key = at,
                                .value = equals + 1,
                                .value_len = (size_t)(end - 1 - (equals + 1)) };
        *records = end;
        *len -= size;
        return true;
}

static int bad_record(const char *key, const char *why, struct error *err)
{
        return error_set(err, -EBADMSG, "its pax record %.100s %s", key, why);
}

static struct entry_xattr *find_xattr(struct tar_pax *pax, const char *name)
{
        for (size_t i = 0; i < pax->xattr_count; i++) {
                if (strcmp(pax->xattrs[i].name, name) == 0)
                        return &pax->xattrs[i];
        }
        return NULL;
}

static int add_xattr(struct tar_pax *pax, const char *name, const void *value, size_t value_len,
                     struct error *err)
{
        struct entry_xattr *xattr = find_xattr(pax, name), *xattrs;

        if (name[0] == '\0' || strlen(name) > TAR_XATTR_NAME_MAX)
                return error_set(err, -EBADMSG,
                                 "the name of an extended attribute is not of 1 to "
                                 "%d bytes",
                                 TAR_XATTR_NAME_MAX);
        if (value_len > TAR_XATTR_SIZE_MAX)
                return error_set(err, -EBADMSG, "its extended attribute %s has more than %d bytes",
                                 name, TAR_XATTR_SIZE_MAX);
        if (!xattr) {
                if (pax->xattr_count == TAR_XATTRS_MAX)
                        return error_set(err, -EBADMSG, "it has more than %d extended attributes",
                                         TAR_XATTRS_MAX);
                xattrs = reallocarray(pax->xattrs, pax->xattr_count + 1, sizeof(*xattrs));
                if (!xattrs)
                        return error_set_oom(err);
                pax->xattrs = xattrs;
                xattr = &xattrs[pax->xattr_count++];
        }
        *xattr = (struct entry_xattr){ .name = name, .value = value, .value_len = value_len };
        return 0;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)tolower((unsigned char)c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes "%3D" in place. False for a NUL in disguise or a cut sequence. */
static bool decode_percent(char *text)
{
        char *to = text;

        for (; *text; text++, to++) {
                *to = *text;
                if (*text == '%') {
                        int high = hex_digit(text[1]);
                        int low = high < 0 ? -1 : hex_digit(text[2]);

                        if (low < 0 || (high == 0 && low == 0))
                                return false;
                        *to = (char)(high << 4 | low);
                        text += 2;
                }
        }
        *to = '\0';
        return true;
}

/* Undoes base64, with or without padding, in place. False for any other character. */
static bool decode_base64(char *text, size_t len, size_t *ret_len)
{
        static const char alphabet[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        unsigned char *to = (unsigned char *)text;
        uint32_t bits = 0;
        unsigned count = 0;

        while (len > 0 && text[len - 1] == '=')
                len--;
        for (size_t i = 0; i < len; i++) {
                const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;

                if (!at)
                        return false;
                bits = bits << 6 | (uint32_t)(at - alphabet);
                count += 6;
                if (count >= 8) {
                        count -= 8;
                        *to++ = (unsigned char)(bits >> count);
                }
        }
        *ret_len = (size_t)(to - (unsigned char *)text);
        return true;
}

/* libarchive writes both forms of an attribute, and the encoded name in both: then star's counts,
 * and its name as it stands, which is what Go reads. */
static int add_libarchive_xattr(struct tar_pax *pax, struct record *record, struct error *err)
{
        char *name = record->key + strlen(LIBARCHIVE_XATTR);
        size_t len;

        if (find_xattr(pax, name))
                return 0;
        if (!decode_percent(name) || !decode_base64(record->value, record->value_len, &len))
                return error_set(err, -EBADMSG,
                                 "its extended attributes are not encoded as they must be");
        if (find_xattr(pax, name))
                return 0;
        return add_xattr(pax, name, record->value, len, err);
}

/* Sparse format 0.0: offset and length of each run of data in turn, each a record. */
static int add_extent_part(struct tar_pax_sparse *sparse, const struct record *record,
                           bool is_offset, struct error *err)
{
        struct entry_extent *extents;
        int64_t number;

        if (is_offset == sparse->offset_is_open)
                return bad_record(record->key, "is out of order", err);
        if (!tar_pax_integer(record->value, &number) || number < 0)
                return bad_record(record->key, "is no number", err);
        sparse->offset_is_open = is_offset;
        if (!is_offset) {
                sparse->extents[sparse->extent_count++].length = (uint64_t)number;
                return 0;
        }
        /* A record has at least 25 bytes, so TAR_META_BYTES_MAX bounds their number. */
        extents = reallocarray(sparse->extents, sparse->extent_count + 1, sizeof(*extents));
        if (!extents)
                return error_set_oom(err);
        extents[sparse->extent_count].offset = (uint64_t)number;
        sparse->extents = extents;
        return 0;
}

/* Where the value of a record with this key is kept, or NULL. */
static const char **text_member(struct tar_pax *pax, const char *key)
{
        const struct {
                const char *key;
                const char **member;
        } members[] = {
                { "path", &pax->path },
                { "linkpath", &pax->link },
                { "size", &pax->size },
                { "uid", &pax->uid },
                { "gid", &pax->gid },
                { "mtime", &pax->mtime },
                { "GNU.sparse.major", &pax->sparse.major },
                { "GNU.sparse.minor", &pax->sparse.minor },
                { "GNU.sparse.name", &pax->sparse.name },
                { "GNU.sparse.size", &pax->sparse.size },
                { "GNU.sparse.realsize", &pax->sparse.real_size },
                { "GNU.sparse.numblocks", &pax->sparse.block_count },
                { "GNU.sparse.map", &pax->sparse.map },
        };

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                if (strcmp(key, members[i].key) == 0)
                        return members[i].member;
        }
        return NULL;
}

static int take_record(struct tar_pax *pax, struct record *record, struct error *err)
{
        const char **member;

        if (strncmp(record->key, SCHILY_XATTR, strlen(SCHILY_XATTR)) == 0)
                return add_xattr(pax, record->key + strlen(SCHILY_XATTR), record->value,
                                 record->value_len, err);
        if (strncmp(record->key, LIBARCHIVE_XATTR, strlen(LIBARCHIVE_XATTR)) == 0)
                return 0;
        if (strcmp(record->key, "GNU.sparse.offset") == 0)
                return add_extent_part(&pax->sparse, record, true, err);
        if (strcmp(record->key, "GNU.sparse.numbytes") == 0)
                return add_extent_part(&pax->sparse, record, false, err);
        member = text_member(pax, record->key);
        if (!member)
                return 0;
        if (strlen(record->value) != record->value_len)
                return bad_record(record->key, "has a NUL in it", err);
        *member = record->value_len > 0 ? record->value : NULL;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct entry_xattr *)a)->name, ((const struct entry_xattr *)b)->name);
}

int tar_pax_read(char *records, size_t len, struct tar_pax *ret, struct error *err)
{
        _cleanup_(tar_pax_done) struct tar_pax pax = TAR_PAX_INIT;
        _cleanup_free_ struct record *later = NULL;
        size_t later_count = 0;
        struct record record;
        int r;

        while (len > 0) {
                if (!next_record(&records, &len, &record))
                        return error_set(err, -EBADMSG, "its pax header is malformed");
                r = take_record(&pax, &record, err);
                if (r < 0)
                        return r;
                if (strncmp(record.key, LIBARCHIVE_XATTR, strlen(LIBARCHIVE_XATTR)) != 0)
                        continue;
                if (later_count == TAR_XATTRS_MAX)
                        return error_set(err, -EBADMSG, "it has more than %d extended attributes",
                                         TAR_XATTRS_MAX);
                if (!later)
                        later = calloc(TAR_XATTRS_MAX, sizeof(*later));
                if (!later)
                        return error_set_oom(err);
                later[later_count++] = record;
        }
        if (pax.sparse.offset_is_open)
                return error_set(err, -EBADMSG, "its sparse map has an offset without a length");
        for (size_t i = 0; i < later_count; i++) {
                r = add_libarchive_xattr(&pax, &later[i], err);
                if (r < 0)
                        return r;
        }
        if (pax.xattr_count > 1)
                qsort(pax.xattrs, pax.xattr_count, sizeof(*pax.xattrs), compare_names);
        *ret = pax;
        pax = TAR_PAX_INIT;
        return 0;
}
