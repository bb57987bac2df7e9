/* test_adamw_parity.c — trainings of a small SAM against transformers and PyTorch: the loss of each
 * step, and the norm of its gradients before clipping. */
#include "data_support.h"
#include "kept_device.h"
#include "model/small_sam.h"

#include "registry.h"
#include "step/stepper.h"
#include "train/job.h"
#include "train/lr_schedule.h"

/* Those of tests/reference/make_adamw_fixtures.py. */
enum { BATCHES = 8, IMAGES = 2, OBJECTS = 2, MASKS = IMAGES * OBJECTS };

static const char *const run_text = "model: {checkpoint: %s, decoder_num_heads: 2}\n"
                                    "data:\n"
                                    "  train: {images: %s, masks: %s}\n"
                                    "  task: instances\n"
                                    "  prompts: [{box: {jitter: 0}}]\n"
                                    "  objects_per_image: 2\n"
                                    "adapter: {use: full}\n"
                                    "losses: [{use: bce_with_logits, weight: 20}, {use: dice}]\n"
                                    "train:\n"
                                    "  batch_size: 2\n"
                                    "  max_grad_norm: 1\n"
                                    "  optimizer: {type: adamw, lr: 1.0e-2, weight_decay: 0.1}\n"
                                    "  lr_scheduler: {type: cosine, warmup_steps: 5}\n";

typedef struct training {
    const char *name; /* in the fixture */
    const char *settings[1];
    size_t setting_count;
    uint64_t steps;
} training;

static const training trainings[] = {
    {"adamw", {NULL}, 0, 50},
    {"sgd",
     {"train.optimizer={type: sgd, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}"},
     1,
     10},
    {"adam", {"train.optimizer={type: adam, lr: 1.0e-2, weight_decay: 0.01}"}, 1, 10},
    {"muon", {"train.optimizer={type: muon, lr: 1.0e-2, weight_decay: 0.1}"}, 1, 20},
};

static void fill_image(scl_batch *batch, uint64_t index)
{
    char name[32];
    size_t values = IMAGES * SMALL_IMAGE * SMALL_IMAGE * 3;
    snprintf(name, sizeof name, "image%d", (int)index);
    for (size_t i = 0; i < values; i++)
        batch->image[i] = pattern_float(name, i);
}

/* Masks are as large as the image, and their targets are the boxes' pixels. */
static void fill_mask(scl_batch *batch, uint64_t index, size_t m)
{
    char name[32];
    double box[4];
    size_t plane = SMALL_MASK * SMALL_MASK;
    snprintf(name, sizeof name, "boxes%d", (int)index);
    for (size_t k = 0; k < 4; k++) {
        double u = (double)pattern_float(name, m * 4 + k);
        box[k] = k < 2 ? 2 + 6 * (u + 1) : box[k - 2] + 4 + 6 * (u + 1);
        batch->coords[m * 4 + k] = (float)((box[k] + 0.5) / SMALL_IMAGE);
    }
    for (size_t i = 0; i < plane; i++) {
        double x = (double)(i % SMALL_MASK) + 0.5, y = (double)(i / SMALL_MASK) + 0.5;
        bool inside = x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
        batch->target[m * plane + i] = inside ? 1 : 0;
        batch->weight[m * plane + i] = 1;
    }
    batch->labels[m * 2] = SCL_LABEL_BOX_TOP_LEFT;
    batch->labels[m * 2 + 1] = SCL_LABEL_BOX_BOTTOM_RIGHT;
    batch->token_count[m] = (int32_t)batch->layout.base_tokens + 2;
    batch->mask_weight[m] = 1.0f / MASKS;
}

static void fill_batch(scl_batch *batch, uint64_t step)
{
    fill_image(batch, step % BATCHES);
    for (size_t m = 0; m < MASKS; m++)
        fill_mask(batch, step % BATCHES, m);
    batch->real_images = IMAGES;
    batch->real_masks = MASKS;
    batch->ends_window = true;
}

