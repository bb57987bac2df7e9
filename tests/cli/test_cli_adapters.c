/* Adapters that travel: the layouts of peft and Sam_LoRA are read, written, merged and compared. */
#include "cli/models.h"
#include "cli/program.h"

#include "base/file.h"
#include "fixture.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

#define ADAPTER(name) TEST_FIXTURES "/adapter/" name
#define PEFT          ADAPTER("peft")
#define SAM_LORA      ADAPTER("sam_lora.safetensors")
#define LOGITS        REFERENCE, PICTURE, ONE_BOX, "--logits"

static int make_files(void **state)
{
    const char *const lora[] = {"adapter={use: lora, params: {rank: 2}}"};
    const char *const decoder[] = {"adapter=none"};
    const char *const whole[] = {"adapter={use: lora}", "model={type: vit_nano}"};
    program_enter_folder(state);
    write_picture();
    write_base();
    write_run_file();
    write_tuned("lora.safetensors", lora, 1);
    write_tuned("decoder.safetensors", decoder, 1);
    write_tuned("whole.safetensors", whole, 2);
    return 0;
}

/* ---- what they compute */

/* The values of an array file; free with free. */
static float *array_values(const char *path, size_t *count)
{
    scl_npy npy;
    assert_ok(scl_npy_read(path, &npy, &test_error));
    *count = (size_t)scl_weight_elements(&npy.array);
    float *values = malloc(*count * sizeof *values);
    scl_weight_to_f32(&npy.array, values);
    scl_npy_free(&npy);
    return values;
}

static void assert_fixture(const char *path, const char *name)
{
    size_t count;
    scl_weights fixture;
    float *found = array_values(path, &count);
    assert_ok(scl_weights_load(ADAPTER("expected.safetensors"), &fixture, &test_error));
    float *expected = fixture_values(&fixture, name, count);
    assert_near(name, found, expected, count, 1e-5);
    free(found);
    free(expected);
    scl_weights_free(&fixture);
}

/* The last digits differ between layers that are merged and layers that are not. */
static void assert_same_array(const char *left, const char *right)
{
    size_t left_count, right_count;
    float *a = array_values(left, &left_count), *b = array_values(right, &right_count);
    assert_int_equal(left_count, right_count);
    assert_near(left, a, b, left_count, 1e-6);
    free(a);
    free(b);
}

static void adapters_of_peft_give_what_peft_gives(void **state)
{
    (void)state;
    EXPECT(0, "", "encode", BASE, "--adapter", PEFT, REFERENCE, PICTURE, "--out", "peft-e.npy");
    EXPECT(0, "", "predict", BASE, "--adapter", PEFT, LOGITS, "peft.npy");
    assert_fixture("peft-e.npy", "peft.embedding");
    assert_fixture("peft.npy", "peft.logits");
}

static void adapters_of_sam_lora_give_what_it_gives(void **state)
{
    (void)state;
    EXPECT(0, "", "encode", BASE, "--adapter", SAM_LORA, REFERENCE, PICTURE, "--out",
           "sam_lora-e.npy");
    EXPECT(0, "", "predict", BASE, "--adapter", SAM_LORA, LOGITS, "sam_lora.npy");
    assert_fixture("sam_lora-e.npy", "sam_lora.embedding");
    assert_fixture("sam_lora.npy", "sam_lora.logits");
}

/* ---- from layout to layout */

