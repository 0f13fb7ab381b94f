/*
 * Random steps on random trees. A step runs on a mounted tree while what it observes is noted. Then
 * the tree is changed at random, and if all observations hold there, the step is run there too:
 * what it makes of it must be what its first layer would make of it.
 *
 * Arguments: [SEED [CASES]].
 */
#include "observed.h"
#include "layers.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "fs/server.h"
#include "fs/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES        2500
#define HITS_MIN     4 /* a case in so many is a hit, or the test says nothing */
#define SPOOL_MEMORY (1 << 20)
#define MOUNT_POINT  "observed-mnt"

static void die(const char *what, const struct error *err)
{
        fprintf(stderr, "%s: %s\n", what,
                err && error_is_set(err) ? err->message : strerror(errno));
        exit(EXIT_FAILURE);
}

/* ---- a step in a mount ---- */

static void write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || io_write(fd, text, strlen(text)) < 0)
                die(path, NULL);
        close(fd);
}

static void send_fd(int socket, int fd)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = { .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS,
                                  .cmsg_len = CMSG_LEN(sizeof(int)) } };
        struct iovec iov = { .iov_base = &(char){ 0 }, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = sizeof(control) };

        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        if (sendmsg(socket, &message, 0) < 0)
                die("sendmsg", NULL);
}

static int receive_fd(int socket)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = &(char){ 0 }, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = sizeof(control) };
        int fd;

        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen == 0)
                return -1;
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
        return fd;
}

/* In the child: mounts what the parent serves, and runs the script in it. */
static void run_script(int socket, const char *mount_options, uint64_t seed)
{
        char map[64], options[256];
        unsigned uid = getuid(), gid = getgid();
        int fd;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                die("unshare", NULL);
        write_text("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        write_text("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        write_text("/proc/self/gid_map", map);
        fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,%s", fd,
                 mount_options);
        if (fd < 0 || mount("varve", MOUNT_POINT, "fuse", 0, options) < 0)
                die("mount", NULL);
        send_fd(socket, fd);
        close(fd);
        if (read(socket, &(char){ 0 }, 1) != 1 || chdir(MOUNT_POINT) < 0)
                die("the server", NULL);
        observed_script(seed);
        _exit(EXIT_SUCCESS);
}

