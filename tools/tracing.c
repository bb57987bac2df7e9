#include "tracing.h"

#include "outputs.h"
#include "terminal.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define EXTENSION ".json"

/* FILE.txt of FILE.json; NULL for a device or a pipe, and when out of memory. */
static char *table_path(const char *path)
{
    scl_str name = {0};
    if (!scl_ends_with(path, EXTENSION))
        return NULL;
    scl_str_add_bytes(&name, path, strlen(path) - strlen(EXTENSION));
    scl_str_add(&name, ".txt");
    return name.text;
}

static scl_status check_single(const cli_args *args, const char *path, scl_error *err)
{
    for (size_t i = 0; i < args->option_count; i++)
        for (size_t k = 0; k < args->counts[i]; k++)
            if (args->values[i][k] != path && strcmp(args->values[i][k], path) == 0)
                return scl_fail(err, SCL_BAD_CONFIG, "%s is given for two outputs", path);
    return SCL_OK;
}

scl_status cli_tracing_read(cli_tracing *tracing, const cli_args *args, scl_error *err)
{
    tracing->path = cli_value(args, "--trace");
    if (tracing->path != NULL)
        SCL_TRY(check_single(args, tracing->path, err));
    SCL_TRY(cli_output_extension("--trace", tracing->path, EXTENSION, err));
    return cli_output_check(tracing->path, err);
}

scl_status cli_tracing_begin(cli_tracing *tracing, scl_device *device, scl_error *err)
{
    if (tracing->path == NULL)
        return SCL_OK;
    if (tracing->ceiling.product_side == 0) {
        fprintf(stderr, "--trace: measuring what %s reaches at best\n", device->info.name);
        SCL_TRY(scl_ceiling_measure(device, &tracing->ceiling, err));
    }
    SCL_TRY(scl_profile_begin(device, tracing->path, err));
    tracing->device = device;
    return SCL_OK;
}

static scl_status write_table(const cli_tracing *tracing, const scl_str *table, scl_error *err)
{
    char *path = table_path(tracing->path);
    scl_status status =
        path != NULL ? scl_file_write(path, table->text, table->length, err) : SCL_OK;
    terminal_clear();
    fputs(table->text, stderr);
    if (status == SCL_OK && path != NULL)
        fprintf(stderr, "%s\n%s\n", tracing->path, path);
    scl_free(path);
    return status;
}

scl_status cli_tracing_end(cli_tracing *tracing, scl_status status, scl_error *err)
{
    scl_str table = {0};
    scl_error own = {0};
    if (tracing->device == NULL)
        return status;
    scl_status traced = scl_profile_end(tracing->device, &tracing->ceiling, &table, &own);
    tracing->device = NULL;
    if (traced == SCL_OK && table.failed)
        traced = scl_out_of_memory(&own, table.capacity, "the table");
    if (traced == SCL_OK && table.length > 0)
        traced = write_table(tracing, &table, &own);
    scl_str_free(&table);
    if (status != SCL_OK || traced == SCL_OK)
        return status;
    return scl_fail(err, traced, "%s", own.text);
}
