/* The run file: its keys and defaults, contradictions between keys, settings of the command line.
 */
#include "support.h"

#include "config/run_config.h"
#include "config/schema_docs.h"
#include "eval/scores.h"

#define EXAMPLE TEST_FIXTURES "/config/example.yaml"

/* The two lines most files here begin with; what is tested starts in line 3. */
#define MODEL "model: {type: vit_b}\n"
#define DATA  "data: {train: {images: i, masks: m}}\n"
#define VAL   "data: {train: {images: i, masks: m}, val: {images: j, masks: n}}\n"

static scl_run_config config;

static scl_status load(const char *text, const char *const *settings, size_t count, scl_error *err)
{
    scl_run_config_load_text(&config, "runs/x.yaml", text, strlen(text), settings, count);
    return scl_run_config_finish(&config, err);
}

static void assert_error(const char *text, const char *expected)
{
    scl_error err = {0};
    scl_status status = load(text, NULL, 0, &err);
    if (status != SCL_BAD_CONFIG || strcmp(err.text, expected) != 0)
        fail_msg("expected\n%s\nfound\n%s\nfor\n%s", expected, err.text, text);
    scl_run_config_free(&config);
}

static void example_of_the_manual_is_read(void **state)
{
    (void)state;
    scl_run_config_load(&config, EXAMPLE, NULL, 0);
    assert_ok(scl_run_config_finish(&config, &test_error));
    assert_string_equal(config.name, "nuclei-lora");
    assert_string_equal(config.device, "auto");
    assert_int_equal(config.seed, 7);
    assert_int_equal(config.model.type, SCL_MODEL_VIT_B);
    assert_string_equal(config.model.checkpoint, "sam_vit_b_01ec64.pth");
    assert_int_equal(config.model.image_size, 1024);
    assert_true(config.model.embed_dim == SCL_UNSET_INT);
    assert_string_equal(config.data.train.images, "data/train/images");
    assert_int_equal(config.data.val.given, 1);
    assert_string_equal(config.data.val.masks, "data/val/masks");
    assert_int_equal(config.data.test.given, 0);
    assert_null(config.data.test.images);
    assert_int_equal(config.data.task, SCL_TASK_BINARY);
    assert_int_equal(config.data.prompts.count, 3);
    assert_int_equal(config.data.prompts.items[0].kind, SCL_PROMPT_BOX);
    assert_true(config.data.prompts.items[0].box.jitter == 0.1);
    assert_int_equal(config.data.prompts.items[1].kind, SCL_PROMPT_POINT);
    assert_int_equal(config.data.prompts.items[1].point.count, 1);
    assert_int_equal(config.data.prompts.items[2].kind, SCL_PROMPT_NONE);
    assert_true(config.data.prompts.items[2].weight == 1);
    assert_int_equal(config.adapter.count, 1);
    assert_string_equal(config.adapter.items[0].use, "lora");
    assert_int_equal(config.adapter.items[0].params.node->count, 3);
    assert_int_equal(config.train_also.count, 1);
    assert_string_equal(config.train_also.items[0], "mask_decoder.*");
    assert_int_equal(config.losses.count, 2);
    assert_string_equal(config.losses.items[1].use, "dice");
    assert_null(config.losses.items[0].params.node);
    assert_int_equal(config.losses.items[1].params.node->count, 1);
    assert_int_equal(config.train.epochs, 20);
    assert_int_equal(config.train.patience, 10);
    assert_true(config.train.optimizer.lr == 1e-4);
    assert_int_equal(config.train.lr_scheduler.type, SCL_LR_COSINE);
    assert_int_equal(config.train.lr_scheduler.warmup_steps, 20);
    scl_run_config_free(&config);
}

