#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *scl_status_name(scl_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case SCL_##name:                                                                               \
        return #name;
        SCL_STATUS_LIST(X)
#undef X
    }
    return "UNKNOWN";
}

const char *scl_status_meaning(scl_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case SCL_##name:                                                                               \
        return text;
        SCL_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

scl_status scl_failv(scl_error *err, scl_status status, const char *format, va_list args)
{
    if (err == NULL || err->status != SCL_OK)
        return status;
    err->status = status;
    int written = vsnprintf(err->text, sizeof err->text, format, args);
    if (written >= (int)sizeof err->text)
        memcpy(err->text + sizeof err->text - 5, " ...", 5);
    return status;
}

scl_status scl_fail(scl_error *err, scl_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    scl_failv(err, status, format, args);
    va_end(args);
    return status;
}

scl_status scl_error_prefix(scl_error *err, const char *format, ...)
{
    if (err == NULL || err->status == SCL_OK)
        return SCL_FAILED;
    char old[SCL_ERROR_TEXT];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof err->text - 3)
        n = (int)sizeof err->text - 3;
    snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
    return err->status;
}
