/* cases_step.c — training steps, forward, backward and update, as samcl train makes them. */
#include "bench/work.h"

#include "config/text.h"
#include "plugin/adaptation.h"
#include "step/stepper.h"

#include <string.h>

typedef struct step_case {
    const char *model;   /* of the run file; NULL: the model of the options */
    const char *trained; /* adapter and train_also of the run file */
    int64_t batch;       /* unless the options say another */
    bool cached;         /* what frozen layers make of the image is kept */
} step_case;

#define SMALL_MODEL                                                                                \
    "type: custom, image_size: 256, patch_size: 16, embed_dim: 192, depth: 6, num_heads: 3, "      \
    "window_size: 14, global_attn_indexes: [2, 5]"
#define DECODER "train_also: [\"mask_decoder.*\"]\n"
#define LORA    "adapter: {use: lora, params: {rank: 4}}\n" DECODER
#define CONV    "adapter: {use: conv_lora}\n" DECODER
#define FULL    "adapter: {use: full}\n"

/* One point a mask; AdamW with steps so small that many of them change little. */
#define REST                                                                                       \
    "data: {task: binary, train: {images: none, masks: none}, prompts: [{point: {count: 1}}]}\n"   \
    "losses: [{use: bce_with_logits}, {use: dice}]\n"                                              \
    "train: {optimizer: {type: adamw, lr: 1.0e-6}}\n"

#define CACHE_BYTES ((uint64_t)1 << 30)

typedef struct step_state {
    scl_device *device;
    scl_run_config config;
    scl_run_plugins plugins;
    scl_adaptation adaptation;
    scl_model *model;
    scl_prefix_cache *cache;
    scl_stepper *stepper;
    scl_batch batch;
    uint64_t updates;
    double first_loss;
} step_state;

static void free_step(void *state)
{
    step_state *s = state;
    scl_stepper_free(s->stepper);
    scl_prefix_cache_close(s->cache);
    scl_batch_free(&s->batch);
    scl_model_free(s->model);
    scl_run_config_free(&s->config);
    scl_run_plugins_close(&s->plugins);
    scl_free(s);
}

static scl_status run_step(void *state, scl_error *err)
{
    step_state *s = state;
    scl_stepper_losses losses;
    double norm;
    SCL_TRY(scl_stepper_forward(s->stepper, &s->batch, &losses, err));
    if (s->updates == 0)
        s->first_loss = losses.total;
    SCL_TRY(scl_stepper_update(s->stepper, 1, 0, ++s->updates, &norm, err));
    return s->device->backend->finish(s->device, err);
}

/* The batch, and the loss of its first run, before any update. */
static scl_status save_step(void *state, const char *path, scl_error *err)
{
    step_state *s = state;
    const scl_batch *b = &s->batch;
    const scl_batch_layout *l = &b->layout;
    int64_t size = l->image_size, low = l->mask_size, masks = l->images * l->objects;
    const float loss = (float)s->first_loss;
    const scl_bench_value all[] = {
        {"image", SCL_F32, SCL_SHAPE(l->images, size, size, 3), b->image},
        {"coords", SCL_F32, SCL_SHAPE(masks, l->slots, 2), b->coords},
        {"labels", SCL_I32, SCL_SHAPE(masks, l->slots), b->labels},
        {"target", SCL_F32, SCL_SHAPE(masks, 1, low, low), b->target},
        {"loss", SCL_F32, SCL_SHAPE(1), &loss}};
    return scl_bench_file_write(all, sizeof all / sizeof *all, path, err);
}

/* ---- building */

static void write_model(const scl_bench_setup *setup, const step_case *c, scl_str *out)
{
    const scl_bench_options *o = setup->options;
    scl_str_add(out, "model: {");
    if (c->model != NULL)
        scl_str_add(out, "%s, ", c->model);
    else if (setup->section.type != SCL_UNSET_INDEX)
        scl_str_add(out, "type: %s, ", scl_sam_presets[setup->section.type]);
    if (o->checkpoint != NULL) {
        scl_str_add(out, "checkpoint: ");
        scl_text_write_string(out, o->checkpoint);
    }
    scl_str_add(out, "}\n");
}

static scl_status read_run_file(const scl_bench_setup *setup, const step_case *c, step_state *s,
                                scl_error *err)
{
    const scl_bench_options *o = setup->options;
    scl_str text = {0};
    write_model(setup, c, &text);
    scl_str_add(&text, "%s" REST, c->trained);
    scl_status status = text.failed ? scl_out_of_memory(err, text.length, "a run file") : SCL_OK;
    if (status == SCL_OK) {
        scl_run_config_load_text(&s->config, "samcl bench", scl_str_text(&text), text.length,
                                 o->settings, o->setting_count);
        status = scl_run_plugins_open(&s->config, &s->plugins, err);
    }
    scl_str_free(&text);
    if (o->image_size > 0)
        s->config.model.image_size = o->image_size;
    s->adaptation = scl_run_plugins_adaptation(&s->plugins);
    return status;
}

