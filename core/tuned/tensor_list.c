#include "tuned/tensor_list.h"

#include "base/str.h"
#include "io/pth.h"
#include "io/safetensors.h"

#include <string.h>

float *scl_tensor_list_add(scl_tensor_list *list, const char *name, int ndim, const int64_t *dims,
                           scl_error *err)
{
    scl_weight w = {.dtype = SCL_WEIGHT_F32, .ndim = ndim};
    memcpy(w.dim, dims, (size_t)ndim * sizeof *dims);
    w.name = scl_arena_strdup(&list->arena, name);
    float *values = NULL;
    if (scl_weight_shape_bytes(w.dtype, ndim, dims, &w.bytes))
        values = scl_arena_alloc(&list->arena, w.bytes);
    w.data = (const uint8_t *)values;
    if (w.name != NULL && values != NULL && SCL_GROW(list->items, list->count, list->capacity)) {
        list->items[list->count++] = w;
        return values;
    }
    scl_out_of_memory(err, w.bytes, name);
    return NULL;
}

scl_status scl_tensor_list_add_entry(scl_tensor_list *list, const char *name,
                                     const scl_store *store, const char *entry, scl_error *err)
{
    const scl_store_entry *found = scl_store_find(store, entry);
    if (found == NULL)
        return scl_fail(err, SCL_FAILED, "\"%s\" has no values to save", entry);
    float *values = scl_tensor_list_add(list, name, found->shape.ndim, found->shape.dim, err);
    return values != NULL ? scl_store_read(store, found, values, err) : err->status;
}

static scl_status data_of(void *user, size_t index, const uint8_t **data, scl_error *err)
{
    (void)err;
    *data = ((const scl_weight *)user)[index].data;
    return SCL_OK;
}

scl_status scl_tensor_list_write(const scl_tensor_list *list, const char *path,
                                 const scl_weights_pair *metadata, size_t metadata_count,
                                 scl_error *err)
{
    if (scl_ends_with(path, ".pth"))
        return scl_pth_write_fetched(path, list->items, list->count, data_of, list->items, err);
    return scl_safetensors_write(path, list->items, list->count, metadata, metadata_count, err);
}

void scl_tensor_list_free(scl_tensor_list *list)
{
    scl_free(list->items);
    scl_arena_free(&list->arena);
    *list = (scl_tensor_list){0};
}
