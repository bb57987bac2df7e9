/* trace_support.h — reads a trace back, and checks what holds for every trace. */
#ifndef SCL_TESTS_TRACE_SUPPORT_H
#define SCL_TESTS_TRACE_SUPPORT_H

#include "support.h"

#include "graph/trace.h"
#include "io/json.h"

#include <stdlib.h>

static inline double trace_number(const cJSON *event, const char *key)
{
    double value = 0;
    assert_ok(scl_json_number(event, key, "trace", &value, &test_error));
    return value;
}

static inline const char *trace_text(const cJSON *event, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(event, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* An argument as text, "" when the event has none of that name. */
static inline const char *trace_argument(const cJSON *event, const char *key)
{
    return trace_text(cJSON_GetObjectItemCaseSensitive(event, "args"), key);
}

static inline bool trace_is(const cJSON *event, scl_trace_thread thread)
{
    return strcmp(trace_text(event, "ph"), "X") == 0 &&
           (int)trace_number(event, "tid") == (int)thread;
}

static inline int trace_order(const void *a, const void *b)
{
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
    double by_start = trace_number(x, "ts") - trace_number(y, "ts");
    double by_length = trace_number(y, "dur") - trace_number(x, "dur");
    return by_start < 0 ? -1 : by_start > 0 ? 1 : by_length < 0 ? -1 : by_length > 0;
}

/* Two events of a thread follow each other, or one lies in the other. Times are rounded to the
 * nanosecond, and exact up to it. */
static inline void trace_check_nesting(const cJSON *events, scl_trace_thread thread)
{
    const double nanosecond = 1.5e-3;
    double ends[16] = {0};
    size_t count = 0, depth = 0;
    const cJSON **sorted = calloc((size_t)cJSON_GetArraySize(events) + 1, sizeof *sorted), *event;
    cJSON_ArrayForEach(event, events) if (trace_is(event, thread)) sorted[count++] = event;
    qsort(sorted, count, sizeof *sorted, trace_order);
    for (size_t i = 0; i < count; i++) {
        double start = trace_number(sorted[i], "ts"), end = start + trace_number(sorted[i], "dur");
        assert_true(start >= 0 && end >= start);
        while (depth > 0 && ends[depth - 1] <= start + nanosecond)
            depth--;
        if (depth > 0 && end > ends[depth - 1] + nanosecond)
            fail_msg("%s overlaps what it is not in", trace_text(sorted[i], "name"));
        assert_true(depth < 16);
        ends[depth++] = end;
    }
    free(sorted);
}

/* The file, checked; free it with cJSON_Delete. `events` is borrowed from it. */
static inline cJSON *trace_load(const char *path, const cJSON **events)
{
    cJSON *root = NULL;
    assert_ok(scl_json_load(path, &root, &test_error));
    assert_ok(scl_json_array(root, "traceEvents", path, events, &test_error));
    trace_check_nesting(*events, SCL_TRACE_HOST);
    trace_check_nesting(*events, SCL_TRACE_DEVICE);
    return root;
}

/* Events of that name on a thread; NULL: all. */
static inline size_t trace_count(const cJSON *events, scl_trace_thread thread, const char *name)
{
    size_t count = 0;
    const cJSON *event;
    cJSON_ArrayForEach(event, events) count +=
        trace_is(event, thread) && (name == NULL || strcmp(trace_text(event, "name"), name) == 0);
    return count;
}

#endif
