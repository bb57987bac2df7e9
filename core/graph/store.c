#include "graph/store.h"

#include "base/rng.h"

#include <string.h>

scl_status scl_store_create(scl_device *device, uint64_t seed, scl_store **out, scl_error *err)
{
    *out = scl_calloc(1, sizeof **out);
    if (*out == NULL)
        return scl_out_of_memory(err, sizeof **out, "a weight store");
    (*out)->device = device;
    (*out)->seed = seed;
    return SCL_OK;
}

void scl_store_free(scl_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++) {
        store->device->backend->buffer_release(store->device, store->entries[i].buffer);
        scl_free(store->entries[i].name);
    }
    scl_free(store->entries);
    scl_free(store);
}

scl_store_entry *scl_store_find(const scl_store *store, const char *name)
{
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].name, name) == 0)
            return &store->entries[i];
    return NULL;
}

void scl_init_values(uint64_t seed, const char *name, scl_init init, float *values, size_t count)
{
    scl_rng rng = scl_rng_make(seed, name, 0, 0);
    for (size_t i = 0; i < count; i++) {
        switch ((scl_init_kind)init.kind) {
        case SCL_INIT_UNIFORM:
            values[i] = init.scale * (float)(2 * scl_rng_uniform(&rng) - 1);
            break;
        case SCL_INIT_NORMAL:
            values[i] = init.scale * (float)scl_rng_normal(&rng);
            break;
        case SCL_INIT_NEAR_ONE:
            values[i] = 1 + init.scale * (float)scl_rng_normal(&rng);
            break;
        case SCL_INIT_ONES:
            values[i] = 1;
            break;
        case SCL_INIT_ZEROS:
            values[i] = 0;
            break;
        }
    }
}

static scl_status add_entry(scl_store *store, const char *name, scl_tensor_kind kind,
                            scl_shape shape, scl_store_entry **out, scl_error *err)
{
    const scl_backend *backend = store->device->backend;
    size_t bytes = (size_t)scl_shape_count(shape) * backend->element_size(SCL_F32);
    if (!SCL_GROW(store->entries, store->count, store->capacity))
        return scl_out_of_memory(err, store->capacity, "a weight store");
    scl_store_entry entry = {.name = scl_strdup(name), .kind = kind, .shape = shape};
    if (entry.name == NULL)
        return scl_out_of_memory(err, strlen(name), "a weight store");
    scl_status status = backend->buffer_create(store->device, bytes, &entry.buffer, err);
    if (status == SCL_OK)
        status = backend->zero(store->device, entry.buffer, bytes, err);
    if (status != SCL_OK) {
        backend->buffer_release(store->device, entry.buffer);
        scl_free(entry.name);
        return status;
    }
    store->entries[store->count] = entry;
    *out = &store->entries[store->count++];
    return SCL_OK;
}

static scl_status write_values(scl_store *store, scl_store_entry *entry, const float *values,
                               scl_error *err)
{
    size_t count = (size_t)scl_shape_count(entry->shape);
    return store->device->backend->write(store->device, entry->buffer, SCL_F32, 0, values, count,
                                         err);
}

static scl_status check_shape(const scl_store_entry *entry, scl_shape shape, scl_error *err)
{
    char a[SCL_SHAPE_TEXT], b[SCL_SHAPE_TEXT];
    if (scl_shape_equal(entry->shape, shape))
        return SCL_OK;
    return scl_fail(err, SCL_FAILED, "\"%s\" is stored with shape %s but wanted with %s",
                    entry->name, scl_shape_text(entry->shape, a), scl_shape_text(shape, b));
}

scl_status scl_store_set(scl_store *store, const char *name, scl_tensor_kind kind, scl_shape shape,
                         const float *values, scl_error *err)
{
    scl_store_entry *entry = scl_store_find(store, name);
    if (entry == NULL)
        SCL_TRY(add_entry(store, name, kind, shape, &entry, err));
    SCL_TRY(check_shape(entry, shape, err));
    return write_values(store, entry, values, err);
}

scl_status scl_store_get(scl_store *store, const scl_tensor *tensor, scl_store_entry **out,
                         scl_error *err)
{
    *out = scl_store_find(store, tensor->name);
    if (*out != NULL)
        return check_shape(*out, tensor->shape, err);
    SCL_TRY(add_entry(store, tensor->name, tensor->kind, tensor->shape, out, err));
    if (tensor->kind != SCL_TENSOR_PARAM || tensor->init.kind == SCL_INIT_ZEROS)
        return SCL_OK;
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = scl_calloc(count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, count * sizeof *values, "initial weights");
    scl_init_values(store->seed, tensor->name, tensor->init, values, count);
    scl_status status = write_values(store, *out, values, err);
    scl_free(values);
    return status;
}

scl_status scl_store_read(const scl_store *store, const scl_store_entry *entry, float *values,
                          scl_error *err)
{
    size_t count = (size_t)scl_shape_count(entry->shape);
    return store->device->backend->read(store->device, entry->buffer, SCL_F32, 0, values, count,
                                        err);
}

static scl_status hash_entry(const scl_store *store, const scl_store_entry *entry,
                             scl_hash128 *hash, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(entry->shape);
    int64_t shape[1 + SCL_MAX_DIMS] = {entry->shape.ndim}; /* scl_shape itself has padding bytes */
    for (int i = 0; i < entry->shape.ndim; i++)
        shape[1 + i] = entry->shape.dim[i];
    float *values = scl_calloc(count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, count * sizeof *values, "hashing the weights");
    scl_status status = scl_store_read(store, entry, values, err);
    if (status == SCL_OK) {
        *hash = scl_hash128_join(*hash, scl_hash128_of(entry->name, strlen(entry->name)));
        *hash = scl_hash128_join(*hash, scl_hash128_of(shape, sizeof shape));
        *hash = scl_hash128_join(*hash, scl_hash128_of(values, count * sizeof *values));
    }
    scl_free(values);
    return status;
}

scl_status scl_store_hash(const scl_store *store, scl_tensor *const *params, size_t count,
                          scl_hash128 *out, scl_error *err)
{
    *out = (scl_hash128){0};
    for (size_t i = 0; i < count; i++) {
        const scl_store_entry *entry = scl_store_find(store, params[i]->name);
        if (entry == NULL)
            return scl_fail(err, SCL_FAILED, "\"%s\" is not in the weight store", params[i]->name);
        SCL_TRY(hash_entry(store, entry, out, err));
    }
    return SCL_OK;
}
