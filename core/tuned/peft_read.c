/* peft_read.c — the folder of Hugging Face's peft as an adapter of ours.
 *
 * What counts is what peft computes when it loads the same folder over transformers' SamModel
 * (peft 0.21: tuners/lora/config.py, utils/save_and_load.py). */
#include "base/str.h"
#include "config/text.h"
#include "io/json.h"
#include "model/checkpoint_names.h"
#include "tuned/adapter_layout.h"
#include "tuned/name_set.h"

#include <ctype.h>
#include <string.h>

#define PREFIX "base_model.model."

typedef struct reader {
    scl_weights *weights;
    const cJSON *config;
    const char *where; /* the config's path */
    int64_t rank;
    double alpha, dropout;
    bool rslora;
    scl_name_set targets, saved; /* target_modules when it is a list, modules_to_save */
    bool every_block;            /* targets are meant in all blocks, and not in chosen ones */
    scl_name_set sites, modules; /* of the tensors, transformers' names */
    scl_name_set patterns, trained;
} reader;

/* ---- the config */

/* Members that say nothing about what is computed, or that are read below. */
static const char *const understood[] = {
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "exclude_modules",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "lora_alpha",
    "lora_dropout",
    "layers_to_transform",
    "megatron_core",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
    "ensure_weight_tying",
};

static bool is_understood(const char *key)
{
    for (size_t i = 0; i < sizeof understood / sizeof *understood; i++)
        if (strcmp(understood[i], key) == 0)
            return true;
    return false;
}

/* null, false, {} or []: a variant that is off */
static bool is_off(const cJSON *item)
{
    bool container = cJSON_IsObject(item) || cJSON_IsArray(item);
    return item == NULL || cJSON_IsNull(item) || cJSON_IsFalse(item) ||
           (container && item->child == NULL);
}

static scl_status refuse(const reader *r, const char *key, const char *expected, scl_error *err)
{
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected %s for \"%s\", found something else: samcl reads plain LoRA",
                    r->where, expected, key);
}

static scl_status check_plain(const reader *r, scl_error *err)
{
    const cJSON *item, *bias = cJSON_GetObjectItemCaseSensitive(r->config, "bias");
    const char *type = NULL;
    SCL_TRY(scl_json_string(r->config, "peft_type", r->where, &type, err));
    if (strcmp(type, "LORA") != 0)
        return refuse(r, "peft_type", "LORA", err);
    if (bias != NULL && (!cJSON_IsString(bias) || strcmp(bias->valuestring, "none") != 0))
        return refuse(r, "bias", "none", err);
    cJSON_ArrayForEach(item, r->config)
    {
        bool pattern =
            strcmp(item->string, "rank_pattern") == 0 || strcmp(item->string, "alpha_pattern") == 0;
        if (!is_off(item) && (pattern || !is_understood(item->string)))
            return refuse(r, item->string, "nothing", err);
    }
    /* other values stand for a base that was changed, such as pissa's */
    item = cJSON_GetObjectItemCaseSensitive(r->config, "init_lora_weights");
    if (cJSON_IsString(item) && strcmp(item->valuestring, "gaussian") != 0)
        return refuse(r, "init_lora_weights", "true, false or gaussian", err);
    return SCL_OK;
}

static scl_status out_of_memory(scl_error *err)
{
    return scl_out_of_memory(err, 1024, "the names of an adapter");
}

/* A list of texts; one text, which is a regular expression, and null leave it empty. */
static scl_status read_names(const reader *r, const char *key, scl_name_set *names, scl_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->config, key), *item;
    if (!cJSON_IsArray(list) && !cJSON_IsString(list) && !is_off(list))
        return refuse(r, key, "a list of names", err);
    if (cJSON_IsString(list))
        return SCL_OK;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return refuse(r, key, "a list of names", err);
        if (!scl_name_set_add(names, item->valuestring))
            return out_of_memory(err);
    }
    return SCL_OK;
}

