/* text.h — single values as text: how a message quotes them, how a run file writes and reads them.
 *
 * Independent of the process's locale: the decimal point is always a point. */
#ifndef SCL_CONFIG_TEXT_H
#define SCL_CONFIG_TEXT_H

#include "base/mem.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* `text` made fit for a message: one line of valid UTF-8, no control characters, cut after 60
 * characters. Lives in the arena; "?" when out of memory. */
const char *scl_text_quote(scl_arena *arena, const char *text);

/* What YAML reads as null when it is not in quotes: nothing, ~, null, Null, NULL. */
bool scl_text_is_null(const char *text);

/* The whole text must be the number; false otherwise, or when it does not fit the type. */
bool scl_text_read_int(const char *text, int64_t *value);
/* Also takes 1e-4, which YAML 1.1 calls a text. Never infinite or NaN. */
bool scl_text_read_double(const char *text, double *value);
/* 8GiB, 1.5GiB, 512MiB, 64KiB, 1TiB or a plain number of bytes. */
bool scl_text_read_bytes(const char *text, int64_t *value);

/* The shortest decimal that reads back as the same double. */
void scl_text_write_double(scl_str *out, double value);
/* In the largest unit that divides it. */
void scl_text_write_bytes(scl_str *out, int64_t value);
/* A text that every YAML reader reads back as the same text: quoted where it must be. */
void scl_text_write_string(scl_str *out, const char *text);
/* The same, but a number, true or false stays bare: for a scalar that was not quoted. */
void scl_text_write_plain(scl_str *out, const char *text);

#endif
