#include "build/execute.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"
#include "copies.h"
#include "emulation.h"
#include "mount_points.h"
#include "network_files.h"
#include "sandbox/confine.h"
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Files that every command has: for the network, and its script. */
#define OWN_MOUNTS 4

/* Everything that one execution makes, in the order in which it is taken down. */
struct execution_live {
        const struct execution *execution;
        struct sandbox_spec spec; /* what commands that follow have in common with the first */
        struct user user;
        struct strv env;
        struct network_options network; /* what it came to; borrowed */
        struct network_files files;
        struct strv targets;     /* of its mounts, with no symlink */
        struct server **servers; /* owned; of its mounts, NULL for those that need none */
        struct sandbox *sandbox;
        struct emulation emulation;
        struct server *server;
        struct copies copies; /* instead of the servers */
};

static void run_done(struct execution_live *run)
{
        /* The server outlives the last process, so that none is stuck in the filesystem. */
        sandbox_free(run->sandbox);
        emulation_done(&run->emulation);
        copies_done(&run->copies);
        server_stop(run->server);
        for (size_t i = 0; i < run->execution->mount_count && run->servers; i++)
                server_stop(run->servers[i]);
        free(run->servers);
        tree_remove_stubs(run->execution->tree);
        mount_points_remove(run->execution->mounts, run->execution->mount_count);
        strv_done(&run->targets);
        user_done(&run->user);
        strv_done(&run->env);
        network_files_done(&run->files);
}

static void tell(const struct execution_live *run, const char *text)
{
        if (run->execution->notice)
                run->execution->notice(run->execution->context, text);
}

/* ---- what the step is given ---- */

/* `more`, or NULL, goes over what the execution says. */
static int prepare_env(const struct execution *execution, const struct strv *more,
                       const struct user *user, struct strv *ret, struct error *err)
{
        int r = strv_extend(ret, execution->env);

        for (size_t i = 0; more && i < more->count && r == 0; i++) {
                const char *item = more->items[i];
                _cleanup_free_ char *name = strndup(item, strcspn(item, "="));

                r = name ? strv_env_set(ret, name, item + strcspn(item, "=") + 1) : -ENOMEM;
        }
        if (r == 0 && !strv_env_get(ret, "PATH"))
                r = strv_env_set(ret, "PATH", DEFAULT_PATH);
        if (r == 0 && !strv_env_get(ret, "HOME"))
                r = strv_env_set(ret, "HOME", user->home);
        return r < 0 ? error_set_oom(err) : 0;
}

/* Where something is mounted there has to be something to mount it on, which the command does not
 * see. */
static int add_stub(const struct execution *execution, const char *path, bool directory)
{
        int r = tree_add_stub(execution->tree, path, directory);

        return r == 0 && execution->trace ? trace_cover(execution->trace, execution->tree, path)
                                          : r;
}

static int add_stubs(const struct execution *execution, struct error *err)
{
        const struct {
                const char *path;
                bool directory;
        } stubs[] = {
                { "/proc", true },
                { "/sys", true },
                { "/dev", true },
                { "/etc/resolv.conf", false },
                { "/etc/hosts", false },
                { "/etc/hostname", false },
                { EXECUTE_SCRIPT_PATH, false }, /* the last */
        };

        for (size_t i = 0; i < ARRAY_SIZE(stubs) - !execution->script; i++) {
                int r = add_stub(execution, stubs[i].path, stubs[i].directory);

                if (r < 0)
                        return error_set_errno(err, r, "cannot make the mount point %s",
                                               stubs[i].path);
        }
        return 0;
}

/* A working directory that is not there is made, as Docker makes it. */
static int make_workdir(const struct execution *execution, const char *workdir, struct error *err)
{
        static const struct tree_owner root = { .uid = 0 };
        struct tree *tree = execution->tree;
        struct tree_attr attr;
        int r = tree_resolve(tree, workdir, true, &attr);

        if (r == -ENOENT && execution->trace)
                r = trace_make_path(execution->trace, tree, workdir);
        if (r == 0 || r == -ENOENT)
                r = tree_make_path(tree, workdir, 0755, &root, &attr);
        if (r < 0)
                return error_set_errno(err, r, "cannot use %s as the working directory", workdir);
        return 0;
}

