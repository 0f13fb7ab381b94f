#include "filter.h"
#include "host.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>

/* As far as Linux goes: a longer one it does not take. */
#define HOSTNAME_MAX 64

/* What goes wrong while writing is noticed once, at the end. */
struct spec_writer {
        struct buf *buf;
        bool out_of_memory;
        bool too_large;
};

static void append(struct spec_writer *writer, const void *data, size_t len)
{
        if (len > SANDBOX_SPEC_MAX - writer->buf->len)
                writer->too_large = true;
        else if (buf_append(writer->buf, data, len) < 0)
                writer->out_of_memory = true;
}

/* Appends, on a boundary of 8 bytes. Returns the offset. */
static uint32_t put(struct spec_writer *writer, const void *data, size_t len)
{
        static const char zeros[8];
        uint32_t offset;

        append(writer, zeros, -writer->buf->len & 7);
        offset = (uint32_t)writer->buf->len;
        append(writer, data, len);
        return offset;
}

static uint32_t put_string(struct spec_writer *writer, const char *text)
{
        return text ? put(writer, text, strlen(text) + 1) : 0;
}

static struct wire_span put_array(struct spec_writer *writer, const void *items, size_t count,
                                  size_t item_size)
{
        return (struct wire_span){ put(writer, items, count * item_size), (uint32_t)count };
}

static struct wire_span put_strings(struct spec_writer *writer, const struct strv *strv)
{
        struct wire_span span = { put(writer, "", 0), (uint32_t)strv->count };

        for (size_t i = 0; i < strv->count; i++)
                append(writer, strv->items[i], strlen(strv->items[i]) + 1);
        return span;
}

/* Whether this process has a controlling terminal. */
static bool has_terminal(void)
{
        _cleanup_close_ int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

        return fd >= 0;
}

static int check(const struct sandbox_spec *spec, struct error *err)
{
        if (spec->argv->count == 0 || spec->argv->items[0][0] == '\0')
                return error_set(err, -EINVAL, "the command is empty");
        if (!path_is_absolute(spec->workdir))
                return error_set(err, -EINVAL, "the working directory %s is not absolute",
                                 spec->workdir);
        if (spec->hostname && strlen(spec->hostname) > HOSTNAME_MAX)
                return error_set(err, -EINVAL, "the host name %s is longer than %d bytes",
                                 spec->hostname, HOSTNAME_MAX);
        if (spec->mount_count > SANDBOX_MOUNTS_MAX)
                return error_set(err, -E2BIG, "more than %d mounts", SANDBOX_MOUNTS_MAX);
        if (spec->port_count > SANDBOX_PORTS_MAX)
                return error_set(err, -E2BIG, "more than %d ports", SANDBOX_PORTS_MAX);
        if (spec->port_count > 0 && spec->network != SANDBOX_NETWORK_PRIVATE)
                return error_set(err, -EOPNOTSUPP,
                                 "ports can be published of a private network alone");
        if (spec->group_count > SANDBOX_GROUPS_MAX)
                return error_set(err, -E2BIG, "more than %d supplementary groups",
                                 SANDBOX_GROUPS_MAX);
        if (spec->limit_count > SANDBOX_LIMITS_MAX)
                return error_set(err, -E2BIG, "more than %d resource limits", SANDBOX_LIMITS_MAX);
        for (size_t i = 0; i < spec->mount_count; i++) {
                if (!path_is_absolute(spec->mounts[i].target))
                        return error_set(err, -EINVAL, "the mount point %s is not absolute",
                                         spec->mounts[i].target);
        }
        return 0;
}

static struct wire_span put_mounts(struct spec_writer *writer, const struct sandbox_spec *spec,
                                   int *ret_sources, size_t *ret_source_count)
{
        struct wire_mount mounts[SANDBOX_MOUNTS_MAX];

        *ret_source_count = 0;
        for (size_t i = 0; i < spec->mount_count; i++) {
                const struct sandbox_mount *mount = &spec->mounts[i];

                mounts[i] = (struct wire_mount){
                        .size_bytes = mount->size_bytes,
                        .type = mount->type,
                        .target = put_string(writer, mount->target),
                        .mode = mount->mode,
                        .uid = mount->uid,
                        .gid = mount->gid,
                        .read_only = mount->read_only,
                        .no_exec = mount->no_exec,
                        .fills = mount->fills,
                };
                if (mount->type == SANDBOX_MOUNT_BIND) {
                        mounts[i].source = (uint32_t)*ret_source_count;
                        ret_sources[(*ret_source_count)++] = mount->source_fd;
                } else if (mount->type == SANDBOX_MOUNT_FUSE) {
                        mounts[i].source = (uint32_t)*ret_source_count;
                        mounts[i].path = put_string(writer, mount->source);
                        ret_sources[(*ret_source_count)++] = -1;
                } else if (mount->type == SANDBOX_MOUNT_DATA) {
                        mounts[i].data = put_array(writer, mount->data, mount->data_len, 1);
                }
        }
        return put_array(writer, mounts, spec->mount_count, sizeof(mounts[0]));
}

static struct wire_span put_limits(struct spec_writer *writer, const struct sandbox_spec *spec)
{
        struct wire_limit limits[SANDBOX_LIMITS_MAX];

        for (size_t i = 0; i < spec->limit_count; i++) {
                limits[i] = (struct wire_limit){
                        .soft = spec->limits[i].value.rlim_cur,
                        .hard = spec->limits[i].value.rlim_max,
                        .resource = spec->limits[i].resource,
                };
        }
        return put_array(writer, limits, spec->limit_count, sizeof(limits[0]));
}

