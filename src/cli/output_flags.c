#include "output_flags.h"

#include "base/cleanup.h"
#include "cli.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "oci/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void output_flags_done(struct output_flags *flags)
{
        strv_done(&flags->outputs);
        strv_done(&flags->platforms);
}

void output_list_done(struct output_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                whole_file_done(&list->files[i]);
                whole_directory_done(&list->directories[i]);
        }
        for (size_t i = 0; i < list->platform_count; i++)
                platform_done(&list->platforms[i]);
        free(list->platforms);
        free(list->files);
        free(list->directories);
        free(list->items);
        strv_done(&list->words);
        strv_done(&list->leftovers);
}

/* One --output that is read. */
struct reading {
        const char *text;
        struct output_list *list;
        struct build_output output;
        const char *type;
        const char *dest;
        const char *compression;
        const char *level;
        bool force;
        bool no_tar;
        struct strv *names;
        struct error *err;
};

static int bad(struct reading *reading, const char *what, const char *field)
{
        return error_set(reading->err, -EINVAL, "--output %s: %s%s", reading->text, what, field);
}

/* ---- fields ---- */

/* Takes the next field of comma-separated ones; quotes hold commas together. Returns 1 or 0. */
static int next_field(struct output_list *list, const char **at, const char **ret)
{
        struct buf field = BUF_INIT;
        bool quoted = false;
        int r = 0;

        if (!**at)
                return 0;
        for (; **at && (quoted || **at != ',') && r == 0; (*at)++) {
                if (**at == '"')
                        quoted = !quoted;
                else
                        r = buf_append_char(&field, **at);
        }
        *at += **at == ',';
        if (r == 0)
                r = strv_take(&list->words, buf_take_str(&field));
        buf_done(&field);
        if (r < 0)
                return r;
        *ret = list->words.items[list->words.count - 1];
        return 1;
}

static int read_bool(struct reading *reading, const char *field, const char *value, bool *ret)
{
        *ret = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        if (*ret || strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
                return 0;
        return bad(reading, "it is true or false: ", field);
}

static int read_names(struct reading *reading, const char *value)
{
        for (const char *at = value; *at;) {
                size_t len = strcspn(at, ",");

                if (len > 0 && strv_take(reading->names, strndup(at, len)) < 0)
                        return error_set_oom(reading->err);
                at += len + (at[len] == ',');
        }
        return 0;
}

/* What others can choose, and is always so here. */
static int read_fixed(struct reading *reading, const char *field)
{
        static const char *const fixed[] = { "oci-mediatypes=true", "rewrite-timestamp=true",
                                             "unpack=false", "store=true", "platform-split=true" };
        size_t len = strcspn(field, "=");

        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
                if (strncmp(field, fixed[i], len + 1) != 0)
                        continue;
                if (strcmp(field, fixed[i]) == 0)
                        return 0;
                bad(reading, "this cannot be had: ", field);
                return error_hint(reading->err, "It is always %s.", fixed[i]);
        }
        bad(reading, "this is not known: ", field);
        return error_hint(reading->err,
                          "It has type, dest, name, push, tar, compression, "
                          "compression-level, force-compression and registry.insecure.");
}

static int read_field(struct reading *reading, const char *field)
{
        const char *value = strchr(field, '=');
        size_t len = value ? (size_t)(value - field) : 0;
        _cleanup_free_ char *key = strndup(field, len);
        bool tar = true;
        int r;

        if (!key)
                return error_set_oom(reading->err);
        if (len == 0 || !*++value)
                return bad(reading, "there is no value for ", field);
        if (strcmp(key, "type") == 0)
                reading->type = value;
        else if (strcmp(key, "dest") == 0)
                reading->dest = value;
        else if (strcmp(key, "name") == 0)
                return read_names(reading, value);
        else if (strcmp(key, "push") == 0)
                return read_bool(reading, field, value, &reading->output.push);
        else if (strcmp(key, "registry.insecure") == 0)
                return read_bool(reading, field, value, &reading->output.insecure);
        else if (strcmp(key, "compression") == 0)
                reading->compression = value;
        else if (strcmp(key, "compression-level") == 0)
                reading->level = value;
        else if (strcmp(key, "force-compression") == 0)
                return read_bool(reading, field, value, &reading->force);
        else if (strcmp(key, "tar") == 0) {
                r = read_bool(reading, field, value, &tar);
                reading->no_tar = !tar;
                return r;
        } else
                return read_fixed(reading, field);
        return 0;
}

/* ---- types ---- */

