#include "mount_flags.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "bounds.h"
#include "container/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TMPFS_MODE 01777

static int bad_target(const char *text, const char *target, struct error *err)
{
        return error_set(err, -EINVAL,
                         "invalid mount %s: the mount path \"%s\" must be absolute, and not \"/\"",
                         text, target);
}

/* Owns the mount's parts, also when it fails. */
static int add(struct container_mount *mount, const char *text, struct container_spec *spec,
               struct error *err)
{
        char *clean = path_clean(mount->target);
        char name[VOLUME_NAME_RANDOM];
        int r = 0;

        if (clean && (!path_is_absolute(clean) || strcmp(clean, "/") == 0))
                r = bad_target(text, mount->target, err);
        free(mount->target);
        mount->target = clean;
        for (size_t i = 0; i < spec->mount_count && r == 0 && clean; i++)
                if (strcmp(spec->mounts[i].target, clean) == 0)
                        r = error_set(err, -EINVAL, "Duplicate mount point: %s", clean);
        if (r == 0 && mount->type == CONTAINER_VOLUME && !mount->source) {
                r = volume_random_name(name, err);
                mount->source = r == 0 ? strdup(name) : NULL;
                mount->anonymous = true;
        }
        if (r == 0 && (!clean || (mount->type != CONTAINER_TMPFS && !mount->source)))
                r = error_set_oom(err);
        if (r < 0) {
                container_mount_done(mount);
                return r;
        }
        r = container_spec_add_mount(spec, mount);
        if (r == -E2BIG)
                return error_set(err, r, "more than %d mounts", CONTAINER_MOUNTS_MAX);
        return r < 0 ? error_set_oom(err) : 0;
}

/* A source of -v is a path, which may be relative, or a volume's name. */
static int set_source(struct container_mount *mount, const char *source)
{
        _cleanup_free_ char *cwd = NULL;

        mount->makes_source = true;
        if (*source != '/' && *source != '.' && *source != '~') {
                mount->type = CONTAINER_VOLUME;
                mount->source = strdup(source);
                return mount->source ? 0 : -ENOMEM;
        }
        mount->type = CONTAINER_BIND;
        cwd = getcwd(NULL, 0);
        mount->source = path_resolve(cwd ? cwd : "/", source);
        return mount->source ? 0 : -ENOMEM;
}

/* Labels are what z and Z ask for: without SELinux nothing has any, and nothing is to be done. */
static bool has_selinux(void)
{
        return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static int set_volume_mode(const char *text, const char *mode, struct container_mount *mount,
                           struct error *err)
{
        _cleanup_free_ char *copy = strdup(mode);
        char *rest = copy, *word;

        while ((word = strsep(&rest, ","))) {
                if (strcmp(word, "ro") == 0) {
                        mount->read_only = true;
                } else if (strcmp(word, "nocopy") == 0 && mount->type == CONTAINER_VOLUME) {
                        mount->no_copy = true;
                } else if (strcmp(word, "rw") != 0 &&
                           (strcasecmp(word, "z") != 0 || has_selinux())) {
                        error_set(err, -EOPNOTSUPP, "-v %s: the mode \"%s\" is not supported", text,
                                  word);
                        return error_hint(err, "It takes ro, rw, nocopy of a volume, and z and Z "
                                               "where there is no SELinux.");
                }
        }
        return copy ? 0 : error_set_oom(err);
}

int mount_flags_volume(const char *text, struct container_spec *spec, struct error *err)
{
        struct container_mount mount = { .type = CONTAINER_VOLUME };
        _cleanup_free_ char *copy = strdup(text);
        char *target, *mode = NULL;
        int r = 0;

        if (!copy)
                return error_set_oom(err);
        target = strchr(copy, ':');
        if (target) {
                *target++ = '\0';
                mode = strchr(target, ':');
                if (mode)
                        *mode++ = '\0';
                r = *copy ? set_source(&mount, copy) : -EINVAL;
        }
        mount.target = strdup(target ? target : copy);
        if (r == -EINVAL)
                error_set(err, r, "invalid volume specification: '%s'", text);
        else if (r < 0 || !mount.target)
                r = error_set_oom(err);
        if (r == 0 && mode)
                r = set_volume_mode(text, mode, &mount, err);
        if (r < 0) {
                container_mount_done(&mount);
                return r;
        }
        return add(&mount, text, spec, err);
}

/* ---- --mount ---- */

static int set_tmpfs_option(const char *key, const char *value, struct container_mount *mount,
                            struct error *err)
{
        char *end;

        if (strcmp(key, "size") == 0)
                return bounds_parse_bytes("tmpfs-size", value, &mount->size_bytes, err);
        mount->mode = (uint32_t)strtoul(value, &end, 8);
        return *value && !*end && mount->mode <= 07777
                       ? 0
                       : error_set(err, -EINVAL, "a tmpfs has no mode %s", value);
}

static int set_type(const char *text, const char *value, struct container_mount *mount,
                    struct error *err)
{
        if (strcmp(value, "bind") == 0)
                mount->type = CONTAINER_BIND;
        else if (strcmp(value, "volume") == 0)
                mount->type = CONTAINER_VOLUME;
        else if (strcmp(value, "tmpfs") == 0)
                mount->type = CONTAINER_TMPFS;
        else
                return error_set(err, -EOPNOTSUPP,
                                 "--mount %s: the type \"%s\" is not supported; bind, volume and "
                                 "tmpfs are",
                                 text, value);
        return 0;
}

static int set_path(char **ret, const char *value, struct error *err)
{
        free(*ret);
        *ret = strdup(value);
        return *ret ? 0 : error_set_oom(err);
}

static int set_truth(const char *text, const char *key, const char *value, bool *ret,
                     struct error *err)
{
        static const char *const truths[] = { "", "true", "1", "false", "0" };

        for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
                if (strcmp(value, truths[i]) == 0) {
                        *ret = i < 3;
                        return 0;
                }
        return error_set(err, -EINVAL, "--mount %s: %s is true or false, not %s", text, key, value);
}

static int set_option(const char *text, const char *key, const char *value,
                      struct container_mount *mount, struct error *err)
{
        if (strcmp(key, "type") == 0)
                return set_type(text, value, mount, err);
        if (strcmp(key, "source") == 0 || strcmp(key, "src") == 0)
                return set_path(&mount->source, value, err);
        if (strcmp(key, "target") == 0 || strcmp(key, "dst") == 0 ||
            strcmp(key, "destination") == 0)
                return set_path(&mount->target, value, err);
        if (strcmp(key, "tmpfs-size") == 0 || strcmp(key, "tmpfs-mode") == 0)
                return set_tmpfs_option(key + strlen("tmpfs-"), value, mount, err);
        if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0)
                return set_truth(text, key, value, &mount->read_only, err);
        if (strcmp(key, "volume-nocopy") == 0)
                return set_truth(text, key, value, &mount->no_copy, err);
        error_set(err, -EOPNOTSUPP, "--mount %s: \"%s\" is not supported", text, key);
        return error_hint(err, "It takes type, source, target, readonly, volume-nocopy, "
                               "tmpfs-size and tmpfs-mode.");
}

