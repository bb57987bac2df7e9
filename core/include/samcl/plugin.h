/* plugin.h — the plugin ABI of samcl: losses and adapters as shared objects.
 *
 * A plugin is one .so that exports ONE function, `scl_plugin_entry_v1`, returning a static const
 * descriptor. It includes this header, may use the C library, and links nothing of samcl: what it
 * needs arrives in the builder's function table. A plugin describes mathematics, once, while the
 * graph is built; it never runs during a step, never allocates and never writes a derivative: samcl
 * differentiates, plans and runs what was described, on any backend. What the builder's functions
 * cannot say, an own op of the plugin's can: kernels, a derivative and a reference of its own.
 *
 * Rules
 *  - Tensors are handles that the host owns; they stay valid while the graph is being built.
 *  - A builder function that fails returns NULL and records why; every builder function given NULL
 *    returns NULL, so a plugin need not check each call: return the last value, the host reports.
 *  - All functions are called from one thread. They MUST NOT keep pointers after returning, except
 *    to their own static data, and MUST be pure: same parameters, same description.
 *  - scl_plugin, the interfaces, scl_builder, scl_loss_inputs and scl_site begin with their size,
 *    and grow only at the end, with the minor version; the other structs never change within a
 *    major version. A plugin built for an older minor version keeps working: what it lacks is zero.
 *    One built for a newer minor version is refused. */
#ifndef SAMCL_PLUGIN_H
#define SAMCL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCL_PLUGIN_ABI_MAJOR 1
#define SCL_PLUGIN_ABI_MINOR 1

/* ------------------------------------------------------------------ parameters */

/* The C type a parameter is stored as, at its offset in the plugin's parameter struct. */
typedef enum scl_param_type {
    SCL_PARAM_BOOL = 1,    /* int32_t, 0 or 1 */
    SCL_PARAM_INT = 2,     /* int64_t */
    SCL_PARAM_FLOAT = 3,   /* double */
    SCL_PARAM_STRING = 4,  /* const char *, owned by the host, NULL when the default is null */
    SCL_PARAM_CHOICE = 5,  /* int32_t, index into choices */
    SCL_PARAM_STRINGS = 6, /* scl_param_strings, owned by the host */
    SCL_PARAM_INTS = 7,    /* scl_param_ints, owned by the host */
    SCL_PARAM_FLOATS = 8,  /* scl_param_floats, owned by the host */
    SCL_PARAM_BYTES = 9    /* int64_t; written as 8GiB, 512MiB, 100000 */
} scl_param_type;

/* What the field of a key whose default is null holds when it is not given. A float: NaN. A string
 * or the items of a list: NULL. */
#define SCL_UNSET_INT   INT64_MIN /* also bytes */
#define SCL_UNSET_INDEX (-1)      /* choice and bool */

typedef struct scl_param_strings {
    const char *const *items;
    uint64_t count;
} scl_param_strings;

typedef struct scl_param_ints {
    const int64_t *items;
    uint64_t count;
} scl_param_ints;

typedef struct scl_param_floats {
    const double *items;
    uint64_t count;
} scl_param_floats;

/* One row of a parameter table. The same rows validate the run file and make the manual. */
typedef struct scl_param {
    const char *key;
    uint32_t type;              /* scl_param_type */
    uint32_t offset;            /* offsetof in the parameter struct */
    const char *default_value;  /* as YAML text; NULL: the key is required; "null": not given */
    double min, max;            /* inclusive range of numbers and of list items; both 0: any */
    const char *const *choices; /* NULL-terminated, for SCL_PARAM_CHOICE */
    const char *help;           /* one line, with the unit and the source of a formula */
} scl_param;

/* Nonzero: the whole name matches the pattern, where * stands for any characters and ? for one. The
 * run file's own patterns are matched in the same way. */
