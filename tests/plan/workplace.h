/* workplace.h — a device and a store that the tests of a file share. */
#ifndef SCL_TESTS_WORKPLACE_H
#define SCL_TESTS_WORKPLACE_H

#include "graph/store.h"

extern scl_device *device;
extern scl_store *store;

/* For cmocka's set-up and tear-down of a group. */
int open_reference(void **state);
int open_test_device(void **state);
int close_device(void **state); /* nothing may be left on it */

#endif
