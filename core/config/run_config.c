#include "config/run_config.h"

#include "base/file.h"
#include "config/overrides.h"
#include "config/run_config_checks.h"
#include "config/yaml_path.h"

#include <stdio.h>
#include <string.h>

static void note_failed(scl_run_config *config, size_t bytes)
{
    scl_diagnostics_out_of_memory(&config->diagnostics, bytes);
}

/* The file's name without folder and extension. */
static const char *name_from_path(scl_run_config *config)
{
    const char *base = scl_path_base(config->path);
    size_t length = (size_t)(scl_path_extension(config->path) - base);
    const char *name = scl_arena_printf(&config->arena, "%.*s", (int)length, base);
    if (name == NULL)
        note_failed(config, length + 1);
    return name;
}

static scl_schema_reader reader_of(scl_run_config *config)
{
    return (scl_schema_reader){.arena = &config->arena,
                               .diagnostics = &config->diagnostics,
                               .root = &scl_run_config_schema};
}

static bool keep_path(scl_run_config *config, const char *path)
{
    config->path = scl_arena_strdup(&config->arena, path);
    if (config->path == NULL)
        note_failed(config, strlen(path) + 1);
    return config->path != NULL;
}

void scl_run_config_load_text(scl_run_config *config, const char *path, const char *text,
                              size_t size, const char *const *settings, size_t setting_count)
{
    if (!keep_path(config, path))
        return;
    scl_yaml_source source = {.label = config->path, .text = text, .size = size};
    config->root = scl_yaml_parse(&config->arena, source, &config->diagnostics);
    if (config->root == NULL)
        return;
    if (config->root->kind == SCL_YAML_MAP)
        scl_overrides_apply(config->root, settings, setting_count, &config->arena,
                            &config->diagnostics);
    scl_schema_reader reader = reader_of(config);
    scl_schema_read(&reader, &scl_run_config_schema, config->root, "", config->root->place, config);
    if (config->name == NULL)
        config->name = name_from_path(config);
    if (config->root->kind == SCL_YAML_MAP && config->diagnostics.missing_bytes == 0)
        scl_run_config_check(config);
}

void scl_run_config_load(scl_run_config *config, const char *path, const char *const *settings,
                         size_t setting_count)
{
    scl_file_map file;
    scl_error err = {0};
    if (scl_file_map_open(path, &file, &err) != SCL_OK) {
        scl_diagnostics_add(&config->diagnostics, (scl_place){0}, "%s", err.text);
        keep_path(config, path);
        return;
    }
    scl_run_config_load_text(config, path, (const char *)file.data, file.size, settings,
                             setting_count);
    scl_file_unmap(&file);
}

size_t scl_run_config_memory_budget(const scl_run_config *config)
{
    return config->memory_budget == SCL_UNSET_INT ? 0 : (size_t)config->memory_budget;
}

const char *scl_run_config_adapter_path(const scl_run_config *config, size_t index, const char *key,
                                        char path[SCL_ADAPTER_PATH])
{
    const scl_yaml_entry *entry =
        config->root != NULL ? scl_yaml_path_find(config->root, "adapter") : NULL;
    if (entry != NULL && entry->value->kind == SCL_YAML_LIST)
        snprintf(path, SCL_ADAPTER_PATH, "adapter[%zu].%s", index, key);
    else
        snprintf(path, SCL_ADAPTER_PATH, "adapter.%s", key);
    return path;
}

void *scl_run_config_read_params(scl_run_config *config, scl_schema_params *params,
                                 const char *path, const scl_param *table, size_t count,
                                 size_t size)
{
    if (config->root == NULL)
        return NULL;
    void *values = scl_arena_alloc(&config->arena, size);
    if (values == NULL) {
        note_failed(config, size);
        return NULL;
    }
    const scl_schema schema = {.params = table, .param_count = count, .size = size};
    scl_schema_reader reader = reader_of(config);
    reader.root = NULL; /* a plugin's key is not looked for among samcl's own */
    scl_schema_read(&reader, &schema, params->node, path, scl_yaml_path_place(config->root, path),
                    values);
    params->table = table;
    params->table_count = count;
    params->values = values;
    return values;
}

void scl_run_config_complain(scl_run_config *config, const char *path, const char *format, ...)
{
    scl_place place = {.file = config->path};
    if (config->root != NULL)
        place = scl_yaml_path_place(config->root, path);
    va_list args;
    va_start(args, format);
    scl_diagnostics_addv(&config->diagnostics, place, format, args);
    va_end(args);
}

scl_place scl_run_config_place_within(const scl_run_config *config, const char *path, size_t offset)
{
    const scl_yaml_entry *entry = scl_yaml_path_find(config->root, path);
    return entry != NULL && entry->value->kind == SCL_YAML_SCALAR
               ? scl_yaml_place_within(entry->value, offset)
               : scl_yaml_path_place(config->root, path);
}

void scl_run_config_complain_within(scl_run_config *config, const char *path, size_t offset,
                                    const char *format, ...)
{
    char text[1024];
    scl_place place = scl_run_config_place_within(config, path, offset);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (place.line > 0)
        scl_diagnostics_add(&config->diagnostics, place, "%s", text);
    else /* a setting has no columns */
        scl_diagnostics_add(&config->diagnostics, place, "character %zu of the expression: %s",
                            offset + 1, text);
}

scl_status scl_run_config_blame(const scl_run_config *config, const char *path, scl_error *err)
{
    scl_place place = {.file = config->path};
    if (config->root != NULL)
        place = scl_yaml_path_place(config->root, path);
    if (place.file == NULL)
        return err->status;
    return place.line == 0
               ? scl_error_prefix(err, "%s", place.file)
               : scl_error_prefix(err, "%s:%u:%u", place.file, place.line, place.column);
}

scl_status scl_run_config_finish(scl_run_config *config, scl_error *err)
{
    return scl_diagnostics_finish(&config->diagnostics, config->path != NULL ? config->path : "",
                                  err);
}

scl_status scl_run_config_resolved(const scl_run_config *config, scl_str *out, scl_error *err)
{
    scl_str_add(out, "# Every setting of a run, as it was in effect. It is a run file itself.\n");
    scl_schema_write(&scl_run_config_schema, config, out);
    return out->failed ? scl_out_of_memory(err, out->capacity, "the resolved run file") : SCL_OK;
}

void scl_run_config_free(scl_run_config *config)
{
    scl_diagnostics_free(&config->diagnostics);
    scl_arena_free(&config->arena);
    *config = (scl_run_config){0};
}
