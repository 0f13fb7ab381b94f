#include "base/cleanup.h"
#include "commands.h"
#include "confirm.h"
#include "container/container.h"
#include "containers_prune.h"
#include "image_filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a container passes a filter: 1, 0, or -EINVAL. `container` NULL: it is only checked. */
static int passes(const struct container *container, const char *filter, struct error *err)
{
        time_t until;
        int r;

        if (strncmp(filter, "until=", 6) == 0) {
                r = filter_parse_until(filter + 6, &until, err);
                return r < 0 ? r : !container || container->spec.created.tv_sec < until;
        }
        if (strncmp(filter, "label=", 6) == 0)
                return !container || labels_fit(&container->spec.labels, filter + 6);
        if (strncmp(filter, "label!=", 7) == 0)
                return !container || !labels_fit(&container->spec.labels, filter + 7);
        error_set(err, -EINVAL, "invalid filter '%s'", filter);
        return error_hint(err, "Filters are until=, label= and label!=.");
}

static int passes_all(const struct container *container, const struct strv *filters,
                      struct error *err)
{
        int r = 1;

        for (size_t i = 0; i < filters->count && r > 0; i++)
                r = passes(container, filters->items[i], err);
        return r;
}

/* One that is being started or removed is left alone. Returns 1 where it is gone. */
static int remove_stopped(struct store *store, struct container *container, struct error *err)
{
        struct store_lock lock = STORE_LOCK_INIT;
        struct error gone = ERROR_INIT;
        int r = container_lock(store, container, false, &lock, &gone);

        if (r < 0)
                return 0;
        r = container_refresh(store, container, err);
        if (r == 0 && container->state.status != CONTAINER_RUNNING)
                r = container_remove(store, container, false, err) < 0 ? err->code : 1;
        store_lock_release(store, &lock);
        return r;
}

int containers_prune(struct store *store, const struct strv *filters, size_t *ret_count,
                     struct error *err)
{
        struct containers all;
        int r = passes_all(NULL, filters, err);

        *ret_count = 0;
        if (r >= 0)
                r = containers_read(store, &all, NULL, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < all.count && r >= 0; i++) {
                struct container *container = &all.items[i];

                if (container->state.status == CONTAINER_RUNNING)
                        continue;
                r = passes_all(container, filters, err);
                if (r > 0)
                        r = remove_stopped(store, container, err);
                if (r > 0 && (*ret_count)++ == 0)
                        printf("Deleted Containers:\n");
                if (r > 0)
                        printf("%s\n", container->spec.id);
        }
        containers_done(&all);
        if (*ret_count > 0)
                printf("\n");
        return r < 0 ? r : 0;
}

static int prune_and_collect(struct store *store, const struct strv *filters, struct error *err)
{
        char size[PRINT_SIZE_MAX];
        uint64_t freed = 0;
        size_t count;
        int r = containers_prune(store, filters, &count, err);

        if (r == 0)
                r = store_collect(store, &freed, err);
        if (r < 0)
                return r;
        print_size(freed, size);
        printf("Total reclaimed space: %s\n", size);
        return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
        struct strv filters = STRV_INIT;
        bool force = false;
        const struct option_spec options[] = {
                { OPTION_LIST, 0, "filter", &filters, "KEY=VALUE",
                  "Only those of which this is true: until, label, label!" },
                FORCE_OPTION(&force),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        struct store *store;
        int status, r = 0;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 0, 0, &arguments, &store,
                       &status))
                return status;
        if (force || confirm("This will remove all stopped containers."))
                r = prune_and_collect(store, &filters, &err);
        strv_done(&filters);
        store_free(store);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : status;
}

const struct command cmd_container_prune = {
        .name = "container prune",
        .arguments = "[OPTIONS]",
        .summary = "Remove containers that have stopped",
        .details = "Volumes stay. It asks before, if standard input is a terminal.\n\n"
                   "Examples:\n"
                   "  varve container prune\n"
                   "  varve container prune -f --filter until=24h",
        .run = run,
};
