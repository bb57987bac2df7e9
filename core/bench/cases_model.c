/* cases_model.c — the parts of a SAM: its encoder, forward and backward, and its decoder. */
#include "bench/work.h"

#include "base/str.h"
#include "graph/fuse.h"
#include "graph/ops.h"
#include "model/sam.h"
#include "predict/predictor.h"

#include <stdio.h>

static scl_status open_model(const scl_bench_setup *setup, scl_model **model, scl_error *err)
{
    scl_model_source source = {.section = &setup->section, .seed = SCL_BENCH_SEED};
    return scl_model_open(setup->device, &source, model, err);
}

/* ---- the predictor's halves */

typedef struct predict_state {
    scl_device *device;
    scl_model *model;
    scl_predictor *predictor;
    scl_shape input_shape; /* image or embedding */
    float *input;
    float *logits, iou; /* of the decoder */
} predict_state;

static void free_predict(void *state)
{
    predict_state *s = state;
    scl_predictor_free(s->predictor);
    scl_model_free(s->model);
    scl_free(s->input);
    scl_free(s->logits);
    scl_free(s);
}

static scl_shape embedding_shape(const scl_sam_config *c)
{
    int64_t grid = scl_sam_grid(c);
    return SCL_SHAPE(1, grid, grid, c->prompt_embed_dim);
}

static scl_status open_predict(const scl_bench_setup *setup, const char *input, scl_shape shape,
                               scl_bench_work *work, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(shape);
    predict_state *s = scl_calloc(1, sizeof *s);
    if (s == NULL)
        return scl_out_of_memory(err, sizeof *s, "a case");
    work->state = s;
    work->free = free_predict;
    s->device = setup->device;
    s->input_shape = shape;
    s->input = scl_calloc(count, sizeof *s->input);
    if (s->input == NULL)
        return scl_out_of_memory(err, count * sizeof *s->input, "the input of a case");
    scl_bench_fill(input, s->input, count);
    SCL_TRY(open_model(setup, &s->model, err));
    return scl_predictor_create(s->model, NULL, &s->predictor, err);
}

static scl_status run_encoder(void *state, scl_error *err)
{
    predict_state *s = state;
    return scl_predictor_encode(s->predictor, s->input, err);
}

static scl_status save_encoder(void *state, const char *path, scl_error *err)
{
    predict_state *s = state;
    size_t count = scl_predictor_embedding_count(s->predictor);
    float *embedding = scl_calloc(count, sizeof *embedding);
    if (embedding == NULL)
        return scl_out_of_memory(err, count * sizeof *embedding, "the result of a case");
    const scl_bench_value all[] = {
        {"image", SCL_F32, s->input_shape, s->input},
        {"embedding", SCL_F32, embedding_shape(&s->model->config), embedding}};
    scl_status status = scl_predictor_get_embedding(s->predictor, embedding, err);
    if (status == SCL_OK)
        status = scl_bench_file_write(all, sizeof all / sizeof *all, path, err);
    scl_free(embedding);
    return status;
}

/* What a graph of the model computes, without binding it to the device. */
static scl_status count_graph(scl_bench_work *work, const scl_device *device, scl_graph *g,
                              scl_error *err)
{
    scl_status status = scl_graph_fuse(g, err);
    if (status == SCL_OK)
        status = scl_bench_count_live(work, device, g, NULL, NULL, err);
    scl_graph_free(g);
    return status;
}

static scl_status open_encoder(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                               scl_error *err)
{
    (void)what;
    const scl_sam_config *c = &setup->config;
    const scl_shape shape = SCL_SHAPE(1, c->image_size, c->image_size, 3);
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    scl_sam m = {.graph = g, .config = c};
    scl_bench_shape(work, "%s, %lld pixels", scl_sam_type(c), (long long)c->image_size);
    scl_bench_keep(scl_sam_image_encoder(&m, scl_bench_input(g, "image", shape)), "embedding");
    SCL_TRY(count_graph(work, setup->device, g, err));
    work->run = run_encoder;
    work->save = save_encoder;
    return open_predict(setup, "image", shape, work, err);
}

/* ---- one point on an embedding */

static const float point[4] = {0.4f, 0.6f, 0, 0};
static const int32_t point_labels[2] = {SCL_LABEL_POSITIVE, SCL_LABEL_NOT_A_POINT};

static scl_status run_decoder(void *state, scl_error *err)
{
    predict_state *s = state;
    const scl_prompt_set prompts = {
        .masks = 1, .tokens = 2, .coords = point, .labels = point_labels};
    return scl_predictor_decode(s->predictor, &prompts, SCL_MASK_SINGLE, s->logits, &s->iou, err);
}

