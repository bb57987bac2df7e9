#include "train/results.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/json.h"
#include "picture/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_NAME "metrics.jsonl"

/* ---- writing */

/* The columns of results.csv after the first three, in order. */
#define SCORE_COLUMNS(X)                                                                           \
    X(loss)                                                                                        \
    X(dice)                                                                                        \
    X(iou)                                                                                         \
    X(miou)                                                                                        \
    X(accuracy)

scl_status scl_results_start(const scl_run_folder *folder, scl_error *err)
{
#define X(name) ",val_" #name
    return scl_run_folder_append(folder, SCL_RESULTS_NAME,
                                 "epoch,step,train_loss,lr" SCORE_COLUMNS(X) ",seconds", err);
#undef X
}

/* An empty cell for what does not apply. */
static void add_cell(scl_str *row, double value)
{
    if (isnan(value))
        scl_str_add(row, ",");
    else
        scl_str_add(row, ",%.6g", value);
}

scl_status scl_results_epoch(const scl_run_folder *folder, const scl_epoch_record *r,
                             scl_error *err)
{
    scl_str row = {0};
    scl_str_add(&row, "%" PRId64 ",%" PRIu64 ",%.6g,%.6g", r->epoch, r->step, r->train_loss, r->lr);
#define X(name) add_cell(&row, r->scores != NULL ? r->scores->name : NAN);
    SCORE_COLUMNS(X)
#undef X
    scl_str_add(&row, ",%.1f", r->seconds);
    scl_status status =
        row.failed ? scl_out_of_memory(err, 256, "a row of results")
                   : scl_run_folder_append(folder, SCL_RESULTS_NAME, scl_str_text(&row), err);
    scl_str_free(&row);
    return status;
}

/* JSON knows no NaN and no infinity. */
static void add_number(scl_str *line, const char *key, double value)
{
    if (isfinite(value))
        scl_str_add(line, ", \"%s\": %.9g", key, value);
    else
        scl_str_add(line, ", \"%s\": null", key);
}

scl_status scl_results_step(scl_run_folder *folder, const scl_step_record *r, scl_error *err)
{
    scl_str line = {0};
    scl_str_add(&line, "{\"step\": %" PRIu64, r->step);
    add_number(&line, "epoch", r->epoch);
    add_number(&line, "loss", r->loss);
    for (size_t i = 0; i < r->part_count; i++) {
        char key[320];
        snprintf(key, sizeof key, "loss.%s", r->labels[i]);
        add_number(&line, key, r->parts[i]);
    }
    add_number(&line, "lr", r->lr);
    add_number(&line, "grad_norm", r->grad_norm);
    scl_str_add(&line, ", \"seconds\": %.3f}", r->seconds);
    scl_status status = line.failed ? scl_out_of_memory(err, 256, "a line of metrics")
                                    : scl_run_folder_metric(folder, scl_str_text(&line), err);
    scl_str_free(&line);
    return status;
}

/* ---- curves */

typedef struct curve {
    double *x, *y;
    size_t count, x_capacity, y_capacity;
} curve;

static bool add_point(curve *c, double x, double y)
{
    if (!SCL_GROW(c->x, c->count, c->x_capacity) || !SCL_GROW(c->y, c->count, c->y_capacity))
        return false;
    c->x[c->count] = x;
    c->y[c->count++] = y;
    return true;
}

typedef struct curves {
    curve step_loss, step_lr;               /* by step */
    curve epoch_loss, val_loss, val_metric; /* by epoch */
    scl_metric metric;
} curves;

static void free_curves(curves *c)
{
    curve *all[] = {&c->step_loss, &c->step_lr, &c->epoch_loss, &c->val_loss, &c->val_metric};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        scl_free(all[i]->x);
        scl_free(all[i]->y);
    }
}

static double member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static bool add_step(curves *c, const char *line, size_t length)
{
    cJSON *root = cJSON_ParseWithLength(line, length);
    if (root == NULL)
        return true; /* a line that someone edited */
    double epoch = member(root, "epoch");
    bool added = add_point(&c->step_loss, epoch, member(root, "loss")) &&
                 add_point(&c->step_lr, epoch, member(root, "lr"));
    cJSON_Delete(root);
    return added;
}

