#include "io/resize.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* a fused multiply-add would change last bits; GCC's C11 has it off  \
                              */
#endif

#define WEIGHT_BITS 22 /* Pillow's PRECISION_BITS: 32 - 8 bits of pixel - 2 of headroom */
#define HALF        (1 << (WEIGHT_BITS - 1))
#define SIDE_MAX    (1 << 24)
#define BLOCK       64 /* columns handled at once in the vertical pass: a constant, to vectorise */

static scl_status check_sizes(int sw, int sh, int dw, int dh, scl_error *err)
{
    if (sw < 1 || sh < 1 || dw < 1 || dh < 1 || sw > SIDE_MAX || sh > SIDE_MAX || dw > SIDE_MAX ||
        dh > SIDE_MAX)
        return scl_fail(err, SCL_BAD_DATA,
                        "a resize needs sides of 1 to %d pixels, found %d x %d to %d x %d",
                        SIDE_MAX, sw, sh, dw, dh);
    return SCL_OK;
}

/* For each output position of one axis: the input run it reads and its weights in 22 bits. */
typedef struct axis {
    int count;        /* output positions */
    int taps;         /* stride of `weights` */
    int *first;       /* [count] start of the run */
    int *length;      /* [count] its length, at most taps */
    int32_t *weights; /* [count, taps] */
} axis;

static void axis_free(axis *a)
{
    scl_free(a->first);
    scl_free(a->length);
    scl_free(a->weights);
    *a = (axis){0};
}

/* One output position: the triangle's weights over its run, normalised, then rounded to 22 bits. */
static void axis_fill(axis *a, int i, int in, double scale, double *scratch)
{
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double inverse = 1.0 / filter_scale;
    double center = (i + 0.5) * scale;
    int low = (int)(center - filter_scale + 0.5);
    int high = (int)(center + filter_scale + 0.5);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    double sum = 0.0;
    for (int x = 0; x < high - low; x++) {
        double distance = fabs((x + low - center + 0.5) * inverse);
        scratch[x] = distance < 1.0 ? 1.0 - distance : 0.0;
        sum += scratch[x];
    }
    int32_t *weights = a->weights + (size_t)i * (size_t)a->taps;
    for (int x = 0; x < high - low; x++) {
        double weight = sum != 0.0 ? scratch[x] / sum : scratch[x];
        weights[x] = (int32_t)(0.5 + weight * (1 << WEIGHT_BITS));
    }
    a->first[i] = low;
    a->length[i] = high - low;
}

static scl_status axis_make(axis *a, int in, int out, scl_error *err)
{
    double scale = (double)in / out;
    int taps = (int)ceil(scale < 1.0 ? 1.0 : scale) * 2 + 1;
    size_t cells = (size_t)out * (size_t)taps;
    *a = (axis){.count = out,
                .taps = taps,
                .first = scl_calloc((size_t)out, sizeof *a->first),
                .length = scl_calloc((size_t)out, sizeof *a->length),
                .weights = scl_calloc(cells, sizeof *a->weights)};
    double *scratch = scl_calloc((size_t)taps, sizeof *scratch);
    bool ready = a->first != NULL && a->length != NULL && a->weights != NULL && scratch != NULL;
    for (int i = 0; ready && i < out; i++)
        axis_fill(a, i, in, scale, scratch);
    scl_free(scratch);
    if (ready)
        return SCL_OK;
    axis_free(a);
    return scl_out_of_memory(err, cells * sizeof *a->weights, "resize weights");
}

/* The weights are positive and sum to 2^22 within rounding, so only the top can overflow. */
static uint8_t to_pixel(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value > 255 ? 255 : value);
}

static inline void horizontal_row(const uint8_t *src, const axis *a, int channels, uint8_t *dst)
{
    for (int i = 0; i < a->count; i++) {
        const int32_t *weights = a->weights + (size_t)i * (size_t)a->taps;
        int length = a->length[i];
        for (int c = 0; c < channels; c++) {
            const uint8_t *pixel = src + a->first[i] * channels + c;
            int32_t sum = HALF;
            for (int x = 0; x < length; x++)
                sum += pixel[x * channels] * weights[x];
            *dst++ = to_pixel(sum);
        }
    }
}

/* The common case, with the three sums in registers: half the time of the general loop. */
static void horizontal_row_rgb(const uint8_t *src, const axis *a, uint8_t *dst)
{
    for (int i = 0; i < a->count; i++, dst += 3) {
        const int32_t *weights = a->weights + (size_t)i * (size_t)a->taps;
        const uint8_t *pixel = src + a->first[i] * 3;
        int length = a->length[i];
        int32_t red = HALF, green = HALF, blue = HALF;
        for (int x = 0; x < length; x++, pixel += 3) {
            red += pixel[0] * weights[x];
            green += pixel[1] * weights[x];
            blue += pixel[2] * weights[x];
        }
        dst[0] = to_pixel(red);
        dst[1] = to_pixel(green);
        dst[2] = to_pixel(blue);
    }
}

