#include "credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void credentials_begin(struct credentials *ret, uint32_t uid, uint32_t gid)
{
        const bool root = uid == 0;

        ret->user = (struct ids){ uid, uid, uid, uid };
        ret->group = (struct ids){ gid, gid, gid, gid };
        ret->permitted = ret->effective = root;
        ret->keep = 0;
        ret->group_count = 0;
}

bool credentials_have_group(const struct credentials *credentials, uint32_t gid)
{
        if (gid == credentials->group.fs)
                return true;
        for (size_t i = 0; i < credentials->group_count; i++) {
                if (credentials->groups[i] == gid)
                        return true;
        }
        return false;
}

static bool is_one_of(const struct ids *ids, uint32_t id)
{
        return id == ids->real || id == ids->effective || id == ids->saved;
}

int ids_set(struct ids *ids, bool privileged, uint32_t id)
{
        if (id == ID_UNCHANGED)
                return -EINVAL;
        if (privileged)
                ids->real = ids->saved = id;
        else if (id != ids->real && id != ids->saved)
                return -EPERM;
        ids->effective = ids->fs = id;
        return 0;
}

int ids_set_two(struct ids *ids, bool privileged, uint32_t real, uint32_t effective)
{
        struct ids next = *ids;

        if (real != ID_UNCHANGED) {
                if (!privileged && real != ids->real && real != ids->effective)
                        return -EPERM;
                next.real = real;
        }
        if (effective != ID_UNCHANGED) {
                if (!privileged && !is_one_of(ids, effective))
                        return -EPERM;
                next.effective = effective;
        }
        if (real != ID_UNCHANGED || (effective != ID_UNCHANGED && effective != ids->real))
                next.saved = next.effective;
        next.fs = next.effective;
        *ids = next;
        return 0;
}

int ids_set_three(struct ids *ids, bool privileged, uint32_t real, uint32_t effective,
                  uint32_t saved)
{
        const uint32_t wanted[] = { real, effective, saved };

        for (size_t i = 0; i < 3; i++) {
                if (wanted[i] != ID_UNCHANGED && !privileged && !is_one_of(ids, wanted[i]))
                        return -EPERM;
        }
        if (real != ID_UNCHANGED)
                ids->real = real;
        if (effective != ID_UNCHANGED)
                ids->effective = effective;
        if (saved != ID_UNCHANGED)
                ids->saved = saved;
        ids->fs = ids->effective;
        return 0;
}

void ids_set_fs(struct ids *ids, bool privileged, uint32_t id)
{
        if (id != ID_UNCHANGED && (privileged || id == ids->fs || is_one_of(ids, id)))
                ids->fs = id;
}

static bool has_root(const struct ids *ids)
{
        return ids->real == 0 || ids->effective == 0 || ids->saved == 0;
}

void credentials_user_changed(struct credentials *credentials, const struct ids *before)
{
        const struct ids *now = &credentials->user;

        if (has_root(before) && !has_root(now) && !credentials->keep)
                credentials->permitted = credentials->effective = 0;
        if (before->effective == 0 && now->effective != 0)
                credentials->effective = 0;
        if (before->effective != 0 && now->effective == 0)
                credentials->effective = credentials->permitted;
}

void credentials_execute(struct credentials *credentials, bool setuid, uint32_t uid, bool setgid,
                         uint32_t gid)
{
        struct ids *user = &credentials->user, *group = &credentials->group;

        if (setuid)
                user->effective = uid;
        if (setgid)
                group->effective = gid;
        user->saved = user->fs = user->effective;
        group->saved = group->fs = group->effective;
        credentials->keep = 0;
        credentials->permitted = user->real == 0 || user->effective == 0;
        credentials->effective = user->effective == 0;
}

static size_t size_of(const struct credentials *credentials)
{
        return offsetof(struct credentials, groups) +
               (size_t)credentials->group_count * sizeof(credentials->groups[0]);
}

void credentials_copy(struct credentials *to, const struct credentials *from)
{
        memcpy(to, from, size_of(from));
}

static bool are_equal(const struct credentials *a, const struct credentials *b)
{
        return a->group_count == b->group_count && memcmp(a, b, size_of(a)) == 0;
}

static struct credentials *copy(const struct credentials *credentials)
{
        struct credentials *result = malloc(size_of(credentials));

        if (result)
                credentials_copy(result, credentials);
        return result;
}

int credentials_table_init(struct credentials_table *table, const struct credentials *first)
{
        table->count = 0;
        table->items[0] = copy(first);
        if (!table->items[0])
                return -ENOMEM;
        pthread_mutex_init(&table->lock, NULL);
        table->count = 1;
        return 0;
}

void credentials_table_done(struct credentials_table *table)
{
        for (size_t i = 0; i < table->count; i++)
                free(table->items[i]);
        if (table->count > 0)
                pthread_mutex_destroy(&table->lock);
        table->count = 0;
}

const struct credentials *credentials_table_get(struct credentials_table *table, uint64_t number)
{
        const struct credentials *result;

        pthread_mutex_lock(&table->lock);
        result = table->items[number < table->count ? number : 0];
        pthread_mutex_unlock(&table->lock);
        return result;
}

static int number_of(struct credentials_table *table, const struct credentials *credentials)
{
        for (size_t i = 0; i < table->count; i++) {
                if (are_equal(table->items[i], credentials))
                        return (int)i;
        }
        if (table->count == CREDENTIALS_MAX)
                return -EAGAIN;
        table->items[table->count] = copy(credentials);
        if (!table->items[table->count])
                return -ENOMEM;
        return (int)table->count++;
}

int credentials_table_number(struct credentials_table *table, const struct credentials *credentials)
{
        int number;

        pthread_mutex_lock(&table->lock);
        number = number_of(table, credentials);
        pthread_mutex_unlock(&table->lock);
        return number;
}
