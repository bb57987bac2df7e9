/* layers.h — the layers the parts of SAM are made of; names as in Meta's checkpoints. */
#ifndef SCL_MODEL_LAYERS_H
#define SCL_MODEL_LAYERS_H

#include "model/sam.h"

/* "a.b" in the graph's arena; "" when out of memory (recorded). */
const char *scl_layer_name(const scl_sam *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The parameter `name`, trained when the adaptation says so. */
scl_tensor *scl_model_param(const scl_sam *m, const char *name, scl_shape shape, scl_init init);

/* What adapters make of y [..., out], which the module `name` gives for x [..., in]: y itself where
 * none wraps it. The layers below ask for themselves. */
scl_tensor *scl_layer_adapt(const scl_sam *m, scl_site_kind kind, const char *name, scl_tensor *x,
                            scl_tensor *y);
/* What adapters add to the tokens of width `dim` of a block: [T, dim], or NULL. */
scl_tensor *scl_layer_tokens(const scl_sam *m, const char *name, int64_t dim);

/* Where the rows of a layer are an image's tokens: see scl_site. */
typedef struct scl_token_grid {
    int64_t side, window;
} scl_token_grid;

/* x [..., in] -> [..., out] by name.weight, name.bias. */
scl_tensor *scl_layer_linear(const scl_sam *m, const char *name, scl_tensor *x, int64_t out);
/* The same of x [B, side * side, in]. */
scl_tensor *scl_layer_linear_of_tokens(const scl_sam *m, const char *name, scl_tensor *x,
                                       int64_t out, scl_token_grid grid);
/* Whether an adapter wraps that layer and mixes its rows. */
bool scl_layer_mixes_rows(const scl_sam *m, const char *name, int64_t in, int64_t out,
                          scl_token_grid grid);
/* The weight [out, in] and bias [out] of a linear layer; whether no adapter wraps it. */
bool scl_layer_plain(const scl_sam *m, const char *name, int64_t in, int64_t out,
                     scl_tensor **weight, scl_tensor **bias);
/* What a linear layer makes of a row of zeros: its bias, unless an adapter changes that. [out] */
scl_tensor *scl_layer_linear_of_zero(const scl_sam *m, const char *name, int64_t in, int64_t out);
scl_tensor *scl_layer_norm_named(const scl_sam *m, const char *name, scl_tensor *x, double eps);
/* Square kernels; bias when `bias` is set. */
scl_tensor *scl_layer_conv(const scl_sam *m, const char *name, scl_tensor *x, int64_t out,
                           int64_t kernel, int64_t stride, int64_t pad, bool bias);
scl_tensor *scl_layer_conv_transpose(const scl_sam *m, const char *name, scl_tensor *x,
                                     int64_t out);
/* Three linear layers with ReLU between: name.layers.0 .. name.layers.2. */
scl_tensor *scl_layer_mlp3(const scl_sam *m, const char *name, scl_tensor *x, int64_t hidden,
                           int64_t out);
/* torch.nn.Embedding's weight. */
scl_tensor *scl_layer_embedding(const scl_sam *m, const char *name, int64_t rows, int64_t dim);

#endif
