#include "data/mask_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/image.h"
#include "samcl/plugin.h"

#include <inttypes.h>
#include <string.h>

#define VALUE_COUNT   65536
#define NO_VALUE      (-1)
#define HALF_BRIGHT   128
#define EXAMPLE_COUNT 4

/* A mask file being read. */
typedef struct source {
    const char *path;
    const scl_data_config *config;
    scl_image image;
    size_t pixels;
    bool jpeg;
    bool coloured;                   /* the values are 0 black, 1 the first colour, 2 any other */
    uint64_t seen[VALUE_COUNT / 64]; /* a bit for each value in it */
    int objects;                     /* distinct values but 0 and the ignored one */
    int object;                      /* the least of them */
} source;

const char *scl_mask_kind_text(scl_mask_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SCL_MASK_KIND_LIST(X)
#undef X
    };
    return texts[kind];
}

void scl_mask_free(scl_mask *mask)
{
    scl_free(mask->ids);
    *mask = (scl_mask){0};
}

scl_status scl_mask_reserve(scl_mask *mask, size_t pixels, scl_error *err)
{
    if (pixels <= mask->capacity)
        return SCL_OK;
    scl_mask_free(mask);
    mask->ids = scl_calloc(pixels, sizeof *mask->ids);
    if (mask->ids == NULL)
        return scl_out_of_memory(err, pixels * sizeof *mask->ids, "a mask");
    mask->capacity = pixels;
    return SCL_OK;
}

/* ------------------------------------------------------------------ from samples to values */

static unsigned sample(const scl_image *image, size_t pixel, int channel)
{
    size_t at = pixel * (size_t)image->channels + (size_t)channel;
    return image->depth == 16 ? ((const uint16_t *)image->data)[at]
                              : ((const uint8_t *)image->data)[at];
}

static uint64_t colour(const scl_image *image, size_t pixel)
{
    if (image->channels < 3)
        return sample(image, pixel, 0);
    return (uint64_t)sample(image, pixel, 0) << 32 | (uint64_t)sample(image, pixel, 1) << 16 |
           sample(image, pixel, 2);
}

static bool is_gray(const source *s)
{
    const scl_image *image = &s->image;
    if (image->channels < 3)
        return true;
    for (size_t i = 0; i < s->pixels; i++) {
        unsigned red = sample(image, i, 0);
        if (sample(image, i, 1) != red || sample(image, i, 2) != red)
            return false;
    }
    return true;
}

/* One colour throughout, while the alpha channel varies: the mask was drawn as transparency. */
static bool is_in_alpha(const source *s)
{
    const scl_image *image = &s->image;
    if (image->channels != 2 && image->channels != 4)
        return false;
    bool varies = false;
    for (size_t i = 1; i < s->pixels; i++) {
        if (colour(image, i) != colour(image, 0))
            return false;
        varies = varies ||
                 sample(image, i, image->channels - 1) != sample(image, 0, image->channels - 1);
    }
    return varies;
}

static void take_bright(const source *s, int32_t *values)
{
    const scl_image *image = &s->image;
    for (size_t i = 0; i < s->pixels; i++) {
        values[i] = 0;
        for (int c = 0; c < image->channels; c++)
            values[i] |= sample(image, i, c) >= HALF_BRIGHT;
    }
}

static void take_colours(const source *s, int32_t *values)
{
    uint64_t first = 0;
    for (size_t i = 0; i < s->pixels; i++) {
        uint64_t here = colour(&s->image, i);
        if (first == 0)
            first = here;
        values[i] = here == 0 ? 0 : here == first ? 1 : 2;
    }
}

static scl_status take_values(source *s, int32_t *values, scl_error *err)
{
    if (is_in_alpha(s))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: the mask is in the alpha channel and its colour is the same "
                        "throughout; save the mask as gray values",
                        s->path);
    s->coloured = !s->jpeg && !is_gray(s);
    if (s->jpeg)
        take_bright(s, values);
    else if (s->coloured)
        take_colours(s, values);
    else
        for (size_t i = 0; i < s->pixels; i++)
            values[i] = (int32_t)sample(&s->image, i, 0);
    return SCL_OK;
}

