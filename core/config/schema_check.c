#include "config/schema.h"

#include <math.h>
#include <string.h>

#define MAX_PARAMS      256
#define MAX_PARAM_BYTES ((size_t)1 << 16)

/* NULL when the row is sound, or what is wrong with it. */
static const char *fault_of_row(const scl_param *param, size_t params_size)
{
    size_t size = scl_value_size(param->type);
    if (size == 0)
        return "its type is unknown";
    if (param->offset > params_size || params_size - param->offset < size)
        return "its offset lies outside the parameter struct";
    if (param->offset % (size < sizeof(void *) ? size : sizeof(void *)) != 0)
        return "its offset is not aligned for its type";
    if (isnan(param->min) || isnan(param->max) || param->min > param->max)
        return "its range is empty";
    if (param->type == SCL_PARAM_CHOICE && (param->choices == NULL || param->choices[0] == NULL))
        return "it has no choices";
    if (param->help == NULL || param->help[0] == '\0' || strchr(param->help, '\n') != NULL)
        return "its help must be one line";
    return NULL;
}

static bool overlap(const scl_param *a, const scl_param *b)
{
    return a->offset < b->offset + scl_value_size(b->type) &&
           b->offset < a->offset + scl_value_size(a->type);
}

static const char *fault_among_rows(const scl_param *params, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(params[i].key, params[j].key) == 0)
            return "its key stands in the table twice";
        if (overlap(&params[i], &params[j]))
            return "it shares bytes of the parameter struct with another row";
    }
    return NULL;
}

/* Reads the default as a run file's value would be read. */
static scl_status check_default(const scl_param *param, void *values, scl_error *err)
{
    scl_arena arena = {0};
    scl_diagnostics *diagnostics = scl_calloc(1, sizeof *diagnostics);
    if (diagnostics == NULL)
        return scl_out_of_memory(err, sizeof *diagnostics, "the check of a parameter table");
    scl_value_set_default(param, values, &arena, diagnostics);
    scl_error fault = {0};
    scl_status status = scl_diagnostics_finish(diagnostics, "default value", &fault);
    scl_diagnostics_free(diagnostics);
    scl_free(diagnostics);
    scl_arena_free(&arena);
    if (status == SCL_BAD_CONFIG)
        return scl_fail(err, SCL_PLUGIN, "parameter `%s`: its default is wrong: %s", param->key,
                        fault.text);
    return status == SCL_OK ? SCL_OK : scl_fail(err, status, "%s", fault.text);
}

scl_status scl_schema_check_table(const scl_param *params, size_t count, size_t params_size,
                                  scl_error *err)
{
    if (count > MAX_PARAMS || params_size > MAX_PARAM_BYTES || (count > 0 && params == NULL))
        return scl_fail(err, SCL_PLUGIN,
                        "expected a table of at most %d parameters in %zu bytes, found %zu in %zu",
                        MAX_PARAMS, MAX_PARAM_BYTES, count, params_size);
    void *values = scl_calloc(1, params_size);
    if (values == NULL)
        return scl_out_of_memory(err, params_size, "the check of a parameter table");
    scl_status status = SCL_OK;
    for (size_t i = 0; i < count && status == SCL_OK; i++) {
        const scl_param *param = &params[i];
        if (param->key == NULL || param->key[0] == '\0') {
            status = scl_fail(err, SCL_PLUGIN, "parameter %zu of the table has no key", i);
            break;
        }
        const char *fault = fault_of_row(param, params_size);
        if (fault == NULL)
            fault = fault_among_rows(params, i);
        if (fault != NULL)
            status = scl_fail(err, SCL_PLUGIN, "parameter `%s`: %s", param->key, fault);
        else
            status = check_default(param, values, err);
    }
    scl_free(values);
    return status;
}
