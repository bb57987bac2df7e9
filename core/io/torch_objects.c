#include "io/torch_objects.h"

#include "io/printable.h"

typedef scl_status call(scl_arena *arena, const scl_pickle_value *arguments,
                        scl_pickle_value **result, scl_error *err);

struct scl_torch_global {
    const char *module, *name;
    enum { FUNCTION, STORAGE, DTYPE } role;
    call *function;
    scl_weight_dtype dtype;
};

static scl_status no_memory(scl_error *err)
{
    return scl_out_of_memory(err, sizeof(scl_pickle_value), "a checkpoint's objects");
}

static scl_status bad_arguments(const char *function, const char *expected, scl_error *err)
{
    return scl_fail(err, SCL_BAD_DATA, "%s: expected %s, found something else", function, expected);
}

/* --- dicts ------------------------------------------------------------------------------------ */

/* OrderedDict(), or OrderedDict([[key, value], …]) as Python 2 wrote it. */
static scl_status call_ordered_dict(scl_arena *arena, const scl_pickle_value *arguments,
                                    scl_pickle_value **result, scl_error *err)
{
    const char *expected = "nothing or a list of pairs";
    scl_pickle_value *dict = scl_pickle_new(arena, SCL_PICKLE_DICT);
    if (dict == NULL)
        return no_memory(err);
    *result = dict;
    if (arguments->as.items.count == 0)
        return SCL_OK;
    const scl_pickle_value *list = arguments->as.items.item[0];
    if (arguments->as.items.count != 1 || list->kind != SCL_PICKLE_LIST)
        return bad_arguments("OrderedDict", expected, err);
    for (size_t i = 0; i < list->as.items.count; i++) {
        const scl_pickle_value *pair = list->as.items.item[i];
        if ((pair->kind != SCL_PICKLE_LIST && pair->kind != SCL_PICKLE_TUPLE) ||
            pair->as.items.count != 2)
            return bad_arguments("OrderedDict", expected, err);
        if (!scl_pickle_append(arena, dict, pair->as.items.item[0]) ||
            !scl_pickle_append(arena, dict, pair->as.items.item[1]))
            return no_memory(err);
    }
    return SCL_OK;
}

/* --- tensors ---------------------------------------------------------------------------------- */

static bool integers(const scl_pickle_value *tuple, int64_t out[SCL_WEIGHT_MAX_DIMS])
{
    if (tuple->kind != SCL_PICKLE_TUPLE || tuple->as.items.count > SCL_WEIGHT_MAX_DIMS)
        return false;
    for (size_t i = 0; i < tuple->as.items.count; i++) {
        if (tuple->as.items.item[i]->kind != SCL_PICKLE_INT)
            return false;
        out[i] = tuple->as.items.item[i]->as.integer;
    }
    return true;
}

/* The arguments every _rebuild_tensor begins with: storage, offset, size, stride. */
static scl_status rebuild(scl_arena *arena, const scl_pickle_value *arguments,
                          scl_pickle_value **result, scl_error *err)
{
    scl_pickle_value *const *item = arguments->as.items.item;
    scl_pickle_value *value = scl_pickle_new(arena, SCL_PICKLE_TENSOR);
    scl_pickle_tensor *tensor = scl_arena_alloc(arena, sizeof *tensor);
    if (value == NULL || tensor == NULL)
        return no_memory(err);
    if (item[0]->kind != SCL_PICKLE_STORAGE || item[1]->kind != SCL_PICKLE_INT ||
        !integers(item[2], tensor->dim) || !integers(item[3], tensor->stride) ||
        item[2]->as.items.count != item[3]->as.items.count)
        return scl_fail(err, SCL_BAD_DATA,
                        "_rebuild_tensor: expected a storage, an offset, and a size and a stride "
                        "of the same 0 to %d dimensions, found something else",
                        SCL_WEIGHT_MAX_DIMS);
    tensor->storage = &item[0]->as.storage;
    tensor->dtype = item[0]->as.storage.dtype;
    tensor->offset = item[1]->as.integer;
    tensor->ndim = (int)item[2]->as.items.count;
    value->as.tensor = tensor;
    *result = value;
    return SCL_OK;
}

/* The last argument, where present, marks lazily conjugated or negated data. */
static bool is_plain(const scl_pickle_value *arguments, size_t expected)
{
    size_t count = arguments->as.items.count;
    if (count == expected)
        return true;
    if (count != expected + 1)
        return false;
    const scl_pickle_value *metadata = arguments->as.items.item[expected];
    return metadata->kind == SCL_PICKLE_NONE ||
           (metadata->kind == SCL_PICKLE_DICT && metadata->as.items.count == 0);
}

static scl_status call_rebuild_v1(scl_arena *arena, const scl_pickle_value *arguments,
                                  scl_pickle_value **result, scl_error *err)
{
    if (arguments->as.items.count != 4)
        return bad_arguments("_rebuild_tensor", "4 arguments", err);
    return rebuild(arena, arguments, result, err);
}

static scl_status call_rebuild_v2(scl_arena *arena, const scl_pickle_value *arguments,
                                  scl_pickle_value **result, scl_error *err)
{
    if (!is_plain(arguments, 6))
        return bad_arguments("_rebuild_tensor_v2", "6 arguments and no metadata", err);
    return rebuild(arena, arguments, result, err);
}

static scl_status call_rebuild_v3(scl_arena *arena, const scl_pickle_value *arguments,
                                  scl_pickle_value **result, scl_error *err)
{
    const scl_pickle_value *dtype =
        is_plain(arguments, 7) ? arguments->as.items.item[6] : arguments;
    if (dtype->kind != SCL_PICKLE_GLOBAL || dtype->as.global->role != DTYPE)
        return bad_arguments("_rebuild_tensor_v3", "7 arguments, the last a dtype, and no metadata",
                             err);
    SCL_TRY(rebuild(arena, arguments, result, err));
    (*result)->as.tensor->dtype = dtype->as.global->dtype;
    return SCL_OK;
}

