/* Data sets from folders: pairing, the checks before training, splits. */
#include "data_support.h"

#include "data/dataset.h"
#include "data/image_header.h"

enum { WIDTH = 12, HEIGHT = 9 };

static const scl_data_progress silent = {0};

/* An image and its mask: `value` on a rectangle of 4 x 3; 0: an empty mask. */
static void add_pair(data_folder *folder, const char *stem, uint8_t value)
{
    char name[64];
    snprintf(name, sizeof name, "%s.png", stem);
    data_write_picture(data_path(folder, "images", name), WIDTH, HEIGHT, (uint64_t)stem[0]);
    data_write_rectangle(data_path(folder, "masks", name), WIDTH, HEIGHT, 2, 3, 6, 6, value);
}

static void check_refused(const data_folder *folder, const scl_data_config *config,
                          const char *words)
{
    scl_dataset *dataset = NULL;
    scl_error err = {0};
    scl_data_folders folders = data_folders(folder);
    assert_fails(scl_dataset_open(config, &folders, "train", silent, &dataset, &err), SCL_BAD_DATA,
                 err, words);
    assert_null(dataset);
}

static scl_dataset *open_set(const data_folder *folder, const scl_data_config *config)
{
    scl_dataset *dataset = NULL;
    scl_data_folders folders = data_folders(folder);
    assert_ok(scl_dataset_open(config, &folders, "train", silent, &dataset, &test_error));
    return dataset;
}

static void files_are_paired_by_stem(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    add_pair(folder, "b", 255);
    add_pair(folder, "a-1", 0);
    /* Bytewise by file name "a-1.png" comes first, by stem "a" does. */
    data_write_picture(data_path(folder, "images", "a.PNG"), WIDTH, HEIGHT, 7);
    data_write_rectangle(data_path(folder, "masks", "a.Png"), WIDTH, HEIGHT, 0, 0, 2, 2, 1);
    assert_ok(scl_file_write(data_path(folder, "images", ".hidden.png"), "x", 1, &test_error));
    assert_ok(scl_file_write(data_path(folder, "images", "notes.txt"), "x", 1, &test_error));
    data_log_start();
    scl_dataset *dataset = open_set(folder, &config);
    assert_int_equal(dataset->count, 3);
    assert_string_equal(dataset->label, "train");
    const char *const names[] = {"a", "a-1", "b"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(dataset->items[i].name, names[i]);
        assert_int_equal(dataset->items[i].width, WIDTH);
        assert_int_equal(dataset->items[i].height, HEIGHT);
        assert_int_equal(dataset->items[i].objects, 1);
        assert_int_equal(dataset->items[i].empty, i == 1);
    }
    assert_string_equal(scl_path_base(dataset->items[0].image), "a.PNG");
    assert_string_equal(scl_path_base(dataset->items[0].mask), "a.Png");
    assert_logged("train masks: 1 file of 0 and 1, 1 file of 0 and 255, read as background and "
                  "object");
    assert_logged("train masks: 1 of 3 have no object; their images are given no prompt");
    scl_dataset_free(dataset);
}

static void count_calls(void *user, size_t done, size_t total)
{
    size_t *calls = user;
    assert_int_equal(done, ++*calls);
    assert_int_equal(total, 2);
}

static void progress_is_told(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    add_pair(folder, "a", 1);
    add_pair(folder, "b", 1);
    size_t calls = 0;
    scl_dataset *dataset = NULL;
    scl_data_folders folders = data_folders(folder);
    assert_ok(scl_dataset_open(&config, &folders, "val", (scl_data_progress){count_calls, &calls},
                               &dataset, &test_error));
    assert_int_equal(calls, 2);
    scl_dataset_free(dataset);
}

static void folders_must_hold_images(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    check_refused(folder, &config, "images: expected train images here");
    assert_ok(scl_file_write(data_path(folder, "images", "a.tif"), "x", 1, &test_error));
    check_refused(folder, &config, "other files such as a.tif");
    data_write_picture(data_path(folder, "images", "a.png"), WIDTH, HEIGHT, 7);
    check_refused(folder, &config, "masks: expected train masks here");
    rmdir(folder->masks);
    check_refused(folder, &config, "expected a folder, found that ");
}

