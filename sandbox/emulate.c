/*
 * The supervisor: takes intercepted calls from the listener one after the other, and answers them.
 */
#include "host.h"
#include "request.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 6.6: wakes the supervisor on the CPU of the process that now waits for it. The call
 * costs a fifth of what it costs across CPUs. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#endif

/* By call; all others are none of ours. */
static int (*const handlers[EMULATE_CALL_COUNT])(struct request *) = {
        [EMULATE_CHOWN] = emulate_chown,
        [EMULATE_LCHOWN] = emulate_chown,
        [EMULATE_FCHOWN] = emulate_fchown,
        [EMULATE_FCHOWNAT] = emulate_fchownat,
        [EMULATE_MKNOD] = emulate_mknod,
        [EMULATE_MKNODAT] = emulate_mknod,
        [EMULATE_SETXATTR] = emulate_setxattr,
        [EMULATE_LSETXATTR] = emulate_setxattr,
        [EMULATE_FSETXATTR] = emulate_setxattr,
        [EMULATE_STAT] = emulate_stat,
        [EMULATE_LSTAT] = emulate_stat,
        [EMULATE_FSTAT] = emulate_fstat,
        [EMULATE_FSTATAT] = emulate_fstatat,
        [EMULATE_STATX] = emulate_statx,
        [EMULATE_SETUID] = emulate_ids,
        [EMULATE_SETGID] = emulate_ids,
        [EMULATE_SETREUID] = emulate_ids,
        [EMULATE_SETREGID] = emulate_ids,
        [EMULATE_SETRESUID] = emulate_ids,
        [EMULATE_SETRESGID] = emulate_ids,
        [EMULATE_SETFSUID] = emulate_ids,
        [EMULATE_SETFSGID] = emulate_ids,
        [EMULATE_SETGROUPS] = emulate_ids,
        [EMULATE_GETUID] = emulate_ids,
        [EMULATE_GETEUID] = emulate_ids,
        [EMULATE_GETGID] = emulate_ids,
        [EMULATE_GETEGID] = emulate_ids,
        [EMULATE_GETRESUID] = emulate_ids,
        [EMULATE_GETRESGID] = emulate_ids,
        [EMULATE_GETGROUPS] = emulate_ids,
        [EMULATE_ACCESS] = emulate_access,
        [EMULATE_FACCESSAT] = emulate_access,
        [EMULATE_FACCESSAT2] = emulate_access,
        [EMULATE_EXECVE] = emulate_execve,
        [EMULATE_EXECVEAT] = emulate_execve,
        [EMULATE_CHROOT] = emulate_chroot,
        [EMULATE_PRCTL] = emulate_prctl,
        [EMULATE_CAPSET] = emulate_capset,
        [EMULATE_GETSOCKOPT] = emulate_getsockopt,
        [EMULATE_CREAT] = emulate_create,
        [EMULATE_OPEN] = emulate_create,
        [EMULATE_OPENAT] = emulate_create,
        [EMULATE_OPENAT2] = emulate_create,
        [EMULATE_MKDIR] = emulate_create,
        [EMULATE_MKDIRAT] = emulate_create,
        [EMULATE_SYMLINK] = emulate_create,
        [EMULATE_SYMLINKAT] = emulate_create,
        [EMULATE_LINK] = emulate_create,
        [EMULATE_LINKAT] = emulate_create,
};

