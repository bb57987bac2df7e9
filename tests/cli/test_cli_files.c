/* samcl info, convert, validate and plugins, and what all verbs share: help and wrong usage. */
#include "cli/models.h"
#include "cli/program.h"

#include "io/json.h"
#include "io/safetensors.h"
#include "model/small_sam.h"
#include "weights_support.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define IO(name) TEST_FIXTURES "/io/" name
#define LORA     "adapter={use: lora, params: {rank: 2}}"
#define FULL     "adapter={use: full}"
#define ANSWER   REFERENCE, PICTURE, ONE_BOX
#define SEVERAL                                                                                    \
    "adapter=[{use: lora, params: {rank: 2}}, {use: adaptformer, params: {bottleneck: 3}}, "       \
    "{use: bitfit}]"
#define LOSSES "losses=[{use: dice}, {expr: \"mean(softplus(x) - x*t)\"}]"

static int make_files(void **state)
{
    const char *const lora[] = {LORA}, *const decoder[] = {"adapter=none"};
    const char *const whole[] = {FULL, "model={type: vit_nano}"}, *const several[] = {SEVERAL,
                                                                                      LOSSES};
    program_enter_folder(state);
    write_picture();
    write_base();
    write_run_file();
    write_tuned("lora.safetensors", lora, 1);
    write_tuned("several.safetensors", several, 2);
    write_tuned("decoder.safetensors", decoder, 1);
    write_tuned("whole.safetensors", whole, 2);
    return 0;
}

/* ---- all verbs */

static void every_verb_explains_itself(void **state)
{
    (void)state;
    const char *const verbs[] = {"predict", "encode", "info",    "diff",    "validate", "plan",
                                 "convert", "merge",  "plugins", "devices", "bench"};
    EXPECT(0, "exit codes:", "-h");
    EXPECT(0, "samcl ", "--version");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char head[32];
        snprintf(head, sizeof head, "samcl %s ", verbs[i]);
        EXPECT(0, head, verbs[i], "-h");
        EXPECT(0, head, verbs[i], "--help");
        EXPECT(0, verbs[i], "-h");
        EXPECT(2, "has no option --nonsense", verbs[i], "--nonsense");
        EXPECT(2, "has no option -x", verbs[i], "-x");
        if (strcmp(verbs[i], "devices") != 0)
            EXPECT(0, "example", verbs[i], "-h");
    }
}

static void wrong_usage_is_told(void **state)
{
    (void)state;
    EXPECT(2, "did you mean predict?", "predikt");
    EXPECT(2, "did you mean --image?", "predict", "--imag", "x");
    EXPECT(2, "--image needs a value", "predict", "--image");
    EXPECT(2, "--image is given too often", "predict", "--image", "a", "--image", "b");
    EXPECT(2, "one argument too many", "devices", "all");
    EXPECT(2, "one argument too many", "predict", "picture.png");
    EXPECT(2, "--to is required", "convert", BASE);
    EXPECT(2, "expected meta, hf, samcl, peft or sam_lora", "convert", "--to", "onnx", "--out",
           "x");
    EXPECT(2, "expected a file or folder", "info");
    EXPECT(2, "expected a run file", "validate");
    EXPECT(2, "samcl plugins show NAME", "plugins", "show");
    EXPECT(2, "did you mean show?", "plugins", "shwo");
    EXPECT(2, "new adapter NAME", "plugins", "new");
    EXPECT(2, "found `los`", "plugins", "new", "los", "mine");
    EXPECT(2, "--out is for", "plugins", "list", "--out", "here");
    outcome o = program_run((const char *const[]){NULL});
    assert_int_equal(o.code, 2);
    assert_non_null(strstr(o.err, "samcl <verb>"));
}

