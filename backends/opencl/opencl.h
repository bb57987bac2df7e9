/* opencl.h — the `opencl` backend's own types: a device, its programs, and launches.
 *
 * Everything targets OpenCL 1.2. A device is used from one thread and has one in-order queue; of
 * the same cl_device_id several may be open, in any threads. */
#ifndef SCL_OPENCL_OPENCL_H
#define SCL_OPENCL_OPENCL_H

#include "graph/backend.h"

#include <CL/cl.h>

typedef struct cl_cache cl_cache;
typedef struct cl_shared cl_shared;
typedef struct cl_timing cl_timing;

typedef enum cl_gemm_kind { CL_GEMM_PACKED, CL_GEMM_TILED, CL_GEMM_CLBLAST } cl_gemm_kind;

#define CL_WARP 32 /* work-items that run in step where there are matrix units */

/* How kernels are laid out on this device, from what it reports and what the probes found. */
typedef struct cl_tuning {
    bool cpu_kernels;    /* the kernels of kernels/cpu where there are some */
    cl_gemm_kind gemm;   /* who computes matrix products, see gemm.h */
    bool addresses;      /* kernels are given addresses instead of memory objects */
    bool matrix_units;   /* those of kernels/mma.cl are there, and right */
    int vector_width;    /* floats per vector operation: V in the kernels */
    int group_size;      /* work-items that share a row: LSZ in the kernels */
    int chunk_items;     /* work-items of a group that share nothing */
    int stretch;         /* floats that one of them owns: STRETCH in the kernels */
    int gemm_rows;       /* rows of the packed gemm's register tile */
    int gemm_k_block;    /* depth of its cache block */
    int attention_block; /* about: keys of a block, whose logits stay in L1 and L2 */
} cl_tuning;

typedef struct cl_device {
    scl_device base;
    cl_platform_id platform;
    cl_device_id id;
    cl_shared *shared;
    cl_context context; /* of shared */
    cl_cache *programs; /* of shared */
    cl_command_queue queue;
    cl_tuning tuning;
    size_t max_group, local_bytes;
    bool driver_caches; /* the driver keeps compiled programs itself */
    cl_timing *timing;  /* NULL: launches are not timed */
} cl_device;

/* A view is an object of its own; or, where tuning.addresses, its parent's at an offset. */
struct scl_buffer {
    cl_mem mem;
    size_t offset, bytes;
    char *address; /* on the device, where tuning.addresses */
    bool is_view;
};

static inline cl_device *cl_device_of(scl_device *device)
{
    return (cl_device *)(void *)device;
}

