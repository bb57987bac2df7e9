#include "plugin/merge.h"

#include "graph/compiled.h"
#include "plugin/adaptation.h"
#include "plugin/adapter.h"

#include <string.h>

/* A layer that adapters wrap, with the shapes of its own parameters. */
typedef struct wrapped_layer {
    scl_site site;
    scl_shape weight, bias; /* ndim 0: it has none */
} wrapped_layer;

typedef struct merging {
    scl_run_plugins *plugins;
    const scl_adaptation *own; /* of the plugins */
    wrapped_layer *layers;
    size_t count, capacity;
    bool lost; /* there was no memory for one */
} merging;

/* ------------------------------------------------------------------ which layers */

static bool wraps(void *user, const scl_site *site)
{
    const merging *m = user;
    return m->own->wraps(m->own->user, site);
}

static scl_shape shape_of(const scl_tensor *tensor)
{
    return tensor != NULL ? tensor->shape : (scl_shape){0};
}

/* Instead of building: the model is not run, only its layers are found. */
static void note(merging *m, const scl_site *site)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->layers[i].site.name, site->name) == 0)
            return;
    char *name = scl_strdup(site->name);
    if (name == NULL || !SCL_GROW(m->layers, m->count, m->capacity)) {
        scl_free(name);
        m->lost = true;
        return;
    }
    wrapped_layer *layer = &m->layers[m->count++];
    *layer = (wrapped_layer){
        .site = *site, .weight = shape_of(site->weight), .bias = shape_of(site->bias)};
    layer->site.name = name;
    layer->site.weight = layer->site.bias = NULL;
}

static scl_tensor *note_attached(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                                 scl_tensor *y)
{
    (void)g, (void)x;
    note(user, site);
    return y;
}

static scl_tensor *note_tokens(void *user, scl_graph *g, const scl_site *site)
{
    (void)g;
    note(user, site);
    return NULL;
}

static scl_status find_layers(merging *m, const scl_sam_config *config, scl_error *err)
{
    const scl_adaptation noting = {.user = m,
                                   .wraps = m->own->wraps != NULL ? wraps : NULL,
                                   .attach = note_attached,
                                   .tokens = note_tokens};
    scl_graph *catalog = scl_sam_catalog(config, &noting, err);
    if (catalog == NULL)
        return err->status;
    scl_graph_free(catalog);
    return m->lost ? scl_out_of_memory(err, sizeof *m->layers, "the adapted layers") : SCL_OK;
}

/* ------------------------------------------------------------------ one layer */

static scl_status fail_unmergeable(const scl_run_plugin *adapter, const scl_site *site,
                                   scl_error *err)
{
    scl_fail(err, SCL_BAD_CONFIG,
             "the adapter `%s` at %s cannot be merged: what it does is no change of a layer's "
             "weights",
             adapter->label, site->name);
    return scl_run_config_blame(adapter->config, adapter->path, err);
}

static scl_tensor *own_parameter(scl_graph *g, const scl_site *site, const char *which,
                                 scl_shape shape)
{
    if (shape.ndim == 0)
        return NULL;
    const char *name = scl_arena_printf(&g->arena, "%s.%s", site->name, which);
    if (name == NULL)
        return scl_graph_out_of_memory(g, strlen(site->name), "a parameter's name");
    return scl_parameter(g, name, shape, (scl_init){0}, false);
}

/* What the plugin made of a weight or bias of this shape, once it is known to be that. */
static scl_tensor *check_merged(scl_plugin_builder *b, const char *what, scl_tensor *merged,
                                scl_shape shape)
{
    char wanted[SCL_SHAPE_TEXT], found[SCL_SHAPE_TEXT];
    if (shape.ndim == 0)
        return merged == NULL ? NULL
                              : scl_graph_fail(b->graph, "the layer has no %s to merge into", what);
    merged = scl_plugin_builder_result(b, merged);
    if (merged == NULL || scl_shape_equal(merged->shape, shape))
        return merged;
    return scl_graph_fail(b->graph, "the merged %s must be of shape %s, and is of %s", what,
                          scl_shape_text(shape, wanted), scl_shape_text(merged->shape, found));
}

