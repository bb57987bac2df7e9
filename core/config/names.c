#include "config/names.h"

#include "config/text.h"

#include <string.h>
#include <strings.h>

/* What other tools call our keys; the first of each row is ours. */
static const char *const synonyms[][12] = {
    {"lr", "learning_rate", "base_lr", "lr0", "init_lr", "base_learning_rate"},
    {"weight_decay", "wd", "decay"},
    {"epochs", "n_epochs", "num_epochs", "max_epochs", "num_train_epochs", "epoch"},
    {"batch_size", "batch", "micro_batch_size", "per_device_train_batch_size", "train_batch_size",
     "bs"},
    {"grad_accum_steps", "gradient_accumulation_steps", "accumulate", "accum_iter",
     "accumulate_grad_batches"},
    {"max_grad_norm", "clip_grad_norm", "gradient_clip_val", "grad_clip", "clip_grad"},
    {"average_last", "ema", "ema_decay", "use_ema", "swa", "swa_start", "model_ema"},
    {"patience", "early_stopping", "early_stopping_patience"},
    {"save_every", "save_steps", "save_interval", "checkpoint_every"},
    {"lr_scheduler", "scheduler", "lr_scheduler_type", "lr_schedule", "schedule"},
    {"warmup_steps", "warmup", "num_warmup_steps", "warmup_iters"},
    {"min_lr_ratio", "min_lr", "eta_min", "lrf"},
    {"optimizer", "optim"},
    {"metric", "metric_for_best_model", "monitor"},
    {"betas", "beta", "beta1", "beta2", "adam_beta1", "adam_beta2"},
    {"eps", "epsilon", "adam_epsilon"},
    {"lr_scale", "lr_mult", "lr_multiplier"},
    {"match", "pattern", "params", "name_pattern"},
    {"rank", "r", "lora_r", "lora_rank"},
    {"alpha", "lora_alpha"},
    {"dropout", "lora_dropout"},
    {"rslora", "use_rslora"},
    {"bottleneck", "bottleneck_size", "adapter_size", "ffn_num"},
    {"tokens", "num_tokens", "n_tokens", "num_prompts"},
    {"sites", "target_modules", "lora_target_modules"},
    {"use", "type", "name", "kind", "plugin", "id"},
    {"expr", "expression", "formula", "code"},
    {"params", "parameters", "args", "kwargs", "options"},
    {"losses", "loss", "criterion", "loss_fn"},
    {"adapter", "lora", "peft"},
    {"train_also", "modules_to_save", "unfreeze", "trainable", "freeze"},
    {"output_dir", "work_dir", "out_dir", "save_root", "save_dir", "project", "output"},
    {"seed", "random_seed", "manual_seed"},
    {"device", "devices", "gpu", "accelerator"},
    {"name", "run_name", "exp_name", "experiment_name"},
    {"type", "model_type", "arch", "backbone", "variant", "name"},
    {"checkpoint", "weights", "pretrained", "ckpt", "checkpoint_path", "sam_checkpoint", "path"},
    {"image_size", "img_size", "imgsz", "input_size", "resolution"},
    {"images", "image_dir", "images_dir", "image_folder", "img_dir", "imgs", "image"},
    {"masks", "mask_dir", "masks_dir", "mask_folder", "annotations", "labels", "gt", "mask",
     "seg_map"},
    {"val", "validation", "valid", "eval", "dev"},
    {"val_split", "val_size", "val_set_size", "validation_split", "val_ratio"},
    {"classes", "num_classes", "n_classes", "nc"},
    {"class_names", "names", "label_names"},
    {"ignore_index", "ignore_label", "ignore_value", "void_label"},
    {"prompts", "prompt", "prompt_types"},
    {"objects_per_image", "n_objects_per_batch", "max_objects", "objects"},
    {"min_object_area", "min_mask_region_area", "min_area", "min_size"},
    {"hflip", "fliplr", "horizontal_flip", "flip"},
    {"vflip", "flipud", "vertical_flip"},
    {"random_crop", "random_resized_crop", "crop"},
    {"brightness", "random_brightness"},
    {"contrast", "random_contrast"},
    {"gamma", "random_gamma", "gamma_limit"},
    {"invert", "random_invert", "invert_img"},
    {"grayscale", "random_grayscale", "to_gray", "greyscale"},
    {"count", "n", "num", "n_points", "num_points"},
    {"negative", "negatives", "n_neg", "num_negative"},
    {"jitter", "noise_scale", "box_jitter", "perturb"},
    {"box", "boxes", "bbox", "bboxes"},
    {"point", "points"},
    {"memory", "memory_cache", "ram"},
    {"folder", "dir", "cache_dir"},
};

#define SYNONYMS (sizeof synonyms / sizeof synonyms[0])

/* The same name but for case and the choice between - and _. */
static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char ca[2] = {*a == '-' ? '_' : *a}, cb[2] = {*b == '-' ? '_' : *b};
        if (strcasecmp(ca, cb) != 0)
            return false;
    }
    return *a == *b;
}

static size_t key_count(const scl_schema *schema)
{
    return schema->param_count + schema->child_count;
}

static const char *key_at(const scl_schema *schema, size_t i)
{
    return i < schema->param_count ? schema->params[i].key
                                   : schema->children[i - schema->param_count].key;
}