/* ------------------------------------------------------------------ what is in it */

static bool is_seen(const source *s, int value)
{
    return (s->seen[value / 64] >> (value % 64) & 1) != 0;
}

static int ignored_value(const scl_data_config *config)
{
    return config->ignore_index == SCL_UNSET_INT ? NO_VALUE : (int)config->ignore_index;
}

static void take_census(source *s, const int32_t *values)
{
    for (size_t i = 0; i < s->pixels; i++)
        s->seen[values[i] / 64] |= (uint64_t)1 << (values[i] % 64);
    for (int value = VALUE_COUNT - 1; value > 0; value--)
        if (is_seen(s, value) && value != ignored_value(s->config)) {
            s->objects++;
            s->object = value;
        }
}

/* "0, 17, 34, 51, ...": the least values. */
static void list_values(const source *s, scl_str *text)
{
    int listed = 0;
    for (int value = 0; value < VALUE_COUNT && listed <= EXAMPLE_COUNT; value++) {
        if (!is_seen(s, value))
            continue;
        if (listed < EXAMPLE_COUNT)
            scl_str_add(text, "%s%d", listed > 0 ? ", " : "", value);
        else
            scl_str_add(text, ", ...");
        listed++;
    }
}

static scl_status refuse_values(const source *s, const char *expected, const char *advice,
                                scl_error *err)
{
    scl_str found = {0};
    list_values(s, &found);
    scl_fail(err, SCL_BAD_DATA, "%s: expected %s, found %s; %s", s->path, expected,
             scl_str_text(&found), advice);
    scl_str_free(&found);
    return SCL_BAD_DATA;
}

/* ------------------------------------------------------------------ from values to ids */

/* An editor that chooses the palette itself may give the background any index. */
static bool palette_is_upside_down(const source *s)
{
    static const uint8_t black[3] = {0, 0, 0};
    const scl_image *image = &s->image;
    return image->indexed && is_seen(s, 0) && memcmp(image->palette[0], black, 3) != 0 &&
           memcmp(image->palette[s->object], black, 3) == 0;
}

static scl_status check_binary_colours(const source *s, scl_error *err)
{
    if (is_seen(s, 2))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected a black background and an object of one colour, found "
                        "several colours; save it as a mask of two values, or write `mask_values: "
                        "binary` to take every colour but black as the object",
                        s->path);
    return SCL_OK;
}

static scl_status check_binary_values(const source *s, scl_error *err)
{
    if (s->config->mask_values == SCL_MASK_VALUES_IDS && (s->objects > 1 || s->object != 1))
        return refuse_values(s, "0 and 1 (`mask_values: ids` with the task binary)",
                             s->objects == 1 && s->object == 255
                                 ? "this looks like a 0/255 mask: remove `mask_values`"
                                 : "correct the mask, or remove `mask_values`",
                             err);
    if (s->objects > 1)
        return refuse_values(s, "a mask of two values, 0 and that of the object",
                             "write `mask_values: binary` to take all values but 0 as the object, "
                             "or the task that the ids are for: multiclass or instances",
                             err);
    if (palette_is_upside_down(s))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: of this palette mask, index 0 (the background) isn't black but index "
                        "%d is; save it as gray values, 0 for the background",
                        s->path, s->object);
    return SCL_OK;
}

