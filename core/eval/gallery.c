#include "eval/gallery.h"

#include "io/image.h"
#include "picture/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TILE          288
#define CAPTION_BYTES 128
#define MAX_ROWS      64

typedef struct row {
    const scl_data_item *item; /* NULL: free */
    scl_image rgb;
    uint8_t *truth;
    uint8_t *predicted[SCL_GALLERY_MAX_MODELS];
    double score[SCL_GALLERY_MAX_MODELS];
    scl_overlay_box *boxes;
    scl_overlay_point *points;
    size_t box_count, point_count;
} row;

struct scl_gallery {
    size_t rows, models;
    const char *titles[SCL_GALLERY_MAX_MODELS];
    const scl_run_config *config;
    int image_size;
    row *row;
};

scl_status scl_gallery_create(size_t rows, size_t models, const char *const *titles,
                              const scl_run_config *config, const scl_sam_config *model,
                              scl_gallery **out, scl_error *err)
{
    scl_gallery *g = scl_calloc(1, sizeof *g);
    *out = NULL;
    if (g == NULL)
        return scl_out_of_memory(err, sizeof *g, "a gallery");
    g->rows = rows < MAX_ROWS ? rows : MAX_ROWS;
    g->models = models;
    g->config = config;
    g->image_size = (int)model->image_size;
    for (size_t i = 0; i < models; i++)
        g->titles[i] = titles[i];
    g->row = scl_calloc(g->rows + 1, sizeof *g->row);
    if (g->row == NULL) {
        scl_free(g);
        return scl_out_of_memory(err, rows * sizeof(row), "a gallery");
    }
    *out = g;
    return SCL_OK;
}

void scl_gallery_free(scl_gallery *g)
{
    if (g == NULL)
        return;
    for (size_t r = 0; r < g->rows; r++) {
        scl_image_free(&g->row[r].rgb);
        scl_free(g->row[r].truth);
        for (size_t m = 0; m < g->models; m++)
            scl_free(g->row[r].predicted[m]);
        scl_free(g->row[r].boxes);
        scl_free(g->row[r].points);
    }
    scl_free(g->row);
    scl_free(g);
}

/* ---- adding */

/* Ids as bytes to be coloured: 0 stays 0, others repeat after 255, ignored pixels count as 0. */
static uint8_t *copy_ids(const int32_t *ids, size_t count)
{
    uint8_t *out = scl_calloc(count, 1);
    for (size_t i = 0; out != NULL && i < count; i++)
        out[i] = ids[i] > 0 ? (uint8_t)((ids[i] - 1) % 255 + 1) : 0;
    return out;
}

/* From 0..1 of the model's square to pixels of the picture. */
static void to_picture(const scl_frame *frame, const float coords[2], double *x, double *y)
{
    *x = (double)coords[0] * frame->side * frame->width / frame->scaled_width;
    *y = (double)coords[1] * frame->side * frame->height / frame->scaled_height;
}

static void add_token(row *r, const scl_frame *frame, const float coords[2], int32_t label)
{
    double x, y;
    to_picture(frame, coords, &x, &y);
    if (label == SCL_LABEL_POSITIVE || label == SCL_LABEL_NEGATIVE)
        r->points[r->point_count++] = (scl_overlay_point){x, y, label == SCL_LABEL_POSITIVE};
    else if (label == SCL_LABEL_BOX_TOP_LEFT)
        r->boxes[r->box_count++] = (scl_overlay_box){.x0 = x, .y0 = y};
    else if (label == SCL_LABEL_BOX_BOTTOM_RIGHT && r->box_count > 0)
        r->boxes[r->box_count - 1].x1 = x, r->boxes[r->box_count - 1].y1 = y;
}

static scl_status add_prompts(scl_gallery *g, row *r, const scl_eval_image *image, scl_error *err)
{
    const scl_batch *batch = image->batch;
    size_t slots = (size_t)batch->layout.slots, objects = (size_t)batch->layout.objects;
    scl_frame frame = scl_frame_make(image->item->width, image->item->height, g->image_size);
    r->boxes = scl_calloc(slots * objects + 1, sizeof *r->boxes);
    r->points = scl_calloc(slots * objects + 1, sizeof *r->points);
    if (r->boxes == NULL || r->points == NULL)
        return scl_out_of_memory(err, slots * objects * sizeof *r->boxes, "a gallery");
    for (size_t k = 0; k < objects; k++)
        for (size_t t = 0; t < slots; t++) {
            size_t at = ((size_t)image->slot * objects + k) * slots + t;
            if (batch->object[(size_t)image->slot * objects + k] > 0)
                add_token(r, &frame, batch->coords + at * 2, batch->labels[at]);
        }
    return SCL_OK;
}

