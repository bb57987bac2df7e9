#include "io/weights_diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_shape(const scl_weight *a, const scl_weight *b)
{
    return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim) == 0;
}

static void measure(const float *left, const float *right, size_t count, scl_diff *found)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double a = (double)left[i], b = (double)right[i], gap = fabs(a - b);
        bool same = a == b || (isnan(a) && isnan(b));
        if (same)
            gap = 0;
        else if (isnan(gap))
            gap = INFINITY;
        found->absolute = fmax(found->absolute, gap);
        if (isfinite(a))
            largest = fmax(largest, fabs(a));
    }
    if (found->absolute > 0)
        found->relative = found->absolute / largest;
}

static scl_status compare_values(const scl_weights *left, const scl_weights *right, scl_diff *found,
                                 scl_error *err)
{
    const scl_weight *a = found->left, *b = found->right;
    size_t count = (size_t)scl_weight_elements(a);
    if (a->dtype == b->dtype && (count == 0 || memcmp(a->data, b->data, a->bytes) == 0))
        return SCL_OK;
    float *values = scl_calloc(count, 2 * sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, 2 * count * sizeof *values, a->name);
    scl_weight_to_f32(a, values);
    scl_weight_to_f32(b, values + count);
    measure(values, values + count, count, found);
    scl_free(values);
    scl_weights_release(left, a);
    scl_weights_release(right, b);
    return SCL_OK;
}

static scl_status add(scl_weights_diff *diff, const scl_diff *found, scl_error *err)
{
    if (!SCL_GROW(diff->items, diff->count, diff->capacity))
        return scl_out_of_memory(err, sizeof *found, "a comparison");
    diff->items[diff->count++] = *found;
    return SCL_OK;
}

/* A tensor of the left file against the right file's. */
static scl_status compare_one(const scl_weights *left, const scl_weights *right,
                              const scl_weight *a, scl_weights_diff *diff, scl_error *err)
{
    scl_diff found = {.left = a, .right = scl_weights_find(right, a->name)};
    if (found.right == NULL)
        found.kind = SCL_DIFF_ONLY_LEFT;
    else if (!same_shape(a, found.right))
        found.kind = SCL_DIFF_SHAPE;
    else {
        found.kind = a->dtype != found.right->dtype ? SCL_DIFF_DTYPE : SCL_DIFF_VALUES;
        SCL_TRY(compare_values(left, right, &found, err));
        if (found.kind == SCL_DIFF_VALUES && found.absolute == 0) {
            diff->equal++;
            return SCL_OK;
        }
    }
    return add(diff, &found, err);
}

static const char *name_of(const scl_diff *d)
{
    return d->left != NULL ? d->left->name : d->right->name;
}

static int by_kind(const void *left, const void *right)
{
    const scl_diff *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->relative != b->relative)
        return a->relative > b->relative ? -1 : 1;
    return strcmp(name_of(a), name_of(b));
}

scl_status scl_weights_compare(const scl_weights *left, const scl_weights *right,
                               scl_diff_progress progress, void *user, scl_weights_diff *diff,
                               scl_error *err)
{
    size_t total = 0, done = 0;
    for (size_t i = 0; i < left->count; i++)
        total += left->tensor[i].bytes;
    for (size_t i = 0; i < left->count; i++) {
        SCL_TRY(compare_one(left, right, &left->tensor[i], diff, err));
        done += left->tensor[i].bytes;
        if (progress != NULL)
            progress(user, done, total);
    }
    for (size_t i = 0; i < right->count; i++) {
        scl_diff found = {.kind = SCL_DIFF_ONLY_RIGHT, .right = &right->tensor[i]};
        if (scl_weights_find(left, found.right->name) == NULL)
            SCL_TRY(add(diff, &found, err));
    }
    if (diff->count > 0)
        qsort(diff->items, diff->count, sizeof *diff->items, by_kind);
    return SCL_OK;
}

void scl_weights_diff_free(scl_weights_diff *diff)
{
    scl_free(diff->items);
    *diff = (scl_weights_diff){0};
}
