#include "base/progress.h"

#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BAR_MAX    30
#define BAR_MIN    5
#define TEXT_BYTES 1024 /* of the line without its bar */

void scl_duration_text(double seconds, char text[SCL_DURATION_TEXT])
{
    if (!(seconds >= 0.0) || seconds > 1e11) {
        snprintf(text, SCL_DURATION_TEXT, "--:--");
        return;
    }
    uint64_t s = (uint64_t)(seconds + 0.5);
    uint64_t days = s / 86400, hours = s / 3600, minutes = s / 60 % 60;
    if (hours >= 48)
        snprintf(text, SCL_DURATION_TEXT, "%" PRIu64 "d %02" PRIu64 "h", days, hours % 24);
    else if (hours > 0)
        snprintf(text, SCL_DURATION_TEXT, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes,
                 s % 60);
    else
        snprintf(text, SCL_DURATION_TEXT, "%02" PRIu64 ":%02" PRIu64, minutes, s % 60);
}

static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++)
        columns += scl_begins_character(*text);
    return columns;
}

static uint64_t done_since(const scl_progress *p)
{
    return p->done > p->before ? p->done - p->before : 0;
}

/* "35.0/s", or "2.4 s each" where that is more telling; nothing before the first is done. */
static void write_rate(const scl_progress *p, char text[SCL_DURATION_TEXT])
{
    text[0] = '\0';
    if (done_since(p) == 0 || !(p->seconds > 0.0) || !isfinite(p->seconds))
        return;
    double rate = (double)done_since(p) / p->seconds;
    if (rate >= 1e5)
        snprintf(text, SCL_DURATION_TEXT, "  %.2e/s", rate);
    else if (rate >= 1.0)
        snprintf(text, SCL_DURATION_TEXT, "  %.*f/s", rate < 100.0 ? 1 : 0, rate);
    else
        snprintf(text, SCL_DURATION_TEXT, "  %.1f s each", 1.0 / rate);
}

/* What follows the bar. */
static void write_tail(const scl_progress *p, char tail[TEXT_BYTES])
{
    char gone[SCL_DURATION_TEXT], left[SCL_DURATION_TEXT + 3] = "", rate[SCL_DURATION_TEXT];
    char count[64];
    scl_duration_text(p->seconds, gone);
    write_rate(p, rate);
    if (p->total > 0) {
        uint64_t more = p->total > p->done ? p->total - p->done : 0;
        uint64_t since = done_since(p);
        double wait = since > 0 ? p->seconds * ((double)more / (double)since) : NAN;
        memcpy(left, " < ", 3);
        scl_duration_text(wait, left + 3);
        snprintf(count, sizeof count, "%" PRIu64 "/%" PRIu64, p->done, p->total);
    } else {
        snprintf(count, sizeof count, "%" PRIu64, p->done);
    }
    bool suffixed = p->suffix != NULL && p->suffix[0] != '\0';
    snprintf(tail, TEXT_BYTES, "%s  %s%s%s%s%s", count, gone, left, rate, suffixed ? "  " : "",
             suffixed ? p->suffix : "");
}

/* Always NUL-terminated; from the first addition that doesn't fit on, nothing is added. */
typedef struct line {
    char *text;
    size_t size, used;
} line;

static void add(line *l, const char *bytes, size_t count)
{
    if (l->used + count >= l->size) {
        l->size = l->used + 1;
        return;
    }
    memcpy(l->text + l->used, bytes, count);
    l->used += count;
    l->text[l->used] = '\0';
}

static void add_bar(line *l, double part, int width, bool ascii)
{
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    int filled = (int)(part * width * 8.0);
    add(l, "|", 1);
    for (int i = 0; i < width; i++, filled -= 8) {
        int level = filled < 0 ? 0 : filled > 8 ? 8 : filled;
        const char *cell = ascii ? (level == 8 ? "#" : ".") : eighths[level];
        add(l, cell, strlen(cell));
    }
    add(l, "| ", 2);
}

/* Whole characters, as long as there are columns. */
static void add_cut(line *l, const char *text, int columns)
{
    while (*text != '\0' && columns-- > 0) {
        size_t bytes = scl_character_bytes(text, NULL);
        add(l, text, bytes);
        text += bytes;
    }
}

size_t scl_progress_text(const scl_progress *progress, int columns, char *text, size_t size)
{
    if (size == 0)
        return 0;
    text[0] = '\0';
    line l = {text, size, 0};
    char tail[TEXT_BYTES], percent[8] = "";
    write_tail(progress, tail);
    double part = 0.0;
    if (progress->total > 0) {
        part = fmin((double)progress->done / (double)progress->total, 1.0);
        /* Rounded down, so that 100 % is only said when all is done. */
        int whole = progress->done >= progress->total ? 100 : (int)fmin(part * 100.0 + 1e-9, 99.0);
        snprintf(percent, sizeof percent, "%3d%% ", whole);
    }
    add_cut(&l, percent, columns);
    int left = columns - columns_of(percent);
    int bar = left - columns_of(tail) - 3;
    if (progress->total > 0 && bar >= BAR_MIN) {
        bar = bar < BAR_MAX ? bar : BAR_MAX;
        add_bar(&l, part, bar, progress->ascii);
        left -= bar + 3;
    }
    add_cut(&l, tail, left);
    return l.used;
}

static scl_progress_sink told;

void scl_progress_set_sink(scl_progress_sink sink)
{
    told = sink;
}

void scl_progress_tell(const char *what, size_t done, size_t total)
{
    if (told != NULL)
        told(what, done, total);
}
