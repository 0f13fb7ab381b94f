#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_vset(struct error *err, int code, const char *format, va_list ap)
{
        err->code = code;
        err->hint[0] = '\0';
        vsnprintf(err->message, sizeof(err->message), format, ap);
}

int error_set(struct error *err, int code, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        error_vset(err, code, format, ap);
        va_end(ap);
        return code;
}

int error_set_errno(struct error *err, int code, const char *format, ...)
{
        char text[128];
        size_t used;
        va_list ap;

        va_start(ap, format);
        error_vset(err, code, format, ap);
        va_end(ap);
        used = strlen(err->message);
        snprintf(err->message + used, sizeof(err->message) - used, ": %s",
                 strerror_r(-code, text, sizeof(text)));
        return code;
}

int error_set_oom(struct error *err)
{
        return error_set(err, -ENOMEM, "out of memory");
}

int error_wrap(struct error *err, const char *format, ...)
{
        char context[ERROR_MESSAGE_MAX];
        size_t used, room, keep;
        va_list ap;

        va_start(ap, format);
        vsnprintf(context, sizeof(context) - 2, format, ap);
        va_end(ap);
        strcat(context, ": ");

        /* The cause matters more than the end of a long context: it is what stays whole. */
        keep = strlen(err->message);
        room = sizeof(err->message) - 1;
        if (keep > room - ERROR_MESSAGE_MAX / 4)
                keep = room - ERROR_MESSAGE_MAX / 4;
        used = strlen(context);
        if (used > room - keep)
                used = room - keep;
        memmove(err->message + used, err->message, keep);
        memcpy(err->message, context, used);
        err->message[used + keep] = '\0';
        return err->code;
}

int error_hint(struct error *err, const char *format, ...)
{
        va_list ap;

        if (err->hint[0] != '\0')
                return err->code;
        va_start(ap, format);
        vsnprintf(err->hint, sizeof(err->hint), format, ap);
        va_end(ap);
        return err->code;
}
