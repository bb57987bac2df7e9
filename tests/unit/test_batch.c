/* Batches: what images and masks become in the arrays that the graph reads. */
#include "batch_support.h"
#include "data/coverage.h"
#include "model/sam.h"

#include <math.h>

enum {
    WIDTH = PICTURE_WIDTH,
    HEIGHT = PICTURE_HEIGHT,
    PIXELS = WIDTH * HEIGHT,
    SIDE = MODEL_SIDE,
    LOW = MODEL_MASK_SIDE,
    BASE_TOKENS = 5
};

static scl_batch make(const scl_data_config *config, int64_t images)
{
    scl_sam_config model = batch_model();
    scl_batch_layout layout = scl_batch_layout_make(config, &model, images);
    scl_batch batch;
    assert_ok(scl_batch_make(&batch, &layout, &test_error));
    return batch;
}

static void load(scl_batch *batch, int64_t slot, const scl_dataset *dataset, const scl_visit *visit,
                 float mask_weight)
{
    scl_batch_scratch scratch = {0};
    assert_ok(scl_batch_load(batch, slot, dataset, visit, mask_weight, &scratch, &test_error));
    scl_batch_scratch_free(&scratch);
}

/* Fills all arrays with other values, so that what isn't written is seen. */
static void soil(scl_batch *batch)
{
    batch_array arrays[BATCH_ARRAYS];
    batch_list(batch, arrays);
    for (int i = 0; i < BATCH_ARRAYS; i++)
        if (arrays[i].data != NULL)
            memset(arrays[i].data, 0x55, arrays[i].bytes);
    memset(batch->about, 0x55, (size_t)batch->layout.images * sizeof *batch->about);
}

/* The value that a byte of a picture becomes. */
static float normalised(uint8_t value, int channel)
{
    static const float mean[3] = {123.675f, 116.28f, 103.53f};
    static const float deviation[3] = {58.395f, 57.12f, 57.375f};
    return ((float)value - mean[channel]) / deviation[channel];
}

static int flipped(int at, int length, bool flip)
{
    return flip ? length - 1 - at : at;
}

/* Whether the image of the batch is the pattern from `start` on, flipped in this way. */
static bool shows(const float *image, uint64_t start, bool left_right, bool upside_down)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++) {
                int from_x = flipped(x, WIDTH, left_right),
                    from_y = flipped(y, HEIGHT, upside_down);
                uint64_t byte = start + (uint64_t)((from_y * WIDTH + from_x) * 3 + c);
                float wanted = y < HEIGHT ? normalised(pattern_byte(byte), c) : 0;
                if (image[(y * SIDE + x) * 3 + c] != wanted)
                    return false;
            }
    return true;
}

/* 1 on an L that no flip maps to itself, 255 on some pixels of its surroundings. */
static void draw_letter(uint8_t values[PIXELS])
{
    memset(values, 0, PIXELS);
    for (int y = 1; y < 8; y++)
        for (int x = 2; x < (y < 6 ? 4 : 9); x++)
            values[y * WIDTH + x] = 1;
    values[0] = values[3 * WIDTH + 11] = values[4 * WIDTH + 3] = 255;
}

static void check_letter(const scl_batch *batch, const uint8_t values[PIXELS], bool left_right,
                         bool upside_down)
{
    for (int y = 0; y < LOW; y++)
        for (int x = 0; x < LOW; x++) {
            int from = flipped(y, HEIGHT, upside_down) * WIDTH + flipped(x, WIDTH, left_right);
            bool inside = y < HEIGHT;
            float target = inside && values[from] == 1, weight = inside && values[from] != 255;
            assert_true(batch->target[y * LOW + x] == target);
            assert_true(batch->weight[y * LOW + x] == weight);
        }
}

static void image_and_mask_are_flipped_alike(void **state)
{
    enum { EPOCHS = 400 };
    uint8_t letter[PIXELS];
    draw_letter(letter);
    batch_add(*state, "a", 5, letter);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.ignore_index = 255;
    config.hflip = 0.5;
    config.vflip = 0.25;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 1);
    int left_right = 0, upside_down = 0, both = 0;
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        soil(&batch);
        scl_visit visit = {.seed = 3, .epoch = epoch, .augment = true};
        load(&batch, 0, dataset, &visit, 1);
        int way = 0;
        while (way < 4 && !shows(batch.image, 5, (way & 1) != 0, (way & 2) != 0))
            way++;
        assert_true(way < 4);
        check_letter(&batch, letter, (way & 1) != 0, (way & 2) != 0);
        left_right += (way & 1) != 0;
        upside_down += (way & 2) != 0;
        both += way == 3;
    }
    /* Four deviations from 200, 100 and 50. */
    assert_true(abs(left_right - 200) < 40 && abs(upside_down - 100) < 35 && abs(both - 50) < 27);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