static void run_step(struct tree *tree, struct trace *trace, uint64_t seed)
{
        struct server_options options = { .single_id = true, .plain_links = true, .trace = trace };
        struct buf mount_options = BUF_INIT;
        struct error err = ERROR_INIT;
        struct server *server;
        int sockets[2], status;
        pid_t pid;

        if (server_mount_options(&options, &mount_options) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                die("socketpair", NULL);
        pid = fork();
        if (pid < 0)
                die("fork", NULL);
        if (pid == 0) {
                close(sockets[0]);
                run_script(sockets[1], buf_str(&mount_options), seed);
        }
        close(sockets[1]);
        buf_done(&mount_options);
        if (server_start(tree, receive_fd(sockets[0]), &options, &server, &err) < 0)
                die("server_start", &err);
        if (io_write(sockets[0], "", 1) < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
                die("the step", NULL);
        server_stop(server);
        close(sockets[0]);
}

/* ---- trees ---- */

static void set_time(struct tree *tree, uint64_t ino)
{
        struct tree_attr attr = { .mtime.tv_sec = ONE_TIME };

        tree_setattr(tree, ino, &attr, TREE_SET_MTIME, &attr);
}

static void make_something(struct random *random, struct tree *tree, uint64_t dir, const char *name)
{
        static const uint32_t modes[] = { S_IFREG | 0644, S_IFREG | 0644, S_IFREG | 0755,
                                          S_IFDIR | 0755, S_IFDIR | 0755, S_IFLNK | 0777 };
        struct tree_new_inode inode = { .mode = modes[random_below(random, 6)] };
        const char *text = random_text(random);
        char target[RANDOM_PATH_MAX];
        struct tree_attr attr;

        random_path(random, target);
        inode.target = target;
        if (tree_create(tree, dir, name, &inode, &attr) < 0)
                return;
        if (S_ISREG(inode.mode))
                tree_write(tree, attr.ino, 0, text, strlen(text), false);
        set_time(tree, attr.ino);
}

static void change_something(struct random *random, struct tree *tree, uint64_t dir,
                             const char *name, const struct tree_attr *found)
{
        struct tree_attr attr = { .uid = random_below(random, 3),
                                  .mode = random_below(random, 2) ? 0600 : 0755 };
        char other[RANDOM_PATH_MAX];
        const char *text;

        random_path(random, other);
        other[1] = '\0';
        switch (random_below(random, 8)) {
        case 0:
                tree_unlink(tree, dir, name);
                break;
        case 1:
                tree_rmdir(tree, dir, name);
                break;
        case 2:
                tree_setattr(tree, found->ino, &attr, TREE_SET_MODE, &attr);
                break;
        case 3:
                tree_setattr(tree, found->ino, &attr, TREE_SET_UID, &attr);
                break;
        case 4:
                text = random_text(random);
                tree_setxattr(tree, found->ino, "user.x", text, strlen(text), 0);
                break;
        case 5:
                tree_rename(tree, dir, name, TREE_ROOT, other, 0);
                break;
        case 6:
                tree_link(tree, found->ino, TREE_ROOT, other, &attr);
                break;
        default:
                text = random_text(random);
                attr.size = strlen(text);
                if (S_ISREG(found->mode) &&
                    tree_setattr(tree, found->ino, &attr, TREE_SET_SIZE, &attr) == 0)
                        tree_write(tree, found->ino, 0, text, strlen(text), false);
                set_time(tree, found->ino);
                break;
        }
}

/* Changes the tree at one random place. */
static void change_tree(struct random *random, struct tree *tree)
{
        char path[RANDOM_PATH_MAX], name[2] = "";
        struct tree_attr dir, attr;
        size_t len;

        random_path(random, path);
        len = strlen(path);
        name[0] = path[len - 1];
        path[len > 1 ? len - 2 : 0] = '\0';
        if (tree_resolve(tree, path, false, &dir) < 0 || !S_ISDIR(dir.mode))
                return;
        if (tree_lookup(tree, dir.ino, name, &attr) < 0)
                make_something(random, tree, dir.ino, name);
        else
                change_something(random, tree, dir.ino, name, &attr);
}

static struct tree *tree_of(const struct layers *layers)
{
        struct error err = ERROR_INIT;
        struct tree *tree;

        if (layers_open(layers, SPOOL_MEMORY, &tree, &err) < 0)
                die("layers_open", &err);
        return tree;
}

static void commit(struct layers *layers, struct tree *tree)
{
        struct error err = ERROR_INIT;

        if (layers_commit(layers, tree, &err) < 0)
                die("layers_commit", &err);
}

/* Adds a layer of so many random changes. */
static void add_layer(struct random *random, struct layers *layers, unsigned changes)
{
        struct tree *tree = tree_of(layers);

        for (unsigned i = 0; i < changes; i++)
                change_tree(random, tree);
        commit(layers, tree);
        tree_free(tree);
}

/* `from`'s layers without its first `skip` ones go on top of `to`'s: borrowed. */
static struct layers stacked(const struct layers *to, const struct layers *from, size_t skip)
{
        struct layers both = *to;

        for (size_t i = skip; i < from->count; i++)
                memcpy(both.fds[both.count++], from->fds[i], sizeof(both.fds[0]));
        return both;
}

/* ---- comparing ---- */

struct pair {
        struct tree *trees[2];
        uint64_t links[256][2];
        size_t link_count;
        char what[256];
};

static bool differ(struct pair *pair, const char *path, const char *what)
{
        snprintf(pair->what, sizeof(pair->what), "%.200s: %s", path, what);
        return false;
}

static bool links_match(struct pair *pair, uint64_t a, uint64_t b)
{
        for (size_t i = 0; i < pair->link_count; i++)
                if (pair->links[i][0] == a || pair->links[i][1] == b)
                        return pair->links[i][0] == a && pair->links[i][1] == b;
        if (pair->link_count < 256) {
                pair->links[pair->link_count][0] = a;
                pair->links[pair->link_count++][1] = b;
        }
        return true;
}

static bool xattrs_match(struct pair *pair, uint64_t a, uint64_t b)
{
        char left[64], right[64];
        ssize_t n = tree_getxattr(pair->trees[0], a, "user.x", left, sizeof(left));

        return tree_getxattr(pair->trees[1], b, "user.x", right, sizeof(right)) == n &&
               (n <= 0 || memcmp(left, right, (size_t)n) == 0);
}

static bool content_matches(struct pair *pair, uint64_t a, uint64_t b)
{
        char left[4096], right[4096];
        ssize_t n = tree_read(pair->trees[0], a, 0, left, sizeof(left));

        return tree_read(pair->trees[1], b, 0, right, sizeof(right)) == n &&
               (n <= 0 || memcmp(left, right, (size_t)n) == 0);
}

static bool targets_match(struct pair *pair, uint64_t a, uint64_t b)
{
        struct buf left = BUF_INIT, right = BUF_INIT;
        bool match = tree_readlink(pair->trees[0], a, &left) == 0 &&
                     tree_readlink(pair->trees[1], b, &right) == 0 &&
                     strcmp(buf_str(&left), buf_str(&right)) == 0;

        buf_done(&left);
        buf_done(&right);
        return match;
}

struct names {
        char names[64][8];
        size_t count;
};

static int take_name(void *userdata, const struct tree_dirent *entry)
{
        struct names *names = userdata;

        if (entry->name[0] == '.' || names->count == 64)
                return 0;
        snprintf(names->names[names->count++], 8, "%.*s", (int)entry->name_len, entry->name);
        return 0;
}

static bool trees_match(struct pair *pair, uint64_t a, uint64_t b, const char *path)
{
        struct names names = { .count = 0 }, others = { .count = 0 };
        struct tree_attr left, right;

        if (tree_getattr(pair->trees[0], a, &left) < 0 ||
            tree_getattr(pair->trees[1], b, &right) < 0)
                return differ(pair, path, "no attributes");
        if (left.mode != right.mode || left.uid != right.uid || left.gid != right.gid)
                return differ(pair, path, "mode or owner");
        if (!S_ISDIR(left.mode) && (left.size != right.size || left.nlink != right.nlink))
                return differ(pair, path, "size or links");
        if (left.nlink > 1 && !S_ISDIR(left.mode) && !links_match(pair, a, b))
                return differ(pair, path, "another file's link");
        if (!xattrs_match(pair, a, b))
                return differ(pair, path, "xattrs");
        if (S_ISREG(left.mode) && !content_matches(pair, a, b))
                return differ(pair, path, "content");
        if (S_ISLNK(left.mode) && !targets_match(pair, a, b))
                return differ(pair, path, "target");
        if (!S_ISDIR(left.mode))
                return true;
        tree_readdir(pair->trees[0], a, 0, false, take_name, &names);
        tree_readdir(pair->trees[1], b, 0, false, take_name, &others);
        if (names.count != others.count)
                return differ(pair, path, "other names");
        for (size_t i = 0; i < names.count; i++) {
                char below[256];

                snprintf(below, sizeof(below), "%s/%s", path, names.names[i]);
                if (tree_lookup(pair->trees[0], a, names.names[i], &left) < 0 ||
                    tree_lookup(pair->trees[1], b, names.names[i], &right) < 0)
                        return differ(pair, below, "is in one alone");
                if (!trees_match(pair, left.ino, right.ino, below))
                        return false;
        }
        return true;
}

static bool layers_match(const struct layers *a, const struct layers *b, struct pair *pair)
{
        bool match;

        *pair = (struct pair){ .trees = { tree_of(a), tree_of(b) } };
        match = trees_match(pair, TREE_ROOT, TREE_ROOT, "");
        tree_free(pair->trees[0]);
        tree_free(pair->trees[1]);
        return match;
}

/* ---- a case ---- */

/* Runs the step on the layers and adds its own. */
static void add_step(struct layers *layers, uint64_t seed, struct trace *trace)
{
        struct tree *tree = tree_of(layers);

        run_step(tree, trace, seed);
        commit(layers, tree);
        tree_free(tree);
}

static struct observations *evaluate(const struct trace *trace, const struct layers *before,
                                     const struct layers *after)
{
        struct observations *observations = NULL, *read;
        struct tree *tree = tree_of(before);
        struct error err = ERROR_INIT;
        struct buf bytes = BUF_INIT;
        struct index *index;

        if (index_open(after->fds[after->count - 1][1], "index", &index, &err) < 0)
                die("index_open", &err);
        if (trace_evaluate(trace, tree, index, &observations, &err) < 0 && err.code != -EOPNOTSUPP)
                die("trace_evaluate", &err);
        index_free(index);
        tree_free(tree);
        if (!observations)
                return NULL;
        if (observations_write(observations, &bytes) < 0 ||
            observations_read(bytes.data, bytes.len, &read) < 0)
                die("observations_read", NULL);
        observations_free(observations);
        buf_done(&bytes);
        return read;
}

static bool holds(const struct observations *observations, const struct layers *layers)
{
        struct tree *tree = tree_of(layers);
        struct buf difference = BUF_INIT;
        struct error err = ERROR_INIT;
        int r = observations_check(observations, tree, 1, &difference, &err);

        if (r < 0)
                die("observations_check", &err);
        tree_free(tree);
        buf_done(&difference);
        return r > 0;
}

enum outcome { MISS, HIT, UNOBSERVED, WRONG };

static enum outcome try_other(const struct observations *observations, const struct layers *other,
                              const struct layers *with_step, size_t base_count, uint64_t seed)
{
        struct layers taken = stacked(other, with_step, base_count), again = *other;
        struct error err = ERROR_INIT;
        struct trace *trace;
        struct pair pair;
        bool match;

        if (!holds(observations, other))
                return MISS;
        if (trace_new(&trace, &err) < 0)
                die("trace_new", &err);
        add_step(&again, seed, trace);
        trace_free(trace);
        match = layers_match(&taken, &again, &pair);
        again.count--;
        close(again.fds[again.count][0]);
        close(again.fds[again.count][1]);
        if (!match)
                fprintf(stderr, "%s\n", pair.what);
        return match ? HIT : WRONG;
}

static enum outcome run_case(uint64_t seed, int dir_fd)
{
        struct random random = { .state = seed | 1 };
        struct layers base = { .dir_fd = dir_fd }, other, with_step;
        uint64_t step_seed = random_next(&random);
        struct observations *observations;
        struct error err = ERROR_INIT;
        enum outcome outcome = UNOBSERVED;
        struct trace *trace;
        size_t base_count;

        for (unsigned i = 0, count = 1 + random_below(&random, 3); i < count; i++)
                add_layer(&random, &base, 40);
        base_count = base.count;
        with_step = base;
        if (trace_new(&trace, &err) < 0)
                die("trace_new", &err);
        add_step(&with_step, step_seed, trace);
        observations = evaluate(trace, &base, &with_step);
        if (observations) {
                if (!holds(observations, &base)) {
                        fprintf(stderr, "what was observed does not hold where it was observed\n");
                        outcome = WRONG;
                } else {
                        other = base;
                        add_layer(&random, &other, 1 + random_below(&random, 6));
                        outcome =
                                try_other(observations, &other, &with_step, base_count, step_seed);
                        layers_done(&(struct layers){
                                .fds = { { other.fds[base_count][0], other.fds[base_count][1] } },
                                .count = 1 });
                }
        }
        observations_free(observations);
        trace_free(trace);
        layers_done(&with_step);
        return outcome;
}

int main(int argc, char **argv)
{
        uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) * 1000003u;
        unsigned cases = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : CASES;
        unsigned outcomes[4] = { 0 };
        char dir[] = "/tmp/observed.XXXXXX";
        int dir_fd;

        if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir(MOUNT_POINT, 0755) < 0)
                die(dir, NULL);
        dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        printf("seed %" PRIu64 "\n", seed);
        for (unsigned i = 0; i < cases && outcomes[WRONG] == 0; i++) {
                enum outcome outcome = run_case(seed + i * 0x9e3779b97f4a7c15u, dir_fd);

                outcomes[outcome]++;
                if (outcome == WRONG)
                        fprintf(stderr, "seed %" PRIu64 ", 1 case\n",
                                seed + i * 0x9e3779b97f4a7c15u);
        }
        printf("%u hits, %u misses, %u not observed, %u wrong\n", outcomes[HIT], outcomes[MISS],
               outcomes[UNOBSERVED], outcomes[WRONG]);
        close(dir_fd);
        if (rmdir(MOUNT_POINT) < 0 || chdir("/") < 0 || rmdir(dir) < 0)
                die(dir, NULL);
        return outcomes[WRONG] > 0 || (cases >= CASES && outcomes[HIT] < cases / HITS_MIN);
}
