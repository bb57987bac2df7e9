/* run_config.h — the run file: everything one training, evaluation or prediction is told.
 *
 * Load it, let the plugin host read the parameters of the plugins it names, then finish: all
 * mistakes, of samcl's keys and of the plugins', come in one error. The tables are in
 * run_config_tables.c; what must hold between keys is in run_config_checks.c. */
#ifndef SCL_CONFIG_RUN_CONFIG_H
#define SCL_CONFIG_RUN_CONFIG_H

#include "config/schema.h"

/* Paths are as written: relative ones start at the folder the program was started in.
 * "Unset" values: SCL_UNSET_INT, SCL_UNSET_INDEX, NaN and NULL, see plugin.h. */

typedef enum scl_model_type {
    SCL_MODEL_VIT_B,
    SCL_MODEL_VIT_L,
    SCL_MODEL_VIT_H,
    SCL_MODEL_VIT_NANO,
    SCL_MODEL_CUSTOM
} scl_model_type;

typedef struct scl_model_config {
    int32_t given;          /* always 1 */
    int32_t type;           /* scl_model_type; unset: read it from the checkpoint */
    const char *checkpoint; /* NULL: random weights from the seed */
    int64_t image_size;     /* pixels; unset, as all below: from the checkpoint or the preset */
    int64_t patch_size, embed_dim, depth, num_heads, window_size;
    scl_param_ints global_attn_indexes;
    double mlp_ratio;
    int64_t prompt_embed_dim;
    int64_t decoder_depth, decoder_num_heads, decoder_mlp_dim, iou_head_hidden_dim;
} scl_model_config;

typedef struct scl_data_folders {
    int32_t given;
    const char *images, *masks;
} scl_data_folders;

typedef enum scl_prompt_kind {
    SCL_PROMPT_NONE,
    SCL_PROMPT_BOX,
    SCL_PROMPT_POINT,
    SCL_PROMPT_MASK
} scl_prompt_kind;

typedef struct scl_prompt_config {
    scl_prompt_kind kind; /* the one whose map is given */
    double weight;        /* relative to the sum of all weights */
    struct {
        int32_t given;
    } none;
    struct {
        int32_t given;
        double jitter; /* share of the box's width and height */
    } box;
    struct {
        int32_t given;
        int64_t count, negative;
    } point;
    struct {
        int32_t given;
        double noise; /* probability that a pixel is flipped */
    } mask;
} scl_prompt_config;

typedef enum scl_mask_values {
    SCL_MASK_VALUES_AUTO,
    SCL_MASK_VALUES_BINARY,
    SCL_MASK_VALUES_IDS
} scl_mask_values;

typedef struct scl_data_config {
    int32_t given; /* always 1 */
    scl_data_folders train, val, test;
    double val_split;
    int32_t task;    /* scl_task of plugin.h */
    int64_t classes; /* unset unless multiclass */
    scl_param_strings class_names;
    int64_t ignore_index; /* a mask value; unset: none */
    struct {
        scl_prompt_config *items;
        size_t count;
    } prompts;
    double hflip, vflip, transpose;     /* probabilities, as invert and grayscale */
    double random_crop;                 /* least share of each side; 1: off */
    double brightness, contrast, gamma; /* ranges, see data/augment.h; 0: off */
    double invert, grayscale;
    int64_t objects_per_image;
    int64_t min_object_area; /* pixels */
    int32_t value_range;     /* scl_image_range of io/image.h */
    int32_t mask_values;     /* scl_mask_values */
} scl_data_config;

#define SCL_ADAPTER_PATH 96 /* bytes that hold the path of an adapter */

typedef struct scl_adapter_config {
    const char *use;
    scl_schema_params params;
} scl_adapter_config;

/* Exactly one of `use` and `expr` is set. */
typedef struct scl_loss_config {
    const char *use;
    const char *expr; /* see plugin/expression.h */
    double weight;
    const char *name; /* NULL: by `use` or `expr` */
    scl_schema_params params;
} scl_loss_config;

typedef enum scl_optimizer_type {
    SCL_OPTIMIZER_SGD,
    SCL_OPTIMIZER_ADAM,
    SCL_OPTIMIZER_ADAMW,
    SCL_OPTIMIZER_MUON /* matrices; AdamW for the rest */
} scl_optimizer_type;

typedef struct scl_optimizer_config {
    int32_t given; /* always 1 */
    int32_t type;  /* scl_optimizer_type */
    double lr, weight_decay;
    scl_param_floats betas; /* always two */
    double eps;
    double momentum; /* unset: 0.95 for muon, else 0 */
    int32_t nesterov;
} scl_optimizer_config;

typedef enum scl_lr_scheduler_type {
    SCL_LR_CONSTANT,
    SCL_LR_LINEAR,
    SCL_LR_COSINE,
    SCL_LR_POLYNOMIAL
} scl_lr_scheduler_type;

typedef struct scl_lr_scheduler_config {
    int32_t given; /* always 1 */
    int32_t type;  /* scl_lr_scheduler_type */
    int64_t warmup_steps;
    double min_lr_ratio, power;
} scl_lr_scheduler_config;