/* ---- mounts ---- */

/* Appends what the execution asks for to the mounts that every sandbox has. */
static size_t add_mounts(const struct execution_live *run, struct sandbox_mount *mounts,
                         size_t count)
{
        const struct execution *execution = run->execution;

        for (size_t i = 0; i < execution->mount_count; i++) {
                mounts[count] = execution->mounts[i].mount;
                mounts[count++].target = run->targets.items[i];
        }
        return count;
}

/* What the emulation is about; `first` is the number of the first of the mounts. */
static void list_trees(struct execution_live *run, size_t first)
{
        const struct execution *execution = run->execution;

        run->emulation.root =
                (struct emulation_tree){ .tree = execution->tree, .trace = execution->trace };
        for (size_t i = 0; i < execution->mount_count; i++)
                run->emulation.mounts[first + i] =
                        (struct emulation_tree){ .tree = execution->mounts[i].tree,
                                                 .trace = execution->mounts[i].trace };
}

/* Serves the trees that are mounted; `first` is the number of the first of the mounts. */
static int start_servers(struct execution_live *run, const struct server_options *options,
                         size_t first, struct error *err)
{
        const struct execution *execution = run->execution;
        struct server_options plain = *options;
        int r = 0;

        run->servers = calloc(execution->mount_count + 1, sizeof(struct server *));
        if (!run->servers)
                return error_set_oom(err);
        for (size_t i = 0; i < execution->mount_count && r == 0; i++) {
                if (!execution->mounts[i].tree)
                        continue;
                /* Its inodes are numbered like those of the root, and are others. */
                plain.trace = execution->mounts[i].trace;
                r = server_start(execution->mounts[i].tree,
                                 sandbox_take_mount_fd(run->sandbox, first + i), &plain,
                                 &run->servers[i], err);
                run->emulation.mounts[first + i].server = run->servers[i];
        }
        return r;
}

/* ---- running ---- */

/* What serves a step's requests sees the spool and, for where its clients run, /proc. */
static int confine_server(void *context, struct error *err)
{
        const struct emulation *emulation = context;
        _cleanup_close_ int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const struct confine_path paths[] = {
                { .fd = tree_spool_dir(emulation->root.tree), .writable = true },
                { .fd = proc_fd },
        };
        int r = confine_thread(paths, ARRAY_SIZE(paths) - (proc_fd < 0), false, err);

        return r < 0 ? r : 0;
}

static struct emulator *emulator_of(const struct execution_live *run)
{
        return run->execution->copied ? run->copies.emulation.emulator : run->emulation.emulator;
}

static bool is_emulated(const struct execution_live *run)
{
        return sandbox_host_emulation(run->execution->host) == SANDBOX_EMULATE_RECORD;
}

/* Serves the sandbox's mounts. The command does not run yet. */
static int serve(struct execution_live *run, const struct server_options *options,
                 const struct sandbox_spec *spec, size_t own_mounts, struct error *err)
{
        const struct execution *execution = run->execution;
        int r = 0;

        if (is_emulated(run))
                r = emulation_init(&run->emulation, execution->host, spec, err);
        if (r == 0)
                r = server_start(execution->tree, sandbox_take_fuse_fd(run->sandbox), options,
                                 &run->server, err);
        if (r == 0)
                r = start_servers(run, options, own_mounts, err);
        run->emulation.root.server = run->server;
        return r;
}

