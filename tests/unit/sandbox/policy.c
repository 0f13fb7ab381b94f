/*
 * The policy of system calls beside Docker's default profile, which tests/data/seccomp has as a
 * table: every call of every architecture, with arguments around all that either of the two asks
 * for.
 */
#include "policy.h"

#include "base/cleanup.h"
#include "base/io.h"

#include "simulate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define RULES_MAX     1024
#define NAME_BYTES    48
#define NUMBERS_END   512 /* beyond every architecture's list */
#define ARGUMENTS     3
#define TABLE_BYTES   ((size_t)1 << 20)
#define ARM_OWN_CALLS 0xf0001 /* breakpoint, cacheflush, usr26, usr32, set_tls */
#define ARM_OWN_COUNT 5

struct rule {
        enum { RULE_ALLOW, RULE_ERRNO, RULE_NUMBER, RULE_DIFFERS } kind;
        char name[NAME_BYTES];
        int number;      /* ERRNO: what is answered; NUMBER: of the call */
        unsigned arches; /* bits, by index in policy_arches */
        unsigned argument;
        char op; /* '<', '=', '>', 'c'lear, 'l'ow; 0: any arguments */
        uint64_t value;
        bool used;
};

struct table {
        struct rule rules[RULES_MAX];
        size_t count;
};

static const char *const arch_names[POLICY_ARCH_COUNT] = { "x86_64", "i386", "aarch64", "arm" };

/* ---- the table ---- */

static void take_word(struct rule *rule, const char *word, int *state)
{
        for (unsigned i = 0; *state == 'o' && i < POLICY_ARCH_COUNT; i++) {
                if (strcmp(word, arch_names[i]) == 0) {
                        rule->arches |= 1U << i;
                        return;
                }
        }
        switch (*state) {
        case 'i':
                rule->argument = (unsigned)atoi(word);
                cr_assert_lt(rule->argument, ARGUMENTS);
                *state = '?';
                return;
        case '?':
                rule->op = word[0];
                *state = 'v';
                return;
        case 'v':
                rule->value = strtoull(word, NULL, 0);
                *state = 'e';
                return;
        default:
                cr_assert_fail("the table has a strange word: %s", word);
        }
}

/* One line: words, of which some are names and the rest says when. */
static void read_line(struct table *table, char *line)
{
        const char *names[64];
        size_t name_count = 0;
        struct rule rule = { .kind = RULE_ALLOW };
        int state = 'n';
        char *rest, *word, *reason = strstr(line, " : ");

        if (reason)
                *reason = '\0';
        word = strtok_r(line, " ", &rest);
        if (!word || word[0] == '#')
                return;
        rule.kind = strcmp(word, "errno") == 0     ? RULE_ERRNO
                    : strcmp(word, "number") == 0  ? RULE_NUMBER
                    : strcmp(word, "differs") == 0 ? RULE_DIFFERS
                                                   : RULE_ALLOW;
        cr_assert(rule.kind != RULE_ALLOW || strcmp(word, "allow") == 0, "line of %s", word);
        cr_assert(rule.kind != RULE_DIFFERS || (reason && reason[3]), "no reason: %s", rest);
        if (rule.kind == RULE_ERRNO || rule.kind == RULE_NUMBER)
                rule.number = atoi(strtok_r(NULL, " ", &rest));
        while ((word = strtok_r(NULL, " ", &rest))) {
                if (strcmp(word, "on") == 0)
                        state = 'o';
                else if (strcmp(word, "if") == 0)
                        state = 'i';
                else if (state == 'n')
                        names[name_count++] = word;
                else
                        take_word(&rule, word, &state);
        }
        if (rule.arches == 0)
                rule.arches = ~0U;
        for (size_t i = 0; i < name_count; i++) {
                cr_assert_lt(table->count, RULES_MAX);
                snprintf(rule.name, sizeof(rule.name), "%s", names[i]);
                table->rules[table->count++] = rule;
        }
}

static struct table *read_table(void)
{
        struct table *table = calloc(1, sizeof(*table));
        struct error err = ERROR_INIT;
        struct buf text = BUF_INIT;
        char *rest, *line;

        cr_assert_eq(io_read_file(AT_FDCWD, TEST_DATA "/seccomp/docker-default", TABLE_BYTES, &text,
                                  &err),
                     0, "%s", err.message);
        buf_str(&text);
        for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                read_line(table, line);
        buf_done(&text);
        return table;
}

static bool applies(const struct rule *rule, unsigned arch, const char *name, const uint64_t *args)
{
        uint64_t value = args[rule->argument];

        if (!(rule->arches & 1U << arch) || strcmp(rule->name, name) != 0)
                return false;
        switch (rule->op) {
        case '<':
                return value < rule->value;
        case '>':
                return value > rule->value;
        case '=':
                return value == rule->value;
        case 'c':
                return (value & rule->value) == 0;
        case 'l':
                return (uint32_t)value == rule->value;
        default:
                return true;
        }
}

