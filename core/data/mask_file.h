/* mask_file.h — masks as annotation tools write them, read as ids per pixel.
 *
 * Of a gray or palette PNG the sample or the index is the value, whatever the bits; an RGB(A) one
 * counts as gray where its colours are gray. What the values mean depends on data.task and
 * data.mask_values. Alpha is not looked at. Any thread. */
#ifndef SCL_DATA_MASK_FILE_H
#define SCL_DATA_MASK_FILE_H

#include "config/run_config.h"

#define SCL_MASK_IGNORED (-1)

/* What a file was recognised as; the text follows "40 files ". */
#define SCL_MASK_KIND_LIST(X)                                                                      \
    X(EMPTY, "without an object")                                                                  \
    X(ZERO_ONE, "of 0 and 1")                                                                      \
    X(ZERO_255, "of 0 and 255")                                                                    \
    X(TWO_VALUES, "of 0 and one other value")                                                      \
    X(COLOUR, "of black and one colour")                                                           \
    X(NOT_ZERO, "of several values, of which all but 0 are the object")                            \
    X(JPEG, "in JPEG, cut at half brightness")                                                     \
    X(IDS, "of ids")                                                                               \
    X(PALETTE, "of palette indices")

typedef enum scl_mask_kind {
#define X(name, text) SCL_MASK_##name,
    SCL_MASK_KIND_LIST(X)
#undef X
        SCL_MASK_KIND_COUNT
} scl_mask_kind;

/* Zero-initialise; free with scl_mask_free. The buffer is used again by the next read. */
typedef struct scl_mask {
    int width, height;
    int32_t
        *ids; /* [height, width]; SCL_MASK_IGNORED where ignore_index says so. Binary: 0 and 1 */
    size_t capacity; /* pixels */
    scl_mask_kind kind;
} scl_mask;

/* SCL_BAD_DATA with the path, what was expected and what was found, if the file can't be read or
 * isn't a mask for this configuration; SCL_DEVICE when out of memory. */
scl_status scl_mask_read(scl_mask *mask, const char *path, const scl_data_config *config,
                         scl_error *err);

/* Room for `pixels` ids, whose values are lost. SCL_DEVICE when out of memory. */
scl_status scl_mask_reserve(scl_mask *mask, size_t pixels, scl_error *err);

/* The text of the list above. */
const char *scl_mask_kind_text(scl_mask_kind kind);

void scl_mask_free(scl_mask *mask);

#endif