static int start(struct execution_live *run, struct error *err)
{
        const struct execution *execution = run->execution;
        const bool single = sandbox_host_users(execution->host) == SANDBOX_USERS_SINGLE;
        const bool emulated = is_emulated(run);
        struct server_options server = { .single_id = single,
                                         .id_max = UINT16_MAX,
                                         .owners_unknown = single && !emulated,
                                         .owner_of = single && emulated ? emulation_owner_of : NULL,
                                         .plain_links = true,
                                         .trace = execution->trace,
                                         .confine = confine_server,
                                         .context = &run->emulation };
        const char *workdir = execution->workdir;
        struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX] = {
                { .type = SANDBOX_MOUNT_DATA,
                  .target = "/etc/resolv.conf",
                  .mode = 0644,
                  .data = buf_str(&run->files.resolv_conf),
                  .data_len = run->files.resolv_conf.len },
                { .type = SANDBOX_MOUNT_DATA,
                  .target = "/etc/hosts",
                  .mode = 0644,
                  .data = buf_str(&run->files.hosts),
                  .data_len = run->files.hosts.len },
                { .type = SANDBOX_MOUNT_DATA,
                  .target = "/etc/hostname",
                  .mode = 0644,
                  .data = buf_str(&run->files.hostname),
                  .data_len = run->files.hostname.len },
                { .type = SANDBOX_MOUNT_DATA,
                  .target = EXECUTE_SCRIPT_PATH,
                  .mode = 0755,
                  .data = execution->script,
                  .data_len = execution->script ? strlen(execution->script) : 0 },
        };
        const size_t own = OWN_MOUNTS - !execution->script;
        struct buf options = BUF_INIT;
        struct sandbox_spec spec = {
                .root = SANDBOX_ROOT_FUSE,
                .argv = execution->argv,
                .env = &run->env,
                .workdir = workdir && *workdir ? workdir : "/",
                .uid = run->user.uid,
                .gid = run->user.gid,
                .groups = run->user.groups,
                .group_count = run->user.group_count,
                .hostname = execution->hostname,
                .network = run->network.mode,
                .resolvers = buf_str(&run->files.resolvers),
                .mounts = mounts,
                .mount_count = add_mounts(run, mounts, own),
                .emulation = sandbox_host_emulation(execution->host),
                .unconfined = execution->insecure,
                .terminal = execution->terminal,
                .rows = execution->rows,
                .columns = execution->columns,
                .executes = execution->executes,
                .read_only = execution->read_only,
                .add_capabilities = execution->add_capabilities,
                .drop_capabilities = execution->drop_capabilities,
                .ports = execution->ports,
                .port_count = execution->port_count,
        };
        const struct execution_bounds *bounds = execution->bounds;
        int r;

        if (bounds) {
                spec.limits = bounds->limits;
                spec.limit_count = bounds->limit_count;
                spec.shm_size_bytes = bounds->shm_size_bytes;
                spec.cgroup = bounds->limits_usage ? &bounds->cgroup : NULL;
                spec.no_new_privileges = bounds->no_new_privileges;
                spec.unfiltered = bounds->unfiltered;
        }
        if (execution->copied) {
                spec.root = SANDBOX_ROOT_DIRECTORY;
                spec.root_fd = layout_dir(run->copies.root);
                copies_use(&run->copies, mounts + own);
        }
        list_trees(run, own);
        memcpy(spec.stdio, execution->stdio, sizeof(spec.stdio));
        run->spec = spec;
        if (server_mount_options(&server, &options) < 0)
                return error_set_oom(err);
        spec.fuse_options = buf_str(&options);
        r = sandbox_start(execution->host, &spec, &run->sandbox, err);
        buf_done(&options);
        if (r == 0 && !execution->copied)
                r = serve(run, &server, &spec, own, err);
        else if (r == 0 && emulated)
                r = emulation_layout_init(&run->copies.emulation, run->copies.root, execution->host,
                                          &spec, err);
        if (r == 0)
                r = sandbox_go(run->sandbox, err);
        if (r == 0 && emulated)
                r = emulator_start(emulator_of(run), run->sandbox, err);
        return r;
}

/* Where mounts go was found past the server: it is only known to be the same elsewhere where no
 * symlink had a say. */
static int note_targets(const struct execution_live *run, struct error *err)
{
        const struct execution *execution = run->execution;

        for (size_t i = 0; execution->trace && i < execution->mount_count; i++) {
                _cleanup_free_ char *plain = path_resolve("/", execution->mounts[i].mount.target);
                int r;

                if (!plain)
                        return error_set_oom(err);
                if (strcmp(plain, run->targets.items[i]) != 0)
                        trace_refuse(execution->trace,
                                     "symlinks lead to where it mounts something");
                r = trace_cover(execution->trace, execution->tree, run->targets.items[i]);
                if (r < 0)
                        return error_set_errno(err, r, "cannot look at %s", run->targets.items[i]);
        }
        return 0;
}