static void leftovers_are_named(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    for (char stem[] = "a"; stem[0] <= 'g'; stem[0]++)
        add_pair(folder, stem, 1);
    for (char name[] = "b.png"; name[0] <= 'g'; name[0]++)
        unlink(data_path(folder, "masks", name));
    check_refused(folder, &config, "6 of 7 images in");
    check_refused(folder, &config, ": b.png, c.png, d.png, e.png, f.png, ...; a mask is named");
    data_write_rectangle(data_path(folder, "masks", "b_mask.png"), WIDTH, HEIGHT, 0, 0, 1, 1, 1);
    check_refused(folder, &config, "...; masks without an image: b_mask.png; a mask is named");
    for (char name[] = "b.png"; name[0] <= 'g'; name[0]++)
        unlink(data_path(folder, "images", name));
    data_log_start();
    scl_dataset_free(open_set(folder, &config));
    assert_logged("train data: 1 of 2 masks in");
    assert_logged("have no image in");
    assert_logged(": b_mask.png");
}

static void two_files_of_a_stem_are_refused(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    add_pair(folder, "a", 1);
    data_write_picture(data_path(folder, "images", "a.jpg"), WIDTH, HEIGHT, 7);
    check_refused(folder, &config, "found both a.jpg and a.png");
}

static void bad_files_are_collected(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    for (char stem[] = "a"; stem[0] <= 'l'; stem[0]++)
        add_pair(folder, stem, 1);
    data_write_picture(data_path(folder, "images", "b.png"), 5, 6, 7);
    data_write_picture(data_path(folder, "images", "c.png"), HEIGHT, WIDTH, 7);
    assert_ok(scl_file_write(data_path(folder, "images", "d.png"), "BM", 2, &test_error));
    assert_ok(scl_file_write(data_path(folder, "masks", "e.png"), "\x89PNG\r\n\x1a\n\0\0", 10,
                             &test_error));
    check_refused(folder, &config, "train data: 4 of 12 images can't be used:\n  ");
    check_refused(folder, &config, "b.png: expected a mask of 5 x 6 pixels like its image");
    check_refused(folder, &config, "b.png, found 12 x 9; save both at the same size\n");
    check_refused(folder, &config, "found 12 x 9; if the image carries an EXIF orientation");
    check_refused(folder, &config, "d.png: is a BMP file");
    check_refused(folder, &config, "e.png: the PNG is damaged or cut off");
    for (char name[] = "f.png"; name[0] <= 'k'; name[0]++)
        data_write_rectangle(data_path(folder, "masks", name), 3, 3, 0, 0, 1, 1, 1);
    check_refused(folder, &config, "train data: 10 of 12 images can't be used");
    check_refused(folder, &config, "\n  and 2 more");
}

static void masks_without_objects_are_refused(void **state)
{
    data_folder *folder = *state;
    add_pair(folder, "a", 0);
    add_pair(folder, "b", 0);
    for (int task = SCL_TASK_BINARY; task <= SCL_TASK_INSTANCES; task++) {
        scl_data_config config = data_config(task);
        config.classes = task == SCL_TASK_MULTICLASS ? 3 : SCL_UNSET_INT;
        check_refused(folder, &config, "found only background in all 2");
    }
    scl_data_config config = data_config(SCL_TASK_BINARY);
    config.ignore_index = 255;
    add_pair(folder, "a", 255);
    check_refused(folder, &config, "found only background and ignored pixels in all 2");
}

static void ids_must_look_like_ids(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    add_pair(folder, "a", 255);
    add_pair(folder, "b", 0);
    check_refused(folder, &config, "look like 0/255 masks");
    add_pair(folder, "b", 3); /* one image may have a single object of id 255 */
    scl_dataset_free(open_set(folder, &config));
    config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 3;
    check_refused(folder, &config, "a.png: expected class ids 0 to 2 (`classes` is 3), found 255");
    config.classes = 256;
    data_log_start();
    scl_dataset_free(open_set(folder, &config));
    assert_logged("train masks: 1 file of 0 and 255, 1 file of ids, read as classes 0 to 255");
}

/* The whole sentence: where, what was expected, what was found, what to do. `wanted` has $ for the
 * test's folder. */
static void check_explained(const data_folder *folder, const scl_data_config *config,
                            const char *wanted)
{
    char text[SCL_ERROR_TEXT];
    size_t length = 0;
    for (; *wanted != '\0'; wanted++)
        length += (size_t)(*wanted == '$'
                               ? snprintf(text + length, sizeof text - length, "%s", folder->root)
                               : snprintf(text + length, sizeof text - length, "%c", *wanted));
    scl_dataset *dataset = NULL;
    scl_error err = {0};
    scl_data_folders folders = data_folders(folder);
    assert_int_equal(scl_dataset_open(config, &folders, "train", silent, &dataset, &err),
                     SCL_BAD_DATA);
    assert_string_equal(err.text, text);
}

