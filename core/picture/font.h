/* font.h — one small fixed-width bitmap font, drawn for this project: ASCII 32 to 126. */
#ifndef SCL_PICTURE_FONT_H
#define SCL_PICTURE_FONT_H

#include <stdbool.h>

#define SCL_FONT_WIDTH  6  /* cell: 5 columns of ink and 1 of space */
#define SCL_FONT_HEIGHT 12 /* cell; capitals fill rows 0 to 8, the baseline is row 8 */
#define SCL_FONT_CAPS   9

/* Whether the glyph has ink there. Outside the cell: false. Characters it lacks look like '?'. */
bool scl_font_ink(int character, int column, int row);

#endif
