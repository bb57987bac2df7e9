#include "data/frame.h"

#include "io/resize.h"

#include <string.h>

static const float pixel_mean[3] = {123.675f, 116.28f, 103.53f};
static const float pixel_deviation[3] = {58.395f, 57.12f, 57.375f};

static int scaled(int length, double scale)
{
    int rounded = (int)(length * scale + 0.5);
    return rounded > 0 ? rounded : 1;
}

scl_frame scl_frame_make(int width, int height, int side)
{
    double scale = (double)side / (width > height ? width : height);
    return (scl_frame){.width = width,
                       .height = height,
                       .side = side,
                       .scaled_width = scaled(width, scale),
                       .scaled_height = scaled(height, scale)};
}

void scl_frame_coords(const scl_frame *frame, double x, double y, float coords[2])
{
    float scaled_x = (float)(x * ((double)frame->scaled_width / frame->width));
    float scaled_y = (float)(y * ((double)frame->scaled_height / frame->height));
    coords[0] = (scaled_x + 0.5f) / (float)frame->side;
    coords[1] = (scaled_y + 0.5f) / (float)frame->side;
}

/* Every value that a normalised sample can have: as exact as computing it, and faster. */
typedef struct normal_table {
    float value[256][3];
} normal_table;

static void fill_normal_table(normal_table *table)
{
    for (int i = 0; i < 256; i++)
        for (int c = 0; c < 3; c++)
            table->value[i][c] = ((float)i - pixel_mean[c]) / pixel_deviation[c];
}

scl_status scl_frame_image(const scl_frame *frame, const uint8_t *rgb, float *out, scl_error *err)
{
    size_t side = (size_t)frame->side;
    size_t columns = (size_t)frame->scaled_width, rows = (size_t)frame->scaled_height;
    /* The bytes are put at the end of `out` and widened from its front, which saves a buffer. No
     * float reaches an unread byte: of the square at least as many pixels are left to write as of
     * the picture to read, and they take more room. */
    uint8_t *bytes = (uint8_t *)(out + side * side * 3) - rows * columns * 3;
    SCL_TRY(scl_resize_bilinear_u8(rgb, frame->width, frame->height, 3, bytes, frame->scaled_width,
                                   frame->scaled_height, err));
    normal_table table;
    fill_normal_table(&table);
    for (size_t y = 0; y < side; y++) {
        size_t filled = y < rows ? columns : 0;
        for (size_t x = 0; x < filled; x++, bytes += 3, out += 3) {
            const uint8_t pixel[3] = {bytes[0], bytes[1], bytes[2]};
            for (int c = 0; c < 3; c++)
                out[c] = table.value[pixel[c]][c];
        }
        memset(out, 0, (side - filled) * 3 * sizeof *out);
        out += (side - filled) * 3;
    }
    return SCL_OK;
}

scl_status scl_frame_ids(const scl_frame *frame, const int32_t *ids, int32_t *out, scl_error *err)
{
    size_t side = (size_t)frame->side;
    size_t columns = (size_t)frame->scaled_width, rows = (size_t)frame->scaled_height;
    SCL_TRY(scl_resize_nearest(ids, sizeof *ids, frame->width, frame->height, out,
                               frame->scaled_width, frame->scaled_height, err));
    for (size_t y = side; y-- > 0;) {
        size_t filled = y < rows ? columns : 0;
        /* Rows move outwards, so the last goes first. */
        memmove(out + y * side, out + y * columns, filled * sizeof *out);
        for (size_t x = filled; x < side; x++)
            out[y * side + x] = -1;
    }
    return SCL_OK;
}
