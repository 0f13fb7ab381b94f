#include "mount.h"

#include "base/cleanup.h"
#include "base/suggest.h"
#include "dockerfile/value.h"
#include "words.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const mount_types[] = {
        [MOUNT_BIND] = "bind",     [MOUNT_CACHE] = "cache", [MOUNT_TMPFS] = "tmpfs",
        [MOUNT_SECRET] = "secret", [MOUNT_SSH] = "ssh",
};

static const char *const mount_sharings[] = {
        [MOUNT_SHARED] = "shared",
        [MOUNT_PRIVATE] = "private",
        [MOUNT_LOCKED] = "locked",
};

/* A mount while its fields are read one after the other. */
struct mount_reader {
        struct arena *arena;
        struct run_mount mount;
        bool read_only_given;
        bool sharing_given;
};

/* Finds `value` among `names`, case aside. Returns its index or -EINVAL. */
static int mount_choose(const char *what, const char *value, const char *const *names, size_t count,
                        struct error *err)
{
        const char *similar;

        for (size_t i = 0; i < count; i++)
                if (strcasecmp(value, names[i]) == 0)
                        return (int)i;
        similar = suggest_similar(value, names, count);
        if (similar)
                return error_set(err, -EINVAL, "unknown %s \"%.100s\" (did you mean %s?)", what,
                                 value, similar);
        return error_set(err, -EINVAL, "unknown %s \"%.100s\"", what, value);
}

static int mount_bad_value(const char *key, const char *value, struct error *err)
{
        return error_set(err, -EINVAL, "%s cannot be \"%.100s\"", key, value);
}

static int mount_bad_key(const struct run_mount *mount, const char *key, struct error *err)
{
        return error_set(err, -EINVAL, "a mount of type %s does not take %s",
                         mount_types[mount->type], key);
}

static int mount_set_type(struct mount_reader *reader, const char *key, const char *value,
                          struct error *err)
{
        int type = mount_choose("mount type", value, mount_types, ARRAY_SIZE(mount_types), err);

        (void)key;
        if (type < 0)
                return type;
        reader->mount.type = (enum mount_type)type;
        return 0;
}

static int mount_set_sharing(struct mount_reader *reader, const char *key, const char *value,
                             struct error *err)
{
        int sharing = mount_choose(key, value, mount_sharings, ARRAY_SIZE(mount_sharings), err);

        if (sharing < 0)
                return sharing;
        reader->mount.sharing = (enum mount_sharing)sharing;
        reader->sharing_given = true;
        return 0;
}

static int mount_set_access(struct mount_reader *reader, const char *key, const char *value,
                            struct error *err)
{
        bool on = true;

        if (value && value_parse_bool(value, &on) < 0)
                return mount_bad_value(key, value, err);
        reader->mount.read_only =
                strcmp(key, "readwrite") == 0 || strcmp(key, "rw") == 0 ? !on : on;
        reader->read_only_given = true;
        return 0;
}

static int mount_set_required(struct mount_reader *reader, const char *key, const char *value,
                              struct error *err)
{
        bool on = true;

        if (reader->mount.type != MOUNT_SECRET && reader->mount.type != MOUNT_SSH)
                return mount_bad_key(&reader->mount, key, err);
        if (value && value_parse_bool(value, &on) < 0)
                return mount_bad_value(key, value, err);
        reader->mount.required = on;
        return 0;
}

static int mount_set_size(struct mount_reader *reader, const char *key, const char *value,
                          struct error *err)
{
        if (reader->mount.type != MOUNT_TMPFS)
                return mount_bad_key(&reader->mount, key, err);
        if (value_parse_size(value, &reader->mount.size_bytes) < 0)
                return mount_bad_value(key, value, err);
        return 0;
}

static int mount_set_number(struct mount_reader *reader, const char *key, const char *value,
                            struct error *err)
{
        struct run_mount *mount = &reader->mount;
        uint64_t number;

