#include "base/log.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES      2048
#define REMEMBERED_FALLBACKS 64

static scl_log_sink the_sink;
static void *the_user;

static pthread_mutex_t fallback_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fallback_seen[REMEMBERED_FALLBACKS];
static unsigned fallback_distinct;
static unsigned fallback_total;

void scl_log_set_sink(scl_log_sink sink, void *user)
{
    the_sink = sink;
    the_user = user;
}

void scl_log(scl_log_level level, const char *format, ...)
{
    if (the_sink == NULL)
        return;
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    the_sink(the_user, level, line);
}

static bool first_time(const char *line)
{
    uint64_t key = scl_hash64(line, strlen(line), 0);
    bool seen = false;
    pthread_mutex_lock(&fallback_lock);
    fallback_total++;
    for (unsigned i = 0; i < fallback_distinct && !seen; i++)
        seen = fallback_seen[i] == key;
    if (!seen && fallback_distinct < REMEMBERED_FALLBACKS)
        fallback_seen[fallback_distinct++] = key;
    pthread_mutex_unlock(&fallback_lock);
    return !seen;
}

void scl_log_fallback(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (first_time(line))
        scl_log(SCL_LOG_WARN, "fallback: %s", line);
}

unsigned scl_fallback_count(void)
{
    pthread_mutex_lock(&fallback_lock);
    unsigned total = fallback_total;
    pthread_mutex_unlock(&fallback_lock);
    return total;
}
