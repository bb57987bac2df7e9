/* support.h — what every test includes: cmocka, assertions that print the library's error, and
 * the device to test. */
#ifndef SCL_TESTS_SUPPORT_H
#define SCL_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

/* The error of the call under assert_ok. */
static scl_error test_error __attribute__((unused));

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        scl_status assert_ok_status = (call);                                                      \
        if (assert_ok_status != SCL_OK)                                                            \
            fail_msg("%s: %s: %s", #call, scl_status_name(assert_ok_status), test_error.text);     \
    } while (0)

/* The device the tests run on, next to `reference`. */
static inline const char *test_device_name(void)
{
    const char *name = getenv("SAMCL_TEST_DEVICE");
    return name != NULL ? name : "auto";
}

/* The call fails with this status and its text holds `words`. err must be empty. */
#define assert_fails(call, wanted_status, err, words)                                              \
    do {                                                                                           \
        scl_status assert_fails_status = (call);                                                   \
        if (assert_fails_status != (wanted_status) || strstr((err).text, words) == NULL)           \
            fail_msg("%s: expected %s with \"%s\", found %s: %s", #call,                           \
                     scl_status_name(wanted_status), words, scl_status_name(assert_fails_status),  \
                     (err).text);                                                                  \
    } while (0)

#endif
