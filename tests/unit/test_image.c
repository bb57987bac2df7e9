/* Reading and writing image files; see tests/reference/make_image_fixtures.py. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/image.h"
#include "pattern.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define IMAGES TEST_FIXTURES "/io/images/"
#define WIDTH  13
#define HEIGHT 9

static const struct {
    int colour_type, channels, bits;
} png_formats[] = {
    {0, 1, 1}, {0, 1, 2}, {0, 1, 4}, {0, 1, 8}, {0, 1, 16}, {2, 3, 8}, {2, 3, 16}, {3, 1, 1},
    {3, 1, 2}, {3, 1, 4}, {3, 1, 8}, {4, 2, 8}, {4, 2, 16}, {6, 4, 8}, {6, 4, 16},
};
#define PNG_FORMATS (sizeof png_formats / sizeof *png_formats)

static int palette_size(int bits)
{
    return bits == 1 ? 2 : bits == 2 ? 3 : bits == 4 ? 11 : 200;
}

static unsigned wanted_sample(size_t f, size_t i)
{
    if (png_formats[f].bits == 16)
        return (unsigned)(pattern_byte(2 * i) << 8 | pattern_byte(2 * i + 1));
    unsigned value = pattern_byte(i) & ((1u << png_formats[f].bits) - 1);
    return png_formats[f].colour_type == 3 ? value % (unsigned)palette_size(png_formats[f].bits)
                                           : value;
}

static unsigned sample_of(const scl_image *image, size_t i)
{
    return image->depth == 16 ? ((const uint16_t *)image->data)[i]
                              : ((const uint8_t *)image->data)[i];
}

static const char *png_path(size_t f, bool interlaced, char path[256])
{
    snprintf(path, 256, IMAGES "c%d_%d%s.png", png_formats[f].colour_type, png_formats[f].bits,
             interlaced ? "_i" : "");
    return path;
}

static void every_png_format_keeps_its_values(void **state)
{
    (void)state;
    for (size_t f = 0; f < PNG_FORMATS * 2; f++) {
        char path[256];
        scl_image image;
        size_t format = f / 2;
        assert_ok(scl_image_read(png_path(format, f % 2 == 1, path), &image, &test_error));
        assert_int_equal(image.width, WIDTH);
        assert_int_equal(image.height, HEIGHT);
        assert_int_equal(image.channels, png_formats[format].channels);
        assert_int_equal(image.sample_bits, png_formats[format].bits);
        assert_int_equal(image.depth, png_formats[format].bits == 16 ? 16 : 8);
        assert_int_equal(image.orientation, 1);
        assert_int_equal(image.indexed, png_formats[format].colour_type == 3);
        for (size_t i = 0; i < (size_t)(WIDTH * HEIGHT * image.channels); i++)
            if (sample_of(&image, i) != wanted_sample(format, i))
                fail_msg("%s: sample %zu is %u, expected %u", path, i, sample_of(&image, i),
                         wanted_sample(format, i));
        if (image.indexed) {
            assert_int_equal(image.palette_count, palette_size(png_formats[format].bits));
            for (int i = 0; i < image.palette_count * 3; i++)
                assert_int_equal(image.palette[i / 3][i % 3], pattern_byte(1000 + (uint64_t)i));
        }
        scl_image_free(&image);
    }
}

static unsigned wanted_rgb(const scl_image *image, size_t pixel, size_t c)
{
    size_t channels = (size_t)image->channels;
    unsigned value = sample_of(image, pixel * channels + (channels > 2 ? c : 0));
    if (image->indexed)
        return image->palette[value][c];
    double greatest = (double)((1u << image->sample_bits) - 1);
    return (unsigned)(value * 255.0 / greatest + 0.5);
}

static void every_png_format_becomes_rgb(void **state)
{
    (void)state;
    for (size_t f = 0; f < PNG_FORMATS; f++) {
        char path[256];
        scl_image image, rgb;
        assert_ok(scl_image_read(png_path(f, false, path), &image, &test_error));
        assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_FULL, &rgb, &test_error));
        assert_true(rgb.channels == 3 && rgb.depth == 8 && !rgb.indexed);
        for (size_t i = 0; i < WIDTH * HEIGHT * 3; i++)
            if (sample_of(&rgb, i) != wanted_rgb(&image, i / 3, i % 3))
                fail_msg("%s: rgb %zu is %u, expected %u", path, i, sample_of(&rgb, i),
                         wanted_rgb(&image, i / 3, i % 3));
        scl_image_free(&image);
        scl_image_free(&rgb);
    }
}

static void sixteen_bits_stretch_to_the_image_range(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 3, 1, 2, 16, &test_error));
    const uint16_t samples[6] = {1000, 65535, 1510, 0, 2020, 7}; /* gray, alpha */
    memcpy(image.data, samples, sizeof samples);
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_IMAGE, &rgb, &test_error));
    const uint8_t wanted[9] = {0, 0, 0, 128, 128, 128, 255, 255, 255}; /* 127.5 rounds up */
    assert_memory_equal(rgb.data, wanted, sizeof wanted);
    scl_image_free(&rgb);
    for (int i = 0; i < 3; i++)
        ((uint16_t *)image.data)[2 * i] = 25700;
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_IMAGE, &rgb, &test_error));
    assert_int_equal(sample_of(&rgb, 0), 100);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

