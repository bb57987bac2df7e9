#include "predict/predictor.h"

#include "graph/compiled.h"
#include "graph/fuse.h"
#include "graph/prefix.h"
#include "graph/profile.h"

#define KEPT_DECODERS 8

/* A part of the model, run again and again. */
typedef struct part {
    scl_compiled compiled;
    size_t next, once_count; /* node to begin with; those that depend on no input run once */
} part;

/* A decoder graph serves one shape of prompts; the last few shapes are kept. */
typedef struct decoder {
    part part;
    int64_t masks, tokens;
    bool counted, has_mask, mixed_masks;
    scl_mask_choice choice;
    scl_tensor *embedding, *coords, *labels, *token_count, *mask, *mask_flags;
    uint64_t embedding_number; /* of the one on the device */
    scl_sam_masks out;
    uint64_t used_at;
} decoder;

struct scl_predictor {
    scl_model *model;
    const scl_adaptation *adaptation;
    part encoder;
    scl_tensor *image, *encoded;
    float *embedding;
    uint64_t embedding_number; /* counts those there have been; 0: none yet */
    decoder decoders[KEPT_DECODERS];
    uint64_t clock;
};

int64_t scl_mask_choice_count(const scl_predictor *p, scl_mask_choice choice)
{
    return choice == SCL_MASK_SINGLE  ? 1
           : choice == SCL_MASK_MULTI ? SCL_SAM_MASK_TOKENS - 1
                                      : p->model->config.classes;
}

size_t scl_predictor_embedding_count(const scl_predictor *p)
{
    int64_t grid = scl_sam_grid(&p->model->config);
    return (size_t)(grid * grid * p->model->config.prompt_embed_dim);
}

static void free_part(part *p)
{
    scl_compiled_free(&p->compiled);
    *p = (part){0};
}

/* The graph is taken, also on error. */
static scl_status compile_part(part *p, scl_graph *g, scl_store *store, scl_error *err)
{
    scl_split split = {0};
    scl_status status = scl_graph_fuse(g, err);
    if (status == SCL_OK)
        status = scl_graph_split(g, NULL, NULL, &split, err);
    *p = (part){.once_count = split.once_count};
    if (status == SCL_OK)
        status = scl_compile(g, split.live, split.live_count, store, &p->compiled, err);
    else
        scl_graph_free(g);
    scl_split_free(&split);
    return status;
}

static scl_status run_part(part *p, scl_error *err)
{
    SCL_TRY(scl_schedule_run(p->compiled.schedule, p->next, p->compiled.plan->node_count, err));
    p->next = p->once_count;
    return SCL_OK;
}

static scl_status build_encoder(scl_predictor *p, scl_error *err)
{
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    int64_t size = p->model->config.image_size;
    scl_sam m = {.graph = g, .config = &p->model->config, .adaptation = p->adaptation};
    p->image = scl_input(g, "image", SCL_F32, SCL_SHAPE(1, size, size, 3));
    p->encoded = scl_sam_image_encoder(&m, p->image);
    if (p->encoded != NULL)
        p->encoded->keep = true;
    return compile_part(&p->encoder, g, p->model->store, err);
}

scl_status scl_predictor_create(scl_model *model, const scl_adaptation *adaptation,
                                scl_predictor **out, scl_error *err)
{
    scl_predictor *p = scl_calloc(1, sizeof *p);
    *out = NULL;
    if (p == NULL)
        return scl_out_of_memory(err, sizeof *p, "a predictor");
    p->model = model;
    p->adaptation = adaptation;
    p->embedding = scl_calloc(scl_predictor_embedding_count(p), sizeof *p->embedding);
    if (p->embedding == NULL) {
        scl_free(p);
        return scl_out_of_memory(err, sizeof *p, "a predictor");
    }
    *out = p;
    return SCL_OK;
}

