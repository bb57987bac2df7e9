/* models.h — files for the program to work on, written to the working folder. */
#ifndef SCL_TESTS_MODELS_H
#define SCL_TESTS_MODELS_H

#include "support.h"

#define PICTURE_WIDTH  50
#define PICTURE_HEIGHT 37
#define PICTURE        "--image", "picture.png"
#define ONE_BOX        "--box", "3,5,30,33.5"
#define BASE           "--checkpoint", "base.safetensors"
#define REFERENCE      "--device", "reference"

/* picture.png: the pattern. */
void write_picture(void);
/* base.safetensors: the small SAM, with its dimensions. */
void write_base(void);
/* A file as samcl train leaves it before its first step; `settings` go over this run file:
 * base.safetensors, task binary, adapter none, train_also mask_decoder.*. Needs write_base. */
void write_tuned(const char *path, const char *const *settings, size_t count);
/* images/ and masks/ with three pictures, and run.yaml that trains on them. Needs write_base. */
void write_run_file(void);

#endif
