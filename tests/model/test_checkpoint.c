/* Loading a SAM strictly, from either naming, at another image size, with another head; saving it.
 */
#include "model/small_sam.h"

#include "io/safetensors.h"
#include "model/checkpoint_names.h"
#include "pattern.h"
#include "predict/predictor.h"
#include "registry.h"

#include <stdlib.h>
#include <unistd.h>

static scl_device *device;

static int open_device(void **state)
{
    (void)state;
    assert_ok(scl_device_open("reference", &device, &test_error));
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
    return 0;
}

static scl_status open_model(const scl_model_config *section, int64_t classes, uint64_t seed,
                             scl_model **model, scl_error *err)
{
    scl_model_source source = {.section = section, .classes = classes, .seed = seed};
    return scl_model_open(device, &source, model, err);
}

static scl_model_config section_for(const char *path)
{
    scl_model_config section = scl_model_config_unset();
    section.checkpoint = path;
    section.decoder_num_heads = 2;
    return section;
}

static void names_map_both_ways(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"image_encoder.pos_embed", "vision_encoder.pos_embed"},
        {"image_encoder.patch_embed.proj.bias", "vision_encoder.patch_embed.projection.bias"},
        {"image_encoder.blocks.11.norm2.weight", "vision_encoder.layers.11.layer_norm2.weight"},
        {"image_encoder.blocks.3.attn.rel_pos_w", "vision_encoder.layers.3.attn.rel_pos_w"},
        {"image_encoder.neck.2.weight", "vision_encoder.neck.conv2.weight"},
        {"prompt_encoder.not_a_point_embed.weight", "prompt_encoder.not_a_point_embed.weight"},
        {"prompt_encoder.point_embeddings.3.weight", "prompt_encoder.point_embed.3.weight"},
        {"prompt_encoder.mask_downscaling.6.bias", "prompt_encoder.mask_embed.conv3.bias"},
        {"mask_decoder.transformer.layers.1.norm4.bias",
         "mask_decoder.transformer.layers.1.layer_norm4.bias"},
        {"mask_decoder.transformer.layers.0.mlp.lin1.weight",
         "mask_decoder.transformer.layers.0.mlp.lin1.weight"},
        {"mask_decoder.output_upscaling.3.weight", "mask_decoder.upscale_conv2.weight"},
        {"mask_decoder.output_hypernetworks_mlps.2.layers.0.weight",
         "mask_decoder.output_hypernetworks_mlps.2.proj_in.weight"},
        {"mask_decoder.output_hypernetworks_mlps.2.layers.1.weight",
         "mask_decoder.output_hypernetworks_mlps.2.layers.0.weight"},
        {"mask_decoder.iou_prediction_head.layers.2.bias",
         "mask_decoder.iou_prediction_head.proj_out.bias"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char name[SCL_NAME_MAX];
        scl_name_to_hf(pairs[i][0], name);
        assert_string_equal(name, pairs[i][1]);
        scl_name_to_meta(pairs[i][1], name);
        assert_string_equal(name, pairs[i][0]);
    }
}

/* The published parameter counts (spec/sam.md, computed from the reference's modules). */
static void presets_have_the_published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int64_t parameters;
        int tensors;
    } sizes[] = {{"vit_b", 93735472, 314}, {"vit_l", 312342832, 482}, {"vit_h", 641090608, 594}};
    for (size_t k = 0; k < 3; k++) {
        scl_sam_config config;
        assert_true(scl_sam_preset(sizes[k].type, &config));
        scl_graph *catalog = scl_sam_catalog(&config, NULL, &test_error);
        assert_non_null(catalog);
        int64_t parameters = 0;
        int tensors = 0;
        for (size_t i = 0; i < catalog->tensor_count; i++) {
            const scl_tensor *t = catalog->tensors[i];
            if (t->kind != SCL_TENSOR_PARAM)
                continue;
            tensors++;
            /* the position code's matrix is a buffer, not counted */
            if (strstr(t->name, "gaussian_matrix") == NULL)
                parameters += scl_shape_count(t->shape);
        }
        assert_int_equal(parameters, sizes[k].parameters);
        assert_int_equal(tensors, sizes[k].tensors);
        scl_graph_free(catalog);
    }
}

/* A changed copy of the small weights, loaded; expects the error. */
typedef void (*weights_change)(scl_weight *weights, size_t *count);

static void expect_refusal(weights_change change, const char *words)
{
    size_t count = 0, kept = 0;
    scl_weight *weights = small_weights(SCL_SAM_META, &count);
    kept = count;
    scl_weight *all = malloc(kept * sizeof *all);
    memcpy(all, weights, kept * sizeof *all);
    change(weights, &count);
    char path[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(path));
    assert_ok(scl_safetensors_write(path, weights, count, NULL, 0, &test_error));
    scl_model_config section = section_for(path);
    scl_model *model = NULL;
    scl_error err = {0};
    assert_fails(open_model(&section, 0, 0, &model, &err), SCL_BAD_DATA, err, words);
    assert_null(model);
    assert_non_null(strstr(err.text, path));
    remove(path);
    for (size_t i = 0; i < kept; i++) {
        free((void *)(uintptr_t)all[i].data);
        free((void *)(uintptr_t)all[i].name);
    }
    free(all);
    free(weights);
}