static void every_layout_leads_to_every_other(void **state)
{
    (void)state;
    EXPECT(0, "", "convert", BASE, "--adapter", PEFT, "--to", "samcl", "--out", "a.safetensors");
    EXPECT(0, "", "convert", "--checkpoint", "a.safetensors", "--to", "peft", "--out", "a-peft");
    EXPECT(0, " 0 differ", "diff", PEFT, "a-peft");
    EXPECT(0, "", "convert", BASE, "--adapter", SAM_LORA, "--to", "samcl", "--out",
           "b.safetensors");
    EXPECT(0, "", "convert", "--adapter", "b.safetensors", "--to", "sam_lora", "--out",
           "b-back.safetensors");
    EXPECT(0, " 0 differ", "diff", SAM_LORA, "b-back.safetensors");
    EXPECT(0, "", "convert", "--adapter", "b.safetensors", "--to", "sam_lora", "--out", "b.pth");
    EXPECT(0, " 0 differ", "diff", SAM_LORA, "b.pth");
    EXPECT(0, "PyTorch .pth (zip)", "info", "b.pth");
    /* peft has one term of twice the rank for both parts */
    EXPECT(0, "", "convert", "--adapter", "b.safetensors", "--to", "peft", "--out", "b-peft");
    EXPECT(0, "rank: 4", "info", "b-peft");
    EXPECT(0, "", "predict", "--checkpoint", "b-peft", LOGITS, "b.npy");
    assert_same_array("b.npy", "sam_lora.npy");
    EXPECT(0, "", "convert", "--checkpoint", "b-peft", "--to", "sam_lora", "--out",
           "b-again.safetensors");
    EXPECT(0, " 0 differ", "diff", SAM_LORA, "b-again.safetensors");
    EXPECT(0, "", "predict", "--adapter", "a-peft", LOGITS, "a.npy");
    assert_same_array("a.npy", "peft.npy");
}

/* The run file, the state and the base's hash go with every layout. */
static void a_run_travels_with_its_adapter(void **state)
{
    (void)state;
    const char *const lora[] = {
        "adapter={use: lora, params: {rank: 2, parts: [q, v]}}",
        "data.value_range=percentile",
    };
    write_tuned("run-lora.safetensors", lora, 2);
    EXPECT(0, "", "convert", "--checkpoint", "run-lora.safetensors", "--to", "peft", "--out",
           "run-peft");
    EXPECT(0, "", "convert", "--checkpoint", "run-lora.safetensors", "--to", "sam_lora", "--out",
           "run-sam_lora.safetensors");
    const char *const files[] = {"run-peft", "run-sam_lora.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        cJSON *list = NULL;
        outcome o = RUN("info", "--json", "run-lora.safetensors", files[i]);
        assert_int_equal(o.code, 0);
        assert_ok(scl_json_parse(o.out, strlen(o.out), "output", &list, &test_error));
        const cJSON *own = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "tuned");
        const cJSON *other = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "tuned");
        const char *const keys[] = {"base", "base_hash", "run", "task", "step", "best_metric"};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            assert_true(cJSON_Compare(cJSON_GetObjectItem(own, keys[k]),
                                      cJSON_GetObjectItem(other, keys[k]), 1));
        cJSON_Delete(list);
        EXPECT(0, "", "predict", "--adapter", files[i], LOGITS, "run.npy");
    }
    /* also the decoder */
    EXPECT(0, "mask_decoder.*", "info", "run-sam_lora.safetensors");
    EXPECT(0, "prompt_encoder.*", "info", "run-sam_lora.safetensors");
}

