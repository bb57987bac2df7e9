#include "io/image_codec.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#define DEFLATE_RATIO 1032 /* the most that deflate can expand */
#define REASON_BYTES  256

/* All that outlives a longjmp is in here, never in a local variable. One for reading and writing.
 */
typedef struct png_job {
    png_structp png;
    png_infop info;
    const char *name;
    scl_error *err;
    bool out_of_memory;
    char reason[REASON_BYTES];
    const scl_image_source *source; /* reading */
    size_t offset;
    scl_image *image;
    const scl_image *written; /* writing */
    FILE *stream;
} png_job;

static void keep_error(png_structp png, png_const_charp text)
{
    png_job *job = png_get_error_ptr(png);
    snprintf(job->reason, sizeof job->reason, "%s", text);
    png_longjmp(png, 1);
}

static void log_warning(png_structp png, png_const_charp text)
{
    const png_job *job = png_get_error_ptr(png);
    scl_log(SCL_LOG_DEBUG, "%s: %s", job->name, text);
}

static png_voidp allocate(png_structp png, png_alloc_size_t bytes)
{
    png_job *job = png_get_mem_ptr(png);
    void *memory = scl_calloc(1, bytes);
    job->out_of_memory = job->out_of_memory || memory == NULL;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    scl_free(memory);
}

static void read_bytes(png_structp png, png_bytep out, size_t bytes)
{
    png_job *job = png_get_io_ptr(png);
    if (bytes > job->source->size - job->offset)
        png_error(png, "the file ends too early");
    memcpy(out, job->source->data + job->offset, bytes);
    job->offset += bytes;
}

static int orientation_of(const png_job *job)
{
    png_bytep exif = NULL;
    png_uint_32 bytes = 0;
    if (png_get_eXIf_1(job->png, job->info, &bytes, &exif) == 0)
        return 1;
    return scl_exif_orientation(exif, bytes);
}

static void take_palette(const png_job *job)
{
    png_colorp colours = NULL;
    int count = 0;
    png_get_PLTE(job->png, job->info, &colours, &count);
    for (int i = 0; i < count && i < 256; i++) {
        job->image->palette[i][0] = colours[i].red;
        job->image->palette[i][1] = colours[i].green;
        job->image->palette[i][2] = colours[i].blue;
    }
    job->image->indexed = true;
    job->image->palette_count = count;
}

static bool host_is_little_endian(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

static scl_status prepare(png_job *job)
{
    png_set_read_fn(job->png, job, read_bytes);
    png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours says it better */
    png_read_info(job->png, job->info);
    size_t width = png_get_image_width(job->png, job->info);
    size_t height = png_get_image_height(job->png, job->info);
    int bits = png_get_bit_depth(job->png, job->info);
    int channels = png_get_channels(job->png, job->info);
    size_t row_bytes = (width * (size_t)channels * (size_t)bits + 7) / 8;
    /* The product may only be trusted below the pixel limit, which is checked first. */
    bool countable = width <= SCL_IMAGE_MAX_PIXELS && height <= SCL_IMAGE_MAX_PIXELS / width;
    size_t least_bytes = countable ? row_bytes * height / DEFLATE_RATIO : 0;
    SCL_TRY(scl_image_check_claim(job->source, width, height, least_bytes, job->err));
    SCL_TRY(scl_image_make(job->image, (int)width, (int)height, channels, bits == 16 ? 16 : 8,
                           job->err));
    job->image->sample_bits = bits;
    job->image->orientation = orientation_of(job);
    if (png_get_color_type(job->png, job->info) == PNG_COLOR_TYPE_PALETTE)
        take_palette(job);
    return SCL_OK;
}

static void read_rows(png_job *job)
{
    const scl_image *image = job->image;
    size_t row_bytes = (size_t)image->width * (size_t)image->channels * (size_t)image->depth / 8;
    png_set_packing(job->png); /* one sample a byte, values kept */
    if (host_is_little_endian())
        png_set_swap(job->png);
    int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    if (png_get_rowbytes(job->png, job->info) != row_bytes)
        png_error(job->png, "rows of an unexpected length");
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_read_row(job->png, (png_bytep)image->data + (size_t)y * row_bytes, NULL);
    png_read_end(job->png, NULL);
}

static scl_status failure(const png_job *job, scl_status status, const char *what)
{
    if (job->out_of_memory)
        return scl_fail(job->err, SCL_DEVICE, "%s: out of host memory", job->name);
    return scl_fail(job->err, status, "%s: %s: %s", job->name, what, job->reason);
}

/* The only functions that setjmp returns to twice, here and below: they have no local variables. */
static scl_status decode(png_job *job)
{
    if (setjmp(png_jmpbuf(job->png)) != 0)
        return failure(job, SCL_BAD_DATA, "the PNG is damaged or cut off");
    SCL_TRY(prepare(job));
    read_rows(job);
    return SCL_OK;
}

scl_status scl_image_read_png(const scl_image_source *source, scl_image *image, scl_error *err)
{
    png_job job = {.name = source->name, .err = err, .source = source, .image = image};
    job.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, keep_error, log_warning, &job,
                                       allocate, release);
    if (job.png != NULL)
        job.info = png_create_info_struct(job.png);
    scl_status status =
        job.info != NULL ? decode(&job) : scl_out_of_memory(err, sizeof job, "a PNG decoder");
    png_destroy_read_struct(&job.png, &job.info, NULL);
    return status;
}

