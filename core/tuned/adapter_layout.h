/* adapter_layout.h — the layouts in which an adapter travels, and reading them all as ours.
 *
 *   samcl     our own: one safetensors file with metadata, see tuned_file.h. Any adapter.
 *   peft      the folder of Hugging Face's library peft: adapter_config.json and
 *             adapter_model.safetensors, names of transformers' SamModel behind
 *             "base_model.model.". LoRA, and modules that were trained beside it
 *             (modules_to_save).
 *   sam_lora  the file of github.com/MathieuNlp/Sam_LoRA (src/lora.py): for block i of the
 *             image encoder w_a_NNN [rank, dim] and w_b_NNN [dim, rank], NNN = 2i for the
 *             queries and 2i + 1 for the values, which get B (A x) added without a scale.
 *             With the decoder it was trained with, the tensors of prompt encoder and mask
 *             decoder follow under Meta's names, as github.com/hitachinsk/SAMed
 *             (sam_lora_image_encoder.py) saves them.
 *
 * What a file is, is found in the names of its tensors and its metadata. */
#ifndef SCL_TUNED_ADAPTER_LAYOUT_H
#define SCL_TUNED_ADAPTER_LAYOUT_H

#include "io/weights.h"

typedef enum scl_adapter_layout {
    SCL_LAYOUT_NONE, /* no adapter: a checkpoint, or something else */
    SCL_LAYOUT_SAMCL,
    SCL_LAYOUT_PEFT,
    SCL_LAYOUT_SAM_LORA
} scl_adapter_layout;

scl_adapter_layout scl_adapter_layout_of(const scl_weights *weights);
/* "samcl", "peft", "sam_lora"; "none". Static storage. */
const char *scl_adapter_layout_name(scl_adapter_layout layout);

/* What a file of the last two layouts says of itself, as settings over a run file. Borrowed from
 * the weights. */
typedef struct scl_foreign_adapter {
    const char *adapter;      /* adapter={use: lora, params: {…}} */
    const char *train_also;   /* train_also=[…] */
    const char *base;         /* the base it names, a path or a name of the Hub; NULL: none */
    scl_weight position_code; /* the prompt encoder's matrix, which is of the base and never
                                 trained: taken out of the tensors; name NULL: it was not there */
} scl_foreign_adapter;

/* What the adapter lora takes. */
#define SCL_LORA_MAX_RANK    1024
#define SCL_LORA_MAX_DROPOUT 0.99

/* The parameter that position_code holds. */
#define SCL_POSITION_CODE "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"

/* Gives the tensors our names and says what they are. SCL_BAD_DATA when the file is not complete in
 * itself, or does what our LoRA does not. Whether it fits a model is seen when it is loaded. */
scl_status scl_adapter_read_peft(scl_weights *weights, scl_foreign_adapter *out, scl_error *err);
scl_status scl_adapter_read_sam_lora(scl_weights *weights, scl_foreign_adapter *out,
                                     scl_error *err);
/* For the two above: takes the position code out, and makes the tensors' names found again. */
scl_status scl_adapter_finish(scl_weights *weights, scl_foreign_adapter *out, scl_error *err);

#endif
