/* The table of cases.h. */
#include "op/cases.h"

#define BUILD(name, expression)                                                                    \
    static scl_tensor *name(scl_graph *g, scl_tensor **x, const int64_t *n)                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return expression;                                                                         \
    }

BUILD(affine, scl_affine(g, x[0], -1.5f, 0.25f))
BUILD(power, scl_pow(g, x[0], 1.7f))
BUILD(squared_by_pow, scl_pow(g, scl_abs(g, x[0]), 2))
BUILD(clamped, scl_clamp(g, x[0], -0.3f, 0.6f))
BUILD(exponential, scl_exp(g, x[0]))
BUILD(logarithm, scl_ln(g, x[0]))
BUILD(root, scl_sqrt(g, x[0]))
BUILD(absolute, scl_abs(g, x[0]))
BUILD(stepped, scl_mul(g, scl_step(g, x[0]), x[0]))
BUILD(sigmoid, scl_sigmoid(g, x[0]))
BUILD(hyperbolic, scl_tanh(g, x[0]))
BUILD(softplus, scl_softplus(g, x[0]))
BUILD(rectified, scl_relu(g, x[0]))
BUILD(gelu, scl_gelu(g, x[0]))
BUILD(normal_cdf, scl_normal_cdf(g, x[0]))
BUILD(added, scl_add(g, x[0], x[1]))
BUILD(subtracted, scl_sub(g, x[0], x[1]))
BUILD(multiplied, scl_mul(g, x[0], x[1]))
BUILD(squared, scl_mul(g, x[0], x[0]))
BUILD(divided, scl_div(g, x[0], x[1]))
BUILD(safely_divided, scl_safe_div(g, x[0], scl_mul(g, x[1], scl_step(g, x[1]))))
BUILD(larger, scl_maximum(g, x[0], x[1]))
BUILD(smaller, scl_minimum(g, x[0], x[1]))
BUILD(shared, scl_add(g, scl_mul(g, x[0], scl_stop_gradient(g, x[0])), scl_exp(g, x[0])))
BUILD(reshaped, scl_mul(g, scl_reshape(g, x[0], SCL_SHAPE(n[0], n[1])), x[1]))
BUILD(summed, scl_sum(g, x[0], (int)n[0], (int)n[1]))
BUILD(averaged, scl_mean(g, x[0], (int)n[0], (int)n[1]))
BUILD(running, scl_cumsum(g, x[0], (int)n[0]))
BUILD(pooled, scl_avg_pool(g, x[0], n[0]))
BUILD(reordered, scl_reorder(g, x[0], scl_argsort(g, x[1])))
BUILD(sorted, scl_reorder(g, x[0], scl_argsort(g, x[0])))
BUILD(repeated, scl_broadcast(g, x[0], SCL_SHAPE(n[0], n[1], n[2])))
BUILD(sliced, scl_slice(g, x[0], (int)n[0], n[1], n[2]))
BUILD(padded, scl_pad(g, x[0], (int)n[0], n[1], n[2]))
BUILD(joined, scl_concat(g, (scl_tensor *const[]){x[0], x[1], x[2], x[0]}, 4, (int)n[0]))
BUILD(patches, scl_im2col(g, x[0], n[0], n[1], n[2]))
BUILD(unpatched, scl_col2im(g, x[0], n[0], n[1], n[2], n[3], n[4]))
BUILD(swapped, scl_swap(g, x[0]))
BUILD(convolved, scl_conv2d(g, x[0], x[1], x[2], n[0], n[1]))
BUILD(upsampled, scl_conv_transpose2d(g, x[0], x[1], x[2]))
BUILD(product, scl_matmul(g, x[0], x[1], n[0] != 0, n[1] != 0, 0.7f))
BUILD(linear, scl_linear(g, x[0], x[1], x[2], 1.25f))
BUILD(residual_linear, scl_add(g, scl_linear(g, x[0], x[1], x[2], 1.25f), x[3]))
BUILD(normalised, scl_layer_norm(g, x[0], x[1], x[2], 1e-5f))
BUILD(softmax, scl_softmax(g, x[0], (int)n[0]))
BUILD(log_softmax, scl_log_softmax(g, x[0], (int)n[0]))

/* relu's derivative reads its output, so what is before it takes relu in, gradients or not. */
BUILD(rectified_norm, scl_relu(g, scl_layer_norm(g, x[0], x[1], x[2], 1e-5f)))
BUILD(rectified_upsampled, scl_relu(g, scl_conv_transpose2d(g, x[0], x[1], x[2])))

/* x: three inputs of the op and a factor. Only the factor has a gradient, as gelu's derivative
 * would read what fusing takes away. n: gelu, not relu. */
#define FROZEN(i) scl_stop_gradient(g, x[i])
#define ACTIVE(expression)                                                                         \
    scl_mul(g, n[0] ? scl_gelu(g, expression) : scl_relu(g, expression), x[3])
BUILD(active_linear, ACTIVE(scl_linear(g, FROZEN(0), FROZEN(1), FROZEN(2), 0.5f)))
BUILD(active_norm, ACTIVE(scl_layer_norm(g, FROZEN(0), FROZEN(1), FROZEN(2), 1e-5f)))
BUILD(active_upsampled, ACTIVE(scl_conv_transpose2d(g, FROZEN(0), FROZEN(1), FROZEN(2))))

