#include "walk.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree in a table. Its inodes are the rows' numbers, from 1. */
static const struct row {
        uint64_t parent;
        const char *name;
        uint32_t mode;
        uint32_t uid;
        const char *target;
} rows[] = {
        { 1, "/", S_IFDIR | 0755, 0, NULL },
        { 1, "etc", S_IFDIR | 0755, 0, NULL },                    /* 2 */
        { 2, "passwd", S_IFREG | 0644, 0, NULL },                 /* 3 */
        { 2, "shadow", S_IFREG | 0640, 0, NULL },                 /* 4 */
        { 1, "home", S_IFDIR | 0755, 0, NULL },                   /* 5 */
        { 5, "ann", S_IFDIR | 0700, 7, NULL },                    /* 6 */
        { 6, "file", S_IFREG | 0600, 7, NULL },                   /* 7 */
        { 6, "up", S_IFLNK | 0777, 7, "../../etc" },              /* 8 */
        { 6, "absolute", S_IFLNK | 0777, 7, "/etc/passwd" },      /* 9 */
        { 6, "loop", S_IFLNK | 0777, 7, "loop" },                 /* 10 */
        { 6, "broken", S_IFLNK | 0777, 7, "nothing" },            /* 11 */
        { 6, "above", S_IFLNK | 0777, 7, "../../../../../etc" },  /* 12 */
        { 1, "proc", S_IFDIR | 0555, 0, NULL },                   /* 13: mounted on */
        { 6, "processes", S_IFLNK | 0777, 7, "/proc/self/fd/3" }, /* 14 */
        { 6, "empty", S_IFLNK | 0777, 7, "" },                    /* 15 */
        { 6, "slash", S_IFLNK | 0777, 7, "/" },                   /* 16 */
        { 6, "below", S_IFDIR | 0755, 0, NULL },                  /* 17: mounted on */
        { 2, "sub", S_IFDIR | 0755, 0, NULL },                    /* 18: mounted on, in a mount */
};

static void fill(uint64_t ino, struct emulate_node *ret)
{
        *ret = (struct emulate_node){ .ino = ino,
                                      .mode = rows[ino - 1].mode,
                                      .uid = rows[ino - 1].uid };
}

static int table_lookup(void *context, uint64_t dir, const char *name, struct emulate_node *ret)
{
        (void)context;
        cr_assert_neq(name[0], '\0');
        if (!S_ISDIR(rows[dir - 1].mode))
                return -ENOTDIR;
        if (strcmp(name, "..") == 0) {
                fill(rows[dir - 1].parent, ret);
                return 0;
        }
        for (uint64_t ino = 2; ino <= ARRAY_SIZE(rows); ino++) {
                if (rows[ino - 1].parent == dir && strcmp(rows[ino - 1].name, name) == 0) {
                        fill(ino, ret);
                        return 0;
                }
        }
        return -ENOENT;
}

static int table_getattr(void *context, uint64_t ino, struct emulate_node *ret)
{
        (void)context;
        fill(ino, ret);
        return 0;
}

static int table_readlink(void *context, uint64_t ino, struct buf *ret)
{
        (void)context;
        return buf_append_str(ret, rows[ino - 1].target);
}

#define TABLE .lookup = table_lookup, .getattr = table_getattr, .readlink = table_readlink

/* Of the same table, /etc is mounted on /home/ann/below, and on that once more /home/ann. */
static struct walk_mount mounts[] = {
        { .tree = { .root = 1, TABLE } },
        { .parent = &mounts[0], .point = 13 },
        { .tree = { .root = 2, TABLE }, .parent = &mounts[0], .point = 17 },
        { .tree = { .root = 6, TABLE }, .parent = &mounts[2], .point = 18 },
        { .tree = { .root = 5, TABLE }, .parent = &mounts[3], .point = 17 },
        { .tree = { .root = 1, TABLE }, .parent = &mounts[4], .point = 5 },
};
static struct walk_origin origin = { .root = { &mounts[0], 1 },
                                     .start = { &mounts[0], 6 },
                                     .mounts = mounts,
                                     .mount_count = ARRAY_SIZE(mounts) };
static struct walk_place place;

