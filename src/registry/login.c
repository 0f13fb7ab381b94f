#include "session.h"

#include "base/cleanup.h"
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* NULL is Docker Hub. */
static int host_of(const char *address, char **ret, struct error *err)
{
        char *host = address ? host_of_address(address) : strdup("docker.io");

        *ret = host;
        if (!host)
                return error_set_oom(err);
        return *host ? 0 : error_set(err, -EINVAL, "\"%s\" names no registry", address);
}

/* Asks for /v2/ as this user. */
static int ask(struct registry *registry, struct endpoint *endpoint, const char *authorization,
               struct error *err)
{
        struct http_response response = HTTP_RESPONSE_INIT;
        struct http_request request = { .method = "GET", .allow_plain = endpoint->plain };
        _cleanup_free_ char *url = endpoint_url(endpoint, "/v2/");
        struct call call = { .endpoint = endpoint };
        struct strv headers = STRV_INIT;
        int r = url && strv_addf(&headers, "Authorization: %s", authorization) == 0
                        ? 0
                        : error_set_oom(err);

        request.url = url;
        request.headers = &headers;
        endpoint_prepare(registry, endpoint, &request);
        if (r == 0)
                r = http_perform(registry->engine, &request, &response, err);
        if (r == 0 && response.status >= 400)
                r = call_fail(&call, "the login", &response, err);
        for (size_t i = 0; i < headers.count; i++)
                explicit_bzero(headers.items[i], strlen(headers.items[i]));
        strv_done(&headers);
        http_response_done(&response);
        return r;
}

int registry_login(struct registry *registry, const char *host, const char *user,
                   const char *password, struct error *err)
{
        struct credentials credentials = { .user = strdup(user), .password = strdup(password) };
        struct endpoint *endpoint = NULL;
        _cleanup_free_ char *name = NULL;
        char *authorization = NULL;
        int r = credentials.user && credentials.password ? host_of(host, &name, err)
                                                         : error_set_oom(err);

        if (r == 0)
                r = endpoint_get(registry, name, &endpoint, err);
        if (r == 0)
                r = auth_try(registry, endpoint, &credentials, &authorization, err);
        if (r == 0 && authorization)
                r = ask(registry, endpoint, authorization, err);
        if (r == -EACCES)
                err->hint[0] = '\0'; /* which would be to log in */
        if (r == 0 && endpoint->plain)
                registry_notice(registry,
                                "%s speaks plain http: the password goes there in the "
                                "clear",
                                endpoint->host);
        if (r == 0)
                r = credentials_keep(endpoint->host, user, password, err);
        secret_free(authorization);
        credentials_done(&credentials);
        return r;
}

int registry_logout(const char *host, bool *ret_any, struct error *err)
{
        _cleanup_free_ char *name = NULL;
        int r = host ? host_of(host, &name, err) : 0;

        return r < 0 ? r : credentials_forget(name, ret_any, err);
}