static void only_augmented_visits_are_flipped(void **state)
{
    uint8_t letter[PIXELS];
    draw_letter(letter);
    batch_add(*state, "a", 5, letter);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.ignore_index = 255;
    config.hflip = config.vflip = 1;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 1);
    for (uint64_t epoch = 0; epoch < 10; epoch++) {
        load(&batch, 0, dataset, &(scl_visit){.epoch = epoch}, 1);
        assert_true(shows(batch.image, 5, false, false));
        check_letter(&batch, letter, false, false);
        load(&batch, 0, dataset, &(scl_visit){.epoch = epoch, .augment = true}, 1);
        assert_true(shows(batch.image, 5, true, true));
    }
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

/* A prompt is of the mask as it is seen after the flip. */
static void prompts_follow_the_flip(void **state)
{
    uint8_t letter[PIXELS];
    draw_letter(letter);
    batch_add(*state, "a", 5, letter);
    scl_prompt_config box = {.kind = SCL_PROMPT_BOX, .weight = 1};
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.ignore_index = 255;
    config.hflip = config.vflip = 1;
    config.prompts.items = &box;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 1);
    load(&batch, 0, dataset, &(scl_visit){.augment = true}, 1);
    /* The letter spans columns 2 to 8 and rows 1 to 7. */
    const float wanted[4] = {(WIDTH - 1 - 8 + 0.5f) / SIDE, (HEIGHT - 1 - 7 + 0.5f) / SIDE,
                             (WIDTH - 1 - 2 + 0.5f) / SIDE, (HEIGHT - 1 - 1 + 0.5f) / SIDE};
    assert_memory_equal(batch.coords, wanted, sizeof wanted);
    assert_int_equal(batch.token_count[0], BASE_TOKENS + 2);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

static void classes_are_ids_and_the_rest_is_ignored(void **state)
{
    uint8_t values[PIXELS] = {0, 1, 2, 9, 2};
    batch_add(*state, "a", 5, values);
    scl_data_config config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 3;
    config.ignore_index = 9;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 2);
    soil(&batch);
    batch.real_masks = 0;
    load(&batch, 0, dataset, &(scl_visit){0}, 0.5f);
    scl_batch_clear(&batch, 1);
    for (int i = 0; i < LOW * LOW; i++) {
        int wanted = i >= PIXELS || values[i] == 9 ? -1 : values[i];
        assert_int_equal(batch.classes[i], wanted);
        assert_true(batch.weight[i] == (wanted >= 0));
        assert_int_equal(batch.classes[LOW * LOW + i], -1);
        assert_true(batch.weight[LOW * LOW + i] == 0);
    }
    assert_true(batch.mask_weight[0] == 0.5f && batch.mask_weight[1] == 0);
    assert_int_equal(batch.object[0], 1);
    assert_int_equal(batch.real_masks, 1);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

/* Objects 1 to `count` of 4 pixels each, one below the other, and a small one of id 200. */
static void add_objects(data_folder *folder, const char *name, uint64_t start, int count)
{
    uint8_t values[PIXELS] = {0};
    for (int id = 1; id <= count; id++)
        memset(values + id * WIDTH + 3, id * 10, 4);
    values[PIXELS - 1] = 200;
    batch_add(folder, name, start, values);
}

static scl_data_config instances(int64_t objects, scl_prompt_config *prompt)
{
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    config.objects_per_image = objects;
    config.min_object_area = 2;
    config.prompts.items = prompt;
    config.prompts.count = 1;
    return config;
}