#define ONE_FILE "train data: 1 of 2 images can't be used:\n  "

static void bad_files_are_explained(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    add_pair(folder, "a", 1);
    add_pair(folder, "b", 1);
    unlink(data_path(folder, "masks", "b.png"));
    check_explained(folder, &config,
                    "train data: 1 of 2 images in $/images have no mask in $/masks: b.png; a mask "
                    "is named like its image, but for the extension");
    add_pair(folder, "b", 1);
    unlink(data_path(folder, "images", "b.png"));
    assert_int_equal(symlink("nowhere", folder->path), 0);
    check_explained(folder, &config,
                    ONE_FILE "$/images/b.png: cannot be opened: No such file or directory");
    unlink(folder->path);
    assert_ok(scl_file_write(folder->path, "", 0, &test_error));
    check_explained(folder, &config,
                    ONE_FILE "$/images/b.png: expected a PNG or JPEG image, found an empty file");
    assert_ok(scl_file_write(folder->path, "BM", 2, &test_error));
    check_explained(folder, &config,
                    ONE_FILE "$/images/b.png: is a BMP file, which is not read here; convert it to "
                             "PNG or JPEG");
    add_pair(folder, "b", 1);
    assert_ok(scl_file_write(data_path(folder, "masks", "b.png"), "GIF89a", 6, &test_error));
    check_explained(folder, &config,
                    ONE_FILE "$/masks/b.png: is a GIF file, which is not read here; convert it to "
                             "PNG or JPEG");
    data_write_rectangle(data_path(folder, "masks", "b.png"), 5, 4, 0, 0, 2, 2, 1);
    check_explained(folder, &config,
                    ONE_FILE "$/masks/b.png: expected a mask of 12 x 9 pixels like its image "
                             "$/images/b.png, found 5 x 4; save both at the same size");
}

static void bad_values_are_explained(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_MULTICLASS);
    config.classes = 3;
    add_pair(folder, "a", 2);
    add_pair(folder, "b", 7);
    check_explained(folder, &config,
                    ONE_FILE "$/masks/b.png: expected class ids 0 to 2 (`classes` is 3), found 7 "
                             "at column 2, row 3; correct the mask, or fit `classes` or "
                             "`ignore_index` to it");
    add_pair(folder, "b", 255);
    check_explained(folder, &config,
                    ONE_FILE "$/masks/b.png: expected class ids 0 to 2 (`classes` is 3), found 255 "
                             "at column 2, row 3; this looks like a 0/255 mask: the task binary is "
                             "for those, or 255 is the `ignore_index`");
    config = data_config(SCL_TASK_BINARY);
    config.mask_values = SCL_MASK_VALUES_IDS;
    add_pair(folder, "a", 1);
    check_explained(folder, &config,
                    ONE_FILE "$/masks/b.png: expected 0 and 1 (`mask_values: ids` with the task "
                             "binary), found 0, 255; this looks like a 0/255 mask: remove "
                             "`mask_values`");
    config = data_config(SCL_TASK_INSTANCES);
    add_pair(folder, "a", 255);
    check_explained(folder, &config,
                    "$/masks: expected ids in the train masks, found only 0 and 255 in all of "
                    "them; these look like 0/255 masks: choose `task: binary`, or save ids");
    config.min_object_area = 13;
    add_pair(folder, "a", 1);
    check_explained(folder, &config,
                    "$/masks: expected an object of at least 13 pixels in one of the train masks, "
                    "found smaller ones only; lower `min_object_area`");
    add_pair(folder, "a", 0);
    add_pair(folder, "b", 0);
    check_explained(folder, &config,
                    "$/masks: expected an object in at least one of the train masks, found only "
                    "background in all 2; check that `masks` names the right folder, and that "
                    "objects have values above 0");
}

static void small_objects_are_passed_over(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    uint8_t ids[WIDTH * HEIGHT] = {1, 1, 1, 0, 2, 2, 2, 2, 0, 5, 5, 5};
    ids[20] = 5;
    data_write_picture(data_path(folder, "images", "a.png"), WIDTH, HEIGHT, 7);
    data_write_gray(data_path(folder, "masks", "a.png"), WIDTH, HEIGHT, ids);
    add_pair(folder, "b", 1);
    config.min_object_area = 4;
    data_log_start();
    scl_dataset *dataset = open_set(folder, &config);
    assert_int_equal(dataset->items[0].objects, 2);
    assert_int_equal(dataset->items[1].objects, 1);
    assert_logged("2 files of ids, read as 3 objects of at least 4 pixels");
    scl_dataset_free(dataset);
    config.min_object_area = 5;
    data_log_start();
    dataset = open_set(folder, &config);
    assert_int_equal(dataset->items[0].objects, 0);
    assert_false(dataset->items[0].empty);
    assert_logged("1 of 2 have only objects below 5 pixels");
    scl_dataset_free(dataset);
    config.min_object_area = 13;
    check_refused(folder, &config, "an object of at least 13 pixels in one of the train masks");
}

