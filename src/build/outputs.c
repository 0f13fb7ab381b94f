#include "outputs.h"

#include "base/cleanup.h"
#include "build/archives.h"
#include "build/tree_source.h"
#include "oci/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct outputs {
        struct store *store;
        const struct build_options *options;
        const struct descriptor *root;
        const struct built *built;
        size_t count;
        struct strv names; /* whole references */
};

void built_done(struct built *built)
{
        platform_done(&built->platform);
        descriptor_done(&built->manifest);
        for (size_t i = 0; i < built->result_count; i++)
                stage_result_done(&built->results[i]);
        free(built->results);
}

bool build_keeps_image(const struct build_options *options)
{
        for (size_t i = 0; i < options->output_count; i++)
                if (options->outputs[i].type == BUILD_OUTPUT_IMAGE)
                        return true;
        return options->output_count == 0;
}

/* ---- archives ---- */

static int open_tree(const struct outputs *outputs, const struct built *built, struct tree **ret,
                     struct error *err)
{
        struct stored_image image;
        int r = store_image_load(outputs->store, &built->manifest, NULL, &image, err);

        if (r < 0)
                return r;
        r = layers_open_image(outputs->store, &image, ret, err);
        stored_image_done(&image);
        return r;
}

static int write_tar(const struct outputs *outputs, const struct byte_sink *sink, struct error *err)
{
        struct tree *tree;
        int r = open_tree(outputs, &outputs->built[0], &tree, err);

        if (r < 0)
                return r;
        r = tree_write_tar(tree, sink, err);
        tree_free(tree);
        return r;
}

static int write_stream(const struct outputs *outputs, const struct build_output *output, int fd,
                        const char *name, struct error *err)
{
        struct fd_stream stream = { .fd = fd, .name = name };
        struct byte_sink sink = byte_sink_of_fd(&stream);
        struct save_target target = { .format = output->type == BUILD_OUTPUT_OCI
                                                        ? IMAGE_OCI_ARCHIVE
                                                        : IMAGE_DOCKER_ARCHIVE,
                                      .out = &sink,
                                      .dir_fd = -1 };

        if (output->type == BUILD_OUTPUT_TAR)
                return write_tar(outputs, &sink, err);
        return image_save(outputs->store, outputs->root, &outputs->built[0].platform,
                          &outputs->names, &target, err);
}

static int write_archive(const struct outputs *outputs, const struct build_output *output,
                         struct error *err)
{
        int r;

        if (!output->file)
                return write_stream(outputs, output, STDOUT_FILENO, "standard output", err);
        r = whole_file_open(output->file, err);
        if (r == 0)
                r = write_stream(outputs, output, output->file->fd, output->file->target, err);
        return r < 0 ? r : whole_file_finish(output->file, err);
}

/* ---- directories ---- */

static void tell_left_out(const struct outputs *outputs, const char *directory, size_t count)
{
        _cleanup_free_ char *text = NULL;
        struct build_event event = { .type = BUILD_NOTE };

        if (count == 0 || !outputs->options->event ||
            asprintf(&text,
                     "%s: %zu devices and extended attributes are not there, which only root "
                     "can make",
                     directory, count) < 0)
                return;
        event.text = text;
        outputs->options->event(outputs->options->event_context, &event);
}

/* Where the files of a platform go: of several, each has a directory, as "linux_arm64". */
static int open_place(const struct outputs *outputs, size_t index, int dir_fd, struct error *err)
{
        _cleanup_free_ char *name = NULL;
        int fd;

        if (outputs->count > 1)
                name = platform_format(&outputs->built[index].platform);
        else
                name = strdup(".");
        if (!name)
                return error_set_oom(err);
        for (char *at = name; *at; at++)
                if (*at == '/')
                        *at = '_';
        if (outputs->count > 1 && mkdirat(dir_fd, name, 0777) < 0 && errno != EEXIST)
                return error_set_errno(err, -errno, "cannot make %s", name);
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? error_set_errno(err, -errno, "cannot open %s", name) : fd;
}

/* Writes the files of one platform and looks whether they can come into `to_dir`, where there is
 * one; or lets them, `moves`. */