static void what_a_layout_cannot_hold_is_refused(void **state)
{
    (void)state;
    const char *const norms[] = {"adapter={use: lora}",
                                 "train_also=[image_encoder.blocks.*.norm1.*]"};
    const char *const tables[] = {"adapter={use: lora}",
                                  "train_also=[image_encoder.blocks.0.attn.rel_pos_h]"};
    const char *const classes[] = {"adapter={use: lora}", "data.task=multiclass", "data.classes=3",
                                   "losses=[{use: cross_entropy}]"};
    const char *const scaled[] = {"adapter={use: lora, params: {sites: [\"*.mlp.lin1\"]}}"};
    write_tuned("norms.safetensors", norms, 2);
    write_tuned("tables.safetensors", tables, 2);
    write_tuned("classes.safetensors", classes, 4);
    write_tuned("mlp.safetensors", scaled, 1);
#define TO(layout, file) "convert", "--checkpoint", file, "--to", layout, "--out"
    EXPECT(2, "has one on its keys", TO("sam_lora", "a.safetensors"), "x.safetensors");
    EXPECT(2, "which holds one LoRA: it has the adapter dora", TO("peft", "two.safetensors"), "x");
    EXPECT(2, "which holds one LoRA: it has no adapter", TO("peft", "decoder.safetensors"), "x");
    EXPECT(2, "holds a whole model", TO("peft", "whole.safetensors"), "x");
    EXPECT(2, "is a checkpoint without an adapter", TO("peft", "base.safetensors"), "x");
    EXPECT(2, "is a checkpoint without an adapter", TO("sam_lora", "base.safetensors"),
           "x.safetensors");
    EXPECT(2, "checkpoint without an adapter", TO("samcl", "base.safetensors"), "x.safetensors");
    EXPECT(2, "image_encoder.blocks.0.norm1.weight is trained, too",
           TO("sam_lora", "norms.safetensors"), "x.safetensors");
    EXPECT(0, "", TO("peft", "norms.safetensors"), "norms-peft");
    EXPECT(2, "peft saves the whole of vision_encoder.layers.0.attn with it",
           TO("peft", "tables.safetensors"), "x");
    EXPECT(2, "a head for 3 classes", TO("peft", "classes.safetensors"), "x");
    EXPECT(0, "", "merge", "--checkpoint", "classes.safetensors", "--out", "3.safetensors");
    EXPECT(0, "", "predict", "--checkpoint", "classes.safetensors", REFERENCE, PICTURE, "--logits",
           "c.npy");
    EXPECT(0, "", "predict", "--checkpoint", "3.safetensors", REFERENCE, PICTURE, "--logits",
           "3.npy");
    assert_same_array("3.npy", "c.npy");
    EXPECT(2, "mlp.lin1 has one, too", TO("sam_lora", "mlp.safetensors"), "x.safetensors");
    EXPECT(2, "exists already", TO("peft", "lora.safetensors"), "norms-peft");
    EXPECT(2, "ends in .safetensors", TO("sam_lora", "lora.safetensors"), "x");
    EXPECT(2, "expected meta, hf, samcl, peft or sam_lora, found onnx",
           TO("onnx", "lora.safetensors"), "x");
}

static void a_full_disk_leaves_no_adapter(void **state)
{
    (void)state;
    program_limit_files(1500);
    EXPECT(1, "adapter_model.safetensors", TO("peft", "b.safetensors"), "x");
    EXPECT(1, "x.safetensors", TO("sam_lora", "b.safetensors"), "x.safetensors");
    EXPECT(1, "x.safetensors", "merge", "--checkpoint", "b.safetensors", "--out", "x.safetensors");
    program_limit_files(0);
}

/* ---- merged */

static void a_merged_checkpoint_gives_the_same_masks(void **state)
{
    (void)state;
    EXPECT(0, "", "merge", BASE, "--adapter", PEFT, "--out", "merged.safetensors");
    EXPECT(0, "", "predict", "--checkpoint", "merged.safetensors", LOGITS, "merged.npy");
    assert_same_array("merged.npy", "peft.npy");
    EXPECT(0, "", "merge", "--adapter", "b.safetensors", "--out", "merged-b.safetensors");
    EXPECT(0, "", "predict", "--checkpoint", "merged-b.safetensors", LOGITS, "merged-b.npy");
    assert_same_array("merged-b.npy", "sam_lora.npy");
    EXPECT(0, "", "convert", BASE, "--adapter", SAM_LORA, "--to", "hf", "--out", "merged-hf");
    EXPECT(0, "", "predict", "--checkpoint", "merged-hf", LOGITS, "merged-hf.npy");
    assert_same_array("merged-hf.npy", "sam_lora.npy");
    /* values of the images, as the run had them, go with it */
    EXPECT(0, "", "merge", "--checkpoint", "run-lora.safetensors", "--out", "merged-c.safetensors");
    EXPECT(0, "adapter            none", "info", "merged-c.safetensors");
    EXPECT(0, "", "predict", "--checkpoint", "merged-c.safetensors", LOGITS, "merged-c.npy");
    assert_same_array("merged-c.npy", "run.npy");
    const char *const two[] = {
        "adapter=[{use: lora, params: {sites: [\"*.mlp.lin1\"]}}, {use: dora}]"};
    const char *const own_layer[] = {"adapter={use: houlsby}"};
    write_tuned("two.safetensors", two, 1);
    write_tuned("houlsby.safetensors", own_layer, 1);
    EXPECT(0, "", "merge", "--checkpoint", "two.safetensors", "--out", "two-merged.safetensors");
    EXPECT(0, "", "predict", "--checkpoint", "two.safetensors", LOGITS, "two.npy");
    EXPECT(0, "", "predict", "--checkpoint", "two-merged.safetensors", LOGITS, "two-merged.npy");
    assert_same_array("two-merged.npy", "two.npy");
    EXPECT(0, "", "merge", "--checkpoint", "whole.safetensors", "--out",
           "whole-merged.safetensors");
    EXPECT(0, "adapter            none", "info", "whole-merged.safetensors");
    EXPECT(2, "houlsby", "merge", "--checkpoint", "houlsby.safetensors", "--out", "x.safetensors");
    EXPECT(2, "houlsby", "convert", "--checkpoint", "houlsby.safetensors", "--to", "hf", "--out",
           "x");
    EXPECT(3, "was trained on another base", "predict", "--checkpoint", "merged.safetensors",
           "--adapter", "run-peft", LOGITS, "x.npy");
    EXPECT(2, "nothing to merge", "merge", BASE, "--out", "x.safetensors");
    EXPECT(2, "nothing to merge", "merge", "--checkpoint", "merged-c.safetensors", "--out",
           "x.safetensors");
}

