#include "container/container.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "names.h"
#include "remove.h"
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_NAME "config.json"
#define STATE_NAME  "state.json"
#define STATE_MAX   ((size_t)256 << 10)

/* More than a state takes: the names of its layers and a message are most of it. */
#define ROOM_NAME  ".room"
#define ROOM_BYTES 16384

#define NAME_ATTEMPTS 100

void container_done(struct container *container)
{
        container_spec_done(&container->spec);
        state_done(&container->state);
        cleanup_close(&container->dir_fd);
        *container = CONTAINER_INIT;
}

/* ---- writing ---- */

/* Replaces a document. What is there for a container that is not kept, or changes with each start,
 * need not outlive the machine. */
static int write_document(const struct container *container, const char *name,
                          const struct buf *text, bool lasts, struct error *err)
{
        _cleanup_close_ int fd = -1;
        char aside[32];
        int r;

        if (lasts && !container->spec.remove)
                return io_write_file_atomic(container->dir_fd, name, text->data, text->len, 0600,
                                            err);
        snprintf(aside, sizeof(aside), ".%s", name);
        fd = openat(container->dir_fd, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : io_write(fd, text->data, text->len);
        if (r == 0 && renameat(container->dir_fd, aside, container->dir_fd, name) < 0)
                r = -errno;
        return r < 0 ? error_set_errno(err, r, "cannot write the container's %s", name) : 0;
}

static int write_keeps(struct container *container, struct error *err)
{
        const struct container_spec *spec = &container->spec;
        struct buf text = BUF_INIT;
        int r = buf_appendf(&text, "image %s %s\n", spec->manifest, spec->manifest_type);

        for (size_t i = 0; i < container->state.layer_count && r == 0; i++) {
                char digest[DIGEST_TEXT_MAX];

                digest_format(&container->state.layers[i], digest);
                r = buf_appendf(&text, "layer %s\n", digest);
        }
        r = r < 0 ? error_set_oom(err)
                  : write_document(container, STORE_KEEPS, &text,
                                   container->state.status != CONTAINER_RUNNING, err);
        buf_done(&text);
        return r;
}

void container_reserve_state(struct container *container)
{
        _cleanup_close_ int fd = openat(container->dir_fd, ROOM_NAME,
                                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        /* Where the filesystem cannot allocate it, there may be room at the end all the same. */
        if (fd >= 0)
                (void)fallocate(fd, 0, 0, ROOM_BYTES);
}

int container_write_state_in_room(const struct container *container, struct error *err)
{
        _cleanup_close_ int fd = openat(container->dir_fd, ROOM_NAME, O_WRONLY | O_CLOEXEC);
        int written = fd < 0 ? -errno : 0, r;
        struct buf text = BUF_INIT;

        r = state_write(&container->state, &text, err);
        if (r == 0 && written == 0)
                written = io_write(fd, text.data, text.len);
        if (r == 0 && written == 0 &&
            (ftruncate(fd, (off_t)text.len) < 0 ||
             renameat(container->dir_fd, ROOM_NAME, container->dir_fd, STATE_NAME) < 0))
                written = -errno;
        buf_done(&text);
        return r < 0 || written == 0
                       ? r
                       : error_set_errno(err, written, "cannot write the container's " STATE_NAME);
}

/* What is kept comes before the state that names it. */
int container_write_state(struct container *container, struct error *err)
{
        const bool lasts = container->state.status != CONTAINER_RUNNING;
        struct buf text = BUF_INIT;
        int r = write_keeps(container, err);

        if (r == 0)
                r = state_write(&container->state, &text, err);
        if (r == 0)
                r = write_document(container, STATE_NAME, &text, lasts, err);
        if (r == 0 && lasts)
                unlinkat(container->dir_fd, ROOM_NAME, 0);
        buf_done(&text);
        return r;
}

static int write_config(struct container *container, struct error *err)
{
        struct buf text = BUF_INIT;
        int r = container_spec_write(&container->spec, &text, err);

        if (r == 0)
                r = write_document(container, CONFIG_NAME, &text, true, err);
        buf_done(&text);
        return r;
}

/* ---- making ---- */

/* As Docker: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
static int check_name(const char *name, struct error *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789";
        size_t len = strlen(name);

        if (len >= 2 && len <= 255 && strspn(name, letters) > 0) {
                for (; *name; name++)
                        if (!strchr(letters, *name) && !strchr("_.-", *name))
                                break;
                if (!*name)
                        return 0;
        }
        return error_set(err, -EINVAL,
                         "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                         name - (len - strlen(name)));
}

static int make_id(char ret[static CONTAINER_ID_DIGITS + 1], struct error *err)
{
        unsigned char bytes[CONTAINER_ID_DIGITS / 2];

        do {
                if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                        return error_set_errno(err, -errno, "cannot make an ID");
                for (size_t i = 0; i < sizeof(bytes); i++)
                        sprintf(ret + 2 * i, "%02x", bytes[i]);
                /* One whose short form is a number alone could be taken for one. */
        } while (strspn(ret, "0123456789") >= CONTAINER_ID_SHORT);
        return 0;
}

