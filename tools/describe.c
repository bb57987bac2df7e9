#include "describe.h"

#include "base/str.h"
#include "model/checkpoint_config.h"
#include "tuned/tuned_file.h"

#include <math.h>
#include <string.h>

static const char *const formats[] = {
    [SCL_WEIGHTS_PTH_ZIP] = "PyTorch .pth (zip)",
    [SCL_WEIGHTS_PTH_LEGACY] = "PyTorch .pth (before 1.6)",
    [SCL_WEIGHTS_SAFETENSORS] = "safetensors",
    [SCL_WEIGHTS_HF_FOLDER] = "Hugging Face folder",
    [SCL_WEIGHTS_PEFT_FOLDER] = "PEFT folder",
};

/* ---- tensors */

static bool is_optimizer(const scl_weight *w)
{
    return scl_starts_with(w->name, "optimizer.");
}

static void add_tensors(cJSON *to, const scl_weights *weights)
{
    static const scl_weight_dtype all[] = {
#define X(name, bytes) SCL_WEIGHT_##name,
        SCL_WEIGHT_DTYPE_LIST(X)
#undef X
    };
    size_t tensors = 0, bytes = 0, by_type[sizeof all / sizeof *all] = {0};
    double values = 0;
    for (size_t i = 0; i < weights->count; i++) {
        const scl_weight *w = &weights->tensor[i];
        bytes += w->bytes;
        if (is_optimizer(w))
            continue;
        tensors++;
        values += (double)scl_weight_elements(w);
        by_type[w->dtype]++;
    }
    cJSON_AddNumberToObject(to, "tensors", (double)tensors);
    cJSON_AddNumberToObject(to, "parameters", values);
    cJSON_AddNumberToObject(to, "bytes", (double)bytes);
    cJSON *types = cJSON_AddObjectToObject(to, "dtypes");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (by_type[all[i]] > 0)
            cJSON_AddNumberToObject(types, scl_weight_dtype_name(all[i]), (double)by_type[all[i]]);
}

/* ---- dimensions */

static cJSON *model_json(const scl_sam_config *c)
{
    cJSON *model = cJSON_CreateObject();
    cJSON_AddStringToObject(model, "type", scl_sam_type(c));
    cJSON_AddStringToObject(model, "flavour",
                            c->flavour == SCL_SAM_HF ? "transformers" : "segment-anything");
    char *dims = scl_sam_config_to_json(c);
    cJSON *members = dims != NULL ? cJSON_Parse(dims) : NULL;
    cJSON_DeleteItemFromObject(members, "flavour");
    while (members != NULL && members->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(members, members->child);
        cJSON_AddItemToObject(model, item->string, item);
    }
    cJSON_Delete(members);
    scl_free(dims);
    return model;
}

static bool is_foreign(const scl_weights *weights)
{
    scl_adapter_layout layout = scl_adapter_layout_of(weights);
    return layout == SCL_LAYOUT_PEFT || layout == SCL_LAYOUT_SAM_LORA;
}

static void add_model(cJSON *to, const scl_weights *weights)
{
    scl_sam_config config;
    scl_error why = {0};
    if (is_foreign(weights) && scl_weights_metadata(weights, SCL_CONFIG_KEY) == NULL)
        cJSON_AddStringToObject(to, "no_model", "an adapter, which does not say its base's size");
    else if (scl_sam_config_from_weights(weights, NULL, &config, &why) == SCL_OK)
        cJSON_AddItemToObject(to, "model", model_json(&config));
    else
        cJSON_AddStringToObject(to, "no_model", why.text);
}

/* ---- what samcl train wrote */

static void add_patterns(cJSON *to, const char *key, const scl_param_strings *texts)
{
    cJSON *list = cJSON_AddArrayToObject(to, key);
    for (uint64_t i = 0; i < texts->count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(texts->items[i]));
}

/* Names and parameters: null without an adapter, texts for one, lists of texts for several. */
static void add_adapters(cJSON *to, const scl_run_config *config)
{
    if (config->adapter.count == 0)
        cJSON_AddNullToObject(to, "adapter");
    cJSON *names = cJSON_CreateArray(), *params = cJSON_CreateArray();
    for (size_t i = 0; i < config->adapter.count; i++) {
        const scl_adapter_config *adapter = &config->adapter.items[i];
        scl_str text = {0};
        if (adapter->params.node != NULL)
            scl_yaml_write(adapter->params.node, &text);
        cJSON_AddItemToArray(names, cJSON_CreateString(adapter->use != NULL ? adapter->use : ""));
        cJSON_AddItemToArray(params, cJSON_CreateString(scl_str_text(&text)));
        scl_str_free(&text);
    }
    if (config->adapter.count > 1) {
        cJSON_AddItemToObject(to, "adapter", names);
        cJSON_AddItemToObject(to, "adapter_params", params);
        return;
    }
    if (config->adapter.count == 1) {
        cJSON_AddItemToObject(to, "adapter", cJSON_DetachItemFromArray(names, 0));
        cJSON_AddItemToObject(to, "adapter_params", cJSON_DetachItemFromArray(params, 0));
    }
    cJSON_Delete(names);
    cJSON_Delete(params);
}

