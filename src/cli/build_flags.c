#include "build_flags.h"

#include "base/cleanup.h"
#include "dockerfile/value.h"
#include "oci/platform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void build_lists_done(struct build_lists *lists)
{
        free(lists->secrets);
        free(lists->agents);
        free(lists->contexts);
        strv_done(&lists->words);
}

/* Keeps a part of an option for as long as the lists live. Returns NULL when memory ran out. */
static const char *keep(struct build_lists *lists, const char *text, size_t len)
{
        char *copy = strndup(text, len);

        return copy && strv_take(&lists->words, copy) == 0 ? copy : NULL;
}

/* ---- secrets ---- */

static int read_secret_field(const char *option, const char *field, const char *value,
                             struct build_secret *secret, const char **type, struct error *err)
{
        size_t len = strcspn(field, "=");

        if (len == 2 && strncmp(field, "id", len) == 0)
                secret->id = value;
        else if ((len == 3 && strncmp(field, "src", len) == 0) ||
                 (len == 6 && strncmp(field, "source", len) == 0))
                secret->path = value;
        else if (len == 3 && strncmp(field, "env", len) == 0)
                secret->env = value;
        else if (len == 4 && strncmp(field, "type", len) == 0)
                *type = value;
        else
                return error_set(err, -EINVAL, "--secret %s: unknown key %.*s", option, (int)len,
                                 field);
        return 0;
}

static int settle_secret(const char *option, const char *type, struct build_secret *secret,
                         struct error *err)
{
        if (!secret->id || !*secret->id)
                return error_set(err, -EINVAL, "--secret %s has no id", option);
        if (strcmp(type, "env") == 0 && secret->path && !secret->env) {
                secret->env = secret->path;
                secret->path = NULL;
        } else if (*type && strcmp(type, "env") != 0 && strcmp(type, "file") != 0) {
                return error_set(err, -EINVAL, "--secret %s: the type is file or env", option);
        }
        if (secret->path && secret->env)
                return error_set(err, -EINVAL, "--secret %s: src or env, not both", option);
        if (!secret->path && !secret->env &&
            (strcmp(type, "env") == 0 || (!*type && getenv(secret->id))))
                secret->env = secret->id;
        else if (!secret->path && !secret->env)
                secret->path = secret->id;
        return 0;
}

/* What is missing is told before anything is built. */
static int check_secret(const struct build_secret *secret, struct error *err)
{
        struct stat st;

        if (secret->env && !getenv(secret->env))
                return error_set(err, -ENOENT, "--secret id=%s: the environment has no %s",
                                 secret->id, secret->env);
        if (secret->path && stat(secret->path, &st) < 0)
                return error_set_errno(err, -errno, "--secret id=%s: cannot read %s", secret->id,
                                       secret->path);
        if (secret->path && !S_ISREG(st.st_mode))
                return error_set(err, -EINVAL, "--secret id=%s: %s is not a regular file",
                                 secret->id, secret->path);
        return 0;
}

static int read_secret(const char *option, struct build_lists *lists, struct build_secret *ret,
                       struct error *err)
{
        struct build_secret secret = { .id = NULL };
        const char *at = option, *type = "";
        int r = 0;

        while (*at && r == 0) {
                size_t len = strcspn(at, ","), name = strcspn(at, "=,");
                const char *value;

                if (at[name] != '=')
                        return error_set(err, -EINVAL, "--secret %s: %.*s has no value", option,
                                         (int)len, at);
                value = keep(lists, at + name + 1, len - name - 1);
                r = value ? read_secret_field(option, at, value, &secret, &type, err)
                          : error_set_oom(err);
                at += len + (at[len] == ',');
        }
        if (r == 0)
                r = settle_secret(option, type, &secret, err);
        if (r == 0)
                r = check_secret(&secret, err);
        *ret = secret;
        return r;
}

int build_flags_secrets(const struct strv *written, struct build_lists *ret, struct error *err)
{
        int r = 0;

        ret->secrets = calloc(written->count + 1, sizeof(*ret->secrets));
        if (!ret->secrets)
                return error_set_oom(err);
        for (; ret->secret_count < written->count && r == 0; ret->secret_count++)
                r = read_secret(written->items[ret->secret_count], ret,
                                &ret->secrets[ret->secret_count], err);
        return r;
}

/* ---- agents ---- */

static int read_agent(const char *option, struct build_lists *lists, struct build_agent *ret,
                      struct error *err)
{
        size_t len = strcspn(option, "=");
        const char *socket = option[len] ? option + len + 1 : getenv("SSH_AUTH_SOCK");
        struct stat st;