static void horizontal(const uint8_t *src, int sw, int rows, int channels, const axis *a,
                       uint8_t *dst)
{
    size_t src_bytes = (size_t)sw * (size_t)channels;
    size_t dst_bytes = (size_t)a->count * (size_t)channels;
    for (int y = 0; y < rows; y++, src += src_bytes, dst += dst_bytes) {
        if (channels == 3)
            horizontal_row_rgb(src, a, dst);
        else if (channels == 1)
            horizontal_row(src, a, 1, dst); /* the constant lets the compiler simplify */
        else
            horizontal_row(src, a, channels, dst);
    }
}

static inline void vertical_block(const uint8_t *src, size_t stride, const int32_t *weights,
                                  int taps, int columns, uint8_t *dst)
{
    int32_t sum[BLOCK];
    for (int x = 0; x < columns; x++)
        sum[x] = HALF;
    for (int y = 0; y < taps; y++, src += stride)
        for (int x = 0; x < columns; x++)
            sum[x] += src[x] * weights[y];
    for (int x = 0; x < columns; x++)
        dst[x] = to_pixel(sum[x]);
}

/* src starts at input row `row0`; both have `bytes` bytes a row. */
static void vertical(const uint8_t *src, int row0, size_t bytes, const axis *a, uint8_t *dst)
{
    for (int i = 0; i < a->count; i++, dst += bytes) {
        const uint8_t *rows = src + (size_t)(a->first[i] - row0) * bytes;
        const int32_t *weights = a->weights + (size_t)i * (size_t)a->taps;
        size_t x = 0;
        for (; x + BLOCK <= bytes; x += BLOCK)
            vertical_block(rows + x, bytes, weights, a->length[i], BLOCK, dst + x);
        if (x < bytes)
            vertical_block(rows + x, bytes, weights, a->length[i], (int)(bytes - x), dst + x);
    }
}

static scl_status resize_height(const uint8_t *src, size_t bytes, int sh, uint8_t *dst, int dh,
                                scl_error *err)
{
    axis a;
    SCL_TRY(axis_make(&a, sh, dh, err));
    vertical(src, 0, bytes, &a, dst);
    axis_free(&a);
    return SCL_OK;
}

static scl_status resize_width(const uint8_t *src, int sw, int rows, int channels, uint8_t *dst,
                               int dw, scl_error *err)
{
    axis a;
    SCL_TRY(axis_make(&a, sw, dw, err));
    horizontal(src, sw, rows, channels, &a, dst);
    axis_free(&a);
    return SCL_OK;
}

/* Of only those rows that the height pass will read. */
static scl_status resize_width_first(const uint8_t *src, int sw, int sh, int channels, uint8_t *dst,
                                     int dw, int dh, scl_error *err)
{
    axis a;
    SCL_TRY(axis_make(&a, sh, dh, err));
    int row0 = a.first[0];
    int rows = a.first[dh - 1] + a.length[dh - 1] - row0;
    size_t src_bytes = (size_t)sw * (size_t)channels, bytes = (size_t)dw * (size_t)channels;
    uint8_t *between = scl_calloc((size_t)rows, bytes);
    scl_status status =
        between != NULL ? SCL_OK : scl_out_of_memory(err, (size_t)rows * bytes, "rows of a resize");
    if (status == SCL_OK)
        status = resize_width(src + (size_t)row0 * src_bytes, sw, rows, channels, between, dw, err);
    if (status == SCL_OK)
        vertical(between, row0, bytes, &a, dst);
    scl_free(between);
    axis_free(&a);
    return status;
}

static scl_status resize_height_first(const uint8_t *src, int sw, int sh, int channels,
                                      uint8_t *dst, int dw, int dh, scl_error *err)
{
    size_t bytes = (size_t)sw * (size_t)channels;
    uint8_t *between = scl_calloc((size_t)dh, bytes);
    if (between == NULL)
        return scl_out_of_memory(err, (size_t)dh * bytes, "rows of a resize");
    scl_status status = resize_height(src, bytes, sh, between, dh, err);
    if (status == SCL_OK)
        status = resize_width(between, sw, dh, channels, dst, dw, err);
    scl_free(between);
    return status;
}

scl_status scl_resize_bilinear_u8(const uint8_t *src, int sw, int sh, int channels, uint8_t *dst,
                                  int dw, int dh, scl_error *err)
{
    SCL_TRY(check_sizes(sw, sh, dw, dh, err));
    if (channels < 1 || channels > 4)
        return scl_fail(err, SCL_BAD_DATA, "a resize handles 1 to 4 channels, found %d", channels);
    size_t row_bytes = (size_t)sw * (size_t)channels;
    if (sw == dw && sh == dh) {
        memcpy(dst, src, row_bytes * (size_t)sh);
        return SCL_OK;
    }
    if (sh == dh)
        return resize_width(src, sw, sh, channels, dst, dw, err);
    if (sw == dw)
        return resize_height(src, row_bytes, sh, dst, dh, err);
    if (dh < sh && sh - dh > 2 * (sw - dw))
        return resize_height_first(src, sw, sh, channels, dst, dw, dh, err);
    return resize_width_first(src, sw, sh, channels, dst, dw, dh, err);
}