static void add_run(cJSON *to, const scl_run_config *config)
{
    if (config->name != NULL)
        cJSON_AddStringToObject(to, "run", config->name);
    cJSON_AddStringToObject(to, "task", scl_task_names[config->data.task]);
    if (config->data.task == SCL_TASK_MULTICLASS)
        cJSON_AddNumberToObject(to, "classes", (double)config->data.classes);
    if (config->data.class_names.count > 0)
        add_patterns(to, "class_names", &config->data.class_names);
    add_adapters(to, config);
    add_patterns(to, "train_also", &config->train_also);
    if (config->model.checkpoint != NULL)
        cJSON_AddStringToObject(to, "base", config->model.checkpoint);
}

/* What it was trained with. */
static void add_training(cJSON *to, const scl_run_config *config)
{
    cJSON *losses = cJSON_AddArrayToObject(to, "losses");
    for (size_t i = 0; i < config->losses.count; i++) {
        const scl_loss_config *loss = &config->losses.items[i];
        cJSON_AddItemToArray(losses,
                             cJSON_CreateString(loss->use != NULL ? loss->use : loss->expr));
    }
    cJSON_AddStringToObject(to, "optimizer", scl_optimizer_names[config->train.optimizer.type]);
    cJSON_AddNumberToObject(to, "lr", config->train.optimizer.lr);
    cJSON_AddNumberToObject(to, "batch_size", (double)config->train.batch_size);
    if (config->data.train.images != NULL)
        cJSON_AddStringToObject(to, "images", config->data.train.images);
}

static void add_state(cJSON *to, const scl_train_state *state)
{
    cJSON_AddNumberToObject(to, "epoch", (double)state->epoch);
    cJSON_AddNumberToObject(to, "step", (double)state->update);
    cJSON_AddNumberToObject(to, "best_epoch", (double)state->best_epoch);
    if (isnan(state->best_metric))
        cJSON_AddNullToObject(to, "best_metric");
    else
        cJSON_AddNumberToObject(to, "best_metric", state->best_metric);
    cJSON_AddNumberToObject(to, "seconds", state->seconds);
}

/* Whether the run file, its state and the base are known, or only what a foreign file says. */
static void add_about(cJSON *to, const scl_tuned_about *about, const scl_run_config *config)
{
    cJSON_AddStringToObject(to, "layout", scl_adapter_layout_name(about->layout));
    if (about->has_run) {
        add_run(to, config);
        if (about->state.update > 0)
            add_training(to, config);
        cJSON_AddStringToObject(to, "base_hash", about->base_hash);
        cJSON_AddBoolToObject(to, "contains_base", about->contains_base);
        cJSON_AddBoolToObject(to, "contains_optimizer", about->has_optimizer);
        add_state(to, &about->state);
        return;
    }
    add_adapters(to, config);
    add_patterns(to, "train_also", &config->train_also);
    if (about->base != NULL)
        cJSON_AddStringToObject(to, "base", about->base);
    else
        cJSON_AddNullToObject(to, "base");
}

static scl_status add_tuned(cJSON *to, scl_weights *weights, scl_error *err)
{
    scl_tuned_about about;
    scl_run_config config = {0};
    cJSON *tuned = cJSON_AddObjectToObject(to, "tuned");
    SCL_TRY(scl_tuned_file_about(weights, &about, err));
    scl_run_config_load_text(&config, weights->path, about.run_config, strlen(about.run_config),
                             about.settings, about.setting_count);
    scl_status status = scl_run_config_finish(&config, err);
    if (status == SCL_OK)
        add_about(tuned, &about, &config);
    scl_run_config_free(&config);
    return status;
}

static scl_status describe_loaded(scl_weights *weights, cJSON *root, scl_error *err)
{
    cJSON_AddStringToObject(root, "path", weights->path);
    cJSON_AddStringToObject(root, "format", formats[weights->format]);
    add_tensors(root, weights);
    add_model(root, weights);
    return scl_tuned_file_is(weights) ? add_tuned(root, weights, err) : SCL_OK;
}