static int settle_type(struct reading *reading)
{
        static const struct {
                const char *name;
                enum build_output_type type;
        } types[] = {
                { "image", BUILD_OUTPUT_IMAGE },   { "registry", BUILD_OUTPUT_IMAGE },
                { "oci", BUILD_OUTPUT_OCI },       { "oci-dir", BUILD_OUTPUT_OCI_DIRECTORY },
                { "docker", BUILD_OUTPUT_DOCKER }, { "tar", BUILD_OUTPUT_TAR },
                { "local", BUILD_OUTPUT_LOCAL },   { "cacheonly", BUILD_OUTPUT_NONE },
        };

        if (!reading->type)
                return bad(reading, "it has no type", "");
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if (strcmp(types[i].name, reading->type) != 0)
                        continue;
                reading->output.type = types[i].type;
                if (strcmp(reading->type, "registry") == 0)
                        reading->output.push = true;
                if (reading->no_tar && types[i].type == BUILD_OUTPUT_OCI)
                        reading->output.type = BUILD_OUTPUT_OCI_DIRECTORY;
                else if (reading->no_tar && types[i].type != BUILD_OUTPUT_OCI_DIRECTORY)
                        return bad(reading, "tar=false is for type=oci", "");
                /* `docker build --output type=docker` loads the image into the engine. */
                if (types[i].type == BUILD_OUTPUT_DOCKER && !reading->dest)
                        reading->output.type = BUILD_OUTPUT_IMAGE;
                return 0;
        }
        bad(reading, "there is no type ", reading->type);
        return error_hint(reading->err,
                          "It is image, registry, oci, oci-dir, docker, tar, local or cacheonly.");
}

static bool is_directory_type(enum build_output_type type)
{
        return type == BUILD_OUTPUT_LOCAL || type == BUILD_OUTPUT_OCI_DIRECTORY;
}

static bool writes_stdout(const struct build_output *output)
{
        bool is_archive = output->type == BUILD_OUTPUT_OCI || output->type == BUILD_OUTPUT_DOCKER ||
                          output->type == BUILD_OUTPUT_TAR;

        return is_archive && (!output->file || output->file->given == STDOUT_FILENO);
}

bool output_list_writes_stdout(const struct output_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                if (writes_stdout(&list->items[i]))
                        return true;
        return false;
}

static int add_leftover(struct reading *reading, const char *path)
{
        return path && strv_add(&reading->list->leftovers, path) < 0 ? error_set_oom(reading->err)
                                                                     : 0;
}

static int settle_directory(struct reading *reading)
{
        struct whole_directory *directory = &reading->list->directories[reading->list->count];
        int r = whole_directory_plan(reading->dest,
                                     reading->output.type == BUILD_OUTPUT_OCI_DIRECTORY, directory,
                                     reading->err);

        reading->output.directory = directory;
        return r < 0 ? r : add_leftover(reading, directory->temporary);
}

static int settle_file(struct reading *reading)
{
        struct whole_file *file = &reading->list->files[reading->list->count];
        int r;

        if (!reading->dest || strcmp(reading->dest, "-") == 0)
                return cli_check_stdout(reading->err);
        r = whole_file_plan(reading->dest, file, reading->err);
        reading->output.file = file;
        return r < 0 ? r : add_leftover(reading, file->temporary);
}

static int settle_dest(struct reading *reading)
{
        enum build_output_type type = reading->output.type;

        if (type == BUILD_OUTPUT_IMAGE || type == BUILD_OUTPUT_NONE)
                return reading->dest ? bad(reading, "this type has no dest", "") : 0;
        if (reading->output.push || reading->output.insecure)
                return bad(reading, "push and registry.insecure are for type=image", "");
        if (!is_directory_type(type))
                return settle_file(reading);
        if (!reading->dest)
                return bad(reading, "there is no dest, the directory that it goes to", "");
        if (strcmp(reading->dest, "-") == 0)
                return bad(reading, "a directory is not written to standard output", "");
        return settle_directory(reading);
}

/* Two outputs must not be one. */
static int check_apart(struct reading *reading)
{
        const struct build_output *output = &reading->output;

        for (size_t i = 0; i < reading->list->count; i++) {
                const struct build_output *other = &reading->list->items[i];

                if (writes_stdout(other) && writes_stdout(output))
                        return bad(reading, "another output goes to standard output", "");
                if (other->file && output->file && whole_file_is(other->file, output->file))
                        return bad(reading, "another output goes to ", output->file->target);
                if (other->directory && output->directory &&
                    strcmp(other->directory->target, output->directory->target) == 0)
                        return bad(reading, "another output goes to ", output->directory->target);
        }
        return 0;
}