/* Returns how far off it is. */
static double assert_step(const training *t, uint64_t step, const char *what, double found,
                          float expected, double tolerance)
{
    double off = fabs(found - (double)expected);
    if (!(off <= tolerance))
        fail_msg("%s, step %d: %s %.7g, expected %.7g", t->name, (int)step, what, found,
                 (double)expected);
    return off;
}

static void run_steps(const training *t, const scl_step_options *options, double tolerance)
{
    scl_stepper *stepper = NULL;
    scl_batch batch;
    scl_weights fixture;
    char loss_name[32], norm_name[32];
    assert_ok(scl_stepper_create(options, NULL, &stepper, &test_error));
    assert_ok(scl_batch_make(&batch, &options->layout, &test_error));
    assert_ok(scl_weights_load(TEST_FIXTURES "/train/losses.safetensors", &fixture, &test_error));
    snprintf(loss_name, sizeof loss_name, "%s.loss", t->name);
    snprintf(norm_name, sizeof norm_name, "%s.grad_norm", t->name);
    float *losses = fixture_values(&fixture, loss_name, t->steps);
    float *norms = fixture_values(&fixture, norm_name, t->steps);
    double worst = 0;
    for (uint64_t step = 0; step < t->steps; step++) {
        scl_stepper_losses found;
        double norm = 0, factor = scl_lr_factor(&options->train->lr_scheduler, step, t->steps);
        fill_batch(&batch, step);
        assert_ok(scl_stepper_forward(stepper, &batch, &found, &test_error));
        assert_ok(scl_stepper_update(stepper, factor, 0, step + 1, &norm, &test_error));
        worst = fmax(worst, assert_step(t, step, "loss", found.total, losses[step], tolerance));
        assert_step(t, step, "norm of gradients", norm, norms[step], 10 * tolerance);
    }
    printf("%s: %d steps, loss %.4f to %.4f, off by %.1e at most\n", t->name, (int)t->steps,
           (double)losses[0], (double)losses[t->steps - 1], worst);
    free(losses);
    free(norms);
    scl_weights_free(&fixture);
    scl_batch_free(&batch);
    scl_stepper_free(stepper);
}

static void train_on(const char *device_name, const char *file, const training *t, double tolerance)
{
    static scl_train_job job;
    scl_device *device = NULL;
    assert_ok(scl_train_job_read(&job, file, t->settings, t->setting_count, &test_error));
    assert_ok(scl_device_open(device_name, &device, &test_error));
    scl_model_source source = {.section = &job.run.config.model, .adaptation = &job.run.adaptation};
    assert_ok(scl_model_open(device, &source, &job.run.model, &test_error));
    assert_int_equal(job.run.model->config.flavour, SCL_SAM_HF);
    scl_step_options options = {
        .model = job.run.model,
        .adaptation = job.run.used_adaptation,
        .plugins = &job.run.plugins,
        .train = &job.run.config.train,
        .layout = scl_batch_layout_make(&job.run.config.data, &job.run.model->config, IMAGES),
        .task = (scl_task)job.run.config.data.task};
    assert_int_equal(options.layout.mask_size, SMALL_MASK);
    assert_int_equal(options.layout.slots, 2);
    run_steps(t, &options, tolerance);
    scl_train_job_close(&job);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void train_all(data_folder *folder, const char *device_name, double tolerance)
{
    char text[2048];
    char *checkpoint = small_checkpoint(SCL_SAM_HF);
    const char *file = data_path(folder, ".", "run.yaml");
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/plugins", 1);
    snprintf(text, sizeof text, run_text, checkpoint, folder->images, folder->masks);
    assert_ok(scl_file_write(file, text, strlen(text), &test_error));
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++)
        train_on(device_name, file, &trainings[i], tolerance);
    remove(checkpoint);
    free(checkpoint);
}

static void losses_of_the_reference_equal_pytorch(void **state)
{
    train_all(*state, "reference", 2e-4);
}

static void losses_of_the_device_equal_pytorch(void **state)
{
    train_all(*state, test_device_name(), 1e-3);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(losses_of_the_reference_equal_pytorch),
        IN_FOLDER(losses_of_the_device_equal_pytorch),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
