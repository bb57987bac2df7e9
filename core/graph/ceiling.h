/* ceiling.h — what a device reaches at best, measured: the scale on which its ops are judged. */
#ifndef SCL_GRAPH_CEILING_H
#define SCL_GRAPH_CEILING_H

#include "base/str.h"
#include "graph/backend.h"

typedef struct scl_ceiling {
    double flops_per_second; /* of a large product as a linear layer has it, A B^T */
    double bytes_per_second; /* of an elementwise op, which reads and writes far more than a cache
                                holds: bytes read and bytes written together */
    int64_t product_side;    /* of the square matrices */
    size_t copy_bytes;       /* of the values read, as many as are written */
} scl_ceiling;

/* Runs both by graph, plan and schedule, as a step would, and takes the best of some runs: about a
 * second on a CPU. The memory is given back. Nothing else may run on the device meanwhile. */
scl_status scl_ceiling_measure(scl_device *device, scl_ceiling *out, scl_error *err);

/* The least seconds for this work: of its arithmetic or of its bytes, whichever takes longer. */
double scl_ceiling_seconds(const scl_ceiling *ceiling, double flops, double bytes);
/* "80.10 GFLOP/s in a product of 1024 x 1024 x 1024, 9.81 GB/s in a copy of 256.0 MiB" */
void scl_ceiling_describe(const scl_ceiling *ceiling, scl_str *out);

#endif
