#include "docker_flags.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct docker_flag {
        const char *commands; /* each between spaces */
        const char *name;     /* "long", or "l long" with its letter */
        bool has_value;
        const char *done; /* the value that is done anyway; a flag that is just there is "true" */
        const char *reason;
};

#define NO_DAEMON    "there is no daemon, and no other builder than this one"
#define NO_CPUSET    "processors cannot be chosen; --cpus limits how much of them is used"
#define NO_SWAP      "swap is not counted apart from memory; --memory limits both"
#define NO_HEALTH    "nothing watches over a container's health"
#define NO_BANDWIDTH "what a container reads and writes is not slowed down"
#define NO_SEARCH    "names are looked up as they are written; write them in full"
#define NO_WINDOWS   "that is of Windows"
#define NO_CLUSTER   "there is no cluster"
#define ONE_PLATFORM "an image is for one platform; one of several is `varve pull --platform`"
#define OWN_VOLUMES  "a volume is a directory of the store; -v mounts any directory of the host"
#define CACHE_SIZE   "--keep-storage says how much of the cache is kept"
#define NO_LOGGING   "what a container prints is kept in the store, for `varve logs`"
#define OWN_NETWORK  "the network is the container's own; --network says which kind"
#define OWN_SPACE    "a container has namespaces of its own"
#define UNSIGNED     "signatures of images are not looked at"
#define INSECURE                                                                    \
        "images come from several registries, some while it runs; the settings of " \
        "registries say which of them are insecure"

/* Of commands. */
#define NO_FREEZER "only a cgroup of its own can be frozen"
#define NO_COUNTER "nothing counts what a container uses"
#define NO_EVENTS  "nobody watches all containers"
#define NO_UPDATE  "a container is what it was made to be"
#define TOP_HINT   "`varve top CONTAINER -o pid,%cpu,rss,args` shows it of each process."