/* Nobody sees what is read of a copy. What is made belongs to whom the command begins as. */
static int make_copies(struct execution_live *run, struct error *err)
{
        struct tree_owner owner = { .uid = 0 };

        if (is_emulated(run))
                owner = (struct tree_owner){ .uid = run->user.uid, .gid = run->user.gid };
        if (run->execution->trace)
                trace_refuse(run->execution->trace, "it ran in a copy of its files (--fs=copy)");
        return copies_make(&run->copies, run->execution, &owner, err);
}

static int prepare(struct execution_live *run, struct error *err)
{
        const struct execution *execution = run->execution;
        const char *workdir = execution->workdir;
        int r;

        r = user_find(execution->tree, execution->user ? execution->user : "", &run->user, err);
        if (r == 0)
                r = prepare_env(execution, NULL, &run->user, &run->env, err);
        if (r == 0)
                r = network_files_make(&run->network, execution->hostname, &run->files, err);
        if (r == 0 && workdir && *workdir)
                r = make_workdir(execution, workdir, err);
        if (r == 0 && execution->mount_count > SANDBOX_MOUNTS_MAX - OWN_MOUNTS)
                r = error_set(err, -E2BIG, "more than %d mounts", SANDBOX_MOUNTS_MAX - OWN_MOUNTS);
        if (r == 0)
                r = add_stubs(execution, err);
        if (r == 0)
                r = mount_points_add(execution->tree, execution->mounts, execution->mount_count,
                                     &run->targets, err);
        if (r == 0 && execution->copied)
                r = make_copies(run, err);
        return r < 0 ? r : note_targets(run, err);
}

/* The host allows no network of its own, and the host's would do: once more, with that. */
static int start_with_host_network(struct execution_live *run, struct error *err)
{
        char text[ERROR_MESSAGE_MAX + 128];
        int r;

        snprintf(text, sizeof(text), "%s; the host's network is used instead", err->message);
        tell(run, text);
        *err = ERROR_INIT;
        run->network.mode = SANDBOX_NETWORK_HOST;
        network_files_done(&run->files);
        run->files = (struct network_files){ .hosts = BUF_INIT };
        r = network_files_make(&run->network, run->execution->hostname, &run->files, err);
        return r < 0 ? r : start(run, err);
}

static void tell_lost_network(const struct execution_live *run)
{
        struct error lost = ERROR_INIT;

        if (sandbox_lost_network(run->sandbox, &lost))
                tell(run, lost.message);
}

/* How often the caller is asked whether it has something to do while a command runs. */
#define MEANWHILE_MS 500

/* As a shell tells of a command that SIGKILL has ended. */
#define STATUS_KILLED 137

static void end_command(struct execution_live *run, int *ret_status)
{
        struct error ignored = ERROR_INIT;

        *ret_status = STATUS_KILLED;
        sandbox_kill(run->sandbox);
        sandbox_wait(run->sandbox, -1, &(int){ 0 }, &ignored);
}

/* Waits for the command's end, for as long as it may take, and lets the caller do other things
 * meanwhile. */
static int wait_for_end(struct execution_live *run, int *ret_status, struct error *err)
{
        const struct execution *execution = run->execution;
        int timeout_ms = execution->bounds ? execution->bounds->timeout_ms : 0;
        uint64_t began = clock_monotonic_ns();
        int r = -ETIMEDOUT;

        while (r == -ETIMEDOUT) {
                uint64_t passed_ms = (clock_monotonic_ns() - began) / 1000000;
                int slice_ms = execution->meanwhile ? MEANWHILE_MS : -1;

                if (timeout_ms > 0 && passed_ms >= (uint64_t)timeout_ms) {
                        end_command(run, ret_status);
                        return error_set(err, -ETIMEDOUT,
                                         "the command was ended: it took longer than %d.%03d s",
                                         timeout_ms / 1000, timeout_ms % 1000);
                }
                if (timeout_ms > 0 && (slice_ms < 0 || slice_ms > timeout_ms - (int)passed_ms))
                        slice_ms = timeout_ms - (int)passed_ms;
                r = sandbox_wait(run->sandbox, slice_ms, ret_status, err);
                if (r != -ETIMEDOUT)
                        break;
                *err = ERROR_INIT;
                if (execution->meanwhile && execution->meanwhile(execution->context, err) < 0) {
                        end_command(run, ret_status);
                        return err->code;
                }
        }
        if (sandbox_ran_out_of_memory(run->sandbox)) {
                *ret_status = STATUS_KILLED;
                *err = ERROR_INIT;
                r = error_set(err, -ENOMEM,
                              "the command was ended: it used more memory than "
                              "--memory allows");
        }
        return r;
}

