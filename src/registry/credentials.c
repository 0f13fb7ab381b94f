#include "credentials.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/strv.h"
#include "host.h"
#include "oci/json.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTH_BYTES_MAX ((size_t)64 << 10)
/* The user that says that the password is an identity token. */
#define TOKEN_USER "<token>"
/* By this key Docker keeps what is for Docker Hub. */
#define HUB_HOST "docker.io"
#define HUB_KEY  "https://index.docker.io/v1/"

void secret_free(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
}

void credentials_done(struct credentials *credentials)
{
        secret_free(credentials->user);
        secret_free(credentials->password);
        secret_free(credentials->identity_token);
        secret_free(credentials->registry_token);
        *credentials = CREDENTIALS_INIT;
}

/* ---- reading a document ---- */

/* "https://host/v1/" is "host": keys were URLs once. */
static char *plain_key(const char *key)
{
        const char *path = strchr(key, '/');

        if (strstr(key, "://") || (path && (strcmp(path, "/v1/") == 0 ||
                                            strcmp(path, "/v2/") == 0 || strcmp(path, "/") == 0)))
                return host_of_address(key);
        return host_normalize(key);
}

/* How many bytes of "HOST/PATH" a key stands for; 0 where it is for others. */
static size_t match(const char *key, const char *repository)
{
        size_t len = strlen(key);

        if (strncmp(key, repository, len) != 0)
                return 0;
        return repository[len] == '\0' || repository[len] == '/' ? len : 0;
}

/* base64 of "user:password"; what a command has written often ends in a newline. */
static int decode_auth(const char *text, struct credentials *ret, struct error *err)
{
        size_t len = strlen(text), padding = 0;
        char *plain = NULL, *colon;
        int n = -1, r = 0;

        while (len > 0 && strchr(" \t\r\n", text[len - 1]))
                len--;
        if (len <= AUTH_BYTES_MAX && len % 4 == 0) {
                plain = calloc(1, len + 1);
                if (!plain)
                        return error_set_oom(err);
                while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
                        padding++;
                n = EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text, (int)len);
        }
        if (n >= 0)
                plain[(size_t)n - padding] = '\0';
        colon = n >= 0 ? strchr(plain, ':') : NULL;
        if (!colon) {
                r = error_set(err, -EBADMSG, "an \"auth\" is no base64 of user:password");
        } else {
                *colon = '\0';
                ret->user = strdup(plain);
                ret->password = strdup(colon + 1);
                if (!ret->user || !ret->password)
                        r = error_set_oom(err);
                *colon = ':';
        }
        secret_free(plain);
        return r;
}

/* "" is as good as nothing. */
static int get_token(const json_t *item, const char *key, char **ret, struct error *err)
{
        int r = json_get_string_copy(item, key, ret, err);

        if (r == 0 && *ret && **ret == '\0')
                secret_free(TAKE_PTR(*ret));
        return r;
}

static int read_auth(const json_t *item, struct credentials *ret, struct error *err)
{
        const char *auth = NULL;
        int r = json_get_string(item, "auth", &auth, err);

        if (r == 0)
                r = get_token(item, "identitytoken", &ret->identity_token, err);
        if (r == 0)
                r = get_token(item, "registrytoken", &ret->registry_token, err);
        if (r == 0 && auth && *auth)
                r = decode_auth(auth, ret, err);
        if (r == 0 && !ret->user)
                r = json_get_string_copy(item, "username", &ret->user, err);
        if (r == 0 && ret->user && !ret->password)
                r = json_get_string_copy(item, "password", &ret->password, err);
        if (r == 0 && ret->user && strcmp(ret->user, TOKEN_USER) == 0 && !ret->identity_token) {
                ret->identity_token = TAKE_PTR(ret->password);
                secret_free(TAKE_PTR(ret->user));
        }
        return r;
}

/* The helper that the document names for the host; NULL for none. Borrowed. */
static int find_helper(const json_t *document, const char *host, const char **ret,
                       struct error *err)
{
        json_t *helpers = NULL;
        const char *key;
        json_t *value;
        int r = json_get_object(document, "credHelpers", &helpers, err);

        *ret = NULL;
        if (r < 0)
                return r;
        json_object_foreach(helpers, key, value)
        {
                _cleanup_free_ char *plain = plain_key(key);

                if (!plain)
                        return error_set_oom(err);
                if (strcmp(plain, host) == 0)
                        *ret = json_string_value(value);
        }
        if (!*ret)
                r = json_get_string(document, "credsStore", ret, err);
        /* "" for the host keeps it out of credsStore, too. */
        if (*ret && **ret == '\0')
                *ret = NULL;
        return r;
}

static const char *helper_key(const char *host)
{
        return strcmp(host, HUB_HOST) == 0 ? HUB_KEY : host;
}

