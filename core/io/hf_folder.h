/* hf_folder.h — a folder as Hugging Face's save_pretrained writes it, of a model or of an adapter.
 *
 * A model's weights are model.safetensors, or its shards by model.safetensors.index.json, or else
 * the same two of pytorch_model.bin, beside config.json. An adapter of the library peft is
 * adapter_model.safetensors or adapter_model.bin beside adapter_config.json. The config is kept for
 * other rooms to read. */
#ifndef SCL_IO_HF_FOLDER_H
#define SCL_IO_HF_FOLDER_H

#include "io/weights.h"

/* Adds the folder's tensors and config, the adapter's where it holds both. SCL_BAD_DATA when it
 * holds no weights, when a shard is missing or lies outside the folder, or when a tensor of the
 * index is in no shard. `err` must not be NULL. */
scl_status scl_hf_folder_read(scl_weights *weights, const char *folder, scl_error *err);

#endif
