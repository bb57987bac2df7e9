/* mem.h — host memory: overflow-checked allocation, an arena, and a growing array macro.
 *
 * All host allocations of the library go through here, so that tests can make the n-th one fail. */
#ifndef SCL_BASE_MEM_H
#define SCL_BASE_MEM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL on failure or overflow of count * size. Zeroed. Free with scl_free. */
void *scl_calloc(size_t count, size_t size);
void *scl_realloc(void *old, size_t count, size_t size);
void scl_free(void *memory);
char *scl_strdup(const char *text);

/* The error every failed host allocation reports. */
scl_status scl_out_of_memory(scl_error *err, size_t bytes, const char *what);

/* Test hook: the allocation after `countdown` more fails (0: the next; negative: none). Returns
 * what was left of the countdown before: negative once one has failed. */
long scl_alloc_fail_after(long countdown);

/* Allocations that are not freed: for tests of what an error leaves behind. */
long scl_alloc_count(void);

/* Grows `array` (a pointer) so that index `count` is valid; false when out of memory. */
#define SCL_GROW(array, count, capacity)                                                           \
    ((count) < (capacity) || scl_grow((void **)&(array), &(capacity), sizeof *(array)))
bool scl_grow(void **array, size_t *capacity, size_t element_size);

/* Bump allocator: everything is freed together. Zero-initialise; not thread-safe. */
typedef struct scl_arena {
    struct scl_arena_block *head;
    size_t used;
} scl_arena;

/* Zeroed, aligned to 16 bytes; NULL when out of memory. Valid until scl_arena_free. */
void *scl_arena_alloc(scl_arena *arena, size_t bytes);
char *scl_arena_strdup(scl_arena *arena, const char *text);
char *scl_arena_printf(scl_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void scl_arena_free(scl_arena *arena);

#endif
