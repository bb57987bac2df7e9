/* status.h — what a call reports: a status, and one sentence a user can act on.
 *
 * The value of a status is the exit code the program ends with, so there is one list for both.
 * Library code returns a status and fills the caller's scl_error; it never prints or exits. */
#ifndef SCL_BASE_STATUS_H
#define SCL_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

/* name, exit code, meaning */
#define SCL_STATUS_LIST(X)                                                                         \
    X(OK, 0, "done")                                                                               \
    X(FAILED, 1, "the run failed: a file could not be written, or an internal check failed")       \
    X(BAD_CONFIG, 2, "bad usage or a bad run file")                                                \
    X(BAD_DATA, 3, "an image, a mask, a checkpoint or another input file is unusable")             \
    X(DEVICE, 4, "no device, a driver error, or not enough memory")                                \
    X(NUMERIC, 5, "a loss or gradient became NaN or infinite")                                     \
    X(PLUGIN, 6, "a plugin is missing, of another ABI, or misbehaves")                             \
    X(INTERRUPTED, 130, "interrupted, with a checkpoint saved")

typedef enum scl_status {
#define X(name, code, text) SCL_##name = code,
    SCL_STATUS_LIST(X)
#undef X
} scl_status;

#define SCL_ERROR_TEXT 4096

/* Owned by the caller (usually on its stack); zero-initialise it. Only the first error is kept. */
typedef struct scl_error {
    scl_status status;
    char text[SCL_ERROR_TEXT];
} scl_error;

/* "BAD_DATA" and its meaning; static storage. */
const char *scl_status_name(scl_status status);
const char *scl_status_meaning(scl_status status);

/* Records the error unless one is already there; returns `status`. err may be NULL. */
scl_status scl_fail(scl_error *err, scl_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
scl_status scl_failv(scl_error *err, scl_status status, const char *format, va_list args);

/* Puts "prefix: " before a recorded error's text, to say where it happened; returns its status. */
scl_status scl_error_prefix(scl_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Leaves the function with the status of a failed call. */
#define SCL_TRY(call)                                                                              \
    do {                                                                                           \
        scl_status scl_try_status = (call);                                                        \
        if (scl_try_status != SCL_OK)                                                              \
            return scl_try_status;                                                                 \
    } while (0)

/* The same for functions with one cleanup exit: jumps to `done` with `status` set. */
#define SCL_CHECK(call)                                                                            \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != SCL_OK)                                                                      \
            goto done;                                                                             \
    } while (0)

#endif
