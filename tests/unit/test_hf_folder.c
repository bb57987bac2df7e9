/* Hugging Face folders: one file or shards, safetensors or .bin, with and without config.json. */
#include "weights_support.h"

#include "io/json.h"
#include "io/safetensors.h"

static void put(const char *name, const void *bytes, size_t size)
{
    char *path = scl_path_join(own_folder, name);
    assert_ok(scl_file_write(path, bytes, size, &test_error));
    scl_free(path);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void put_copy(const char *name, const char *fixture)
{
    blob file = blob_load(fixture);
    put(name, file.bytes, file.size);
    free(file.bytes);
}

/* A safetensors file of one float. */
static void put_shard(const char *name, const char *tensor, float value)
{
    const scl_weight weight = {tensor, SCL_WEIGHT_F32, 0, {0}, (const uint8_t *)&value, 4};
    const scl_weights_pair metadata = {"format", "pt"};
    char *path = scl_path_join(own_folder, name);
    assert_ok(scl_safetensors_write(path, &weight, 1, &metadata, 1, &test_error));
    scl_free(path);
}

static void assert_refused(const char *words)
{
    scl_weights weights;
    scl_error err = {0};
    assert_fails(scl_weights_load(own_folder, &weights, &err), SCL_BAD_DATA, err, words);
    assert_non_null(strstr(err.text, own_folder));
}

static void one_safetensors_file_is_loaded_with_its_config(void **state)
{
    (void)state;
    put_copy("model.safetensors", FIXTURE("mixed.safetensors"));
    put_text("pytorch_model.bin", "not looked at");
    put_text("config.json", "{\"vision_config\": {\"hidden_size\": 768}}");
    scl_weights weights;
    assert_ok(scl_weights_load(own_folder, &weights, &test_error));
    assert_int_equal(weights.format, SCL_WEIGHTS_HF_FOLDER);
    assert_string_equal(weights.path, own_folder);
    assert_holds(&weights, FIXTURE("every.txt"));
    const cJSON *vision;
    int64_t size;
    assert_ok(
        scl_json_object(weights.config, "vision_config", "config.json", &vision, &test_error));
    assert_ok(scl_json_integer(vision, "hidden_size", "config.json", &size, &test_error));
    assert_int_equal(size, 768);
    scl_weights_free(&weights);
}

static void one_bin_file_is_loaded_without_a_config(void **state)
{
    (void)state;
    put_copy("pytorch_model.bin", FIXTURE("mixed_legacy2.pth"));
    scl_weights weights;
    assert_ok(scl_weights_load(own_folder, &weights, &test_error));
    assert_int_equal(weights.format, SCL_WEIGHTS_HF_FOLDER);
    assert_holds(&weights, FIXTURE("mixed.txt"));
    assert_null(weights.config);
    scl_weights_free(&weights);
}

#define INDEX(map) "{\"metadata\": {\"total_size\": 8}, \"weight_map\": {" map "}}"

static void safetensors_shards_are_joined(void **state)
{
    (void)state;
    put_shard("model-1.safetensors", "a", 1);
    put_shard("model-2.safetensors", "b", 2);
    put_text("model.safetensors.index.json",
             INDEX("\"b\": \"model-2.safetensors\", \"a\": \"model-1.safetensors\""));
    scl_weights weights;
    float value;
    assert_ok(scl_weights_load(own_folder, &weights, &test_error));
    assert_int_equal(weights.count, 2);
    scl_weight_to_f32(scl_weights_find(&weights, "a"), &value);
    assert_true(value == 1);
    scl_weight_to_f32(scl_weights_find(&weights, "b"), &value);
    assert_true(value == 2);
    assert_string_equal(scl_weights_metadata(&weights, "format"), "pt");
    scl_weights_free(&weights);
    assert_survives_failing_allocations(own_folder);
}

static void bin_shards_are_joined(void **state)
{
    (void)state;
    put_copy("one.bin", FIXTURE("small_zip.pth"));
    put_copy("two.bin", FIXTURE("state_dict.pth"));
    put_text("pytorch_model.bin.index.json",
             INDEX("\"a\": \"one.bin\", \"b\": \"one.bin\", \"module.0.bias\": \"two.bin\""));
    scl_weights weights;
    assert_ok(scl_weights_load(own_folder, &weights, &test_error));
    assert_int_equal(weights.count, 2 + 7);
    assert_non_null(scl_weights_find(&weights, "module.0.bias")); /* not in every name: kept */
    scl_weights_free(&weights);
}

static void shards_outside_the_folder_are_refused(void **state)
{
    (void)state;
    const char *const indices[] = {INDEX("\"a\": \"../model.safetensors\""),
                                   INDEX("\"a\": \"/etc/passwd\""), INDEX("\"a\": \"..\""),
                                   INDEX("\"a\": \"\""), INDEX("\"a\": \"x/../../y\"")};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        put_text("model.safetensors.index.json", indices[i]);
        assert_refused("expected shards in the same folder, found the name");
    }
}

