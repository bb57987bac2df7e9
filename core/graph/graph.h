/* graph.h — one static graph of tensors and ops: the whole step as data.
 *
 * Layers, losses, gradients and optimizer updates are all nodes here. A graph is built once per
 * shape by the functions of ops.h, in execution order, from one thread; it owns its tensors and
 * nodes until scl_graph_free. Builder errors are sticky: after the first one every builder function
 * returns NULL, and scl_graph_status reports it. */
#ifndef SCL_GRAPH_GRAPH_H
#define SCL_GRAPH_GRAPH_H

#include "base/hash.h"
#include "base/mem.h"
#include "base/status.h"
#include "samcl/plugin.h"

typedef enum scl_dtype { SCL_F32, SCL_I32 } scl_dtype;

/* Row-major; dim[0] is the slowest. Scalars are [1]. */
typedef struct scl_shape {
    int ndim;
    int64_t dim[SCL_MAX_DIMS];
} scl_shape;

typedef enum scl_tensor_kind {
    SCL_TENSOR_INPUT,    /* written by the host before a run */
    SCL_TENSOR_CONSTANT, /* values known when the graph is built */
    SCL_TENSOR_PARAM,    /* a weight, kept in the store under its name */
    SCL_TENSOR_STATE,    /* optimizer moments and the like, kept in the store, zero at first */
    SCL_TENSOR_RESULT    /* made by a node */
} scl_tensor_kind;

typedef struct scl_node scl_node;
typedef struct scl_graph scl_graph;
struct scl_pointwise;

struct scl_tensor {
    int32_t id;
    scl_tensor_kind kind;
    scl_dtype dtype;
    bool trained;    /* PARAM: updated by the optimizer */
    bool needs_grad; /* a trained parameter is reachable upstream */
    bool keep;       /* read by the host after the run: its place is not reused */
    scl_shape shape;
    const char *name;    /* PARAM, STATE, INPUT; NULL for most results */
    const char *scope;   /* PARAM: the layer that made it */
    scl_node *producer;  /* RESULT */
    scl_tensor *base;    /* whose storage it uses: itself, unless a view or an in-place update */
    const float *values; /* CONSTANT float32 */
    const int32_t *ids;  /* CONSTANT int32 */
    scl_init init;       /* PARAM: values when no checkpoint gives them */
    scl_tensor *grad;    /* set by scl_autodiff on trained parameters */
};

/* X-macro over ops.def. */
typedef enum scl_op {
#define X(NAME, name, grad, flags, text) SCL_OP_##NAME,
#include "graph/ops.def"
#undef X
    SCL_OP_COUNT
} scl_op;

/* The last two are derivatives: the residual is not added, but what the slope is taken of, relu's
 * output or gelu's input. */
typedef enum scl_activation {
    SCL_ACT_NONE,
    SCL_ACT_RELU,
    SCL_ACT_GELU,
    SCL_ACT_RELU_BACKWARD,
    SCL_ACT_GELU_BACKWARD
} scl_activation;

static inline bool scl_act_is_backward(int32_t act)
{
    return act == SCL_ACT_RELU_BACKWARD || act == SCL_ACT_GELU_BACKWARD;
}

/* The attributes below have no padding bytes: the frozen prefix is signed by their bytes. */

/* C[batch,m,n] = act(alpha * op(A) op(B) + bias[n] + residual[batch,m,n]), or
 * (alpha * op(A) op(B) + bias[n]) * slope(residual[batch,m,n]). With swap_rows not 0, C is stored
 * with the middle axes of [batch * m / swap_rows, swap_rows, n / swap_columns, swap_columns]
 * swapped, and so is the residual. */
typedef struct scl_gemm_attr {
    int64_t batch, m, n, k;
    int64_t swap_rows, swap_columns; /* they divide m and n */
    int32_t trans_a, trans_b;        /* 0 or 1 */
    int32_t act;                     /* scl_activation */
    float alpha;
} scl_gemm_attr;