static void bad_checkpoints_are_refused(void **state)
{
    (void)state;
    scl_file_map map;
    assert_ok(scl_file_map_open("base.safetensors", &map, &test_error));
    assert_ok(scl_file_write("cut.safetensors", map.data, map.size / 2, &test_error));
    scl_file_unmap(&map);
    const char *const wrong[][2] = {
        {"cut.safetensors", "cut.safetensors"},
        {"missing.pth", "No such file"},
        {IO("whole_module.pth"), "whole_module.pth"},
        {IO("bare.pth"), "expected the weights of a ViT SAM"},
        {"picture.png", "picture.png"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *path = wrong[i][0];
        EXPECT(3, wrong[i][1], "predict", "--checkpoint", path, REFERENCE, PICTURE, "--out",
               "x.png");
        EXPECT(3, wrong[i][1], "encode", "--checkpoint", path, REFERENCE, PICTURE, "--out",
               "x.npy");
        EXPECT(3, wrong[i][1], "convert", "--checkpoint", path, "--to", "hf", "--out", "x");
    }
    EXPECT(3, "cut.safetensors", "info", "base.safetensors", "cut.safetensors");
    EXPECT(3, "whole_module.pth", "info", IO("whole_module.pth"));
    unlink("cut.safetensors");
}

/* Without some of its tensors, each is named. */
static void missing_tensors_are_listed(void **state)
{
    (void)state;
    scl_weights base;
    assert_ok(scl_weights_load("base.safetensors", &base, &test_error));
    scl_weight *kept = calloc(base.count, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < base.count; i++)
        if (strstr(base.tensor[i].name, "iou_token") == NULL &&
            strstr(base.tensor[i].name, "blocks.2.norm1") == NULL)
            kept[count++] = base.tensor[i];
    const scl_weights_pair pair = {SCL_CONFIG_KEY, scl_weights_metadata(&base, SCL_CONFIG_KEY)};
    assert_ok(scl_safetensors_write("few.safetensors", kept, count, &pair, 1, &test_error));
    free(kept);
    scl_weights_free(&base);
    EXPECT(3, "3 tensors are missing", "predict", "--checkpoint", "few.safetensors", REFERENCE,
           PICTURE, "--out", "x.png");
    EXPECT(3, "mask_decoder.iou_token.weight", "convert", "--checkpoint", "few.safetensors", "--to",
           "meta", "--out", "x.safetensors");
    EXPECT(3, "image_encoder.blocks.2.norm1.weight", "validate", "run.yaml",
           "model.checkpoint=few.safetensors", "--no-data");
    unlink("few.safetensors");
}

static void a_full_standard_output_is_a_failure(void **state)
{
    (void)state;
    program_limit_files(100);
    outcome o = RUN("info", "base.safetensors");
    program_limit_files(0);
    assert_int_equal(o.code, 1);
    assert_non_null(strstr(o.err, "could not be written"));
}

/* Before its first step, an adapter changes nothing. */
static void adapters_go_over_their_base_only(void **state)
{
    (void)state;
    outcome o = RUN("predict", BASE, ANSWER);
    assert_int_equal(o.code, 0);
    char *base = strdup(o.out);
    EXPECT(0, base, "predict", "--adapter", "lora.safetensors", ANSWER);
    EXPECT(0, base, "predict", "--checkpoint", "lora.safetensors", ANSWER);
    EXPECT(0, base, "predict", BASE, "--adapter", "lora.safetensors", ANSWER);
    EXPECT(0, base, "predict", "--adapter", "several.safetensors", ANSWER);
    EXPECT(0, base, "predict", "--adapter", "decoder.safetensors", ANSWER);
    EXPECT(0, "mask 1: ", "predict", "--checkpoint", "whole.safetensors", ANSWER);
    free(base);
    scl_weights weights;
    assert_ok(scl_weights_load("base.safetensors", &weights, &test_error));
    float *bias = calloc(weights.tensor[0].bytes, 1);
    weights.tensor[0].data = (const uint8_t *)bias;
    const scl_weights_pair pair = {SCL_CONFIG_KEY, scl_weights_metadata(&weights, SCL_CONFIG_KEY)};
    assert_ok(scl_safetensors_write("other.safetensors", weights.tensor, weights.count, &pair, 1,
                                    &test_error));
    free(bias);
    scl_weights_free(&weights);
    EXPECT(3, "was trained on another base", "predict", "--checkpoint", "other.safetensors",
           "--adapter", "lora.safetensors", ANSWER);
}

/* The metadata `key` of a tuned file is lost, or holds something else. */
static void write_broken(const scl_weights *tuned, const char *key, bool lost)
{
    scl_weights_pair *pairs = calloc(tuned->metadata_count, sizeof *pairs);
    size_t count = 0;
    for (size_t i = 0; i < tuned->metadata_count; i++) {
        bool wrong = strcmp(tuned->metadata[i].key, key) == 0;
        if (wrong && lost)
            continue;
        pairs[count] = tuned->metadata[i];
        if (wrong)
            pairs[count].value = "{\"no\x1b\": [";
        count++;
    }
    assert_ok(scl_safetensors_write("broken.safetensors", tuned->tensor, tuned->count, pairs, count,
                                    &test_error));
    free(pairs);
}

static void broken_tuned_files_are_refused(void **state)
{
    (void)state;
    const char *const keys[] = {"samcl.run_config", "samcl.base_hash", "samcl.contains_base",
                                "samcl.state", "samcl.checksum"};
    scl_weights tuned;
    assert_ok(scl_weights_load("lora.safetensors", &tuned, &test_error));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        for (int lost = 0; lost < 2; lost++) {
            write_broken(&tuned, keys[i], lost);
            bool may_be_lost = strcmp(keys[i], "samcl.checksum") == 0;
            outcome o = RUN("predict", "--adapter", "broken.safetensors", ANSWER);
            if (may_be_lost && lost ? o.code != 0 : o.code != 2 && o.code != 3)
                fail_msg("%s, %s: %d: %s", keys[i], lost ? "lost" : "wrong", o.code, o.err);
            o = RUN("info", "broken.safetensors");
            assert_true(o.code == 0 || o.code == 2 || o.code == 3);
            assert_null(strchr(o.out, '\x1b'));
            assert_null(strchr(o.err, '\x1b'));
        }
    }
    scl_weights_free(&tuned);
    unlink("broken.safetensors");
}