static const struct container *find_name(const struct containers *all, const char *name)
{
        for (size_t i = 0; i < all->count; i++)
                if (strcmp(all->items[i].spec.name, name) == 0)
                        return &all->items[i];
        return NULL;
}

static int choose_name(const struct containers *all, struct container_spec *spec, struct error *err)
{
        const struct container *other;
        unsigned dice[3];
        char name[NAME_MAX_BYTES];

        if (spec->name) {
                other = find_name(all, spec->name);
                if (!other)
                        return 0;
                error_set(err, -EEXIST,
                          "Conflict. The container name \"/%s\" is already in use by container "
                          "\"%s\".",
                          spec->name, other->spec.id);
                return error_hint(err,
                                  "Remove that container, `varve rm %s`, or choose another "
                                  "name.",
                                  spec->name);
        }
        for (unsigned i = 0; i < NAME_ATTEMPTS; i++) {
                if (getrandom(dice, sizeof(dice), 0) != sizeof(dice))
                        return error_set_errno(err, -errno, "cannot choose a name");
                name_make(dice[0], dice[1], i < 5 ? 0 : dice[2] % 10 + 1, name);
                if (find_name(all, name))
                        continue;
                spec->name = strdup(name);
                return spec->name ? 0 : error_set_oom(err);
        }
        spec->name = strdup(spec->id);
        return spec->name ? 0 : error_set_oom(err);
}

/* Fills a directory that nobody sees yet. */
static int fill(struct container *container, int tmp_fd, const char *name, struct error *err)
{
        if (mkdirat(tmp_fd, name, 0700) < 0)
                return error_set_errno(err, -errno, "cannot make a container");
        container->dir_fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (container->dir_fd < 0)
                return error_set_errno(err, -errno, "cannot make a container");
        if (write_config(container, err) < 0)
                return err->code;
        return container_write_state(container, err);
}

static int create_locked(struct store *store, struct container *container, struct error *err)
{
        struct containers all = { .items = NULL };
        struct error ignored = ERROR_INIT;
        int containers_fd, tmp_fd, r;

        r = containers_read(store, &all, NULL, err);
        if (r == 0)
                r = choose_name(&all, &container->spec, err);
        containers_done(&all);
        if (r == 0)
                r = store_containers_dir(store, &containers_fd, err);
        if (r == 0)
                r = store_tmp_dir(store, &tmp_fd, err);
        if (r < 0)
                return r;
        r = fill(container, tmp_fd, container->spec.id, err);
        if (r == 0 && renameat(tmp_fd, container->spec.id, containers_fd, container->spec.id) < 0)
                r = error_set_errno(err, -errno, "cannot make a container");
        if (r < 0)
                io_remove_tree(tmp_fd, container->spec.id, &ignored);
        return r;
}

/* Until it has a keeper it is this process's. */
static int claim(struct store *store, struct container_state *state, struct error *err)
{
        const char *name = store_process_name(store, err);

        if (!name)
                return err->code;
        state->keeper = strdup(name);
        return state->keeper ? 0 : error_set_oom(err);
}

int container_create(struct store *store, struct container_spec *spec, bool starts,
                     struct container *ret, struct error *err)
{
        struct container container = CONTAINER_INIT;
        struct store_lock lock = STORE_LOCK_INIT;
        int r;

        container.spec = *spec;
        *spec = CONTAINER_SPEC_INIT;
        container.spec.created = clock_now();
        r = container.spec.name ? check_name(container.spec.name, err) : 0;
        if (r == 0)
                r = make_id(container.spec.id, err);
        if (r == 0 && !container.spec.hostname) {
                container.spec.hostname = strndup(container.spec.id, CONTAINER_ID_SHORT);
                r = container.spec.hostname ? 0 : error_set_oom(err);
        }
        if (r == 0 && starts)
                r = claim(store, &container.state, err);
        if (r == 0)
                r = store_lock_take(store, &lock, err);
        if (r == 0) {
                r = create_locked(store, &container, err);
                store_lock_release(store, &lock);
        }
        if (r < 0)
                container_done(&container);
        else
                *ret = container;
        return r;
}