/* Dark pixels of 10 and 14, bright ones of 30 and 50: the means are 12 and 40. */
static void two_classes_get_the_same_places(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 8, 1, 1, 8, &test_error));
    const uint8_t samples[8] = {10, 14, 10, 14, 30, 50, 30, 50};
    memcpy(image.data, samples, sizeof samples);
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_OTSU, &rgb, &test_error));
    const int wanted[4] = {55, 73, 146, 237}; /* (v - 12 + 14) 255 / 56 */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sample_of(&rgb, 3 * (i < 2 ? i : i + 2)), wanted[i]);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

/* The classes part where green does, which counts most in the gray image. Colours stay apart, and
 * what lies outside is clamped. */
static void two_classes_are_those_of_the_gray_image(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 2, 2, 3, 16, &test_error));
    const uint16_t samples[12] = {0, 1000, 100, 3000, 1000, 100, 0, 4000, 100, 3000, 4000, 100};
    memcpy(image.data, samples, sizeof samples);
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_OTSU, &rgb, &test_error));
    /* grays 598, 1495, 2359, 3256: means 1046.5 and 2807.5, range 166 to 3688 */
    const int wanted[6] = {0, 60, 0, 205, 60, 0};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(sample_of(&rgb, i), wanted[i]);
    assert_int_equal(sample_of(&rgb, 7), 255);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

/* 1000 samples: 0, two of 100, 994 that rise from 104, two of 4000, and 65535. */
static void percentiles_leave_out_the_outermost(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 1000, 1, 1, 16, &test_error));
    uint16_t *samples = image.data;
    for (int i = 0; i < 1000; i++)
        samples[i] = i == 0     ? 0
                     : i < 3    ? 100
                     : i < 997  ? (uint16_t)(101 + i)
                     : i == 999 ? 65535
                                : 4000;
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_PERCENTILE, &rgb, &test_error));
    assert_int_equal(sample_of(&rgb, 0), 0); /* 0 is clamped to the third sample's 100 */
    assert_int_equal(sample_of(&rgb, 3 * 1), 0);
    assert_int_equal(sample_of(&rgb, 3 * 502), 33); /* (603 - 100) 255 / 3900 */
    assert_int_equal(sample_of(&rgb, 3 * 996), 65);
    assert_int_equal(sample_of(&rgb, 3 * 997), 255);
    assert_int_equal(sample_of(&rgb, 3 * 999), 255);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

static void eight_bits_and_palettes_stretch_as_well(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 3, 1, 3, 8, &test_error));
    const uint8_t samples[9] = {10, 20, 30, 61, 61, 61, 10, 20, 61};
    memcpy(image.data, samples, sizeof samples);
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_IMAGE, &rgb, &test_error));
    const uint8_t wanted[9] = {0, 50, 100, 255, 255, 255, 0, 50, 255};
    assert_memory_equal(rgb.data, wanted, sizeof wanted);
    scl_image_free(&rgb);
    scl_image_free(&image);

    assert_ok(scl_image_make(&image, 3, 1, 1, 8, &test_error));
    image.indexed = true;
    memcpy(image.palette, samples, sizeof samples);
    memcpy(image.data, (const uint8_t[3]){0, 1, 2}, 3);
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_IMAGE, &rgb, &test_error));
    assert_memory_equal(rgb.data, wanted, sizeof wanted);
    scl_image_free(&rgb);
    scl_alloc_fail_after(1);
    assert_fails(scl_image_to_rgb8(&image, SCL_RANGE_IMAGE, &rgb, &test_error), SCL_DEVICE,
                 test_error, "histogram");
    scl_alloc_fail_after(-1);
    scl_image_free(&image);
}

