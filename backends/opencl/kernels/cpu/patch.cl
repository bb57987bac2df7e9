/* cpu/patch.cl - image patches on CPU devices: a work-item has a row of patches, or a band of
 * pixels, so that memory is read and written in its order. K, STRIDE and COVERS (each pixel is in
 * one patch) are set by the host. A patch is [channels][K][K]. */

/* Pixels of an image that are read or written: its rows top .. bottom-1. */
typedef struct {
    int top, bottom, width, channels;
} area;

#if COVERS
#define PUT(place, x) (place) = (x)
#else
#define PUT(place, x) (place) += (x)
#endif

/* Unrolled, the compiler makes shuffles of the K * K interleaved streams; of 9 it makes gathers. */
#if K <= 2
#define UNROLL_SMALL _Pragma("unroll")
#else
#define UNROLL_SMALL
#endif

static inline bool is_inside(int y, int x, area a)
{
    return y >= a.top && y + K <= a.bottom && x >= 0 && x + K <= a.width;
}

static inline void copy_inside(__global const float *restrict image, __global float *restrict patch,
                               area a)
{
    for (int c = 0; c < a.channels; c++)
        UNROLL_SMALL for (int ky = 0; ky < K; ky++)
            UNROLL_SMALL for (int kx = 0; kx < K; kx++)
                patch[(c * K + ky) * K + kx] = image[(ky * a.width + kx) * a.channels + c];
}

static inline void copy_patch(__global const float *image, __global float *patch, int y, int x,
                              area a)
{
    if (is_inside(y, x, a)) {
        copy_inside(image + ((long)y * a.width + x) * a.channels, patch, a);
        return;
    }
    for (int k = 0; k < K * K; k++) {
        int row = y + k / K, column = x + k % K;
        bool inside = row >= a.top && row < a.bottom && column >= 0 && column < a.width;
        for (int c = 0; c < a.channels; c++)
            patch[c * K * K + k] =
                inside ? image[((long)row * a.width + column) * a.channels + c] : 0.0f;
    }
}

static inline void put_inside(__global const float *restrict patch, __global float *restrict image,
                              area a)
{
    for (int c = 0; c < a.channels; c++)
        UNROLL_SMALL for (int ky = 0; ky < K; ky++)
            UNROLL_SMALL for (int kx = 0; kx < K; kx++)
                PUT(image[(ky * a.width + kx) * a.channels + c], patch[(c * K + ky) * K + kx]);
}

static inline void put_patch(__global const float *patch, __global float *image, int y, int x,
                             area a)
{
    if (is_inside(y, x, a)) {
        put_inside(patch, image + ((long)y * a.width + x) * a.channels, a);
        return;
    }
    for (int k = 0; k < K * K; k++) {
        int row = y + k / K, column = x + k % K;
        if (row >= a.top && row < a.bottom && column >= 0 && column < a.width)
            for (int c = 0; c < a.channels; c++)
                PUT(image[((long)row * a.width + column) * a.channels + c], patch[c * K * K + k]);
    }
}

/* in [B,H,W,C] -> out [B,OH,OW,C*K*K]; work-item (row of patches, image). */
__kernel void im2col(__global const float *in, __global float *out, int height, int width,
                     int channels, int out_height, int out_width, int pad)
{
    int py = get_global_id(0), b = get_global_id(1), values = channels * K * K;
    area a = {0, height, width, channels};
    in += (size_t)b * height * width * channels;
    out += ((size_t)b * out_height + py) * out_width * values;
    for (int px = 0; px < out_width; px++, out += values)
        copy_patch(in, out, py * STRIDE - pad, px * STRIDE - pad, a);
}

/* in [B,OH,OW,C*K*K] -> out [B,H,W,C]; work-item (band of pixel rows, image). */
__kernel void col2im(__global const float *in, __global float *out, int height, int width,
                     int channels, int out_height, int out_width, int pad,
                     int band)
{
    int top = get_global_id(0) * band, b = get_global_id(1), values = channels * K * K;
    area a = {top, min(top + band, height), width, channels};
    long row = (long)width * channels;
    out += (size_t)b * height * width * channels;
#if !COVERS
    for (long at = a.top * row; at < a.bottom * row; at += channels)
        FOR_RANGE(0, channels, vstoreV((floatV)(0), 0, out + at + i), out[at + i] = 0.0f);
#endif
    int first = max(0, (a.top + pad - K + STRIDE) / STRIDE);
    int end = min(out_height, (a.bottom - 1 + pad) / STRIDE + 1);
    in += ((size_t)b * out_height + first) * out_width * values;
    for (int py = first; py < end; py++)
        for (int px = 0; px < out_width; px++, in += values)
            put_patch(in, out, py * STRIDE - pad, px * STRIDE - pad, a);
}