/* ---- broken files */

/* Folder `x` becomes the adapter of peft, with a member of its config set to a value (JSON). */
static void write_config(const char *key, const char *value)
{
    cJSON *root = NULL;
    assert_ok(scl_json_load(PEFT "/adapter_config.json", &root, &test_error));
    cJSON_DeleteItemFromObject(root, key);
    if (value != NULL)
        cJSON_AddItemToObject(root, key, cJSON_Parse(value));
    char *text = cJSON_Print(root);
    assert_ok(scl_file_write("broken/adapter_config.json", text, strlen(text), &test_error));
    cJSON_free(text);
    cJSON_Delete(root);
}

typedef void (*change)(scl_weight *tensors, size_t *count);

/* The tensors of a file after a change. */
static void write_changed(const char *from, const char *to, change apply)
{
    scl_weights weights;
    assert_ok(scl_weights_load(from, &weights, &test_error));
    size_t count = weights.count;
    apply(weights.tensor, &count);
    assert_ok(scl_safetensors_write(to, weights.tensor, count, NULL, 0, &test_error));
    scl_weights_free(&weights);
}

static void keep_all(scl_weight *tensors, size_t *count)
{
    (void)tensors;
    (void)count;
}

static void drop_last(scl_weight *tensors, size_t *count)
{
    (void)tensors;
    --*count;
}

static void drop(scl_weight *tensors, size_t *count, const char *words)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (strstr(tensors[i].name, words) == NULL)
            tensors[kept++] = tensors[i];
    assert_true(kept < *count);
    *count = kept;
}

static void drop_up(scl_weight *tensors, size_t *count)
{
    drop(tensors, count, "layers.2.attn.qkv.lora_B");
}

static void drop_layer(scl_weight *tensors, size_t *count)
{
    drop(tensors, count, "layers.2.attn.qkv.");
}

static void drop_module(scl_weight *tensors, size_t *count)
{
    drop(tensors, count, "neck.conv1");
}

static void rename_first(scl_weight *tensors, size_t *count)
{
    (void)count;
    tensors[0].name = "base_model.model.vision_encoder.layers.0.attn.qkv.lora_C.weight";
}

static void rename_first_plainly(scl_weight *tensors, size_t *count)
{
    (void)count;
    tensors[0].name = "fc_768in_1000out";
}

/* [2, 24] becomes [1, 48] */
static void reshape_last(scl_weight *tensors, size_t *count)
{
    scl_weight *last = &tensors[*count - 1];
    last->dim[0] *= last->dim[1];
    last->dim[1] = 1;
}

/* The values of the position code become those of another tensor of its shape. */
static void change_code(scl_weight *tensors, size_t *count)
{
    scl_weight *code = NULL;
    for (size_t i = 0; i < *count; i++)
        if (strstr(tensors[i].name, "gaussian_matrix") != NULL)
            code = &tensors[i];
    assert_non_null(code);
    code->data = tensors[0].data;
}

