/* experts.cl - the routed convolution of conv_lora and its gradients; see experts.h.
 *
 * An expert of ratio R upsamples by R, convolves 3 by 3, and comes back to the coarse pixels.
 * Bicubic reduction by an odd ratio takes the middle fine pixel alone, by an even one a weighted
 * sum of 4 along each axis: so a coarse pixel needs the convolution at 1 or 4 x 4 fine pixels, and
 * those need 3 x 3 or 6 x 6 upsampled ones, whatever the ratio is.
 *
 * The host sets RANK, EXPERTS, CHOICES (entries of a sample in `expert`, of which the first
 * counts), TOKENS, GRID_H, GRID_W, SIDE_H, SIDE_W (of a sample: a window or the grid), PIXELS (of a
 * chunk) and CHUNKS (of a sample). */

#define REACH   3 /* coarse pixels to each side that an upsampled one may be made of */
#define SPAN    (2 * REACH + 1)
#define MOST    6 /* upsampled pixels along an axis */
#define OUTPUTS 4 /* pixels of the convolution along an axis, at most */
#define KERNEL  (RANK * RANK * 9)
#define WEIGHTS (KERNEL + RANK)

#define SIDE_PIXELS (SIDE_H * SIDE_W)

/* One axis of a coarse pixel: the upsampled pixels that are made of its neighbours, and what those
 * of the convolution add to it. What lies beyond the border has no weight. */
typedef struct axis_weights {
    int count, outputs;    /* upsampled pixels, and pixels of the convolution */
    float up[MOST][SPAN];  /* by the coarse pixels at - REACH .. at + REACH */
    float down[OUTPUTS];
} axis_weights;

static float near_weight(float x)
{
    return (1.25f * x - 2.25f) * x * x + 1.0f;
}

static float far_weight(float x)
{
    return ((-0.75f * x + 3.75f) * x - 6.0f) * x + 3.0f;
}

/* Keys' kernel with a = -0.75, as in torch, of the fine pixel `fine` of `size * ratio`. */
static void upsampling(float *up, int fine, int at, int size, int ratio)
{
    int coarse = fine / ratio, twice = 2 * (fine % ratio) + 1 - ratio;
    float t = (float)(twice < 0 ? twice + 2 * ratio : twice) / (float)(2 * ratio);
    const float weights[4] = {far_weight(t + 1.0f), near_weight(t), near_weight(1.0f - t),
                              far_weight(2.0f - t)};
    int first = twice < 0 ? coarse - 2 : coarse - 1;
    for (int k = 0; k < 4; k++)
        up[clamp(first + k, 0, size - 1) - at + REACH] += weights[k];
}

static axis_weights weights_of(int at, int size, int ratio)
{
    const float reduction[OUTPUTS] = {-0.09375f, 0.59375f, 0.59375f, -0.09375f};
    bool odd = ratio % 2 == 1;
    int first = ratio * at + (odd ? ratio / 2 : ratio / 2 - 2), last = size * ratio - 1;
    axis_weights w = {.count = odd ? 3 : 6, .outputs = odd ? 1 : 4};
    for (int i = 0; i < MOST; i++)
        for (int k = 0; k < SPAN; k++)
            w.up[i][k] = 0.0f;
    for (int i = 0; i < w.count; i++)
        if (first - 1 + i >= 0 && first - 1 + i <= last)
            upsampling(w.up[i], first - 1 + i, at, size, ratio);
    for (int i = 0; i < OUTPUTS; i++)
        w.down[i] = 0.0f;
    for (int i = 0; i < w.outputs; i++)
        w.down[clamp(first + i, 0, last) - first] += odd ? 1.0f : reduction[i];
    return w;
}

/* Where a sample's pixel lies among the tokens. */
static size_t token_of(int sample, int y, int x)
{
    const int across = GRID_W / SIDE_W, windows = across * (GRID_H / SIDE_H);
    int image = sample / windows, window = sample % windows;
    int row = image * GRID_H + window / across * SIDE_H + y;
    return (size_t)row * GRID_W + window % across * SIDE_W + x;
}

