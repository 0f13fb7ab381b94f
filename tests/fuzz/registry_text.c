/*
 * What registries, settings and files of credentials say: the first byte tells which of it the rest
 * is.
 */
#include "../../src/registry/credentials.h"
#include "../../src/registry/settings.h"
#include "../../src/registry/wire.h"
#include "oci/json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_challenge(const char *text)
{
        struct challenge challenge = CHALLENGE_INIT;

        if (challenge_read(text, &challenge) == 0 && challenge.scheme == CHALLENGE_BEARER &&
            !challenge.realm)
                abort();
        challenge_done(&challenge);
}

static void read_numbers(const char *text)
{
        uint64_t first, total, size, seconds;

        if (wire_read_range(text, &size) == 0 && size == 0)
                abort();
        if (wire_read_content_range(text, &first, &total) == 0 && first >= total)
                abort();
        wire_read_retry_after(text, 1000000, &seconds);
}

static void read_texts(const char *text)
{
        struct buf said = BUF_INIT;
        char *link;

        if (wire_read_next_link(text, &link) == 0)
                free(link);
        wire_read_warning(text, &said);
        wire_read_errors(text, strlen(text), &said);
        buf_done(&said);
}

static void read_settings(const char *text)
{
        struct settings settings = SETTINGS_INIT;
        struct error err = ERROR_INIT;

        if (settings_parse(text, "settings", &settings, &err) == 0) {
                if (settings.mirrors.count % 2 != 0)
                        abort();
                settings_done(&settings);
        } else if (!error_is_set(&err)) {
                abort();
        }
}

static void read_credentials(const char *text)
{
        struct credentials found = CREDENTIALS_INIT;
        struct error err = ERROR_INIT;
        json_t *document;
        bool any;

        if (json_parse_object(text, strlen(text), "credentials", &document, &err) < 0)
                return;
        /* No program is run. */
        json_object_del(document, "credHelpers");
        json_object_del(document, "credsStore");
        if (credentials_read(document, "h", "a/b", &found, &any, &err) == 0 &&
            any == credentials_are_empty(&found))
                abort();
        credentials_done(&found);
        json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const readers[])(const char *text) = {
                read_challenge, read_numbers, read_texts, read_settings, read_credentials,
        };
        char *text;

        if (size == 0)
                return 0;
        text = strndup((const char *)data + 1, size - 1);
        readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](text);
        free(text);
        return 0;
}
