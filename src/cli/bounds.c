#include "bounds.h"

#include "base/cleanup.h"
#include "log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is told of is at most this: sizes and times that no machine has. */
#define BYTES_MAX   ((double)(1ULL << 60))
#define CPUS_MAX    65536.0
#define SECONDS_MAX (30.0 * 24 * 3600)

void bounds_flags_done(struct bounds_flags *flags)
{
        strv_done(&flags->ulimits);
        strv_done(&flags->security);
}

/* A positive decimal number; `ret_rest` is what follows it. Returns false where there is none. */
static bool parse_number(const char *text, double max, double *ret, const char **ret_rest)
{
        char *end;

        if (strspn(text, "0123456789.") == 0 || text[strspn(text, "0123456789.")] == 'x')
                return false;
        *ret = strtod(text, &end);
        *ret_rest = end;
        return isfinite(*ret) && *ret > 0 && *ret <= max;
}

int bounds_parse_bytes(const char *option, const char *text, uint64_t *ret, struct error *err)
{
        static const char units[] = "bkmgt";
        const char *rest = "", *unit;
        double number;
        bool good = parse_number(text, BYTES_MAX, &number, &rest);

        unit = good && *rest ? strchr(units, *rest | 0x20) : units;
        if (good && *rest && unit) {
                rest++;
                if (*rest && *unit != 'b' &&
                    (strcasecmp(rest, "b") == 0 || strcasecmp(rest, "ib") == 0))
                        rest = "";
        }
        number = good && unit ? ldexp(number, 10 * (int)(unit - units)) : 0;
        if (!good || !unit || *rest || number < 1 || number > BYTES_MAX) {
                error_set(err, -EINVAL, "%s %s is no size", option, text);
                return error_hint(err, "Sizes are written as 64m or 2g.");
        }
        *ret = (uint64_t)number;
        return 0;
}