/* u [MOST][MOST][RANK]: the upsampled pixels around (y, x). */
static void upsample(__global const float *z, int sample, int y, int x, const axis_weights *wy,
                     const axis_weights *wx, float *u)
{
    for (int i = 0; i < wy->count * MOST * RANK; i++)
        u[i] = 0.0f;
    for (int k = 0; k < SPAN; k++) {
        int from = y + k - REACH;
        if (from < 0 || from >= SIDE_H)
            continue;
        float row[MOST * RANK] = {0.0f};
        for (int l = max(REACH - x, 0); l < min(SPAN, SIDE_W + REACH - x); l++) {
            __global const float *pixel = z + token_of(sample, from, x + l - REACH) * RANK;
            for (int j = 0; j < wx->count; j++)
                for (int c = 0; c < RANK; c++)
                    row[j * RANK + c] += wx->up[j][l] * pixel[c];
        }
        for (int i = 0; i < wy->count; i++)
            for (int j = 0; j < wx->count * RANK; j++)
                u[i * MOST * RANK + j] += wy->up[i][k] * row[j];
    }
}

/* The convolution's output channel o at its pixel (i, j). */
static float convolved(__global const float *kernel_of, float bias, const float *u, int i, int j)
{
    float sum = bias;
    for (int dy = 0; dy < 3; dy++)
        for (int dx = 0; dx < 3; dx++) {
            const float *pixel = u + ((i + dy) * MOST + j + dx) * RANK;
            for (int c = 0; c < RANK; c++)
                sum += kernel_of[c * 9 + dy * 3 + dx] * pixel[c];
        }
    return sum;
}

static float normal_cdf(float x)
{
    return 0.5f + 0.5f * erf(x * 0.70710678118654752440f);
}

/* z [TOKENS, RANK], expert [samples, CHOICES], weight [EXPERTS, RANK, RANK, 3, 3], bias [EXPERTS,
 * RANK] -> out [TOKENS, RANK]; a work-item makes one pixel. */
__kernel void experts(__global const float *z, __global const int *expert,
                      __global const float *weight, __global const float *bias,
                      __global float *out)
{
    int item = get_global_id(0), sample = item / SIDE_PIXELS, pixel = item % SIDE_PIXELS;
    int y = pixel / SIDE_W, x = pixel % SIDE_W;
    if (item >= TOKENS)
        return;
    int e = expert[sample * CHOICES];
    const axis_weights wy = weights_of(y, SIDE_H, e + 1), wx = weights_of(x, SIDE_W, e + 1);
    float u[MOST * MOST * RANK];
    upsample(z, sample, y, x, &wy, &wx, u);
    __global float *to = out + token_of(sample, y, x) * RANK;
    for (int o = 0; o < RANK; o++) {
        __global const float *kernel_of = weight + (size_t)e * KERNEL + o * RANK * 9;
        float sum = 0.0f;
        for (int i = 0; i < wy.outputs; i++)
            for (int j = 0; j < wx.outputs; j++) {
                float v = convolved(kernel_of, bias[e * RANK + o], u, i, j);
                sum += wy.down[i] * wx.down[j] * v * normal_cdf(v);
            }
        to[o] = sum;
    }
}

/* What a pixel's gradient dy [RANK] gives: to the upsampled pixels, du as u, and to the weights,
 * added to part [WEIGHTS]. */
static void pixel_backward(__global const float *kernels, __global const float *bias,
                           __global const float *dy, const float *u, const axis_weights *wy,
                           const axis_weights *wx, float *du, __global float *part)
{
    for (int i = 0; i < wy->count * MOST * RANK; i++)
        du[i] = 0.0f;
    for (int o = 0; o < RANK; o++)
        for (int at = 0; at < wy->outputs * wx->outputs; at++) {
            int i = at / wx->outputs, j = at % wx->outputs;
            __global const float *kernel_of = kernels + o * RANK * 9;
            __global float *d_kernel = part + o * RANK * 9;
            float v = convolved(kernel_of, bias[o], u, i, j);
            float slope = normal_cdf(v) + v * 0.39894228040143267794f * exp(-0.5f * v * v);
            float d = wy->down[i] * wx->down[j] * dy[o] * slope;
            part[KERNEL + o] += d;
            for (int k = 0; k < 9; k++) {
                int place = ((i + k / 3) * MOST + j + k % 3) * RANK;
                for (int c = 0; c < RANK; c++) {
                    d_kernel[c * 9 + k] += d * u[place + c];
                    du[place + c] += d * kernel_of[c * 9 + k];
                }
            }
        }
}

