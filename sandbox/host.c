#include "host.h"
#include "kernel.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Enough ids that nobody (65534) is one of them. A user with fewer gets one uid unless ranges are
 * asked for: then the emulation knows all ids, and no chown fails. */
#define RANGES_MIN_IDS 65534
#define RANGES_COUNT   65536 /* as useradd gives each user */

#define PASSWD_BYTES_MAX (1024 * 1024)

/* Whether the program has the privilege that it needs: a home directory's copy, or one on a
 * filesystem mounted nosuid, has not. Root needs none. */
static bool is_privileged(const char *program)
{
        struct statvfs fs;
        struct stat st;

        if (access(program, X_OK) < 0 || stat(program, &st) < 0 || statvfs(program, &fs) < 0)
                return false;
        if (geteuid() == 0)
                return true;
        if (fs.f_flag & ST_NOSUID)
                return false;
        return st.st_mode & S_ISUID || getxattr(program, "security.capability", NULL, 0) > 0;
}

static char *find_program(const char *name, bool (*is_usable)(const char *file))
{
        const char *path = getenv("PATH");
        char file[PATH_MAX];
        char *all = NULL;
        char *found = NULL;

        if (asprintf(&all, "%s:/usr/bin:/bin:/usr/sbin:/usr/local/bin", path ? path : "") < 0)
                return NULL;
        for (char *at = all, *next; at && !found; at = next) {
                next = strchr(at, ':');
                if (next)
                        *next++ = '\0';
                snprintf(file, sizeof(file), "%s/%s", at, name);
                if (at[0] == '/' && is_usable(file))
                        found = strdup(file);
        }
        free(all);
        return found;
}

static bool is_executable(const char *program)
{
        return access(program, X_OK) == 0;
}

char *host_find_program(const char *name)
{
        return find_program(name, is_executable);
}

/* The name of the process's user, which the caller frees; its number where it has none. */
static char *user_name(void)
{
        struct passwd entry, *found = NULL;
        char *buffer = NULL, *name = NULL;

        for (size_t size = 4096; size <= PASSWD_BYTES_MAX; size *= 4) {
                free(buffer);
                buffer = malloc(size);
                if (!buffer)
                        return NULL;
                if (getpwuid_r(getuid(), &entry, buffer, size, &found) != ERANGE)
                        break;
        }
        if (found)
                name = strdup(found->pw_name);
        else if (asprintf(&name, "%u", getuid()) < 0)
                name = NULL;
        free(buffer);
        return name;
}

static size_t make_map(uint32_t own, const struct subid_ranges *ranges, struct wire_range *ret)
{
        uint32_t inside = 1;

        ret[0] = (struct wire_range){ 0, own, 1 };
        for (size_t i = 0; i < ranges->count; i++) {
                ret[i + 1] = (struct wire_range){ inside, ranges->items[i].start,
                                                  ranges->items[i].count };
                inside += ranges->items[i].count;
        }
        return ranges->count + 1;
}

/* What stands in the way of ranges. */
struct lack {
        bool programs;
        bool ids;
        bool mapped; /* there are ids, but not in this container */
};

/* Finds the ranges that can be mapped here. Returns 0 or a negative errno. */
static int find_ranges(enum subid_kind kind, const char *name, struct subid_ranges *ret,
                       struct lack *lack, struct error *err)
{
        const char *path = kind == SUBID_USERS ? "/proc/self/uid_map" : "/proc/self/gid_map";
        struct error ignored = ERROR_INIT;
        struct buf map = BUF_INIT;
        int r = subid_find(kind, name, getuid(), ret, err);

        if (r == 0 && io_read_file(AT_FDCWD, path, SUBID_FILE_MAX, &map, &ignored) == 0) {
                uint64_t all = subid_total(ret);

                subid_keep_mapped(ret, buf_str(&map));
                lack->mapped |= subid_total(ret) < all;
        }
        buf_done(&map);
        return r;
}

/* Takes the user's ranges if there are `min_ids` of them and the programs to map them. Returns 1, 0
 * if not (`ret_lack` says what is missing), or a negative errno. */
static int take_ranges(struct sandbox_host *host, uint64_t min_ids, struct lack *ret_lack,
                       struct error *err)
{
        struct subid_ranges uids, gids;
        _cleanup_free_ char *name = user_name();
        int r;

