#include "wire.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
/* RFC 9110, 5.6.2; what ends a token in the headers that are read here. */
#define TOKEN_END BLANKS ",;=\""

/* An error document shows at most so many of its errors. */
#define ERRORS_SHOWN_MAX 4u

/* ---- WWW-Authenticate ---- */

void challenge_done(struct challenge *challenge)
{
        free(challenge->realm);
        free(challenge->service);
        *challenge = CHALLENGE_INIT;
}

/* Reads a token or a quoted string and goes behind it. */
static int read_value(const char **text, struct buf *ret)
{
        const char *at = *text;
        int r = 0;

        buf_clear(ret);
        if (*at != '"') {
                size_t len = strcspn(at, TOKEN_END);

                *text = at + len;
                return buf_append(ret, at, len);
        }
        for (at++; *at && *at != '"' && r == 0; at++) {
                if (*at == '\\' && at[1])
                        at++;
                r = buf_append_char(ret, *at);
        }
        *text = *at ? at + 1 : at;
        return r;
}

static bool has_name(const char *text, size_t len, const char *name)
{
        return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

/* Takes the better of two, and lets go of the other. */
static void settle(struct challenge *best, struct challenge *found)
{
        if (found->scheme == CHALLENGE_BEARER && !found->realm)
                found->scheme = CHALLENGE_NONE;
        if (found->scheme > best->scheme) {
                challenge_done(best);
                *best = *found;
                *found = CHALLENGE_INIT;
        }
        challenge_done(found);
}

static int take_parameter(struct challenge *challenge, const char *name, size_t len,
                          struct buf *value)
{
        char **place = NULL;

        if (challenge->scheme == CHALLENGE_BEARER && has_name(name, len, "realm"))
                place = &challenge->realm;
        else if (challenge->scheme == CHALLENGE_BEARER && has_name(name, len, "service"))
                place = &challenge->service;
        if (!place || *place)
                return 0;
        *place = buf_take_str(value);
        return *place ? 0 : -ENOMEM;
}

int challenge_read(const char *text, struct challenge *challenge)
{
        struct challenge found = CHALLENGE_INIT;
        struct buf value = BUF_INIT;
        const char *at = text;
        int r = 0;

        while (r == 0 && *(at += strspn(at, BLANKS ",;="))) {
                const char *name = at;
                size_t len = strcspn(at, TOKEN_END);

                at += len + strspn(at + len, BLANKS);
                if (len == 0) {
                        r = read_value(&at, &value); /* a string that belongs to nothing */
                } else if (*at == '=') {
                        at += 1 + strspn(at + 1, BLANKS);
                        r = read_value(&at, &value);
                        if (r == 0)
                                r = take_parameter(&found, name, len, &value);
                } else {
                        settle(challenge, &found);
                        if (has_name(name, len, "Bearer"))
                                found.scheme = CHALLENGE_BEARER;
                        else if (has_name(name, len, "Basic"))
                                found.scheme = CHALLENGE_BASIC;
                }
        }
        settle(challenge, &found);
        buf_done(&value);
        return r;
}

/* ---- others ---- */

int wire_read_next_link(const char *text, char **ret)
{
        *ret = NULL;
        for (const char *at = text; (at = strchr(at, '<'));) {
                const char *end = strchr(at, '>');
                size_t parameters;

                if (!end)
                        break;
                parameters = strcspn(end, "<");
                if (memmem(end, parameters, "rel=\"next\"", 10) ||
                    memmem(end, parameters, "rel=next", 8)) {
                        *ret = strndup(at + 1, (size_t)(end - at - 1));
                        return *ret ? 0 : -ENOMEM;
                }
                at = end;
        }
        return 0;
}

/* Digits alone, without sign; goes behind them. */
static int read_number(const char **text, uint64_t *ret)
{
        char *end;

        if (**text < '0' || **text > '9')
                return -EBADMSG;
        errno = 0;
        *ret = strtoull(*text, &end, 10);
        if (errno != 0 || *ret > INT64_MAX)
                return -EBADMSG;
        *text = end;
        return 0;
}

static int read_span(const char **text, uint64_t *ret_first, uint64_t *ret_last)
{
        if (read_number(text, ret_first) < 0 || *(*text)++ != '-' ||
            read_number(text, ret_last) < 0 || *ret_last < *ret_first)
                return -EBADMSG;
        return 0;
}

int wire_read_range(const char *text, uint64_t *ret_size)
{
        const char *at = strncmp(text, "bytes=", 6) == 0 ? text + 6 : text;
        uint64_t first, last;

        if (read_span(&at, &first, &last) < 0 || *at != '\0' || first != 0)
                return -EBADMSG;
        *ret_size = last + 1;
        return 0;
}

int wire_read_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_total)
{
        const char *at = text;
        uint64_t first, last, total = UINT64_MAX;

        if (strncasecmp(at, "bytes ", 6) != 0)
                return -EBADMSG;
        at += 6;
        if (read_span(&at, &first, &last) < 0 || *at++ != '/')
                return -EBADMSG;
        if (strcmp(at, "*") != 0 && (read_number(&at, &total) < 0 || *at != '\0' || total <= last))
                return -EBADMSG;
        *ret_first = first;
        *ret_total = total;
        return 0;
}

