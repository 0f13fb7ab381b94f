#include "container_info.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "bounds.h"
#include "cli.h"
#include "container/changes.h"
#include "container/port.h"
#include "container/processes.h"
#include "image_info.h"
#include "oci/json.h"
#include "sandbox/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As much of a command as a table shows. */
#define COMMAND_WIDTH 20

/* What /dev/shm holds unless it is said otherwise. */
#define SHM_DEFAULT ((uint64_t)64 << 20)

/* ---- a row ---- */

static int put_command(json_t *row, const struct container_spec *spec, bool whole)
{
        struct strv argv = STRV_INIT;
        struct buf text = BUF_INIT, quoted = BUF_INIT;
        int r = container_spec_argv(spec, &argv);

        for (size_t i = 0; i < argv.count && r == 0; i++)
                r = buf_appendf(&text, "%s%s", i > 0 ? " " : "", argv.items[i]);
        if (r == 0 && !whole && text.len > COMMAND_WIDTH)
                r = buf_appendf(&quoted, "\"%.*s…\"", COMMAND_WIDTH - 1, buf_str(&text));
        else if (r == 0)
                r = buf_appendf(&quoted, "\"%s\"", buf_str(&text));
        if (r == 0)
                r = json_put_string(row, "Command", buf_str(&quoted));
        strv_done(&argv);
        buf_done(&text);
        buf_done(&quoted);
        return r;
}

static int put_status(json_t *row, const struct container_state *state)
{
        char age[PRINT_AGE_MAX], text[PRINT_AGE_MAX + 32];

        switch (state->status) {
        case CONTAINER_CREATED:
                return json_put_string(row, "Status", "Created");
        case CONTAINER_RUNNING:
                print_duration(time(NULL) - state->started.tv_sec, age);
                snprintf(text, sizeof(text), "Up %s", age);
                return json_put_string(row, "Status", text);
        case CONTAINER_EXITED:
                print_age(state->finished.tv_sec, age);
                snprintf(text, sizeof(text), "Exited (%lld) %s", (long long)state->exit_code, age);
                return json_put_string(row, "Status", text);
        case CONTAINER_DEAD:
                return json_put_string(row, "Status", "Dead");
        }
        return 0;
}

static int put_lists(json_t *row, const struct container *container)
{
        const struct container_spec *spec = &container->spec;
        struct buf ports = BUF_INIT, labels = BUF_INIT, mounts = BUF_INIT;
        int r = 0;

        if (container->state.status == CONTAINER_RUNNING)
                r = ports_describe(&spec->ports, &spec->exposed, &ports);
        for (size_t i = 0; i < spec->labels.count && r == 0; i++)
                r = buf_appendf(&labels, "%s%s=%s", i > 0 ? "," : "", spec->labels.items[i].key,
                                spec->labels.items[i].value);
        for (size_t i = 0; i < spec->mount_count && r == 0; i++)
                if (spec->mounts[i].source)
                        r = buf_appendf(&mounts, "%s%s", mounts.len > 0 ? "," : "",
                                        spec->mounts[i].source);
        if (r == 0)
                r = json_put(row, "Ports", json_string(buf_str(&ports)));
        if (r == 0)
                r = json_put(row, "Labels", json_string(buf_str(&labels)));
        if (r == 0)
                r = json_put(row, "Mounts", json_string(buf_str(&mounts)));
        buf_done(&ports);
        buf_done(&labels);
        buf_done(&mounts);
        return r;
}