static void shortest_file_has_the_defaults(void **state)
{
    (void)state;
    assert_ok(load(MODEL DATA "train:\ncache:\n", NULL, 0, &test_error));
    assert_string_equal(config.name, "x"); /* of runs/x.yaml */
    assert_string_equal(config.output_dir, "runs");
    assert_int_equal(config.train_also.count, 0);
    assert_int_equal(config.adapter.count, 0);
    assert_int_equal(config.losses.count, 2);
    assert_string_equal(config.losses.items[0].use, "bce_with_logits");
    assert_string_equal(config.losses.items[1].use, "dice");
    assert_true(config.losses.items[1].weight == 1);
    assert_int_equal(config.data.prompts.count, 1);
    assert_int_equal(config.data.prompts.items[0].kind, SCL_PROMPT_NONE);
    assert_int_equal(config.data.min_object_area, 16);
    assert_true(config.data.classes == SCL_UNSET_INT);
    assert_true(config.data.ignore_index == SCL_UNSET_INT);
    assert_int_equal(config.train.optimizer.type, SCL_OPTIMIZER_ADAMW);
    assert_int_equal(config.train.optimizer.betas.count, 2);
    assert_true(config.train.optimizer.betas.items[0] == 0.9);
    assert_true(config.train.optimizer.eps == 1e-8);
    assert_int_equal(config.train.metric, SCL_UNSET_INDEX);
    assert_int_equal(config.train.samples, 4);
    assert_int_equal(config.train.param_groups.count, 0);
    assert_true(config.cache.memory == (int64_t)1 << 30);
    assert_true(config.cache.disk == (int64_t)8 << 30);
    assert_null(config.cache.folder);
    scl_run_config_free(&config);
}

typedef struct wrong {
    const char *text, *expected;
} wrong;

