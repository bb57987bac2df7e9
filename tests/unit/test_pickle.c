/* The pickle machine: the values of each opcode, and pickles made to do harm. */
#include "weights_support.h"

#include "io/pickle.h"
#include "io/zip_view.h"

static scl_arena arena;

static int free_arena(void **state)
{
    (void)state;
    scl_arena_free(&arena);
    return 0;
}

/* Text stays borrowed from the bytes, so each test's last pickle outlives the call. */
static blob last;

static scl_status read_copy(const void *bytes, size_t size, scl_pickle *pickle, scl_error *err)
{
    free(last.bytes);
    last = blob_copy(bytes, size);
    return scl_pickle_read(last.bytes, last.size, &arena, pickle, err);
}

static const scl_pickle_value *read_good(const void *bytes, size_t size)
{
    scl_pickle pickle;
    assert_ok(read_copy(bytes, size, &pickle, &test_error));
    assert_int_equal(pickle.used, size);
    return pickle.root;
}

static void read_bad(const void *bytes, size_t size, const char *words)
{
    scl_pickle pickle;
    scl_error err = {0};
    assert_fails(read_copy(bytes, size, &pickle, &err), SCL_BAD_DATA, err, words);
}

#define GOOD(text)       read_good(text, sizeof(text) - 1)
#define BAD(text, words) read_bad(text, sizeof(text) - 1, words)

/* --- values ----------------------------------------------------------------------------------- */

static void assert_integer(const scl_pickle_value *value, int64_t wanted)
{
    assert_int_equal(value->kind, SCL_PICKLE_INT);
    assert_true(value->as.integer == wanted);
}

static void assert_text(const scl_pickle_value *value, const char *wanted)
{
    assert_int_equal(value->kind, SCL_PICKLE_STRING);
    assert_true(scl_pickle_text_is(value->as.text, wanted));
}

