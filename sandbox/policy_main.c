/*
 * Writes the compiled filters as C, when varve is built:
 *   policy_main ARCHITECTURE            those of a command
 *   policy_main ARCHITECTURE network    that of the network's program
 */
#include "policy.h"

#include "base/cleanup.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name; /* as meson calls it */
        uint32_t arch, arch_32;
} machines[] = {
        { "x86_64", AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 },
        { "aarch64", AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM },
};

static const char *const emulations[] = {
        [FILTER_FAKE] = "filter_fake",
        [FILTER_DEVICES] = "filter_devices",
        [FILTER_EMULATE] = "filter_emulate",
        [FILTER_CREATE] = "filter_create",
};

static void print_code(const char *name, const struct buf *code)
{
        const struct sock_filter *items = (const void *)code->data;

        printf("static const struct sock_filter %s[] = {\n", name);
        for (size_t i = 0; i < code->len / sizeof(*items); i++)
                printf("{0x%x, %u, %u, 0x%x},\n", items[i].code, items[i].jt, items[i].jf,
                       items[i].k);
        printf("};\n");
}

static int print_filters(uint32_t arch, struct error *err)
{
        struct buf code = BUF_INIT;
        int r;

        r = policy_compile(arch, &code, err);
        if (r == 0)
                print_code("filter_policy", &code);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(emulations); i++) {
                buf_clear(&code);
                r = policy_compile_emulation((enum filter_emulation)i, arch, &code);
                if (r == 0)
                        print_code(emulations[i], &code);
                else
                        error_set_oom(err);
        }
        buf_done(&code);
        return r;
}

static int print_network_filter(uint32_t arch, struct error *err)
{
        struct buf code = BUF_INIT;
        int r = policy_compile_network(arch, &code, err);

        if (r == 0)
                print_code("filter_network", &code);
        buf_done(&code);
        return r;
}

static void print_calls(const char *name, uint32_t arch)
{
        printf("#define %s_ARCH 0x%xU\n", name, arch);
        printf("static const uint8_t %s[POLICY_CALLS_END] = {\n", name);
        for (int nr = 0; nr < POLICY_CALLS_END; nr++) {
                enum emulate_call call = policy_emulated_call(arch, nr);

                if (call != EMULATE_NOTHING)
                        printf("[%d] = %d,\n", nr, (int)call);
        }
        printf("};\n");
}

static int print_command_filters(uint32_t arch, uint32_t arch_32, struct error *err)
{
        int r = print_filters(arch, err);

        if (r < 0)
                return r;
        print_calls("CALLS", arch);
        print_calls("CALLS_32", arch_32);
        return 0;
}

int main(int argc, char **argv)
{
        struct error err = ERROR_INIT;
        const bool network = argc == 3 && strcmp(argv[2], "network") == 0;

        for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
                int r;

                if (argc < 2 || strcmp(argv[1], machines[i].name) != 0)
                        continue;
                r = network ? print_network_filter(machines[i].arch, &err)
                            : print_command_filters(machines[i].arch, machines[i].arch_32, &err);
                if (r < 0)
                        fprintf(stderr, "%s\n", err.message);
                return r < 0;
        }
        fprintf(stderr, "no policy of system calls is written for this architecture\n");
        return 1;
}
