#include "options.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mount.h>

static int parse(struct mount_options *ret, const char *text, struct error *err)
{
        *ret = MOUNT_OPTIONS_INIT;
        return mount_options_add(ret, text, err);
}

static void assert_refused(const char *text, const char *message)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse(&options, text, &err), -EINVAL, "%s", text);
        cr_assert_str_eq(err.message, message);
        mount_options_done(&options);
}

Test(mount_options, takes_layers_with_the_topmost_first)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse(&options, "lowerdir=/a:b:/c d,upperdir=u,workdir=w,fsname=n", &err), 0);
        cr_assert_eq(options.lowers.count, 3);
        cr_assert_str_eq(options.lowers.items[0], "/a");
        cr_assert_str_eq(options.lowers.items[2], "/c d");
        cr_assert_str_eq(options.upper, "u");
        cr_assert_str_eq(options.work, "w");
        cr_assert_str_eq(options.fsname, "n");
        cr_assert_eq(mount_options_check(&options, &err), 0);
        mount_options_done(&options);
}

Test(mount_options, takes_separators_behind_a_backslash_for_a_part_of_the_path)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse(&options, "lowerdir=a\\:b\\,c:d\\\\,upperdir=x\\,y", &err), 0);
        cr_assert_eq(options.lowers.count, 2);
        cr_assert_str_eq(options.lowers.items[0], "a:b,c");
        cr_assert_str_eq(options.lowers.items[1], "d\\");
        cr_assert_str_eq(options.upper, "x,y");
        mount_options_done(&options);
}

Test(mount_options, lets_later_ones_win)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse(&options, "ro,nosuid,lowerdir=a,lowerdir=b:c,suid,nodev", &err), 0);
        cr_assert_eq(mount_options_add(&options, "rw,noexec", &err), 0);
        cr_assert_eq(options.flags, (unsigned long)(MS_NODEV | MS_NOEXEC));
        cr_assert_eq(options.lowers.count, 2);
        cr_assert_eq(options.words.count, 2);
        cr_assert_str_eq(options.words.items[0], "nodev");
        mount_options_done(&options);
}

Test(mount_options, takes_what_only_concerns_others)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(
                parse(&options, "defaults,_netdev,,x-systemd.automount,subtype=varve-fs", &err), 0,
                "%s", err.message);
        cr_assert_eq(options.flags, 0);
        cr_assert_eq(mount_options_check(&options, &err), -EINVAL);
        mount_options_done(&options);
}

Test(mount_options, refuses_by_name_what_it_does_not_know)
{
        assert_refused("volatile", "there is no mount option \"volatile\"");
        assert_refused("lowerdir=a,index=on", "there is no mount option \"index\"");
        assert_refused("upperdir", "the mount option upperdir wants a value");
        assert_refused("ro=1", "the mount option ro has no value");
        assert_refused("lowerdir=a::b", "lowerdir names an empty path");
        assert_refused("workdir=", "workdir names an empty path");
}

Test(mount_options, refuses_a_workdir_for_nothing)
{
        struct mount_options options;
        struct error err = ERROR_INIT;

        cr_assert_eq(parse(&options, "lowerdir=a,workdir=w", &err), 0);
        cr_assert_eq(mount_options_check(&options, &err), -EINVAL);
        mount_options_done(&options);
}