int wire_read_length(const char *text, uint64_t *ret)
{
        return read_number(&text, ret) == 0 && *text == '\0' ? 0 : -EBADMSG;
}

int wire_read_retry_after(const char *text, time_t now, uint64_t *ret_seconds)
{
        const char *at = text;
        time_t date;

        if (read_number(&at, ret_seconds) == 0)
                return *at == '\0' ? 0 : -EBADMSG;
        date = curl_getdate(text, NULL);
        if (date < 0)
                return -EBADMSG;
        *ret_seconds = date > now ? (uint64_t)(date - now) : 0;
        return 0;
}

/* A person reads it, as one line of text and not as what moves his terminal. */
void wire_flatten(struct buf *text)
{
        for (size_t i = 0; i < text->len; i++) {
                unsigned char c = (unsigned char)text->data[i];

                if (c < ' ' || c == 0x7f)
                        text->data[i] = '?';
        }
}

int wire_read_warning(const char *text, struct buf *ret)
{
        struct buf value = BUF_INIT;
        const char *at = strchr(text, '"');
        int r;

        if (strncmp(text, "299 ", 4) != 0 || !at)
                return -EBADMSG;
        r = read_value(&at, &value);
        if (r == 0)
                r = buf_append(ret, value.data, value.len);
        wire_flatten(ret);
        buf_done(&value);
        return r;
}

static int append_error(const json_t *item, struct buf *ret)
{
        const char *code = json_string_value(json_object_get(item, "code"));
        const char *message = json_string_value(json_object_get(item, "message"));

        if (!code && !message)
                return 0;
        if (ret->len > 0 && buf_append_str(ret, "; ") < 0)
                return -ENOMEM;
        if (!code || !message)
                return buf_append_str(ret, code ? code : message);
        return buf_appendf(ret, "%s (%s)", message, code);
}

int wire_read_errors(const void *data, size_t len, struct buf *ret)
{
        _cleanup_json_ json_t *document = NULL;
        struct error ignored = ERROR_INIT;
        const json_t *errors;
        size_t count;
        int r = json_parse_object(data, len, "an error", &document, &ignored);

        if (r < 0)
                return r == -ENOMEM ? r : 0;
        errors = json_object_get(document, "errors");
        count = json_array_size(errors);
        for (size_t i = 0; i < count && i < ERRORS_SHOWN_MAX && r == 0; i++)
                r = append_error(json_array_get(errors, i), ret);
        wire_flatten(ret);
        return r;
}
