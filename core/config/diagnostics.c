#include "config/diagnostics.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 1024

static bool same_place(scl_place a, scl_place b)
{
    bool same_file =
        a.file == b.file || (a.file != NULL && b.file != NULL && strcmp(a.file, b.file) == 0);
    return same_file && a.line == b.line && a.column == b.column;
}

static bool is_known(const scl_diagnostics *diagnostics, scl_place place, const char *text)
{
    for (size_t i = 0; i < diagnostics->kept; i++)
        if (same_place(diagnostics->items[i].place, place) &&
            strcmp(diagnostics->items[i].text, text) == 0)
            return true;
    return false;
}

void scl_diagnostics_addv(scl_diagnostics *diagnostics, scl_place place, const char *format,
                          va_list args)
{
    char text[TEXT_BYTES];
    vsnprintf(text, sizeof text, format, args);
    if (is_known(diagnostics, place, text))
        return;
    diagnostics->total++;
    if (diagnostics->kept == SCL_DIAGNOSTICS_KEPT)
        return;
    const char *copy = scl_arena_strdup(&diagnostics->arena, text);
    if (copy == NULL) {
        scl_diagnostics_out_of_memory(diagnostics, strlen(text) + 1);
        return;
    }
    diagnostics->items[diagnostics->kept] =
        (scl_diagnostic){.place = place, .text = copy, .order = diagnostics->kept};
    diagnostics->kept++;
}

void scl_diagnostics_add(scl_diagnostics *diagnostics, scl_place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    scl_diagnostics_addv(diagnostics, place, format, args);
    va_end(args);
}

void scl_diagnostics_out_of_memory(scl_diagnostics *diagnostics, size_t bytes)
{
    if (diagnostics->missing_bytes == 0)
        diagnostics->missing_bytes = bytes > 0 ? bytes : 1;
}

bool scl_diagnostics_at(const scl_diagnostics *diagnostics, scl_place place)
{
    for (size_t i = 0; i < diagnostics->kept; i++)
        if (same_place(diagnostics->items[i].place, place))
            return true;
    return false;
}

/* By position in the file; what was said on the command line comes after, in its order. */
static int by_position(const void *left, const void *right)
{
    const scl_diagnostic *a = left, *b = right;
    uint32_t line_a = a->place.line - 1, line_b = b->place.line - 1; /* line 0 sorts last */
    if (line_a != line_b)
        return line_a < line_b ? -1 : 1;
    if (a->place.column != b->place.column)
        return a->place.column < b->place.column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static int print_item(char *text, size_t size, const scl_diagnostic *item, const char *file)
{
    scl_place place = item->place;
    if (place.file == NULL)
        return snprintf(text, size, "%s", item->text);
    if (place.line == 0)
        return snprintf(text, size, "%s: %s", place.file, item->text);
    return snprintf(text, size, "%s:%u:%u: %s", file, place.line, place.column, item->text);
}

/* Writes the items below `heading`, leaving room to say how many did not fit. */
static void print_all(const scl_diagnostics *diagnostics, const char *file, char *text)
{
    static const size_t reserve = 48;
    size_t used = strlen(text), printed = 0;
    while (printed < diagnostics->kept) {
        char line[TEXT_BYTES + 512];
        int length =
            print_item(line, sizeof line, &diagnostics->items[printed], scl_path_base(file));
        size_t bytes = length < (int)sizeof line ? (size_t)length : sizeof line - 1;
        if (used + bytes + 3 + reserve > SCL_ERROR_TEXT)
            break;
        memcpy(text + used, "\n  ", 3);
        memcpy(text + used + 3, line, bytes + 1);
        used += bytes + 3;
        printed++;
    }
    if (printed < diagnostics->total)
        snprintf(text + used, SCL_ERROR_TEXT - used, "\n  … and %zu more",
                 diagnostics->total - printed);
}

scl_status scl_diagnostics_finish(scl_diagnostics *diagnostics, const char *file, scl_error *err)
{
    if (diagnostics->missing_bytes > 0)
        return scl_out_of_memory(err, diagnostics->missing_bytes, "the run file");
    if (diagnostics->total == 0)
        return SCL_OK;
    qsort(diagnostics->items, diagnostics->kept, sizeof diagnostics->items[0], by_position);
    char text[SCL_ERROR_TEXT];
    if (diagnostics->total == 1) {
        print_item(text, sizeof text, &diagnostics->items[0], file);
    } else {
        snprintf(text, SCL_ERROR_TEXT / 2, "%zu errors in %s:", diagnostics->total, file);
        print_all(diagnostics, file, text);
    }
    return scl_fail(err, SCL_BAD_CONFIG, "%s", text);
}

void scl_diagnostics_free(scl_diagnostics *diagnostics)
{
    scl_arena_free(&diagnostics->arena);
    *diagnostics = (scl_diagnostics){0};
}
