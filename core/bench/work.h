/* work.h — what the families of cases are made with. */
#ifndef SCL_BENCH_WORK_H
#define SCL_BENCH_WORK_H

#include "bench/bench.h"
#include "graph/compiled.h"
#include "model/model.h"

struct scl_bench_setup {
    const scl_bench_options *options;
    scl_device *device;
    scl_model_config section; /* what the options say of the model */
    scl_sam_config config;
    int64_t batch;
};

#define SCL_BENCH_SEED 1

typedef struct scl_bench_family {
    const scl_bench_case *cases;
    size_t count;
} scl_bench_family;

extern const scl_bench_family scl_bench_gemm, scl_bench_attention, scl_bench_ops, scl_bench_model,
    scl_bench_step;

/* "4096 x 768" and the like into work->shape. */
void scl_bench_shape(scl_bench_work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds what these nodes compute and the bytes that they move. */
void scl_bench_count(scl_bench_work *work, const scl_device *device, scl_node *const *nodes,
                     size_t count);
/* The same of those nodes of a model's graph that run at every sample: not what depends on no
 * input, nor (unless NULL) what is made of the input `source` alone, up to `last`. */
scl_status scl_bench_count_live(scl_bench_work *work, const scl_device *device, scl_graph *graph,
                                const scl_tensor *source, const scl_tensor *last, scl_error *err);

/* Uniform in -1..1, the same for the same name. */
void scl_bench_fill(const char *name, float *values, size_t count);

/* ---- a graph as work: graph_work.c */

/* The result outlives a run and is saved under this name; returns it. NULL is passed on. */
scl_tensor *scl_bench_keep(scl_tensor *tensor, const char *name);

/* The gradients of the one node that made y, for those inputs that need them, kept under these
 * names; `dy` names the gradient of y, an input. The node's results are kept, as its gradients read
 * them at every sample. Returns where its gradients begin. NULL for y is passed over. */
size_t scl_bench_differentiate(scl_graph *g, const scl_tensor *y, const char *dy,
                               const char *const *names, int count);

/* An input [dims], filled with random values before the samples. */
scl_tensor *scl_bench_input(scl_graph *g, const char *name, scl_shape shape);
/* A weight [out, in] as a linear layer has it. */
scl_tensor *scl_bench_weight(scl_graph *g, const char *name, scl_shape shape, bool trained);

/* Makes the graph the work of a sample. Nodes before `first` run once, before the samples. The
 * weights are those of `model`, or random ones where that is NULL. Takes graph and model, also on
 * error. */
scl_status scl_bench_graph_work(const scl_bench_setup *setup, scl_graph *graph, size_t first,
                                scl_model *model, scl_bench_work *work, scl_error *err);

/* ---- values as a file: value_file.c */

#define SCL_BENCH_MAX_VALUES 512

/* Zero-initialise; end with scl_bench_file_end. */
typedef struct scl_bench_file {
    scl_arena arena;
    scl_weight items[SCL_BENCH_MAX_VALUES];
    size_t count;
} scl_bench_file;

/* Room for a tensor's values in `values`. */
scl_status scl_bench_file_add(scl_bench_file *file, const char *name, scl_dtype dtype,
                              scl_shape shape, void **values, scl_error *err);
/* Writes the file unless `status` is an error; returns what came out. */
scl_status scl_bench_file_end(scl_bench_file *file, scl_status status, const char *path,
                              scl_error *err);

/* A tensor that is there already. */
typedef struct scl_bench_value {
    const char *name;
    scl_dtype dtype;
    scl_shape shape;
    const void *values;
} scl_bench_value;

/* A file of these. */
scl_status scl_bench_file_write(const scl_bench_value *values, size_t count, const char *path,
                                scl_error *err);

#endif
