#include "io/pickle.h"

#include "io/torch_objects.h"

#include <string.h>

/* Far above what any checkpoint needs: a ViT-H one has 594 tensors, 6,000 memo entries, 1 MB. */
#define STACK_LIMIT  ((size_t)1 << 20)
#define MEMO_LIMIT   ((size_t)1 << 20)
#define MARK_LIMIT   ((size_t)1 << 10)
#define MEMORY_LIMIT ((size_t)256 << 20)
#define PROTOCOL_MAX 5

typedef struct reader {
    const uint8_t *at, *end;
    scl_arena *arena;
    size_t arena_start;
    scl_pickle_value **stack;
    size_t stack_count, stack_capacity;
    scl_pickle_value **memo; /* NULL where nothing was put */
    size_t memo_count, memo_capacity;
    size_t marks[MARK_LIMIT]; /* the stack's height at each open MARK */
    size_t mark_count;
    const scl_pickle_storage **storages; /* in the arena */
    size_t storage_count, storage_capacity;
    bool stopped;
    scl_error *err;
} reader;

/* --- values ----------------------------------------------------------------------------------- */

scl_pickle_value *scl_pickle_new(scl_arena *arena, scl_pickle_kind kind)
{
    scl_pickle_value *value = scl_arena_alloc(arena, sizeof *value);
    if (value != NULL)
        value->kind = kind;
    return value;
}

/* An array in the arena with room for one more element: the old one, or a copy twice as long. */
static void *arena_grow(scl_arena *arena, void *old, size_t count, size_t *capacity, size_t element)
{
    if (count < *capacity)
        return old;
    size_t wanted = count > 0 ? count * 2 : 4;
    void *bigger = scl_arena_alloc(arena, wanted * element);
    if (bigger == NULL)
        return NULL;
    if (count > 0)
        memcpy(bigger, old, count * element);
    *capacity = wanted;
    return bigger;
}

bool scl_pickle_append(scl_arena *arena, scl_pickle_value *to, scl_pickle_value *item)
{
    scl_pickle_value **bigger = arena_grow(arena, to->as.items.item, to->as.items.count,
                                           &to->as.items.capacity, sizeof(scl_pickle_value *));
    if (bigger == NULL)
        return false;
    to->as.items.item = bigger;
    bigger[to->as.items.count++] = item;
    return true;
}

