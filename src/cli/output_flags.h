/*
 * Where the result of a build goes, and how its layers are made: options of `varve build`. Private
 * to src/cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "base/whole_file.h"
#include "build/build.h"

struct output_flags {
        struct strv outputs;
        bool push;
        bool load;
        const char *metadata_file;
        const char *compression;
        const char *level;
        bool force_compression;
        bool squash;
        const char *layers;
        const char *timestamp;
        struct strv platforms;
        bool verify;
};

/* clang-format off */
#define OUTPUT_OPTIONS(flags) \
        { OPTION_LIST, 'o', "output", &(flags)->outputs, "OUTPUT", \
          "Where the result goes, instead of to the store: type=image[,push=true], oci, oci-dir,\n" \
          "                                docker, tar or local, dest=FILE|DIR|-; or DIR; or -" }, \
        { OPTION_FLAG, 0, "push", &(flags)->push, NULL, "As --output type=image,push=true" }, \
        { OPTION_FLAG, 0, "load", &(flags)->load, NULL, \
          "Into the store, where it goes without --output anyway" }, \
        { OPTION_STRING, 0, "metadata-file", &(flags)->metadata_file, "FILE", \
          "Write digests and names to a file, as JSON" }, \
        { OPTION_STRING, 0, "compression", &(flags)->compression, "CODEC", \
          "gzip (the default), zstd, fast (gzip, larger by a tenth) or none" }, \
        { OPTION_STRING, 0, "compression-level", &(flags)->level, "LEVEL", \
          "gzip 1 to 12 (2), zstd 1 to 19 (2), fast 1 to 2 (2)" }, \
        { OPTION_FLAG, 0, "force-compression", &(flags)->force_compression, NULL, \
          "Compress the layers of the base image anew, too" }, \
        { OPTION_FLAG, 0, "squash", &(flags)->squash, NULL, \
          "Make one layer of what all steps have changed" }, \
        { OPTION_CHOICE, 0, "layers", &(flags)->layers, "[=BOOL]", \
          "A layer for each step (true); false is --squash" }, \
        { OPTION_LIST, 0, "platform", &(flags)->platforms, "OS/ARCH[/VARIANT],...", \
          "What the image is for (this machine); of several, an index of images is made" }, \
        { OPTION_FLAG, 0, "verify-reproducible", &(flags)->verify, NULL, \
          "Build twice from scratch, and fail if both are not the same, saying how" }, \
        { OPTION_STRING, 0, "timestamp", &(flags)->timestamp, "SECONDS", \
          "Let no time in the image be later than this, since 1970 ($SOURCE_DATE_EPOCH)" }
/* clang-format on */

void output_flags_done(struct output_flags *flags);

/* What they come to. */
struct output_list {
        struct build_output *items; /* owned */
        size_t count;
        struct whole_file *files;            /* owned, as many as the next */
        struct whole_directory *directories; /* owned */
        struct strv words;                   /* fields of what was written */
        struct strv leftovers; /* what is to be removed when the process that writes is killed */
        bool has_compression;
        struct compression compression;
        bool force_compression;
        bool squash;
        struct platform *platforms; /* owned */
        size_t platform_count;
};

void output_list_done(struct output_list *list);

/*
 * Reads them, and adds the names that outputs have to `tags`. Nothing is written. -EINVAL;
 * -ENOTEMPTY for a layout's directory that holds something.
 */
int output_flags_parse(const struct output_flags *flags, struct strv *tags, struct output_list *ret,
                       struct error *err);

/* Whether one of them goes to standard output, where nothing else may go then. */
bool output_list_writes_stdout(const struct output_list *list);

/* Lets a build make them. */
void output_list_use(const struct output_list *list, struct build_options *options);

/* Settles which times the image may have: --timestamp, else SOURCE_DATE_EPOCH of --build-arg, else
 * of the environment. It is a build argument then, too. */
int output_flags_times(const struct output_flags *flags, struct strv *args,
                       struct build_options *options, struct error *err);

/* Writes the file of --metadata-file, which is planned, as BuildKit has it. */
int output_flags_tell(struct whole_file *file, const struct store *store, const struct strv *tags,
                      const struct build_result *result, struct error *err);
