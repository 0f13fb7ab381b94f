#include "options.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* What an option that has no value does. */
static const struct {
        const char *name;
        unsigned long sets;
        unsigned long clears;
} flag_words[] = {
        { "ro", MS_RDONLY, 0 },
        { "rw", 0, MS_RDONLY },
        { "nosuid", MS_NOSUID, 0 },
        { "suid", 0, MS_NOSUID },
        { "nodev", MS_NODEV, 0 },
        { "dev", 0, MS_NODEV },
        { "noexec", MS_NOEXEC, 0 },
        { "exec", 0, MS_NOEXEC },
        { "noatime", MS_NOATIME, 0 },
        { "atime", 0, MS_NOATIME },
        { "nodiratime", MS_NODIRATIME, 0 },
        { "diratime", 0, MS_NODIRATIME },
        { "relatime", MS_RELATIME, MS_STRICTATIME },
        { "norelatime", 0, MS_RELATIME },
        { "strictatime", MS_STRICTATIME, MS_RELATIME },
        { "nostrictatime", 0, MS_STRICTATIME },
        { "sync", MS_SYNCHRONOUS, 0 },
        { "async", 0, MS_SYNCHRONOUS },
        { "dirsync", MS_DIRSYNC, 0 },
        { "defaults", 0, 0 },
        { "default_permissions", 0, 0 }, /* always on */
        /* Of /etc/fstab, for mount(8) alone. */
        { "auto", 0, 0 },
        { "noauto", 0, 0 },
        { "user", 0, 0 },
        { "nouser", 0, 0 },
        { "users", 0, 0 },
        { "nofail", 0, 0 },
        { "_netdev", 0, 0 },
};

/* Those of the flags that fusermount3 knows and lets a user set. */
static const struct {
        unsigned long flag;
        const char *word;
} user_words[] = {
        { MS_RDONLY, "ro" },       { MS_NOSUID, "nosuid" },   { MS_NODEV, "nodev" },
        { MS_NOEXEC, "noexec" },   { MS_NOATIME, "noatime" }, { MS_SYNCHRONOUS, "sync" },
        { MS_DIRSYNC, "dirsync" },
};

void mount_options_done(struct mount_options *options)
{
        strv_done(&options->lowers);
        strv_done(&options->words);
        free(options->upper);
        free(options->work);
        free(options->fsname);
        *options = MOUNT_OPTIONS_INIT;
}

/* The length up to the next `separator` that no backslash stands before. */
static size_t part_length(const char *text, char separator)
{
        size_t len = 0;

        while (text[len] != '\0' && text[len] != separator)
                len += text[len] == '\\' && text[len + 1] != '\0' ? 2 : 1;
        return len;
}

/* A copy without the backslashes. NULL when memory ran out. */
static char *without_escapes(const char *text, size_t len)
{
        char *copy = malloc(len + 1);
        size_t used = 0;

        if (!copy)
                return NULL;
        for (size_t i = 0; i < len; i++) {
                if (text[i] == '\\' && i + 1 < len)
                        i++;
                copy[used++] = text[i];
        }
        copy[used] = '\0';
        return copy;
}

static int add_lowers(struct mount_options *options, const char *value, struct error *err)
{
        strv_done(&options->lowers);
        for (;;) {
                size_t len = part_length(value, ':');

                if (len == 0)
                        return error_set(err, -EINVAL, "lowerdir names an empty path");
                if (strv_take(&options->lowers, without_escapes(value, len)) < 0)
                        return error_set_oom(err);
                if (value[len] == '\0')
                        return 0;
                value += len + 1;
        }
}

static int set_path(char **path, const char *name, const char *value, struct error *err)
{
        if (value[0] == '\0')
                return error_set(err, -EINVAL, "%s names an empty path", name);
        free(*path);
        *path = without_escapes(value, strlen(value));
        return *path ? 0 : error_set_oom(err);
}

