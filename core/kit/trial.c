#include "kit/trial.h"

#include "base/rng.h"
#include "plugin/adaptation.h"
#include "plugin/losses.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MASKS     3
#define CLASSES   4
#define HEIGHT    5
#define WIDTH     7
#define ROWS      5
#define REFERENCE "reference"

/* ------------------------------------------------------------------ building */

/* The losses of the run, or without them a sum of the logits. */
static void build_loss(scl_kit_trial *t, const scl_kit_subject *subject, const scl_kit_scene *scene,
                       scl_kit_choice choice)
{
    scl_graph *g = t->graph;
    bool multiclass = scene->task == SCL_TASK_MULTICLASS;
    int64_t h = choice.side > 0 ? choice.side : HEIGHT, w = choice.side > 0 ? choice.side : WIDTH;
    int64_t channels = multiclass ? CLASSES : 1;
    const scl_shape masks = SCL_SHAPE(MASKS, 1, h, w);
    scl_tensor *logits =
        scl_parameter(g, "logits", SCL_SHAPE(MASKS, channels, h, w), (scl_init){0}, true);
    if (choice.without) {
        t->loss = scl_reshape(g, scl_sum(g, logits, 0, 4), SCL_SHAPE(1));
        t->value = t->loss;
        return;
    }
    scl_loss_inputs in = {.struct_size = sizeof in,
                          .task = scene->task,
                          .classes = channels,
                          .logits = logits,
                          .weight = scl_input(g, "weight", SCL_F32, masks)};
    in.target = multiclass ? scl_input(g, "target", SCL_I32, SCL_SHAPE(MASKS, h, w))
                           : scl_input(g, "target", SCL_F32, masks);
    if (!multiclass)
        in.iou_prediction = scl_parameter(g, "iou", SCL_SHAPE(MASKS, 1), (scl_init){0}, true);
    scl_losses losses = scl_losses_build(
        &subject->plugins, g, &in, scl_input(g, "mask_weight", SCL_F32, SCL_SHAPE(MASKS)), NULL);
    t->value = losses.parts;
    t->loss = losses.total;
}

static scl_tensor *leaf(scl_graph *g, const char *name, scl_shape shape)
{
    return scl_parameter(g, name, shape, (scl_init){0}, true);
}

static scl_tensor *own_of(scl_graph *g, const scl_kit_scene *scene, const char *which,
                          scl_shape shape)
{
    char name[192];
    snprintf(name, sizeof name, "%s.%s", scene->name, which);
    return scl_parameter(g, name, shape, (scl_init){0}, false);
}

/* Input x, output y and what the layer is, as the model has it. */
static scl_tensor *build_layer(scl_graph *g, const scl_kit_scene *scene, scl_site *site,
                               scl_tensor **x)
{
    int64_t in = site->in_features, out = site->out_features;
    int64_t rows = site->grid_h > 0 ? site->grid_h * site->grid_w : ROWS;
    scl_shape tokens = SCL_SHAPE(2, rows, in);
    if (scene->weight.ndim > 0)
        site->weight = own_of(g, scene, "weight", scene->weight);
    if (scene->bias)
        site->bias = own_of(g, scene, "bias", SCL_SHAPE(out));
    switch (site->kind) {
    case SCL_SITE_LINEAR:
        *x = leaf(g, "x", tokens);
        return scl_linear(g, *x, site->weight, site->bias, 1);
    case SCL_SITE_NORM:
        *x = leaf(g, "x", tokens);
        return scl_layer_norm(g, *x, site->weight, site->bias, 1e-6f);
    case SCL_SITE_CONV:
        *x = leaf(g, "x", SCL_SHAPE(2, 2 * scene->weight.dim[2], scene->weight.dim[3], in));
        return scl_conv2d(g, *x, site->weight, site->bias, scene->weight.dim[2], 0);
    default:
        *x = leaf(g, "x", tokens);
        return leaf(g, "y", SCL_SHAPE(2, rows, out));
    }
}

/* The value times fixed random numbers, and what the adapter adds to the loss. */
static scl_tensor *sum_of(scl_graph *g, scl_tensor *value)
{
    if (value == NULL)
        return NULL;
    size_t count = (size_t)scl_shape_count(value->shape);
    float *numbers = scl_calloc(count, sizeof *numbers);
    if (numbers == NULL)
        return scl_graph_out_of_memory(g, count * sizeof *numbers, "a trial");
    for (size_t i = 0; i < count; i++) /* soon made, as building is timed */
        numbers[i] = (float)((uint32_t)i * 2654435761U >> 16) / 32768 - 1;
    scl_tensor *weighted = scl_mul(g, value, scl_constant(g, numbers, value->shape));
    scl_free(numbers);
    scl_tensor *sum = scl_reshape(g, scl_sum(g, weighted, 0, value->shape.ndim), SCL_SHAPE(1));
    for (size_t i = 0; i < g->added_loss_count; i++)
        sum = scl_add(g, sum, g->added_losses[i].value);
    return sum;
}