/* ---- info */

static void info_describes_checkpoints(void **state)
{
    (void)state;
    cJSON *list = NULL;
    outcome o = RUN("info", "--json", "base.safetensors", IO("mixed.safetensors"));
    assert_int_equal(o.code, 0);
    assert_ok(scl_json_parse(o.out, strlen(o.out), "output", &list, &test_error));
    const cJSON *base = cJSON_GetArrayItem(list, 0), *model = cJSON_GetObjectItem(base, "model");
    assert_string_equal(cJSON_GetObjectItem(base, "format")->valuestring, "safetensors");
    assert_string_equal(cJSON_GetObjectItem(model, "type")->valuestring, "custom");
    assert_int_equal(cJSON_GetObjectItem(model, "image_size")->valueint, SMALL_IMAGE);
    assert_int_equal(cJSON_GetObjectItem(model, "decoder_num_heads")->valueint, 2);
    size_t tensors = 0, values = 0;
    scl_weight *weights = small_weights(SCL_SAM_META, &tensors);
    for (size_t i = 0; i < tensors; i++) {
        values += (size_t)scl_weight_elements(&weights[i]);
        free((void *)(uintptr_t)weights[i].data);
        free((void *)(uintptr_t)weights[i].name);
    }
    free(weights);
    assert_int_equal(cJSON_GetObjectItem(base, "tensors")->valueint, tensors);
    assert_int_equal(cJSON_GetObjectItem(base, "parameters")->valueint, values);
    const cJSON *types = cJSON_GetObjectItem(base, "dtypes");
    assert_int_equal(cJSON_GetObjectItem(types, "F32")->valueint, tensors);
    assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "model"));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "no_model"));
    cJSON_Delete(list);
    EXPECT(0, "PyTorch .pth (zip)", "info", IO("small_zip.pth"));
    EXPECT(0, "before 1.6", "info", IO("small_legacy.pth"));
}

