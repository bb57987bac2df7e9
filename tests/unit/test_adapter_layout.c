/* Foreign adapters read as ours: hostile configs and failing allocations leave a sentence. */
#include "weights_support.h"

#include "tuned/tuned_file.h"

#define PEFT     TEST_FIXTURES "/adapter/peft"
#define SAM_LORA TEST_FIXTURES "/adapter/sam_lora.safetensors"

static void foreign_files_become_ours(void **state)
{
    (void)state;
    scl_weights weights;
    scl_tuned_about about;
    assert_ok(scl_weights_load(PEFT, &weights, &test_error));
    assert_int_equal(scl_adapter_layout_of(&weights), SCL_LAYOUT_PEFT);
    assert_ok(scl_tuned_file_about(&weights, &about, &test_error));
    assert_int_equal(about.setting_count, 2);
    assert_string_equal(about.settings[0], "adapter={use: lora, params: {rank: 2, alpha: 3, sites: "
                                           "[\"image_encoder.blocks.*.attn.qkv\"]}}");
    assert_string_equal(about.settings[1], "train_also=[\"mask_decoder.output_upscaling.3.*\", "
                                           "\"image_encoder.neck.0.*\"]");
    assert_string_equal(about.base_hash, "");
    assert_false(about.has_run || about.contains_base || about.has_optimizer);
    const scl_weight *up = scl_weights_find(&weights, "image_encoder.blocks.2.attn.qkv.lora_B");
    assert_non_null(up);
    assert_int_equal(up->dim[0], 72);
    scl_weights_free(&weights);

    assert_ok(scl_weights_load(SAM_LORA, &weights, &test_error));
    assert_int_equal(scl_adapter_layout_of(&weights), SCL_LAYOUT_SAM_LORA);
    assert_ok(scl_tuned_file_about(&weights, &about, &test_error));
    assert_string_equal(about.settings[1], "train_also=[]");
    assert_non_null(scl_weights_find(&weights, "image_encoder.blocks.0.attn.qkv.lora_A_q"));
    assert_non_null(scl_weights_find(&weights, "image_encoder.blocks.2.attn.qkv.lora_B_v"));
    scl_weights_free(&weights);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    const char *const paths[] = {PEFT, SAM_LORA};
    for (int i = 0; i < 2; i++) {
        bool done = false;
        for (long n = 0; !done && n < 1000; n++) {
            scl_error err = {0};
            scl_weights weights = {0};
            scl_tuned_about about;
            scl_alloc_fail_after(n);
            scl_status status = scl_weights_load(paths[i], &weights, &err);
            if (status == SCL_OK)
                status = scl_tuned_file_about(&weights, &about, &err);
            scl_alloc_fail_after(-1);
            scl_weights_free(&weights);
            if (status != SCL_OK && status != SCL_DEVICE)
                fail_msg("%s after %ld allocations: %s", paths[i], n, err.text);
            done = status == SCL_OK;
        }
        assert_true(done);
    }
}

/* Of the config, each byte in turn is another one, or the last. */
static void damaged_configs_never_crash(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *tensors = scl_path_join(folder, "adapter_model.safetensors");
    char *config = scl_path_join(folder, "adapter_config.json");
    blob model = blob_load(PEFT "/adapter_model.safetensors");
    blob text = blob_load(PEFT "/adapter_config.json");
    assert_ok(scl_file_write(tensors, model.bytes, model.size, &test_error));
    const char others[] = "\"0{]-\\";
    size_t refused = 0;
    for (size_t i = 0; i < text.size; i++) {
        scl_error err = {0};
        scl_weights weights = {0};
        scl_tuned_about about;
        uint8_t kept = text.bytes[i];
        text.bytes[i] = (uint8_t)others[i % (sizeof others - 1)];
        FILE *file = fopen(config, "w");
        assert_non_null(file);
        fwrite(text.bytes, 1, i % 3 == 0 ? i : text.size, file);
        fclose(file);
        text.bytes[i] = kept;
        scl_status status = scl_weights_load(folder, &weights, &err);
        if (status == SCL_OK)
            status = scl_tuned_file_about(&weights, &about, &err);
        assert_true(status == SCL_OK || (status == SCL_BAD_DATA && err.text[0] != '\0'));
        refused += status != SCL_OK;
        scl_weights_free(&weights);
    }
    assert_true(refused > text.size / 2);
    free(model.bytes);
    free(text.bytes);
    scl_free(tensors);
    scl_free(config);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_files_become_ours),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(damaged_configs_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