static void build_site(scl_kit_trial *t, scl_kit_subject *subject, const scl_kit_scene *scene,
                       scl_kit_choice choice)
{
    const scl_adaptation own = scl_run_plugins_adaptation(&subject->plugins);
    scl_graph *g = t->graph;
    scl_site site = scene->site;
    scl_tensor *x = NULL, *y = build_layer(g, scene, &site, &x);
    site.name = scene->name;
    const scl_adapter_interface *functions = &subject->plugins.adapters[0].file.facts.adapter;
    bool by_tokens = site.kind == SCL_SITE_BLOCK && functions->tokens != NULL;
    scl_tensor *made = NULL;
    if (y != NULL && !choice.without)
        made = by_tokens ? own.tokens(own.user, g, &site) : own.attach(own.user, g, &site, x, y);
    t->value = scl_affine(g, made != NULL ? made : y, 1, 0); /* these params may wrap nothing */
    t->loss = sum_of(g, t->value);
}

/* Where no derivative flows, values stay when the nodes run again: an own op without a derivative
 * is left out, and so is stop_gradient once it is a copy. Views follow their storage. */
static scl_status freeze(scl_kit_trial *t, scl_error *err)
{
    scl_graph *g = t->graph;
    t->skipped = scl_arena_alloc(&g->arena, (g->node_count + 1) * sizeof *t->skipped);
    if (t->skipped == NULL)
        return scl_out_of_memory(err, g->node_count, "a trial");
    for (size_t i = 0; i < g->node_count; i++) {
        scl_node *node = g->nodes[i];
        bool stops = node->op == SCL_OP_STOP_GRADIENT && node->inputs[0]->dtype == SCL_F32;
        t->skipped[i] = stops || (node->op == SCL_OP_OWN && node->own->gradient == NULL);
        if (stops) {
            node->op = SCL_OP_AFFINE;
            node->attr.scalar[0] = 1;
            node->attr.scalar[1] = 0;
            node->outputs[0]->base = node->outputs[0];
        } else if (scl_node_is_view(node)) {
            node->outputs[0]->base = node->inputs[0]->base;
        }
    }
    for (size_t i = 0; i < g->tensor_count; i++)
        g->tensors[i]->keep = true;
    return SCL_OK;
}

scl_status scl_kit_trial_build(scl_kit_trial *t, scl_kit_subject *subject,
                               const scl_kit_scene *scene, scl_kit_choice choice, scl_error *err)
{
    *t = (scl_kit_trial){.graph = scl_graph_create(err)};
    if (t->graph == NULL)
        return err != NULL ? err->status : SCL_DEVICE;
    scl_graph *g = t->graph;
    g->training = !choice.untrained;
    if (subject->kind == SCL_PLUGIN_LOSS)
        build_loss(t, subject, scene, choice);
    else
        build_site(t, subject, scene, choice);
    t->deviation = scl_sub(g, t->loss, scl_input(g, REFERENCE, SCL_F32, SCL_SHAPE(1)));
    SCL_TRY(scl_graph_status(g, err));
    t->forward_nodes = g->node_count;
    t->value->keep = t->loss->keep = t->deviation->keep = true;
    if (t->loss->needs_grad)
        SCL_TRY(scl_autodiff(g, t->loss, err));
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->grad != NULL)
            g->tensors[i]->grad->keep = true;
    return choice.frozen ? freeze(t, err) : SCL_OK;
}

scl_status scl_kit_trial_compile(scl_kit_trial *t, scl_device *device, scl_store *store,
                                 scl_error *err)
{
    scl_graph *graph = t->graph;
    if (store == NULL)
        SCL_TRY(scl_store_create(device, 5, &t->store, err));
    t->borrowed = store != NULL ? store : t->store;
    t->graph = NULL; /* taken */
    return scl_compile(graph, NULL, 0, t->borrowed, &t->compiled, err);
}

void scl_kit_trial_free(scl_kit_trial *t)
{
    scl_graph_free(t->graph);
    scl_compiled_free(&t->compiled);
    scl_store_free(t->store);
    *t = (scl_kit_trial){0};
}

/* ------------------------------------------------------------------ values */