static int parse_timeout(const char *text, int *ret_ms, struct error *err)
{
        static const struct {
                const char *unit;
                double seconds;
        } units[] = { { "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "m", 60 }, { "h", 3600 } };
        const char *rest = "";
        double number;

        if (parse_number(text, SECONDS_MAX, &number, &rest)) {
                for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                        double seconds = number * units[i].seconds;

                        if (strcmp(rest, units[i].unit) != 0 || seconds > SECONDS_MAX)
                                continue;
                        *ret_ms = seconds < 0.001
                                          ? 1
                                          : (int)(seconds > 2000000 ? 2000000000 : seconds * 1000);
                        return 0;
                }
        }
        error_set(err, -EINVAL, "--timeout %s is no duration", text);
        return error_hint(err, "Durations are written as 90s, 5m or 1h.");
}

/* A number, or -1 for none; `text` is then behind it. */
static bool parse_limit_value(const char **text, rlim_t *ret)
{
        char *end;

        if (strncmp(*text, "-1", 2) == 0) {
                *ret = RLIM_INFINITY;
                *text += 2;
                return true;
        }
        if (**text < '0' || **text > '9')
                return false;
        errno = 0;
        *ret = strtoull(*text, &end, 10);
        *text = end;
        return errno == 0;
}

static int parse_ulimit(const char *text, struct sandbox_limit *ret, struct error *err)
{
        static const struct {
                const char *name;
                int resource;
        } names[] = {
                { "core", RLIMIT_CORE },
                { "cpu", RLIMIT_CPU },
                { "data", RLIMIT_DATA },
                { "fsize", RLIMIT_FSIZE },
                { "memlock", RLIMIT_MEMLOCK },
                { "msgqueue", RLIMIT_MSGQUEUE },
                { "nice", RLIMIT_NICE },
                { "nofile", RLIMIT_NOFILE },
                { "nproc", RLIMIT_NPROC },
                { "rss", RLIMIT_RSS },
                { "rtprio", RLIMIT_RTPRIO },
                { "rttime", RLIMIT_RTTIME },
                { "sigpending", RLIMIT_SIGPENDING },
                { "stack", RLIMIT_STACK },
        };
        const size_t name_len = strcspn(text, "=");
        const char *at = text[name_len] ? text + name_len + 1 : "";
        struct rlimit session;
        rlim_t soft = 0, hard = 0;
        bool good = parse_limit_value(&at, &soft);

        hard = soft;
        if (good && *at == ':') {
                at++;
                good = parse_limit_value(&at, &hard);
        }
        for (size_t i = 0; good && !*at && i < ARRAY_SIZE(names); i++) {
                if (strlen(names[i].name) != name_len ||
                    strncmp(names[i].name, text, name_len) != 0)
                        continue;
                if (soft > hard)
                        return error_set(err, -EINVAL,
                                         "--ulimit %s: the soft limit is above the hard one", text);
                if (geteuid() != 0 && getrlimit(names[i].resource, &session) == 0 &&
                    hard > session.rlim_max) {
                        error_set(err, -EPERM,
                                  "--ulimit %s is above this session's hard limit, %llu", text,
                                  (unsigned long long)session.rlim_max);
                        return error_hint(err, "Only root can raise that.");
                }
                *ret = (struct sandbox_limit){ names[i].resource, { soft, hard } };
                return 0;
        }
        error_set(err, -EINVAL, "--ulimit %s is no limit", text);
        if (name_len == strlen("locks") && strncmp(text, "locks", name_len) == 0)
                return error_hint(err, "Linux has had no limit of file locks since 2.4.");
        return error_hint(err,
                          "Limits are written as nofile=1024 or nofile=1024:4096; -1 is none.");
}

static int parse_security(const char *text, struct execution_bounds *bounds, struct error *err)
{
        /* What these turn off is not on. */
        static const char *const without_effect[] = { "apparmor=unconfined", "label=disable",
                                                      "label:disable" };

        if (strcmp(text, "seccomp=unconfined") == 0) {
                bounds->unfiltered = true;
                return 0;
        }
        if (strcmp(text, "no-new-privileges") == 0 || strcmp(text, "no-new-privileges=true") == 0 ||
            strcmp(text, "no-new-privileges:true") == 0) {
                bounds->no_new_privileges = true;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(without_effect); i++)
                if (strcmp(text, without_effect[i]) == 0)
                        return 0;
        error_set(err, -EOPNOTSUPP, "--security-opt %s is not supported", text);
        if (strcmp(text, "insecure") == 0)
                return error_hint(err, "A step is one by RUN --security=insecure, which --allow "
                                       "security.insecure lets be.");
        return error_hint(err, "It takes seccomp=unconfined and no-new-privileges.");
}

static int parse_usage(const struct bounds_flags *flags, struct execution_bounds *bounds,
                       struct error *err)
{
        struct sandbox_cgroup *cgroup = &bounds->cgroup;
        struct error reason = ERROR_INIT;
        const char *rest = "";
        double cpus = 0;
        int r = 0;

        if (flags->memory)
                r = bounds_parse_bytes("--memory", flags->memory, &cgroup->memory_bytes, err);
        if (r == 0 && flags->cpus &&
            (!parse_number(flags->cpus, CPUS_MAX, &cpus, &rest) || *rest || cpus < 0.01)) {
                error_set(err, -EINVAL, "--cpus %s is no number of CPUs", flags->cpus);
                return error_hint(err, "It is written as 2 or 0.5, and is 0.01 at least.");
        }
        cgroup->cpu_millis = (uint32_t)(cpus * 1000);
        if (r == 0 && flags->cgroup_parent)
                log_print(LOG_LEVEL_WARNING,
                          "--cgroup-parent %s has no effect: the group for --memory and --cpus "
                          "lies below varve's own; start varve in that instead: systemd-run --user "
                          "--scope --slice=... -p Delegate=yes varve ...",
                          flags->cgroup_parent);
        if (r < 0 || (!flags->memory && !flags->cpus))
                return r;
        if (cgroup_prepare(&cgroup->fd, &reason) == 0) {
                bounds->limits_usage = true;
                return 0;
        }
        log_print(LOG_LEVEL_WARNING, "%s no effect: %s%s%s",
                  flags->memory && flags->cpus ? "--memory and --cpus have"
                  : flags->memory              ? "--memory has"
                                               : "--cpus has",
                  reason.message, reason.hint[0] ? "\n" : "", reason.hint);
        return 0;
}

int bounds_parse(const struct bounds_flags *flags, struct execution_bounds *ret, struct error *err)
{
        struct execution_bounds bounds = { .cgroup.fd = -1 };
        int r = 0;

        if (flags->shm_size)
                r = bounds_parse_bytes("--shm-size", flags->shm_size, &bounds.shm_size_bytes, err);
        if (r == 0 && flags->timeout)
                r = parse_timeout(flags->timeout, &bounds.timeout_ms, err);
        if (r == 0 && flags->ulimits.count > SANDBOX_LIMITS_MAX)
                r = error_set(err, -E2BIG, "more than %d times --ulimit", (int)SANDBOX_LIMITS_MAX);
        for (size_t i = 0; i < flags->ulimits.count && r == 0; i++)
                r = parse_ulimit(flags->ulimits.items[i], &bounds.limits[bounds.limit_count++],
                                 err);
        for (size_t i = 0; i < flags->security.count && r == 0; i++)
                r = parse_security(flags->security.items[i], &bounds, err);
        if (r == 0)
                r = parse_usage(flags, &bounds, err);
        if (r == 0)
                *ret = bounds;
        return r;
}