/* The key of this map that `name` stands for: itself, or what other tools call it. */
static const char *meant_here(const scl_schema *schema, const char *name)
{
    for (size_t i = 0; i < key_count(schema); i++)
        if (same_name(name, key_at(schema, i)))
            return key_at(schema, i);
    for (size_t row = 0; row < SYNONYMS; row++)
        for (size_t i = 0; i < key_count(schema); i++)
            for (const char *const *word = synonyms[row] + 1;
                 strcmp(synonyms[row][0], key_at(schema, i)) == 0 && *word != NULL; word++)
                if (same_name(name, *word))
                    return key_at(schema, i);
    return NULL;
}

static const char *nearest_here(const scl_schema *schema, const char *name)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < key_count(schema); i++) {
        const char *const pair[] = {nearest != NULL ? nearest : key_at(schema, i),
                                    key_at(schema, i)};
        nearest = scl_nearest_name(name, pair, 2);
    }
    return nearest;
}

/* The maps where `name` would mean something: how many, and the path and key of the last one. */
typedef struct search {
    const char *name;
    const char *(*meaning)(const scl_schema *schema, const char *name);
    int found;
    const char *key;
    scl_str path;
} search;

static void search_below(search *s, const scl_schema *schema, const char *path)
{
    const char *key = s->meaning(schema, s->name);
    if (key != NULL) {
        s->found++;
        s->key = key;
        scl_str_free(&s->path);
        scl_str_add(&s->path, "%s", path);
    }
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *child = &schema->children[i];
        if (child->kind != SCL_CHILD_MAP) /* a key is seldom meant for one item of a list */
            continue;
        scl_str below = {0};
        scl_str_add(&below, "%s%s%s", path, path[0] != '\0' ? "." : "", child->key);
        search_below(s, child->schema, scl_str_text(&below));
        scl_str_free(&below);
    }
}

/* Nearer than what nearest_here takes: a guess about another map must be a safe one. */
static const char *misspelt_here(const scl_schema *schema, const char *name)
{
    const char *key = nearest_here(schema, name);
    bool is_safe = key != NULL && scl_edit_distance(name, key) <= (int)strlen(name) / 3;
    return is_safe ? key : NULL;
}

/* ": did you mean … in …?" when there is one other map where the key means something. */
static const char *suggest_elsewhere(const scl_schema_reader *reader, const char *name,
                                     const char *(*meaning)(const scl_schema *, const char *))
{
    if (reader->root == NULL)
        return NULL;
    search s = {.name = name, .meaning = meaning};
    search_below(&s, reader->root, "");
    scl_arena *arena = &reader->diagnostics->arena;
    const char *text = NULL;
    if (s.found == 1 && s.path.length == 0)
        text = scl_arena_printf(arena, ": did you mean `%s` at the top level?", s.key);
    else if (s.found == 1)
        text =
            scl_arena_printf(arena, ": did you mean `%s` in `%s`?", s.key, scl_str_text(&s.path));
    scl_str_free(&s.path);
    return text;
}

/* Beside `use`, an unknown key is most likely the plugin's, whatever it means in another map. */
static bool is_of_a_plugin(const scl_schema *schema)
{
    for (size_t i = 0; i < schema->child_count; i++)
        if (schema->children[i].kind == SCL_CHILD_PARAMS)
            return true;
    return false;
}

/* ": did you mean …", or NULL. In the arena of the diagnostics. A known name, even of another map,
 * is a better guess than a near one. */
static const char *suggestion(const scl_schema_reader *reader, const scl_schema *schema,
                              const char *name)
{
    const char *here = meant_here(schema, name);
    bool look_elsewhere = here == NULL && !is_of_a_plugin(schema);
    const char *text = look_elsewhere ? suggest_elsewhere(reader, name, meant_here) : NULL;
    if (here == NULL && text == NULL)
        here = nearest_here(schema, name);
    if (here != NULL)
        return scl_arena_printf(&reader->diagnostics->arena, ": did you mean `%s`?", here);
    return text != NULL ? text : suggest_elsewhere(reader, name, misspelt_here);
}

static const char *all_keys(const scl_schema *schema, scl_arena *arena)
{
    scl_str keys = {0};
    for (size_t i = 0; i < key_count(schema); i++)
        scl_str_add(&keys, "%s%s", i > 0 ? ", " : ": expected one of ", key_at(schema, i));
    const char *copy =
        keys.length > 0 ? scl_arena_strdup(arena, keys.text) : ": nothing can be set here";
    scl_str_free(&keys);
    return copy;
}

void scl_names_unknown_key(const scl_schema_reader *reader, const scl_schema *schema,
                           const char *section, const scl_yaml_entry *entry)
{
    scl_arena *arena = &reader->diagnostics->arena;
    const char *advice = "";
    if (reader->diagnostics->kept < SCL_DIAGNOSTICS_KEPT) {
        advice = suggestion(reader, schema, entry->key);
        if (advice == NULL)
            advice = all_keys(schema, arena);
    }
    bool is_root = section[0] == '\0';
    scl_diagnostics_add(reader->diagnostics, entry->place, "unknown key `%s`%s%s%s%s",
                        scl_text_quote(arena, entry->key), is_root ? "" : " in `",
                        is_root ? "" : section, is_root ? "" : "`", advice != NULL ? advice : "");
}