static double target_at(scl_kit_values values, scl_rng *rng)
{
    double share = scl_rng_uniform(rng), edge = scl_rng_uniform(rng);
    if (values == SCL_KIT_NO_OBJECT || values == SCL_KIT_ALL_OBJECT)
        return values == SCL_KIT_ALL_OBJECT;
    return edge < 0.3 ? share : share < 0.5;
}

bool scl_kit_counts(size_t pixel)
{
    scl_rng rng = scl_rng_make(3, "kit.weight", pixel, 0);
    return scl_rng_uniform(&rng) < 0.8;
}

static double logit_at(scl_kit_values values, size_t i, size_t pixel, scl_rng *rng)
{
    double drawn = 6 * scl_rng_uniform(rng) - 3;
    if (values == SCL_KIT_HUGE)
        return drawn < 0 ? -10000 : 10000;
    if (values == SCL_KIT_NAN && i == 0)
        return NAN;
    return values == SCL_KIT_HIDDEN && !scl_kit_counts(pixel) ? 5 - drawn : drawn;
}

static double other_at(const scl_tensor *tensor, scl_kit_values values, size_t i, float initial,
                       scl_rng *rng)
{
    double drawn = 2 * scl_rng_uniform(rng) - 1;
    bool own = strcmp(tensor->name, "x") == 0 || strcmp(tensor->name, "y") == 0;
    if (tensor->kind == SCL_TENSOR_INPUT)
        return strcmp(tensor->name, REFERENCE) == 0 ? 0 : 0.2 + 0.4 * fabs(drawn);
    if (strcmp(tensor->name, "iou") == 0)
        return 0.5 + 0.4 * drawn;
    if (own && values == SCL_KIT_HUGE)
        return drawn < 0 ? -10000 : 10000;
    if (own && values == SCL_KIT_NAN && i == 0)
        return NAN;
    if (own || !tensor->trained)
        return drawn;
    return (double)initial + (values == SCL_KIT_INITIAL ? 0 : 0.3 * drawn);
}

float *scl_kit_trial_values(const scl_tensor *tensor, scl_kit_values values)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    size_t area = (size_t)(tensor->shape.dim[tensor->shape.ndim - 1] *
                           tensor->shape.dim[tensor->shape.ndim > 1 ? tensor->shape.ndim - 2 : 0]);
    float *drawn = scl_calloc(count, sizeof *drawn);
    if (drawn == NULL)
        return NULL;
    if (tensor->kind == SCL_TENSOR_PARAM)
        scl_init_values(5, tensor->name, tensor->init, drawn, count);
    scl_rng rng = scl_rng_make(3, tensor->name, 0, 0);
    for (size_t i = 0; i < count; i++) {
        size_t masks = (size_t)tensor->shape.dim[0], pixel = i / (count / masks) * area + i % area;
        if (strcmp(tensor->name, "logits") == 0)
            drawn[i] = (float)logit_at(values, i, pixel, &rng);
        else if (strcmp(tensor->name, "target") == 0)
            drawn[i] = (float)target_at(values, &rng);
        else if (strcmp(tensor->name, "weight") == 0)
            drawn[i] =
                values != SCL_KIT_NO_PIXEL && (scl_kit_counts(pixel) || values == SCL_KIT_NAN);
        else
            drawn[i] = (float)other_at(tensor, values, i, drawn[i], &rng);
    }
    return drawn;
}

/* Class ids: -1 where the pixel does not count. Other int32 inputs are the key of random values. */
static int32_t *ids_of(const scl_tensor *tensor, scl_kit_values values)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    int32_t *ids = scl_calloc(count, sizeof *ids);
    scl_rng rng = scl_rng_make(3, tensor->name, 0, 0);
    for (size_t i = 0; ids != NULL && i < count; i++) {
        int32_t drawn = (int32_t)scl_rng_below(&rng, CLASSES);
        if (strcmp(tensor->name, "target") != 0)
            ids[i] = drawn + 11;
        else if (values == SCL_KIT_NO_PIXEL || !scl_kit_counts(i))
            ids[i] = values == SCL_KIT_NAN ? drawn : -1;
        else
            ids[i] = values == SCL_KIT_NO_OBJECT ? 0 : values == SCL_KIT_ALL_OBJECT ? 1 : drawn;
    }
    return ids;
}