/* ---- more commands ---- */

/* The emulation answers the calls of what runs from now on. */
static void hear_child(void *context, const struct sandbox_child_event *event)
{
        const struct execution_live *run = context;
        struct sandbox_child_event told = *event;

        if (event->state == SANDBOX_CHILD_RUNNING && event->fd >= 0) {
                emulator_add_listener(emulator_of(run), event->fd);
                told.fd = -1;
        }
        if (run->execution->child)
                run->execution->child(run->execution->context, &told);
        else if (told.fd >= 0)
                close(told.fd);
}

void execution_signal(struct execution_live *live, int signal_number)
{
        sandbox_signal(live->sandbox, signal_number);
}

void execution_kill(struct execution_live *live)
{
        sandbox_kill(live->sandbox);
}

int execution_take_terminal(struct execution_live *live)
{
        return sandbox_take_terminal_fd(live->sandbox);
}

int execution_begin(struct execution_live *live, const struct execution_child *child,
                    uint32_t number, struct error *err)
{
        const struct execution *execution = live->execution;
        const char *name = child->user && *child->user ? child->user : execution->user;
        struct sandbox_spec spec = live->spec;
        _cleanup_(user_done) struct user user = { .uid = 0 };
        _cleanup_(strv_done) struct strv env = STRV_INIT;
        uint32_t mark = 0;
        int r = user_find(execution->tree, name ? name : "", &user, err);

        if (r == 0)
                r = prepare_env(execution, child->env, &user, &env, err);
        if (r == 0 && is_emulated(live) &&
            emulator_add_user(emulator_of(live), user.uid, user.gid, user.groups, user.group_count,
                              &mark) < 0)
                r = error_set_oom(err);
        if (r < 0)
                return r;
        spec.argv = child->argv;
        spec.env = &env;
        if (child->workdir && *child->workdir)
                spec.workdir = child->workdir;
        spec.uid = user.uid;
        spec.gid = user.gid;
        spec.groups = user.groups;
        spec.group_count = user.group_count;
        spec.terminal = child->terminal;
        spec.rows = child->rows;
        spec.columns = child->columns;
        /* What is made for the whole sandbox is there. */
        spec.mount_count = spec.port_count = 0;
        spec.network = SANDBOX_NETWORK_HOST;
        memcpy(spec.stdio, child->stdio, sizeof(spec.stdio));
        return sandbox_execute(live->sandbox, execution->host, &spec, number, mark, err);
}

int execute(const struct execution *execution, int *ret_status, struct error *err)
{
        _cleanup_(run_done) struct execution_live run = { .execution = execution,
                                                          .network = *execution->network };
        struct error failure = ERROR_INIT;
        int r;

        r = prepare(&run, err);
        if (r == 0)
                r = start(&run, err);
        if (r == -ENONET && run.network.or_host)
                r = start_with_host_network(&run, err);
        if (r < 0)
                return r;
        sandbox_on_child(run.sandbox, hear_child, &run);
        if (execution->started)
                execution->started(execution->context, &run);
        r = wait_for_end(&run, ret_status, err);
        tell_lost_network(&run);
        if (execution->started)
                execution->started(execution->context, NULL);
        if (!execution->copied || execution->discarded || (r < 0 && !execution->keeps_all))
                return r;
        if (copies_take_back(&run.copies, execution, execution->keeps_all || *ret_status == 0,
                             is_emulated(&run), &failure) < 0 &&
            r == 0) {
                *err = failure;
                return failure.code;
        }
        return r;
}
