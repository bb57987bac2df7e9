/* store.h — the tensors that outlive a graph: parameters and optimizer state, by name, on a device.
 *
 * Graphs refer to them by name, so that graphs of several shapes share one set of weights. Used
 * from one thread. */
#ifndef SCL_GRAPH_STORE_H
#define SCL_GRAPH_STORE_H

#include "base/hash.h"
#include "graph/backend.h"

typedef struct scl_store_entry {
    char *name;
    scl_tensor_kind kind; /* PARAM or STATE */
    scl_shape shape;
    scl_buffer *buffer;
} scl_store_entry;

typedef struct scl_store {
    scl_device *device;
    uint64_t seed; /* of initial values */
    scl_store_entry *entries;
    size_t count, capacity;
} scl_store;

scl_status scl_store_create(scl_device *device, uint64_t seed, scl_store **out, scl_error *err);
void scl_store_free(scl_store *store);

/* The entry for a PARAM or STATE tensor; made, and filled with its initial values, when absent. */
scl_status scl_store_get(scl_store *store, const scl_tensor *tensor, scl_store_entry **out,
                         scl_error *err);
scl_store_entry *scl_store_find(const scl_store *store, const char *name);

/* Makes the entry if absent and sets its values (float32, scl_shape_count(shape) of them). */
scl_status scl_store_set(scl_store *store, const char *name, scl_tensor_kind kind, scl_shape shape,
                         const float *values, scl_error *err);
/* Copies an entry's values out. */
scl_status scl_store_read(const scl_store *store, const scl_store_entry *entry, float *values,
                          scl_error *err);
/* A hash of names, shapes and values of the given PARAM tensors, in order. */
scl_status scl_store_hash(const scl_store *store, scl_tensor *const *params, size_t count,
                          scl_hash128 *out, scl_error *err);

/* The initial values of a parameter: a function of seed, name and init alone. */
void scl_init_values(uint64_t seed, const char *name, scl_init init, float *values, size_t count);

#endif
