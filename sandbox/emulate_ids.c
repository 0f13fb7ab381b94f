/*
 * Who a process believes to be: setting and asking, and what executing a file makes of it.
 */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare_ids(const void *a, const void *b)
{
        const uint32_t *left = a, *right = b;

        return (*left > *right) - (*left < *right);
}

/* In the order of numbers, as the kernel keeps them. */
static int set_groups(struct request *request, struct credentials *next)
{
        uint64_t count = request->args[0];
        int r = 0;

        if (!next->effective)
                return -EPERM;
        if (count > CREDENTIALS_GROUPS_MAX)
                return -EINVAL;
        if (count > 0)
                r = request_read(request, request->args[1], next->groups,
                                 count * sizeof(next->groups[0]));
        if (r < 0)
                return r;
        next->group_count = (uint32_t)count;
        qsort(next->groups, count, sizeof(next->groups[0]), compare_ids);
        return 0;
}

enum action {
        SET_ONE,
        SET_TWO,
        SET_THREE,
        SET_FS,
        SET_GROUPS,
        GET_REAL,
        GET_EFFECTIVE,
        GET_THREE,
        GET_GROUPS,
};

static const struct {
        enum action action;
        bool of_group;
} calls[EMULATE_CALL_COUNT] = {
        [EMULATE_SETUID] = { SET_ONE, false },       [EMULATE_SETGID] = { SET_ONE, true },
        [EMULATE_SETREUID] = { SET_TWO, false },     [EMULATE_SETREGID] = { SET_TWO, true },
        [EMULATE_SETRESUID] = { SET_THREE, false },  [EMULATE_SETRESGID] = { SET_THREE, true },
        [EMULATE_SETFSUID] = { SET_FS, false },      [EMULATE_SETFSGID] = { SET_FS, true },
        [EMULATE_SETGROUPS] = { SET_GROUPS, true },  [EMULATE_GETUID] = { GET_REAL, false },
        [EMULATE_GETGID] = { GET_REAL, true },       [EMULATE_GETEUID] = { GET_EFFECTIVE, false },
        [EMULATE_GETEGID] = { GET_EFFECTIVE, true }, [EMULATE_GETRESUID] = { GET_THREE, false },
        [EMULATE_GETRESGID] = { GET_THREE, true },   [EMULATE_GETGROUPS] = { GET_GROUPS, true },
};

/* Changes what is to be the process's credentials. */
static int change(struct request *request, enum action action, struct credentials *next)
{
        const uint32_t args[] = { (uint32_t)request->args[0], (uint32_t)request->args[1],
                                  (uint32_t)request->args[2] };
        struct ids *ids = calls[request->call].of_group ? &next->group : &next->user;
        const struct ids before = next->user;
        int r = 0;

        if (action == SET_ONE) {
                r = ids_set(ids, next->effective, args[0]);
        } else if (action == SET_TWO) {
                r = ids_set_two(ids, next->effective, args[0], args[1]);
        } else if (action == SET_THREE) {
                r = ids_set_three(ids, next->effective, args[0], args[1], args[2]);
        } else if (action == SET_GROUPS) {
                r = set_groups(request, next);
        } else {
                request->value = ids->fs;
                ids_set_fs(ids, next->effective, args[0]);
        }
        credentials_user_changed(next, &before);
        return r;
}

static int tell_three(const struct request *request, const struct ids *ids)
{
        const uint32_t values[] = { ids->real, ids->effective, ids->saved };
        int r = 0;

        for (size_t i = 0; r == 0 && i < 3; i++)
                r = request_write(request, request->args[i], &values[i], sizeof(values[i]));
        return r;
}

static int tell_groups(struct request *request, const struct credentials *credentials)
{
        int room = (int)request->args[0];

        request->value = (int64_t)credentials->group_count;
        if (room == 0)
                return 0;
        if (room < 0 || (size_t)room < credentials->group_count)
                return -EINVAL;
        if (credentials->group_count == 0)
                return 0;
        return request_write(request, request->args[1], credentials->groups,
                             credentials->group_count * sizeof(credentials->groups[0]));
}

static int tell(struct request *request, enum action action, const struct credentials *credentials)
{
        const struct ids *ids =
                calls[request->call].of_group ? &credentials->group : &credentials->user;

        if (action == GET_THREE)
                return tell_three(request, ids);
        if (action == GET_GROUPS)
                return tell_groups(request, credentials);
        request->value = action == GET_REAL ? ids->real : ids->effective;
        return 0;
}

