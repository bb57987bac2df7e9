#include "terminal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUIET_SECONDS  2.0
#define REDRAW_SECONDS 0.1

static bool shown;
static double drawn_at;

static void print_message(void *user, scl_log_level level, const char *text)
{
    (void)user;
    if (level == SCL_LOG_DEBUG)
        return;
    terminal_clear();
    fprintf(stderr, "%s%s\n", level == SCL_LOG_WARN ? "warning: " : "", text);
}

static void show_work(const char *what, size_t done, size_t total)
{
    static terminal_bar bar;
    static const char *last;
    if (last != what || bar.total != total || done <= 1)
        bar = terminal_bar_start(total, 0);
    last = what;
    terminal_bar_update(&bar, done, what);
}

void terminal_start_log(void)
{
    scl_log_add_sink(print_message, NULL);
    scl_progress_set_sink(show_work);
}

void terminal_stop_log(void)
{
    scl_log_remove_sink(print_message, NULL);
}

static int columns(void)
{
    struct winsize size = {0};
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col - 1 : 79;
}

static bool is_utf8(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
    }
    return false;
}

terminal_bar terminal_bar_start(size_t total, size_t before)
{
    return (terminal_bar){.total = total, .before = before, .started = scl_clock_seconds()};
}

void terminal_bar_update(const terminal_bar *bar, size_t done, const char *suffix)
{
    double t = scl_clock_seconds();
    if (!isatty(STDERR_FILENO))
        return;
    if (done >= bar->total) {
        terminal_clear();
        return;
    }
    if (t - bar->started < QUIET_SECONDS || t - drawn_at < REDRAW_SECONDS)
        return;
    char line[1024];
    scl_progress p = {.done = done,
                      .total = bar->total,
                      .before = bar->before,
                      .seconds = t - bar->started,
                      .suffix = suffix,
                      .ascii = !is_utf8()};
    scl_progress_text(&p, columns(), line, sizeof line);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    shown = true;
    drawn_at = t;
}

void terminal_show_reading(void *bar, size_t done, size_t total)
{
    if (done <= 1)
        *(terminal_bar *)bar = terminal_bar_start(total, 0);
    terminal_bar_update(bar, done, "reading masks");
}

void terminal_clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}
