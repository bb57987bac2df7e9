/* picture_driver — writes sample pictures of the drawing room to a folder, to be looked at.
 *
 *   picture_driver FOLDER [IMAGE MASK]...     with images and masks, a sheet of them as well */
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/image.h"
#include "picture/plot.h"
#include "picture/sheet.h"

#include <math.h>
#include <stdio.h>

#define STEPS  400
#define EPOCHS 20

static scl_status draw_training(const char *path, scl_error *err)
{
    double step[STEPS], loss[STEPS], mean[STEPS], epoch[EPOCHS], valid[EPOCHS], iou[EPOCHS],
        dice[EPOCHS];
    scl_rng rng = scl_rng_make(1, "sample", 0, 0);
    for (int i = 0; i < STEPS; i++) {
        step[i] = i * 10;
        mean[i] = 0.06 + 0.9 * exp(-i / 60.0);
        loss[i] = mean[i] * exp(0.25 * scl_rng_normal(&rng));
    }
    for (int i = 0; i < EPOCHS; i++) {
        epoch[i] = (i + 1) * 200;
        valid[i] = 0.11 + 0.8 * exp(-(i + 1) / 3.0) + 0.01 * scl_rng_normal(&rng);
        iou[i] = i == 7 ? NAN : 0.92 - 0.5 * exp(-(i + 1) / 3.5) + 0.01 * scl_rng_normal(&rng);
        dice[i] = 2 * iou[i] / (1 + iou[i]);
    }
    const scl_series losses[] = {{NULL, step, loss, STEPS, true},
                                 {"train (mean of 20 steps)", step, mean, STEPS, false},
                                 {"validation", epoch, valid, EPOCHS, false}};
    const scl_series metrics[] = {{"IoU", epoch, iou, EPOCHS, false},
                                  {"Dice", epoch, dice, EPOCHS, false}};
    const scl_panel panels[] = {{"loss (log)", true, losses, 3},
                                {"validation metrics", false, metrics, 2}};
    const scl_plot plot = {
        "nuclei: LoRA rank 4 on ViT-B", "step", panels, 2, SCL_PLOT_WIDTH, SCL_PLOT_HEIGHT};
    return scl_plot_write_png(&plot, path, err);
}

static scl_status draw_many(const char *path, scl_error *err)
{
    static const char *const names[] = {"background", "cytoplasm", "nucleus",     "pavement",
                                        "tree",       "bicyclist", "a long name", "sky"};
    double x[30], y[8][30];
    scl_series series[8];
    for (int s = 0; s < 8; s++) {
        for (int i = 0; i < 30; i++) {
            x[i] = i + 1;
            y[s][i] = 1.0 - exp(-(i + 1) / (3.0 + s)) - 0.05 * s;
        }
        series[s] = (scl_series){names[s], x, y[s], 30, false};
    }
    const scl_panel panels[] = {{"IoU of each class", false, series, 8}};
    const scl_plot plot = {NULL, "epoch", panels, 1, 720, 400};
    return scl_plot_write_png(&plot, path, err);
}

static scl_status draw_small(const char *path, scl_error *err)
{
    const double x[] = {1, 2, 3}, lr[] = {1e-5, 2e-5, 2.5e-5};
    const scl_series series[] = {{"learning rate", x, lr, 3, false}};
    const scl_panel panels[] = {{"learning rate", false, series, 1}, {"loss", true, NULL, 0}};
    const scl_plot plot = {"first epochs", "epoch", panels, 2, 480, 360};
    return scl_plot_write_png(&plot, path, err);
}

/* An image and its mask, as 8-bit pictures of the same size. */
typedef struct pair {
    scl_image rgb, mask;
} pair;

static scl_status read_pair(const char *image_path, const char *mask_path, pair *p, scl_error *err)
{
    scl_image image;
    SCL_TRY(scl_image_read(image_path, &image, err));
    scl_status status = scl_image_to_rgb8(&image, SCL_RANGE_FULL, &p->rgb, err);
    scl_image_free(&image);
    if (status != SCL_OK)
        return status;
    SCL_TRY(scl_image_read(mask_path, &p->mask, err));
    if (p->mask.channels != 1 || p->mask.depth != 8 || p->mask.width != p->rgb.width ||
        p->mask.height != p->rgb.height)
        return scl_fail(err, SCL_BAD_DATA, "%s: is no mask for %s", mask_path, image_path);
    return SCL_OK;
}

