#include "predict_files.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/json.h"
#include "io/npy.h"
#include "outputs.h"
#include "picture/overlay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

scl_status predict_paths_check(const predict_paths *p, scl_error *err)
{
    SCL_TRY(cli_output_extension("--out", p->mask, ".png", err));
    SCL_TRY(cli_output_extension("--overlay", p->overlay, ".png", err));
    SCL_TRY(cli_output_extension("--json", p->json, ".json", err));
    SCL_TRY(cli_output_extension("--logits", p->logits, ".npy", err));
    SCL_TRY(cli_output_check(p->mask, err));
    SCL_TRY(cli_output_check(p->overlay, err));
    SCL_TRY(cli_output_check(p->json, err));
    return cli_output_check(p->logits, err);
}

/* ---- maps of ids */

static scl_status make_ids(const predict_result *r, size_t alternative, uint16_t **ids,
                           scl_error *err)
{
    size_t pixels = (size_t)r->image->frame.width * (size_t)r->image->frame.height;
    *ids = scl_calloc(pixels, sizeof **ids);
    if (*ids == NULL)
        return scl_out_of_memory(err, pixels * sizeof **ids, "a mask");
    return scl_answer_ids(r->answer, alternative, *ids, err);
}

/* One mask is drawn in 255, several by their ids. */
static bool is_single(const predict_result *r)
{
    return r->answer->classes == 0 && r->answer->prompts == 1;
}

static scl_status write_mask(const predict_result *r, size_t alternative, const char *path,
                             scl_error *err)
{
    scl_image png = {0};
    uint16_t *ids = NULL;
    const scl_frame *frame = &r->image->frame;
    size_t pixels = (size_t)frame->width * (size_t)frame->height;
    size_t greatest = r->answer->classes > 0 ? (size_t)r->answer->classes - 1 : r->answer->prompts;
    bool wide = greatest > UINT8_MAX;
    scl_status status = make_ids(r, alternative, &ids, err);
    if (status == SCL_OK)
        status = scl_image_make(&png, frame->width, frame->height, 1, wide ? 16 : 8, err);
    for (size_t i = 0; i < pixels && status == SCL_OK; i++) {
        if (wide)
            ((uint16_t *)png.data)[i] = ids[i];
        else
            ((uint8_t *)png.data)[i] = (uint8_t)(is_single(r) ? 255 * ids[i] : ids[i]);
    }
    if (status == SCL_OK)
        status = scl_image_write_png(path, &png, err);
    scl_image_free(&png);
    scl_free(ids);
    return status;
}

static scl_status stage_mask(const predict_result *r, size_t alternative, const char *path,
                             cli_outputs *outputs, scl_error *err)
{
    const char *staged = NULL;
    SCL_TRY(cli_output_stage(outputs, path, &staged, err));
    return write_mask(r, alternative, staged, err);
}

/* NAME-1.png, NAME-2.png, NAME-3.png beside NAME.png. */
static scl_status stage_alternatives(const predict_result *r, const char *path,
                                     cli_outputs *outputs, scl_error *err)
{
    for (size_t k = 0; k < r->answer->alternatives; k++) {
        scl_str name = {0};
        scl_str_add(&name, "%.*s-%zu.png", (int)(strlen(path) - strlen(".png")), path, k + 1);
        scl_status status = name.failed ? scl_out_of_memory(err, strlen(path), "a path")
                                        : cli_output_check(name.text, err);
        if (status == SCL_OK)
            status = stage_mask(r, k, name.text, outputs, err);
        scl_str_free(&name);
        SCL_TRY(status);
    }
    return SCL_OK;
}

/* ---- the overlay */

/* The overlay's ids are bytes; colours repeat anyway. */
static scl_status overlay_mask(const predict_result *r, uint8_t **mask, scl_error *err)
{
    uint16_t *ids = NULL;
    size_t pixels = (size_t)r->image->frame.width * (size_t)r->image->frame.height;
    *mask = scl_calloc(pixels, 1);
    if (*mask == NULL)
        return scl_out_of_memory(err, pixels, "an overlay");
    scl_status status = make_ids(r, SCL_ANSWER_CHOSEN, &ids, err);
    for (size_t i = 0; i < pixels && status == SCL_OK; i++)
        (*mask)[i] = (uint8_t)(ids[i] == 0 ? 0 : (ids[i] - 1) % UINT8_MAX + 1);
    scl_free(ids);
    return status;
}