/* ---- errors.c */
const char *cl_error_name(cl_int code);
/* SCL_DEVICE with the call, the code and what to do about the usual ones. */
scl_status cl_fail(scl_error *err, cl_int code, const char *call);
#define SCL_CL(err, call)                                                                          \
    do {                                                                                           \
        cl_int scl_cl_code = (call);                                                               \
        if (scl_cl_code != CL_SUCCESS)                                                             \
            return cl_fail(err, scl_cl_code, #call);                                               \
    } while (0)

/* ---- shared.c: sets the device's shared, context and programs; closing takes a NULL shared. */
scl_status cl_shared_open(cl_device *device, scl_error *err);
void cl_shared_close(cl_device *device);

/* ---- device.c: see registry.h for opening; probe.c */
scl_status cl_probe(cl_device *device, scl_error *err);
/* Whether kernels work on a buffer by its address. Ask only where it can do no harm. */
bool cl_probe_addresses(cl_device *device);
/* Whether kernels/mma.cl is right here. Ask only where the units are said to be. */
bool cl_probe_matrix_units(cl_device *device);

/* ---- program.c */
cl_cache *cl_cache_create(void);
void cl_cache_free(cl_cache *cache);
/* Of the kernels, the host code that launches them, CLBlast's version, and the tuning. */
scl_hash128 cl_code_hash(const cl_device *device);
/* The program made of kernels/common.cl, `text` (or NULL) and kernels/<file>.cl with these options:
 * from memory, from disk, or compiled. Borrowed. */
scl_status cl_program_get(cl_device *device, const char *file, const char *text,
                          const char *options, cl_program *out, scl_error *err);
/* The program of a plugin's own op. SCL_PLUGIN, with the compiler's first complaint, when it does
 * not compile. Borrowed. */
scl_status cl_program_get_own(cl_device *device, const scl_own_use *own, cl_program *out,
                              scl_error *err);

/* ---- launch.c: a node as a short list of kernels and library calls */
#define CL_ARGS_MAX 96

typedef struct cl_args {
    int count;
    bool failed;
    struct {
        size_t size;
        bool is_buffer, is_address;
        union {
            cl_mem mem;
            char *address;
            cl_int i32;
            cl_long i64;
            cl_float f32;
            cl_int4 i32x4;
        } value;
    } arg[CL_ARGS_MAX];
} cl_args;

void cl_arg_buffer(cl_args *args, const scl_buffer *buffer); /* NULL passes a NULL pointer */
void cl_arg_int(cl_args *args, int64_t value);               /* as a 32-bit int */
void cl_arg_int4(cl_args *args, const int64_t values[4]);
void cl_arg_long(cl_args *args, int64_t value);
void cl_arg_float(cl_args *args, double value);

typedef struct cl_work {
    const char *file, *kernel;
    const char *options; /* NULL: none beside the device's own */
    cl_program program;  /* that has the kernel; NULL: the file's, with the options */
    const char *text;    /* made for this use of the file and put before it, or NULL */
    size_t global[3];    /* in work-items; 0 ends the list; rounded up to the local size */
    size_t local[3];
} cl_work;

/* Appends a kernel to a launch, compiled and with its arguments set. */
scl_status cl_launch_add(cl_device *device, scl_launch *launch, const cl_work *work,
                         const cl_args *args, scl_error *err);

/* Work-items that own a stretch each of `count` floats. */
cl_work cl_stretch_work(const cl_device *device, const char *file, const char *kernel,
                        size_t count);
/* How many short rows a work-item takes, so that it has about a stretch. */
size_t cl_rows_each(const cl_device *device, size_t row);
/* Into how many shares the `size` rows of `inner` values, `outer` times, are cut to be summed. */
int64_t cl_sum_splits(const cl_device *device, int64_t outer, int64_t size, int64_t inner);

/* Inputs that broadcast to one domain, as the kernels see them: rows of size[4] values, rows
 * indexed in 4 dimensions. Strides are 0 where an input is repeated. */
typedef struct cl_broadcast {
    int64_t size[SCL_MAX_DIMS];
    int64_t (*stride)[SCL_MAX_DIMS]; /* of each input */
} cl_broadcast;
/* Joins neighbouring dimensions that all `count` inputs walk alike, but not those on both sides of
 * dimension `edge` (0: there is no edge); sizes and strides move to the last dimensions. */
void cl_broadcast_merge(cl_broadcast *b, int count, int edge);

/* A library call made when the launch runs; `name` is for profiles. `state` is freed with scl_free.
 */
typedef scl_status (*cl_call)(cl_device *device, void *state, scl_error *err);
scl_status cl_launch_add_call(scl_launch *launch, const char *name, cl_call call, void *state,
                              scl_error *err);

/* ---- one preparer and workspace rule per op family: ops_*.c, gemm.c */
typedef struct cl_op {
    scl_status (*prepare)(cl_device *device, const scl_binding *b, scl_launch *launch,
                          scl_error *err);
    size_t (*workspace)(cl_device *device, const scl_node *node); /* NULL: none */
} cl_op;

extern const cl_op cl_op_unary, cl_op_binary, cl_op_broadcast, cl_op_pointwise;
extern const cl_op cl_op_sum, cl_op_slice, cl_op_pad, cl_op_concat, cl_op_swap;
extern const cl_op cl_op_cumsum, cl_op_argsort, cl_op_reorder, cl_op_distance;
extern const cl_op cl_op_im2col, cl_op_col2im;
extern const cl_op cl_op_gemm;
extern const cl_op cl_op_layer_norm, cl_op_layer_norm_backward, cl_op_layer_norm_param_grad;
extern const cl_op cl_op_softmax, cl_op_one_hot, cl_op_top_k, cl_op_fourier_features;
extern const cl_op cl_op_attention, cl_op_attention_backward;
extern const cl_op cl_op_accumulate, cl_op_running_mean, cl_op_global_norm, cl_op_sgd, cl_op_adam;
extern const cl_op cl_op_random, cl_op_own;

static inline size_t cl_ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

#endif
