/* printable.h — bytes of an untrusted file made safe to show in a message. */
#ifndef SCL_IO_PRINTABLE_H
#define SCL_IO_PRINTABLE_H

#include <stddef.h>

#define SCL_PRINTABLE 128

/* At most SCL_PRINTABLE - 1 bytes of `bytes`, control characters shown as '?', a cut shown as
 * "..."; returns `text`. Any thread. */
const char *scl_printable(char text[SCL_PRINTABLE], const void *bytes, size_t count);

#endif