/* The adjoint of upsample: to [SPAN][SPAN][RANK], shares of the coarse pixels around. */
static void downsample(const float *du, const axis_weights *wy, const axis_weights *wx,
                       __global float *to)
{
    for (int k = 0; k < SPAN; k++) {
        float row[MOST * RANK] = {0.0f};
        for (int i = 0; i < wy->count; i++)
            for (int j = 0; j < wx->count * RANK; j++)
                row[j] += wy->up[i][k] * du[i * MOST * RANK + j];
        for (int l = 0; l < SPAN; l++)
            for (int c = 0; c < RANK; c++) {
                float sum = 0.0f;
                for (int j = 0; j < wx->count; j++)
                    sum += wx->up[j][l] * row[j * RANK + c];
                to[(k * SPAN + l) * RANK + c] = sum;
            }
    }
}

/* The workspace: of each token the shares of its neighbours, then of each chunk a part of the
 * gradient of its expert's weights. */
#define SHARES ((size_t)TOKENS * SPAN * SPAN * RANK)
#define BACKWARD                                                                                   \
    (__global const float *z, __global const int *expert, __global const float *weight,            \
     __global const float *bias, __global const float *dy, __global float *dz,                     \
     __global float *d_weight, __global float *d_bias, __global float *work)

/* A work-item has the pixels of a chunk. */
__kernel void share_out BACKWARD
{
    int item = get_global_id(0), sample = item / CHUNKS, first = item % CHUNKS * PIXELS;
    const int samples = TOKENS / SIDE_PIXELS;
    if (sample >= samples)
        return;
    int e = expert[sample * CHOICES], end = min(first + PIXELS, SIDE_PIXELS);
    __global float *part = work + SHARES + (size_t)item * WEIGHTS;
    for (int i = 0; i < WEIGHTS; i++)
        part[i] = 0.0f;
    for (int pixel = first; pixel < end; pixel++) {
        int y = pixel / SIDE_W, x = pixel % SIDE_W;
        size_t token = token_of(sample, y, x);
        const axis_weights wy = weights_of(y, SIDE_H, e + 1), wx = weights_of(x, SIDE_W, e + 1);
        float u[MOST * MOST * RANK], du[MOST * MOST * RANK];
        upsample(z, sample, y, x, &wy, &wx, u);
        pixel_backward(weight + (size_t)e * KERNEL, bias + e * RANK, dy + token * RANK, u, &wy, &wx,
                       du, part);
        downsample(du, &wy, &wx, work + token * SPAN * SPAN * RANK);
    }
}

/* A work-item gathers a pixel's shares. */
__kernel void gather_pixels BACKWARD
{
    int item = get_global_id(0), sample = item / SIDE_PIXELS, pixel = item % SIDE_PIXELS;
    int y = pixel / SIDE_W, x = pixel % SIDE_W;
    if (item >= TOKENS)
        return;
    float sum[RANK] = {0.0f};
    for (int k = 0; k < SPAN; k++)
        for (int l = 0; l < SPAN; l++) {
            int from_y = y + REACH - k, from_x = x + REACH - l;
            if (from_y < 0 || from_y >= SIDE_H || from_x < 0 || from_x >= SIDE_W)
                continue;
            size_t share = (token_of(sample, from_y, from_x) * SPAN + k) * SPAN + l;
            for (int c = 0; c < RANK; c++)
                sum[c] += work[share * RANK + c];
        }
    for (int c = 0; c < RANK; c++)
        dz[token_of(sample, y, x) * RANK + c] = sum[c];
}

/* A work-item sums one weight's parts. */
__kernel void gather_weights BACKWARD
{
    int item = get_global_id(0), e = item / WEIGHTS, k = item % WEIGHTS;
    const int samples = TOKENS / SIDE_PIXELS;
    if (e >= EXPERTS)
        return;
    float sum = 0.0f;
    for (int sample = 0; sample < samples; sample++)
        for (int chunk = 0; chunk < CHUNKS && expert[sample * CHOICES] == e; chunk++)
            sum += work[SHARES + ((size_t)sample * CHUNKS + chunk) * WEIGHTS + k];
    if (k < KERNEL)
        d_weight[(size_t)e * KERNEL + k] = sum;
    else
        d_bias[e * RANK + k - KERNEL] = sum;
}
