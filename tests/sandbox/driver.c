/*
 * Runs one command in a sandbox over a directory, or over a tar that is served by FUSE, for the
 * tests of the sandbox.
 *
 *   sandbox-driver [OPTION]... ROOT COMMAND [ARGUMENT]...
 *   sandbox-driver --probe
 *
 * Exits with the command's status; 125 and an error on standard error if the sandbox itself failed.
 */
#include "sandbox/probe.h"
#include "sandbox/sandbox.h"

#include "tree.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_OWN_FAILURE 125

struct options {
        enum sandbox_users users;
        struct sandbox_spec spec;
        struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
        struct sandbox_limit limits[SANDBOX_LIMITS_MAX];
        uint32_t groups[SANDBOX_GROUPS_MAX];
        struct strv argv;
        struct strv env;
        int timeout_ms;
        int signal_after_ms; /* 0: no signal */
        int signal_number;
        char *swap_from, *swap_to;
        const char *changes; /* where to print them */
        const char *tar;     /* the root, unless it is a directory */
        bool times;
        bool fake;
        bool counts;
        bool hold;
};

enum driver_option {
        OPTION_USERS = 256,
        OPTION_ENV,
        OPTION_WORKDIR,
        OPTION_UID,
        OPTION_GID,
        OPTION_GROUP,
        OPTION_HOSTNAME,
        OPTION_NETWORK,
        OPTION_RESOLVERS,
        OPTION_BIND,
        OPTION_BIND_READ_ONLY,
        OPTION_TMPFS,
        OPTION_DATA,
        OPTION_LIMIT,
        OPTION_NO_NEW_PRIVILEGES,
        OPTION_TIMEOUT,
        OPTION_SIGNAL,
        OPTION_TIMES,
        OPTION_SWAP,
        OPTION_PROBE,
        OPTION_CHANGES,
        OPTION_FAKE,
        OPTION_COUNTS,
        OPTION_HOLD,
};

static const struct option long_options[] = {
        { "users", required_argument, NULL, OPTION_USERS },
        { "env", required_argument, NULL, OPTION_ENV },
        { "workdir", required_argument, NULL, OPTION_WORKDIR },
        { "uid", required_argument, NULL, OPTION_UID },
        { "gid", required_argument, NULL, OPTION_GID },
        { "group", required_argument, NULL, OPTION_GROUP },
        { "hostname", required_argument, NULL, OPTION_HOSTNAME },
        { "network", required_argument, NULL, OPTION_NETWORK },
        { "resolvers", required_argument, NULL, OPTION_RESOLVERS },
        { "bind", required_argument, NULL, OPTION_BIND }, /* SOURCE:TARGET */
        { "bind-read-only", required_argument, NULL, OPTION_BIND_READ_ONLY },
        { "tmpfs", required_argument, NULL, OPTION_TMPFS }, /* TARGET */
        { "data", required_argument, NULL, OPTION_DATA },   /* TEXT:TARGET */
        { "limit", required_argument, NULL, OPTION_LIMIT }, /* RESOURCE:VALUE */
        { "no-new-privileges", no_argument, NULL, OPTION_NO_NEW_PRIVILEGES },
        { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT },
        { "signal", required_argument, NULL, OPTION_SIGNAL }, /* NUMBER:AFTER_MS */
        { "times", no_argument, NULL, OPTION_TIMES },
        { "swap", required_argument, NULL, OPTION_SWAP },       /* FROM:TO, after all is opened */
        { "changes", required_argument, NULL, OPTION_CHANGES }, /* FILE, for a tar */
        { "fake", no_argument, NULL, OPTION_FAKE },
        { "counts", no_argument, NULL, OPTION_COUNTS },
        { "hold", no_argument, NULL, OPTION_HOLD }, /* a copy of this process stays */
        { "probe", no_argument, NULL, OPTION_PROBE },
        { NULL, 0, NULL, 0 },
};

static _Noreturn void fail(const struct error *err)
{
        fprintf(stderr, "sandbox-driver: %s\n", err->message);
        if (err->hint[0] != '\0')
                fprintf(stderr, "hint: %s\n", err->hint);
        exit(STATUS_OWN_FAILURE);
}

static _Noreturn void misuse(const char *what)
{
        fprintf(stderr, "sandbox-driver: misused: %s\n", what);
        exit(STATUS_OWN_FAILURE);
}

static _Noreturn void probe(void)
{
        static const char *const states[] = { "good", "limited", "missing" };
        struct sandbox_facts facts;

        sandbox_probe(&facts);
        for (size_t i = 0; i < SANDBOX_FACT_COUNT; i++) {
                const struct sandbox_fact *fact = &facts.items[i];

                printf("%s: %s: %s\n", fact->title, states[fact->state], fact->detail);
                if (fact->without)
                        printf("  without: %s\n  mend: %s\n", fact->without, fact->mend);
        }
        exit(0);
}

/* Splits "A:B" in place. Returns B. */
static char *split(char *text)
{
        char *colon = strrchr(text, ':');

        if (!colon)
                misuse(text);
        *colon = '\0';
        return colon + 1;
}

