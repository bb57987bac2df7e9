#include "io/pth.h"

#include "base/str.h"
#include "io/pickle.h"
#include "io/printable.h"
#include "io/state_dict.h"
#include "io/zip_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- zip -------------------------------------------------------------------------------------- */

#define PICKLE_NAME "/data.pkl"

bool scl_pth_detect_zip(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

/* All lies in one folder, whose name is free; the pickle's entry tells it. */
static scl_status find_pickle(const scl_zip_view *zip, const scl_zip_entry **pickle, scl_error *err)
{
    *pickle = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const char *slash = strchr(zip->entry[i].name, '/');
        if (slash == NULL || strcmp(slash, PICKLE_NAME) != 0)
            continue;
        if (*pickle != NULL)
            return scl_fail(err, SCL_BAD_DATA, "expected one data.pkl in the zip, found two");
        *pickle = &zip->entry[i];
    }
    if (*pickle == NULL)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected a zip that torch.save wrote, found one without a data.pkl in it");
    return SCL_OK;
}

/* The entries FOLDER/data/KEY as payloads; FOLDER/byteorder, where present, says "little". */
static scl_status list_payloads(const scl_zip_view *zip, const scl_zip_entry *pickle,
                                scl_payload *payloads, size_t *count, scl_error *err)
{
    size_t folder = strlen(pickle->name) - strlen(PICKLE_NAME);
    *count = 0;
    for (size_t i = 0; i < zip->count; i++) {
        const scl_zip_entry *entry = &zip->entry[i];
        if (strncmp(entry->name, pickle->name, folder + 1) != 0)
            continue;
        const char *inner = entry->name + folder + 1;
        if (scl_starts_with(inner, "data/")) {
            const char *key = inner + strlen("data/");
            payloads[(*count)++] = (scl_payload){{key, strlen(key)}, entry->data, entry->bytes};
        } else if (strcmp(inner, "byteorder") == 0 &&
                   (entry->bytes != 6 || memcmp(entry->data, "little", 6) != 0)) {
            return scl_fail(err, SCL_BAD_DATA,
                            "expected little-endian data, found a file saved on a big-endian "
                            "machine");
        }
    }
    return SCL_OK;
}

scl_status scl_pth_read_zip(scl_weights *weights, const uint8_t *bytes, size_t size, scl_error *err)
{
    scl_status status;
    scl_zip_view zip;
    const scl_zip_entry *entry;
    scl_arena scratch = {0};
    scl_pickle pickle;
    size_t count;
    SCL_TRY(scl_zip_view_open(bytes, size, &zip, err));
    scl_payload *payloads = scl_calloc(zip.count, sizeof *payloads);
    if (payloads == NULL) {
        status = scl_out_of_memory(err, zip.count * sizeof *payloads, "the list of storages");
        goto done;
    }
    SCL_CHECK(find_pickle(&zip, &entry, err));
    SCL_CHECK(list_payloads(&zip, entry, payloads, &count, err));
    SCL_CHECK(scl_pickle_read(entry->data, entry->bytes, &scratch, &pickle, err));
    SCL_CHECK(scl_state_dict_read(weights, pickle.root, payloads, count, size, err));
done:
    scl_free(payloads);
    scl_arena_free(&scratch);
    scl_zip_view_free(&zip);
    return status;
}

/* --- legacy ----------------------------------------------------------------------------------- */

#define LEGACY_PROTOCOL 1001

/* The end of the first pickle: the magic number as a LONG1, and STOP. */
static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

/* Before it: PROTO with its version, and from protocol 4 on a FRAME with its length. */
static size_t magic_offset(const uint8_t *bytes, size_t size)
{
    return size > 2 && bytes[2] == 0x95 ? 11 : 2;
}

bool scl_pth_detect_legacy(const uint8_t *bytes, size_t size)
{
    size_t offset = magic_offset(bytes, size);
    return size >= offset + sizeof magic && bytes[0] == 0x80 &&
           memcmp(bytes + offset, magic, sizeof magic) == 0;
}

/* A position in the stream of pickles and storages. */
typedef struct stream {
    const uint8_t *at, *end;
    scl_arena *arena;
} stream;

static scl_status next_pickle(stream *s, const char *what, scl_pickle *pickle, scl_error *err)
{
    scl_status status = scl_pickle_read(s->at, (size_t)(s->end - s->at), s->arena, pickle, err);
    if (status != SCL_OK)
        scl_error_prefix(err, "%s", what);
    s->at += pickle->used;
    return status;
}