static int read_auths(const json_t *document, const char *repository, struct credentials *ret,
                      bool *ret_found, struct error *err)
{
        json_t *auths = NULL, *value, *best = NULL;
        size_t best_len = 0;
        const char *key;
        int r = json_get_object(document, "auths", &auths, err);

        if (r < 0)
                return r;
        json_object_foreach(auths, key, value)
        {
                _cleanup_free_ char *plain = plain_key(key);
                size_t len = plain ? match(plain, repository) : 0;

                if (!plain)
                        return error_set_oom(err);
                if (len > best_len && json_is_object(value) && json_object_size(value) > 0) {
                        best = value;
                        best_len = len;
                }
        }
        if (!best)
                return 0;
        r = read_auth(best, ret, err);
        *ret_found = r == 0 && !credentials_are_empty(ret);
        return r < 0 ? error_wrap(err, "the credentials for %s", repository) : 0;
}

int credentials_read(const json_t *document, const char *host, const char *path,
                     struct credentials *ret, bool *ret_found, struct error *err)
{
        _cleanup_free_ char *repository = NULL, *plain = host_normalize(host);
        struct credentials found = CREDENTIALS_INIT;
        const char *helper;
        int r;

        *ret_found = false;
        if (!plain ||
            asprintf(&repository, "%s%s%s", plain, path ? "/" : "", path ? path : "") < 0) {
                repository = NULL;
                return error_set_oom(err);
        }
        r = find_helper(document, plain, &helper, err);
        if (r == 0 && helper)
                r = helper_get(helper, helper_key(plain), &found, ret_found, err);
        if (r == 0 && !*ret_found)
                r = read_auths(document, repository, &found, ret_found, err);
        if (r < 0 || !*ret_found)
                credentials_done(&found);
        else
                *ret = found;
        return r;
}

/* ---- files ---- */

static int add_path(struct strv *list, const char *directory, const char *home, const char *below,
                    const char *name)
{
        if (directory && path_is_absolute(directory))
                return strv_addf(list, "%s/%s", directory, name);
        if (below && home && path_is_absolute(home))
                return strv_addf(list, "%s/%s/%s", home, below, name);
        return 0;
}

/* The files that may hold credentials, the first to be asked first. */
static int list_files(struct strv *ret, struct error *err)
{
        const char *given = getenv("REGISTRY_AUTH_FILE"), *home = getenv("HOME");
        int r;

        if (given && *given)
                return strv_add(ret, given) < 0 ? error_set_oom(err) : 0;
        r = add_path(ret, getenv("XDG_RUNTIME_DIR"), NULL, NULL, "containers/auth.json");
        if (r == 0)
                r = add_path(ret, getenv("XDG_CONFIG_HOME"), home, ".config",
                             "containers/auth.json");
        if (r == 0)
                r = add_path(ret, getenv("DOCKER_CONFIG"), home, ".docker", "config.json");
        return r < 0 ? error_set_oom(err) : 0;
}

/* A file that is not there is an empty document. */
static int read_file(const char *path, json_t **ret, struct error *err)
{
        struct buf text = BUF_INIT;
        int r;

        if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
                *ret = json_object();
                return *ret ? 0 : error_set_oom(err);
        }
        r = io_read_file(AT_FDCWD, path, CREDENTIALS_BYTES_MAX, &text, err);
        if (r == 0)
                r = json_parse_object(text.data, text.len, path, ret, err);
        if (text.data)
                explicit_bzero(text.data, text.len);
        buf_done(&text);
        return r;
}

int credentials_find(const char *host, const char *path, struct credentials *ret, struct error *err)
{
        struct strv files = STRV_INIT;
        bool found = false;
        int r = list_files(&files, err);

        *ret = CREDENTIALS_INIT;
        for (size_t i = 0; i < files.count && r == 0 && !found; i++) {
                _cleanup_json_ json_t *document = NULL;

                r = read_file(files.items[i], &document, err);
                if (r == 0)
                        r = credentials_read(document, host, path, ret, &found, err);
                if (r < 0)
                        error_wrap(err, "%s", files.items[i]);
        }
        strv_done(&files);
        return r;
}

/* ---- keeping ---- */

static int write_file(const char *path, const json_t *document, struct error *err)
{
        char *text = json_dumps(document, JSON_INDENT(8) | JSON_PRESERVE_ORDER);
        /* A link stays one: who keeps his settings elsewhere wants them there. */
        _cleanup_free_ char *target = realpath(path, NULL);
        _cleanup_free_ char *parent = strdup(path);
        int r = text && parent ? 0 : error_set_oom(err);

        if (r == 0 && strrchr(parent, '/')) {
                *strrchr(parent, '/') = '\0';
                r = *parent ? io_mkdir_parents(parent, err) : 0;
        }
        if (r == 0)
                r = io_write_file_atomic(AT_FDCWD, target ? target : path, text, strlen(text), 0600,
                                         err);
        secret_free(text);
        return r;
}

static int encode_auth(const char *user, const char *password, json_t **ret)
{
        char *plain = NULL, *text = NULL;
        int r = asprintf(&plain, "%s:%s", user, password);

        if (r >= 0)
                text = calloc(1, (size_t)r / 3 * 4 + 5);
        if (text)
                EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)plain, r);
        *ret = text ? json_pack("{s:s}", "auth", text) : NULL;
        if (r >= 0)
                secret_free(plain);
        secret_free(text);
        return *ret ? 0 : -ENOMEM;
}

