/*
 * --progress=rawjson: a SolveStatus of BuildKit's a line. A step is called by the digest of its
 * number and title.
 */
#include "base/clock.h"
#include "oci/json.h"
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_now(json_t *object, const char *key)
{
        const struct timespec now = clock_now();

        return json_put_time(object, key, &now);
}

/* {"KIND":[ITEM]}, which takes the item over. */
static void print_item(const char *kind, json_t *item)
{
        json_t *document = json_pack("{s:[o]}", kind, item);
        char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

        if (text)
                fprintf(stderr, "%s\n", text);
        free(text);
        json_decref(document);
}

static void name_step(struct progress_step *step, unsigned number)
{
        struct error ignored = ERROR_INIT;
        struct digest digest;
        char *name;

        if (asprintf(&name, "%u %s", number, step->title ? step->title : "") < 0)
                return;
        if (digest_of(name, strlen(name), &digest, &ignored) == 0)
                digest_format(&digest, step->digest);
        free(name);
}

static void print_vertex(struct progress_step *step, const struct build_event *event)
{
        json_t *vertex = json_object();
        bool begins = event->type == BUILD_STEP_BEGIN;
        int r;

        if (!*step->digest)
                name_step(step, event->step);
        r = json_put_string(vertex, "digest", step->digest);
        if (r == 0)
                r = json_put_string(vertex, "name", step->title);
        if (r == 0)
                r = put_now(vertex, "started");
        if (r == 0 && !begins)
                r = put_now(vertex, "completed");
        if (r == 0)
                r = json_put_true(vertex, "cached", event->type == BUILD_STEP_CACHED);
        if (r == 0 && event->type == BUILD_STEP_FAILED)
                r = json_put_string(vertex, "error", "the step failed");
        if (r == 0)
                print_item("vertexes", vertex);
        else
                json_decref(vertex);
}

static void print_log(const struct progress_step *step, const struct build_event *event)
{
        json_t *log = json_object();

        if (json_put_string(log, "vertex", step->digest) == 0 &&
            json_put_integer(log, "stream", STDERR_FILENO) == 0 &&
            json_put_base64(log, "data", event->data, event->len) == 0 &&
            put_now(log, "timestamp") == 0)
                print_item("logs", log);
        else
                json_decref(log);
}

static void print_warning(const struct build_event *event)
{
        json_t *warning = json_object();

        if (json_put_integer(warning, "level", event->type == BUILD_WARNING) == 0 &&
            json_put_base64(warning, "short", event->text, strlen(event->text)) == 0)
                print_item("warnings", warning);
        else
                json_decref(warning);
}

void progress_json_event(struct progress_step *step, const struct build_event *event)
{
        if (!step)
                print_warning(event);
        else if (event->type == BUILD_STEP_OUTPUT)
                print_log(step, event);
        else if (event->type != BUILD_STEP_MISSED)
                print_vertex(step, event);
}