/* x: input, weight, bias, weight, bias. The product of the second weight and what comes back takes
 * gelu's slope in. */
BUILD(two_layers, scl_linear(g, scl_gelu(g, scl_linear(g, x[0], x[1], x[2], 1)), x[3], x[4], 1))

/* Of values rounded to quarters, many of which are equal. */
static scl_tensor *sorted_ties(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    (void)n;
    scl_tensor *steps = scl_affine(g, scl_step(g, scl_affine(g, x[1], 1, 0.5f)), 0.25f, -0.25f);
    for (int i = 0; i < 4; i++)
        steps = scl_add(
            g, steps,
            scl_affine(g, scl_step(g, scl_affine(g, x[1], 1, -0.25f * (float)i)), 0.25f, 0));
    return scl_reorder(g, x[0], scl_argsort(g, steps));
}

/* x[0] is above n / 100 in few pixels, or in none. */
static scl_tensor *distances(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    scl_tensor *marked = scl_affine(g, x[0], 1, -(float)n[0] / 100);
    return scl_mul(g, scl_distance(g, marked), x[1]);
}

/* ---- elementwise ops that become programs */

/* x: logits, targets, weights. n: the axes of a mask. Two losses that share a sum, one of them with
 * the values of both in it. */
static scl_tensor *mask_losses(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    int axis = (int)n[0], count = (int)n[1];
    scl_tensor *p = scl_sigmoid(g, x[0]), *t = x[1], *w = x[2];
    scl_tensor *pixels = scl_sub(g, scl_softplus(g, x[0]), scl_mul(g, x[0], t));
    scl_tensor *all = scl_broadcast(g, w, x[0]->shape);
    scl_tensor *mean = scl_safe_div(g, scl_sum(g, scl_mul(g, pixels, all), axis, count),
                                    scl_sum(g, all, axis, count));
    scl_tensor *both = scl_sum(g, scl_mul(g, scl_mul(g, p, t), w), axis, count);
    scl_tensor *areas = scl_sum(g, scl_mul(g, scl_add(g, p, t), w), axis, count);
    scl_tensor *dice = scl_div(g, scl_affine(g, both, 2, 1), scl_affine(g, areas, 1, 1));
    return scl_add(g, mean, scl_mul(g, scl_affine(g, dice, -1, 1), scl_scalar(g, 0.75f)));
}

/* x: [B, C, H, W], a weight per pixel, one per class. Sums over pixels, masks and all. */
static scl_tensor *sums_of_three_kinds(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    (void)n;
    scl_tensor *weighted = scl_mul(g, scl_mul(g, scl_exp(g, x[0]), x[1]), x[2]);
    scl_tensor *of_class = scl_sum(g, weighted, 2, 2), *of_mask = scl_sum(g, weighted, 1, 3);
    scl_tensor *share = scl_div(g, of_class, scl_sum(g, weighted, 0, 4));
    return scl_mul(g, scl_div(g, share, of_mask), scl_add(g, of_class, x[2]));
}

/* A second pass over what the first has summed; n: whether values leave it, too. */
static scl_tensor *normalised_by_sum(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    scl_tensor *share = scl_div(g, x[0], scl_sum(g, x[0], -1, 1));
    scl_tensor *entropy = scl_mul(g, share, scl_ln(g, share));
    return n[0] ? scl_sub(g, entropy, share) : scl_sum(g, scl_affine(g, entropy, -1, 0), -1, 1);
}

/* Each op with one input, then each with two; x: values, a row, a column. */
static scl_tensor *every_op(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    (void)n;
    scl_tensor *a = scl_pow(g, scl_sqrt(g, scl_affine(g, x[0], 1.5f, 0.25f)), 1.7f);
    a = scl_ln(g, scl_add(g, scl_exp(g, scl_clamp(g, a, 0.2f, 1.9f)), scl_abs(g, x[1])));
    a = scl_mul(g, scl_tanh(g, a), scl_sigmoid(g, scl_softplus(g, scl_sub(g, a, x[2]))));
    scl_tensor *b = scl_maximum(g, scl_gelu(g, scl_sub(g, a, x[1])), scl_relu(g, x[2]));
    b = scl_minimum(g, scl_div(g, b, x[1]), scl_pow(g, a, 2));
    return scl_safe_div(g, scl_mul(g, b, scl_step(g, scl_sub(g, x[0], x[2]))), x[2]);
}

/* Ids -1 .. classes: both ends are out of range. */
static scl_tensor *one_hot(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    int32_t ids[2 * 3 * 5];
    for (int i = 0; i < 2 * 3 * 5; i++)
        ids[i] = (int32_t)((i * 7) % (int)(n[0] + 2)) - 1;
    scl_tensor *codes =
        scl_one_hot(g, scl_constant_ids(g, ids, SCL_SHAPE(2, 3, 5)), n[0], (int)n[1]);
    return scl_mul(g, codes, x[0]);
}

