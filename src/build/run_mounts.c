#include "run_mounts.h"

#include "agent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "cache_mount.h"
#include "copy.h"
#include "worker_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As BuildKit has it. */
#define SECRET_BYTES_MAX ((size_t)500 << 10)

#define SECRET_DIRECTORY "/run/secrets"
#define SECRET_MODE      0400
#define AGENT_SOCKET     "/run/buildkit/ssh_agent.%zu"
#define AGENT_MODE       0600
#define TMPFS_MODE       01777

/* Under this name a single file of the context lies in the tree that is mounted. */
#define FILE_NAME "/file"

/* What a mount needs to live. */
struct run_mount_part {
        const struct run_mount *mount;
        char *target; /* owned; NULL: nothing is mounted */
        char *source; /* owned; in the tree */
        struct tree *tree;
        bool tree_is_ours;
        struct cache_mount cache;
        struct agent_relay *relay;
        struct buf secret;
        struct sandbox_mount form; /* what the sandbox is told */
};

static bool is_given(const char *text)
{
        return text && *text;
}

/* With one id all users are one to the kernel, and read what root may read. */
static bool has_owners(const struct worker *worker)
{
        return sandbox_host_users(worker->host) != SANDBOX_USERS_SINGLE;
}

/* ---- the key ---- */

void run_mounts_key(const struct instruction_run *run, struct key *key)
{
        key_add_number(key, run->mount_count);
        for (size_t i = 0; i < run->mount_count; i++) {
                const struct run_mount *mount = &run->mounts[i];

                key_add_number(key, mount->type);
                key_add_text(key, mount->from);
                key_add_text(key, mount->source);
                key_add_text(key, mount->target);
                key_add_text(key, mount->id);
                key_add_text(key, mount->env);
                key_add_number(key, (uint64_t)mount->size_bytes);
                key_add_number(key, mount->read_only);
                key_add_number(key, mount->has_mode ? mount->mode + 1ull : 0);
                key_add_number(key, mount->has_uid ? mount->uid + 1ull : 0);
                key_add_number(key, mount->has_gid ? mount->gid + 1ull : 0);
        }
}

/* ---- bind ---- */

/* Copies what is mounted of a context into a tree, unless `tree` is NULL, and adds it to the key.
 * Yields where it lies there. */
static int copy_context(const struct copy_source *source, const char *path, struct tree *tree,
                        struct key *key, char **ret_source, struct error *err)
{
        static const struct copy_manner as_it_is;
        struct copy_rules rules = {
                .source = source, .sources = &path, .source_count = 1, .is_literal = true
        };
        _cleanup_free_ char *real = NULL;
        struct copy_items items = { .items = NULL };
        struct copy_stat st = { .mode = 0 };
        int r;

        r = copy_source_resolve(source, path, &real, err);
        if (r == 0)
                r = copy_source_stat(source, real, &st, err);
        if (r < 0 && (r != -ENOENT || error_is_set(err)))
                return r;
        /* What is not there copy_find() tells best. */
        rules.destination = S_ISDIR(st.mode) ? "/" : FILE_NAME;
        r = copy_find(&rules, &items, err);
        if (r == 0)
                r = copy_items_apply(source, &items, &as_it_is, tree, key, err);
        copy_items_done(&items);
        if (r == 0 && ret_source) {
                *ret_source = strdup(S_ISDIR(st.mode) ? "" : FILE_NAME);
                r = *ret_source ? 0 : error_set_oom(err);
        }
        return r;
}

/* Where a path of a stage's or an image's tree leads. */
static int find_in_tree(struct tree *tree, const struct run_mount *mount, char **ret,
                        struct error *err)
{
        struct copy_source source = { .root_fd = -1, .tree = tree };
        const char *path = mount->source ? mount->source : "";
        _cleanup_free_ char *real = NULL;
        int r = copy_source_resolve(&source, path, &real, err);

        if (r == -ENOENT && !error_is_set(err))
                return error_set(err, r, "%s is not there", path);
        if (r == 0 && asprintf(ret, "/%s", real) < 0) {
                *ret = NULL;
                return error_set_oom(err);
        }
        return r;
}

/* Adds to the key what a bind mount brings, and makes a tree of it unless `part` is NULL. */
static int open_bind(struct worker *worker, const struct run_mount *mount,
                     struct run_mount_part *part, struct key *key, struct error *err)
{
        static const struct layers nothing;
        struct layers layers = nothing;
        const struct copy_source *files;
        struct digest below;
        int r = worker_find_source(worker, is_given(mount->from) ? mount->from : NULL, false,
                                   &files, &layers, err);

