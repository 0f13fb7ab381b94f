#include "container/spec.h"

#include "base/cleanup.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum field_type { FIELD_STRING, FIELD_BOOL, FIELD_STRV, FIELD_MAP, FIELD_INTEGER };

#define FIELD(type, key, member)                                   \
        {                                                          \
                type, key, offsetof(struct container_spec, member) \
        }

static const struct field {
        enum field_type type;
        const char *key;
        size_t offset;
} fields[] = {
        FIELD(FIELD_STRING, "Name", name),
        FIELD(FIELD_STRING, "Image", image),
        FIELD(FIELD_STRING, "ImageID", image_id),
        FIELD(FIELD_STRING, "Manifest", manifest),
        FIELD(FIELD_STRING, "ManifestType", manifest_type),
        FIELD(FIELD_STRV, "Entrypoint", entrypoint),
        FIELD(FIELD_STRV, "Cmd", cmd),
        FIELD(FIELD_STRV, "Env", env),
        FIELD(FIELD_STRING, "WorkingDir", workdir),
        FIELD(FIELD_STRING, "User", user),
        FIELD(FIELD_STRING, "Hostname", hostname),
        FIELD(FIELD_BOOL, "Tty", terminal),
        FIELD(FIELD_BOOL, "OpenStdin", open_stdin),
        FIELD(FIELD_BOOL, "Detached", detached),
        FIELD(FIELD_BOOL, "AutoRemove", remove),
        FIELD(FIELD_BOOL, "ReadonlyRootfs", read_only),
        FIELD(FIELD_MAP, "Labels", labels),
        FIELD(FIELD_STRING, "StopSignal", stop_signal),
        FIELD(FIELD_INTEGER, "StopTimeout", stop_timeout_s),
        FIELD(FIELD_STRING, "Users", users),
        FIELD(FIELD_STRING, "Files", files),
        FIELD(FIELD_STRING, "Network", network),
        FIELD(FIELD_STRV, "ExtraHosts", hosts),
        FIELD(FIELD_STRV, "Dns", dns),
        FIELD(FIELD_STRV, "Ports", ports),
        FIELD(FIELD_STRV, "ExposedPorts", exposed),
        FIELD(FIELD_STRV, "Ulimits", ulimits),
        FIELD(FIELD_STRV, "SecurityOpt", security),
        FIELD(FIELD_STRV, "CapAdd", add_capabilities),
        FIELD(FIELD_STRV, "CapDrop", drop_capabilities),
        FIELD(FIELD_STRING, "ShmSize", shm_size),
        FIELD(FIELD_STRING, "Memory", memory),
        FIELD(FIELD_STRING, "Cpus", cpus),
        FIELD(FIELD_STRING, "Timeout", timeout),
};

static const char *const mount_types[] = {
        [CONTAINER_BIND] = "bind", [CONTAINER_VOLUME] = "volume", [CONTAINER_TMPFS] = "tmpfs"
};

void container_mount_done(struct container_mount *mount)
{
        free(mount->source);
        free(mount->target);
        *mount = (struct container_mount){ .source = NULL };
}

void container_spec_done(struct container_spec *spec)
{
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                void *member = (char *)spec + fields[i].offset;

                if (fields[i].type == FIELD_STRING)
                        free(*(char **)member);
                else if (fields[i].type == FIELD_STRV)
                        strv_done(member);
                else if (fields[i].type == FIELD_MAP)
                        strmap_done(member);
        }
        for (size_t i = 0; i < spec->mount_count; i++)
                container_mount_done(&spec->mounts[i]);
        free(spec->mounts);
        *spec = CONTAINER_SPEC_INIT;
}

int container_spec_add_mount(struct container_spec *spec, struct container_mount *mount)
{
        struct container_mount *mounts = NULL;

        if (spec->mount_count < CONTAINER_MOUNTS_MAX)
                mounts = reallocarray(spec->mounts, spec->mount_count + 1, sizeof(*mounts));
        if (!mounts) {
                container_mount_done(mount);
                return spec->mount_count < CONTAINER_MOUNTS_MAX ? -ENOMEM : -E2BIG;
        }
        spec->mounts = mounts;
        spec->mounts[spec->mount_count++] = *mount;
        return 0;
}

int container_spec_argv(const struct container_spec *spec, struct strv *ret)
{
        int r = strv_extend(ret, &spec->entrypoint);

        return r < 0 ? r : strv_extend(ret, &spec->cmd);
}

/* ---- writing ---- */

static int put_field(json_t *object, const struct field *field, const void *member)
{
        switch (field->type) {
        case FIELD_STRING:
                return json_put_string(object, field->key, *(char *const *)member);
        case FIELD_BOOL:
                return json_put_true(object, field->key, *(const bool *)member);
        case FIELD_STRV:
                return json_put_strv(object, field->key, member);
        case FIELD_MAP:
                return json_put_strmap(object, field->key, member);
        case FIELD_INTEGER:
                return json_put_integer(object, field->key, *(const int64_t *)member);
        }
        return 0;
}

