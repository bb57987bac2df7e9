/* export.h — an open model, or its adapter, in the format of another program. */
#ifndef SAMCL_TOOLS_EXPORT_H
#define SAMCL_TOOLS_EXPORT_H

#include "model_use.h"

typedef struct export_format {
    const char *name;
    bool is_folder, may_be_pth; /* else a .safetensors file */
    /* `path` does not exist yet. */
    scl_status (*write)(scl_tuned_model *tuned, const char *path, scl_error *err);
} export_format;

/* "meta" and "hf": a whole model, adapters merged into it. "samcl", "peft", "sam_lora": an adapter.
 * SCL_BAD_CONFIG for other names. */
scl_status export_find_format(const char *name, const export_format **format, scl_error *err);

/* Before the work begins: SCL_BAD_CONFIG when the name does not suit the format or a folder exists,
 * SCL_FAILED when it cannot be written. */
scl_status export_check_out(const export_format *format, const char *out, scl_error *err);

/* Opens the model that the options name, and writes it: all of it, or nothing. */
scl_status export_model(const cli_args *args, const export_format *format, const char *out,
                        scl_error *err);

/* Writes the base's own parameters, such as adapters were merged into, with this metadata. */
scl_status export_base(const scl_model *model, scl_naming naming, const scl_weights_pair *metadata,
                       size_t count, const char *path, scl_error *err);

/* What the format "meta" writes. */
scl_status export_to_meta(scl_tuned_model *tuned, const char *path, scl_error *err);

#endif
