#include "predict/input_image.h"

#include "base/log.h"
#include "base/mem.h"

scl_status scl_input_image_read(scl_input_image *image, const char *path, scl_image_range range,
                                int64_t side, scl_error *err)
{
    scl_image file = {0};
    *image = (scl_input_image){0};
    SCL_TRY(scl_image_read(path, &file, err));
    if (file.orientation > 1)
        scl_log(SCL_LOG_WARN,
                "%s: its EXIF orientation %d is not applied; coordinates and masks are those of "
                "the image as it is stored",
                path, file.orientation);
    scl_status status = scl_image_to_rgb8(&file, range, &image->rgb, err);
    scl_image_free(&file);
    SCL_TRY(status);
    image->frame = scl_frame_make(image->rgb.width, image->rgb.height, (int)side);
    return SCL_OK;
}

void scl_input_image_free(scl_input_image *image)
{
    scl_image_free(&image->rgb);
    *image = (scl_input_image){0};
}

scl_status scl_input_image_encode(const scl_input_image *image, scl_predictor *predictor,
                                  scl_error *err)
{
    size_t side = (size_t)image->frame.side, count = side * side * 3;
    float *values = scl_calloc(count, sizeof *values);
    if (values == NULL)
        return scl_out_of_memory(err, count * sizeof *values, "the model's input");
    scl_status status = scl_frame_image(&image->frame, image->rgb.data, values, err);
    if (status == SCL_OK)
        status = scl_predictor_encode(predictor, values, err);
    scl_free(values);
    return status;
}