/* The code of the filter: what is emulated, then what is allowed at all. */
static struct wire_span put_filter(struct spec_writer *writer, const struct sandbox_host *host,
                                   const struct sandbox_spec *spec)
{
        bool single = host->users == SANDBOX_USERS_SINGLE;
        const enum filter_emulation recorded = !single ? FILTER_DEVICES
                                               : spec->root == SANDBOX_ROOT_DIRECTORY
                                                       ? FILTER_CREATE
                                                       : FILTER_EMULATE;
        struct wire_span span = { 0, 0 };
        struct buf code = BUF_INIT;
        int r = 0;

        if (spec->emulation == SANDBOX_EMULATE_RECORD)
                r = filter_append_emulation(recorded, &code);
        else if (spec->emulation == SANDBOX_EMULATE_FAKE && single)
                r = filter_append_emulation(FILTER_FAKE, &code);
        if (r == 0 && !spec->unconfined && !spec->unfiltered)
                r = filter_append_policy(&code);
        else if (r == 0 && code.len > 0)
                r = filter_append_allow(&code);
        if (r < 0)
                writer->out_of_memory = true;
        else
                span = put_array(writer, code.data, code.len / sizeof(struct sock_filter),
                                 sizeof(struct sock_filter));
        buf_done(&code);
        return span;
}

/* Ports as the network's program takes them: "tcp ADDRESS PORT PORT". */
static struct wire_span put_ports(struct spec_writer *writer, const struct sandbox_spec *spec)
{
        struct wire_span span = { put(writer, "", 0), (uint32_t)spec->port_count };
        char text[INET6_ADDRSTRLEN + 32];

        for (size_t i = 0; i < spec->port_count; i++) {
                const struct sandbox_port *port = &spec->ports[i];

                snprintf(text, sizeof(text), "%s %s %u %u", port->udp ? "udp" : "tcp", port->host,
                         port->host_port, port->port);
                append(writer, text, strlen(text) + 1);
        }
        return span;
}

/* `ret` is NULL where none is wanted. */
static int find_network_program(const struct sandbox_spec *spec, char **ret, struct error *err)
{
        const bool pasta = spec->network == SANDBOX_NETWORK_PASTA;
        const char *name = pasta ? "pasta" : "slirp4netns";

        *ret = NULL;
        if (!pasta && spec->network != SANDBOX_NETWORK_SLIRP4NETNS)
                return 0;
        *ret = host_find_program(name);
        if (*ret)
                return 0;
        error_set(err, -ENOENT, "the program %s is not on this host", name);
        return error_hint(err,
                          "Its administrator can add it: sudo apt-get install %s; varve needs "
                          "none of the kind: leave --network out",
                          pasta ? "passt" : name);
}

int spec_write(const struct sandbox_host *host, const struct sandbox_spec *spec, uint32_t mark,
               struct buf *ret, int ret_sources[static SANDBOX_MOUNTS_MAX],
               size_t *ret_source_count, struct error *err)
{
        struct spec_writer writer = { .buf = ret };
        struct wire_spec header = { .size_bytes = 0 };
        _cleanup_free_ char *program = NULL;
        int r;

        r = check(spec, err);
        if (r == 0)
                r = find_network_program(spec, &program, err);
        if (r < 0)
                return r;
        put(&writer, &header, sizeof(header));
        header = (struct wire_spec){
                .capabilities = spec->unconfined ? UINT64_MAX
                                                 : (SANDBOX_CAPABILITIES | spec->add_capabilities) &
                                                           ~spec->drop_capabilities,
                .shm_size_bytes = spec->shm_size_bytes,
                .uid = spec->uid,
                .gid = spec->gid,
                .root_type = spec->root,
                .network = spec->network,
                .fuse_options = put_string(&writer, spec->fuse_options),
                .workdir = put_string(&writer, spec->workdir),
                .hostname = put_string(&writer, spec->hostname),
                .newuidmap = put_string(&writer, host->newuidmap),
                .newgidmap = put_string(&writer, host->newgidmap),
                .network_program = put_string(&writer, program),
                .resolvers = put_string(&writer, spec->resolvers),
                .argv = put_strings(&writer, spec->argv),
                .env = put_strings(&writer, spec->env),
                .groups = put_array(&writer, spec->groups, spec->group_count, sizeof(uint32_t)),
                .mounts = put_mounts(&writer, spec, ret_sources, ret_source_count),
                .limits = put_limits(&writer, spec),
                .filter = put_filter(&writer, host, spec),
                .uid_map = put_array(&writer, host->uid_map, host->uid_map_count,
                                     sizeof(host->uid_map[0])),
                .gid_map = put_array(&writer, host->gid_map, host->gid_map_count,
                                     sizeof(host->gid_map[0])),
                .no_new_privileges = host->users == SANDBOX_USERS_SINGLE || spec->no_new_privileges,
                .unmasked = spec->unconfined,
                .has_terminal = spec->terminal || has_terminal(),
                .terminal = spec->terminal,
                .rows = spec->rows,
                .columns = spec->columns,
                .executes = spec->executes,
                .read_only = spec->read_only,
                .mark = mark,
                .ports = put_ports(&writer, spec),
                .listen = spec->emulation == SANDBOX_EMULATE_RECORD,
        };
        if (writer.too_large)
                return error_set(err, -E2BIG,
                                 "the step's command, environment and files are larger than %d MiB",
                                 SANDBOX_SPEC_MAX / 1024 / 1024);
        if (writer.out_of_memory)
                return error_set_oom(err);
        header.source_count = (uint32_t)*ret_source_count;
        header.size_bytes = ret->len;
        memcpy(ret->data, &header, sizeof(header));
        return 0;
}