/* The values at the places they were taken from: [rows, k, n]. */
static scl_tensor *largest(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    scl_tensor *places = NULL, *values = scl_top_k(g, x[0], n[0], &places);
    int64_t last = x[0]->shape.dim[x[0]->shape.ndim - 1];
    int64_t rows = scl_shape_count(x[0]->shape) / last;
    scl_tensor *codes = scl_one_hot(g, scl_reshape(g, places, SCL_SHAPE(rows, n[0])), last, -1);
    return scl_mul(g, codes, scl_reshape(g, values, SCL_SHAPE(rows, n[0], 1)));
}

/* Many equal values. */
static scl_tensor *largest_of_equal(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    scl_tensor *level = scl_add(g, scl_step(g, x[0]), scl_affine(g, x[0], 0, 0));
    return largest(g, &level, n);
}

static scl_tensor *fourier(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    (void)n;
    scl_tensor *coords = scl_stop_gradient(g, x[0]), *matrix = scl_stop_gradient(g, x[1]);
    return scl_mul(g, scl_fourier_features(g, coords, matrix), x[2]);
}

/* The results of attention that are asked for, as one row: 0 the first, 1 the second, 2 both.
 */
static scl_tensor *attention_results(scl_graph *g, scl_tensor *out, int64_t which)
{
    scl_tensor *lse = scl_attention_lse(out);
    if (which == 0 || out == NULL)
        return out;
    scl_tensor *both[] = {scl_reshape(g, out, SCL_SHAPE(scl_shape_count(out->shape))),
                          scl_reshape(g, lse, SCL_SHAPE(scl_shape_count(lse->shape)))};
    return which == 1 ? both[1] : scl_concat(g, both, 2, 0);
}

/* n: heads, head_dim, grid h, grid w, window, results, use key counts; x: packed qkv, rel_h, rel_w,
 * pad row. */
static scl_tensor *packed_attention(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    const int32_t counts[2] = {(int32_t)(n[2] * n[3]), (int32_t)(n[2] * n[3] / 3)};
    int64_t width = n[0] * n[1];
    scl_attention_attr attr = {.heads = n[0],
                               .head_dim = n[1],
                               .k_col = width,
                               .v_col = 2 * width,
                               .q_h = n[2],
                               .q_w = n[3],
                               .k_h = n[2],
                               .k_w = n[3],
                               .window = n[4],
                               .scale = 0.3};
    scl_attention_inputs in = {x[0], x[0], x[0], x[1], x[2], x[3], NULL};
    if (n[6])
        in.key_count = scl_constant_ids(g, counts, SCL_SHAPE(2));
    return attention_results(g, scl_attention(g, &in, &attr), n[5]);
}

/* n[6], and -n[5] .. n[5] from the first key to the last: with the sign of q, a query's logits are
 * all great or small, and rise or fall. */
static scl_tensor *sloping_keys(scl_graph *g, scl_tensor *k, const int64_t *n)
{
    float slope[256];
    for (int64_t i = 0; i < n[3]; i++)
        slope[i] = (float)n[6] + (float)n[5] * (2 * (float)i / (float)(n[3] - 1) - 1);
    return scl_add(g, k, scl_constant(g, slope, SCL_SHAPE(n[3], 1)));
}

/* n: heads, head_dim, queries, keys, use key counts, slope or 0, its middle; x: q, k, v apart. */
static scl_tensor *cross_attention(scl_graph *g, scl_tensor **x, const int64_t *n)
{
    const int32_t counts[2] = {(int32_t)n[3], (int32_t)(n[3] / 2 + 1)};
    scl_attention_attr attr = {.heads = n[0],
                               .head_dim = n[1],
                               .q_h = 1,
                               .q_w = n[2],
                               .k_h = 1,
                               .k_w = n[3],
                               .scale = 0.4};
    scl_attention_inputs in = {.q = x[0], .k = n[5] ? sloping_keys(g, x[1], n) : x[1], .v = x[2]};
    if (n[4])
        in.key_count = scl_constant_ids(g, counts, SCL_SHAPE(2));
    return scl_attention(g, &in, &attr);
}

#define S1(a)                                                                                      \
    {                                                                                              \
        1,                                                                                         \
        {                                                                                          \
            a                                                                                      \
        }                                                                                          \
    }
#define S2(a, b)                                                                                   \
    {                                                                                              \
        2,                                                                                         \
        {                                                                                          \
            a, b                                                                                   \
        }                                                                                          \
    }
#define S3(a, b, c)                                                                                \
    {                                                                                              \
        3,                                                                                         \
        {                                                                                          \
            a, b, c                                                                                \
        }                                                                                          \
    }
#define S4(a, b, c, d)                                                                             \
    {                                                                                              \
        4,                                                                                         \
        {                                                                                          \
            a, b, c, d                                                                             \
        }                                                                                          \
    }

