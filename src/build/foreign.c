#include "foreign.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINFMT_DIRECTORY "/proc/sys/fs/binfmt_misc"
#define ENTRY_MAX        8192
#define MAGIC_MAX        128 /* as the kernel */

/* What a program of an architecture begins with. */
static const struct machine {
        const char *architecture;
        uint16_t machine;
        bool is_64_bit;
        bool is_big_endian;
} machines[] = {
        { "386", EM_386, false, false },      { "amd64", EM_X86_64, true, false },
        { "arm", EM_ARM, false, false },      { "arm64", EM_AARCH64, true, false },
        { "loong64", 258, true, false },      { "mips64", EM_MIPS, true, true },
        { "mips64le", EM_MIPS, true, false }, { "ppc64le", EM_PPC64, true, false },
        { "riscv64", EM_RISCV, true, false }, { "s390x", EM_S390, true, true },
};

#define HEAD_BYTES 20

static bool make_head(const char *architecture, uint8_t ret[static HEAD_BYTES])
{
        for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
                const struct machine *at = &machines[i];
                size_t high = at->is_big_endian ? 0 : 1, low = 1 - high;

                if (strcmp(at->architecture, architecture) != 0)
                        continue;
                memset(ret, 0, HEAD_BYTES);
                for (size_t j = 0; j < SELFMAG; j++)
                        ret[j] = (uint8_t)ELFMAG[j];
                ret[EI_CLASS] = at->is_64_bit ? ELFCLASS64 : ELFCLASS32;
                ret[EI_DATA] = at->is_big_endian ? ELFDATA2MSB : ELFDATA2LSB;
                ret[EI_VERSION] = EV_CURRENT;
                ret[16 + low] = ET_EXEC;
                ret[18 + low] = (uint8_t)at->machine;
                ret[18 + high] = (uint8_t)(at->machine >> 8);
                return true;
        }
        return false;
}

/* The text behind "KEY " at the beginning of a line. */
static const char *find_field(const char *entry, const char *key)
{
        size_t len = strlen(key);

        for (const char *line = entry; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, len) == 0 && line[len] == ' ')
                        return line + len + 1;
        }
        return NULL;
}

static size_t read_hex(const char *text, uint8_t ret[static MAGIC_MAX])
{
        size_t len = 0;
        unsigned byte;

        while (text && len < MAGIC_MAX && strspn(text, "0123456789abcdef") >= 2 &&
               sscanf(text, "%2x", &byte) == 1) {
                ret[len++] = (uint8_t)byte;
                text += 2;
        }
        return len;
}

int foreign_entry_runs(const char *entry, const char *architecture)
{
        const char *flags = find_field(entry, "flags:"), *offset = find_field(entry, "offset");
        uint8_t head[HEAD_BYTES], magic[MAGIC_MAX], mask[MAGIC_MAX];
        size_t len = read_hex(find_field(entry, "magic"), magic);
        size_t mask_len = read_hex(find_field(entry, "mask"), mask);

        if (strncmp(entry, "enabled", strlen("enabled")) != 0 || len == 0 || len > HEAD_BYTES ||
            (offset && atoi(offset) != 0) || !make_head(architecture, head))
                return 0;
        for (size_t i = 0; i < len; i++) {
                uint8_t bits = i < mask_len ? mask[i] : 0xff;

                if ((head[i] & bits) != (magic[i] & bits))
                        return 0;
        }
        return flags && memchr(flags, 'F', strcspn(flags, "\n")) ? 1 : -ENOEXEC;
}

/* As foreign_entry_runs(), for all entries. */
static int find_interpreter(const char *architecture)
{
        const struct dirent *item;
        DIR *dir = opendir(BINFMT_DIRECTORY);
        int found = 0;

        while (dir && found != 1 && (item = readdir(dir))) {
                struct error ignored = ERROR_INIT;
                struct buf entry = BUF_INIT;
                int r;

                if (item->d_name[0] != '.' &&
                    io_read_file(dirfd(dir), item->d_name, ENTRY_MAX, &entry, &ignored) == 0) {
                        r = foreign_entry_runs(buf_str(&entry), architecture);
                        found = r != 0 ? r : found;
                }
                buf_done(&entry);
        }
        if (dir)
                closedir(dir);
        return found;
}

/* The stage's first RUN, or NULL. */
static const struct instruction *find_run(const struct plan_stage *stage)
{
        for (size_t i = 0; i < stage->step_count; i++)
                if (stage->steps[i].instruction->type == INSTRUCTION_RUN)
                        return stage->steps[i].instruction;
        return NULL;
}

/* What a stage's programs are of: what the image is of, that its chain begins with. */
static const struct platform *platform_of(const struct plan *plan, const struct plan_stage *stage)
{
        while (stage->base == PLAN_STAGE)
                stage = &plan->stages[stage->base_index];
        return stage->base == PLAN_IMAGE ? &plan->images[stage->base_index].image.config.platform
                                         : &stage->platform;
}

static int refuse(const char *name, int found, const char *architecture, struct error *err)
{
        if (found == -ENOEXEC) {
                error_set(err, -EOPNOTSUPP,
                          "the interpreter for programs of %s is looked for in the image", name);
                return error_hint(err, "Register it with the flag F (binfmt_misc), as Debian's "
                                       "package qemu-user-static does.");
        }
        error_set(err, -EOPNOTSUPP, "RUN for %s: this machine cannot execute programs of %s", name,
                  architecture);
        return error_hint(err, "An administrator can install qemu-user-static, which registers "
                               "interpreters (binfmt_misc); or build in a stage of FROM "
                               "--platform=$BUILDPLATFORM and COPY the result.");
}

int foreign_check(struct plan *plan, struct build_fault *ret_fault, struct error *err)
{
        struct source_position nowhere = { .line = 0 };

        for (size_t i = 0; i < plan->stage_count; i++) {
                const struct plan_stage *stage = &plan->stages[i];
                const struct instruction *run = stage->needed ? find_run(stage) : NULL;
                const struct platform *platform = run ? platform_of(plan, stage) : NULL;
                _cleanup_free_ char *name = NULL;
                int found;

                if (!run || !platform->architecture || platform_rank(&plan->host, platform) >= 0)
                        continue;
                found = find_interpreter(platform->architecture);
                if (found == 1)
                        continue;
                name = platform_format(platform);
                refuse(name ? name : "it", found, platform->architecture, err);
                return plan_blame(plan, run, nowhere, ret_fault, err);
        }
        return 0;
}