int container_row(const struct container *container, bool whole, json_t *ret)
{
        const struct container_spec *spec = &container->spec;
        char id[CONTAINER_ID_DIGITS + 1], age[PRINT_AGE_MAX], created[64];
        struct tm tm;
        int r;

        snprintf(id, sizeof(id), "%.*s", whole ? CONTAINER_ID_DIGITS : CONTAINER_ID_SHORT,
                 spec->id);
        print_age(spec->created.tv_sec, age);
        strftime(created, sizeof(created), "%Y-%m-%d %H:%M:%S %z %Z",
                 localtime_r(&spec->created.tv_sec, &tm));
        r = json_put_string(ret, "ID", id);
        if (r == 0)
                r = json_put_string(ret, "Image", spec->image);
        if (r == 0)
                r = put_command(ret, spec, whole);
        if (r == 0)
                r = json_put_string(ret, "CreatedAt", created);
        if (r == 0)
                r = json_put_string(ret, "RunningFor", age);
        if (r == 0)
                r = put_status(ret, &container->state);
        if (r == 0)
                r = json_put_string(ret, "State", container_status_name(container->state.status));
        if (r == 0)
                r = json_put_string(ret, "Networks", spec->network ? spec->network : "private");
        if (r == 0)
                r = put_lists(ret, container);
        return r < 0 ? r : json_put_string(ret, "Names", spec->name);
}

/* ---- sizes ---- */

uint64_t container_size(struct store *store, const struct container *container, uint64_t *ret_all)
{
        struct error ignored = ERROR_INIT;
        struct stored_image image;
        uint64_t total = 0;

        for (size_t i = 0; i < container->state.layer_count; i++)
                total += image_layer_size(store, &container->state.layers[i]);
        if (ret_all) {
                *ret_all = total;
                if (container_image(store, container, &image, &ignored) == 0) {
                        *ret_all += image_size(store, &image);
                        stored_image_done(&image);
                }
        }
        return total;
}

int container_put_size_text(struct store *store, const struct container *container, json_t *row)
{
        char own[PRINT_SIZE_MAX], whole[PRINT_SIZE_MAX], text[2 * PRINT_SIZE_MAX + 16];
        uint64_t all;

        print_size(container_size(store, container, &all), own);
        print_size(all, whole);
        snprintf(text, sizeof(text), "%s (virtual %s)", own, whole);
        return json_put_string(row, "Size", text);
}

/* ---- inspect ---- */

static int put_time(json_t *object, const char *key, const struct timespec *time)
{
        char text[CLOCK_TEXT_MAX] = "0001-01-01T00:00:00Z";

        if (time->tv_sec != 0)
                clock_format(time, text);
        return json_put(object, key, json_string(text));
}

static int put_bool(json_t *object, const char *key, bool value)
{
        return json_put(object, key, json_boolean(value));
}

/* A list or an object that is there also where it is empty. */
static int put_list(json_t *object, const char *key, const struct strv *list)
{
        return list->count > 0 ? json_put_strv(object, key, list)
                               : json_put(object, key, json_array());
}

static int put_text(json_t *object, const char *key, const char *text)
{
        return text && *text ? json_put_string(object, key, text)
                             : json_put(object, key, json_string(""));
}

static int fill_state(json_t *object, const struct container *container)
{
        const struct container_state *state = &container->state;
        int r = json_put_string(object, "Status", container_status_name(state->status));

        if (r == 0)
                r = put_bool(object, "Running", state->status == CONTAINER_RUNNING);
        if (r == 0)
                r = put_bool(object, "Paused", false);
        if (r == 0)
                r = put_bool(object, "Restarting", false);
        if (r == 0)
                r = put_bool(object, "Dead", state->status == CONTAINER_DEAD);
        if (r == 0)
                r = json_put(object, "Pid", json_integer(container_command_pid(container)));
        if (r == 0)
                r = json_put(object, "ExitCode", json_integer(state->exit_code));
        if (r == 0)
                r = put_text(object, "Error",
                             state->failure                    ? state->failure
                             : state->status == CONTAINER_DEAD ? "its process was killed; what it "
                                                                 "had changed since it was started "
                                                                 "is lost"
                                                               : "");
        if (r == 0)
                r = put_time(object, "StartedAt", &state->started);
        return r < 0 ? r : put_time(object, "FinishedAt", &state->finished);
}

