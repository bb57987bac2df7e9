/* peft_write.c — a LoRA as Hugging Face's peft saves one, for transformers' SamModel. */
#include "tuned/adapter_write.h"

#include "io/json.h"
#include "model/checkpoint_names.h"
#include "tuned/lora_terms.h"
#include "tuned/tensor_list.h"

#include <math.h>
#include <string.h>

#define PREFIX "base_model.model."

typedef struct writer {
    const scl_tuned_model *tuned;
    scl_lora_terms terms;
    int64_t rank; /* of every layer: peft computes one matrix product for all parts */
    scl_name_set targets, modules; /* transformers' names, in the arena of the list */
    scl_tensor_list tensors;
} writer;

static scl_status out_of_memory(scl_error *err)
{
    return scl_out_of_memory(err, 1024, "the names of an adapter");
}

/* ---- the low-rank terms */

static int64_t terms_at(const scl_lora_terms *terms, const char *site)
{
    int64_t count = 0;
    for (size_t i = 0; i < terms->count; i++)
        count += strcmp(terms->items[i].site, site) == 0;
    return count;
}

/* The first output of a part, in those of the layer. */
static int64_t first_output(const scl_lora_term *term)
{
    return term->part == 'k' ? term->out : term->part == 'v' ? 2 * term->out : 0;
}

/* The two matrices of a layer, still zero. */
static scl_status begin_site(writer *w, const char *hf, const scl_lora_term *t, float **down,
                             float **up, scl_error *err)
{
    char name[SCL_NAME_MAX + 64];
    const int64_t down_dims[] = {w->rank, t->in};
    const int64_t up_dims[] = {t->part != 0 ? 3 * t->out : t->out, w->rank};
    snprintf(name, sizeof name, PREFIX "%s.lora_A.weight", hf);
    *down = scl_tensor_list_add(&w->tensors, name, 2, down_dims, err);
    snprintf(name, sizeof name, PREFIX "%s.lora_B.weight", hf);
    *up = scl_tensor_list_add(&w->tensors, name, 2, up_dims, err);
    return *down != NULL && *up != NULL ? SCL_OK : err->status;
}

/* The terms of a site side by side: down gets more rows, and up has zeros where a term of another
 * part stands. */
static scl_status add_site(writer *w, const char *site, scl_error *err)
{
    char hf[SCL_NAME_MAX], name[SCL_NAME_MAX + 64];
    float *down = NULL, *up = NULL;
    int64_t rank = w->terms.rank, row = 0;
    snprintf(name, sizeof name, "%s.weight", site);
    scl_name_to_hf(name, hf);
    hf[strlen(hf) - strlen(".weight")] = '\0';
    const char *target = scl_arena_strdup(&w->tensors.arena, hf);
    if (target == NULL || !scl_name_set_add(&w->targets, target))
        return out_of_memory(err);
    for (size_t i = 0; i < w->terms.count; i++) {
        const scl_lora_term *t = &w->terms.items[i];
        if (strcmp(t->site, site) != 0)
            continue;
        if (row == 0)
            SCL_TRY(begin_site(w, hf, t, &down, &up, err));
        memcpy(down + row * t->in, t->down, (size_t)(rank * t->in) * sizeof *down);
        for (int64_t o = 0; o < t->out; o++)
            memcpy(up + (first_output(t) + o) * w->rank + row, t->up + o * rank,
                   (size_t)rank * sizeof *up);
        row += rank;
    }
    return SCL_OK;
}

static scl_status add_terms(writer *w, scl_error *err)
{
    int64_t most = 1;
    for (size_t i = 0; i < w->terms.sites.count; i++) {
        int64_t count = terms_at(&w->terms, w->terms.sites.items[i]);
        most = count > most ? count : most;
    }
    w->rank = most * w->terms.rank;
    for (size_t i = 0; i < w->terms.sites.count; i++)
        SCL_TRY(add_site(w, w->terms.sites.items[i], err));
    return SCL_OK;
}

/* ---- what was trained besides: whole modules, as peft saves no less */

static bool is_in(const char *name, const char *module)
{
    size_t length = strlen(module);
    return strncmp(name, module, length) == 0 && (name[length] == '.' || name[length] == '\0');
}

static bool trains_all_of(const writer *w, const char *module)
{
    const scl_graph *catalog = w->tuned->model->catalog;
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && is_in(tensor->name, module) && !tensor->trained)
            return false;
    }
    return true;
}

/* The decoder as one where all of it is trained, else the layer that has the parameter. */
static scl_status add_module(writer *w, const char *parameter, bool decoder, scl_error *err)
{
    char hf[SCL_NAME_MAX];
    scl_name_to_hf(parameter, hf);
    bool as_one = decoder && is_in(hf, "mask_decoder");
    char *end = as_one ? hf + strlen("mask_decoder") : strrchr(hf, '.');
    if (end != NULL)
        *end = '\0';
    for (size_t i = 0; i < w->targets.count; i++)
        if (is_in(w->targets.items[i], hf))
            return scl_fail(err, SCL_BAD_CONFIG,
                            "%s cannot be written in the layout peft: \"%s\" is trained, and peft "
                            "saves the whole of %s with it, where %s has a LoRA; samcl merge makes "
                            "one checkpoint of it",
                            w->tuned->weights.path, parameter, hf, w->targets.items[i]);
    const char *module = scl_arena_strdup(&w->tensors.arena, hf);
    return module != NULL && scl_name_set_add(&w->modules, module) ? SCL_OK : out_of_memory(err);
}

