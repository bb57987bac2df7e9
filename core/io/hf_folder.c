#include "io/hf_folder.h"

#include "base/str.h"
#include "io/json.h"
#include "io/printable.h"

#include <string.h>

#define INDEX_SUFFIX ".index.json"

/* What a folder's config says it is, and its weights in the order they are looked for. */
typedef struct folder_kind {
    scl_weights_format format;
    const char *config;
    const char *weights[4];
    const char *otherwise; /* what to say when there are none */
} folder_kind;

static const folder_kind model_folder = {
    SCL_WEIGHTS_HF_FOLDER,
    "config.json",
    {"model.safetensors", "model.safetensors" INDEX_SUFFIX, "pytorch_model.bin",
     "pytorch_model.bin" INDEX_SUFFIX},
    "expected a Hugging Face folder with model.safetensors or pytorch_model.bin (or the "
    ".index.json of one), the folder of an adapter with adapter_config.json, or the folder of a "
    "run with checkpoints/best.safetensors or last.safetensors; found none of them"};

static const folder_kind adapter_folder = {
    SCL_WEIGHTS_PEFT_FOLDER,
    "adapter_config.json",
    {"adapter_model.safetensors", "adapter_model.bin"},
    "expected adapter_model.safetensors or adapter_model.bin beside adapter_config.json, found "
    "neither"};

static char *join(const char *folder, const char *name, scl_error *err)
{
    char *path = scl_path_join(folder, name);
    if (path == NULL)
        scl_out_of_memory(err, strlen(folder) + strlen(name), "a file name");
    return path;
}

/* --- shards ----------------------------------------------------------------------------------- */

typedef struct shards {
    const char **name; /* those loaded so far, borrowed from the index */
    size_t count, capacity;
} shards;

static bool is_loaded(const shards *loaded, const char *name)
{
    for (size_t i = 0; i < loaded->count; i++)
        if (strcmp(loaded->name[i], name) == 0)
            return true;
    return false;
}

static scl_status load_shard(scl_weights *weights, const char *folder, const char *index_path,
                             const char *name, scl_error *err)
{
    char shown[SCL_PRINTABLE];
    scl_printable(shown, name, strlen(name));
    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, "..") == 0)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected shards in the same folder, found the name '%s'", index_path,
                        shown);
    char *path = join(folder, name, err);
    if (path == NULL)
        return SCL_DEVICE;
    scl_status status =
        scl_path_exists(path)
            ? scl_weights_add_file(weights, path, err)
            : scl_fail(err, SCL_BAD_DATA,
                       "%s: expected the shard '%s' beside it, found no such file: the download "
                       "is incomplete",
                       index_path, shown);
    scl_free(path);
    return status;
}

static scl_status load_shards(scl_weights *weights, const char *folder, const char *index_path,
                              const cJSON *map, shards *loaded, scl_error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item))
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: expected file names in \"weight_map\", found %s", index_path,
                            scl_json_kind(item));
        if (is_loaded(loaded, item->valuestring))
            continue;
        SCL_TRY(load_shard(weights, folder, index_path, item->valuestring, err));
        if (!SCL_GROW(loaded->name, loaded->count, loaded->capacity))
            return scl_out_of_memory(err, sizeof *loaded->name, "the list of shards");
        loaded->name[loaded->count++] = item->valuestring;
    }
    SCL_TRY(scl_weights_index(weights, err));
    cJSON_ArrayForEach(item, map)
    {
        char name[SCL_PRINTABLE];
        if (scl_weights_find(weights, item->string) == NULL)
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: expected the tensor '%s' in one of its shards, found it in none",
                            index_path, scl_printable(name, item->string, strlen(item->string)));
    }
    return SCL_OK;
}

static scl_status load_index(scl_weights *weights, const char *folder, const char *index_path,
                             scl_error *err)
{
    scl_status status;
    cJSON *index;
    const cJSON *map;
    shards loaded = {0};
    SCL_TRY(scl_json_load(index_path, &index, err));
    SCL_CHECK(scl_json_object(index, "weight_map", index_path, &map, err));
    SCL_CHECK(load_shards(weights, folder, index_path, map, &loaded, err));
done:
    scl_free(loaded.name);
    cJSON_Delete(index);
    return status;
}

/* --- the folder ------------------------------------------------------------------------------- */

/* The path of a file in the folder when it is there, else NULL, also on error. */
static char *find_file(const char *folder, const char *name, scl_error *err)
{
    char *path = join(folder, name, err);
    if (path == NULL || scl_path_exists(path))
        return path;
    scl_free(path);
    return NULL;
}

static scl_status load_config(scl_weights *weights, const char *path, scl_error *err)
{
    SCL_TRY(scl_json_load(path, &weights->config, err));
    return cJSON_IsObject(weights->config)
               ? SCL_OK
               : scl_fail(err, SCL_BAD_DATA, "%s: expected a JSON object, found %s", path,
                          scl_json_kind(weights->config));
}

static scl_status load_weights(scl_weights *weights, const char *folder, const folder_kind *kind,
                               scl_error *err)
{
    size_t most = sizeof kind->weights / sizeof *kind->weights;
    for (size_t i = 0; i < most && kind->weights[i] != NULL; i++) {
        char *path = find_file(folder, kind->weights[i], err);
        if (path == NULL && err->status != SCL_OK)
            return err->status;
        if (path == NULL)
            continue;
        scl_status status = scl_ends_with(path, INDEX_SUFFIX)
                                ? load_index(weights, folder, path, err)
                                : scl_weights_add_file(weights, path, err);
        scl_free(path);
        return status;
    }
    return scl_fail(err, SCL_BAD_DATA, "%s: %s", folder, kind->otherwise);
}

scl_status scl_hf_folder_read(scl_weights *weights, const char *folder, scl_error *err)
{
    const folder_kind *kind = &adapter_folder;
    char *config = find_file(folder, kind->config, err);
    if (config == NULL && err->status == SCL_OK) {
        kind = &model_folder;
        config = find_file(folder, kind->config, err);
    }
    scl_status status = config != NULL ? load_config(weights, config, err) : err->status;
    scl_free(config);
    SCL_TRY(status);
    SCL_TRY(load_weights(weights, folder, kind, err));
    weights->format = kind->format;
    return SCL_OK;
}