static void expect_inode(const char *path, bool follow, uint64_t ino, const char *text)
{
        int r = walk(&origin, path, follow, &place);

        cr_expect_eq(r, 0, "%s: %d", path, r);
        cr_expect_not(place.foreign, "%s", path);
        cr_expect(place.exists, "%s", path);
        cr_expect_eq(place.node.ino, ino, "%s: %u", path, (unsigned)place.node.ino);
        cr_expect_str_eq(place.text, text, "%s: %s", path, place.text);
}

static void expect_refusal(const char *path, bool follow, int code)
{
        cr_expect_eq(walk(&origin, path, follow, &place), code, "%s", path);
}

Test(walk, finds_what_paths_name)
{
        expect_inode("/", true, 1, "");
        expect_inode("//etc///passwd", true, 3, "etc/passwd");
        cr_expect(place.from_root);
        expect_inode("file", true, 7, "file");
        cr_expect_not(place.from_root);
        expect_inode(".", true, 6, "");
        expect_inode("./file", true, 7, "file");
        expect_inode("/etc/", true, 2, "etc");
        expect_inode("/etc/.", true, 2, "etc");
}

Test(walk, climbs_to_the_root_and_no_further)
{
        expect_inode("..", true, 5, "..");
        expect_inode("../..", true, 1, "../..");
        expect_inode("../../../../etc", true, 2, "../../etc");
        expect_inode("/../../etc", true, 2, "etc");
        expect_inode("/etc/../home/ann/../../etc/passwd", true, 3, "etc/passwd");
        origin.root.ino = 5;
        expect_inode("/../../ann", true, 6, "ann");
        expect_inode("../../../ann", true, 6, "../ann");
}

Test(walk, follows_symbolic_links_inside_the_root)
{
        expect_inode("up", true, 2, "../../etc");
        expect_inode("up", false, 8, "up");
        expect_inode("up/", false, 2, "../../etc");
        expect_inode("up/passwd", false, 3, "../../etc/passwd");
        expect_inode("above/passwd", true, 3, "../../etc/passwd");
        expect_inode("/home/ann/absolute", true, 3, "etc/passwd");
        cr_expect(place.from_root);
        expect_inode("slash", true, 1, "");
        cr_expect(place.from_root);
        origin.root.ino = 5;
        expect_inode("slash", true, 5, "");
}

Test(walk, has_the_errors_of_the_kernel)
{
        expect_refusal("", true, -ENOENT);
        expect_refusal("loop", true, -ELOOP);
        expect_refusal("empty", true, -ENOENT);
        expect_refusal("file/x", true, -ENOTDIR);
        expect_refusal("file/", true, -ENOTDIR);
        expect_refusal("file/..", true, -ENOTDIR);
        expect_refusal("nothing/x", true, -ENOENT);
}

Test(walk, refuses_names_and_paths_that_are_too_long)
{
        char name[NAME_MAX + 2];
        struct buf path = BUF_INIT;

        memset(name, 'n', sizeof(name));
        name[NAME_MAX + 1] = '\0';
        expect_refusal(name, true, -ENAMETOOLONG);
        for (int i = 0; i < 3000; i++)
                cr_assert_eq(buf_append_str(&path, "./../ann/"), 0);
        cr_assert_eq(buf_append_str(&path, "file"), 0);
        expect_inode(buf_str(&path), true, 7, "../ann/file");
        buf_done(&path);
}

Test(walk, tells_where_a_name_could_be_made)
{
        cr_assert_eq(walk(&origin, "/etc/new", false, &place), 0);
        cr_expect_not(place.exists);
        cr_expect_eq(place.dir, 2);
        cr_expect_str_eq(place.name, "new");
        cr_assert_eq(walk(&origin, "broken", true, &place), 0);
        cr_expect_not(place.exists);
        cr_expect_eq(place.dir, 6);
        cr_expect_str_eq(place.name, "nothing");
        cr_assert_eq(walk(&origin, "broken", false, &place), 0);
        cr_expect(place.exists);
}