static void full_range_equals_division_by_257(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_make(&image, 256, 256, 1, 16, &test_error));
    for (unsigned v = 0; v < 65536; v++)
        ((uint16_t *)image.data)[v] = (uint16_t)v;
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_FULL, &rgb, &test_error));
    for (unsigned v = 0; v < 65536; v++)
        assert_int_equal(sample_of(&rgb, v * 3), (v + 128) / 257);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

static void jpeg_pixels_equal_pillow(void **state)
{
    (void)state;
    FILE *file = fopen(IMAGES "jpeg.txt", "r");
    assert_non_null(file);
    char name[32], path[256];
    int width, height, channels, orientation, files = 0;
    uint64_t wanted;
    while (fscanf(file, "%31s %d %d %d %d %" SCNx64, name, &width, &height, &channels, &orientation,
                  &wanted) == 6) {
        snprintf(path, sizeof path, IMAGES "%s.jpg", name);
        scl_image image;
        assert_ok(scl_image_read(path, &image, &test_error));
        assert_int_equal(image.width, width);
        assert_int_equal(image.height, height);
        assert_int_equal(image.channels, channels);
        assert_int_equal(image.orientation, orientation);
        uint64_t found = pattern_hash(image.data, (size_t)(width * height * channels));
        if (found != wanted)
            fail_msg("%s: pixels differ from Pillow", path);
        scl_image_free(&image);
        files++;
    }
    fclose(file);
    assert_int_equal(files, 10);
}

static void png_orientation_is_reported_not_applied(void **state)
{
    (void)state;
    scl_image image, rgb;
    assert_ok(scl_image_read(IMAGES "turned.png", &image, &test_error));
    assert_int_equal(image.orientation, 6);
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(sample_of(&image, 40), pattern_byte(40)); /* nor does gAMA change values */
    assert_ok(scl_image_to_rgb8(&image, SCL_RANGE_FULL, &rgb, &test_error));
    assert_int_equal(rgb.orientation, 6);
    scl_image_free(&rgb);
    scl_image_free(&image);
}

static const char *const damaged_names[] = {"c2_8.png",        "c3_4_i.png", "c6_16.png",
                                            "turned.png",      "gray.jpg",   "ycc420.jpg",
                                            "progressive.jpg", "turned.jpg", "cmyk.jpg"};
#define DAMAGED (sizeof damaged_names / sizeof *damaged_names)

static void load(const char *name, scl_file_map *map)
{
    char path[256];
    snprintf(path, sizeof path, IMAGES "%s", name);
    assert_ok(scl_file_map_open(path, map, &test_error));
}

/* Copies to a block of the exact size, where the sanitizer sees an over-read. */
static scl_status read_copy(const uint8_t *data, size_t size, scl_image *image, scl_error *err)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(copy, data, size);
    scl_status status = scl_image_read_bytes(copy, size, "copy", image, err);
    free(copy);
    return status;
}

static void every_cut_off_file_is_refused(void **state)
{
    (void)state;
    for (size_t f = 0; f < DAMAGED; f++) {
        scl_file_map map;
        load(damaged_names[f], &map);
        for (size_t size = 0; size < map.size; size++) {
            scl_image image;
            scl_error err = {0};
            scl_status status = read_copy(map.data, size, &image, &err);
            if (status != SCL_BAD_DATA)
                fail_msg("%s cut to %zu of %zu bytes: %s", damaged_names[f], size, map.size,
                         scl_status_name(status));
            assert_non_null(strstr(err.text, "copy: "));
            assert_null(image.data);
        }
        scl_file_unmap(&map);
    }
}

static void flipped_bytes_never_crash(void **state)
{
    (void)state;
    for (size_t f = 0; f < DAMAGED; f++) {
        scl_file_map map;
        load(damaged_names[f], &map);
        uint8_t *copy = malloc(map.size);
        for (size_t i = 0; i < map.size; i++) {
            const uint8_t flips[] = {0xff, 0x01, 0x80, (uint8_t)(1 + pattern_byte(i) % 255)};
            for (size_t k = 0; k < sizeof flips; k++) {
                memcpy(copy, map.data, map.size);
                copy[i] ^= flips[k];
                scl_image image;
                scl_error err = {0};
                scl_status status = scl_image_read_bytes(copy, map.size, "copy", &image, &err);
                assert_true(status == SCL_OK || status == SCL_BAD_DATA);
                scl_image_free(&image);
            }
        }
        free(copy);
        scl_file_unmap(&map);
    }
}

