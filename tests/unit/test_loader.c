/* The loader: the order of images, windows, resuming, and a thread that is stopped at any time. */
#include "batch_support.h"

#include "data/loader.h"

#include <math.h>

enum { IMAGES = 11, BATCH = 2, BATCHES = 6, EPOCHS = 3, RUN = EPOCHS * BATCHES };

/* Image i is named "a" + i and has i % 4 objects; prompts and flips use random numbers. */
typedef struct fixture {
    data_folder *folder;
    scl_prompt_config prompts[2];
    scl_data_config config;
    scl_sam_config model;
    scl_dataset *dataset;
    scl_loader_options options;
} fixture;

static void add_image(data_folder *folder, int i)
{
    char name[] = {(char)('a' + i), '\0'};
    uint8_t values[PICTURE_WIDTH * PICTURE_HEIGHT] = {0};
    for (int id = 1; id <= i % 4; id++)
        memset(values + 2 * id * PICTURE_WIDTH + i, id, 4);
    batch_add(folder, name, (uint64_t)i * 3, values);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    data_setup((void **)&f->folder);
    for (int i = 0; i < IMAGES; i++)
        add_image(f->folder, i);
    f->prompts[0] =
        (scl_prompt_config){.kind = SCL_PROMPT_BOX, .weight = 1, .box = {1, .jitter = 0.2}};
    f->prompts[1] = (scl_prompt_config){.kind = SCL_PROMPT_MASK, .weight = 1, .mask = {1, 0.1}};
    f->config = data_config(SCL_TASK_INSTANCES);
    f->config.objects_per_image = 2;
    f->config.hflip = f->config.vflip = 0.5;
    f->config.prompts.items = f->prompts;
    f->config.prompts.count = 2;
    f->model = batch_model();
    f->dataset = batch_dataset(f->folder, &f->config);
    f->options = (scl_loader_options){.dataset = f->dataset,
                                      .model = &f->model,
                                      .batch_size = BATCH,
                                      .window = 1,
                                      .seed = 5,
                                      .shuffle = true,
                                      .augment = true,
                                      .end_epoch = EPOCHS};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    scl_dataset_free(f->dataset);
    data_teardown((void **)&f->folder);
    free(f);
    return 0;
}

static scl_loader *open_loader(const scl_loader_options *options)
{
    scl_loader *loader = NULL;
    assert_ok(scl_loader_open(options, &loader, &test_error));
    return loader;
}

static const scl_batch *next(scl_loader *loader)
{
    const scl_batch *batch = NULL;
    assert_ok(scl_loader_next(loader, &batch, &test_error));
    return batch;
}

/* Keeps all batches from the options' start on; returns how many. */
static int record(const scl_loader_options *options, useconds_t pause, scl_batch batches[RUN])
{
    scl_loader *loader = open_loader(options);
    int count = 0;
    for (const scl_batch *batch; (batch = next(loader)) != NULL; count++) {
        assert_true(count < RUN);
        if (pause > 0)
            usleep(pause);
        batches[count] = batch_copy(batch);
    }
    assert_null(next(loader));
    scl_loader_close(loader);
    return count;
}

static void release(scl_batch *batches, int count)
{
    for (int i = 0; i < count; i++)
        scl_batch_free(&batches[i]);
}

static void epochs_have_whole_batches(void **state)
{
    (void)state;
    assert_int_equal(scl_loader_batches(1, 4), 1);
    assert_int_equal(scl_loader_batches(4, 4), 1);
    assert_int_equal(scl_loader_batches(5, 4), 2);
    assert_int_equal(scl_loader_batches(11, 1), 11);
}

