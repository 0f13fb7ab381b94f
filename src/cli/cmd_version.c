/*
 * What this is, and where.
 */
#include "base/cleanup.h"
#include "base/io.h"
#include "commands.h"
#include "oci/json.h"
#include "oci/platform.h"
#include "store/images.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OS_RELEASE_MAX 65536

/* ---- version ---- */

static json_t *part_of_version(const struct platform *host)
{
        json_t *part = json_object();

        if (json_put_string(part, "Version", cli_version) == 0 &&
            json_put_string(part, "Os", host->os) == 0 &&
            json_put_string(part, "Arch", host->architecture) == 0)
                return part;
        json_decref(part);
        return NULL;
}

/* There is no server: whoever asks for its version gets this program's. */
static int print_version(const char *format, struct error *err)
{
        _cleanup_json_ json_t *list = json_array(), *version = json_object();
        struct platform host = PLATFORM_INIT;
        int r = platform_host(&host);

        if (r == 0)
                r = json_put(version, "Client", part_of_version(&host));
        if (r == 0)
                r = json_put(version, "Server", part_of_version(&host));
        if (r == 0)
                r = json_append(list, json_incref(version));
        platform_done(&host);
        return r < 0 ? error_set_oom(err) : template_print(format, list, err);
}

static int run_version(const struct command *command, int argc, char **argv)
{
        const char *format = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'f', "format", &format, "TEMPLATE",
                  "Print \"{{.Client.Version}}\" or json" },
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        int status;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, NULL,
                       &status))
                return status;
        if (!format)
                printf("varve %s\n", cli_version);
        else if (print_version(format, &err) < 0)
                status = cli_fail(&err, EXIT_FAILURE);
        return status;
}

const struct command cmd_version = {
        .name = "version",
        .arguments = "[OPTIONS]",
        .summary = "Print the version",
        .details = "Example:\n  varve version --format '{{.Server.Version}}'",
        .run = run_version,
};

/* ---- info ---- */

/* PRETTY_NAME of os-release(5). */
static void read_os(char *ret, size_t size)
{
        struct error ignored = ERROR_INIT;
        struct buf text = BUF_INIT;
        const char *at;

        snprintf(ret, size, "Linux");
        if (io_read_file(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &ignored) == 0 &&
            (at = strstr(buf_str(&text), "PRETTY_NAME="))) {
                at += strlen("PRETTY_NAME=");
                at += *at == '"';
                snprintf(ret, size, "%.*s", (int)strcspn(at, "\"\n"), at);
        }
        buf_done(&text);
}

static int count_images(struct store *store, int64_t *ret, struct error *err)
{
        struct image_index list = IMAGE_INDEX_INIT;
        int r = store ? store_images_read(store, &list, err) : 0;

        *ret = (int64_t)list.manifests.count;
        image_index_done(&list);
        return r;
}

static int put_host(json_t *info)
{
        struct sysinfo memory;
        struct utsname host;
        char os[256];

        if (uname(&host) < 0 || sysinfo(&memory) < 0)
                return -errno;
        read_os(os, sizeof(os));
        if (json_put_string(info, "KernelVersion", host.release) < 0 ||
            json_put_string(info, "OperatingSystem", os) < 0 ||
            json_put_string(info, "OSType", "linux") < 0 ||
            json_put_string(info, "Architecture", host.machine) < 0 ||
            json_put_string(info, "Name", host.nodename) < 0 ||
            json_put_integer(info, "NCPU", sysconf(_SC_NPROCESSORS_ONLN)) < 0 ||
            json_put_integer(info, "MemTotal",
                             (int64_t)((uint64_t)memory.totalram * memory.mem_unit)) < 0)
                return -ENOMEM;
        return 0;
}

static int make_info(struct store *store, json_t *info, struct error *err)
{
        int64_t images;
        int r = count_images(store, &images, err);

        if (r < 0)
                return r;
        if (json_put(info, "Images", json_integer(images)) < 0 ||
            json_put_string(info, "ServerVersion", cli_version) < 0 ||
            json_put(info, "SecurityOptions",
                     json_pack("[s,s]", "name=seccomp,profile=builtin", "name=rootless")) < 0 ||
            json_put(info, "DockerRootDir", json_string(store ? store_root(store) : "")) < 0)
                return error_set_oom(err);
        r = put_host(info);
        return r == -ENOMEM ? error_set_oom(err)
               : r < 0      ? error_set_errno(err, r, "cannot ask for facts of the host")
                            : 0;
}

static void print_info(const json_t *info)
{
        static const struct {
                const char *name, *field;
        } lines[] = {
                { "Version", "ServerVersion" },
                { "Images", "Images" },
                { "Store", "DockerRootDir" },
                { "Kernel Version", "KernelVersion" },
                { "Operating System", "OperatingSystem" },
                { "Architecture", "Architecture" },
                { "CPUs", "NCPU" },
                { "Name", "Name" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                const json_t *value = json_object_get(info, lines[i].field);

                if (json_is_integer(value))
                        printf("%s: %lld\n", lines[i].name, (long long)json_integer_value(value));
                else if (json_string_length(value) > 0)
                        printf("%s: %s\n", lines[i].name, json_string_value(value));
        }
        printf("`varve doctor` says what this host offers.\n");
}

static int run_info(const struct command *command, int argc, char **argv)
{
        const char *format = NULL;
        const struct option_spec options[] = {
                { OPTION_STRING, 'f', "format", &format, "TEMPLATE",
                  "Print \"{{.Images}}\" or json" },
        };
        _cleanup_json_ json_t *info = json_object(), *list = json_array();
        struct error err = ERROR_INIT, none = ERROR_INIT;
        struct arguments arguments;
        struct store *store = NULL;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, NULL,
                       &status))
                return status;
        r = cli_open_store(arguments.root, false, &store, &none);
        if (r == 0 || r == -ENXIO)
                r = make_info(store, info, &err);
        else
                err = none;
        if (r == 0 && json_append(list, json_incref(info)) < 0)
                r = error_set_oom(&err);
        if (r == 0 && format)
                r = template_print(format, list, &err);
        else if (r == 0)
                print_info(info);
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_info = {
        .name = "info",
        .arguments = "[OPTIONS]",
        .summary = "Show facts of the store and of the host",
        .details = "Example:\n  varve info --format '{{.DockerRootDir}}'",
        .run = run_info,
};
