#include "settings.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/suggest.h"
#include "log.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_BYTES_MAX 65536
#define SPACE              " \t"

static int set_root(const char *value, struct error *err)
{
        return setenv("VARVE_ROOT", value, 0) < 0 ? error_set_oom(err) : 0;
}

static int set_progress(const char *value, struct error *err)
{
        enum progress_style style;
        int r = progress_parse_style(value, &style, err);

        if (r < 0)
                return r;
        return setenv("BUILDKIT_PROGRESS", value, 0) < 0 ? error_set_oom(err) : 0;
}

static const struct {
        const char *key;
        int (*set)(const char *value, struct error *err);
} settings[] = {
        { "root", set_root },
        { "progress", set_progress },
        { "log-level", log_set_level },
        { "log-format", log_set_format },
};

static int apply(const char *key, const char *value, struct error *err)
{
        const char *keys[ARRAY_SIZE(settings)], *similar;

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                keys[i] = settings[i].key;
                if (strcmp(key, keys[i]) == 0)
                        return settings[i].set(value, err);
        }
        similar = suggest_similar(key, keys, ARRAY_SIZE(keys));
        error_set(err, -EINVAL, "there is no setting \"%s\"", key);
        if (similar)
                return error_hint(err, "Did you mean %s?", similar);
        return error_hint(err, "Settings are root, progress, log-level and log-format.");
}

static int refuse_line(const char *line, struct error *err)
{
        error_set(err, -EINVAL, "\"%s\" is no setting", line);
        return error_hint(err, *line == '[' ? "There are no tables: all settings stand alone."
                                            : "A setting is a line such as: progress = \"plain\"");
}

/* KEY = "VALUE", which holds neither quotes nor backslashes; or KEY = 'VALUE'. */
static int read_line(char *line, struct error *err)
{
        char *key = line + strspn(line, SPACE), *value, *end;
        size_t len = strcspn(key, SPACE "=#");

        if (*key == '\0' || *key == '#')
                return 0;
        value = key + len + strspn(key + len, SPACE);
        if (len > 0 && *value == '=') {
                value++;
                value += strspn(value, SPACE);
        }
        end = *value == '"'    ? strpbrk(value + 1, "\"\\")
              : *value == '\'' ? strchr(value + 1, '\'')
                               : NULL;
        if (len == 0 || !end || *end != *value ||
            !strchr("#", end[1 + strspn(end + 1, SPACE "\r")]))
                return refuse_line(key, err);
        key[len] = '\0';
        *end = '\0';
        return apply(key, value + 1, err);
}

static char *path_of_settings(void)
{
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        char *path = NULL;
        int r = 0;

        if (config && *config == '/')
                r = asprintf(&path, "%s/varve/config.toml", config);
        else if (home && *home == '/')
                r = asprintf(&path, "%s/.config/varve/config.toml", home);
        return r < 0 ? NULL : path;
}

int settings_read(struct error *err)
{
        _cleanup_free_ char *path = path_of_settings();
        struct buf text = BUF_INIT;
        char *line, *rest;
        unsigned number = 1;
        int r = 0;

        if (!path || access(path, F_OK) < 0)
                return 0;
        r = io_read_file(AT_FDCWD, path, SETTINGS_BYTES_MAX, &text, err);
        rest = r == 0 && text.len > 0 ? text.data : NULL;
        for (; r == 0 && (line = strsep(&rest, "\n")); number++) {
                r = read_line(line, err);
                if (r < 0)
                        error_wrap(err, "%s:%u", path, number);
        }
        buf_done(&text);
        return r;
}