        if (part)
                part->tree_is_ours = true;
        if (r == 0 && files) {
                if (part)
                        r = layers_open(worker->store, &nothing, &part->tree, err);
                if (r == 0)
                        r = copy_context(files, mount->source ? mount->source : "",
                                         part ? part->tree : NULL, key, part ? &part->source : NULL,
                                         err);
        } else if (r == 0) {
                r = key_of_layers(&layers, &below, err);
                if (r == 0)
                        key_add_digest(key, &below);
                if (r == 0 && part)
                        r = worker_open_layers(worker, &layers, &part->tree, err);
                if (r == 0 && part)
                        r = find_in_tree(part->tree, mount, &part->source, err);
        }
        layers_done(&layers);
        return r;
}

/* ---- cache ---- */

/* The layers that a cache begins with. */
static int find_cache_base(struct worker *worker, const struct run_mount *mount, struct layers *ret,
                           struct key *key, struct error *err)
{
        const struct copy_source *files = NULL;
        struct digest below;
        int r = worker_find_source(worker, mount->from, false, &files, ret, err);

        if (r == 0 && files)
                r = error_set(err, -EOPNOTSUPP,
                              "a cache cannot begin with the files of a build context");
        if (r == 0)
                r = key_of_layers(ret, &below, err);
        if (r == 0)
                key_add_digest(key, &below);
        return r;
}

static int key_cache_base(struct worker *worker, const struct run_mount *mount, struct key *key,
                          struct error *err)
{
        struct layers base = { .items = NULL };
        int r = find_cache_base(worker, mount, &base, key, err);

        layers_done(&base);
        return r;
}

/* A cache that begins looks as the first who names it wants it. */
static int begin_cache(const struct run_mount *mount, const char *source, bool is_new,
                       struct tree *tree, struct error *err)
{
        struct tree_owner owner = { .uid = mount->has_uid ? mount->uid : 0,
                                    .gid = mount->has_gid ? mount->gid : 0 };
        struct tree_attr attr = { .uid = owner.uid, .gid = owner.gid };
        bool given = mount->has_uid || mount->has_gid || mount->has_mode;
        int r = 0;

        attr.mode = mount->has_mode ? mount->mode & 07777 : 0755;
        if (strcmp(source, "/") != 0)
                r = tree_make_path(tree, source, attr.mode, &owner, &attr);
        else if (is_new && given)
                r = tree_setattr(tree, TREE_ROOT, &attr,
                                 TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID, &attr);
        return r < 0 ? error_set_errno(err, r, "cannot make the cache's directory %s", source) : 0;
}

/* What a cache without an id is called is its target as it is written: one that is relative is the
 * same in all directories. */
static int name_cache(const struct worker *worker, const struct run_mount *mount, char **ret,
                      struct error *err)
{
        const char *space = worker->plan->builder_args.cache_namespace;
        _cleanup_free_ char *target = path_clean(is_given(mount->target) ? mount->target : ".");
        const char *id = is_given(mount->id) ? mount->id : target;

        if (!target || asprintf(ret, "%s%s%s", space ? space : "", space ? "/" : "", id) < 0) {
                *ret = NULL;
                return error_set_oom(err);
        }
        return 0;
}

static int open_cache(struct worker *worker, struct run_mount_part *part, struct key *key,
                      struct error *err)
{
        const struct run_mount *mount = part->mount;
        struct layers base = { .items = NULL };
        _cleanup_free_ char *id = NULL;
        struct tree *fetched = NULL;
        int r = 0;

        if (is_given(mount->from))
                r = find_cache_base(worker, mount, &base, key, err);
        /* So that the layers are there for as long as the cache needs them. */
        if (r == 0)
                r = worker_open_layers(worker, &base, &fetched, err);
        tree_free(fetched);
        if (r == 0)
                r = name_cache(worker, mount, &id, err);
        if (r == 0)
                r = cache_mount_open(worker->store, id, is_given(mount->from) ? &base : NULL,
                                     mount->sharing, &part->cache, err);
        layers_done(&base);
        if (r < 0)
                return r;
        part->tree = part->cache.tree;
        r = find_in_tree(part->tree, mount, &part->source, err);
        if (r == -ENOENT) {
                *err = ERROR_INIT;
                part->source = path_resolve("/", mount->source ? mount->source : "");
                r = part->source ? 0 : error_set_oom(err);
        }
        if (r < 0)
                return r;
        return begin_cache(mount, part->source, part->cache.layers.count == 0, part->tree, err);
}

