#include "io/state_dict.h"

#include "base/log.h"
#include "base/str.h"
#include "io/printable.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Views that need a copy can share a storage; a file of honest weights stays far below this. */
#define COPY_FACTOR 4

typedef struct context {
    scl_weights *weights;
    const scl_payload *payloads;
    size_t count;
    size_t copy_left; /* bytes that may still be copied */
    scl_error *err;
} context;

/* --- storages --------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    return scl_pickle_text_compare(((const scl_payload *)a)->key, ((const scl_payload *)b)->key);
}

static scl_status sort_payloads(scl_payload *payloads, size_t count, scl_error *err)
{
    if (count > 1)
        qsort(payloads, count, sizeof *payloads, by_key);
    for (size_t i = 1; i < count; i++) {
        char key[SCL_PRINTABLE];
        if (by_key(&payloads[i - 1], &payloads[i]) == 0)
            return scl_fail(err, SCL_BAD_DATA, "expected each storage once, found '%s' twice",
                            scl_printable(key, payloads[i].key.bytes, payloads[i].key.length));
    }
    return SCL_OK;
}

static scl_status find_payload(const context *c, const scl_pickle_storage *storage,
                               const scl_payload **payload)
{
    char key[SCL_PRINTABLE];
    scl_payload wanted = {.key = storage->key};
    scl_printable(key, storage->key.bytes, storage->key.length);
    *payload = c->count > 0 ? bsearch(&wanted, c->payloads, c->count, sizeof wanted, by_key) : NULL;
    if (*payload == NULL)
        return scl_fail(c->err, SCL_BAD_DATA,
                        "expected a storage '%s', found none: the file is "
                        "incomplete",
                        key);
    size_t bytes;
    if (!scl_weight_shape_bytes(storage->dtype, 1, &storage->elements, &bytes) ||
        bytes != (*payload)->bytes)
        return scl_fail(c->err, SCL_BAD_DATA,
                        "expected %" PRId64 " elements of %s in the storage '%s', found %zu bytes",
                        storage->elements, scl_weight_dtype_name(storage->dtype), key,
                        (*payload)->bytes);
    return SCL_OK;
}

/* --- views ------------------------------------------------------------------------------------ */