/* Prompts count pixels by their centres, overlays by their edges. */
static void place_prompts(const predict_result *r, scl_overlay_box *boxes,
                          scl_overlay_point *points)
{
    for (size_t i = 0; i < r->request->box_count; i++) {
        const scl_request_box *b = &r->request->boxes[i];
        boxes[i] = (scl_overlay_box){b->x0 + 0.5, b->y0 + 0.5, b->x1 + 0.5, b->y1 + 0.5};
    }
    for (size_t i = 0; i < r->request->point_count; i++) {
        const scl_request_point *p = &r->request->points[i];
        points[i] = (scl_overlay_point){p->x + 0.5, p->y + 0.5, p->label};
    }
}

static scl_status draw_overlay(const predict_result *r, const scl_overlay_box *boxes,
                               const scl_overlay_point *points, const char *path, scl_error *err)
{
    scl_canvas canvas = {0};
    uint8_t *mask = NULL;
    SCL_TRY(overlay_mask(r, &mask, err));
    const scl_overlay overlay = {.rgb = r->image->rgb.data,
                                 .width = r->image->frame.width,
                                 .height = r->image->frame.height,
                                 .mask = mask,
                                 .boxes = boxes,
                                 .box_count = r->request->box_count,
                                 .points = points,
                                 .point_count = r->request->point_count};
    scl_status status = scl_overlay_draw(&overlay, 0, &canvas, err);
    if (status == SCL_OK)
        status = scl_canvas_write_png(&canvas, path, err);
    scl_canvas_free(&canvas);
    scl_free(mask);
    return status;
}

static scl_status write_overlay(const predict_result *r, const char *path, scl_error *err)
{
    size_t boxes = r->request->box_count, points = r->request->point_count;
    scl_overlay_box *box = scl_calloc(boxes + 1, sizeof *box);
    scl_overlay_point *point = scl_calloc(points + 1, sizeof *point);
    scl_status status = box == NULL || point == NULL
                            ? scl_out_of_memory(err, boxes * sizeof *box, "an overlay")
                            : SCL_OK;
    if (status == SCL_OK) {
        place_prompts(r, box, point);
        status = draw_overlay(r, box, point, path, err);
    }
    scl_free(box);
    scl_free(point);
    return status;
}

/* ---- JSON. cJSON passes a failed allocation on; the text is then NULL. */

static const char *class_name(const predict_result *r, size_t id)
{
    return id < r->class_names->count ? r->class_names->items[id] : NULL;
}

static void add_box(cJSON *to, const scl_found *found)
{
    if (found->area > 0)
        cJSON_AddItemToObject(to, "box", cJSON_CreateIntArray(found->box, 4));
    else
        cJSON_AddNullToObject(to, "box");
}

static cJSON *json_prompt(const predict_result *r, size_t mask)
{
    const scl_request *q = r->request;
    cJSON *prompt = cJSON_CreateObject();
    cJSON *points = q->point_count > 0 ? cJSON_AddArrayToObject(prompt, "points") : NULL;
    for (size_t i = 0; i < q->point_count; i++) {
        const double point[] = {q->points[i].x, q->points[i].y, q->points[i].label};
        cJSON_AddItemToArray(points, cJSON_CreateDoubleArray(point, 3));
    }
    if (q->box_count > 0) {
        const scl_request_box *b = &q->boxes[mask];
        const double box[] = {b->x0, b->y0, b->x1, b->y1};
        cJSON_AddItemToObject(prompt, "box", cJSON_CreateDoubleArray(box, 4));
    }
    cJSON_AddBoolToObject(prompt, "mask", q->mask_count > 0);
    return prompt;
}

static cJSON *json_mask(const predict_result *r, const scl_found *found)
{
    cJSON *mask = cJSON_CreateObject();
    cJSON_AddNumberToObject(mask, "id", (double)(found->prompt + 1));
    if (r->answer->alternatives > 1) {
        cJSON_AddNumberToObject(mask, "alternative", (double)(found->alternative + 1));
        cJSON_AddBoolToObject(mask, "chosen", found->chosen);
    }
    add_box(mask, found);
    cJSON_AddNumberToObject(mask, "area", (double)found->area);
    cJSON_AddNumberToObject(mask, "predicted_iou", (double)found->predicted_iou);
    cJSON_AddItemToObject(mask, "prompt", json_prompt(r, found->prompt));
    return mask;
}