/* The input position of every output position, or -1 where rounding ran past the last one. */
static int *nearest_positions(int in, int out, bool accumulate)
{
    int *positions = scl_calloc((size_t)out, sizeof *positions);
    double step = (double)in / out;
    double at = step * 0.5;
    for (int i = 0; positions != NULL && i < out; i++, at += step) {
        double position = accumulate ? at : (i + 0.5) * step;
        positions[i] = position < in ? (int)position : -1;
    }
    return positions;
}

#define NEAREST_ROW(type)                                                                          \
    for (int x = 0; x < dw; x++)                                                                   \
    ((type *)dst)[x] = (type)(columns[x] < 0 ? 0 : ((const type *)src)[columns[x]])

static void nearest_row(const void *src, size_t element, const int *columns, void *dst, int dw)
{
    if (element == 1)
        NEAREST_ROW(uint8_t);
    else if (element == 2)
        NEAREST_ROW(uint16_t);
    else
        NEAREST_ROW(uint32_t);
}

scl_status scl_resize_nearest(const void *src, size_t element, int sw, int sh, void *dst, int dw,
                              int dh, scl_error *err)
{
    SCL_TRY(check_sizes(sw, sh, dw, dh, err));
    if (element != 1 && element != 2 && element != 4)
        return scl_fail(err, SCL_BAD_DATA,
                        "a nearest resize handles elements of 1, 2 or 4 bytes, found %zu", element);
    int *columns = nearest_positions(sw, dw, element != 2);
    int *rows = nearest_positions(sh, dh, element != 2);
    bool ready = columns != NULL && rows != NULL;
    size_t src_bytes = (size_t)sw * element, dst_bytes = (size_t)dw * element;
    for (int y = 0; ready && y < dh; y++) {
        uint8_t *out = (uint8_t *)dst + (size_t)y * dst_bytes;
        if (rows[y] < 0)
            memset(out, 0, dst_bytes);
        else
            nearest_row((const uint8_t *)src + (size_t)rows[y] * src_bytes, element, columns, out,
                        dw);
    }
    scl_free(columns);
    scl_free(rows);
    return ready ? SCL_OK
                 : scl_out_of_memory(err, ((size_t)dw + (size_t)dh) * sizeof(int),
                                     "resize positions");
}

/* Where an output position reads between two input positions (torch: align_corners=False). */
typedef struct between {
    int low, high;
    float low_weight, high_weight;
} between;

static between locate(int i, int in, float scale)
{
    float position = scale * ((float)i + 0.5f) - 0.5f;
    position = position < 0.0f ? 0.0f : position;
    int low = (int)position;
    low = low > in - 1 ? in - 1 : low;
    float part = position - (float)low;
    part = part > 1.0f ? 1.0f : part;
    return (between){low, low + (low < in - 1), 1.0f - part, part};
}

scl_status scl_resize_bilinear_f32(const float *src, size_t src_stride, int sw, int sh, float *dst,
                                   int dw, int dh, scl_error *err)
{
    SCL_TRY(check_sizes(sw, sh, dw, dh, err));
    between *columns = scl_calloc((size_t)dw, sizeof *columns);
    if (columns == NULL)
        return scl_out_of_memory(err, (size_t)dw * sizeof *columns, "resize positions");
    for (int x = 0; x < dw; x++)
        columns[x] = locate(x, sw, (float)sw / (float)dw);
    for (int y = 0; y < dh; y++) {
        between row = locate(y, sh, (float)sh / (float)dh);
        const float *low = src + (size_t)row.low * src_stride;
        const float *high = src + (size_t)row.high * src_stride;
        for (int x = 0; x < dw; x++) {
            between at = columns[x];
            float upper = low[at.low] * at.low_weight + low[at.high] * at.high_weight;
            float lower = high[at.low] * at.low_weight + high[at.high] * at.high_weight;
            *dst++ = upper * row.low_weight + lower * row.high_weight;
        }
    }
    scl_free(columns);
    return SCL_OK;
}

scl_status scl_resize_rows_f32(const float *src, int rows, int columns, float *dst, int new_rows,
                               scl_error *err)
{
    SCL_TRY(check_sizes(columns, rows, columns, new_rows, err));
    for (int y = 0; y < new_rows; y++) {
        between at = locate(y, rows, (float)rows / (float)new_rows);
        const float *low = src + (size_t)at.low * (size_t)columns;
        const float *high = src + (size_t)at.high * (size_t)columns;
        for (int x = 0; x < columns; x++)
            *dst++ = low[x] * at.low_weight + high[x] * at.high_weight;
    }
    return SCL_OK;
}
