#include "tuned/adapter_layout.h"

#include "base/str.h"
#include "tuned/tuned_file.h"

#include <string.h>

static bool any_begins(const scl_weights *weights, const char *prefix)
{
    for (size_t i = 0; i < weights->count; i++)
        if (scl_starts_with(weights->tensor[i].name, prefix))
            return true;
    return false;
}

scl_adapter_layout scl_adapter_layout_of(const scl_weights *weights)
{
    if (weights->format == SCL_WEIGHTS_PEFT_FOLDER || any_begins(weights, "base_model.model."))
        return SCL_LAYOUT_PEFT;
    if (any_begins(weights, "w_a_") || any_begins(weights, "w_b_"))
        return SCL_LAYOUT_SAM_LORA;
    return scl_weights_metadata(weights, SCL_RUN_CONFIG_KEY) != NULL ? SCL_LAYOUT_SAMCL
                                                                     : SCL_LAYOUT_NONE;
}

const char *scl_adapter_layout_name(scl_adapter_layout layout)
{
    static const char *const names[] = {[SCL_LAYOUT_NONE] = "none",
                                        [SCL_LAYOUT_SAMCL] = "samcl",
                                        [SCL_LAYOUT_PEFT] = "peft",
                                        [SCL_LAYOUT_SAM_LORA] = "sam_lora"};
    return names[layout];
}

scl_status scl_adapter_finish(scl_weights *weights, scl_foreign_adapter *out, scl_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->tensor[i].name, SCL_POSITION_CODE) == 0)
            out->position_code = weights->tensor[i];
        else
            weights->tensor[kept++] = weights->tensor[i];
    weights->count = kept;
    return scl_weights_index(weights, err);
}
