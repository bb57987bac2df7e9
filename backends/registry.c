#include "registry.h"

#include "base/str.h"
#include "opencl/device.h"
#include "reference/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool holds_text(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text != '\0'; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

static const cl_found *find_auto(const cl_found *found, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!found[i].info.is_cpu)
            return &found[i];
    return count > 0 ? &found[0] : NULL;
}

static const cl_found *find_named(const cl_found *found, size_t count, const char *name)
{
    char *end = NULL;
    unsigned long index = strtoul(name, &end, 10);
    if (isdigit((unsigned char)name[0]) && *end == '\0')
        return index < count ? &found[index] : NULL;
    for (size_t i = 0; i < count; i++)
        if (holds_text(found[i].info.name, name) || holds_text(found[i].info.platform, name))
            return &found[i];
    return NULL;
}

static scl_status no_match(const char *spec, const cl_found *found, size_t count, scl_error *err)
{
    scl_str list = {0};
    for (size_t i = 0; i < count; i++)
        scl_str_add(&list, "%sopencl:%zu, \"%s\" (%s)", i > 0 ? "; " : "", i, found[i].info.name,
                    found[i].info.platform);
    if (count == 0)
        scl_fail(err, SCL_DEVICE,
                 "device \"%s\": no OpenCL device was found; install your GPU's OpenCL driver, or "
                 "PoCL to run on the CPU (Debian: pocl-opencl-icd), and check with clinfo",
                 spec);
    else
        scl_fail(err, SCL_DEVICE, "device \"%s\" is not here; there is %s", spec,
                 scl_str_text(&list));
    scl_str_free(&list);
    return SCL_DEVICE;
}

static scl_status open_opencl(const char *spec, const char *name, cl_variant variant,
                              scl_device **out, scl_error *err)
{
    cl_found *found = scl_calloc(CL_DEVICES_MAX, sizeof *found);
    if (found == NULL)
        return scl_out_of_memory(err, CL_DEVICES_MAX * sizeof *found, "the device list");
    size_t count = cl_devices_list(found);
    const cl_found *choice =
        name == NULL ? find_auto(found, count) : find_named(found, count, name);
    scl_status status = choice != NULL ? cl_device_open(choice, variant, out, err)
                                       : no_match(spec, found, count, err);
    scl_free(found);
    return status;
}

/* In a run file, opencl:"part of a name" keeps its quotation marks. */
static char *unquote(char *text)
{
    size_t length = strlen(text);
    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        return text;
    text[length - 1] = '\0';
    return text + 1;
}

static bool take_end(char *text, const char *end)
{
    if (!scl_ends_with(text, end))
        return false;
    text[strlen(text) - strlen(end)] = '\0';
    return true;
}

/* Cuts the endings of registry.h off a device's name. */
static cl_variant take_variant(char *name)
{
    cl_variant v = {0};
    v.shallow = take_end(name, "+shallow");
    v.clblast = take_end(name, "+clblast");
    v.generic = take_end(name, "+generic") || v.clblast;
    v.width = take_end(name, "+width4")    ? 4
              : take_end(name, "+width8")  ? 8
              : take_end(name, "+width16") ? 16
                                           : 0;
    return v;
}

scl_status scl_device_open(const char *spec, scl_device **out, scl_error *err)
{
    *out = NULL;
    if (strcmp(spec, "reference") == 0)
        return scl_reference_open(out, err);
    char *name = scl_strdup(spec);
    if (name == NULL)
        return scl_out_of_memory(err, strlen(spec), "a device name");
    cl_variant variant = take_variant(name);
    scl_status status;
    if (strcmp(name, "auto") == 0)
        status = open_opencl(spec, NULL, variant, out, err);
    else if (scl_starts_with(name, "opencl:") && name[strlen("opencl:")] != '\0')
        status = open_opencl(spec, unquote(name + strlen("opencl:")), variant, out, err);
    else
        status = scl_fail(err, SCL_BAD_CONFIG,
                          "device \"%s\": expected auto, opencl:N, opencl:part-of-a-name or "
                          "reference",
                          spec);
    scl_free(name);
    return status;
}

void scl_device_close(scl_device *device)
{
    if (device != NULL)
        device->backend->close(device);
}

size_t scl_devices_list(scl_device_info *infos, size_t max)
{
    cl_found *found = scl_calloc(CL_DEVICES_MAX, sizeof *found);
    size_t count = found != NULL ? cl_devices_list(found) : 0;
    for (size_t i = 0; i < count && i < max; i++)
        infos[i] = found[i].info;
    scl_free(found);
    return count < max ? count : max;
}