static size_t count_common(const scl_dataset *a, const scl_dataset *b)
{
    size_t common = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            common += strcmp(a->items[i].name, b->items[j].name) == 0;
    return common;
}

static void splits_follow_the_seed(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    for (char stem[] = "a"; stem[0] <= 't'; stem[0]++)
        add_pair(folder, stem, 1);
    scl_dataset *all = open_set(folder, &config), *train[4], *val[4];
    assert_ok(scl_dataset_split(all, 0.25, 1, &train[0], &val[0], &test_error));
    assert_ok(scl_dataset_split(all, 0.25, 1, &train[1], &val[1], &test_error));
    assert_ok(scl_dataset_split(all, 0.25, 2, &train[2], &val[2], &test_error));
    assert_ok(scl_dataset_split(all, 0.001, 1, &train[3], &val[3], &test_error));
    scl_dataset_free(all); /* the parts stand for themselves */
    assert_int_equal(val[0]->count, 5);
    assert_int_equal(train[0]->count, 15);
    assert_int_equal(count_common(train[0], val[0]), 0);
    assert_int_equal(count_common(val[0], val[1]), 5);
    assert_true(count_common(val[0], val[2]) < 5);
    assert_int_equal(val[3]->count, 1);
    assert_string_equal(train[0]->label, "train");
    assert_string_equal(val[0]->label, "val");
    for (size_t i = 1; i < train[0]->count; i++)
        assert_true(strcmp(train[0]->items[i - 1].name, train[0]->items[i].name) < 0);
    assert_true(scl_path_exists(val[0]->items[4].image));
    for (int i = 0; i < 4; i++) {
        scl_dataset_free(train[i]);
        scl_dataset_free(val[i]);
    }
}

static void both_sides_of_a_split_have_an_image(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    add_pair(folder, "a", 1);
    scl_dataset *all = open_set(folder, &config), *train, *val;
    scl_error err = {0};
    assert_fails(scl_dataset_split(all, 0.5, 1, &train, &val, &err), SCL_BAD_DATA, err,
                 "at least 2 images");
    scl_dataset_free(all);
    add_pair(folder, "b", 1);
    all = open_set(folder, &config);
    assert_ok(scl_dataset_split(all, 0.9, 1, &train, &val, &test_error));
    assert_int_equal(train->count, 1);
    assert_int_equal(val->count, 1);
    scl_dataset_free(all);
    scl_dataset_free(train);
    scl_dataset_free(val);
}

static scl_status open_and_split(const data_folder *folder, const scl_data_config *config)
{
    scl_error err = {0};
    scl_dataset *all = NULL, *train = NULL, *val = NULL;
    scl_data_folders folders = data_folders(folder);
    scl_status status = scl_dataset_open(config, &folders, "train", silent, &all, &err);
    if (status == SCL_OK)
        status = scl_dataset_split(all, 0.5, 1, &train, &val, &err);
    scl_dataset_free(all);
    scl_dataset_free(train);
    scl_dataset_free(val);
    return status;
}

static void failing_allocations_are_reported(void **state)
{
    data_folder *folder = *state;
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    add_pair(folder, "a", 1);
    add_pair(folder, "b", 2);
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_alloc_fail_after(n);
        status = open_and_split(folder, &config);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_true(n > 20);
}

/* Every prefix of a picture's head either gives its size or is refused. */
static void heads_of_pictures_give_their_size(void **state)
{
    data_folder *folder = *state;
    const char *const files[] = {TEST_FIXTURES "/data/disc.jpg",
                                 TEST_FIXTURES "/io/images/c2_8.png"};
    const char *path = data_path(folder, "images", "cut");
    for (int i = 0; i < 2; i++) {
        scl_file_map file;
        scl_image image;
        int width = 0, height = 0, found = 0;
        assert_ok(scl_image_read(files[i], &image, &test_error));
        assert_ok(scl_image_header_read(files[i], &width, &height, &test_error));
        assert_int_equal(width, image.width);
        assert_int_equal(height, image.height);
        assert_ok(scl_file_map_open(files[i], &file, &test_error));
        for (size_t size = 0; size < file.size; size++) {
            scl_error err = {0};
            assert_ok(scl_file_write(path, file.data, size, &test_error));
            scl_status status = scl_image_header_read(path, &width, &height, &err);
            assert_true(status == SCL_BAD_DATA || status == SCL_OK);
            found += status == SCL_OK;
            if (status == SCL_OK)
                assert_true(width == image.width && height == image.height);
        }
        assert_true(found > 0 && (size_t)found < file.size);
        scl_file_unmap(&file);
        scl_image_free(&image);
    }
}