static const wrong mistakes[] = {
    {"model: {type: vit_b}\n",
     "runs/x.yaml:1:1: the run file needs the key `data`, as in {train: {images: "
     "data/train/images, masks: data/train/masks}} (images, masks, and how they are fed)"},
    {MODEL "data: {task: binary}\n",
     "runs/x.yaml:2:1: `data` needs the key `train`, as in {images: data/train/images, masks: "
     "data/train/masks} (what is trained on)"},
    {MODEL "data:\n  train:\n    masks: m\n",
     "runs/x.yaml:3:3: `data.train` needs the key `images` (folder of images (PNG or JPEG))"},
    {MODEL "data:\n  train: i\n",
     "runs/x.yaml:3:10: expected a map such as {images: data/train/images, masks: "
     "data/train/masks} for `train`, found the text \"i\""},
    {"- a\n", "runs/x.yaml:1:1: expected a run file with keys and values, found a list"},
    {"a\n", "runs/x.yaml:1:1: expected a run file with keys and values, found the text \"a\""},
    {DATA, "runs/x.yaml:1:1: `model` needs `type` or `checkpoint`, to know the network's size"},
    {DATA "model: {type: vit_c}\n",
     "runs/x.yaml:2:15: expected one of vit_b, vit_l, vit_h, vit_nano, custom for `type`, "
     "found the text \"vit_c\": did you mean `vit_b`?"},
    {DATA "model: {type: custom, depth: 2}\n",
     "2 errors in runs/x.yaml:\n"
     "  x.yaml:2:1: a model of type custom needs `embed_dim`\n"
     "  x.yaml:2:1: a model of type custom needs `num_heads`"},
    {DATA "model: {type: vit_b, embed_dim: 100, num_heads: 3}\n",
     "runs/x.yaml:2:33: `embed_dim` must be a multiple of `num_heads` (3), found 100"},
    {DATA "model: {type: vit_b, image_size: 1000, patch_size: 16}\n",
     "runs/x.yaml:2:34: `image_size` must be a multiple of `patch_size` (16), found 1000"},
    {DATA "model: {type: vit_b, patch_size: 16}\ntrain: {image_size: 250}\n",
     "runs/x.yaml:3:21: `train.image_size` must be a multiple of `patch_size` (16), found 250"},
    {DATA "model: {type: vit_b, depth: 4, global_attn_indexes: [1, 4]}\n",
     "runs/x.yaml:2:57: `global_attn_indexes` counts from 0 and must stay below `depth` (4), "
     "found 4"},
    {MODEL DATA "name: a/b\n",
     "runs/x.yaml:3:7: expected a name that can be a folder for `name` (no `/`, no dot at its "
     "start, at most 200 bytes), found \"a/b\""},
    {MODEL DATA "seed: -1\n", "runs/x.yaml:3:7: `seed` must be at least 0, found -1"},
    {MODEL DATA "learning_rate: 1\n",
     "runs/x.yaml:3:1: unknown key `learning_rate`: did you mean `lr` in `train.optimizer`?"},
    {MODEL DATA "work_dir: x\n",
     "runs/x.yaml:3:1: unknown key `work_dir`: did you mean `output_dir`?"},
    {MODEL DATA "train: {lr: 1}\n", "runs/x.yaml:3:9: unknown key `lr` in `train`: did you "
                                    "mean `lr` in `train.optimizer`?"},
    {MODEL DATA "train: {num_epochs: 1}\n",
     "runs/x.yaml:3:9: unknown key `num_epochs` in `train`: did you mean `epochs`?"},
    {MODEL DATA "train: {Batch-Size: 1}\n",
     "runs/x.yaml:3:9: unknown key `Batch-Size` in `train`: did you mean `batch_size`?"},
    {MODEL DATA "train: {micro_batch_size: 1}\n",
     "runs/x.yaml:3:9: unknown key `micro_batch_size` in `train`: did you mean `batch_size`?"},
    {MODEL DATA "train: {gradient_accumulation_steps: 1}\n",
     "runs/x.yaml:3:9: unknown key `gradient_accumulation_steps` in `train`: did you mean "
     "`grad_accum_steps`?"},
    {MODEL DATA "train:\n  optimizer: {wd: 1}\n",
     "runs/x.yaml:4:15: unknown key `wd` in `train.optimizer`: did you mean `weight_decay`?"},
    {MODEL DATA "train: {wieght_decay: 1}\n",
     "runs/x.yaml:3:9: unknown key `wieght_decay` in `train`: did you mean `weight_decay` in "
     "`train.optimizer`?"},
    {MODEL DATA "cache: {size: 1}\n", "runs/x.yaml:3:9: unknown key `size` in `cache`: "
                                      "expected one of memory, disk, folder"},
    {MODEL DATA "adapter: lora\n",
     "runs/x.yaml:3:10: expected a map such as {use: lora, params: {rank: 4}} for `adapter`, "
     "or none, found the text \"lora\""},
    {MODEL DATA "adapter: {params: {}}\n", "runs/x.yaml:3:1: `adapter` needs the key `use` "
                                           "(name of the adapter plugin, such as lora)"},
    {MODEL DATA "adapter: {use: none}\n",
     "runs/x.yaml:3:16: to use no adapter, write adapter: none"},
    {MODEL DATA "adapter: {use: lora, params: 3}\n",
     "runs/x.yaml:3:30: expected a map such as {rank: 4} for `params`, found 3"},
    {MODEL DATA "losses: dice\n", "runs/x.yaml:3:9: expected a list of maps such as [{use: "
                                  "dice, weight: 1.0}] for `losses`, found the text \"dice\""},
    {MODEL DATA "losses: [dice]\n", "runs/x.yaml:3:10: expected a map such as {use: dice, "
                                    "weight: 1.0} for `losses`, found the text \"dice\""},
    {MODEL DATA "losses: []\n",
     "runs/x.yaml:3:1: `losses` must name at least one loss, as in [{use: dice}]"},
    {MODEL DATA "losses:\n  - weight: 2\n", "runs/x.yaml:4:5: `losses[0]` needs the key `use` "
                                            "(name of the loss plugin, such as dice), or `expr` (a "
                                            "formula, such as dice(p,t))"},
    {MODEL DATA "losses: [{use: dice, weight: 0}]\n",
     "runs/x.yaml:3:1: one `weight` of `losses` must be above 0"},
    {MODEL DATA "losses: [{use: dice, wieght: 2}]\n",
     "runs/x.yaml:3:22: unknown key `wieght` in `losses[0]`: did you mean `weight`?"},
    {MODEL VAL "train: {optimizer: {betas: [0.9]}}\n",
     "runs/x.yaml:3:21: `betas` must be two numbers, as in [0.9, 0.999], found 1"},
    {MODEL VAL "train: {optimizer: {betas: [0.9, 1]}}\n",
     "runs/x.yaml:3:34: each of `betas` must be below 1"},
    {MODEL VAL "train: {optimizer: {type: sgd, nesterov: true}}\n",
     "runs/x.yaml:3:42: `nesterov` needs type: sgd and a `momentum` above 0"},
    {MODEL VAL "train: {optimizer: {type: muon, momentum: 0.9, nesterov: true}}\n",
     "runs/x.yaml:3:58: `nesterov` needs type: sgd and a `momentum` above 0"},
    {MODEL VAL "train: {lr_scheduler: cosine}\n",
     "runs/x.yaml:3:23: expected a map such as {type: cosine, warmup_steps: 20} for "
     "`lr_scheduler`, found the text \"cosine\""},
    {MODEL VAL "train: {param_groups: [{match: a, lr: 1, lr_scale: 2}]}\n",
     "runs/x.yaml:3:52: `lr_scale` and `lr` exclude each other: remove one of them"},
    {MODEL VAL "train: {param_groups: [{match: a}]}\n",
     "runs/x.yaml:3:24: this group sets nothing: give `lr`, `lr_scale` or `weight_decay`"},
    {MODEL DATA "train: {patience: 3}\n",
     "runs/x.yaml:3:19: `patience` needs validation images: give data.val or data.val_split"},
    {MODEL DATA "train: {metric: dice}\n",
     "runs/x.yaml:3:17: `metric` needs validation images: give data.val or data.val_split"},
    {MODEL VAL "train: {metric: miou}\n",
     "runs/x.yaml:3:17: `metric` miou is for the task multiclass only: write dice, iou or loss"},
    {MODEL "data: {train: &t {images: i, masks: m}, val: *t, task: multiclass, classes: 3}\n"
           "train: {metric: dice}\n",
     "runs/x.yaml:3:17: the task multiclass has no such `metric`: write miou or loss"},
    {MODEL VAL "train: {masks: [0, 2]}\n",
     "runs/x.yaml:3:9: `masks` must be neighbours among 0 to 3, the lowest first, as in [1, 2, "
     "3]"},
    {MODEL VAL "train: {masks: []}\n",
     "runs/x.yaml:3:9: `masks` must be neighbours among 0 to 3, the lowest first, as in [1, 2, "
     "3]"},
    {MODEL VAL "train: {masks: [3, 4]}\n",
     "runs/x.yaml:3:20: `masks` must be between 0 and 3, found 4"},
    {MODEL "data: {train: {images: i, masks: m}, prompts: [{point: {count: 1}}]}\n"
           "train: {multimask: true, masks: [1, 2]}\n",
     "runs/x.yaml:3:26: `masks` and `multimask` exclude each other: remove one of them"},
    {MODEL "data: {train: {images: i, masks: m}, prompts: [box, {point: {count: 2}}]}\n"
           "train: {multimask: true}\n",
     "runs/x.yaml:3:20: `multimask` is for objects that one point stands for: add {point: {count: "
     "1}} to data.prompts, or remove it"},
    {MODEL "data: {train: {images: i, masks: m}, task: multiclass, classes: 3, prompts: [none]}\n"
           "train: {multimask: true}\n",
     "runs/x.yaml:3:20: the task multiclass has one mask for each class: remove `multimask`"},
};

