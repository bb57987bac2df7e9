#include "pictures/options.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const option_names[] = {"--count", "--seed",   "--size",
                                           "--out",   "--binary", "--help"};

static scl_status unknown_option(const char *name, scl_error *err)
{
    const char *near = scl_nearest_name(name, option_names, sizeof option_names / sizeof(char *));
    if (near != NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "%s is no option; did you mean %s?", name, near);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s is no option; expected --count, --seed, --size, --out or --binary", name);
}

static scl_status find_kind(const char *name, const scl_kind **kind, scl_error *err)
{
    const char *names[] = {
#define X(kind_name, summary) #kind_name,
        SCL_KIND_LIST(X)
#undef X
    };
    if ((*kind = scl_kind_find(name)) != NULL)
        return SCL_OK;
    const char *near = scl_nearest_name(name, names, scl_kind_count);
    if (near != NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "%s is no kind of picture; did you mean %s?", name,
                        near);
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s is no kind of picture; expected shapes, cells or spots", name);
}

/* Decimal digits up to `end`; leaves *end at the first other character. */
static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value,
                        const char **end)
{
    char *stop;
    if (*text < '0' || *text > '9') /* strtoull takes signs and spaces */
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &stop, 10);
    *value = number;
    *end = stop;
    return errno == 0 && number >= least && number <= most;
}

static scl_status parse_number(const char *name, const char *text, uint64_t least, uint64_t most,
                               uint64_t *value, scl_error *err)
{
    const char *end;
    if (read_number(text, least, most, value, &end) && *end == '\0')
        return SCL_OK;
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s: expected a whole number from %llu to %llu, found \"%s\"", name,
                    (unsigned long long)least, (unsigned long long)most, text);
}

static scl_status parse_size(const char *text, scl_pictures_options *options, scl_error *err)
{
    uint64_t width, height;
    const char *end;
    if (read_number(text, SCL_PICTURES_MIN_SIDE, SCL_PICTURES_MAX_SIDE, &width, &end) &&
        *end == 'x' &&
        read_number(end + 1, SCL_PICTURES_MIN_SIDE, SCL_PICTURES_MAX_SIDE, &height, &end) &&
        *end == '\0') {
        options->width = (int)width;
        options->height = (int)height;
        return SCL_OK;
    }
    return scl_fail(err, SCL_BAD_CONFIG,
                    "--size: expected WIDTHxHEIGHT such as 256x256, each from %d to %d pixels, "
                    "found \"%s\"",
                    SCL_PICTURES_MIN_SIDE, SCL_PICTURES_MAX_SIDE, text);
}

/* An option with a value. */
static scl_status parse_value(const char *name, const char *text, scl_pictures_options *options,
                              scl_error *err)
{
    uint64_t number = 0;
    if (strcmp(name, "--size") == 0)
        return parse_size(text, options, err);
    if (strcmp(name, "--seed") == 0)
        return parse_number(name, text, 0, UINT64_MAX, &options->seed, err);
    if (strcmp(name, "--count") == 0) {
        SCL_TRY(parse_number(name, text, 1, SCL_PICTURES_MAX_COUNT, &number, err));
        options->count = (int)number;
        return SCL_OK;
    }
    if (text[0] == '\0')
        return scl_fail(err, SCL_BAD_CONFIG, "--out: expected a folder, found an empty name");
    options->out = text;
    return SCL_OK;
}

static bool takes_value(const char *name)
{
    return strcmp(name, "--size") == 0 || strcmp(name, "--seed") == 0 ||
           strcmp(name, "--count") == 0 || strcmp(name, "--out") == 0;
}

static scl_status parse_word(const char *word, scl_pictures_options *options, scl_error *err)
{
    if (strcmp(word, "--binary") == 0) {
        options->binary = true;
        return SCL_OK;
    }
    if (word[0] == '-')
        return unknown_option(word, err);
    if (options->kind != NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "expected one kind of picture, found %s and %s",
                        options->kind->name, word);
    return find_kind(word, &options->kind, err);
}

scl_status scl_pictures_options_parse(int argc, const char *const *argv,
                                      scl_pictures_options *options, scl_error *err)
{
    *options = (scl_pictures_options){.count = 16, .seed = 1, .width = 256, .height = 256};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options->help = true;
            return SCL_OK;
        }
        if (!takes_value(argv[i])) {
            SCL_TRY(parse_word(argv[i], options, err));
            continue;
        }
        if (i + 1 == argc)
            return scl_fail(err, SCL_BAD_CONFIG, "%s: expected a value after it", argv[i]);
        SCL_TRY(parse_value(argv[i], argv[i + 1], options, err));
        i++;
    }
    if (options->kind == NULL)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected a kind of picture: shapes, cells or spots (--help says more)");
    if (options->out == NULL)
        return scl_fail(err, SCL_BAD_CONFIG, "expected --out FOLDER, where the pictures go");
    return SCL_OK;
}