static void handle(struct emulator *emulator, int listener_fd,
                   const struct seccomp_notif *notification)
{
        struct seccomp_notif_resp response = { .id = notification->id };
        struct request request = {
                .emulator = emulator,
                .listener_fd = listener_fd,
                .id = notification->id,
                .pid = (pid_t)notification->pid,
                .call = filter_emulated_call(notification->data.arch, notification->data.nr),
                .args = (const uint64_t *)notification->data.args,
        };
        const struct emulate_tree *tree = &emulator->mounts[0].tree;
        int r;

        if (tree->settle)
                tree->settle(tree->context, request.pid);
        r = handlers[request.call] ? handlers[request.call](&request) : REQUEST_PASS;
        if (r == REQUEST_PASS)
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        else if (r < 0)
                response.error = r;
        else
                response.val = request.value;
        *(r == REQUEST_PASS ? &emulator->passed : &emulator->answered) += 1;
        /* It fails where the process has been killed meanwhile: then nobody waits for an answer. */
        ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* A listener of whom nobody is left goes. */
static void drop_listener(struct emulator *emulator, int fd)
{
        pthread_mutex_lock(&emulator->lock);
        for (size_t i = 0; i < emulator->listener_count; i++)
                if (emulator->listeners[i] == fd)
                        emulator->listeners[i] = emulator->listeners[--emulator->listener_count];
        pthread_mutex_unlock(&emulator->lock);
        close(fd);
}

static size_t list_polled(struct emulator *emulator, struct pollfd *ret)
{
        size_t count = 0;

        ret[count++] = (struct pollfd){ .fd = emulator->wake_fd, .events = POLLIN };
        pthread_mutex_lock(&emulator->lock);
        for (size_t i = 0; i < emulator->listener_count; i++)
                ret[count++] = (struct pollfd){ .fd = emulator->listeners[i], .events = POLLIN };
        pthread_mutex_unlock(&emulator->lock);
        return count;
}

static void *supervise(void *context)
{
        struct emulator *emulator = context;
        struct pollfd fds[EMULATE_LISTENERS_MAX + 1];
        size_t count = list_polled(emulator, fds);
        /* A newer kernel may tell more than our headers know of. */
        union {
                struct seccomp_notif notification;
                char room[1024];
        } received;

        while (!emulator->stopping) {
                bool changed = false;

                if (poll(fds, count, -1) < 0)
                        continue;
                for (size_t i = 1; i < count; i++) {
                        if (fds[i].revents & (POLLHUP | POLLERR | POLLNVAL)) {
                                drop_listener(emulator, fds[i].fd);
                                changed = true;
                        } else if (fds[i].revents) {
                                memset(&received, 0, sizeof(received));
                                if (ioctl(fds[i].fd, SECCOMP_IOCTL_NOTIF_RECV, &received) == 0)
                                        handle(emulator, fds[i].fd, &received.notification);
                        }
                }
                if (fds[0].revents)
                        eventfd_read(emulator->wake_fd, &(eventfd_t){ 0 });
                if (fds[0].revents || changed)
                        count = list_polled(emulator, fds);
        }
        return NULL;
}

int emulator_add_listener(struct emulator *emulator, int listener_fd)
{
        int r = 0;

        ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
        pthread_mutex_lock(&emulator->lock);
        if (emulator->listener_count < EMULATE_LISTENERS_MAX)
                emulator->listeners[emulator->listener_count++] = listener_fd;
        else
                r = -EAGAIN;
        pthread_mutex_unlock(&emulator->lock);
        if (r < 0)
                close(listener_fd);
        else
                eventfd_write(emulator->wake_fd, 1);
        return r;
}

static void begin_credentials(struct credentials *ret, uint32_t uid, uint32_t gid,
                              const uint32_t *groups, size_t group_count)
{
        credentials_begin(ret, uid, gid);
        ret->group_count = (uint32_t)group_count;
        if (group_count > 0)
                memcpy(ret->groups, groups, group_count * sizeof(groups[0]));
}

int emulator_add_user(struct emulator *emulator, uint32_t uid, uint32_t gid, const uint32_t *groups,
                      size_t group_count, uint32_t *ret_mark)
{
        struct credentials credentials = { .group_count = 0 };
        int number;

        *ret_mark = 0;
        if (!emulator->single)
                return 0;
        if (group_count > CREDENTIALS_GROUPS_MAX)
                return -E2BIG;
        begin_credentials(&credentials, uid, gid, groups, group_count);
        number = credentials_table_number(&emulator->table, &credentials);
        if (number < 0)
                return number;
        if (number != 0)
                emulator->ids_differ = emulator->has_more_users = true;
        *ret_mark = (uint32_t)number;
        return 0;
}

/* The inodes that something is mounted on, as far as the trees have them. What is mounted later may
 * be mounted into what was mounted before. */
static void find_mounts(struct emulator *emulator)
{
        struct walk_origin origin = emulator_origin(emulator);
        const struct walk_place *place = &emulator->place;

        for (size_t i = 0; i < emulator->mount_paths.count; i++) {
                struct walk_mount *mount = &emulator->mounts[i + 1];

                origin.mount_count = i + 1;
                if (walk(&origin, emulator->mount_paths.items[i], false, &emulator->place) < 0 ||
                    place->foreign || !place->exists)
                        continue;
                mount->parent = place->mount;
                mount->point = place->node.ino;
        }
}

static const char *const always_mounted[] = { "/proc", "/sys", "/dev" };
#define ALWAYS_MOUNTED ARRAY_SIZE(always_mounted)

/* The root, what is always mounted, and what the sandbox is asked for. */
static int list_mounts(struct emulator *emulator, const struct sandbox_spec *spec,
                       const struct emulate_tree *root, const struct emulate_tree *mounted)
{
        struct walk_mount *mounts;
        int r = 0;

        emulator->mount_count = 1 + ALWAYS_MOUNTED + spec->mount_count;
        emulator->mounts = mounts = calloc(emulator->mount_count, sizeof(*mounts));
        if (!mounts)
                return -ENOMEM;
        mounts[0].tree = *root;
        for (size_t i = 0; r == 0 && i < ALWAYS_MOUNTED; i++)
                r = strv_add(&emulator->mount_paths, always_mounted[i]);
        mounts += 1 + ALWAYS_MOUNTED;
        for (size_t i = 0; r == 0 && i < spec->mount_count; i++) {
                if (mounted)
                        mounts[i].tree = mounted[i];
                mounts[i].read_only = spec->mounts[i].read_only;
                r = strv_add(&emulator->mount_paths, spec->mounts[i].target);
        }
        return r;
}

static int fill(struct emulator *emulator, const struct sandbox_spec *spec)
{
        struct credentials *first = &emulator->next;

        if (emulator->single) {
                begin_credentials(first, spec->uid, spec->gid, spec->groups, spec->group_count);
                emulator->ids_differ = spec->uid != 0 || spec->gid != 0 || spec->group_count > 0;
        }
        emulator->wake_fd = eventfd(0, EFD_CLOEXEC);
        if (emulator->wake_fd < 0)
                return -errno;
        return credentials_table_init(&emulator->table, first);
}

int emulator_new(const struct sandbox_host *host, const struct sandbox_spec *spec,
                 const struct emulate_tree *root, const struct emulate_tree *mounted,
                 struct emulator **ret, struct error *err)
{
        struct emulator *emulator = calloc(1, sizeof(*emulator));
        int r;

        if (!emulator)
                return error_set_oom(err);
        emulator->wake_fd = -1;
        pthread_mutex_init(&emulator->lock, NULL);
        executions_init(&emulator->executions);
        emulator->single = host->users == SANDBOX_USERS_SINGLE;
        /* With ranges nobody tells of a chroot; what is asked is rare, so each time is looked. */
        emulator->has_chroots = !emulator->single;
        r = spec->group_count > SANDBOX_GROUPS_MAX ? -E2BIG
                                                   : list_mounts(emulator, spec, root, mounted);
        if (r == 0)
                r = fill(emulator, spec);
        if (r < 0) {
                emulator_free(emulator);
                return error_set_errno(err, r, "cannot prepare the emulation of root");
        }
        *ret = emulator;
        return 0;
}

int emulator_start(struct emulator *emulator, struct sandbox *sandbox, struct error *err)
{
        int fd = sandbox_take_listener_fd(sandbox), r;

        if (fd < 0)
                return error_set(err, -EINVAL, "the sandbox has no calls to emulate");
        emulator->mounts[0].device = sandbox_device(sandbox, 0);
        for (size_t i = 1 + ALWAYS_MOUNTED; i < emulator->mount_count; i++)
                emulator->mounts[i].device = sandbox_device(sandbox, i - ALWAYS_MOUNTED);
        find_mounts(emulator);
        r = emulator_add_listener(emulator, fd);
        if (r == 0)
                r = -pthread_create(&emulator->thread, NULL, supervise, emulator);
        if (r < 0)
                return error_set_errno(err, r, "cannot start the emulation of root");
        emulator->started = true;
        return 0;
}

void emulator_free(struct emulator *emulator)
{
        if (!emulator)
                return;
        if (emulator->started) {
                emulator->stopping = true;
                eventfd_write(emulator->wake_fd, 1);
                pthread_join(emulator->thread, NULL);
        }
        for (size_t i = 0; i < emulator->listener_count; i++)
                close(emulator->listeners[i]);
        pthread_mutex_destroy(&emulator->lock);
        executions_done(&emulator->executions);
        if (emulator->wake_fd >= 0)
                close(emulator->wake_fd);
        credentials_table_done(&emulator->table);
        strv_done(&emulator->mount_paths);
        free(emulator->mounts);
        free(emulator);
}

bool emulator_had_more_users(const struct emulator *emulator)
{
        return emulator->has_more_users;
}

void emulator_counts(const struct emulator *emulator, struct emulator_counts *ret)
{
        *ret = (struct emulator_counts){ .answered = emulator->answered,
                                         .passed = emulator->passed };
}
