/* pickle.h — reads a Python pickle that holds tensors and plain values, and nothing else.
 *
 * A pickle is a program; this machine knows only the opcodes that push plain values, name the few
 * globals of torch_objects.h, and call them to describe tensors. Any other opcode or global is an
 * error, so no file can make it run code. Opcodes of protocols 2 to 5. Nothing recurses, and the
 * stack, the marks, the memo and all memory are bounded. Source: Python's pickletools.py. */
#ifndef SCL_IO_PICKLE_H
#define SCL_IO_PICKLE_H

#include "base/mem.h"
#include "io/weights.h"

typedef enum scl_pickle_kind {
    SCL_PICKLE_NONE,
    SCL_PICKLE_BOOL,
    SCL_PICKLE_INT,
    SCL_PICKLE_BIG_INT, /* does not fit int64; its value is not kept */
    SCL_PICKLE_FLOAT,
    SCL_PICKLE_STRING,
    SCL_PICKLE_LIST,
    SCL_PICKLE_TUPLE,
    SCL_PICKLE_DICT,
    SCL_PICKLE_GLOBAL,
    SCL_PICKLE_STORAGE,
    SCL_PICKLE_TENSOR,
} scl_pickle_kind;

/* Borrowed from the pickle; no NUL at its end, perhaps some inside. */
typedef struct scl_pickle_text {
    const char *bytes;
    size_t length;
} scl_pickle_text;

/* A run of elements kept elsewhere in the file, found by its key. */
typedef struct scl_pickle_storage {
    scl_weight_dtype dtype;
    scl_pickle_text key;
    int64_t elements;
} scl_pickle_storage;

/* A view of a storage, as the file states it: not yet checked against the storage's size. Offset
 * and strides count elements of `dtype`, which differs from the storage's for untyped ones. */
typedef struct scl_pickle_tensor {
    const scl_pickle_storage *storage;
    scl_weight_dtype dtype;
    int ndim;
    int64_t offset, dim[SCL_WEIGHT_MAX_DIMS], stride[SCL_WEIGHT_MAX_DIMS];
} scl_pickle_tensor;

typedef struct scl_pickle_value scl_pickle_value;
struct scl_torch_global;

/* Values may share each other, and a list or dict may even hold itself. */
struct scl_pickle_value {
    scl_pickle_kind kind;
    union {
        int64_t integer; /* BOOL, INT */
        double real;
        scl_pickle_text text;
        struct {
            scl_pickle_value **item; /* LIST, TUPLE; of a DICT key, value, key, value, … */
            size_t count, capacity;
        } items;
        const struct scl_torch_global *global;
        scl_pickle_storage storage;
        scl_pickle_tensor *tensor;
    } as;
};

typedef struct scl_pickle {
    const scl_pickle_value *root;
    size_t used;                         /* bytes of the pickle, through its STOP */
    const scl_pickle_storage **storages; /* every mention of a storage, in order */
    size_t storage_count;
} scl_pickle;

/* Reads the pickle that begins at `bytes`. All it makes lives in `arena`; text is borrowed from
 * `bytes`. SCL_BAD_DATA, with the byte's offset in the text; SCL_DEVICE. */
scl_status scl_pickle_read(const uint8_t *bytes, size_t size, scl_arena *arena, scl_pickle *pickle,
                           scl_error *err);

/* NULL when out of memory. */
scl_pickle_value *scl_pickle_new(scl_arena *arena, scl_pickle_kind kind);
/* Appends to a LIST, TUPLE or DICT; false when out of memory. */
bool scl_pickle_append(scl_arena *arena, scl_pickle_value *to, scl_pickle_value *item);
/* The value of a string key, NULL when there is none or `dict` is no DICT. */
const scl_pickle_value *scl_pickle_find(const scl_pickle_value *dict, const char *key);

bool scl_pickle_text_is(scl_pickle_text text, const char *wanted);
/* Bytewise order, for qsort and bsearch. */
int scl_pickle_text_compare(scl_pickle_text a, scl_pickle_text b);
/* "an int", "a dict", … Static storage. */
const char *scl_pickle_kind_name(const scl_pickle_value *value);

#endif