/* Returns 1 where there is no such option. */
static int add_value(struct mount_options *options, const char *name, const char *value,
                     struct error *err)
{
        if (strcmp(name, "lowerdir") == 0)
                return add_lowers(options, value, err);
        if (strcmp(name, "upperdir") == 0)
                return set_path(&options->upper, name, value, err);
        if (strcmp(name, "workdir") == 0)
                return set_path(&options->work, name, value, err);
        if (strcmp(name, "fsname") == 0)
                return set_path(&options->fsname, name, value, err);
        /* libfuse says by it which server a mount is of: there is one. */
        if (strcmp(name, "subtype") == 0 || strcmp(name, "comment") == 0)
                return 0;
        return 1;
}

/* Returns 1 where there is no such option. */
static int add_word(struct mount_options *options, const char *name)
{
        if (strcmp(name, "allow_other") == 0) {
                options->allow_other = true;
                return 0;
        }
        if (strncmp(name, "x-", 2) == 0 || strncmp(name, "X-", 2) == 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++) {
                if (strcmp(name, flag_words[i].name) != 0)
                        continue;
                options->flags &= ~flag_words[i].clears;
                options->flags |= flag_words[i].sets;
                return 0;
        }
        return 1;
}

static int unknown(const char *name, struct error *err)
{
        static const char *const values[] = { "lowerdir", "upperdir", "workdir", "fsname",
                                              "allow_other" };
        const char *names[ARRAY_SIZE(values) + ARRAY_SIZE(flag_words)], *similar;
        size_t count = 0;

        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                names[count++] = values[i];
        for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++)
                names[count++] = flag_words[i].name;
        similar = suggest_similar(name, names, count);
        error_set(err, -EINVAL, "there is no mount option \"%.200s\"", name);
        if (similar)
                return error_hint(err, "Did you mean %s?", similar);
        return error_hint(err, "`varve-fs --help` lists the options.");
}

static int add_option(struct mount_options *options, const char *text, size_t len,
                      struct error *err)
{
        _cleanup_free_ char *copy = strndup(text, len);
        char *value;
        int r, other;

        if (!copy)
                return error_set_oom(err);
        value = strchr(copy, '=');
        if (value)
                *value++ = '\0';
        r = value ? add_value(options, copy, value, err) : add_word(options, copy);
        if (r <= 0)
                return r;
        /* The right name in the wrong form. */
        if (value) {
                other = add_word(&(struct mount_options){ .upper = NULL }, copy);
                if (other == 0 && strncmp(copy, "x-", 2) != 0 && strncmp(copy, "X-", 2) != 0)
                        return error_set(err, -EINVAL, "the mount option %s has no value", copy);
                return other == 0 ? 0 : unknown(copy, err);
        }
        for (size_t i = 0; i < 4; i++) {
                static const char *const values[] = { "lowerdir", "upperdir", "workdir", "fsname" };

                if (strcmp(copy, values[i]) == 0)
                        return error_set(err, -EINVAL, "the mount option %s wants a value", copy);
        }
        return unknown(copy, err);
}

int mount_options_add(struct mount_options *options, const char *text, struct error *err)
{
        while (*text != '\0') {
                size_t len = part_length(text, ',');
                int r = len > 0 ? add_option(options, text, len, err) : 0;

                if (r < 0)
                        return r;
                text += len + (text[len] != '\0');
        }
        strv_done(&options->words);
        for (size_t i = 0; i < ARRAY_SIZE(user_words); i++)
                if (options->flags & user_words[i].flag &&
                    strv_add(&options->words, user_words[i].word) < 0)
                        return error_set_oom(err);
        return 0;
}

int mount_options_check(const struct mount_options *options, struct error *err)
{
        if (options->lowers.count == 0 && !options->upper) {
                error_set(err, -EINVAL, "nothing is named that could be mounted");
                return error_hint(err, "Name layers: -o lowerdir=A:B,upperdir=U,workdir=W");
        }
        if (options->work && !options->upper)
                return error_set(err, -EINVAL,
                                 "a workdir is named, and no upperdir that it would be for");
        return 0;
}
