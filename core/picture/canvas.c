#include "picture/canvas.h"

#include "base/mem.h"
#include "base/str.h"
#include "io/image.h"
#include "io/resize.h"
#include "picture/font.h"

#include <math.h>
#include <string.h>

#define FAR      1e9 /* coordinates are held within this, so that no product overflows */
#define TEXT_MAX 4096

scl_status scl_canvas_make(scl_canvas *canvas, int width, int height, scl_color color,
                           scl_error *err)
{
    *canvas = (scl_canvas){0};
    if (width < 1 || height < 1 || (size_t)width > SCL_IMAGE_MAX_PIXELS / (size_t)height)
        return scl_fail(err, SCL_BAD_DATA, "a picture can't have %d x %d pixels", width, height);
    uint8_t *pixels = scl_calloc((size_t)width * (size_t)height, 3);
    if (pixels == NULL)
        return scl_out_of_memory(err, (size_t)width * (size_t)height * 3, "a picture");
    *canvas = (scl_canvas){width, height, pixels};
    scl_canvas_fill(canvas, 0, 0, width, height, color, 1.0);
    return SCL_OK;
}

void scl_canvas_free(scl_canvas *canvas)
{
    scl_free(canvas->pixels);
    *canvas = (scl_canvas){0};
}

scl_status scl_canvas_write_png(const scl_canvas *canvas, const char *path, scl_error *err)
{
    const scl_image image = {.width = canvas->width,
                             .height = canvas->height,
                             .channels = 3,
                             .depth = 8,
                             .data = canvas->pixels};
    return scl_image_write_png(path, &image, err);
}

/* `part` of 256 of b, the rest of a. */
static uint8_t mix(uint8_t a, uint8_t b, int part)
{
    return (uint8_t)((a * (256 - part) + b * part + 128) >> 8);
}

static int to_part(double alpha)
{
    return alpha >= 1.0 ? 256 : alpha > 0.0 ? (int)(alpha * 256.0 + 0.5) : 0;
}

scl_color scl_color_mix(scl_color a, scl_color b, double part)
{
    int p = to_part(part);
    return (scl_color){mix(a.r, b.r, p), mix(a.g, b.g, p), mix(a.b, b.b, p)};
}

/* (x, y) is on the canvas. */
static void blend(scl_canvas *canvas, int x, int y, scl_color color, int part)
{
    uint8_t *pixel = canvas->pixels + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
    pixel[0] = mix(pixel[0], color.r, part);
    pixel[1] = mix(pixel[1], color.g, part);
    pixel[2] = mix(pixel[2], color.b, part);
}

/* The part of [start, start + length) that lies in [0, limit). */
typedef struct span {
    int from, to;
} span;

static span clip(int start, int length, int limit)
{
    int64_t end = (int64_t)start + (length > 0 ? length : 0);
    span s = {start > 0 ? start : 0, end < limit ? (int)(end > 0 ? end : 0) : limit};
    s.to = s.to > s.from ? s.to : s.from;
    return s;
}

void scl_canvas_fill(scl_canvas *canvas, int x, int y, int width, int height, scl_color color,
                     double alpha)
{
    span columns = clip(x, width, canvas->width), rows = clip(y, height, canvas->height);
    int part = to_part(alpha);
    for (int j = rows.from; j < rows.to; j++)
        for (int i = columns.from; i < columns.to; i++)
            blend(canvas, i, j, color, part);
}

void scl_canvas_frame(scl_canvas *canvas, int x, int y, int width, int height, int thickness,
                      scl_color color)
{
    if (width <= 2 * (int64_t)thickness || height <= 2 * (int64_t)thickness) {
        scl_canvas_fill(canvas, x, y, width, height, color, 1.0);
        return;
    }
    span columns = clip(x, width, canvas->width), rows = clip(y, height, canvas->height);
    int64_t right = (int64_t)x + width - thickness, bottom = (int64_t)y + height - thickness;
    for (int j = rows.from; j < rows.to; j++)
        for (int i = columns.from; i < columns.to; i++)
            if (i - (int64_t)x < thickness || i >= right || j - (int64_t)y < thickness ||
                j >= bottom)
                blend(canvas, i, j, color, 256);
}

/* The distance from a point to a segment. */
static double distance_to(double px, double py, double x0, double y0, double dx, double dy)
{
    double squared = dx * dx + dy * dy;
    double t = squared > 0.0 ? ((px - x0) * dx + (py - y0) * dy) / squared : 0.0;
    t = fmin(fmax(t, 0.0), 1.0);
    return hypot(px - x0 - t * dx, py - y0 - t * dy);
}