void scl_predictor_free(scl_predictor *p)
{
    if (p == NULL)
        return;
    free_part(&p->encoder);
    for (int i = 0; i < KEPT_DECODERS; i++)
        free_part(&p->decoders[i].part);
    scl_free(p->embedding);
    scl_free(p);
}

static scl_status encode(scl_predictor *p, const float *image, scl_error *err)
{
    if (p->encoder.compiled.schedule == NULL)
        SCL_TRY(build_encoder(p, err));
    scl_schedule *schedule = p->encoder.compiled.schedule;
    size_t pixels = (size_t)scl_shape_count(p->image->shape);
    SCL_TRY(scl_schedule_write(schedule, p->image, 0, image, pixels, err));
    SCL_TRY(run_part(&p->encoder, err));
    SCL_TRY(scl_schedule_read(schedule, p->encoded, 0, p->embedding,
                              scl_predictor_embedding_count(p), err));
    p->embedding_number++;
    return SCL_OK;
}

scl_status scl_predictor_encode(scl_predictor *p, const float *image, scl_error *err)
{
    scl_profile *profile = p->model->device->profile;
    uint64_t start = scl_profile_now(profile);
    scl_status status = encode(p, image, err);
    scl_profile_phase(profile, "encode", start);
    return status;
}

scl_status scl_predictor_get_embedding(scl_predictor *p, float *embedding, scl_error *err)
{
    if (p->embedding_number == 0)
        return scl_fail(err, SCL_FAILED, "no image has been encoded yet");
    for (size_t i = 0; i < scl_predictor_embedding_count(p); i++)
        embedding[i] = p->embedding[i];
    return SCL_OK;
}

scl_status scl_predictor_set_embedding(scl_predictor *p, const float *embedding, scl_error *err)
{
    (void)err;
    for (size_t i = 0; i < scl_predictor_embedding_count(p); i++)
        p->embedding[i] = embedding[i];
    p->embedding_number++;
    return SCL_OK;
}

static bool serves(const decoder *d, const scl_prompt_set *s, scl_mask_choice choice)
{
    return d->part.compiled.schedule != NULL && d->masks == s->masks && d->tokens == s->tokens &&
           d->counted == (s->token_count != NULL) && d->has_mask == (s->mask != NULL) &&
           d->mixed_masks == (s->has_mask != NULL) && d->choice == choice;
}

static void declare_inputs(decoder *d, scl_graph *g, const scl_sam_config *c)
{
    int64_t grid = scl_sam_grid(c), size = scl_sam_mask_size(c);
    d->embedding =
        scl_input(g, "embedding", SCL_F32, SCL_SHAPE(1, grid, grid, c->prompt_embed_dim));
    if (d->tokens > 0) {
        d->coords = scl_input(g, "coords", SCL_F32, SCL_SHAPE(d->masks, d->tokens, 2));
        d->labels = scl_input(g, "labels", SCL_I32, SCL_SHAPE(d->masks, d->tokens));
    }
    if (d->counted)
        d->token_count = scl_input(g, "token_count", SCL_I32, SCL_SHAPE(d->masks));
    if (d->has_mask)
        d->mask = scl_input(g, "mask", SCL_F32, SCL_SHAPE(d->masks, size, size, 1));
    if (d->mixed_masks)
        d->mask_flags = scl_input(g, "has_mask", SCL_F32, SCL_SHAPE(d->masks, 1, 1, 1));
}

static scl_status build_decoder(scl_predictor *p, decoder *d, scl_error *err)
{
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    const scl_sam_config *c = &p->model->config;
    declare_inputs(d, g, c);
    scl_sam_prompts prompts = {.coords = d->coords,
                               .labels = d->labels,
                               .token_count = d->token_count,
                               .mask = d->mask,
                               .has_mask = d->mask_flags};
    scl_sam m = {.graph = g, .config = c, .adaptation = p->adaptation};
    d->out = scl_sam_decode(&m, d->embedding, &prompts, d->masks, d->choice == SCL_MASK_MULTI,
                            scl_mask_choice_count(p, d->choice));
    if (d->out.logits != NULL)
        d->out.logits->keep = true;
    if (d->out.iou != NULL)
        d->out.iou->keep = true;
    return compile_part(&d->part, g, p->model->store, err);
}