static void write_bytes(png_structp png, png_bytep data, size_t bytes)
{
    const png_job *job = png_get_io_ptr(png);
    if (fwrite(data, 1, bytes, job->stream) != bytes)
        png_error(png, "the disk is full or failing");
}

static void flush_bytes(png_structp png)
{
    (void)png; /* the file writer flushes once, at the end */
}

static int bits_of(const scl_image *image)
{
    bool packed = image->channels == 1 && !image->indexed && image->depth == 8 &&
                  (image->sample_bits == 1 || image->sample_bits == 2 || image->sample_bits == 4);
    return packed ? image->sample_bits : image->depth;
}

static void write_header(const png_job *job)
{
    static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    const scl_image *image = job->written;
    int type = image->indexed ? PNG_COLOR_TYPE_PALETTE : types[image->channels - 1];
    png_set_IHDR(job->png, job->info, (png_uint_32)image->width, (png_uint_32)image->height,
                 bits_of(image), type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (image->indexed) {
        png_color colours[256];
        for (int i = 0; i < image->palette_count; i++)
            colours[i] =
                (png_color){image->palette[i][0], image->palette[i][1], image->palette[i][2]};
        png_set_PLTE(job->png, job->info, colours, image->palette_count);
    }
    png_write_info(job->png, job->info);
}

static scl_status encode(png_job *job)
{
    if (setjmp(png_jmpbuf(job->png)) != 0)
        return failure(job, SCL_FAILED, "the PNG could not be written");
    png_set_write_fn(job->png, job, write_bytes, flush_bytes);
    write_header(job);
    if (bits_of(job->written) < 8)
        png_set_packing(job->png);
    if (job->written->depth == 16 && host_is_little_endian())
        png_set_swap(job->png);
    for (int y = 0; y < job->written->height; y++)
        png_write_row(job->png, (png_const_bytep)job->written->data +
                                    (size_t)y * (size_t)job->written->width *
                                        (size_t)job->written->channels *
                                        (size_t)job->written->depth / 8);
    png_write_end(job->png, NULL);
    return SCL_OK;
}

/* Values above the palette or above sample_bits would be written as other values. */
static bool values_fit(const scl_image *image)
{
    int bits = bits_of(image);
    if (!image->indexed && bits >= 8)
        return true;
    unsigned limit = image->indexed ? (unsigned)image->palette_count : 1u << bits;
    size_t count = (size_t)image->width * (size_t)image->height;
    const uint8_t *values = image->data;
    for (size_t i = 0; i < count; i++)
        if (values[i] >= limit)
            return false;
    return true;
}

static scl_status check_writable(const char *path, const scl_image *image, scl_error *err)
{
    bool shape = image->width > 0 && image->height > 0 && image->channels >= 1 &&
                 image->channels <= 4 && (image->depth == 8 || image->depth == 16) &&
                 image->data != NULL;
    bool palette = !image->indexed || (image->channels == 1 && image->depth == 8 &&
                                       image->palette_count >= 1 && image->palette_count <= 256);
    if (!shape || !palette)
        return scl_fail(err, SCL_FAILED,
                        "%s: an image of %d x %d pixels, %d channels, %d bits%s can't be written",
                        path, image->width, image->height, image->channels, image->depth,
                        image->indexed ? " with a palette" : "");
    if (!values_fit(image))
        return scl_fail(err, SCL_FAILED,
                        "%s: the image has values beyond its %s and was not written", path,
                        image->indexed ? "palette" : "sample bits");
    return SCL_OK;
}

scl_status scl_image_write_png(const char *path, const scl_image *image, scl_error *err)
{
    SCL_TRY(check_writable(path, image, err));
    scl_file_writer writer;
    SCL_TRY(scl_file_writer_open(&writer, path, err));
    png_job job = {.name = path, .err = err, .written = image, .stream = writer.stream};
    job.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &job, keep_error, log_warning, &job,
                                        allocate, release);
    if (job.png != NULL)
        job.info = png_create_info_struct(job.png);
    scl_status status =
        job.info != NULL ? encode(&job) : scl_out_of_memory(err, sizeof job, "a PNG encoder");
    png_destroy_write_struct(&job.png, &job.info);
    if (status != SCL_OK) {
        scl_file_writer_abort(&writer);
        return status;
    }
    return scl_file_writer_commit(&writer, err);
}