static void absurd_sizes_are_refused(void **state)
{
    data_folder *folder = *state;
    uint8_t head[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08";
    const char *path = data_path(folder, "images", "big.png");
    int width, height;
    scl_error err = {0};
    assert_ok(scl_file_write(path, head, sizeof head, &test_error));
    assert_int_equal(scl_image_header_read(path, &width, &height, &err), SCL_BAD_DATA);
    memset(head + 16, 0, 8);
    assert_ok(scl_file_write(path, head, sizeof head, &test_error));
    assert_int_equal(scl_image_header_read(path, &width, &height, &err), SCL_BAD_DATA);
}

/* ------------------------------------------------------------------ real data, where it is there
 */

typedef struct real_set {
    const char *name, *masks;
    int task, classes, ignore, train, test;
} real_set;

static void open_real(const real_set *set, const char *part, int count)
{
    char images[256], masks[256];
    const char *sets = TEST_FIXTURES "/../../../shared/data/sets";
    snprintf(images, sizeof images, "%s/%s/%s/images", sets, set->name, part);
    if (set->masks != NULL)
        snprintf(masks, sizeof masks, "%s/%s/%s", sets, set->name, set->masks);
    else
        snprintf(masks, sizeof masks, "%s/%s/%s/masks", sets, set->name, part);
    scl_data_config config = data_config(set->task);
    config.classes = set->classes > 0 ? set->classes : SCL_UNSET_INT;
    config.ignore_index = set->ignore > 0 ? set->ignore : SCL_UNSET_INT;
    scl_data_folders folders = {1, images, masks};
    scl_dataset *dataset = NULL;
    assert_ok(scl_dataset_open(&config, &folders, part, silent, &dataset, &test_error));
    assert_int_equal(dataset->count, count);
    scl_dataset_free(dataset);
}

static void real_sets_open(void **state)
{
    (void)state;
    if (!scl_path_exists(TEST_FIXTURES "/../../../shared/data/sets")) {
        print_message("[ SKIPPED  ] ../shared/data/sets is not there\n");
        skip();
    }
    const real_set sets[] = {
        {"dsb2018_nuclei", NULL, SCL_TASK_BINARY, 0, 0, 40, 20},
        {"dsb2018_nuclei", "instances", SCL_TASK_INSTANCES, 0, 0, 40, 20},
        {"wbc2_3class", NULL, SCL_TASK_MULTICLASS, 3, 0, 40, 20},
        {"camvid", NULL, SCL_TASK_MULTICLASS, 11, 11, 40, 20},
        {"cfd_crack", NULL, SCL_TASK_BINARY, 0, 0, 40, 20},
        {"isbi2012_membrane", NULL, SCL_TASK_BINARY, 0, 0, 24, 6},
    };
    data_log_start();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        open_real(&sets[i], "train", sets[i].train);
        open_real(&sets[i], "test", sets[i].test);
    }
    assert_logged("train masks: 40 files of 0 and 255, read as background and object");
    assert_logged("train masks: 40 files of ids, read as classes 0 to 10");
}

int main(void)
{
#define DATA_TEST(name) cmocka_unit_test_setup_teardown(name, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        DATA_TEST(files_are_paired_by_stem),
        DATA_TEST(progress_is_told),
        DATA_TEST(folders_must_hold_images),
        DATA_TEST(leftovers_are_named),
        DATA_TEST(two_files_of_a_stem_are_refused),
        DATA_TEST(bad_files_are_collected),
        DATA_TEST(masks_without_objects_are_refused),
        DATA_TEST(ids_must_look_like_ids),
        DATA_TEST(bad_files_are_explained),
        DATA_TEST(bad_values_are_explained),
        DATA_TEST(small_objects_are_passed_over),
        DATA_TEST(splits_follow_the_seed),
        DATA_TEST(both_sides_of_a_split_have_an_image),
        DATA_TEST(failing_allocations_are_reported),
        DATA_TEST(heads_of_pictures_give_their_size),
        DATA_TEST(absurd_sizes_are_refused),
        cmocka_unit_test(real_sets_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