static int rename_locked(struct store *store, struct container *container, const char *name,
                         struct error *err)
{
        struct containers all = { .items = NULL };
        char *old = container->spec.name;
        int r = containers_read(store, &all, NULL, err);

        if (r < 0)
                return r;
        container->spec.name = strdup(name);
        r = container->spec.name ? choose_name(&all, &container->spec, err) : error_set_oom(err);
        containers_done(&all);
        if (r == 0)
                r = write_config(container, err);
        if (r < 0) {
                free(container->spec.name);
                container->spec.name = old;
                return r;
        }
        free(old);
        return 0;
}

int container_rename(struct store *store, struct container *container, const char *name,
                     struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        int r = check_name(name, err);

        if (r == 0)
                r = store_lock_take(store, &lock, err);
        if (r < 0)
                return r;
        r = rename_locked(store, container, name, err);
        store_lock_release(store, &lock);
        return r;
}

/* ---- reading ---- */

/* A state that says that it runs, of a keeper that is gone. */
static void judge(const struct store *store, struct container_state *state)
{
        if (state->status == CONTAINER_RUNNING &&
            (!state->keeper || !store_process_lives(store, state->keeper)))
                state->status = CONTAINER_DEAD;
}

static int read_state(const struct store *store, struct container *container, struct error *err)
{
        struct container_state state;
        struct buf text = BUF_INIT;
        int r = io_read_file(container->dir_fd, STATE_NAME, STATE_MAX, &text, err);

        if (r == 0)
                r = state_read(text.data, text.len, &state, err);
        buf_done(&text);
        if (r < 0)
                return r;
        judge(store, &state);
        state_done(&container->state);
        container->state = state;
        return 0;
}

static int open_container(struct store *store, int containers_fd, const char *id,
                          struct container *ret, struct error *err)
{
        struct container container = CONTAINER_INIT;
        struct buf text = BUF_INIT;
        int r = 0;

        container.dir_fd =
                openat(containers_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (container.dir_fd < 0)
                return error_set_errno(err, -errno, "cannot open the container %s", id);
        r = io_read_file(container.dir_fd, CONFIG_NAME, CONTAINER_CONFIG_MAX, &text, err);
        if (r == 0)
                r = container_spec_read(text.data, text.len, &container.spec, err);
        if (r == 0)
                r = read_state(store, &container, err);
        buf_done(&text);
        if (r < 0)
                container_done(&container);
        else
                *ret = container;
        return r < 0 ? error_wrap(err, "the container %s", id) : 0;
}

int container_refresh(struct store *store, struct container *container, struct error *err)
{
        return read_state(store, container, err);
}

static int compare_age(const void *a, const void *b)
{
        const struct timespec *left = &((const struct container *)a)->spec.created;
        const struct timespec *right = &((const struct container *)b)->spec.created;

        if (left->tv_sec != right->tv_sec)
                return left->tv_sec > right->tv_sec ? -1 : 1;
        return (left->tv_nsec < right->tv_nsec) - (left->tv_nsec > right->tv_nsec);
}

static int add_container(struct containers *list, const struct container *container)
{
        struct container *items = reallocarray(list->items, list->count + 1, sizeof(*list->items));

        if (!items)
                return -ENOMEM;
        list->items = items;
        list->items[list->count++] = *container;
        return 0;
}

static int read_directory(struct store *store, DIR *dir, struct containers *list,
                          size_t *ret_broken, struct error *err)
{
        struct dirent *entry;
        int r = 0;

        while (r == 0 && (entry = readdir(dir))) {
                struct container container;
                struct error broken = ERROR_INIT;

                if (entry->d_name[0] == '.')
                        continue;
                r = open_container(store, dirfd(dir), entry->d_name, &container, &broken);
                if (r < 0) {
                        /* One that was removed meanwhile is not broken. */
                        if (ret_broken && faccessat(dirfd(dir), entry->d_name, F_OK, 0) == 0)
                                ++*ret_broken;
                        r = 0;
                } else if (add_container(list, &container) < 0) {
                        container_done(&container);
                        r = error_set_oom(err);
                }
        }
        return r;
}

int containers_read(struct store *store, struct containers *ret, size_t *ret_broken,
                    struct error *err)
{
        struct containers list = { .items = NULL };
        int fd, r = store_containers_dir(store, &fd, err);
        DIR *dir;

