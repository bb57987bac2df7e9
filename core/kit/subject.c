#include "kit/subject.h"

#include "kit/trial.h"
#include "plugin/adaptation.h"
#include "plugin/adapter.h"

#include <stdio.h>
#include <string.h>

#define RUN_HEAD "model: {type: vit_b}\ndata: {train: {images: i, masks: m}}\n"

/* ------------------------------------------------------------------ opening */

/* In single quotes, where only they themselves need care. */
static void write_use(scl_str *text, const char *path, const char *params)
{
    scl_str_add(text, "{use: '");
    for (; *path != '\0'; path++)
        scl_str_add(text, "%s%c", *path == '\'' ? "'" : "", *path);
    scl_str_add(text, "', params: %s}", params);
}

static void write_run(scl_str *text, const char *path, uint32_t kind, const char *const *params,
                      size_t count)
{
    bool loss = kind == SCL_PLUGIN_LOSS;
    scl_str_add(text, RUN_HEAD "%s", loss ? "losses: [" : "adapter: ");
    for (size_t i = 0; i < count; i++) {
        scl_str_add(text, "%s", i > 0 ? ", " : "");
        write_use(text, path, params[i]);
    }
    scl_str_add(text, "%s\n", loss ? "]" : "");
}

scl_status scl_kit_subject_open(scl_kit_subject *subject, const char *path, uint32_t kind,
                                const char *const *params, size_t count, scl_error *err)
{
    scl_str text = {0};
    *subject = (scl_kit_subject){.kind = kind};
    write_run(&text, path, kind, params, count);
    scl_status status = SCL_OK;
    if (text.failed) {
        status = scl_out_of_memory(err, text.length, "a run file");
    } else {
        scl_run_config_load_text(&subject->config, "run.yaml", text.text, text.length, NULL, 0);
        status = kind == SCL_PLUGIN_LOSS
                     ? scl_run_plugins_open(&subject->config, &subject->plugins, err)
                     : scl_run_plugins_open_adapter(&subject->config, &subject->plugins, err);
    }
    scl_str_free(&text);
    return status;
}

void scl_kit_subject_close(scl_kit_subject *subject)
{
    scl_run_config_free(&subject->config);
    scl_run_plugins_close(&subject->plugins);
}

/* ------------------------------------------------------------------ the tasks of a loss */

static scl_status try_task(scl_kit_subject *subject, uint32_t task, scl_kit_scenes *scenes,
                           scl_error *err)
{
    scl_kit_scene *scene = &scenes->items[scenes->count];
    scl_kit_trial trial;
    scl_error why = {0};
    *scene = (scl_kit_scene){.task = task};
    snprintf(scene->name, sizeof scene->name, "the task %s", scl_task_names[task]);
    scl_status status = scl_kit_trial_build(&trial, subject, scene, (scl_kit_choice){0}, &why);
    scl_kit_trial_free(&trial);
    scenes->count += status == SCL_OK;
    if (status == SCL_BAD_CONFIG)
        snprintf(scenes->refused, sizeof scenes->refused, "; not %s: %.150s", scene->name,
                 why.text);
    else if (status != SCL_OK)
        return scl_fail(err, status, "%s: %s", scene->name, why.text);
    return SCL_OK;
}

/* ------------------------------------------------------------------ the sites of an adapter */

scl_sam_config scl_kit_model(bool wide)
{
    scl_sam_config config = {.image_size = wide ? 512 : 32,
                             .patch_size = wide ? 16 : 4,
                             .embed_dim = wide ? 192 : 10,
                             .depth = 12,
                             .num_heads = 2,
                             .mlp_dim = wide ? 768 : 22,
                             .window_size = wide ? 14 : 3,
                             .prompt_embed_dim = wide ? 256 : 16,
                             .decoder_depth = 2,
                             .decoder_num_heads = 2,
                             .decoder_mlp_dim = 32,
                             .iou_head_hidden_dim = 12};
    for (int i = 2; i < 12; i += 3)
        config.global_attn[i] = true;
    return config;
}

typedef struct noting {
    scl_adaptation own;
    scl_kit_scenes *scenes;
} noting;

static bool alike(const scl_site *a, const scl_site *b)
{
    return a->kind == b->kind && a->in_features == b->in_features &&
           a->out_features == b->out_features && a->grid_h == b->grid_h && a->window == b->window;
}

static void note(noting *n, const scl_site *site)
{
    scl_kit_scenes *scenes = n->scenes;
    scenes->wrapped++;
    for (size_t i = 0; i < scenes->count; i++)
        if (alike(&scenes->items[i].site, site))
            return;
    if (scenes->count == SCL_KIT_SCENES || strlen(site->name) >= sizeof scenes->items[0].name)
        return;
    scl_kit_scene *scene = &scenes->items[scenes->count++];
    *scene = (scl_kit_scene){.site = *site, .bias = site->bias != NULL};
    if (site->weight != NULL)
        scene->weight = site->weight->shape;
    snprintf(scene->name, sizeof scene->name, "%s", site->name);
    scene->site.weight = scene->site.bias = NULL;
    scene->site.name = scene->name;
}

static bool wraps(void *user, const scl_site *site)
{
    const noting *n = user;
    return n->own.wraps != NULL && n->own.wraps(n->own.user, site);
}

static bool trains(void *user, const char *parameter)
{
    noting *n = user;
    bool trained = n->own.trains(n->own.user, parameter);
    n->scenes->trained += trained;
    return trained;
}

static bool mixes_rows(void *user, const scl_site *site)
{
    const noting *n = user;
    return n->own.mixes_rows != NULL && n->own.mixes_rows(n->own.user, site);
}

static scl_tensor *attach(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    (void)g, (void)x;
    note(user, site);
    return y;
}

static scl_tensor *tokens(void *user, scl_graph *g, const scl_site *site)
{
    const noting *n = user;
    (void)g;
    if (scl_adapter_has_tokens(&((scl_run_plugins *)n->own.user)->adapters[0], site))
        note(user, site);
    return NULL;
}

/* The model is built and not run, only to meet its sites. */
static scl_status find_sites(scl_kit_subject *subject, bool wide, scl_kit_scenes *scenes,
                             scl_error *err)
{
    noting n = {.own = scl_run_plugins_adaptation(&subject->plugins), .scenes = scenes};
    const scl_adaptation adaptation = {.user = &n,
                                       .trains = trains,
                                       .wraps = wraps,
                                       .attach = attach,
                                       .mixes_rows = mixes_rows,
                                       .tokens = tokens};
    const scl_sam_config config = scl_kit_model(wide);
    scl_graph *catalog = scl_sam_catalog(&config, &adaptation, err);
    if (catalog == NULL)
        return err->status;
    scl_graph_free(catalog);
    return SCL_OK;
}

scl_status scl_kit_scenes_find(scl_kit_subject *subject, bool wide, scl_kit_scenes *scenes,
                               scl_error *err)
{
    *scenes = (scl_kit_scenes){0};
    if (subject->kind == SCL_PLUGIN_ADAPTER)
        SCL_TRY(find_sites(subject, wide, scenes, err));
    else
        for (uint32_t task = SCL_TASK_BINARY; task <= SCL_TASK_INSTANCES; task++)
            SCL_TRY(try_task(subject, task, scenes, err));
    if (scenes->count + scenes->trained > 0)
        return SCL_OK;
    return scl_fail(err, SCL_PLUGIN, "with its defaults it %s%s",
                    subject->kind == SCL_PLUGIN_LOSS
                        ? "can be built for no task"
                        : "wraps no site and trains no parameter of a SAM",
                    scenes->refused);
}
