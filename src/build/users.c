#include "users.h"

#include "base/cleanup.h"
#include "dockerfile/value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 4294967295 is -1, which setresuid() takes for "leave it". */
#define ID_MAX (UINT32_MAX - 1)

void user_done(struct user *user)
{
        free(user->groups);
        free(user->home);
        free(user->name);
        *user = (struct user){ .uid = 0 };
}

/* Appends a file of the image; one that is not there is empty. */
static int read_image_file(struct tree *tree, const char *path, struct buf *ret, struct error *err)
{
        struct tree_attr attr;
        ssize_t n;
        int r;

        r = tree_resolve(tree, path, true, &attr);
        if (r == -ENOENT)
                return buf_reserve(ret, 1) < 0 ? error_set_oom(err) : 0;
        if (r < 0)
                return error_set_errno(err, r, "cannot read the image's %s", path);
        if (!S_ISREG(attr.mode))
                return error_set(err, -EINVAL, "the image's %s is no regular file", path);
        if (attr.size > USERS_FILE_MAX)
                return error_set(err, -EFBIG, "the image's %s has over %zu bytes", path,
                                 USERS_FILE_MAX);
        if (buf_reserve(ret, attr.size + 1) < 0)
                return error_set_oom(err);
        n = tree_read(tree, attr.ino, 0, ret->data, attr.size);
        if (n < 0)
                return error_set_errno(err, (int)n, "cannot read the image's %s", path);
        ret->len = (size_t)n;
        ret->data[ret->len] = '\0';
        return 0;
}

static bool parse_id(const char *text, uint32_t *ret)
{
        uint64_t id;

        if (value_parse_number(text, 10, ID_MAX, &id) < 0)
                return false;
        *ret = (uint32_t)id;
        return true;
}

/* One of the two files, while it is read line by line by glibc's parser. */
struct database {
        struct buf text;
        FILE *file;
        char *buffer; /* for the strings of an entry */
        size_t size;
};

static void database_done(struct database *database)
{
        if (database->file)
                fclose(database->file);
        buf_done(&database->text);
        free(database->buffer);
}

static int database_open(struct tree *tree, const char *path, struct database *ret,
                         struct error *err)
{
        int r;

        *ret = (struct database){ .size = 4096 };
        r = read_image_file(tree, path, &ret->text, err);
        if (r < 0)
                return r;
        ret->buffer = malloc(ret->size);
        if (ret->text.len > 0)
                ret->file = fmemopen(ret->text.data, ret->text.len, "r");
        return ret->buffer && (ret->file || ret->text.len == 0) ? 0 : error_set_oom(err);
}

/* An entry that the buffer is too small for: makes it larger. Returns false when it is not that,
 * or the entry is longer than the file can be. */
static bool database_grow(struct database *database, int code)
{
        char *bigger;

        if (code != ERANGE || database->size > 16 * USERS_FILE_MAX)
                return false;
        bigger = realloc(database->buffer, database->size * 2);
        if (!bigger)
                return false;
        database->buffer = bigger;
        database->size *= 2;
        return true;
}

static struct passwd *next_user(struct database *database, struct passwd *entry)
{
        struct passwd *found = NULL;
        int r;

        do {
                r = database->file ? fgetpwent_r(database->file, entry, database->buffer,
                                                 database->size, &found)
                                   : ENOENT;
        } while (database_grow(database, r) || (r == 0 && found->pw_uid > ID_MAX));
        return r == 0 ? found : NULL;
}

static struct group *next_group(struct database *database, struct group *entry)
{
        struct group *found = NULL;
        int r;

        do {
                r = database->file ? fgetgrent_r(database->file, entry, database->buffer,
                                                 database->size, &found)
                                   : ENOENT;
        } while (database_grow(database, r) || (r == 0 && found->gr_gid > ID_MAX));
        return r == 0 ? found : NULL;
}

/* Fills `ret` from the user's entry. Returns 1, or 0 where there is none. */
static int find_entry(struct tree *tree, const char *name, bool numeric, uint32_t uid,
                      struct user *ret, struct error *err)
{
        _cleanup_(database_done) struct database database = { .file = NULL };
        struct passwd entry;
        int r;

        r = database_open(tree, "/etc/passwd", &database, err);
        if (r < 0)
                return r;
        while (next_user(&database, &entry)) {
                /* A name is looked for before a number is taken as one. */
                if (strcmp(entry.pw_name, name) != 0 && !(numeric && entry.pw_uid == uid))
                        continue;
                ret->uid = entry.pw_uid;
                ret->gid = entry.pw_gid;
                ret->name = strdup(entry.pw_name);
                ret->home = strdup(*entry.pw_dir ? entry.pw_dir : "/");
                return ret->name && ret->home ? 1 : error_set_oom(err);
        }
        return 0;
}

