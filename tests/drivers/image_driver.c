/* image_driver — lets a script compare the image reader with its reference.
 *
 *   image_driver raw FILE    the samples as they are read
 *   image_driver rgb FILE    after scl_image_to_rgb8
 *
 * Writes "WIDTH HEIGHT CHANNELS DEPTH ORIENTATION\n", then the samples (16-bit ones in host order).
 */
#include "io/image.h"

#include <stdio.h>
#include <string.h>

static int report(const scl_error *err)
{
    fprintf(stderr, "%s\n", err->text);
    return (int)err->status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: image_driver raw|rgb FILE >out\n", stderr);
        return SCL_BAD_CONFIG;
    }
    scl_error err = {0};
    scl_image image;
    if (scl_image_read(argv[2], &image, &err) != SCL_OK)
        return report(&err);
    if (strcmp(argv[1], "rgb") == 0) {
        scl_image rgb;
        if (scl_image_to_rgb8(&image, SCL_RANGE_FULL, &rgb, &err) != SCL_OK)
            return report(&err);
        scl_image_free(&image);
        image = rgb;
    }
    printf("%d %d %d %d %d\n", image.width, image.height, image.channels, image.depth,
           image.orientation);
    fwrite(image.data, (size_t)image.channels * (size_t)image.depth / 8,
           (size_t)image.width * (size_t)image.height, stdout);
    scl_image_free(&image);
    return 0;
}