static scl_status make_batch(const scl_batch_layout *l, scl_batch *b, scl_error *err)
{
    SCL_TRY(scl_batch_make(b, l, err));
    size_t masks = (size_t)(l->images * l->objects), side = (size_t)l->mask_size;
    size_t values = (size_t)(l->image_size * l->image_size) * 3;
    scl_bench_fill("image", b->image, (size_t)l->images * values);
    for (size_t i = 0; i < (size_t)l->images; i++)
        b->about[i] = (scl_batch_image){
            .name = "image", .hash = scl_hash128_of(b->image + i * values, values * sizeof(float))};
    for (size_t i = 0; i < masks; i++) {
        const float point[4] = {0.4f, 0.6f, 0, 0};
        memcpy(b->coords + 4 * i, point, sizeof point);
        b->labels[2 * i] = SCL_LABEL_POSITIVE;
        b->labels[2 * i + 1] = SCL_LABEL_NOT_A_POINT;
        b->token_count[i] = (int32_t)l->base_tokens + 2;
        b->mask_weight[i] = 1.0f / (float)masks;
    }
    for (size_t i = 0; i < masks * side * side; i++) {
        size_t x = i % side, y = i / side % side;
        b->target[i] = x > side / 4 && x < side / 2 && y > side / 2;
        b->weight[i] = 1;
    }
    b->real_images = l->images;
    b->real_masks = l->images * l->objects;
    return SCL_OK;
}

/* What a step computes when its frozen results are kept, or all of it. */
static scl_status count_step(const scl_step_options *options, bool cached, scl_bench_work *work,
                             scl_error *err)
{
    scl_step_graph step;
    scl_status status = scl_step_graph_build(options, &step, err);
    if (status == SCL_OK)
        status = scl_bench_count_live(work, options->model->device, step.graph,
                                      cached ? step.image : NULL, step.embedding, err);
    scl_graph_free(step.graph);
    return status;
}

static scl_status build_step(const scl_bench_setup *setup, const step_case *c, step_state *s,
                             scl_bench_work *work, scl_error *err)
{
    SCL_TRY(read_run_file(setup, c, s, err));
    scl_model_source source = {
        .section = &s->config.model, .seed = SCL_BENCH_SEED, .adaptation = &s->adaptation};
    SCL_TRY(scl_model_open(setup->device, &source, &s->model, err));
    scl_sam_config seen;
    SCL_TRY(scl_model_training_config(&s->model->config, &s->config, &seen, err));
    int64_t batch = setup->options->batch > 0 ? setup->options->batch : c->batch;
    scl_step_options options = {.model = s->model,
                                .adaptation = &s->adaptation,
                                .plugins = &s->plugins,
                                .train = &s->config.train,
                                .layout = scl_batch_layout_make(&s->config.data, &seen, batch),
                                .task = SCL_TASK_BINARY};
    if (c->cached)
        SCL_TRY(scl_prefix_cache_open(CACHE_BYTES, 0, NULL, &s->cache, err));
    setup->device->memory_budget = scl_run_config_memory_budget(&s->config);
    SCL_TRY(scl_stepper_create(&options, s->cache, &s->stepper, err));
    SCL_TRY(make_batch(&options.layout, &s->batch, err));
    work->trained = (size_t)scl_stepper_trained_values(s->stepper);
    scl_bench_shape(work, "%s, %lld pixels, batch %lld", scl_sam_type(&s->model->config),
                    (long long)seen.image_size, (long long)batch);
    return count_step(&options, scl_stepper_uses_cache(s->stepper), work, err);
}

static scl_status open_step(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                            scl_error *err)
{
    step_state *s = scl_calloc(1, sizeof *s);
    if (s == NULL)
        return scl_out_of_memory(err, sizeof *s, "a case");
    s->device = setup->device;
    work->state = s;
    work->run = run_step;
    work->save = save_step;
    work->free = free_step;
    return build_step(setup, what, s, work, err);
}

static const scl_bench_case cases[] = {
    {"step/decoder", "a step that trains the mask decoder, on a kept embedding", open_step,
     &(const step_case){NULL, DECODER, 1, true}},
    {"step/lora", "a step of LoRA of rank 4 on every qkv, and the mask decoder", open_step,
     &(const step_case){NULL, LORA, 1, false}},
    {"step/conv_lora", "the same of Conv-LoRA of rank 3 with 8 experts", open_step,
     &(const step_case){NULL, CONV, 1, false}},
    {"step/full", "a step that trains all parameters", open_step,
     &(const step_case){NULL, FULL, 1, false}},
    {"step/small", "the same of a small SAM: 192 wide, 6 blocks, 256 pixels, batch 4", open_step,
     &(const step_case){SMALL_MODEL, FULL, 4, false}},
};

const scl_bench_family scl_bench_step = {cases, sizeof cases / sizeof *cases};
