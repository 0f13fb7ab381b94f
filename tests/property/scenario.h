/*
 * Scenarios: system calls whose outcome is written down, so that it can be compared with that on
 * another filesystem.
 *
 * A scenario runs in an empty directory of its own, by relative paths. What prepare() has made lies
 * in a layer by the time of act(), or not: it must make no difference.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct scenario {
        const char *name;
        void (*prepare)(void);
        void (*act)(void);
        bool ranges; /* needs more than one user */
};

extern const struct scenario name_scenarios[], rename_scenarios[], data_scenarios[],
        right_scenarios[], xattr_scenarios[];

/* Writes down a call and what it returned, or the errno. Returns that. */
#define T(call) scenario_trace(__LINE__, #call, (long long)(call))
long long scenario_trace(int line, const char *call, long long result);

/* Writes down words. */
void scenario_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What lstat(2) says, but for times and numbers. */
void scenario_stat(const char *path);

/* A file's bytes, as runs of equal ones. */
void scenario_content(const char *path);

/* Names, sorted, with their types. */
void scenario_list(const char *path);

/* Makes a file of `size` bytes `byte`. */
void scenario_file(const char *path, size_t size, char byte);

/* Runs a function in a child process as another user, of one supplementary group (0: none). */
void scenario_as(unsigned uid, unsigned gid, unsigned group, void (*act)(void));