/* ---- compression ---- */

static int read_level(const char *text, int *ret, struct error *err)
{
        char *end;
        long level = strtol(text, &end, 10);

        if (end == text || *end || level < 1 || level > 100)
                return error_set(err, -EINVAL, "--compression-level is a number from 1 on, not %s",
                                 text);
        *ret = (int)level;
        return 0;
}

/* Outputs of one build are of the same layers. */
static int add_compression(struct output_list *list, const char *name, const char *level,
                           struct error *err)
{
        struct compression compression;
        int number = 0, r = 0;

        if (!name && !level)
                return 0;
        if (level)
                r = read_level(level, &number, err);
        if (r == 0)
                r = compression_parse(name ? name : "gzip", number, &compression, err);
        if (r < 0)
                return r;
        if (list->has_compression && (list->compression.codec != compression.codec ||
                                      list->compression.level != compression.level))
                return error_set(err, -EINVAL, "the outputs of one build have one compression");
        list->has_compression = true;
        list->compression = compression;
        return 0;
}

/* It is of the layers of an image, as they are handed on. */
static int check_compression(struct reading *reading)
{
        enum build_output_type type = reading->output.type;
        bool has_layers = type == BUILD_OUTPUT_IMAGE || type == BUILD_OUTPUT_OCI ||
                          type == BUILD_OUTPUT_OCI_DIRECTORY;

        if (has_layers || (!reading->compression && !reading->level && !reading->force))
                return 0;
        bad(reading, "compression is for type=image, oci and oci-dir", "");
        return error_hint(reading->err, "Pass the archive on: dest=- | zstd");
}

/* ---- all of them ---- */

static int read_output(const char *text, struct strv *names, struct output_list *list,
                       struct error *err)
{
        struct reading reading = { .text = text, .list = list, .names = names, .err = err };
        const char *at = text, *field;
        int r;

        /* "-o DIR" and "-o -". */
        if (!strchr(text, '=')) {
                reading.type = strcmp(text, "-") == 0 ? "tar" : "local";
                reading.dest = text;
                at += strlen(text);
        }
        while ((r = next_field(list, &at, &field)) > 0) {
                r = read_field(&reading, field);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return error_set_oom(err);
        list->files[list->count] = WHOLE_FILE_INIT;
        list->directories[list->count] = WHOLE_DIRECTORY_INIT;
        r = settle_type(&reading);
        if (r == 0)
                r = check_compression(&reading);
        if (r == 0)
                r = settle_dest(&reading);
        if (r == 0)
                r = check_apart(&reading);
        if (r == 0)
                r = add_compression(list, reading.compression, reading.level, err);
        list->force_compression |= reading.force;
        list->items[list->count++] = reading.output;
        return r;
}

/* Adds a platform, but for one that is there already, under whatever spelling. */
static int add_platform(struct output_list *list, const char *text, struct error *err)
{
        struct platform *platforms =
                reallocarray(list->platforms, list->platform_count + 1, sizeof(*platforms));
        struct platform platform;
        int r;

        if (!platforms)
                return error_set_oom(err);
        list->platforms = platforms;
        r = platform_parse(text, &platform, err);
        if (r < 0)
                return error_wrap(err, "--platform");
        for (size_t i = 0; i < list->platform_count; i++)
                if (platform_rank(&platforms[i], &platform) == 0) {
                        platform_done(&platform);
                        return 0;
                }
        platforms[list->platform_count++] = platform;
        return 0;
}

static int read_platforms(const struct strv *written, struct output_list *list, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < written->count && r == 0; i++)
                for (const char *at = written->items[i], *field; r == 0;) {
                        r = next_field(list, &at, &field);
                        if (r <= 0)
                                break;
                        r = add_platform(list, field, err);
                }
        return r < 0 && !error_is_set(err) ? error_set_oom(err) : r;
}

static int check_layers(const struct output_flags *flags, bool *ret_squash, struct error *err)
{
        const char *text = flags->layers;
        bool no = text && strcmp(text, "false") == 0;

        if (text && *text && !no && strcmp(text, "true") != 0)
                return error_set(err, -EINVAL, "--layers is true or false, not %s", text);
        *ret_squash = flags->squash || no;
        return 0;
}

static int check_push(const struct output_list *list, const struct strv *tags, struct error *err)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->items[i].push && tags->count == 0) {
                        error_set(err, -EINVAL, "what is to be pushed has no name");
                        return error_hint(err, "Give it one, with -t HOST/NAME:TAG.");
                }
        return 0;
}