static inline int32_t scl_pattern_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return 0;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Nonzero: the name matches one of the patterns. An adapter's parameter of type STRINGS that is
 * called `sites` or `parameters` must be patterns of layers or of parameters: the host tells the
 * user of those that match nothing. */
static inline int32_t scl_patterns_match(const scl_param_strings *patterns, const char *name)
{
    for (uint64_t i = 0; i < patterns->count; i++)
        if (scl_pattern_matches(patterns->items[i], name))
            return 1;
    return 0;
}

/* ------------------------------------------------------------------ building a graph */

typedef struct scl_tensor scl_tensor;   /* a value in the graph: shape and dtype, opaque here */
typedef struct scl_builder scl_builder; /* the host's function table, defined below */

#define SCL_MAX_DIMS 5

typedef enum scl_init_kind {
    SCL_INIT_ZEROS = 0,
    SCL_INIT_ONES = 1,
    SCL_INIT_UNIFORM = 2, /* U(-scale, scale) */
    SCL_INIT_NORMAL = 3,  /* N(0, scale^2) */
    SCL_INIT_NEAR_ONE = 4 /* N(1, scale^2); since 1.1 */
} scl_init_kind;

typedef struct scl_init {
    uint32_t kind; /* scl_init_kind */
    float scale;
} scl_init;

/* ------------------------------------------------------------------ own ops (since 1.1) */

typedef enum scl_value_type { SCL_VALUE_FLOAT32 = 0, SCL_VALUE_INT32 = 1 } scl_value_type;

/* Numbers that the source of an own op knows as macros. */
typedef struct scl_own_int {
    const char *name;
    int64_t value;
} scl_own_int;

typedef struct scl_own_float {
    const char *name;
    double value; /* finite; a float in the source */
} scl_own_float;

typedef struct scl_own_output {
    uint32_t type; /* scl_value_type */
    int32_t ndim;
    int64_t dims[SCL_MAX_DIMS];
} scl_own_output;

/* One kernel, enqueued for `items` work-items in one dimension. `group`: how many of them share
 * local memory and barriers, or 0: the host chooses, and no kernel may depend on it.
 * get_global_id(0) goes up to `items` rounded up to a whole group. */
typedef struct scl_own_launch {
    const char *kernel;
    int64_t items;
    int64_t group;
} scl_own_launch;

#define SCL_OWN_MAX_INPUTS   32
#define SCL_OWN_MAX_OUTPUTS  8
#define SCL_OWN_MAX_NUMBERS  32 /* of ints and of floats */
#define SCL_OWN_MAX_LAUNCHES 8

/* One use of an own op. All lists are copied. */
typedef struct scl_own_call {
    uint32_t struct_size;
    int32_t input_count, output_count, int_count, float_count, launch_count;
    scl_tensor *const *inputs;
    const scl_own_output *outputs;
    const scl_own_int *ints;
    const scl_own_float *floats;
    const scl_own_launch *launches; /* run in this order */
    int64_t workspace;              /* floats that the launches share beside; 0: none */
    double flops;                   /* for profiles and for what is worth keeping; 0: unknown */
} scl_own_call;

/* What a reference function reads and writes: double, and int32_t where the tensor is int32. */
typedef struct scl_own_values {
    uint32_t struct_size;
    uint32_t reserved;
    const void *const *inputs;
    void *const *outputs;
    const int64_t *ints;
    const double *floats;
} scl_own_values;

/* What the derivative of a use is built from. */
typedef struct scl_own_gradient {
    uint32_t struct_size;
    int32_t input_count, output_count, int_count, float_count;
    scl_tensor *const *inputs, *const *outputs;
    scl_tensor *const *dy; /* by output: d loss / d output; NULL: the loss does not depend on it */
    const int32_t *wanted; /* by input: nonzero where dx is asked for */
    scl_tensor **dx;       /* by input, to be set where wanted; NULL: zero */
    const int64_t *ints;
    const double *floats;
} scl_own_gradient;