static void each_mistake_has_its_place_and_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        assert_error(mistakes[i].text, mistakes[i].expected);
}

static const wrong data_mistakes[] = {
    {"  task: multiclass\n", "4:9: the task multiclass needs `classes`, the number of classes "
                             "with the background"},
    {"  classes: 3\n", "4:12: `classes` is for the task multiclass only: write task: "
                       "multiclass, or remove it"},
    {"  class_names: [a]\n", "4:3: `class_names` is for the task multiclass only"},
    {"  task: multiclass\n  classes: 3\n  class_names: [a, b]\n",
     "6:3: `class_names` must name each of the 3 classes, found 2 names"},
    {"  task: multiclass\n  classes: 2\n  class_names: [a, a]\n",
     "6:20: `class_names` holds \"a\" twice"},
    {"  task: multiclass\n  classes: 1\n", "5:12: `classes` must be between 2 and 65536, "
                                           "found 1"},
    {"  task: multiclass\n  classes: 2\n  prompts: [none, {box: {}}]\n",
     "6:19: the task multiclass finds all classes at once and takes no prompt: write prompts: "
     "[none]"},
    {"  task: multiclass\n  classes: 2\n  mask_values: binary\n",
     "6:16: `mask_values` binary fits the task binary only: write ids or auto"},
    {"  objects_per_image: 2\n",
     "4:22: `objects_per_image` above 1 is for the task instances only"},
    {"  val: {images: a, masks: b}\n  val_split: 0.1\n",
     "5:14: `val_split` and `val` exclude each other: remove one of them"},
    {"  val_split: 0.95\n", "4:14: `val_split` must be between 0 and 0.9, found 0.95"},
    {"  prompts: []\n", "4:3: `prompts` must hold at least one prompt, such as none"},
    {"  prompts: none\n", "4:12: expected a list of maps such as [{box: {jitter: 0.1}}] for "
                          "`prompts`, found the text \"none\""},
    {"  prompts: [boxes]\n",
     "4:13: expected one of none, box, point, mask or a map such as {box: {jitter: 0.1}} for "
     "an item of `prompts`, found the text \"boxes\""},
    {"  prompts: [{}]\n",
     "4:13: a prompt must be one of none, box, point, mask, found none of them"},
    {"  prompts: [{box: {}, point: {}}]\n",
     "4:13: a prompt must be one of none, box, point, mask, found several"},
    {"  prompts: [{bbox: {}}]\n",
     "4:14: unknown key `bbox` in `data.prompts[0]`: did you mean `box`?"},
    {"  prompts: [{point: {count: 65}}]\n", "4:29: `count` must be between 1 and 64, found 65"},
    {"  prompts: [{box: {}, weight: 0}]\n", "4:3: one `weight` of `prompts` must be above 0"},
    {"  tets: {images: a, masks: b}\n", "4:3: unknown key `tets` in `data`: did you mean "
                                        "`test`?"},
    {"  val: {image_dir: a, mask_dir: b}\n",
     "4:9: unknown key `image_dir` in `data.val`: did you mean `images`?\n"},
};

