#include "eval/comparison.h"

#include "base/clock.h"
#include "eval/gallery.h"
#include "io/json.h"

#include <math.h>

/* ---- running */

typedef struct judging {
    const scl_comparison_options *options;
    scl_gallery *gallery;
    size_t column;
    const char *title;
} judging;

static scl_status keep_image(void *user, const scl_eval_image *image, scl_error *err)
{
    judging *j = user;
    return scl_gallery_add(j->gallery, j->column, image, err);
}

static bool tell_progress(void *user, size_t done, size_t total)
{
    const judging *j = user;
    const scl_comparison_options *o = j->options;
    return o->progress == NULL || o->progress(o->user, j->title, done, total);
}

static scl_status judge(judging *j, scl_model *model, const scl_adaptation *adaptation,
                        scl_compared *out, scl_error *err)
{
    const scl_comparison_options *o = j->options;
    const scl_run_plugins *plugins = &o->tuned->plugins;
    scl_eval_options options = {.model = model,
                                .adaptation = adaptation,
                                .plugins = plugins->loss_count > 0 ? plugins : NULL,
                                .config = &o->tuned->config,
                                .dataset = o->dataset,
                                .cache = o->cache};
    const scl_eval_events events = {.user = j, .image = keep_image, .progress = tell_progress};
    scl_evaluator *evaluator;
    double start = scl_clock_seconds();
    SCL_TRY(scl_evaluator_create(&options, &evaluator, err));
    scl_status status = scl_evaluator_run(evaluator, &events, &out->scores, err);
    scl_evaluator_free(evaluator);
    out->seconds = scl_clock_seconds() - start;
    return status;
}

static const char *const both[] = {"base", "tuned"};

static scl_status judge_all(judging *j, scl_model *base, scl_comparison *c, scl_error *err)
{
    const scl_comparison_options *o = j->options;
    scl_model *const models[] = {base, o->tuned->model};
    const scl_adaptation *const adaptations[] = {NULL, o->tuned->used_adaptation};
    for (size_t i = 0; i < 2; i++) {
        if (models[i] == NULL)
            continue;
        bool untuned = models[i] == o->tuned->model && o->tuned->used_adaptation == NULL;
        scl_compared *compared = &c->models[c->count];
        compared->title = j->title = untuned ? "base" : both[i];
        j->column = c->count++;
        SCL_TRY(judge(j, models[i], adaptations[i], compared, err));
    }
    return o->picture != NULL ? scl_gallery_write(j->gallery, NULL, o->picture, err) : SCL_OK;
}

scl_status scl_comparison_run(const scl_comparison_options *options, scl_comparison *comparison,
                              scl_error *err)
{
    judging j = {.options = options};
    scl_model *base = NULL;
    scl_tuned_model *tuned = options->tuned;
    comparison->split = options->split;
    comparison->images = options->dataset->count;
    if (tuned->used_adaptation != NULL)
        SCL_TRY(scl_tuned_model_open_base(tuned, options->device, &base, err));
    const char *const *titles = base != NULL || tuned->used_adaptation == NULL ? both : both + 1;
    scl_status status = scl_gallery_create(options->samples, base != NULL ? 2 : 1, titles,
                                           &tuned->config, &tuned->model->config, &j.gallery, err);
    if (status == SCL_OK)
        status = judge_all(&j, base, comparison, err);
    scl_gallery_free(j.gallery);
    scl_model_free(base);
    return status;
}

void scl_comparison_free(scl_comparison *c)
{
    for (size_t i = 0; i < c->count; i++)
        scl_scores_free(&c->models[i].scores);
    *c = (scl_comparison){0};
}

/* ---- telling */

/* What is told of each model; NaN where it does not apply. */
#define VALUES(X)                                                                                  \
    X("Dice", dice)                                                                                \
    X("IoU", iou)                                                                                  \
    X("mIoU", miou)                                                                                \
    X("accuracy", accuracy)                                                                        \
    X("loss", loss)

static void add_row(const scl_comparison *c, const char *name, const double *values, scl_str *out)
{
    scl_str_add(out, "%-16s", name);
    for (size_t i = 0; i < c->count; i++)
        if (isnan(values[i]))
            scl_str_add(out, "%10s", "-");
        else
            scl_str_add(out, "%10.4f", values[i]);
    if (c->count == 2 && !isnan(values[0]) && !isnan(values[1]))
        scl_str_add(out, "%+11.4f", values[1] - values[0]);
    scl_str_add(out, "\n");
}

static bool any_known(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            return true;
    return false;
}

static const char *class_name(const scl_run_config *config, size_t id, char text[64])
{
    const scl_param_strings *names = &config->data.class_names;
    snprintf(text, 64, "  %.48s", id < names->count ? names->items[id] : "class");
    if (id >= names->count)
        snprintf(text, 64, "  class %zu", id);
    return text;
}

void scl_comparison_table(const scl_comparison *c, const scl_run_config *config, scl_str *out)
{
    double values[SCL_COMPARISON_MAX];
    char text[64], name[64];
    snprintf(text, sizeof text, "%s, %zu images", c->split, c->images);
    scl_str_add(out, "%-16s", text);
    for (size_t i = 0; i < c->count; i++)
        scl_str_add(out, "%10s", c->models[i].title);
    scl_str_add(out, "%s\n", c->count == 2 ? "     change" : "");
#define X(title, member)                                                                           \
    for (size_t i = 0; i < c->count; i++)                                                          \
        values[i] = c->models[i].scores.member;                                                    \
    if (any_known(values, c->count))                                                               \
        add_row(c, title, values, out);
    VALUES(X)
#undef X
    for (size_t id = 0; id < c->models[0].scores.classes; id++) {
        for (size_t i = 0; i < c->count; i++)
            values[i] = c->models[i].scores.class_iou[id];
        add_row(c, class_name(config, id, name), values, out);
    }
}

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
}

char *scl_comparison_json(const scl_comparison *c)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "split", c->split);
    cJSON_AddNumberToObject(root, "images", (double)c->images);
    for (size_t i = 0; i < c->count; i++) {
        const scl_scores *s = &c->models[i].scores;
        cJSON *model = cJSON_AddObjectToObject(root, c->models[i].title);
#define X(title, member) add_number(model, #member, s->member);
        VALUES(X)
#undef X
        cJSON_AddNumberToObject(model, "masks", (double)s->masks);
        cJSON_AddNumberToObject(model, "seconds", c->models[i].seconds);
        cJSON *classes = s->classes > 0 ? cJSON_AddArrayToObject(model, "class_iou") : NULL;
        for (size_t id = 0; id < s->classes; id++)
            cJSON_AddItemToArray(classes, isnan(s->class_iou[id])
                                              ? cJSON_CreateNull()
                                              : cJSON_CreateNumber(s->class_iou[id]));
    }
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}
