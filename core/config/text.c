#include "config/text.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUOTE_CHARACTERS 60

/* The next code point, or -1 for a byte that is not UTF-8 (one byte is then passed over). */
static int32_t next_code_point(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    *text += 1;
    if (p[0] < 0x80)
        return p[0];
    int extra = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return -1;
    int32_t code = p[0] & (0x3f >> extra);
    for (int i = 1; i <= extra; i++) {
        if ((p[i] & 0xc0) != 0x80) /* also stops at the final NUL */
            return -1;
        code = code << 6 | (p[i] & 0x3f);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (code < least[extra] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return -1;
    *text += extra;
    return code;
}

/* Shows as a character, in a terminal and in YAML: no control code, line break or byte order mark.
 */
static bool is_printable(int32_t code)
{
    if (code < 0xa0)
        return code >= 0x20 && code < 0x7f;
    return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff;
}

const char *scl_text_quote(scl_arena *arena, const char *text)
{
    static const char more[] = "...";
    char *copy = scl_arena_alloc(arena, QUOTE_CHARACTERS * 4 + sizeof more);
    if (copy == NULL)
        return "?";
    char *end = copy;
    for (int i = 0; *text != '\0'; i++) {
        if (i == QUOTE_CHARACTERS) {
            memcpy(end, more, sizeof more);
            break;
        }
        const char *start = text;
        int32_t code = next_code_point(&text);
        if (code == '\n' || code == '\t')
            *end++ = ' ';
        else if (!is_printable(code))
            *end++ = '?';
        else
            while (start < text)
                *end++ = *start++;
    }
    return copy;
}

bool scl_text_is_null(const char *text)
{
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

bool scl_text_read_int(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t count = strspn(digits, "0123456789");
    /* A leading zero is octal to YAML 1.1 and decimal to YAML 1.2, so it is neither here. */
    if (count == 0 || digits[count] != '\0' || (digits[0] == '0' && count > 1))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *value = number;
    return true;
}

/* Runs the rest of the caller under the C locale; put back with leave_c_locale. */
static locale_t enter_c_locale(locale_t *c_locale)
{
    *c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *c_locale != (locale_t)0 ? uselocale(*c_locale) : (locale_t)0;
}

static void leave_c_locale(locale_t c_locale, locale_t previous)
{
    if (c_locale == (locale_t)0)
        return;
    uselocale(previous);
    freelocale(c_locale);
}

/* Length of the decimal number that `text` begins with, 0 when it begins with none. */
static size_t decimal_length(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789");
    p += whole;
    size_t fraction = 0;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    if (whole + fraction == 0)
        return 0;
    if (*p == 'e' || *p == 'E') {
        const char *power = p + 1 + (p[1] == '-' || p[1] == '+');
        size_t digits = strspn(power, "0123456789");
        if (digits > 0)
            p = power + digits;
    }
    return (size_t)(p - text);
}

bool scl_text_read_double(const char *text, double *value)
{
    size_t length = decimal_length(text);
    if (length == 0 || text[length] != '\0')
        return false;
    locale_t c_locale, previous = enter_c_locale(&c_locale);
    double number = strtod(text, NULL);
    leave_c_locale(c_locale, previous);
    if (!isfinite(number))
        return false;
    *value = number;
    return true;
}

static const struct {
    const char *name;
    int64_t bytes;
} byte_units[] = {
    {"TiB", (int64_t)1 << 40},
    {"GiB", (int64_t)1 << 30},
    {"MiB", (int64_t)1 << 20},
    {"KiB", (int64_t)1 << 10},
};

#define BYTE_UNITS (sizeof byte_units / sizeof byte_units[0])

bool scl_text_read_bytes(const char *text, int64_t *value)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    if (scl_text_read_int(text, value))
        return true;
    size_t length = decimal_length(text);
    char number[32];
    double scaled = 0;
    if (length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    for (size_t i = 0; i < BYTE_UNITS; i++) {
        if (strcmp(text + length, byte_units[i].name) != 0)
            continue;
        if (!scl_text_read_double(number, &scaled))
            return false;
        scaled = round(scaled * (double)byte_units[i].bytes);
        if (scaled >= 0x1p63)
            return false;
        *value = (int64_t)scaled;
        return true;
    }
    return false;
}

void scl_text_write_double(scl_str *out, double value)
{
    char text[40];
    locale_t c_locale, previous = enter_c_locale(&c_locale);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    leave_c_locale(c_locale, previous);
    scl_str_add(out, "%s", text);
}

void scl_text_write_bytes(scl_str *out, int64_t value)
{
    for (size_t i = 0; i < BYTE_UNITS; i++) {
        if (value >= byte_units[i].bytes && value % byte_units[i].bytes == 0) {
            scl_str_add(out, "%" PRId64 "%s", value / byte_units[i].bytes, byte_units[i].name);
            return;
        }
    }
    scl_str_add(out, "%" PRId64, value);
}

static void write_quoted(scl_str *out, const char *text)
{
    scl_str_add(out, "\"");
    while (*text != '\0') {
        const char *start = text;
        int32_t code = next_code_point(&text);
        if (code == '"' || code == '\\')
            scl_str_add(out, "\\%c", (char)code);
        else if (code == '\n')
            scl_str_add(out, "\\n");
        else if (code == -1)
            scl_str_add(out, "?");
        else if (is_printable(code))
            scl_str_add_bytes(out, start, (size_t)(text - start));
        else
            scl_str_add(out, "\\u%04" PRIX32, (uint32_t)code);
    }
    scl_str_add(out, "\"");
}

static bool only_plain_characters(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

static bool is_yaml_word(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool starts_like_a_name(const char *text)
{
    return (*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z') || *text == '_' ||
           *text == '/' || scl_starts_with(text, "./") || scl_starts_with(text, "../");
}

void scl_text_write_string(scl_str *out, const char *text)
{
    if (only_plain_characters(text) && starts_like_a_name(text) && !is_yaml_word(text))
        scl_str_add(out, "%s", text);
    else
        write_quoted(out, text);
}

void scl_text_write_plain(scl_str *out, const char *text)
{
    double number;
    if (scl_text_is_null(text))
        scl_str_add(out, "null");
    else if (scl_text_read_double(text, &number) || is_yaml_word(text))
        scl_str_add(out, "%s", text);
    else
        scl_text_write_string(out, text);
}