static const struct docker_flag flags[] = {
        { " build ", "rm", false, "true", "what a step leaves is always removed" },
        { " build ", "force-rm", false, "true", "what a step leaves is always removed" },
        { " build ", "compress", false, NULL, "the context is read where it is, not sent" },
        { " build ", "stream", false, NULL, "the context is read where it is, not sent" },
        { " build ", "builder", true, "default", NO_DAEMON },
        { " build run create ", "isolation", true, "default",
          "there is one way to isolate a step" },
        { " build ", "provenance", true, "false", "attestations are not written" },
        { " build ", "sbom", true, "false", "attestations are not written" },
        { " build ", "attest", true, NULL, "attestations are not written" },
        { " build run create ", "cpu-period", true, NULL, "--cpus sets quota and period at once" },
        { " build run create ", "cpu-quota", true, NULL, "--cpus sets quota and period at once" },
        { " build run create ", "cpu-shares", true, NULL, "--cpus limits processor time" },
        { " build run create ", "cpuset-cpus", true, NULL, NO_CPUSET },
        { " build run create ", "cpuset-mems", true, NULL, NO_CPUSET },
        { " build run create ", "memory-swap", true, NULL, NO_SWAP },
        { " run create ", "memory-swappiness", true, NULL, NO_SWAP },
        { " run create ", "memory-reservation", true, NULL, "--memory is the one limit" },
        { " build run create pull push ", "disable-content-trust", false, "true", UNSIGNED },
        { " run create ", "privileged", false, "false",
          "an ordinary user has no privilege to give; --cap-add gives those of the container" },
        { " run create ", "gpus", true, NULL, "devices of the host are not handed on" },
        { " run create ", "device", true, NULL, "devices of the host are not handed on" },
        { " run create ", "ipc", true, "private", OWN_SPACE },
        { " run create ", "pid", true, NULL, OWN_SPACE },
        { " run create ", "uts", true, NULL, OWN_SPACE },
        { " run create ", "cgroupns", true, "private", OWN_SPACE },
        { " run create ", "link", true, NULL, OWN_NETWORK },
        { " run create ", "ip", true, NULL, OWN_NETWORK },
        { " run create ", "mac-address", true, NULL, OWN_NETWORK },
        { " run create ", "network-alias", true, NULL, OWN_NETWORK },
        { " run create ", "log-driver", true, "json-file", NO_LOGGING },
        { " run create ", "log-opt", true, NULL, NO_LOGGING },
        { " run create ", "health-cmd", true, NULL, NO_HEALTH },
        { " run create ", "health-interval", true, NULL, NO_HEALTH },
        { " run create ", "health-retries", true, NULL, NO_HEALTH },
        { " run create ", "health-start-interval", true, NULL, NO_HEALTH },
        { " run create ", "health-start-period", true, NULL, NO_HEALTH },
        { " run create ", "health-timeout", true, NULL, NO_HEALTH },
        { " run create ", "no-healthcheck", false, "true", NO_HEALTH },
        { " run create ", "runtime", true, NULL, NO_DAEMON },
        { " run create ", "sysctl", true, NULL, "the kernel's settings are not the container's" },
        { " run create ", "sig-proxy", false, "true", "signals always go to the command" },
        { " run create ", "oom-kill-disable", false, "false", "only root can forbid that" },
        { " run create ", "oom-score-adj", true, NULL, "only root can lower it" },
        { " run create ", "volumes-from", true, NULL, "name each with -v" },
        { " build run create ", "insecure", false, "false", INSECURE },
        { " build run create ", "tls-verify", false, "true", INSECURE },
        { " pull push login tags search ", "tls-verify", false, "true",
          "it is --insecure that allows plain http and any certificate" },
        { " rmi ", "no-prune", false, "true", "an image has no parents that are images" },
        { " pull push ", "a all-tags", false, NULL, "name each tag; `varve tags` lists them" },
        { " run create ", "a attach", true, NULL,
          "output is always attached, and input with -i; send what is not wanted to /dev/null" },
        { " run create ", "annotation", true, NULL, "it would tell nobody; --label is kept" },
        { " run create ", "blkio-weight", true, "0", NO_BANDWIDTH },
        { " run create ", "blkio-weight-device", true, NULL, NO_BANDWIDTH },
        { " run create ", "device-read-bps", true, NULL, NO_BANDWIDTH },
        { " run create ", "device-read-iops", true, NULL, NO_BANDWIDTH },
        { " run create ", "device-write-bps", true, NULL, NO_BANDWIDTH },
        { " run create ", "device-write-iops", true, NULL, NO_BANDWIDTH },
        { " run create ", "io-maxbandwidth", true, NULL, NO_WINDOWS },
        { " run create ", "io-maxiops", true, NULL, NO_WINDOWS },
        { " run create ", "cpu-count", true, NULL, NO_WINDOWS },
        { " run create ", "cpu-percent", true, NULL, NO_WINDOWS },
        { " run create ", "cpu-rt-period", true, NULL, "only root gives real time" },
        { " run create ", "cpu-rt-runtime", true, NULL, "only root gives real time" },
        { " run create ", "device-cgroup-rule", true, NULL,
          "devices of the host are not handed on" },
        { " run create ", "dns-opt", true, NULL, "the resolver's options are the host's" },
        { " run create ", "dns-option", true, NULL, "the resolver's options are the host's" },
        { " run create ", "dns-search", true, ".", NO_SEARCH },
        { " run create ", "domainname", true, NULL, "--hostname takes the whole name" },
        { " run create ", "group-add", true, NULL,
          "the groups are those that the image gives the user; --user takes USER:GROUP" },
        { " run create ", "ip6", true, NULL, OWN_NETWORK },
        { " run create ", "link-local-ip", true, NULL, OWN_NETWORK },
        { " run create ", "net-alias", true, NULL, OWN_NETWORK },
        { " run create ", "kernel-memory", true, NULL, "--memory is the one limit" },
        { " run create ", "label-file", true, NULL, "give each label with --label" },
        { " run create ", "pids-limit", true, "-1",
          "processes are not counted; --ulimit nproc=N limits those of the user" },
        { " run create ", "storage-opt", true, NULL, "the store has no quota of a container" },
        { " run create ", "use-api-socket", false, "false", NO_DAEMON },
        { " run create ", "volume-driver", true, "local", OWN_VOLUMES },
        { " build ", "D debug", false, NULL, "it is `varve --debug build`" },
        { " build ", "policy", true, NULL, "there are no policies of builds" },
        { " exec ", "privileged", false, "false",
          "what the container may do was said when it was made: run --cap-add" },
        { " attach ", "sig-proxy", false, "true", "signals always go to the command" },
        { " start ", "checkpoint", true, NULL, "processes are not frozen" },
        { " start ", "checkpoint-dir", true, NULL, "processes are not frozen" },
        { " rm ", "l link", false, "false", "there are no links of containers" },
        { " commit ", "no-pause", false, "true", "a container goes on meanwhile" },
        { " commit ", "p pause", false, "false", "a container goes on meanwhile" },
        { " logs ", "details", false, "false", "a line of the log has no attributes" },
        { " cp ", "a archive", false, "false",
          "what is copied in is root's, and what is copied out yours; tar keeps owners" },
        { " cp ", "L follow-link", false, "true", "a symlink that is named is always followed" },
        { " images ", "tree", false, "false",
          "an image is a line; `varve inspect` has its layers" },
        { " push save load history inspect rmi import ", "platform", true, NULL, ONE_PLATFORM },
        { " search ", "f filter", true, NULL, "registries only know the name that is looked for" },
        { " search ", "limit", true, NULL, "all of the tags are listed" },
        { " search ", "format", true, NULL, "it prints names, one a line" },
        { " search ", "no-trunc", false, "true", "names are printed whole" },
        { " volume ls ", "cluster", false, "false", NO_CLUSTER },
        { " volume create ", "d driver", true, "local", OWN_VOLUMES },
        { " volume create ", "o opt", true, NULL, OWN_VOLUMES },
        { " system df ", "v verbose", false, "false",
          "`varve images`, `ps -as`, `volume ls` and `cache ls` list what there is" },
        { " cache prune ", "reserved-space", true, NULL, CACHE_SIZE },
        { " cache prune ", "max-used-space", true, NULL, CACHE_SIZE },
        { " cache prune ", "min-free-space", true, NULL, CACHE_SIZE },
        { " cache ls ", "filter", true, NULL, "all of the cache is listed" },
        { " cache ls ", "format", true, NULL, "it is a table; `varve system df` has the sum" },
        { " cache ls ", "verbose", false, "true", "all that is known is always shown" },
};

