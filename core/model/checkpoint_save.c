/* checkpoint_save.c — parameters from the store to safetensors files. */
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/checkpoint_names.h"

#include <string.h>

scl_status scl_checkpoint_params(scl_graph *catalog, bool trained, scl_param_list *list,
                                 scl_error *err)
{
    *list = (scl_param_list){0};
    list->items = scl_arena_alloc(&catalog->arena, catalog->tensor_count * sizeof(scl_tensor *));
    if (list->items == NULL)
        return scl_out_of_memory(err, catalog->tensor_count * sizeof(scl_tensor *),
                                 "a parameter list");
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && (tensor->trained || !trained))
            list->items[list->count++] = tensor;
    }
    return SCL_OK;
}

/* One parameter's values in host memory, as an entry of the file. */
static scl_status fetch(const scl_tensor *param, const scl_store *store, scl_naming naming,
                        scl_arena *names, scl_weight *out, scl_error *err)
{
    char name[SCL_NAME_MAX];
    if (naming == SCL_NAMING_HF)
        scl_name_to_hf(param->name, name);
    const scl_store_entry *entry = scl_store_find(store, param->name);
    if (entry == NULL)
        return scl_fail(err, SCL_FAILED, "\"%s\" has no values to save", param->name);
    size_t bytes = (size_t)scl_shape_count(param->shape) * sizeof(float);
    float *values = scl_calloc(bytes, 1);
    *out =
        (scl_weight){.name = scl_arena_strdup(names, naming == SCL_NAMING_HF ? name : param->name),
                     .dtype = SCL_WEIGHT_F32,
                     .ndim = param->shape.ndim,
                     .data = (const uint8_t *)values,
                     .bytes = bytes};
    memcpy(out->dim, param->shape.dim, (size_t)param->shape.ndim * sizeof(int64_t));
    if (values == NULL || out->name == NULL)
        return scl_out_of_memory(err, bytes, param->name);
    return scl_store_read(store, entry, values, err);
}

scl_status scl_checkpoint_save(const char *path, const scl_param_list *list, const scl_store *store,
                               scl_naming naming, const scl_weights_pair *metadata,
                               size_t metadata_count, scl_error *err)
{
    scl_arena names = {0};
    scl_weight *weights = scl_calloc(list->count, sizeof *weights);
    scl_status status = weights == NULL
                            ? scl_out_of_memory(err, list->count * sizeof *weights, "a checkpoint")
                            : SCL_OK;
    for (size_t i = 0; i < list->count && status == SCL_OK; i++)
        status = fetch(list->items[i], store, naming, &names, &weights[i], err);
    if (status == SCL_OK)
        status = scl_safetensors_write(path, weights, list->count, metadata, metadata_count, err);
    for (size_t i = 0; weights != NULL && i < list->count; i++)
        scl_free((void *)(uintptr_t)weights[i].data);
    scl_free(weights);
    scl_arena_free(&names);
    return status;
}