static void info_describes_tuned_files(void **state)
{
    (void)state;
    cJSON *list = NULL;
    outcome o =
        RUN("info", "--json", "lora.safetensors", "whole.safetensors", "several.safetensors");
    assert_int_equal(o.code, 0);
    assert_ok(scl_json_parse(o.out, strlen(o.out), "output", &list, &test_error));
    const cJSON *lora = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "tuned");
    const cJSON *whole = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "tuned");
    assert_string_equal(cJSON_GetObjectItem(lora, "adapter")->valuestring, "lora");
    assert_non_null(strstr(cJSON_GetObjectItem(lora, "adapter_params")->valuestring, "rank: 2"));
    const cJSON *several = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 2), "tuned");
    const cJSON *names = cJSON_GetObjectItem(several, "adapter");
    assert_int_equal(cJSON_GetArraySize(names), 3);
    assert_string_equal(cJSON_GetArrayItem(names, 1)->valuestring, "adaptformer");
    assert_string_equal(cJSON_GetObjectItem(lora, "task")->valuestring, "binary");
    assert_string_equal(cJSON_GetObjectItem(lora, "base")->valuestring, "base.safetensors");
    assert_int_equal(strlen(cJSON_GetObjectItem(lora, "base_hash")->valuestring), 32);
    assert_int_equal(cJSON_GetObjectItem(lora, "step")->valueint, 34);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(lora, "contains_base")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(whole, "contains_base")));
    assert_string_equal(cJSON_GetObjectItem(whole, "adapter")->valuestring, "full");
    cJSON_Delete(list);
    EXPECT(0, "best_metric        0.75", "info", "lora.safetensors");
    EXPECT(0, "losses             dice\n  optimizer          adamw\n", "info", "lora.safetensors");
    EXPECT(0, "losses             dice, mean(softplus(x) - x*t)\n", "info", "several.safetensors");
}

static void info_describes_run_folders(void **state)
{
    (void)state;
    assert_int_equal(mkdir("run", 0700), 0);
    assert_int_equal(mkdir("run/checkpoints", 0700), 0);
    assert_ok(scl_file_write("run/metrics.jsonl", "{}\n{}\n{}\n", 9, &test_error));
    const char *csv = "epoch,loss,dice\n1,0.5,0.6\n2,0.25,0.875\n";
    assert_ok(scl_file_write("run/results.csv", csv, strlen(csv), &test_error));
    assert_int_equal(rename("decoder.safetensors", "run/checkpoints/last.safetensors"), 0);
    cJSON *list = NULL;
    outcome o = RUN("info", "--json", "run");
    assert_int_equal(o.code, 0);
    assert_ok(scl_json_parse(o.out, strlen(o.out), "output", &list, &test_error));
    const cJSON *run = cJSON_GetArrayItem(list, 0), *row = cJSON_GetObjectItem(run, "last_epoch");
    assert_int_equal(cJSON_GetObjectItem(run, "steps_logged")->valueint, 3);
    assert_int_equal(cJSON_GetObjectItem(run, "epochs_done")->valueint, 2);
    assert_string_equal(cJSON_GetObjectItem(row, "epoch")->valuestring, "2");
    assert_string_equal(cJSON_GetObjectItem(row, "dice")->valuestring, "0.875");
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(run, "last"), "tuned"));
    assert_null(cJSON_GetObjectItem(run, "best"));
    cJSON_Delete(list);
    assert_int_equal(rename("run/checkpoints/last.safetensors", "decoder.safetensors"), 0);
}

/* The folder of a run stands for its best file, else its last; one with config.json is another
 * program's. */
static void run_folders_stand_for_their_tuned_file(void **state)
{
    (void)state;
    outcome o = RUN("predict", "--checkpoint", "decoder.safetensors", ANSWER);
    assert_int_equal(o.code, 0);
    char *answer = strdup(o.out);
    assert_int_equal(mkdir("cells", 0700), 0);
    EXPECT(3, "or the folder of a run with checkpoints/best.safetensors", "predict", "--checkpoint",
           "cells", ANSWER);
    EXPECT(3, "or the folder of a run with checkpoints/best.safetensors", "info", "cells");
    EXPECT(3, "or the folder of a run with checkpoints/best.safetensors", "eval", "cells");
    assert_int_equal(mkdir("cells/checkpoints", 0700), 0);
    assert_int_equal(link("decoder.safetensors", "cells/checkpoints/last.safetensors"), 0);
    EXPECT(0, answer, "predict", "--checkpoint", "cells", ANSWER);
    o = RUN("predict", "--adapter", "cells/", ANSWER);
    assert_string_equal(o.out, answer);
    assert_non_null(strstr(o.err, "using cells/checkpoints/last.safetensors"));
    assert_int_equal(link("lora.safetensors", "cells/checkpoints/best.safetensors"), 0);
    EXPECT(0, "", "encode", "--checkpoint", "cells", REFERENCE, PICTURE, "--out", "cells/e.npy");
    EXPECT(0, "", "convert", "--checkpoint", "cells", "--to", "meta", "--out", "cells/m.pth");
    EXPECT(0, "tuned", "info", "cells");
    assert_ok(scl_file_write("cells/config.json", "{}", 2, &test_error));
    EXPECT(3, "expected a Hugging Face folder", "predict", "--checkpoint", "cells", ANSWER);
    free(answer);
}