int emulate_ids(struct request *request)
{
        struct credentials *next = &request->emulator->next;
        enum action action = calls[request->call].action;
        int r;

        if (action >= GET_REAL)
                return tell(request, action, request_credentials(request));
        credentials_copy(next, request_credentials(request));
        r = change(request, action, next);
        return r < 0 ? r : request_set_credentials(request, false);
}

/*
 * access(2) is asked as the real ids, unless told otherwise. Root may do everything but execute
 * what nobody may: that too is asked here, because a FUSE without default_permissions leaves it
 * out.
 */
int emulate_access(struct request *request)
{
        struct credentials *asking = &request->emulator->next;
        const bool at = request->call != EMULATE_ACCESS;
        const uint64_t *args = request->args + at;
        int flags = request->call == EMULATE_FACCESSAT2 ? (int)args[2] : 0;
        int mask = (int)args[1] & (R_OK | W_OK | X_OK);
        struct request_target target = { .dirfd = at ? (int)request->args[0] : AT_FDCWD,
                                         .path = args[0],
                                         .follow = !(flags & AT_SYMLINK_NOFOLLOW),
                                         .empty_path = flags & AT_EMPTY_PATH };
        struct walk_place *place;
        int r;

        if (!(mask & X_OK) && !request->emulator->ids_differ)
                return REQUEST_PASS;
        credentials_copy(asking, request_credentials(request));
        if (!(flags & AT_EACCESS)) {
                asking->user.fs = asking->user.real;
                asking->group.fs = asking->group.real;
        }
        if (!(mask & X_OK) && asking->user.fs == 0)
                return REQUEST_PASS;
        r = request_find(request, &target, asking, &place);
        if (r == -EACCES)
                return r;
        if (r < 0 || place->foreign || !place->exists || walk_allows(asking, &place->node, mask))
                return REQUEST_PASS;
        return -EACCES;
}

/*
 * What is on another filesystem has no setuid bit here, and like any other program makes an end of
 * ids that were saved.
 */
int emulate_execve(struct request *request)
{
        struct credentials *next = &request->emulator->next;
        const bool at = request->call == EMULATE_EXECVEAT;
        const uint64_t *args = request->args + at;
        int flags = at ? (int)args[3] : 0;
        struct request_target target = { .dirfd = at ? (int)request->args[0] : AT_FDCWD,
                                         .path = args[0],
                                         .follow = !(flags & AT_SYMLINK_NOFOLLOW),
                                         .empty_path = flags & AT_EMPTY_PATH };
        const struct emulate_node *node;
        struct walk_place *place;
        bool setuid, setgid;

        if (request_find(request, &target, NULL, &place) < 0)
                return REQUEST_PASS;
        node = &place->node;
        if (!place->foreign && (!place->exists || !S_ISREG(node->mode)))
                return REQUEST_PASS;
        credentials_copy(next, request_credentials(request));
        if (!place->foreign && !walk_allows(next, node, X_OK))
                return -EACCES;
        setuid = !place->foreign && (node->mode & S_ISUID);
        setgid = !place->foreign && (node->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
        credentials_execute(next, setuid, setuid ? node->uid : 0, setgid, setgid ? node->gid : 0);
        request_set_credentials(request, true);
        return REQUEST_PASS;
}

/* From now on absolute paths begin where /proc says. */
int emulate_chroot(struct request *request)
{
        request->emulator->has_chroots = true;
        return REQUEST_PASS;
}

/* Keeping capabilities over a change of user is noted; the kernel, to whom no user changes, keeps
 * them anyway. */
int emulate_prctl(struct request *request)
{
        const uint64_t keeping = SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP;
        struct credentials *next = &request->emulator->next;
        uint64_t value = request->args[1];

        credentials_copy(next, request_credentials(request));
        next->keep = (int)request->args[0] == PR_SET_KEEPCAPS ? value != 0 : (value & keeping) != 0;
        request_set_credentials(request, false);
        return REQUEST_PASS;
}

int emulate_capset(struct request *request)
{
        struct credentials *next = &request->emulator->next;
        struct __user_cap_data_struct data;

        if (request_read(request, request->args[1], &data, sizeof(data)) < 0)
                return REQUEST_PASS;
        credentials_copy(next, request_credentials(request));
        next->permitted &= data.permitted >> CAP_SETUID & 1;
        next->effective = next->permitted & (data.effective >> CAP_SETUID & 1);
        request_set_credentials(request, false);
        return REQUEST_PASS;
}
