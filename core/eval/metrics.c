#include "eval/metrics.h"

#include "base/mem.h"

#include <math.h>

scl_overlap scl_overlap_count(const uint8_t *predicted, const int32_t *truth, int32_t id,
                              size_t pixels)
{
    scl_overlap overlap = {0};
    for (size_t i = 0; i < pixels; i++) {
        if (truth[i] < 0)
            continue;
        int found = predicted[i] != 0, there = truth[i] == id;
        overlap.predicted += (uint64_t)found;
        overlap.truth += (uint64_t)there;
        overlap.both += (uint64_t)(found & there);
    }
    return overlap;
}

double scl_overlap_dice(scl_overlap overlap)
{
    uint64_t sum = overlap.predicted + overlap.truth;
    return sum > 0 ? 2.0 * (double)overlap.both / (double)sum : 1.0;
}

double scl_overlap_iou(scl_overlap overlap)
{
    uint64_t either = overlap.predicted + overlap.truth - overlap.both;
    return either > 0 ? (double)overlap.both / (double)either : 1.0;
}

void scl_average_add(scl_average *mean, double value)
{
    mean->sum += value;
    mean->count++;
}

double scl_average_value(const scl_average *mean)
{
    return mean->count > 0 ? mean->sum / (double)mean->count : NAN;
}

scl_status scl_confusion_make(scl_confusion *confusion, size_t classes, scl_error *err)
{
    *confusion = (scl_confusion){.classes = classes,
                                 .pixels = scl_calloc(classes, classes * sizeof(uint64_t))};
    if (confusion->pixels == NULL)
        return scl_out_of_memory(err, classes * classes * sizeof(uint64_t), "a confusion matrix");
    return SCL_OK;
}

void scl_confusion_free(scl_confusion *confusion)
{
    scl_free(confusion->pixels);
    *confusion = (scl_confusion){0};
}

void scl_confusion_add(scl_confusion *confusion, const int32_t *predicted, const int32_t *truth,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (truth[i] >= 0)
            confusion->pixels[(size_t)truth[i] * confusion->classes + (size_t)predicted[i]]++;
}

static scl_overlap overlap_of(const scl_confusion *confusion, size_t id)
{
    scl_overlap overlap = {.both = confusion->pixels[id * confusion->classes + id]};
    for (size_t other = 0; other < confusion->classes; other++) {
        overlap.truth += confusion->pixels[id * confusion->classes + other];
        overlap.predicted += confusion->pixels[other * confusion->classes + id];
    }
    return overlap;
}

double scl_confusion_iou(const scl_confusion *confusion, size_t id)
{
    scl_overlap overlap = overlap_of(confusion, id);
    return overlap.truth + overlap.predicted > 0 ? scl_overlap_iou(overlap) : NAN;
}

double scl_confusion_miou(const scl_confusion *confusion, size_t *absent)
{
    scl_average mean = {0};
    for (size_t id = 0; id < confusion->classes; id++) {
        double iou = scl_confusion_iou(confusion, id);
        if (!isnan(iou))
            scl_average_add(&mean, iou);
    }
    if (absent != NULL)
        *absent = confusion->classes - (size_t)mean.count;
    return scl_average_value(&mean);
}

double scl_confusion_accuracy(const scl_confusion *confusion)
{
    uint64_t right = 0, all = 0;
    for (size_t id = 0; id < confusion->classes; id++) {
        scl_overlap overlap = overlap_of(confusion, id);
        right += overlap.both;
        all += overlap.truth;
    }
    return all > 0 ? (double)right / (double)all : NAN;
}
