/* picture_driver — writes sample pictures of the drawing room to a folder, to be looked at.
 *
 *   picture_driver FOLDER */
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "picture/plot.h"

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

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: picture_driver FOLDER\n", stderr);
        return SCL_BAD_CONFIG;
    }
    const struct {
        const char *name;
        scl_status (*draw)(const char *path, scl_error *err);
    } pictures[] = {
        {"training.png", draw_training}, {"many.png", draw_many}, {"small.png", draw_small}};
    scl_error err = {0};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        char *path = scl_path_join(argv[1], pictures[i].name);
        if (path == NULL || pictures[i].draw(path, &err) != SCL_OK) {
            fprintf(stderr, "%s\n", err.text);
            return SCL_FAILED;
        }
        scl_free(path);
    }
    return 0;
}
