#include "serve.h"

#include "base/cleanup.h"
#include "directory.h"
#include "farewell.h"
#include "fs/change.h"
#include "fs/server.h"
#include "fuse_mount.h"
#include "sealed.h"
#include "upper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written stays in memory up to this. */
#define SPOOL_MEMORY_BYTES ((uint64_t)64 << 20)

/* How long to wait until a sealing that failed is tried again: twice as long each time. */
#define RETRY_SECONDS_MIN 1
#define RETRY_SECONDS_MAX 60

/* Tells the thread that waits for signals that it is no longer wanted. */
#define SERVING_ENDED SIGUSR1

struct mounted {
        const struct mount_options *options;
        const char *target;
        struct upper upper;
        struct upper *lowers; /* owned: the locks of upper directories that are lowers here */
        size_t lower_count;
        struct tree_layer
                layers[TREE_LAYERS_MAX]; /* the bottom first; the tree's once it is there */
        size_t layer_count;
        int work_fd;
        bool has_sealed; /* the topmost layer is the upper's own, which is replaced */
        struct buf warning;
        struct tree *tree;
        struct server *server;
        pthread_t on_signal;
        struct farewell farewell;
};

static void mounted_done(struct mounted *mounted)
{
        tree_free(mounted->tree);
        while (!mounted->tree && mounted->layer_count-- > 0) {
                index_free(mounted->layers[mounted->layer_count].index);
                close(mounted->layers[mounted->layer_count].tar_fd);
        }
        for (size_t i = 0; i < mounted->lower_count; i++)
                upper_done(&mounted->lowers[i]);
        free(mounted->lowers);
        cleanup_close(&mounted->work_fd);
        upper_done(&mounted->upper);
        buf_done(&mounted->warning);
}

/* ---- layers ---- */

/* Adds the layers of a directory that is or was an upper one, or is plain. */
static int add_upper(struct mounted *mounted, const struct upper *upper, const char *path,
                     struct error *err)
{
        struct tree_layer layers[2] = { { .index = NULL }, { .index = NULL } };
        size_t count = 0;
        int r = upper_layers(upper, path, layers, &count, err);

        for (size_t i = 0; i < count; i++) {
                if (mounted->layer_count < TREE_LAYERS_MAX) {
                        mounted->layers[mounted->layer_count++] = layers[i];
                        continue;
                }
                index_free(layers[i].index);
                close(layers[i].tar_fd);
                r = -E2BIG;
        }
        mounted->has_sealed = count == 2;
        if (r == -E2BIG && !error_is_set(err))
                return error_set(err, r, "over %u layers (a directory that was sealed into is two)",
                                 TREE_LAYERS_MAX);
        return r;
}

/* Adds a layer at rest, a tar. */
static int add_tar(struct mounted *mounted, const char *path, struct error *err)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        _cleanup_close_ int dir_fd = -1;
        int r;

        if (!dir)
                return error_set_oom(err);
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", dir);
        if (mounted->layer_count == TREE_LAYERS_MAX)
                return error_set(err, -E2BIG, "over %u layers", TREE_LAYERS_MAX);
        r = sealed_open(dir_fd, slash ? slash + 1 : path, false,
                        &mounted->layers[mounted->layer_count], err);
        if (r < 0)
                return error_wrap(err, "%s", path);
        mounted->layer_count++;
        return 0;
}

static int add_lower(struct mounted *mounted, const char *path, struct error *err)
{
        struct upper *upper = &mounted->lowers[mounted->lower_count];
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        if (!S_ISDIR(st.st_mode))
                return add_tar(mounted, path, err);
        r = upper_open(path, false, upper, &mounted->warning, err);
        if (r < 0)
                return r;
        mounted->lower_count++;
        return add_upper(mounted, upper, path, err);
}