static int find_group(struct tree *tree, const char *name, uint32_t *ret, struct error *err)
{
        _cleanup_(database_done) struct database database = { .file = NULL };
        struct group entry;
        int r;

        r = database_open(tree, "/etc/group", &database, err);
        if (r < 0)
                return r;
        while (next_group(&database, &entry)) {
                if (strcmp(entry.gr_name, name) == 0) {
                        *ret = entry.gr_gid;
                        return 0;
                }
        }
        if (parse_id(name, ret))
                return 0;
        error_set(err, -EINVAL, "the image has no group \"%s\"", name);
        return error_hint(err, "Name one that /etc/group of the image has, or a number.");
}

static bool lists_member(const struct group *entry, const char *name)
{
        for (char **member = entry->gr_mem; *member; member++)
                if (strcmp(*member, name) == 0)
                        return true;
        return false;
}

/* A user's own group is among the supplementary ones too, as other builders have it: who takes it
 * off as his primary one shall not get past what is closed to it (CVE-2022-36109). */
static int begin_groups(struct user *user, struct error *err)
{
        user->groups = calloc(USERS_GROUPS_MAX, sizeof(*user->groups));
        if (!user->groups)
                return error_set_oom(err);
        user->groups[user->group_count++] = user->gid;
        return 0;
}

/* The groups that list the user, besides his own. */
static int find_supplementary(struct tree *tree, struct user *user, struct error *err)
{
        _cleanup_(database_done) struct database database = { .file = NULL };
        struct group entry;
        int r;

        r = database_open(tree, "/etc/group", &database, err);
        if (r < 0)
                return r;
        while (user->group_count < USERS_GROUPS_MAX && next_group(&database, &entry))
                if (lists_member(&entry, user->name) && entry.gr_gid != user->gid)
                        user->groups[user->group_count++] = entry.gr_gid;
        return 0;
}

static int find_named(struct tree *tree, const char *name, struct user *ret, bool *ret_known,
                      struct error *err)
{
        uint32_t uid = 0;
        bool numeric = parse_id(name, &uid);
        int r;

        *ret = (struct user){ .uid = uid };
        r = find_entry(tree, name, numeric, uid, ret, err);
        *ret_known = r > 0;
        if (r < 0 || r > 0)
                return r < 0 ? r : 0;
        if (!numeric) {
                error_set(err, -EINVAL, "the image has no user \"%s\"", name);
                return error_hint(err, "Name one that /etc/passwd of the image has, or a number.");
        }
        ret->home = strdup("/");
        return ret->home ? 0 : error_set_oom(err);
}

int user_find(struct tree *tree, const char *text, struct user *ret, struct error *err)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *name = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
        struct user user = { .uid = 0 };
        bool known;
        int r;

        if (!name)
                return error_set_oom(err);
        r = find_named(tree, *name ? name : "0", &user, &known, err);
        if (r == 0 && colon && colon[1])
                r = find_group(tree, colon + 1, &user.gid, err);
        if (r == 0)
                r = begin_groups(&user, err);
        if (r == 0 && known && !(colon && colon[1]))
                r = find_supplementary(tree, &user, err);
        if (r < 0) {
                user_done(&user);
                return r;
        }
        *ret = user;
        return 0;
}

bool user_owner_is_number(const char *text, struct tree_owner *ret)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *name = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
        struct tree_owner owner;

        if (!name || !parse_id(*name ? name : "0", &owner.uid))
                return false;
        owner.gid = owner.uid;
        if (colon && colon[1] && !parse_id(colon + 1, &owner.gid))
                return false;
        *ret = owner;
        return true;
}

int user_find_owner(struct tree *tree, const char *text, struct tree_owner *ret, struct error *err)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *name = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
        struct user user = { .uid = 0 };
        bool known;
        int r;

        if (!name)
                return error_set_oom(err);
        if (!user_owner_is_number(*name ? name : "0", ret)) {
                r = find_named(tree, name, &user, &known, err);
                if (r < 0)
                        return r;
                *ret = (struct tree_owner){ .uid = user.uid, .gid = user.gid };
                user_done(&user);
        }
        return colon && colon[1] ? find_group(tree, colon + 1, &ret->gid, err) : 0;
}