static void libraries_print_nothing(void **state)
{
    (void)state;
    char path[] = "/tmp/samcl-test-XXXXXX";
    int file = mkstemp(path);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    every_cut_off_file_is_refused(NULL);
    flipped_bytes_never_crash(NULL);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
    unlink(path);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* CRC-32 of a PNG chunk, bit by bit: the tests don't link zlib. */
static uint32_t crc32_of(const uint8_t *data, size_t bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void read_png_claiming(uint32_t width, uint32_t height, const char *words)
{
    scl_file_map map;
    load("c2_8.png", &map);
    uint8_t *copy = malloc(map.size);
    memcpy(copy, map.data, map.size);
    put_u32(copy + 16, width);
    put_u32(copy + 20, height);
    put_u32(copy + 29, crc32_of(copy + 12, 17));
    scl_image image;
    scl_error err = {0};
    assert_fails(scl_image_read_bytes(copy, map.size, "big", &image, &err), SCL_BAD_DATA, err,
                 words);
    free(copy);
    scl_file_unmap(&map);
}

static void read_jpeg_claiming(unsigned width, unsigned height, const char *words)
{
    scl_file_map map;
    load("gray.jpg", &map);
    uint8_t *copy = malloc(map.size);
    memcpy(copy, map.data, map.size);
    size_t at = 0;
    while (copy[at] != 0xff || copy[at + 1] != 0xc0)
        at++;
    put_u32(copy + at + 5, height << 16 | width);
    scl_image image;
    scl_error err = {0};
    assert_fails(scl_image_read_bytes(copy, map.size, "big", &image, &err), SCL_BAD_DATA, err,
                 words);
    free(copy);
    scl_file_unmap(&map);
}

static void absurd_sizes_are_refused_before_allocating(void **state)
{
    (void)state;
    read_png_claiming(0x7fffffff, 0x7fffffff, "beyond the limit of 268435456 pixels");
    read_png_claiming(1 << 28, 2, "beyond the limit");
    read_png_claiming(1 << 14, 1 << 14, "does not fit in");
    read_jpeg_claiming(65500, 65500, "beyond the limit");
    read_jpeg_claiming(1 << 14, 1 << 14, "does not fit in");
}

/* The first scan of a progressive file again and again: small, legal, and slow. */
static void endless_scans_are_refused(void **state)
{
    (void)state;
    scl_file_map map;
    load("progressive.jpg", &map);
    size_t from = 0, copies = 600;
    while (map.data[from] != 0xff || map.data[from + 1] != 0xda)
        from++;
    size_t to = from + 2;
    while (map.data[to] != 0xff || map.data[to + 1] == 0)
        to++;
    size_t scan = to - from, size = map.size + scan * copies;
    uint8_t *bomb = malloc(size);
    memcpy(bomb, map.data, to);
    for (size_t i = 0; i < copies; i++)
        memcpy(bomb + to + i * scan, map.data + from, scan);
    memcpy(bomb + to + scan * copies, map.data + to, map.size - to);
    scl_image image;
    scl_error err = {0};
    assert_fails(scl_image_read_bytes(bomb, size, "bomb", &image, &err), SCL_BAD_DATA, err,
                 "more than 500 scans");
    free(bomb);
    scl_file_unmap(&map);
}

static void other_types_are_named(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } files[] = {
        {"II*\0\10\0\0\0", 8, "is a TIFF file, which is not read here; convert it to PNG or JPEG"},
        {"MM\0*\0\0\0\10", 8, "is a TIFF file"},
        {"GIF89a", 6, "is a GIF file"},
        {"BM\0\0\0\0", 6, "is a BMP file"},
        {"RIFF\0\0\0\0WEBPVP8 ", 16, "is a WebP file"},
        {"\x93NUMPY\1\0", 8, "is a NPY file"},
        {"\0\0\0\34ftypheic", 12, "is a HEIC file"},
        {"hello", 5, "a file of an unknown type"},
        {"", 0, "found an empty file"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        scl_image image;
        scl_error err = {0};
        assert_fails(read_copy((const uint8_t *)files[i].bytes, files[i].size, &image, &err),
                     SCL_BAD_DATA, err, files[i].words);
    }
    scl_image image;
    scl_error err = {0};
    assert_fails(scl_image_read("/nowhere/x.png", &image, &err), SCL_BAD_DATA, err,
                 "/nowhere/x.png: cannot be opened");
    err = (scl_error){0};
    assert_fails(scl_image_read("/tmp", &image, &err), SCL_BAD_DATA, err, "found a folder");
}

static void assert_same_image(const scl_image *a, const scl_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->depth, b->depth);
    assert_int_equal(a->indexed, b->indexed);
    assert_int_equal(a->palette_count, b->palette_count);
    assert_memory_equal(a->palette, b->palette, sizeof a->palette);
    assert_memory_equal(a->data, b->data,
                        (size_t)a->width * (size_t)a->height * (size_t)a->channels *
                            (size_t)a->depth / 8);
}

static void written_pngs_read_back(void **state)
{
    (void)state;
    char name[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(name));
    for (size_t f = 0; f < PNG_FORMATS; f++) {
        char path[256];
        scl_image image, again;
        assert_ok(scl_image_read(png_path(f, false, path), &image, &test_error));
        assert_ok(scl_image_write_png(name, &image, &test_error));
        assert_ok(scl_image_read(name, &again, &test_error));
        assert_same_image(&image, &again);
        assert_int_equal(again.sample_bits, image.indexed ? 8 : image.sample_bits);
        scl_image_free(&image);
        scl_image_free(&again);
    }
    unlink(name);
}

static void contradictory_images_are_not_written(void **state)
{
    (void)state;
    scl_image image;
    assert_ok(scl_image_make(&image, 4, 4, 1, 8, &test_error));
    scl_error err = {0};
    image.indexed = true;
    assert_fails(scl_image_write_png("/tmp/never.png", &image, &err), SCL_FAILED, err,
                 "with a palette can't be written");
    image.palette_count = 2;
    ((uint8_t *)image.data)[5] = 2;
    err = (scl_error){0};
    assert_fails(scl_image_write_png("/tmp/never.png", &image, &err), SCL_FAILED, err,
                 "beyond its palette");
    image.indexed = false;
    image.sample_bits = 1;
    err = (scl_error){0};
    assert_fails(scl_image_write_png("/tmp/never.png", &image, &err), SCL_FAILED, err,
                 "beyond its sample bits");
    image.sample_bits = 8;
    err = (scl_error){0};
    assert_fails(scl_image_write_png("/nowhere/x.png", &image, &err), SCL_FAILED, err,
                 "/nowhere/x.png: cannot be written");
    scl_image_free(&image);
    assert_false(scl_path_exists("/tmp/never.png"));
    err = (scl_error){0};
    assert_fails(scl_image_make(&image, 1 << 15, 1 << 14, 1, 8, &err), SCL_BAD_DATA, err,
                 "can't have 32768 x 16384 pixels");
}

static scl_status round_trip(const char *from, const char *to, scl_error *err)
{
    scl_image image, rgb;
    SCL_TRY(scl_image_read(from, &image, err));
    scl_status status = scl_image_to_rgb8(&image, SCL_RANGE_FULL, &rgb, err);
    scl_image_free(&image);
    if (status != SCL_OK)
        return status;
    status = scl_image_write_png(to, &rgb, err);
    scl_image_free(&rgb);
    return status;
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    const char *names[] = {IMAGES "c3_4_i.png", IMAGES "cmyk.jpg"};
    char to[] = "/tmp/samcl-test-XXXXXX";
    close(mkstemp(to));
    for (size_t i = 0; i < 2; i++) {
        long failures = 0;
        for (;; failures++) {
            scl_error err = {0};
            scl_alloc_fail_after(failures);
            scl_status status = round_trip(names[i], to, &err);
            scl_alloc_fail_after(-1);
            if (status == SCL_OK)
                break;
            assert_int_equal(status, SCL_DEVICE);
            assert_non_null(strstr(err.text, "out of host memory"));
        }
        assert_true(failures > 6);
    }
    unlink(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_png_format_keeps_its_values),
        cmocka_unit_test(every_png_format_becomes_rgb),
        cmocka_unit_test(sixteen_bits_stretch_to_the_image_range),
        cmocka_unit_test(percentiles_leave_out_the_outermost),
        cmocka_unit_test(two_classes_get_the_same_places),
        cmocka_unit_test(two_classes_are_those_of_the_gray_image),
        cmocka_unit_test(eight_bits_and_palettes_stretch_as_well),
        cmocka_unit_test(full_range_equals_division_by_257),
        cmocka_unit_test(jpeg_pixels_equal_pillow),
        cmocka_unit_test(png_orientation_is_reported_not_applied),
        cmocka_unit_test(every_cut_off_file_is_refused),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(libraries_print_nothing),
        cmocka_unit_test(absurd_sizes_are_refused_before_allocating),
        cmocka_unit_test(endless_scans_are_refused),
        cmocka_unit_test(other_types_are_named),
        cmocka_unit_test(written_pngs_read_back),
        cmocka_unit_test(contradictory_images_are_not_written),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