static int put_mounts(json_t *object, const struct container_spec *spec)
{
        json_t *list = json_array();
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; i < spec->mount_count && r == 0; i++) {
                const struct container_mount *mount = &spec->mounts[i];
                json_t *item = json_object();

                r = item ? json_append(list, item) : -ENOMEM;
                if (r == 0)
                        r = json_put_string(item, "Type", mount_types[mount->type]);
                if (r == 0)
                        r = json_put_string(item, "Source", mount->source);
                if (r == 0)
                        r = json_put_string(item, "Target", mount->target);
                if (r == 0)
                        r = json_put_true(item, "ReadOnly", mount->read_only);
                if (r == 0)
                        r = json_put_true(item, "MakesSource", mount->makes_source);
                if (r == 0)
                        r = json_put_true(item, "NoExec", mount->no_exec);
                if (r == 0)
                        r = json_put_true(item, "Anonymous", mount->anonymous);
                if (r == 0)
                        r = json_put_true(item, "NoCopy", mount->no_copy);
                if (r == 0)
                        r = json_put_integer(item, "Size", (int64_t)mount->size_bytes);
                if (r == 0)
                        r = json_put_integer(item, "Mode", mount->mode);
        }
        if (r < 0) {
                json_decref(list);
                return r;
        }
        return json_put(object, "Mounts", list);
}

int container_spec_write(const struct container_spec *spec, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        int r = object ? json_put_string(object, "Id", spec->id) : -ENOMEM;

        if (r == 0)
                r = json_put_time(object, "Created", &spec->created);
        for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
                r = put_field(object, &fields[i], (const char *)spec + fields[i].offset);
        if (r == 0)
                r = put_mounts(object, spec);
        return r < 0 ? error_set_oom(err) : json_write(object, ret, err);
}

/* ---- reading ---- */

static int get_field(const json_t *object, const struct field *field, void *member,
                     struct error *err)
{
        switch (field->type) {
        case FIELD_STRING:
                return json_get_string_copy(object, field->key, member, err);
        case FIELD_BOOL:
                return json_get_bool(object, field->key, member, err);
        case FIELD_STRV:
                return json_get_strv(object, field->key, member, err);
        case FIELD_MAP:
                return json_get_strmap(object, field->key, member, err);
        case FIELD_INTEGER:
                return json_get_integer(object, field->key, member, err);
        }
        return 0;
}

static int get_mount(const json_t *item, struct container_mount *ret, struct error *err)
{
        const char *type = NULL;
        int64_t size = 0, mode = 0;
        int r = json_get_string(item, "Type", &type, err);

        for (size_t i = 0; r == 0 && type && i < ARRAY_SIZE(mount_types); i++)
                if (strcmp(type, mount_types[i]) == 0)
                        ret->type = (enum container_mount_type)i;
        if (r == 0)
                r = json_get_string_copy(item, "Source", &ret->source, err);
        if (r == 0)
                r = json_get_string_copy(item, "Target", &ret->target, err);
        if (r == 0)
                r = json_get_bool(item, "ReadOnly", &ret->read_only, err);
        if (r == 0)
                r = json_get_bool(item, "MakesSource", &ret->makes_source, err);
        if (r == 0)
                r = json_get_bool(item, "NoExec", &ret->no_exec, err);
        if (r == 0)
                r = json_get_bool(item, "Anonymous", &ret->anonymous, err);
        if (r == 0)
                r = json_get_bool(item, "NoCopy", &ret->no_copy, err);
        if (r == 0)
                r = json_get_integer(item, "Size", &size, err);
        if (r == 0)
                r = json_get_integer(item, "Mode", &mode, err);
        ret->size_bytes = (uint64_t)size;
        ret->mode = (uint32_t)mode;
        if (r == 0 && (!ret->target || (ret->type != CONTAINER_TMPFS && !ret->source)))
                r = error_set(err, -EBADMSG, "a mount without its source or target");
        return r;
}

static int get_mounts(const json_t *object, struct container_spec *spec, struct error *err)
{
        json_t *list, *item;
        size_t i;
        int r = json_get_array(object, "Mounts", &list, err);

        json_array_foreach(list, i, item)
        {
                struct container_mount mount = { .source = NULL };

                if (r < 0)
                        break;
                r = get_mount(item, &mount, err);
                if (r < 0)
                        container_mount_done(&mount);
                else if (container_spec_add_mount(spec, &mount) < 0)
                        r = error_set_oom(err);
        }
        return r;
}

static int get_all(const json_t *object, struct container_spec *spec, struct error *err)
{
        const char *id = NULL;
        bool has_created;
        int r = json_get_string(object, "Id", &id, err);

        if (r == 0 && (!id || strlen(id) != CONTAINER_ID_DIGITS))
                r = error_set(err, -EBADMSG, "it has no ID");
        if (r == 0)
                memcpy(spec->id, id, sizeof(spec->id));
        if (r == 0)
                r = json_get_time(object, "Created", &has_created, &spec->created, err);
        spec->stop_timeout_s = 0;
        for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
                r = get_field(object, &fields[i], (char *)spec + fields[i].offset, err);
        if (r == 0)
                r = get_mounts(object, spec, err);
        if (r == 0 && (!spec->name || !spec->image || !spec->image_id || !spec->manifest ||
                       !spec->manifest_type || !spec->hostname ||
                       spec->entrypoint.count + spec->cmd.count == 0))
                r = error_set(err, -EBADMSG, "something of it is missing");
        return r;
}

int container_spec_read(const void *data, size_t len, struct container_spec *ret, struct error *err)
{
        struct container_spec spec = CONTAINER_SPEC_INIT;
        _cleanup_json_ json_t *object = NULL;
        int r = json_parse_object(data, len, "the container's document", &object, err);

        if (r == 0)
                r = get_all(object, &spec, err);
        if (r < 0) {
                container_spec_done(&spec);
                return error_wrap(err, "the container's document");
        }
        *ret = spec;
        return 0;
}
