/* kernels.h — the kernel sources, embedded by the build from kernels/. */
#ifndef SCL_OPENCL_KERNELS_H
#define SCL_OPENCL_KERNELS_H

#include <stddef.h>

typedef struct cl_source {
    const char *file; /* "gemm", "cpu/attention": the path below kernels/ without .cl */
    const char *text;
} cl_source;

extern const char cl_common_source[];
extern const cl_source cl_sources[];
extern const size_t cl_source_count;
/* A hash of kernels/, of the code of this folder, and CLBlast's version. */
extern const char cl_code_text[];

#endif
