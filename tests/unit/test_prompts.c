/* Prompts drawn from a mask: where they lie, how they are spread, and what they write. */
#include "data_support.h"

#include "data/prompts.h"
#include "model/sam.h"

#include <math.h>

/* A picture that its frame doesn't scale, so that a coordinate can be turned back into a pixel. */
enum { WIDTH = 16, HEIGHT = 12, PIXELS = WIDTH * HEIGHT, SIDE = 16, LOW = 8, MAX_SLOTS = 8 };
enum { LEFT = 5, TOP = 2, RIGHT = 10, BOTTOM = 7 }; /* inclusive bounds of object 1 */

typedef struct scene {
    int32_t ids[PIXELS], low[LOW * LOW];
    scl_mask mask;
    scl_frame frame;
    scl_prompt_object object;
    scl_prompt_config items[4];
    scl_data_config config;
    scl_prompter prompter;
    float coords[MAX_SLOTS * 2];
    int32_t labels[MAX_SLOTS];
    float logits[LOW * LOW];
    scl_prompt prompt;
} scene;

/* Object 1 is a rectangle without its corners, 2 is a column beside it, row 0 is ignored. */
static int setup(void **state)
{
    scene *s = calloc(1, sizeof *s);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            bool corner = (x == LEFT || x == RIGHT) && (y == TOP || y == BOTTOM);
            bool inside = x >= LEFT && x <= RIGHT && y >= TOP && y <= BOTTOM && !corner;
            s->ids[y * WIDTH + x] = y == 0 ? SCL_MASK_IGNORED : inside ? 1 : x == 13 ? 2 : 0;
        }
    for (int i = 0; i < LOW * LOW; i++)
        s->low[i] = i / LOW >= 6 ? SCL_MASK_IGNORED : i % LOW < 3;
    s->mask = (scl_mask){.width = WIDTH, .height = HEIGHT, .ids = s->ids};
    s->frame = scl_frame_make(WIDTH, HEIGHT, SIDE);
    s->object = (scl_prompt_object){1, &s->mask, &s->frame, s->low, LOW * LOW};
    s->config = data_config(SCL_TASK_BINARY);
    s->config.prompts.items = s->items;
    s->config.prompts.count = 0;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    scene *s = *state;
    scl_prompter_free(&s->prompter);
    free(s);
    return 0;
}

static void add_box(scene *s, double weight, double jitter)
{
    s->items[s->config.prompts.count++] = (scl_prompt_config){
        .kind = SCL_PROMPT_BOX, .weight = weight, .box = {.given = 1, .jitter = jitter}};
}

static void add_points(scene *s, double weight, int64_t count, int64_t negative)
{
    s->items[s->config.prompts.count++] = (scl_prompt_config){
        .kind = SCL_PROMPT_POINT, .weight = weight, .point = {1, count, negative}};
}

static void add_mask(scene *s, double weight, double noise)
{
    s->items[s->config.prompts.count++] = (scl_prompt_config){
        .kind = SCL_PROMPT_MASK, .weight = weight, .mask = {.given = 1, .noise = noise}};
}

static void add_none(scene *s, double weight)
{
    s->items[s->config.prompts.count++] =
        (scl_prompt_config){.kind = SCL_PROMPT_NONE, .weight = weight, .none = {1}};
}

/* Into arrays full of other values, so that what isn't written is seen. */
static void draw(scene *s, uint64_t number)
{
    memset(s->coords, 0x55, sizeof s->coords);
    memset(s->labels, 0x55, sizeof s->labels);
    memset(s->logits, 0x55, sizeof s->logits);
    s->prompt = (scl_prompt){.coords = s->coords,
                             .labels = s->labels,
                             .mask = scl_prompt_has_mask(&s->config) ? s->logits : NULL,
                             .slots = scl_prompt_slots(&s->config),
                             .used = -1,
                             .has_mask = true};
    assert_true(s->prompt.slots <= MAX_SLOTS);
    assert_ok(scl_prompt_draw(&s->prompter, &s->config, &s->object,
                              scl_rng_make(7, "prompt", number, 0), &s->prompt, &test_error));
}

static double pixel_x(const scene *s, int slot)
{
    return (double)s->coords[2 * slot] * SIDE - 0.5;
}

