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

#define CHECKSUM_KEY "samcl.checksum"

/* A running hash of tensors, in the order of the file. */
static void add_to_checksum(scl_hash128 *sum, const scl_weight *weight)
{
    *sum = scl_hash128_join(*sum, scl_hash128_of(weight->data, weight->bytes));
}

/* An entry's values in host memory, as a tensor of the file. */
static scl_status fetch(const scl_store_entry *entry, const scl_store *store, scl_naming naming,
                        scl_arena *names, scl_weight *out, scl_error *err)
{
    char name[SCL_NAME_MAX];
    if (naming == SCL_NAMING_HF)
        scl_name_to_hf(entry->name, name);
    size_t bytes = (size_t)scl_shape_count(entry->shape) * sizeof(float);
    float *values = scl_calloc(bytes, 1);
    *out =
        (scl_weight){.name = scl_arena_strdup(names, naming == SCL_NAMING_HF ? name : entry->name),
                     .dtype = SCL_WEIGHT_F32,
                     .ndim = entry->shape.ndim,
                     .data = (const uint8_t *)values,
                     .bytes = bytes};
    memcpy(out->dim, entry->shape.dim, (size_t)entry->shape.ndim * sizeof(int64_t));
    if (values == NULL || out->name == NULL)
        return scl_out_of_memory(err, bytes, entry->name);
    return scl_store_read(store, entry, values, err);
}

static scl_status write_with_checksum(const char *path, const scl_weight *weights, size_t count,
                                      const scl_weights_pair *metadata, size_t metadata_count,
                                      scl_error *err)
{
    char text[SCL_HASH_TEXT];
    scl_hash128 sum = {0};
    scl_weights_pair *pairs = scl_calloc(metadata_count + 1, sizeof *pairs);
    if (pairs == NULL)
        return scl_out_of_memory(err, (metadata_count + 1) * sizeof *pairs, "a checkpoint");
    for (size_t i = 0; i < count; i++)
        add_to_checksum(&sum, &weights[i]);
    scl_hash128_text(sum, text);
    for (size_t i = 0; i < metadata_count; i++)
        pairs[i] = metadata[i];
    pairs[metadata_count] = (scl_weights_pair){CHECKSUM_KEY, text};
    scl_status status = scl_safetensors_write(path, weights, count, pairs, metadata_count + 1, err);
    scl_free(pairs);
    return status;
}

scl_status scl_checkpoint_save_entries(const char *path, const scl_store_entry *const *entries,
                                       size_t count, const scl_store *store, scl_naming naming,
                                       const scl_weights_pair *metadata, size_t metadata_count,
                                       scl_error *err)
{
    scl_arena names = {0};
    scl_weight *weights = scl_calloc(count, sizeof *weights);
    scl_status status =
        weights == NULL ? scl_out_of_memory(err, count * sizeof *weights, "a checkpoint") : SCL_OK;
    for (size_t i = 0; i < count && status == SCL_OK; i++)
        status = fetch(entries[i], store, naming, &names, &weights[i], err);
    if (status == SCL_OK)
        status = write_with_checksum(path, weights, count, metadata, metadata_count, err);
    for (size_t i = 0; weights != NULL && i < count; i++)
        scl_free((void *)(uintptr_t)weights[i].data);
    scl_free(weights);
    scl_arena_free(&names);
    return status;
}

scl_status scl_checkpoint_save(const char *path, const scl_param_list *list, const scl_store *store,
                               scl_naming naming, const scl_weights_pair *metadata,
                               size_t metadata_count, scl_error *err)
{
    const scl_store_entry **entries = scl_calloc(list->count, sizeof *entries);
    scl_status status = entries == NULL
                            ? scl_out_of_memory(err, list->count * sizeof *entries, "a checkpoint")
                            : SCL_OK;
    for (size_t i = 0; i < list->count && status == SCL_OK; i++) {
        entries[i] = scl_store_find(store, list->items[i]->name);
        if (entries[i] == NULL)
            status =
                scl_fail(err, SCL_FAILED, "\"%s\" has no values to save", list->items[i]->name);
    }
    if (status == SCL_OK)
        status = scl_checkpoint_save_entries(path, entries, list->count, store, naming, metadata,
                                             metadata_count, err);
    scl_free(entries);
    return status;
}

scl_status scl_checkpoint_verify(const scl_weights *weights, scl_error *err)
{
    const char *expected = scl_weights_metadata(weights, CHECKSUM_KEY);
    char found[SCL_HASH_TEXT];
    scl_hash128 sum = {0};
    if (expected == NULL)
        return SCL_OK;
    for (size_t i = 0; i < weights->count; i++)
        add_to_checksum(&sum, &weights->tensor[i]);
    scl_hash128_text(sum, found);
    if (strcmp(found, expected) == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s is damaged: its tensors have the checksum %s instead of %s; copy it again",
                    weights->path, found, expected);
}