static scl_status start_row(scl_gallery *g, row *r, const scl_eval_image *image, scl_error *err)
{
    scl_image file = {0};
    scl_image_range range = (scl_image_range)g->config->data.value_range;
    scl_status status = scl_image_read(image->item->image, &file, err);
    if (status == SCL_OK)
        status = scl_image_to_rgb8(&file, range, &r->rgb, err);
    scl_image_free(&file);
    SCL_TRY(status);
    size_t pixels = (size_t)image->item->width * (size_t)image->item->height;
    r->truth = copy_ids(image->truth, pixels);
    if (r->truth == NULL)
        return scl_out_of_memory(err, pixels, "a gallery");
    SCL_TRY(add_prompts(g, r, image, err));
    r->item = image->item;
    return SCL_OK;
}

scl_status scl_gallery_add(scl_gallery *g, size_t column, const scl_eval_image *image,
                           scl_error *err)
{
    size_t at = 0, pixels = (size_t)image->item->width * (size_t)image->item->height;
    while (at < g->rows && g->row[at].item != NULL && g->row[at].item != image->item)
        at++;
    if (at == g->rows || (g->row[at].item == NULL && column > 0))
        return SCL_OK;
    row *r = &g->row[at];
    if (r->item == NULL)
        SCL_TRY(start_row(g, r, image, err));
    scl_free(r->predicted[column]);
    r->predicted[column] = copy_ids(image->predicted, pixels);
    r->score[column] = image->score;
    return r->predicted[column] != NULL ? SCL_OK : scl_out_of_memory(err, pixels, "a gallery");
}

/* ---- drawing */

static void fill_row(const scl_gallery *g, const row *r, scl_overlay *tiles,
                     char (*captions)[CAPTION_BYTES])
{
    bool classes = g->config->data.task == SCL_TASK_MULTICLASS;
    scl_overlay plain = {.rgb = r->rgb.data, .width = r->rgb.width, .height = r->rgb.height};
    tiles[0] = plain;
    tiles[0].boxes = r->boxes;
    tiles[0].box_count = r->box_count;
    tiles[0].points = r->points;
    tiles[0].point_count = r->point_count;
    snprintf(captions[0], CAPTION_BYTES, "%s", r->item->name);
    tiles[1] = plain;
    tiles[1].mask = r->truth;
    for (size_t m = 0; m < g->models; m++) {
        if (r->predicted[m] == NULL)
            continue;
        tiles[2 + m] = plain;
        tiles[2 + m].mask = r->predicted[m];
        if (!isnan(r->score[m]))
            snprintf(captions[2 + m], CAPTION_BYTES, "%s %.3f", classes ? "mIoU" : "Dice",
                     r->score[m]);
    }
}

scl_status scl_gallery_write(const scl_gallery *g, const char *title, const char *path,
                             scl_error *err)
{
    size_t rows = 0, columns = 2 + g->models;
    const char *titles[2 + SCL_GALLERY_MAX_MODELS] = {"image", "target"};
    while (rows < g->rows && g->row[rows].item != NULL)
        rows++;
    if (rows == 0)
        return SCL_OK;
    for (size_t m = 0; m < g->models; m++)
        titles[2 + m] = g->titles[m];
    scl_overlay *tiles = scl_calloc(rows * columns, sizeof *tiles);
    char(*text)[CAPTION_BYTES] = scl_calloc(rows * columns, sizeof *text);
    const char **captions = scl_calloc(rows * columns, sizeof *captions);
    scl_status status = SCL_OK;
    scl_canvas canvas = {0};
    if (tiles == NULL || text == NULL || captions == NULL) {
        status = scl_out_of_memory(err, rows * columns * sizeof *tiles, "a gallery");
        goto done;
    }
    for (size_t i = 0; i < rows * columns; i++)
        captions[i] = text[i];
    for (size_t r = 0; r < rows; r++)
        fill_row(g, &g->row[r], tiles + r * columns, text + r * columns);
    scl_sheet sheet = {.title = title,
                       .rows = (int)rows,
                       .columns = (int)columns,
                       .tile = TILE,
                       .column_titles = titles,
                       .tiles = tiles,
                       .captions = captions};
    SCL_CHECK(scl_sheet_draw(&sheet, &canvas, err));
    SCL_CHECK(scl_canvas_write_png(&canvas, path, err));
done:
    scl_canvas_free(&canvas);
    scl_free(tiles);
    scl_free(text);
    scl_free(captions);
    return status;
}
