#include "io/image_codec.h"

#include "base/log.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#define SCANS_MAX                                                                                  \
    500 /* a progressive file of a few kB can ask for hours: libjpeg-turbo's advice                \
         */

/* All that outlives a longjmp is in here, never in a local variable. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const scl_image_source *source;
    scl_image *image;
    scl_error *err;
    uint8_t *row; /* one row of CMYK */
    char reason[JMSG_LENGTH_MAX];
} jpeg_reader;

static jpeg_reader *reader_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static void give_up(j_common_ptr cinfo)
{
    jpeg_reader *reader = reader_of(cinfo);
    cinfo->err->format_message(cinfo, reader->reason);
    longjmp(reader->escape, 1);
}

/* libjpeg calls lost data a warning and paints gray; in a data set that is an error. */
static bool means_lost_data(int code)
{
    switch (code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        return true;
    default:
        return false;
    }
}

static void take_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return; /* a trace */
    cinfo->err->num_warnings++;
    if (means_lost_data(cinfo->err->msg_code))
        give_up(cinfo);
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    scl_log(SCL_LOG_DEBUG, "%s: %s", reader_of(cinfo)->source->name, text);
}

static void drop_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void watch_scans(j_common_ptr cinfo)
{
    jpeg_reader *reader = reader_of(cinfo);
    if (reader->cinfo.input_scan_number <= SCANS_MAX)
        return;
    snprintf(reader->reason, sizeof reader->reason, "it has more than %d scans", SCANS_MAX);
    longjmp(reader->escape, 1);
}

static int orientation_of(const jpeg_saved_marker_ptr markers)
{
    for (const struct jpeg_marker_struct *m = markers; m != NULL; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return scl_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* Gray, RGB (also from YCbCr) or CMYK (also from YCCK), as Pillow asks for. */
static scl_status choose_colours(struct jpeg_decompress_struct *cinfo, const char *name,
                                 scl_error *err)
{
    switch (cinfo->num_components) {
    case 1:
        cinfo->out_color_space = JCS_GRAYSCALE;
        return SCL_OK;
    case 3:
        cinfo->out_color_space = JCS_RGB;
        return SCL_OK;
    case 4:
        cinfo->out_color_space = JCS_CMYK;
        return SCL_OK;
    default:
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected a JPEG of 1, 3 or 4 colour components, found %d", name,
                        cinfo->num_components);
    }
}

/* Pillow: the samples are inverted (Adobe's habit), then converted without a colour profile. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t pixels, uint8_t *rgb)
{
    for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3) {
        unsigned light = cmyk[3];
        for (int c = 0; c < 3; c++) {
            unsigned product = (255u - cmyk[c]) * light + 128;
            rgb[c] = (uint8_t)(light - (((product >> 8) + product) >> 8));
        }
    }
}

static scl_status prepare(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    jpeg_mem_src(cinfo, reader->source->data, (unsigned long)reader->source->size);
    jpeg_save_markers(cinfo, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(cinfo, TRUE);
    SCL_TRY(choose_colours(cinfo, reader->source->name, reader->err));
    /* A Huffman-coded block of 8 x 8 pixels takes a bit at least. */
    size_t width = cinfo->image_width, height = cinfo->image_height;
    size_t least_bytes = cinfo->arith_code ? 0 : width / 8 * (height / 8) / 8;
    SCL_TRY(scl_image_check_claim(reader->source, width, height, least_bytes, reader->err));
    bool cmyk = cinfo->num_components == 4;
    SCL_TRY(scl_image_make(reader->image, (int)width, (int)height,
                           cinfo->num_components == 1 ? 1 : 3, 8, reader->err));
    if (cmyk && (reader->row = scl_calloc(width, 4)) == NULL)
        return scl_out_of_memory(reader->err, width * 4, "a row of an image");
    reader->image->orientation = orientation_of(cinfo->marker_list);
    return SCL_OK;
}

static void read_rows(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    scl_image *image = reader->image;
    size_t row_bytes = (size_t)image->width * (size_t)image->channels;
    uint8_t *out = image->data;
    jpeg_start_decompress(cinfo);
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = reader->row != NULL ? reader->row : out;
        jpeg_read_scanlines(cinfo, &row, 1);
        if (reader->row != NULL)
            cmyk_to_rgb(reader->row, (size_t)image->width, out);
        out += row_bytes;
    }
}

static scl_status failure(const jpeg_reader *reader)
{
    if (reader->errors.msg_code == JERR_OUT_OF_MEMORY)
        return scl_fail(reader->err, SCL_DEVICE, "%s: out of host memory", reader->source->name);
    return scl_fail(reader->err, SCL_BAD_DATA, "%s: the JPEG is damaged or cut off: %s",
                    reader->source->name, reader->reason);
}

/* The only function that setjmp returns to twice: it has no local variables. */
static scl_status decode(jpeg_reader *reader)
{
    if (setjmp(reader->escape) != 0)
        return failure(reader);
    jpeg_create_decompress(&reader->cinfo);
    reader->cinfo.client_data = reader;
    reader->cinfo.progress = &reader->progress;
    SCL_TRY(prepare(reader));
    read_rows(reader);
    return SCL_OK; /* all pixels are there: what follows them does not matter, as in Pillow */
}

scl_status scl_image_read_jpeg(const scl_image_source *source, scl_image *image, scl_error *err)
{
    jpeg_reader *reader = scl_calloc(1, sizeof *reader);
    if (reader == NULL)
        return scl_out_of_memory(err, sizeof *reader, "a JPEG decoder");
    reader->source = source;
    reader->image = image;
    reader->err = err;
    reader->cinfo.err = jpeg_std_error(&reader->errors);
    reader->cinfo.client_data = reader;
    reader->errors.error_exit = give_up;
    reader->errors.emit_message = take_message;
    reader->errors.output_message = drop_output;
    reader->progress.progress_monitor = watch_scans;
    scl_status status = decode(reader);
    jpeg_destroy_decompress(&reader->cinfo);
    scl_free(reader->row);
    scl_free(reader);
    return status;
}
