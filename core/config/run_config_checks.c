#include "config/run_config_checks.h"

#include "config/text.h"
#include "config/yaml_path.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool node_is_sound(const scl_diagnostics *diagnostics, const scl_yaml *node)
{
    if (node->kind == SCL_YAML_INVALID || scl_diagnostics_at(diagnostics, node->place))
        return false;
    for (size_t i = 0; i < node->count; i++)
        if (scl_diagnostics_at(diagnostics, node->entries[i].place) ||
            !node_is_sound(diagnostics, node->entries[i].value))
            return false;
    return true;
}

/* The key is not there, or it and all below it was read without a mistake: its value means
 * something to a check. */
static bool is_sound(const scl_run_config *config, const char *path)
{
    const scl_yaml_entry *entry = scl_yaml_path_find(config->root, path);
    return entry == NULL || (!scl_diagnostics_at(&config->diagnostics, entry->place) &&
                             node_is_sound(&config->diagnostics, entry->value));
}

/* "losses[1].weight" for a list, an index and a key. In the arena of the diagnostics. */
static const char *item_path(scl_run_config *config, const char *list, size_t index,
                             const char *key)
{
    const char *path = scl_arena_printf(&config->diagnostics.arena, "%s[%zu]%s", list, index, key);
    return path != NULL ? path : list;
}

/* ------------------------------------------------------------------ top level */

