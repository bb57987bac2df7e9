/* class.cl - softmax along an axis, one-hot codes, and the position code of points. */

#define TWO_PI 6.28318530717958647692f

/* in, out [outer, size, inner]; a work-item per (outer, inner). May run in place. */
#define SOFTMAX(name, value)                                                                       \
    __kernel void name(__global const float *in, __global float *out, int outer, int size,         \
                       int inner)                                                                  \
    {                                                                                              \
        int i = get_global_id(0), o = get_global_id(1);                                            \
        if (i >= inner || o >= outer)                                                              \
            return;                                                                                \
        size_t start = (size_t)o * size * inner + i;                                               \
        float top = -INFINITY, sum = 0;                                                            \
        for (int c = 0; c < size; c++)                                                             \
            top = fmax(top, in[start + (size_t)c * inner]);                                        \
        for (int c = 0; c < size; c++)                                                             \
            sum += exp(in[start + (size_t)c * inner] - top);                                       \
        for (int c = 0; c < size; c++) {                                                           \
            size_t at = start + (size_t)c * inner;                                                 \
            float x = in[at] - top;                                                                \
            out[at] = value;                                                                       \
        }                                                                                          \
    }

SOFTMAX(softmax, exp(x) / sum)
SOFTMAX(log_softmax, x - log(sum))

/* ids [outer, inner] -> out [outer, classes, inner]. */
__kernel void one_hot(__global const int *ids, __global float *out, int outer, int classes,
                      int inner)
{
    int i = get_global_id(0), c = get_global_id(1), o = get_global_id(2);
    if (i >= inner || c >= classes || o >= outer)
        return;
    out[((size_t)o * classes + c) * inner + i] = ids[(size_t)o * inner + i] == c ? 1.0f : 0.0f;
}

/* coords [points, 2], matrix [2, features] -> out [points, 2 features]: sines, then cosines. */
__kernel void fourier_features(__global const float *coords, __global const float *matrix,
                               __global float *out, int points, int features)
{
    int f = get_global_id(0), k = get_global_id(1);
    if (f >= features || k >= points)
        return;
    float x = 2.0f * coords[2 * k] - 1.0f, y = 2.0f * coords[2 * k + 1] - 1.0f;
    float angle = TWO_PI * (x * matrix[f] + y * matrix[features + f]);
    out[(size_t)k * 2 * features + f] = sin(angle);
    out[(size_t)k * 2 * features + features + f] = cos(angle);
}
