/* catalog.c — all parameters of a model, found by building all of it. */
#include "model/sam.h"

scl_graph *scl_sam_catalog(const scl_sam_config *config, const scl_adaptation *adaptation,
                           scl_error *err)
{
    if (scl_sam_config_check(config, err) != SCL_OK)
        return NULL;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return NULL;
    scl_sam m = {.graph = g, .config = config, .adaptation = adaptation};
    int64_t size = config->image_size, mask_size = scl_sam_mask_size(config);
    scl_tensor *image = scl_input(g, "image", SCL_F32, SCL_SHAPE(1, size, size, 3));
    scl_sam_prompts prompts = {
        .coords = scl_input(g, "coords", SCL_F32, SCL_SHAPE(1, 1, 2)),
        .labels = scl_input(g, "labels", SCL_I32, SCL_SHAPE(1, 1)),
        .mask = scl_input(g, "mask", SCL_F32, SCL_SHAPE(1, mask_size, mask_size, 1)),
        .has_mask = scl_input(g, "has_mask", SCL_F32, SCL_SHAPE(1, 1, 1, 1))};
    scl_sam_decode(&m, scl_sam_image_encoder(&m, image), &prompts, 1, 0,
                   scl_sam_mask_tokens(config));
    if (scl_graph_status(g, err) == SCL_OK)
        return g;
    scl_graph_free(g);
    return NULL;
}
