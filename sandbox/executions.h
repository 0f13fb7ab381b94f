/*
 * Processes that may have got other credentials by an execve: private to the emulation.
 *
 * A supervisor hears of an execve before the kernel carries it out, and never whether it could. So
 * the process gets a number (credentials.h) that stands for the attempt: with it is kept what its
 * credentials were, what they are to be, and where its program lay. When a process of such a number
 * is met and its program still lies there, it is the one that has tried in vain, or was forked by
 * that.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In one step; what comes after them is taken to succeed. */
#define EXECUTIONS_MAX 65536

struct execution;

struct executions {
        pthread_mutex_t lock;
        struct execution *items; /* owned */
        size_t count;
        size_t room;
};

void executions_init(struct executions *executions);
void executions_done(struct executions *executions);

/* `pid` is about to execute something that changes the number of its credentials. Returns the
 * number that it is to have meanwhile: `after` itself where there is no room. */
uint64_t executions_begin(struct executions *executions, pid_t pid, uint64_t before,
                          uint64_t after);

/* The number that process `pid`, which has `number`, is to have: another one if it stood for an
 * attempt. From any thread. */
uint64_t executions_settle(struct executions *executions, pid_t pid, uint64_t number);
