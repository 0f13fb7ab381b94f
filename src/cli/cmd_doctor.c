#include "base/cleanup.h"
#include "build/execute.h"
#include "commands.h"
#include "sandbox/probe.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Filesystems by the number that statfs() gives; see statfs(2). */
static const struct {
        unsigned type;
        const char *name;
} filesystems[] = {
        { 0xef53, "ext4" },      { 0x58465342, "XFS" },    { 0x9123683e, "Btrfs" },
        { 0x01021994, "tmpfs" }, { 0x6969, "NFS" },        { 0x0bd00bd0, "Lustre" },
        { 0x47504653, "GPFS" },  { 0x19830326, "BeeGFS" }, { 0x794c7630, "overlayfs" },
        { 0x65735546, "FUSE" },  { 0x2fc12fc1, "ZFS" },    { 0x00c36400, "Ceph" },
};

static void print_store(struct store *store)
{
        const char *root = store_root(store), *name = "an unknown filesystem";
        char free_text[PRINT_SIZE_MAX];
        struct statfs fs;
        struct statvfs st;

        if (statfs(root, &fs) < 0 || statvfs(root, &st) < 0) {
                printf("store: %s cannot be looked at\n", root);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++)
                if ((unsigned)fs.f_type == filesystems[i].type)
                        name = filesystems[i].name;
        print_size((uint64_t)st.f_bavail * st.f_frsize, free_text);
        printf("ok       store: %s on %s, %s free", root, name, free_text);
        if (st.f_files > 0)
                printf(", %llu inodes free", (unsigned long long)st.f_favail);
        printf("\n");
}

static void print_fact(const struct sandbox_fact *fact)
{
        static const char *const states[] = {
                [SANDBOX_STATE_GOOD] = "ok",
                [SANDBOX_STATE_LIMITED] = "limited",
                [SANDBOX_STATE_MISSING] = "missing",
        };

        printf("%-8s %s: %s\n", states[fact->state], fact->title, fact->detail);
        if (fact->without)
                printf("         without it: %s\n", fact->without);
        if (fact->mend[0])
                printf("         to mend it: %s\n", fact->mend);
}

static void print_mode(void)
{
        _cleanup_(cleanup_sandbox_host) struct sandbox_host *host = NULL;
        enum sandbox_users users = SANDBOX_USERS_AUTO;
        struct error err = ERROR_INIT;
        char notice[EXECUTE_NOTICE_MAX];
        bool copied;

        if (execute_choose_files(EXECUTION_FILES_AUTO, &users, &copied, notice, &err) < 0 ||
            sandbox_host_new(users, &host, &err) < 0)
                printf("\nBuilds with RUN steps do not work here: %s\n", err.message);
        else if (sandbox_host_users(host) == SANDBOX_USERS_RANGES)
                printf("\nRUN steps will have subordinate ids (mode ranges).\n");
        else
                printf("\nRUN steps will have one id, and root is emulated (mode single)%s.\n",
                       copied ? "; each runs in a copy of its files" : "");
}

static int run(const struct command *command, int argc, char **argv)
{
        struct sandbox_facts facts;
        struct arguments arguments;
        struct store *store;
        int status;

        if (!cli_begin(command, NULL, 0, argc, argv, 0, 0, &arguments, &store, &status))
                return status;
        sandbox_probe(&facts);
        for (size_t i = 0; i < SANDBOX_FACT_COUNT; i++)
                print_fact(&facts.items[i]);
        print_store(store);
        print_mode();
        store_free(store);
        return EXIT_SUCCESS;
}

const struct command cmd_doctor = {
        .name = "doctor",
        .arguments = "",
        .summary = "Say what this host offers, and what mends the rest",
        .details = "Each thing that builds need is tried. Where one is missing, what still works "
                   "and the\n"
                   "command that mends it are told.\n\n"
                   "Example:\n"
                   "  varve doctor --root /scratch/$USER/varve",
        .makes_store = true,
        .run = run,
};
