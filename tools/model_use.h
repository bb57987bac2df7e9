/* model_use.h — a model that a verb uses: its options, and opening it on a device. */
#ifndef SAMCL_TOOLS_MODEL_USE_H
#define SAMCL_TOOLS_MODEL_USE_H

#include "cli.h"
#include "io/image.h"
#include "predict/predictor.h"
#include "tuned/tuned_model.h"

#define CLI_CHECKPOINT_OPTIONS                                                                     \
    {"--checkpoint", "FILE",                                                                       \
     "the model: a .pth or .safetensors file, a Hugging Face folder, a file of samcl train, or "   \
     "the folder of its run",                                                                      \
     false},                                                                                       \
        {"--adapter", "FILE",                                                                      \
         "a file of samcl train or its run's folder, a folder of peft or a file of Sam_LoRA, "     \
         "over --checkpoint or the base it names",                                                 \
         false},                                                                                   \
    {                                                                                              \
        "--model-type", "TYPE",                                                                    \
            "vit_b, vit_l, vit_h or vit_nano; needed only where the file "                         \
            "does not say it",                                                                     \
            false                                                                                  \
    }
#define CLI_DEVICE_OPTION                                                                          \
    {                                                                                              \
        "--device", "DEVICE", "auto (the default), opencl:N, opencl:part-of-a-name, or reference", \
            false                                                                                  \
    }

#define CLI_MEMORY_OPTION                                                                          \
    {                                                                                              \
        "--memory-budget", "SIZE", "most of the device's memory to take, such as 2GiB", false      \
    }

/* Zero-initialise; close it whatever open returned. Must not move. */
typedef struct cli_model {
    scl_tuned_model tuned;
    scl_device *device;
    scl_predictor *predictor;
} cli_model;

/* Without a predictor, on the device of --device, or `fallback` without that option. */
scl_status cli_model_load(const cli_args *args, const char *fallback, cli_model *model,
                          scl_error *err);
/* With one, within --memory-budget. */
scl_status cli_model_open(const cli_args *args, const char *fallback, cli_model *model,
                          scl_error *err);
void cli_model_close(cli_model *model);

/* How its training data were read. */
scl_image_range cli_model_value_range(const cli_model *model);

#endif
