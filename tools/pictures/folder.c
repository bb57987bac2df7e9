#include "pictures/folder.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>

static void make_binary(scl_image *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height;
    uint8_t *ids = mask->data;
    for (size_t i = 0; i < count; i++)
        ids[i] = ids[i] != 0 ? 255 : 0;
}

static scl_status write_file(const char *folder, const char *name, const scl_image *image,
                             scl_error *err)
{
    char *path = scl_path_join(folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, 0, "a file name");
    scl_status status = scl_image_write_png(path, image, err);
    scl_free(path);
    return status;
}

/* The mask first, so that an image is never without one. */
static scl_status write_pair(const scl_pictures_options *options, int number, const char *images,
                             const char *masks, scl_error *err)
{
    char name[32];
    scl_image picture = {0}, mask = {0};
    snprintf(name, sizeof name, options->count <= 9999 ? "%04d.png" : "%07d.png", number);
    SCL_TRY(scl_kind_picture(options->kind, options->seed, number, options->width, options->height,
                             &picture, &mask, err));
    if (options->binary)
        make_binary(&mask);
    scl_status status = write_file(masks, name, &mask, err);
    if (status == SCL_OK)
        status = write_file(images, name, &picture, err);
    scl_image_free(&picture);
    scl_image_free(&mask);
    return status;
}

scl_status scl_pictures_write(const scl_pictures_options *options, scl_error *err)
{
    scl_status status = SCL_OK;
    char *images = scl_path_join(options->out, "images");
    char *masks = scl_path_join(options->out, "masks");
    if (images == NULL || masks == NULL)
        status = scl_out_of_memory(err, 0, "a folder name");
    if (status == SCL_OK)
        status = scl_make_folders(masks, err);
    if (status == SCL_OK)
        status = scl_make_folders(images, err);
    for (int number = 1; number <= options->count && status == SCL_OK; number++)
        status = write_pair(options, number, images, masks, err);
    scl_free(images);
    scl_free(masks);
    return status;
}