Test(walk, ends_where_something_is_mounted)
{
        static const char *const paths[] = { "/proc",          "/proc/",    "/proc/../etc",
                                             "/proc/self/mem", "processes", "../../proc/1" };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                cr_expect_eq(walk(&origin, paths[i], true, &place), 0);
                cr_expect(place.foreign, "%s", paths[i]);
        }
        cr_expect_eq(walk(&origin, "processes", true, &place), 0);
        cr_expect(place.from_root);
        cr_expect_str_eq(place.text, "proc/self/fd/3");
}

static void expect_in_mount(const char *path, size_t mount, uint64_t ino, const char *text)
{
        expect_inode(path, true, ino, text);
        cr_expect_eq(place.mount - mounts, mount, "%s: mount %td", path, place.mount - mounts);
}

/* The way to what is mounted: /home/ann/below is mount 2 (of /etc), "sub" in it is mount 3 (of
 * /home/ann), and "below" in that is mount 4 (of /home), on which mount 5 is. */
Test(walk, goes_on_in_what_is_mounted_and_comes_back)
{
        expect_in_mount("below", 2, 2, "below");
        expect_in_mount("below/", 2, 2, "below");
        expect_in_mount("/home/ann/below/passwd", 2, 3, "home/ann/below/passwd");
        expect_in_mount("below/sub", 3, 6, "below/sub");
        expect_in_mount("below/sub/file", 3, 7, "below/sub/file");
        expect_in_mount("below/..", 0, 6, "");
        expect_in_mount("below/sub/..", 2, 2, "below");
        expect_in_mount("below/sub/../../file", 0, 7, "file");
        expect_in_mount("below/sub/slash", 0, 1, "");
        expect_refusal("below/sub/up/passwd", true, -ENOENT);
        cr_assert_eq(walk(&origin, "below/new", true, &place), 0);
        cr_expect_not(place.exists);
        cr_expect_eq(place.mount, &mounts[2]);
        cr_expect_eq(place.dir, 2);
}

Test(walk, begins_in_what_is_mounted)
{
        origin.start = (struct walk_inode){ &mounts[3], 6 };
        expect_in_mount("file", 3, 7, "file");
        expect_in_mount("../passwd", 2, 3, "../passwd");
        expect_in_mount("../../file", 0, 7, "../../file");
        origin.root = (struct walk_inode){ &mounts[3], 6 };
        expect_in_mount("../file", 3, 7, "file");
        expect_in_mount("/../file", 3, 7, "file");
}

Test(walk, sees_the_uppermost_of_what_is_mounted_at_one_place)
{
        expect_in_mount("below/sub/below", 5, 1, "below/sub/below");
        expect_in_mount("below/sub/below/etc", 5, 2, "below/sub/below/etc");
        expect_in_mount("below/sub/below/..", 3, 6, "below/sub");
}

static struct credentials user(uint32_t uid)
{
        struct credentials credentials;

        credentials_begin(&credentials, uid, uid);
        return credentials;
}

Test(walk, passes_no_directory_that_is_closed_to_who_searches)
{
        struct credentials other = user(8), owner = user(7), root = user(0);

        origin.start.ino = 1;
        origin.searcher = &other;
        expect_refusal("/home/ann/file", true, -EACCES);
        expect_inode("/home/ann", true, 6, "home/ann");
        origin.searcher = &owner;
        expect_inode("/home/ann/file", true, 7, "home/ann/file");
        origin.searcher = &root;
        expect_inode("/home/ann/file", true, 7, "home/ann/file");
}

Test(walk, gives_the_access_that_owner_group_and_others_have)
{
        struct emulate_node node = { .ino = 1, .mode = S_IFREG | 0640, .uid = 7, .gid = 9 };
        struct credentials owner = user(7), member = user(8), other = user(10), root = user(0);

        member.group.fs = 9;
        cr_expect(walk_allows(&owner, &node, R_OK | W_OK));
        cr_expect_not(walk_allows(&owner, &node, X_OK));
        cr_expect(walk_allows(&member, &node, R_OK));
        cr_expect_not(walk_allows(&member, &node, W_OK));
        cr_expect_not(walk_allows(&other, &node, R_OK));
        cr_expect(walk_allows(&root, &node, R_OK | W_OK));
        cr_expect_not(walk_allows(&root, &node, X_OK));
        node.mode = S_IFREG | 0077;
        cr_expect_not(walk_allows(&owner, &node, R_OK), "the owner's bits count for the owner");
}