static double pixel_y(const scene *s, int slot)
{
    return (double)s->coords[2 * slot + 1] * SIDE - 0.5;
}

static int32_t id_under(const scene *s, int slot)
{
    double x = pixel_x(s, slot), y = pixel_y(s, slot);
    assert_true(fabs(x - round(x)) < 1e-5 && fabs(y - round(y)) < 1e-5);
    assert_true(x > -0.5 && x < WIDTH - 0.5 && y > -0.5 && y < HEIGHT - 0.5);
    return s->ids[(int)round(y) * WIDTH + (int)round(x)];
}

/* Slots from `used` on hold nothing, and nothing is written behind the last. */
static void check_unused(const scene *s)
{
    for (int64_t i = s->prompt.used; i < s->prompt.slots; i++) {
        assert_int_equal(s->labels[i], SCL_LABEL_NOTHING);
        assert_true(s->coords[2 * i] == 0 && s->coords[2 * i + 1] == 0);
    }
    for (int64_t i = s->prompt.slots; i < MAX_SLOTS; i++)
        assert_int_equal(s->labels[i], 0x55555555);
}

static void check_no_prompt(const scene *s)
{
    assert_int_equal(s->prompt.used, 0);
    assert_false(s->prompt.has_mask);
    check_unused(s);
    for (int i = 0; s->prompt.mask != NULL && i < LOW * LOW; i++)
        assert_true(s->logits[i] == 0);
}

static void slots_hold_the_longest_prompt(void **state)
{
    scene *s = *state;
    add_none(s, 1);
    assert_int_equal(scl_prompt_slots(&s->config), 0);
    add_mask(s, 1, 0);
    assert_int_equal(scl_prompt_slots(&s->config), 0);
    assert_true(scl_prompt_has_mask(&s->config));
    add_box(s, 1, 0);
    assert_int_equal(scl_prompt_slots(&s->config), 2);
    add_points(s, 1, 3, 2);
    assert_int_equal(scl_prompt_slots(&s->config), 6);
    s->config.prompts.count = 1;
    assert_false(scl_prompt_has_mask(&s->config));
}

static void boxes_are_inclusive_bounds(void **state)
{
    scene *s = *state;
    add_box(s, 1, 0);
    add_points(s, 0, 2, 1);
    draw(s, 0);
    assert_int_equal(s->prompt.used, 2);
    assert_int_equal(s->labels[0], SCL_LABEL_BOX_TOP_LEFT);
    assert_int_equal(s->labels[1], SCL_LABEL_BOX_BOTTOM_RIGHT);
    assert_true(pixel_x(s, 0) == LEFT && pixel_y(s, 0) == TOP);
    assert_true(pixel_x(s, 1) == RIGHT && pixel_y(s, 1) == BOTTOM);
    check_unused(s);
    assert_false(s->prompt.has_mask);
    /* A single pixel, in the last corner. */
    memset(s->ids, 0, sizeof s->ids);
    s->ids[PIXELS - 1] = 1;
    draw(s, 0);
    for (int slot = 0; slot < 2; slot++)
        assert_true(pixel_x(s, slot) == WIDTH - 1 && pixel_y(s, slot) == HEIGHT - 1);
}

static void coordinates_are_those_of_the_frame(void **state)
{
    scene *s = *state;
    add_box(s, 1, 0);
    s->frame = scl_frame_make(WIDTH, HEIGHT, 37);
    draw(s, 0);
    float wanted[4];
    scl_frame_coords(&s->frame, LEFT, TOP, wanted);
    scl_frame_coords(&s->frame, RIGHT, BOTTOM, wanted + 2);
    assert_memory_equal(s->coords, wanted, sizeof wanted);
}

