/* image_header.h — the size of a picture, from the head of its file. Any thread. */
#ifndef SCL_DATA_IMAGE_HEADER_H
#define SCL_DATA_IMAGE_HEADER_H

#include "base/status.h"

/* Reads no pixels: a damaged rest of the file is not seen. SCL_BAD_DATA with the path and the
 * reason for a file that is no PNG or JPEG, has a damaged head or too many pixels; SCL_DEVICE when
 * out of memory. */
scl_status scl_image_header_read(const char *path, int *width, int *height, scl_error *err);

#endif