static void batches_are_numbered_and_filled_up(void **state)
{
    fixture *f = *state;
    scl_batch run[RUN];
    assert_int_equal(record(&f->options, 0, run), RUN);
    for (int i = 0; i < RUN; i++) {
        bool last = i % BATCHES == BATCHES - 1;
        assert_int_equal(run[i].epoch, i / BATCHES);
        assert_int_equal(run[i].index, i % BATCHES);
        assert_int_equal(run[i].real_images, last ? 1 : 2);
        assert_true(run[i].ends_window);
        int real = 0;
        for (int m = 0; m < BATCH * 2; m++)
            real += run[i].object[m] > 0;
        assert_int_equal(run[i].real_masks, real);
        if (last) {
            assert_null(run[i].about[1].name);
            assert_true(run[i].object[2] == 0 && run[i].object[3] == 0);
        }
    }
    release(run, RUN);
}

/* items [EPOCHS][IMAGES] in the order they come. */
static void record_order(const scl_loader_options *options, size_t items[EPOCHS][IMAGES])
{
    scl_loader *loader = open_loader(options);
    size_t counts[EPOCHS] = {0};
    for (const scl_batch *batch; (batch = next(loader)) != NULL;)
        for (int64_t i = 0; i < batch->real_images; i++) {
            assert_string_equal(batch->about[i].name,
                                options->dataset->items[batch->about[i].item].name);
            items[batch->epoch][counts[batch->epoch]++] = batch->about[i].item;
        }
    scl_loader_close(loader);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        assert_int_equal(counts[epoch], IMAGES);
}

static void epochs_visit_each_image_once(void **state)
{
    fixture *f = *state;
    size_t items[EPOCHS][IMAGES];
    record_order(&f->options, items);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        unsigned seen = 0;
        for (int i = 0; i < IMAGES; i++)
            seen |= 1u << items[epoch][i];
        assert_int_equal(seen, (1u << IMAGES) - 1);
        for (int other = 0; other < epoch; other++)
            assert_memory_not_equal(items[epoch], items[other], sizeof items[epoch]);
    }
}

static void the_order_follows_the_seed_alone(void **state)
{
    fixture *f = *state;
    size_t items[EPOCHS][IMAGES], again[EPOCHS][IMAGES];
    record_order(&f->options, items);
    f->options.batch_size = 5;
    f->options.window = 2;
    f->options.augment = false;
    record_order(&f->options, again);
    assert_memory_equal(items, again, sizeof items);
    f->options.seed = 6;
    record_order(&f->options, again);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        assert_memory_not_equal(items[epoch], again[epoch], sizeof items[epoch]);
}

static void without_shuffling_the_order_is_that_of_the_data(void **state)
{
    fixture *f = *state;
    size_t items[EPOCHS][IMAGES];
    f->options.shuffle = false;
    record_order(&f->options, items);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (size_t i = 0; i < IMAGES; i++)
            assert_int_equal(items[epoch][i], i);
}

static void flips_and_prompts_are_drawn_anew_in_each_epoch(void **state)
{
    fixture *f = *state;
    scl_batch run[RUN];
    f->options.shuffle = false;
    assert_int_equal(record(&f->options, 0, run), RUN);
    int images = 0, prompts = 0;
    for (int i = 0; i < BATCHES; i++) {
        const scl_batch *a = &run[i], *b = &run[i + BATCHES];
        images += a->about->hash.low != b->about->hash.low;
        prompts += memcmp(a->coords, b->coords, BATCH * 2 * 2 * 2 * sizeof *a->coords) != 0 ||
                   memcmp(a->has_mask, b->has_mask, BATCH * 2 * sizeof *a->has_mask) != 0;
    }
    assert_true(images >= 2 && prompts >= 4);
    release(run, RUN);
}

static void timing_makes_no_difference(void **state)
{
    fixture *f = *state;
    scl_batch run[RUN], slow[RUN];
    f->options.window = 4;
    assert_int_equal(record(&f->options, 0, run), RUN);
    assert_int_equal(record(&f->options, 3000, slow), RUN);
    for (int i = 0; i < RUN; i++)
        batch_assert_same(&run[i], &slow[i]);
    release(run, RUN);
    release(slow, RUN);
}