bool scl_pickle_text_is(scl_pickle_text text, const char *wanted)
{
    return text.length == strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

int scl_pickle_text_compare(scl_pickle_text a, scl_pickle_text b)
{
    int order = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

const scl_pickle_value *scl_pickle_find(const scl_pickle_value *dict, const char *key)
{
    for (size_t i = 0; dict->kind == SCL_PICKLE_DICT && i + 1 < dict->as.items.count; i += 2) {
        const scl_pickle_value *name = dict->as.items.item[i];
        if (name->kind == SCL_PICKLE_STRING && scl_pickle_text_is(name->as.text, key))
            return dict->as.items.item[i + 1];
    }
    return NULL;
}

const char *scl_pickle_kind_name(const scl_pickle_value *value)
{
    static const char *const names[] = {"None",    "a bool",   "an int",    "a large int",
                                        "a float", "a string", "a list",    "a tuple",
                                        "a dict",  "a global", "a storage", "a tensor"};
    return names[value->kind];
}

/* --- bytes, stack ----------------------------------------------------------------------------- */

/* The status is spelt out so that the compiler sees that a failed call is never OK. */
#define BAD(r, ...) (scl_fail((r)->err, SCL_BAD_DATA, __VA_ARGS__), SCL_BAD_DATA)

static scl_status no_memory(reader *r)
{
    return scl_out_of_memory(r->err, sizeof(scl_pickle_value), "a checkpoint's objects");
}

static scl_status take(reader *r, size_t count, const uint8_t **bytes)
{
    if ((size_t)(r->end - r->at) < count)
        return BAD(r, "expected %zu more bytes, found %zu: the pickle is cut short", count,
                   (size_t)(r->end - r->at));
    *bytes = r->at;
    r->at += count;
    return SCL_OK;
}

/* A little-endian unsigned number of 1 to 8 bytes. */
static scl_status take_number(reader *r, int bytes, uint64_t *number)
{
    const uint8_t *from;
    SCL_TRY(take(r, (size_t)bytes, &from));
    *number = 0;
    memcpy(number, from, (size_t)bytes);
    return SCL_OK;
}

static scl_status push(reader *r, scl_pickle_value *value)
{
    if (r->stack_count == STACK_LIMIT)
        return BAD(r, "expected at most %zu values on the stack, found more", STACK_LIMIT);
    if (value == NULL || !SCL_GROW(r->stack, r->stack_count, r->stack_capacity))
        return no_memory(r);
    r->stack[r->stack_count++] = value;
    return SCL_OK;
}

static scl_status pop(reader *r, scl_pickle_value **value)
{
    size_t floor = r->mark_count > 0 ? r->marks[r->mark_count - 1] : 0;
    if (r->stack_count <= floor)
        return BAD(r, "expected a value on the stack, found none");
    *value = r->stack[--r->stack_count];
    return SCL_OK;
}

/* The value on top, which stays, of this kind. */
static scl_status peek(reader *r, scl_pickle_kind kind, scl_pickle_value **value)
{
    SCL_TRY(pop(r, value));
    r->stack_count++;
    if ((*value)->kind != kind)
        return BAD(r, "expected %s on the stack, found %s",
                   scl_pickle_kind_name(&(scl_pickle_value){.kind = kind}),
                   scl_pickle_kind_name(*value));
    return SCL_OK;
}

/* Closes the last mark: what was pushed since it is stack[*first .. *first + *count - 1], which
 * stays readable until the next push. */
static scl_status pop_mark(reader *r, size_t *first, size_t *count)
{
    if (r->mark_count == 0)
        return BAD(r, "expected a mark on the stack, found none");
    *first = r->marks[--r->mark_count];
    *count = r->stack_count - *first;
    r->stack_count = *first;
    return SCL_OK;
}

/* --- plain values ----------------------------------------------------------------------------- */

typedef scl_status handler(reader *r, int argument);

static scl_status op_proto(reader *r, int unused)
{
    (void)unused;
    uint64_t protocol;
    SCL_TRY(take_number(r, 1, &protocol));
    if (protocol > PROTOCOL_MAX)
        return BAD(r, "expected a pickle protocol of at most %d, found %d", PROTOCOL_MAX,
                   (int)protocol);
    return SCL_OK;
}

/* A frame only tells a stream how much to read ahead. */
static scl_status op_frame(reader *r, int unused)
{
    (void)unused;
    uint64_t length;
    return take_number(r, 8, &length);
}

static scl_status op_stop(reader *r, int unused)
{
    (void)unused;
    r->stopped = true;
    return SCL_OK;
}

static scl_status op_none(reader *r, int unused)
{
    (void)unused;
    return push(r, scl_pickle_new(r->arena, SCL_PICKLE_NONE));
}

static scl_status push_integer(reader *r, scl_pickle_kind kind, int64_t integer)
{
    scl_pickle_value *value = scl_pickle_new(r->arena, kind);
    if (value != NULL)
        value->as.integer = integer;
    return push(r, value);
}

static scl_status op_bool(reader *r, int truth)
{
    return push_integer(r, SCL_PICKLE_BOOL, truth);
}

/* BININT is signed; BININT1 and BININT2 are not. */
static scl_status op_int(reader *r, int bytes)
{
    uint64_t number;
    SCL_TRY(take_number(r, bytes, &number));
    return push_integer(r, SCL_PICKLE_INT,
                        bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* Two's complement of any length. */
static scl_status op_long(reader *r, int length_bytes)
{
    uint64_t length, number = 0;
    const uint8_t *from;
    SCL_TRY(take_number(r, length_bytes, &length));
    SCL_TRY(take(r, length, &from));
    if (length > sizeof number)
        return push_integer(r, SCL_PICKLE_BIG_INT, 0);
    if (length > 0 && (from[length - 1] & 0x80) != 0)
        number = UINT64_MAX;
    memcpy(&number, from, length);
    return push_integer(r, SCL_PICKLE_INT, (int64_t)number);
}

static scl_status op_float(reader *r, int unused)
{
    (void)unused;
    uint64_t big_endian;
    SCL_TRY(take_number(r, 8, &big_endian));
    uint64_t bits = __builtin_bswap64(big_endian);
    scl_pickle_value *value = scl_pickle_new(r->arena, SCL_PICKLE_FLOAT);
    if (value != NULL)
        memcpy(&value->as.real, &bits, sizeof bits);
    return push(r, value);
}

static scl_status op_string(reader *r, int length_bytes)
{
    uint64_t length;
    const uint8_t *from;
    SCL_TRY(take_number(r, length_bytes, &length));
    SCL_TRY(take(r, length, &from));
    scl_pickle_value *value = scl_pickle_new(r->arena, SCL_PICKLE_STRING);
    if (value != NULL)
        value->as.text = (scl_pickle_text){(const char *)from, length};
    return push(r, value);
}

/* --- containers ------------------------------------------------------------------------------- */

static scl_status op_empty(reader *r, int kind)
{
    return push(r, scl_pickle_new(r->arena, (scl_pickle_kind)kind));
}

static scl_status op_mark(reader *r, int unused)
{
    (void)unused;
    if (r->mark_count == MARK_LIMIT)
        return BAD(r, "expected at most %zu nested marks, found more", MARK_LIMIT);
    r->marks[r->mark_count++] = r->stack_count;
    return SCL_OK;
}

/* Appends stack[first .. first + count - 1] to a container. */
static scl_status fill(reader *r, scl_pickle_value *to, size_t first, size_t count)
{
    if (to->kind == SCL_PICKLE_DICT && count % 2 != 0)
        return BAD(r, "expected keys and values in pairs, found %zu of them", count);
    for (size_t i = 0; i < count; i++)
        if (!scl_pickle_append(r->arena, to, r->stack[first + i]))
            return no_memory(r);
    return SCL_OK;
}

static scl_status push_tuple(reader *r, size_t first, size_t count)
{
    scl_pickle_value *tuple = scl_pickle_new(r->arena, SCL_PICKLE_TUPLE);
    if (tuple == NULL)
        return no_memory(r);
    SCL_TRY(fill(r, tuple, first, count));
    return push(r, tuple);
}

static scl_status op_tuple(reader *r, int unused)
{
    (void)unused;
    size_t first, count;
    SCL_TRY(pop_mark(r, &first, &count));
    return push_tuple(r, first, count);
}

static scl_status op_short_tuple(reader *r, int count)
{
    scl_pickle_value *value;
    for (int i = 0; i < count; i++)
        SCL_TRY(pop(r, &value));
    return push_tuple(r, r->stack_count, (size_t)count);
}

/* APPEND and SETITEM: one item, or one key and value, above their container. */
static scl_status op_add_one(reader *r, int kind)
{
    scl_pickle_value *item, *container;
    size_t count = kind == SCL_PICKLE_DICT ? 2 : 1;
    for (size_t i = 0; i < count; i++)
        SCL_TRY(pop(r, &item));
    SCL_TRY(peek(r, (scl_pickle_kind)kind, &container));
    return fill(r, container, r->stack_count, count);
}

/* APPENDS and SETITEMS: all above the mark, the container below it. */
static scl_status op_add_many(reader *r, int kind)
{
    size_t first, count;
    scl_pickle_value *container;
    SCL_TRY(pop_mark(r, &first, &count));
    SCL_TRY(peek(r, (scl_pickle_kind)kind, &container));
    return fill(r, container, first, count);
}

/* --- memo ------------------------------------------------------------------------------------- */

static scl_status put(reader *r, uint64_t index)
{
    scl_pickle_value *value;
    SCL_TRY(pop(r, &value));
    r->stack_count++;
    if (index >= MEMO_LIMIT)
        return BAD(r, "expected at most %zu memo entries, found number %llu", MEMO_LIMIT,
                   (unsigned long long)index);
    while (r->memo_count <= index) {
        if (!SCL_GROW(r->memo, r->memo_count, r->memo_capacity))
            return no_memory(r);
        r->memo[r->memo_count++] = NULL;
    }
    r->memo[index] = value;
    return SCL_OK;
}

static scl_status op_put(reader *r, int bytes)
{
    uint64_t index;
    SCL_TRY(take_number(r, bytes, &index));
    return put(r, index);
}

/* Python numbers these by how many entries there are, which is the same for its own pickles. */
static scl_status op_memoize(reader *r, int unused)
{
    (void)unused;
    return put(r, r->memo_count);
}

static scl_status op_get(reader *r, int bytes)
{
    uint64_t index;
    SCL_TRY(take_number(r, bytes, &index));
    if (index >= r->memo_count || r->memo[index] == NULL)
        return BAD(r, "expected memo entry %llu, found none of that number",
                   (unsigned long long)index);
    return push(r, r->memo[index]);
}

/* --- tensors ---------------------------------------------------------------------------------- */

static scl_status push_global(reader *r, scl_pickle_text module, scl_pickle_text name)
{
    const struct scl_torch_global *global;
    SCL_TRY(scl_torch_global_find(module, name, &global, r->err));
    scl_pickle_value *value = scl_pickle_new(r->arena, SCL_PICKLE_GLOBAL);
    if (value != NULL)
        value->as.global = global;
    return push(r, value);
}

static scl_status take_line(reader *r, scl_pickle_text *line)
{
    const uint8_t *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (newline == NULL)
        return BAD(r, "expected a line of text, found none: the pickle is cut short");
    *line = (scl_pickle_text){(const char *)r->at, (size_t)(newline - r->at)};
    r->at = newline + 1;
    return SCL_OK;
}

static scl_status op_global(reader *r, int unused)
{
    (void)unused;
    scl_pickle_text module, name;
    SCL_TRY(take_line(r, &module));
    SCL_TRY(take_line(r, &name));
    return push_global(r, module, name);
}

static scl_status op_stack_global(reader *r, int unused)
{
    (void)unused;
    scl_pickle_value *module, *name;
    SCL_TRY(pop(r, &name));
    SCL_TRY(pop(r, &module));
    if (name->kind != SCL_PICKLE_STRING || module->kind != SCL_PICKLE_STRING)
        return BAD(r, "expected the two strings of a global, found %s and %s",
                   scl_pickle_kind_name(module), scl_pickle_kind_name(name));
    return push_global(r, module->as.text, name->as.text);
}

static scl_status op_persistent_id(reader *r, int unused)
{
    (void)unused;
    scl_pickle_value *id, *storage;
    SCL_TRY(pop(r, &id));
    SCL_TRY(scl_torch_storage(r->arena, id, &storage, r->err));
    const scl_pickle_storage **bigger = arena_grow(r->arena, r->storages, r->storage_count,
                                                   &r->storage_capacity, sizeof *r->storages);
    if (bigger == NULL)
        return no_memory(r);
    r->storages = bigger;
    r->storages[r->storage_count++] = &storage->as.storage;
    return push(r, storage);
}

static scl_status op_reduce(reader *r, int unused)
{
    (void)unused;
    scl_pickle_value *callable, *arguments, *result;
    SCL_TRY(pop(r, &arguments));
    SCL_TRY(pop(r, &callable));
    SCL_TRY(scl_torch_call(r->arena, callable, arguments, &result, r->err));
    return push(r, result);
}

/* Only state dicts set attributes (_metadata, on the OrderedDict), and none of them is a weight. */
static scl_status op_build(reader *r, int unused)
{
    (void)unused;
    scl_pickle_value *state, *object;
    SCL_TRY(pop(r, &state));
    return peek(r, SCL_PICKLE_DICT, &object);
}

/* --- the machine ------------------------------------------------------------------------------ */

static const struct {
    handler *run;
    int argument;
} opcodes[256] = {
    [0x80] = {op_proto, 0},
    [0x95] = {op_frame, 0},
    ['.'] = {op_stop, 0},
    ['N'] = {op_none, 0},
    [0x88] = {op_bool, 1},
    [0x89] = {op_bool, 0},
    ['J'] = {op_int, 4},
    ['K'] = {op_int, 1},
    ['M'] = {op_int, 2},
    [0x8a] = {op_long, 1},
    [0x8b] = {op_long, 4},
    ['G'] = {op_float, 0},
    ['T'] = {op_string, 4},  /* BINSTRING, of Python 2 */
    ['U'] = {op_string, 1},  /* SHORT_BINSTRING */
    ['X'] = {op_string, 4},  /* BINUNICODE */
    [0x8c] = {op_string, 1}, /* SHORT_BINUNICODE */
    [0x8d] = {op_string, 8}, /* BINUNICODE8 */
    [']'] = {op_empty, SCL_PICKLE_LIST},
    [')'] = {op_empty, SCL_PICKLE_TUPLE},
    ['}'] = {op_empty, SCL_PICKLE_DICT},
    ['('] = {op_mark, 0},
    ['t'] = {op_tuple, 0},
    [0x85] = {op_short_tuple, 1},
    [0x86] = {op_short_tuple, 2},
    [0x87] = {op_short_tuple, 3},
    ['a'] = {op_add_one, SCL_PICKLE_LIST},
    ['e'] = {op_add_many, SCL_PICKLE_LIST},
    ['s'] = {op_add_one, SCL_PICKLE_DICT},
    ['u'] = {op_add_many, SCL_PICKLE_DICT},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    [0x94] = {op_memoize, 0},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_global, 0},
    [0x93] = {op_stack_global, 0},
    ['Q'] = {op_persistent_id, 0},
    ['R'] = {op_reduce, 0},
    ['b'] = {op_build, 0},
};

static scl_status step(reader *r)
{
    const uint8_t *opcode;
    SCL_TRY(take(r, 1, &opcode));
    if (opcodes[*opcode].run == NULL)
        return BAD(r, "refused: uses the pickle opcode 0x%02x, which no file of tensors needs",
                   *opcode);
    if (r->arena->used - r->arena_start > MEMORY_LIMIT)
        return BAD(r, "expected a pickle of at most %zu MiB of objects, found a larger one",
                   MEMORY_LIMIT >> 20);
    return opcodes[*opcode].run(r, opcodes[*opcode].argument);
}

scl_status scl_pickle_read(const uint8_t *bytes, size_t size, scl_arena *arena, scl_pickle *pickle,
                           scl_error *err)
{
    reader r = {
        .at = bytes, .end = bytes + size, .arena = arena, .arena_start = arena->used, .err = err};
    scl_pickle_value *root = NULL;
    const uint8_t *opcode = bytes;
    scl_status status = SCL_OK;
    while (status == SCL_OK && !r.stopped) {
        opcode = r.at;
        status = step(&r);
    }
    if (status == SCL_OK)
        status = pop(&r, &root);
    if (status != SCL_OK)
        scl_error_prefix(err, "pickle byte %zu", (size_t)(opcode - bytes));
    scl_free(r.stack);
    scl_free(r.memo);
    *pickle = (scl_pickle){root, (size_t)(r.at - bytes), r.storages, r.storage_count};
    return status;
}