/* heads x head_dim columns starting at q_col/k_col/v_col of each row. The grids give the tokens'
 * places: queries q_h x q_w, keys k_h x k_w; window > 0 splits both grids in window x window
 * blocks, padded at the right and bottom. */
typedef struct scl_attention_attr {
    int64_t heads, head_dim;
    int64_t q_col, k_col, v_col;
    int64_t q_h, q_w, k_h, k_w;
    int64_t window;
    double scale;
} scl_attention_attr;

typedef struct scl_patch_attr {
    int64_t height, width, channels; /* of the image side */
    int64_t kernel, stride, pad;
} scl_patch_attr;

typedef struct scl_norm_attr {
    float eps;
    int32_t act; /* scl_activation: relu or gelu */
} scl_norm_attr;

typedef struct scl_axis_attr {
    int64_t outer, size, inner; /* the shape around one axis (or a run of axes) */
    int64_t start, count;       /* slice and pad; start 1: cumsum from the end, reorder back;
                                 * swap: count, the axis after `size` */
    int64_t axis;
} scl_axis_attr;

typedef struct scl_optimizer_attr {
    double lr_scale, weight_decay;
    double beta1, beta2, eps; /* adam */
    double momentum;          /* sgd */
    int32_t decoupled;        /* adamw */
    int32_t nesterov;
} scl_optimizer_attr;

typedef enum scl_distribution { SCL_UNIFORM, SCL_NORMAL } scl_distribution;

typedef struct scl_random_attr {
    uint64_t salt; /* tells the draws of a batch apart */
    int64_t distribution;
} scl_random_attr;

/* Builds the gradient nodes of `node`. dy[i]: gradient of output i or NULL. The function sets dx[i]
 * for every input with needs_grad. NULL: the op has no derivative. */
typedef void (*scl_op_grad)(scl_graph *graph, const scl_node *node, scl_tensor *const *dy,
                            scl_tensor **dx);

/* A use of a plugin's own op: what backends run it by. All in the graph's arena, but for the
 * plugin's static data. */
typedef struct scl_own_use {
    scl_own_op op;
    const char *label;  /* "<id of the plugin>.<name>" */
    const void *plugin; /* whose op it is; core/plugin knows */
    scl_op_grad gradient;
    const char *defines; /* the numbers by name, as options of a compiler: " -DCOUNT=4" */
    const int64_t *ints;
    const double *floats;
    const scl_own_launch *launches;
    int launch_count, int_count, float_count;
    int64_t workspace; /* floats */
    double flops;
} scl_own_use;

struct scl_node {
    int32_t id;
    scl_op op;
    int input_count, output_count;
    scl_tensor **inputs;  /* entries may be NULL where an op's input is optional */
    scl_tensor **outputs; /* likewise */
    const char *scope;    /* the layer it belongs to, for errors, profiles and traces */
    const struct scl_pointwise *program; /* of the op pointwise, in the arena; NULL: another op */
    union {
        scl_gemm_attr gemm;
        scl_attention_attr attention;
        scl_patch_attr patch;
        scl_norm_attr norm;
        scl_axis_attr axis;
        scl_optimizer_attr optimizer;
        scl_random_attr random;
        scl_hash128 own; /* of all that decides what the own op computes */
        float scalar[2]; /* affine {scale, shift}, pow {exponent}, clamp {low, high} */
    } attr;
    const scl_own_use *own; /* NULL but for own ops */
};

/* A term that an adapter adds to the loss; several of one label are shown as their sum. */
typedef struct scl_added_loss {
    const char *label;
    scl_tensor *value; /* [1] */
} scl_added_loss;

struct scl_graph {
    scl_arena arena;
    scl_tensor **tensors;
    scl_node **nodes;
    size_t tensor_count, tensor_capacity;
    size_t node_count, node_capacity;
    scl_added_loss *added_losses;
    size_t added_loss_count, added_loss_capacity;
    const char *scope;
    bool training; /* what is built is trained, or shares its prefix with what is */
    scl_error error;
};