static void bases_are_told_apart_by_their_position_code(void **state)
{
    (void)state;
    write_changed("run-sam_lora.safetensors", "plain.safetensors", keep_all);
    write_changed("base.safetensors", "other-base.safetensors", change_code);
    EXPECT(0, "mask 1: ", "predict", BASE, "--adapter", "plain.safetensors", REFERENCE, PICTURE);
    EXPECT(3, "trained on another base than other-base.safetensors: its position code", "predict",
           "--checkpoint", "other-base.safetensors", "--adapter", "plain.safetensors", REFERENCE,
           PICTURE);
}

static void broken_folders_of_peft_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *key, *value, *words;
    } configs[] = {
        {"peft_type", "\"LOHA\"", "expected LORA for \"peft_type\""},
        {"peft_type", NULL, "peft_type"},
        {"use_dora", "true", "\"use_dora\""},
        {"lora_bias", "true", "\"lora_bias\""},
        {"bias", "\"all\"", "expected none for \"bias\""},
        {"rank_pattern", "{\"qkv\": 3}", "\"rank_pattern\""},
        {"init_lora_weights", "\"pissa\"", "\"init_lora_weights\""},
        {"something_new", "{\"a\": 1}", "\"something_new\""},
        {"r", "\"two\"", "expected a whole number for \"r\""},
        {"r", "3", "of another type or shape"},
        {"r", "2000", "expected a rank of 1 to 1024"},
        {"lora_dropout", "1", "expected a number of 0 to 0.99 for \"lora_dropout\""},
        {"lora_alpha", "-1", "expected a number of 0 to 1e6 for \"lora_alpha\""},
        {"target_modules", "[\"qkv\", \"lin1\"]", "\"target_modules\" names \"lin1\""},
        {"target_modules", "[\"proj\"]", "\"target_modules\" does not name"},
        {"target_modules", "7", "expected a list of names for \"target_modules\""},
        {"modules_to_save", "[\"neck.conv1\"]", "of no module of \"modules_to_save\""},
        {"modules_to_save", "[\"neck.conv1\", \"upscale_conv2\", \"iou_token\"]",
         "\"modules_to_save\" names \"iou_token\""},
    };
    const struct {
        change apply;
        const char *words;
    } tensors[] = {
        {drop_up, "1 tensor is missing (image_encoder.blocks.2.attn.qkv.lora_B)"},
        {drop_layer, "2 tensors are missing"},
        {drop_module, "\"modules_to_save\" names \"neck.conv1\""},
        {rename_first, "is no lora_A or lora_B"},
        {rename_first_plainly, "expected names that begin with base_model.model."},
        {reshape_last, "of another type or shape"},
    };
    const char *model = PEFT "/adapter_model.safetensors";
    assert_int_equal(mkdir("broken", 0700), 0);
    write_changed(model, "broken/adapter_model.safetensors", keep_all);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        write_config(configs[i].key, configs[i].value);
        EXPECT(3, configs[i].words, "predict", BASE, "--adapter", "broken", REFERENCE, PICTURE);
    }
    write_config("r", "2");
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        write_changed(model, "broken/adapter_model.safetensors", tensors[i].apply);
        EXPECT(3, tensors[i].words, "predict", BASE, "--adapter", "broken", REFERENCE, PICTURE);
    }
    write_changed(model, "broken/adapter_model.safetensors", keep_all);
}

/* The base that a config names may be here, or not. */
static void folders_of_peft_may_name_their_base(void **state)
{
    (void)state;
    const char *model = PEFT "/adapter_model.safetensors";
    unlink("broken/adapter_model.safetensors");
    EXPECT(3, "beside adapter_config.json, found neither", "info", "broken");
    EXPECT(3, "give the folder that holds both", "info", model);
    EXPECT(2, "does not name its base", "predict", "--checkpoint", PEFT, REFERENCE, PICTURE);
    EXPECT(3, "expected a model, found an adapter of peft", "validate", "run.yaml",
           "model.checkpoint=" PEFT);
    write_config("base_model_name_or_path", "\"facebook/sam-vit-base\"");
    write_changed(model, "broken/adapter_model.safetensors", keep_all);
    EXPECT(2, "facebook/sam-vit-base", "predict", "--adapter", "broken", REFERENCE, PICTURE);
    EXPECT(0, "base               facebook/sam-vit-base", "info", "broken");
    write_config("base_model_name_or_path", "\"base.safetensors\"");
    EXPECT(0, "mask 1: ", "predict", "--adapter", "broken", REFERENCE, PICTURE);
    write_config("lora_dropout", "0.25");
    EXPECT(0, "dropout: 0.25", "info", "broken");
    EXPECT(0, "", "convert", BASE, "--adapter", "broken", "--to", "peft", "--out", "whole-again");
    EXPECT(0, "dropout: 0.25", "info", "whole-again");
}

