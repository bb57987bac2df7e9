/* profile.h — where time goes: what ran on a device, how long, and at what rate.
 *
 * While a device has a profile its backend times each kernel, by the device's own clock, and the
 * host's phases are noted by who runs them. Sums are kept by op and shape; each single event may go
 * to a trace. Used from the device's thread. Without a profile a launch is one comparison dearer.
 */
#ifndef SCL_GRAPH_PROFILE_H
#define SCL_GRAPH_PROFILE_H

#include "base/str.h"
#include "graph/ceiling.h"
#include "graph/trace.h"

/* Times are nanoseconds since the profile began. */
typedef struct scl_kernel_time {
    const char *kernel;
    uint64_t start, end;
} scl_kernel_time;

typedef enum scl_transfer { SCL_UPLOAD, SCL_DOWNLOAD, SCL_CLEAR, SCL_TRANSFERS } scl_transfer;

#define SCL_PROFILE_KEY     8
#define SCL_PROFILE_OWN_OPS 32 /* told apart by name; further ones of plugins share a row */
#define SCL_PROFILE_LABEL   136
/* The first number of a row's key: a scl_op, a scl_transfer from TRANSFER on, or a plugin's op. */
#define SCL_PROFILE_TRANSFER ((int64_t)SCL_OP_COUNT)
#define SCL_PROFILE_OWN      (SCL_PROFILE_TRANSFER + SCL_TRANSFERS)
#define SCL_PROFILE_KINDS    (SCL_PROFILE_OWN + SCL_PROFILE_OWN_OPS)

/* All launches of one op on one shape, or all transfers of one kind. */
typedef struct scl_profile_row {
    int64_t key[SCL_PROFILE_KEY]; /* then what tells shapes of that op apart */
    const char *label;            /* of a plugin's op; borrowed from the profile */
    uint64_t calls, nanoseconds;
    double flops, bytes; /* of all calls */
} scl_profile_row;

typedef struct scl_phase_sum {
    const char *name; /* static storage */
    uint64_t calls, nanoseconds;
} scl_phase_sum;

#define SCL_PROFILE_PHASES 16

typedef struct scl_profile {
    scl_device *device;
    scl_trace *trace; /* NULL: sums only */
    uint64_t began;   /* on the host's clock */
    scl_profile_row *rows;
    size_t row_count, row_capacity;
    uint32_t *table; /* rows by the hash of their keys, plus 1; 0: free */
    size_t table_size;
    scl_phase_sum phases[SCL_PROFILE_PHASES];
    size_t phase_count;
    char own_labels[SCL_PROFILE_OWN_OPS][SCL_PROFILE_LABEL];
    bool out_of_memory;
    bool launched;
    uint64_t first_start, last_end; /* of the launches */
    uint64_t busy, busy_until;      /* from first_start on: launches and transfers */
    uint64_t busy_in_span;          /* the same up to last_end */
    uint64_t own;                   /* spent on the host for the profile itself */
} scl_profile;

/* Begins to time what runs on the device. `trace`: a path, or NULL. SCL_FAILED when it can't be
 * written, SCL_DEVICE when the driver does not time. */
scl_status scl_profile_begin(scl_device *device, const char *trace, scl_error *err);
/* Waits for the device and ends the timing; the trace is put at its place unless nothing ran. Adds
 * a table for people to `table` (or NULL). */
scl_status scl_profile_end(scl_device *device, const scl_ceiling *ceiling, scl_str *table,
                           scl_error *err);

/* For what the host does: a phase began at scl_profile_now and ends now. NULL is no profile. */
uint64_t scl_profile_now(const scl_profile *profile);
void scl_profile_phase(scl_profile *profile, const char *name, uint64_t start);

/* For backends: a node ran as these kernels; values were moved; time was spent to find that out. */
void scl_profile_launch(scl_profile *profile, const scl_node *node, const scl_kernel_time *kernels,
                        size_t count);
void scl_profile_transfer(scl_profile *profile, scl_transfer transfer, size_t bytes, uint64_t start,
                          uint64_t end);
void scl_profile_spent(scl_profile *profile, uint64_t since);

/* ---- profile_table.c */
/* "gemm" or "upload", and "4096 x 2304 x 768, A B^T" into text of SCL_PROFILE_TEXT bytes. */
#define SCL_PROFILE_TEXT 128
const char *scl_profile_row_name(const scl_profile_row *row);
char *scl_profile_row_shape(const scl_profile_row *row, char text[SCL_PROFILE_TEXT]);
void scl_profile_table(const scl_profile *profile, const scl_ceiling *ceiling, scl_str *out);

#endif