const op_case op_cases[] = {
    {"affine", affine, .shapes = {S2(7, 13)}},
    {"affine of one value", affine, .shapes = {S1(1)}},
    {"affine of a stretch", affine, .shapes = {S1(2048)}},
    {"affine of a stretch and one", affine, .shapes = {S1(2049)}},
    {"affine of two stretches less one", affine, .shapes = {S1(4095)}},
    {"pow", power, .shapes = {S1(37)}, .low = 0.1f, .high = 2},
    {"pow 2", squared_by_pow, .shapes = {S1(37)}},
    {"clamp", clamped, .shapes = {S1(65)}, .kinked = true},
    {"exp", exponential, .shapes = {S1(1027)}},
    {"log", logarithm, .shapes = {S1(33)}, .low = 0.05f, .high = 3},
    {"sqrt", root, .shapes = {S1(33)}, .low = 0.05f, .high = 3},
    {"abs", absolute, .shapes = {S1(97)}, .kinked = true},
    {"step", stepped, .shapes = {S1(97)}, .kinked = true},
    {"sigmoid", sigmoid, .shapes = {S1(97)}, .low = -30, .high = 30},
    {"tanh", hyperbolic, .shapes = {S1(97)}, .low = -5, .high = 5},
    {"softplus", softplus, .shapes = {S1(97)}, .low = -90, .high = 90},
    {"relu", rectified, .shapes = {S1(97)}, .kinked = true},
    {"gelu", gelu, .shapes = {S2(31, 33)}, .low = -6, .high = 6},
    {"normal_cdf", normal_cdf, .shapes = {S2(31, 33)}, .low = -6, .high = 6},
    {"add", added, .shapes = {S2(5, 19), S2(5, 19)}},
    {"add a row", added, .shapes = {S3(2, 5, 19), S1(19)}},
    {"add a column", added, .shapes = {S3(2, 5, 19), S3(2, 5, 1)}},
    {"add a scalar", added, .shapes = {S3(2, 5, 19), S1(1)}},
    {"add outer", added, .shapes = {S2(5, 1), S2(1, 7)}},
    {"add across the middle", added, .shapes = {S4(2, 1, 3, 17), S4(1, 5, 3, 1)}},
    {"add in five dimensions", added, .shapes = {{5, {2, 1, 3, 1, 5}}, {5, {1, 4, 1, 3, 5}}}},
    {"add in five dimensions to many rows", added,
     .shapes = {{5, {3, 1, 17, 1, 7}}, {5, {1, 5, 1, 13, 7}}}},
    {"add to rows longer than a stretch", added, .shapes = {S2(3, 2051), S1(2051)}},
    {"add a column to long rows", added, .shapes = {S2(3, 4097), S2(3, 1)}},
    {"sub", subtracted, .shapes = {S2(3, 100), S1(100)}},
    {"mul", multiplied, .shapes = {S3(2, 3, 35), S3(2, 1, 35)}},
    {"mul by itself", squared, .shapes = {S1(77)}},
    {"div", divided, .shapes = {S2(6, 11), S2(6, 1)}, .low = 0.5f, .high = 2},
    {"safe_div", safely_divided, .shapes = {S2(6, 11), S2(6, 11)}, .kinked = true,
     .tolerance = 1e-5},
    {"maximum", larger, .shapes = {S2(6, 11), S1(11)}, .kinked = true},
    {"minimum", smaller, .shapes = {S2(6, 11), S2(6, 1)}, .kinked = true},
    {"a value used three times", shared, .shapes = {S1(45)}, .kinked = true},
    {"every elementwise op in one", every_op, .shapes = {S3(3, 7, 37), S1(37), S2(7, 1)},
     .low = 0.3f, .high = 2, .pointwise = true},
    {"every elementwise op in one, in stretches", every_op,
     .shapes = {S2(5, 4099), S1(4099), S2(5, 1)}, .low = 0.3f, .high = 2, .tolerance = 1e-5,
     .pointwise = true},
    {"every elementwise op in one, of one value", every_op, .shapes = {S1(1), S1(1), S1(1)},
     .low = 0.3f, .high = 2, .pointwise = true},
    {"losses of masks", mask_losses, .n = {1, 3},
     .shapes = {S4(3, 1, 7, 5), S4(3, 1, 7, 5), S4(3, 1, 7, 5)}, .low = 0.1f, .high = 2,
     .pointwise = true},
    {"losses of one mask", mask_losses, .n = {1, 3},
     .shapes = {S4(1, 1, 1, 9), S4(1, 1, 1, 9), S4(1, 1, 1, 9)}, .low = 0.1f, .high = 2,
     .pointwise = true},
    {"losses of many small masks", mask_losses, .n = {1, 3},
     .shapes = {S4(1031, 1, 2, 3), S4(1031, 1, 2, 3), S4(1031, 1, 2, 3)}, .low = 0.1f, .high = 2,
     .tolerance = 5e-6, .pointwise = true},
    {"losses of masks in shares", mask_losses, .n = {1, 3},
     .shapes = {S4(2, 1, 97, 101), S4(2, 1, 97, 101), S4(2, 1, 97, 101)}, .low = 0.1f, .high = 2,
     .tolerance = 5e-6, .pointwise = true},
    {"losses with a weight for all classes", mask_losses, .n = {2, 2},
     .shapes = {S4(2, 3, 5, 7), S4(2, 3, 5, 7), S4(2, 1, 5, 7)}, .low = 0.1f, .high = 2,
     .pointwise = true},
    {"sums of three kinds", sums_of_three_kinds,
     .shapes = {S4(2, 3, 5, 7), S4(2, 1, 5, 7), S4(1, 3, 1, 1)}, .low = 0.1f, .high = 1,
     .pointwise = true},
    {"sums of three kinds in shares", sums_of_three_kinds,
     .shapes = {S4(2, 3, 67, 71), S4(2, 1, 67, 71), S4(1, 3, 1, 1)}, .low = 0.1f, .high = 1,
     .tolerance = 5e-6, .pointwise = true},
    {"a program after a sum", normalised_by_sum, .n = {0}, .shapes = {S2(5, 1037)}, .low = 0.1f,
     .high = 1, .tolerance = 5e-6, .pointwise = true},
    {"values of a program after a sum", normalised_by_sum, .n = {1}, .shapes = {S2(5, 1037)},
     .low = 0.1f, .high = 1, .tolerance = 5e-6, .pointwise = true},
    {"reshape", reshaped, .n = {6, 10}, .shapes = {S3(3, 4, 5), S2(6, 10)}},
    {"top_k", largest, .n = {2}, .shapes = {S3(3, 37, 8)}},
    {"top_k of one", largest, .n = {1}, .shapes = {S2(5, 1)}},
    {"top_k of all", largest, .n = {7}, .shapes = {S2(67, 7)}},
    {"top_k of equal values", largest_of_equal, .n = {5}, .shapes = {S2(9, 6)}, .kinked = true},
    {"sum of the last axis", summed, .n = {-1, 1}, .shapes = {S3(3, 5, 1037)}},
    {"sum of the first axis", summed, .n = {0, 1}, .shapes = {S2(517, 23)}},
    {"sum of the middle", summed, .n = {1, 2}, .shapes = {S4(3, 7, 5, 13)}},
    {"sum of all", summed, .n = {0, 2}, .shapes = {S2(97, 301)}, .tolerance = 2e-5},
    {"sum of many rows", summed, .n = {0, 1}, .shapes = {S2(4099, 3)}, .tolerance = 1e-5},
    {"sum of many short rows", summed, .n = {1, 1}, .shapes = {S2(1031, 5)}},
    {"sum of columns wider than a stretch", summed, .n = {1, 1}, .shapes = {S3(2, 7, 2051)}},
    {"sum of wide columns in shares", summed, .n = {0, 1}, .shapes = {S2(203, 4100)},
     .tolerance = 5e-6},
    {"mean", averaged, .n = {1, 2}, .shapes = {S3(2, 21, 33)}},
    {"cumsum of the last axis", running, .n = {-1}, .shapes = {S3(3, 5, 1037)}, .tolerance = 5e-6},
    {"cumsum of short rows", running, .n = {-1}, .shapes = {S2(19, 5)}},
    {"cumsum of many short rows", running, .n = {-1}, .shapes = {S2(1031, 5)}, .large = true},
    {"cumsum of the middle", running, .n = {1}, .shapes = {S3(3, 7, 13)}},
    {"cumsum of columns wider than a stretch", running, .n = {0}, .shapes = {S2(7, 2051)}},
    {"cumsum of one", running, .n = {-1}, .shapes = {S2(1, 1)}},
    {"avg_pool", pooled, .n = {5}, .shapes = {S4(2, 1, 9, 7)}},
    {"avg_pool wider than the plane", pooled, .n = {31}, .shapes = {S4(2, 3, 9, 7)}},
    {"avg_pool of one pixel", pooled, .n = {1}, .shapes = {S2(9, 7)}, .tolerance = 1e-5},
    {"sort", sorted, .shapes = {S3(2, 3, 301)}, .kinked = true},
    {"sort longer than a stretch", sorted, .shapes = {S2(2, 4099)}, .kinked = true, .large = true},
    {"sort of one", sorted, .shapes = {S2(3, 1)}},
    {"reorder by other values", reordered, .shapes = {S2(5, 77), S2(5, 77)}, .kinked = true},
    {"reorder by equal values", sorted_ties, .shapes = {S2(3, 515), S2(3, 515)}, .kinked = true},
    {"distance", distances, .n = {97}, .shapes = {S4(2, 1, 23, 37), S4(2, 1, 23, 37)}},
    {"distance in a crowd", distances, .n = {0}, .shapes = {S3(2, 19, 21), S3(2, 19, 21)}},
    {"distance to nothing", distances, .n = {100}, .shapes = {S3(2, 9, 7), S3(2, 9, 7)}},
    {"distance in planes wider than a stretch", distances, .n = {99},
     .shapes = {S3(1, 3, 2053), S3(1, 3, 2053)}, .large = true},
    {"distance in columns and rows", distances, .n = {90}, .shapes = {S3(1, 1, 70), S3(1, 1, 70)}},
    {"broadcast", repeated, .n = {4, 7, 19}, .shapes = {S2(7, 1)}},
    {"broadcast the front", repeated, .n = {4, 7, 19}, .shapes = {S3(1, 7, 19)}},
    {"slice of the last axis", sliced, .n = {-1, 3, 5}, .shapes = {S2(7, 11)}},
    {"slice of the middle", sliced, .n = {1, 1, 2}, .shapes = {S3(3, 4, 9)}},
    {"pad of the last axis", padded, .n = {-1, 3, 12}, .shapes = {S2(7, 5)}},
    {"pad of the middle", padded, .n = {1, 2, 5}, .shapes = {S3(3, 2, 9)}},
    {"slice longer than a stretch", sliced, .n = {-1, 3, 2051}, .shapes = {S2(3, 2060)}},
    {"slice of many short rows", sliced, .n = {-1, 1, 3}, .shapes = {S2(1031, 5)}},
    {"pad longer than a stretch", padded, .n = {-1, 2100, 4300}, .shapes = {S2(3, 2050)}},
    {"pad of many short rows", padded, .n = {-1, 2, 9}, .shapes = {S2(701, 5)}},
    {"concat longer than a stretch", joined, .n = {-1},
     .shapes = {S2(2, 2049), S2(2, 1), S2(2, 70)}},
    {"concat of the middle", joined, .n = {1}, .shapes = {S3(2, 3, 7), S3(2, 1, 7), S3(2, 5, 7)}},
    {"concat of the last axis", joined, .n = {-1}, .shapes = {S2(3, 4), S2(3, 1), S2(3, 70)}},
    {"swap", swapped, .shapes = {S4(3, 5, 2, 19)}},
    {"swap of single values", swapped, .shapes = {S4(2, 37, 4, 1)}},
    {"swap of many runs", swapped, .shapes = {S4(7, 61, 3, 37)}},
    {"im2col 16 by 16", patches, .n = {16, 16, 0}, .shapes = {S4(2, 32, 48, 3)}},
    {"im2col 3 by 3", patches, .n = {3, 1, 1}, .shapes = {S4(2, 5, 7, 3)}},
    {"im2col with a rest", patches, .n = {3, 2, 0}, .shapes = {S4(1, 8, 6, 2)}},
    {"col2im 2 by 2", unpatched, .n = {6, 10, 2, 2, 0}, .shapes = {S4(2, 3, 5, 28)}},
    {"col2im 3 by 3", unpatched, .n = {5, 4, 3, 1, 1}, .shapes = {S4(1, 5, 4, 18)}},
    {"col2im in bands", unpatched, .n = {29, 4, 3, 1, 1}, .shapes = {S4(2, 29, 4, 18)}},
    {"col2im with a rest", unpatched, .n = {8, 6, 3, 2, 0}, .shapes = {S4(1, 3, 2, 18)}},
    {"col2im 2 by 2 with a rest", unpatched, .n = {7, 6, 2, 2, 0}, .shapes = {S4(1, 3, 3, 8)}},
    {"col2im with gaps", unpatched, .n = {7, 8, 2, 3, 0}, .shapes = {S4(1, 2, 3, 8)}},
    {"col2im of wide pixels", unpatched, .n = {6, 4, 2, 2, 0}, .shapes = {S4(1, 3, 2, 4 * 37)}},
    {"im2col of wide pixels", patches, .n = {2, 2, 0}, .shapes = {S4(1, 4, 6, 37)}},
    {"conv 3 by 3", convolved, .n = {1, 1}, .shapes = {S4(2, 6, 5, 3), S4(7, 3, 3, 3), S1(7)}},
    {"conv 1 by 1", convolved, .n = {1, 0}, .shapes = {S4(2, 3, 5, 9), S4(4, 9, 1, 1), S1(4)}},
    {"conv 2 by 2 stride 2", convolved, .n = {2, 0},
     .shapes = {S4(1, 6, 8, 1), S4(4, 1, 2, 2), S1(4)}},
    {"transposed conv", upsampled, .shapes = {S4(2, 3, 5, 8), S4(8, 6, 2, 2), S1(6)}},
    {"transposed conv and gelu", active_upsampled, .n = {1},
     .shapes = {S4(2, 3, 5, 8), S4(8, 16, 2, 2), S1(16), S4(2, 6, 10, 16)}, .fused = true},
    {"transposed conv 3 by 3 and gelu", active_upsampled, .n = {1},
     .shapes = {S4(1, 2, 3, 5), S4(5, 32, 3, 3), S1(32), S4(1, 6, 9, 32)}, .fused = true},
    {"transposed conv of long lines and relu", rectified_upsampled,
     .shapes = {S4(1, 2, 386, 8), S4(8, 48, 2, 2), S1(48)}, .fused = true},
    {"transposed conv of no whole panels and gelu", active_upsampled, .n = {1},
     .shapes = {S4(2, 3, 5, 8), S4(8, 37, 2, 2), S1(37), S4(2, 6, 10, 37)}},
    {"transposed conv 3 by 3 of no whole panels and gelu", active_upsampled, .n = {1},
     .shapes = {S4(1, 2, 3, 5), S4(5, 6, 3, 3), S1(6), S4(1, 6, 9, 6)}},
    {"transposed conv of no whole panels", rectified_upsampled,
     .shapes = {S4(1, 3, 5, 8), S4(8, 18, 2, 2), S1(18)}},
    {"gemm nn", product, .n = {0, 0}, .shapes = {S2(5, 7), S2(7, 9)}},
    {"gemm nt", product, .n = {0, 1}, .shapes = {S2(13, 37), S2(33, 37)}},
    {"gemm tn", product, .n = {1, 0}, .shapes = {S2(65, 21), S2(65, 31)}},
    {"gemm tt", product, .n = {1, 1}, .shapes = {S2(11, 14), S2(17, 11)}},
    {"gemm of one", product, .n = {0, 0}, .shapes = {S2(1, 1), S2(1, 1)}},
    {"gemm of one row", product, .n = {0, 1}, .shapes = {S2(1, 70), S2(35, 70)}},
    {"gemm of one column", product, .n = {0, 0}, .shapes = {S2(40, 70), S2(70, 1)}},
    {"gemm in several slices", product, .n = {0, 1}, .shapes = {S2(99, 523), S2(67, 523)},
     .tolerance = 5e-6, .large = true},
    {"gemm tn in several slices", product, .n = {1, 0}, .shapes = {S2(601, 99), S2(601, 65)},
     .tolerance = 5e-6, .large = true},
    {"gemm nn of many rows", product, .n = {0, 0}, .shapes = {S2(197, 33), S2(33, 64)}},
    {"gemm nn of few rows", product, .n = {0, 0}, .shapes = {S2(7, 300), S2(300, 129)},
     .tolerance = 5e-6},
    {"batched gemm nt", product, .n = {0, 1}, .shapes = {S3(3, 4, 32), S3(3, 77, 32)}},
    {"batched gemm nn", product, .n = {0, 0}, .shapes = {S3(2, 19, 5), S3(2, 5, 6)}},
    {"linear", linear, .shapes = {S3(2, 9, 24), S2(40, 24), S1(40)}},
    {"linear of few rows", linear, .shapes = {S3(1, 7, 24), S2(40, 24), S1(40)}},
    {"linear and gelu", active_linear, .n = {1},
     .shapes = {S2(29, 70), S2(70, 70), S1(70), S2(29, 70)}, .fused = true},
    {"linear and relu of few rows", active_linear, .n = {0},
     .shapes = {S2(7, 70), S2(37, 70), S1(37), S2(7, 37)}, .fused = true},
    {"linear and a residual", residual_linear,
     .shapes = {S2(29, 70), S2(70, 70), S1(70), S2(29, 70)}, .fused = true},
    {"two layers", two_layers, .shapes = {S2(29, 37), S2(70, 37), S1(70), S2(19, 70), S1(19)},
     .fused = true, .tolerance = 5e-6},
    {"two layers of few rows", two_layers,
     .shapes = {S2(5, 24), S2(45, 24), S1(45), S2(33, 45), S1(33)}, .fused = true},
    {"layer_norm", normalised, .shapes = {S3(3, 5, 48), S1(48), S1(48)}, .tolerance = 1e-5},
    {"layer_norm of 3", normalised, .shapes = {S2(70, 3), S1(3), S1(3)}, .tolerance = 2e-5},
    {"layer_norm of many rows", normalised, .shapes = {S2(1029, 19), S1(19), S1(19)},
     .tolerance = 1e-5},
    {"layer_norm wider than a stretch", normalised, .shapes = {S2(67, 2059), S1(2059), S1(2059)},
     .tolerance = 2e-5},
    {"layer_norm and gelu", active_norm, .n = {1},
     .shapes = {S3(3, 17, 67), S1(67), S1(67), S3(3, 17, 67)}, .tolerance = 1e-5, .fused = true},
    {"layer_norm of 3 and gelu", active_norm, .n = {1},
     .shapes = {S2(701, 3), S1(3), S1(3), S2(701, 3)}, .tolerance = 2e-5, .fused = true},
    {"layer_norm and relu", rectified_norm, .shapes = {S2(70, 19), S1(19), S1(19)},
     .tolerance = 1e-5, .fused = true},
    {"softmax of the last axis", softmax, .n = {-1}, .shapes = {S2(9, 21)}, .low = -9, .high = 9},
    {"softmax of the middle", softmax, .n = {1}, .shapes = {S3(2, 3, 70)}, .low = -9, .high = 9},
    {"softmax of many short rows", softmax, .n = {-1}, .shapes = {S2(1031, 5)}, .low = -9,
     .high = 9},
    {"softmax of more columns than a stretch", softmax, .n = {0}, .shapes = {S2(3, 2051)},
     .low = -9, .high = 9},
    {"log_softmax of the last axis", log_softmax, .n = {-1}, .shapes = {S2(9, 75)}, .low = -9,
     .high = 9},
    {"log_softmax of large values", log_softmax, .n = {0}, .shapes = {S2(3, 19)}, .low = 9000,
     .high = 9009},
    {"log_softmax of a row of large values", log_softmax, .n = {-1}, .shapes = {S2(3, 19)},
     .low = 9000, .high = 9009},
    {"log_softmax", log_softmax, .n = {1}, .shapes = {S4(2, 3, 5, 7)}, .low = -9, .high = 9},
    {"one_hot", one_hot, .n = {4, 1}, .shapes = {S4(2, 4, 3, 5)}},
    {"one_hot at the end", one_hot, .n = {3, -1}, .shapes = {S4(2, 3, 5, 3)}},
    {"fourier_features", fourier, .shapes = {S3(2, 3, 2), S2(2, 19), S3(2, 3, 38)}, .low = 0,
     .high = 1, .tolerance = 1e-5},
    {"global attention", packed_attention, .n = {2, 8, 3, 5, 0},
     .shapes = {S3(2, 15, 48), S2(5, 8), S2(9, 8)}, .tolerance = 5e-6},
    {"global attention to some of the keys", packed_attention, .n = {1, 8, 5, 11, 0, 0, 1},
     .shapes = {S3(2, 55, 24), S2(9, 8), S2(21, 8)}, .tolerance = 5e-6},
    {"global attention to some of long rows", packed_attention, .n = {1, 8, 3, 32, 0, 0, 1},
     .shapes = {S3(2, 96, 24), S2(5, 8), S2(63, 8)}, .tolerance = 5e-6},
    {"global attention, head of 16", packed_attention, .n = {1, 16, 6, 6, 0},
     .shapes = {S3(1, 36, 48), S2(11, 16), S2(11, 16)}, .tolerance = 5e-6},
    {"windows that fit", packed_attention, .n = {2, 8, 6, 6, 3},
     .shapes = {S3(1, 36, 48), S2(5, 8), S2(5, 8), S1(48)}, .tolerance = 5e-6},
    {"windows with padding", packed_attention, .n = {2, 8, 7, 5, 3},
     .shapes = {S3(2, 35, 48), S2(5, 8), S2(5, 8), S1(48)}, .tolerance = 5e-6},
    {"windows padded with zeros", packed_attention, .n = {1, 5, 4, 5, 3},
     .shapes = {S3(1, 20, 15), S2(5, 5), S2(5, 5)}, .tolerance = 5e-6},
    {"windows with padding, no positions", packed_attention, .n = {2, 8, 7, 5, 3},
     .shapes = {S3(2, 35, 48)}, .tolerance = 5e-6},
    {"windows with padding, large logits", packed_attention, .n = {2, 8, 7, 5, 3},
     .shapes = {S3(2, 35, 48), S2(5, 8), S2(5, 8), S1(48)}, .low = -5, .high = 5,
     .tolerance = 1e-5},
    {"one window larger than the grid", packed_attention, .n = {1, 20, 4, 4, 7},
     .shapes = {S3(1, 16, 60), S2(13, 20), S2(13, 20), S1(60)}, .tolerance = 5e-6},
    {"a window of 14", packed_attention, .n = {1, 32, 16, 15, 14},
     .shapes = {S3(1, 240, 96), S2(27, 32), S2(27, 32), S1(96)}, .tolerance = 1e-5, .large = true},
    {"many keys in blocks", packed_attention, .n = {1, 8, 20, 31, 0},
     .shapes = {S3(1, 620, 24), S2(39, 8), S2(61, 8)}, .tolerance = 1e-5, .large = true},
    {"few queries, many keys", cross_attention, .n = {4, 16, 7, 601, 0},
     .shapes = {S3(2, 7, 64), S3(2, 601, 64), S3(2, 601, 64)}, .tolerance = 1e-5},
    {"many queries, few keys", cross_attention, .n = {2, 16, 301, 9, 0},
     .shapes = {S3(2, 301, 32), S3(2, 9, 32), S3(2, 9, 32)}, .tolerance = 1e-5},
    {"attention to some of the keys", cross_attention, .n = {2, 32, 9, 9, 1},
     .shapes = {S3(2, 9, 64), S3(2, 9, 64), S3(2, 9, 64)}, .tolerance = 5e-6},
    {"attention with heads of 80", cross_attention, .n = {1, 80, 13, 19, 0},
     .shapes = {S3(1, 13, 80), S3(1, 19, 80), S3(1, 19, 80)}, .tolerance = 5e-6},
    {"attention with the log of its sums", packed_attention, .n = {2, 8, 7, 5, 0, 2},
     .shapes = {S3(2, 35, 48), S2(13, 8), S2(9, 8)}, .tolerance = 5e-6},
    {"padded windows with the log of their sums", packed_attention, .n = {2, 8, 7, 5, 3, 2},
     .shapes = {S3(2, 35, 48), S2(5, 8), S2(5, 8), S1(48)}, .tolerance = 5e-6},
    {"the log of attention's sums alone", packed_attention, .n = {1, 20, 4, 4, 7, 1},
     .shapes = {S3(1, 16, 60), S2(13, 20), S2(13, 20), S1(60)}, .tolerance = 5e-6},
    {"attention with logits of -300 to 300", cross_attention, .n = {2, 16, 13, 131, 0, 100},
     .shapes = {S3(2, 13, 32), S3(2, 131, 32), S3(2, 131, 32)}, .tolerance = 5e-5},
    {"attention with logits far from 0", cross_attention, .n = {2, 16, 13, 131, 0, 1, 200},
     .shapes = {S3(2, 13, 32), S3(2, 131, 32), S3(2, 131, 32)}, .tolerance = 5e-4},
    {"attention with heads of 7", cross_attention, .n = {3, 7, 13, 5, 0},
     .shapes = {S3(2, 13, 21), S3(2, 5, 21), S3(2, 5, 21)}, .tolerance = 5e-6},
};
const int op_case_count = sizeof op_cases / sizeof *op_cases;