/* A layer's own weight and bias, and with all adapters in them, as tensors of one graph. */
typedef struct merged_layer {
    scl_graph *graph;
    scl_tensor *own[2], *merged[2]; /* the bias NULL: it has none */
} merged_layer;

static scl_status build_merged(const merging *m, const wrapped_layer *layer, merged_layer *out,
                               scl_error *err)
{
    scl_graph *g = out->graph;
    scl_site site = layer->site;
    site.weight = out->own[0] = out->merged[0] = own_parameter(g, &site, "weight", layer->weight);
    site.bias = out->own[1] = out->merged[1] = own_parameter(g, &site, "bias", layer->bias);
    for (size_t i = 0; i < m->plugins->adapter_count; i++) {
        const scl_run_plugin *adapter = &m->plugins->adapters[i];
        const scl_adapter_interface *functions = &adapter->file.facts.adapter;
        scl_plugin_builder b;
        if (!scl_adapter_wraps(adapter, &site))
            continue;
        if (functions->merge == NULL || layer->weight.ndim == 0)
            return fail_unmergeable(adapter, &site, err);
        if (!scl_adapter_begin(&b, adapter, g, &site))
            break;
        functions->merge(&b.table, adapter->params, &site, &out->merged[0], &out->merged[1]);
        out->merged[0] = check_merged(&b, "weight", out->merged[0], layer->weight);
        out->merged[1] = check_merged(&b, "bias", out->merged[1], layer->bias);
        scl_plugin_builder_end(&b);
    }
    return scl_graph_status(g, err);
}

/* ------------------------------------------------------------------ its values */

static scl_status keep(const scl_compiled *run, const scl_tensor *own, const scl_tensor *merged,
                       scl_store *store, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(own->shape);
    float *values = scl_calloc(count, sizeof *values);
    scl_status status = values == NULL
                            ? scl_out_of_memory(err, count * sizeof *values, own->name)
                            : scl_schedule_read(run->schedule, merged, 0, values, count, err);
    if (status == SCL_OK)
        status = scl_store_set(store, own->name, SCL_TENSOR_PARAM, own->shape, values, err);
    scl_free(values);
    return status;
}

/* Takes the layer's graph. */
static scl_status compute(merged_layer *layer, scl_store *store, scl_error *err)
{
    scl_compiled run = {0};
    for (int i = 0; i < 2 && layer->merged[i] != NULL; i++) {
        /* a parameter as it is would be no node, and only results of nodes are read */
        layer->merged[i] = scl_affine(layer->graph, layer->merged[i], 1, 0);
        if (layer->merged[i] != NULL)
            layer->merged[i]->keep = true;
    }
    scl_status status = scl_compile(layer->graph, NULL, 0, store, &run, err);
    if (status == SCL_OK)
        status = scl_schedule_run(run.schedule, 0, run.plan->node_count, err);
    for (int i = 0; i < 2 && layer->merged[i] != NULL && status == SCL_OK; i++)
        status = keep(&run, layer->own[i], layer->merged[i], store, err);
    scl_compiled_free(&run);
    return status;
}

/* `store` NULL: only whether it can be done. */
static scl_status merge_layer(const merging *m, const wrapped_layer *layer, scl_store *store,
                              scl_error *err)
{
    merged_layer merged = {.graph = scl_graph_create(err)};
    if (merged.graph == NULL)
        return err->status;
    scl_status status = build_merged(m, layer, &merged, err);
    if (status == SCL_OK && store != NULL)
        return compute(&merged, store, err);
    scl_graph_free(merged.graph);
    return status;
}

scl_status scl_adapters_merge(scl_run_plugins *plugins, scl_model *model, scl_error *err)
{
    const scl_adaptation own = scl_run_plugins_adaptation(plugins);
    merging m = {.plugins = plugins, .own = &own};
    scl_status status = find_layers(&m, &model->config, err);
    for (size_t i = 0; i < m.count && status == SCL_OK; i++)
        status = merge_layer(&m, &m.layers[i], NULL, err);
    for (size_t i = 0; i < m.count && status == SCL_OK; i++)
        status = merge_layer(&m, &m.layers[i], model->store, err);
    for (size_t i = 0; i < m.count; i++)
        scl_free((char *)m.layers[i].site.name);
    scl_free(m.layers);
    return status;
}