/* ---- secret ---- */

static const char *name_of_secret(const struct run_mount *mount)
{
        if (is_given(mount->source))
                return mount->source;
        return is_given(mount->id) ? mount->id : path_base(mount->target);
}

static const struct build_secret *find_secret(const struct build_options *options, const char *id)
{
        for (size_t i = 0; i < options->secret_count; i++)
                if (strcmp(options->secrets[i].id, id) == 0)
                        return &options->secrets[i];
        return NULL;
}

static int read_secret(const struct build_secret *secret, struct buf *ret, struct error *err)
{
        const char *value;

        if (secret->path)
                return io_read_file(AT_FDCWD, secret->path, SECRET_BYTES_MAX, ret, err);
        value = getenv(secret->env);
        if (!value)
                return error_set(err, -ENOENT, "the environment has no %s", secret->env);
        if (strlen(value) > SECRET_BYTES_MAX)
                return error_set(err, -E2BIG, "%s is larger than %zu bytes", secret->env,
                                 SECRET_BYTES_MAX);
        return buf_append_str(ret, value) < 0 ? error_set_oom(err) : 0;
}

/* The file of a secret, unless only a variable was asked for. */
static int place_secret(const struct worker *worker, struct run_mount_part *part, const char *id,
                        struct error *err)
{
        const struct run_mount *mount = part->mount;
        bool owned = has_owners(worker);

        if (mount->env && !is_given(mount->target))
                return 0;
        part->target = is_given(mount->target) ? path_resolve("/", mount->target)
                                               : path_resolve(SECRET_DIRECTORY, path_base(id));
        if (!part->target)
                return error_set_oom(err);
        part->form = (struct sandbox_mount){
                .type = SANDBOX_MOUNT_DATA,
                .data = buf_str(&part->secret),
                .data_len = part->secret.len,
                .mode = mount->has_mode ? mount->mode & 07777 : SECRET_MODE,
                .uid = owned && mount->has_uid ? mount->uid : 0,
                .gid = owned && mount->has_gid ? mount->gid : 0,
        };
        return 0;
}

static int open_secret(struct worker *worker, struct run_mounts *mounts,
                       struct run_mount_part *part, struct error *err)
{
        const struct run_mount *mount = part->mount;
        const char *id = name_of_secret(mount);
        const struct build_secret *secret = find_secret(worker->options, id);
        int r;

        if (!secret && !mount->required)
                return 0;
        if (!secret) {
                error_set(err, -ENOENT, "the secret %s is required, and was not given", id);
                return error_hint(
                        err, "Give it: --secret id=%s,src=FILE or --secret id=%s,env=NAME", id, id);
        }
        r = read_secret(secret, &part->secret, err);
        if (r < 0)
                return error_wrap(err, "the secret %s", id);
        if (mount->env && part->secret.len > 0 && memchr(part->secret.data, '\0', part->secret.len))
                return error_set(err, -EINVAL,
                                 "the secret %s has a NUL byte, and cannot be a variable", id);
        if (mount->env &&
            strv_env_set(&mounts->env, *mount->env ? mount->env : id, buf_str(&part->secret)) < 0)
                return error_set_oom(err);
        return place_secret(worker, part, id, err);
}

/* ---- ssh ---- */

static const struct build_agent *find_agent(const struct build_options *options, const char *id)
{
        for (size_t i = 0; i < options->agent_count; i++)
                if (strcmp(options->agents[i].id, id) == 0)
                        return &options->agents[i];
        return NULL;
}

static int place_agent(struct run_mount_part *part, size_t number)
{
        if (is_given(part->mount->target))
                part->target = path_resolve("/", part->mount->target);
        else if (asprintf(&part->target, AGENT_SOCKET, number) < 0)
                part->target = NULL;
        return part->target ? 0 : -ENOMEM;
}

