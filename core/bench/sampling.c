/* sampling.c — time and memory of a case's work. */
#include "bench/bench.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

scl_status scl_bench_sample(scl_bench_work *work, double *seconds, scl_error *err)
{
    double start = scl_clock_seconds();
    SCL_TRY(work->run(work->state, err));
    *seconds = 1e-9 * round(1e9 * (scl_clock_seconds() - start)); /* the clock's resolution */
    return SCL_OK;
}

size_t scl_bench_process_peak(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

scl_status scl_bench_device_measure(scl_device *device, scl_bench_device *out, scl_error *err)
{
    out->info = device->info;
    out->identity = scl_device_identity(device);
    return scl_ceiling_measure(device, &out->ceiling, err);
}

scl_status scl_bench_start(const scl_bench_case *c, const scl_bench_options *options,
                           scl_device *device, scl_bench_work *work, scl_bench_result *result,
                           scl_error *err)
{
    *result = (scl_bench_result){0};
    double start = scl_clock_seconds();
    SCL_TRY(scl_bench_open(c, options, device, work, err));
    result->open_seconds = scl_clock_seconds() - start;
    memcpy(result->shape, work->shape, sizeof work->shape);
    result->flops = work->flops;
    result->bytes = work->bytes;
    result->trained = work->trained;
    return scl_bench_sample(work, &result->first_seconds, err);
}

scl_status scl_bench_take_samples(scl_bench_work *work, const scl_bench_options *options,
                                  const scl_device *device, scl_bench_result *result,
                                  scl_error *err)
{
    double total = 0;
    result->traced = device->profile != NULL;
    while (result->count < SCL_BENCH_MAX_SAMPLES &&
           (result->count < (size_t)options->repeat || total < options->min_seconds)) {
        double *sample = &result->samples[result->count];
        SCL_TRY(scl_bench_sample(work, sample, err));
        total += *sample;
        result->count++;
    }
    result->device_peak = device->bytes_peak;
    result->process_peak = scl_bench_process_peak();
    return SCL_OK;
}