static void broken_files_of_sam_lora_are_refused(void **state)
{
    (void)state;
    const struct {
        change apply;
        const char *words;
    } tensors[] = {
        {drop_last, "found no w_b_005"},
        {rename_first_plainly, "found \"fc_768in_1000out\""},
        {reshape_last, "w_b_005 of another shape"},
    };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        write_changed(SAM_LORA, "broken.safetensors", tensors[i].apply);
        EXPECT(3, tensors[i].words, "predict", BASE, "--adapter", "broken.safetensors", REFERENCE,
               PICTURE);
        EXPECT(3, tensors[i].words, "info", "broken.safetensors");
    }
    unlink("broken.safetensors");
    EXPECT(2, "does not name its base", "predict", "--adapter", SAM_LORA, REFERENCE, PICTURE);
    EXPECT(3, "does not fit the model", "predict", "--checkpoint", "whole.safetensors", "--adapter",
           SAM_LORA, REFERENCE, PICTURE);
}

/* ---- a training that goes on from one, and the scores of one */

static void expect_differences(const char *words, const char *left, const char *right)
{
    outcome o = RUN("diff", left, right);
    if (o.code != 1 || strstr(o.out, words) == NULL)
        fail_msg("samcl diff %s %s: expected 1 with \"%s\", found %d: %s%s", left, right, words,
                 o.code, o.out, o.err);
}

#define SAME_LORA "adapter={use: lora, params: {rank: 2, alpha: null, parts: [q, v]}}"
#define TRAIN     "train", "run.yaml", "train.epochs=1", "output_dir=out"

static void a_training_goes_on_from_any_layout(void **state)
{
    (void)state;
    EXPECT(0, "run.yaml is right", "validate", "run.yaml", SAME_LORA, "adapter_from=" SAM_LORA);
    EXPECT(0, "last.safetensors", TRAIN, "name=first", SAME_LORA, "adapter_from=" SAM_LORA,
           "train.optimizer.lr=0");
    /* nothing was learned at this rate, and the decoder is the base's */
    expect_differences("\n12 tensors are equal", "out/first", SAM_LORA);
    EXPECT(0, "last.safetensors", TRAIN, "name=second", "adapter_from=" PEFT,
           "adapter={use: lora, params: {rank: 2, alpha: 3}}",
           "train_also=[mask_decoder.*, image_encoder.neck.0.weight]", "train.optimizer.lr=0");
    expect_differences("\n9 tensors are equal", "out/second", PEFT);
    EXPECT(0, "left out: ", "diff", "out/second", "out/second");
    EXPECT(0, "\n", "diff", "--optimizer", "out/second", "out/second");
    EXPECT(0, "last.safetensors", "train", "--resume", "out/second", "train.epochs=2");
    EXPECT(0, "is right", "validate", "run.yaml", "adapter_from=" PEFT, "train_also=[\"*\"]",
           "adapter={use: lora, params: {rank: 2, alpha: 3, dropout: 0.5}}");
    EXPECT(2, "command line: adapter_from=", "validate", "run.yaml", SAME_LORA,
           "adapter_from=" PEFT);
    EXPECT(2, "has `alpha` 4, but", TRAIN, "adapter={use: lora, params: {rank: 2, alpha: 4}}",
           "adapter_from=" PEFT);
    EXPECT(2, "which the run does not train: name it in train_also", TRAIN,
           "adapter={use: lora, params: {rank: 2, alpha: 3}}", "train_also=[]",
           "adapter_from=" PEFT);
    EXPECT(3, "found a checkpoint", TRAIN, SAME_LORA, "adapter_from=base.safetensors");
    EXPECT(3, "nowhere", TRAIN, SAME_LORA, "adapter_from=nowhere");
    EXPECT(3, "holds a whole model", TRAIN, SAME_LORA, "adapter_from=whole.safetensors");
    EXPECT(2, "the run has 0 adapters", TRAIN, "adapter_from=" SAM_LORA);
}

