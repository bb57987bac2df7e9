/* tensor_list.h — tensors in host memory on their way to a file. */
#ifndef SCL_TUNED_TENSOR_LIST_H
#define SCL_TUNED_TENSOR_LIST_H

#include "io/weights.h"
#include "model/checkpoint.h"

/* Zero-initialise; free with scl_tensor_list_free. */
typedef struct scl_tensor_list {
    scl_weight *items;
    size_t count, capacity;
    scl_arena arena; /* of names and values */
} scl_tensor_list;

/* A new float32 tensor of zeros, to be filled; the name is copied. NULL when out of memory. */
float *scl_tensor_list_add(scl_tensor_list *list, const char *name, int ndim, const int64_t *dims,
                           scl_error *err);
/* A copy of an entry of the store, under this name. */
scl_status scl_tensor_list_add_entry(scl_tensor_list *list, const char *name,
                                     const scl_store *store, const char *entry, scl_error *err);
/* As PyTorch's file where the path ends in .pth, without metadata, else as safetensors. */
scl_status scl_tensor_list_write(const scl_tensor_list *list, const char *path,
                                 const scl_weights_pair *metadata, size_t metadata_count,
                                 scl_error *err);
void scl_tensor_list_free(scl_tensor_list *list);

#endif