        *ret = (struct build_agent){ .id = keep(lists, option, len), .socket = socket };
        if (!ret->id)
                return error_set_oom(err);
        if (len == 0)
                return error_set(err, -EINVAL, "--ssh %s has no name", option);
        if (!socket || !*socket) {
                error_set(err, -ENOENT, "--ssh %s: there is no agent, SSH_AUTH_SOCK is not set",
                          option);
                return error_hint(err, "Start one: eval $(ssh-agent) && ssh-add");
        }
        if (stat(socket, &st) < 0)
                return error_set_errno(err, -errno, "--ssh %s: cannot use %s", option, socket);
        if (!S_ISSOCK(st.st_mode)) {
                error_set(err, -ENOTSOCK, "--ssh %s: %s is no socket of an agent", option, socket);
                return error_hint(err, "Give a key to an agent, ssh-add %s, and name that.",
                                  socket);
        }
        return 0;
}

int build_flags_agents(const struct strv *written, struct build_lists *ret, struct error *err)
{
        int r = 0;

        ret->agents = calloc(written->count + 1, sizeof(*ret->agents));
        if (!ret->agents)
                return error_set_oom(err);
        for (; ret->agent_count < written->count && r == 0; ret->agent_count++)
                r = read_agent(written->items[ret->agent_count], ret,
                               &ret->agents[ret->agent_count], err);
        return r;
}

/* ---- contexts ---- */

int build_flags_contexts(const struct strv *written, struct build_lists *ret, struct error *err)
{
        ret->contexts = calloc(written->count + 1, sizeof(*ret->contexts));
        if (!ret->contexts)
                return error_set_oom(err);
        for (size_t i = 0; i < written->count; i++) {
                const char *option = written->items[i];
                size_t len = strcspn(option, "=");

                if (len == 0 || option[len] != '=' || !option[len + 1]) {
                        error_set(err, -EINVAL, "--build-context %s names nothing", option);
                        return error_hint(err, "Write it as NAME=DIRECTORY, "
                                               "NAME=docker-image://IMAGE or NAME=URL.");
                }
                ret->contexts[i].name = keep(ret, option, len);
                ret->contexts[i].source = option + len + 1;
                if (!ret->contexts[i].name)
                        return error_set_oom(err);
                ret->context_count++;
        }
        return 0;
}

/* ---- names and values ---- */

int build_flags_args(const struct strv *written, struct strv *ret, struct error *err)
{
        for (size_t i = 0; i < written->count; i++) {
                const char *item = written->items[i], *equals = strchr(item, '=');
                _cleanup_free_ char *name =
                        strndup(item, equals ? (size_t)(equals - item) : strlen(item));
                const char *value = equals ? equals + 1 : name ? getenv(name) : NULL;

                if (!name || (value && strv_env_set(ret, name, value) < 0))
                        return error_set_oom(err);
                if (!*name)
                        return error_set(err, -EINVAL, "--build-arg %s has no name", item);
        }
        return 0;
}

int build_flags_inline_cache(const struct strv *args, struct strv *cache_to, struct error *err)
{
        static const char option[] = "type=inline";
        const char *value = strv_env_get(args, "BUILDKIT_INLINE_CACHE");
        bool wanted;

        if (!value || value_parse_bool(value, &wanted) < 0 || !wanted ||
            strv_contains(cache_to, option))
                return 0;
        return strv_add(cache_to, option) < 0 ? error_set_oom(err) : 0;
}

int build_flags_epoch(struct store *store, const struct build_options *options, struct strv *args,
                      struct error *err)
{
        static const char name[] = "SOURCE_DATE_EPOCH";
        const char *value = strv_env_get(args, name);
        struct timespec date;
        char text[32] = "";
        bool known;

        if (!value)
                value = getenv(name);
        if (!value || strcmp(value, "context") != 0)
                return 0;
        if (build_context_date(store, options, &known, &date, err) < 0)
                return error_wrap(err, "%s=context", name);
        if (known)
                snprintf(text, sizeof(text), "%lld", (long long)date.tv_sec);
        return strv_env_set(args, name, text) < 0 ? error_set_oom(err) : 0;
}

int build_flags_map(const struct strv *written, struct strmap *ret, struct error *err)
{
        for (size_t i = 0; i < written->count; i++) {
                const char *item = written->items[i], *equals = strchr(item, '=');
                _cleanup_free_ char *name =
                        strndup(item, equals ? (size_t)(equals - item) : strlen(item));

                if (equals == item)
                        return error_set(err, -EINVAL, "--label %s: the name is missing", item);
                if (!name || strmap_set(ret, name, equals ? equals + 1 : "") < 0)
                        return error_set_oom(err);
        }
        return 0;
}

