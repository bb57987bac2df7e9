#include "base/str.h"

#include "base/mem.h"
#include "samcl/plugin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH 63

static bool reserve(scl_str *str, size_t extra)
{
    size_t needed = str->length + extra + 1;
    if (needed <= str->capacity)
        return true;
    size_t capacity = str->capacity > 0 ? str->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    char *bigger = scl_realloc(str->text, capacity, 1);
    if (bigger == NULL) {
        str->failed = true;
        return false;
    }
    str->text = bigger;
    str->capacity = capacity;
    return true;
}

void scl_str_add_bytes(scl_str *str, const char *bytes, size_t count)
{
    if (!reserve(str, count))
        return;
    memcpy(str->text + str->length, bytes, count);
    str->length += count;
    str->text[str->length] = '\0';
}

void scl_str_addv(scl_str *str, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(str, (size_t)length)) {
        vsnprintf(str->text + str->length, (size_t)length + 1, format, again);
        str->length += (size_t)length;
    }
    va_end(again);
}

void scl_str_add(scl_str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    scl_str_addv(str, format, args);
    va_end(args);
}

void scl_str_free(scl_str *str)
{
    scl_free(str->text);
    *str = (scl_str){0};
}

const char *scl_str_text(const scl_str *str)
{
    return str->text != NULL ? str->text : "";
}

size_t scl_character_bytes(const char *text, const char *end)
{
    size_t bytes = 1;
    while (text + bytes != end && !scl_begins_character(text[bytes]))
        bytes++;
    return bytes;
}

bool scl_glob_match(const char *pattern, const char *name)
{
    return scl_pattern_matches(pattern, name) != 0;
}

static int lower(char c)
{
    return tolower((unsigned char)c);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int scl_edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_LENGTH || lb > NAME_MAX_LENGTH)
        return 1000;
    int rows[3][NAME_MAX_LENGTH + 1];
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int x = lower(a[i - 1]), y = lower(b[j - 1]);
            row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[la % 3][lb];
}

const char *scl_nearest_name(const char *name, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    int best_distance = 1000;
    int limit = 1 + (int)strlen(name) / 3;
    for (size_t i = 0; i < count; i++) {
        int distance = scl_edit_distance(name, candidates[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best_distance <= limit ? best : NULL;
}

const char *scl_bytes_text(size_t bytes, char text[SCL_BYTES_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    /* 1023.95 and more would be shown as 1024.0 */
    for (; value >= 1023.95 && unit < sizeof units / sizeof *units - 1; unit++)
        value /= 1024;
    if (bytes < 1024)
        snprintf(text, SCL_BYTES_TEXT, "%zu byte%s", bytes, bytes == 1 ? "" : "s");
    else
        snprintf(text, SCL_BYTES_TEXT, "%.1f %s", value, units[unit]);
    return text;
}

bool scl_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool scl_ends_with(const char *text, const char *suffix)
{
    size_t lt = strlen(text), ls = strlen(suffix);
    return lt >= ls && strcmp(text + lt - ls, suffix) == 0;
}