/* The four sides are each spread evenly over [at - reach, at + reach]. */
static void jitter_moves_each_side_evenly(void **state)
{
    enum { DRAWS = 4000 };
    scene *s = *state;
    add_box(s, 1, 0.25);
    const double at[4] = {LEFT, TOP, RIGHT, BOTTOM}, reach = 0.25 * 6; /* 6 x 6 pixels */
    double least[4] = {99, 99, 99, 99}, most[4] = {-99, -99, -99, -99}, sum[4] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        draw(s, i);
        const double side[4] = {pixel_x(s, 0), pixel_y(s, 0), pixel_x(s, 1), pixel_y(s, 1)};
        for (int k = 0; k < 4; k++) {
            least[k] = fmin(least[k], side[k]);
            most[k] = fmax(most[k], side[k]);
            sum[k] += side[k];
        }
    }
    for (int k = 0; k < 4; k++) {
        assert_true(least[k] >= at[k] - reach - 1e-5 && least[k] < at[k] - 0.98 * reach);
        assert_true(most[k] <= at[k] + reach + 1e-5 && most[k] > at[k] + 0.98 * reach);
        /* 4 deviations of the mean of an even spread: 4 * reach / sqrt(3 * DRAWS) */
        assert_true(fabs(sum[k] / DRAWS - at[k]) < 4 * reach / sqrt(3.0 * DRAWS));
    }
}

static void jitter_stays_in_the_image_and_in_order(void **state)
{
    scene *s = *state;
    add_box(s, 1, 1);
    memset(s->ids, 0, sizeof s->ids);
    for (int y = 0; y < 4; y++)
        for (int x = WIDTH - 3; x < WIDTH; x++)
            s->ids[y * WIDTH + x] = 1;
    int at_top = 0, at_right = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        draw(s, i);
        assert_true(pixel_x(s, 0) >= WIDTH - 6 - 1e-5 && pixel_x(s, 0) <= pixel_x(s, 1));
        assert_true(pixel_y(s, 0) >= 0 && pixel_y(s, 0) <= pixel_y(s, 1));
        assert_true(pixel_x(s, 1) <= WIDTH - 1 && pixel_y(s, 1) <= 7 + 1e-5);
        at_top += pixel_y(s, 0) == 0;
        at_right += pixel_x(s, 1) == WIDTH - 1;
    }
    /* Half of the draws go past the border and are kept at it. */
    assert_true(at_top > 900 && at_right > 900);
}

static void points_lie_inside_and_outside(void **state)
{
    scene *s = *state;
    add_points(s, 1, 3, 2);
    for (uint64_t i = 0; i < 1000; i++) {
        draw(s, i);
        assert_int_equal(s->prompt.used, 6);
        for (int slot = 0; slot < 3; slot++) {
            assert_int_equal(s->labels[slot], SCL_LABEL_POSITIVE);
            assert_int_equal(id_under(s, slot), 1);
        }
        for (int slot = 3; slot < 5; slot++) {
            assert_int_equal(s->labels[slot], SCL_LABEL_NEGATIVE);
            assert_true(id_under(s, slot) == 0 || id_under(s, slot) == 2);
        }
        assert_int_equal(s->labels[5], SCL_LABEL_NOT_A_POINT);
        assert_true(s->coords[10] == 0 && s->coords[11] == 0);
    }
}