/* An op of the plugin's own: static data.
 *
 * The source is OpenCL C 1.2 and stands alone. Each of its kernels takes, in this order and nothing
 * else: `__global const float *` (or int) for every input, `__global float *` (or int) for every
 * output, and `__global float *` for the workspace if there is one. The ints and floats of the call
 * are macros, as is IS_CPU: 1 where a work-item is a core's, which has vectors and does a thousand
 * operations sooner than it starts; 0 where thousands run at once. A kernel writes all of every
 * output, reads no output before it wrote it, and gives the same bits each time: no atomics. */
typedef struct scl_own_op {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name; /* lower_case_with_underscores; profiles show "<id of the plugin>.<name>" */
    const char *source;
    /* The same op in plain C and double precision: what the `reference` device runs, and what tests
     * hold the kernels against. It must be pure. */
    void (*reference)(const scl_own_values *v);
    /* Describes the derivative, with the builder's functions and own ops; b has no param and no
     * add_loss. NULL: no derivative flows through, as with `step`. */
    void (*gradient)(scl_builder *b, const scl_own_gradient *g);
} scl_own_op;

/* Every function returns a new tensor of dtype float32 unless said otherwise, or NULL on error.
 * Shapes are row-major, up to SCL_MAX_DIMS dimensions. Binary functions broadcast as NumPy does. */
struct scl_builder {
    uint32_t struct_size;
    uint32_t reserved;
    void *host; /* private to the host */

    /* Inspection; both give 0 for a NULL tensor. axis < 0: from the end. */
    int32_t (*ndim)(scl_builder *b, const scl_tensor *x);
    int64_t (*dim)(scl_builder *b, const scl_tensor *x, int32_t axis);
    /* Says in one sentence that this cannot be built as the run file asks (the task, a parameter),
     * and what to write instead; returns NULL. The user reads it as a mistake of the run file,
     * while any other failure counts as the plugin's. */
    scl_tensor *(*fail)(scl_builder *b, const char *message);

    /* Leaves; values are copied. param, for adapters only: trained, created once per name (a second
     * call with the same name returns the same tensor). The name, of letters, digits, _ and dots,
     * is relative to the site, whose own `weight` and `bias` it may not be; the host stores and
     * saves the values as "<site>.<name>". */
    scl_tensor *(*constant)(scl_builder *b, const float *values, int32_t ndim, const int64_t *dims);
    scl_tensor *(*scalar)(scl_builder *b, float value); /* shape [1] */
    scl_tensor *(*param)(scl_builder *b, const char *name, int32_t ndim, const int64_t *dims,
                         scl_init init);

    /* Elementwise, two inputs. */
    scl_tensor *(*add)(scl_builder *b, scl_tensor *x, scl_tensor *y);
    scl_tensor *(*sub)(scl_builder *b, scl_tensor *x, scl_tensor *y);
    scl_tensor *(*mul)(scl_builder *b, scl_tensor *x, scl_tensor *y);
    scl_tensor *(*div)(scl_builder *b, scl_tensor *x, scl_tensor *y);
    scl_tensor *(*maximum)(scl_builder *b, scl_tensor *x, scl_tensor *y);
    scl_tensor *(*minimum)(scl_builder *b, scl_tensor *x, scl_tensor *y);

