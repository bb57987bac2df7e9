/* backend.h — what a backend offers: memory, and a launch for every op.
 *
 * A device belongs to one backend and is used from one thread. Work is queued in order; only read
 * and finish wait for it. Status DEVICE on driver errors and lack of memory. */
#ifndef SCL_GRAPH_BACKEND_H
#define SCL_GRAPH_BACKEND_H

#include "base/hash.h"
#include "graph/graph.h"

typedef struct scl_buffer scl_buffer; /* memory of one device */
typedef struct scl_launch scl_launch; /* one node, bound to its buffers and ready to run */
typedef struct scl_backend scl_backend;

typedef struct scl_device_info {
    char name[256], vendor[256], platform[256], driver[256];
    char version[256]; /* of the device's OpenCL */
    char runtime[256]; /* the platform's version */
    scl_hash128 code;  /* of the kernels and of how they are built; set when it is opened */
    bool is_cpu;
    unsigned compute_units;
    size_t memory_bytes; /* of the device */
    size_t max_alloc;    /* largest single buffer */
    size_t alignment;    /* of a view inside a buffer */
} scl_device_info;

/* Backends put their own fields after this head. */
typedef struct scl_device {
    const scl_backend *backend;
    scl_device_info info;
    size_t bytes_in_use, bytes_peak; /* buffers alive now, and at most so far */
    struct scl_profile *profile;     /* NULL, or who is told how long each launch took */
    size_t memory_budget;            /* what buffers may take together; 0: all there is */
} scl_device;

/* A node and where its tensors live. Entries are NULL where the node's are. */
typedef struct scl_binding {
    const scl_node *node;
    scl_buffer *const *inputs;
    scl_buffer *const *outputs;
    scl_buffer *workspace; /* workspace_bytes(node) bytes, or NULL */
} scl_binding;

struct scl_backend {
    const char *name;
    size_t (*element_size)(scl_dtype dtype);

    /* Buffers. A view shares its parent's memory and must be released before it. */
    scl_status (*buffer_create)(scl_device *device, size_t bytes, scl_buffer **out, scl_error *err);
    scl_status (*buffer_view)(scl_device *device, scl_buffer *parent, size_t offset, size_t bytes,
                              scl_buffer **out, scl_error *err);
    void (*buffer_release)(scl_device *device, scl_buffer *buffer);
    /* Host values are float or int32_t; offset and count are in elements. Both copy before they
     * return. */
    scl_status (*write)(scl_device *device, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                        const void *values, size_t count, scl_error *err);
    scl_status (*read)(scl_device *device, scl_buffer *buffer, scl_dtype dtype, size_t offset,
                       void *values, size_t count, scl_error *err);
    scl_status (*zero)(scl_device *device, scl_buffer *buffer, size_t bytes, scl_error *err);

    /* Ops. prepare does everything that can be done before the step: kernels built, arguments
     * set; launch only enqueues. */
    size_t (*workspace_bytes)(scl_device *device, const scl_node *node);
    scl_status (*prepare)(scl_device *device, const scl_binding *binding, scl_launch **out,
                          scl_error *err);
    scl_status (*launch)(scl_device *device, scl_launch *launch, scl_error *err);
    void (*launch_release)(scl_device *device, scl_launch *launch);

    scl_status (*finish)(scl_device *device, scl_error *err);
    /* Called when the device has got its profile: from then on scl_profile_launch and
     * scl_profile_transfer are told what ran, at the latest by read and finish. */
    scl_status (*time_launches)(scl_device *device, scl_error *err);
    void (*close)(scl_device *device);
};

/* Of all that two devices must share to compute the same bits: backend, device, driver, platform,
 * kernels and how they are built. */
scl_hash128 scl_device_identity(const scl_device *device);

/* What buffers may still take: of the budget, or of the device's memory without one. */
size_t scl_device_bytes_left(const scl_device *device);

/* Bytes that must move for the node on this device: those of scl_node_values. */
double scl_device_node_bytes(const scl_device *device, const scl_node *node);

/* Counts a buffer of `bytes` as made (positive) or released (negative). */
void scl_device_count_bytes(scl_device *device, ptrdiff_t bytes);

#endif