static void add_mount(struct options *options, enum sandbox_mount_type type, char *text,
                      bool read_only)
{
        struct sandbox_mount *mount = &options->mounts[options->spec.mount_count++];

        *mount = (struct sandbox_mount){ .type = type, .mode = 0755, .read_only = read_only };
        if (type == SANDBOX_MOUNT_TMPFS) {
                mount->target = text;
                return;
        }
        mount->target = split(text);
        if (type == SANDBOX_MOUNT_DATA) {
                mount->data = text;
                mount->data_len = strlen(text);
                mount->mode = 0644;
                return;
        }
        mount->source_fd = open(text, O_PATH | O_CLOEXEC);
        if (mount->source_fd < 0)
                misuse(text);
}

static void add_limit(struct options *options, char *text)
{
        rlim_t value = strtoull(split(text), NULL, 10);

        options->limits[options->spec.limit_count++] =
                (struct sandbox_limit){ atoi(text), { value, value } };
}

static enum sandbox_network parse_network(const char *text)
{
        static const char *const names[] = {
                [SANDBOX_NETWORK_HOST] = "host",
                [SANDBOX_NETWORK_NONE] = "none",
                [SANDBOX_NETWORK_PRIVATE] = "private",
                [SANDBOX_NETWORK_PASTA] = "pasta",
                [SANDBOX_NETWORK_SLIRP4NETNS] = "slirp4netns",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(text, names[i]) == 0)
                        return (enum sandbox_network)i;
        misuse(text);
}

static void parse_option(struct options *options, int option, char *value)
{
        struct sandbox_spec *spec = &options->spec;

        switch ((enum driver_option)option) {
        case OPTION_USERS:
                options->users = strcmp(value, "single") == 0   ? SANDBOX_USERS_SINGLE
                                 : strcmp(value, "ranges") == 0 ? SANDBOX_USERS_RANGES
                                                                : SANDBOX_USERS_AUTO;
                break;
        case OPTION_ENV:
                strv_add(&options->env, value);
                break;
        case OPTION_WORKDIR:
                spec->workdir = value;
                break;
        case OPTION_UID:
                spec->uid = (uint32_t)atoi(value);
                break;
        case OPTION_GID:
                spec->gid = (uint32_t)atoi(value);
                break;
        case OPTION_GROUP:
                options->groups[spec->group_count++] = (uint32_t)atoi(value);
                break;
        case OPTION_HOSTNAME:
                spec->hostname = value;
                break;
        case OPTION_NETWORK:
                spec->network = parse_network(value);
                break;
        case OPTION_RESOLVERS:
                spec->resolvers = value;
                break;
        case OPTION_BIND:
        case OPTION_BIND_READ_ONLY:
                add_mount(options, SANDBOX_MOUNT_BIND, value, option == OPTION_BIND_READ_ONLY);
                break;
        case OPTION_TMPFS:
                add_mount(options, SANDBOX_MOUNT_TMPFS, value, false);
                break;
        case OPTION_DATA:
                add_mount(options, SANDBOX_MOUNT_DATA, value, true);
                break;
        case OPTION_LIMIT:
                add_limit(options, value);
                break;
        case OPTION_NO_NEW_PRIVILEGES:
                spec->no_new_privileges = true;
                break;
        case OPTION_TIMEOUT:
                options->timeout_ms = atoi(value);
                break;
        case OPTION_SIGNAL:
                options->signal_after_ms = atoi(split(value));
                options->signal_number = atoi(value);
                break;
        case OPTION_SWAP:
                options->swap_to = split(value);
                options->swap_from = value;
                break;
        case OPTION_CHANGES:
                options->changes = value;
                break;
        case OPTION_FAKE:
                options->fake = true;
                break;
        case OPTION_HOLD:
                options->hold = true;
                break;
        case OPTION_COUNTS:
                options->counts = true;
                break;
        case OPTION_PROBE:
                probe();
                break;
        case OPTION_TIMES:
                options->times = true;
                break;
        }
}

