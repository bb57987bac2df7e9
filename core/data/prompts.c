#include "data/prompts.h"

#include "base/mem.h"
#include "model/sam.h"

#include <string.h>

#define BOX_TOKENS 2

static int64_t tokens_of(const scl_prompt_config *prompt)
{
    switch (prompt->kind) {
    case SCL_PROMPT_BOX:
        return BOX_TOKENS;
    case SCL_PROMPT_POINT:
        return prompt->point.count + prompt->point.negative + 1;
    case SCL_PROMPT_NONE:
    case SCL_PROMPT_MASK:
        break;
    }
    return 0;
}

int64_t scl_prompt_slots(const scl_data_config *config)
{
    int64_t most = 0;
    for (size_t i = 0; i < config->prompts.count; i++) {
        int64_t tokens = tokens_of(&config->prompts.items[i]);
        most = tokens > most ? tokens : most;
    }
    return most;
}

bool scl_prompt_has_mask(const scl_data_config *config)
{
    for (size_t i = 0; i < config->prompts.count; i++)
        if (config->prompts.items[i].kind == SCL_PROMPT_MASK)
            return true;
    return false;
}

/* NULL: no prompt at all. */
static const scl_prompt_config *choose(const scl_data_config *config, scl_rng *rng)
{
    double sum = 0;
    for (size_t i = 0; i < config->prompts.count; i++)
        sum += config->prompts.items[i].weight;
    double at = scl_rng_uniform(rng) * sum;
    const scl_prompt_config *chosen = NULL;
    for (size_t i = 0; i < config->prompts.count && at >= 0; i++) {
        const scl_prompt_config *prompt = &config->prompts.items[i];
        /* Rounding may leave `at` above 0 after the last: then it is the last with a weight. */
        if (prompt->weight > 0)
            chosen = prompt;
        at -= prompt->weight;
    }
    return chosen;
}

/* ------------------------------------------------------------------ where the object is */

/* Found in one pass, so that a point is drawn by walking rows, not pixels. */
typedef struct survey {
    const scl_prompt_object *object;
    const uint32_t *inside, *outside; /* pixels in each row */
    uint32_t inside_total, outside_total;
    int left, top, right, bottom; /* inclusive */
} survey;

static bool is_inside(const scl_prompt_object *object, int32_t id)
{
    return id == object->id;
}

static bool is_outside(const scl_prompt_object *object, int32_t id)
{
    return id != object->id && id != SCL_MASK_IGNORED;
}

static void survey_row(survey *s, int y, uint32_t *inside, uint32_t *outside)
{
    int width = s->object->mask->width;
    const int32_t *ids = s->object->mask->ids + (size_t)y * (size_t)width;
    *inside = *outside = 0;
    for (int x = 0; x < width; x++) {
        *outside += is_outside(s->object, ids[x]);
        if (!is_inside(s->object, ids[x]))
            continue;
        ++*inside;
        s->left = x < s->left ? x : s->left;
        s->right = x > s->right ? x : s->right;
        s->top = y < s->top ? y : s->top;
        s->bottom = y;
    }
}

static scl_status make_survey(scl_prompter *prompter, const scl_prompt_object *object, survey *s,
                              scl_error *err)
{
    size_t height = (size_t)object->mask->height;
    if (prompter->capacity < height) {
        uint32_t *rows = scl_realloc(prompter->rows, height * 2, sizeof *rows);
        if (rows == NULL)
            return scl_out_of_memory(err, height * 2 * sizeof *rows, "the rows of a mask");
        prompter->rows = rows;
        prompter->capacity = height;
    }
    uint32_t *inside = prompter->rows, *outside = prompter->rows + height;
    *s = (survey){.object = object,
                  .inside = inside,
                  .outside = outside,
                  .left = object->mask->width,
                  .top = object->mask->height,
                  .right = -1,
                  .bottom = -1};
    for (size_t y = 0; y < height; y++) {
        survey_row(s, (int)y, &inside[y], &outside[y]);
        s->inside_total += inside[y];
        s->outside_total += outside[y];
    }
    return SCL_OK;
}

/* The pixel of that rank, row by row, among those inside or outside. */
static void find_pixel(const survey *s, bool inside, uint32_t rank, int *x, int *y)
{
    const uint32_t *counts = inside ? s->inside : s->outside;
    *y = 0;
    while (rank >= counts[*y])
        rank -= counts[(*y)++];
    const scl_mask *mask = s->object->mask;
    const int32_t *ids = mask->ids + (size_t)*y * (size_t)mask->width;
    for (*x = 0;; ++*x)
        if ((inside ? is_inside(s->object, ids[*x]) : is_outside(s->object, ids[*x])) &&
            rank-- == 0)
            return;
}

