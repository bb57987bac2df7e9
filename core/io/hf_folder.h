/* hf_folder.h — a model folder as Hugging Face's save_pretrained writes it.
 *
 * The weights are model.safetensors, or its shards by model.safetensors.index.json, or else the
 * same two of pytorch_model.bin; config.json is kept for the model room to read. */
#ifndef SCL_IO_HF_FOLDER_H
#define SCL_IO_HF_FOLDER_H

#include "io/weights.h"

/* Adds the folder's tensors and config. SCL_BAD_DATA when it holds no weights, when a shard is
 * missing or lies outside the folder, or when a tensor of the index is in no shard. */
scl_status scl_hf_folder_read(scl_weights *weights, const char *folder, scl_error *err);

#endif