static void parse(struct options *options, int argc, char **argv)
{
        struct sandbox_spec *spec = &options->spec;
        int option;

        options->timeout_ms = -1;
        *spec = (struct sandbox_spec){ .root = SANDBOX_ROOT_DIRECTORY,
                                       .argv = &options->argv,
                                       .env = &options->env,
                                       .workdir = "/",
                                       .hostname = "sandbox",
                                       .stdio = { 0, 1, 2 },
                                       .mounts = options->mounts,
                                       .limits = options->limits,
                                       .groups = options->groups };
        strv_add(&options->env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
        while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
                if (option == '?')
                        misuse("unknown option");
                parse_option(options, option, optarg);
        }
        if (argc - optind < 2)
                misuse("no root or no command");
        spec->root_fd = open(argv[optind], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (spec->root_fd < 0 && errno == ENOTDIR) {
                spec->root = SANDBOX_ROOT_FUSE;
                options->tar = argv[optind];
        } else if (spec->root_fd < 0) {
                misuse(argv[optind]);
        }
        for (int i = optind + 1; i < argc; i++)
                strv_add(&options->argv, argv[i]);
}

static double ms_since(uint64_t begin)
{
        return (double)(clock_monotonic_ns() - begin) / 1e6;
}

static int wait_as_told(const struct options *options, struct sandbox *sandbox, int *ret_status,
                        struct error *err)
{
        int r;

        if (options->signal_after_ms > 0) {
                usleep((useconds_t)options->signal_after_ms * 1000);
                sandbox_signal(sandbox, options->signal_number);
        }
        r = sandbox_wait(sandbox, options->timeout_ms, ret_status, err);
        if (r != -ETIMEDOUT)
                return r;
        fprintf(stderr, "sandbox-driver: %s\n", err->message);
        *err = ERROR_INIT;
        sandbox_kill(sandbox);
        return sandbox_wait(sandbox, -1, ret_status, err);
}

/* Of a run, what has to be freed at its end. */
struct state {
        struct sandbox_host *host;
        struct sandbox *sandbox;
        struct test_tree *tree;
        struct emulator *emulator; /* the tree's */
};

/* Makes the tree and the emulator that a tar asks for. */
static int prepare(struct state *state, struct options *options, struct error *err)
{
        bool single = sandbox_host_users(state->host) == SANDBOX_USERS_SINGLE;
        struct sandbox_spec *spec = &options->spec;
        int r;

        if (options->fake)
                spec->emulation = SANDBOX_EMULATE_FAKE;
        if (!options->tar)
                return 0;
        r = test_tree_new(options->tar, single, &state->tree, err);
        if (r < 0)
                return r;
        spec->fuse_options = test_tree_options(state->tree);
        if (options->fake)
                return 0;
        spec->emulation = SANDBOX_EMULATE_RECORD;
        return test_tree_emulate(state->tree, state->host, spec, &state->emulator, err);
}

static int go(struct state *state, struct error *err)
{
        int fuse_fd = sandbox_take_fuse_fd(state->sandbox), r = 0;

        if (state->tree)
                r = test_tree_serve(state->tree, fuse_fd, err);
        if (r == 0)
                r = sandbox_go(state->sandbox, err);
        if (r == 0 && state->emulator)
                r = emulator_start(state->emulator, state->sandbox, err);
        return r;
}

static int print_changes(struct state *state, const struct options *options, struct error *err)
{
        FILE *file;
        int r;

        if (!options->changes)
                return 0;
        file = fopen(options->changes, "we");
        if (!file)
                return error_set_errno(err, -errno, "cannot write %s", options->changes);
        r = test_tree_print_changes(state->tree, file, err);
        fclose(file);
        return r;
}

static int run(struct state *state, struct options *options, int *ret_status, struct error *err)
{
        double host_ms, start_ms, go_ms, wait_ms;
        struct error lost = ERROR_INIT;
        struct emulator_counts counts;
        uint64_t begin = clock_monotonic_ns();
        int r;

        r = sandbox_host_new(options->users, &state->host, err);
        host_ms = ms_since(begin);
        if (r == 0)
                r = prepare(state, options, err);
        if (r < 0)
                return r;
        begin = clock_monotonic_ns();
        r = sandbox_start(state->host, &options->spec, &state->sandbox, err);
        start_ms = ms_since(begin);
        if (r == 0)
                r = go(state, err);
        go_ms = ms_since(begin);
        if (options->hold && fork() == 0)
                for (;;)
                        pause();
        if (r == 0)
                r = wait_as_told(options, state->sandbox, ret_status, err);
        if (r < 0)
                return r;
        wait_ms = ms_since(begin);
        if (sandbox_lost_network(state->sandbox, &lost))
                fprintf(stderr, "sandbox-driver: %s\n", lost.message);
        sandbox_free(TAKE_PTR(state->sandbox));
        if (options->times)
                fprintf(stderr, "host %.2f start %.2f go %.2f wait %.2f free %.2f ms\n", host_ms,
                        start_ms, go_ms - start_ms, wait_ms - go_ms, ms_since(begin) - wait_ms);
        if (options->counts) {
                emulator_counts(state->emulator, &counts);
                fprintf(stderr, "answered %llu passed %llu\n", (unsigned long long)counts.answered,
                        (unsigned long long)counts.passed);
        }
        return print_changes(state, options, err);
}

int main(int argc, char **argv)
{
        static struct options options;
        struct state state = { .host = NULL };
        struct error err = ERROR_INIT;
        int status = 0;

        parse(&options, argc, argv);
        if (options.swap_from &&
            renameat2(AT_FDCWD, options.swap_from, AT_FDCWD, options.swap_to, RENAME_EXCHANGE) < 0)
                misuse("--swap");
        if (run(&state, &options, &status, &err) < 0)
                fail(&err);
        test_tree_free(state.tree);
        sandbox_host_free(state.host);
        strv_done(&options.argv);
        strv_done(&options.env);
        return status;
}
