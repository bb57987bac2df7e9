#include "io/hf_folder.h"

#include "base/str.h"
#include "io/json.h"
#include "io/printable.h"

#include <string.h>

#define CONFIG_NAME  "config.json"
#define INDEX_SUFFIX ".index.json"

/* In the order they are looked for. */
static const char *const weight_files[] = {
    "model.safetensors",
    "model.safetensors" INDEX_SUFFIX,
    "pytorch_model.bin",
    "pytorch_model.bin" INDEX_SUFFIX,
};

static char *join(const char *folder, const char *name, scl_error *err)
{
    char *path = scl_path_join(folder, name);
    if (path == NULL)
        scl_out_of_memory(err, strlen(folder) + strlen(name), "a file name");
    return path;
}

/* --- shards ------------------------------------------------------------------------------------
 */

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

/* --- the folder --------------------------------------------------------------------------------
 */

static scl_status load_config(scl_weights *weights, const char *folder, scl_error *err)
{
    char *path = join(folder, CONFIG_NAME, err);
    if (path == NULL)
        return SCL_DEVICE;
    scl_status status = SCL_OK;
    if (scl_path_exists(path))
        status = scl_json_load(path, &weights->config, err);
    if (status == SCL_OK && weights->config != NULL && !cJSON_IsObject(weights->config))
        status = scl_fail(err, SCL_BAD_DATA, "%s: expected a JSON object, found %s", path,
                          scl_json_kind(weights->config));
    scl_free(path);
    return status;
}

static scl_status load_weights(scl_weights *weights, const char *folder, scl_error *err)
{
    for (size_t i = 0; i < sizeof weight_files / sizeof *weight_files; i++) {
        char *path = join(folder, weight_files[i], err);
        if (path == NULL)
            return SCL_DEVICE;
        bool exists = scl_path_exists(path);
        scl_status status = !exists ? SCL_OK
                            : scl_ends_with(path, INDEX_SUFFIX)
                                ? load_index(weights, folder, path, err)
                                : scl_weights_add_file(weights, path, err);
        scl_free(path);
        if (exists)
            return status;
    }
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected a Hugging Face folder with model.safetensors or "
                    "pytorch_model.bin (or the .index.json of one), or the folder of a run with "
                    "checkpoints/best.safetensors or last.safetensors; found none of them",
                    folder);
}

scl_status scl_hf_folder_read(scl_weights *weights, const char *folder, scl_error *err)
{
    SCL_TRY(load_config(weights, folder, err));
    SCL_TRY(load_weights(weights, folder, err));
    weights->format = SCL_WEIGHTS_HF_FOLDER;
    return SCL_OK;
}
