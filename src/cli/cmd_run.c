#include "base/cleanup.h"
#include "base/io.h"
#include "bounds.h"
#include "build/layers.h"
#include "build/transfer.h"
#include "commands.h"
#include "container/port.h"
#include "dockerfile/value.h"
#include "env_flags.h"
#include "launch.h"
#include "mount_flags.h"
#include "network_flags.h"
#include "run_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The options of run, at the beginning of its table, that create has not. */
#define RUN_ONLY_COUNT 2

struct run_flags {
        struct env_flags env;
        struct strv labels;
        struct strv volumes;
        struct strv mounts;
        struct strv tmpfs;
        struct strv ports;
        struct strv exposed;
        struct strv cap_add;
        struct strv cap_drop;
        const char *workdir;
        const char *user;
        const char *entrypoint;
        const char *name;
        const char *hostname;
        const char *cidfile;
        const char *stop_signal;
        const char *stop_timeout;
        const char *detach_keys;
        const char *restart;
        const char *userns;
        const char *files;
        struct run_image image;
        struct network_flags network;
        struct bounds_flags bounds;
        bool rm;
        bool interactive;
        bool terminal;
        bool detach;
        bool publish_all;
        bool read_only;
        bool init;
        bool create; /* and no more */
};

static void run_flags_done(struct run_flags *flags)
{
        struct strv *const lists[] = { &flags->labels,  &flags->volumes, &flags->mounts,
                                       &flags->tmpfs,   &flags->ports,   &flags->exposed,
                                       &flags->cap_add, &flags->cap_drop };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                strv_done(lists[i]);
        env_flags_done(&flags->env);
        network_flags_done(&flags->network);
        bounds_flags_done(&flags->bounds);
}

/* ---- the spec ---- */

static int make_env(const struct run_flags *flags, const struct image_config *config,
                    struct strv *ret, struct error *err)
{
        int r = strv_extend(ret, &config->env) < 0 ? error_set_oom(err) : 0;

        return r < 0 ? r : env_flags_read(&flags->env, ret, err);
}

static int make_command(const struct run_flags *flags, const struct image_config *config,
                        const struct arguments *arguments, struct container_spec *spec,
                        struct error *err)
{
        int r = 0;

        if (flags->entrypoint)
                r = *flags->entrypoint ? strv_add(&spec->entrypoint, flags->entrypoint) : 0;
        else
                r = strv_extend(&spec->entrypoint, &config->entrypoint);
        for (size_t i = 1; i < arguments->count && r == 0; i++)
                r = strv_add(&spec->cmd, arguments->items[i]);
        if (r == 0 && arguments->count == 1 && !flags->entrypoint)
                r = strv_extend(&spec->cmd, &config->cmd);
        if (r < 0)
                return error_set_oom(err);
        if (spec->entrypoint.count + spec->cmd.count > 0)
                return 0;
        error_set(err, -EINVAL, "the image says no command, and none was given");
        return error_hint(err, "Give one: varve run %s COMMAND", arguments->items[0]);
}

static int set_labels(const struct run_flags *flags, const struct image_config *config,
                      struct container_spec *spec, struct error *err)
{
        int r = strmap_extend(&spec->labels, &config->labels);

        for (size_t i = 0; i < flags->labels.count && r == 0; i++) {
                const char *item = flags->labels.items[i];
                _cleanup_free_ char *key = strndup(item, strcspn(item, "="));

                r = key ? strmap_set(&spec->labels, key,
                                     item[strlen(key)] ? item + strlen(key) + 1 : "")
                        : -ENOMEM;
        }
        return r < 0 ? error_set_oom(err) : 0;
}

static int set_mounts(const struct run_flags *flags, struct container_spec *spec, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < flags->volumes.count && r == 0; i++)
                r = mount_flags_volume(flags->volumes.items[i], spec, err);
        for (size_t i = 0; i < flags->mounts.count && r == 0; i++)
                r = mount_flags_mount(flags->mounts.items[i], spec, err);
        for (size_t i = 0; i < flags->tmpfs.count && r == 0; i++)
                r = mount_flags_tmpfs(flags->tmpfs.items[i], spec, err);
        return r;
}

