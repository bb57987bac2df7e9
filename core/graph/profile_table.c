/* profile_table.c — the sums of a profile as a table for people, dearest first. */
#include "graph/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SHARE 0.005 /* of the device's time: shapes below it share a line */
#define NAME_WIDTH  42

/* ---- what a row is called */

const char *scl_profile_row_name(const scl_profile_row *row)
{
    static const char *const transfers[SCL_TRANSFERS] = {"upload", "download", "clear"};
    int64_t kind = row->key[0];
    if (row->label != NULL)
        return row->label;
    return kind < SCL_PROFILE_TRANSFER ? scl_op_describe((scl_op)kind)->name
                                       : transfers[kind - SCL_PROFILE_TRANSFER];
}

static void gemm_shape(const int64_t *k, char *text)
{
    static const char *const forms[2][2] = {{"A B", "A B^T"}, {"A^T B", "A^T B^T"}};
    char batch[32] = "";
    if (k[2] > 1)
        snprintf(batch, sizeof batch, "%lld times ", (long long)k[2]);
    snprintf(text, SCL_PROFILE_TEXT, "%s%lld x %lld x %lld, %s", batch, (long long)k[3],
             (long long)k[4], (long long)k[5], forms[k[0] != 0][k[1] != 0]);
}

static void attention_shape(const int64_t *k, char *text)
{
    char reach[32] = "global";
    if (k[0] > 0)
        snprintf(reach, sizeof reach, "window %lld", (long long)k[0]);
    snprintf(text, SCL_PROFILE_TEXT, "%s, batch %lld, %lld x %lld, %lld to %lld", reach,
             (long long)k[1], (long long)k[2], (long long)k[3], (long long)k[4], (long long)k[5]);
}

char *scl_profile_row_shape(const scl_profile_row *row, char text[SCL_PROFILE_TEXT])
{
    const int64_t *k = row->key + 1;
    text[0] = '\0';
    if (row->key[0] == SCL_OP_GEMM)
        gemm_shape(k, text);
    else if (row->key[0] == SCL_OP_ATTENTION || row->key[0] == SCL_OP_ATTENTION_BACKWARD)
        attention_shape(k, text);
    else if (row->key[0] < SCL_PROFILE_TRANSFER || row->key[0] >= SCL_PROFILE_OWN)
        scl_shape_text(scl_shape_make((int)k[0], k + 1), text);
    return text;
}

/* ---- sums */

/* A row, or several together. */
typedef struct line {
    const scl_profile_row *row; /* the first of them */
    uint64_t calls, nanoseconds;
    double flops, bytes;
    double least; /* nanoseconds that the ceiling would need */
    double group; /* nanoseconds of all rows of the same op */
} line;

static void add(line *sum, const line *more)
{
    sum->calls += more->calls;
    sum->nanoseconds += more->nanoseconds;
    sum->flops += more->flops;
    sum->bytes += more->bytes;
    sum->least += more->least;
}

static line line_of(const scl_profile_row *row, const scl_ceiling *ceiling)
{
    return (line){.row = row,
                  .calls = row->calls,
                  .nanoseconds = row->nanoseconds,
                  .flops = row->flops,
                  .bytes = row->bytes,
                  .least = 1e9 * scl_ceiling_seconds(ceiling, row->flops, row->bytes)};
}

/* Dearest op first, and in it the dearest shape. */
static int by_time(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->group < y->group || x->group > y->group)
        return x->group > y->group ? -1 : 1;
    if (x->row->key[0] != y->row->key[0])
        return x->row->key[0] < y->row->key[0] ? -1 : 1;
    if (x->nanoseconds != y->nanoseconds)
        return x->nanoseconds > y->nanoseconds ? -1 : 1;
    return memcmp(x->row->key, y->row->key, sizeof x->row->key);
}

/* All rows in the order of the table. NULL when out of memory. */
static line *sorted_lines(const scl_profile *p, const scl_ceiling *ceiling)
{
    line *lines = scl_calloc(p->row_count + 1, sizeof *lines);
    double groups[SCL_PROFILE_KINDS] = {0};
    if (lines == NULL)
        return NULL;
    for (size_t i = 0; i < p->row_count; i++)
        groups[p->rows[i].key[0]] += (double)p->rows[i].nanoseconds;
    for (size_t i = 0; i < p->row_count; i++) {
        lines[i] = line_of(&p->rows[i], ceiling);
        lines[i].group = groups[p->rows[i].key[0]];
    }
    qsort(lines, p->row_count, sizeof *lines, by_time);
    return lines;
}