static int open_agent(struct worker *worker, struct run_mounts *mounts, struct run_mount_part *part,
                      size_t number, struct error *err)
{
        const struct run_mount *mount = part->mount;
        const char *id = is_given(mount->id) ? mount->id : "default";
        const struct build_agent *agent = find_agent(worker->options, id);
        uint32_t mode = mount->has_mode ? mount->mode & 0777 : AGENT_MODE;
        bool owned = has_owners(worker);
        int r;

        if (!agent && !mount->required)
                return 0;
        if (!agent) {
                error_set(err, -ENOENT, "the agent %s is required, and was not given", id);
                return error_hint(err, "Give it: --ssh %s", id);
        }
        if (place_agent(part, number) < 0)
                return error_set_oom(err);
        /* Then it is root's whatever was asked for, and access(2) tells another user by the mode.
         */
        if (!owned && ((mount->has_uid && mount->uid != 0) || (mount->has_gid && mount->gid != 0)))
                mode |= 0666;
        r = agent_relay_start(worker->store, agent->socket, mode, &part->relay, err);
        if (r < 0)
                return error_wrap(err, "--ssh %s", id);
        part->form = (struct sandbox_mount){
                .type = SANDBOX_MOUNT_BIND,
                .source_fd = agent_relay_fd(part->relay),
                .uid = owned && mount->has_uid ? mount->uid : 0,
                .gid = owned && mount->has_gid ? mount->gid : 0,
        };
        if (!strv_env_get(&mounts->env, "SSH_AUTH_SOCK") &&
            strv_env_set(&mounts->env, "SSH_AUTH_SOCK", part->target) < 0)
                return error_set_oom(err);
        return 0;
}

/* ---- all of them ---- */

static int open_files(struct worker *worker, struct run_mount_part *part, struct key *key,
                      struct error *err)
{
        const struct run_mount *mount = part->mount;
        int r;

        /* Without a target it is the working directory. */
        part->target =
                path_resolve(worker_workdir(worker), is_given(mount->target) ? mount->target : ".");
        if (!part->target)
                return error_set_oom(err);
        if (strcmp(part->target, "/") == 0)
                return error_set(err, -EINVAL, "nothing can be mounted on the root directory");
        if (mount->type == MOUNT_TMPFS) {
                part->form = (struct sandbox_mount){ .type = SANDBOX_MOUNT_TMPFS,
                                                     .mode = TMPFS_MODE,
                                                     .size_bytes = (uint64_t)mount->size_bytes };
                return 0;
        }
        r = mount->type == MOUNT_CACHE ? open_cache(worker, part, key, err)
                                       : open_bind(worker, mount, part, key, err);
        part->form = (struct sandbox_mount){ .type = SANDBOX_MOUNT_FUSE, .source = part->source };
        return r;
}

static int open_part(struct worker *worker, struct run_mounts *mounts, struct run_mount_part *part,
                     size_t *agents, struct key *key, struct error *err)
{
        int r = -EINVAL;

        switch (part->mount->type) {
        case MOUNT_BIND:
        case MOUNT_CACHE:
        case MOUNT_TMPFS:
                r = open_files(worker, part, key, err);
                break;
        case MOUNT_SECRET:
                r = open_secret(worker, mounts, part, err);
                break;
        case MOUNT_SSH:
                r = open_agent(worker, mounts, part, (*agents)++, err);
                break;
        }
        return r < 0 ? error_wrap(err, "--mount=%.200s", part->mount->text) : 0;
}

/* What is mounted below another comes after it; else they stay in their order. */
static int list_items(struct run_mounts *mounts, struct error *err)
{
        mounts->items = calloc(mounts->part_count + 1, sizeof(*mounts->items));
        if (!mounts->items)
                return error_set_oom(err);
        for (size_t i = 0; i < mounts->part_count; i++) {
                struct run_mount_part *part = &mounts->parts[i];
                struct execution_mount item = { .mount = part->form, .tree = part->tree };
                size_t at = mounts->count;

                if (!part->target)
                        continue;
                item.mount.target = part->target;
                /* What ssh is connected to takes no writes for files. */
                item.mount.read_only = part->mount->type == MOUNT_SECRET ||
                                       (part->mount->read_only && part->mount->type != MOUNT_SSH);
                while (at > 0 &&
                       path_depth(mounts->items[at - 1].mount.target) > path_depth(part->target)) {
                        mounts->items[at] = mounts->items[at - 1];
                        at--;
                }
                mounts->items[at] = item;
                mounts->count++;
        }
        return 0;
}

/* Whether some mount brings files that a step depends on. */
static bool has_files(const struct instruction_run *run)
{
        for (size_t i = 0; i < run->mount_count; i++)
                if (run->mounts[i].type == MOUNT_BIND || is_given(run->mounts[i].from))
                        return true;
        return false;
}

