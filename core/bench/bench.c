#include "bench/bench.h"

#include "base/rng.h"
#include "base/str.h"
#include "bench/work.h"
#include "graph/prefix.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the table */

static const scl_bench_family *const families[] = {
    &scl_bench_gemm, &scl_bench_attention, &scl_bench_ops, &scl_bench_model, &scl_bench_step};
#define FAMILY_COUNT (sizeof families / sizeof *families)

size_t scl_bench_case_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        count += families[i]->count;
    return count;
}

const scl_bench_case *scl_bench_case_at(size_t index)
{
    size_t family = 0;
    while (index >= families[family]->count)
        index -= families[family++]->count;
    return &families[family]->cases[index];
}

bool scl_bench_case_matches(const scl_bench_case *c, const char *pattern)
{
    size_t length = strlen(pattern);
    bool in_group = strncmp(c->name, pattern, length) == 0 && c->name[length] == '/';
    return in_group || scl_glob_match(pattern, c->name);
}

scl_status scl_bench_check_pattern(const char *pattern, scl_error *err)
{
    const char *names[SCL_BENCH_MAX_CASES];
    size_t count = scl_bench_case_count();
    for (size_t i = 0; i < count && i < SCL_BENCH_MAX_CASES; i++) {
        names[i] = scl_bench_case_at(i)->name;
        if (scl_bench_case_matches(scl_bench_case_at(i), pattern))
            return SCL_OK;
    }
    const char *near =
        scl_nearest_name(pattern, names, count < SCL_BENCH_MAX_CASES ? count : SCL_BENCH_MAX_CASES);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "no case is named %s or matches it%s%s%s; `samcl bench --list` lists them",
                    pattern, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                    near != NULL ? "?" : "");
}

/* ---- the model that the options speak of */

static scl_status read_options(const scl_bench_options *o, scl_bench_setup *setup, scl_error *err)
{
    scl_weights weights = {0};
    *setup = (scl_bench_setup){.options = o, .section = scl_model_config_unset()};
    setup->batch = o->batch > 0 ? o->batch : 1;
    setup->section.checkpoint = o->checkpoint;
    const char *type = o->model_type == NULL && o->checkpoint == NULL ? "vit_b" : o->model_type;
    if (type != NULL && scl_sam_find_preset(type, &setup->section.type, err) != SCL_OK)
        return scl_error_prefix(err, "--model-type");
    if (o->image_size > 0)
        setup->section.image_size = o->image_size;
    if (o->checkpoint != NULL)
        SCL_TRY(scl_weights_load(o->checkpoint, &weights, err));
    scl_status status = scl_model_find_config(
        &setup->section, o->checkpoint != NULL ? &weights : NULL, 0, &setup->config, err);
    scl_weights_free(&weights);
    return status;
}

scl_status scl_bench_check_options(const scl_bench_options *options, scl_error *err)
{
    scl_bench_setup setup;
    return read_options(options, &setup, err);
}

scl_status scl_bench_open(const scl_bench_case *c, const scl_bench_options *options,
                          scl_device *device, scl_bench_work *work, scl_error *err)
{
    scl_bench_setup setup;
    *work = (scl_bench_work){0};
    SCL_TRY(read_options(options, &setup, err));
    setup.device = device;
    return c->open(&setup, c->what, work, err);
}

void scl_bench_close(scl_bench_work *work)
{
    if (work->free != NULL)
        work->free(work->state);
    *work = (scl_bench_work){0};
}

/* ---- for the cases */

void scl_bench_shape(scl_bench_work *work, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(work->shape, sizeof work->shape, format, args);
    va_end(args);
}

void scl_bench_count(scl_bench_work *work, const scl_device *device, scl_node *const *nodes,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        work->flops += scl_node_flops(nodes[i]);
        work->bytes += scl_device_node_bytes(device, nodes[i]);
    }
}

scl_status scl_bench_count_live(scl_bench_work *work, const scl_device *device, scl_graph *graph,
                                const scl_tensor *source, const scl_tensor *last, scl_error *err)
{
    scl_split split = {0};
    scl_status status = scl_graph_split(graph, source, last, &split, err);
    if (status == SCL_OK)
        scl_bench_count(work, device, split.live + split.once_count,
                        split.live_count - split.once_count);
    scl_split_free(&split);
    return status;
}

void scl_bench_fill(const char *name, float *values, size_t count)
{
    scl_rng rng = scl_rng_make(SCL_BENCH_SEED, name, 0, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)ldexp((double)scl_rng_u32(&rng), -31) - 1;
}