        if (value_parse_number(value, *key == 'm' ? 8 : 10, UINT32_MAX, &number) < 0)
                return mount_bad_value(key, value, err);
        if (*key == 'm') {
                mount->mode = (uint32_t)number;
                mount->has_mode = true;
        } else if (*key == 'u') {
                mount->uid = (uint32_t)number;
                mount->has_uid = true;
        } else {
                mount->gid = (uint32_t)number;
                mount->has_gid = true;
        }
        return 0;
}

static int mount_set_text(struct mount_reader *reader, const char *key, const char *value,
                          struct error *err)
{
        struct run_mount *mount = &reader->mount;
        const char **field = &mount->target;
        const char *copy = arena_strdup(reader->arena, value);

        if (!copy)
                return error_set_oom(err);
        if (strcmp(key, "from") == 0)
                field = &mount->from;
        else if (*key == 's')
                field = &mount->source;
        else if (strcmp(key, "id") == 0)
                field = &mount->id;
        else if (strcmp(key, "env") == 0)
                field = &mount->env;
        *field = copy;
        return 0;
}

static const struct mount_key {
        const char *name;
        bool needs_value;
        int (*set)(struct mount_reader *reader, const char *key, const char *value,
                   struct error *err);
} mount_keys[] = {
        { "type", true, mount_set_type },        { "from", true, mount_set_text },
        { "source", true, mount_set_text },      { "src", true, mount_set_text },
        { "target", true, mount_set_text },      { "dst", true, mount_set_text },
        { "destination", true, mount_set_text }, { "id", true, mount_set_text },
        { "env", true, mount_set_text },         { "readonly", false, mount_set_access },
        { "ro", false, mount_set_access },       { "readwrite", false, mount_set_access },
        { "rw", false, mount_set_access },       { "required", false, mount_set_required },
        { "sharing", true, mount_set_sharing },  { "size", true, mount_set_size },
        { "mode", true, mount_set_number },      { "uid", true, mount_set_number },
        { "gid", true, mount_set_number },
};

/* NULL, and an error, for a key that does not exist. */
static const struct mount_key *mount_find_key(const char *name, struct error *err)
{
        const char *names[ARRAY_SIZE(mount_keys)];
        const char *similar;

        for (size_t i = 0; i < ARRAY_SIZE(mount_keys); i++) {
                names[i] = mount_keys[i].name;
                if (strcasecmp(name, names[i]) == 0)
                        return &mount_keys[i];
        }
        similar = suggest_similar(name, names, ARRAY_SIZE(names));
        error_set(err, -EINVAL, "unknown key \"%.100s\"%s%s%s", name,
                  similar ? " (did you mean " : "", similar ? similar : "", similar ? "?)" : "");
        return NULL;
}

/* What has to hold when all fields are known. */
static int mount_check(struct mount_reader *reader, struct error *err)
{
        struct run_mount *mount = &reader->mount;
        bool owned = mount->type == MOUNT_SECRET || mount->type == MOUNT_SSH ||
                     mount->type == MOUNT_CACHE;

        if (!owned && (mount->has_mode || mount->has_uid || mount->has_gid))
                return mount_bad_key(mount,
                                     mount->has_mode  ? "mode"
                                     : mount->has_uid ? "uid"
                                                      : "gid",
                                     err);
        if (reader->sharing_given && mount->type != MOUNT_CACHE)
                return mount_bad_key(mount, "sharing", err);
        if (!reader->read_only_given)
                mount->read_only = mount->type != MOUNT_CACHE && mount->type != MOUNT_TMPFS;
        if (mount->type != MOUNT_SECRET)
                return 0;
        if (mount->from && *mount->from)
                return mount_bad_key(mount, "from", err);
        if (mount->source && *mount->source && mount->id && *mount->id)
                return error_set(err, -EINVAL, "a secret has a source or an id, not both");
        if (!(mount->source && *mount->source) && !(mount->id && *mount->id) &&
            !(mount->target && *mount->target))
                return error_set(err, -EINVAL, "a secret needs an id or a target");
        return 0;
}

