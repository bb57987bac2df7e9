/* profile.c — what backends and phases report, summed up and passed on to the trace. */
#include "graph/profile.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

uint64_t scl_profile_now(const scl_profile *profile)
{
    return profile != NULL ? scl_clock_nanoseconds() - profile->began : 0;
}

void scl_profile_spent(scl_profile *profile, uint64_t since)
{
    profile->own += scl_profile_now(profile) - since;
}

/* ---- rows */

static void key_of_shape(const scl_node *node, int64_t *key)
{
    const scl_tensor *in = node->inputs[0], *out = node->outputs[0];
    bool input = in != NULL && scl_shape_count(in->shape) > scl_shape_count(out->shape);
    const scl_shape *shape = input ? &in->shape : &out->shape;
    key[0] = shape->ndim;
    for (int i = 0; i < shape->ndim; i++)
        key[1 + i] = shape->dim[i];
}

/* The place of a label, which is noted there when it is new. */
static int64_t own_index(scl_profile *p, const char *label)
{
    int64_t i = 0;
    while (i < SCL_PROFILE_OWN_OPS - 1 && p->own_labels[i][0] != '\0' &&
           strcmp(p->own_labels[i], label) != 0)
        i++;
    if (p->own_labels[i][0] == '\0')
        snprintf(p->own_labels[i], SCL_PROFILE_LABEL, "%s", label);
    return i;
}

static void make_key(scl_profile *p, const scl_node *node, int64_t key[SCL_PROFILE_KEY])
{
    const scl_gemm_attr *g = &node->attr.gemm;
    const scl_attention_attr *a = &node->attr.attention;
    memset(key, 0, SCL_PROFILE_KEY * sizeof *key);
    key[0] = node->own != NULL ? SCL_PROFILE_OWN + own_index(p, node->own->label) : node->op;
    if (node->op == SCL_OP_GEMM) {
        const int64_t parts[] = {g->trans_a, g->trans_b, g->batch, g->m, g->n, g->k};
        memcpy(key + 1, parts, sizeof parts);
    } else if (node->op == SCL_OP_ATTENTION || node->op == SCL_OP_ATTENTION_BACKWARD) {
        const int64_t parts[] = {a->window,       node->inputs[0]->shape.dim[0],
                                 a->heads,        a->head_dim,
                                 a->q_h * a->q_w, a->k_h * a->k_w};
        memcpy(key + 1, parts, sizeof parts);
    } else {
        key_of_shape(node, key + 1);
    }
}

static size_t find_place(const scl_profile *p, const int64_t key[SCL_PROFILE_KEY])
{
    size_t at = scl_hash64(key, SCL_PROFILE_KEY * sizeof *key, 0) % p->table_size;
    while (p->table[at] != 0 &&
           memcmp(p->rows[p->table[at] - 1].key, key, SCL_PROFILE_KEY * sizeof *key) != 0)
        at = (at + 1) % p->table_size;
    return at;
}

/* Keeps the table at least half empty. */
static bool make_room(scl_profile *p)
{
    if (2 * (p->row_count + 1) <= p->table_size)
        return true;
    size_t size = p->table_size > 0 ? 2 * p->table_size : 256;
    uint32_t *table = scl_calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    scl_free(p->table);
    p->table = table;
    p->table_size = size;
    for (size_t i = 0; i < p->row_count; i++)
        table[find_place(p, p->rows[i].key)] = (uint32_t)i + 1;
    return true;
}

/* NULL when out of memory, which scl_profile_end reports. */
static scl_profile_row *find_row(scl_profile *p, const int64_t key[SCL_PROFILE_KEY])
{
    if (!make_room(p) || !SCL_GROW(p->rows, p->row_count, p->row_capacity)) {
        p->out_of_memory = true;
        return NULL;
    }
    size_t at = find_place(p, key);
    if (p->table[at] == 0) {
        scl_profile_row *row = &p->rows[p->row_count];
        *row = (scl_profile_row){0};
        memcpy(row->key, key, sizeof row->key);
        if (key[0] >= SCL_PROFILE_OWN)
            row->label = p->own_labels[key[0] - SCL_PROFILE_OWN];
        p->table[at] = (uint32_t)++p->row_count;
    }
    return &p->rows[p->table[at] - 1];
}

static scl_profile_row *add_to_row(scl_profile *p, const int64_t key[SCL_PROFILE_KEY],
                                   uint64_t nanoseconds, double flops, double bytes)
{
    scl_profile_row *row = find_row(p, key);
    if (row == NULL)
        return NULL;
    row->calls++;
    row->nanoseconds += nanoseconds;
    row->flops += flops;
    row->bytes += bytes;
    return row;
}

/* ---- what is reported */

static void add_busy(scl_profile *p, uint64_t start, uint64_t end)
{
    uint64_t from = start > p->busy_until ? start : p->busy_until;
    if (end <= from)
        return;
    p->busy += end - from;
    p->busy_until = end;
}

