/* report.h — results for people and for programs. */
#ifndef SCL_BENCH_REPORT_H
#define SCL_BENCH_REPORT_H

#include "base/str.h"
#include "bench/bench.h"

#include <cjson/cJSON.h>

typedef struct scl_bench_summary {
    double median, min, max, p10, p90;
    double mad; /* median of the distances from the median */
} scl_bench_summary;

/* Of `count` samples, at least one. */
scl_bench_summary scl_bench_summarize(const double *samples, size_t count);

/* Lines of a Markdown table. */
void scl_bench_table_head(scl_str *out);
void scl_bench_table_row(const scl_bench_case *c, const scl_bench_result *result,
                         const scl_ceiling *ceiling, scl_str *out);
/* For a case that failed: `error` is one line. */
void scl_bench_table_failure(const scl_bench_case *c, const char *error, scl_str *out);

/* Of the time taken, what the ceiling would need, in percent. */
double scl_bench_percent_of_ceiling(const scl_bench_result *result, const scl_ceiling *ceiling);

/* The whole record: schema, samcl, machine, device, ceiling, settings and an empty list "cases";
 * NULL when out of memory. */
cJSON *scl_bench_record(const scl_bench_options *options, const scl_bench_device *device);
/* Adds a case to the record; `error` NULL: it succeeded. */
void scl_bench_record_case(cJSON *record, const scl_bench_case *c, const scl_bench_result *result,
                           const scl_ceiling *ceiling, const char *error);

#endif
