#include "pictures/painting.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

scl_status scl_painting_make(scl_painting *painting, int width, int height, scl_error *err)
{
    size_t count = (size_t)width * (size_t)height;
    size_t longest = (size_t)(width > height ? width : height);
    *painting = (scl_painting){.width = width,
                               .height = height,
                               .rgb = scl_calloc(count, 3 * sizeof(float)),
                               .ids = scl_calloc(count, 1),
                               .line = scl_calloc(longest, 3 * sizeof(float))};
    scl_status status = SCL_OK;
    if (painting->rgb == NULL || painting->ids == NULL || painting->line == NULL)
        status = scl_out_of_memory(err, count * 3 * sizeof(float), "a picture");
    if (status == SCL_OK)
        status = scl_coverage_make(&painting->cover, width, height, err);
    if (status == SCL_OK)
        status = scl_coverage_make(&painting->soft, width, height, err);
    if (status != SCL_OK)
        scl_painting_free(painting);
    return status;
}

void scl_painting_free(scl_painting *painting)
{
    scl_free(painting->rgb);
    scl_free(painting->ids);
    scl_free(painting->line);
    scl_coverage_free(&painting->cover);
    scl_coverage_free(&painting->soft);
    *painting = (scl_painting){0};
}

double scl_painting_side(const scl_painting *painting)
{
    return sqrt((double)painting->width * painting->height);
}

static size_t index_of(const scl_painting *painting, int x, int y)
{
    return (size_t)y * (size_t)painting->width + (size_t)x;
}

scl_rgb scl_painting_color(const scl_painting *painting, int x, int y)
{
    const float *at = painting->rgb + 3 * index_of(painting, x, y);
    return (scl_rgb){(double)at[0], (double)at[1], (double)at[2]};
}

void scl_painting_set(scl_painting *painting, int x, int y, scl_rgb color)
{
    float *at = painting->rgb + 3 * index_of(painting, x, y);
    at[0] = (float)color.r;
    at[1] = (float)color.g;
    at[2] = (float)color.b;
}

void scl_painting_blend(scl_painting *painting, int x, int y, scl_rgb color, double alpha)
{
    scl_painting_set(painting, x, y, scl_rgb_mix(scl_painting_color(painting, x, y), color, alpha));
}

void scl_painting_mark(scl_painting *painting, int x, int y, int id)
{
    painting->ids[index_of(painting, x, y)] = (uint8_t)id;
}

int scl_painting_id(const scl_painting *painting, int x, int y)
{
    return painting->ids[index_of(painting, x, y)];
}

int scl_painting_min_area(int width, int height)
{
    int part = (int)((int64_t)width * height / 2048);
    return part > 16 ? part : 16;
}

int scl_painting_renumber(scl_painting *painting)
{
    size_t count = (size_t)painting->width * (size_t)painting->height;
    int areas[SCL_PAINTING_MAX_IDS + 1] = {0};
    uint8_t renamed[SCL_PAINTING_MAX_IDS + 1] = {0};
    for (size_t i = 0; i < count; i++)
        areas[painting->ids[i]]++;
    int least = scl_painting_min_area(painting->width, painting->height), found = 0;
    for (int id = 1; id <= SCL_PAINTING_MAX_IDS; id++)
        if (areas[id] >= least)
            renamed[id] = (uint8_t)++found;
    for (size_t i = 0; i < count; i++)
        painting->ids[i] = renamed[painting->ids[i]];
    return found;
}

/* [part, 1 - 2 part, part] over `count` colours that lie `stride` floats apart. */
static void blur_line(float *rgb, size_t stride, int count, float part, float *line)
{
    for (int i = 0; i < count; i++)
        memcpy(line + 3 * (size_t)i, rgb + (size_t)i * stride, 3 * sizeof(float));
    for (int i = 0; i < count; i++) {
        const float *left = line + 3 * (size_t)(i > 0 ? i - 1 : 0), *here = line + 3 * (size_t)i;
        const float *right = line + 3 * (size_t)(i + 1 < count ? i + 1 : i);
        for (int k = 0; k < 3; k++)
            rgb[(size_t)i * stride + (size_t)k] =
                here[k] + part * (left[k] - 2 * here[k] + right[k]);
    }
}

static void blur(scl_painting *painting, float part)
{
    size_t row = 3 * (size_t)painting->width;
    for (int y = 0; y < painting->height; y++)
        blur_line(painting->rgb + (size_t)y * row, 3, painting->width, part, painting->line);
    for (int x = 0; x < painting->width; x++)
        blur_line(painting->rgb + 3 * (size_t)x, row, painting->height, part, painting->line);
}

/* Mean 0, deviation 1: the sum of four bytes. */
static double grain(uint32_t bits)
{
    uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
    return ((double)sum - 510) / 147.8;
}

static double mean_light(const scl_painting *painting)
{
    size_t count = 3 * (size_t)painting->width * (size_t)painting->height;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)painting->rgb[i];
    return sum / (double)count;
}

static double expose(const scl_camera *camera, double mean, double value)
{
    value = scl_limit((value - mean) * (1 + camera->contrast) + mean + camera->brightness, 0, 1);
    return value + camera->bend * value * (1 - value);
}

static scl_rgb take_pixel(const scl_camera *camera, const scl_painting *painting, double mean,
                          int x, int y)
{
    double u = (x + 0.5) / painting->width - 0.5, v = (y + 0.5) / painting->height - 0.5;
    scl_rgb color = scl_rgb_scale(scl_painting_color(painting, x, y),
                                  1 - 2 * camera->vignette * (u * u + v * v));
    color = (scl_rgb){expose(camera, mean, color.r), expose(camera, mean, color.g),
                      expose(camera, mean, color.b)};
    double light = 0.299 * color.r + 0.587 * color.g + 0.114 * color.b;
    color = scl_rgb_mix(color, (scl_rgb){light, light, light}, camera->gray);
    uint32_t bits = scl_lattice(camera->seed, x, y);
    double all = camera->noise * grain(bits), own = 0.5 * camera->noise * (1 - camera->gray);
    color.r += all + own * grain(bits * 0x9E3779B1u);
    color.g += all + own * grain(bits * 0x85EBCA77u);
    color.b += all + own * grain(bits * 0xC2B2AE3Du);
    return color;
}

void scl_camera_take(const scl_camera *camera, scl_painting *painting)
{
    for (int pass = 0; pass < camera->blur_passes; pass++)
        blur(painting, (float)(0.25 * camera->blur));
    double mean = mean_light(painting);
    for (int y = 0; y < painting->height; y++)
        for (int x = 0; x < painting->width; x++)
            scl_painting_set(painting, x, y, take_pixel(camera, painting, mean, x, y));
}

scl_status scl_painting_develop(const scl_painting *painting, scl_image *picture, scl_image *mask,
                                scl_error *err)
{
    SCL_TRY(scl_image_make(picture, painting->width, painting->height, 3, 8, err));
    scl_status status = scl_image_make(mask, painting->width, painting->height, 1, 8, err);
    if (status != SCL_OK) {
        scl_image_free(picture);
        return status;
    }
    size_t count = (size_t)painting->width * (size_t)painting->height;
    uint8_t *bytes = picture->data;
    for (size_t i = 0; i < 3 * count; i++)
        bytes[i] = (uint8_t)(scl_limit((double)painting->rgb[i], 0, 1) * 255 + 0.5);
    memcpy(mask->data, painting->ids, count);
    return SCL_OK;
}
