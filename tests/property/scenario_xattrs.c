/* Extended attributes and access control lists. */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

static void prepare_xattrs(void)
{
        T(mkdir("dir", 0755));
        scenario_file("file", 100, 'f');
        T(symlink("file", "link"));
        T(mkfifo("fifo", 0644));
        T(setxattr("file", "user.a", "one", 3, 0));
        T(setxattr("file", "user.b", "", 0, 0));
        T(setxattr("dir", "user.d", "dir", 3, 0));
}

static void act_xattrs(void)
{
        static char big[70000], list[70000];
        char name[300] = "user.";

        memset(big, 'x', sizeof(big));
        memset(name + 5, 'n', sizeof(name) - 5);
        T(getxattr("file", "user.a", big, 0));
        T(getxattr("file", "user.a", big, 2));
        T(getxattr("file", "user.a", big, 3));
        T(getxattr("file", "user.b", big, 3));
        T(getxattr("file", "user.none", big, 3));
        T(listxattr("file", list, 0));
        T(listxattr("file", list, 5));
        T(listxattr("file", list, 14));
        T(setxattr("file", "user.a", "two", 3, XATTR_CREATE));
        T(setxattr("file", "user.c", "two", 3, XATTR_REPLACE));
        T(setxattr("file", "user.a", "two", 3, XATTR_REPLACE));
        T(setxattr("file", "user.c", "two", 3, XATTR_CREATE));
        T(setxattr("file", "user.c", "two", 3, XATTR_CREATE | XATTR_REPLACE));
        T(setxattr("file", "user.c", "two", 3, 8));
        T(setxattr("file", "", "x", 1, 0));
        T(setxattr("file", "user", "x", 1, 0));
        T(setxattr("file", "user.", "x", 1, 0));
        T(setxattr("file", "nothing.x", "x", 1, 0));
        T(getxattr("file", "nothing.x", big, 10));
        T(setxattr("file", "system.x", "x", 1, 0));
        T(getxattr("file", "system.x", big, 10));
        T(removexattr("file", "user.none"));
        T(removexattr("file", "user.b"));
        T(removexattr("file", "user.b"));
        name[255] = '\0';
        T(setxattr("file", name, "x", 1, 0));
        T(removexattr("file", name));
        name[255] = 'n';
        name[256] = '\0';
        T(setxattr("file", name, "x", 1, 0));
        T(getxattr("file", name, big, 1));
        T(setxattr("file", "user.big", big, 2000, 0));
        T(setxattr("file", "user.big", big, 65537, 0));
        T(setxattr("file", "user.big", NULL, 0, 0));
        T(getxattr("file", "user.big", big, 10));
        T(lsetxattr("link", "user.x", "x", 1, 0));
        T(lgetxattr("link", "user.x", big, 1));
        T(setxattr("link", "user.via", "x", 1, 0));
        T(setxattr("fifo", "user.x", "x", 1, 0));
        T(getxattr("fifo", "user.x", big, 1));
        T(setxattr("file", "trusted.x", "x", 1, 0));
        T(getxattr("file", "trusted.x", big, 1));
        T(setxattr("none", "user.x", "x", 1, 0));
        T(listxattr("link", list, sizeof(list)));
        T(llistxattr("link", list, sizeof(list)));
        T(setxattr("dir", "user.more", "x", 1, 0));
        T(rename("dir", "dir2"));
        T(getxattr("dir2", "user.d", big, 3));
}

/* security.capability as setcap(8) sets it, of version 2. */
static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 };

static void say_capability(const char *path)
{
        unsigned char value[64];
        ssize_t n = getxattr(path, "security.capability", value, sizeof(value));

        scenario_say("%s: %s", path, n < 0 ? strerror(errno) : n >= 20 ? "capable" : "short");
}

static void prepare_capabilities(void)
{
        static const char *const names[] = { "written", "owned", "cut", "linked", "kept" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                scenario_file(names[i], 1000, 'c');
                T(chmod(names[i], 0755));
                T(setxattr(names[i], "security.capability", capability, 20, 0));
        }
}

static void act_capabilities(void)
{
        int fd = (int)T(open("written", O_RDWR));

        say_capability("written");
        T(write(fd, "x", 1));
        say_capability("written");
        T(close(fd));
        T(chown("owned", 0, 0));
        say_capability("owned");
        T(truncate("cut", 10));
        say_capability("cut");
        T(link("linked", "linked2"));
        say_capability("linked2");
        T(chmod("kept", 0700));
        T(rename("kept", "kept2"));
        say_capability("kept2");
        T(removexattr("kept2", "security.capability"));
        say_capability("kept2");
}

/* ---- access control lists ---- */

struct list {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[8];
};

#define HEADER                                       \
        {                                            \
                .a_version = POSIX_ACL_XATTR_VERSION \
        }
#define NOBODY ((unsigned)ACL_UNDEFINED_ID)

/* user::rw- user:1000:rwx group::r-- mask::rwx other::--- */
static const struct list one_more = { HEADER,
                                      { { ACL_USER_OBJ, 6, NOBODY },
                                        { ACL_USER, 7, 1000 },
                                        { ACL_GROUP_OBJ, 4, NOBODY },
                                        { ACL_MASK, 7, NOBODY },
                                        { ACL_OTHER, 0, NOBODY } } };

