#include "users.h"

#include "../small_tree.h"

#include <errno.h>

#define PASSWD                                  \
        "root:x:0:0:root:/root:/bin/sh\n"       \
        "# a comment\n"                         \
        "app:x:1000:1001::/srv/app:/bin/sh\n"   \
        "123:x:500:501::/home/number:/bin/sh\n" \
        "bare:x:7:8:::/bin/sh\n"                \
        "app:x:2000:2000::/home/second:/bin/sh\n"
#define GROUP                    \
        "root:x:0:\n"            \
        "app:x:1001:app\n"       \
        "audio:x:29:other,app\n" \
        "video:x:44:app,root\n"  \
        "apps:x:45:application\n"

static struct tree *image(void)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/etc/passwd", PASSWD);
        small_tree_file(tree, "/etc/group", GROUP);
        return tree;
}

/* "uid:gid groups home name" */
static void assert_user(struct tree *tree, const char *text, const char *expected)
{
        struct error err = ERROR_INIT;
        struct buf found = BUF_INIT;
        struct user user;

        cr_assert_eq(user_find(tree, text, &user, &err), 0, "%s: %s", text, err.message);
        buf_appendf(&found, "%u:%u", user.uid, user.gid);
        for (size_t i = 0; i < user.group_count; i++)
                buf_appendf(&found, "%c%u", i ? ',' : ' ', user.groups[i]);
        buf_appendf(&found, " %s %s", user.home, user.name ? user.name : "-");
        cr_assert_str_eq(buf_str(&found), expected, "%s: %s", text, buf_str(&found));
        buf_done(&found);
        user_done(&user);
}

static void assert_refused(struct tree *tree, const char *text, const char *message)
{
        struct error err = ERROR_INIT;
        struct user user;

        cr_assert_eq(user_find(tree, text, &user, &err), -EINVAL, "%s is taken", text);
        cr_assert_not_null(strstr(err.message, message), "%s", err.message);
}

Test(users, are_those_of_the_image)
{
        struct tree *tree = image();

        assert_user(tree, "app", "1000:1001 1001,29,44 /srv/app app");
        assert_user(tree, "1000", "1000:1001 1001,29,44 /srv/app app");
        assert_user(tree, "root", "0:0 0,44 /root root");
        assert_user(tree, "", "0:0 0,44 /root root");
        assert_user(tree, "bare", "7:8 8 / bare");
        tree_free(tree);
}

Test(users, of_a_name_that_is_a_number_come_before_the_number)
{
        struct tree *tree = image();

        assert_user(tree, "123", "500:501 501 /home/number 123");
        assert_user(tree, "124", "124:0 0 / -");
        tree_free(tree);
}

Test(users, with_a_group_that_is_named_have_no_other)
{
        struct tree *tree = image();

        assert_user(tree, "app:audio", "1000:29 29 /srv/app app");
        assert_user(tree, "app:77", "1000:77 77 /srv/app app");
        assert_user(tree, "5:root", "5:0 0 / -");
        assert_user(tree, ":video", "0:44 44 /root root");
        assert_user(tree, "app:", "1000:1001 1001,29,44 /srv/app app");
        tree_free(tree);
}

Test(users, that_nobody_is_are_refused)
{
        struct tree *tree = image();

        assert_refused(tree, "nobody", "no user \"nobody\"");
        assert_refused(tree, "app:staff", "no group \"staff\"");
        assert_refused(tree, "4294967295", "no user");
        assert_refused(tree, "-1", "no user");
        assert_refused(tree, "app:4294967296", "no group");
        tree_free(tree);
}

Test(users, of_an_image_without_files_are_numbers)
{
        struct tree *tree = small_tree(NULL, 0);

        assert_user(tree, "4:5", "4:5 5 / -");
        assert_user(tree, "", "0:0 0 / -");
        assert_refused(tree, "root", "no user \"root\"");
        tree_free(tree);
}

