/*
 * Runs a filter of system calls as the kernel does, for tests.
 */
#pragma once

#include "base/buf.h"

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>

#define STEPS_MAX 4096

static inline uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
        uint32_t value;

        cr_assert_leq(offset + sizeof(value), sizeof(*data));
        memcpy(&value, (const char *)data + offset, sizeof(value));
        return value;
}

static inline bool jump_is_taken(const struct sock_filter *at, uint32_t a)
{
        switch (BPF_OP(at->code)) {
        case BPF_JEQ:
                return a == at->k;
        case BPF_JGT:
                return a > at->k;
        case BPF_JGE:
                return a >= at->k;
        case BPF_JSET:
                return a & at->k;
        default:
                cr_assert_fail("unknown jump %x", at->code);
        }
        return false;
}

/* Runs the code as the kernel does. */
static inline uint32_t simulate(const struct buf *code, const struct seccomp_data *data)
{
        const struct sock_filter *items = (const void *)code->data;
        size_t count = code->len / sizeof(*items);
        uint32_t a = 0;

        for (size_t at = 0, steps = 0; steps < STEPS_MAX; steps++, at++) {
                cr_assert_lt(at, count, "the filter runs past its end");
                switch (BPF_CLASS(items[at].code)) {
                case BPF_LD:
                        a = load(data, items[at].k);
                        break;
                case BPF_ALU:
                        cr_assert_eq(items[at].code, BPF_ALU | BPF_AND | BPF_K);
                        a &= items[at].k;
                        break;
                case BPF_JMP:
                        if (BPF_OP(items[at].code) == BPF_JA)
                                at += items[at].k;
                        else
                                at += jump_is_taken(&items[at], a) ? items[at].jt : items[at].jf;
                        break;
                case BPF_RET:
                        return items[at].k;
                default:
                        cr_assert_fail("unknown instruction %x", items[at].code);
                }
        }
        cr_assert_fail("the filter does not end");
        return 0;
}
