#include "container/capabilities.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/*
 * By their numbers. Within its user namespace a container could use those that are not `harmless`
 * to mount, or to reach what the kernel does not keep apart by namespaces.
 */
static const struct {
        const char *name;
        bool harmless;
} names[] = {
        { "CHOWN", true },
        { "DAC_OVERRIDE", true },
        { "DAC_READ_SEARCH", true },
        { "FOWNER", true },
        { "FSETID", true },
        { "KILL", true },
        { "SETGID", true },
        { "SETUID", true },
        { "SETPCAP", true },
        { "LINUX_IMMUTABLE", true },
        { "NET_BIND_SERVICE", true },
        { "NET_BROADCAST", true },
        { "NET_ADMIN", true },
        { "NET_RAW", true },
        { "IPC_LOCK", true },
        { "IPC_OWNER", true },
        { "SYS_MODULE", false },
        { "SYS_RAWIO", false },
        { "SYS_CHROOT", true },
        { "SYS_PTRACE", true },
        { "SYS_PACCT", false },
        { "SYS_ADMIN", false },
        { "SYS_BOOT", false },
        { "SYS_NICE", true },
        { "SYS_RESOURCE", true },
        { "SYS_TIME", false },
        { "SYS_TTY_CONFIG", true },
        { "MKNOD", true },
        { "LEASE", true },
        { "AUDIT_WRITE", true },
        { "AUDIT_CONTROL", false },
        { "SETFCAP", true },
        { "MAC_OVERRIDE", false },
        { "MAC_ADMIN", false },
        { "SYSLOG", false },
        { "WAKE_ALARM", false },
        { "BLOCK_SUSPEND", false },
        { "AUDIT_READ", false },
        { "PERFMON", false },
        { "BPF", false },
        { "CHECKPOINT_RESTORE", false },
};

static int parse(const char *option, const char *text, bool adds, uint64_t *ret, struct error *err)
{
        const char *name = strncasecmp(text, "CAP_", 4) == 0 ? text + 4 : text;

        if (strcasecmp(name, "ALL") == 0 && !adds) {
                *ret = UINT64_MAX;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcasecmp(name, names[i].name) != 0)
                        continue;
                if (adds && !names[i].harmless)
                        break;
                *ret |= UINT64_C(1) << i;
                return 0;
        }
        if (strcasecmp(name, "ALL") == 0 || adds)
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        if (strcasecmp(name, "ALL") == 0 || strcasecmp(name, names[i].name) == 0)
                                return error_set(err, -EPERM,
                                                 "--cap-add %s is not supported: with it a "
                                                 "container could undo the walls around it",
                                                 text);
        return error_set(err, -EINVAL, "%s: there is no capability \"%s\"", option, text);
}

int capabilities_parse(const struct strv *add, const struct strv *drop, uint64_t *ret_add,
                       uint64_t *ret_drop, struct error *err)
{
        int r = 0;

        *ret_add = *ret_drop = 0;
        for (size_t i = 0; i < add->count && r == 0; i++)
                r = parse("--cap-add", add->items[i], true, ret_add, err);
        for (size_t i = 0; i < drop->count && r == 0; i++)
                r = parse("--cap-drop", drop->items[i], false, ret_drop, err);
        /* `--cap-drop ALL --cap-add CHOWN` leaves that one. */
        *ret_drop &= ~*ret_add;
        return r;
}
