/* pth_write.c — a state dict as torch.save writes it: a zip of stored entries, NAME/data.pkl with
 * the dict, NAME/data/N with the values of tensor N, NAME/version. Sizes and checksums follow the
 * data, as in torch's own files. Sources: torch/serialization.py; PKWARE's APPNOTE.TXT, 4.3. */
#include "io/pth.h"

#include "base/str.h"

#include <string.h>

#define ROOT         "archive/" /* torch's name when it does not know the file's */
#define ALIGNMENT    64u
#define SIZES_FOLLOW 0x0808u /* and names are UTF-8 */

/* ---- numbers */

static void add_number(scl_str *out, uint64_t value, int bytes)
{
    char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (char)(value >> 8 * i & 0xff);
    scl_str_add_bytes(out, text, (size_t)bytes);
}

/* The checksum of zip, continued (ISO 3309). */
static uint32_t add_crc(uint32_t crc, const uint8_t *data, size_t bytes)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++)
            entry = entry >> 1 ^ (entry & 1 ? 0xedb88320u : 0);
        table[i] = entry;
    }
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++)
        crc = table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}

/* ---- the dict, in pickle's protocol 2 */

static void add_text(scl_str *out, const char *text)
{
    scl_str_add(out, "X");
    add_number(out, strlen(text), 4);
    scl_str_add_bytes(out, text, strlen(text));
}

static void add_int(scl_str *out, int64_t value)
{
    if (value <= INT32_MAX) {
        scl_str_add(out, "J");
        add_number(out, (uint64_t)value, 4);
    } else {
        scl_str_add_bytes(out, "\x8a\x08", 2);
        add_number(out, (uint64_t)value, 8);
    }
}

/* As _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks). */
static void add_tensor(scl_str *out, const scl_weight *w, size_t index)
{
    char key[24];
    int64_t stride = 1, strides[SCL_WEIGHT_MAX_DIMS];
    for (int i = w->ndim; i-- > 0; stride *= w->dim[i])
        strides[i] = stride;
    snprintf(key, sizeof key, "%zu", index);
    add_text(out, w->name);
    scl_str_add(out, "ctorch._utils\n_rebuild_tensor_v2\n((");
    add_text(out, "storage");
    scl_str_add(out, "ctorch\nFloatStorage\n");
    add_text(out, key);
    add_text(out, "cpu");
    add_int(out, scl_weight_elements(w));
    scl_str_add(out, "tQ");
    add_int(out, 0);
    for (int list = 0; list < 2; list++) {
        scl_str_add(out, "(");
        for (int i = 0; i < w->ndim; i++)
            add_int(out, list == 0 ? w->dim[i] : strides[i]);
        scl_str_add(out, "t");
    }
    scl_str_add(out, "\x89"
                     "ccollections\nOrderedDict\n)RtR");
}

static void add_dict(scl_str *out, const scl_weight *tensors, size_t count)
{
    scl_str_add_bytes(out, "\x80\x02}(", 4);
    for (size_t i = 0; i < count; i++)
        add_tensor(out, &tensors[i], i);
    scl_str_add(out, "u.");
}

/* ---- the zip */

typedef struct archive {
    FILE *stream;
    uint64_t at;
    scl_str directory;
    size_t entries;
} archive;

static void put(archive *a, const void *data, size_t bytes)
{
    if (bytes > 0)
        (void)!fwrite(data, 1, bytes, a->stream);
    a->at += bytes;
}

/* An entry's head; in the directory with its place and what is known at its end. */
static void add_head(scl_str *out, const char *name, bool in_directory, uint32_t crc, uint64_t size,
                     uint64_t place, size_t padding)
{
    add_number(out, in_directory ? 0x02014b50 : 0x04034b50, 4);
    if (in_directory)
        add_number(out, 0, 2);
    add_number(out, 20, 2); /* the version of zip that is needed */
    add_number(out, SIZES_FOLLOW, 2);
    add_number(out, 0, 2);          /* stored */
    add_number(out, 0x00210000, 4); /* the first day that zip knows */
    add_number(out, crc, 4);
    add_number(out, size, 4);
    add_number(out, size, 4);
    add_number(out, strlen(ROOT) + strlen(name), 2);
    add_number(out, padding, 2);
    if (in_directory) {
        add_number(out, 0, 8); /* no comment, disk 0, no attributes */
        add_number(out, 0, 2);
        add_number(out, place, 4);
    }
    scl_str_add(out, ROOT "%s", name);
}