/* Cells: epoch, step, train_loss, lr, then SCORE_COLUMNS. */
static bool add_epoch(curves *c, const char *line, size_t length)
{
#define X(name) +1
    enum { CELLS = 4 SCORE_COLUMNS(X) };
#undef X
    static const size_t of_metric[] = {
        [SCL_METRIC_LOSS] = 4, [SCL_METRIC_DICE] = 5, [SCL_METRIC_IOU] = 6, [SCL_METRIC_MIOU] = 7};
    double cell[CELLS];
    const char *end = line + length;
    for (size_t i = 0; i < CELLS; i++) {
        char *after = NULL;
        cell[i] = line < end ? strtod(line, &after) : NAN;
        if (after == line)
            cell[i] = NAN;
        while (line < end && *line != ',')
            line++;
        line += line < end;
    }
    if (isnan(cell[0]))
        return true; /* the head */
    return add_point(&c->epoch_loss, cell[0], cell[2]) &&
           add_point(&c->val_loss, cell[0], cell[4]) &&
           add_point(&c->val_metric, cell[0], cell[of_metric[c->metric]]);
}

static scl_status read_lines(const scl_run_folder *folder, const char *name, curves *c,
                             bool (*add)(curves *, const char *, size_t), scl_error *err)
{
    scl_file_map map;
    char *path = scl_run_folder_file(folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, 256, "a file name");
    scl_status status = scl_file_map_open(path, &map, err);
    scl_free(path);
    SCL_TRY(status);
    const char *at = (const char *)map.data, *end = at + map.size;
    while (at < end && status == SCL_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            break; /* half a line: the program is being killed */
        if (!add(c, at, (size_t)(stop - at)))
            status = scl_out_of_memory(err, map.size, "the curves");
        at = stop + 1;
    }
    scl_file_unmap(&map);
    return status;
}

static scl_series series_of(const char *name, const curve *c, bool faint)
{
    return (scl_series){.name = name, .x = c->x, .y = c->y, .count = c->count, .faint = faint};
}

static bool any_value(const curve *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (!isnan(c->y[i]))
            return true;
    return false;
}

static scl_status draw(const curves *c, const char *path, scl_error *err)
{
    bool validated = any_value(&c->val_metric) && c->metric != SCL_METRIC_LOSS;
    const scl_series losses[] = {series_of(NULL, &c->step_loss, true),
                                 series_of("train", &c->epoch_loss, false),
                                 series_of("val", &c->val_loss, false)};
    const scl_series metric[] = {series_of(NULL, &c->val_metric, false)};
    const scl_series lr[] = {series_of(NULL, &c->step_lr, false)};
    char title[32];
    snprintf(title, sizeof title, "val %s", scl_metric_name(c->metric));
    scl_panel panels[3] = {
        {.title = "loss", .series = losses, .series_count = any_value(&c->val_loss) ? 3 : 2}};
    size_t count = 1;
    if (validated)
        panels[count++] = (scl_panel){.title = title, .series = metric, .series_count = 1};
    panels[count++] = (scl_panel){.title = "learning rate", .series = lr, .series_count = 1};
    const scl_plot plot = {.x_title = "epoch",
                           .panels = panels,
                           .panel_count = count,
                           .width = SCL_PLOT_WIDTH,
                           .height = SCL_PLOT_HEIGHT};
    return scl_plot_write_png(&plot, path, err);
}

scl_status scl_results_plot(const scl_run_folder *folder, scl_metric metric, scl_error *err)
{
    curves c = {.metric = metric};
    char *path = scl_run_folder_file(folder, "plots/curves.png");
    scl_status status = path == NULL ? scl_out_of_memory(err, 256, "a file name") : SCL_OK;
    if (status == SCL_OK)
        status = read_lines(folder, METRICS_NAME, &c, add_step, err);
    if (status == SCL_OK)
        status = read_lines(folder, SCL_RESULTS_NAME, &c, add_epoch, err);
    if (status == SCL_OK)
        status = draw(&c, path, err);
    free_curves(&c);
    scl_free(path);
    return status;
}
