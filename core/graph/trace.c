/* trace.c — numbers are written by their digits, so that no locale puts a comma into them. */
#include "graph/trace.h"

#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct scl_trace {
    scl_file_writer writer;
};

static void write_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20) {
            fprintf(to, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            putc_unlocked('\\', to); /* one thread writes, and there is much to write */
        putc_unlocked(c, to);
    }
    fputc('"', to);
}

/* Thousandths as a number with three decimals. */
static void write_thousandths(FILE *to, uint64_t value)
{
    fprintf(to, "%" PRIu64 ".%03" PRIu64, value / 1000, value % 1000);
}

static void write_thread_name(FILE *to, scl_trace_thread thread, const char *name)
{
    fprintf(to,
            ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":",
            (int)thread);
    write_text(to, name);
    fputs("}}", to);
}

scl_status scl_trace_open(const char *path, const char *process, scl_trace **out, scl_error *err)
{
    scl_trace *trace = scl_calloc(1, sizeof *trace);
    *out = NULL;
    if (trace == NULL)
        return scl_out_of_memory(err, sizeof *trace, "a trace");
    scl_status status = scl_file_writer_open(&trace->writer, path, err);
    if (status != SCL_OK) {
        scl_free(trace);
        return status;
    }
    FILE *to = trace->writer.stream;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
          "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":",
          to);
    write_text(to, process);
    fputs("}}", to);
    write_thread_name(to, SCL_TRACE_HOST, "host");
    write_thread_name(to, SCL_TRACE_DEVICE, "device");
    *out = trace;
    return SCL_OK;
}

static void write_argument(FILE *to, bool *first, const char *key, const char *text)
{
    if (text == NULL)
        return;
    fprintf(to, "%s\"%s\":", *first ? "" : ",", key);
    write_text(to, text);
    *first = false;
}

/* An amount, and what that is in a second, in thousand millions. */
static void write_amount(FILE *to, bool *first, const char *key, const char *rate, double amount,
                         uint64_t duration)
{
    if (!(amount > 0))
        return;
    fprintf(to, "%s\"%s\":%.0f", *first ? "" : ",", key, amount);
    if (duration > 0) {
        fprintf(to, ",\"%s\":", rate);
        write_thousandths(to, (uint64_t)llround(1000.0 * amount / (double)duration));
    }
    *first = false;
}

void scl_trace_add(scl_trace *trace, const scl_trace_event *e)
{
    FILE *to = trace->writer.stream;
    bool first = true;
    fprintf(to, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":", (int)e->thread);
    write_thousandths(to, e->start);
    fputs(",\"dur\":", to);
    write_thousandths(to, e->duration);
    fputs(",\"name\":", to);
    write_text(to, e->name);
    fputs(",\"args\":{", to);
    write_argument(to, &first, "op", e->op);
    write_argument(to, &first, "shape", e->shape);
    write_argument(to, &first, "scope", e->scope);
    write_argument(to, &first, "kernel", e->kernel);
    write_amount(to, &first, "flops", "GFLOP/s", e->flops, e->duration);
    write_amount(to, &first, "bytes", "GB/s", e->bytes, e->duration);
    fputs("}}", to);
}

scl_status scl_trace_commit(scl_trace *trace, scl_error *err)
{
    if (trace == NULL)
        return SCL_OK;
    fputs("\n]}\n", trace->writer.stream);
    scl_status status = scl_file_writer_commit(&trace->writer, err);
    scl_free(trace);
    return status;
}

void scl_trace_abort(scl_trace *trace)
{
    if (trace == NULL)
        return;
    scl_file_writer_abort(&trace->writer);
    scl_free(trace);
}
