/* .pth files: torch's own in both formats, real ones, and damaged or hostile ones. */
#include "weights_support.h"

#include "base/log.h"
#include "io/pth.h"

#include <math.h>

static void assert_file_holds(const char *path, scl_weights_format format, const char *expectation)
{
    scl_weights weights;
    assert_ok(scl_weights_load(path, &weights, &test_error));
    assert_int_equal(weights.format, format);
    assert_string_equal(weights.path, path);
    assert_holds(&weights, expectation);
    scl_weights_free(&weights);
}

static void torch_files_have_their_values(void **state)
{
    (void)state;
    assert_file_holds(FIXTURE("mixed_zip2.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("mixed.txt"));
    assert_file_holds(FIXTURE("mixed_zip4.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("mixed.txt"));
    assert_file_holds(FIXTURE("mixed_legacy2.pth"), SCL_WEIGHTS_PTH_LEGACY, FIXTURE("mixed.txt"));
    assert_file_holds(FIXTURE("mixed_legacy4.pth"), SCL_WEIGHTS_PTH_LEGACY, FIXTURE("mixed.txt"));
    assert_file_holds(FIXTURE("many_zip.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("many.txt"));
    assert_file_holds(FIXTURE("many_legacy.pth"), SCL_WEIGHTS_PTH_LEGACY, FIXTURE("many.txt"));
    assert_file_holds(FIXTURE("bare.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("bare.txt"));
    assert_file_holds(FIXTURE("small_zip.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("small.txt"));
    assert_file_holds(FIXTURE("small_legacy.pth"), SCL_WEIGHTS_PTH_LEGACY, FIXTURE("small.txt"));
}

/* --- wrappers --------------------------------------------------------------------------------- */

static char logged[2000];

static void keep_log(void *user, scl_log_level level, const char *text)
{
    (void)user;
    assert_int_equal(level, SCL_LOG_INFO);
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", text);
}

static void wrapped_state_dicts_are_found_and_it_is_said(void **state)
{
    (void)state;
    scl_log_add_sink(keep_log, NULL);
    logged[0] = '\0';
    assert_file_holds(FIXTURE("model.pth"), SCL_WEIGHTS_PTH_ZIP, FIXTURE("state.txt"));
    assert_non_null(strstr(logged, "those under 'model'"));
    assert_null(strstr(logged, "module."));
    logged[0] = '\0';
    assert_file_holds(FIXTURE("state_dict.pth"), SCL_WEIGHTS_PTH_LEGACY, FIXTURE("state.txt"));
    assert_non_null(strstr(logged, "those under 'state_dict'"));
    assert_non_null(strstr(logged, "begins with 'module.', which is dropped"));
    scl_log_remove_sink(keep_log, NULL);
}

static void contiguous_tensors_are_not_copied(void **state)
{
    (void)state;
    scl_weights weights;
    blob file = blob_load(FIXTURE("mixed_zip2.pth"));
    assert_ok(scl_weights_load_bytes("f", file.bytes, file.size, &weights, &test_error));
    const char *const inside[] = {"conv.weight", "shared.base", "shared.rows", "half", "scalar"};
    const char *const copied[] = {"transposed", "permuted", "shared.columns",
                                  "shared.every_second"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        const scl_weight *weight = scl_weights_find(&weights, inside[i]);
        assert_true(weight->data > file.bytes &&
                    weight->data + weight->bytes <= file.bytes + file.size);
    }
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const scl_weight *weight = scl_weights_find(&weights, copied[i]);
        assert_true(weight->data < file.bytes || weight->data >= file.bytes + file.size);
    }
    assert_ptr_equal(scl_weights_find(&weights, "shared.base")->data + 6 * sizeof(float),
                     scl_weights_find(&weights, "shared.rows")->data);
    scl_weights_free(&weights);
    free(file.bytes);
}

/* --- files made by hand: a legacy stream around any pickle ------------------------------------ */

#define PREAMBLE                                                                                   \
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."                  \
    "\x80\x02}U\x0dlittle_endian\x88s."
#define ID(elements)                                                                               \
    "(U\x07storagectorch\nFloatStorage\nU\x01kU\x03"                                               \
    "cpu" elements "tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor\n("
/* One storage, 'k', of four floats. */
#define STORAGES                     "]U\x01ka.\x04\0\0\0\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@"
#define TENSOR(offset, size, stride) "}U\x01t" REBUILD ID("K\x04") offset size stride "tRs."
#define FILE_OF(pickle)              PREAMBLE pickle STORAGES

static scl_status load_text(const void *text, size_t size, scl_weights *weights, scl_error *err)
{
    blob file = blob_copy(text, size);
    scl_status status = scl_weights_load_bytes("hostile", file.bytes, file.size, weights, err);
    for (size_t i = 0; status == SCL_OK && i < weights->count; i++)
        (void)fnv_as_f32(&weights->tensor[i]);
    free(file.bytes);
    return status;
}

static void assert_refused(const void *text, size_t size, const char *words)
{
    scl_weights weights;
    scl_error err = {0};
    assert_fails(load_text(text, size, &weights, &err), SCL_BAD_DATA, err, words);
    assert_int_equal(strncmp(err.text, "hostile: ", 9), 0);
}

#define REFUSED(text, words) assert_refused(text, sizeof(text) - 1, words)

static void assert_accepted(const void *text, size_t size)
{
    scl_weights weights;
    assert_ok(load_text(text, size, &weights, &test_error));
    scl_weights_free(&weights);
}

#define ACCEPTED(text) assert_accepted(text, sizeof(text) - 1)

#define INT64_LARGEST "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
#define MINUS_ONE     "J\xff\xff\xff\xff"

static void views_stay_within_their_storage(void **state)
{
    (void)state;
    ACCEPTED(FILE_OF(TENSOR("K\x00", "K\x04\x85", "K\x01\x85")));
    ACCEPTED(FILE_OF(TENSOR("K\x03", ")", ")")));
    ACCEPTED(FILE_OF(TENSOR("K\x00", "K\x02K\x02\x86", "K\x01K\x02\x86")));
    REFUSED(FILE_OF(TENSOR("K\x00", "K\x05\x85", "K\x01\x85")), "reaches beyond");
    REFUSED(FILE_OF(TENSOR("K\x01", "K\x04\x85", "K\x01\x85")),
            "tensor 't': expected a view within "
            "its storage of 4 elements");
    REFUSED(FILE_OF(TENSOR("K\x04", ")", ")")), "reaches beyond");
    REFUSED(FILE_OF(TENSOR(MINUS_ONE, ")", ")")), "reaches beyond");
    REFUSED(FILE_OF(TENSOR(INT64_LARGEST, "K\x04\x85", "K\x01\x85")), "reaches beyond");
    REFUSED(FILE_OF(TENSOR("K\x03", "K\x04\x85", MINUS_ONE "\x85")), "negative stride");
    REFUSED(FILE_OF(TENSOR("K\x00", "K\x02K\x02\x86", INT64_LARGEST "K\x01\x86")),
            "reaches beyond");
    REFUSED(FILE_OF(TENSOR("K\x00", "K\x03K\x03\x86", INT64_LARGEST INT64_LARGEST "\x86")),
            "reaches beyond");
    /* The stride of a dimension of 1 is never used. */
    ACCEPTED(FILE_OF(TENSOR("K\x00", "K\x02K\x01K\x02\x87", "K\x01" INT64_LARGEST "K\x02\x87")));
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    REFUSED(FILE_OF(TENSOR("K\x00", MINUS_ONE "\x85", "K\x01\x85")), "negative or too large");
    REFUSED(FILE_OF(TENSOR("K\x00", INT64_LARGEST "\x85", "K\x00\x85")), "negative or too large");
    REFUSED(FILE_OF(TENSOR("K\x00", INT64_LARGEST INT64_LARGEST "\x86", "K\x00K\x00\x86")),
            "negative or too large");
    /* An expanded tensor: one float that claims to be 2^30. */
    REFUSED(FILE_OF(TENSOR("K\x00", "J\0\0\0@\x85", "K\x00\x85")), "take more than 4 times");
    ACCEPTED(FILE_OF(TENSOR("K\x00", "K\x10\x85", "K\x00\x85")));
    ACCEPTED(FILE_OF(TENSOR("K\x00", "K\x00" INT64_LARGEST "\x86", "K\x01K\x01\x86")));
}

static void legacy_storages_must_fit(void **state)
{
    (void)state;
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]U\x01xa.", "storage 'x' belongs to no tensor");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "].", "expected a storage 'k', found none");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "].\0", "expected a storage 'k', found none");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "N.", "expected a list of storages, found None");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]Na.", "expected strings in the list");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]U\x01ka.\1\0\0", "cut short");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]U\x01ka.\xff\xff\xff\xff\xff\xff\xff\x3f",
            "cut short");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]U\x01ka.\xff\xff\xff\xff\xff\xff\xff\xff",
            "cut short");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "]U\x01ka.\1\0\0\0\0\0\0\0\0\0\0\0",
            "expected 4 elements of F32 in the storage 'k', found 4 bytes");
    REFUSED(PREAMBLE TENSOR("K\x00", ")", ")") "](U\x01kU\x01ke."
                                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "found 'k' twice");
}

