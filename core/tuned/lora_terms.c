#include "tuned/lora_terms.h"

#include <math.h>
#include <string.h>

/* ---- the plugin's parameters */

/* Where the value of a parameter is; NULL: the plugin has none of this name and type. */
static const void *value_of(const scl_run_plugin *plugin, const char *key, uint32_t type)
{
    const scl_plugin *facts = &plugin->file.facts.plugin;
    for (uint64_t i = 0; i < facts->param_count; i++)
        if (facts->params[i].type == type && strcmp(facts->params[i].key, key) == 0)
            return (const char *)plugin->params + facts->params[i].offset;
    return NULL;
}

static scl_status read_params(const scl_run_plugin *plugin, scl_lora_terms *terms, scl_error *err)
{
    const void *rank = value_of(plugin, "rank", SCL_PARAM_INT);
    const void *alpha = value_of(plugin, "alpha", SCL_PARAM_FLOAT);
    const void *rslora = value_of(plugin, "rslora", SCL_PARAM_BOOL);
    const void *dropout = value_of(plugin, "dropout", SCL_PARAM_FLOAT);
    int32_t flag = 0;
    if (rank == NULL || alpha == NULL || rslora == NULL || dropout == NULL)
        return scl_fail(err, SCL_PLUGIN,
                        "plugin %s: expected the parameters rank, alpha, rslora and dropout of "
                        "samcl's own lora",
                        plugin->file.path);
    memcpy(&terms->dropout, dropout, sizeof terms->dropout);
    memcpy(&terms->rank, rank, sizeof terms->rank);
    memcpy(&terms->alpha, alpha, sizeof terms->alpha);
    memcpy(&flag, rslora, sizeof flag);
    double r = (double)terms->rank;
    terms->rslora = flag != 0 && !isnan(terms->alpha);
    terms->scale = isnan(terms->alpha) ? 1 : terms->alpha / (terms->rslora ? sqrt(r) : r);
    if (isnan(terms->alpha))
        terms->alpha = r;
    return SCL_OK;
}

static scl_status check_adapter(const scl_tuned_model *tuned, const char *layout, scl_error *err)
{
    const scl_run_plugins *plugins = &tuned->plugins;
    const char *path = tuned->weights.path;
    if (tuned->used_adaptation == NULL)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s is a checkpoint without an adapter, and the layout %s holds one",
                        tuned->config.model.checkpoint, layout);
    if (tuned->about.contains_base)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "%s holds a whole model, and the layout %s an adapter over a base", path,
                        layout);
    if (plugins->adapter_count == 1 && strcmp(plugins->adapters[0].label, "lora") == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s cannot be written in the layout %s, which holds one LoRA: it has %s%s",
                    path, layout, plugins->adapter_count > 0 ? "the adapter " : "no adapter",
                    plugins->adapter_count > 0 ? plugins->adapters[plugins->adapter_count - 1].label
                                               : "");
}

/* ---- the tensors */

/* "SITE.lora_A" or "SITE.lora_A_q" -> the site's length and the part; 0: no such name. */
static size_t split_name(const char *name, const char *factor, char *part)
{
    const char *dot = strrchr(name, '.');
    size_t length = strlen(factor);
    *part = 0;
    if (dot == NULL || strncmp(dot + 1, factor, length) != 0)
        return 0;
    const char *rest = dot + 1 + length;
    if (rest[0] == '_' && rest[1] != '\0' && rest[2] == '\0')
        *part = rest[1];
    return *rest == '\0' || *part != 0 ? (size_t)(dot - name) : 0;
}

static scl_status read_values(const scl_store *store, const char *name, float **values,
                              const scl_store_entry **entry, scl_error *err)
{
    *entry = scl_store_find(store, name);
    if (*entry == NULL || (*entry)->shape.ndim != 2)
        return scl_fail(err, SCL_FAILED, "internal check: no matrix \"%s\"", name);
    *values = scl_calloc((size_t)scl_shape_count((*entry)->shape), sizeof **values);
    return *values != NULL ? scl_store_read(store, *entry, *values, err)
                           : scl_out_of_memory(err, sizeof **values, name);
}

static scl_status add_term(scl_lora_terms *terms, const scl_tuned_model *tuned, const char *down,
                           size_t site_length, char part, scl_error *err)
{
    scl_graph *catalog = tuned->model->catalog;
    const scl_store *store = tuned->model->store;
    const scl_store_entry *a, *b;
    if (!SCL_GROW(terms->items, terms->count, terms->capacity))
        return scl_out_of_memory(err, sizeof *terms->items, "the adapter's terms");
    scl_lora_term *term = &terms->items[terms->count++];
    *term = (scl_lora_term){.part = part};
    term->site = scl_arena_printf(&catalog->arena, "%.*s", (int)site_length, down);
    char *up = scl_arena_strdup(&catalog->arena, down);
    if (term->site == NULL || up == NULL || !scl_name_set_add(&terms->sites, term->site))
        return scl_out_of_memory(err, site_length, "a layer's name");
    up[site_length + strlen(".lora_")] = 'B';
    SCL_TRY(read_values(store, down, &term->down, &a, err));
    SCL_TRY(read_values(store, up, &term->up, &b, err));
    term->in = a->shape.dim[1];
    term->out = b->shape.dim[0];
    return SCL_OK;
}

static scl_status add_trained(scl_lora_terms *terms, const scl_tuned_model *tuned, const char *name,
                              scl_error *err)
{
    char part;
    size_t site = split_name(name, "lora_A", &part);
    if (site > 0)
        return add_term(terms, tuned, name, site, part, err);
    if (split_name(name, "lora_B", &part) > 0 || scl_name_set_add(&terms->also, name))
        return SCL_OK;
    return scl_out_of_memory(err, strlen(name), "a parameter's name");
}

scl_status scl_lora_terms_read(const scl_tuned_model *tuned, const char *layout,
                               scl_lora_terms *terms, scl_error *err)
{
    const scl_graph *catalog = tuned->model->catalog;
    SCL_TRY(check_adapter(tuned, layout, err));
    SCL_TRY(read_params(&tuned->plugins.adapters[0], terms, err));
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && tensor->trained)
            SCL_TRY(add_trained(terms, tuned, tensor->name, err));
    }
    return SCL_OK;
}

void scl_lora_terms_free(scl_lora_terms *terms)
{
    for (size_t i = 0; i < terms->count; i++) {
        scl_free(terms->items[i].down);
        scl_free(terms->items[i].up);
    }
    scl_free(terms->items);
    scl_name_set_free(&terms->sites);
    scl_name_set_free(&terms->also);
    *terms = (scl_lora_terms){0};
}