static int handle_files(const struct outputs *outputs, size_t index, int from_dir, int to_dir,
                        bool moves, size_t *left_out, struct error *err)
{
        _cleanup_close_ int from = open_place(outputs, index, from_dir, err);
        _cleanup_close_ int to = -1;
        struct tree *tree = NULL;
        int r = from;

        if (r >= 0 && to_dir >= 0)
                r = to = open_place(outputs, index, to_dir, err);
        if (r >= 0)
                r = open_tree(outputs, &outputs->built[index], &tree, err);
        if (r == 0 && !moves)
                r = local_write(tree, from, left_out, err);
        if (r == 0 && to >= 0)
                r = local_merge(tree, from, to, moves, err);
        if (r == 0 && moves)
                r = local_finish(tree, to >= 0 ? to : from, left_out, err);
        tree_free(tree);
        return r;
}

static int write_all_files(const struct outputs *outputs, const struct build_output *output,
                           struct error *err)
{
        const struct whole_directory *directory = output->directory;
        _cleanup_close_ int to_fd = -1;
        size_t left_out = 0;
        int r = 0;

        if (directory->is_there) {
                to_fd = open(directory->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (to_fd < 0)
                        return error_set_errno(err, -errno, "cannot open it");
        }
        for (size_t i = 0; i < 2 * outputs->count && r == 0; i++)
                r = handle_files(outputs, i % outputs->count, directory->fd, to_fd,
                                 i >= outputs->count, &left_out, err);
        if (r == 0)
                tell_left_out(outputs, directory->target, left_out);
        return r;
}

static int write_layout(const struct outputs *outputs, const struct build_output *output,
                        struct error *err)
{
        const struct save_target target = { .format = IMAGE_OCI_DIRECTORY,
                                            .dir_fd = output->directory->fd };

        return image_save(outputs->store, outputs->root, &outputs->built[0].platform,
                          &outputs->names, &target, err);
}

/* Files come into a directory that is there when all are written; what has the same names is
 * replaced. */
static int write_directory(const struct outputs *outputs, const struct build_output *output,
                           struct error *err)
{
        struct whole_directory *directory = output->directory;
        bool is_layout = output->type == BUILD_OUTPUT_OCI_DIRECTORY;
        int r = whole_directory_open(directory, err);

        if (r < 0)
                return r;
        r = is_layout ? write_layout(outputs, output, err) : write_all_files(outputs, output, err);
        if (r < 0)
                return error_wrap(err, "%s", directory->target);
        return is_layout || !directory->is_there
                       ? whole_directory_finish(directory, "index.json", err)
                       : 0;
}

/* ---- registries ---- */

static int push(const struct outputs *outputs, const struct build_output *output, struct error *err)
{
        const struct push_options options = { .insecure = output->insecure,
                                              .watcher = outputs->options->watcher };
        struct stored_image image;
        struct digest digest;
        int r = store_image_load(outputs->store, outputs->root, &outputs->built[0].platform, &image,
                                 err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < outputs->names.count && r == 0; i++)
                r = image_push_stored(outputs->store, &image, outputs->names.items[i], &options,
                                      &digest, err);
        stored_image_done(&image);
        return r < 0 ? error_wrap(err, "cannot push") : 0;
}

static int write_output(const struct outputs *outputs, const struct build_output *output,
                        struct error *err)
{
        switch (output->type) {
        case BUILD_OUTPUT_NONE:
                return 0;
        case BUILD_OUTPUT_IMAGE:
                return output->push ? push(outputs, output, err) : 0;
        case BUILD_OUTPUT_OCI:
        case BUILD_OUTPUT_DOCKER:
        case BUILD_OUTPUT_TAR:
                return write_archive(outputs, output, err);
        case BUILD_OUTPUT_OCI_DIRECTORY:
        case BUILD_OUTPUT_LOCAL:
                break;
        }
        return write_directory(outputs, output, err);
}

int outputs_write(struct store *store, const struct build_options *options,
                  const struct descriptor *root, const struct built *built, size_t count,
                  struct error *err)
{
        struct outputs outputs = {
                .store = store, .options = options, .root = root, .built = built, .count = count
        };
        int r = 0;

        for (size_t i = 0; options->tags && i < options->tags->count && r == 0; i++) {
                char *name = NULL;

                r = store_name_new(store, options->tags->items[i], &name, err);
                if (r == 0 && strv_take(&outputs.names, name) < 0)
                        r = error_set_oom(err);
        }
        for (size_t i = 0; i < options->output_count && r == 0; i++)
                r = write_output(&outputs, &options->outputs[i], err);
        strv_done(&outputs.names);
        return r;
}