static void legacy_preamble_is_checked(void **state)
{
    (void)state;
    const char magic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    char text[100];
    const struct {
        const char *rest;
        size_t size;
        const char *words;
    } cases[] = {
        {"", 0, "protocol version: pickle byte 0: expected 1 more bytes"},
        {"K\x01.", 3, "expected PyTorch's legacy protocol 1001"},
        {"N.", 2, "expected PyTorch's legacy protocol 1001"},
        {"M\xe9\x03.N.", 6, "big-endian"},
        {"M\xe9\x03.}U\x0dlittle_endian\x89s.", 23, "big-endian"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(text, magic, sizeof magic - 1);
        memcpy(text + sizeof magic - 1, cases[i].rest, cases[i].size);
        assert_refused(text, sizeof magic - 1 + cases[i].size, cases[i].words);
    }
}

static void state_dicts_must_be_dicts_of_names_and_tensors(void **state)
{
    (void)state;
#define PLAIN REBUILD ID("K\x04") "K\x00))tR"
    REFUSED(PREAMBLE "N.].", "found None");
    REFUSED(FILE_OF("]" ID("K\x04") "a."), "expected a state dict");
    REFUSED(FILE_OF("}(U\x05"
                    "epochK\x01U\x05"
                    "stateNK\x07" ID("K\x04") "u."),
            "a dict without tensors that holds: epoch, state, an int");
    REFUSED(FILE_OF("}K\x07" PLAIN "s."), "expected a string as every tensor's name, found an int");
    REFUSED(FILE_OF("}U\x03"
                    "a\0b" PLAIN "s."),
            "NUL");
    REFUSED(FILE_OF("}U\x03"
                    "a\nb" PLAIN "s."),
            "tensor 'a?b': the tensor name 'a?b' holds a "
            "control character");
    REFUSED(FILE_OF("}(U\x01"
                    "a" PLAIN "U\x01"
                    "a" PLAIN "u."),
            "found 'a' twice");
    REFUSED(FILE_OF("cos\nsystem\n(U\x04trueetR."), "names the global 'os.system'");
    scl_weights weights;
    assert_ok(load_text(FILE_OF("}(U\x05"
                                "epochK\x01U\x01"
                                "a" PLAIN "u."),
                        sizeof FILE_OF("}(U\x05"
                                       "epochK\x01U\x01"
                                       "a" PLAIN "u.") -
                            1,
                        &weights, &test_error));
    assert_int_equal(weights.count, 1);
    scl_weights_free(&weights);
}

static void pickled_modules_are_refused_by_name(void **state)
{
    (void)state;
    scl_weights weights;
    scl_error err = {0};
    assert_fails(scl_weights_load(FIXTURE("whole_module.pth"), &weights, &err), SCL_BAD_DATA, err,
                 "names the global 'torch.nn.modules.linear.Linear'");
}

/* --- zip -------------------------------------------------------------------------------------- */

/* Where the central directory's record of the n-th entry begins. */
static size_t directory_record(blob file, int n)
{
    for (size_t i = 0; i + 4 < file.size; i++)
        if (memcmp(file.bytes + i, "PK\1\2", 4) == 0 && n-- == 0)
            return i;
    fail_msg("no such directory record");
    return 0;
}

static void assert_patched_refused(size_t offset, const char *bytes, size_t size, const char *words)
{
    blob file = blob_load(FIXTURE("small_zip.pth"));
    memcpy(file.bytes + directory_record(file, 0) + offset, bytes, size);
    assert_refused(file.bytes, file.size, words);
    free(file.bytes);
}

static void zip_entries_must_be_stored_and_within_the_file(void **state)
{
    (void)state;
    assert_patched_refused(10, "\x08", 1, "compressed: the file was repacked");
    assert_patched_refused(8, "\x09", 1, "encrypted");
    assert_patched_refused(20, "\xff\xff\xff\x0f", 4, "states");
    assert_patched_refused(24, "\xff\xff\xff\x0f", 4, "states");
    assert_patched_refused(20, "\0\7\0\0\0\7\0\0", 8, "cut short"); /* both sizes, too long */
    assert_patched_refused(42, "\xff\xff\xff\x0f", 4, "damaged or cut short");
    assert_patched_refused(46, "x", 1, "expected a storage '0', found none"); /* another folder */
}

/* Renames an entry, in the directory, to one of the same length. */
static void rename_entry(blob file, const char *from, const char *to)
{
    size_t length = strlen(from), found = 0;
    for (size_t i = directory_record(file, 0); i + length < file.size; i++) {
        if (memcmp(file.bytes + i, from, length) == 0) {
            memcpy(file.bytes + i, to, length);
            found++;
        }
    }
    assert_int_equal(found, 1);
}

static void zip_names_must_be_whole_and_single(void **state)
{
    (void)state;
    const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"/data/0", "/data/1", "found '1' twice"},
        {"/data/0", "/data/7", "expected a storage '0', found none"},
        {"/.format_version", "/format/data.pkl", NULL},
        {"small_zip/.format_version", "small_zipper2024/data.pkl", "expected one data.pkl"},
        {"/data.pkl", "/data.pk2", "without a data.pkl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        blob file = blob_load(FIXTURE("small_zip.pth"));
        rename_entry(file, cases[i].from, cases[i].to);
        if (cases[i].words != NULL)
            assert_refused(file.bytes, file.size, cases[i].words);
        else
            assert_true(survives(file));
        free(file.bytes);
    }
    blob file = blob_load(FIXTURE("small_zip.pth"));
    for (size_t i = 0; i + 6 < file.size; i++)
        if (memcmp(file.bytes + i, "little", 6) == 0)
            memcpy(file.bytes + i, "big___", 6);
    assert_refused(file.bytes, file.size, "big-endian");
    free(file.bytes);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void cut_files_are_refused(void **state)
{
    (void)state;
    assert_refuses_truncation(FIXTURE("small_zip.pth"));
    assert_refuses_truncation(FIXTURE("small_legacy.pth"));
    assert_refuses_truncation(FIXTURE("mixed_legacy4.pth"));
    assert_refuses_truncation(FIXTURE("bare.pth"));
}

static void flipped_bits_never_crash(void **state)
{
    (void)state;
    assert_survives_flips(FIXTURE("small_zip.pth"));
    assert_survives_flips(FIXTURE("small_legacy.pth"));
    assert_survives_flips(FIXTURE("mixed_legacy2.pth"));
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    assert_survives_failing_allocations(FIXTURE("mixed_zip2.pth"));
    assert_survives_failing_allocations(FIXTURE("mixed_legacy2.pth"));
    assert_survives_failing_allocations(FIXTURE("state_dict.pth"));
}

/* --- real files ------------------------------------------------------------------------------- */

/* Reads a line of TENSORS.txt: "   ('name', 'FloatStorage', (1, 64), (64, 1), 'cpu', 2.5)". */
static void check_real_tensor(const scl_weights *weights, const char *line)
{
    char name[200];
    const char *at = strchr(line, '\'') + 1;
    size_t length = strcspn(at, "'");
    memcpy(name, at, length);
    name[length] = '\0';
    const scl_weight *weight = scl_weights_find(weights, name);
    if (weight == NULL)
        fail_msg("%s: '%s' not found", weights->path, name);
    at = strstr(at, "', (") + 4;
    for (int i = 0; i < weight->ndim; i++) {
        char *end;
        assert_int_equal(strtoll(at, &end, 10), weight->dim[i]);
        at = end + strspn(end, ", ");
    }
    assert_int_equal(*at, ')');
    size_t count = (size_t)scl_weight_elements(weight);
    float *values = malloc(count * sizeof *values);
    double sum = 0;
    scl_weight_to_f32(weight, values);
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    free(values);
    double wanted = strtod(strrchr(line, ',') + 1, NULL);
    if (fabs(sum - wanted) > 1e-9 * (1 + fabs(wanted)))
        fail_msg("%s: %s sums to %.17g, not %.17g", weights->path, name, sum, wanted);
}

static void real_files_have_their_values(void **state)
{
    (void)state;
    FILE *list = fopen(SHARED "pickles/TENSORS.txt", "r");
    if (list == NULL) {
        print_message("no " SHARED "pickles\n");
        skip();
    }
    char line[1000];
    scl_weights weights = {0};
    size_t files = 0, tensors = 0;
    while (fgets(line, sizeof line, list) != NULL) {
        if (line[0] == '#') {
            char path[1200];
            assert_true(tensors == weights.count);
            scl_weights_free(&weights);
            tensors = 0;
            line[strcspn(line + 4, " ") + 4] = '\0';
            snprintf(path, sizeof path, SHARED "pickles/%s", line + 4);
            if (!scl_path_exists(path))
                continue;
            assert_ok(scl_weights_load(path, &weights, &test_error));
            files++;
        } else if (weights.count > 0) {
            check_real_tensor(&weights, line);
            tensors++;
        }
    }
    scl_weights_free(&weights);
    fclose(list);
    assert_true(files >= 6);
}

/* ---- writing */

typedef struct source {
    const scl_weight *tensors;
    size_t fails_at;
} source;

static scl_status give(void *user, size_t index, const uint8_t **data, scl_error *err)
{
    const source *s = user;
    *data = s->tensors[index].data;
    return index < s->fails_at ? SCL_OK : scl_fail(err, SCL_DEVICE, "lost");
}

/* The float32 tensors of a file, scalars and empty ones too, are the same after writing. */
static void what_is_written_reads_back(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "written.pth");
    scl_weights weights, back;
    size_t count = 0;
    assert_ok(scl_weights_load(FIXTURE("mixed_zip2.pth"), &weights, &test_error));
    scl_weight *kept = calloc(weights.count, sizeof *kept);
    for (size_t i = 0; i < weights.count; i++)
        if (weights.tensor[i].dtype == SCL_WEIGHT_F32)
            kept[count++] = weights.tensor[i];
    assert_true(count > 5);
    source from = {kept, count};
    assert_ok(scl_pth_write_fetched(path, kept, count, give, &from, &test_error));
    assert_ok(scl_weights_load(path, &back, &test_error));
    assert_int_equal(back.format, SCL_WEIGHTS_PTH_ZIP);
    assert_int_equal(back.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(back.tensor[i].name, kept[i].name);
        assert_int_equal(back.tensor[i].ndim, kept[i].ndim);
        assert_memory_equal(back.tensor[i].dim, kept[i].dim, sizeof kept[i].dim);
        if (kept[i].bytes > 0)
            assert_memory_equal(back.tensor[i].data, kept[i].data, kept[i].bytes);
        assert_int_equal((uintptr_t)back.tensor[i].data % 64, 0);
    }
    scl_weights_free(&back);
    free(kept);
    scl_weights_free(&weights);
    scl_free(path);
    remove_folder(folder);
}

