#include "io/zip_view.h"

#include "io/printable.h"

#include <string.h>
#include <zip.h>

/* The file as libzip's source: bytes in memory that note where they were read. */
typedef struct memory_source {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    size_t last_read; /* where the last read began */
    zip_error_t error;
} memory_source;

static zip_int64_t source_read(memory_source *source, void *data, zip_uint64_t wanted)
{
    size_t left = source->size - source->at;
    size_t count = wanted < left ? (size_t)wanted : left;
    memcpy(data, source->bytes + source->at, count);
    source->last_read = source->at;
    source->at += count;
    return (zip_int64_t)count;
}

static zip_int64_t source_seek(memory_source *source, void *data, zip_uint64_t length)
{
    zip_int64_t to =
        zip_source_seek_compute_offset(source->at, source->size, data, length, &source->error);
    if (to < 0)
        return -1;
    source->at = (size_t)to;
    return 0;
}

static zip_int64_t source_call(void *user, void *data, zip_uint64_t length,
                               zip_source_cmd_t command)
{
    memory_source *source = user;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        source->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(source, data, length);
    case ZIP_SOURCE_SEEK:
        return source_seek(source, data, length);
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)source->at;
    case ZIP_SOURCE_STAT:
        zip_stat_init(data);
        ((zip_stat_t *)data)->valid = ZIP_STAT_SIZE;
        ((zip_stat_t *)data)->size = source->size;
        return sizeof(zip_stat_t);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&source->error, data, length);
    case ZIP_SOURCE_SUPPORTS:
        return ZIP_SOURCE_SUPPORTS_SEEKABLE;
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        zip_error_set(&source->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

static scl_status damaged(zip_error_t *error, scl_error *err)
{
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
        return scl_out_of_memory(err, 1024, "reading a zip archive");
    return scl_fail(err, SCL_BAD_DATA, "the zip archive is damaged or cut short: %s",
                    zip_error_strerror(error));
}

/* Reads the entry's first bytes, raw, and notes where libzip found them. */
static scl_status find_data(zip_t *archive, zip_uint64_t index, memory_source *source,
                            scl_zip_entry *entry, scl_error *err)
{
    uint8_t head[16];
    size_t wanted = entry->bytes < sizeof head ? entry->bytes : sizeof head;
    if (wanted == 0)
        return SCL_OK;
    zip_file_t *file = zip_fopen_index(archive, index, ZIP_FL_COMPRESSED);
    if (file == NULL)
        return damaged(zip_get_error(archive), err);
    zip_int64_t got = zip_fread(file, head, wanted);
    zip_fclose(file);
    if (got != (zip_int64_t)wanted || source->size - source->last_read < entry->bytes)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected %zu bytes for the zip entry '%s', found the end of the file: it "
                        "is cut short",
                        entry->bytes, entry->name);
    entry->data = source->bytes + source->last_read;
    /* Holds as long as libzip reads an entry without a buffer of its own in between. */
    if (memcmp(entry->data, head, wanted) != 0)
        return scl_fail(err, SCL_FAILED,
                        "internal check: the zip entry '%s' is not where it was "
                        "read",
                        entry->name);
    return SCL_OK;
}

static scl_status read_entry(zip_t *archive, zip_uint64_t index, memory_source *source,
                             scl_zip_view *view, scl_error *err)
{
    zip_stat_t stat;
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive, index, ZIP_FL_ENC_RAW, &stat) != 0 ||
        (stat.valid & needed) != needed)
        return damaged(zip_get_error(archive), err);
    char shown[SCL_PRINTABLE];
    scl_printable(shown, stat.name, strlen(stat.name));
    bool encrypted =
        (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE;
    if (stat.comp_method != ZIP_CM_STORE || encrypted)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected uncompressed entries, as torch.save writes, found '%s' %s: the "
                        "file was repacked; load it in PyTorch and save it again",
                        shown, encrypted ? "encrypted" : "compressed");
    if (stat.size != stat.comp_size || stat.size > source->size)
        return scl_fail(
            err, SCL_BAD_DATA, "the zip entry '%s' states %llu and %llu bytes in a file of %zu",
            shown, (unsigned long long)stat.size, (unsigned long long)stat.comp_size, source->size);
    scl_zip_entry *entry = &view->entry[view->count];
    entry->name = scl_arena_strdup(&view->arena, stat.name);
    if (entry->name == NULL)
        return scl_out_of_memory(err, strlen(stat.name), "a zip entry's name");
    entry->bytes = (size_t)stat.size;
    entry->data = source->bytes;
    SCL_TRY(find_data(archive, index, source, entry, err));
    view->count++;
    return SCL_OK;
}

static scl_status read_entries(zip_t *archive, memory_source *source, scl_zip_view *view,
                               scl_error *err)
{
    size_t count = (size_t)zip_get_num_entries(archive, 0);
    view->entry = scl_calloc(count, sizeof *view->entry);
    if (view->entry == NULL)
        return scl_out_of_memory(err, count * sizeof *view->entry, "a zip directory");
    for (size_t i = 0; i < count; i++)
        SCL_TRY(read_entry(archive, i, source, view, err));
    return SCL_OK;
}

scl_status scl_zip_view_open(const uint8_t *bytes, size_t size, scl_zip_view *view, scl_error *err)
{
    *view = (scl_zip_view){0};
    memory_source memory = {.bytes = bytes, .size = size};
    zip_error_t error;
    zip_error_init(&memory.error);
    zip_error_init(&error);
    scl_status status;
    zip_t *archive = NULL;
    zip_source_t *source = zip_source_function_create(source_call, &memory, &error);
    if (source != NULL)
        archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive == NULL) {
        zip_source_free(source);
        status = damaged(&error, err);
    } else {
        status = read_entries(archive, &memory, view, err);
        zip_discard(archive);
    }
    zip_error_fini(&memory.error);
    zip_error_fini(&error);
    if (status != SCL_OK)
        scl_zip_view_free(view);
    return status;
}

void scl_zip_view_free(scl_zip_view *view)
{
    scl_free(view->entry);
    scl_arena_free(&view->arena);
    *view = (scl_zip_view){0};
}
