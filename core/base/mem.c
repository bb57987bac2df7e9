#include "base/mem.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES ((size_t)64 * 1024)
#define ARENA_ALIGN       ((size_t)16)

static atomic_long fail_countdown = -1, alive;

static bool may_allocate(void)
{
    if (atomic_load(&fail_countdown) < 0)
        return true;
    return atomic_fetch_sub(&fail_countdown, 1) != 0;
}

long scl_alloc_fail_after(long countdown)
{
    return atomic_exchange(&fail_countdown, countdown);
}

void *scl_calloc(size_t count, size_t size)
{
    if (!may_allocate())
        return NULL;
    void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    atomic_fetch_add(&alive, memory != NULL);
    return memory;
}

void *scl_realloc(void *old, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!may_allocate() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = realloc(old, bytes > 0 ? bytes : 1);
    atomic_fetch_add(&alive, old == NULL && memory != NULL);
    return memory;
}

long scl_alloc_count(void)
{
    return atomic_load(&alive);
}

void scl_free(void *memory)
{
    atomic_fetch_sub(&alive, memory != NULL);
    free(memory);
}

char *scl_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = scl_calloc(bytes, 1);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

scl_status scl_out_of_memory(scl_error *err, size_t bytes, const char *what)
{
    char text[SCL_BYTES_TEXT];
    return scl_fail(err, SCL_DEVICE, "out of host memory: could not allocate %s for %s",
                    scl_bytes_text(bytes, text), what);
}

bool scl_grow(void **array, size_t *capacity, size_t element_size)
{
    size_t wanted = *capacity > 0 ? *capacity * 2 : 16;
    void *bigger = scl_realloc(*array, wanted, element_size);
    if (bigger == NULL)
        return false;
    *array = bigger;
    *capacity = wanted;
    return true;
}

struct scl_arena_block {
    struct scl_arena_block *next;
    size_t used;
    size_t size;
    _Alignas(16) unsigned char data[];
};

void *scl_arena_alloc(scl_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    bytes = (bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    struct scl_arena_block *block = arena->head;
    if (block == NULL || block->size - block->used < bytes) {
        size_t size = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
        if (size > SIZE_MAX - sizeof *block)
            return NULL;
        block = scl_calloc(1, sizeof *block + size);
        if (block == NULL)
            return NULL;
        block->size = size;
        block->next = arena->head;
        arena->head = block;
    }
    void *memory = block->data + block->used;
    block->used += bytes;
    arena->used += bytes;
    return memory;
}

char *scl_arena_strdup(scl_arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = scl_arena_alloc(arena, bytes);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

char *scl_arena_printf(scl_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : scl_arena_alloc(arena, (size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void scl_arena_free(scl_arena *arena)
{
    for (struct scl_arena_block *block = arena->head; block != NULL;) {
        struct scl_arena_block *next = block->next;
        scl_free(block);
        block = next;
    }
    *arena = (scl_arena){0};
}