static double chi_square(const int *counts, int classes, double expected)
{
    double sum = 0;
    for (int i = 0; i < classes; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

/* 32 pixels inside, 144 outside; the bounds are those of a chance of 1 in 10000. */
static void points_are_spread_evenly(void **state)
{
    enum { DRAWS = 14400 };
    scene *s = *state;
    add_points(s, 1, 1, 1);
    int hits[2][PIXELS] = {{0}}, inside[PIXELS], outside[PIXELS], n_inside = 0, n_outside = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        draw(s, i);
        for (int slot = 0; slot < 2; slot++)
            hits[slot][(int)round(pixel_y(s, slot)) * WIDTH + (int)round(pixel_x(s, slot))]++;
    }
    for (int i = 0; i < PIXELS; i++) {
        if (s->ids[i] == 1)
            inside[n_inside++] = hits[0][i];
        else if (s->ids[i] != SCL_MASK_IGNORED)
            outside[n_outside++] = hits[1][i];
    }
    assert_int_equal(n_inside, 32);
    assert_int_equal(n_outside, 144);
    assert_true(chi_square(inside, n_inside, DRAWS / 32.0) < 68);
    assert_true(chi_square(outside, n_outside, DRAWS / 144.0) < 213);
}

static void no_negatives_where_nothing_is_outside(void **state)
{
    scene *s = *state;
    add_points(s, 1, 2, 3);
    for (int i = 0; i < PIXELS; i++)
        s->ids[i] = i % 5 == 0 ? SCL_MASK_IGNORED : 1;
    draw(s, 0);
    assert_int_equal(s->prompt.used, 3);
    assert_int_equal(s->labels[0], SCL_LABEL_POSITIVE);
    assert_int_equal(s->labels[1], SCL_LABEL_POSITIVE);
    assert_int_equal(s->labels[2], SCL_LABEL_NOT_A_POINT);
    check_unused(s);
}

static void another_object_is_asked_for_by_id(void **state)
{
    scene *s = *state;
    add_points(s, 1, 1, 2);
    s->object.id = 2;
    for (uint64_t i = 0; i < 100; i++) {
        draw(s, i);
        assert_int_equal(id_under(s, 0), 2);
        assert_true(id_under(s, 1) == 0 || id_under(s, 1) == 1);
    }
    s->items[0].kind = SCL_PROMPT_BOX;
    draw(s, 0);
    assert_true(pixel_x(s, 0) == 13 && pixel_y(s, 0) == 1 && pixel_x(s, 1) == 13 &&
                pixel_y(s, 1) == HEIGHT - 1);
}

static void masks_are_logits_of_the_target(void **state)
{
    scene *s = *state;
    add_mask(s, 1, 0);
    add_box(s, 0, 0);
    draw(s, 0);
    assert_true(s->prompt.has_mask);
    assert_int_equal(s->prompt.used, 0);
    check_unused(s);
    for (int i = 0; i < LOW * LOW; i++)
        assert_true(s->logits[i] == (s->low[i] == 1 ? 10.0f : -10.0f));
}

static void noise_flips_its_share_of_pixels(void **state)
{
    enum { DRAWS = 500, INSIDE = LOW * 6 };
    scene *s = *state;
    add_mask(s, 1, 0.1);
    int flipped = 0;
    for (uint64_t n = 0; n < DRAWS; n++) {
        draw(s, n);
        for (int i = 0; i < LOW * LOW; i++) {
            assert_true(fabsf(s->logits[i]) == 10);
            bool wrong = (s->logits[i] > 0) != (s->low[i] == 1);
            assert_false(wrong && s->low[i] == SCL_MASK_IGNORED);
            flipped += wrong;
        }
    }
    double n = DRAWS * INSIDE;
    assert_true(fabs(flipped - 0.1 * n) < 4 * sqrt(n * 0.1 * 0.9));
    s->items[0].mask.noise = 1;
    draw(s, 0);
    for (int i = 0; i < INSIDE; i++)
        assert_true(s->logits[i] == (s->low[i] == 1 ? -10.0f : 10.0f));
}

static void objects_without_a_pixel_get_no_prompt(void **state)
{
    scene *s = *state;
    s->object.id = 3;
    add_box(s, 1, 0);
    add_points(s, 1, 1, 1);
    add_mask(s, 1, 0.5);
    for (uint64_t i = 0; i < 50; i++) {
        draw(s, i);
        check_no_prompt(s);
    }
}

static void none_is_no_prompt(void **state)
{
    scene *s = *state;
    add_none(s, 1);
    add_points(s, 0, 1, 1);
    add_mask(s, 0, 0.5);
    draw(s, 0);
    check_no_prompt(s);
    /* Without any other kind there is nowhere to write. */
    s->config.prompts.count = 1;
    scl_prompt prompt = {.used = -1};
    assert_ok(scl_prompt_draw(&s->prompter, &s->config, &s->object, scl_rng_make(7, "prompt", 0, 0),
                              &prompt, &test_error));
    assert_int_equal(prompt.used, 0);
}

static int kind_of(const scene *s)
{
    return s->prompt.has_mask                       ? SCL_PROMPT_MASK
           : s->prompt.used == 0                    ? SCL_PROMPT_NONE
           : s->labels[0] == SCL_LABEL_BOX_TOP_LEFT ? SCL_PROMPT_BOX
                                                    : SCL_PROMPT_POINT;
}

static void kinds_are_drawn_by_weight(void **state)
{
    enum { DRAWS = 8000 };
    scene *s = *state;
    add_box(s, 1, 0.1);
    add_points(s, 2, 1, 0);
    add_none(s, 0);
    add_mask(s, 5, 0);
    int counts[4] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        draw(s, i);
        counts[kind_of(s)]++;
    }
    assert_int_equal(counts[SCL_PROMPT_NONE], 0);
    double sum = 0;
    const struct {
        int kind;
        double expected;
    } wanted[] = {{SCL_PROMPT_BOX, 1000}, {SCL_PROMPT_POINT, 2000}, {SCL_PROMPT_MASK, 5000}};
    for (int i = 0; i < 3; i++)
        sum += chi_square(&counts[wanted[i].kind], 1, wanted[i].expected);
    assert_true(sum < 18.4); /* 2 degrees of freedom: a chance of 1 in 10000 */
}