/* ---- annotations ---- */

/* What an annotation is of: "manifest", or "manifest[PLATFORM]" for ours. */
static int check_holder(const char *option, const char *holder, size_t len, struct error *err)
{
        _cleanup_(platform_done) struct platform own = PLATFORM_INIT;
        _cleanup_free_ char *kind = strndup(holder, len), *text = NULL, *bracket = NULL;

        if (!kind || platform_host(&own) < 0 || !(text = platform_format(&own)))
                return error_set_oom(err);
        bracket = strchr(kind, '[') ? strdup(strchr(kind, '[')) : NULL;
        kind[strcspn(kind, "[")] = '\0';
        if (strcmp(kind, "index") == 0 || strcmp(kind, "index-descriptor") == 0 ||
            strcmp(kind, "manifest-descriptor") == 0) {
                error_set(err, -EOPNOTSUPP, "--annotation %s: there is no %s", option, kind);
                return error_hint(err, "An image of one platform has a manifest alone.");
        }
        if (strcmp(kind, "manifest") != 0) {
                error_set(err, -EINVAL, "--annotation %s: %s is nothing that can be annotated",
                          option, kind);
                return error_hint(err, "Write manifest:NAME=VALUE, or NAME=VALUE.");
        }
        if (bracket &&
            (strlen(bracket) != strlen(text) + 2 || strncmp(bracket + 1, text, strlen(text)) != 0))
                return error_set(err, -EOPNOTSUPP,
                                 "--annotation %s: the image is built for %s alone", option, text);
        return 0;
}

static int read_annotation(const char *option, struct strmap *ret, struct error *err)
{
        const char *equals = strchr(option, '='), *name = option, *colon;
        _cleanup_free_ char *key = NULL;
        int r = 0;

        if (!equals || equals == option) {
                error_set(err, -EINVAL, "--annotation %s names nothing", option);
                return error_hint(err, "Write it as NAME=VALUE.");
        }
        colon = memchr(option, ':', (size_t)(equals - option));
        if (colon)
                name = colon + 1;
        for (const char *at = option; colon && at < colon && r == 0;) {
                size_t len = strcspn(at, ",:");

                r = check_holder(option, at, len, err);
                at += len + 1;
        }
        if (r < 0)
                return r;
        key = strndup(name, (size_t)(equals - name));
        return key && strmap_set(ret, key, equals + 1) == 0 ? 0 : error_set_oom(err);
}

int build_flags_annotations(const struct strv *written, struct strmap *ret, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < written->count && r == 0; i++)
                r = read_annotation(written->items[i], ret, err);
        return r;
}

/* ---- call ---- */

static bool is_text(const char *text, size_t len, const char *wanted)
{
        return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static int read_method(const char *text, size_t len, struct build_call *call, struct error *err)
{
        static const char *const names[] = {
                [BUILD_DESCRIBE_CHECK] = "check",
                [BUILD_DESCRIBE_OUTLINE] = "outline",
                [BUILD_DESCRIBE_TARGETS] = "targets",
        };

        call->builds = is_text(text, len, "build");
        if (call->builds)
                return 0;
        /* BuildKit's other name for it. */
        if (is_text(text, len, "lint"))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (is_text(text, len, names[i])) {
                        call->what = (enum build_description)i;
                        return 0;
                }
        error_set(err, -EINVAL, "--call=%.*s is not known", (int)len, text);
        return error_hint(err, "It is build, check, outline or targets.");
}

static int read_call_field(const char *text, size_t len, struct build_call *call, struct error *err)
{
        if (is_text(text, len, "format=json"))
                call->json = true;
        else if (is_text(text, len, "ignorestatus") || is_text(text, len, "ignorestatus=true"))
                call->ignore_status = true;
        else if (!is_text(text, len, "format=text") && !is_text(text, len, "ignorestatus=false")) {
                error_set(err, -EINVAL, "--call does not take %.*s", (int)len, text);
                return error_hint(err, "It takes format=json, format=text and ignorestatus.");
        }
        return 0;
}

int build_flags_call(const char *written, struct build_call *ret, struct error *err)
{
        struct build_call call = { .what = BUILD_DESCRIBE_CHECK };
        size_t len = strcspn(written, ",");
        int r = read_method(written, len, &call, err);

        for (const char *at = written + len; r == 0 && *at; at += len) {
                at++;
                len = strcspn(at, ",");
                r = read_call_field(at, len, &call, err);
        }
        if (r == 0)
                *ret = call;
        return r;
}