    /* Elementwise, one input. */
    scl_tensor *(*affine)(scl_builder *b, scl_tensor *x, float scale, float shift);
    scl_tensor *(*pow)(scl_builder *b, scl_tensor *x, float exponent); /* x >= 0 */
    scl_tensor *(*clamp)(scl_builder *b, scl_tensor *x, float low, float high);
    scl_tensor *(*exp)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*log)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*sqrt)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*abs)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*step)(scl_builder *b, scl_tensor *x); /* 1 where x > 0, else 0; derivative 0 */
    scl_tensor *(*sigmoid)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*tanh)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*softplus)(scl_builder *b, scl_tensor *x); /* log(1 + exp(x)), no overflow */
    scl_tensor *(*relu)(scl_builder *b, scl_tensor *x);
    scl_tensor *(*gelu)(scl_builder *b, scl_tensor *x); /* exact, erf form */

    /* Reductions over `count` neighbouring axes from `axis` on, which keep their place with
     * size 1. weighted_mean: sum(x * w) / sum(w), with w broadcast to x; 0 where sum(w) is 0. */
    scl_tensor *(*sum)(scl_builder *b, scl_tensor *x, int32_t axis, int32_t count);
    scl_tensor *(*mean)(scl_builder *b, scl_tensor *x, int32_t axis, int32_t count);
    scl_tensor *(*weighted_mean)(scl_builder *b, scl_tensor *x, scl_tensor *w, int32_t axis,
                                 int32_t count);

    /* Shape. */
    scl_tensor *(*reshape)(scl_builder *b, scl_tensor *x, int32_t ndim, const int64_t *dims);
    scl_tensor *(*slice)(scl_builder *b, scl_tensor *x, int32_t axis, int64_t start, int64_t count);
    scl_tensor *(*concat)(scl_builder *b, scl_tensor *const *xs, int32_t count, int32_t axis);

    /* Classes. one_hot: int32 [...] to float32 with `classes` inserted at `axis`; an id outside
     * 0..classes-1 gives zeros. */
    scl_tensor *(*softmax)(scl_builder *b, scl_tensor *x, int32_t axis);
    scl_tensor *(*log_softmax)(scl_builder *b, scl_tensor *x, int32_t axis);
    scl_tensor *(*one_hot)(scl_builder *b, scl_tensor *ids, int64_t classes, int32_t axis);

    /* y = scale * x W^T. x [..., in], w [out, in] -> [..., out]. */
    scl_tensor *(*linear)(scl_builder *b, scl_tensor *x, scl_tensor *w, float scale);

    /* The same values, with no derivative flowing through. */
    scl_tensor *(*stop_gradient)(scl_builder *b, scl_tensor *x);

    /* since 1.1 */

    /* Nonzero: what is built is trained. Zero: it evaluates or predicts, and has no noise. */
    int32_t training;
    int32_t reserved_1;
    /* Random values, only where `training` is set: uniform in [0, 1) and normal with mean 0 and
     * deviation 1, of a counter-based generator (Philox4x32-10; Salmon et al., SC'11, and
     * Box-Muller). They are a function of the run's seed, the batch and the place in the graph: new
     * in each batch, the same when a run is resumed, and on every device up to rounding. */
    scl_tensor *(*uniform)(scl_builder *b, int32_t ndim, const int64_t *dims);
    scl_tensor *(*normal)(scl_builder *b, int32_t ndim, const int64_t *dims);
    /* Where `training` is set each value is 0 with probability `rate`, in 0..1 without 1, and
     * otherwise divided by 1 - rate (Srivastava et al., JMLR 15, 2014); elsewhere x. */
    scl_tensor *(*dropout)(scl_builder *b, scl_tensor *x, float rate);
    /* P(X <= x), X of the standard normal distribution. */
    scl_tensor *(*normal_cdf)(scl_builder *b, scl_tensor *x);
    /* x y, of the last two axes, after transposing those of x or y where asked: 2-D, or batched
     * 3-D with equal first axes. */
    scl_tensor *(*matmul)(scl_builder *b, scl_tensor *x, scl_tensor *y, int32_t transpose_x,
                          int32_t transpose_y);
    /* The k largest along the last axis, the largest first, and of equal ones the one with the
     * lower index: x [..., n] -> [..., k]. *indices (unless NULL): where they were, int32 [..., k].
     * The derivative goes to the values that were taken. */
    scl_tensor *(*top_k)(scl_builder *b, scl_tensor *x, int64_t k, scl_tensor **indices);
    /* A use of an op of the plugin's own. Returns its first output; `outputs` (unless NULL) gets
     * all of them. */
    scl_tensor *(*own)(scl_builder *b, const scl_own_op *op, const scl_own_call *call,
                       scl_tensor **outputs);
    /* For adapters: adds `value`, one float32, to the loss of the batch, with weight 1 whatever the
     * run file's losses weigh. Values of the same name, of all sites, are summed, and shown in the
     * metrics as "<id of the plugin>.<name>". Within a window of accumulated batches each counts by
     * its share of the masks. */
    void (*add_loss)(scl_builder *b, const char *name, scl_tensor *value);
};