static int fill_config(json_t *object, const struct container_spec *spec)
{
        int r = put_text(object, "Hostname", spec->hostname);

        if (r == 0)
                r = put_text(object, "User", spec->user);
        if (r == 0)
                r = json_put_set(object, "ExposedPorts", &spec->exposed);
        if (r == 0)
                r = put_bool(object, "Tty", spec->terminal);
        if (r == 0)
                r = put_bool(object, "OpenStdin", spec->open_stdin);
        if (r == 0)
                r = put_list(object, "Env", &spec->env);
        if (r == 0)
                r = put_list(object, "Cmd", &spec->cmd);
        if (r == 0)
                r = put_list(object, "Entrypoint", &spec->entrypoint);
        if (r == 0)
                r = put_text(object, "Image", spec->image);
        if (r == 0)
                r = put_text(object, "WorkingDir", spec->workdir);
        if (r == 0)
                r = spec->labels.count > 0 ? json_put_strmap(object, "Labels", &spec->labels)
                                           : json_put(object, "Labels", json_object());
        if (r == 0)
                r = put_text(object, "StopSignal",
                             spec->stop_signal ? spec->stop_signal : "SIGTERM");
        return r < 0 ? r : json_put(object, "StopTimeout", json_integer(spec->stop_timeout_s));
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]} */
static int fill_ports(json_t *object, const struct container_spec *spec, bool exposed)
{
        struct error ignored = ERROR_INIT;
        struct sandbox_port *ports = NULL;
        size_t count = 0;
        int r = ports_to_sandbox(&spec->ports, &ports, &count, &ignored);

        for (size_t i = 0; exposed && i < spec->exposed.count && r == 0; i++)
                r = json_put(object, spec->exposed.items[i], json_null());
        for (size_t i = 0; i < count && r == 0; i++) {
                char key[16], port[8];
                json_t *list, *item = json_object();

                snprintf(key, sizeof(key), "%u/%s", ports[i].port, ports[i].udp ? "udp" : "tcp");
                snprintf(port, sizeof(port), "%u", ports[i].host_port);
                list = json_object_get(object, key);
                if (!json_is_array(list)) {
                        list = json_array();
                        r = json_put(object, key, list);
                }
                if (r == 0)
                        r = json_append(list, item);
                if (r == 0)
                        r = json_put_string(item, "HostIp", ports[i].host);
                if (r == 0)
                        r = json_put_string(item, "HostPort", port);
        }
        free(ports);
        return r;
}

/* The bounds, as numbers; 0 is none. */
static int fill_bounds(json_t *object, const struct container_spec *spec)
{
        struct error ignored = ERROR_INIT;
        uint64_t memory = 0, shm = SHM_DEFAULT;
        int r;

        if (spec->memory)
                bounds_parse_bytes("--memory", spec->memory, &memory, &ignored);
        if (spec->shm_size)
                bounds_parse_bytes("--shm-size", spec->shm_size, &shm, &ignored);
        r = json_put(object, "Memory", json_integer((json_int_t)memory));
        if (r == 0)
                r = json_put(object, "NanoCpus",
                             json_integer(spec->cpus ? (json_int_t)(strtod(spec->cpus, NULL) * 1e9)
                                                     : 0));
        return r < 0 ? r : json_put(object, "ShmSize", json_integer((json_int_t)shm));
}

/* What no container has another of. */
static int fill_always(json_t *object)
{
        json_t *policy = json_object(), *log = json_object();
        int r = json_put(object, "RestartPolicy", policy);

        if (r == 0)
                r = json_put_string(policy, "Name", "no");
        if (r == 0)
                r = json_put(policy, "MaximumRetryCount", json_integer(0));
        r = json_put(object, "LogConfig", log) < 0 ? -ENOMEM : r;
        if (r == 0)
                r = json_put_string(log, "Type", "json-file");
        if (r == 0)
                r = put_bool(object, "Privileged", false);
        return r < 0 ? r : put_bool(object, "PublishAllPorts", false);
}