/* With one id a volume's files are all root's, and what the image has there perhaps not: then it
 * stays a directory of the container, which knows owners. */
static int set_image_volumes(const struct image_config *config, struct container_spec *spec,
                             struct error *err)
{
        bool has_owners = false;
        int r = config->volumes.count > 0 ? launch_has_owners(spec, &has_owners, err) : 0;

        for (size_t i = 0; i < config->volumes.count && has_owners && r == 0; i++)
                r = mount_flags_image_volume(config->volumes.items[i], spec, err);
        return r;
}

static int set_ports(const struct run_flags *flags, const struct image_config *config,
                     struct container_spec *spec, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < config->exposed_ports.count && r == 0; i++)
                r = image_config_add_to_set(&spec->exposed, config->exposed_ports.items[i]) < 0
                            ? error_set_oom(err)
                            : 0;
        for (size_t i = 0; i < flags->exposed.count && r == 0; i++) {
                struct port_range range;
                char text[32];

                r = value_parse_port(flags->exposed.items[i], &range, err);
                for (unsigned port = range.first; r == 0 && port <= range.last; port++) {
                        snprintf(text, sizeof(text), "%u/%s", port, range.protocol);
                        if (image_config_add_to_set(&spec->exposed, text) < 0)
                                r = error_set_oom(err);
                }
        }
        for (size_t i = 0; i < flags->ports.count && r == 0; i++)
                r = ports_parse(flags->ports.items[i], &spec->ports, err);
        if (r == 0 && flags->publish_all)
                r = ports_publish_all(&spec->exposed, &spec->ports, err);
        return r;
}

static int set_stopping(const struct run_flags *flags, const struct image_config *config,
                        struct container_spec *spec, struct error *err)
{
        int number;
        char *end;

        if (flags->stop_signal && value_parse_signal(flags->stop_signal, &number) < 0)
                return error_set(err, -EINVAL, "invalid signal: %s", flags->stop_signal);
        if (flags->stop_timeout) {
                spec->stop_timeout_s = strtol(flags->stop_timeout, &end, 10);
                if (!*flags->stop_timeout || *end || spec->stop_timeout_s < -1)
                        return error_set(err, -EINVAL, "--stop-timeout %s is no number of seconds",
                                         flags->stop_timeout);
        }
        return image_config_set(&spec->stop_signal,
                                flags->stop_signal ? flags->stop_signal : config->stop_signal) < 0
                       ? error_set_oom(err)
                       : 0;
}

/* What is copied as it was written. */
static int set_texts(const struct run_flags *flags, const struct image_config *config,
                     struct container_spec *spec)
{
        const struct {
                char **member;
                const char *text;
        } texts[] = {
                { &spec->name, flags->name },
                { &spec->workdir, flags->workdir ? flags->workdir : config->working_dir },
                { &spec->user, flags->user ? flags->user : config->user },
                { &spec->hostname, flags->hostname },
        };
        /* Of these nothing is another word than none, and a wrong one. */
        const struct {
                char **member;
                const char *text;
        } values[] = {
                { &spec->users, flags->userns },
                { &spec->files, flags->files },
                { &spec->network, flags->network.mode },
                { &spec->shm_size, flags->bounds.shm_size },
                { &spec->memory, flags->bounds.memory },
                { &spec->cpus, flags->bounds.cpus },
                { &spec->timeout, flags->bounds.timeout },
        };
        const struct {
                struct strv *member;
                const struct strv *list;
        } lists[] = {
                { &spec->hosts, &flags->network.hosts },
                { &spec->dns, &flags->network.dns },
                { &spec->ulimits, &flags->bounds.ulimits },
                { &spec->security, &flags->bounds.security },
                { &spec->add_capabilities, &flags->cap_add },
                { &spec->drop_capabilities, &flags->cap_drop },
        };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
                r = image_config_set(texts[i].member, texts[i].text);
        for (size_t i = 0; i < ARRAY_SIZE(values) && r == 0; i++)
                if (values[i].text && !(*values[i].member = strdup(values[i].text)))
                        r = -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
                r = strv_extend(lists[i].member, lists[i].list);
        return r;
}