static void incomplete_folders_are_refused(void **state)
{
    (void)state;
    assert_refused("expected a Hugging Face folder with model.safetensors");
    put_text("pytorch_model.bin.index.json", INDEX("\"a\": \"x.bin\""));
    assert_refused("expected the shard 'x.bin' beside it");
    put_shard("model-1.safetensors", "a", 1);
    put_text("model.safetensors.index.json",
             INDEX("\"a\": \"model-1.safetensors\", \"lost\": \"model-1.safetensors\""));
    assert_refused("expected the tensor 'lost' in one of its shards");
    put_shard("model-2.safetensors", "a", 1);
    put_text("model.safetensors.index.json",
             INDEX("\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\""));
    assert_refused("found 'a' twice");
    put_text("model.safetensors.index.json", INDEX("\"a\": 1"));
    assert_refused("expected file names in \"weight_map\", found a number");
    put_text("model.safetensors.index.json", "{}");
    assert_refused("expected an object for \"weight_map\", found nothing");
    put_text("model.safetensors.index.json", "{");
    assert_refused("model.safetensors.index.json:1:1: expected JSON");
    put_text("model.safetensors.index.json", INDEX("\"a\": \".\""));
    assert_refused("expected a file, found a folder");
    put_text("config.json", "[]");
    assert_refused("config.json: expected a JSON object, found an array");
    put_text("config.json", "{,");
    assert_refused("config.json:1:2: expected JSON");
}

/* Also beside the model it belongs to, as some trainers leave it. */
static void the_folder_of_an_adapter_is_loaded_with_its_config(void **state)
{
    (void)state;
    put_shard("model.safetensors", "a", 1);
    put_text("config.json", "{}");
    put_text("adapter_config.json", "{\"r\": 4}");
    assert_refused("expected adapter_model.safetensors or adapter_model.bin beside "
                   "adapter_config.json, found neither");
    put_shard("adapter_model.safetensors", "b", 2);
    scl_weights weights;
    int64_t rank;
    assert_ok(scl_weights_load(own_folder, &weights, &test_error));
    assert_int_equal(weights.format, SCL_WEIGHTS_PEFT_FOLDER);
    assert_int_equal(weights.count, 1);
    assert_non_null(scl_weights_find(&weights, "b"));
    assert_ok(scl_json_integer(weights.config, "r", "adapter_config.json", &rank, &test_error));
    assert_int_equal(rank, 4);
    scl_weights_free(&weights);
    assert_survives_failing_allocations(own_folder);
    put_text("adapter_config.json", "[]");
    assert_refused("adapter_config.json: expected a JSON object, found an array");
}

static void errors_in_a_shard_name_it(void **state)
{
    (void)state;
    put_text("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    assert_refused("/model.safetensors: is a Git LFS pointer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_safetensors_file_is_loaded_with_its_config),
        IN_FOLDER(one_bin_file_is_loaded_without_a_config),
        IN_FOLDER(safetensors_shards_are_joined),
        IN_FOLDER(bin_shards_are_joined),
        IN_FOLDER(shards_outside_the_folder_are_refused),
        IN_FOLDER(incomplete_folders_are_refused),
        IN_FOLDER(the_folder_of_an_adapter_is_loaded_with_its_config),
        IN_FOLDER(errors_in_a_shard_name_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
