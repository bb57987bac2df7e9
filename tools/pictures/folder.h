/* folder.h — pictures and masks as files: images/0001.png and masks/0001.png. One thread. */
#ifndef SCL_PICTURES_FOLDER_H
#define SCL_PICTURES_FOLDER_H

#include "pictures/options.h"

/* Writes options->count pairs, over those of the same names; above 9999 pictures the names have 7
 * digits. Each file is written whole or not at all, and no image is ever without its mask.
 * SCL_FAILED when a file or a folder can't be written, SCL_DEVICE when out of memory. */
scl_status scl_pictures_write(const scl_pictures_options *options, scl_error *err);

#endif
