#include "bench/report.h"

#include "bench/work.h"
#include "samcl/samcl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* ---- statistics */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between neighbours as numpy.quantile. */
static double quantile(const double *sorted, size_t count, double q)
{
    double place = q * (double)(count - 1);
    size_t low = (size_t)place;
    double rest = place - (double)low;
    return low + 1 < count ? sorted[low] + rest * (sorted[low + 1] - sorted[low]) : sorted[low];
}

scl_bench_summary scl_bench_summarize(const double *samples, size_t count)
{
    double sorted[SCL_BENCH_MAX_SAMPLES];
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    scl_bench_summary s = {.median = quantile(sorted, count, 0.5),
                           .min = sorted[0],
                           .max = sorted[count - 1],
                           .p10 = quantile(sorted, count, 0.1),
                           .p90 = quantile(sorted, count, 0.9)};
    for (size_t i = 0; i < count; i++)
        sorted[i] = fabs(samples[i] - s.median);
    qsort(sorted, count, sizeof *sorted, compare);
    s.mad = quantile(sorted, count, 0.5);
    return s;
}

/* ---- the table */

#define COLUMNS "| %-33s | %-30s | %9s | %9s | %7s | %8s | %7s | %9s | %9s | %9s |\n"

void scl_bench_table_head(scl_str *out)
{
    scl_str_add(out, COLUMNS, "case", "work", "median", "min", "spread", "GFLOP/s", "GB/s",
                "% ceiling", "device", "process");
    scl_str_add(out, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
}

static const char *time_text(double seconds, char text[32])
{
    if (seconds >= 1)
        snprintf(text, 32, "%.3f s", seconds);
    else if (seconds >= 1e-3)
        snprintf(text, 32, "%.3f ms", 1e3 * seconds);
    else
        snprintf(text, 32, "%.1f us", 1e6 * seconds);
    return text;
}

static const char *rate_text(double amount, double seconds, char text[32])
{
    if (amount > 0)
        snprintf(text, 32, "%.1f", 1e-9 * amount / seconds);
    else
        snprintf(text, 32, "-");
    return text;
}

double scl_bench_percent_of_ceiling(const scl_bench_result *r, const scl_ceiling *ceiling)
{
    double least = scl_ceiling_seconds(ceiling, r->flops, r->bytes);
    return 100 * least / scl_bench_summarize(r->samples, r->count).median;
}

void scl_bench_table_row(const scl_bench_case *c, const scl_bench_result *r,
                         const scl_ceiling *ceiling, scl_str *out)
{
    char median[32], min[32], flops[32], bytes[32], spread[32], percent[32];
    char device[SCL_BYTES_TEXT], process[SCL_BYTES_TEXT];
    scl_bench_summary s = scl_bench_summarize(r->samples, r->count);
    snprintf(spread, sizeof spread, "%.1f %%", 100 * s.mad / s.median);
    snprintf(percent, sizeof percent, "%.1f", scl_bench_percent_of_ceiling(r, ceiling));
    scl_str_add(out, COLUMNS, c->name, r->shape, time_text(s.median, median), time_text(s.min, min),
                spread, rate_text(r->flops, s.median, flops), rate_text(r->bytes, s.median, bytes),
                percent, scl_bytes_text(r->device_peak, device),
                scl_bytes_text(r->process_peak, process));
}

void scl_bench_table_failure(const scl_bench_case *c, const char *error, scl_str *out)
{
    scl_str_add(out, "| %-33s | failed: %s |\n", c->name, error);
}

/* ---- the record */

static void add_machine(cJSON *record)
{
    char line[512], *name = NULL;
    struct utsname system;
    cJSON *machine = cJSON_AddObjectToObject(record, "machine");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL)
        if (scl_starts_with(line, "model name") && (name = strchr(line, ':')) != NULL)
            name[strcspn(name, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    if (name != NULL)
        cJSON_AddStringToObject(machine, "processor", name + 1 + strspn(name + 1, " "));
    cJSON_AddNumberToObject(machine, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    cJSON_AddNumberToObject(machine, "memory_bytes",
                            (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE));
    if (uname(&system) == 0) {
        cJSON_AddStringToObject(machine, "system", system.sysname);
        cJSON_AddStringToObject(machine, "kernel", system.release);
    }
}

static void add_device(cJSON *record, const scl_bench_device *measured)
{
    const scl_device_info *d = &measured->info;
    char hash[SCL_HASH_TEXT];
    cJSON *device = cJSON_AddObjectToObject(record, "device");
    scl_hash128_text(measured->identity, hash);
    cJSON_AddStringToObject(device, "name", d->name);
    cJSON_AddStringToObject(device, "vendor", d->vendor);
    cJSON_AddStringToObject(device, "platform", d->platform);
    cJSON_AddStringToObject(device, "runtime", d->runtime);
    cJSON_AddStringToObject(device, "driver", d->driver);
    cJSON_AddStringToObject(device, "version", d->version);
    cJSON_AddBoolToObject(device, "is_cpu", d->is_cpu);
    cJSON_AddNumberToObject(device, "compute_units", d->compute_units);
    cJSON_AddNumberToObject(device, "memory_bytes", (double)d->memory_bytes);
    cJSON_AddNumberToObject(device, "max_alloc", (double)d->max_alloc);
    cJSON_AddStringToObject(device, "identity", hash); /* with kernels and their build */
}

static void add_ceiling(cJSON *record, const scl_ceiling *c)
{
    cJSON *ceiling = cJSON_AddObjectToObject(record, "ceiling");
    cJSON_AddNumberToObject(ceiling, "gflops_per_s", 1e-9 * c->flops_per_second);
    cJSON_AddNumberToObject(ceiling, "gbytes_per_s", 1e-9 * c->bytes_per_second);
    cJSON_AddNumberToObject(ceiling, "product_side", (double)c->product_side);
    cJSON_AddNumberToObject(ceiling, "copy_bytes", (double)c->copy_bytes);
}

static void add_settings(cJSON *record, const scl_bench_options *o)
{
    cJSON *settings = cJSON_AddObjectToObject(record, "settings");
    if (o->model_type != NULL || o->checkpoint == NULL)
        cJSON_AddStringToObject(settings, "model_type",
                                o->model_type != NULL ? o->model_type : "vit_b");
    if (o->checkpoint != NULL)
        cJSON_AddStringToObject(settings, "checkpoint", o->checkpoint);
    if (o->image_size > 0)
        cJSON_AddNumberToObject(settings, "image_size", (double)o->image_size);
    if (o->batch > 0)
        cJSON_AddNumberToObject(settings, "batch", (double)o->batch);
    cJSON_AddNumberToObject(settings, "repeat", (double)o->repeat);
    cJSON_AddNumberToObject(settings, "min_seconds", o->min_seconds);
    cJSON_AddStringToObject(settings, "precision", "float32");
    cJSON *run_file = cJSON_AddArrayToObject(settings, "run_file");
    for (size_t i = 0; i < o->setting_count; i++)
        cJSON_AddItemToArray(run_file, cJSON_CreateString(o->settings[i]));
}

cJSON *scl_bench_record(const scl_bench_options *options, const scl_bench_device *device)
{
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    cJSON *record = cJSON_CreateObject();
    if (record == NULL || gmtime_r(&now, &utc) == NULL)
        return record;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    cJSON_AddNumberToObject(record, "schema", 1);
    cJSON_AddStringToObject(record, "samcl", scl_version());
    cJSON_AddStringToObject(record, "date", date);
    add_machine(record);
    add_device(record, device);
    add_ceiling(record, &device->ceiling);
    add_settings(record, options);
    cJSON_AddArrayToObject(record, "cases");
    return record;
}

static void add_times(cJSON *item, const scl_bench_result *r, const scl_ceiling *ceiling)
{
    scl_bench_summary s = scl_bench_summarize(r->samples, r->count);
    const struct {
        const char *name;
        double value;
    } all[] = {{"median", s.median},
               {"min", s.min},
               {"max", s.max},
               {"p10", s.p10},
               {"p90", s.p90},
               {"mad", s.mad},
               {"gflops_per_s", 1e-9 * r->flops / s.median},
               {"gbytes_per_s", 1e-9 * r->bytes / s.median},
               {"percent_of_ceiling", scl_bench_percent_of_ceiling(r, ceiling)}};
    cJSON_AddItemToObject(item, "samples", cJSON_CreateDoubleArray(r->samples, (int)r->count));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cJSON_AddNumberToObject(item, all[i].name, all[i].value);
}

void scl_bench_record_case(cJSON *record, const scl_bench_case *c, const scl_bench_result *r,
                           const scl_ceiling *ceiling, const char *error)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItem(record, "cases"), item);
    cJSON_AddStringToObject(item, "name", c->name);
    cJSON_AddStringToObject(item, "summary", c->summary);
    if (error != NULL) {
        cJSON_AddStringToObject(item, "error", error);
        return;
    }
    cJSON_AddStringToObject(item, "work", r->shape);
    cJSON_AddNumberToObject(item, "flops", r->flops);
    cJSON_AddNumberToObject(item, "bytes", r->bytes);
    cJSON_AddNumberToObject(item, "trained", (double)r->trained);
    cJSON_AddNumberToObject(item, "open", r->open_seconds);
    cJSON_AddNumberToObject(item, "first", r->first_seconds);
    cJSON_AddBoolToObject(item, "traced", r->traced);
    add_times(item, r, ceiling);
    cJSON_AddNumberToObject(item, "device_peak_bytes", (double)r->device_peak);
    cJSON_AddNumberToObject(item, "process_peak_bytes", (double)r->process_peak);
}