static scl_status read_config(reader *r, scl_error *err)
{
    SCL_TRY(check_plain(r, err));
    SCL_TRY(scl_json_integer(r->config, "r", r->where, &r->rank, err));
    SCL_TRY(scl_json_number(r->config, "lora_alpha", r->where, &r->alpha, err));
    if (r->rank < 1 || r->rank > SCL_LORA_MAX_RANK)
        return refuse(r, "r", "a rank of 1 to 1024", err);
    if (!(r->alpha >= 0 && r->alpha <= 1e6))
        return refuse(r, "lora_alpha", "a number of 0 to 1e6", err);
    if (cJSON_HasObjectItem(r->config, "lora_dropout"))
        SCL_TRY(scl_json_number(r->config, "lora_dropout", r->where, &r->dropout, err));
    if (!(r->dropout >= 0 && r->dropout <= SCL_LORA_MAX_DROPOUT))
        return refuse(r, "lora_dropout", "a number of 0 to 0.99", err);
    r->rslora = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->config, "use_rslora"));
    SCL_TRY(read_names(r, "target_modules", &r->targets, err));
    SCL_TRY(read_names(r, "modules_to_save", &r->saved, err));
    r->every_block = is_off(cJSON_GetObjectItemCaseSensitive(r->config, "layers_to_transform")) &&
                     is_off(cJSON_GetObjectItemCaseSensitive(r->config, "exclude_modules"));
    return SCL_OK;
}

/* ---- names */

/* Whether peft takes a name of target_modules for the module. */
static bool ends_with_name(const char *module, const char *name)
{
    size_t length = strlen(module), tail = strlen(name);
    return length >= tail && strcmp(module + length - tail, name) == 0 &&
           (length == tail || module[length - tail - 1] == '.');
}

static const char *target_of(const reader *r, const char *site)
{
    for (size_t i = 0; i < r->targets.count; i++)
        if (ends_with_name(site, r->targets.items[i]))
            return r->targets.items[i];
    return NULL;
}

/* Meta's name of a module of transformers' SamModel. */
static void module_to_meta(const char *hf, char out[SCL_NAME_MAX])
{
    char name[SCL_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s.", hf);
    scl_name_to_meta(name, out);
    out[strlen(out) - 1] = '\0';
}

/* image_encoder.blocks.3.attn.qkv -> image_encoder.blocks.*.attn.qkv */
static void star_block(char name[SCL_NAME_MAX])
{
    char *number = name;
    while (*number != '\0' &&
           !(number > name && number[-1] == '.' && isdigit((unsigned char)*number)))
        number++;
    size_t digits = strspn(number, "0123456789");
    if (digits == 0)
        return;
    *number = '*';
    memmove(number + 1, number + digits, strlen(number + digits) + 1);
}

static scl_status keep(reader *r, scl_name_set *set, const char *name, scl_error *err)
{
    const char *copy = scl_arena_strdup(&r->weights->arena, name);
    return copy != NULL && scl_name_set_add(set, copy) ? SCL_OK : out_of_memory(err);
}

/* Where "qkv" is meant in all blocks, the pattern is, too: then a block without it is missed. */
static scl_status add_site(reader *r, const char *hf, scl_error *err)
{
    char meta[SCL_NAME_MAX];
    const char *target = target_of(r, hf);
    if (r->targets.count > 0 && target == NULL)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: \"%s\" has a LoRA that \"target_modules\" does not name", r->where,
                        hf);
    module_to_meta(hf, meta);
    if (r->every_block && target != NULL && strpbrk(target, "0123456789") == NULL)
        star_block(meta);
    SCL_TRY(keep(r, &r->sites, hf, err));
    return keep(r, &r->patterns, meta, err);
}

static scl_status rename_to(reader *r, scl_weight *weight, const char *module, const char *end,
                            scl_error *err)
{
    weight->name = scl_arena_printf(&r->weights->arena, "%s%s", module, end);
    return weight->name != NULL ? SCL_OK : out_of_memory(err);
}

static scl_status read_lora(reader *r, scl_weight *weight, const char *hf, const char *end,
                            scl_error *err)
{
    char site[SCL_NAME_MAX], meta[SCL_NAME_MAX];
    snprintf(site, sizeof site, "%.*s", (int)(strlen(hf) - strlen(end)), hf);
    SCL_TRY(add_site(r, site, err));
    module_to_meta(site, meta);
    return rename_to(r, weight, meta, strcmp(end, ".lora_A.weight") == 0 ? ".lora_A" : ".lora_B",
                     err);
}

/* A parameter of a module that was trained and saved whole. */
static scl_status read_saved(reader *r, scl_weight *weight, const char *hf, scl_error *err)
{
    char module[SCL_NAME_MAX], meta[SCL_NAME_MAX];
    const char *name = strcmp(hf, scl_hf_tied_name) == 0 ? "shared_image_embedding."
                                                           "positional_embedding"
                                                         : hf;
    snprintf(module, sizeof module, "%s", hf);
    for (char *dot = strrchr(module, '.'); dot != NULL; dot = strrchr(module, '.')) {
        *dot = '\0';
        for (size_t i = 0; i < r->saved.count; i++) {
            if (!scl_ends_with(module, r->saved.items[i])) /* as peft does: no dot is needed */
                continue;
            module_to_meta(module, meta);
            strncat(meta, ".*", sizeof meta - strlen(meta) - 1);
            SCL_TRY(keep(r, &r->trained, meta, err));
            SCL_TRY(keep(r, &r->modules, module, err));
            scl_name_to_meta(name, meta);
            return rename_to(r, weight, meta, "", err);
        }
    }
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: the tensor \"%s\" is no lora_A or lora_B, and of no module of "
                    "\"modules_to_save\" in adapter_config.json",
                    r->weights->path, weight->name);
}