typedef struct scl_param_group_config {
    const char *match;   /* glob over parameter names */
    double lr, lr_scale; /* at most one is set */
    double weight_decay; /* unset: the optimizer's */
} scl_param_group_config;

typedef enum scl_metric {
    SCL_METRIC_DICE,
    SCL_METRIC_IOU,
    SCL_METRIC_MIOU,
    SCL_METRIC_LOSS
} scl_metric;

typedef struct scl_train_config {
    int32_t given;      /* always 1 */
    int64_t image_size; /* of the images trained on, pixels; unset: the model's */
    int64_t epochs, batch_size, grad_accum_steps;
    double max_grad_norm; /* 0: no clipping */
    double average_last;  /* share of the steps; 0: off */
    int64_t patience;     /* epochs; 0: off */
    int64_t save_every;   /* steps; 0: at the end of each epoch */
    int32_t metric;       /* scl_metric; unset: by the task */
    int64_t samples;      /* overlays per epoch */
    int32_t multimask;    /* masks 1 to 3 where one point is all that an object is prompted by */
    scl_param_ints masks; /* neighbours among the decoder's masks, at least one */
    scl_optimizer_config optimizer;
    scl_lr_scheduler_config lr_scheduler;
    struct {
        scl_param_group_config *items;
        size_t count;
    } param_groups;
} scl_train_config;

typedef struct scl_cache_config {
    int32_t given;        /* always 1 */
    int64_t memory, disk; /* bytes; disk 0: off */
    const char *folder;   /* NULL: <output_dir>/cache */
} scl_cache_config;

/* Zero-initialise; free with scl_run_config_free. Every pointer lives as long as it does. */
typedef struct scl_run_config {
    const char *name; /* of the run, a file name */
    const char *device;
    int64_t seed;
    const char *output_dir;
    int64_t memory_budget;        /* bytes on the device; unset: all it has */
    scl_param_strings train_also; /* globs over parameter names */
    const char *adapter_from;     /* NULL: the adapter's own initial values */
    scl_model_config model;
    scl_data_config data;
    struct {
        scl_adapter_config *items; /* in the order they change a layer */
        size_t count;              /* 0: none */
    } adapter;
    struct {
        scl_loss_config *items; /* at least one */
        size_t count;
    } losses;
    scl_train_config train;
    scl_cache_config cache;

    /* How it was read. */
    const char *path;
    scl_yaml *root; /* NULL when the file is not YAML */
    scl_arena arena;
    scl_diagnostics diagnostics;
} scl_run_config;

/* The tables of the whole run file. */
extern const scl_schema scl_run_config_schema;

/* What the run file calls an scl_task and an scl_optimizer_type. */
extern const char *const scl_task_names[], *const scl_optimizer_names[];

/* Reads the file, then the key=value settings over it. Mistakes are collected. A key that is wrong
 * has its default; when the file is not YAML at all, every field stays zero. */
void scl_run_config_load(scl_run_config *config, const char *path, const char *const *settings,
                         size_t setting_count);
/* The same from memory; `path` names it in messages. `text` is not kept. */
void scl_run_config_load_text(scl_run_config *config, const char *path, const char *text,
                              size_t size, const char *const *settings, size_t setting_count);

/* The bytes of `memory_budget`; 0: the run file sets none. */
size_t scl_run_config_memory_budget(const scl_run_config *config);

/* The place of an adapter's `key`: "adapter[1].use", or "adapter.use" where the run file has a map
 * and no list. Returns path. */
const char *scl_run_config_adapter_path(const scl_run_config *config, size_t index, const char *key,
                                        char path[SCL_ADAPTER_PATH]);

/* Reads a plugin's parameters against its table: `params` is that of an adapter or of a loss,
 * `path` its place ("adapter.params", "losses[1].params"). The result is a struct of `size` zeroed
 * bytes with every field of the table set, also kept in params->values; NULL when out of memory or
 * when the file was not YAML. The table must pass scl_schema_check_table and outlive the config. */
void *scl_run_config_read_params(scl_run_config *config, scl_schema_params *params,
                                 const char *path, const scl_param *table, size_t count,
                                 size_t size);

/* Adds a mistake at the place of a path, or where it would belong: "losses[1].use". */
void scl_run_config_complain(scl_run_config *config, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same at byte `offset` of the text that stands there. */
void scl_run_config_complain_within(scl_run_config *config, const char *path, size_t offset,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Where byte `offset` of the text at a path was written. */
scl_place scl_run_config_place_within(const scl_run_config *config, const char *path,
                                      size_t offset);

/* Puts the place of a path before an error about what the path names: a folder, a checkpoint. A
 * setting's place is "command line: key=value". Returns err->status. */
scl_status scl_run_config_blame(const scl_run_config *config, const char *path, scl_error *err);

/* SCL_OK, or SCL_BAD_CONFIG with every mistake that was collected. Call it once, last. */
scl_status scl_run_config_finish(scl_run_config *config, scl_error *err);

/* Appends a run file with every key, its value and its help, which reads back as the same config.
 * Only after scl_run_config_finish succeeded. */
scl_status scl_run_config_resolved(const scl_run_config *config, scl_str *out, scl_error *err);

void scl_run_config_free(scl_run_config *config);

#endif