/* ---- convert */

static void conversion_there_and_back_changes_nothing(void **state)
{
    (void)state;
    EXPECT(0, "", "convert", BASE, "--to", "hf", "--out", "hf");
    EXPECT(0, "Hugging Face folder", "info", "hf");
    EXPECT(0, "", "convert", "--checkpoint", "hf", "--to", "meta", "--out", "back.safetensors");
    assert_same_weights("base.safetensors", "back.safetensors");
    outcome o = RUN("predict", BASE, REFERENCE, PICTURE);
    char *direct = strdup(o.out);
    o = RUN("predict", "--checkpoint", "hf", REFERENCE, PICTURE);
    assert_string_equal(o.out, direct);
    free(direct);
    /* saved again by transformers, only config.json tells the eps of the norms */
    scl_weights weights;
    assert_ok(scl_weights_load("hf", &weights, &test_error));
    assert_ok(scl_safetensors_write("plain.safetensors", weights.tensor, weights.count, NULL, 0,
                                    &test_error));
    scl_weights_free(&weights);
    assert_int_equal(rename("plain.safetensors", "hf/model.safetensors"), 0);
    EXPECT(0, "flavour            segment-anything", "info", "hf");
    EXPECT(0, "decoder_num_heads  2", "info", "hf");
    EXPECT(2, "exists already", "convert", BASE, "--to", "hf", "--out", "hf");
}

static void tuned_files_are_converted_when_they_can_be(void **state)
{
    (void)state;
    EXPECT(0, "", "convert", "--adapter", "lora.safetensors", "--to", "meta", "--out",
           "merged.pth");
    assert_same_weights("base.safetensors", "merged.pth"); /* not trained yet */
    EXPECT(0, "", "convert", BASE, "--adapter", "decoder.safetensors", "--to", "meta", "--out",
           "exported.safetensors");
    assert_same_weights("base.safetensors", "exported.safetensors"); /* not trained yet */
    EXPECT(0, "", "convert", "--checkpoint", "whole.safetensors", "--to", "hf", "--out", "nano");
    EXPECT(0, "vit_nano", "info", "nano");
    EXPECT(2, "give it alone", "convert", BASE, "--adapter", "whole.safetensors", "--to", "meta",
           "--out", "x.safetensors");
    EXPECT(3, "give it as --checkpoint", "convert", "--adapter", "base.safetensors", "--to", "meta",
           "--out", "x.safetensors");
}

static void a_full_disk_leaves_nothing_converted(void **state)
{
    (void)state;
    program_limit_files(20000);
    EXPECT(1, "model.safetensors", "convert", BASE, "--to", "hf", "--out", "x");
    EXPECT(1, "x.safetensors", "convert", BASE, "--to", "meta", "--out", "x.safetensors");
    program_limit_files(0);
}

/* ---- plan */

static void a_plan_tells_the_peak_and_the_choices(void **state)
{
    (void)state;
    EXPECT(2, "expected a run file", "plan");
    EXPECT(2, "unknown key `epoch`", "plan", "run.yaml", "train.epoch=3");
    EXPECT(0, "  peak                       ", "plan", "run.yaml");
    EXPECT(0, "  optimizer                  ", "plan", "run.yaml");
    EXPECT(0, "  memory_budget=", "plan", "run.yaml", "adapter={use: full}");
    EXPECT(0, "train.batch_size=1 train.grad_accum_steps=2", "plan", "run.yaml",
           "train.batch_size=2");
    /* images are not looked at, a checkpoint is */
    EXPECT(0, "  memory_budget=null", "plan", "run.yaml", "memory_budget=8GiB");
    EXPECT(0, "peak", "plan", "run.yaml", "data.train.images=nowhere");
    EXPECT(3, "nowhere.pth", "plan", "run.yaml", "model.checkpoint=nowhere.pth");
    outcome o = RUN("plan", "run.yaml", "memory_budget=1MiB", "model.image_size=256");
    assert_int_equal(o.code, 4);
    assert_non_null(strstr(o.err, "this run needs at least "));
    assert_non_null(strstr(o.out, "choices"));
}

