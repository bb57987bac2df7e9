/* adapter_write.h — an open tuned model's adapter in each layout, see adapter_layout.h.
 *
 * All read back as the same adapter. What a layout cannot hold is SCL_BAD_CONFIG, with the reason;
 * SCL_FAILED when a file cannot be written. */
#ifndef SCL_TUNED_ADAPTER_WRITE_H
#define SCL_TUNED_ADAPTER_WRITE_H

#include "tuned/tuned_model.h"

/* The folder is made. A layer whose parts have terms of their own gets one of their summed rank. */
scl_status scl_adapter_write_peft(const char *folder, const scl_tuned_model *tuned, scl_error *err);

/* LoRA on q and v of every block of the image encoder; the scale goes into w_b. Where the path ends
 * in .pth it is PyTorch's file, as SAMed has it, and what the run file says is left behind. */
scl_status scl_adapter_write_sam_lora(const char *path, const scl_tuned_model *tuned,
                                      scl_error *err);

#endif
