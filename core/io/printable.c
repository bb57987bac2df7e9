#include "io/printable.h"

#include <string.h>

const char *scl_printable(char text[SCL_PRINTABLE], const void *bytes, size_t count)
{
    const unsigned char *from = bytes;
    size_t shown = count < SCL_PRINTABLE ? count : SCL_PRINTABLE - 1;
    for (size_t i = 0; i < shown; i++)
        text[i] = from[i] < 0x20 || from[i] == 0x7f ? '?' : (char)from[i];
    text[shown] = '\0';
    if (shown < count)
        memcpy(text + SCL_PRINTABLE - 4, "...", 4);
    return text;
}