scl_graph *scl_graph_create(scl_error *err);
void scl_graph_free(scl_graph *graph);

/* SCL_OK, or the first builder error copied to err. */
scl_status scl_graph_status(const scl_graph *graph, scl_error *err);

/* Records a builder error (status SCL_FAILED) and returns NULL. */
scl_tensor *scl_graph_fail(scl_graph *graph, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same when out of host memory: SCL_DEVICE. */
void *scl_graph_out_of_memory(scl_graph *graph, size_t bytes, const char *what);

/* Names the layer that the nodes made from now on belong to; returns the previous name. */
const char *scl_graph_scope(scl_graph *graph, const char *scope);

/* Leaves. Names are copied. A second call for the same PARAM or STATE name returns the first
 * tensor, or fails when the shapes differ. */
scl_tensor *scl_input(scl_graph *graph, const char *name, scl_dtype dtype, scl_shape shape);
scl_tensor *scl_parameter(scl_graph *graph, const char *name, scl_shape shape, scl_init init,
                          bool trained);
scl_tensor *scl_state(scl_graph *graph, const char *name, scl_shape shape);
scl_tensor *scl_constant(scl_graph *graph, const float *values, scl_shape shape);
scl_tensor *scl_constant_ids(scl_graph *graph, const int32_t *ids, scl_shape shape);
scl_tensor *scl_scalar(scl_graph *graph, float value);

/* Adds a term to the loss. The label is copied. */
void scl_graph_add_loss(scl_graph *graph, const char *label, scl_tensor *value);

/* The PARAM, STATE or INPUT of that name, or NULL. */
scl_tensor *scl_graph_find(const scl_graph *graph, const char *name);

/* For ops_*.c: a node with room for its inputs and outputs, and its result tensors. */
scl_node *scl_node_add(scl_graph *graph, scl_op op, scl_tensor *const *inputs, int input_count,
                       int output_count);
scl_tensor *scl_node_output(scl_graph *graph, scl_node *node, int index, scl_dtype dtype,
                            scl_shape shape);

/* Another result of the same dtype and shape, made by `producer`; for a view, of storage `base`
 * (NULL: of its own). For graph rewriting. */
scl_tensor *scl_tensor_again(scl_graph *graph, const scl_tensor *tensor, scl_node *producer,
                             scl_tensor *base);

/* What a row of the op table says. */
typedef enum scl_op_flags {
    SCL_OP_ELEMENTWISE = 1, /* output may take the place of a same-shaped input */
    SCL_OP_VIEW = 2,        /* no launch: the output is the input's storage */
    SCL_OP_UPDATE = 4,      /* writes to the storage of input 0 */
} scl_op_flags;

typedef struct scl_op_info {
    const char *name;
    const char *summary;
    unsigned flags;
    scl_op_grad grad;
} scl_op_info;

const scl_op_info *scl_op_describe(scl_op op);

static inline bool scl_node_is_view(const scl_node *node)
{
    return (scl_op_describe(node->op)->flags & SCL_OP_VIEW) != 0;
}

/* The op's name; of a plugin's own op its label. */
const char *scl_node_name(const scl_node *node);

/* Multiply-adds counted as 2; 0 for data movement. */
double scl_node_flops(const scl_node *node);
/* Values that must move: each distinct input read once and each output written once, or the part of
 * an input that a slice takes; none for a view. A lower bound. scl_device_node_bytes has bytes. */
double scl_node_values(const scl_node *node);

/* Shapes. */
scl_shape scl_shape_make(int ndim, const int64_t *dims);
#define SCL_SHAPE(...)                                                                             \
    scl_shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                      \
                   (const int64_t[]){__VA_ARGS__})
int64_t scl_shape_count(scl_shape shape);
bool scl_shape_equal(scl_shape a, scl_shape b);
/* "[2, 64, 64]" into text of at least 96 bytes; returns text. */
char *scl_shape_text(scl_shape shape, char *text);
#define SCL_SHAPE_TEXT 96

#endif
