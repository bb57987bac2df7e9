#include "base/log.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES       2048
#define REMEMBERED_FALLBACKS 64

#define MAX_SINKS 4

typedef struct sink_entry {
    scl_log_sink sink;
    void *user;
} sink_entry;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static sink_entry sinks[MAX_SINKS];

static pthread_mutex_t fallback_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fallback_seen[REMEMBERED_FALLBACKS];
static unsigned fallback_distinct;
static unsigned fallback_total;

bool scl_log_add_sink(scl_log_sink sink, void *user)
{
    bool added = false;
    pthread_mutex_lock(&sink_lock);
    for (int i = 0; i < MAX_SINKS && !added; i++)
        if (sinks[i].sink == NULL) {
            sinks[i] = (sink_entry){sink, user};
            added = true;
        }
    pthread_mutex_unlock(&sink_lock);
    return added;
}

void scl_log_remove_sink(scl_log_sink sink, void *user)
{
    pthread_mutex_lock(&sink_lock);
    for (int i = 0; i < MAX_SINKS; i++)
        if (sinks[i].sink == sink && sinks[i].user == user)
            sinks[i] = (sink_entry){NULL, NULL};
    pthread_mutex_unlock(&sink_lock);
}

void scl_log(scl_log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&sink_lock);
    for (int i = 0; i < MAX_SINKS; i++)
        if (sinks[i].sink != NULL)
            sinks[i].sink(sinks[i].user, level, line);
    pthread_mutex_unlock(&sink_lock);
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
