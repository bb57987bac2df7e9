/* bench_serve.h — a case whose samples are asked for one by one, so that another program may take
 * turns with it (tools/compare_pytorch.py). */
#ifndef SAMCL_TOOLS_BENCH_SERVE_H
#define SAMCL_TOOLS_BENCH_SERVE_H

#include "bench/bench.h"

/* Answers standard input until it ends. */
scl_status bench_serve(const scl_bench_case *c, const scl_bench_options *options, const char *spec,
                       scl_error *err);

#endif
