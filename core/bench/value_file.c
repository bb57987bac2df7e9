#include "bench/work.h"

#include "io/safetensors.h"

#include <string.h>

scl_status scl_bench_file_add(scl_bench_file *file, const char *name, scl_dtype dtype,
                              scl_shape shape, void **values, scl_error *err)
{
    size_t bytes = (size_t)scl_shape_count(shape) * 4;
    if (file->count == SCL_BENCH_MAX_VALUES)
        return scl_fail(err, SCL_FAILED, "a case has more than %d tensors to save",
                        SCL_BENCH_MAX_VALUES);
    *values = scl_arena_alloc(&file->arena, bytes);
    if (*values == NULL)
        return scl_out_of_memory(err, bytes, "the tensors of a case");
    scl_weight *w = &file->items[file->count++];
    *w = (scl_weight){.name = name,
                      .dtype = dtype == SCL_F32 ? SCL_WEIGHT_F32 : SCL_WEIGHT_I32,
                      .ndim = shape.ndim,
                      .data = *values,
                      .bytes = bytes};
    memcpy(w->dim, shape.dim, sizeof shape.dim);
    return SCL_OK;
}

scl_status scl_bench_file_end(scl_bench_file *file, scl_status status, const char *path,
                              scl_error *err)
{
    if (status == SCL_OK)
        status = scl_safetensors_write(path, file->items, file->count, NULL, 0, err);
    scl_arena_free(&file->arena);
    return status;
}

scl_status scl_bench_file_write(const scl_bench_value *values, size_t count, const char *path,
                                scl_error *err)
{
    static scl_bench_file file; /* large */
    scl_status status = SCL_OK;
    file = (scl_bench_file){0};
    for (size_t i = 0; i < count && status == SCL_OK; i++) {
        const scl_bench_value *v = &values[i];
        void *place = NULL;
        status = scl_bench_file_add(&file, v->name, v->dtype, v->shape, &place, err);
        if (status == SCL_OK)
            memcpy(place, v->values, (size_t)scl_shape_count(v->shape) * 4);
    }
    return scl_bench_file_end(&file, status, path, err);
}