static void check_filled_up(const scl_batch *batch, size_t mask)
{
    assert_int_equal(batch->object[mask], 0);
    assert_true(batch->mask_weight[mask] == 0);
    assert_int_equal(batch->token_count[mask], BASE_TOKENS);
    for (int64_t i = 0; i < batch->layout.slots; i++) {
        size_t slot = mask * (size_t)batch->layout.slots + (size_t)i;
        assert_int_equal(batch->labels[slot], SCL_LABEL_NOTHING);
        assert_true(batch->coords[2 * slot] == 0 && batch->coords[2 * slot + 1] == 0);
    }
    if (batch->has_mask != NULL)
        assert_true(batch->has_mask[mask] == 0);
    for (size_t i = mask * LOW * LOW; i < (mask + 1) * LOW * LOW; i++) {
        assert_true(batch->target[i] == 0 && batch->weight[i] == 0);
        if (batch->mask != NULL)
            assert_true(batch->mask[i] == 0);
    }
}

static void check_object(const scl_batch *batch, size_t mask)
{
    int row = batch->object[mask] / 10;
    for (int y = 0; y < LOW; y++)
        for (int x = 0; x < LOW; x++) {
            size_t at = mask * LOW * LOW + (size_t)(y * LOW + x);
            assert_true(batch->target[at] == (y == row && x >= 3 && x < 7));
            assert_true(batch->weight[at] == (y < HEIGHT));
        }
    const float box[4] = {3.5f / SIDE, ((float)row + 0.5f) / SIDE, 6.5f / SIDE,
                          ((float)row + 0.5f) / SIDE};
    assert_memory_equal(batch->coords + mask * 4, box, sizeof box);
    assert_int_equal(batch->token_count[mask], BASE_TOKENS + 2);
    assert_true(batch->mask_weight[mask] == 0.125f);
}

static void images_hold_up_to_k_objects(void **state)
{
    scl_prompt_config box = {.kind = SCL_PROMPT_BOX, .weight = 1};
    scl_data_config config = instances(3, &box);
    add_objects(*state, "a", 1, 2);
    add_objects(*state, "b", 2, 0);
    add_objects(*state, "c", 3, 5);
    scl_dataset *dataset = batch_dataset(*state, &config);
    assert_int_equal(dataset->items[1].objects, 0);
    scl_batch batch = make(&config, 4);
    soil(&batch);
    batch.real_masks = 0;
    for (size_t i = 0; i < 3; i++)
        load(&batch, (int64_t)i, dataset, &(scl_visit){.item = i}, 0.125f);
    scl_batch_clear(&batch, 3);
    assert_int_equal(batch.real_masks, 5);
    const bool real[12] = {true, true, false, false, false, false, true, true, true};
    for (size_t i = 0; i < 12; i++)
        if (real[i])
            check_object(&batch, i);
        else
            check_filled_up(&batch, i);
    assert_true(batch.object[0] != batch.object[1]);
    assert_true(batch.object[6] != batch.object[7] && batch.object[6] != batch.object[8] &&
                batch.object[7] != batch.object[8]);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

/* Each of 5 objects has 3 chances in 5 of a place, and each place holds each of them. */
static void objects_are_drawn_evenly(void **state)
{
    enum { EPOCHS = 500 };
    scl_prompt_config box = {.kind = SCL_PROMPT_BOX, .weight = 1};
    scl_data_config config = instances(3, &box);
    add_objects(*state, "c", 3, 5);
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 1);
    int hits[3][6] = {{0}};
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        load(&batch, 0, dataset, &(scl_visit){.seed = 1, .epoch = epoch}, 0.125f);
        for (int i = 0; i < 3; i++)
            hits[i][batch.object[i] / 10]++;
    }
    for (int i = 0; i < 3; i++)
        for (int id = 1; id <= 5; id++) /* 4 deviations from 100 */
            assert_true(abs(hits[i][id] - EPOCHS / 5) < 36);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

