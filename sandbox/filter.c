#include "filter.h"

#include "policy.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/* filter_policy, filter_fake, filter_devices, filter_emulate, filter_create, and the numbers of
 * emulated calls. */
#include "filter_tables.inc"

int filter_append_emulation(enum filter_emulation emulation, struct buf *ret)
{
        switch (emulation) {
        case FILTER_FAKE:
                return buf_append(ret, filter_fake, sizeof(filter_fake));
        case FILTER_DEVICES:
                return buf_append(ret, filter_devices, sizeof(filter_devices));
        case FILTER_EMULATE:
                return buf_append(ret, filter_emulate, sizeof(filter_emulate));
        case FILTER_CREATE:
                return buf_append(ret, filter_create, sizeof(filter_create));
        case FILTER_EMULATION_COUNT:
                break;
        }
        return 0;
}

int filter_append_policy(struct buf *ret)
{
        return buf_append(ret, filter_policy, sizeof(filter_policy));
}

int filter_append_allow(struct buf *ret)
{
        const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

        return buf_append(ret, &allow, sizeof(allow));
}

enum emulate_call filter_emulated_call(uint32_t arch, int nr)
{
        if (nr < 0 || nr >= POLICY_CALLS_END)
                return EMULATE_NOTHING;
        if (arch == CALLS_ARCH)
                return (enum emulate_call)CALLS[nr];
        if (arch == CALLS_32_ARCH)
                return (enum emulate_call)CALLS_32[nr];
        return EMULATE_NOTHING;
}