int output_flags_parse(const struct output_flags *flags, struct strv *tags, struct output_list *ret,
                       struct error *err)
{
        size_t count = flags->outputs.count + 2;
        int r = 0;

        ret->items = calloc(count, sizeof(*ret->items));
        ret->files = calloc(count, sizeof(*ret->files));
        ret->directories = calloc(count, sizeof(*ret->directories));
        if (!ret->items || !ret->files || !ret->directories)
                return error_set_oom(err);
        r = read_platforms(&flags->platforms, ret, err);
        if (r == 0)
                r = add_compression(ret, flags->compression, flags->level, err);
        ret->force_compression = flags->force_compression;
        for (size_t i = 0; i < flags->outputs.count && r == 0; i++)
                r = read_output(flags->outputs.items[i], tags, ret, err);
        if (r == 0 && flags->push)
                r = read_output("type=registry", tags, ret, err);
        if (r == 0 && flags->load)
                r = read_output("type=image", tags, ret, err);
        if (r == 0)
                r = check_layers(flags, &ret->squash, err);
        if (r == 0)
                r = check_push(ret, tags, err);
        if (r == 0 && ret->force_compression && !ret->has_compression)
                r = add_compression(ret, "gzip", NULL, err);
        return r;
}

void output_list_use(const struct output_list *list, struct build_options *options)
{
        options->outputs = list->items;
        options->output_count = list->count;
        options->compression = list->has_compression ? &list->compression : NULL;
        options->force_compression = list->force_compression;
        options->squash = list->squash;
        options->platforms = list->platforms;
        options->platform_count = list->platform_count;
}

/* ---- times ---- */

int output_flags_times(const struct output_flags *flags, struct strv *args,
                       struct build_options *options, struct error *err)
{
        static const char *const name = "SOURCE_DATE_EPOCH";
        const char *given = strv_env_get(args, name), *found = getenv(name), *text;
        int r;

        if (flags->timestamp && given && strcmp(flags->timestamp, given) != 0)
                return error_set(err, -EINVAL, "--timestamp and --build-arg %s are not the same",
                                 name);
        text = flags->timestamp ? flags->timestamp : given ? given : found;
        if (!text || !*text)
                return 0;
        r = build_parse_epoch(flags->timestamp ? "--timestamp" : name, text, &options->latest, err);
        options->clamps_times = r == 0;
        if (r == 0 && !given && strv_env_set(args, name, text) < 0)
                r = error_set_oom(err);
        return r;
}

/* ---- what was built ---- */

static int put_digest(json_t *object, const char *key, const struct digest *digest)
{
        char text[DIGEST_TEXT_MAX];

        digest_format(digest, text);
        return json_put_string(object, key, text);
}

static int put_names(const struct store *store, json_t *object, const struct strv *tags,
                     struct error *err)
{
        struct buf names = BUF_INIT;
        int r = 0;

        for (size_t i = 0; i < tags->count && r == 0; i++) {
                _cleanup_free_ char *name = NULL;

                r = store_name_new(store, tags->items[i], &name, err);
                if (r == 0 && buf_appendf(&names, "%s%s", i > 0 ? "," : "", name) < 0)
                        r = error_set_oom(err);
        }
        if (r == 0)
                r = json_put_string(object, "image.name", buf_str(&names));
        buf_done(&names);
        return r;
}

int output_flags_tell(struct whole_file *file, const struct store *store, const struct strv *tags,
                      const struct build_result *result, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        bool is_index = media_type_kind(result->manifest.media_type) == MEDIA_INDEX;
        json_t *descriptor;
        struct buf text = BUF_INIT;
        int r = object ? 0 : -ENOMEM;

        if (r == 0 && !is_index)
                r = put_digest(object, "containerimage.config.digest", &result->config);
        if (r == 0)
                r = descriptor_write(&result->manifest, &descriptor, err);
        if (r == 0)
                r = json_put(object, "containerimage.descriptor", descriptor);
        if (r == 0)
                r = put_digest(object, "containerimage.digest", &result->manifest.digest);
        if (r == 0)
                r = put_names(store, object, tags, err);
        r = r < 0 ? (error_is_set(err) ? r : error_set_oom(err)) : json_write(object, &text, err);
        if (r == 0 && buf_append_char(&text, '\n') < 0)
                r = error_set_oom(err);
        if (r == 0)
                r = whole_file_write(file, text.data, text.len, err);
        buf_done(&text);
        return r;
}