static scl_status read_preamble(stream *s, scl_error *err)
{
    scl_pickle protocol, system;
    SCL_TRY(next_pickle(s, "protocol version", &protocol, err));
    if (protocol.root->kind != SCL_PICKLE_INT || protocol.root->as.integer != LEGACY_PROTOCOL)
        return scl_fail(err, SCL_BAD_DATA, "expected PyTorch's legacy protocol %d, found another",
                        LEGACY_PROTOCOL);
    SCL_TRY(next_pickle(s, "system information", &system, err));
    const scl_pickle_value *little = scl_pickle_find(system.root, "little_endian");
    if (little == NULL || little->kind != SCL_PICKLE_BOOL || !little->as.integer)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected little-endian data, found a file saved on a big-endian machine");
    return SCL_OK;
}

static int by_storage_key(const void *a, const void *b)
{
    return scl_pickle_text_compare((*(const scl_pickle_storage *const *)a)->key,
                                   (*(const scl_pickle_storage *const *)b)->key);
}

/* One storage of the stream: a count of elements and their bytes. The element's size is known only
 * from the pickle's mention of the key. */
static scl_status next_payload(stream *s, const scl_pickle *object, const scl_pickle_value *key,
                               scl_payload *payload, scl_error *err)
{
    if (key->kind != SCL_PICKLE_STRING)
        return scl_fail(err, SCL_BAD_DATA, "expected strings in the list of storages, found %s",
                        scl_pickle_kind_name(key));
    char shown[SCL_PRINTABLE];
    scl_printable(shown, key->as.text.bytes, key->as.text.length);
    scl_pickle_storage wanted = {.key = key->as.text};
    const scl_pickle_storage *pointer = &wanted;
    const scl_pickle_storage **mention =
        object->storage_count > 0 ? bsearch(&pointer, object->storages, object->storage_count,
                                            sizeof *object->storages, by_storage_key)
                                  : NULL;
    if (mention == NULL)
        return scl_fail(err, SCL_BAD_DATA, "the storage '%s' belongs to no tensor", shown);
    int64_t elements;
    size_t left = (size_t)(s->end - s->at), bytes = 0;
    if (left < sizeof elements)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected the storage '%s', found the end of the file: it is cut short",
                        shown);
    memcpy(&elements, s->at, sizeof elements);
    s->at += sizeof elements;
    left -= sizeof elements;
    if (!scl_weight_shape_bytes((*mention)->dtype, 1, &elements, &bytes) || bytes > left)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected %" PRId64 " elements of %s for the storage '%s', found %zu bytes "
                        "to the end of the file: it is cut short",
                        elements, scl_weight_dtype_name((*mention)->dtype), shown, left);
    *payload = (scl_payload){key->as.text, s->at, bytes};
    s->at += bytes;
    return SCL_OK;
}

static scl_status read_stream(scl_weights *weights, stream *s, size_t size, scl_error *err)
{
    scl_pickle object, keys;
    SCL_TRY(read_preamble(s, err));
    SCL_TRY(next_pickle(s, "object", &object, err));
    SCL_TRY(next_pickle(s, "list of storages", &keys, err));
    if (keys.root->kind != SCL_PICKLE_LIST)
        return scl_fail(err, SCL_BAD_DATA, "expected a list of storages, found %s",
                        scl_pickle_kind_name(keys.root));
    if (object.storage_count > 1)
        qsort(object.storages, object.storage_count, sizeof *object.storages, by_storage_key);
    size_t count = keys.root->as.items.count;
    scl_payload *payloads = scl_calloc(count, sizeof *payloads);
    if (payloads == NULL)
        return scl_out_of_memory(err, count * sizeof *payloads, "the list of storages");
    scl_status status = SCL_OK;
    for (size_t i = 0; i < count && status == SCL_OK; i++)
        status = next_payload(s, &object, keys.root->as.items.item[i], &payloads[i], err);
    if (status == SCL_OK)
        status = scl_state_dict_read(weights, object.root, payloads, count, size, err);
    scl_free(payloads);
    return status;
}

scl_status scl_pth_read_legacy(scl_weights *weights, const uint8_t *bytes, size_t size,
                               scl_error *err)
{
    scl_arena scratch = {0};
    stream s = {bytes + magic_offset(bytes, size) + sizeof magic, bytes + size, &scratch};
    scl_status status = read_stream(weights, &s, size, err);
    scl_arena_free(&scratch);
    return status;
}
