/* weights.h — a set of named tensors on the host, as a checkpoint file holds them.
 *
 * Reads PyTorch .pth (zip and legacy), safetensors, and Hugging Face folders; what a file is, is
 * found in its bytes, never in its name. Nothing here knows SAM: names and shapes are the model
 * room's affair. Tensor data is mapped, not copied, wherever the file holds it contiguously, so the
 * file must not be truncated while the weights are in use (replacing it by rename is fine). */
#ifndef SCL_IO_WEIGHTS_H
#define SCL_IO_WEIGHTS_H

#include "base/file.h"
#include "base/mem.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* name (safetensors' own), bytes of one element */
#define SCL_WEIGHT_DTYPE_LIST(X)                                                                   \
    X(BOOL, 1)                                                                                     \
    X(U8, 1)                                                                                       \
    X(I8, 1)                                                                                       \
    X(I16, 2)                                                                                      \
    X(U16, 2)                                                                                      \
    X(I32, 4)                                                                                      \
    X(U32, 4)                                                                                      \
    X(I64, 8)                                                                                      \
    X(U64, 8)                                                                                      \
    X(F16, 2)                                                                                      \
    X(BF16, 2)                                                                                     \
    X(F32, 4)                                                                                      \
    X(F64, 8)

typedef enum scl_weight_dtype {
#define X(name, bytes) SCL_WEIGHT_##name,
    SCL_WEIGHT_DTYPE_LIST(X)
#undef X
} scl_weight_dtype;

#define SCL_WEIGHT_MAX_DIMS 8

/* One tensor: row-major, contiguous, little-endian. `data` may be unaligned: read it by memcpy or
 * with scl_weight_to_f32. ndim 0 is a single value; a dimension of 0 makes an empty tensor, whose
 * data may be NULL. */
typedef struct scl_weight {
    const char *name;
    scl_weight_dtype dtype;
    int ndim;
    int64_t dim[SCL_WEIGHT_MAX_DIMS];
    const uint8_t *data;
    size_t bytes;
} scl_weight;

typedef struct scl_weights_pair {
    const char *key, *value;
} scl_weights_pair;

typedef enum scl_weights_format {
    SCL_WEIGHTS_PTH_ZIP,
    SCL_WEIGHTS_PTH_LEGACY,
    SCL_WEIGHTS_SAFETENSORS,
    SCL_WEIGHTS_HF_FOLDER,
    SCL_WEIGHTS_PEFT_FOLDER, /* an adapter, see hf_folder.h */
} scl_weights_format;

/* Owns everything its members point to. Read-only after loading, then from any thread. */
typedef struct scl_weights {
    scl_weights_format format;
    const char *path;
    scl_weight *tensor; /* in the file's order */
    size_t count;
    scl_weights_pair *metadata; /* safetensors' __metadata__; of a folder, that of every shard */
    size_t metadata_count;
    struct cJSON *config; /* a Hugging Face folder's (adapter_)config.json; NULL: none */

    /* Private. */
    size_t capacity, metadata_capacity;
    const scl_weight **by_name;
    scl_file_map *map;
    size_t map_count, map_capacity;
    scl_arena arena;
} scl_weights;

/* Loads a file or folder. {'model': …} and {'state_dict': …} are unwrapped and a 'module.' that
 * begins every name is dropped, both said in the log; a file that is one bare tensor gives it the
 * name "". SCL_BAD_DATA when it is no checkpoint, is damaged, or would run code; SCL_DEVICE when
 * memory is short. On failure `weights` is empty. */
scl_status scl_weights_load(const char *path, scl_weights *weights, scl_error *err);
/* The same for a file in memory, borrowed until scl_weights_free. `name` stands for the path. */
scl_status scl_weights_load_bytes(const char *name, const void *bytes, size_t size,
                                  scl_weights *weights, scl_error *err);
/* Accepts an empty set. */
void scl_weights_free(scl_weights *weights);

/* Gives the memory of a tensor's data back, where the file can be read again: a model is then never
 * in memory twice while it is loaded. The data stay usable. */
void scl_weights_release(const scl_weights *weights, const scl_weight *weight);

/* NULL when there is none. */
const scl_weight *scl_weights_find(const scl_weights *weights, const char *name);
/* The first value of a metadata key, NULL when there is none. */
const char *scl_weights_metadata(const scl_weights *weights, const char *key);

const char *scl_weight_dtype_name(scl_weight_dtype dtype);
size_t scl_weight_dtype_bytes(scl_weight_dtype dtype);
int64_t scl_weight_elements(const scl_weight *weight);
/* Elements and bytes of a shape; false when a dimension is negative or the size overflows. */
bool scl_weight_shape_bytes(scl_weight_dtype dtype, int ndim, const int64_t *dim, size_t *bytes);
/* Every element as a float (rounded to nearest; bool as 0 or 1) into out[scl_weight_elements]. */
void scl_weight_to_f32(const scl_weight *weight, float *out);

/* Gives writers the data of tensor `index`, borrowed until the next call. */
typedef scl_status (*scl_weight_fetch)(void *user, size_t index, const uint8_t **data,
                                       scl_error *err);

/* --- for the readers of this room ------------------------------------------------------------- */

/* Maps a file, finds what it is, and adds its tensors; the map lives as long as the weights. */
scl_status scl_weights_add_file(scl_weights *weights, const char *path, scl_error *err);
/* Adds a tensor: the name is copied, the data borrowed. A name with control characters is refused.
 */
scl_status scl_weights_add(scl_weights *weights, const scl_weight *weight, scl_error *err);
scl_status scl_weights_add_metadata(scl_weights *weights, const char *key, const char *value,
                                    scl_error *err);
/* Builds what scl_weights_find needs; refuses a name that is there twice. Again after adding. */
scl_status scl_weights_index(scl_weights *weights, scl_error *err);

#endif
