#include "container/exec.h"

#include "base/cleanup.h"
#include "container/channel.h"
#include "exec_request.h"
#include "oci/json.h"

#include <errno.h>
#include <stdlib.h>

void exec_request_done(struct exec_request *request)
{
        strv_done(&request->argv);
        strv_done(&request->env);
        free(request->workdir);
        free(request->user);
        *request = EXEC_REQUEST_INIT;
}

int exec_request_write(const struct exec_request *request, struct buf *ret, struct error *err)
{
        _cleanup_json_ json_t *object = json_object();
        int r = object ? json_put_strv(object, "Argv", &request->argv) : -ENOMEM;

        if (r == 0)
                r = json_put_strv(object, "Env", &request->env);
        if (r == 0)
                r = json_put_string(object, "WorkingDir", request->workdir);
        if (r == 0)
                r = json_put_string(object, "User", request->user);
        if (r == 0)
                r = json_put_true(object, "Tty", request->terminal);
        if (r == 0)
                r = json_put_integer(object, "Rows", request->rows);
        if (r == 0)
                r = json_put_integer(object, "Columns", request->columns);
        return r < 0 ? error_set_oom(err) : json_write(object, ret, err);
}

int exec_request_read(const void *data, size_t len, struct exec_request *ret, struct error *err)
{
        struct exec_request request = EXEC_REQUEST_INIT;
        _cleanup_json_ json_t *object = NULL;
        int r = json_parse_object(data, len, "the request", &object, err);

        if (r == 0)
                r = json_get_strv(object, "Argv", &request.argv, err);
        if (r == 0)
                r = json_get_strv(object, "Env", &request.env, err);
        if (r == 0)
                r = json_get_string_copy(object, "WorkingDir", &request.workdir, err);
        if (r == 0)
                r = json_get_string_copy(object, "User", &request.user, err);
        if (r == 0)
                r = json_get_bool(object, "Tty", &request.terminal, err);
        if (r == 0)
                r = json_get_integer(object, "Rows", &request.rows, err);
        if (r == 0)
                r = json_get_integer(object, "Columns", &request.columns, err);
        if (r == 0 && request.argv.count == 0)
                r = error_set(err, -EBADMSG, "the request has no command");
        if (r < 0)
                exec_request_done(&request);
        else
                *ret = request;
        return r;
}

int exec_begin(struct container *container, const struct exec_request *request,
               const int stdio[static 3], int *ret_fd, struct error *err)
{
        _cleanup_close_ int fd = -1;
        struct buf text = BUF_INIT;
        int r;

        if (container->state.status != CONTAINER_RUNNING)
                return error_set(err, -EBUSY, "container %s is not running", container->spec.id);
        r = exec_request_write(request, &text, err);
        if (r == 0 && text.len + 1 >= CHANNEL_MESSAGE_MAX)
                r = error_set(err, -E2BIG,
                              "the command and its environment are larger than %zu KiB",
                              CHANNEL_MESSAGE_MAX / 1024);
        if (r == 0) {
                fd = channel_connect(container->dir_fd);
                r = fd < 0 ? fd
                           : channel_send(fd, CHANNEL_EXEC, text.data, text.len, stdio,
                                          request->terminal ? 0 : 3);
                if (r < 0)
                        error_set_errno(err, r, "cannot reach the container's process");
        }
        buf_done(&text);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}