/* Cuts the segment to the strip low..high of one axis; false when it lies outside (Liang-Barsky).
 */
static bool cut(double start, double delta, double low, double high, double *t0, double *t1)
{
    if (delta == 0.0)
        return start >= low && start <= high;
    double a = (low - start) / delta, b = (high - start) / delta;
    *t0 = fmax(*t0, fmin(a, b));
    *t1 = fmin(*t1, fmax(a, b));
    return *t0 <= *t1;
}

static double held(double value)
{
    return fmin(fmax(value, -FAR), FAR);
}

/* All pixels whose centre is within reach of one row's part of the segment. */
static void line_row(scl_canvas *canvas, int y, double x0, double y0, double dx, double dy,
                     double half, scl_color color)
{
    double reach = half + 0.5, centre = y + 0.5, t0 = 0.0, t1 = 1.0;
    if (!cut(y0, dy, centre - reach, centre + reach, &t0, &t1))
        return;
    double a = x0 + t0 * dx, b = x0 + t1 * dx;
    int from = (int)floor(fmax(fmin(a, b) - reach, 0.0));
    int to = (int)ceil(fmin(fmax(a, b) + reach, canvas->width));
    for (int x = from; x < to; x++) {
        double cover = reach - distance_to(x + 0.5, centre, x0, y0, dx, dy);
        if (cover > 0.0)
            blend(canvas, x, y, color, to_part(cover));
    }
}

void scl_canvas_line(scl_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                     scl_color color)
{
    if (!isfinite(x0) || !isfinite(y0) || !isfinite(x1) || !isfinite(y1) || !(width > 0.0))
        return;
    double half = fmin(width, FAR) / 2.0, margin = half + 1.0, t0 = 0.0, t1 = 1.0;
    x0 = held(x0);
    y0 = held(y0);
    double dx = held(x1) - x0, dy = held(y1) - y0;
    if (!cut(x0, dx, -margin, canvas->width + margin, &t0, &t1) ||
        !cut(y0, dy, -margin, canvas->height + margin, &t0, &t1))
        return;
    double ax = x0 + t0 * dx, ay = y0 + t0 * dy, bx = x0 + t1 * dx, by = y0 + t1 * dy;
    int from = (int)floor(fmax(fmin(ay, by) - margin, 0.0));
    int to = (int)ceil(fmin(fmax(ay, by) + margin, canvas->height));
    for (int y = from; y < to; y++)
        line_row(canvas, y, ax, ay, bx - ax, by - ay, half, color);
}

void scl_canvas_polyline(scl_canvas *canvas, const double *points, size_t count, double width,
                         scl_color color)
{
    for (size_t i = 1; i < count; i++)
        scl_canvas_line(canvas, points[2 * i - 2], points[2 * i - 1], points[2 * i],
                        points[2 * i + 1], width, color);
}

void scl_canvas_disc(scl_canvas *canvas, double x, double y, double radius, scl_color color)
{
    scl_canvas_line(canvas, x, y, x, y, 2.0 * radius, color);
}

void scl_canvas_blit(scl_canvas *canvas, int x, int y, const uint8_t *rgb, int width, int height)
{
    span columns = clip(x, width, canvas->width), rows = clip(y, height, canvas->height);
    for (int j = rows.from; j < rows.to; j++) {
        const uint8_t *from =
            rgb +
            ((size_t)((int64_t)j - y) * (size_t)width + (size_t)((int64_t)columns.from - x)) * 3;
        uint8_t *to =
            canvas->pixels + ((size_t)j * (size_t)canvas->width + (size_t)columns.from) * 3;
        memcpy(to, from, (size_t)(columns.to - columns.from) * 3);
    }
}

scl_status scl_canvas_blit_scaled(scl_canvas *canvas, int x, int y, int width, int height,
                                  const uint8_t *rgb, int src_width, int src_height, scl_error *err)
{
    scl_canvas resized;
    SCL_TRY(scl_canvas_make(&resized, width, height, (scl_color){0, 0, 0}, err));
    scl_status status =
        scl_resize_bilinear_u8(rgb, src_width, src_height, 3, resized.pixels, width, height, err);
    if (status == SCL_OK)
        scl_canvas_blit(canvas, x, y, resized.pixels, width, height);
    scl_canvas_free(&resized);
    return status;
}

