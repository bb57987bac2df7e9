/* log.h — where the library's messages go. It never prints: the program installs sinks. */
#ifndef SCL_BASE_LOG_H
#define SCL_BASE_LOG_H

#include <stdbool.h>

typedef enum scl_log_level { SCL_LOG_DEBUG, SCL_LOG_INFO, SCL_LOG_WARN } scl_log_level;

typedef void (*scl_log_sink)(void *user, scl_log_level level, const char *text);

/* Adds a sink, at most 4; false when there are as many already. Sinks may be called from any
 * thread, one at a time. */
bool scl_log_add_sink(scl_log_sink sink, void *user);
/* Takes it away again; after this it is not called any more. */
void scl_log_remove_sink(scl_log_sink sink, void *user);

/* One line without a newline, to every sink. Any thread. */
void scl_log(scl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Counts a fallback (a slower or less exact way taken) and says it once per distinct text. */
void scl_log_fallback(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many fallbacks this process has taken; reported in run.json and by `samcl devices`. */
unsigned scl_fallback_count(void);

#endif