static void a_continued_run_equals_an_unbroken_one(void **state)
{
    fixture *f = *state;
    scl_batch run[RUN], rest[RUN];
    f->options.window = 4;
    assert_int_equal(record(&f->options, 0, run), RUN);
    for (int start = 0; start <= RUN; start++) {
        f->options.epoch = start / BATCHES;
        f->options.batch = start % BATCHES;
        if (start > 0 && f->options.batch == 0) { /* said as the end of the epoch before */
            f->options.epoch--;
            f->options.batch = BATCHES;
        }
        int count = record(&f->options, 0, rest);
        assert_int_equal(count, RUN - start);
        for (int i = 0; i < count; i++)
            batch_assert_same(&run[start + i], &rest[i]);
        release(rest, count);
    }
    f->options.epoch = 1;
    f->options.batch = 0;
    assert_int_equal(record(&f->options, 0, rest), RUN - BATCHES);
    batch_assert_same(&run[BATCHES], &rest[0]);
    release(rest, RUN - BATCHES);
    f->options.epoch = EPOCHS;
    assert_int_equal(record(&f->options, 0, rest), 0);
    release(run, RUN);
}

/* Masks per window, for each window of an epoch: their weights are equal and sum to 1. */
static void check_windows(fixture *f, int64_t window)
{
    scl_batch run[RUN];
    f->options.window = window;
    assert_int_equal(record(&f->options, 0, run), RUN);
    for (int start = 0; start < RUN;) {
        double sum = 0;
        int64_t masks = 0;
        int end = start;
        for (bool ends = false; !ends; end++) {
            for (int m = 0; m < BATCH * 2; m++)
                sum += (double)run[end].mask_weight[m];
            masks += run[end].real_masks;
            ends = run[end].ends_window;
            assert_int_equal(ends,
                             (run[end].index + 1) % window == 0 || run[end].index == BATCHES - 1);
        }
        assert_true(masks > 0 ? fabs(sum - 1) < 1e-6 : sum == 0);
        for (int i = start; i < end; i++)
            for (int m = 0; m < BATCH * 2; m++)
                assert_true(run[i].mask_weight[m] ==
                            (run[i].object[m] > 0 ? (float)(1.0 / (double)masks) : 0));
        start = end;
    }
    release(run, RUN);
}

static void weights_of_a_window_sum_to_one(void **state)
{
    fixture *f = *state;
    check_windows(f, 1);
    check_windows(f, 2);
    check_windows(f, 4); /* the second window of an epoch has two batches only */
    check_windows(f, 100);
}

static void a_window_without_objects_weighs_nothing(void **state)
{
    fixture *f = *state;
    f->options.shuffle = false;
    f->options.batch_size = 1;
    scl_loader *loader = open_loader(&f->options);
    for (int i = 0; i < IMAGES; i++) {
        const scl_batch *batch = next(loader);
        assert_int_equal(batch->real_masks, i % 4 < 2 ? i % 4 : 2);
        assert_true(batch->mask_weight[0] == (i % 4 == 0 ? 0 : i % 4 == 1 ? 1 : 0.5f));
        assert_true(batch->mask_weight[1] == (i % 4 < 2 ? 0 : 0.5f));
    }
    scl_loader_close(loader);
}

static void a_batch_is_kept_until_the_next_is_asked_for(void **state)
{
    fixture *f = *state;
    scl_loader *loader = open_loader(&f->options);
    for (int i = 0; i < RUN; i++) {
        const scl_batch *batch = next(loader);
        scl_batch copy = batch_copy(batch);
        usleep(2000); /* the thread goes on as far as it can */
        batch_assert_same(batch, &copy);
        scl_batch_free(&copy);
    }
    scl_loader_close(loader);
}

static void errors_wait_for_their_turn(void **state)
{
    fixture *f = *state;
    f->options.shuffle = false;
    const char *image = f->dataset->items[7].image; /* in batch 3 */
    assert_ok(scl_file_write(image, "\x89PNG\r\n\x1a\n\0\0", 10, &test_error));
    scl_loader *loader = open_loader(&f->options);
    usleep(20000); /* long enough for the thread to find it, as far as the ring lets it */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next(loader)->index, i);
        usleep(5000);
    }
    for (int i = 0; i < 2; i++) {
        const scl_batch *batch = NULL;
        scl_error err = {0};
        assert_fails(scl_loader_next(loader, &batch, &err), SCL_BAD_DATA, err, image);
        assert_non_null(strstr(err.text, "damaged or cut off"));
        assert_null(batch);
    }
    scl_loader_close(loader);
}

