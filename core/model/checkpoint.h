/* checkpoint.h — weights from files into a model, strictly, and back.
 *
 * A base model file holds every parameter of a SAM. A delta file holds what one training changed:
 * an adapter's parameters and trained base parameters, with the adapter's name, its parameters and
 * the hash of the base in its metadata. Both are safetensors when we write them. */
#ifndef SCL_MODEL_CHECKPOINT_H
#define SCL_MODEL_CHECKPOINT_H

#include "graph/store.h"
#include "io/weights.h"
#include "model/checkpoint_config.h"
#include "model/sam.h"

/* Writes every parameter of `base` (a graph of scl_sam_catalog without adaptation) from the file
 * into the store. The file may also hold the parameters of `adapted`, which are passed over.
 * Position tables of another image size are interpolated, and a head with classes is made from
 * SAM's first mask token when the file has none (both are said). Anything missing, unknown or
 * misshapen is one BAD_DATA error that lists it; the store is then unusable. With `store` NULL the
 * same is checked and nothing written. */
scl_status scl_checkpoint_load_base(const scl_weights *weights, const scl_graph *base,
                                    const scl_graph *adapted, const scl_sam_config *config,
                                    scl_store *store, scl_error *err);

/* Parameters whose values come from outside the base: trained ones and an adapter's. */
typedef struct scl_param_list {
    scl_tensor **items;
    size_t count;
} scl_param_list;

/* PARAM tensors of `catalog` that are trained, or (with trained false) all of them. In the arena of
 * the graph. */
scl_status scl_checkpoint_params(scl_graph *catalog, bool trained, scl_param_list *list,
                                 scl_error *err);

/* Reads exactly the listed parameters from a delta file into the store: all must be there with
 * their shapes, and nothing else but names beginning with "optimizer.". */
scl_status scl_checkpoint_load_delta(const scl_weights *weights, const scl_param_list *list,
                                     scl_store *store, scl_error *err);

/* SCL_BAD_DATA when the file holds a checksum that its tensors do not have. */
scl_status scl_checkpoint_verify(const scl_weights *weights, scl_error *err);

typedef enum scl_naming { SCL_NAMING_META, SCL_NAMING_HF } scl_naming;

/* Writes entries of the store as safetensors under either naming. Metadata is written as given, and
 * a checksum of the tensors is added to it. Where the path ends in .pth it is PyTorch's file, which
 * has no metadata. SCL_FAILED when the file cannot be written. */
scl_status scl_checkpoint_save_entries(const char *path, const scl_store_entry *const *entries,
                                       size_t count, const scl_store *store, scl_naming naming,
                                       const scl_weights_pair *metadata, size_t metadata_count,
                                       scl_error *err);
/* The same for a list of parameters. */
scl_status scl_checkpoint_save(const char *path, const scl_param_list *list, const scl_store *store,
                               scl_naming naming, const scl_weights_pair *metadata,
                               size_t metadata_count, scl_error *err);

#endif
