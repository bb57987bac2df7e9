/* shared.c — what all open devices of one cl_device_id share: the context, and the programs
 * compiled in it. Both last as long as one of them is open, so that a process that opens a device
 * again and again, as tests do, compiles once. */
#include "opencl/opencl.h"

#include "base/mem.h"

#include <clblast_c.h>
#include <pthread.h>

struct cl_shared {
    cl_device_id id;
    cl_context context;
    cl_cache *programs;
    int users;
    cl_shared *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static cl_shared *all;

static void destroy(cl_shared *shared)
{
    CLBlastClearCache(); /* has programs of this context, too */
    cl_cache_free(shared->programs);
    if (shared->context != NULL)
        clReleaseContext(shared->context);
    scl_free(shared);
}

static scl_status create(cl_platform_id platform, cl_device_id id, cl_shared **out, scl_error *err)
{
    cl_shared *shared = scl_calloc(1, sizeof *shared);
    if (shared == NULL)
        return scl_out_of_memory(err, sizeof *shared, "a device");
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
    cl_int code = CL_SUCCESS;
    shared->id = id;
    shared->context = clCreateContext(properties, 1, &id, NULL, NULL, &code);
    shared->programs = cl_cache_create();
    if (code == CL_SUCCESS && shared->programs != NULL) {
        *out = shared;
        return SCL_OK;
    }
    destroy(shared);
    return code != CL_SUCCESS ? cl_fail(err, code, "clCreateContext")
                              : scl_out_of_memory(err, 64, "a device");
}

static scl_status find_or_create(cl_platform_id platform, cl_device_id id, cl_shared **out,
                                 scl_error *err)
{
    for (*out = all; *out != NULL; *out = (*out)->next)
        if ((*out)->id == id)
            return SCL_OK;
    SCL_TRY(create(platform, id, out, err));
    (*out)->next = all;
    all = *out;
    return SCL_OK;
}

scl_status cl_shared_open(cl_device *device, scl_error *err)
{
    pthread_mutex_lock(&lock);
    cl_shared *shared = NULL;
    scl_status status = find_or_create(device->platform, device->id, &shared, err);
    if (status == SCL_OK) {
        shared->users++;
        device->shared = shared;
        device->context = shared->context;
        device->programs = shared->programs;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void cl_shared_close(cl_device *device)
{
    cl_shared *shared = device->shared;
    if (shared == NULL)
        return;
    pthread_mutex_lock(&lock);
    if (--shared->users == 0) {
        cl_shared **link = &all;
        while (*link != shared)
            link = &(*link)->next;
        *link = shared->next;
        destroy(shared);
    }
    pthread_mutex_unlock(&lock);
}
