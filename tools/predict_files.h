/* predict_files.h — what samcl predict writes and prints. */
#ifndef SAMCL_TOOLS_PREDICT_FILES_H
#define SAMCL_TOOLS_PREDICT_FILES_H

#include "predict/answer.h"
#include "predict/input_image.h"

typedef struct predict_result {
    const scl_input_image *image;
    const scl_request *request;
    const scl_answer *answer;
    const scl_sam_config *config;
    const scl_param_strings *class_names; /* of a model with classes; may be empty */
    const char *image_path, *device;
    double encode_seconds, decode_seconds;
} predict_result;

typedef struct predict_paths {
    const char *mask, *overlay, *json, *logits; /* NULL: not wanted */
} predict_paths;

/* Names and folders, before the work begins. SCL_BAD_CONFIG, SCL_FAILED. */
scl_status predict_paths_check(const predict_paths *paths, scl_error *err);

/* Writes all of them, or none. */
scl_status predict_files_write(const predict_result *result, const predict_paths *paths,
                               scl_error *err);

/* One line a mask. */
void predict_print(const predict_result *result);

#endif