/* Data begins aligned: torch maps it so. An extra field takes at least 4 bytes. */
static size_t padding_at(uint64_t at)
{
    return 4 + (size_t)((ALIGNMENT - (at + 4) % ALIGNMENT) % ALIGNMENT);
}

static void add_entry(archive *a, const char *name, const void *data, size_t bytes)
{
    scl_str head = {0}, tail = {0};
    uint64_t place = a->at;
    uint32_t crc = add_crc(0, data, bytes);
    size_t padding = padding_at(place + 30 + strlen(ROOT) + strlen(name));
    add_head(&head, name, false, 0, 0, 0, padding);
    add_number(&head, 0x4246, 2); /* "FB", the field of torch's own padding */
    add_number(&head, padding - 4, 2);
    for (size_t i = 4; i < padding; i++)
        scl_str_add(&head, "Z");
    add_number(&tail, 0x08074b50, 4);
    add_number(&tail, crc, 4);
    add_number(&tail, bytes, 4);
    add_number(&tail, bytes, 4);
    put(a, scl_str_text(&head), head.length);
    put(a, data, bytes);
    put(a, scl_str_text(&tail), tail.length);
    add_head(&a->directory, name, true, crc, bytes, place, 0);
    a->directory.failed |= head.failed || tail.failed;
    a->entries++;
    scl_str_free(&head);
    scl_str_free(&tail);
}

static void add_directory(archive *a)
{
    uint64_t place = a->at;
    size_t bytes = a->directory.length;
    scl_str *end = &a->directory;
    add_number(end, 0x06054b50, 4);
    add_number(end, 0, 4);
    add_number(end, a->entries, 2);
    add_number(end, a->entries, 2);
    add_number(end, bytes, 4);
    add_number(end, place, 4);
    add_number(end, 0, 2);
    put(a, scl_str_text(end), end->length);
}

static scl_status write_entries(archive *a, const scl_weight *tensors, size_t count,
                                scl_weight_fetch fetch, void *user, scl_error *err)
{
    scl_str dict = {0};
    add_dict(&dict, tensors, count);
    add_entry(a, "data.pkl", scl_str_text(&dict), dict.length);
    a->directory.failed |= dict.failed;
    scl_str_free(&dict);
    add_entry(a, "byteorder", "little", 6);
    for (size_t i = 0; i < count && !ferror(a->stream); i++) {
        char name[32];
        const uint8_t *data = NULL;
        snprintf(name, sizeof name, "data/%zu", i);
        if (tensors[i].bytes > 0)
            SCL_TRY(fetch(user, i, &data, err));
        add_entry(a, name, data, tensors[i].bytes);
    }
    add_entry(a, "version", "3\n", 2);
    add_directory(a);
    return a->directory.failed ? scl_out_of_memory(err, a->directory.capacity, "a .pth file")
                               : SCL_OK;
}

/* What zip without its extensions can hold, and the types that are written. */
static scl_status check(const char *path, const scl_weight *tensors, size_t count, scl_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += tensors[i].bytes + 512;
        if (tensors[i].dtype != SCL_WEIGHT_F32)
            return scl_fail(err, SCL_FAILED, "internal check: '%s' is not float32",
                            tensors[i].name);
    }
    return total < UINT32_MAX && count < UINT16_MAX - 3
               ? SCL_OK
               : scl_fail(err, SCL_FAILED,
                          "%s: a .pth file of over 4 GiB cannot be written; write .safetensors",
                          path);
}

scl_status scl_pth_write_fetched(const char *path, const scl_weight *tensors, size_t count,
                                 scl_weight_fetch fetch, void *user, scl_error *err)
{
    scl_file_writer writer;
    SCL_TRY(check(path, tensors, count, err));
    SCL_TRY(scl_file_writer_open(&writer, path, err));
    archive a = {.stream = writer.stream};
    scl_status status = write_entries(&a, tensors, count, fetch, user, err);
    scl_str_free(&a.directory);
    if (status == SCL_OK)
        return scl_file_writer_commit(&writer, err);
    scl_file_writer_abort(&writer);
    return status;
}
