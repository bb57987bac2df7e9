#include "data/pairs.h"

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAMES_SHOWN 5

typedef struct named_file {
    const char *stem, *name;
} named_file;

/* The images of one folder, by stem. All memory is in the arena. */
typedef struct file_list {
    const char *folder;
    const char *what; /* "images" or "masks" */
    named_file *files;
    size_t count;
    const char *other; /* a file that is no image; NULL: none */
} file_list;

/* Names that a message shows the first few of. */
typedef struct name_tally {
    size_t count;
    scl_str text;
} name_tally;

static void tally_add(name_tally *tally, const char *name)
{
    if (tally->count < NAMES_SHOWN)
        scl_str_add(&tally->text, "%s%s", tally->count > 0 ? ", " : "", name);
    else if (tally->count == NAMES_SHOWN)
        scl_str_add(&tally->text, ", ...");
    tally->count++;
}

static bool is_image_name(const char *name)
{
    const char *extension = scl_path_extension(name);
    return strcasecmp(extension, ".png") == 0 || strcasecmp(extension, ".jpg") == 0 ||
           strcasecmp(extension, ".jpeg") == 0;
}

static int by_stem(const void *a, const void *b)
{
    return strcmp(((const named_file *)a)->stem, ((const named_file *)b)->stem);
}

static const char *stem_of(const char *name, scl_arena *arena)
{
    return scl_arena_printf(arena, "%.*s", (int)(scl_path_extension(name) - name), name);
}

static scl_status take_names(file_list *list, const scl_folder *folder, scl_arena *arena,
                             scl_error *err)
{
    list->files = scl_arena_alloc(arena, folder->count * sizeof *list->files);
    bool complete = list->files != NULL;
    for (size_t i = 0; complete && i < folder->count; i++) {
        const char *name = folder->names[i];
        if (name[0] == '.')
            continue;
        const char *kept = scl_arena_strdup(arena, name);
        if (!is_image_name(name)) {
            list->other = kept;
            continue;
        }
        named_file file = {stem_of(name, arena), kept};
        complete = file.stem != NULL && file.name != NULL;
        list->files[list->count++] = file;
    }
    if (!complete)
        return scl_out_of_memory(err, folder->count * sizeof *list->files, "the names of files");
    if (list->count > 1)
        qsort(list->files, list->count, sizeof *list->files, by_stem);
    return SCL_OK;
}

static scl_status check_stems(const file_list *list, const char *label, scl_error *err)
{
    if (list->count == 0)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected %s %s here (.png, .jpg or .jpeg), found %s%s", list->folder,
                        label, list->what,
                        list->other != NULL ? "none, but other files such as " : "none",
                        list->other != NULL ? list->other : "");
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->files[i - 1].stem, list->files[i].stem) == 0)
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: expected one file for each name, found both %s and %s; remove "
                            "one of them",
                            list->folder, list->files[i - 1].name, list->files[i].name);
    return SCL_OK;
}

static scl_status list_images(file_list *list, const char *label, scl_arena *arena, scl_error *err)
{
    scl_folder folder;
    SCL_TRY(scl_folder_list(list->folder, &folder, err));
    scl_status status = take_names(list, &folder, arena, err);
    scl_folder_free(&folder);
    return status == SCL_OK ? check_stems(list, label, err) : status;
}

static const char *path_of(const file_list *list, size_t i, scl_arena *arena)
{
    bool slash = scl_ends_with(list->folder, "/");
    return scl_arena_printf(arena, "%s%s%s", list->folder, slash ? "" : "/", list->files[i].name);
}

/* Both lists are in order, so one walk finds the pairs and what is left over. */
static scl_status merge(const file_list *images, const file_list *masks, scl_arena *arena,
                        scl_pair *pairs, name_tally *bare, name_tally *spare, scl_error *err)
{
    size_t image = 0, mask = 0, found = 0;
    while (image < images->count || mask < masks->count) {
        int order = image == images->count ? 1
                    : mask == masks->count ? -1
                                           : by_stem(&images->files[image], &masks->files[mask]);
        if (order < 0) {
            tally_add(bare, images->files[image++].name);
        } else if (order > 0) {
            tally_add(spare, masks->files[mask++].name);
        } else {
            scl_pair *pair = &pairs[found++];
            *pair = (scl_pair){images->files[image].stem, path_of(images, image, arena),
                               path_of(masks, mask, arena)};
            if (pair->image == NULL || pair->mask == NULL)
                return scl_out_of_memory(err, arena->used, "the paths of files");
            image++;
            mask++;
        }
    }
    return SCL_OK;
}

static scl_status judge_leftovers(const file_list *images, const file_list *masks,
                                  const char *label, const name_tally *bare,
                                  const name_tally *spare, scl_error *err)
{
    if (bare->count > 0)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s data: %zu of %zu images in %s have no mask in %s: %s%s%s; a mask is "
                        "named like its image, but for the extension",
                        label, bare->count, images->count, images->folder, masks->folder,
                        scl_str_text(&bare->text),
                        spare->count > 0 ? "; masks without an image: " : "",
                        scl_str_text(&spare->text));
    if (spare->count > 0)
        scl_log(SCL_LOG_WARN, "%s data: %zu of %zu masks in %s have no image in %s: %s", label,
                spare->count, masks->count, masks->folder, images->folder,
                scl_str_text(&spare->text));
    return SCL_OK;
}

scl_status scl_pairs_find(const scl_data_folders *folders, const char *label, scl_arena *arena,
                          scl_pair **pairs, size_t *count, scl_error *err)
{
    file_list images = {.folder = folders->images, .what = "images"};
    file_list masks = {.folder = folders->masks, .what = "masks"};
    SCL_TRY(list_images(&images, label, arena, err));
    SCL_TRY(list_images(&masks, label, arena, err));
    *pairs = scl_arena_alloc(arena, images.count * sizeof **pairs);
    if (*pairs == NULL)
        return scl_out_of_memory(err, images.count * sizeof **pairs, "the list of images");
    name_tally bare = {0}, spare = {0};
    scl_status status = merge(&images, &masks, arena, *pairs, &bare, &spare, err);
    if (status == SCL_OK)
        status = judge_leftovers(&images, &masks, label, &bare, &spare, err);
    scl_str_free(&bare.text);
    scl_str_free(&spare.text);
    *count = images.count;
    return status;
}