static void a_bad_first_image_is_reported(void **state)
{
    fixture *f = *state;
    f->options.shuffle = false;
    unlink(f->dataset->items[0].mask);
    scl_loader *loader = open_loader(&f->options);
    const scl_batch *batch = NULL;
    scl_error err = {0};
    assert_fails(scl_loader_next(loader, &batch, &err), SCL_BAD_DATA, err,
                 f->dataset->items[0].mask);
    scl_loader_close(loader);
}

/* After `count` batches; with a pause, the thread has filled the ring and waits. */
static void check_close_after(const scl_loader_options *options, int count, useconds_t pause)
{
    scl_loader *loader = open_loader(options);
    for (int i = 0; i < count; i++)
        assert_non_null(next(loader));
    if (pause > 0)
        usleep(pause);
    scl_loader_close(loader);
}

static void it_may_be_closed_at_any_time(void **state)
{
    fixture *f = *state;
    for (int count = 0; count <= RUN; count++)
        check_close_after(&f->options, count, 0);
    for (useconds_t pause = 100; pause < 30000; pause *= 2)
        check_close_after(&f->options, 0, pause);
    check_close_after(&f->options, 1, 20000);
    check_close_after(&f->options, RUN, 20000);
    unlink(f->dataset->items[3].image);
    check_close_after(&f->options, 0, 20000);
    scl_loader_close(NULL);
}

static void a_batch_may_be_larger_than_the_data(void **state)
{
    fixture *f = *state;
    f->options.batch_size = IMAGES + 3;
    f->options.window = 3;
    scl_loader *loader = open_loader(&f->options);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        const scl_batch *batch = next(loader);
        assert_int_equal(batch->epoch, epoch);
        assert_int_equal(batch->real_images, IMAGES);
        assert_true(batch->ends_window);
        assert_null(batch->about[IMAGES].name);
    }
    assert_null(next(loader));
    scl_loader_close(loader);
}

static scl_status open_and_use(const scl_loader_options *options)
{
    scl_error err = {0};
    scl_loader *loader = NULL;
    const scl_batch *batch = NULL;
    scl_status status = scl_loader_open(options, &loader, &err);
    assert_int_equal(status == SCL_OK, loader != NULL);
    if (status == SCL_OK)
        do
            status = scl_loader_next(loader, &batch, &err);
        while (status == SCL_OK && batch != NULL);
    assert_int_equal(err.status, status);
    scl_loader_close(loader);
    return status;
}

static void failing_allocations_are_reported(void **state)
{
    fixture *f = *state;
    f->options.end_epoch = 1;
    f->options.batch_size = 6;
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_alloc_fail_after(n);
        status = open_and_use(&f->options);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_true(n > 50);
}

int main(void)
{
#define LOADER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_have_whole_batches),
        LOADER_TEST(batches_are_numbered_and_filled_up),
        LOADER_TEST(epochs_visit_each_image_once),
        LOADER_TEST(the_order_follows_the_seed_alone),
        LOADER_TEST(without_shuffling_the_order_is_that_of_the_data),
        LOADER_TEST(flips_and_prompts_are_drawn_anew_in_each_epoch),
        LOADER_TEST(timing_makes_no_difference),
        LOADER_TEST(a_continued_run_equals_an_unbroken_one),
        LOADER_TEST(weights_of_a_window_sum_to_one),
        LOADER_TEST(a_window_without_objects_weighs_nothing),
        LOADER_TEST(a_batch_is_kept_until_the_next_is_asked_for),
        LOADER_TEST(errors_wait_for_their_turn),
        LOADER_TEST(a_bad_first_image_is_reported),
        LOADER_TEST(it_may_be_closed_at_any_time),
        LOADER_TEST(a_batch_may_be_larger_than_the_data),
        LOADER_TEST(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
