#include "io/image.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/image_codec.h"

#include <string.h>

#define EXIF_ORIENTATION 0x0112
#define EXIF_SHORT       3

/* Types that users bring and that we refuse by name: bytes at an offset of the file. */
static const struct {
    const char *name;
    size_t offset, length;
    const char *bytes;
} other_types[] = {
    {"TIFF", 0, 4, "II*\0"},
    {"TIFF", 0, 4, "MM\0*"},
    {"TIFF", 0, 4, "II+\0"},
    {"TIFF", 0, 4, "MM\0+"},
    {"GIF", 0, 4, "GIF8"},
    {"BMP", 0, 2, "BM"},
    {"WebP", 8, 4, "WEBP"},
    {"NPY", 0, 6, "\x93NUMPY"},
    {"AVIF", 4, 8, "ftypavif"},
    {"HEIC", 4, 7, "ftyphei"},
    {"JPEG 2000", 4, 8, "jP  \r\n\x87\n"},
    {"DICOM", 128, 4, "DICM"},
};

static bool has_bytes(const scl_image_source *source, size_t offset, const void *bytes,
                      size_t length)
{
    return source->size >= offset + length && memcmp(source->data + offset, bytes, length) == 0;
}

static scl_status refuse_type(const scl_image_source *source, scl_error *err)
{
    if (source->size == 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected a PNG or JPEG image, found an empty file",
                        source->name);
    for (size_t i = 0; i < sizeof other_types / sizeof *other_types; i++)
        if (has_bytes(source, other_types[i].offset, other_types[i].bytes, other_types[i].length))
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: is a %s file, which is not read here; convert it to PNG or JPEG",
                            source->name, other_types[i].name);
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected a PNG or JPEG image, found a file of an unknown type",
                    source->name);
}

scl_status scl_image_read_bytes(const void *data, size_t size, const char *name, scl_image *image,
                                scl_error *err)
{
    *image = (scl_image){.orientation = 1};
    scl_image_source source = {data, size, name};
    scl_status status;
    if (has_bytes(&source, 0, "\x89PNG\r\n\x1a\n", 8))
        status = scl_image_read_png(&source, image, err);
    else if (has_bytes(&source, 0, "\xff\xd8\xff", 3))
        status = scl_image_read_jpeg(&source, image, err);
    else
        status = refuse_type(&source, err);
    if (status != SCL_OK)
        scl_image_free(image);
    return status;
}

scl_status scl_image_read(const char *path, scl_image *image, scl_error *err)
{
    *image = (scl_image){0};
    scl_file_map map;
    SCL_TRY(scl_file_map_open(path, &map, err));
    scl_status status = scl_image_read_bytes(map.data, map.size, path, image, err);
    scl_file_unmap(&map);
    return status;
}

scl_status scl_image_check_claim(const scl_image_source *source, size_t width, size_t height,
                                 size_t least_bytes, scl_error *err)
{
    if (width == 0 || height == 0 || width > SCL_IMAGE_MAX_PIXELS / height)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: an image of %zu x %zu pixels is beyond the limit of %zu pixels",
                        source->name, width, height, SCL_IMAGE_MAX_PIXELS);
    if (source->size < least_bytes)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: is cut off: an image of %zu x %zu pixels does not fit in %zu bytes",
                        source->name, width, height, source->size);
    return SCL_OK;
}

/* Integers of a TIFF header in either byte order; the caller checks the bounds. */
static unsigned tiff_u16(const uint8_t *p, bool little)
{
    return little ? (unsigned)(p[0] | p[1] << 8) : (unsigned)(p[0] << 8 | p[1]);
}

static size_t tiff_u32(const uint8_t *p, bool little)
{
    size_t low = tiff_u16(little ? p : p + 2, little), high = tiff_u16(little ? p + 2 : p, little);
    return high << 16 | low;
}

int scl_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8)
        return 1;
    bool little = memcmp(tiff, "II*\0", 4) == 0;
    if (!little && memcmp(tiff, "MM\0*", 4) != 0)
        return 1;
    size_t at = tiff_u32(tiff + 4, little);
    if (at > size - 2)
        return 1;
    unsigned count = tiff_u16(tiff + at, little);
    at += 2;
    for (unsigned i = 0; i < count && size - at >= 12; i++, at += 12) {
        const uint8_t *entry = tiff + at;
        if (tiff_u16(entry, little) != EXIF_ORIENTATION)
            continue;
        unsigned value = tiff_u16(entry + 8, little);
        bool valid = tiff_u16(entry + 2, little) == EXIF_SHORT && value >= 1 && value <= 8;
        return valid ? (int)value : 1;
    }
    return 1;
}

scl_status scl_image_make(scl_image *image, int width, int height, int channels, int depth,
                          scl_error *err)
{
    *image = (scl_image){0};
    if (width < 1 || height < 1 || (size_t)width > SCL_IMAGE_MAX_PIXELS / (size_t)height ||
        channels < 1 || channels > 4 || (depth != 8 && depth != 16))
        return scl_fail(err, SCL_BAD_DATA,
                        "an image can't have %d x %d pixels of %d channels in %d bits", width,
                        height, channels, depth);
    size_t pixels = (size_t)width * (size_t)height;
    size_t pixel_bytes = (size_t)channels * (size_t)depth / 8;
    void *data = scl_calloc(pixels, pixel_bytes);
    if (data == NULL)
        return scl_out_of_memory(err, pixels * pixel_bytes, "an image");
    *image = (scl_image){.width = width,
                         .height = height,
                         .channels = channels,
                         .depth = depth,
                         .sample_bits = depth,
                         .data = data,
                         .orientation = 1};
    return SCL_OK;
}

void scl_image_free(scl_image *image)
{
    scl_free(image->data);
    *image = (scl_image){0};
}