/* At the size of ViT-B, where the tightest arena has gaps. */
static void the_least_budget_that_a_plan_offers_is_enough(void **state)
{
    (void)state;
    const char *model = "model={type: vit_b}", *adapter = "adapter={use: full}", *least = NULL;
    outcome o = RUN("plan", "run.yaml", model, adapter, "--json");
    assert_int_equal(o.code, 0);
    cJSON *root = cJSON_Parse(o.out);
    const cJSON *choice;
    cJSON_ArrayForEach(choice, cJSON_GetObjectItem(root, "choices"))
    {
        const char *settings = cJSON_GetStringValue(cJSON_GetObjectItem(choice, "settings"));
        least = strncmp(settings, "memory_budget=", 14) == 0 ? settings : least;
    }
    assert_non_null(least);
    EXPECT(0, "  peak ", "plan", "run.yaml", model, adapter, least);
    cJSON_Delete(root);
}

static void a_plan_is_given_as_json(void **state)
{
    (void)state;
    outcome o = RUN("plan", "run.yaml", "--json");
    assert_int_equal(o.code, 0);
    cJSON *root = cJSON_Parse(o.out);
    assert_non_null(root);
    const cJSON *part;
    double sum = 0;
    cJSON_ArrayForEach(part, cJSON_GetObjectItem(root, "bytes"))
    {
        sum += part->valuedouble;
    }
    assert_true(sum > 0);
    assert_true(sum == cJSON_GetObjectItem(root, "peak_bytes")->valuedouble);
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(root, "choices")) > 0);
    cJSON_Delete(root);
}

/* ---- validate */

static void a_right_run_file_is_described(void **state)
{
    (void)state;
    EXPECT(0, "train      3 images", "validate", "run.yaml");
    EXPECT(0, "train_also mask_decoder.*: ", "validate", "run.yaml", "--no-data");
    EXPECT(0, "adapter    lora, with 6 tensors of its own, 576 values", "validate", "run.yaml",
           LORA);
    EXPECT(0, "adapters   lora, adaptformer, bitfit, with 18 tensors of their own, 1089 values",
           "validate", "run.yaml", SEVERAL);
    EXPECT(0, "val        1 image\n", "validate", "run.yaml", "data.val_split=0.3");
    EXPECT(0, "run.yaml is right", "validate", "run.yaml", "losses=[{use: focal}, {use: dice}]");
    outcome o = RUN("validate", "run.yaml", "--resolved", "train.epochs=7");
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.out, "epochs: 7"));
    assert_null(strstr(o.out, "is right"));
    assert_ok(scl_file_write("resolved.yaml", o.out, strlen(o.out), &test_error));
    EXPECT(0, "resolved.yaml is right", "validate", "resolved.yaml");
}