static size_t index_of(const scl_weight *weights, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(weights[i].name, name) == 0)
            return i;
    fail_msg("no %s", name);
    return 0;
}

static void drop_two(scl_weight *weights, size_t *count)
{
    static const char *const names[] = {"mask_decoder.iou_token.weight",
                                        "image_encoder.blocks.2.attn.proj.bias"};
    for (int k = 0; k < 2; k++) {
        size_t gap = index_of(weights, *count, names[k]);
        weights[gap] = weights[*count - 1];
        --*count;
    }
}

static void shorten_bias(scl_weight *weights, size_t *count)
{
    scl_weight *w = &weights[index_of(weights, *count, "image_encoder.blocks.0.mlp.lin2.bias")];
    w->dim[0]--;
    w->bytes -= sizeof(float);
}

static void make_integer(scl_weight *weights, size_t *count)
{
    weights[index_of(weights, *count, "image_encoder.neck.1.weight")].dtype = SCL_WEIGHT_I32;
}

static char stray_name[] = "mask_decoder.extra.weight";

static void rename_stray(scl_weight *weights, size_t *count)
{
    weights[index_of(weights, *count, "mask_decoder.mask_tokens.weight")].name = stray_name;
}

static void rename_encoder(scl_weight *weights, size_t *count)
{
    static char name[] = "image_encoder.layers.0.blocks.0.weight";
    weights[index_of(weights, *count, "image_encoder.blocks.0.attn.qkv.weight")].name = name;
}

static void misfits_are_listed(void **state)
{
    (void)state;
    expect_refusal(drop_two, "2 tensors are missing (");
    expect_refusal(drop_two, "mask_decoder.iou_token.weight");
    expect_refusal(shorten_bias,
                   "1 tensor is of another type or shape "
                   "(image_encoder.blocks.0.mlp.lin2.bias is F32 [23] instead of F32 [24])");
    expect_refusal(make_integer, "image_encoder.neck.1.weight is I32 [16] instead of F32 [16]");
    expect_refusal(rename_stray, "1 tensor is missing (mask_decoder.mask_tokens.weight); "
                                 "1 tensor is unknown (mask_decoder.extra.weight)");
    expect_refusal(rename_encoder, "expected the weights of a ViT SAM");
}

static void another_image_size_interpolates_positions(void **state)
{
    (void)state;
    const size_t size = 48, count = 12 * 12 * 16;
    char *path = small_checkpoint(SCL_SAM_META);
    scl_model_config section = section_for(path);
    section.image_size = (int64_t)size;
    scl_model *model = NULL;
    scl_predictor *p = NULL;
    scl_weights fixture;
    assert_ok(scl_weights_load(TEST_FIXTURES "/model/outputs.safetensors", &fixture, &test_error));
    assert_ok(open_model(&section, 0, 0, &model, &test_error));
    assert_ok(scl_predictor_create(model, NULL, &p, &test_error));
    float *image = malloc(size * size * 3 * sizeof *image), *found = malloc(count * sizeof *found);
    for (size_t i = 0; i < size * size * 3; i++)
        image[i] = pattern_float("image", i);
    assert_ok(scl_predictor_encode(p, image, &test_error));
    assert_ok(scl_predictor_get_embedding(p, found, &test_error));
    float *expected = fixture_values(&fixture, "resized.embedding", count);
    assert_near("resized.embedding", found, expected, count, 1e-6);
    free(image);
    free(found);
    free(expected);
    scl_weights_free(&fixture);
    scl_predictor_free(p);
    scl_model_free(model);
    remove(path);
    free(path);
}

static const float *stored(scl_model *model, const char *name, float *values)
{
    const scl_store_entry *entry = scl_store_find(model->store, name);
    assert_non_null(entry);
    assert_ok(scl_store_read(model->store, entry, values, &test_error));
    return values;
}

static void class_head_starts_from_the_first_token(void **state)
{
    (void)state;
    char *path = small_checkpoint(SCL_SAM_META);
    scl_model_config section = section_for(path);
    scl_model *model = NULL;
    assert_ok(open_model(&section, 5, 0, &model, &test_error));
    float tokens[5 * 16], mlp[16 * 16], last[16 * 16];
    stored(model, "mask_decoder.mask_tokens.weight", tokens);
    for (int c = 0; c < 5; c++)
        for (int i = 0; i < 16; i++)
            assert_true(tokens[c * 16 + i] ==
                        (float)(0.3 * (double)pattern_float("mask_decoder.mask_tokens.weight",
                                                            (uint64_t)i)));
    stored(model, "mask_decoder.output_hypernetworks_mlps.0.layers.1.weight", mlp);
    stored(model, "mask_decoder.output_hypernetworks_mlps.4.layers.1.weight", last);
    assert_memory_equal(mlp, last, sizeof mlp);
    assert_null(scl_store_find(model->store, "mask_decoder.iou_prediction_head.layers.0.weight"));
    scl_model_free(model);
    remove(path);
    free(path);
}

