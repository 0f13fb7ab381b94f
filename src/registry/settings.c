#include "settings.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "host.h"
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_FILE "/etc/varve/registries"
#define BLANKS      " \t\r"
#define WORDS_MAX   3

void settings_done(struct settings *settings)
{
        strv_done(&settings->insecure);
        strv_done(&settings->mirrors);
        strv_done(&settings->search);
        strv_done(&settings->block);
        *settings = SETTINGS_INIT;
}

/* Cuts a line into words in place; a "#" ends it. Returns their number, WORDS_MAX + 1 for more. */
static size_t split(char *line, char *words[static WORDS_MAX])
{
        size_t count = 0;
        char *rest = NULL;

        line[strcspn(line, "#")] = '\0';
        for (char *word = strtok_r(line, BLANKS, &rest); word;
             word = strtok_r(NULL, BLANKS, &rest)) {
                if (count == WORDS_MAX)
                        return WORDS_MAX + 1;
                words[count++] = word;
        }
        return count;
}

static int take_number(const char *word, long *ret, struct error *err)
{
        char *end;
        long number = strtol(word, &end, 10);

        if (*end != '\0' || number < 1 || number > SETTINGS_STALL_S_MAX)
                return error_set(err, -EINVAL, "stall wants 1 to %d seconds, not %s",
                                 SETTINGS_STALL_S_MAX, word);
        *ret = number;
        return 0;
}

static int take_line(struct settings *settings, char **words, size_t count, struct error *err)
{
        const struct {
                const char *name;
                struct strv *list;
                size_t words;
        } lists[] = {
                { "insecure", &settings->insecure, 2 },
                { "mirror", &settings->mirrors, 3 },
                { "search", &settings->search, 2 },
                { "block", &settings->block, 2 },
        };

        if (strcmp(words[0], "stall") == 0 && count == 2)
                return take_number(words[1], &settings->stall_s, err);
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                if (strcmp(words[0], lists[i].name) != 0)
                        continue;
                if (count != lists[i].words)
                        return error_set(err, -EINVAL, "%s wants %zu words after it", words[0],
                                         lists[i].words - 1);
                for (size_t j = 1; j < count; j++)
                        if (strv_take(lists[i].list, host_normalize(words[j])) < 0)
                                return error_set_oom(err);
                return 0;
        }
        return error_set(err, -EINVAL,
                         "\"%s\" is none of insecure, mirror, search, block and stall", words[0]);
}

int settings_parse(const char *text, const char *name, struct settings *ret, struct error *err)
{
        _cleanup_free_ char *copy = strdup(text);
        struct settings settings = SETTINGS_INIT;
        char *rest = copy, *line;
        unsigned number = 0;
        int r = copy ? 0 : error_set_oom(err);

        while (r == 0 && (line = strsep(&rest, "\n"))) {
                char *words[WORDS_MAX];
                size_t count = split(line, words);

                number++;
                if (count > 0)
                        r = take_line(&settings, words, count, err);
                if (r < 0)
                        error_wrap(err, "%s:%u", name, number);
        }
        if (r < 0)
                settings_done(&settings);
        else
                *ret = settings;
        return r;
}

/* The file to be read; NULL where there is none. */
static int find_file(char **ret, struct error *err)
{
        const char *given = getenv("VARVE_REGISTRIES"), *config = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");
        int r = 0;

        *ret = NULL;
        if (given && *given)
                r = asprintf(ret, "%s", given);
        else if (config && path_is_absolute(config))
                r = asprintf(ret, "%s/varve/registries", config);
        else if (home && path_is_absolute(home))
                r = asprintf(ret, "%s/.config/varve/registries", home);
        if (r >= 0 && (!*ret || (!(given && *given) && access(*ret, F_OK) < 0))) {
                free(*ret);
                r = asprintf(ret, "%s", SYSTEM_FILE);
                if (r >= 0 && access(*ret, F_OK) < 0) {
                        free(*ret);
                        *ret = NULL;
                }
        }
        return r < 0 ? error_set_oom(err) : 0;
}

int settings_load(struct settings *ret, struct error *err)
{
        _cleanup_free_ char *path = NULL;
        struct buf text = BUF_INIT;
        int r = find_file(&path, err);

        if (r < 0)
                return r;
        if (!path) {
                *ret = SETTINGS_INIT;
                return 0;
        }
        r = io_read_file(AT_FDCWD, path, SETTINGS_BYTES_MAX, &text, err);
        if (r == 0)
                r = settings_parse(buf_str(&text), path, ret, err);
        buf_done(&text);
        return r;
}

int registry_search_hosts(struct strv *ret, struct error *err)
{
        struct settings settings = SETTINGS_INIT;
        struct error failed = ERROR_INIT;
        int r = settings_load(&settings, &failed);

        /* Who asks a registry is told that the file is not there. */
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                *err = failed;
        if (r == 0 && strv_extend(ret, &settings.search) < 0)
                r = error_set_oom(err);
        settings_done(&settings);
        return r;
}
