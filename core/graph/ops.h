/* ops.h — the functions that put ops into a graph.
 *
 * Each checks its inputs' shapes, adds a node, and returns its result (NULL on error or when given
 * a NULL tensor). All values are float32 unless said otherwise. Shapes are row-major; images are
 * [B, H, W, C] (channels last), tokens [B, N, C]. */
#ifndef SCL_GRAPH_OPS_H
#define SCL_GRAPH_OPS_H

#include "graph/graph.h"

/* ---- ops_elementwise.c */
scl_tensor *scl_affine(scl_graph *g, scl_tensor *x, float scale, float shift);
scl_tensor *scl_pow(scl_graph *g, scl_tensor *x, float exponent);
scl_tensor *scl_clamp(scl_graph *g, scl_tensor *x, float low, float high);
scl_tensor *scl_exp(scl_graph *g, scl_tensor *x);
scl_tensor *scl_ln(scl_graph *g, scl_tensor *x); /* the op `log` */
scl_tensor *scl_sqrt(scl_graph *g, scl_tensor *x);
scl_tensor *scl_abs(scl_graph *g, scl_tensor *x);
scl_tensor *scl_step(scl_graph *g, scl_tensor *x);
scl_tensor *scl_sigmoid(scl_graph *g, scl_tensor *x);
scl_tensor *scl_tanh(scl_graph *g, scl_tensor *x);
scl_tensor *scl_softplus(scl_graph *g, scl_tensor *x);
scl_tensor *scl_relu(scl_graph *g, scl_tensor *x);
scl_tensor *scl_gelu(scl_graph *g, scl_tensor *x);
scl_tensor *scl_normal_cdf(scl_graph *g, scl_tensor *x);
/* Two inputs broadcast as NumPy does: aligned at the last axis, sizes equal or 1. */
scl_tensor *scl_add(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_sub(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_mul(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_div(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_safe_div(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_maximum(scl_graph *g, scl_tensor *x, scl_tensor *y);
scl_tensor *scl_minimum(scl_graph *g, scl_tensor *x, scl_tensor *y);

/* ---- ops_shape.c */
scl_tensor *scl_reshape(scl_graph *g, scl_tensor *x, scl_shape shape);
scl_tensor *scl_stop_gradient(scl_graph *g, scl_tensor *x);
scl_tensor *scl_broadcast(scl_graph *g, scl_tensor *x, scl_shape shape);
/* Sums `count` neighbouring axes from `axis` (negative: from the end); they stay with size 1. */
scl_tensor *scl_sum(scl_graph *g, scl_tensor *x, int axis, int count);
scl_tensor *scl_mean(scl_graph *g, scl_tensor *x, int axis, int count);
/* y[i] = x[0] + .. + x[i] along one axis (torch.cumsum). */
scl_tensor *scl_cumsum(scl_graph *g, scl_tensor *x, int axis);
/* Undoes a broadcast: sums x down to `shape`. */
scl_tensor *scl_sum_to(scl_graph *g, scl_tensor *x, scl_shape shape);
scl_tensor *scl_slice(scl_graph *g, scl_tensor *x, int axis, int64_t start, int64_t count);
/* Zeros around x so that it becomes rows start.. of an axis of `size`. */
scl_tensor *scl_pad(scl_graph *g, scl_tensor *x, int axis, int64_t start, int64_t size);
scl_tensor *scl_concat(scl_graph *g, scl_tensor *const *xs, int count, int axis);
/* [A,B,C,D] -> [A,C,B,D] (torch.Tensor.transpose(1, 2)). */
scl_tensor *scl_swap(scl_graph *g, scl_tensor *x);

/* ---- ops_order.c: the last axis */
/* int32 indices of x's values, the largest first, NaN before all; equal values in their order.
 * torch.argsort(descending=True, stable=True). */
scl_tensor *scl_argsort(scl_graph *g, scl_tensor *x);
/* y[i] = x[order[i]], with an order from scl_argsort of x's shape. */
scl_tensor *scl_reorder(scl_graph *g, scl_tensor *x, scl_tensor *order);
/* 1 at the place of the last axis's largest value, the first of equal ones, and 0 elsewhere; NaN is
 * the largest. No derivative. */
scl_tensor *scl_argmax_one_hot(scl_graph *g, scl_tensor *x);

/* ---- ops_plane.c: planes [..., H, W] */
/* Means over kernel x kernel pixels around each, odd; pixels beyond the edge count as zeros
 * (torch.nn.functional.avg_pool2d with stride 1 and padding kernel / 2). */
scl_tensor *scl_avg_pool(scl_graph *g, scl_tensor *x, int64_t kernel);
/* The Euclidean distance, in pixels, of each pixel to the nearest where x > 0; all 0 in a plane
 * that has none. No derivative. scipy.ndimage.distance_transform_edt(x <= 0). */
scl_tensor *scl_distance(scl_graph *g, scl_tensor *x);

/* ---- ops_patch.c */
/* [B,H,W,C] -> [B,OH,OW,C*k*k] with columns in (c, ky, kx) order, the order of PyTorch's conv
 * weights [O, C, k, k]; OH = (H + 2 pad - k) / stride + 1. */
scl_tensor *scl_im2col(scl_graph *g, scl_tensor *x, int64_t kernel, int64_t stride, int64_t pad);
/* The adjoint: [B,OH,OW,C*k*k] -> [B,H,W,C]. */
scl_tensor *scl_col2im(scl_graph *g, scl_tensor *x, int64_t height, int64_t width, int64_t kernel,
                       int64_t stride, int64_t pad);
/* w [O, C, k, k], bias [O] or NULL -> [B,OH,OW,O] (torch.nn.Conv2d). */
scl_tensor *scl_conv2d(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias, int64_t stride,
                       int64_t pad);
/* w [C, O, k, k], bias [O] or NULL, stride k -> [B, kH, kW, O] (torch.nn.ConvTranspose2d). */
scl_tensor *scl_conv_transpose2d(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias);

/* ---- ops_gemm.c */
/* 2-D or batched 3-D: alpha op(a) op(b), op transposing the last two axes when asked. */
scl_tensor *scl_matmul(scl_graph *g, scl_tensor *a, scl_tensor *b, bool trans_a, bool trans_b,
                       float alpha);
/* The same plus bias [n] or NULL. */
scl_tensor *scl_matmul_bias(scl_graph *g, scl_tensor *a, scl_tensor *b, scl_tensor *bias,
                            bool trans_a, bool trans_b, float alpha);
/* alpha x W^T + bias: x [..., in], w [out, in], bias [out] or NULL -> [..., out]. */
scl_tensor *scl_linear(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias, float alpha);

/* ---- ops_norm.c */
/* Over the last axis with weight and bias [n]; biased variance (torch.nn.LayerNorm). */
scl_tensor *scl_layer_norm(scl_graph *g, scl_tensor *x, scl_tensor *weight, scl_tensor *bias,
                           float eps);

/* ---- ops_class.c */
scl_tensor *scl_softmax(scl_graph *g, scl_tensor *x, int axis);
scl_tensor *scl_log_softmax(scl_graph *g, scl_tensor *x, int axis);
/* int32 ids [...] -> float32 with `classes` inserted at `axis`. */
scl_tensor *scl_one_hot(scl_graph *g, scl_tensor *ids, int64_t classes, int axis);
/* x [..., n] -> the k largest of each row, the largest first, [..., k]; of equal ones the one with
 * the lower index comes first. *indices (or NULL): where they were, int32 [..., k]. */
scl_tensor *scl_top_k(scl_graph *g, scl_tensor *x, int64_t k, scl_tensor **indices);
/* coords [..., 2] in 0..1, matrix [2, F] -> [..., 2F]; see spec of SAM's prompt encoder. No
 * derivative: neither input is ever trained. */
scl_tensor *scl_fourier_features(scl_graph *g, scl_tensor *coords, scl_tensor *matrix);

/* ---- ops_attention.c */
typedef struct scl_attention_inputs {
    scl_tensor *q, *k, *v;     /* [B, N, columns]; the same tensor three times when packed */
    scl_tensor *rel_h, *rel_w; /* [2S-1, head_dim] each, or NULL */
    scl_tensor *pad;           /* [columns of k]: the k and v of padded tokens, or NULL (zeros) */
    scl_tensor *key_count;     /* int32 [B]: keys that take part, or NULL (all) */
} scl_attention_inputs;

/* softmax(scale q k^T + q . rel_h + q . rel_w) v, heads concatenated: [B, Nq, heads * head_dim].
 * The relative-position terms use the unscaled q (segment-anything, image_encoder.py). With a
 * window, tokens outside the grid are keys whose k and v are `pad`; they are never queries. */
scl_tensor *scl_attention(scl_graph *g, const scl_attention_inputs *in,
                          const scl_attention_attr *attr);
/* Of a result of scl_attention: log(sum over keys of e^logit), [B, heads, Nq]. */
scl_tensor *scl_attention_lse(const scl_tensor *attention);

/* ---- ops_own.c */
/* The input that every draw of a graph depends on: the 64 bits of a batch's key, int32 [2]. */
#define SCL_RANDOM_KEY "random_key"
/* Philox4x32-10 under that key at counter (place / 4, salt), four values at a time. Uniform: 24
 * bits in [0, 1). Normal: Box-Muller of two of them. */
scl_tensor *scl_random(scl_graph *g, scl_distribution distribution, uint64_t salt, scl_shape shape);
/* A node of a plugin's own op; `use` is in the graph's arena, `identity` of all that decides what
 * it computes. Sets outputs[i]. */
void scl_own(scl_graph *g, const scl_own_use *use, scl_hash128 identity, scl_tensor *const *inputs,
             int input_count, const scl_own_output *outputs, int output_count,
             scl_tensor **results);

/* ---- ops_train.c */
/* state += x; the result stands for the state after the update. */
scl_tensor *scl_accumulate(scl_graph *g, scl_tensor *state, scl_tensor *x);
/* state += hyper[3] (x - state), hyper as below; x as it is after the nodes before. */
scl_tensor *scl_running_mean(scl_graph *g, scl_tensor *state, scl_tensor *x, scl_tensor *hyper);
/* sqrt of the sum of squares of all elements of all inputs: [1]. */
scl_tensor *scl_global_norm(scl_graph *g, scl_tensor *const *xs, int count);
/* hyper: float32 [4] written by the host each update: {lr, 1 - beta1^t, sqrt(1 - beta2^t), rate}.
 * grad_scale [1] multiplies the gradient (clipping), or NULL. */
scl_tensor *scl_sgd(scl_graph *g, scl_tensor *param, scl_tensor *grad, scl_tensor *momentum,
                    scl_tensor *hyper, scl_tensor *grad_scale, const scl_optimizer_attr *attr);
/* Of up to SCL_ADAM_MEMBERS parameters at once, as most are small; the result is the first one's.
 */
#define SCL_ADAM_MEMBERS 8
typedef struct scl_adam_member {
    scl_tensor *param, *grad, *m, *v; /* of one shape */
} scl_adam_member;
scl_tensor *scl_adam(scl_graph *g, const scl_adam_member *members, int count, scl_tensor *hyper,
                     scl_tensor *grad_scale, const scl_optimizer_attr *attr);

/* ---- autodiff.c */
/* Adds the nodes of d loss / d p for every trained parameter p upstream of `loss` ([1]) and sets
 * p->grad (NULL where the loss does not depend on p). */
scl_status scl_autodiff(scl_graph *g, scl_tensor *loss, scl_error *err);

#endif