Test(users, are_looked_up_where_a_symlink_leads_in_the_image)
{
        struct tree *tree = small_tree(NULL, 0);

        small_tree_file(tree, "/lib/users", "inner:x:3:4::/in:/bin/sh\n");
        small_tree_symlink(tree, "/etc/passwd", "../../../lib/users");
        assert_user(tree, "inner", "3:4 4 /in inner");
        tree_free(tree);
}

Test(users, are_not_read_from_what_is_no_file)
{
        struct tree_new_inode fifo = { .mode = S_IFIFO | 0644 };
        struct tree *tree = small_tree(NULL, 0);

        small_tree_make(tree, "/etc/passwd", &fifo);
        assert_refused(tree, "root", "no regular file");
        tree_free(tree);
}

Test(users, are_not_read_from_a_file_without_end)
{
        struct tree *tree = small_tree(NULL, 0);
        uint64_t ino = small_tree_file(tree, "/etc/passwd", "");
        struct tree_attr attr = { .size = USERS_FILE_MAX + 1 };
        struct error err = ERROR_INIT;
        struct user user;

        cr_assert_eq(tree_setattr(tree, ino, &attr, TREE_SET_SIZE, &attr), 0);
        cr_assert_eq(user_find(tree, "root", &user, &err), -EFBIG);
        tree_free(tree);
}

Test(users, survive_lines_that_are_none)
{
        struct tree *tree = small_tree(NULL, 0);
        struct buf text = BUF_INIT;

        buf_append_str(&text, "::::\nx\nbad:x:notanumber:0::/:/\n");
        buf_append(&text, "a\0b:x:1:1::/:/\n", 15);
        for (int i = 0; i < 20000; i++)
                buf_append_char(&text, 'n');
        buf_append_str(&text, ":x:8:9::/long:/\nlast:x:6:6::/last:/");
        {
                struct tree_new_inode inode = { .mode = S_IFREG | 0644 };
                uint64_t ino = small_tree_make(tree, "/etc/passwd", &inode);

                cr_assert_eq(tree_write(tree, ino, 0, text.data, text.len, false), 0);
        }
        assert_user(tree, "last", "6:6 6 /last last");

        buf_done(&text);
        tree_free(tree);
}

static void assert_owner(struct tree *tree, const char *text, uint32_t uid, uint32_t gid)
{
        struct error err = ERROR_INIT;
        struct tree_owner owner;

        cr_assert_eq(user_find_owner(tree, text, &owner, &err), 0, "%s: %s", text, err.message);
        cr_assert_eq(owner.uid, uid, "%s: %u", text, owner.uid);
        cr_assert_eq(owner.gid, gid, "%s: %u", text, owner.gid);
}

Test(users, own_files_with_the_group_of_their_number_or_name)
{
        struct error err = ERROR_INIT;
        struct tree *tree = image();
        struct tree_owner owner;

        assert_owner(tree, "app", 1000, 1001);
        assert_owner(tree, "55", 55, 55);
        assert_owner(tree, "55:audio", 55, 29);
        assert_owner(tree, "app:0", 1000, 0);
        assert_owner(tree, "", 0, 0);
        cr_assert_eq(user_find_owner(tree, "none", &owner, &err), -EINVAL);
        tree_free(tree);
}

Test(users, whose_numbers_are_given_need_no_image)
{
        static const char *const named[] = { "app", "55:audio", "app:5", "-1", "4294967296" };
        struct tree_owner owner = { 1, 1 };

        cr_assert(user_owner_is_number("55", &owner));
        cr_assert(owner.uid == 55 && owner.gid == 55);
        cr_assert(user_owner_is_number("55:7", &owner));
        cr_assert(owner.uid == 55 && owner.gid == 7);
        cr_assert(user_owner_is_number(":7", &owner));
        cr_assert(owner.uid == 0 && owner.gid == 7);
        for (size_t i = 0; i < ARRAY_SIZE(named); i++)
                cr_assert(!user_owner_is_number(named[i], &owner), "%s", named[i]);
}