/* Whether another id lies within `reach` of (i, j), counted along rows plus columns. */
static bool near_other_id(const uint8_t *ids, int width, int height, int i, int j, int reach)
{
    uint8_t id = ids[(size_t)j * (size_t)width + (size_t)i];
    for (int dy = -reach; dy <= reach; dy++) {
        int y = j + dy, across = reach - (dy < 0 ? -dy : dy);
        if (y < 0 || y >= height)
            continue;
        int from = i - across > 0 ? i - across : 0;
        int to = i + across < width - 1 ? i + across : width - 1;
        for (int x = from; x <= to; x++)
            if (ids[(size_t)y * (size_t)width + (size_t)x] != id)
                return true;
    }
    return false;
}

void scl_canvas_tint(scl_canvas *canvas, int x, int y, const uint8_t *ids, int width, int height,
                     const scl_color colors[256], double alpha, int outline)
{
    span columns = clip(x, width, canvas->width), rows = clip(y, height, canvas->height);
    int part = to_part(alpha);
    for (int j = rows.from; j < rows.to; j++)
        for (int i = columns.from; i < columns.to; i++) {
            int mi = (int)((int64_t)i - x), mj = (int)((int64_t)j - y);
            uint8_t id = ids[(size_t)mj * (size_t)width + (size_t)mi];
            if (id == 0)
                continue;
            bool edge = outline > 0 && near_other_id(ids, width, height, mi, mj, outline);
            blend(canvas, i, j, colors[id], edge ? 256 : part);
        }
}

static int advance_of(const scl_text_style *style)
{
    return (SCL_FONT_WIDTH + style->bold) * style->scale;
}

static int count_characters(const char *text)
{
    int count = 0;
    for (; *text != '\0' && count < TEXT_MAX; text++)
        count += scl_begins_character(*text);
    return count;
}

int scl_text_width(const scl_text_style *style, const char *text)
{
    int count = count_characters(text);
    return count > 0 ? count * advance_of(style) - style->scale : 0;
}

/* Bold thickens to the right, but keeps gaps of one pixel open: "m" would become a block. */
static bool has_ink(const scl_text_style *style, int character, int column, int row)
{
    return scl_font_ink(character, column, row) ||
           (style->bold && scl_font_ink(character, column - 1, row) &&
            !scl_font_ink(character, column + 1, row));
}

/* Fills a cell of the glyph; of an empty cell in the bend of a diagonal, the quarter in the bend,
 * so that enlarged text has no stairs. */
static void draw_cell(scl_canvas *canvas, int x, int y, const scl_text_style *style, int character,
                      int column, int row)
{
    int scale = style->scale, half = scale / 2;
    if (has_ink(style, character, column, row)) {
        scl_canvas_fill(canvas, x, y, scale, scale, style->color, 1.0);
        return;
    }
    for (int corner = 0; half > 0 && corner < 4; corner++) {
        int dx = corner % 2 == 0 ? -1 : 1, dy = corner / 2 == 0 ? -1 : 1;
        if (has_ink(style, character, column + dx, row) &&
            has_ink(style, character, column, row + dy) &&
            !has_ink(style, character, column + dx, row + dy))
            scl_canvas_fill(canvas, dx < 0 ? x : x + scale - half, dy < 0 ? y : y + scale - half,
                            half, half, style->color, 1.0);
    }
}

static void draw_glyph(scl_canvas *canvas, int64_t x, int64_t y, const scl_text_style *style,
                       int character)
{
    for (int row = 0; row < SCL_FONT_HEIGHT; row++)
        for (int column = 0; column < SCL_FONT_WIDTH; column++) {
            int64_t px = x + (int64_t)column * style->scale, py = y + (int64_t)row * style->scale;
            if (px > INT32_MIN && px < canvas->width && py > INT32_MIN && py < canvas->height)
                draw_cell(canvas, (int)px, (int)py, style, character, column, row);
        }
}

void scl_canvas_text(scl_canvas *canvas, int x, int y, const scl_text_style *style,
                     const char *text)
{
    int64_t width = scl_text_width(style, text);
    int64_t at = x - (style->align == SCL_ALIGN_RIGHT    ? width
                      : style->align == SCL_ALIGN_CENTER ? width / 2
                                                         : 0);
    for (int i = 0; *text != '\0' && i < TEXT_MAX; text++) {
        if (!scl_begins_character(*text))
            continue;
        bool ascii = (unsigned char)*text < 0x80;
        draw_glyph(canvas, at, y, style, ascii ? *text : '?');
        at += advance_of(style);
        i++;
    }
}