static scl_status read_tensor(reader *r, scl_weight *weight, scl_error *err)
{
    static const char *const ends[] = {".lora_A.weight", ".lora_B.weight"};
    const char *hf = weight->name + strlen(PREFIX);
    if (!scl_starts_with(weight->name, PREFIX) || strlen(weight->name) >= SCL_NAME_MAX)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected names that begin with " PREFIX " and are not longer than %d, "
                        "found \"%s\"",
                        r->weights->path, SCL_NAME_MAX - 1, weight->name);
    for (size_t i = 0; i < 2; i++)
        if (scl_ends_with(hf, ends[i]))
            return read_lora(r, weight, hf, ends[i], err);
    return read_saved(r, weight, hf, err);
}

/* Everything the config names must have left a tensor. */
static scl_status check_named(const reader *r, const scl_name_set *names, const scl_name_set *found,
                              const char *key, scl_error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        bool there = false;
        for (size_t k = 0; k < found->count; k++)
            there |= scl_ends_with(found->items[k], names->items[i]);
        if (!there)
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: \"%s\" names \"%s\", of which %s holds no tensor", r->where, key,
                            names->items[i], r->weights->path);
    }
    return SCL_OK;
}

/* ---- the whole */

static scl_status describe(const reader *r, scl_foreign_adapter *out, scl_error *err)
{
    scl_arena *arena = &r->weights->arena;
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(r->config, "base_model_name_or_path");
    scl_str adapter = {0}, also = {0};
    scl_str_add(&adapter, "adapter={use: lora, params: {rank: %lld, alpha: ", (long long)r->rank);
    scl_text_write_double(&adapter, r->alpha);
    if (r->dropout > 0) {
        scl_str_add(&adapter, ", dropout: ");
        scl_text_write_double(&adapter, r->dropout);
    }
    scl_str_add(&adapter, "%s, sites: ", r->rslora ? ", rslora: true" : "");
    scl_name_set_write(&r->patterns, &adapter);
    scl_str_add(&adapter, "}}");
    scl_str_add(&also, "train_also=");
    scl_name_set_write(&r->trained, &also);
    out->adapter = adapter.failed ? NULL : scl_arena_strdup(arena, adapter.text);
    out->train_also = also.failed ? NULL : scl_arena_strdup(arena, also.text);
    bool named = cJSON_IsString(base) && base->valuestring[0] != '\0';
    out->base = named ? base->valuestring : NULL;
    scl_str_free(&adapter);
    scl_str_free(&also);
    return out->adapter != NULL && out->train_also != NULL ? SCL_OK : out_of_memory(err);
}

static scl_status read_all(reader *r, scl_foreign_adapter *out, scl_error *err)
{
    SCL_TRY(read_config(r, err));
    for (size_t i = 0; i < r->weights->count; i++)
        SCL_TRY(read_tensor(r, &r->weights->tensor[i], err));
    SCL_TRY(check_named(r, &r->targets, &r->sites, "target_modules", err));
    SCL_TRY(check_named(r, &r->saved, &r->modules, "modules_to_save", err));
    if (r->sites.count == 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected lora_A and lora_B, found none",
                        r->weights->path);
    SCL_TRY(describe(r, out, err));
    return scl_adapter_finish(r->weights, out, err);
}

scl_status scl_adapter_read_peft(scl_weights *weights, scl_foreign_adapter *out, scl_error *err)
{
    if (weights->config == NULL || weights->format != SCL_WEIGHTS_PEFT_FOLDER)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s holds tensors of peft without its adapter_config.json: give the folder "
                        "that holds both",
                        weights->path);
    char *where = scl_path_join(weights->path, "adapter_config.json");
    reader r = {.weights = weights, .config = weights->config, .where = where};
    scl_status status = where != NULL ? read_all(&r, out, err) : out_of_memory(err);
    scl_name_set_free(&r.targets);
    scl_name_set_free(&r.saved);
    scl_name_set_free(&r.sites);
    scl_name_set_free(&r.modules);
    scl_name_set_free(&r.patterns);
    scl_name_set_free(&r.trained);
    scl_free(where);
    return status;
}