/* Prompts with random numbers, masks among them; K above and below the number of objects. */
static void a_place_is_written_whole(void **state)
{
    scl_prompt_config prompts[] = {
        {.kind = SCL_PROMPT_BOX, .weight = 1, .box = {1, 0.2}},
        {.kind = SCL_PROMPT_POINT, .weight = 1, .point = {1, 2, 2}},
        {.kind = SCL_PROMPT_MASK, .weight = 1, .mask = {1, 0.1}},
        {.kind = SCL_PROMPT_NONE, .weight = 1},
    };
    scl_data_config config = instances(4, prompts);
    config.prompts.count = 4;
    config.hflip = 0.5;
    add_objects(*state, "a", 1, 2);
    add_objects(*state, "b", 2, 7);
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch used = make(&config, 3);
    int with_mask = 0;
    for (uint64_t epoch = 0; epoch < 40; epoch++) {
        scl_batch clean = make(&config, 3);
        soil(&used);
        used.real_masks = 0;
        for (int64_t slot = 0; slot < 2; slot++) {
            scl_visit visit = {.seed = 9, .epoch = epoch, .item = (size_t)slot, .augment = true};
            load(&clean, 1 - slot, dataset, &visit, 0.25f);
            load(&used, 1 - slot, dataset, &visit, 0.25f);
        }
        scl_batch_clear(&clean, 2);
        scl_batch_clear(&used, 2);
        batch_assert_same(&clean, &used);
        assert_int_equal(clean.real_masks, 6);
        for (size_t mask = 8; mask < 12; mask++)
            check_filled_up(&clean, mask);
        for (size_t mask = 0; mask < 8; mask++) {
            int tokens = 0;
            while (tokens < 5 && clean.labels[mask * 5 + (size_t)tokens] != SCL_LABEL_NOTHING)
                tokens++;
            assert_int_equal(clean.token_count[mask], BASE_TOKENS + tokens);
            with_mask += clean.has_mask[mask] == 1;
            if (clean.has_mask[mask] == 1)
                assert_true(tokens == 0 && fabsf(clean.mask[mask * LOW * LOW]) == 10);
        }
        scl_batch_free(&clean);
    }
    assert_true(with_mask > 30 && with_mask < 90); /* of 240, a quarter is expected */
    scl_batch_free(&used);
    scl_dataset_free(dataset);
}

/* The place in the batch and its neighbours make no difference. */
static void a_visit_decides_alone(void **state)
{
    scl_prompt_config point = {.kind = SCL_PROMPT_POINT, .weight = 1, .point = {1, 3, 0}};
    scl_data_config config = instances(2, &point);
    config.hflip = 0.5;
    add_objects(*state, "a", 1, 6);
    add_objects(*state, "b", 2, 6);
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch alone = make(&config, 1), third = make(&config, 3);
    scl_visit visit = {.seed = 9, .epoch = 4, .item = 1, .augment = true};
    load(&alone, 0, dataset, &visit, 0.5f);
    load(&third, 0, dataset, &(scl_visit){.seed = 9, .epoch = 4, .augment = true}, 0.5f);
    load(&third, 2, dataset, &visit, 0.5f);
    assert_memory_equal(alone.image, third.image + 2 * SIDE * SIDE * 3,
                        SIDE * SIDE * 3 * sizeof(float));
    assert_memory_equal(alone.coords, third.coords + 4 * 4 * 2, 2 * 4 * 2 * sizeof(float));
    assert_memory_equal(alone.object, third.object + 4, 2 * sizeof(int32_t));
    assert_memory_equal(alone.target, third.target + 4 * LOW * LOW, 2 * LOW * LOW * sizeof(float));
    /* The two images of one batch, and two seeds, have their own numbers. */
    assert_memory_not_equal(third.coords, third.coords + 4 * 4 * 2, 2 * 4 * 2 * sizeof(float));
    visit.seed = 10;
    load(&third, 1, dataset, &visit, 0.5f);
    assert_memory_not_equal(third.coords + 2 * 4 * 2, third.coords + 4 * 4 * 2,
                            2 * 4 * 2 * sizeof(float));
    scl_batch_free(&alone);
    scl_batch_free(&third);
    scl_dataset_free(dataset);
}

/* Two objects of one shape, in two images of one mask: four prompts, none a shifted other. */
static void objects_have_their_own_numbers(void **state)
{
    enum { POINTS = 4, SLOTS = POINTS + 1 };
    scl_prompt_config point = {.kind = SCL_PROMPT_POINT, .weight = 1, .point = {1, POINTS, 0}};
    scl_data_config config = instances(2, &point);
    uint8_t values[PIXELS] = {0};
    memset(values + WIDTH, 1, WIDTH);
    memset(values + 5 * WIDTH, 2, WIDTH);
    batch_add(*state, "a", 1, values);
    batch_add(*state, "b", 2, values);
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 2);
    load(&batch, 0, dataset, &(scl_visit){.item = 0}, 0.25f);
    load(&batch, 1, dataset, &(scl_visit){.item = 1}, 0.25f);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < a; b++) {
            int same = 0;
            for (int i = 0; i < POINTS; i++) /* by column */
                same += batch.coords[(a * SLOTS + i) * 2] == batch.coords[(b * SLOTS + i) * 2];
            assert_true(same < POINTS);
        }
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

