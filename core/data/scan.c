#include "data/scan.h"

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/image_header.h"
#include "data/objects.h"
#include "samcl/plugin.h"

#include <inttypes.h>

#define PROBLEMS_SHOWN 8

/* What the scan keeps from file to file. */
typedef struct scan {
    const scl_dataset *dataset;
    scl_mask mask;
    scl_objects objects;
    size_t kinds[SCL_MASK_KIND_COUNT];
    size_t empty;      /* masks without an object */
    size_t objectless; /* masks whose objects are all too small; instances only */
    uint64_t object_count;
    size_t problems;
    scl_str problem_text;
} scan;

/* A camera turned on its side stores the picture unturned, and annotation tools turn it back. */
static bool is_turned(const scl_data_item *item, const scl_mask *mask)
{
    return item->width != item->height && mask->width == item->height &&
           mask->height == item->width;
}

static scl_status scan_item(scan *s, scl_data_item *item, scl_error *err)
{
    SCL_TRY(scl_image_header_read(item->image, &item->width, &item->height, err));
    SCL_TRY(scl_mask_read(&s->mask, item->mask, s->dataset->config, err));
    if (s->mask.width != item->width || s->mask.height != item->height)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected a mask of %d x %d pixels like its image %s, found %d x %d%s",
                        item->mask, item->width, item->height, item->image, s->mask.width,
                        s->mask.height,
                        is_turned(item, &s->mask) ? "; if the image carries an EXIF orientation, "
                                                    "save it upright: the tag is not applied"
                                                  : "; save both at the same size");
    SCL_TRY(scl_objects_find(&s->objects, &s->mask, s->dataset->config, err));
    item->objects = (uint32_t)s->objects.count;
    item->empty = !s->objects.any;
    s->kinds[s->mask.kind]++;
    s->empty += item->empty;
    s->objectless += !item->empty && item->objects == 0;
    s->object_count += item->objects;
    return SCL_OK;
}

/* False when it is no fault of this file. */
static bool keep_problem(scan *s, const scl_error *problem)
{
    if (problem->status != SCL_BAD_DATA)
        return false;
    if (s->problems++ < PROBLEMS_SHOWN)
        scl_str_add(&s->problem_text, "\n  %s", problem->text);
    return true;
}

static scl_status scan_items(scan *s, scl_dataset *dataset, scl_data_progress progress,
                             scl_error *err)
{
    for (size_t i = 0; i < dataset->count; i++) {
        scl_error problem = {0};
        scl_status status = scan_item(s, &dataset->items[i], &problem);
        if (status != SCL_OK && !keep_problem(s, &problem))
            return scl_fail(err, status, "%s", problem.text);
        if (progress.call != NULL)
            progress.call(progress.user, i + 1, dataset->count);
    }
    return SCL_OK;
}

static scl_status report_problems(const scan *s, scl_error *err)
{
    if (s->problems == 0)
        return SCL_OK;
    if (s->problems > PROBLEMS_SHOWN)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s data: %zu of %zu images can't be used:%s\n  and %zu more",
                        s->dataset->label, s->problems, s->dataset->count,
                        scl_str_text(&s->problem_text), s->problems - PROBLEMS_SHOWN);
    return scl_fail(err, SCL_BAD_DATA, "%s data: %zu of %zu images can't be used:%s",
                    s->dataset->label, s->problems, s->dataset->count,
                    scl_str_text(&s->problem_text));
}

/* Bytes of a mask's path that are its folder: all masks are in one. */
static int folder_length(const scl_dataset *dataset)
{
    const char *path = dataset->items[0].mask;
    return (int)(scl_path_base(path) - path) - 1;
}

/* What no single file shows. */
static scl_status check_whole(const scan *s, scl_error *err)
{
    const scl_dataset *d = s->dataset;
    size_t used = d->count - s->empty;
    if (d->config->task != SCL_TASK_BINARY && used > 0 && s->kinds[SCL_MASK_ZERO_255] == used)
        return scl_fail(err, SCL_BAD_DATA,
                        "%.*s: expected ids in the %s masks, found only 0 and 255 in all of them; "
                        "these look like 0/255 masks: choose `task: binary`, or save ids",
                        folder_length(d), d->items[0].mask, d->label);
    if (used == 0)
        return scl_fail(err, SCL_BAD_DATA,
                        "%.*s: expected an object in at least one of the %s masks, found only "
                        "background%s in all %zu; check that `masks` names the right folder, and "
                        "that objects have values above 0",
                        folder_length(d), d->items[0].mask, d->label,
                        d->config->ignore_index != SCL_UNSET_INT ? " and ignored pixels" : "",
                        d->count);
    if (s->object_count == 0)
        return scl_fail(err, SCL_BAD_DATA,
                        "%.*s: expected an object of at least %" PRId64 " pixels in one of the %s "
                        "masks, found smaller ones only; lower `min_object_area`",
                        folder_length(d), d->items[0].mask, d->config->min_object_area, d->label);
    return SCL_OK;
}

/* "30 files of 0 and 255, 10 files of 0 and 1" */
static void describe_kinds(const scan *s, scl_str *text)
{
    for (int kind = SCL_MASK_EMPTY + 1; kind < SCL_MASK_KIND_COUNT; kind++)
        if (s->kinds[kind] > 0)
            scl_str_add(text, "%s%zu file%s %s", text->length > 0 ? ", " : "", s->kinds[kind],
                        s->kinds[kind] == 1 ? "" : "s", scl_mask_kind_text((scl_mask_kind)kind));
}

static void log_findings(const scan *s)
{
    const scl_dataset *d = s->dataset;
    const scl_data_config *config = d->config;
    scl_str kinds = {0};
    describe_kinds(s, &kinds);
    if (config->task == SCL_TASK_BINARY)
        scl_log(SCL_LOG_INFO, "%s masks: %s, read as background and object", d->label,
                scl_str_text(&kinds));
    else if (config->task == SCL_TASK_MULTICLASS)
        scl_log(SCL_LOG_INFO, "%s masks: %s, read as classes 0 to %" PRId64, d->label,
                scl_str_text(&kinds), config->classes - 1);
    else
        scl_log(SCL_LOG_INFO,
                "%s masks: %s, read as %" PRIu64 " objects of at least %" PRId64 " pixels",
                d->label, scl_str_text(&kinds), s->object_count, config->min_object_area);
    scl_str_free(&kinds);
    if (s->empty > 0)
        scl_log(SCL_LOG_INFO, "%s masks: %zu of %zu have no object%s", d->label, s->empty, d->count,
                config->task == SCL_TASK_BINARY ? "; their images are given no prompt" : "");
    if (s->objectless > 0)
        scl_log(SCL_LOG_INFO, "%s masks: %zu of %zu have only objects below %" PRId64 " pixels",
                d->label, s->objectless, d->count, config->min_object_area);
}

scl_status scl_dataset_scan(scl_dataset *dataset, scl_data_progress progress, scl_error *err)
{
    scan s = {.dataset = dataset};
    scl_status status = scan_items(&s, dataset, progress, err);
    if (status == SCL_OK)
        status = report_problems(&s, err);
    if (status == SCL_OK)
        status = check_whole(&s, err);
    if (status == SCL_OK)
        log_findings(&s);
    scl_mask_free(&s.mask);
    scl_objects_free(&s.objects);
    scl_str_free(&s.problem_text);
    return status;
}