        if (!name)
                return error_set_oom(err);
        host->newuidmap = find_program("newuidmap", is_privileged);
        host->newgidmap = find_program("newgidmap", is_privileged);
        *ret_lack = (struct lack){ .ids = false };
        r = find_ranges(SUBID_USERS, name, &uids, ret_lack, err);
        if (r == 0)
                r = find_ranges(SUBID_GROUPS, name, &gids, ret_lack, err);
        if (r < 0)
                return error_wrap(err, "the subordinate ids of %s", name);
        ret_lack->programs = !host->newuidmap || !host->newgidmap;
        ret_lack->ids = subid_total(&uids) < min_ids || subid_total(&gids) < min_ids;
        if (ret_lack->programs || ret_lack->ids)
                return 0;
        host->uid_map_count = make_map(geteuid(), &uids, host->uid_map);
        host->gid_map_count = make_map(getegid(), &gids, host->gid_map);
        return 1;
}

static uint64_t next_free(const char *path)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        uint64_t next;

        io_read_file(AT_FDCWD, path, SUBID_FILE_MAX, &text, &ignored);
        next = subid_next_free(buf_str(&text));
        buf_done(&text);
        return next;
}

/* Says what is missing and which command adds it: ids that no other user has. */
static int explain_lack(const struct lack *lack, struct error *err)
{
        uint64_t uid = next_free("/etc/subuid"), gid = next_free("/etc/subgid");
        char usermod[160] = "";

        if (lack->ids)
                snprintf(usermod, sizeof(usermod),
                         "sudo usermod --add-subuids %" PRIu64 "-%" PRIu64 " --add-subgids %" PRIu64
                         "-%" PRIu64 " $USER",
                         uid, uid + RANGES_COUNT - 1, gid, gid + RANGES_COUNT - 1);
        if (lack->mapped && !lack->programs) {
                error_set(err, -EPERM,
                          "the subordinate ids of this user are not those of the "
                          "container around");
                return error_hint(err, "Give it more ids, or build with one: --userns=single");
        }
        error_set(err, -EPERM, "this host has no %s",
                  lack->programs ? "newuidmap and newgidmap, with their privilege"
                                 : "subordinate ids of this user in /etc/subuid and /etc/subgid");
        return error_hint(err,
                          "Its administrator can add them: %s%s%s; or build with one uid: "
                          "--userns=single",
                          lack->programs ? "sudo apt-get install uidmap" : "",
                          lack->programs && lack->ids ? " && " : "", usermod);
}

static int choose_users(struct sandbox_host *host, enum sandbox_users wanted, struct error *err)
{
        const struct subid_ranges none = { .count = 0 };
        struct lack lack = { .ids = false };
        int r;

        host->users = SANDBOX_USERS_SINGLE;
        if (wanted != SANDBOX_USERS_SINGLE) {
                r = take_ranges(host, wanted == SANDBOX_USERS_RANGES ? 1 : RANGES_MIN_IDS, &lack,
                                err);
                if (r < 0)
                        return r;
                if (r == 0 && wanted == SANDBOX_USERS_RANGES)
                        return explain_lack(&lack, err);
                if (r > 0)
                        host->users = SANDBOX_USERS_RANGES;
        }
        if (host->users == SANDBOX_USERS_SINGLE) {
                host->uid_map_count = make_map(geteuid(), &none, host->uid_map);
                host->gid_map_count = make_map(getegid(), &none, host->gid_map);
                free(TAKE_PTR(host->newuidmap));
                free(TAKE_PTR(host->newgidmap));
        }
        return 0;
}

static int try_tun(void)
{
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        return fd < 0 ? -errno : 0;
}

int sandbox_host_new(enum sandbox_users users, struct sandbox_host **ret, struct error *err)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = calloc(1, sizeof(*host));
        int r;

        if (!host)
                return error_set_oom(err);
        host->image_fd = host->network_image_fd = -1;
        host->emulation = kernel_has_notification() ? SANDBOX_EMULATE_RECORD : SANDBOX_EMULATE_FAKE;
        host->tun = try_tun();
        r = choose_users(host, users, err);
        if (r < 0)
                return r;
        r = image_open(err);
        if (r < 0)
                return r;
        host->image_fd = r;
        r = image_open_network(err);
        if (r < 0)
                return r;
        host->network_image_fd = r;
        *ret = TAKE_PTR(host);
        return 0;
}

void sandbox_host_free(struct sandbox_host *host)
{
        if (!host)
                return;
        if (host->image_fd >= 0)
                close(host->image_fd);
        if (host->network_image_fd >= 0)
                close(host->network_image_fd);
        free(host->newuidmap);
        free(host->newgidmap);
        free(host);
}

enum sandbox_users sandbox_host_users(const struct sandbox_host *host)
{
        return host->users;
}

int sandbox_host_tun(const struct sandbox_host *host)
{
        return host->tun;
}

enum sandbox_emulation sandbox_host_emulation(const struct sandbox_host *host)
{
        return host->emulation;
}
