#include "base/cleanup.h"
#include "commands.h"
#include "log.h"
#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int list_tags(struct registry *registry, const struct reference *repository,
                     struct error *err)
{
        struct strv tags = STRV_INIT;
        int r = registry_list_tags(registry, repository, &tags, err);

        for (size_t i = 0; i < tags.count && r == 0; i++) {
                print_plain(tags.items[i]);
                printf("%s\n", tags.items[i]);
        }
        strv_done(&tags);
        return r;
}

static int list_referrers(struct registry *registry, const struct reference *reference,
                          struct error *err)
{
        struct descriptors list = { .items = NULL };
        struct digest subject;
        int r = registry_find_digest(registry, reference, &subject, err);

        if (r == 0)
                r = registry_list_referrers(registry, reference, &subject, &list, err);
        for (size_t i = 0; i < list.count && r == 0; i++) {
                char digest[DIGEST_TEXT_MAX], *type = list.items[i].artifact_type;

                digest_format(&list.items[i].digest, digest);
                type = type ? type : list.items[i].media_type;
                print_plain(type);
                printf("%s %s\n", digest, type);
        }
        descriptors_done(&list);
        return r;
}

enum action { LIST_TAGS, LIST_REFERRERS, DELETE };

static int carry_out(enum action action, struct registry *registry, const char *name,
                     struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        int r = reference_parse(name, &reference, err);

        if (r == 0 && action == DELETE)
                r = registry_delete_manifest(registry, &reference, err);
        else if (r == 0 && action == LIST_REFERRERS)
                r = list_referrers(registry, &reference, err);
        else if (r == 0)
                r = list_tags(registry, &reference, err);
        reference_done(&reference);
        return r;
}

/* Refuses to delete what is not said. */
static int check(enum action action, const char *name, struct error *err)
{
        struct reference reference = REFERENCE_INIT;
        int r = reference_parse(name, &reference, err);

        if (r == 0 && action == DELETE && reference.tag_is_default)
                r = error_set(err, -EINVAL, "--delete wants the tag or digest to be said");
        reference_done(&reference);
        return r;
}

/* At the first of the registries that a short name is looked for at, and has it. */
static int look(enum action action, const char *name, bool insecure, struct error *err)
{
        struct registry_options options = { .insecure = insecure, .notice = log_notice };
        struct strv hosts = STRV_INIT, names = STRV_INIT;
        struct registry *registry = NULL;
        int r = check(action, name, err);

        if (r == 0)
                r = registry_search_hosts(&hosts, err);
        if (r == 0)
                r = reference_candidates(name, &hosts, &names, err);
        if (r == 0)
                r = registry_new(&options, &registry, err);
        for (size_t i = 0; registry && i < names.count; i++) {
                *err = ERROR_INIT;
                r = carry_out(action, registry, names.items[i], err);
                if (r != -ENOENT && r != -EACCES)
                        break;
        }
        registry_free(registry);
        strv_done(&names);
        strv_done(&hosts);
        return r;
}

static int run(const struct command *command, int argc, char **argv)
{
        bool insecure = false, referrers = false, remove = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "referrers", &referrers, NULL,
                  "List what refers to the image: signatures, attestations" },
                { OPTION_FLAG, 0, "delete", &remove, NULL, "Delete the tag, or the digest, there" },
                INSECURE_OPTION(&insecure),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, NULL,
                       &status))
                return status;
        r = look(remove      ? DELETE
                 : referrers ? LIST_REFERRERS
                             : LIST_TAGS,
                 arguments.items[0], insecure, &err);
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : EXIT_SUCCESS;
}

const struct command cmd_tags = {
        .name = "tags",
        .arguments = "[OPTIONS] NAME",
        .summary = "List the tags that a registry has of a repository",
        .details = "Examples:\n"
                   "  varve tags debian\n"
                   "  varve tags --delete registry.example:5000/team/app:old",
        .run = run,
};

/* ---- the same, as other clients call it ---- */

static int run_search(const struct command *command, int argc, char **argv)
{
        bool insecure = false, tags = false;
        const struct option_spec options[] = {
                { OPTION_FLAG, 0, "list-tags", &tags, NULL, "To be given: nothing else is found" },
                INSECURE_OPTION(&insecure),
        };
        struct error err = ERROR_INIT;
        struct arguments arguments;
        int status, r;

        if (!cli_begin(command, options, ARRAY_SIZE(options), argc, argv, 1, 1, &arguments, NULL,
                       &status))
                return status;
        if (tags) {
                r = look(LIST_TAGS, arguments.items[0], insecure, &err);
        } else {
                r = error_set(&err, -EOPNOTSUPP, "registries cannot be searched for images");
                error_hint(&err, "`varve search --list-tags %s` lists the tags of that one.",
                           arguments.items[0]);
        }
        return r < 0 ? cli_fail(&err, EXIT_FAILURE) : EXIT_SUCCESS;
}

const struct command cmd_search = {
        .name = "search",
        .arguments = "--list-tags [OPTIONS] NAME",
        .summary = "List the tags of a repository, as `varve tags` does",
        .details = "Example:\n"
                   "  varve search --list-tags debian",
        .run = run_search,
};