/* Takes all keys that mean the host out of an object. */
static int remove_host(json_t *object, const char *host, bool *ret_any)
{
        const char *key;
        json_t *value;
        void *next;

        json_object_foreach_safe(object, next, key, value)
        {
                _cleanup_free_ char *plain = plain_key(key);

                if (!plain)
                        return -ENOMEM;
                if (host && strcmp(plain, host) != 0)
                        continue;
                json_object_del(object, key);
                *ret_any = true;
        }
        return 0;
}

static int put_auth(json_t *document, const char *host, const char *user, const char *password,
                    struct error *err)
{
        json_t *auths = json_object_get(document, "auths"), *item;
        bool any = false;

        if (!json_is_object(auths)) {
                auths = json_object();
                if (json_put(document, "auths", auths) < 0)
                        return error_set_oom(err);
        }
        if (remove_host(auths, host, &any) < 0 || encode_auth(user, password, &item) < 0 ||
            json_put(auths, helper_key(host), item) < 0)
                return error_set_oom(err);
        return 0;
}

/* The file that is written, and what it holds. */
static int open_own(struct strv *files, json_t **ret, struct error *err)
{
        int r = list_files(files, err);

        if (r == 0 && files->count == 0)
                r = error_set(err, -ENOENT, "there is no place for credentials: HOME is not set");
        return r < 0 ? r : read_file(files->items[0], ret, err);
}

int credentials_keep(const char *host, const char *user, const char *password, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        struct strv files = STRV_INIT;
        const char *helper = NULL;
        bool changed = false;
        int r = open_own(&files, &document, err);

        if (r == 0)
                r = find_helper(document, host, &helper, err);
        if (r == 0 && helper)
                r = helper_store(helper, helper_key(host), user, password, err);
        else if (r == 0)
                r = put_auth(document, host, user, password, err);
        /* What lay in the open before is not left there. */
        if (r == 0 && helper && remove_host(json_object_get(document, "auths"), host, &changed) < 0)
                r = error_set_oom(err);
        if (r == 0 && (changed || !helper))
                r = write_file(files.items[0], document, err);
        strv_done(&files);
        return r;
}

static int forget_by_helper(const char *helper, const char *key, bool *ret_any, struct error *err)
{
        struct credentials found = CREDENTIALS_INIT;
        bool has = false;
        int r = helper_get(helper, key, &found, &has, err);

        credentials_done(&found);
        if (r == 0 && has)
                r = helper_erase(helper, key, err);
        *ret_any |= r == 0 && has;
        return r;
}

/* What the helpers of a document have, of all hosts. */
static int forget_all_by_helpers(const json_t *document, bool *ret_any, struct error *err)
{
        struct strv hosts = STRV_INIT;
        const char *store = NULL, *key;
        json_t *helpers = NULL, *value;
        int r = json_get_object(document, "credHelpers", &helpers, err);

        if (r == 0)
                r = json_get_string(document, "credsStore", &store, err);
        json_object_foreach(helpers, key, value)
        {
                const char *helper = json_string_value(value);

                if (r == 0 && helper && *helper)
                        r = forget_by_helper(helper, key, ret_any, err);
        }
        if (r == 0 && store && *store)
                r = helper_list(store, &hosts, err);
        for (size_t i = 0; i < hosts.count && r == 0; i++)
                r = forget_by_helper(store, hosts.items[i], ret_any, err);
        strv_done(&hosts);
        return r;
}

static int forget_in(const char *path, const char *host, bool *ret_any, struct error *err)
{
        _cleanup_json_ json_t *document = NULL;
        struct error failed = ERROR_INIT;
        const char *helper = NULL;
        bool changed = false;
        int r = read_file(path, &document, err);

        if (r == 0 && host)
                r = find_helper(document, host, &helper, err);
        if (r < 0)
                return r;
        /* A helper that fails does not keep the others' from being forgotten. */
        if (helper)
                forget_by_helper(helper, helper_key(host), ret_any, &failed);
        else if (!host)
                forget_all_by_helpers(document, ret_any, &failed);
        if (remove_host(json_object_get(document, "auths"), host, &changed) < 0)
                return error_set_oom(err);
        if (changed)
                r = write_file(path, document, err);
        *ret_any |= changed;
        if (r == 0 && error_is_set(&failed))
                *err = failed;
        return err->code;
}

int credentials_forget(const char *host, bool *ret_any, struct error *err)
{
        struct strv files = STRV_INIT;
        int r = list_files(&files, err);

        *ret_any = false;
        for (size_t i = 0; i < files.count && r == 0; i++) {
                r = forget_in(files.items[i], host, ret_any, err);
                if (r < 0)
                        error_wrap(err, "%s", files.items[i]);
        }
        strv_done(&files);
        return r;
}
