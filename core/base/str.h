/* str.h — growing text, name matching, and "did you mean". */
#ifndef SCL_BASE_STR_H
#define SCL_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Growing, always NUL-terminated text. Zero-initialise; free with scl_str_free.
 * A failed allocation sets `failed` and keeps the text so far. */
typedef struct scl_str {
    char *text;
    size_t length;
    size_t capacity;
    bool failed;
} scl_str;

void scl_str_add(scl_str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));
void scl_str_addv(scl_str *str, const char *format, va_list args);
void scl_str_add_bytes(scl_str *str, const char *bytes, size_t count);
void scl_str_free(scl_str *str);
/* The text, or "" when nothing was added. Borrowed. */
const char *scl_str_text(const scl_str *str);

/* Whether a byte of UTF-8 begins a character, as the final NUL does. */
static inline bool scl_begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}
/* Bytes of the UTF-8 character at `text`, which ends before `end`; NULL: at the final NUL. */
size_t scl_character_bytes(const char *text, const char *end);

/* Shell-like match of a whole name: '*' any run of characters, '?' any one. */
bool scl_glob_match(const char *pattern, const char *name);

/* Insertions, deletions, other letters and swaps of two neighbours, whatever the case; lengths
 * above 63 count as unrelated (a large number). */
int scl_edit_distance(const char *a, const char *b);

/* The candidate nearest to `name`, or NULL when none is near enough to be a misspelling. */
const char *scl_nearest_name(const char *name, const char *const *candidates, size_t count);

/* "1.5 GiB", "64.0 MiB", "2.3 KiB" or "100 bytes", for people; returns `text`. */
#define SCL_BYTES_TEXT 32
const char *scl_bytes_text(size_t bytes, char text[SCL_BYTES_TEXT]);

bool scl_starts_with(const char *text, const char *prefix);
bool scl_ends_with(const char *text, const char *suffix);

#endif
