/*
 * The command line: floor 5. Private to src/cli/.
 *
 * A command is a name, a table of options, and a function. The table is what is parsed, and what
 * --help is made of. Nothing below this floor prints.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "build/execute.h"
#include "sandbox/sandbox.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What the program exits with when it was asked for what it cannot do, as Docker has it. */
#define CLI_EXIT_USAGE 125

enum option_type {
        OPTION_FLAG,   /* value: bool; "=true" or "=false" may follow */
        OPTION_STRING, /* value: const char *, borrowed from argv */
        OPTION_LIST,   /* value: struct strv */
        OPTION_CHOICE, /* value: const char *, "" where "=VALUE" is left out */
};

struct option_spec {
        enum option_type type;
        char letter;      /* 0 for none */
        const char *name; /* without "--" */
        void *value;
        const char *argument; /* what --help calls it; NULL for flags */
        const char *help;
};

struct command {
        const char *name;
        const char *arguments; /* "[OPTIONS] CONTEXT" */
        const char *summary;   /* a line for the list of commands */
        const char *details;   /* more for its own --help, examples among it; or NULL */
        bool options_first;    /* what follows the first argument is not ours to parse */
        bool makes_store;      /* where there is none */

        /* `argv` holds the command's name and what follows it. Returns the exit status. */
        int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command *const cli_commands[]; /* ends with NULL */
extern const char *const cli_version;

/*
 * Parses options into their values; what is left are the arguments, in `ret`, which points into
 * argv. `--root` and `--help` are known everywhere. Returns 0; -EINVAL for what is not in the
 * table, with the nearest option as a hint; -ECANCELED when --help was printed.
 */
struct arguments {
        char **items;
        size_t count;
        const char *root; /* of --root, or NULL */
};
int options_parse(const struct command *command, const struct option_spec *options, size_t count,
                  int argc, char **argv, struct arguments *ret, struct error *err);

/* A line for the table of options of a command that talks to a registry. */
/* clang-format off */
#define INSECURE_OPTION(value) \
        { OPTION_FLAG, 0, "insecure", value, NULL, \
          "Allow plain http, and certificates that nobody vouches for" }
/* clang-format on */

/*
 * The usual beginning of a command: parses, checks that there are `min` to `max` arguments, and
 * opens the store or makes it (`ret_store` NULL: none is wanted). Returns true; or false with the
 * exit status, having printed what there was to say.
 */
bool cli_begin(const struct command *command, const struct option_spec *options, size_t count,
               int argc, char **argv, size_t min, size_t max, struct arguments *ret,
               struct store **ret_store, int *ret_status);

/* Opens the store, or makes it too, as store_open() and store_open_existing(); with the settings by
 * which names without a host mean the same to all commands. */
int cli_open_store(const char *root, bool make, struct store **ret, struct error *err);

/* The whole of a command without options and arguments that shows something of the store. */
int cli_show(const struct command *command, int argc, char **argv,
             int (*show)(struct store *store, struct error *err));

/*
 * Goes on in a process of its own (guard.c) and returns true there. In this one it waits for that,
 * sees to it that nothing is left behind, `leftovers` among it (paths, NULL behind the last, or
 * NULL) when the work did not come to its end, frees `store`, and returns false with the exit
 * status.
 */
bool cli_guard(struct store *store, const char *const *leftovers, int *ret_status);

/* Refuses, with -EINVAL, to write an archive to a terminal. */
int cli_check_stdout(struct error *err);

/* Of an error that says that there is no room where something was to be written: what to do. */
void cli_hint_full(struct error *err);

/* Reads --userns; NULL is "auto". */
int cli_parse_users(const char *text, enum sandbox_users *ret, struct error *err);

/* Reads --fs; NULL is "auto". */
int cli_parse_files(const char *text, enum execution_files *ret, struct error *err);

#define FILES_OPTION(value)                                                              \
        {                                                                                \
                OPTION_STRING, 0, "fs", value, "HOW",                                    \
                        "auto (the default), fuse or copy (where there is no /dev/fuse)" \
        }

/* Prints an error as a paragraph: what, and what to do. Returns `status`. */
int cli_fail(const struct error *err, int status);

/* ---- print.c ---- */

/* "1.2MB": powers of 1000, as Docker shows sizes. */
#define PRINT_SIZE_MAX 32
void print_size(uint64_t bytes, char ret[static PRINT_SIZE_MAX]);

/* "3 hours", "About a minute"; and the same with " ago". */
#define PRINT_AGE_MAX 64
void print_duration(time_t seconds, char ret[static PRINT_AGE_MAX]);
void print_age(time_t then, char ret[static PRINT_AGE_MAX]);

/* "2026-01-02 04:04:05 +0100 CET", as Go prints times. */
#define PRINT_TIME_MAX 64
void print_time(time_t when, char ret[static PRINT_TIME_MAX]);

/* Characters in at most `len` bytes, which are taken to be of one column each. */
int print_width(const char *text, size_t len);

#define TABLE_COLUMNS_MAX 16

/* Makes control characters other than newline and tab "?", in place: what images, files and
 * Dockerfiles call things shall not play tricks on a terminal. */
void print_plain(char *text);

/* The same of newlines and tabs, too: a file's name is one word of one line. */
void print_file_name(char *name);

/* Rows of columns, each as wide as its widest cell. The last cell of a row ends it. A cell is one
 * line, and plain. */
struct table {
        struct strv cells;
        size_t columns; /* at most TABLE_COLUMNS_MAX */
};
int table_add(struct table *table, const char *cell);
void table_print(struct table *table);