static cJSON *json_class(const predict_result *r, size_t id)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "id", (double)id);
    if (class_name(r, id) != NULL)
        cJSON_AddStringToObject(item, "name", class_name(r, id));
    add_box(item, &r->answer->found[id]);
    cJSON_AddNumberToObject(item, "area", (double)r->answer->found[id].area);
    return item;
}

static cJSON *json_root(const predict_result *r)
{
    bool classes = r->answer->classes > 0;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "image", r->image_path);
    cJSON_AddNumberToObject(root, "width", r->image->frame.width);
    cJSON_AddNumberToObject(root, "height", r->image->frame.height);
    cJSON_AddStringToObject(root, "model_type", scl_sam_type(r->config));
    cJSON_AddStringToObject(root, "device", r->device);
    cJSON *seconds = cJSON_AddObjectToObject(root, "seconds");
    cJSON_AddNumberToObject(seconds, "encode", r->encode_seconds);
    cJSON_AddNumberToObject(seconds, "decode", r->decode_seconds);
    if (classes)
        cJSON_AddItemToObject(root, "prompt", json_prompt(r, 0));
    cJSON *list = cJSON_AddArrayToObject(root, classes ? "classes" : "masks");
    for (size_t i = 0; i < r->answer->count; i++)
        cJSON_AddItemToArray(list, classes ? json_class(r, i) : json_mask(r, &r->answer->found[i]));
    return root;
}

static scl_status write_json(const predict_result *r, const char *path, scl_error *err)
{
    cJSON *root = json_root(r);
    char *text = cJSON_Print(root);
    scl_str out = {0};
    if (text != NULL)
        scl_str_add(&out, "%s\n", text);
    scl_status status = text == NULL || out.failed
                            ? scl_out_of_memory(err, 1 << 16, "the JSON text")
                            : scl_file_write(path, out.text, out.length, err);
    scl_str_free(&out);
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

/* ---- all files */

static scl_status write_logits(const predict_result *r, const char *path, scl_error *err)
{
    const int64_t shape[] = {(int64_t)r->answer->count, r->answer->mask_size, r->answer->mask_size};
    return scl_npy_write_f32(path, 3, shape, r->answer->logits, err);
}

static scl_status stage(const predict_result *r, const char *path,
                        scl_status (*write)(const predict_result *, const char *, scl_error *),
                        cli_outputs *outputs, scl_error *err)
{
    const char *staged = NULL;
    if (path == NULL)
        return SCL_OK;
    SCL_TRY(cli_output_stage(outputs, path, &staged, err));
    return write(r, staged, err);
}

static scl_status stage_all(const predict_result *r, const predict_paths *paths,
                            cli_outputs *outputs, scl_error *err)
{
    if (paths->mask != NULL)
        SCL_TRY(stage_mask(r, SCL_ANSWER_CHOSEN, paths->mask, outputs, err));
    if (paths->mask != NULL && r->answer->alternatives > 1)
        SCL_TRY(stage_alternatives(r, paths->mask, outputs, err));
    SCL_TRY(stage(r, paths->overlay, write_overlay, outputs, err));
    SCL_TRY(stage(r, paths->json, write_json, outputs, err));
    return stage(r, paths->logits, write_logits, outputs, err);
}

scl_status predict_files_write(const predict_result *r, const predict_paths *paths, scl_error *err)
{
    cli_outputs outputs = {0};
    return cli_outputs_end(&outputs, stage_all(r, paths, &outputs, err), err);
}

/* ---- lines */

static void print_area(const scl_found *found, const scl_frame *frame)
{
    double share = 100.0 * (double)found->area / ((double)frame->width * frame->height);
    printf("%zu pixels (%.1f%%)", found->area, share);
    if (found->area > 0)
        printf(", box %d,%d,%d,%d", found->box[0], found->box[1], found->box[2], found->box[3]);
}

void predict_print(const predict_result *r)
{
    for (size_t i = 0; i < r->answer->count; i++) {
        const scl_found *found = &r->answer->found[i];
        if (r->answer->classes > 0)
            printf("class %zu%s%s: ", i, class_name(r, i) != NULL ? " " : "",
                   class_name(r, i) != NULL ? class_name(r, i) : "");
        else if (r->answer->alternatives > 1)
            printf("mask %zu alternative %zu%s: ", found->prompt + 1, found->alternative + 1,
                   found->chosen ? " (chosen)" : "");
        else
            printf("mask %zu: ", found->prompt + 1);
        print_area(found, &r->image->frame);
        if (r->answer->classes == 0)
            printf(", predicted IoU %.3f", (double)found->predicted_iou);
        printf("\n");
    }
}