static bool same_hash(scl_hash128 a, scl_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static void hashes_tell_inputs_apart(void **state)
{
    batch_add_rectangle(*state, "a", 1);
    batch_add_rectangle(*state, "b", 1); /* the same picture */
    batch_add_rectangle(*state, "c", 2);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.hflip = 1;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 5);
    for (size_t i = 0; i < 3; i++)
        load(&batch, (int64_t)i, dataset, &(scl_visit){.seed = i, .epoch = i, .item = i}, 1);
    load(&batch, 3, dataset, &(scl_visit){.item = 0, .augment = true}, 1);
    scl_batch_clear(&batch, 4);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++) {
            bool same = memcmp(batch.image + i * SIDE * SIDE * 3, batch.image + j * SIDE * SIDE * 3,
                               SIDE * SIDE * 3 * sizeof(float)) == 0;
            assert_int_equal(same, i == 1 && j == 0);
            assert_int_equal(same_hash(batch.about[i].hash, batch.about[j].hash), same);
        }
    assert_string_equal(batch.about[2].name, "c");
    assert_int_equal(batch.about[2].item, 2);
    assert_int_equal(batch.about[2].width, WIDTH);
    assert_int_equal(batch.about[2].height, HEIGHT);
    assert_null(batch.about[4].name);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

static void check_load_fails(const scl_dataset *dataset, const char *words)
{
    scl_batch batch = make(dataset->config, 1);
    scl_batch_scratch scratch = {0};
    scl_error err = {0};
    assert_fails(scl_batch_load(&batch, 0, dataset, &(scl_visit){0}, 1, &scratch, &err),
                 SCL_BAD_DATA, err, words);
    if (strstr(err.text, dataset->items[0].image) == NULL &&
        strstr(err.text, dataset->items[0].mask) == NULL)
        fail_msg("expected the path in: %s", err.text);
    scl_batch_scratch_free(&scratch);
    scl_batch_free(&batch);
}

static void data_that_changed_is_refused(void **state)
{
    data_folder *folder = *state;
    batch_add_rectangle(folder, "a", 1);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    scl_dataset *dataset = batch_dataset(folder, &config);
    const scl_data_item *item = &dataset->items[0];
    data_write_picture(item->image, WIDTH + 1, HEIGHT, 1);
    check_load_fails(dataset, "expected 16 x 12 pixels as when the run began, found 17 x 12");
    batch_add_rectangle(folder, "a", 1);
    data_write_rectangle(item->mask, WIDTH, HEIGHT - 1, 2, 2, 4, 4, 1);
    check_load_fails(dataset, "expected 16 x 12 pixels as when the run began, found 16 x 11");
    data_write_rectangle(item->mask, WIDTH, HEIGHT, 0, 0, 0, 0, 1);
    check_load_fails(dataset, "expected the mask that was there when the run began");
    unlink(item->mask);
    check_load_fails(dataset, "cannot be opened");
    batch_add_rectangle(folder, "a", 1);
    assert_ok(scl_file_write(item->image, "\x89PNG\r\n\x1a\n\0\0", 10, &test_error));
    check_load_fails(dataset, "damaged or cut off");
    scl_dataset_free(dataset);
}

