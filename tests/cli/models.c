#include "cli/models.h"

#include "io/image.h"
#include "model/small_sam.h"
#include "pattern.h"
#include "registry.h"
#include "tuned/tuned_model.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char run_text[] = "name: small\n"
                               "device: reference\n"
                               "model: {checkpoint: base.safetensors}\n"
                               "data:\n"
                               "  train: {images: images, masks: masks}\n"
                               "  task: binary\n"
                               "adapter: none\n"
                               "train_also: [\"mask_decoder.*\"]\n"
                               "losses: [{use: dice}]\n"
                               "train: {epochs: 2, batch_size: 1}\n";

static void write_pattern(const char *path, int channels)
{
    scl_image file = {0};
    assert_ok(scl_image_make(&file, PICTURE_WIDTH, PICTURE_HEIGHT, channels, 8, &test_error));
    size_t bytes = (size_t)PICTURE_WIDTH * PICTURE_HEIGHT * (size_t)channels;
    uint8_t *data = file.data;
    pattern_fill(data, bytes);
    for (size_t i = 0; i < bytes && channels == 1; i++)
        data[i] = data[i] > 127 ? 255 : 0;
    assert_ok(scl_image_write_png(path, &file, &test_error));
    scl_image_free(&file);
}

void write_picture(void)
{
    write_pattern("picture.png", 3);
}

void write_base(void)
{
    char *source = small_checkpoint(SCL_SAM_META);
    scl_device *device = NULL;
    scl_model *model = NULL;
    scl_param_list all;
    scl_model_config section = scl_model_config_unset();
    section.checkpoint = source;
    section.decoder_num_heads = 2; /* what shapes can't say */
    scl_model_source from = {.section = &section};
    assert_ok(scl_device_open("reference", &device, &test_error));
    assert_ok(scl_model_open(device, &from, &model, &test_error));
    assert_ok(scl_checkpoint_params(model->catalog, false, &all, &test_error));
    char *dims = scl_sam_config_to_json(&model->config);
    const scl_weights_pair metadata[] = {{SCL_CONFIG_KEY, dims}};
    assert_ok(scl_checkpoint_save("base.safetensors", &all, model->store, SCL_NAMING_META, metadata,
                                  1, &test_error));
    scl_free(dims);
    scl_model_free(model);
    scl_device_close(device);
    unlink(source);
    free(source);
}

static void save_tuned(const char *path, scl_tuned_model *t, scl_device *device)
{
    const scl_data_config *data = &t->config.data;
    t->adaptation = scl_run_plugins_adaptation(&t->plugins);
    scl_model_source source = {.section = &t->config.model,
                               .classes = data->task == SCL_TASK_MULTICLASS ? data->classes : 0,
                               .seed = 1,
                               .adaptation = &t->adaptation};
    scl_train_state state = scl_train_state_start();
    state.epoch = 2;
    state.update = 34;
    state.best_metric = 0.75;
    assert_ok(scl_model_open(device, &source, &t->model, &test_error));
    assert_ok(
        scl_tuned_file_save(path, t->model, &t->config, &state, SCL_TUNED_WEIGHTS, &test_error));
}

void write_tuned(const char *path, const char *const *settings, size_t count)
{
    static scl_tuned_model t;
    scl_device *device = NULL;
    assert_ok(scl_device_open("reference", &device, &test_error));
    scl_run_config_load_text(&t.config, "run.yaml", run_text, strlen(run_text), settings, count);
    assert_ok(scl_run_plugins_open(&t.config, &t.plugins, &test_error));
    save_tuned(path, &t, device);
    scl_tuned_model_close(&t);
    scl_device_close(device);
}

void write_run_file(void)
{
    assert_int_equal(mkdir("images", 0700), 0);
    assert_int_equal(mkdir("masks", 0700), 0);
    for (char name = 'a'; name <= 'c'; name++) {
        char path[32];
        snprintf(path, sizeof path, "images/%c.png", name);
        write_pattern(path, 3);
        snprintf(path, sizeof path, "masks/%c.png", name);
        write_pattern(path, 1);
    }
    FILE *file = fopen("run.yaml", "w");
    assert_non_null(file);
    fputs(run_text, file);
    fclose(file);
}