/* The decoder for this shape of prompts; the longest unused one makes room for a new one. */
static scl_status find_decoder(scl_predictor *p, const scl_prompt_set *s, scl_mask_choice choice,
                               decoder **out, scl_error *err)
{
    decoder *oldest = &p->decoders[0];
    for (int i = 0; i < KEPT_DECODERS; i++) {
        decoder *d = &p->decoders[i];
        if (serves(d, s, choice)) {
            *out = d;
            return SCL_OK;
        }
        if (d->used_at < oldest->used_at)
            oldest = d;
    }
    free_part(&oldest->part);
    *oldest = (decoder){.masks = s->masks,
                        .tokens = s->tokens,
                        .counted = s->token_count != NULL,
                        .has_mask = s->mask != NULL,
                        .mixed_masks = s->has_mask != NULL,
                        .choice = choice};
    *out = oldest;
    scl_error first = {0};
    scl_status status = build_decoder(p, oldest, &first);
    if (status == SCL_DEVICE && p->encoder.compiled.schedule != NULL) {
        free_part(&p->encoder); /* made again for the next image */
        return build_decoder(p, oldest, err);
    }
    return status == SCL_OK ? SCL_OK : scl_fail(err, status, "%s", first.text);
}

static scl_status write_if(scl_schedule *schedule, const scl_tensor *tensor, const void *values,
                           scl_error *err)
{
    if (tensor == NULL)
        return SCL_OK;
    size_t count = (size_t)scl_shape_count(tensor->shape);
    return scl_schedule_write(schedule, tensor, 0, values, count, err);
}

static scl_status decode(scl_predictor *p, const scl_prompt_set *prompts, scl_mask_choice choice,
                         float *logits, float *iou, scl_error *err)
{
    decoder *d = NULL;
    if (p->embedding_number == 0)
        return scl_fail(err, SCL_FAILED, "no image has been encoded yet");
    SCL_TRY(find_decoder(p, prompts, choice, &d, err));
    d->used_at = ++p->clock;
    scl_schedule *schedule = d->part.compiled.schedule;
    if (d->embedding_number != p->embedding_number)
        SCL_TRY(write_if(schedule, d->embedding, p->embedding, err));
    d->embedding_number = p->embedding_number;
    SCL_TRY(write_if(schedule, d->coords, prompts->coords, err));
    SCL_TRY(write_if(schedule, d->labels, prompts->labels, err));
    SCL_TRY(write_if(schedule, d->token_count, prompts->token_count, err));
    SCL_TRY(write_if(schedule, d->mask, prompts->mask, err));
    SCL_TRY(write_if(schedule, d->mask_flags, prompts->has_mask, err));
    SCL_TRY(run_part(&d->part, err));
    size_t count = (size_t)scl_shape_count(d->out.logits->shape);
    SCL_TRY(scl_schedule_read(schedule, d->out.logits, 0, logits, count, err));
    if (iou == NULL || d->out.iou == NULL)
        return SCL_OK;
    count = (size_t)scl_shape_count(d->out.iou->shape);
    return scl_schedule_read(schedule, d->out.iou, 0, iou, count, err);
}

scl_status scl_predictor_decode(scl_predictor *p, const scl_prompt_set *prompts,
                                scl_mask_choice choice, float *logits, float *iou, scl_error *err)
{
    scl_profile *profile = p->model->device->profile;
    uint64_t start = scl_profile_now(profile);
    scl_status status = decode(p, prompts, choice, logits, iou, err);
    scl_profile_phase(profile, "decode", start);
    return status;
}