/* ------------------------------------------------------------------ losses */

typedef enum scl_task {
    SCL_TASK_BINARY = 0,
    SCL_TASK_MULTICLASS = 1,
    SCL_TASK_INSTANCES = 2
} scl_task;

/* What a loss is computed from. B masks (or images, for multiclass) of H x W pixels. */
typedef struct scl_loss_inputs {
    uint32_t struct_size;
    uint32_t task;      /* scl_task */
    int64_t classes;    /* channels of logits: 1, or at most 4096 classes */
    scl_tensor *logits; /* float32 [B, 1, H, W]; multiclass [B, classes, H, W] */
    scl_tensor *target; /* float32 [B, 1, H, W]: the share of the pixel that the object covers, 0 to
                           1; multiclass: int32 class ids [B, H, W], -1 where it does not count */
    scl_tensor *weight; /* float32 [B, 1, H, W]: 1 where a pixel counts, 0 in padding and ignored */
    scl_tensor *iou_prediction; /* float32 [B, 1], the decoder's own estimate; NULL: multiclass */
} scl_loss_inputs;

typedef struct scl_loss_interface {
    uint32_t struct_size;
    uint32_t reserved;
    /* One value per mask: float32 [B] (or any shape of B elements). The host takes their weighted
     * sum, by default with 1 / B each. A loss that normalises over the whole batch therefore
     * returns B times each mask's share. */
    scl_tensor *(*build)(scl_builder *b, const void *params, const scl_loss_inputs *inputs);
} scl_loss_interface;

/* ------------------------------------------------------------------ adapters */

/* What a site is. Each is a module of segment-anything, under its name there, and x is what enters
 * it, y what it gives: [..., in] and [..., out] of these sizes. */
typedef enum scl_site_kind {
    SCL_SITE_LINEAR = 0, /* "image_encoder.blocks.7.attn.qkv"; weight [out, in], bias [out] */
    SCL_SITE_NORM = 1,   /* a layer norm, "image_encoder.blocks.7.norm1"; weight and bias [out] */
    SCL_SITE_CONV = 2,   /* a convolution, "image_encoder.patch_embed.proj": x [B, H, W, in], y
                            [B, H', W', out]; weight [out, in, k, k], bias [out] or NULL */
    SCL_SITE_BRANCH = 3, /* what a block adds to its tokens, "image_encoder.blocks.7.attn" or
                            "….mlp", and the mlp of the decoder's layers: [B, N, C], x after the
                            norm, y before it is added */
    SCL_SITE_BLOCK = 4   /* a block of the image encoder, "image_encoder.blocks.7": [B, N, C] */
} scl_site_kind;

/* A named place that an adapter may wrap; without `kinds` only linear layers are asked about. */
typedef struct scl_site {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    int64_t in_features, out_features;

    /* since 1.1 */

    uint32_t kind; /* scl_site_kind */
    uint32_t reserved_1;
    /* The layer's own, as the model has them; NULL for a branch or a block, and in `wraps`. */
    scl_tensor *weight, *bias;
    /* Where x is [B, N, in] and its N rows are an image's tokens, row by row: the grid they lie in,
     * N = grid_h * grid_w. Elsewhere 0. */
    int64_t grid_h, grid_w;
    /* The side of the windows that the rows are within attention, counted from the top left; 0:
     * none, or the layer is outside of attention. For adapters that mix rows the grid is a multiple
     * of it: its last rows and columns then are tokens that SAM pads with zeros. */
    int64_t window;
} scl_site;