static int set_image(const struct stored_image *image, const char *name,
                     struct container_spec *spec)
{
        char id[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX];

        digest_format(&image->parsed.config.digest, id);
        digest_format(&image->manifest.digest, manifest);
        spec->image = strdup(name);
        spec->image_id = strdup(id);
        spec->manifest = strdup(manifest);
        spec->manifest_type = strdup(image->manifest.media_type);
        return spec->image && spec->image_id && spec->manifest && spec->manifest_type ? 0 : -ENOMEM;
}

static int make_spec(const struct run_flags *flags, const struct arguments *arguments,
                     const struct stored_image *image, struct container_spec *spec,
                     struct error *err)
{
        const struct image_config *config = &image->config;
        int r;

        spec->terminal = flags->terminal;
        spec->open_stdin = flags->interactive;
        spec->detached = flags->detach;
        spec->remove = flags->rm;
        spec->read_only = flags->read_only;
        r = set_image(image, arguments->items[0], spec);
        if (r == 0)
                r = set_texts(flags, config, spec);
        if (r < 0)
                return error_set_oom(err);
        r = make_command(flags, config, arguments, spec, err);
        if (r == 0)
                r = make_env(flags, config, &spec->env, err);
        if (r == 0)
                r = set_labels(flags, config, spec, err);
        if (r == 0)
                r = set_mounts(flags, spec, err);
        if (r == 0)
                r = set_stopping(flags, config, spec, err);
        if (r == 0)
                r = set_ports(flags, config, spec, err);
        if (r == 0)
                r = set_image_volumes(config, spec, err);
        return r < 0 ? r : launch_check(spec, err);
}

/* ---- the command ---- */

static int check_flags(const struct run_flags *flags, struct error *err)
{
        const struct bounds_flags unsupported = { .cgroup_parent = flags->bounds.cgroup_parent };
        struct execution_bounds ignored;

        if (flags->bounds.cgroup_parent)
                return bounds_parse(&unsupported, &ignored, err);
        if (flags->restart && strcmp(flags->restart, "no") != 0) {
                error_set(err, -EOPNOTSUPP, "--restart %s is not supported", flags->restart);
                return error_hint(err,
                                  "There is no daemon that would restart containers; a service "
                                  "manager does: systemd-run --user -p Restart=always ...");
        }
        if (flags->terminal && flags->interactive && !flags->detach && !isatty(STDIN_FILENO))
                return error_set(err, -EINVAL, "the input device is not a TTY");
        if (flags->cidfile && access(flags->cidfile, F_OK) == 0)
                return error_set(err, -EEXIST,
                                 "container ID file found, make sure the other container isn't "
                                 "running or delete %s",
                                 flags->cidfile);
        return 0;
}

static int write_cidfile(const struct run_flags *flags, const struct container *container,
                         struct error *err)
{
        if (!flags->cidfile)
                return 0;
        return io_write_file_atomic(AT_FDCWD, flags->cidfile, container->spec.id,
                                    CONTAINER_ID_DIGITS, 0644, err);
}

static int leave_created(const struct run_flags *flags, const struct container *container,
                         int *ret_status, struct error *err)
{
        int r = write_cidfile(flags, container, err);

        if (r < 0)
                return r;
        printf("%s\n", container->spec.id);
        *ret_status = EXIT_SUCCESS;
        return 0;
}