static scl_status save_decoder(void *state, const char *path, scl_error *err)
{
    predict_state *s = state;
    int64_t size = scl_sam_mask_size(&s->model->config);
    const scl_bench_value all[] = {{"embedding", SCL_F32, s->input_shape, s->input},
                                   {"coords", SCL_F32, SCL_SHAPE(1, 2, 2), point},
                                   {"labels", SCL_I32, SCL_SHAPE(1, 2), point_labels},
                                   {"logits", SCL_F32, SCL_SHAPE(1, 1, size, size), s->logits},
                                   {"iou", SCL_F32, SCL_SHAPE(1, 1), &s->iou}};
    return scl_bench_file_write(all, sizeof all / sizeof *all, path, err);
}

static scl_status open_decoder(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                               scl_error *err)
{
    (void)what;
    const scl_sam_config *c = &setup->config;
    const scl_shape shape = embedding_shape(c);
    size_t pixels = (size_t)(scl_sam_mask_size(c) * scl_sam_mask_size(c));
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    scl_sam m = {.graph = g, .config = c};
    scl_sam_prompts prompts = {.coords = scl_bench_input(g, "coords", SCL_SHAPE(1, 2, 2)),
                               .labels = scl_input(g, "labels", SCL_I32, SCL_SHAPE(1, 2))};
    scl_bench_shape(work, "%s, %lld pixels", scl_sam_type(c), (long long)c->image_size);
    scl_sam_decode(&m, scl_bench_input(g, "embedding", shape), &prompts, 1, 0, 1);
    SCL_TRY(count_graph(work, setup->device, g, err));
    work->run = run_decoder;
    work->save = save_decoder;
    SCL_TRY(open_predict(setup, "embedding", shape, work, err));
    predict_state *s = work->state;
    s->logits = scl_calloc(pixels, sizeof *s->logits);
    if (s->logits == NULL)
        return scl_out_of_memory(err, pixels * sizeof *s->logits, "the logits of a case");
    return scl_predictor_set_embedding(s->predictor, s->input, err);
}

/* ---- the encoder with the gradients of all its parameters */

static bool trains_encoder(void *user, const char *parameter)
{
    (void)user;
    return scl_starts_with(parameter, "image_encoder.");
}

/* Gradients are kept, as PyTorch keeps them. */
static scl_status keep_gradients(scl_bench_work *work, scl_graph *g, scl_error *err)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        scl_tensor *t = g->tensors[i];
        if (t->grad == NULL)
            continue;
        const char *name = scl_arena_printf(&g->arena, "grad.%s", t->name);
        if (name == NULL)
            return scl_out_of_memory(err, 256, "a gradient's name");
        scl_bench_keep(t->grad, name);
        work->trained += (size_t)scl_shape_count(t->shape);
    }
    return SCL_OK;
}

static scl_status build_backward(const scl_bench_setup *setup, scl_graph *g, scl_bench_work *work,
                                 scl_error *err)
{
    static const scl_adaptation adaptation = {.trains = trains_encoder};
    const scl_sam_config *c = &setup->config;
    scl_sam m = {.graph = g, .config = c, .adaptation = &adaptation};
    scl_tensor *image =
        scl_bench_input(g, "image", SCL_SHAPE(setup->batch, c->image_size, c->image_size, 3));
    scl_tensor *embedding = scl_sam_image_encoder(&m, image);
    SCL_TRY(scl_graph_status(g, err));
    scl_tensor *weight = scl_bench_input(g, "loss_weight", embedding->shape);
    scl_tensor *loss = scl_sum(g, scl_mul(g, embedding, weight), 0, 4);
    SCL_TRY(scl_autodiff(g, scl_bench_keep(loss, "loss"), err));
    SCL_TRY(keep_gradients(work, g, err));
    return scl_graph_fuse(g, err);
}

static scl_status open_backward(const scl_bench_setup *setup, const void *what,
                                scl_bench_work *work, scl_error *err)
{
    (void)what;
    scl_model *model = NULL;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    scl_bench_shape(work, "%s, %lld pixels", scl_sam_type(&setup->config),
                    (long long)setup->config.image_size);
    scl_status status = build_backward(setup, g, work, err);
    if (status == SCL_OK)
        status = open_model(setup, &model, err);
    if (status == SCL_OK)
        return scl_bench_graph_work(setup, g, 0, model, work, err);
    scl_graph_free(g);
    return status;
}

static const scl_bench_case cases[] = {
    {"model/encoder/forward", "the image encoder, as `samcl predict` runs it", open_encoder, NULL},
    {"model/encoder/backward", "the image encoder and the gradients of all its parameters",
     open_backward, NULL},
    {"model/decoder/forward", "prompt encoder and mask decoder, one point on a kept embedding",
     open_decoder, NULL},
};

const scl_bench_family scl_bench_model = {cases, sizeof cases / sizeof *cases};