static scl_status judge_binary(const source *s, scl_mask_kind *kind, scl_error *err)
{
    bool exact =
        s->config->ignore_index != SCL_UNSET_INT || s->config->mask_values == SCL_MASK_VALUES_IDS;
    if (exact && (s->jpeg || s->coloured))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: `ignore_index` and `mask_values: ids` need exact values, found %s; "
                        "save the mask as a gray PNG",
                        s->path, s->jpeg ? "a JPEG" : "colours");
    *kind = SCL_MASK_NOT_ZERO;
    if (s->objects == 0)
        *kind = SCL_MASK_EMPTY;
    else if (s->jpeg)
        *kind = SCL_MASK_JPEG;
    else if (s->objects == 1)
        *kind = s->coloured        ? SCL_MASK_COLOUR
                : s->object == 1   ? SCL_MASK_ZERO_ONE
                : s->object == 255 ? SCL_MASK_ZERO_255
                                   : SCL_MASK_TWO_VALUES;
    if (s->objects == 0 || s->jpeg || s->config->mask_values == SCL_MASK_VALUES_BINARY)
        return SCL_OK;
    return s->coloured ? check_binary_colours(s, err) : check_binary_values(s, err);
}

/* The first class id that can't be. */
static scl_status check_classes(const source *s, const int32_t *values, scl_error *err)
{
    int64_t classes = s->config->classes;
    for (size_t i = 0; i < s->pixels; i++) {
        if (values[i] < classes || values[i] == ignored_value(s->config))
            continue;
        size_t width = (size_t)s->image.width;
        const char *hint = s->objects == 1 && s->object == 255
                               ? "; this looks like a 0/255 mask: the task binary is for those, "
                                 "or 255 is the `ignore_index`"
                               : "; correct the mask, or fit `classes` or `ignore_index` to it";
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected class ids 0 to %" PRId64 " (`classes` is %" PRId64
                        "), found %d at column %zu, row %zu%s",
                        s->path, classes - 1, classes, values[i], i % width, i / width, hint);
    }
    return SCL_OK;
}

static scl_status judge_ids(const source *s, const int32_t *values, scl_mask_kind *kind,
                            scl_error *err)
{
    if (s->jpeg || s->coloured)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected an id per pixel (a gray or palette PNG), found %s", s->path,
                        s->jpeg ? "a JPEG, which does not keep values exactly"
                                : "colours; replace each colour by its id");
    if (s->config->task == SCL_TASK_MULTICLASS)
        SCL_TRY(check_classes(s, values, err));
    *kind = s->objects == 0                       ? SCL_MASK_EMPTY
            : s->image.indexed                    ? SCL_MASK_PALETTE
            : s->objects == 1 && s->object == 255 ? SCL_MASK_ZERO_255
                                                  : SCL_MASK_IDS;
    return SCL_OK;
}

static void settle_ids(const source *s, int32_t *values)
{
    bool binary = s->config->task == SCL_TASK_BINARY;
    int ignored = ignored_value(s->config);
    for (size_t i = 0; i < s->pixels; i++) {
        if (values[i] == ignored)
            values[i] = SCL_MASK_IGNORED;
        else if (binary)
            values[i] = values[i] != 0;
    }
}

static scl_status interpret(source *s, scl_mask *mask, scl_error *err)
{
    SCL_TRY(scl_mask_reserve(mask, s->pixels, err));
    mask->width = s->image.width;
    mask->height = s->image.height;
    SCL_TRY(take_values(s, mask->ids, err));
    take_census(s, mask->ids);
    if (s->config->task == SCL_TASK_BINARY)
        SCL_TRY(judge_binary(s, &mask->kind, err));
    else
        SCL_TRY(judge_ids(s, mask->ids, &mask->kind, err));
    settle_ids(s, mask->ids);
    return SCL_OK;
}

scl_status scl_mask_read(scl_mask *mask, const char *path, const scl_data_config *config,
                         scl_error *err)
{
    source s = {.path = path, .config = config};
    scl_file_map file;
    SCL_TRY(scl_file_map_open(path, &file, err));
    s.jpeg = file.size > 3 && memcmp(file.data, "\xff\xd8\xff", 3) == 0;
    scl_status status = scl_image_read_bytes(file.data, file.size, path, &s.image, err);
    scl_file_unmap(&file);
    if (status != SCL_OK)
        return status;
    s.pixels = (size_t)s.image.width * (size_t)s.image.height;
    status = interpret(&s, mask, err);
    scl_image_free(&s.image);
    return status;
}
