#include "foreign.h"

#include <criterion/criterion.h>
#include <errno.h>

/* As the kernel shows what Debian's qemu-user-static registers. */
#define ARM64(flags)                                                                    \
        "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: " flags \
        "\noffset 0\nmagic 7f454c460201010000000000000000000200b700\n"                  \
        "mask ffffffffffffff00fffffffffffffffffeffffff\n"

Test(foreign, an_interpreter_is_known_by_the_programs_that_it_takes)
{
        cr_assert_eq(foreign_entry_runs(ARM64("POCF"), "arm64"), 1);
        cr_assert_eq(foreign_entry_runs(ARM64("POCF"), "riscv64"), 0);
        cr_assert_eq(foreign_entry_runs(ARM64("POCF"), "arm"), 0);
        cr_assert_eq(foreign_entry_runs(ARM64("POCF"), "vax"), 0);
}

Test(foreign, one_of_big_endian_programs_too)
{
        static const char entry[] = "enabled\ninterpreter /x\nflags: F\noffset 0\n"
                                    "magic 7f454c4602020100000000000000000000020016\n"
                                    "mask ffffffffffffff00fffffffffffffffffffeffff\n";

        cr_assert_eq(foreign_entry_runs(entry, "s390x"), 1);
        cr_assert_eq(foreign_entry_runs(entry, "mips64"), 0);
}

Test(foreign, one_that_is_looked_for_in_the_container_is_told_apart)
{
        cr_assert_eq(foreign_entry_runs(ARM64("OC"), "arm64"), -ENOEXEC);
}

Test(foreign, what_is_disabled_or_goes_by_names_is_none)
{
        cr_assert_eq(foreign_entry_runs("disabled\nmagic 7f\nflags: F\n", "arm64"), 0);
        cr_assert_eq(
                foreign_entry_runs("enabled\ninterpreter /x\nflags: F\nextension .py\n", "arm64"),
                0);
        cr_assert_eq(foreign_entry_runs("", "arm64"), 0);
}