static void data_keys_must_fit_together(void **state)
{
    (void)state;
    /* Lines after these two, from line 3 on. */
    static const char head[] = MODEL "data:\n  train: {images: i, masks: m}\n";
    size_t last = sizeof data_mistakes / sizeof data_mistakes[0] - 1;
    for (size_t i = 0; i < last; i++) {
        char text[400], expected[400];
        snprintf(text, sizeof text, "%s%s", head, data_mistakes[i].text);
        snprintf(expected, sizeof expected, "runs/x.yaml:%s", data_mistakes[i].expected);
        assert_error(text, expected);
    }
    char text[400];
    snprintf(text, sizeof text, "%s%s", head, data_mistakes[last].text);
    assert_error(text, "4 errors in runs/x.yaml:\n"
                       "  x.yaml:4:3: `data.val` needs the key `images` (folder of images (PNG or "
                       "JPEG))\n"
                       "  x.yaml:4:3: `data.val` needs the key `masks` (folder of masks, named "
                       "like the images)\n"
                       "  x.yaml:4:9: unknown key `image_dir` in `data.val`: did you mean "
                       "`images`?\n"
                       "  x.yaml:4:23: unknown key `mask_dir` in `data.val`: did you mean "
                       "`masks`?");
}

static void accepted_forms(void **state)
{
    (void)state;
    static const char *const texts[] = {
        MODEL DATA "adapter: null\nlosses: [{use: a, params: null}]\n",
        MODEL VAL "train: {patience: 3, metric: loss}\n",
        "model: {checkpoint: x.pth}\ndata: {train: &t {images: i, masks: m}, val: *t, test: "
        "null}\n",
        MODEL "data: {train: {images: i, masks: m}, task: multiclass, classes: 2, class_names: [a, "
              "b], prompts: [none]}\n",
        MODEL "data: {train: {images: i, masks: m}, prompts: [box, {none: {}, weight: 2}, {mask: "
              "}]}\n",
        MODEL "data: {train: {images: i, masks: m}, prompts: [box, {point: {count: 1}}]}\n"
              "train: {multimask: true}\n",
        MODEL VAL "train: {masks: [2]}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        scl_error err = {0};
        load(texts[i], NULL, 0, &err);
        assert_string_equal(err.text, "");
        if (i == 4) {
            assert_int_equal(config.data.prompts.items[0].kind, SCL_PROMPT_BOX);
            assert_true(config.data.prompts.items[0].box.jitter == 0.1);
            assert_int_equal(config.data.prompts.items[1].kind, SCL_PROMPT_NONE);
            assert_true(config.data.prompts.items[1].weight == 2);
            assert_int_equal(config.data.prompts.items[2].kind, SCL_PROMPT_MASK);
        }
        scl_run_config_free(&config);
    }
}

