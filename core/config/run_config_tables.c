/* The keys of the run file: their types, defaults, ranges and help, in the order they are shown. */
#include "config/run_config.h"

#include <math.h>

/* One row of the table of struct S; the key is the field's name. */
/* clang-format off */
#define ROW(key, type, value, low, high, help)                                                     \
    {#key, SCL_PARAM_##type, offsetof(S, key), value, low, high, NULL, help}
/* Without a range. */
#define ANY(key, type, value, help) ROW(key, type, value, 0, 0, help)
#define CHOICE(key, value, names, help)                                                            \
    {#key, SCL_PARAM_CHOICE, offsetof(S, key), value, 0, 0, names, help}
#define MAP(key, schema, value, absent, example, help)                                             \
    {#key, SCL_CHILD_MAP, offsetof(S, key), &schema, value, absent, example, help}
#define MAPS(key, schema, value, example, help)                                                    \
    {#key, SCL_CHILD_MAPS, offsetof(S, key), &schema, value, NULL, example, help}
#define SOME(key, schema, absent, example, help)                                                   \
    {#key, SCL_CHILD_SOME, offsetof(S, key), &schema, "null", absent, example, help}
#define PARAMS(example, help)                                                                      \
    {"params", SCL_CHILD_PARAMS, offsetof(S, params), NULL, "{}", NULL, example, help}
/* clang-format on */
#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define SCHEMA(name, children_, child_count_)                                                      \
    static const scl_schema name##_schema = {name##_params, COUNT(name##_params), children_,       \
                                             child_count_, sizeof(S)}

/* ------------------------------------------------------------------ model */

#define S scl_model_config
static const char *const model_types[] = {"vit_b", "vit_l", "vit_h", "vit_nano", "custom", NULL};
static const scl_param model_params[] = {
    CHOICE(type, "null", model_types, "size of the image encoder; null: read from the checkpoint"),
    ANY(checkpoint, STRING, "null",
        "weights to start from (.pth, .safetensors or a folder); null: random, from the seed"),
    ROW(image_size, INT, "null", 16, 8192,
        "side of the square the image is scaled and padded to, in pixels, a multiple of "
        "patch_size; null: the model's"),
    ROW(patch_size, INT, "null", 1, 64, "side of a patch in pixels; null: the model's"),
    ROW(embed_dim, INT, "null", 1, 8192, "width of the image encoder; null: the model's"),
    ROW(depth, INT, "null", 1, 256, "blocks of the image encoder; null: the model's"),
    ROW(num_heads, INT, "null", 1, 256, "attention heads of the image encoder; null: the model's"),
    ROW(window_size, INT, "null", 1, 512,
        "side of an attention window, in patches; null: the model's"),
    ROW(global_attn_indexes, INTS, "null", 0, 255,
        "blocks that attend over the whole image, counted from 0; null: the model's"),
    ROW(mlp_ratio, FLOAT, "null", 0.25, 16,
        "hidden width of a block's MLP over embed_dim; null: the model's"),
    ROW(prompt_embed_dim, INT, "null", 8, 4096,
        "width of prompt encoder and mask decoder; null: the model's"),
    ROW(decoder_depth, INT, "null", 1, 64, "layers of the mask decoder; null: the model's"),
    ROW(decoder_num_heads, INT, "null", 1, 256,
        "attention heads of the mask decoder; null: the model's"),
    ROW(decoder_mlp_dim, INT, "null", 1, 65536,
        "hidden width of the mask decoder's MLP; null: the model's"),
    ROW(iou_head_hidden_dim, INT, "null", 1, 65536,
        "hidden width of the head that predicts the IoU; null: the model's"),
};
SCHEMA(model, NULL, 0);
#undef S

/* ------------------------------------------------------------------ data */

#define S scl_data_folders
static const scl_param folders_params[] = {
    ANY(images, STRING, NULL, "folder of images (PNG or JPEG)"),
    ANY(masks, STRING, NULL, "folder of masks, named like the images"),
};
SCHEMA(folders, NULL, 0);
#undef S

/* Offsets from the start of the inner struct of scl_prompt_config. */
#define INNER(prompt, field)                                                                       \
    (offsetof(scl_prompt_config, prompt.field) - offsetof(scl_prompt_config, prompt))
static const scl_param box_params[] = {
    {"jitter", SCL_PARAM_FLOAT, INNER(box, jitter), "0.1", 0, 1, NULL,
     "each side is moved at random by up to this share of the box's width or height"},
};
static const scl_param point_params[] = {
    {"count", SCL_PARAM_INT, INNER(point, count), "1", 1, 64, NULL, "points inside the object"},
    {"negative", SCL_PARAM_INT, INNER(point, negative), "0", 0, 64, NULL,
     "points outside the object"},
};
static const scl_param mask_params[] = {
    {"noise", SCL_PARAM_FLOAT, INNER(mask, noise), "0", 0, 0.5, NULL,
     "probability that a pixel of the low-resolution mask is flipped before it is given"},
};
static const scl_schema none_schema = {NULL, 0, NULL, 0, sizeof(int32_t)};
static const scl_schema box_schema = {box_params, COUNT(box_params), NULL, 0,
                                      sizeof(((scl_prompt_config *)NULL)->box)};
static const scl_schema point_schema = {point_params, COUNT(point_params), NULL, 0,
                                        sizeof(((scl_prompt_config *)NULL)->point)};
static const scl_schema mask_schema = {mask_params, COUNT(mask_params), NULL, 0,
                                       sizeof(((scl_prompt_config *)NULL)->mask)};

#define S scl_prompt_config
static const scl_param prompt_params[] = {
    ROW(weight, FLOAT, "1", 0, 1e6, "how often this prompt is drawn, relative to the others"),
};
static const scl_schema_child prompt_children[] = {
    MAP(none, none_schema, "null", NULL, "{}", "no prompt: the model finds the object by itself"),
    MAP(box, box_schema, "null", NULL, "{jitter: 0.1}", "the bounding box of the mask"),
    MAP(point, point_schema, "null", NULL, "{count: 1}", "points drawn from the mask"),
    MAP(mask, mask_schema, "null", NULL, "{noise: 0.05}", "the mask itself, in low resolution"),
};
SCHEMA(prompt, prompt_children, COUNT(prompt_children));
#undef S

#define S scl_data_config
const char *const scl_task_names[] = {"binary", "multiclass", "instances", NULL};
static const char *const value_ranges[] = {"full", "image", "percentile", "otsu", NULL};
static const char *const mask_values[] = {"auto", "binary", "ids", NULL};
static const scl_param data_params[] = {
    CHOICE(task, "binary", scl_task_names,
           "binary: object or background; multiclass: a class per pixel; instances: objects one "
           "by one"),
    ROW(classes, INT, "null", 2, 65536,
        "classes with the background, for multiclass only: mask values are 0 to classes - 1"),
    ANY(class_names, STRINGS, "null", "a name for each class, in the order of the mask values"),
    ROW(ignore_index, INT, "null", 0, 65535, "mask value whose pixels do not count; null: none"),
    ROW(val_split, FLOAT, "0", 0, 0.9,
        "share of the training images set aside for validation, in place of val"),
    ROW(hflip, FLOAT, "0", 0, 1, "probability of a left-right flip"),
    ROW(vflip, FLOAT, "0", 0, 1, "probability of an upside-down flip"),
    ROW(transpose, FLOAT, "0", 0, 1,
        "probability that x and y are swapped; with the two flips, all 8 symmetries"),
    ROW(random_crop, FLOAT, "1", 0.1, 1,
        "a random crop keeps at least this share of both sides, which it changes by different "
        "factors; the whole image is taken where a crop would lose all objects; 1: off"),
    ROW(brightness, FLOAT, "0", 0, 1,
        "the pixels are multiplied by up to 1 + this and at least 1 - this"),
    ROW(contrast, FLOAT, "0", 0, 1,
        "the distance from the mean gray is multiplied by up to 1 + this and at least 1 - this"),
    ROW(gamma, FLOAT, "0", 0, 2,
        "the pixels, as 0 to 1, are raised to a power of at most exp(this) and at least "
        "exp(-this)"),
    ROW(invert, FLOAT, "0", 0, 1,
        "probability of the negative, for images bright on dark as well as dark on bright"),
    ROW(grayscale, FLOAT, "0", 0, 1, "probability that the colours become gray"),
    ROW(objects_per_image, INT, "1", 1, 64,
        "objects drawn from an image at each visit, for instances only"),
    ROW(min_object_area, INT, "16", 1, 1e9,
        "smaller objects are passed over, in pixels, for instances only"),
    CHOICE(value_range, "full", value_ranges,
           "image values that become black and white: 0 and 255 or 65535 (full), each image's own "
           "least and greatest (image), its 0.2th and 99.8th percentile (percentile), or such that "
           "the means of the two classes of Otsu's threshold become 64 and 191 (otsu)"),
    CHOICE(mask_values, "auto", mask_values,
           "what a mask pixel says: object where not 0 (binary), an id (ids), or by the task "
           "(auto)"),
};
static const scl_schema_child data_children[] = {
    MAP(train, folders_schema, NULL, NULL, "{images: data/train/images, masks: data/train/masks}",
        "what is trained on"),
    MAP(val, folders_schema, "null", NULL, "{images: data/val/images, masks: data/val/masks}",
        "what the best checkpoint is chosen by"),
    MAP(test, folders_schema, "null", NULL, "{images: data/test/images, masks: data/test/masks}",
        "what the final report is made on"),
    MAPS(prompts, prompt_schema, "[none]", "{box: {jitter: 0.1}}",
         "the prompts training draws from; each is none, box, point or mask"),
};
SCHEMA(data, data_children, COUNT(data_children));
#undef S

/* ------------------------------------------------------------------ plugins */

#define S scl_adapter_config
static const scl_param adapter_params[] = {
    ANY(use, STRING, NULL, "name of the adapter plugin, such as lora"),
};
static const scl_schema_child adapter_children[] = {
    PARAMS("{rank: 4}", "the plugin's own parameters, see its page"),
};
SCHEMA(adapter, adapter_children, COUNT(adapter_children));
#undef S

#define S scl_loss_config
static const scl_param loss_params[] = {
    ANY(use, STRING, "null", "name of the loss plugin, such as dice; null: there is an expr"),
    ANY(expr, STRING, "null",
        "instead of use, a formula such as 0.8*dice(p,t) + 0.2*mean((p - t)^2): see the guide"),
    ROW(weight, FLOAT, "1", 0, 1e6, "factor of this loss in the sum"),
    ANY(name, STRING, "null",
        "what metrics call this loss, of letters, digits, _, - and .; null: by use or expr"),
};
static const scl_schema_child loss_children[] = {
    PARAMS("{smooth: 1.0}", "the plugin's own parameters, see its page"),
};
SCHEMA(loss, loss_children, COUNT(loss_children));
#undef S

/* ------------------------------------------------------------------ train */

#define S scl_optimizer_config
const char *const scl_optimizer_names[] = {"sgd", "adam", "adamw", "muon", NULL};
static const scl_param optimizer_params[] = {
    CHOICE(type, "adamw", scl_optimizer_names,
           "update rule; muon is for the weights of linear layers, and all else goes by adamw"),
    ROW(lr, FLOAT, "1e-4", 0, 10, "learning rate after the warm-up"),
    ROW(weight_decay, FLOAT, "0.01", 0, 10,
        "decoupled for adamw and muon, added to the gradient for adam and sgd"),
    ROW(betas, FLOATS, "[0.9, 0.999]", 0, 1,
        "decay rates of the two moments, each below 1 (adam, adamw, muon)"),
    ROW(eps, FLOAT, "1e-8", 1e-16, 1, "added to the root of the second moment (adam, adamw, muon)"),
    ROW(momentum, FLOAT, "null", 0, 1,
        "share of the last update that is kept (sgd, muon); null: 0.95 for muon, 0 for sgd"),
    ANY(nesterov, BOOL, "false", "look ahead along the momentum (sgd)"),
};
SCHEMA(optimizer, NULL, 0);
#undef S

#define S scl_lr_scheduler_config
static const char *const scheduler_types[] = {"constant", "linear", "cosine", "polynomial", NULL};
static const scl_param lr_scheduler_params[] = {
    CHOICE(type, "constant", scheduler_types, "shape of the decay from lr to the end of training"),
    ROW(warmup_steps, INT, "0", 0, 1e9, "optimizer steps in which lr rises linearly from 0"),
    ROW(min_lr_ratio, FLOAT, "0", 0, 1,
        "lr at the end of the decay, as a share of lr (not for constant)"),
    ROW(power, FLOAT, "1", 0.1, 10, "exponent of the polynomial decay"),
};
SCHEMA(lr_scheduler, NULL, 0);
#undef S

#define S scl_param_group_config
static const scl_param param_group_params[] = {
    ANY(match, STRING, NULL, "parameter names this group is for, with * and ?"),
    ROW(lr, FLOAT, "null", 0, 10, "learning rate of the group; null: the optimizer's"),
    ROW(lr_scale, FLOAT, "null", 0, 1000, "factor on the optimizer's learning rate, instead of lr"),
    ROW(weight_decay, FLOAT, "null", 0, 10, "weight decay of the group; null: the optimizer's"),
};
SCHEMA(param_group, NULL, 0);
#undef S

#define S scl_train_config
static const char *const metrics[] = {"dice", "iou", "miou", "loss", NULL};
static const scl_param train_params[] = {
    ROW(image_size, INT, "null", 16, 8192,
        "side of the square that images and their crops are scaled to in training, a multiple of "
        "patch_size, for which positions are interpolated; null: model.image_size, as all else"),
    ROW(epochs, INT, "20", 1, 1e6, "passes over the training images"),
    ROW(batch_size, INT, "1", 1, 65536, "images per forward and backward pass"),
    ROW(grad_accum_steps, INT, "1", 1, 65536, "batches whose gradients make one optimizer step"),
    ROW(max_grad_norm, FLOAT, "1", 0, 1e6,
        "gradients are scaled down to this L2 norm; 0: no clipping"),
    ROW(average_last, FLOAT, "0", 0, 1,
        "share of the steps, the last ones, whose weights are averaged: the mean is validated, "
        "saved "
        "and predicted with; 0: off"),
    ROW(patience, INT, "0", 0, 1e6,
        "stop after this many epochs without a better validation result; 0: off"),
    ROW(save_every, INT, "0", 0, 1e9,
        "also save a checkpoint each time this many optimizer steps are done; 0: at the end of "
        "each epoch only"),
    CHOICE(metric, "null", metrics,
           "validation result the best checkpoint is chosen by; null: dice for binary, iou for "
           "instances, miou for multiclass"),
    ROW(samples, INT, "4", 0, 1000,
        "images in the picture of predictions that each epoch leaves; 0: no picture"),
    ANY(multimask, BOOL, "false",
        "SAM's own way with ambiguity: where an object's prompt is one point, the decoder makes "
        "masks 1 to 3 and only the one with the lowest loss is trained; elsewhere mask 0"),
    ROW(masks, INTS, "[0]", 0, 3,
        "masks of the decoder that the losses are applied to, all alike, neighbours as in [1, 2, "
        "3]; several are deep supervision, and the first is the one that is scored"),
};
static const scl_schema_child train_children[] = {
    MAP(optimizer, optimizer_schema, "{}", NULL, "{type: adamw, lr: 1.0e-4, weight_decay: 0.01}",
        "how the weights are updated"),
    MAP(lr_scheduler, lr_scheduler_schema, "{}", NULL, "{type: cosine, warmup_steps: 20}",
        "how the learning rate changes over the steps"),
    MAPS(param_groups, param_group_schema, "[]", "{match: \"mask_decoder.*\", lr_scale: 0.1}",
         "other settings for some parameters; the first group that matches a name counts"),
};
SCHEMA(train, train_children, COUNT(train_children));
#undef S

/* ------------------------------------------------------------------ cache and root */

#define S scl_cache_config
static const scl_param cache_params[] = {
    ROW(memory, BYTES, "1GiB", 0, INFINITY, "host memory for what frozen layers compute; 0: none"),
    ROW(disk, BYTES, "8GiB", 0, INFINITY, "disk space for the same; 0: none"),
    ANY(folder, STRING, "null", "where on disk; null: the folder cache in output_dir"),
};
SCHEMA(cache, NULL, 0);
#undef S

#define S scl_run_config
static const scl_param root_params[] = {
    ANY(name, STRING, "null", "name of the run and its folder; null: the run file's name"),
    ANY(device, STRING, "auto", "auto, opencl:N, opencl:part-of-a-name, or reference"),
    ROW(seed, INT, "0", 0, INFINITY, "fixes weights, order, augmentation and prompts"),
    ANY(output_dir, STRING, "runs", "folder the run's own folder is made in"),
    ROW(memory_budget, BYTES, "null", 1048576, INFINITY,
        "device memory that training and its validation may take, such as 8GiB: where a step would "
        "need more, parts of its forward pass run again for the gradients; null: all of the "
        "device's, and only what costs next to nothing runs again"),
    ANY(train_also, STRINGS, "[]",
        "parameters trained besides the adapter's, as names with * and ?"),
    ANY(adapter_from, STRING, "null",
        "adapter that training goes on from: a file of samcl train or its run's folder, a folder "
        "of peft, or a file of Sam_LoRA; null: the adapter's own start"),
};
static const scl_schema_child root_children[] = {
    MAP(model, model_schema, "{}", NULL,
        "{type: vit_b, checkpoint: sam_vit_b_01ec64.pth, image_size: 1024}",
        "the network that is tuned or run"),
    MAP(data, data_schema, NULL, NULL,
        "{train: {images: data/train/images, masks: data/train/masks}}",
        "images, masks, and how they are fed"),
    SOME(adapter, adapter_schema, "none", "{use: lora, params: {rank: 4}}",
         "plugin that changes layers of the model; a list: several, in their order"),
    MAPS(losses, loss_schema, "[{use: bce_with_logits}, {use: dice}]", "{use: dice, weight: 1.0}",
         "what training makes small: a weighted sum of plugins and formulas, at least one"),
    MAP(train, train_schema, "{}", NULL, "{epochs: 20, batch_size: 2}", "the training itself"),
    MAP(cache, cache_schema, "{}", NULL, "{memory: 1GiB, disk: 8GiB}",
        "keeps the results of frozen layers from one epoch to the next"),
};
const scl_schema scl_run_config_schema = {root_params, COUNT(root_params), root_children,
                                          COUNT(root_children), sizeof(S)};
#undef S
