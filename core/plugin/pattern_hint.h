/* pattern_hint.h — what a pattern of parameter names that matches none of them may have meant. */
#ifndef SCL_PLUGIN_PATTERN_HINT_H
#define SCL_PLUGIN_PATTERN_HINT_H

#include "base/str.h"

/* Appends ": did you mean `mask_decoder.*`?" or, when nothing is near, up to three of `names` (at
 * least one), beginning with the one that begins most alike. */
void scl_pattern_hint(const char *pattern, const char *const *names, size_t count, scl_str *out);

#endif