/* ---- text */

static void write_line(scl_str *out, const char *name, const line *l, double total)
{
    double ns = l->nanoseconds > 0 ? (double)l->nanoseconds : 1;
    char flops[32] = "-";
    if (l->flops > 0)
        snprintf(flops, sizeof flops, "%.2f", l->flops / ns);
    scl_str_add(out, "%-*s %8llu %11.2f %7.2f %9s %8.2f %10.1f\n", NAME_WIDTH, name,
                (unsigned long long)l->calls, 1e-6 * (double)l->nanoseconds,
                total > 0 ? 100.0 * (double)l->nanoseconds / total : 0.0, flops, l->bytes / ns,
                100.0 * l->least / ns);
}

/* The shapes of one op, indented; those of little time share a line, if there are dearer ones. */
static void write_shapes(scl_str *out, const line *lines, size_t count, double total)
{
    char name[SCL_PROFILE_TEXT + 8], shape[SCL_PROFILE_TEXT];
    line rest = {0};
    size_t dear = 0;
    while (dear < count && (double)lines[dear].nanoseconds >= LEAST_SHARE * total)
        dear++;
    if (dear == 0)
        return;
    dear += dear + 1 == count; /* one that is left can as well be named */
    for (size_t i = 0; i < dear; i++) {
        snprintf(name, sizeof name, "  %s", scl_profile_row_shape(lines[i].row, shape));
        write_line(out, name, &lines[i], total);
    }
    for (size_t i = dear; i < count; i++)
        add(&rest, &lines[i]);
    snprintf(name, sizeof name, "  %zu other shapes", count - dear);
    if (dear < count)
        write_line(out, name, &rest, total);
}

static void write_ops(scl_str *out, const line *lines, size_t count)
{
    line all = {0};
    for (size_t i = 0; i < count; i++)
        add(&all, &lines[i]);
    double total = (double)all.nanoseconds;
    scl_str_add(out, "%-*s %8s %11s %7s %9s %8s %10s\n", NAME_WIDTH, "op and shape", "calls", "ms",
                "% time", "GFLOP/s", "GB/s", "% ceiling");
    for (size_t i = 0, end; i < count; i = end) {
        line sum = {0};
        for (end = i; end < count && lines[end].row->key[0] == lines[i].row->key[0]; end++)
            add(&sum, &lines[end]);
        write_line(out, scl_profile_row_name(lines[i].row), &sum, total);
        if (end - i > 1)
            write_shapes(out, lines + i, end - i, total);
    }
    write_line(out, "all", &all, total);
}

static void write_phases(scl_str *out, const scl_profile *p)
{
    if (p->phase_count > 0)
        scl_str_add(out, "\n%-*s %8s %11s\n", NAME_WIDTH, "phase of the host (some lie in others)",
                    "calls", "ms");
    for (size_t i = 0; i < p->phase_count; i++)
        scl_str_add(out, "%-*s %8llu %11.2f\n", NAME_WIDTH, p->phases[i].name,
                    (unsigned long long)p->phases[i].calls,
                    1e-6 * (double)p->phases[i].nanoseconds);
}

void scl_profile_table(const scl_profile *p, const scl_ceiling *ceiling, scl_str *out)
{
    line *lines = sorted_lines(p, ceiling);
    if (lines == NULL) {
        out->failed = true;
        return;
    }
    scl_str_add(out, "%s\n", p->device->info.name);
    write_ops(out, lines, p->row_count);
    scl_free(lines);
    write_phases(out, p);
    double span = (double)(p->last_end - p->first_start), busy = (double)p->busy_in_span;
    scl_str_add(out,
                "\nFrom the first op to the last, in %.3f s, the device did nothing for %.1f %% of "
                "the time.\n100 %% of the ceiling, measured before: ",
                1e-9 * span, span > 0 ? 100.0 * (span - busy) / span : 0.0);
    scl_ceiling_describe(ceiling, out);
    scl_str_add(out,
                ".\nBytes count inputs and outputs once; what fits a cache may pass 100 %%. Noting "
                "all this took the host %.3f s.\n",
                1e-9 * (double)p->own);
}
