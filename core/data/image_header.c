#include "data/image_header.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/image.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#define PNG_HEAD_BYTES 24 /* signature, then the chunk IHDR begins with width and height */

static size_t big_endian_u32(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool read_png_size(const scl_file_map *file, size_t *width, size_t *height)
{
    if (file->size < PNG_HEAD_BYTES || memcmp(file->data + 12, "IHDR", 4) != 0)
        return false;
    *width = big_endian_u32(file->data + 16);
    *height = big_endian_u32(file->data + 20);
    return true;
}

/* All that outlives a longjmp is in here. */
typedef struct jpeg_head {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    const scl_file_map *file;
} jpeg_head;

static void give_up(j_common_ptr cinfo)
{
    jpeg_head *head = cinfo->client_data;
    longjmp(head->escape, 1);
}

static void drop_message(j_common_ptr cinfo)
{
    (void)cinfo;
}

/* The only function that setjmp returns to twice: it has no local variables. */
static bool parse_jpeg_head(jpeg_head *head)
{
    if (setjmp(head->escape) != 0)
        return false;
    jpeg_create_decompress(&head->cinfo);
    head->cinfo.client_data = head;
    jpeg_mem_src(&head->cinfo, head->file->data, (unsigned long)head->file->size);
    return jpeg_read_header(&head->cinfo, TRUE) == JPEG_HEADER_OK;
}

static scl_status read_jpeg_size(const scl_file_map *file, size_t *width, size_t *height,
                                 bool *found, scl_error *err)
{
    jpeg_head *head = scl_calloc(1, sizeof *head);
    if (head == NULL)
        return scl_out_of_memory(err, sizeof *head, "the head of a JPEG");
    head->file = file;
    head->cinfo.err = jpeg_std_error(&head->errors);
    head->cinfo.client_data = head;
    head->errors.error_exit = give_up;
    head->errors.output_message = drop_message;
    *found = parse_jpeg_head(head);
    *width = head->cinfo.image_width;
    *height = head->cinfo.image_height;
    jpeg_destroy_decompress(&head->cinfo);
    scl_free(head);
    return SCL_OK;
}

/* The image reader says best why it can't read a file. */
static scl_status refuse(const scl_file_map *file, const char *path, scl_error *err)
{
    scl_image image;
    scl_status status = scl_image_read_bytes(file->data, file->size, path, &image, err);
    if (status != SCL_OK)
        return status;
    scl_image_free(&image);
    return scl_fail(err, SCL_BAD_DATA, "%s: the size of the image can't be read from its head",
                    path);
}

static scl_status read_size(const scl_file_map *file, const char *path, int *width, int *height,
                            scl_error *err)
{
    size_t columns = 0, rows = 0;
    bool found = false;
    if (file->size > 3 && memcmp(file->data, "\xff\xd8\xff", 3) == 0)
        SCL_TRY(read_jpeg_size(file, &columns, &rows, &found, err));
    else if (file->size > 8 && memcmp(file->data, "\x89PNG\r\n\x1a\n", 8) == 0)
        found = read_png_size(file, &columns, &rows);
    if (!found || columns == 0 || rows == 0 || columns > SCL_IMAGE_MAX_PIXELS / rows)
        return refuse(file, path, err);
    *width = (int)columns;
    *height = (int)rows;
    return SCL_OK;
}

scl_status scl_image_header_read(const char *path, int *width, int *height, scl_error *err)
{
    scl_file_map file;
    SCL_TRY(scl_file_map_open(path, &file, err));
    scl_status status = read_size(&file, path, width, height, err);
    scl_file_unmap(&file);
    return status;
}
