/* patch.cl - image patches under a sliding kernel, and back. K and STRIDE are set by the host. */
/* in [B,H,W,C] -> out [B,OH,OW,C*K*K]; a work-item copies one channel of one patch. */
__kernel void im2col(__global const float *in, __global float *out, int height, int width,
                     int channels, int out_height, int out_width, int pad)
{
    int c = get_global_id(0), patch = get_global_id(1), b = get_global_id(2);
    if (c >= channels)
        return;
    int y0 = patch / out_width * STRIDE - pad, x0 = patch % out_width * STRIDE - pad;
    __global const float *image = in + (size_t)b * height * width * channels + c;
    size_t patches = (size_t)out_height * out_width;
    __global float *to = out + ((b * patches + patch) * channels + c) * (K * K);
    for (int ky = 0; ky < K; ky++)
        for (int kx = 0; kx < K; kx++) {
            int y = y0 + ky, x = x0 + kx;
            bool inside = y >= 0 && x >= 0 && y < height && x < width;
            to[ky * K + kx] = inside ? image[((size_t)y * width + x) * channels] : 0.0f;
        }
}

/* in [B,OH,OW,C*K*K] -> out [B,H,W,C]; a work-item sums what falls on one pixel's channel. */
__kernel void col2im(__global const float *in, __global float *out, int height, int width,
                     int channels, int out_height, int out_width, int pad)
{
    int c = get_global_id(0), pixel = get_global_id(1), b = get_global_id(2);
    if (c >= channels)
        return;
    int y = pixel / width + pad, x = pixel % width + pad;
    size_t patches = (size_t)out_height * out_width;
    __global const float *from = in + (b * patches * channels + c) * (K * K);
    float total = 0;
    for (int ky = y % STRIDE; ky < K && ky <= y; ky += STRIDE)
        for (int kx = x % STRIDE; kx < K && kx <= x; kx += STRIDE) {
            int py = (y - ky) / STRIDE, px = (x - kx) / STRIDE;
            if (py < out_height && px < out_width)
                total += from[((size_t)py * out_width + px) * channels * (K * K) + ky * K + kx];
        }
    out[((size_t)b * height * width + pixel) * channels + c] = total;
}