/* ["SOURCE:TARGET:rw"] */
static int fill_binds(json_t *object, const struct container_spec *spec)
{
        _cleanup_(strv_done) struct strv binds = STRV_INIT;
        int r = 0;

        for (size_t i = 0; i < spec->mount_count && r == 0; i++) {
                const struct container_mount *mount = &spec->mounts[i];

                if (mount->type != CONTAINER_TMPFS)
                        r = strv_addf(&binds, "%s:%s:%s", mount->source, mount->target,
                                      mount->read_only ? "ro" : "rw");
        }
        return r < 0 ? r : put_list(object, "Binds", &binds);
}

static int fill_host_config(json_t *object, const struct container_spec *spec)
{
        json_t *ports = json_object();
        int r = put_text(object, "NetworkMode", spec->network ? spec->network : "private");

        if (r == 0)
                r = fill_bounds(object, spec);
        if (r == 0)
                r = fill_always(object);
        if (r == 0)
                r = fill_binds(object, spec);
        r = json_put(object, "PortBindings", ports) < 0 ? -ENOMEM : r;
        if (r == 0)
                r = fill_ports(ports, spec, false);

        if (r == 0)
                r = put_bool(object, "AutoRemove", spec->remove);
        if (r == 0)
                r = put_bool(object, "ReadonlyRootfs", spec->read_only);
        if (r == 0)
                r = put_list(object, "CapAdd", &spec->add_capabilities);
        if (r == 0)
                r = put_list(object, "CapDrop", &spec->drop_capabilities);
        if (r == 0)
                r = put_list(object, "Dns", &spec->dns);
        if (r == 0)
                r = put_list(object, "ExtraHosts", &spec->hosts);
        if (r == 0)
                r = put_list(object, "SecurityOpt", &spec->security);
        if (r == 0)
                r = put_list(object, "Ulimits", &spec->ulimits);
        if (r == 0)
                r = put_text(object, "UsernsMode", spec->users);
        return r;
}

static int fill_mounts(json_t *list, struct store *store, const struct container_spec *spec)
{
        static const char *const types[] = { [CONTAINER_BIND] = "bind",
                                             [CONTAINER_VOLUME] = "volume",
                                             [CONTAINER_TMPFS] = "tmpfs" };
        int r = 0;

        for (size_t i = 0; i < spec->mount_count && r == 0; i++) {
                const struct container_mount *mount = &spec->mounts[i];
                _cleanup_free_ char *path = NULL;
                json_t *item = json_object();

                r = json_append(list, item);
                if (r == 0)
                        r = json_put_string(item, "Type", types[mount->type]);
                if (r == 0 && mount->type == CONTAINER_VOLUME) {
                        r = asprintf(&path, "%s/volumes/%s/_data", store_root(store),
                                     mount->source) < 0
                                    ? -ENOMEM
                                    : json_put_string(item, "Name", mount->source);
                }
                if (r == 0)
                        r = put_text(item, "Source", path ? path : mount->source);
                if (r == 0)
                        r = json_put_string(item, "Destination", mount->target);
                if (r == 0)
                        r = put_bool(item, "RW", !mount->read_only);
        }
        return r;
}

static int fill_facts(json_t *object, const struct container *container)
{
        const struct container_spec *spec = &container->spec;
        _cleanup_(strv_done) struct strv argv = STRV_INIT, args = STRV_INIT;
        _cleanup_free_ char *name = NULL;
        int r = container_spec_argv(spec, &argv);

        for (size_t i = 1; i < argv.count && r == 0; i++)
                r = strv_add(&args, argv.items[i]);
        if (r == 0 && asprintf(&name, "/%s", spec->name) < 0)
                r = -ENOMEM;
        if (r == 0)
                r = json_put_string(object, "Id", spec->id);
        if (r == 0)
                r = json_put_time(object, "Created", &spec->created);
        if (r == 0)
                r = json_put_string(object, "Path", argv.items[0]);
        if (r == 0)
                r = put_list(object, "Args", &args);
        if (r == 0)
                r = json_put_string(object, "Image", spec->image_id);
        if (r == 0)
                r = json_put_string(object, "Name", name);
        return r < 0 ? r : json_put(object, "RestartCount", json_integer(0));
}