static void any_layout_is_scored_over_a_run_file(void **state)
{
    (void)state;
    const char *const adapters[] = {PEFT, SAM_LORA, "a.safetensors"};
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++)
        EXPECT(0, "base     tuned     change", "eval", "run.yaml", "--adapter", adapters[i],
               "--split", "train");
    EXPECT(0, "base     tuned     change", "eval", "run.yaml", SAME_LORA, "adapter_from=" SAM_LORA,
           "--split", "train");
    EXPECT(2, "name the base of", "eval", "run.yaml", "--adapter", PEFT, "model={type: vit_nano}",
           "--split", "train");
    EXPECT(2, "--adapter goes with a run file", "eval", "a.safetensors", "--adapter", PEFT);
    EXPECT(2, "holds a whole model", "eval", "run.yaml", "--adapter", "whole.safetensors");
}

/* ---- diff and info */

static void files_are_compared_by_tensor(void **state)
{
    (void)state;
    EXPECT(0, " 0 differ", "diff", "base.safetensors", "base.safetensors");
    EXPECT(0, "", "convert", BASE, "--to", "hf", "--out", "hf");
    EXPECT(0, " 0 differ", "diff", "base.safetensors", "hf");
    outcome o = RUN("diff", "base.safetensors", "merged.safetensors");
    assert_int_equal(o.code, 1);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(o.out, "of other values"));
    assert_non_null(strstr(o.out, "image_encoder.blocks.0.attn.qkv.weight"));
    assert_null(strstr(o.out, "image_encoder.blocks.0.attn.qkv.bias"));
    o = RUN("diff", "a.safetensors", "b.safetensors");
    assert_int_equal(o.code, 1);
    const char *left = strstr(o.out, "only in a.safetensors\n");
    const char *right = strstr(o.out, "only in b.safetensors\n");
    assert_true(left != NULL && right != NULL && left < right);
    o = RUN("diff", "base.safetensors", "whole.safetensors");
    assert_int_equal(o.code, 1);
    assert_non_null(strstr(o.out, "of another shape"));
    EXPECT(2, "expected two files", "diff", "base.safetensors");
    EXPECT(3, "nowhere", "diff", "base.safetensors", "nowhere");
    EXPECT(0, "The exit code is 0 when", "diff", "-h");
}

static void info_describes_foreign_adapters(void **state)
{
    (void)state;
    EXPECT(0, "format               PEFT folder", "info", PEFT);
    EXPECT(0, "layout             peft", "info", PEFT);
    EXPECT(0, "{rank: 2, alpha: 3, sites: [\"image_encoder.blocks.*.attn.qkv\"]}", "info", PEFT);
    EXPECT(0, "layout             sam_lora", "info", SAM_LORA);
    EXPECT(0, "parts: [q, v]", "info", SAM_LORA);
    EXPECT(0, "base               none", "info", SAM_LORA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_of_peft_give_what_peft_gives),
        cmocka_unit_test(adapters_of_sam_lora_give_what_it_gives),
        cmocka_unit_test(every_layout_leads_to_every_other),
        cmocka_unit_test(a_run_travels_with_its_adapter),
        cmocka_unit_test(a_merged_checkpoint_gives_the_same_masks),
        cmocka_unit_test(what_a_layout_cannot_hold_is_refused),
        cmocka_unit_test(a_full_disk_leaves_no_adapter),
        cmocka_unit_test(bases_are_told_apart_by_their_position_code),
        cmocka_unit_test(broken_folders_of_peft_are_refused),
        cmocka_unit_test(folders_of_peft_may_name_their_base),
        cmocka_unit_test(broken_files_of_sam_lora_are_refused),
        cmocka_unit_test(a_training_goes_on_from_any_layout),
        cmocka_unit_test(any_layout_is_scored_over_a_run_file),
        cmocka_unit_test(files_are_compared_by_tensor),
        cmocka_unit_test(info_describes_foreign_adapters),
    };
    return cmocka_run_group_tests(tests, make_files, program_leave_folder);
}
