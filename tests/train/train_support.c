#include "train/train_support.h"

#include "registry.h"
#include "weights_support.h"

static const char *const run_text =
    "name: tiny\n"
    "seed: 3\n"
    "model: {type: custom, image_size: 64, patch_size: 8, embed_dim: 16, depth: 2, num_heads: 2,\n"
    "        window_size: 4, global_attn_indexes: [1], mlp_ratio: 2, prompt_embed_dim: 32,\n"
    "        decoder_depth: 1, decoder_num_heads: 2, decoder_mlp_dim: 32,\n"
    "        iou_head_hidden_dim: 16}\n"
    "data:\n"
    "  train: {images: %s, masks: %s}\n"
    "  val_split: 0.3\n"
    "  prompts: [{box: {jitter: 0.1}}, {point: {count: 1}}, none]\n"
    "  hflip: 0.5\n"
    "adapter: {use: full}\n"
    "losses: [{use: bce_with_logits}, {use: dice}, {use: mse_iou, weight: 0.1}]\n"
    "train: {epochs: 3, batch_size: 2, optimizer: {lr: 1.0e-3},\n"
    "        lr_scheduler: {type: cosine, warmup_steps: 2}, samples: 1}\n"
    "device: %s\n"
    "output_dir: %s/runs\n";

static void write_item(data_folder *folder, int index)
{
    enum { WIDTH = 60, HEIGHT = 48 };
    char name[32];
    int left = 4 + 3 * index, top = 5 + 2 * index, right = left + 20, bottom = top + 15;
    scl_image image;
    snprintf(name, sizeof name, "%02d.png", index);
    assert_ok(scl_image_make(&image, WIDTH, HEIGHT, 3, 8, &test_error));
    uint8_t *rgb = image.data;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                bool inside = x >= left && x < right && y >= top && y < bottom;
                uint64_t at = (uint64_t)((index * HEIGHT + y) * WIDTH + x) * 3 + (uint64_t)c;
                *rgb++ = (uint8_t)(pattern_byte(at) / 4 + (inside ? 180 : 20));
            }
    assert_ok(scl_image_write_png(data_path(folder, "images", name), &image, &test_error));
    scl_image_free(&image);
    data_write_rectangle(data_path(folder, "masks", name), WIDTH, HEIGHT, left, top, right, bottom,
                         255);
}

const char *tiny_run_file(data_folder *folder)
{
    char text[2048], path[256];
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/plugins", 1);
    for (int i = 0; i < TINY_IMAGES; i++)
        write_item(folder, i);
    snprintf(text, sizeof text, run_text, folder->images, folder->masks, test_device_name(),
             folder->root);
    snprintf(path, sizeof path, "%s/run.yaml", folder->root);
    assert_ok(scl_file_write(path, text, strlen(text), &test_error));
    return data_path(folder, ".", "run.yaml");
}

typedef struct stopper {
    uint64_t at, seen;
} stopper;

static void note_step(void *user, const scl_train_progress *progress)
{
    ((stopper *)user)->seen = progress->step->step;
}

static bool wants_stop(void *user)
{
    const stopper *s = user;
    return s->at > 0 && s->seen >= s->at;
}

static scl_status open_and_train(scl_train_job *job, scl_device **device, const tiny_options *o,
                                 scl_error *err)
{
    stopper s = {.at = o->stop_at};
    const scl_train_events events = {.user = &s, .step = note_step, .stop = wants_stop};
    SCL_TRY(o->resume != NULL
                ? scl_train_job_resume(job, o->resume, o->settings, o->setting_count, err)
                : scl_train_job_read(job, o->file, o->settings, o->setting_count, err));
    SCL_TRY(scl_device_open(job->run.config.device, device, err));
    SCL_TRY(scl_train_job_open(job, *device, (scl_data_progress){0}, err));
    return scl_train(job, &events, err);
}

scl_status tiny_train(const tiny_options *options, scl_error *err)
{
    static scl_train_job job;
    scl_device *device = NULL;
    scl_status status = open_and_train(&job, &device, options, err);
    if (options->run != NULL)
        snprintf(options->run, 512, "%s", job.folder.path != NULL ? job.folder.path : "");
    scl_train_job_close(&job);
    if (device != NULL)
        scl_device_close(device);
    return status;
}

void assert_same_checkpoint(const char *run_a, const char *run_b)
{
    char a[600], b[600];
    snprintf(a, sizeof a, "%s/checkpoints/last.safetensors", run_a);
    snprintf(b, sizeof b, "%s/checkpoints/last.safetensors", run_b);
    assert_same_weights(a, b);
}

void read_without_times(const char *run, const char *name, char *text, size_t size)
{
    char path[700];
    scl_file_map map;
    snprintf(path, sizeof path, "%s/%s", run, name);
    assert_ok(scl_file_map_open(path, &map, &test_error));
    size_t length = 0, start = 0;
    for (size_t i = 0; i < map.size && length + 1 < size; i++) {
        text[length++] = (char)map.data[i];
        if (map.data[i] != '\n')
            continue;
        while (length > start && text[length - 1] != ',')
            length--;
        text[length++] = '\n';
        start = length;
    }
    text[length] = '\0';
    scl_file_unmap(&map);
}