/* "NetworkSettings": of the private network what every container of one has (sandbox/network.h). */
static int fill_network(json_t *object, const struct container *container)
{
        const struct container_spec *spec = &container->spec;
        const char *mode = spec->network ? spec->network : "private";
        const bool is_private = strcmp(mode, "private") == 0 || strcmp(mode, "bridge") == 0 ||
                                strcmp(mode, "default") == 0;
        const bool has_address = is_private && container->state.status == CONTAINER_RUNNING;
        json_t *ports = json_object(), *networks = json_object(), *network = json_object();
        json_t *const both[] = { object, network };
        int r = json_put(object, "Ports", ports);

        r = json_put(object, "Networks", networks) < 0 ? -ENOMEM : r;
        r = json_put(networks, is_private ? "bridge" : mode, network) < 0 ? -ENOMEM : r;
        for (size_t i = 0; i < ARRAY_SIZE(both) && r == 0; i++) {
                r = put_text(both[i], "IPAddress", has_address ? NETWORK_ADDRESS : "");
                if (r == 0)
                        r = put_text(both[i], "Gateway", has_address ? NETWORK_GATEWAY : "");
                if (r == 0)
                        r = json_put(both[i], "IPPrefixLen",
                                     json_integer(has_address ? NETWORK_PREFIX : 0));
                if (r == 0)
                        r = put_text(both[i], "GlobalIPv6Address",
                                     has_address ? NETWORK_ADDRESS6 : "");
                if (r == 0)
                        r = put_text(both[i], "MacAddress", "");
        }
        return r < 0 || container->state.status != CONTAINER_RUNNING
                       ? r
                       : fill_ports(ports, spec, true);
}

static int fill_sizes(json_t *object, struct store *store, const struct container *container)
{
        uint64_t all, own = container_size(store, container, &all);
        int r = json_put(object, "SizeRw", json_integer((json_int_t)own));

        return r < 0 ? r : json_put(object, "SizeRootFs", json_integer((json_int_t)all));
}

/* Where its log lies. Docker names it, and so do those who read it there. */
static int fill_places(json_t *object, struct store *store, const struct container_spec *spec)
{
        _cleanup_free_ char *log = NULL;

        if (asprintf(&log, "%s/" STORE_CONTAINERS "/%s/log", store_root(store), spec->id) < 0)
                return -ENOMEM;
        return json_put_string(object, "LogPath", log);
}

/* Adds an empty object or list, and yields it. */
static json_t *add_part(json_t *object, const char *key, json_t *part)
{
        return json_put(object, key, part) < 0 ? NULL : part;
}

static int fill(json_t *object, struct store *store, const struct container *container)
{
        const struct container_spec *spec = &container->spec;
        json_t *state, *host, *mounts, *config, *network;
        int r = fill_facts(object, container);

        if (r == 0)
                r = fill_places(object, store, spec);
        if (r < 0)
                return r;
        state = add_part(object, "State", json_object());
        host = add_part(object, "HostConfig", json_object());
        mounts = add_part(object, "Mounts", json_array());
        config = add_part(object, "Config", json_object());
        network = add_part(object, "NetworkSettings", json_object());
        if (!state || !host || !mounts || !config || !network)
                return -ENOMEM;
        r = fill_state(state, container);
        if (r == 0)
                r = fill_host_config(host, spec);
        if (r == 0)
                r = fill_mounts(mounts, store, spec);
        if (r == 0)
                r = fill_config(config, spec);
        return r < 0 ? r : fill_network(network, container);
}

int container_to_json(struct store *store, const struct container *container, bool sizes,
                      json_t **ret, struct error *err)
{
        json_t *object = json_object();

        if (!object || fill(object, store, container) < 0 ||
            (sizes && fill_sizes(object, store, container) < 0)) {
                json_decref(object);
                return error_set_oom(err);
        }
        *ret = object;
        return 0;
}
