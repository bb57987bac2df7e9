/* sheet.h — overlays in rows and columns, such as image | target | base | tuned. */
#ifndef SCL_PICTURE_SHEET_H
#define SCL_PICTURE_SHEET_H

#include "picture/overlay.h"

/* All memory is borrowed. */
typedef struct scl_sheet {
    const char *title; /* NULL: none */
    int rows, columns;
    int tile;                         /* longer side of a tile in pixels, 16 to 4096 */
    const char *const *column_titles; /* [columns]; NULL: none */
    const scl_overlay *tiles;         /* [rows, columns]; one whose rgb is NULL is left empty */
    const char *const *captions;      /* [rows, columns], under the tiles, entries may be NULL;
                                       * NULL: none */
} scl_sheet;

/* Makes `canvas`. SCL_BAD_DATA for an impossible size, SCL_DEVICE when out of memory. */
scl_status scl_sheet_draw(const scl_sheet *sheet, scl_canvas *canvas, scl_error *err);

#endif