static scl_status call_parameter(scl_arena *arena, const scl_pickle_value *arguments,
                                 scl_pickle_value **result, scl_error *err)
{
    (void)arena;
    if (arguments->as.items.count != 3 || arguments->as.items.item[0]->kind != SCL_PICKLE_TENSOR)
        return bad_arguments("_rebuild_parameter", "a tensor and 2 arguments", err);
    *result = arguments->as.items.item[0];
    return SCL_OK;
}

/* --- the list --------------------------------------------------------------------------------- */

static const scl_torch_global globals[] = {
    {"collections", "OrderedDict", FUNCTION, call_ordered_dict, 0},
    {"torch._utils", "_rebuild_tensor", FUNCTION, call_rebuild_v1, 0},
    {"torch._utils", "_rebuild_tensor_v2", FUNCTION, call_rebuild_v2, 0},
    {"torch._utils", "_rebuild_tensor_v3", FUNCTION, call_rebuild_v3, 0},
    {"torch._utils", "_rebuild_parameter", FUNCTION, call_parameter, 0},
    {"torch", "FloatStorage", STORAGE, NULL, SCL_WEIGHT_F32},
    {"torch", "HalfStorage", STORAGE, NULL, SCL_WEIGHT_F16},
    {"torch", "BFloat16Storage", STORAGE, NULL, SCL_WEIGHT_BF16},
    {"torch", "DoubleStorage", STORAGE, NULL, SCL_WEIGHT_F64},
    {"torch", "LongStorage", STORAGE, NULL, SCL_WEIGHT_I64},
    {"torch", "IntStorage", STORAGE, NULL, SCL_WEIGHT_I32},
    {"torch", "ShortStorage", STORAGE, NULL, SCL_WEIGHT_I16},
    {"torch", "CharStorage", STORAGE, NULL, SCL_WEIGHT_I8},
    {"torch", "ByteStorage", STORAGE, NULL, SCL_WEIGHT_U8},
    {"torch", "BoolStorage", STORAGE, NULL, SCL_WEIGHT_BOOL},
    /* The unsigned types came after storage types: an untyped storage (of bytes) and a dtype. */
    {"torch.storage", "UntypedStorage", STORAGE, NULL, SCL_WEIGHT_U8},
    {"torch", "uint16", DTYPE, NULL, SCL_WEIGHT_U16},
    {"torch", "uint32", DTYPE, NULL, SCL_WEIGHT_U32},
    {"torch", "uint64", DTYPE, NULL, SCL_WEIGHT_U64},
};

scl_status scl_torch_global_find(scl_pickle_text module, scl_pickle_text name,
                                 const scl_torch_global **global, scl_error *err)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (scl_pickle_text_is(module, globals[i].module) &&
            scl_pickle_text_is(name, globals[i].name)) {
            *global = &globals[i];
            return SCL_OK;
        }
    }
    char module_shown[SCL_PRINTABLE], name_shown[SCL_PRINTABLE];
    return scl_fail(err, SCL_BAD_DATA,
                    "refused: names the global '%s.%s', and a checkpoint may hold only tensors and "
                    "plain values; if you trust the file, load it in PyTorch and save its "
                    "state_dict() alone",
                    scl_printable(module_shown, module.bytes, module.length),
                    scl_printable(name_shown, name.bytes, name.length));
}

scl_status scl_torch_call(scl_arena *arena, const scl_pickle_value *callable,
                          const scl_pickle_value *arguments, scl_pickle_value **result,
                          scl_error *err)
{
    if (callable->kind != SCL_PICKLE_GLOBAL || callable->as.global->role != FUNCTION)
        return scl_fail(err, SCL_BAD_DATA, "refused: calls %s, which is no function",
                        scl_pickle_kind_name(callable));
    if (arguments->kind != SCL_PICKLE_TUPLE)
        return scl_fail(err, SCL_BAD_DATA, "expected a tuple of arguments, found %s",
                        scl_pickle_kind_name(arguments));
    return callable->as.global->function(arena, arguments, result, err);
}

scl_status scl_torch_storage(scl_arena *arena, const scl_pickle_value *id,
                             scl_pickle_value **result, scl_error *err)
{
    scl_pickle_value *const *item = id->as.items.item;
    size_t count = id->kind == SCL_PICKLE_TUPLE ? id->as.items.count : 0;
    /* The legacy format adds the view of another storage, which PyTorch no longer writes. */
    if (!(count == 5 || (count == 6 && item[5]->kind == SCL_PICKLE_NONE)) ||
        item[0]->kind != SCL_PICKLE_STRING || !scl_pickle_text_is(item[0]->as.text, "storage") ||
        item[1]->kind != SCL_PICKLE_GLOBAL || item[1]->as.global->role != STORAGE ||
        item[2]->kind != SCL_PICKLE_STRING || item[4]->kind != SCL_PICKLE_INT ||
        item[4]->as.integer < 0)
        return bad_arguments("persistent id",
                             "('storage', a storage type, a key, a device, a number of elements)",
                             err);
    scl_pickle_value *value = scl_pickle_new(arena, SCL_PICKLE_STORAGE);
    if (value == NULL)
        return no_memory(err);
    value->as.storage = (scl_pickle_storage){.dtype = item[1]->as.global->dtype,
                                             .key = item[2]->as.text,
                                             .elements = item[4]->as.integer};
    *result = value;
    return SCL_OK;
}