static int mount_read_field(struct mount_reader *reader, const char *field,
                            const struct expander *expander, struct error *err)
{
        _cleanup_(buf_done) struct buf value = BUF_INIT;
        const char *equals = strchr(field, '=');
        _cleanup_free_ char *name =
                equals ? strndup(field, (size_t)(equals - field)) : strdup(field);
        const struct mount_key *key;
        int r;

        if (!name)
                return error_set_oom(err);
        key = mount_find_key(name, err);
        if (!key)
                return err->code;
        if (!equals && key->needs_value)
                return error_set(err, -EINVAL, "%s needs a value: %s=...", key->name, key->name);
        if (equals) {
                r = expand_word(expander, equals + 1, &value, err);
                if (r < 0)
                        return r;
        }
        return key->set(reader, key->name, equals ? buf_str(&value) : NULL, err);
}

int mount_expand(struct arena *arena, const char *text, const struct expander *expander,
                 struct run_mount *ret, struct error *err)
{
        struct mount_reader reader = { .arena = arena,
                                       .mount = { .text = text, .type = MOUNT_BIND } };
        struct words fields;
        int r;

        r = words_split_csv(arena, text, &fields, err);
        for (size_t i = 0; r == 0 && i < fields.count; i++)
                r = mount_read_field(&reader, fields.items[i], expander, err);
        if (r == 0)
                r = mount_check(&reader, err);
        if (r < 0)
                return error_wrap(err, "--mount=%.200s", text);
        *ret = reader.mount;
        return 0;
}

static bool mount_no_variable(const void *variables, const char *name, const char **ret_value)
{
        (void)variables;
        (void)name;
        (void)ret_value;
        return false;
}

int mount_read(struct arena *arena, const char *text, char escape, struct run_mount *ret,
               struct error *err)
{
        struct expander expander = { .escape = escape, .lookup = mount_no_variable };
        struct run_mount mount = { .text = text };
        struct words fields;
        int r;

        /* With no variable in it, all is known now. */
        if (!strchr(text, '$'))
                return mount_expand(arena, text, &expander, ret, err);
        r = words_split_csv(arena, text, &fields, err);
        if (r < 0)
                return error_wrap(err, "--mount=%.200s", text);
        for (size_t i = 0; i < fields.count; i++) {
                const char *from, *dollar;

                if (strncasecmp(fields.items[i], "from=", 5) != 0)
                        continue;
                from = fields.items[i] + 5;
                dollar = strchr(from, '$');
                if (dollar && dollar[1]) {
                        error_set(err, -EINVAL, "--mount=%.200s: from does not take variables",
                                  text);
                        return error_hint(err, "give the image a name with FROM ... AS name, and "
                                               "mount from that name");
                }
                mount.from = from;
        }
        *ret = mount;
        return 0;
}

int device_read(struct arena *arena, const char *text, struct run_device *ret, struct error *err)
{
        struct run_device device = { .name = NULL };
        struct words fields;
        int r = words_split_csv(arena, text, &fields, err);

        if (r < 0)
                return error_wrap(err, "--device=%.200s", text);
        for (size_t i = 0; i < fields.count; i++) {
                const char *field = fields.items[i];
                bool is_name = strncasecmp(field, "name=", 5) == 0;

                if (strcasecmp(field, "required") == 0) {
                        device.required = true;
                } else if (strncasecmp(field, "required=", 9) == 0) {
                        if (value_parse_bool(field + 9, &device.required) < 0)
                                return error_set(err, -EINVAL,
                                                 "--device=%.200s: required is true or false",
                                                 text);
                } else if (device.name) {
                        return error_set(
                                err, -EINVAL,
                                "--device=%.200s: \"%.100s\" stands beside the name %.100s", text,
                                field, device.name);
                } else {
                        device.name = is_name ? field + 5 : field;
                }
        }
        *ret = device;
        return 0;
}
