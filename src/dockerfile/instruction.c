#include "dockerfile/instruction.h"

#include "segment.h"

#include <string.h>

const char *instruction_name(enum instruction_type type)
{
        static const char *const names[] = {
                [INSTRUCTION_ADD] = "ADD",
                [INSTRUCTION_ARG] = "ARG",
                [INSTRUCTION_CMD] = "CMD",
                [INSTRUCTION_COPY] = "COPY",
                [INSTRUCTION_ENTRYPOINT] = "ENTRYPOINT",
                [INSTRUCTION_ENV] = "ENV",
                [INSTRUCTION_EXPOSE] = "EXPOSE",
                [INSTRUCTION_FROM] = "FROM",
                [INSTRUCTION_HEALTHCHECK] = "HEALTHCHECK",
                [INSTRUCTION_LABEL] = "LABEL",
                [INSTRUCTION_MAINTAINER] = "MAINTAINER",
                [INSTRUCTION_ONBUILD] = "ONBUILD",
                [INSTRUCTION_RUN] = "RUN",
                [INSTRUCTION_SHELL] = "SHELL",
                [INSTRUCTION_STOPSIGNAL] = "STOPSIGNAL",
                [INSTRUCTION_USER] = "USER",
                [INSTRUCTION_VOLUME] = "VOLUME",
                [INSTRUCTION_WORKDIR] = "WORKDIR",
        };

        return names[type];
}

struct source_position segments_locate(const struct text_segment *segments, size_t count,
                                       size_t offset)
{
        struct source_position position;
        size_t low = 0, high = count;

        /* The last segment that begins at or before the offset. */
        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (segments[middle].offset <= offset)
                        low = middle;
                else
                        high = middle;
        }
        position = segments[low].position;
        position.column += (unsigned int)(offset - segments[low].offset);
        return position;
}

struct source_position instruction_locate(const struct instruction *instruction, const char *word)
{
        const char *found = strstr(instruction->text, word);

        return segments_locate(instruction->segments, instruction->segment_count,
                               instruction->text_offset +
                                       (found ? (size_t)(found - instruction->text) : 0));
}

const char *instruction_description(const struct instruction *instruction, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; i < instruction->comments.count; i++) {
                const char *comment = instruction->comments.items[i];

                if (strncmp(comment, name, len) == 0 && comment[len] == ' ')
                        return comment + len + 1;
        }
        return NULL;
}