int mount_flags_mount(const char *text, struct container_spec *spec, struct error *err)
{
        struct container_mount mount = { .type = CONTAINER_VOLUME,
                                         .mode = TMPFS_MODE,
                                         .no_exec = true };
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *word;
        int r = copy ? 0 : error_set_oom(err);

        while (r == 0 && (word = strsep(&rest, ","))) {
                char *value = strchr(word, '=');

                if (value)
                        *value++ = '\0';
                r = set_option(text, word, value ? value : "", &mount, err);
        }
        if (r == 0 && !mount.target)
                r = error_set(err, -EINVAL, "--mount %s: target is required", text);
        if (r == 0 && mount.type == CONTAINER_BIND &&
            (!mount.source || !path_is_absolute(mount.source)))
                r = error_set(err, -EINVAL, "--mount %s: a bind mount's source is an absolute path",
                              text);
        if (r == 0 && mount.no_copy && mount.type != CONTAINER_VOLUME)
                r = error_set(err, -EINVAL, "--mount %s: volume-nocopy is for volumes", text);
        if (r == 0 && mount.type == CONTAINER_TMPFS && mount.source)
                r = error_set(err, -EINVAL, "--mount %s: a tmpfs has no source", text);
        if (r < 0) {
                container_mount_done(&mount);
                return r;
        }
        return add(&mount, text, spec, err);
}

/* What a tmpfs is unless it is said otherwise. */
static bool is_given(const char *word)
{
        static const char *const words[] = { "rw", "nosuid", "nodev", "noexec", "relatime" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(word, words[i]) == 0)
                        return true;
        return false;
}

static int refuse_tmpfs(const char *text, const char *word, struct error *err)
{
        error_set(err, -EOPNOTSUPP, "--tmpfs %s: \"%s\" is not supported", text, word);
        return error_hint(err,
                          "It takes size=, mode=, ro and exec; nosuid and nodev it always is.");
}

int mount_flags_image_volume(const char *path, struct container_spec *spec, struct error *err)
{
        struct container_mount mount = { .type = CONTAINER_VOLUME, .target = path_clean(path) };

        for (size_t i = 0; i < spec->mount_count && mount.target; i++)
                if (strcmp(spec->mounts[i].target, mount.target) == 0) {
                        container_mount_done(&mount);
                        return 0;
                }
        return mount.target ? add(&mount, path, spec, err) : error_set_oom(err);
}

int mount_flags_tmpfs(const char *text, struct container_spec *spec, struct error *err)
{
        struct container_mount mount = { .type = CONTAINER_TMPFS,
                                         .mode = TMPFS_MODE,
                                         .no_exec = true };
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *word;
        int r = copy ? 0 : error_set_oom(err);

        word = r == 0 ? strsep(&rest, ":") : NULL;
        mount.target = word ? strdup(word) : NULL;
        while (r == 0 && (word = strsep(&rest, ","))) {
                if (strcmp(word, "ro") == 0)
                        mount.read_only = true;
                else if (strcmp(word, "exec") == 0)
                        mount.no_exec = false;
                else if (strncmp(word, "size=", 5) == 0 || strncmp(word, "mode=", 5) == 0)
                        r = set_tmpfs_option(word[0] == 's' ? "size" : "mode", word + 5, &mount,
                                             err);
                else if (!is_given(word))
                        r = refuse_tmpfs(text, word, err);
        }
        if (r == 0 && !mount.target)
                r = error_set_oom(err);
        if (r < 0) {
                container_mount_done(&mount);
                return r;
        }
        return add(&mount, text, spec, err);
}
