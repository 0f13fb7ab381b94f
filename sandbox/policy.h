/*
 * Which system calls a command may make: private to the sandbox, and used when varve is built.
 *
 * The policy is what Docker's default profile allows a container without added capabilities. It is
 * compiled into BPF when varve is built (policy_main.c), so that starting a sandbox costs no
 * compilation; filter.h has the result. What the emulation asks for stands in front of it, as
 * another piece of code that falls through.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include "filter.h"

#include <stdbool.h>
#include <stdint.h>

/* The first number that no call had when the list was written. What is newer is answered ENOSYS, so
 * that libraries fall back; a call of the list that is not allowed is answered EPERM. */
#define POLICY_CALLS_END 467

/* The architectures that one kernel runs. x32 is not among them: its numbers are above the list's
 * end, and are answered ENOSYS as by the kernels of nearly all distributions. */
#define POLICY_ARCH_COUNT 4
struct policy_arch {
        uint32_t token;  /* of libseccomp */
        uint32_t audit;  /* AUDIT_ARCH_*, as a filter sees it */
        uint32_t kernel; /* the AUDIT_ARCH_* of a kernel that runs it */
        bool is_32;
};
extern const struct policy_arch policy_arches[POLICY_ARCH_COUNT];

/*
 * Appends to `ret` the `struct sock_filter`s that decide every call on a kernel of the architecture
 * `kernel`. Returns 0 or a negative errno.
 */
int policy_compile(uint32_t kernel, struct buf *ret, struct error *err);

/*
 * Appends the code that answers, or asks the listener, what the emulation wants to know, and falls
 * through for all else. Returns 0 or -ENOMEM.
 */
int policy_compile_emulation(enum filter_emulation emulation, uint32_t kernel, struct buf *ret);

/* Appends the filter of the network's program (network/jail.c). Returns as policy_compile(). */
int policy_compile_network(uint32_t kernel, struct buf *ret, struct error *err);

/* Appends what libseccomp makes of `rules`, its scmp_filter_ctx. Returns 0 or a negative errno. */
int policy_append_rules(struct buf *code, void *rules, struct error *err);

/* What the call numbered `nr` of an architecture is to the emulation. */
enum emulate_call policy_emulated_call(uint32_t audit, int nr);
