/* samcl.h — the public functions of libsamcl. */
#ifndef SAMCL_SAMCL_H
#define SAMCL_SAMCL_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the whole project; the build reads it here. */
#define SCL_VERSION "0.1.0"

/* Marks what libsamcl exports; everything else in it is hidden. */
#define SCL_API __attribute__((visibility("default")))

/* The SCL_VERSION the library was built as; static storage, any thread. */
SCL_API const char *scl_version(void);

#ifdef __cplusplus
}
#endif

#endif