scl_status describe_weights(const char *path, cJSON **out, scl_error *err)
{
    scl_weights weights = {0};
    *out = NULL;
    SCL_TRY(scl_tuned_weights_load(path, &weights, err));
    cJSON *root = cJSON_CreateObject();
    scl_status status = root == NULL ? scl_out_of_memory(err, sizeof *root, "a description")
                                     : describe_loaded(&weights, root, err);
    scl_weights_free(&weights);
    if (status == SCL_OK)
        *out = root;
    else
        cJSON_Delete(root);
    return status;
}

/* ---- run folders */

/* "<folder>/<name>" when it exists; free with scl_free. */
static char *find_in(const char *folder, const char *name)
{
    char *path = scl_path_join(folder, name);
    if (path != NULL && scl_path_exists(path))
        return path;
    scl_free(path);
    return NULL;
}

bool describe_is_run(const char *path)
{
    char *file = scl_path_is_folder(path) ? find_in(path, "metrics.jsonl") : NULL;
    scl_free(file);
    return file != NULL;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Line `index` of a text; *length excludes its end. */
static const char *line_of(const char *text, size_t size, size_t index, size_t *length)
{
    const char *end = text + size;
    for (; index > 0 && text < end; text++)
        index -= *text == '\n';
    const char *stop = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
    *length = (size_t)((stop != NULL ? stop : end) - text);
    return text;
}

/* The last row as pairs of its column's name and value. */
static void add_last_row(cJSON *to, const char *text, size_t size, size_t lines)
{
    size_t names_left, values_left;
    const char *names = line_of(text, size, 0, &names_left);
    const char *values = line_of(text, size, lines - 1, &values_left);
    cJSON *row = cJSON_AddObjectToObject(to, "last_epoch");
    while (names_left > 0 && values_left > 0) {
        char name[64], value[64];
        const char *comma = memchr(names, ',', names_left);
        size_t n = comma != NULL ? (size_t)(comma - names) : names_left;
        comma = memchr(values, ',', values_left);
        size_t v = comma != NULL ? (size_t)(comma - values) : values_left;
        snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), names);
        snprintf(value, sizeof value, "%.*s", (int)(v < 63 ? v : 63), values);
        cJSON_AddStringToObject(row, name, value);
        names += n < names_left ? n + 1 : n;
        names_left -= n < names_left ? n + 1 : n;
        values += v < values_left ? v + 1 : v;
        values_left -= v < values_left ? v + 1 : v;
    }
}

static scl_status add_file_lines(cJSON *to, const char *folder, const char *name, const char *key,
                                 bool table, scl_error *err)
{
    scl_file_map map;
    char *path = find_in(folder, name);
    if (path == NULL)
        return SCL_OK;
    scl_status status = scl_file_map_open(path, &map, err);
    scl_free(path);
    SCL_TRY(status);
    const char *text = (const char *)map.data;
    size_t lines = count_lines(text, map.size), head = table && lines > 0 ? 1 : 0;
    cJSON_AddNumberToObject(to, key, (double)(lines - head));
    if (table && lines > 1)
        add_last_row(to, text, map.size, lines);
    scl_file_unmap(&map);
    return SCL_OK;
}

static scl_status add_checkpoint(cJSON *to, const char *folder, const char *name, const char *key,
                                 scl_error *err)
{
    cJSON *file = NULL;
    char *path = find_in(folder, name);
    if (path == NULL)
        return SCL_OK;
    scl_status status = describe_weights(path, &file, err);
    scl_free(path);
    if (status == SCL_OK)
        cJSON_AddItemToObject(to, key, file);
    return status;
}

scl_status describe_run(const char *path, cJSON **out, scl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    *out = NULL;
    cJSON_AddStringToObject(root, "path", path);
    cJSON_AddStringToObject(root, "format", "run folder");
    scl_status status = add_file_lines(root, path, "metrics.jsonl", "steps_logged", false, err);
    if (status == SCL_OK)
        status = add_file_lines(root, path, "results.csv", "epochs_done", true, err);
    if (status == SCL_OK)
        status = add_checkpoint(root, path, "checkpoints/best.safetensors", "best", err);
    if (status == SCL_OK)
        status = add_checkpoint(root, path, "checkpoints/last.safetensors", "last", err);
    if (status == SCL_OK)
        *out = root;
    else
        cJSON_Delete(root);
    return status;
}
