/* checkpoint_save.c — parameters from the store to safetensors files. */
#include "base/progress.h"
#include "base/str.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/checkpoint_names.h"

#include <string.h>

scl_status scl_checkpoint_params(scl_graph *catalog, bool trained, scl_param_list *list,
                                 scl_error *err)
{
    *list = (scl_param_list){0};
    list->items = scl_arena_alloc(&catalog->arena, catalog->tensor_count * sizeof(scl_tensor *));
    if (list->items == NULL)
        return scl_out_of_memory(err, catalog->tensor_count * sizeof(scl_tensor *),
                                 "a parameter list");
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && (tensor->trained || !trained))
            list->items[list->count++] = tensor;
    }
    return SCL_OK;
}

#define CHECKSUM_KEY "samcl.checksum"

/* A running hash of tensors, in the order of the file. */
static void add_to_checksum(scl_hash128 *sum, const uint8_t *data, size_t bytes)
{
    *sum = scl_hash128_join(*sum, scl_hash128_of(data, bytes));
}

/* Entries on their way to a file: the values of one at a time are in host memory. */
typedef struct saver {
    const scl_store *store;
    const scl_store_entry *const *entries;
    size_t count;
    scl_weight *weights; /* without data */
    float *values;       /* room for the largest */
    scl_arena names;
} saver;

static scl_status describe(saver *s, size_t index, scl_naming naming, scl_error *err)
{
    const scl_store_entry *entry = s->entries[index];
    char hf[SCL_NAME_MAX];
    if (naming == SCL_NAMING_HF)
        scl_name_to_hf(entry->name, hf);
    scl_weight *weight = &s->weights[index];
    *weight = (scl_weight){
        .name = scl_arena_strdup(&s->names, naming == SCL_NAMING_HF ? hf : entry->name),
        .dtype = SCL_WEIGHT_F32,
        .ndim = entry->shape.ndim,
        .bytes = (size_t)scl_shape_count(entry->shape) * sizeof(float)};
    memcpy(weight->dim, entry->shape.dim, (size_t)entry->shape.ndim * sizeof(int64_t));
    return weight->name != NULL ? SCL_OK
                                : scl_out_of_memory(err, strlen(entry->name), "a checkpoint");
}

static scl_status open_saver(saver *s, scl_naming naming, scl_error *err)
{
    size_t largest = 0;
    s->weights = scl_calloc(s->count, sizeof *s->weights);
    if (s->weights == NULL)
        return scl_out_of_memory(err, s->count * sizeof *s->weights, "a checkpoint");
    for (size_t i = 0; i < s->count; i++) {
        SCL_TRY(describe(s, i, naming, err));
        largest = s->weights[i].bytes > largest ? s->weights[i].bytes : largest;
    }
    s->values = scl_calloc(largest, 1);
    return s->values != NULL ? SCL_OK : scl_out_of_memory(err, largest, "a checkpoint");
}

static void close_saver(saver *s)
{
    scl_free(s->weights);
    scl_free(s->values);
    scl_arena_free(&s->names);
}

static scl_status fetch(void *user, size_t index, const uint8_t **data, scl_error *err)
{
    saver *s = user;
    scl_progress_tell("writing weights", index, s->count);
    *data = (const uint8_t *)s->values;
    return scl_store_read(s->store, s->entries[index], s->values, err);
}

/* The checksum stands before the tensors, so each is read twice. */
static scl_status write_with_checksum(saver *s, const char *path, const scl_weights_pair *metadata,
                                      size_t metadata_count, scl_error *err)
{
    char text[SCL_HASH_TEXT];
    scl_hash128 sum = {0};
    for (size_t i = 0; i < s->count; i++) {
        const uint8_t *data = NULL;
        SCL_TRY(fetch(s, i, &data, err));
        add_to_checksum(&sum, data, s->weights[i].bytes);
    }
    scl_hash128_text(sum, text);
    scl_weights_pair *pairs = scl_calloc(metadata_count + 1, sizeof *pairs);
    if (pairs == NULL)
        return scl_out_of_memory(err, (metadata_count + 1) * sizeof *pairs, "a checkpoint");
    for (size_t i = 0; i < metadata_count; i++)
        pairs[i] = metadata[i];
    pairs[metadata_count] = (scl_weights_pair){CHECKSUM_KEY, text};
    scl_status status = scl_safetensors_write_fetched(path, s->weights, s->count, pairs,
                                                      metadata_count + 1, fetch, s, err);
    scl_free(pairs);
    return status;
}

scl_status scl_checkpoint_save_entries(const char *path, const scl_store_entry *const *entries,
                                       size_t count, const scl_store *store, scl_naming naming,
                                       const scl_weights_pair *metadata, size_t metadata_count,
                                       scl_error *err)
{
    saver s = {.store = store, .entries = entries, .count = count};
    scl_status status = open_saver(&s, naming, err);
    if (status == SCL_OK)
        status = scl_ends_with(path, ".pth")
                     ? scl_pth_write_fetched(path, s.weights, count, fetch, &s, err)
                     : write_with_checksum(&s, path, metadata, metadata_count, err);
    scl_progress_tell("writing weights", count, count);
    close_saver(&s);
    return status;
}

scl_status scl_checkpoint_save(const char *path, const scl_param_list *list, const scl_store *store,
                               scl_naming naming, const scl_weights_pair *metadata,
                               size_t metadata_count, scl_error *err)
{
    const scl_store_entry **entries = scl_calloc(list->count, sizeof *entries);
    scl_status status = entries == NULL
                            ? scl_out_of_memory(err, list->count * sizeof *entries, "a checkpoint")
                            : SCL_OK;
    for (size_t i = 0; i < list->count && status == SCL_OK; i++) {
        entries[i] = scl_store_find(store, list->items[i]->name);
        if (entries[i] == NULL)
            status =
                scl_fail(err, SCL_FAILED, "\"%s\" has no values to save", list->items[i]->name);
    }
    if (status == SCL_OK)
        status = scl_checkpoint_save_entries(path, entries, list->count, store, naming, metadata,
                                             metadata_count, err);
    scl_free(entries);
    return status;
}

scl_status scl_checkpoint_verify(const scl_weights *weights, scl_error *err)
{
    const char *expected = scl_weights_metadata(weights, CHECKSUM_KEY);
    char found[SCL_HASH_TEXT];
    scl_hash128 sum = {0};
    if (expected == NULL)
        return SCL_OK;
    for (size_t i = 0; i < weights->count; i++) {
        add_to_checksum(&sum, weights->tensor[i].data, weights->tensor[i].bytes);
        scl_weights_release(weights, &weights->tensor[i]);
    }
    scl_hash128_text(sum, found);
    if (strcmp(found, expected) == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s is damaged: its tensors have the checksum %s instead of %s; copy it again",
                    weights->path, found, expected);
}
