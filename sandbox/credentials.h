/*
 * Who a process believes to be, while the kernel knows one user alone: private to the sandbox.
 *
 * Every combination of ids that some process of a step has come to is kept once, for as long as
 * the step lives, and has a number. The number of a process's credentials is its soft limit
 * RLIMIT_LOCKS: the kernel has not looked at that since Linux 2.4, hands it on at fork and keeps it
 * at execve, and lets the supervisor read and set it from outside. So a process has credentials
 * from its first instant on, without anybody having seen it being made, and also when its parent is
 * long gone. The filter keeps programs from setting it (policy_emulated.c).
 *
 * Credentials are of processes, not of threads. The C library keeps the threads of a process alike.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CREDENTIALS_MAX        16384 /* combinations of ids in one step */
#define CREDENTIALS_GROUPS_MAX 1024

/* As a call's argument: leave it as it is. */
#define ID_UNCHANGED UINT32_MAX

struct ids {
        uint32_t real;
        uint32_t effective;
        uint32_t saved;
        uint32_t fs; /* of new files */
};

/*
 * Of capabilities there is one alone, which stands for those that change ids and owners. It follows
 * the kernel's rules (capabilities(7)), as programs do that keep some over a change of user.
 */
struct credentials {
        struct ids user;
        struct ids group;
        uint32_t permitted; /* 0 or 1 */
        uint32_t effective; /* 0 or 1: this process may do what root may */
        uint32_t keep;      /* 0 or 1: PR_SET_KEEPCAPS */
        uint32_t group_count;
        uint32_t groups[CREDENTIALS_GROUPS_MAX];
};

/* Those of a command that begins as this user, in this group. */
void credentials_begin(struct credentials *ret, uint32_t uid, uint32_t gid);

/* Copies credentials, which may be no larger than their groups ask for. */
void credentials_copy(struct credentials *to, const struct credentials *from);

/* Whether `gid` is the group for access to files, or a supplementary one. */
bool credentials_have_group(const struct credentials *credentials, uint32_t gid);

/* ids_set_*: setuid(2), setreuid(2), setresuid(2) and setfsuid(2), and the same of groups.
 * `privileged` lifts the rules for those who are not root. Each returns 0, -EPERM or -EINVAL with
 * nothing changed; ids_set_fs() returns nothing, as the call tells nothing. */
int ids_set(struct ids *ids, bool privileged, uint32_t id);
int ids_set_two(struct ids *ids, bool privileged, uint32_t real, uint32_t effective);
int ids_set_three(struct ids *ids, bool privileged, uint32_t real, uint32_t effective,
                  uint32_t saved);
void ids_set_fs(struct ids *ids, bool privileged, uint32_t id);

/* What a change of the user's ids from `before` to what they are now makes of the capability. */
void credentials_user_changed(struct credentials *credentials, const struct ids *before);

/* What execve(2) makes of the credentials: the file's owner and group are taken where it has such a
 * bit. */
void credentials_execute(struct credentials *credentials, bool setuid, uint32_t uid, bool setgid,
                         uint32_t gid);

/* All credentials of a step. Number 0 is what the command began with. */
struct credentials_table {
        pthread_mutex_t lock;
        struct credentials *items[CREDENTIALS_MAX]; /* owned */
        size_t count;
};

int credentials_table_init(struct credentials_table *table, const struct credentials *first);
void credentials_table_done(struct credentials_table *table);

/* The credentials of this number, which live as long as the table; of number 0 where there is none.
 */
const struct credentials *credentials_table_get(struct credentials_table *table, uint64_t number);

/* The number of credentials that equal these; they are added if there are none. -EAGAIN when there
 * are too many, -ENOMEM. */
int credentials_table_number(struct credentials_table *table,
                             const struct credentials *credentials);