static void what_cannot_be_written_leaves_no_file(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "written.pth");
    scl_weights weights;
    scl_error lost = {0}, half = {0};
    assert_ok(scl_weights_load(FIXTURE("small_zip.pth"), &weights, &test_error));
    source from = {weights.tensor, 0};
    assert_fails(scl_pth_write_fetched(path, weights.tensor, 1, give, &from, &lost), SCL_DEVICE,
                 lost, "lost");
    assert_fails(scl_pth_write_fetched(path, weights.tensor, 2, give, &from, &half), SCL_FAILED,
                 half, "is not float32");
    assert_false(scl_path_exists(path));
    from.fails_at = 1;
    for (long n = 0; n < 20; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        scl_status status = scl_pth_write_fetched(path, weights.tensor, 1, give, &from, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK ? scl_path_exists(path) : status == SCL_DEVICE);
        unlink(path);
    }
    scl_weights_free(&weights);
    scl_free(path);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch_files_have_their_values),
        cmocka_unit_test(wrapped_state_dicts_are_found_and_it_is_said),
        cmocka_unit_test(contiguous_tensors_are_not_copied),
        cmocka_unit_test(views_stay_within_their_storage),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(legacy_storages_must_fit),
        cmocka_unit_test(legacy_preamble_is_checked),
        cmocka_unit_test(state_dicts_must_be_dicts_of_names_and_tensors),
        cmocka_unit_test(pickled_modules_are_refused_by_name),
        cmocka_unit_test(zip_entries_must_be_stored_and_within_the_file),
        cmocka_unit_test(zip_names_must_be_whole_and_single),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(flipped_bits_never_crash),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(real_files_have_their_values),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_cannot_be_written_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
