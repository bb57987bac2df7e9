/* diagnostics.h — every mistake of a run file, collected and reported together.
 *
 * Readers add what they find and go on; the caller finishes once, after the plugins had their say.
 * Single thread. */
#ifndef SCL_CONFIG_DIAGNOSTICS_H
#define SCL_CONFIG_DIAGNOSTICS_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something was written. line and column count from 1; line 0: `file` alone says it, as in
 * "command line: train.epochs=x". file NULL: the sentence says it. */
typedef struct scl_place {
    const char *file; /* outlives the diagnostics */
    uint32_t line, column;
} scl_place;

/* Kept beyond this many are counted only. */
#define SCL_DIAGNOSTICS_KEPT 100

typedef struct scl_diagnostic {
    scl_place place;
    const char *text;
    size_t order; /* of discovery */
} scl_diagnostic;

/* Zero-initialise; free with scl_diagnostics_free. */
typedef struct scl_diagnostics {
    scl_arena arena; /* of the texts; scratch for whoever words one */
    scl_diagnostic items[SCL_DIAGNOSTICS_KEPT];
    size_t kept, total;
    size_t missing_bytes; /* of the first failed allocation, 0: none failed */
} scl_diagnostics;

/* Adds one sentence. The same sentence at the same place counts once. */
void scl_diagnostics_add(scl_diagnostics *diagnostics, scl_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void scl_diagnostics_addv(scl_diagnostics *diagnostics, scl_place place, const char *format,
                          va_list args);

/* Records that reading could not go on for want of memory; outranks every mistake. */
void scl_diagnostics_out_of_memory(scl_diagnostics *diagnostics, size_t bytes);

/* Whether this place was complained about already. */
bool scl_diagnostics_at(const scl_diagnostics *diagnostics, scl_place place);

/* SCL_OK, or SCL_BAD_CONFIG with all mistakes sorted by position, cut with "… and N more" where the
 * error text ends. `file` is the run file, for the heading. SCL_DEVICE when memory ran out. */
scl_status scl_diagnostics_finish(scl_diagnostics *diagnostics, const char *file, scl_error *err);

void scl_diagnostics_free(scl_diagnostics *diagnostics);

#endif
