/* metrics.h — how well predicted masks agree with the annotated ones, at original resolution.
 *
 * Truth is given as ids of scl_mask; pixels whose id is negative are ignored and count nowhere. */
#ifndef SCL_EVAL_METRICS_H
#define SCL_EVAL_METRICS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Pixels of one object: in both masks, in the predicted one, in the true one. */
typedef struct scl_overlap {
    uint64_t both, predicted, truth;
} scl_overlap;

/* predicted [pixels] is 0 or not; the object is where truth [pixels] is `id`. */
scl_overlap scl_overlap_count(const uint8_t *predicted, const int32_t *truth, int32_t id,
                              size_t pixels);
/* 2 |P and T| / (|P| + |T|) and |P and T| / |P or T|; 1 when both are empty. */
double scl_overlap_dice(scl_overlap overlap);
double scl_overlap_iou(scl_overlap overlap);

/* A running mean. Zero-initialise. NaN without values. */
typedef struct scl_average {
    double sum;
    uint64_t count;
} scl_average;

void scl_average_add(scl_average *mean, double value);
double scl_average_value(const scl_average *mean);

/* Free with scl_confusion_free. */
typedef struct scl_confusion {
    size_t classes;
    uint64_t *pixels; /* [classes, classes]: row: true class, column: predicted class */
} scl_confusion;

/* SCL_DEVICE when out of memory. */
scl_status scl_confusion_make(scl_confusion *confusion, size_t classes, scl_error *err);
void scl_confusion_free(scl_confusion *confusion);

/* Both [count] of ids below `classes`; a negative true id is ignored. */
void scl_confusion_add(scl_confusion *confusion, const int32_t *predicted, const int32_t *truth,
                       size_t count);

/* |P and T| / |P or T| over all images added; NaN when the class is in neither. */
double scl_confusion_iou(const scl_confusion *confusion, size_t id);
/* The mean over the classes that are in either; how many are in neither goes to `absent` unless it
 * is NULL. NaN without pixels. */
double scl_confusion_miou(const scl_confusion *confusion, size_t *absent);
/* The share of pixels whose class is right; NaN without pixels. */
double scl_confusion_accuracy(const scl_confusion *confusion);

#endif
