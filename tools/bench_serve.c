#include "bench_serve.h"

#include "registry.h"
#include "samcl/samcl.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 4096

static scl_status answer(scl_bench_work *work, const scl_device *device, const char *line,
                         scl_error *err)
{
    double seconds = 0;
    if (strcmp(line, "run") == 0) {
        SCL_TRY(scl_bench_sample(work, &seconds, err));
        printf("%.9f\n", seconds);
    } else if (strcmp(line, "memory") == 0) {
        printf("%zu %zu\n", device->bytes_peak, scl_bench_process_peak());
    } else if (strncmp(line, "save ", 5) == 0) {
        SCL_TRY(work->save(work->state, line + 5, err));
        printf("saved\n");
    } else {
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected run, memory or save FILE on standard input, found \"%s\"", line);
    }
    return SCL_OK;
}

static scl_status serve(scl_bench_work *work, const scl_device *device, scl_error *err)
{
    char line[LINE_BYTES];
    double seconds = 0;
    SCL_TRY(scl_bench_sample(work, &seconds, err)); /* warms up */
    const scl_device_info *d = &device->info;
    printf("ready %.0f %.0f samcl %s, %s, %s, %u compute units\n", work->flops, work->bytes,
           scl_version(), d->name, d->runtime, d->compute_units);
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        SCL_TRY(answer(work, device, line, err));
    }
    return SCL_OK;
}

scl_status bench_serve(const scl_bench_case *c, const scl_bench_options *options, const char *spec,
                       scl_error *err)
{
    scl_device *device = NULL;
    scl_bench_work work;
    SCL_TRY(scl_device_open(spec, &device, err));
    scl_status status = scl_bench_open(c, options, device, &work, err);
    if (status == SCL_OK)
        status = serve(&work, device, err);
    scl_bench_close(&work);
    scl_device_close(device);
    return status;
}