int run_mounts_digest(struct worker *worker, struct digest *ret, struct error *err)
{
        const struct instruction_run *run = &worker->instruction->run;
        struct key key;
        int r;

        *ret = (struct digest){ .bytes = { 0 } };
        if (!has_files(run))
                return 0;
        r = key_begin(&key, "mounts", err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < run->mount_count && r == 0; i++) {
                const struct run_mount *mount = &run->mounts[i];

                if (mount->type == MOUNT_BIND)
                        r = open_bind(worker, mount, NULL, &key, err);
                else if (mount->type == MOUNT_CACHE && is_given(mount->from))
                        r = key_cache_base(worker, mount, &key, err);
                if (r < 0)
                        error_wrap(err, "--mount=%.200s", mount->text);
        }
        if (r < 0) {
                key_done(&key);
                return r;
        }
        return key_finish(&key, ret, err);
}

/* What counts as a whole, whatever the step has read of it. */
static int find_fixed(struct worker *worker, struct run_mounts *mounts, struct error *err)
{
        struct key key;
        int r = key_begin(&key, "fixed", err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < mounts->part_count && r == 0; i++) {
                const struct run_mount_part *part = &mounts->parts[i];

                if (part->mount->type == MOUNT_BIND)
                        key_add_text(&key, part->source);
                else if (part->mount->type == MOUNT_CACHE && is_given(part->mount->from))
                        r = key_cache_base(worker, part->mount, &key, err);
        }
        if (r < 0) {
                key_done(&key);
                return r;
        }
        return key_finish(&key, &mounts->fixed, err);
}

static void list_binds(struct run_mounts *mounts)
{
        for (size_t i = 0; i < mounts->part_count; i++) {
                const struct run_mount_part *part = &mounts->parts[i];

                if (part->mount->type == MOUNT_BIND)
                        mounts->binds[mounts->bind_count++] = (struct run_bind){
                                .target = part->target, .source = part->source, .tree = part->tree
                        };
        }
}

int run_mounts_open(struct worker *worker, bool only_binds, struct run_mounts *ret,
                    struct digest *ret_input, struct error *err)
{
        const struct instruction_run *run = &worker->instruction->run;
        size_t agents = 0;
        struct key key;
        int r;

        *ret = RUN_MOUNTS_INIT;
        *ret_input = (struct digest){ .bytes = { 0 } };
        if (run->mount_count == 0)
                return 0;
        ret->parts = calloc(run->mount_count, sizeof(*ret->parts));
        ret->binds = calloc(run->mount_count, sizeof(*ret->binds));
        if (!ret->parts || !ret->binds)
                return error_set_oom(err);
        r = key_begin(&key, "mounts", err);
        if (r < 0)
                return r;
        while (ret->part_count < run->mount_count && r == 0) {
                struct run_mount_part *part = &ret->parts[ret->part_count];

                part->mount = &run->mounts[ret->part_count++];
                part->cache = CACHE_MOUNT_INIT;
                if (!only_binds || part->mount->type == MOUNT_BIND)
                        r = open_part(worker, ret, part, &agents, &key, err);
        }
        if (r == 0)
                r = list_items(ret, err);
        if (r == 0)
                r = find_fixed(worker, ret, err);
        if (r == 0)
                list_binds(ret);
        if (r < 0 || !has_files(run)) {
                key_done(&key);
                return r;
        }
        return key_finish(&key, ret_input, err);
}

int run_mounts_keep(struct run_mounts *mounts, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < mounts->part_count && r == 0; i++) {
                struct run_mount_part *part = &mounts->parts[i];

                if (part->cache.tree && !part->mount->read_only)
                        r = cache_mount_commit(&part->cache, err);
        }
        return r < 0 ? error_wrap(err, "cannot keep a cache") : 0;
}

void run_mounts_done(struct run_mounts *mounts)
{
        for (size_t i = 0; i < mounts->part_count; i++) {
                struct run_mount_part *part = &mounts->parts[i];

                if (part->tree_is_ours)
                        tree_free(part->tree);
                cache_mount_done(&part->cache);
                agent_relay_free(part->relay);
                buf_done(&part->secret);
                free(part->target);
                free(part->source);
        }
        for (size_t i = 0; i < mounts->bind_count; i++)
                trace_free(mounts->binds[i].trace);
        free(mounts->binds);
        free(mounts->parts);
        free(mounts->items);
        strv_done(&mounts->env);
        *mounts = RUN_MOUNTS_INIT;
}