static void all_mistakes_come_at_once(void **state)
{
    (void)state;
    assert_error("seeds: 3\n"
                 "model: {type: vit_b}\n"
                 "data:\n"
                 "  train: {images: i}\n"
                 "  task: multiclass\n"
                 "train:\n"
                 "  epochs: 3.0\n"
                 "  optimizer: {lr: fast, lr: 1}\n"
                 "losses: [dice, {use: x, weight: -1}]\n",
                 "8 errors in runs/x.yaml:\n"
                 "  x.yaml:1:1: unknown key `seeds`: did you mean `seed`?\n"
                 "  x.yaml:4:3: `data.train` needs the key `masks` (folder of masks, named like "
                 "the images)\n"
                 "  x.yaml:5:9: the task multiclass needs `classes`, the number of classes with "
                 "the background\n"
                 "  x.yaml:7:11: expected a whole number for `epochs`, found 3.0: write 3\n"
                 "  x.yaml:8:19: expected a number for `lr`, found the text \"fast\"\n"
                 "  x.yaml:8:25: `lr` is given twice: it stands already in line 8, column 15\n"
                 "  x.yaml:9:10: expected a map such as {use: dice, weight: 1.0} for `losses`, "
                 "found the text \"dice\"\n"
                 "  x.yaml:9:33: `weight` must be between 0 and 1000000, found -1");
}

static void unreadable_files_are_errors_of_the_run_file(void **state)
{
    (void)state;
    static const wrong cases[] = {
        {"/nonexistent/run.yaml",
         "/nonexistent/run.yaml: cannot be opened: No such file or directory"},
        {"/tmp", "/tmp: expected a file, found a folder"},
        {"/dev/null", "/dev/null: expected a file, found something else"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scl_error err = {0};
        scl_run_config_load(&config, cases[i].text, NULL, 0);
        assert_int_equal(scl_run_config_finish(&config, &err), SCL_BAD_CONFIG);
        assert_string_equal(err.text, cases[i].expected);
        scl_run_config_free(&config);
    }
}

static void settings_change_the_file(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "train.optimizer.lr=3e-4",
        "losses[1].weight=0.5",
        "losses[2]={use: focal}",
        "adapter=none",
        "data.prompts=[none]",
        "cache.memory=2GiB",
        "train.epochs=1",
        "train.epochs=5",
        "name=a=b",
        "data.val=null",
        "train.patience=0",
        "model.checkpoint=null",
    };
    scl_run_config_load(&config, EXAMPLE, settings, sizeof settings / sizeof settings[0]);
    assert_ok(scl_run_config_finish(&config, &test_error));
    assert_true(config.train.optimizer.lr == 3e-4);
    assert_true(config.train.optimizer.weight_decay == 0.01); /* its neighbours stay */
    assert_int_equal(config.losses.count, 3);
    assert_true(config.losses.items[1].weight == 0.5);
    assert_non_null(config.losses.items[1].params.node);
    assert_string_equal(config.losses.items[2].use, "focal");
    assert_int_equal(config.adapter.count, 0);
    assert_int_equal(config.data.prompts.count, 1);
    assert_true(config.cache.memory == (int64_t)2 << 30);
    assert_int_equal(config.train.epochs, 5);
    assert_string_equal(config.name, "a=b");
    assert_int_equal(config.data.val.given, 0);
    assert_null(config.model.checkpoint);
    scl_run_config_free(&config);

    static const char *const replaced[] = {"adapter.use=x", "adapter.params.rank=8"};
    assert_ok(load(MODEL DATA "adapter: none\n", replaced, 2, &test_error));
    assert_string_equal(config.adapter.items[0].use, "x");
    assert_string_equal(scl_yaml_find(config.adapter.items[0].params.node, "rank")->value->text,
                        "8");
    scl_run_config_free(&config);
}