static scl_status fill_one(scl_kit_trial *t, const scl_tensor *tensor, scl_kit_values values,
                           scl_error *err)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    bool ids = tensor->dtype == SCL_I32;
    void *drawn = ids ? (void *)ids_of(tensor, values) : scl_kit_trial_values(tensor, values);
    if (drawn == NULL)
        return scl_out_of_memory(err, count * sizeof(float), tensor->name);
    scl_status status =
        tensor->kind == SCL_TENSOR_PARAM
            ? scl_store_set(t->borrowed, tensor->name, SCL_TENSOR_PARAM, tensor->shape, drawn, err)
            : scl_schedule_write(t->compiled.schedule, tensor, 0, drawn, count, err);
    scl_free(drawn);
    return status;
}

scl_status scl_kit_trial_fill(scl_kit_trial *t, scl_kit_values values, scl_error *err)
{
    const scl_graph *g = t->compiled.graph;
    for (size_t i = 0; i < g->tensor_count; i++) {
        const scl_tensor *tensor = g->tensors[i];
        if ((tensor->kind == SCL_TENSOR_PARAM || tensor->kind == SCL_TENSOR_INPUT) &&
            scl_schedule_has(t->compiled.schedule, tensor))
            SCL_TRY(fill_one(t, tensor, values, err));
    }
    return SCL_OK;
}

scl_status scl_kit_trial_run(scl_kit_trial *t, scl_error *err)
{
    return scl_schedule_run(t->compiled.schedule, 0, t->compiled.plan->node_count, err);
}

scl_status scl_kit_trial_make(scl_kit_trial *t, scl_kit_subject *subject,
                              const scl_kit_scene *scene, scl_kit_choice choice, scl_device *device,
                              scl_kit_values values, scl_error *err)
{
    SCL_TRY(scl_kit_trial_build(t, subject, scene, choice, err));
    SCL_TRY(scl_kit_trial_compile(t, device, NULL, err));
    SCL_TRY(scl_kit_trial_fill(t, values, err));
    return scl_kit_trial_run(t, err);
}

/* ------------------------------------------------------------------ results */

const scl_tensor *scl_kit_trial_result(const scl_kit_trial *t, size_t which, char name[160])
{
    const scl_graph *g = t->compiled.graph;
    snprintf(name, 160, "its value");
    if (which == 0)
        return t->value;
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->grad != NULL && --which == 0) {
            snprintf(name, 160, "its gradient by %s", g->tensors[i]->name);
            return g->tensors[i]->grad;
        }
    return NULL;
}

scl_status scl_kit_trial_read(const scl_kit_trial *t, const scl_tensor *result, float **values,
                              scl_error *err)
{
    size_t count = (size_t)scl_shape_count(result->shape);
    *values = scl_calloc(count, sizeof **values);
    if (*values == NULL)
        return scl_out_of_memory(err, count * sizeof **values, "a result");
    return scl_schedule_read(t->compiled.schedule, result, 0, *values, count, err);
}

bool scl_kit_same_bits(float a, float b)
{
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static scl_status compare_values(const float *found, const float *expected, size_t count,
                                 double tolerance, double *largest, const char *who,
                                 const char *name, scl_error *err)
{
    double magnitude = 1e-6, difference = 0;
    size_t where = 0;
    for (size_t i = 0; i < count; i++)
        magnitude = fmax(magnitude, fabs((double)expected[i]));
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)found[i] - (double)expected[i]);
        bool same = scl_kit_same_bits(found[i], expected[i]);
        if (!same && (isnan(d) || d > difference)) {
            difference = isnan(d) ? (double)INFINITY : d;
            where = i;
        }
    }
    *largest = fmax(*largest, difference / magnitude);
    if (difference / magnitude <= tolerance)
        return SCL_OK;
    return scl_fail(err, SCL_PLUGIN, "%s: %s at %zu is %.9g, expected %.9g, within %.1g of %.3g",
                    who, name, where, (double)found[where], (double)expected[where], tolerance,
                    magnitude);
}

scl_status scl_kit_compare(const scl_kit_trial *found, const scl_kit_trial *expected,
                           double tolerance, const char *who, double *largest, scl_error *err)
{
    char name[160], other[160];
    scl_status status = SCL_OK;
    for (size_t k = 0; status == SCL_OK; k++) {
        const scl_tensor *f = scl_kit_trial_result(found, k, name);
        const scl_tensor *e = scl_kit_trial_result(expected, k, other);
        float *a = NULL, *b = NULL;
        if (f == NULL || e == NULL)
            break;
        status = scl_kit_trial_read(found, f, &a, err);
        if (status == SCL_OK)
            status = scl_kit_trial_read(expected, e, &b, err);
        if (status == SCL_OK)
            status = compare_values(a, b, (size_t)scl_shape_count(f->shape), tolerance, largest,
                                    who, name, err);
        scl_free(a);
        scl_free(b);
    }
    return status;
}
