#include "docker_flags.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct docker_flag {
        const char *commands; /* each between spaces */
        const char *name;
        bool has_value;
        const char *done; /* the value that is done anyway; a flag that is just there is "true" */
        const char *reason;
};

#define NO_DAEMON   "there is no daemon, and no other builder than this one"
#define NO_CPUSET   "processors cannot be chosen; --cpus limits how much of them is used"
#define NO_SWAP     "swap is not counted apart from memory; --memory limits both"
#define NO_HEALTH   "nothing watches over a container's health"
#define NO_LOGGING  "what a container prints is kept in the store, for `varve logs`"
#define OWN_NETWORK "the network is the container's own; --network says which kind"
#define OWN_SPACE   "a container has namespaces of its own"
#define UNSIGNED    "signatures of images are not looked at"
#define INSECURE                                                                    \
        "images come from several registries, some while it runs; the settings of " \
        "registries say which of them are insecure"

static const struct docker_flag flags[] = {
        { " build ", "rm", false, "true", "what a step leaves is always removed" },
        { " build ", "force-rm", false, "true", "what a step leaves is always removed" },
        { " build ", "compress", false, NULL, "the context is read where it is, not sent" },
        { " build ", "stream", false, NULL, "the context is read where it is, not sent" },
        { " build ", "builder", true, "default", NO_DAEMON },
        { " build run ", "isolation", true, "default", "there is one way to isolate a step" },
        { " build ", "provenance", true, "false", "attestations are not written" },
        { " build ", "sbom", true, "false", "attestations are not written" },
        { " build ", "attest", true, NULL, "attestations are not written" },
        { " build run ", "cpu-period", true, NULL, "--cpus sets quota and period at once" },
        { " build run ", "cpu-quota", true, NULL, "--cpus sets quota and period at once" },
        { " build run ", "cpu-shares", true, NULL, "--cpus limits processor time" },
        { " build run ", "cpuset-cpus", true, NULL, NO_CPUSET },
        { " build run ", "cpuset-mems", true, NULL, NO_CPUSET },
        { " build run ", "memory-swap", true, NULL, NO_SWAP },
        { " run ", "memory-swappiness", true, NULL, NO_SWAP },
        { " run ", "memory-reservation", true, NULL, "--memory is the one limit" },
        { " build run pull push ", "disable-content-trust", false, "true", UNSIGNED },
        { " run ", "privileged", false, "false",
          "an ordinary user has no privilege to give; --cap-add gives those of the container" },
        { " run ", "gpus", true, NULL, "devices of the host are not handed on" },
        { " run ", "device", true, NULL, "devices of the host are not handed on" },
        { " run ", "ipc", true, "private", OWN_SPACE },
        { " run ", "pid", true, NULL, OWN_SPACE },
        { " run ", "uts", true, NULL, OWN_SPACE },
        { " run ", "cgroupns", true, "private", OWN_SPACE },
        { " run ", "link", true, NULL, OWN_NETWORK },
        { " run ", "ip", true, NULL, OWN_NETWORK },
        { " run ", "mac-address", true, NULL, OWN_NETWORK },
        { " run ", "network-alias", true, NULL, OWN_NETWORK },
        { " run ", "log-driver", true, "json-file", NO_LOGGING },
        { " run ", "log-opt", true, NULL, NO_LOGGING },
        { " run ", "health-cmd", true, NULL, NO_HEALTH },
        { " run ", "no-healthcheck", false, "true", NO_HEALTH },
        { " run ", "runtime", true, NULL, NO_DAEMON },
        { " run ", "sysctl", true, NULL, "the kernel's settings are not the container's" },
        { " run ", "sig-proxy", false, "true", "signals always go to the command" },
        { " run ", "oom-kill-disable", false, "false", "only root can forbid that" },
        { " run ", "oom-score-adj", true, NULL, "only root can lower it" },
        { " run ", "volumes-from", true, NULL, "name each with -v" },
        { " build run ", "insecure", false, "false", INSECURE },
        { " build run ", "tls-verify", false, "true", INSECURE },
        { " pull push login tags search ", "tls-verify", false, "true",
          "it is --insecure that allows plain http and any certificate" },
        { " rmi ", "no-prune", false, "true", "an image has no parents that are images" },
        { " pull push ", "all-tags", false, NULL, "name each tag; `varve tags` lists them" },
};

static const struct docker_flag *find(const char *command, const char *name, size_t len)
{
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                const char *at = strstr(flags[i].commands, command);

                if (at && at[-1] == ' ' && at[strlen(command)] == ' ' &&
                    strlen(flags[i].name) == len && strncmp(flags[i].name, name, len) == 0)
                        return &flags[i];
        }
        return NULL;
}

int docker_flag_take(const char *command, const char *written, const char *next, struct error *err)
{
        const char *name = strncmp(written, "--", 2) == 0 ? written + 2 : "", *value;
        size_t len = strcspn(name, "=");
        const struct docker_flag *flag = find(command, name, len);

        if (!flag)
                return 0;
        value = name[len] == '=' ? name + len + 1 : flag->has_value ? next : "true";
        if (flag->done && value && strcmp(value, flag->done) == 0)
                return name[len] == '=' || !flag->has_value ? 1 : 2;
        error_set(err, -EOPNOTSUPP, "%s cannot honour %s: %s", command, written, flag->reason);
        if (flag->done)
                error_hint(err, "Only --%s=%s is what is done anyway.", flag->name, flag->done);
        return -EOPNOTSUPP;
}
