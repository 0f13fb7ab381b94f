/*
 * Strict JSON of outside origin, over jansson: floor 1.
 *
 * Readers of members give a member that is absent or null as its empty value, and one of another
 * type as -EBADMSG with an error that names the member. Strings read are borrowed from the object.
 * Writers leave a member out when its value is empty, as Go's `omitempty` does.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/strmap.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Of no use to any format of ours; they bound the stack and the memory that a document can take. */
#define JSON_DEPTH_MAX  128
#define JSON_VALUES_MAX 262144

#define _cleanup_json_ _cleanup_(json_decrefp)

/*
 * Parses exactly one value. `what` is for errors ("the manifest"). -EBADMSG for what is no JSON,
 * is no UTF-8, has a key twice in an object, a NUL in a string, or exceeds the limits above;
 * -ENOMEM. The caller owns the result.
 */
int json_parse(const void *data, size_t len, const char *what, json_t **ret, struct error *err);

/* As json_parse(), and the value is an object. */
int json_parse_object(const void *data, size_t len, const char *what, json_t **ret,
                      struct error *err);

/* Appends the value as text without white space. Members stand as they were added. */
int json_write(const json_t *value, struct buf *ret, struct error *err);

int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err);
int json_get_bool(const json_t *object, const char *key, bool *ret, struct error *err);
int json_get_integer(const json_t *object, const char *key, int64_t *ret, struct error *err);

/* An integer that must be there and must not be negative. */
int json_get_size(const json_t *object, const char *key, uint64_t *ret, struct error *err);

/* A copy of a string, NULL when absent; the caller frees it. */
int json_get_string_copy(const json_t *object, const char *key, char **ret, struct error *err);

/* Arrays of strings, objects of strings, and objects used as sets (their keys). Each appends. */
int json_get_strv(const json_t *object, const char *key, struct strv *ret, struct error *err);
int json_get_strmap(const json_t *object, const char *key, struct strmap *ret, struct error *err);
int json_get_set(const json_t *object, const char *key, struct strv *ret, struct error *err);

/* RFC 3339. `ret_has` is false when absent. */
int json_get_time(const json_t *object, const char *key, bool *ret_has, struct timespec *ret,
                  struct error *err);

/* Bytes as base64, which are appended to `ret`. `ret_has` is false when absent. */
int json_get_base64(const json_t *object, const char *key, bool *ret_has, struct buf *ret,
                    struct error *err);

/* Objects and arrays: NULL when absent. Borrowed. */
int json_get_object(const json_t *object, const char *key, json_t **ret, struct error *err);
int json_get_array(const json_t *object, const char *key, json_t **ret, struct error *err);

/*
 * Each sets a member. Bytes of `text` that are no UTF-8 become U+FFFD, as Go writes them; NULL and
 * "" are left out. Sets are written sorted. Return 0 or -ENOMEM.
 */
int json_put_string(json_t *object, const char *key, const char *text);
int json_put_integer(json_t *object, const char *key, int64_t value); /* 0 is left out */
int json_put_true(json_t *object, const char *key, bool value);       /* false is left out */
int json_put_strv(json_t *object, const char *key, const struct strv *strv);
int json_put_strmap(json_t *object, const char *key, const struct strmap *map);
int json_put_set(json_t *object, const char *key, const struct strv *set);
int json_put_time(json_t *object, const char *key, const struct timespec *time);
int json_put_base64(json_t *object, const char *key, const void *data, size_t len);

/* Adds `value` itself, and owns it from then on, also when it fails; NULL stands for memory that
 * had run out. Returns 0 or -ENOMEM. */
int json_put(json_t *object, const char *key, json_t *value);
int json_append(json_t *array, json_t *value);