/* The same without anybody by name: a mode. */
static const struct list plain = {
        HEADER,
        { { ACL_USER_OBJ, 7, NOBODY }, { ACL_GROUP_OBJ, 5, NOBODY }, { ACL_OTHER, 4, NOBODY } }
};

/* No entry for others. */
static const struct list wrong = { HEADER,
                                   { { ACL_USER_OBJ, 7, NOBODY }, { ACL_GROUP_OBJ, 5, NOBODY } } };

#define BYTES(count) \
        (sizeof(struct posix_acl_xattr_header) + (count) * sizeof(struct posix_acl_xattr_entry))

static void say_list(const char *path, const char *name)
{
        struct list list;
        ssize_t n = getxattr(path, name, &list, sizeof(list));

        if (n < 0) {
                scenario_say("%s of %s: %s", name, path, strerror(errno));
                return;
        }
        for (size_t i = 0; BYTES(i + 1) <= (size_t)n; i++)
                scenario_say("%s of %s: %x %o %d", name, path, list.entries[i].e_tag,
                             list.entries[i].e_perm, (int)list.entries[i].e_id);
}

static void prepare_lists(void)
{
        T(mkdir("dir", 0755));
        T(mkdir("plain", 0755));
        scenario_file("file", 10, 'f');
        scenario_file("bare", 10, 'f');
        T(setxattr("file", ACCESS, &one_more, BYTES(5), 0));
        T(setxattr("dir", DEFAULT, &one_more, BYTES(5), 0));
}

static void act_lists(void)
{
        static char names[1000];

        scenario_stat("file");
        say_list("file", ACCESS);
        say_list("dir", DEFAULT);
        say_list("dir", ACCESS);
        say_list("bare", ACCESS);
        T(listxattr("file", names, sizeof(names)));
        T(setxattr("bare", ACCESS, &plain, BYTES(3), 0));
        scenario_stat("bare");
        say_list("bare", ACCESS);
        T(setxattr("bare", ACCESS, &wrong, BYTES(2), 0));
        T(setxattr("bare", ACCESS, "x", 1, 0));
        T(setxattr("bare", DEFAULT, &one_more, BYTES(5), 0));
        T(removexattr("bare", ACCESS));
        T(chmod("file", 0640));
        scenario_stat("file");
        say_list("file", ACCESS);
        T(chmod("file", 0671));
        say_list("file", ACCESS);
        umask(022);
        close(open("dir/new", O_CREAT | O_WRONLY, 0666));
        scenario_stat("dir/new");
        say_list("dir/new", ACCESS);
        close(open("dir/strict", O_CREAT | O_WRONLY, 0600));
        scenario_stat("dir/strict");
        say_list("dir/strict", ACCESS);
        T(mkdir("dir/sub", 0777));
        scenario_stat("dir/sub");
        say_list("dir/sub", ACCESS);
        say_list("dir/sub", DEFAULT);
        T(symlink("x", "dir/link"));
        T(mkfifo("dir/fifo", 0666));
        scenario_stat("dir/fifo");
        say_list("dir/fifo", ACCESS);
        close(open("dir", O_TMPFILE | O_RDWR, 0666));
        T(setxattr("dir", DEFAULT, &plain, BYTES(3), 0));
        say_list("dir", DEFAULT);
        close(open("dir/modest", O_CREAT | O_WRONLY, 0666));
        scenario_stat("dir/modest");
        say_list("dir/modest", ACCESS);
        T(mkdir("dir/modest-dir", 0777));
        scenario_stat("dir/modest-dir");
        say_list("dir/modest-dir", DEFAULT);
        T(removexattr("dir", DEFAULT));
        say_list("dir", DEFAULT);
        T(removexattr("dir", DEFAULT));
        T(removexattr("file", ACCESS));
        scenario_stat("file");
        T(setxattr("file", ACCESS, &one_more, BYTES(5), 0));
        T(setxattr("file", ACCESS, NULL, 0, 0));
        say_list("file", ACCESS);
        close(open("plain/new", O_CREAT | O_WRONLY, 0666));
        scenario_stat("plain/new");
        T(rename("file", "plain/file"));
        scenario_stat("plain/file");
}

static void read_listed(void)
{
        T(open("file", O_RDWR));
        T(open("bare", O_RDWR));
        T(access("file", W_OK));
        T(open("dir/made", O_CREAT | O_RDWR, 0600));
        T(setxattr("file", ACCESS, &plain, BYTES(3), 0));
}

static void prepare_permitted(void)
{
        prepare_lists();
        T(chmod(".", 0755));
        T(chmod("bare", 0600));
        T(setxattr("dir", ACCESS, &one_more, BYTES(5), 0));
}

static void act_permitted(void)
{
        scenario_as(1000, 1000, 0, read_listed);
        scenario_as(1001, 1001, 0, read_listed);
        T(chmod("file", 0600));
        scenario_as(1000, 1000, 0, read_listed);
        T(chown("file", 1001, 1001));
        scenario_as(1001, 1001, 0, read_listed);
        say_list("file", ACCESS);
}

const struct scenario xattr_scenarios[] = {
        { "xattrs", prepare_xattrs, act_xattrs, false },
        { "capabilities", prepare_capabilities, act_capabilities, false },
        { "lists", prepare_lists, act_lists, true },
        { "permitted", prepare_permitted, act_permitted, true },
        { NULL, NULL, NULL, false },
};