static struct rule *find(struct table *table, int kind, unsigned arch, const char *name,
                         const uint64_t *args)
{
        for (size_t i = 0; i < table->count; i++) {
                struct rule *rule = &table->rules[i];

                if ((int)rule->kind == kind && applies(rule, arch, name, args))
                        return rule;
        }
        return NULL;
}

/* ---- the comparison ---- */

static void name_call(const struct table *table, unsigned arch, int number,
                      char ret[static NAME_BYTES])
{
        char *name = seccomp_syscall_resolve_num_arch(policy_arches[arch].token, number);

        snprintf(ret, NAME_BYTES, "%s", name ? name : "");
        free(name);
        for (size_t i = 0; !*ret && i < table->count; i++) {
                const struct rule *rule = &table->rules[i];

                if (rule->kind == RULE_NUMBER && rule->number == number &&
                    rule->arches & 1U << arch)
                        snprintf(ret, NAME_BYTES, "%s", rule->name);
        }
}

static void compare(struct table *table, const struct buf *code, unsigned arch, int number,
                    const char *name, const uint64_t *args)
{
        const struct seccomp_data data = { .nr = number,
                                           .arch = policy_arches[arch].audit,
                                           .args = { args[0], args[1], args[2] } };
        uint32_t ours = simulate(code, &data);
        const struct rule *answer = find(table, RULE_ERRNO, arch, name, args);
        uint32_t theirs = find(table, RULE_ALLOW, arch, name, args) ? SECCOMP_RET_ALLOW
                          : answer ? SECCOMP_RET_ERRNO | (uint32_t)answer->number
                                   : SECCOMP_RET_ERRNO | EPERM;
        struct rule *differs;

        /* Such arguments do not exist. */
        if (policy_arches[arch].is_32 && (args[0] | args[1] | args[2]) > UINT32_MAX)
                return;
        /* What nobody has heard of is answered as by an old kernel. */
        if (ours == theirs || (!*name && ours == (SECCOMP_RET_ERRNO | ENOSYS)))
                return;
        differs = find(table, RULE_DIFFERS, arch, name, args);
        if (differs)
                differs->used = true;
        else
                cr_expect_fail("%s (%d) on %s with %#llx %#llx %#llx: %#x, and Docker's is %#x",
                               name, number, arch_names[arch], (unsigned long long)args[0],
                               (unsigned long long)args[1], (unsigned long long)args[2], ours,
                               theirs);
}

/* Arguments around all that some rule asks for. */
static void compare_with_arguments(struct table *table, const struct buf *code, unsigned arch,
                                   int number, const char *name)
{
        static const uint64_t special[] = { TIOCSTI,    TIOCLINUX,  0x20008,
                                            0xffffffff, UINT64_MAX, 0x7e020000 };

        for (unsigned at = 0; at < ARGUMENTS; at++) {
                uint64_t args[ARGUMENTS] = { 0 };

                for (uint64_t value = 0; value < 64; value++) {
                        const uint64_t values[] = { value, 1ULL << value, 1ULL << value | 0x11,
                                                    value | 1ULL << 32, value | 1ULL << 63 };

                        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                                args[at] = values[i];
                                compare(table, code, arch, number, name, args);
                        }
                }
                for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
                        args[at] = special[i];
                        compare(table, code, arch, number, name, args);
                        args[at] = special[i] | 1ULL << 32;
                        compare(table, code, arch, number, name, args);
                }
        }
}

static void compare_arch(struct table *table, unsigned arch)
{
        struct error err = ERROR_INIT;
        struct buf code = BUF_INIT;
        char name[NAME_BYTES];

        cr_assert_eq(policy_compile(policy_arches[arch].kernel, &code, &err), 0, "%s", err.message);
        for (int number = 0; number < NUMBERS_END; number++) {
                name_call(table, arch, number, name);
                compare_with_arguments(table, &code, arch, number, name);
        }
        for (int i = 0; policy_arches[arch].audit == AUDIT_ARCH_ARM && i < ARM_OWN_COUNT; i++) {
                name_call(table, arch, ARM_OWN_CALLS + i, name);
                compare_with_arguments(table, &code, arch, ARM_OWN_CALLS + i, name);
        }
        buf_done(&code);
}

Test(policy, differs_from_dockers_default_profile_only_where_a_reason_is_given)
{
        struct table *table = read_table();

        for (unsigned arch = 0; arch < POLICY_ARCH_COUNT; arch++)
                compare_arch(table, arch);
        for (size_t i = 0; i < table->count; i++) {
                const struct rule *rule = &table->rules[i];

                cr_expect(rule->kind != RULE_DIFFERS || rule->used,
                          "%s does not differ any more: remove it from the table", rule->name);
        }
        free(table);
}