static bool is_saved(const writer *w, const char *hf)
{
    for (size_t i = 0; i < w->modules.count; i++)
        if (is_in(hf, w->modules.items[i]))
            return true;
    return false;
}

static scl_status add_modules(writer *w, scl_error *err)
{
    const scl_graph *catalog = w->tuned->model->catalog;
    bool decoder = trains_all_of(w, "mask_decoder");
    for (size_t i = 0; i < w->terms.also.count; i++)
        SCL_TRY(add_module(w, w->terms.also.items[i], decoder, err));
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        char hf[SCL_NAME_MAX], name[SCL_NAME_MAX + 64];
        if (tensor->kind != SCL_TENSOR_PARAM)
            continue;
        scl_name_to_hf(tensor->name, hf);
        snprintf(name, sizeof name, PREFIX "%s", hf);
        if (is_saved(w, hf))
            SCL_TRY(scl_tensor_list_add_entry(&w->tensors, name, w->tuned->model->store,
                                              tensor->name, err));
    }
    return SCL_OK;
}

/* ---- files */

static void add_names(cJSON *to, const char *key, const scl_name_set *names)
{
    cJSON *list = cJSON_AddArrayToObject(to, key);
    for (size_t i = 0; i < names->count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(names->items[i]));
}

/* alpha over the larger rank scales as before */
static double alpha_of(const writer *w)
{
    double growth = (double)w->rank / (double)w->terms.rank;
    return w->terms.alpha * (w->terms.rslora ? sqrt(growth) : growth);
}

static scl_status write_config(const writer *w, const char *folder, scl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *mapping = cJSON_AddObjectToObject(root, "auto_mapping");
    cJSON_AddStringToObject(mapping, "base_model_class", "SamModel");
    cJSON_AddStringToObject(mapping, "parent_library", "transformers.models.sam.modeling_sam");
    const char *base = w->tuned->config.model.checkpoint;
    if (base != NULL && scl_path_is_folder(base))
        cJSON_AddStringToObject(root, "base_model_name_or_path", base);
    else
        cJSON_AddNullToObject(root, "base_model_name_or_path");
    cJSON_AddStringToObject(root, "bias", "none");
    cJSON_AddFalseToObject(root, "fan_in_fan_out");
    cJSON_AddTrueToObject(root, "inference_mode");
    cJSON_AddTrueToObject(root, "init_lora_weights");
    cJSON_AddNumberToObject(root, "lora_alpha", alpha_of(w));
    cJSON_AddNumberToObject(root, "lora_dropout", w->terms.dropout);
    if (w->modules.count > 0)
        add_names(root, "modules_to_save", &w->modules);
    else
        cJSON_AddNullToObject(root, "modules_to_save");
    cJSON_AddStringToObject(root, "peft_type", "LORA");
    cJSON_AddNumberToObject(root, "r", (double)w->rank);
    add_names(root, "target_modules", &w->targets);
    cJSON_AddNullToObject(root, "task_type");
    cJSON_AddFalseToObject(root, "use_dora");
    cJSON_AddBoolToObject(root, "use_rslora", w->terms.rslora);
    char *text = cJSON_Print(root), *path = scl_path_join(folder, "adapter_config.json");
    scl_status status = text == NULL || path == NULL
                            ? out_of_memory(err)
                            : scl_file_write(path, text, strlen(text), err);
    scl_free(path);
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

static scl_status write_tensors(const writer *w, const char *folder, scl_error *err)
{
    const scl_tuned_about *about = &w->tuned->about;
    scl_tuned_metadata metadata = {0};
    const scl_weights_pair format = {"format", "pt"};
    char *path = scl_path_join(folder, "adapter_model.safetensors");
    scl_status status = path == NULL ? out_of_memory(err) : SCL_OK;
    if (status == SCL_OK && about->has_run)
        status = scl_tuned_metadata_make(&metadata, w->tuned->model, &w->tuned->config,
                                         &about->state, false, err);
    if (status == SCL_OK)
        status = scl_tensor_list_write(&w->tensors, path, about->has_run ? metadata.pairs : &format,
                                       about->has_run ? metadata.count : 1, err);
    scl_tuned_metadata_free(&metadata);
    scl_free(path);
    return status;
}

static scl_status write_all(writer *w, const char *folder, scl_error *err)
{
    SCL_TRY(scl_lora_terms_read(w->tuned, "peft", &w->terms, err));
    if (w->tuned->model->config.classes > 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s cannot be written in the layout peft: it has a head for %lld classes, "
                        "which transformers' SamModel does not",
                        w->tuned->weights.path, (long long)w->tuned->model->config.classes);
    SCL_TRY(add_terms(w, err));
    SCL_TRY(add_modules(w, err));
    SCL_TRY(scl_make_folders(folder, err));
    SCL_TRY(write_config(w, folder, err));
    return write_tensors(w, folder, err);
}

scl_status scl_adapter_write_peft(const char *folder, const scl_tuned_model *tuned, scl_error *err)
{
    writer w = {.tuned = tuned};
    scl_status status = write_all(&w, folder, err);
    scl_lora_terms_free(&w.terms);
    scl_name_set_free(&w.targets);
    scl_name_set_free(&w.modules);
    scl_tensor_list_free(&w.tensors);
    return status;
}
