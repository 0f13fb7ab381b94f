#include "container/volume.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "container/container.h"
#include "oci/json.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define VOLUMES   "volumes"
#define DATA      "_data"
#define ABOUT     "volume.json"
#define ABOUT_MAX ((size_t)1 << 20)

void volume_done(struct volume *volume)
{
        free(volume->name);
        free(volume->path);
        strmap_done(&volume->labels);
        *volume = (struct volume){ .name = NULL };
}

void volumes_done(struct volumes *volumes)
{
        for (size_t i = 0; i < volumes->count; i++)
                volume_done(&volumes->items[i]);
        free(volumes->items);
        *volumes = (struct volumes){ .items = NULL };
}

static int check_name(const char *name, struct error *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_.-";
        size_t len = strlen(name);

        if (len < 2 || len > 255 || strchr("_.-", name[0]) || strspn(name, letters) != len) {
                error_set(err, -EINVAL,
                          "\"%s\" includes invalid characters for a local volume name, only "
                          "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
                          name);
                return error_hint(err, "If a host directory is meant, give its absolute path.");
        }
        return 0;
}

int volume_random_name(char ret[static VOLUME_NAME_RANDOM], struct error *err)
{
        unsigned char bytes[(VOLUME_NAME_RANDOM - 1) / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return error_set_errno(err, -errno, "cannot make a name");
        for (size_t i = 0; i < sizeof(bytes); i++)
                sprintf(ret + 2 * i, "%02x", bytes[i]);
        return 0;
}

static int open_volumes(struct store *store, int *ret_fd, struct error *err)
{
        int dir = store_root_dir(store);

        if (mkdirat(dir, VOLUMES, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot make the directory of volumes");
        *ret_fd = openat(dir, VOLUMES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return *ret_fd < 0 ? error_set_errno(err, -errno, "cannot open the directory of volumes")
                           : 0;
}

static int write_plain(int dir_fd, const struct buf *text, struct error *err)
{
        _cleanup_close_ int fd =
                openat(dir_fd, ABOUT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : io_write(fd, text->data, text->len);

        return r < 0 ? error_set_errno(err, r, "cannot write " ABOUT) : 0;
}

/* Of a volume that goes with its container nothing need outlive the machine. */
static int write_about(int dir_fd, const struct strmap *labels, bool lasts, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        struct timespec now = clock_now();
        struct buf text = BUF_INIT;
        int r = object ? json_put_time(object, "CreatedAt", &now) : -ENOMEM;

        if (r == 0 && labels)
                r = json_put_strmap(object, "Labels", labels);
        r = r < 0 ? error_set_oom(err) : json_write(object, &text, err);
        if (r == 0)
                r = lasts ? io_write_file_atomic(dir_fd, ABOUT, text.data, text.len, 0600, err)
                          : write_plain(dir_fd, &text, err);
        buf_done(&text);
        return r;
}

/* It appears as a whole. */
static int make_new(struct store *store, int volumes_fd, const char *name,
                    const struct strmap *labels, bool lasts, struct error *err)
{
        _cleanup_close_ int dir_fd = -1;
        char aside[300];
        int tmp_fd, r = store_tmp_dir(store, &tmp_fd, err);

        if (r < 0)
                return r;
        snprintf(aside, sizeof(aside), "volume-%s", name);
        if (mkdirat(tmp_fd, aside, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot make the volume %s", name);
        dir_fd = openat(tmp_fd, aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Whom the container's users are to others is for its modes to say. */
        if (dir_fd < 0 || mkdirat(dir_fd, DATA, 0755) < 0 || fchmodat(dir_fd, DATA, 0755, 0) < 0)
                return error_set_errno(err, -errno, "cannot make the volume %s", name);
        r = write_about(dir_fd, labels, lasts, err);
        if (r == 0 && renameat2(tmp_fd, aside, volumes_fd, name, RENAME_NOREPLACE) < 0 &&
            errno != EEXIST)
                r = error_set_errno(err, -errno, "cannot make the volume %s", name);
        return r;
}

static int make(struct store *store, const char *name, const struct strmap *labels, bool lasts,
                struct error *err)
{
        _cleanup_close_ int volumes_fd = -1;
        int r = check_name(name, err);

        if (r == 0)
                r = open_volumes(store, &volumes_fd, err);
        if (r < 0 || faccessat(volumes_fd, name, F_OK, 0) == 0)
                return r;
        return make_new(store, volumes_fd, name, labels, lasts, err);
}

int volume_make(struct store *store, const char *name, const struct strmap *labels,
                struct error *err)
{
        return make(store, name, labels, true, err);
}

int volume_open(struct store *store, const char *name, bool lasts, int *ret_fd, struct error *err)
{
        char path[300];
        int r = make(store, name, NULL, lasts, err);

        if (r < 0)
                return r;
        snprintf(path, sizeof(path), VOLUMES "/%s/" DATA, name);
        *ret_fd =
                openat(store_root_dir(store), path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return *ret_fd < 0 ? error_set_errno(err, -errno, "cannot open the volume %s", name) : 0;
}

/* ---- reading ---- */

static int read_volume(struct store *store, int volumes_fd, const char *name, struct volume *ret,
                       struct error *err)
{
        struct volume volume = { .name = strdup(name) };
        _cleanup_json_ json_t *object = NULL;
        struct buf text = BUF_INIT;
        char path[300];
        bool has_created;
        int r = volume.name ? 0 : error_set_oom(err);

        snprintf(path, sizeof(path), "%.255s/" ABOUT, name);
        if (r == 0 &&
            asprintf(&volume.path, "%s/" VOLUMES "/%s/" DATA, store_root(store), name) < 0) {
                volume.path = NULL;
                r = error_set_oom(err);
        }
        if (r == 0)
                r = io_read_file(volumes_fd, path, ABOUT_MAX, &text, err);
        if (r == 0)
                r = json_parse_object(text.data, text.len, path, &object, err);
        if (r == 0)
                r = json_get_time(object, "CreatedAt", &has_created, &volume.created, err);
        if (r == 0)
                r = json_get_strmap(object, "Labels", &volume.labels, err);
        buf_done(&text);
        if (r < 0)
                volume_done(&volume);
        else
                *ret = volume;
        return r;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct volume *)a)->name, ((const struct volume *)b)->name);
}

static int read_directory(struct store *store, DIR *dir, struct volumes *list, struct error *err)
{
        struct dirent *entry;

        while ((entry = readdir(dir))) {
                struct error broken = ERROR_INIT;
                struct volume *items, volume;

                if (entry->d_name[0] == '.' ||
                    read_volume(store, dirfd(dir), entry->d_name, &volume, &broken) < 0)
                        continue;
                items = reallocarray(list->items, list->count + 1, sizeof(*items));
                if (!items) {
                        volume_done(&volume);
                        return error_set_oom(err);
                }
                list->items = items;
                list->items[list->count++] = volume;
        }
        return 0;
}

int volumes_read(struct store *store, struct volumes *ret, struct error *err)
{
        struct volumes list = { .items = NULL };
        int fd, r = open_volumes(store, &fd, err);
        DIR *dir = r < 0 ? NULL : fdopendir(fd);

        if (r < 0)
                return r;
        if (!dir) {
                close(fd);
                return error_set_oom(err);
        }
        r = read_directory(store, dir, &list, err);
        closedir(dir);
        if (r < 0) {
                volumes_done(&list);
                return r;
        }
        if (list.count > 1)
                qsort(list.items, list.count, sizeof(*list.items), compare_names);
        *ret = list;
        return 0;
}

int volume_find(struct store *store, const char *name, struct volume *ret, struct error *err)
{
        _cleanup_close_ int volumes_fd = -1;
        struct error ignored = ERROR_INIT;
        int r = open_volumes(store, &volumes_fd, err);

        if (r < 0)
                return r;
        if (check_name(name, &ignored) < 0 || faccessat(volumes_fd, name, F_OK, 0) < 0)
                return error_set(err, -ENOENT, "get %s: no such volume", name);
        return read_volume(store, volumes_fd, name, ret, err);
}

uint64_t volume_size(const struct volume *volume)
{
        char *const paths[] = { volume->path, NULL };
        FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        uint64_t bytes = 0;
        FTSENT *entry;

        while (walk && (entry = fts_read(walk)))
                if (entry->fts_info != FTS_DP && entry->fts_statp && entry->fts_info != FTS_NS)
                        bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
        if (walk)
                fts_close(walk);
        return bytes;
}

/* ---- removing ---- */

int volume_user(struct store *store, const char *name, char ret_id[static 65], struct error *err)
{
        struct containers all;
        int r = containers_read(store, &all, NULL, err);

        *ret_id = '\0';
        if (r < 0)
                return r;
        for (size_t i = 0; i < all.count; i++) {
                const struct container_spec *spec = &all.items[i].spec;

                for (size_t j = 0; j < spec->mount_count; j++)
                        if (spec->mounts[j].type == CONTAINER_VOLUME &&
                            strcmp(spec->mounts[j].source, name) == 0)
                                memcpy(ret_id, spec->id, sizeof(spec->id));
        }
        containers_done(&all);
        return 0;
}

/* Files of subordinate ids are removed by who is root to these. */
static int remove_as_root(const char *path, struct error *err)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        _cleanup_(cleanup_sandbox) struct sandbox *sandbox = NULL;
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct strv argv = STRV_INIT, env = STRV_INIT;
        struct sandbox_spec spec = { .root = SANDBOX_ROOT_DIRECTORY,
                                     .root_fd = root_fd,
                                     .argv = &argv,
                                     .env = &env,
                                     .workdir = "/",
                                     .network = SANDBOX_NETWORK_NONE,
                                     .stdio = { null_fd, null_fd, null_fd } };
        const char *words[] = { "rm", "-rf", "--", path };
        int status = 1, r = sandbox_host_new(SANDBOX_USERS_RANGES, &host, err);

        for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
                r = strv_add(&argv, words[i]) < 0 ? error_set_oom(err) : 0;
        if (r == 0)
                r = sandbox_start(host, &spec, &sandbox, err);
        if (r == 0)
                r = sandbox_go(sandbox, err);
        if (r == 0)
                r = sandbox_wait(sandbox, -1, &status, err);
        if (r == 0 && status != 0)
                r = error_set(err, -EACCES, "cannot remove %s", path);
        strv_done(&argv);
        return r;
}

int volume_remove(struct store *store, const char *name, struct error *err)
{
        _cleanup_(volume_done) struct volume volume = { .name = NULL };
        struct error first = ERROR_INIT;
        char path[300], id[65];
        int r = volume_find(store, name, &volume, err);

        if (r == 0)
                r = volume_user(store, name, id, err);
        if (r == 0 && *id) {
                error_set(err, -EBUSY, "remove %s: volume is in use - [%s]", name, id);
                return error_hint(err, "Remove that container first: varve rm %.12s", id);
        }
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), VOLUMES "/%s", name);
        if (io_remove_tree(store_root_dir(store), path, &first) == 0)
                return 0;
        r = remove_as_root(volume.path, err);
        return r < 0 ? r : io_remove_tree(store_root_dir(store), path, err);
}

bool volume_is_anonymous(const char *name)
{
        return strlen(name) == VOLUME_NAME_RANDOM - 1 &&
               strspn(name, "0123456789abcdef") == VOLUME_NAME_RANDOM - 1;
}