static void wrong_settings_name_themselves(void **state)
{
    (void)state;
    static const wrong cases[] = {
        {"train.optimizer.lr=-1", "`lr` must be between 0 and 10, found -1"},
        {"train.optimizer.lr=fast", "expected a number for `lr`, found the text \"fast\""},
        {"train.learning_rate=1",
         "unknown key `learning_rate` in `train`: did you mean `lr` in `train.optimizer`?"},
        {"nothing.at.all=1",
         "unknown key `nothing`: expected one of name, device, seed, "
         "output_dir, memory_budget, train_also, adapter_from, model, data, adapter, losses, "
         "train, cache"},
        {"losses[5].use=a", "`losses` has no item [5]: the run file gives 2, counted from 0; a "
                            "new one must be [2]"},
        {"losses.weight=1", "`losses` is a list: expected the number of an item, as in losses[0]"},
        {"train[0]=1", "`train` is a map: expected a key, found [0]"},
        {"data.prompts=[none",
         "this `[` is not closed: expected `,` or `]` between and after its items"},
        {"train_also=*.weight",
         "a text that begins with `*` or `&` must be in quotes, as in \"*.weight\": bare, they "
         "mark YAML aliases and anchors"},
        {"train.epochs", "expected a setting such as train.epochs=5, found no `=`"},
        {"name=", "expected a value after `=`: write null for none"},
        {"=3", "expected a path such as train.optimizer.lr or losses[0].weight before `=`"},
        {"train..lr=3", "expected a path such as train.optimizer.lr or losses[0].weight before "
                        "`=`"},
        {"train.=3", "expected a path such as train.optimizer.lr or losses[0].weight before `=`"},
        {"losses[=3", "expected a path such as train.optimizer.lr or losses[0].weight before `=`"},
        {"losses[1]]=3",
         "expected a path such as train.optimizer.lr or losses[0].weight before `=`"},
        {"losses[99999999999999999999]=3",
         "expected a path such as train.optimizer.lr or losses[0].weight before `=`"},
        {"train.optimizer={lr: 1, lr: 2}", "`lr` is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scl_error err = {0};
        char expected[500];
        snprintf(expected, sizeof expected, "command line: %s: %s", cases[i].text,
                 cases[i].expected);
        scl_run_config_load(&config, EXAMPLE, &cases[i].text, 1);
        assert_int_equal(scl_run_config_finish(&config, &err), SCL_BAD_CONFIG);
        assert_string_equal(err.text, expected);
        scl_run_config_free(&config);
    }
    /* An item of a list that the file leaves to its default. */
    scl_error err = {0};
    const char *const setting = "losses[1].weight=0.5";
    assert_fails(load(MODEL DATA, &setting, 1, &err), SCL_BAD_CONFIG, err,
                 "`losses` has no item [1]: the run file gives 0");
    assert_null(strstr(err.text, "\n"));
    scl_run_config_free(&config);
    /* Sorted after what is wrong in the file. */
    scl_error both = {0};
    const char *const epochs = "train.epochs=no";
    load(MODEL DATA "seeds: 1\n", &epochs, 1, &both);
    assert_string_equal(both.text, "2 errors in runs/x.yaml:\n"
                                   "  x.yaml:3:1: unknown key `seeds`: did you mean `seed`?\n"
                                   "  command line: train.epochs=no: expected a whole number for "
                                   "`epochs`, found the text \"no\"");
    scl_run_config_free(&config);
}

/* The help of `metric` says what is chosen without it. */
static void help_names_each_tasks_metric(void **state)
{
    (void)state;
    static const char *const tasks[] = {"binary", "multiclass", "instances"};
    scl_str page = {0};
    scl_schema_docs_configuration(&page);
    const char *row = strstr(scl_str_text(&page), "| `metric` |");
    assert_non_null(row);
    for (int task = SCL_TASK_BINARY; task <= SCL_TASK_INSTANCES; task++) {
        char wanted[64];
        config.data.task = task;
        config.train.metric = SCL_UNSET_INDEX;
        snprintf(wanted, sizeof wanted, "%s for %s", scl_metric_name(scl_metric_choose(&config)),
                 tasks[task]);
        const char *found = strstr(row, wanted);
        if (found == NULL || found > strchr(row, '\n'))
            fail_msg("the help of `metric` does not say: %s", wanted);
    }
    config = (scl_run_config){0};
    scl_str_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_manual_is_read),
        cmocka_unit_test(shortest_file_has_the_defaults),
        cmocka_unit_test(each_mistake_has_its_place_and_sentence),
        cmocka_unit_test(data_keys_must_fit_together),
        cmocka_unit_test(accepted_forms),
        cmocka_unit_test(help_names_each_tasks_metric),
        cmocka_unit_test(all_mistakes_come_at_once),
        cmocka_unit_test(unreadable_files_are_errors_of_the_run_file),
        cmocka_unit_test(settings_change_the_file),
        cmocka_unit_test(wrong_settings_name_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
