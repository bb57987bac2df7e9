/* progress.h — the text of a progress line: bar, counts, time gone and time left; and where long
 * work inside the library is told of. It prints nothing. */
#ifndef SCL_BASE_PROGRESS_H
#define SCL_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct scl_progress {
    uint64_t done, total; /* total 0: unknown, and no bar */
    uint64_t before;    /* of those done, how many were when `seconds` began: a run that goes on */
    double seconds;     /* since the start */
    const char *suffix; /* after the rest, such as "loss 0.123"; NULL: nothing */
    bool ascii;         /* no block characters */
} scl_progress;

/* One line of at most `columns` columns without a newline:
 *
 *    42% |████▏     | 420/1000  00:12 < 00:17  35.0/s  loss 0.123
 *
 * The bar takes the room that the text leaves, up to 30 columns, and goes where less than 5 are
 * left; then the text is cut. Writes at most `size` bytes with the NUL (4 * columns + 1 always
 * suffice), never half a UTF-8 character, and returns the length in bytes. A suffix counts one
 * column a character. */
size_t scl_progress_text(const scl_progress *progress, int columns, char *text, size_t size);

/* "mm:ss", "h:mm:ss" or "3d 04h"; "--:--" for NaN, infinity and negative values. */
#define SCL_DURATION_TEXT 32
void scl_duration_text(double seconds, char text[SCL_DURATION_TEXT]);

/* Told of work that may take seconds and knows its length, such as reading weights, by the thread
 * that works. The program sets it before any; NULL: nobody is told. */
typedef void (*scl_progress_sink)(const char *what, size_t done, size_t total);

void scl_progress_set_sink(scl_progress_sink sink);
void scl_progress_tell(const char *what, size_t done, size_t total);

#endif
