/* timing.c — events are kept until the host waits for the queue anyway, or until there are many. */
#include "opencl/timing.h"

#include <string.h>

#define MOST_OUTSTANDING 4096
#define MOST_KERNELS     64 /* of one node; the dearest has 12 */

/* One command, or what is between two. */
typedef struct timed {
    cl_event event, before; /* before: NULL, or the marker in front of a library's commands */
    const scl_node *node;   /* NULL: a transfer */
    uint64_t launch;        /* number of the launch it is part of */
    const char *kernel;
    scl_transfer transfer;
    size_t bytes;
} timed;

struct cl_timing {
    timed items[MOST_OUTSTANDING];
    size_t count;
    const scl_node *node; /* that is being launched */
    uint64_t launch;
    int64_t offset; /* from the device's clock to the profile's */
};

static bool read_times(const cl_timing *t, const timed *item, uint64_t *start, uint64_t *end)
{
    cl_ulong from = 0, to = 0;
    cl_event first = item->before != NULL ? item->before : item->event;
    cl_profiling_info what =
        item->before != NULL ? CL_PROFILING_COMMAND_END : CL_PROFILING_COMMAND_START;
    if (item->event == NULL ||
        clGetEventProfilingInfo(first, what, sizeof from, &from, NULL) != CL_SUCCESS ||
        clGetEventProfilingInfo(item->event, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL) !=
            CL_SUCCESS ||
        to < from || (int64_t)from + t->offset < 0)
        return false;
    *start = (uint64_t)((int64_t)from + t->offset);
    *end = (uint64_t)((int64_t)to + t->offset);
    return true;
}

static void drop(timed *item)
{
    if (item->event != NULL)
        clReleaseEvent(item->event);
    if (item->before != NULL)
        clReleaseEvent(item->before);
    *item = (timed){0};
}

/* The commands of one launch, or one transfer; returns how many. */
static size_t report(cl_timing *t, scl_profile *profile, size_t first, size_t end)
{
    scl_kernel_time kernels[MOST_KERNELS];
    size_t i = first, count = 0;
    uint64_t from, to;
    const timed *head = &t->items[first];
    if (head->node == NULL) {
        if (read_times(t, head, &from, &to))
            scl_profile_transfer(profile, head->transfer, head->bytes, from, to);
        return 1;
    }
    for (; i < end && t->items[i].launch == head->launch && t->items[i].node != NULL; i++)
        if (count < MOST_KERNELS && read_times(t, &t->items[i], &from, &to))
            kernels[count++] = (scl_kernel_time){t->items[i].kernel, from, to};
    scl_profile_launch(profile, head->node, kernels, count);
    return i - first;
}

/* The first `end` items, which have ended. */
static void collect(cl_device *device, size_t end)
{
    cl_timing *t = device->timing;
    scl_profile *profile = device->base.profile;
    uint64_t since = scl_profile_now(profile);
    for (size_t i = 0; i < end && profile != NULL;)
        i += report(t, profile, i, end);
    for (size_t i = 0; i < end; i++)
        drop(&t->items[i]);
    memmove(t->items, t->items + end, (t->count - end) * sizeof *t->items);
    t->count -= end;
    if (profile != NULL)
        scl_profile_spent(profile, since);
}

void cl_timing_collect(cl_device *device)
{
    if (device->timing != NULL)
        collect(device, device->timing->count);
}

/* When there is no room, the older half is waited for: the younger one keeps the device at work. */
static void make_room(cl_device *device)
{
    cl_timing *t = device->timing;
    size_t end = t->count / 2;
    if (t->count < MOST_OUTSTANDING)
        return;
    while (end < t->count && t->items[end].node != NULL &&
           t->items[end].launch == t->items[end - 1].launch)
        end++;
    if (t->items[end - 1].event != NULL)
        clWaitForEvents(1, &t->items[end - 1].event);
    collect(device, end);
}

static timed *next_item(cl_device *device)
{
    make_room(device);
    cl_timing *t = device->timing;
    timed *item = &t->items[t->count++];
    *item = (timed){.launch = t->launch};
    return item;
}

void cl_timing_launch(cl_device *device, const scl_node *node)
{
    if (device->base.profile == NULL)
        return;
    device->timing->node = node;
    device->timing->launch++;
}

cl_event *cl_timing_kernel(cl_device *device, const char *kernel)
{
    if (device->base.profile == NULL)
        return NULL;
    timed *item = next_item(device);
    item->node = device->timing->node;
    item->kernel = kernel;
    return &item->event;
}

cl_event *cl_timing_transfer(cl_device *device, scl_transfer transfer, size_t bytes)
{
    if (device->base.profile == NULL)
        return NULL;
    timed *item = next_item(device);
    item->transfer = transfer;
    item->bytes = bytes;
    return &item->event;
}

void cl_timing_call_begin(cl_device *device, const char *name)
{
    if (device->base.profile == NULL)
        return;
    cl_timing_kernel(device, name);
    timed *item = &device->timing->items[device->timing->count - 1];
    clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &item->before);
}

void cl_timing_call_end(cl_device *device)
{
    if (device->base.profile == NULL)
        return;
    timed *item = &device->timing->items[device->timing->count - 1];
    clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &item->event);
}

void cl_timing_free(cl_timing *timing)
{
    for (size_t i = 0; timing != NULL && i < timing->count; i++)
        drop(&timing->items[i]);
    scl_free(timing);
}

/* A command that ends now on both clocks. */
static scl_status compare_clocks(cl_device *device, scl_error *err)
{
    cl_event event = NULL;
    cl_ulong end = 0;
    SCL_CL(err, clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &event));
    cl_int code = clFinish(device->queue);
    uint64_t now = scl_profile_now(device->base.profile);
    if (code == CL_SUCCESS)
        code = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    clReleaseEvent(event);
    if (code != CL_SUCCESS)
        return cl_fail(err, code, "clGetEventProfilingInfo");
    device->timing->offset = (int64_t)now - (int64_t)end;
    return SCL_OK;
}

scl_status cl_timing_start(scl_device *base, scl_error *err)
{
    cl_device *device = cl_device_of(base);
    cl_int code = CL_SUCCESS;
    SCL_CL(err, clFinish(device->queue));
    cl_timing_free(device->timing); /* of an earlier profile: its clock began at another time */
    device->timing = NULL;
    cl_command_queue queue =
        clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS)
        return cl_fail(err, code, "clCreateCommandQueue");
    clReleaseCommandQueue(device->queue);
    device->queue = queue;
    device->timing = scl_calloc(1, sizeof *device->timing);
    if (device->timing == NULL)
        return scl_out_of_memory(err, sizeof *device->timing, "the times of commands");
    return compare_clocks(device, err);
}