/* Saved under `naming` and loaded again: the same weights and dimensions. */
static void check_round_trip(scl_naming naming)
{
    char *path = small_checkpoint(SCL_SAM_META);
    scl_model_config section = section_for(path);
    scl_model *model = NULL, *again = NULL;
    scl_param_list all;
    char copy[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(copy));
    assert_ok(open_model(&section, 0, 0, &model, &test_error));
    assert_ok(scl_checkpoint_params(model->catalog, false, &all, &test_error));
    char *json = scl_sam_config_to_json(&model->config);
    const scl_weights_pair metadata = {SCL_CONFIG_KEY, json};
    assert_ok(scl_checkpoint_save(copy, &all, model->store, naming, &metadata, 1, &test_error));
    scl_model_config from_copy = scl_model_config_unset();
    from_copy.checkpoint = copy;
    assert_ok(open_model(&from_copy, 0, 0, &again, &test_error));
    assert_memory_equal(&model->base_hash, &again->base_hash, sizeof model->base_hash);
    assert_memory_equal(&model->config, &again->config, sizeof model->config);
    scl_model_free(model);
    scl_model_free(again);
    scl_free(json);
    remove(path);
    remove(copy);
    free(path);
}

static void saved_models_load_again(void **state)
{
    (void)state;
    check_round_trip(SCL_NAMING_META);
    check_round_trip(SCL_NAMING_HF);
}

static void wrong_type_is_named(void **state)
{
    (void)state;
    char *path = small_checkpoint(SCL_SAM_META);
    scl_model_config section = section_for(path);
    scl_model *model = NULL;
    scl_error err = {0};
    section.type = SCL_MODEL_VIT_H;
    assert_fails(open_model(&section, 0, 0, &model, &err), SCL_BAD_CONFIG, err,
                 "model.type is vit_h, but");
    err = (scl_error){0};
    section = scl_model_config_unset();
    assert_fails(open_model(&section, 0, 0, &model, &err), SCL_BAD_CONFIG, err,
                 "model needs a type");
    err = (scl_error){0};
    section.type = SCL_MODEL_VIT_NANO;
    section.image_size = 100;
    assert_fails(open_model(&section, 0, 0, &model, &err), SCL_BAD_CONFIG, err,
                 "model.image_size 100 must be a multiple of the patch size 8; 96 is the nearest");
    remove(path);
    free(path);
}

static void random_weights_depend_on_the_seed_alone(void **state)
{
    (void)state;
    scl_model_config section = scl_model_config_unset();
    section.type = SCL_MODEL_VIT_NANO;
    scl_model *a = NULL, *b = NULL, *c = NULL;
    assert_ok(open_model(&section, 0, 7, &a, &test_error));
    assert_ok(open_model(&section, 0, 7, &b, &test_error));
    assert_ok(open_model(&section, 0, 8, &c, &test_error));
    assert_memory_equal(&a->base_hash, &b->base_hash, sizeof a->base_hash);
    assert_memory_not_equal(&a->base_hash, &c->base_hash, sizeof a->base_hash);
    scl_model_free(a);
    scl_model_free(b);
    scl_model_free(c);
}

/* The model on a graph whose first `used` bytes are taken, so that other names and lists than those
 * of another `used` fall on the arena's ends. */
static scl_status build_behind(size_t used, long failing, scl_error *err)
{
    scl_sam_config config = small_config(SCL_SAM_META);
    scl_graph *graph = scl_graph_create(err);
    scl_sam m = {.graph = graph, .config = &config};
    scl_sam_prompts none = {0};
    assert_non_null(scl_arena_alloc(&graph->arena, used));
    scl_tensor *image =
        scl_input(graph, "image", SCL_F32, SCL_SHAPE(1, SMALL_IMAGE, SMALL_IMAGE, 3));
    scl_alloc_fail_after(failing);
    scl_tensor *embedding = scl_sam_image_encoder(&m, image);
    scl_sam_decode(&m, embedding, &none, 1, 0, 1);
    scl_alloc_fail_after(-1);
    scl_status status = scl_graph_status(graph, err);
    scl_graph_free(graph);
    return status;
}

static void out_of_memory_is_said_wherever_it_happens(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t used = 16; used < 16000; used += 48)
        for (long n = 0;; n++) {
            scl_error err = {0};
            scl_status status = build_behind(used, n, &err);
            if (status == SCL_OK)
                break;
            if (status != SCL_DEVICE)
                fail_msg("%s: %s", scl_status_name(status), err.text);
            failures++;
        }
    assert_true(failures > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_map_both_ways),
        cmocka_unit_test(presets_have_the_published_sizes),
        cmocka_unit_test(misfits_are_listed),
        cmocka_unit_test(another_image_size_interpolates_positions),
        cmocka_unit_test(class_head_starts_from_the_first_token),
        cmocka_unit_test(saved_models_load_again),
        cmocka_unit_test(wrong_type_is_named),
        cmocka_unit_test(random_weights_depend_on_the_seed_alone),
        cmocka_unit_test(out_of_memory_is_said_wherever_it_happens),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