        if (r < 0)
                return r;
        r = io_open_dir(fd, ".", &dir);
        if (r < 0)
                return error_set_errno(err, r, "cannot list the containers");
        if (ret_broken)
                *ret_broken = 0;
        r = read_directory(store, dir, &list, ret_broken, err);
        closedir(dir);
        if (r < 0) {
                containers_done(&list);
                return r;
        }
        containers_sweep(store, &list);
        if (list.count > 1)
                qsort(list.items, list.count, sizeof(*list.items), compare_age);
        *ret = list;
        return 0;
}

void containers_done(struct containers *containers)
{
        for (size_t i = 0; i < containers->count; i++)
                container_done(&containers->items[i]);
        free(containers->items);
        *containers = (struct containers){ .items = NULL };
}

/* ---- finding ---- */

/* Where in the list it is; -1: nowhere, -2: in several places. */
static long search(const struct containers *all, const char *text)
{
        size_t len = strlen(text);
        long found = -1;

        for (size_t i = 0; i < all->count; i++)
                if (strcmp(all->items[i].spec.name, text) == 0 ||
                    strcmp(all->items[i].spec.id, text) == 0)
                        return (long)i;
        for (size_t i = 0; i < all->count && len > 0; i++)
                if (strncmp(all->items[i].spec.id, text, len) == 0)
                        found = found == -1 ? (long)i : -2;
        return found;
}

int container_find(struct store *store, const char *text, struct container *ret, struct error *err)
{
        struct containers all;
        long at;
        int r;

        /* Docker shows names with a slash before them, in inspect. */
        text += *text == '/';
        r = containers_read(store, &all, NULL, err);
        if (r < 0)
                return r;
        at = search(&all, text);
        if (at == -1) {
                r = error_set(err, -ENOENT, "Error: No such container: %s", text);
        } else if (at == -2) {
                error_set(err, -EINVAL, "Error: Multiple IDs found with provided prefix: %s", text);
                r = error_hint(err, "Give more of its digits, or its name.");
        } else {
                *ret = all.items[at];
                all.items[at] = CONTAINER_INIT;
        }
        containers_done(&all);
        return r;
}

bool containers_use_image(struct store *store, const char *image_id,
                          char ret_id[static CONTAINER_ID_SHORT + 1], bool *ret_running)
{
        struct error ignored = ERROR_INIT;
        struct containers all;
        bool found = false;

        *ret_running = false;
        if (containers_read(store, &all, NULL, &ignored) < 0)
                return false;
        for (size_t i = 0; i < all.count && !*ret_running; i++) {
                if (strcmp(all.items[i].spec.image_id, image_id) != 0)
                        continue;
                found = true;
                *ret_running = all.items[i].state.status == CONTAINER_RUNNING;
                snprintf(ret_id, CONTAINER_ID_SHORT + 1, "%.*s", CONTAINER_ID_SHORT,
                         all.items[i].spec.id);
        }
        containers_done(&all);
        return found;
}

int container_check_whole(const struct container *container, struct error *err)
{
        const struct container_state *state = &container->state;

        if (!state->lost)
                return 0;
        return error_set(err, -ENODATA, "the container %s has lost what it changed: %s",
                         container->spec.name, state->failure ? state->failure : "no room");
}

/* ---- locking ---- */

int container_lock(struct store *store, struct container *container, bool wait,
                   struct store_lock *ret, struct error *err)
{
        char path[sizeof(STORE_CONTAINERS) + CONTAINER_ID_DIGITS + 8];
        struct error ignored = ERROR_INIT;
        int r;

        snprintf(path, sizeof(path), STORE_CONTAINERS "/%s/lock", container->spec.id);
        r = store_lock_path(store, path, wait, ret, &ignored);
        if (r == -ENOENT || (r == 0 && container_refresh(store, container, &ignored) < 0)) {
                if (r == 0)
                        store_lock_release(store, ret);
                return error_set(err, -ENOENT, "Error: No such container: %s",
                                 container->spec.name);
        }
        if (r < 0 && r != -EAGAIN)
                *err = ignored;
        return r;
}