/* "--NAME" or "-L", of `len` bytes. */
static bool is_called(const struct docker_flag *flag, const char *written, size_t len)
{
        const char *name = flag->name[1] == ' ' ? flag->name + 2 : flag->name;

        if (written[1] != '-')
                return flag->name[1] == ' ' && len == 2 && written[1] == flag->name[0];
        return strlen(name) == len - 2 && strncmp(name, written + 2, len - 2) == 0;
}

static const struct docker_flag *find(const char *command, const char *written, size_t len)
{
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                const char *at = strstr(flags[i].commands, command);

                if (at && at[-1] == ' ' && at[strlen(command)] == ' ' &&
                    is_called(&flags[i], written, len))
                        return &flags[i];
        }
        return NULL;
}

int docker_flag_take(const char *command, const char *written, const char *next, struct error *err)
{
        const size_t len = strcspn(written, "=");
        const struct docker_flag *flag = find(command, written, len);
        const char *value;

        if (!flag)
                return 0;
        value = written[len] == '=' ? written + len + 1 : flag->has_value ? next : "true";
        if (flag->done && value && strcmp(value, flag->done) == 0)
                return written[len] == '=' || !flag->has_value ? 1 : 2;
        error_set(err, -EOPNOTSUPP, "%s cannot honour %s: %s", command, written, flag->reason);
        if (flag->done)
                error_hint(err, "Only --%s=%s is what is done anyway.",
                           flag->name[1] == ' ' ? flag->name + 2 : flag->name, flag->done);
        return -EOPNOTSUPP;
}

int docker_command_refuse(const char *name, struct error *err)
{
        static const struct {
                const char *name;
                const char *reason;
                const char *hint;
        } commands[] = {
                { "builder create", NO_DAEMON, NULL },
                { "buildx bake", "there is one build a command",
                  "Each target is a `varve build`." },
                { "buildx create", NO_DAEMON, NULL },
                { "buildx imagetools", "an index is made by a build of several platforms",
                  "varve build --platform linux/amd64,linux/arm64" },
                { "buildx inspect", NO_DAEMON, NULL },
                { "buildx ls", NO_DAEMON, NULL },
                { "buildx use", NO_DAEMON, NULL },
                { "checkpoint", "processes are not frozen", NULL },
                { "compose", "there is one container a command",
                  "Each service is a `varve run -d --network=host`." },
                { "config", NO_CLUSTER, NULL },
                { "container pause", NO_FREEZER, NULL },
                { "container stats", NO_COUNTER, TOP_HINT },
                { "container unpause", NO_FREEZER, NULL },
                { "container update", NO_UPDATE, NULL },
                { "context", NO_DAEMON, NULL },
                { "events", NO_EVENTS,
                  "`varve ps`, `varve wait` and `varve logs -f` tell of each." },
                { "manifest", "an index is made by a build of several platforms",
                  "varve build --platform linux/amd64,linux/arm64" },
                { "network", "each container has a network of its own",
                  "`varve run --network` is private, host, none, pasta or slirp4netns." },
                { "node", NO_CLUSTER, NULL },
                { "pause", NO_FREEZER, "`varve kill -s STOP CONTAINER` stops the command itself." },
                { "plugin", "there are no plugins", NULL },
                { "scout", "images are not looked through for faults", NULL },
                { "secret", NO_CLUSTER, "A build has `--secret`." },
                { "service", NO_CLUSTER, NULL },
                { "stack", NO_CLUSTER, NULL },
                { "stats", NO_COUNTER, TOP_HINT },
                { "swarm", NO_CLUSTER, NULL },
                { "trust", UNSIGNED, NULL },
                { "system events", NO_EVENTS, NULL },
                { "unpause", NO_FREEZER,
                  "`varve kill -s CONT CONTAINER` lets a command that was stopped go on." },
                { "update", NO_UPDATE,
                  "`varve commit` makes an image of it, and `varve run` another container." },
        };

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                if (strcmp(commands[i].name, name) != 0)
                        continue;
                error_set(err, -EOPNOTSUPP, "varve cannot honour `%s`: %s", name,
                          commands[i].reason);
                return commands[i].hint ? error_hint(err, "%s", commands[i].hint) : -EOPNOTSUPP;
        }
        return 0;
}
