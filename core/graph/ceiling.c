/* ceiling.c — the product grows until one run takes long enough to be timed by the host's clock. */
#include "graph/ceiling.h"

#include "base/clock.h"
#include "graph/compiled.h"
#include "graph/ops.h"

#define FIRST_SIDE 256
#define LAST_SIDE  4096
#define LONG_ENOUGH                                                                                \
    0.02 /* seconds of a timed stretch: the clock and the start are nothing beside it */
#define COPY_BYTES   ((size_t)256 << 20)
#define RUNS         20
#define MOST_REPEATS 256

static scl_status time_runs(const scl_compiled *c, scl_device *device, int repeats, double *seconds,
                            scl_error *err)
{
    double start = scl_clock_seconds();
    for (int i = 0; i < repeats; i++)
        SCL_TRY(scl_schedule_run(c->schedule, 0, c->plan->node_count, err));
    SCL_TRY(device->backend->finish(device, err));
    *seconds = (scl_clock_seconds() - start) / repeats;
    return SCL_OK;
}

/* The least time of one run. The first one builds kernels and touches memory: it counts for
 * nothing but the number of repeats. */
static scl_status time_best(const scl_compiled *c, scl_device *device, double *best, scl_error *err)
{
    double once;
    SCL_TRY(time_runs(c, device, 1, &once, err));
    SCL_TRY(time_runs(c, device, 1, &once, err));
    double wanted = LONG_ENOUGH / (once > 1e-9 ? once : 1e-9);
    int repeats = wanted > MOST_REPEATS ? MOST_REPEATS : 1 + (int)wanted;
    *best = once;
    for (int i = 0; i < RUNS; i++) {
        SCL_TRY(time_runs(c, device, repeats, &once, err));
        *best = once < *best ? once : *best;
    }
    return SCL_OK;
}

/* Zeros would let some processors run faster than they do with real numbers. */
static scl_status fill(const scl_compiled *c, const scl_tensor *tensor, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = scl_calloc(count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, count * sizeof *values, "a matrix");
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 37 % 101) / 50 - 1;
    scl_status status = scl_schedule_write(c->schedule, tensor, 0, values, count, err);
    scl_free(values);
    return status;
}

static scl_status time_graph(scl_graph *g, scl_tensor *const *inputs, size_t count,
                             scl_device *device, double *seconds, scl_error *err)
{
    scl_store *store = NULL;
    scl_compiled c = {0};
    scl_status status = scl_store_create(device, 0, &store, err);
    if (status != SCL_OK) {
        scl_graph_free(g);
        return status;
    }
    status = scl_compile(g, NULL, 0, store, &c, err);
    for (size_t i = 0; i < count && status == SCL_OK; i++)
        status = fill(&c, inputs[i], err);
    if (status == SCL_OK)
        status = time_best(&c, device, seconds, err);
    scl_compiled_free(&c);
    scl_store_free(store);
    return status;
}

static scl_status time_product(scl_device *device, int64_t side, double *seconds, scl_error *err)
{
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return SCL_DEVICE;
    scl_tensor *inputs[] = {scl_input(g, "a", SCL_F32, SCL_SHAPE(side, side)),
                            scl_input(g, "b", SCL_F32, SCL_SHAPE(side, side))};
    scl_matmul(g, inputs[0], inputs[1], false, true, 1.0f);
    return time_graph(g, inputs, 2, device, seconds, err);
}

static scl_status measure_product(scl_device *device, scl_ceiling *out, scl_error *err)
{
    double seconds = 0;
    for (int64_t side = FIRST_SIDE; side <= LAST_SIDE && seconds < LONG_ENOUGH; side *= 2) {
        double cube = (double)side * (double)side * (double)side;
        SCL_TRY(time_product(device, side, &seconds, err));
        if (2.0 * cube / seconds < out->flops_per_second)
            continue;
        out->flops_per_second = 2.0 * cube / seconds;
        out->product_side = side;
    }
    return SCL_OK;
}

/* A quarter of the largest buffer, or an eighth of the memory, when the device is small. */
static size_t copy_bytes(const scl_device_info *info)
{
    size_t bytes = COPY_BYTES;
    bytes = bytes < info->max_alloc / 4 ? bytes : info->max_alloc / 4;
    return bytes < info->memory_bytes / 8 ? bytes : info->memory_bytes / 8;
}

static scl_status measure_copy(scl_device *device, scl_ceiling *out, scl_error *err)
{
    double seconds = 0;
    size_t element = device->backend->element_size(SCL_F32);
    int64_t count = (int64_t)(copy_bytes(&device->info) / element);
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return SCL_DEVICE;
    scl_affine(g, scl_input(g, "x", SCL_F32, SCL_SHAPE(count)), 2.0f, 1.0f);
    SCL_TRY(time_graph(g, NULL, 0, device, &seconds, err));
    out->copy_bytes = (size_t)count * element;
    out->bytes_per_second = 2.0 * (double)out->copy_bytes / seconds;
    return SCL_OK;
}

scl_status scl_ceiling_measure(scl_device *device, scl_ceiling *out, scl_error *err)
{
    size_t peak = device->bytes_peak; /* of the run, to which this does not belong */
    *out = (scl_ceiling){0};
    scl_status status = measure_product(device, out, err);
    if (status == SCL_OK)
        status = measure_copy(device, out, err);
    device->bytes_peak = peak;
    return status == SCL_OK ? SCL_OK : scl_error_prefix(err, "measuring the device");
}

double scl_ceiling_seconds(const scl_ceiling *ceiling, double flops, double bytes)
{
    double compute = flops / ceiling->flops_per_second, move = bytes / ceiling->bytes_per_second;
    return compute > move ? compute : move;
}

void scl_ceiling_describe(const scl_ceiling *c, scl_str *out)
{
    char bytes[SCL_BYTES_TEXT];
    long long side = c->product_side;
    scl_str_add(out, "%.2f GFLOP/s in a product of %lld x %lld x %lld, %.2f GB/s in a copy of %s",
                1e-9 * c->flops_per_second, side, side, side, 1e-9 * c->bytes_per_second,
                scl_bytes_text(c->copy_bytes, bytes));
}