static scl_overlay overlay_of(const pair *p, const uint8_t *mask)
{
    return (scl_overlay){.rgb = p->rgb.data,
                         .width = p->rgb.width,
                         .height = p->rgb.height,
                         .mask = mask,
                         .hidden_id = 11};
}

static scl_status draw_sheet(const char *path, int rows, char **files, scl_error *err)
{
    static const char *const titles[] = {"image and prompt", "target", "binary", "nothing"};
    pair pairs[8] = {0};
    scl_overlay tiles[32] = {0};
    const char *captions[32] = {0};
    rows = rows < 8 ? rows : 8;
    for (int r = 0; r < rows; r++) {
        SCL_TRY(read_pair(files[2 * r], files[2 * r + 1], &pairs[r], err));
        double w = pairs[r].rgb.width, h = pairs[r].rgb.height;
        static scl_overlay_box boxes[8];
        static scl_overlay_point points[8][3];
        boxes[r] = (scl_overlay_box){w * 0.2, h * 0.25, w * 0.8, h * 0.7};
        points[r][0] = (scl_overlay_point){w * 0.5, h * 0.5, 1};
        points[r][1] = (scl_overlay_point){w * 0.6, h * 0.3, 1};
        points[r][2] = (scl_overlay_point){w * 0.1, h * 0.9, 0};
        uint8_t *mask = pairs[r].mask.data;
        tiles[4 * r] = overlay_of(&pairs[r], NULL);
        tiles[4 * r].boxes = &boxes[r];
        tiles[4 * r].box_count = 1;
        tiles[4 * r].points = points[r];
        tiles[4 * r].point_count = 3;
        tiles[4 * r + 1] = overlay_of(&pairs[r], mask);
        tiles[4 * r + 2] = overlay_of(&pairs[r], mask);
        tiles[4 * r + 2].binary = true;
        captions[4 * r] = scl_path_base(files[2 * r]);
        captions[4 * r + 1] = "classes";
        captions[4 * r + 2] = "binary, IoU 0.873";
    }
    const scl_sheet sheet = {"a sheet of samples", rows, 4, 240, titles, tiles, captions};
    scl_canvas canvas;
    SCL_TRY(scl_sheet_draw(&sheet, &canvas, err));
    scl_status status = scl_canvas_write_png(&canvas, path, err);
    scl_canvas_free(&canvas);
    for (int r = 0; r < rows; r++) {
        scl_image_free(&pairs[r].rgb);
        scl_image_free(&pairs[r].mask);
    }
    return status;
}

static scl_status draw_all(const char *folder, int pairs, char **files, scl_error *err)
{
    const struct {
        const char *name;
        scl_status (*draw)(const char *path, scl_error *err);
    } pictures[] = {
        {"training.png", draw_training}, {"many.png", draw_many}, {"small.png", draw_small}};
    scl_status status = SCL_OK;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures && status == SCL_OK; i++) {
        char *path = scl_path_join(folder, pictures[i].name);
        status = path != NULL ? pictures[i].draw(path, err) : SCL_DEVICE;
        scl_free(path);
    }
    char *path = scl_path_join(folder, "sheet.png");
    if (status == SCL_OK && path != NULL && pairs > 0)
        status = draw_sheet(path, pairs, files, err);
    scl_free(path);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc % 2 != 0) {
        fputs("usage: picture_driver FOLDER [IMAGE MASK]...\n", stderr);
        return SCL_BAD_CONFIG;
    }
    scl_error err = {0};
    scl_status status = draw_all(argv[1], argc / 2 - 1, argv + 2, &err);
    if (status != SCL_OK)
        fprintf(stderr, "%s\n", err.text);
    return (int)status;
}