/* The name becomes a folder, so it must be one file name. */
static void check_name(scl_run_config *config)
{
    const char *name = config->name;
    if (name == NULL || !is_sound(config, "name"))
        return;
    bool plain = name[0] != '.' && strlen(name) <= 200 && strchr(name, '/') == NULL;
    for (const char *p = name; *p != '\0'; p++)
        plain = plain && (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (!plain)
        scl_run_config_complain(config, "name",
                                "expected a name that can be a folder for `name` (no `/`, no dot "
                                "at its start, at most 200 bytes), found \"%s\"",
                                scl_text_quote(&config->diagnostics.arena, name));
}

static bool is_plain_name(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= 40 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
               length;
}

static void check_loss(scl_run_config *config, size_t index)
{
    const scl_loss_config *loss = &config->losses.items[index];
    char path[32];
    snprintf(path, sizeof path, "losses[%zu]", index);
    if (loss->use == NULL && loss->expr == NULL && is_sound(config, path))
        scl_run_config_complain(config, path,
                                "`%s` needs the key `use` (name of the loss plugin, such as dice), "
                                "or `expr` (a formula, such as dice(p,t))",
                                path);
    if (loss->use != NULL && loss->expr != NULL)
        scl_run_config_complain(config, item_path(config, "losses", index, ".expr"),
                                "`expr` and `use` exclude each other: remove one of them");
    if (loss->expr != NULL && loss->use == NULL && loss->params.node != NULL)
        scl_run_config_complain(config, item_path(config, "losses", index, ".params"),
                                "`params` are for `use`: in `expr` they stand in the call, as in "
                                "dice(p, t, smooth=1)");
    if (loss->name != NULL && !is_plain_name(loss->name))
        scl_run_config_complain(config, item_path(config, "losses", index, ".name"),
                                "expected 1 to 40 letters, digits, _, - and . for `name`, found "
                                "\"%s\"",
                                scl_text_quote(&config->diagnostics.arena, loss->name));
}

static void check_plugins(scl_run_config *config)
{
    for (size_t i = 0; i < config->adapter.count; i++) {
        const char *use = config->adapter.items[i].use;
        char path[SCL_ADAPTER_PATH];
        if (use != NULL && strcmp(use, "none") == 0)
            scl_run_config_complain(config, scl_run_config_adapter_path(config, i, "use", path),
                                    "to use no adapter, write adapter: none");
    }
    for (size_t i = 0; i < config->losses.count; i++)
        check_loss(config, i);
    if (!is_sound(config, "losses"))
        return;
    double sum = 0;
    for (size_t i = 0; i < config->losses.count; i++)
        sum += config->losses.items[i].weight;
    if (config->losses.count == 0)
        scl_run_config_complain(config, "losses",
                                "`losses` must name at least one loss, as in [{use: dice}]");
    else if (sum == 0)
        scl_run_config_complain(config, "losses", "one `weight` of `losses` must be above 0");
}

/* ------------------------------------------------------------------ model */

static void check_custom_model(scl_run_config *config)
{
    const scl_model_config *model = &config->model;
    const struct {
        const char *path, *key;
        int64_t value;
    } needed[] = {{"model.embed_dim", "embed_dim", model->embed_dim},
                  {"model.depth", "depth", model->depth},
                  {"model.num_heads", "num_heads", model->num_heads}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (needed[i].value == SCL_UNSET_INT && is_sound(config, needed[i].path))
            scl_run_config_complain(config, needed[i].path, "a model of type custom needs `%s`",
                                    needed[i].key);
}

static void check_divides(scl_run_config *config, const char *path, const char *whole_key,
                          int64_t whole, const char *part_key, int64_t part)
{
    if (whole != SCL_UNSET_INT && part != SCL_UNSET_INT && whole % part != 0)
        scl_run_config_complain(config, path,
                                "`%s` must be a multiple of `%s` (%" PRId64 "), found %" PRId64,
                                whole_key, part_key, part, whole);
}

static void check_model(scl_run_config *config)
{
    const scl_model_config *model = &config->model;
    if (model->given && model->type == SCL_UNSET_INDEX && model->checkpoint == NULL &&
        is_sound(config, "model.type") && is_sound(config, "model.checkpoint"))
        scl_run_config_complain(config, "model",
                                "`model` needs `type` or `checkpoint`, to know the network's size");
    if (model->type == SCL_MODEL_CUSTOM)
        check_custom_model(config);
    check_divides(config, "model.embed_dim", "embed_dim", model->embed_dim, "num_heads",
                  model->num_heads);
    check_divides(config, "model.image_size", "image_size", model->image_size, "patch_size",
                  model->patch_size);
    check_divides(config, "train.image_size", "train.image_size", config->train.image_size,
                  "patch_size", model->patch_size);
    for (uint64_t i = 0; i < model->global_attn_indexes.count; i++)
        if (model->depth != SCL_UNSET_INT && model->global_attn_indexes.items[i] >= model->depth)
            scl_run_config_complain(config,
                                    item_path(config, "model.global_attn_indexes", (size_t)i, ""),
                                    "`global_attn_indexes` counts from 0 and must stay below "
                                    "`depth` (%" PRId64 "), found %" PRId64,
                                    model->depth, model->global_attn_indexes.items[i]);
}

/* ------------------------------------------------------------------ data */

static void check_class_names(scl_run_config *config)
{
    const scl_data_config *data = &config->data;
    const scl_param_strings *names = &data->class_names;
    if (names->items == NULL || !is_sound(config, "data.class_names"))
        return;
    if (data->classes != SCL_UNSET_INT && (uint64_t)data->classes != names->count)
        scl_run_config_complain(config, "data.class_names",
                                "`class_names` must name each of the %" PRId64
                                " classes, found %" PRIu64 " names",
                                data->classes, names->count);
    for (uint64_t i = 0; i < names->count; i++)
        for (uint64_t j = 0; j < i; j++)
            if (strcmp(names->items[i], names->items[j]) == 0)
                scl_run_config_complain(
                    config, item_path(config, "data.class_names", (size_t)i, ""),
                    "`class_names` holds \"%s\" twice",
                    scl_text_quote(&config->diagnostics.arena, names->items[i]));
}

static void check_task(scl_run_config *config)
{
    const scl_data_config *data = &config->data;
    if (!is_sound(config, "data.task") || !is_sound(config, "data.classes"))
        return;
    bool multiclass = data->task == SCL_TASK_MULTICLASS;
    if (multiclass && data->classes == SCL_UNSET_INT)
        scl_run_config_complain(config, "data.task",
                                "the task multiclass needs `classes`, the number of classes with "
                                "the background");
    if (!multiclass && data->classes != SCL_UNSET_INT)
        scl_run_config_complain(config, "data.classes",
                                "`classes` is for the task multiclass only: write task: "
                                "multiclass, or remove it");
    if (!multiclass && data->class_names.items != NULL)
        scl_run_config_complain(config, "data.class_names",
                                "`class_names` is for the task multiclass only");
    if (data->task != SCL_TASK_BINARY && data->mask_values == SCL_MASK_VALUES_BINARY &&
        is_sound(config, "data.mask_values"))
        scl_run_config_complain(config, "data.mask_values",
                                "`mask_values` binary fits the task binary only: write ids or "
                                "auto");
    if (data->task != SCL_TASK_INSTANCES && data->objects_per_image > 1)
        scl_run_config_complain(config, "data.objects_per_image",
                                "`objects_per_image` above 1 is for the task instances only");
}

static void check_validation(scl_run_config *config)
{
    const scl_data_config *data = &config->data;
    if (data->val.given && data->val_split > 0)
        scl_run_config_complain(config, "data.val_split",
                                "`val_split` and `val` exclude each other: remove one of them");
    const scl_train_config *train = &config->train;
    if (data->val.given || data->val_split > 0 || !is_sound(config, "data.val") ||
        !is_sound(config, "data.val_split") || !config->data.given)
        return;
    if (train->patience > 0)
        scl_run_config_complain(config, "train.patience",
                                "`patience` needs validation images: give data.val or "
                                "data.val_split");
    if (train->metric != SCL_UNSET_INDEX)
        scl_run_config_complain(config, "train.metric",
                                "`metric` needs validation images: give data.val or "
                                "data.val_split");
}

/* A metric that a task does not have would be NaN, and no epoch the best. */
static void check_metric(scl_run_config *config)
{
    int32_t metric = config->train.metric;
    bool multiclass = config->data.task == SCL_TASK_MULTICLASS;
    bool of_masks = metric == SCL_METRIC_DICE || metric == SCL_METRIC_IOU;
    if (!is_sound(config, "train.metric") || !is_sound(config, "data.task"))
        return;
    if (multiclass && of_masks)
        scl_run_config_complain(config, "train.metric",
                                "the task multiclass has no such `metric`: write miou or loss");
    if (!multiclass && metric == SCL_METRIC_MIOU)
        scl_run_config_complain(config, "train.metric",
                                "`metric` miou is for the task multiclass only: write dice, iou or "
                                "loss");
}

/* Finds the one kind of prompt an item gives, and complains of none and of several. */
static void settle_prompt(scl_run_config *config, size_t index)
{
    scl_prompt_config *prompt = &config->data.prompts.items[index];
    const int32_t given[] = {prompt->none.given, prompt->box.given, prompt->point.given,
                             prompt->mask.given};
    int count = 0;
    for (int kind = SCL_PROMPT_NONE; kind <= SCL_PROMPT_MASK; kind++) {
        if (!given[kind])
            continue;
        prompt->kind = (scl_prompt_kind)kind;
        count++;
    }
    const char *path = item_path(config, "data.prompts", index, "");
    if (count != 1 && is_sound(config, path))
        scl_run_config_complain(config, path,
                                "a prompt must be one of none, box, point, mask, found %s",
                                count == 0 ? "none of them" : "several");
}

static void check_prompts(scl_run_config *config)
{
    scl_data_config *data = &config->data;
    for (size_t i = 0; i < data->prompts.count; i++)
        settle_prompt(config, i);
    if (!is_sound(config, "data.prompts"))
        return;
    double sum = 0;
    for (size_t i = 0; i < data->prompts.count; i++)
        sum += data->prompts.items[i].weight;
    if (data->prompts.count == 0)
        scl_run_config_complain(config, "data.prompts",
                                "`prompts` must hold at least one prompt, such as none");
    else if (sum == 0)
        scl_run_config_complain(config, "data.prompts",
                                "one `weight` of `prompts` must be above 0");
    for (size_t i = 0; data->task == SCL_TASK_MULTICLASS && i < data->prompts.count; i++)
        if (data->prompts.items[i].kind != SCL_PROMPT_NONE)
            scl_run_config_complain(config, item_path(config, "data.prompts", i, ""),
                                    "the task multiclass finds all classes at once and takes no "
                                    "prompt: write prompts: [none]");
}

/* ------------------------------------------------------------------ train */

static void check_optimizer(scl_run_config *config)
{
    const scl_optimizer_config *optimizer = &config->train.optimizer;
    const scl_param_floats *betas = &optimizer->betas;
    if (is_sound(config, "train.optimizer.betas") && betas->items != NULL) {
        if (betas->count != 2)
            scl_run_config_complain(config, "train.optimizer.betas",
                                    "`betas` must be two numbers, as in [0.9, 0.999], found "
                                    "%" PRIu64,
                                    betas->count);
        for (uint64_t i = 0; i < betas->count; i++)
            if (betas->items[i] >= 1)
                scl_run_config_complain(config,
                                        item_path(config, "train.optimizer.betas", (size_t)i, ""),
                                        "each of `betas` must be below 1");
    }
    bool has_momentum = optimizer->momentum > 0;
    if (optimizer->nesterov && (optimizer->type != SCL_OPTIMIZER_SGD || !has_momentum) &&
        is_sound(config, "train.optimizer.type") && is_sound(config, "train.optimizer.momentum"))
        scl_run_config_complain(config, "train.optimizer.nesterov",
                                "`nesterov` needs type: sgd and a `momentum` above 0");
}

static void check_masks(scl_run_config *config)
{
    const scl_train_config *train = &config->train;
    const scl_param_ints *masks = &train->masks;
    bool multiclass = config->data.task == SCL_TASK_MULTICLASS, usual = true, neighbours = true;
    if (!is_sound(config, "train.masks") || !is_sound(config, "train.multimask") ||
        masks->items == NULL)
        return;
    for (uint64_t i = 0; i < masks->count; i++) {
        usual = usual && i == 0 && masks->items[i] == 0;
        neighbours = neighbours && masks->items[i] == masks->items[0] + (int64_t)i;
    }
    if (masks->count == 0 || !neighbours)
        scl_run_config_complain(config, "train.masks",
                                "`masks` must be neighbours among 0 to 3, the lowest first, as in "
                                "[1, 2, 3]");
    else if (train->multimask && !usual)
        scl_run_config_complain(config, "train.masks",
                                "`masks` and `multimask` exclude each other: remove one of them");
    if (multiclass && is_sound(config, "data.task") && (train->multimask || !usual))
        scl_run_config_complain(config, train->multimask ? "train.multimask" : "train.masks",
                                "the task multiclass has one mask for each class: remove `%s`",
                                train->multimask ? "multimask" : "masks");
}

/* Without an ambiguous prompt nothing would come of it, and nobody would notice. */
static void check_multimask(scl_run_config *config)
{
    const scl_data_config *data = &config->data;
    bool ambiguous = false;
    for (size_t i = 0; i < data->prompts.count; i++) {
        const scl_prompt_config *prompt = &data->prompts.items[i];
        ambiguous = ambiguous || (prompt->kind == SCL_PROMPT_POINT && prompt->weight > 0 &&
                                  prompt->point.count + prompt->point.negative == 1);
    }
    if (config->train.multimask && !ambiguous && data->task != SCL_TASK_MULTICLASS &&
        is_sound(config, "data.prompts") && is_sound(config, "train.multimask"))
        scl_run_config_complain(config, "train.multimask",
                                "`multimask` is for objects that one point stands for: add "
                                "{point: {count: 1}} to data.prompts, or remove it");
}

static void check_param_groups(scl_run_config *config)
{
    for (size_t i = 0; i < config->train.param_groups.count; i++) {
        const scl_param_group_config *group = &config->train.param_groups.items[i];
        const char *path = item_path(config, "train.param_groups", i, "");
        bool has_lr = !isnan(group->lr), has_scale = !isnan(group->lr_scale);
        if (!is_sound(config, path))
            continue;
        if (has_lr && has_scale)
            scl_run_config_complain(config, item_path(config, "train.param_groups", i, ".lr_scale"),
                                    "`lr_scale` and `lr` exclude each other: remove one of them");
        if (!has_lr && !has_scale && isnan(group->weight_decay))
            scl_run_config_complain(config, path,
                                    "this group sets nothing: give `lr`, `lr_scale` or "
                                    "`weight_decay`");
    }
}

void scl_run_config_check(scl_run_config *config)
{
    check_name(config);
    check_plugins(config);
    check_model(config);
    check_task(config);
    check_class_names(config);
    check_prompts(config);
    check_validation(config);
    check_metric(config);
    check_optimizer(config);
    check_masks(config);
    check_multimask(config);
    check_param_groups(config);
}
