#include "picture/sheet.h"

#include <stdio.h>
#include <string.h>

#define MARGIN       20
#define GAP          10 /* between tiles */
#define TITLE_HEIGHT 38
#define LINE         18 /* a column title, or a caption */
#define TILE_MIN     16
#define TILE_MAX     4096
#define COUNT_MAX    10000 /* rows or columns */
#define CAPTION_MAX  512   /* bytes that are shown of a text */

static const scl_color white = {255, 255, 255};
static const scl_color ink = {34, 34, 34};
static const scl_color soft_ink = {96, 96, 96};
static const scl_color empty = {240, 240, 240};

/* Text cut to `width` pixels, with ".." in the place of what is lost. */
static void draw_cut(scl_canvas *canvas, int x, int y, int width, const scl_text_style *style,
                     const char *text)
{
    char shown[CAPTION_MAX + 3];
    size_t length = strlen(text);
    length = length < CAPTION_MAX ? length : CAPTION_MAX;
    snprintf(shown, sizeof shown, "%.*s", (int)length, text);
    while (length > 0 && scl_text_width(style, shown) > width)
        snprintf(shown, sizeof shown, "%.*s..", (int)--length, text);
    scl_canvas_text(canvas, x, y, style, shown);
}

static const scl_overlay *tile_of(const scl_sheet *sheet, int row, int column)
{
    return &sheet->tiles[(size_t)row * (size_t)sheet->columns + (size_t)column];
}

/* The height of the highest tile; that of a row of empty tiles is `tile`. */
static int row_height(const scl_sheet *sheet, int row)
{
    int highest = 0;
    for (int c = 0; c < sheet->columns; c++) {
        const scl_overlay *tile = tile_of(sheet, row, c);
        int width, height = 0;
        if (tile->rgb != NULL)
            scl_overlay_size(tile, sheet->tile, &width, &height);
        highest = height > highest ? height : highest;
    }
    return highest > 0 ? highest : sheet->tile;
}

static int column_x(const scl_sheet *sheet, int column)
{
    return MARGIN + column * (sheet->tile + GAP);
}

static int caption_height(const scl_sheet *sheet)
{
    return sheet->captions != NULL ? LINE : 0;
}

/* Draws the tile into the middle of its place. */
static scl_status draw_tile(const scl_sheet *sheet, int row, int column, int y, int height,
                            scl_canvas *canvas, scl_error *err)
{
    const scl_overlay *tile = tile_of(sheet, row, column);
    int x = column_x(sheet, column);
    if (tile->rgb == NULL) {
        scl_canvas_fill(canvas, x, y, sheet->tile, height, empty, 1.0);
    } else {
        scl_canvas picture;
        SCL_TRY(scl_overlay_draw(tile, sheet->tile, &picture, err));
        scl_canvas_blit(canvas, x + (sheet->tile - picture.width) / 2,
                        y + (height - picture.height) / 2, picture.pixels, picture.width,
                        picture.height);
        scl_canvas_free(&picture);
    }
    const scl_text_style style = {1, false, SCL_ALIGN_CENTER, soft_ink};
    const char *caption = NULL;
    if (sheet->captions != NULL)
        caption = sheet->captions[(size_t)row * (size_t)sheet->columns + (size_t)column];
    if (caption != NULL)
        draw_cut(canvas, x + sheet->tile / 2, y + height + 4, sheet->tile, &style, caption);
    return SCL_OK;
}

static void draw_titles(const scl_sheet *sheet, scl_canvas *canvas)
{
    int y = MARGIN;
    if (sheet->title != NULL) {
        scl_text_style style = {2, false, SCL_ALIGN_LEFT, ink};
        int width = canvas->width - 2 * MARGIN;
        style.scale = scl_text_width(&style, sheet->title) <= width ? 2 : 1;
        draw_cut(canvas, MARGIN, y, width, &style, sheet->title);
        y += TITLE_HEIGHT;
    }
    const scl_text_style style = {1, true, SCL_ALIGN_CENTER, ink};
    for (int c = 0; sheet->column_titles != NULL && c < sheet->columns; c++)
        draw_cut(canvas, column_x(sheet, c) + sheet->tile / 2, y, sheet->tile, &style,
                 sheet->column_titles[c]);
}

static int top_of(const scl_sheet *sheet)
{
    return MARGIN + (sheet->title != NULL ? TITLE_HEIGHT : 0) +
           (sheet->column_titles != NULL ? LINE : 0);
}

scl_status scl_sheet_draw(const scl_sheet *sheet, scl_canvas *canvas, scl_error *err)
{
    *canvas = (scl_canvas){0};
    if (sheet->rows < 1 || sheet->columns < 1 || sheet->rows > COUNT_MAX ||
        sheet->columns > COUNT_MAX || sheet->tile < TILE_MIN || sheet->tile > TILE_MAX)
        return scl_fail(err, SCL_BAD_DATA,
                        "a sheet can't have %d x %d tiles of %d pixels: tiles have %d to %d",
                        sheet->rows, sheet->columns, sheet->tile, TILE_MIN, TILE_MAX);
    int height = top_of(sheet) + MARGIN - GAP;
    for (int r = 0; r < sheet->rows; r++)
        height += row_height(sheet, r) + caption_height(sheet) + GAP;
    int width = column_x(sheet, sheet->columns) - GAP + MARGIN;
    SCL_TRY(scl_canvas_make(canvas, width, height, white, err));
    draw_titles(sheet, canvas);
    scl_status status = SCL_OK;
    for (int r = 0, y = top_of(sheet); r < sheet->rows && status == SCL_OK; r++) {
        int row = row_height(sheet, r);
        for (int c = 0; c < sheet->columns && status == SCL_OK; c++)
            status = draw_tile(sheet, r, c, y, row, canvas, err);
        y += row + caption_height(sheet) + GAP;
    }
    if (status != SCL_OK)
        scl_canvas_free(canvas);
    return status;
}
