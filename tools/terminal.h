/* terminal.h — messages and progress bars on stderr. One thread draws; messages may come from any.
 */
#ifndef SAMCL_TOOLS_TERMINAL_H
#define SAMCL_TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* The library's messages go to stderr from now on, without disturbing a bar, and its long work gets
 * one. */
void terminal_start_log(void);
void terminal_stop_log(void);

/* A bar; several may take turns. It is drawn on a terminal only, and not in its first two seconds.
 */
typedef struct terminal_bar {
    size_t total, before;
    double started;
} terminal_bar;

/* `before` of the `total` are done already. */
terminal_bar terminal_bar_start(size_t total, size_t before);
/* `suffix` follows the bar, or is NULL. When all is done the bar goes. */
void terminal_bar_update(const terminal_bar *bar, size_t done, const char *suffix);

/* The call of a scl_data_progress whose user is a terminal_bar. */
void terminal_show_reading(void *bar, size_t done, size_t total);

/* Takes the bar away, before something is printed; the next update draws it again. */
void terminal_clear(void);

#endif
