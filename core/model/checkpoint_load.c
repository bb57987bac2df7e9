/* checkpoint_load.c — strict loading: every difference between file and model is collected. */
#include "model/checkpoint.h"

#include "base/log.h"
#include "base/progress.h"
#include "base/str.h"
#include "io/resize.h"
#include "model/checkpoint_names.h"

#include <math.h>
#include <string.h>

#define LISTED_NAMES 8

/* A list of names for a message, cut after LISTED_NAMES. */
typedef struct name_list {
    scl_str text;
    size_t count;
} name_list;

static void add_name(name_list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_name(name_list *list, const char *format, ...)
{
    if (list->count++ >= LISTED_NAMES)
        return;
    scl_str_add(&list->text, "%s", list->count > 1 ? ", " : "");
    va_list args;
    va_start(args, format);
    scl_str_addv(&list->text, format, args);
    va_end(args);
}

typedef struct loader {
    const scl_weights *weights;
    const scl_sam_config *config; /* NULL for a delta */
    const scl_graph *adapted;     /* whose other parameters the file may hold; NULL: none */
    scl_store *store;             /* NULL: only names, types and shapes are checked */
    bool hf;
    bool make_classes; /* the file has SAM's own heads, the model has classes */
    bool *used;        /* by index in weights->tensor */
    name_list missing, misshapen, unknown;
    size_t interpolated;
} loader;

static scl_shape shape_of(const scl_weight *weight)
{
    return weight->ndim == 0
               ? SCL_SHAPE(1)
               : scl_shape_make(weight->ndim < SCL_MAX_DIMS ? weight->ndim : SCL_MAX_DIMS,
                                weight->dim);
}

static bool is_float(const scl_weight *w)
{
    return w->dtype == SCL_WEIGHT_F32 || w->dtype == SCL_WEIGHT_F16 ||
           w->dtype == SCL_WEIGHT_BF16 || w->dtype == SCL_WEIGHT_F64;
}

static bool same_shape(const scl_weight *weight, scl_shape shape)
{
    return weight->ndim <= SCL_MAX_DIMS && scl_shape_equal(shape_of(weight), shape);
}

static const scl_weight *find(loader *l, const char *meta)
{
    char name[SCL_NAME_MAX];
    if (l->hf)
        scl_name_to_hf(meta, name);
    const scl_weight *w = scl_weights_find(l->weights, l->hf ? name : meta);
    if (w == NULL && l->hf && strstr(meta, "positional_encoding_gaussian_matrix") != NULL)
        w = scl_weights_find(l->weights, scl_hf_tied_name);
    return w;
}

static scl_status set(loader *l, const scl_tensor *param, const float *values, scl_error *err)
{
    return scl_store_set(l->store, param->name, SCL_TENSOR_PARAM, param->shape, values, err);
}

/* pos_embed [1, g, g, D] to another grid, plane by plane. As the fine-tuning tools do it
 * (SAMed and others): bilinear, align_corners=False. */
static scl_status resize_pos_embed(const float *src, int64_t g, float *dst, int64_t new_g,
                                   int64_t dim, scl_error *err)
{
    float *plane = scl_calloc((size_t)(g * g), sizeof *plane);
    float *out = scl_calloc((size_t)(new_g * new_g), sizeof *out);
    scl_status status = plane == NULL || out == NULL
                            ? scl_out_of_memory(err, (size_t)(g * g) * sizeof *plane, "pos_embed")
                            : SCL_OK;
    for (int64_t d = 0; d < dim && status == SCL_OK; d++) {
        for (int64_t i = 0; i < g * g; i++)
            plane[i] = src[i * dim + d];
        status = scl_resize_bilinear_f32(plane, (size_t)g, (int)g, (int)g, out, (int)new_g,
                                         (int)new_g, err);
        for (int64_t i = 0; i < new_g * new_g && status == SCL_OK; i++)
            dst[i * dim + d] = out[i];
    }
    scl_free(plane);
    scl_free(out);
    return status;
}

static bool is_position_table(const scl_tensor *param, const scl_weight *w)
{
    scl_shape have = shape_of(w);
    if (strcmp(param->name, "image_encoder.pos_embed") == 0)
        return have.ndim == 4 && have.dim[0] == 1 && have.dim[1] == have.dim[2] &&
               have.dim[3] == param->shape.dim[3];
    bool relative = scl_ends_with(param->name, ".attn.rel_pos_h") ||
                    scl_ends_with(param->name, ".attn.rel_pos_w");
    return relative && have.ndim == 2 && have.dim[1] == param->shape.dim[1];
}

/* A position table of another size; relative ones by Meta's own rule (get_rel_pos). */
static scl_status load_resized(loader *l, const scl_tensor *param, const scl_weight *w,
                               const float *values, scl_error *err)
{
    scl_shape have = shape_of(w), want = param->shape;
    size_t count = (size_t)scl_shape_count(want);
    float *resized = scl_calloc(count, sizeof *resized);
    if (resized == NULL)
        return scl_out_of_memory(err, count * sizeof *resized, param->name);
    scl_status status =
        want.ndim == 4
            ? resize_pos_embed(values, have.dim[1], resized, want.dim[1], want.dim[3], err)
            : scl_resize_rows_f32(values, (int)have.dim[0], (int)have.dim[1], resized,
                                  (int)want.dim[0], err);
    if (status == SCL_OK)
        status = set(l, param, resized, err);
    l->interpolated++;
    scl_free(resized);
    return status;
}

static scl_status load_one(loader *l, const scl_tensor *param, const scl_weight *w, scl_error *err)
{
    char have[SCL_SHAPE_TEXT], want[SCL_SHAPE_TEXT];
    bool resize = l->config != NULL && !same_shape(w, param->shape) && is_position_table(param, w);
    if (!is_float(w) || (!resize && !same_shape(w, param->shape))) {
        add_name(&l->misshapen, "%s is %s %s instead of F32 %s", w->name,
                 scl_weight_dtype_name(w->dtype), scl_shape_text(shape_of(w), have),
                 scl_shape_text(param->shape, want));
        return SCL_OK;
    }
    if (l->store == NULL)
        return SCL_OK;
    size_t count = (size_t)scl_weight_elements(w);
    float *values = scl_calloc(count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, count * sizeof *values, w->name);
    scl_weight_to_f32(w, values);
    scl_weights_release(l->weights, w);
    scl_status status =
        resize ? load_resized(l, param, w, values, err) : set(l, param, values, err);
    scl_free(values);
    return status;
}

/* The class head's tokens are copies of SAM's first mask token, its hypernetworks of the first. */
static const scl_weight *find_class_source(loader *l, const char *name)
{
    const char *mlps = "mask_decoder.output_hypernetworks_mlps.";
    char first[SCL_NAME_MAX];
    if (!scl_starts_with(name, mlps))
        return find(l, name);
    const char *rest = strchr(name + strlen(mlps), '.');
    snprintf(first, sizeof first, "%s0%s", mlps, rest != NULL ? rest : "");
    return find(l, first);
}

static scl_status load_class_tokens(loader *l, const scl_tensor *param, const scl_weight *w,
                                    scl_error *err)
{
    int64_t dim = param->shape.dim[1], classes = param->shape.dim[0];
    if (!is_float(w) || w->ndim != 2 || w->dim[0] < 1 || w->dim[1] != dim)
        return load_one(l, param, w, err);
    if (l->store == NULL)
        return SCL_OK;
    float *values = scl_calloc((size_t)(w->dim[0] + classes), (size_t)dim * sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, (size_t)(classes * dim) * sizeof *values, w->name);
    float *tokens = values + w->dim[0] * dim;
    scl_weight_to_f32(w, values);
    for (int64_t c = 0; c < classes; c++)
        memcpy(tokens + c * dim, values, (size_t)dim * sizeof *values);
    scl_status status = set(l, param, tokens, err);
    scl_free(values);
    return status;
}

static scl_status load_param(loader *l, const scl_tensor *param, scl_error *err)
{
    const scl_weight *w =
        l->make_classes ? find_class_source(l, param->name) : find(l, param->name);
    if (w == NULL) {
        add_name(&l->missing, "%s", param->name);
        return SCL_OK;
    }
    l->used[w - l->weights->tensor] = true;
    if (l->make_classes && strcmp(param->name, "mask_decoder.mask_tokens.weight") == 0)
        return load_class_tokens(l, param, w, err);
    return load_one(l, param, w, err);
}

/* Names a file may hold beside the parameters. */
static bool is_allowed_extra(const loader *l, const char *name)
{
    bool tied = l->hf && strcmp(name, scl_hf_tied_name) == 0;
    bool heads =
        l->make_classes && (scl_starts_with(name, "mask_decoder.output_hypernetworks_mlps.") ||
                            scl_starts_with(name, "mask_decoder.iou_prediction_head."));
    const scl_tensor *known = l->adapted != NULL ? scl_graph_find(l->adapted, name) : NULL;
    return tied || heads || known != NULL || scl_starts_with(name, "optimizer.") ||
           strcmp(name, "pixel_mean") == 0 || strcmp(name, "pixel_std") == 0;
}

static scl_status report(loader *l, scl_error *err)
{
    for (size_t i = 0; i < l->weights->count; i++)
        if (!l->used[i] && !is_allowed_extra(l, l->weights->tensor[i].name))
            add_name(&l->unknown, "%s", l->weights->tensor[i].name);
    const struct {
        const name_list *list;
        const char *what;
    } parts[] = {{&l->missing, "missing"},
                 {&l->misshapen, "of another type or shape"},
                 {&l->unknown, "unknown"}};
    scl_str text = {0};
    for (size_t i = 0; i < 3; i++) {
        const name_list *list = parts[i].list;
        if (list->count == 0)
            continue;
        scl_str_add(&text, "%s%zu %s %s (%s%s)", text.length > 0 ? "; " : "", list->count,
                    list->count == 1 ? "tensor is" : "tensors are", parts[i].what,
                    scl_str_text(&list->text), list->count > LISTED_NAMES ? ", …" : "");
    }
    scl_status status = SCL_OK;
    if (text.length > 0)
        status = scl_fail(err, SCL_BAD_DATA, "%s does not fit the model: %s", l->weights->path,
                          scl_str_text(&text));
    scl_str_free(&text);
    return status;
}

static scl_status load_all(loader *l, scl_tensor *const *params, size_t count, scl_error *err)
{
    l->used = scl_calloc(l->weights->count, sizeof *l->used);
    scl_status status = l->used == NULL ? scl_out_of_memory(err, l->weights->count, "a checkpoint")
                                        : scl_checkpoint_verify(l->weights, err);
    for (size_t i = 0; i < count && status == SCL_OK; i++) {
        if (params[i]->kind == SCL_TENSOR_PARAM)
            status = load_param(l, params[i], err);
        scl_progress_tell("reading weights", i + 1, count);
    }
    if (status == SCL_OK)
        status = report(l, err);
    scl_free(l->used);
    scl_str_free(&l->missing.text);
    scl_str_free(&l->misshapen.text);
    scl_str_free(&l->unknown.text);
    return status;
}

scl_status scl_checkpoint_load_base(const scl_weights *weights, const scl_graph *base,
                                    const scl_graph *adapted, const scl_sam_config *config,
                                    scl_store *store, scl_error *err)
{
    loader l = {.weights = weights,
                .config = config,
                .adapted = adapted,
                .store = store,
                .hf = scl_weights_are_hf(weights)};
    l.make_classes =
        config->classes > 0 && find(&l, "mask_decoder.iou_prediction_head.layers.0.weight") != NULL;
    SCL_TRY(load_all(&l, base->tensors, base->tensor_count, err));
    if (l.interpolated > 0)
        scl_log(SCL_LOG_INFO, "%zu position tables were interpolated to image_size %lld",
                l.interpolated, (long long)config->image_size);
    if (l.make_classes)
        scl_log(SCL_LOG_INFO, "the head for %lld classes starts from SAM's first mask token",
                (long long)config->classes);
    return SCL_OK;
}

scl_status scl_checkpoint_load_delta(const scl_weights *weights, const scl_param_list *list,
                                     scl_store *store, scl_error *err)
{
    loader l = {.weights = weights, .store = store};
    return load_all(&l, list->items, list->count, err);
}
