/*
 * What a Dockerfile says, instruction by instruction: floor 1, text alone.
 *
 * The language is that of BuildKit's frontend (docker/dockerfile:1); the reference is
 * https://docs.docker.com/reference/dockerfile/.
 *
 * Words stand as they were written: variables, quotes and escapes in them are resolved by
 * instruction_expand() (dockerfile/expand.h) when their values are known. Everything here belongs
 * to the arena of the struct dockerfile, or of the expansion, that it came from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum instruction_type {
        INSTRUCTION_ADD,
        INSTRUCTION_ARG,
        INSTRUCTION_CMD,
        INSTRUCTION_COPY,
        INSTRUCTION_ENTRYPOINT,
        INSTRUCTION_ENV,
        INSTRUCTION_EXPOSE,
        INSTRUCTION_FROM,
        INSTRUCTION_HEALTHCHECK,
        INSTRUCTION_LABEL,
        INSTRUCTION_MAINTAINER,
        INSTRUCTION_ONBUILD,
        INSTRUCTION_RUN,
        INSTRUCTION_SHELL,
        INSTRUCTION_STOPSIGNAL,
        INSTRUCTION_USER,
        INSTRUCTION_VOLUME,
        INSTRUCTION_WORKDIR,
};

/* A place in the file, counted from 1; 0 is unknown. Columns count bytes. */
struct source_position {
        unsigned int line;
        unsigned int column;
};

/* Where a piece of a logical line came from: `offset` bytes into the text stands what the file
 * has at `position`. */
struct text_segment {
        size_t offset;
        struct source_position position;
};

/* A list of strings with a final NULL that `count` leaves out. */
struct words {
        const char **items;
        size_t count;
};

struct key_value {
        const char *key;
        const char *value; /* NULL only for ARG without "=" */
        bool legacy;       /* "ENV key value", without "=" */
};

struct key_values {
        struct key_value *items;
        size_t count;
};

/* A flag that may be left out. */
enum choice { CHOICE_UNSET, CHOICE_NO, CHOICE_YES };

/*
 * The command of RUN, CMD, ENTRYPOINT and HEALTHCHECK. In the exec form `argv` is what is
 * executed; in the shell form it has one string, empty where nothing was written, that goes to
 * the shell.
 */
struct command_line {
        bool exec_form;
        struct words argv;
};

/* A file written in the Dockerfile itself: COPY <<name. */
struct inline_file {
        const char *name;
        const char *data;
        bool expand; /* the name was not quoted, so variables in the data are expanded */
};

/* ADD and COPY. What was not given is NULL. */
struct instruction_copy {
        struct words sources; /* paths, URLs, git references */
        struct inline_file *files;
        size_t file_count;
        const char *destination;
        const char *from; /* COPY: never expanded */
        const char *chown;
        const char *chmod;
        const char *checksum;  /* ADD */
        struct words excludes; /* never expanded */
        bool link;
        bool parents;             /* COPY */
        enum choice keep_git_dir; /* ADD */
        enum choice unpack;       /* ADD */
};

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };

enum mount_sharing { MOUNT_SHARED, MOUNT_PRIVATE, MOUNT_LOCKED };

/*
 * RUN --mount. Before the expansion only `text` and `from` are set, since the type itself may come
 * from a variable. What was not given is NULL; defaults that hang on the type are filled in for
 * `read_only` alone.
 */
struct run_mount {
        const char *text; /* what was written after --mount= */
        enum mount_type type;
        const char *from;
        const char *source;
        const char *target;
        const char *id;
        const char *env; /* secret: the variable that receives it */
        enum mount_sharing sharing;
        int64_t size_bytes; /* tmpfs; 0 is no limit */
        bool read_only;
        bool required;
        bool has_mode;
        bool has_uid;
        bool has_gid;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
};

struct run_device {
        const char *name;
        bool required;
};

enum run_network { RUN_NETWORK_DEFAULT, RUN_NETWORK_NONE, RUN_NETWORK_HOST };
enum run_security { RUN_SECURITY_SANDBOX, RUN_SECURITY_INSECURE };

/*
 * RUN. Heredocs have become part of the command: a sole one is the text for the shell, others
 * follow the line that names them, for the shell to read. A sole one whose first bytes are "#!"
 * is `script`, an executable file of the name `script_name` which is run itself, without the
 * shell; `command` then holds the same text.
 */
struct instruction_run {
        struct command_line command;
        const char *script;
        const char *script_name;
        const char *heredoc; /* the first line of a sole heredoc, for progress; else NULL */
        struct run_mount *mounts;
        size_t mount_count;
        struct run_device *devices;
        size_t device_count;
        enum run_network network;
        enum run_security security;
};

struct instruction_from {
        const char *base;
        const char *platform;   /* NULL where not given */
        const char *name;       /* in lower case; NULL where not given */
        const char *as_written; /* the name before lowering; NULL where not given */
        const char *as;         /* the keyword as it was written; NULL where not given */
};

/* Durations in nanoseconds; 0 leaves the default to the engine that runs the image. */
struct instruction_healthcheck {
        bool none;
        struct command_line command;
        int64_t interval_ns;
        int64_t timeout_ns;
        int64_t start_period_ns;
        int64_t start_interval_ns;
        int retries;
};

struct instruction_onbuild {
        const char *expression; /* as the image's config records it, heredoc bodies included */
        struct instruction *trigger;
};

struct instruction {
        enum instruction_type type;
        const char *keyword; /* as it was written: "RUN", "run" */
        const char *text;    /* the logical line: continuations joined, comments left out */
        unsigned int first_line;
        unsigned int last_line;              /* heredoc bodies included */
        const struct text_segment *segments; /* of the whole line ... */
        size_t segment_count;
        size_t text_offset;    /* ... in which the text begins here */
        struct words comments; /* the comment lines right before it, without "#" and blanks */

        /* Lint rules that those comments switch: bit N is rule N (dockerfile/lint.h). */
        uint32_t lint_skipped;
        uint32_t lint_experimental;

        union {
                struct instruction_copy copy; /* ADD, COPY */
                struct key_values pairs;      /* ARG, ENV, LABEL */
                struct command_line command;  /* CMD, ENTRYPOINT */
                struct words words;           /* EXPOSE (sorted), SHELL, VOLUME */
                struct instruction_from from;
                struct instruction_healthcheck healthcheck;
                struct instruction_onbuild onbuild;
                struct instruction_run run;
                const char *value; /* MAINTAINER, STOPSIGNAL, USER, WORKDIR */
        };
};

/* The instruction's name in capitals. */
const char *instruction_name(enum instruction_type type);

/* Where `word` stands in the source of the instruction: the place of its first occurrence in the
 * text, or the instruction's first line where it has none. */
struct source_position instruction_locate(const struct instruction *instruction, const char *word);

/*
 * The description that the comments before an ARG or FROM give of the variable or stage `name`:
 * what follows "name " in one of them. NULL where there is none.
 */
const char *instruction_description(const struct instruction *instruction, const char *name);