static void every_mistake_of_a_run_is_told(void **state)
{
    (void)state;
    EXPECT(2, "run.yaml:", "validate", "run.yaml", "train.epoch=3", "losses[0].use=dise");
    EXPECT(6, "did you mean `dice`?", "validate", "run.yaml", "losses[0].use=dise");
    EXPECT(2, "matches no parameter", "validate", "run.yaml", "train_also=[mask_decode.*]");
    EXPECT(2, "`sites` matches no linear layer with \"nowhere.*\": names are such as `", "validate",
           "run.yaml", "adapter={use: lora, params: {sites: [nowhere.*]}}");
    EXPECT(2, "changes nothing", "validate", "run.yaml",
           "adapter={use: lora, params: {sites: []}}");
    EXPECT(2, "adapter[1].params.sites", "validate", "run.yaml", "adapter=[{use: lora}]",
           "adapter[1]={use: houlsby}", "adapter[1].params.sites=[\"*.qkv\"]");
    EXPECT(2, "adapters that make parameters of one name need different `sites`", "validate",
           "run.yaml", "adapter=[{use: lora}, {use: lora}]");
    EXPECT(2, "matches no parameter that a loss reaches with \"*.iou_prediction_head.*\"",
           "validate", "run.yaml",
           "train.param_groups=[{match: \"*.iou_prediction_head.*\", lr_scale: 0.1}]");
    EXPECT(2, "matches no trained parameter", "validate", "run.yaml",
           "train.param_groups=[{match: \"image_encoder.*\", lr_scale: 0.1}]");
    EXPECT(3, "nowhere", "validate", "run.yaml", "data.train.images=nowhere");
    EXPECT(0, "is right", "validate", "run.yaml", "data.train.images=nowhere", "--no-data");
    EXPECT(3, "elsewhere.pth", "validate", "run.yaml", "model.checkpoint=elsewhere.pth");
    EXPECT(2, "absent.yaml", "validate", "absent.yaml");
    /* of the data and of the model together */
    outcome o = RUN("validate", "run.yaml", "data.train.images=nowhere", "train_also=[mask.*]");
    assert_int_equal(o.code, 3);
    assert_non_null(strstr(o.err, "nowhere"));
    assert_non_null(strstr(o.err, "matches no parameter"));
}

/* ---- plugins */

static void new_plugins_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    EXPECT(2, "found \"Bad-Name\"", "plugins", "new", "loss", "Bad-Name");
    EXPECT(2, "there is a plugin `dice` already", "plugins", "new", "loss", "dice");
    EXPECT(2, "found a#b", "plugins", "new", "loss", "fresh", "--out", "a#b");
    EXPECT(1, "No such file or directory", "plugins", "new", "loss", "fresh", "--out", "nowhere");
    size_t before = program_count_files();
    EXPECT(0, "samcl plugins check fresh/fresh.so", "plugins", "new", "loss", "fresh");
    assert_int_equal(program_count_files(), before + 6);
    EXPECT(2, "nothing is overwritten", "plugins", "new", "adapter", "fresh");
    program_limit_files(1000);
    EXPECT(1, "fresh2.c", "plugins", "new", "adapter", "fresh2");
    program_limit_files(0);
}

static void plugins_are_listed_and_shown(void **state)
{
    (void)state;
    EXPECT(0, "adapter  lora", "plugins");
    EXPECT(0, "adapter  lora", "plugins", "list");
    EXPECT(0, "loss     dice", "plugins");
    EXPECT(0, "rank: ", "plugins", "show", "lora");
    EXPECT(0, "smooth: ", "plugins", "show", "dice");
    EXPECT(0, "loss dice", "plugins", "show", TEST_BUILD "/plugins/dice.so");
    EXPECT(6, "did you mean `dice`?", "plugins", "show", "dise");
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/tests/broken", 1);
    EXPECT(0, "broken ", "plugins");
    EXPECT(0, "no_symbol.so", "plugins");
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/plugins", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_explains_itself),
        cmocka_unit_test(wrong_usage_is_told),
        cmocka_unit_test(bad_checkpoints_are_refused),
        cmocka_unit_test(missing_tensors_are_listed),
        cmocka_unit_test(a_full_standard_output_is_a_failure),
        cmocka_unit_test(adapters_go_over_their_base_only),
        cmocka_unit_test(broken_tuned_files_are_refused),
        cmocka_unit_test(info_describes_checkpoints),
        cmocka_unit_test(info_describes_tuned_files),
        cmocka_unit_test(info_describes_run_folders),
        cmocka_unit_test(run_folders_stand_for_their_tuned_file),
        cmocka_unit_test(conversion_there_and_back_changes_nothing),
        cmocka_unit_test(tuned_files_are_converted_when_they_can_be),
        cmocka_unit_test(a_full_disk_leaves_nothing_converted),
        cmocka_unit_test(a_plan_tells_the_peak_and_the_choices),
        cmocka_unit_test(the_least_budget_that_a_plan_offers_is_enough),
        cmocka_unit_test(a_plan_is_given_as_json),
        cmocka_unit_test(a_right_run_file_is_described),
        cmocka_unit_test(every_mistake_of_a_run_is_told),
        cmocka_unit_test(plugins_are_listed_and_shown),
        cmocka_unit_test(new_plugins_are_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, make_files, program_leave_folder);
}