static int add_layers(struct mounted *mounted, struct error *err)
{
        const struct mount_options *options = mounted->options;
        bool changes = options->upper && !(options->flags & MS_RDONLY);
        int r = 0;

        mounted->lowers = calloc(options->lowers.count + 1, sizeof(*mounted->lowers));
        if (!mounted->lowers)
                return error_set_oom(err);
        /* The upper first: two mounts that are the other's lower do not wait for each other. */
        if (changes)
                r = upper_open(options->upper, true, &mounted->upper, &mounted->warning, err);
        for (size_t i = options->lowers.count; i-- > 0 && r == 0;)
                r = add_lower(mounted, options->lowers.items[i], err);
        if (r == 0 && changes)
                r = add_upper(mounted, &mounted->upper, options->upper, err);
        else if (r == 0 && options->upper)
                r = add_lower(mounted, options->upper, err);
        /* It could be mounted this once, and never again. */
        if (r == 0 && changes && !mounted->has_sealed && mounted->layer_count == TREE_LAYERS_MAX)
                r = error_set(err, -E2BIG, "over %u layers, once what is changed is sealed",
                              TREE_LAYERS_MAX);
        return r;
}

/* Where what is written lies until it is sealed; its filesystem is the one that statfs tells of. */
static int open_work(struct mounted *mounted, struct error *err)
{
        const struct mount_options *options = mounted->options;
        const char *path = options->work;

        if (!path && mounted->upper.own_fd >= 0) {
                mounted->work_fd = fcntl(mounted->upper.own_fd, F_DUPFD_CLOEXEC, 0);
        } else {
                if (!path)
                        path = options->upper ? options->upper : options->lowers.items[0];
                mounted->work_fd =
                        open(path, O_RDONLY | O_CLOEXEC | (options->work ? O_DIRECTORY : 0));
        }
        if (mounted->work_fd < 0)
                return error_set_errno(err, -errno, "cannot open %s", path);
        /* Better now than when memory no longer holds what is written. */
        if (mounted->upper.own_fd >= 0 &&
            faccessat(mounted->work_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return error_set_errno(err, -errno, "cannot write to %s",
                                       path ? path : options->upper);
        return 0;
}

static int make_tree(struct mounted *mounted, struct error *err)
{
        struct tree_options options = { .spool_memory_max = SPOOL_MEMORY_BYTES,
                                        .persistent = true };
        size_t count;
        int r = add_layers(mounted, err);

        if (r == 0)
                r = open_work(mounted, err);
        if (r < 0)
                return r;
        options.spool_dir_fd = mounted->work_fd;
        count = mounted->layer_count;
        mounted->layer_count = 0;
        return tree_new(&options, mounted->layers, count, &mounted->tree, err);
}

/* ---- serving ---- */

static void endings(sigset_t *ret)
{
        sigemptyset(ret);
        sigaddset(ret, SIGTERM);
        sigaddset(ret, SIGINT);
        sigaddset(ret, SIGHUP);
}

/* Takes the mount away when a signal asks for it: the serving ends with it, and this thread. */
static void *unmount_on_signal(void *userdata)
{
        const struct mounted *mounted = userdata;
        struct error ignored = ERROR_INIT;
        sigset_t set;
        int number;

        endings(&set);
        sigaddset(&set, SERVING_ENDED);
        while (sigwait(&set, &number) == 0 && number != SERVING_ENDED)
                fuse_unmount(mounted->target, MNT_DETACH, &ignored);
        return NULL;
}

static int start(struct mounted *mounted, struct error *err)
{
        const struct server_options options = { .id_max = UINT32_MAX };
        struct error ignored = ERROR_INIT;
        sigset_t set;
        int fd, r;

        r = fuse_mount(mounted->options, mounted->target, &fd, err);
        if (r < 0)
                return r;
        endings(&set);
        sigaddset(&set, SERVING_ENDED);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        r = server_start(mounted->tree, fd, &options, &mounted->server, err);
        if (r == 0 && pthread_create(&mounted->on_signal, NULL, unmount_on_signal, mounted) != 0) {
                r = error_set(err, -EAGAIN, "cannot start a thread");
                server_stop(mounted->server);
        }
        if (r < 0) {
                fuse_unmount(mounted->target, MNT_DETACH, &ignored);
                return r;
        }
        farewell_listen(&mounted->farewell, mounted->target, &mounted->warning);
        return 0;
}

/* ---- sealing ---- */

/* Waits before another try. Returns false where a signal asks to give up. */
static bool wait_to_retry(unsigned seconds)
{
        const struct timespec pause = { .tv_sec = seconds };
        sigset_t set;

        endings(&set);
        return sigtimedwait(&set, NULL, &pause) < 0;
}

/* Tells whoever waits, and whoever comes, that what was changed is not sealed yet. */
static void tell_stuck(struct mounted *mounted, const struct mount_events *events,
                       struct error *err)
{
        error_wrap(err, "cannot seal %s", mounted->options->upper);
        error_hint(err,
                   "What was changed is kept until it can be sealed, which is tried again, every "
                   "%u s in the end. `kill %d` gives it up.",
                   RETRY_SECONDS_MAX, (int)getpid());
        upper_keep_message(&mounted->upper, err->message);
        farewell_tell(&mounted->farewell, err);
        events->stuck(events->context, err);
}

/* A disk that is full may be given room, so an error is no end: only a signal is one. */
static int seal_changes(struct mounted *mounted, const struct mount_events *events,
                        struct change_list *changes, struct error *err)
{
        _cleanup_(buf_done) struct buf left_out = BUF_INIT;
        unsigned seconds = RETRY_SECONDS_MIN;

        while (upper_seal(&mounted->upper, changes, &left_out, err) < 0) {
                if (seconds == RETRY_SECONDS_MIN && upper_is_there(&mounted->upper))
                        tell_stuck(mounted, events, err);
                if (!upper_is_there(&mounted->upper) || !wait_to_retry(seconds))
                        return error_wrap(err, "what was changed is lost");
                seconds = seconds * 2 > RETRY_SECONDS_MAX ? RETRY_SECONDS_MAX : seconds * 2;
                *err = ERROR_INIT;
        }
        if (left_out.len > 0)
                return error_set(err, -EIO, "%s is sealed without what may not be read: %s",
                                 mounted->options->upper, buf_str(&left_out));
        upper_keep_message(&mounted->upper, NULL);
        return 0;
}

static int seal(struct mounted *mounted, const struct mount_events *events, struct error *err)
{
        struct change_list *changes = NULL;
        int r;

        if (mounted->upper.own_fd < 0)
                return 0;
        if (mounted->has_sealed)
                r = tree_commit_onto(mounted->tree, &changes, err);
        else
                r = tree_commit(mounted->tree, &changes, err);
        if (r < 0)
                error_wrap(err, "cannot seal %s, and what was changed is lost",
                           mounted->options->upper);
        else if (changes && (mounted->has_sealed || change_list_count(changes) > 0))
                r = seal_changes(mounted, events, changes, err);
        change_list_free(changes);
        if (r < 0)
                upper_keep_message(&mounted->upper, err->message);
        return r;
}

/* Serves until the mount is gone. */
static void serve(struct mounted *mounted)
{
        server_wait(mounted->server);
        pthread_kill(mounted->on_signal, SERVING_ENDED);
        pthread_join(mounted->on_signal, NULL);
        farewell_unmounted(&mounted->farewell);
        if (mounted->upper.lock_fd >= 0)
                upper_unmounted(&mounted->upper);
        server_stop(mounted->server);
}

int mount_serve(const struct mount_options *options, const char *target,
                const struct mount_events *events, struct error *err)
{
        struct mounted *mounted = calloc(1, sizeof(*mounted));
        int r;

        if (!mounted)
                return error_set_oom(err);
        *mounted = (struct mounted){ .options = options,
                                     .target = target,
                                     .upper = UPPER_INIT,
                                     .work_fd = -1,
                                     .farewell = { .fd = -1 } };
        r = make_tree(mounted, err);
        if (r == 0)
                r = start(mounted, err);
        if (r == 0) {
                events->ready(events->context, buf_str(&mounted->warning));
                serve(mounted);
                r = seal(mounted, events, err);
        }
        mounted_done(mounted);
        farewell_tell(&mounted->farewell, err);
        free(mounted);
        return r;
}