/* Whether every element of a view that has some lies within a storage of so many elements. */
static bool is_within(const scl_pickle_tensor *view, int64_t elements)
{
    int64_t last = view->offset;
    if (last < 0)
        return false;
    for (int i = 0; i < view->ndim; i++) {
        int64_t reach;
        if (view->stride[i] < 0 ||
            __builtin_mul_overflow(view->dim[i] - 1, view->stride[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return false;
    }
    return last < elements;
}

static bool is_contiguous(const scl_pickle_tensor *view)
{
    int64_t expected = 1; /* cannot overflow: the shape's size in bytes does not */
    for (int i = view->ndim - 1; i >= 0; i--) {
        if (view->dim[i] != 1 && view->stride[i] != expected)
            return false;
        expected *= view->dim[i];
    }
    return true;
}

/* Copies the view's elements in row-major order, stepping its last index fastest. */
static void copy_view(const scl_pickle_tensor *view, const uint8_t *storage, size_t element,
                      size_t count, uint8_t *out)
{
    int64_t index[SCL_WEIGHT_MAX_DIMS] = {0};
    int64_t at = view->offset;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * element, storage + (size_t)at * element, element);
        for (int d = view->ndim - 1; d >= 0; d--) {
            if (++index[d] < view->dim[d]) {
                at += view->stride[d];
                break;
            }
            at -= (view->dim[d] - 1) * view->stride[d];
            index[d] = 0;
        }
    }
}

static scl_status copy_out(context *c, const scl_pickle_tensor *view, const uint8_t *storage,
                           scl_weight *weight)
{
    if (weight->bytes > c->copy_left)
        return scl_fail(c->err, SCL_BAD_DATA,
                        "expected tensors of about the file's size, found views that take more "
                        "than %d times as much; save them as .contiguous().clone()",
                        COPY_FACTOR);
    uint8_t *copy = scl_arena_alloc(&c->weights->arena, weight->bytes);
    if (copy == NULL)
        return scl_out_of_memory(c->err, weight->bytes, "a tensor that is not contiguous");
    c->copy_left -= weight->bytes;
    size_t element = scl_weight_dtype_bytes(view->dtype);
    copy_view(view, storage, element, weight->bytes / element, copy);
    weight->data = copy;
    return SCL_OK;
}

static scl_status resolve(context *c, const scl_pickle_tensor *view, scl_weight *weight)
{
    const scl_payload *payload;
    SCL_TRY(find_payload(c, view->storage, &payload));
    weight->dtype = view->dtype;
    weight->ndim = view->ndim;
    memcpy(weight->dim, view->dim, sizeof weight->dim);
    if (!scl_weight_shape_bytes(view->dtype, view->ndim, view->dim, &weight->bytes))
        return scl_fail(c->err, SCL_BAD_DATA,
                        "expected a shape that fits in memory, found one that is negative or too "
                        "large");
    if (weight->bytes == 0)
        return SCL_OK;
    size_t element = scl_weight_dtype_bytes(view->dtype);
    if (!is_within(view, (int64_t)(payload->bytes / element)))
        return scl_fail(c->err, SCL_BAD_DATA,
                        "expected a view within its storage of %zu elements, found one that "
                        "reaches beyond it or has a negative stride",
                        payload->bytes / element);
    if (!is_contiguous(view))
        return copy_out(c, view, payload->data, weight);
    weight->data = payload->data + (size_t)view->offset * element;
    return SCL_OK;
}

/* --- the dict --------------------------------------------------------------------------------- */

static scl_status add_named(context *c, scl_pickle_text name, const scl_pickle_value *value)
{
    char shown[SCL_PRINTABLE];
    scl_str text = {0};
    scl_weight weight = {0};
    scl_status status = resolve(c, value->as.tensor, &weight);
    if (status == SCL_OK && memchr(name.bytes, '\0', name.length) != NULL)
        status = scl_fail(c->err, SCL_BAD_DATA, "the name holds a NUL character");
    if (status == SCL_OK) {
        scl_str_add_bytes(&text, name.bytes, name.length);
        weight.name = scl_str_text(&text);
        status = text.failed ? scl_out_of_memory(c->err, name.length, "a tensor's name")
                             : scl_weights_add(c->weights, &weight, c->err);
    }
    if (status == SCL_BAD_DATA)
        scl_error_prefix(c->err, "tensor '%s'", scl_printable(shown, name.bytes, name.length));
    scl_str_free(&text);
    return status;
}

static void add_key(scl_str *list, const scl_pickle_value *key)
{
    char shown[SCL_PRINTABLE];
    const char *text = key->kind == SCL_PICKLE_STRING
                           ? scl_printable(shown, key->as.text.bytes, key->as.text.length)
                           : scl_pickle_kind_name(key);
    if (list->length < SCL_PRINTABLE)
        scl_str_add(list, "%s%s", list->length > 0 ? ", " : "", text);
    else if (!scl_ends_with(list->text, "..."))
        scl_str_add(list, ", ...");
}

static scl_status add_dict(context *c, const scl_pickle_value *dict, scl_str *others)
{
    for (size_t i = 0; i < dict->as.items.count; i += 2) {
        const scl_pickle_value *key = dict->as.items.item[i], *value = dict->as.items.item[i + 1];
        if (value->kind != SCL_PICKLE_TENSOR) {
            add_key(others, key);
            continue;
        }
        if (key->kind != SCL_PICKLE_STRING)
            return scl_fail(c->err, SCL_BAD_DATA,
                            "expected a string as every tensor's name, found %s",
                            scl_pickle_kind_name(key));
        SCL_TRY(add_named(c, key->as.text, value));
    }
    return SCL_OK;
}

/* The state dict in a training checkpoint, or the dict itself. */
static const scl_pickle_value *unwrap(const scl_weights *weights, const scl_pickle_value *dict)
{
    static const char *const wrappers[] = {"model", "state_dict"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        const scl_pickle_value *inner = scl_pickle_find(dict, wrappers[i]);
        if (inner == NULL || inner->kind != SCL_PICKLE_DICT)
            continue;
        scl_log(SCL_LOG_INFO,
                "%s: the tensors are those under '%s'; anything beside it is left out",
                weights->path, wrappers[i]);
        return inner;
    }
    return dict;
}

scl_status scl_state_dict_read(scl_weights *weights, const scl_pickle_value *root,
                               scl_payload *payloads, size_t count, size_t file_bytes,
                               scl_error *err)
{
    SCL_TRY(sort_payloads(payloads, count, err));
    context c = {weights, payloads, count, 0, err};
    if (__builtin_mul_overflow(file_bytes, (size_t)COPY_FACTOR, &c.copy_left))
        c.copy_left = SIZE_MAX;
    if (root->kind == SCL_PICKLE_TENSOR)
        return add_named(&c, (scl_pickle_text){"", 0}, root);
    if (root->kind != SCL_PICKLE_DICT)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected a state dict (names with tensors) or a tensor, found %s",
                        scl_pickle_kind_name(root));
    size_t before = weights->count;
    scl_str others = {0};
    scl_status status = add_dict(&c, unwrap(weights, root), &others);
    if (status == SCL_OK && others.length > 0 && weights->count == before)
        status = scl_fail(err, SCL_BAD_DATA,
                          "expected a state dict (names with tensors), alone or under 'model' or "
                          "'state_dict', found a dict without tensors that holds: %s",
                          scl_str_text(&others));
    else if (status == SCL_OK && others.length > 0)
        scl_log(SCL_LOG_INFO, "%s: left out, as they are no tensors: %s", weights->path,
                scl_str_text(&others));
    scl_str_free(&others);
    return status;
}
