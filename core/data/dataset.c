#include "data/dataset.h"

#include "base/rng.h"
#include "data/pairs.h"
#include "data/scan.h"

#include <math.h>

/* An empty data set; NULL when out of memory. */
static scl_dataset *make(const scl_data_config *config, const char *label, scl_error *err)
{
    scl_dataset *dataset = scl_calloc(1, sizeof *dataset);
    if (dataset != NULL) {
        dataset->config = config;
        dataset->label = scl_arena_strdup(&dataset->arena, label);
    }
    if (dataset != NULL && dataset->label != NULL)
        return dataset;
    scl_dataset_free(dataset);
    scl_out_of_memory(err, sizeof *dataset, "a data set");
    return NULL;
}

void scl_dataset_free(scl_dataset *dataset)
{
    if (dataset == NULL)
        return;
    scl_arena_free(&dataset->arena);
    scl_free(dataset);
}

static scl_status reserve_items(scl_dataset *dataset, size_t count, scl_error *err)
{
    dataset->items = scl_arena_alloc(&dataset->arena, count * sizeof *dataset->items);
    if (dataset->items == NULL)
        return scl_out_of_memory(err, count * sizeof *dataset->items, "a data set");
    return SCL_OK;
}

static scl_status take_pairs(scl_dataset *dataset, const scl_data_folders *folders, scl_error *err)
{
    scl_pair *pairs;
    size_t count;
    SCL_TRY(scl_pairs_find(folders, dataset->label, &dataset->arena, &pairs, &count, err));
    if (count > UINT32_MAX)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected fewer than 2^32 images, found %zu",
                        folders->images, count);
    SCL_TRY(reserve_items(dataset, count, err));
    for (size_t i = 0; i < count; i++)
        dataset->items[i] =
            (scl_data_item){.name = pairs[i].name, .image = pairs[i].image, .mask = pairs[i].mask};
    dataset->count = count;
    return SCL_OK;
}

scl_status scl_dataset_open(const scl_data_config *config, const scl_data_folders *folders,
                            const char *label, scl_data_progress progress, scl_dataset **dataset,
                            scl_error *err)
{
    *dataset = NULL;
    scl_dataset *opened = make(config, label, err);
    if (opened == NULL)
        return SCL_DEVICE;
    scl_status status = take_pairs(opened, folders, err);
    if (status == SCL_OK)
        status = scl_dataset_scan(opened, progress, err);
    if (status == SCL_OK)
        *dataset = opened;
    else
        scl_dataset_free(opened);
    return status;
}

/* The caller reserved room for one more. */
static scl_status copy_item(scl_dataset *dataset, const scl_data_item *item, scl_error *err)
{
    scl_data_item copy = *item;
    copy.name = scl_arena_strdup(&dataset->arena, item->name);
    copy.image = scl_arena_strdup(&dataset->arena, item->image);
    copy.mask = scl_arena_strdup(&dataset->arena, item->mask);
    if (copy.name == NULL || copy.image == NULL || copy.mask == NULL)
        return scl_out_of_memory(err, dataset->arena.used, "a data set");
    dataset->items[dataset->count++] = copy;
    return SCL_OK;
}

/* chosen [count]: which items go to val. */
static scl_status deal_out(const scl_dataset *dataset, const bool *chosen, scl_dataset *train,
                           scl_dataset *val, scl_error *err)
{
    SCL_TRY(reserve_items(train, dataset->count, err));
    SCL_TRY(reserve_items(val, dataset->count, err));
    for (size_t i = 0; i < dataset->count; i++)
        SCL_TRY(copy_item(chosen[i] ? val : train, &dataset->items[i], err));
    return SCL_OK;
}

static scl_status choose(size_t count, double fraction, uint64_t seed, bool *chosen, scl_error *err)
{
    uint32_t *order = scl_calloc(count, sizeof *order);
    if (order == NULL)
        return scl_out_of_memory(err, count * sizeof *order, "a data set");
    scl_rng rng = scl_rng_make(seed, "val_split", 0, 0);
    scl_rng_permutation(&rng, order, (uint32_t)count);
    size_t wanted = (size_t)llround(fraction * (double)count);
    wanted = wanted < 1 ? 1 : wanted > count - 1 ? count - 1 : wanted;
    for (size_t i = 0; i < wanted; i++)
        chosen[order[i]] = true;
    scl_free(order);
    return SCL_OK;
}

scl_status scl_dataset_split(const scl_dataset *dataset, double fraction, uint64_t seed,
                             scl_dataset **train, scl_dataset **val, scl_error *err)
{
    *train = *val = NULL;
    if (dataset->count < 2)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s data: expected at least 2 images to set some aside for validation "
                        "(`val_split`), found 1",
                        dataset->label);
    scl_status status = SCL_DEVICE;
    scl_dataset *first = make(dataset->config, "train", err);
    scl_dataset *second = first != NULL ? make(dataset->config, "val", err) : NULL;
    bool *chosen = scl_calloc(dataset->count, sizeof *chosen);
    if (chosen == NULL)
        scl_out_of_memory(err, dataset->count * sizeof *chosen, "a data set");
    else if (second != NULL)
        status = choose(dataset->count, fraction, seed, chosen, err);
    if (status == SCL_OK)
        status = deal_out(dataset, chosen, first, second, err);
    scl_free(chosen);
    if (status == SCL_OK) {
        *train = first;
        *val = second;
        return SCL_OK;
    }
    scl_dataset_free(first);
    scl_dataset_free(second);
    return status;
}