static void the_same_numbers_draw_the_same_prompt(void **state)
{
    scene *s = *state;
    add_box(s, 1, 0.3);
    add_points(s, 1, 2, 2);
    add_mask(s, 1, 0.2);
    int differences = 0;
    for (uint64_t i = 0; i < 50; i++) {
        draw(s, i);
        scene before = *s;
        draw(s, i);
        assert_memory_equal(s->coords, before.coords, sizeof s->coords);
        assert_memory_equal(s->labels, before.labels, sizeof s->labels);
        assert_memory_equal(s->logits, before.logits, sizeof s->logits);
        draw(s, i + 1);
        differences += memcmp(s->coords, before.coords, sizeof s->coords) != 0 ||
                       memcmp(s->logits, before.logits, sizeof s->logits) != 0;
    }
    assert_int_equal(differences, 50);
}

static void the_prompter_serves_masks_of_any_size(void **state)
{
    scene *s = *state;
    add_points(s, 1, 2, 2);
    int32_t tall[200] = {[199] = 1};
    scl_mask mask = {.width = 1, .height = 200, .ids = tall};
    scl_frame frame = scl_frame_make(1, 200, SIDE);
    scl_prompt_object small = s->object;
    for (int round = 0; round < 2; round++) {
        s->object.mask = &mask;
        s->object.frame = &frame;
        draw(s, 0);
        float wanted[2];
        scl_frame_coords(&frame, 0, 199, wanted);
        assert_memory_equal(s->coords, wanted, sizeof wanted);
        s->object = small;
        draw(s, 0);
        assert_int_equal(id_under(s, 0), 1);
    }
}

static void failing_allocations_are_reported(void **state)
{
    scene *s = *state;
    add_box(s, 1, 0);
    scl_error err = {0};
    s->prompt = (scl_prompt){.coords = s->coords, .labels = s->labels, .slots = 2};
    scl_alloc_fail_after(0);
    scl_status status = scl_prompt_draw(&s->prompter, &s->config, &s->object,
                                        scl_rng_make(7, "prompt", 0, 0), &s->prompt, &err);
    scl_alloc_fail_after(-1);
    assert_int_equal(status, SCL_DEVICE);
    draw(s, 0);
    assert_int_equal(s->prompt.used, 2);
}

int main(void)
{
#define PROMPT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PROMPT_TEST(slots_hold_the_longest_prompt),
        PROMPT_TEST(boxes_are_inclusive_bounds),
        PROMPT_TEST(coordinates_are_those_of_the_frame),
        PROMPT_TEST(jitter_moves_each_side_evenly),
        PROMPT_TEST(jitter_stays_in_the_image_and_in_order),
        PROMPT_TEST(points_lie_inside_and_outside),
        PROMPT_TEST(points_are_spread_evenly),
        PROMPT_TEST(no_negatives_where_nothing_is_outside),
        PROMPT_TEST(another_object_is_asked_for_by_id),
        PROMPT_TEST(masks_are_logits_of_the_target),
        PROMPT_TEST(noise_flips_its_share_of_pixels),
        PROMPT_TEST(objects_without_a_pixel_get_no_prompt),
        PROMPT_TEST(none_is_no_prompt),
        PROMPT_TEST(kinds_are_drawn_by_weight),
        PROMPT_TEST(the_same_numbers_draw_the_same_prompt),
        PROMPT_TEST(the_prompter_serves_masks_of_any_size),
        PROMPT_TEST(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