static void integers_have_their_values(void **state)
{
    (void)state;
    assert_integer(GOOD("K\xff."), 255);
    assert_integer(GOOD("M\xff\xff."), 65535);
    assert_integer(GOOD("J\xff\xff\xff\xff."), -1);
    assert_integer(GOOD("J\xff\xff\xff\x7f."), INT32_MAX);
    assert_integer(GOOD("\x8a\x00."), 0);
    assert_integer(GOOD("\x8a\x01\x80."), -128);
    assert_integer(GOOD("\x8a\x02\x80\x00."), 128);
    assert_integer(GOOD("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN);
    assert_integer(GOOD("\x8b\x03\x00\x00\x00\xfe\xff\xff."), -2);
    assert_int_equal(GOOD("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.")->kind,
                     SCL_PICKLE_BIG_INT);
}

static void other_values_have_theirs(void **state)
{
    (void)state;
    assert_int_equal(GOOD("\x80\x02N.")->kind, SCL_PICKLE_NONE);
    assert_int_equal(GOOD("\x88.")->as.integer, 1);
    assert_int_equal(GOOD("\x89.")->as.integer, 0);
    const scl_pickle_value *real = GOOD("G\xbf\xf8\x00\x00\x00\x00\x00\x00.");
    assert_int_equal(real->kind, SCL_PICKLE_FLOAT);
    assert_true(real->as.real == -1.5);
    assert_text(GOOD("T\x02\x00\x00\x00hi."), "hi");
    assert_text(GOOD("U\x02hi."), "hi");
    assert_text(GOOD("X\x02\x00\x00\x00hi."), "hi");
    assert_text(GOOD("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x02hi."), "hi");
    assert_text(GOOD("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "hi");
}

static void containers_hold_their_items(void **state)
{
    (void)state;
    const scl_pickle_value *value = GOOD("](K\x01K\x02"
                                         "eK\x03"
                                         "a.");
    assert_int_equal(value->kind, SCL_PICKLE_LIST);
    assert_int_equal(value->as.items.count, 3);
    for (int i = 0; i < 3; i++)
        assert_integer(value->as.items.item[i], i + 1);

    value = GOOD("(K\x01(K\x02tK\x03\x85K\x04K\x05\x86K\x06K\x07K\x08\x87t.");
    assert_int_equal(value->kind, SCL_PICKLE_TUPLE);
    assert_int_equal(value->as.items.count, 5);
    assert_integer(value->as.items.item[4]->as.items.item[2], 8);
    assert_int_equal(GOOD(").")->as.items.count, 0);

    value = GOOD("}(U\x01xK\x01U\x01yK\x02uU\x01zK\x03s.");
    assert_int_equal(value->kind, SCL_PICKLE_DICT);
    assert_integer(scl_pickle_find(value, "x"), 1);
    assert_integer(scl_pickle_find(value, "y"), 2);
    assert_integer(scl_pickle_find(value, "z"), 3);
    assert_null(scl_pickle_find(value, "w"));
    assert_null(scl_pickle_find(GOOD("N."), "w"));
}

static void memo_shares_values(void **state)
{
    (void)state;
    const scl_pickle_value *value = GOOD("]q\x05(h\x05j\x05\x00\x00\x00}r\x07\x01\x00\x00"
                                         "j\x07\x01\x00\x00"
                                         "e.");
    assert_int_equal(value->as.items.count, 4);
    assert_ptr_equal(value->as.items.item[0], value); /* it holds itself */
    assert_ptr_equal(value->as.items.item[1], value);
    assert_ptr_equal(value->as.items.item[2], value->as.items.item[3]);
    value = GOOD("\x80\x04]\x94(K\x07\x94h\x01h\x00"
                 "e.");
    assert_integer(value->as.items.item[1], 7);
    assert_ptr_equal(value->as.items.item[2], value);
}

static void ordered_dicts_are_dicts(void **state)
{
    (void)state;
    const char *const both[] = {
        "ccollections\nOrderedDict\n)R(U\x01xK\x01u}U\x09_metadataNsb.",
        "ccollections\nOrderedDict\n](](U\x01xK\x01"
        "ee\x85R.", /* as Python 2 wrote them */
    };
    for (int i = 0; i < 2; i++) {
        const scl_pickle_value *value = read_good(both[i], strlen(both[i]));
        assert_int_equal(value->kind, SCL_PICKLE_DICT);
        assert_int_equal(value->as.items.count, 2);
        assert_integer(scl_pickle_find(value, "x"), 1);
    }
    BAD("ccollections\nOrderedDict\nN\x85R.", "list of pairs");
    BAD("ccollections\nOrderedDict\n](Ne\x85R.", "list of pairs");
    BAD("ccollections\nOrderedDict\n](](NNNee\x85R.", "list of pairs");
    BAD("ccollections\nOrderedDict\n]]\x86R.", "list of pairs");
}

/* --- tensors ---------------------------------------------------------------------------------- */

#define ID                                                                                         \
    "(U\x07storagectorch\nFloatStorage\nU\x01"                                                     \
    "0U\x03"                                                                                       \
    "cpuK\x06tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor"
#define HOOKS   "ccollections\nOrderedDict\n)R"

static void tensors_are_described(void **state)
{
    (void)state;
    const scl_pickle_value *value =
        GOOD("ctorch._utils\n_rebuild_parameter\n" REBUILD "_v2\n(" ID
             "K\x01K\x02K\x03\x86K\x03K\x01\x86\x89" HOOKS "tR\x88" HOOKS "\x87R.");
    assert_int_equal(value->kind, SCL_PICKLE_TENSOR);
    const scl_pickle_tensor *tensor = value->as.tensor;
    assert_int_equal(tensor->dtype, SCL_WEIGHT_F32);
    assert_int_equal(tensor->offset, 1);
    assert_int_equal(tensor->ndim, 2);
    assert_int_equal(tensor->dim[0], 2);
    assert_int_equal(tensor->dim[1], 3);
    assert_int_equal(tensor->stride[0], 3);
    assert_int_equal(tensor->storage->elements, 6);
    assert_true(scl_pickle_text_is(tensor->storage->key, "0"));

    scl_pickle pickle;
    assert_ok(read_copy("(" ID ID "t.", 2 * sizeof ID + 1, &pickle, &test_error));
    assert_int_equal(pickle.storage_count, 2);
}

static void malformed_tensors_are_refused(void **state)
{
    (void)state;
    BAD(REBUILD "\n(" ID "K\x00)tR.", "4 arguments");
    BAD(REBUILD "_v2\n(" ID "K\x00))tR.", "6 arguments");
    BAD(REBUILD "_v2\n(" ID "K\x00))\x89N}U\x04"
                "conj\x88stR.",
        "no metadata");
    BAD(REBUILD "_v3\n(" ID "K\x00))\x89Nctorch\nFloatStorage\ntR.", "the last a dtype");
    BAD(REBUILD "\n(NK\x00))tR.", "expected a storage");
    BAD(REBUILD "\n(" ID "N))tR.", "expected a storage");
    BAD(REBUILD "\n(" ID "K\x00N)tR.", "expected a storage");
    BAD(REBUILD "\n(" ID "K\x00K\x01\x85)tR.", "expected a storage");
    BAD(REBUILD "\n(" ID "K\x00U\x01x\x85U\x01x\x85tR.", "expected a storage");
    BAD(REBUILD "\n(" ID "K\x00(NNNNNNNNNt(NNNNNNNNNttR.", "0 to 8 dimensions");
    BAD("ctorch._utils\n_rebuild_parameter\n(NNNtR.", "a tensor and 2 arguments");
    BAD("ctorch._utils\n_rebuild_parameter\n)R.", "a tensor and 2 arguments");
}

static void malformed_storages_are_refused(void **state)
{
    (void)state;
    BAD("NQ.", "persistent id");
    BAD(")Q.", "persistent id");
    BAD("(U\x06modulectorch\nFloatStorage\nU\x01"
        "0U\x03"
        "cpuK\x06tQ.",
        "persistent id");
    BAD("(U\x07storageccollections\nOrderedDict\nU\x01"
        "0U\x03"
        "cpuK\x06tQ.",
        "persistent id");
    BAD("(U\x07storagectorch\nFloatStorage\nK\x00U\x03"
        "cpuK\x06tQ.",
        "persistent id");
    BAD("(U\x07storagectorch\nFloatStorage\nU\x01"
        "0U\x03"
        "cpuJ\xff\xff\xff\xfftQ.",
        "persistent id");
    BAD("(U\x07storagectorch\nFloatStorage\nU\x01"
        "0U\x03"
        "cpuK\x06(NNNttQ.",
        "persistent id");
    assert_int_equal(GOOD("(U\x07storagectorch\nFloatStorage\nU\x01"
                          "0U\x03"
                          "cpuK\x06NtQ.")
                         ->kind,
                     SCL_PICKLE_STORAGE);
}

/* --- harm ------------------------------------------------------------------------------------- */

static void other_globals_are_refused_by_name(void **state)
{
    (void)state;
    BAD("cos\nsystem\n(U\x04true\x74R.", "refused: names the global 'os.system'");
    BAD("cposix\nsystem\n.", "'posix.system'");
    BAD("cbuiltins\neval\n.", "'builtins.eval'");
    BAD("c__builtin__\neval\n.", "'__builtin__.eval'");
    BAD("ctorch\nload\n.", "'torch.load'");
    BAD("ctorch\nFloatStoragex\n.", "'torch.FloatStoragex'");
    BAD("ctorch._utils\n_rebuild_tensor_v\n.", "_rebuild_tensor_v'");
    BAD("csubprocess\nPopen\n.", "state_dict()");
    BAD("\x80\x04\x8c\x02os\x8c\x06system\x93.", "pickle byte 14: refused: names the global "
                                                 "'os.system'");
    BAD("\x80\x04NN\x93.", "two strings of a global");
    BAD("ca\x1b[2J\nb\n.", "'a?[2J.b'");
    BAD("cos\nsystem", "cut short");
}

static void only_functions_are_called(void **state)
{
    (void)state;
    BAD("ctorch\nFloatStorage\n)R.", "calls a global, which is no function");
    BAD("ctorch\nuint16\n)R.", "calls a global, which is no function");
    BAD("U\x04"
        "eval)R.",
        "calls a string");
    BAD("ccollections\nOrderedDict\n]R.", "expected a tuple of arguments, found a list");
    BAD("]}b.", "expected a dict on the stack, found a list");
    BAD("ccollections\nOrderedDict\n}b.", "found a global");
}

static void other_opcodes_are_refused(void **state)
{
    (void)state;
    const uint8_t known[] = "\x80\x95.N\x88\x89JKM\x8a\x8bGTUX\x8c\x8d])}(t\x85\x86\x87"
                            "aesuqr"
                            "\x94hjc\x93QRb";
    size_t refused = 0;
    for (int opcode = 0; opcode < 256; opcode++) {
        const uint8_t bytes[] = {(uint8_t)opcode, '.'};
        if (memchr(known, opcode, sizeof known - 1) != NULL)
            continue;
        read_bad(bytes, 2, "refused: uses the pickle opcode 0x");
        refused++;
    }
    assert_int_equal(refused, 256 - (sizeof known - 1));
    BAD("\x81.", "opcode 0x81"); /* NEWOBJ */
    BAD("\x80\x06.", "protocol");
}

static void stack_faults_are_refused(void **state)
{
    (void)state;
    BAD(".", "found none");
    BAD("N\x86.", "found none");
    BAD("N(\x85.", "found none"); /* below the mark */
    BAD("N(a.", "found none");
    BAD("t.", "expected a mark");
    BAD("Ne.", "expected a mark");
}

static void type_faults_are_refused(void **state)
{
    (void)state;
    BAD("}Na.", "expected a list on the stack, found a dict");
    BAD("](NNu.", "expected a dict on the stack, found a list");
    BAD("}(NNNu.", "in pairs");
    BAD("h\x00.", "memo entry 0");
    BAD("Nq\x02h\x01.", "memo entry 1");
    BAD("q\x00.", "found none");
    BAD("X\xff\xff\xff\xffhi.", "cut short");
    BAD("T\xff\xff\xff\xffhi.", "cut short");
    BAD("\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi.", "cut short");
    BAD("\x8b\xff\xff\xff\x7f\x01.", "cut short");
}

static void memo_bombs_are_refused(void **state)
{
    (void)state;
    BAD("Nr\xff\xff\xff\xff.", "memo");
    BAD("Nr\x00\x00\x10\x00.", "memo");
    assert_int_equal(GOOD("Nr\xff\xff\x0f\x00.")->kind, SCL_PICKLE_NONE);
}

static blob repeated(const char *head, const char *unit, size_t count)
{
    size_t start = strlen(head), length = strlen(unit);
    blob text = {malloc(start + count * length + 1), start + count * length + 1};
    memcpy(text.bytes, head, start);
    for (size_t i = 0; i < count; i++)
        memcpy(text.bytes + start + i * length, unit, length);
    text.bytes[text.size - 1] = '.';
    return text;
}

static void bombs_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *head, *unit;
        size_t count;
        const char *words;
    } bombs[] = {
        {"", "(", 2000, "nested marks"},
        {"", "]", (size_t)2 << 20, "on the stack"},
        {"]", "Na", (size_t)10 << 20, "MiB of objects"},
    };
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        blob text = repeated(bombs[i].head, bombs[i].unit, bombs[i].count);
        read_bad(text.bytes, text.size, bombs[i].words);
        free(text.bytes);
        scl_arena_free(&arena);
    }
    /* Nesting itself is no harm, as nothing recurses. */
    const size_t depth = 500000;
    blob deep = repeated("", "]", 2 * depth - 1);
    memset(deep.bytes + depth, 'a', depth - 1);
    assert_int_equal(read_good(deep.bytes, deep.size)->kind, SCL_PICKLE_LIST);
    free(deep.bytes);
}

static void damaged_pickles_never_crash(void **state)
{
    (void)state;
    blob file = blob_load(FIXTURE("mixed_zip4.pth"));
    scl_zip_view zip;
    assert_ok(scl_zip_view_open(file.bytes, file.size, &zip, &test_error));
    assert_non_null(strstr(zip.entry[0].name, "/data.pkl"));
    blob pickle = blob_copy(zip.entry[0].data, zip.entry[0].bytes);
    scl_pickle out;
    for (size_t size = 0; size < pickle.size; size++) {
        read_bad(pickle.bytes, size, "pickle byte");
        scl_arena_free(&arena);
    }
    for (size_t i = 0; i < pickle.size; i++) {
        for (int value = 0; value < 256; value += 5) {
            uint8_t keep = pickle.bytes[i];
            pickle.bytes[i] = (uint8_t)value;
            (void)scl_pickle_read(pickle.bytes, pickle.size, &arena, &out, NULL);
            pickle.bytes[i] = keep;
            scl_arena_free(&arena);
        }
    }
    free(pickle.bytes);
    scl_zip_view_free(&zip);
    free(file.bytes);
}

static int free_last(void **state)
{
    (void)state;
    free(last.bytes);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, free_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integers_have_their_values),
        TEST(other_values_have_theirs),
        TEST(containers_hold_their_items),
        TEST(memo_shares_values),
        TEST(ordered_dicts_are_dicts),
        TEST(tensors_are_described),
        TEST(malformed_tensors_are_refused),
        TEST(malformed_storages_are_refused),
        TEST(other_globals_are_refused_by_name),
        TEST(only_functions_are_called),
        TEST(other_opcodes_are_refused),
        TEST(stack_faults_are_refused),
        TEST(type_faults_are_refused),
        TEST(memo_bombs_are_refused),
        TEST(bombs_are_refused),
        TEST(damaged_pickles_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, free_last);
}
