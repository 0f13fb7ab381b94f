#include "env_flags.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define ENV_FILE_MAX ((size_t)1 << 20)

void env_flags_done(struct env_flags *flags)
{
        strv_done(&flags->variables);
        strv_done(&flags->files);
}

static int set_variable(const char *item, struct strv *env, struct error *err)
{
        const char *equals = strchr(item, '=');
        _cleanup_free_ char *name = strndup(item, strcspn(item, "="));
        const char *value = equals ? equals + 1 : name ? getenv(name) : NULL;

        if (name && !*name)
                return error_set(err, -EINVAL, "--env %s has no name", item);
        if (!name || (value && strv_env_set(env, name, value) < 0))
                return error_set_oom(err);
        return 0;
}

static int read_env_file(const char *path, struct strv *env, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = io_read_file(AT_FDCWD, path, ENV_FILE_MAX, &text, err);
        char *rest = text.data, *line;

        while (r == 0 && rest && (line = strsep(&rest, "\n"))) {
                line += strspn(line, " \t");
                line[strcspn(line, "\r")] = '\0';
                if (*line && *line != '#')
                        r = set_variable(line, env, err);
        }
        buf_done(&text);
        return r;
}

int env_flags_read(const struct env_flags *flags, struct strv *ret, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < flags->files.count && r == 0; i++)
                r = read_env_file(flags->files.items[i], ret, err);
        for (size_t i = 0; i < flags->variables.count && r == 0; i++)
                r = set_variable(flags->variables.items[i], ret, err);
        return r;
}