static void trace_launch(scl_profile *p, const scl_node *node, const scl_profile_row *row,
                         const scl_kernel_time *kernels, size_t count, double flops, double bytes)
{
    char shape[SCL_PROFILE_TEXT];
    scl_trace_event e = {.thread = SCL_TRACE_DEVICE,
                         .name = scl_node_name(node),
                         .start = kernels[0].start,
                         .duration = kernels[count - 1].end - kernels[0].start,
                         .op = scl_node_name(node),
                         .shape = scl_profile_row_shape(row, shape),
                         .scope = node->scope,
                         .kernel = count == 1 ? kernels[0].kernel : NULL,
                         .flops = flops,
                         .bytes = bytes};
    scl_trace_add(p->trace, &e);
    for (size_t i = 0; i < count && count > 1; i++) {
        e = (scl_trace_event){.thread = SCL_TRACE_DEVICE,
                              .name = kernels[i].kernel,
                              .start = kernels[i].start,
                              .duration = kernels[i].end - kernels[i].start,
                              .kernel = kernels[i].kernel};
        scl_trace_add(p->trace, &e);
    }
}

void scl_profile_launch(scl_profile *p, const scl_node *node, const scl_kernel_time *kernels,
                        size_t count)
{
    int64_t key[SCL_PROFILE_KEY];
    uint64_t nanoseconds = 0;
    double flops = scl_node_flops(node);
    double bytes = scl_device_node_bytes(p->device, node);
    if (count == 0)
        return;
    make_key(p, node, key);
    if (!p->launched) {
        p->launched = true;
        p->first_start = p->busy_until = kernels[0].start;
        p->busy = 0;
    }
    for (size_t i = 0; i < count; i++) {
        nanoseconds += kernels[i].end - kernels[i].start;
        add_busy(p, kernels[i].start, kernels[i].end);
    }
    p->last_end = kernels[count - 1].end;
    p->busy_in_span = p->busy;
    const scl_profile_row *row = add_to_row(p, key, nanoseconds, flops, bytes);
    if (p->trace != NULL && row != NULL)
        trace_launch(p, node, row, kernels, count, flops, bytes);
}

void scl_profile_transfer(scl_profile *p, scl_transfer transfer, size_t bytes, uint64_t start,
                          uint64_t end)
{
    const int64_t key[SCL_PROFILE_KEY] = {SCL_PROFILE_TRANSFER + (int64_t)transfer};
    add_busy(p, start, end);
    const scl_profile_row *row = add_to_row(p, key, end - start, 0, (double)bytes);
    if (p->trace == NULL || row == NULL)
        return;
    const scl_trace_event e = {.thread = SCL_TRACE_DEVICE,
                               .name = scl_profile_row_name(row),
                               .start = start,
                               .duration = end - start,
                               .bytes = (double)bytes};
    scl_trace_add(p->trace, &e);
}

void scl_profile_phase(scl_profile *p, const char *name, uint64_t start)
{
    if (p == NULL)
        return;
    uint64_t end = scl_profile_now(p);
    size_t i = 0;
    while (i < p->phase_count && strcmp(p->phases[i].name, name) != 0)
        i++;
    if (i < SCL_PROFILE_PHASES) {
        p->phase_count = i == p->phase_count ? i + 1 : p->phase_count;
        p->phases[i].name = name;
        p->phases[i].calls++;
        p->phases[i].nanoseconds += end - start;
    }
    if (p->trace != NULL)
        scl_trace_add(p->trace, &(scl_trace_event){.thread = SCL_TRACE_HOST,
                                                   .name = name,
                                                   .start = start,
                                                   .duration = end - start});
    scl_profile_spent(p, end);
}

/* ---- begin and end */

static void profile_free(scl_profile *p)
{
    scl_trace_abort(p->trace);
    scl_free(p->rows);
    scl_free(p->table);
    scl_free(p);
}

scl_status scl_profile_begin(scl_device *device, const char *trace, scl_error *err)
{
    char process[512];
    scl_profile *p = scl_calloc(1, sizeof *p);
    if (p == NULL)
        return scl_out_of_memory(err, sizeof *p, "a profile");
    p->device = device;
    p->began = scl_clock_nanoseconds();
    snprintf(process, sizeof process, "samcl on %s", device->info.name);
    scl_status status = trace != NULL ? scl_trace_open(trace, process, &p->trace, err) : SCL_OK;
    device->profile = p;
    if (status == SCL_OK)
        status = device->backend->time_launches(device, err);
    if (status != SCL_OK) {
        device->profile = NULL;
        profile_free(p);
    }
    return status;
}

scl_status scl_profile_end(scl_device *device, const scl_ceiling *ceiling, scl_str *table,
                           scl_error *err)
{
    scl_profile *p = device->profile;
    if (p == NULL)
        return SCL_OK;
    scl_status status = device->backend->finish(device, err);
    device->profile = NULL;
    if (p->out_of_memory && status == SCL_OK)
        status = scl_out_of_memory(err, p->row_count * sizeof *p->rows, "a profile");
    if (p->launched && table != NULL)
        scl_profile_table(p, ceiling, table);
    if (p->launched) {
        scl_status saved = scl_trace_commit(p->trace, err);
        p->trace = NULL;
        status = status == SCL_OK ? saved : status;
    }
    profile_free(p);
    return status;
}
