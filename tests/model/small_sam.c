#include "model/small_sam.h"

#include "io/safetensors.h"
#include "model/checkpoint_names.h"
#include "pattern.h"

#include <stdlib.h>
#include <unistd.h>

scl_sam_config small_config(scl_sam_flavour flavour)
{
    return (scl_sam_config){.image_size = SMALL_IMAGE,
                            .patch_size = 4,
                            .embed_dim = 24,
                            .depth = 3,
                            .num_heads = 2,
                            .mlp_dim = 96,
                            .window_size = 3,
                            .global_attn = {[1] = true},
                            .prompt_embed_dim = 16,
                            .decoder_depth = 2,
                            .decoder_num_heads = 2,
                            .decoder_mlp_dim = 32,
                            .iou_head_hidden_dim = 12,
                            .flavour = flavour};
}

static float *pattern_values(const scl_tensor *param)
{
    size_t count = (size_t)scl_shape_count(param->shape);
    float *values = malloc(count * sizeof *values);
    double base = param->init.kind == SCL_INIT_ONES ? 1 : 0;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(0.3 * (double)pattern_float(param->name, i) + base);
    return values;
}

scl_weight *small_weights(scl_sam_flavour flavour, size_t *count)
{
    scl_sam_config config = small_config(flavour);
    scl_graph *catalog = scl_sam_catalog(&config, NULL, &test_error);
    assert_non_null(catalog);
    scl_weight *weights = calloc(catalog->tensor_count, sizeof *weights);
    *count = 0;
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *param = catalog->tensors[i];
        if (param->kind != SCL_TENSOR_PARAM)
            continue;
        char name[SCL_NAME_MAX];
        if (flavour == SCL_SAM_HF)
            scl_name_to_hf(param->name, name);
        scl_weight *w = &weights[(*count)++];
        *w = (scl_weight){.name = strdup(flavour == SCL_SAM_HF ? name : param->name),
                          .dtype = SCL_WEIGHT_F32,
                          .ndim = param->shape.ndim,
                          .data = (const uint8_t *)pattern_values(param),
                          .bytes = (size_t)scl_shape_count(param->shape) * sizeof(float)};
        memcpy(w->dim, param->shape.dim, sizeof param->shape.dim);
    }
    scl_graph_free(catalog);
    return weights;
}

char *small_checkpoint(scl_sam_flavour flavour)
{
    size_t count = 0;
    scl_weight *weights = small_weights(flavour, &count);
    char *path = strdup("/tmp/samcl-test-XXXXXX");
    close(mkstemp(path));
    assert_ok(scl_safetensors_write(path, weights, count, NULL, 0, &test_error));
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)weights[i].data);
        free((void *)(uintptr_t)weights[i].name);
    }
    free(weights);
    return path;
}

scl_store *small_store(scl_device *device, const scl_sam_config *config)
{
    scl_store *store = NULL;
    assert_ok(scl_store_create(device, 0, &store, &test_error));
    scl_graph *catalog = scl_sam_catalog(config, NULL, &test_error);
    assert_non_null(catalog);
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *param = catalog->tensors[i];
        if (param->kind != SCL_TENSOR_PARAM)
            continue;
        float *values = pattern_values(param);
        assert_ok(
            scl_store_set(store, param->name, SCL_TENSOR_PARAM, param->shape, values, &test_error));
        free(values);
    }
    scl_graph_free(catalog);
    return store;
}