/* ------------------------------------------------------------------ the kinds */

static void add_token(const survey *s, double x, double y, int32_t label, scl_prompt *prompt)
{
    scl_frame_coords(s->object->frame, x, y, prompt->coords + prompt->used * 2);
    prompt->labels[prompt->used++] = label;
}

static double moved(double position, double reach, int limit, scl_rng *rng)
{
    double to = position + (2 * scl_rng_uniform(rng) - 1) * reach;
    return to < 0 ? 0 : to > limit - 1 ? limit - 1 : to;
}

static void draw_box(const survey *s, double jitter, scl_rng *rng, scl_prompt *prompt)
{
    const scl_mask *mask = s->object->mask;
    double reach_x = jitter * (s->right - s->left + 1), reach_y = jitter * (s->bottom - s->top + 1);
    double left = moved(s->left, reach_x, mask->width, rng);
    double top = moved(s->top, reach_y, mask->height, rng);
    double right = moved(s->right, reach_x, mask->width, rng);
    double bottom = moved(s->bottom, reach_y, mask->height, rng);
    add_token(s, left < right ? left : right, top < bottom ? top : bottom, SCL_LABEL_BOX_TOP_LEFT,
              prompt);
    add_token(s, left < right ? right : left, top < bottom ? bottom : top,
              SCL_LABEL_BOX_BOTTOM_RIGHT, prompt);
}

static void draw_points(const survey *s, bool inside, int64_t count, scl_rng *rng,
                        scl_prompt *prompt)
{
    uint32_t total = inside ? s->inside_total : s->outside_total;
    for (int64_t i = 0; total > 0 && i < count; i++) {
        int x, y;
        find_pixel(s, inside, scl_rng_below(rng, total), &x, &y);
        add_token(s, x, y, inside ? SCL_LABEL_POSITIVE : SCL_LABEL_NEGATIVE, prompt);
    }
}

static void draw_mask(const scl_prompt_object *object, double noise, scl_rng *rng,
                      scl_prompt *prompt)
{
    for (size_t i = 0; i < object->low_count; i++) {
        bool on = is_inside(object, object->low[i]);
        if (noise > 0 && object->low[i] != SCL_MASK_IGNORED && scl_rng_uniform(rng) < noise)
            on = !on;
        prompt->mask[i] = on ? SCL_PROMPT_LOGIT : -SCL_PROMPT_LOGIT;
    }
    prompt->has_mask = true;
}

void scl_prompt_clear(scl_prompt *prompt, size_t low_count)
{
    for (int64_t i = 0; i < prompt->slots; i++) {
        prompt->coords[2 * i] = prompt->coords[2 * i + 1] = 0;
        prompt->labels[i] = SCL_LABEL_NOTHING;
    }
    if (prompt->mask != NULL)
        memset(prompt->mask, 0, low_count * sizeof *prompt->mask);
    prompt->used = 0;
    prompt->has_mask = false;
}

scl_status scl_prompt_draw(scl_prompter *prompter, const scl_data_config *config,
                           const scl_prompt_object *object, scl_rng rng, scl_prompt *prompt,
                           scl_error *err)
{
    scl_prompt_clear(prompt, object->low_count);
    const scl_prompt_config *chosen = choose(config, &rng);
    if (chosen == NULL || chosen->kind == SCL_PROMPT_NONE)
        return SCL_OK;
    survey s;
    SCL_TRY(make_survey(prompter, object, &s, err));
    if (s.inside_total == 0)
        return SCL_OK;
    switch (chosen->kind) {
    case SCL_PROMPT_BOX:
        draw_box(&s, chosen->box.jitter, &rng, prompt);
        break;
    case SCL_PROMPT_POINT:
        draw_points(&s, true, chosen->point.count, &rng, prompt);
        draw_points(&s, false, chosen->point.negative, &rng, prompt);
        prompt->labels[prompt->used++] = SCL_LABEL_NOT_A_POINT;
        break;
    case SCL_PROMPT_MASK:
        draw_mask(object, chosen->mask.noise, &rng, prompt);
        break;
    case SCL_PROMPT_NONE:
        break;
    }
    return SCL_OK;
}

void scl_prompter_free(scl_prompter *prompter)
{
    scl_free(prompter->rows);
    *prompter = (scl_prompter){0};
}