typedef struct scl_adapter_interface {
    uint32_t struct_size;
    uint32_t reserved;
    /* Nonzero: this parameter of the base model is trained too. NULL: none is. */
    int32_t (*trains)(const void *params, const char *parameter_name);
    /* Nonzero: attach, which must then be there, is called for this site. NULL: none is wrapped. */
    int32_t (*wraps)(const void *params, const scl_site *site);
    /* The site's new output, of y's shape, from its input x [..., in] and its present output
     * y [..., out]: the model's, or what an adapter before this one made of it. May be called more
     * than once for a linear layer or a norm, with other rows of x: each row of the result must
     * come from the same row of x and y alone. */
    scl_tensor *(*attach)(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y);

    /* since 1.1 */

    uint32_t kinds; /* 1 << scl_site_kind for each kind that `wraps` is asked about; 0: linear */
    uint32_t reserved_1;
    /* For the blocks that `wraps` takes, in place of attach: T more tokens [T, C] that enter this
     * block beside the image's and leave it behind. In its attention every token sees them, in each
     * window, without a relative position. NULL: attach is called for blocks, too. */
    scl_tensor *(*tokens)(scl_builder *b, const void *params, const scl_site *site);
    /* Puts into *weight and *bias what the layer must have to give by itself what attach makes of
     * its output. They come as they are: site->weight and site->bias, or what an adapter before
     * this one made of them; *bias is NULL where the layer has none. NULL: it cannot be merged. */
    void (*merge)(scl_builder *b, const void *params, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias);

    /* Nonzero: at this site, whose grid is not 0, a row of the result may come from other rows of
     * its window, or of the grid without windows. NULL: nowhere. */
    int32_t (*mixes_rows)(const void *params, const scl_site *site);
} scl_adapter_interface;

/* ------------------------------------------------------------------ the descriptor */

typedef enum scl_plugin_kind { SCL_PLUGIN_LOSS = 1, SCL_PLUGIN_ADAPTER = 2 } scl_plugin_kind;

/* Sizes both sides must agree on; the host compares and names the field that differs. */
typedef struct scl_plugin_fingerprint {
    uint32_t pointer_size;
    uint32_t param_size;
    uint32_t builder_size;
} scl_plugin_fingerprint;

/* The first three fields stand in every major version. */
typedef struct scl_plugin {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;
    scl_plugin_fingerprint fingerprint;
    uint32_t kind;        /* scl_plugin_kind */
    const char *id;       /* lower_case_with_underscores: `use: ID` looks for ID.so */
    const char *version;  /* the plugin's own version */
    const char *summary;  /* one line */
    const char *licence;  /* SPDX identifier */
    uint64_t params_size; /* of the struct the host fills and passes as `params` */
    const scl_param *params;
    uint64_t param_count;
    const void *interface; /* scl_loss_interface or scl_adapter_interface */
} scl_plugin;

/* The head every descriptor begins with. */
#define SCL_PLUGIN_HEAD                                                                            \
    .struct_size = sizeof(scl_plugin), .abi_major = SCL_PLUGIN_ABI_MAJOR,                          \
    .abi_minor = SCL_PLUGIN_ABI_MINOR,                                                             \
    .fingerprint = {sizeof(void *), sizeof(scl_param), sizeof(scl_builder)}

#define SCL_PLUGIN_EXPORT __attribute__((visibility("default")))

/* The one exported symbol. Returns static data; must be fast and may be called more than once. */
typedef const scl_plugin *(*scl_plugin_entry)(void);
SCL_PLUGIN_EXPORT const scl_plugin *scl_plugin_entry_v1(void);

#define SCL_PLUGIN_ENTRY_NAME "scl_plugin_entry_v1"

#ifdef __cplusplus
}
#endif

#endif