static int launch_container(struct store *store, const struct run_flags *flags,
                            struct container *container, int *ret_status, struct error *err)
{
        struct launch launch = { .attach = !flags->detach, .input = flags->interactive };
        int r = detach_keys_parse(flags->detach_keys, &launch.keys, err);

        if (r == 0)
                r = write_cidfile(flags, container, err);
        if (r < 0)
                return r;
        if (!flags->detach && !flags->terminal)
                return launch_here(store, container, ret_status, err);
        r = launch_apart(store, container, &launch, ret_status, err);
        if (r == -ECANCELED && !error_is_set(err)) {
                *ret_status = EXIT_SUCCESS;
                return 0;
        }
        if (r == 0 && flags->detach) {
                *ret_status = EXIT_SUCCESS;
                printf("%s\n", container->spec.id);
        }
        return r;
}

static int run_container(struct store *store, const struct run_flags *flags,
                         const struct arguments *arguments, int *ret_status, struct error *err)
{
        struct container container = CONTAINER_INIT;
        struct container_spec spec = CONTAINER_SPEC_INIT;
        struct stored_image image;
        struct error ignored = ERROR_INIT;
        int r = check_flags(flags, err);

        if (r == 0)
                r = run_image_provide(store, arguments->items[0], &flags->image, &image, err);
        if (r < 0)
                return r;
        r = make_spec(flags, arguments, &image, &spec, err);
        stored_image_done(&image);
        if (r == 0)
                r = container_create(store, &spec, !flags->create, &container, err);
        container_spec_done(&spec);
        if (r < 0)
                return r;
        r = flags->create ? leave_created(flags, &container, ret_status, err)
                          : launch_container(store, flags, &container, ret_status, err);
        if (r < 0 && flags->rm)
                container_remove(store, &container, true, &ignored);
        container_done(&container);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        _cleanup_(run_flags_done) struct run_flags flags = { .rm = false };
        const struct option_spec options[] = {
                { OPTION_FLAG, 'd', "detach", &flags.detach, NULL,
                  "Leave it running, and print its ID" },
                { OPTION_STRING, 0, "detach-keys", &flags.detach_keys, "KEYS",
                  "What to press to leave it running (ctrl-p,ctrl-q)" },
                { OPTION_FLAG, 'i', "interactive", &flags.interactive, NULL,
                  "Give standard input to the command" },
                { OPTION_FLAG, 't', "tty", &flags.terminal, NULL, "Give the command a terminal" },
                { OPTION_FLAG, 0, "rm", &flags.rm, NULL, "Keep nothing of the container" },
                { OPTION_STRING, 0, "name", &flags.name, "NAME", "What to call it (two words)" },
                { OPTION_STRING, 0, "cidfile", &flags.cidfile, "FILE", "Write its ID to a file" },
                { OPTION_LIST, 'l', "label", &flags.labels, "NAME[=VALUE]",
                  "Add a label; may be repeated" },
                ENV_OPTIONS(&flags.env),
                { OPTION_STRING, 'w', "workdir", &flags.workdir, "DIR",
                  "The working directory (the image's)" },
                { OPTION_STRING, 'u', "user", &flags.user, "USER[:GROUP]",
                  "The user, by name or number (the image's)" },
                { OPTION_STRING, 0, "entrypoint", &flags.entrypoint, "PROGRAM",
                  "Run this instead of the image's entrypoint" },
                { OPTION_STRING, 'h', "hostname", &flags.hostname, "NAME",
                  "The host name (the ID's beginning)" },
                { OPTION_LIST, 'v', "volume", &flags.volumes, "[SOURCE:]TARGET[:ro]",
                  "Mount a path of the host, or a volume; may be repeated" },
                { OPTION_LIST, 0, "mount", &flags.mounts, "KEY=VALUE,...",
                  "The same with type=bind, volume or tmpfs; may be repeated" },
                { OPTION_LIST, 0, "tmpfs", &flags.tmpfs, "TARGET[:OPTIONS]",
                  "Mount a directory in memory; may be repeated" },
                { OPTION_FLAG, 0, "read-only", &flags.read_only, NULL,
                  "Let nothing but what is mounted be written" },
                { OPTION_LIST, 'p', "publish", &flags.ports, "[[ADDRESS:]PORT:]PORT",
                  "Let a port of the host lead to one of the container; may be repeated" },
                { OPTION_FLAG, 'P', "publish-all", &flags.publish_all, NULL,
                  "Do so for each port that is exposed" },
                { OPTION_LIST, 0, "expose", &flags.exposed, "PORT",
                  "Expose a port; may be repeated" },
                { OPTION_LIST, 0, "cap-add", &flags.cap_add, "CAPABILITY",
                  "Add a capability; may be repeated" },
                { OPTION_LIST, 0, "cap-drop", &flags.cap_drop, "CAPABILITY",
                  "Take a capability away, or ALL; may be repeated" },
                { OPTION_STRING, 0, "stop-signal", &flags.stop_signal, "SIGNAL",
                  "What `varve stop` sends (the image's, or SIGTERM)" },
                { OPTION_STRING, 0, "stop-timeout", &flags.stop_timeout, "SECONDS",
                  "How long `varve stop` waits before it kills (10)" },
                { OPTION_STRING, 0, "restart", &flags.restart, "POLICY", "no is all there is" },
                { OPTION_FLAG, 0, "init", &flags.init, NULL,
                  "Has no effect: the first process always reaps orphans" },
                RUN_IMAGE_OPTIONS(&flags.image),
                { OPTION_STRING, 0, "userns", &flags.userns, "MODE",
                  "auto (the default), ranges (subordinate ids) or single (one id)" },
                FILES_OPTION(&flags.files),
                NETWORK_OPTIONS(&flags.network),
                BOUNDS_OPTIONS(&flags.bounds),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r;

        const size_t skipped = command == &cmd_create ? RUN_ONLY_COUNT : 0;

        flags.create = command == &cmd_create;
        if (!cli_begin(command, options + skipped, ARRAY_SIZE(options) - skipped, argc, argv, 1,
                       SIZE_MAX, &arguments, &store, &status))
                return status == EXIT_SUCCESS ? status : CLI_EXIT_USAGE;
        status = flags.create ? EXIT_FAILURE : CLI_EXIT_USAGE;
        r = run_container(store, &flags, &arguments, &status, &err);
        if (r < 0)
                cli_fail(&err, status);
        store_free(store);
        return status;
}

const struct command cmd_run = {
        .name = "run",
        .arguments = "[OPTIONS] IMAGE [COMMAND [ARGUMENT...]]",
        .summary = "Run a command in a new container",
        .details = "An image that the store does not have is pulled. The container is kept, with "
                   "what it\n"
                   "has changed, unless --rm says otherwise.\n\n"
                   "The exit status is the command's, 128 and the number of the signal that ended "
                   "it,\n"
                   "127 when there is no such command, 126 when it cannot be executed, 125 when\n"
                   "varve could not do its part.\n\n"
                   "Examples:\n"
                   "  varve run -it debian:12 bash\n"
                   "  varve run --rm debian:12 cat /etc/os-release\n"
                   "  varve run -d --name web -p 8080:80 -v ./site:/srv:ro app",
        .options_first = true,
        .makes_store = true,
        .run = run,
};

const struct command cmd_create = {
        .name = "create",
        .arguments = "[OPTIONS] IMAGE [COMMAND [ARGUMENT...]]",
        .summary = "Make a container, and do not start it",
        .details =
                "It prints the container's ID. `varve start` runs it, `varve cp` puts files into "
                "it before.\n\n"
                "Examples:\n"
                "  varve create --name web -p 8080:80 app\n"
                "  varve cp ./site/. web:/srv && varve start web",
        .options_first = true,
        .makes_store = true,
        .run = run,
};
