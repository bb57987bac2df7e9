#include "step/average.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

int64_t scl_average_count(double share, int64_t update, uint64_t total, int64_t averaged)
{
    double before = (double)total * (1 - share);
    return share > 0 && (double)update > before ? averaged + 1 : 0;
}

static scl_status exchange(scl_store *store, const scl_store_entry *param,
                           const scl_store_entry *mean, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(param->shape);
    float *values = scl_calloc(2 * count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, 2 * count * sizeof *values, param->name);
    float *means = values + count;
    scl_status status = scl_store_read(store, param, values, err);
    if (status == SCL_OK)
        status = scl_store_read(store, mean, means, err);
    if (status == SCL_OK)
        status = scl_store_set(store, param->name, param->kind, param->shape, means, err);
    if (status == SCL_OK)
        status = scl_store_set(store, mean->name, mean->kind, mean->shape, values, err);
    scl_free(values);
    return status;
}

scl_status scl_average_exchange(scl_store *store, scl_error *err)
{
    for (size_t i = 0; i < store->count; i++) {
        const scl_store_entry *mean = &store->entries[i];
        if (mean->kind != SCL_TENSOR_STATE || !scl_starts_with(mean->name, SCL_AVERAGE_PREFIX))
            continue;
        const scl_store_entry *param =
            scl_store_find(store, mean->name + strlen(SCL_AVERAGE_PREFIX));
        if (param != NULL)
            SCL_TRY(exchange(store, param, mean, err));
    }
    return SCL_OK;
}