/* A picture that is scaled: the arrays are those of scl_frame_image and scl_coverage. */
static void other_sizes_are_scaled(void **state)
{
    enum { W = 30, H = 41 };
    data_folder *folder = *state;
    data_write_picture(data_path(folder, "images", "a.png"), W, H, 11);
    data_write_rectangle(data_path(folder, "masks", "a.png"), W, H, 3, 5, 20, 31, 1);
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.vflip = 1;
    scl_dataset *dataset = batch_dataset(folder, &config);
    scl_batch batch = make(&config, 1);
    load(&batch, 0, dataset, &(scl_visit){.augment = true}, 1);
    uint8_t rgb[W * H * 3];
    int32_t ids[W * H] = {0};
    float target[LOW * LOW], weight[LOW * LOW];
    for (size_t y = 0; y < H; y++)
        for (size_t i = 0; i < W * 3; i++)
            rgb[(H - 1 - y) * W * 3 + i] = pattern_byte(11 + y * W * 3 + i);
    for (int y = 5; y < 31; y++)
        for (int x = 3; x < 20; x++)
            ids[(H - 1 - y) * W + x] = 1;
    float image[SIDE * SIDE * 3];
    scl_frame frame = scl_frame_make(W, H, SIDE);
    assert_ok(scl_frame_image(&frame, rgb, image, &test_error));
    frame = scl_frame_make(W, H, LOW);
    scl_coverage(&frame, ids, 1, target, weight);
    assert_memory_equal(batch.image, image, sizeof image);
    assert_memory_equal(batch.target, target, sizeof target);
    assert_memory_equal(batch.weight, weight, sizeof weight);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

static scl_status make_and_load(const scl_batch_layout *layout, const scl_dataset *dataset)
{
    scl_error err = {0};
    scl_batch batch;
    scl_batch_scratch scratch = {0};
    scl_status status = scl_batch_make(&batch, layout, &err);
    if (status == SCL_OK)
        status = scl_batch_load(&batch, 0, dataset, &(scl_visit){0}, 1, &scratch, &err);
    assert_int_equal(err.status, status);
    scl_batch_scratch_free(&scratch);
    scl_batch_free(&batch);
    return status;
}

static void failing_allocations_are_reported(void **state)
{
    scl_prompt_config prompts[] = {{.kind = SCL_PROMPT_BOX, .weight = 1},
                                   {.kind = SCL_PROMPT_MASK, .weight = 0}};
    scl_data_config config = instances(3, prompts);
    config.prompts.count = 2;
    add_objects(*state, "a", 1, 2);
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_sam_config model = batch_model();
    scl_batch_layout layout = scl_batch_layout_make(&config, &model, 2);
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_alloc_fail_after(n);
        status = make_and_load(&layout, dataset);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_true(n > 20);
    scl_dataset_free(dataset);
}

/* Of two objects a crop leaves one or both: they bear the image's weight. */
static void objects_that_a_crop_left_share_the_weight(void **state)
{
    enum { EPOCHS = 200 };
    uint8_t values[PIXELS] = {[3 * WIDTH + 3] = 1, [PIXELS - 1 - 3 * WIDTH - 3] = 2};
    int seen[3] = {0};
    batch_add(*state, "a", 5, values);
    scl_prompt_config box = {.kind = SCL_PROMPT_BOX, .weight = 1};
    scl_data_config config = instances(2, &box);
    config.random_crop = 0.5;
    config.min_object_area = 1;
    scl_dataset *dataset = batch_dataset(*state, &config);
    scl_batch batch = make(&config, 1);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        batch.real_masks = 0;
        load(&batch, 0, dataset, &(scl_visit){.epoch = epoch, .augment = true}, 0.5f);
        assert_true(batch.mask_weight[0] + batch.mask_weight[1] == 1);
        assert_in_range(batch.real_masks, 1, 2);
        seen[batch.real_masks]++;
    }
    assert_in_range(seen[1], 20, EPOCHS - 20);
    scl_batch_free(&batch);
    scl_dataset_free(dataset);
}

int main(void)
{
#define DATA_TEST(name) cmocka_unit_test_setup_teardown(name, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        DATA_TEST(image_and_mask_are_flipped_alike),
        DATA_TEST(only_augmented_visits_are_flipped),
        DATA_TEST(prompts_follow_the_flip),
        DATA_TEST(classes_are_ids_and_the_rest_is_ignored),
        DATA_TEST(images_hold_up_to_k_objects),
        DATA_TEST(objects_are_drawn_evenly),
        DATA_TEST(objects_that_a_crop_left_share_the_weight),
        DATA_TEST(a_place_is_written_whole),
        DATA_TEST(a_visit_decides_alone),
        DATA_TEST(objects_have_their_own_numbers),
        DATA_TEST(hashes_tell_inputs_apart),
        DATA_TEST(data_that_changed_is_refused),
        DATA_TEST(other_sizes_are_scaled),
        DATA_TEST(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
