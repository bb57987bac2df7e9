#include "samcl/samcl.h"

const char *scl_version(void)
{
    return SCL_VERSION;
}
