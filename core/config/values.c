#include "config/values.h"

#include "config/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

typedef struct reading {
    const scl_param *param;
    scl_arena *arena;
    scl_diagnostics *diagnostics;
} reading;

/* The three list types of plugin.h share this layout. */
typedef struct list_value {
    const void *items;
    uint64_t count;
} list_value;

size_t scl_value_size(uint32_t type)
{
    switch (type) {
    case SCL_PARAM_BOOL:
    case SCL_PARAM_CHOICE:
        return sizeof(int32_t);
    case SCL_PARAM_INT:
    case SCL_PARAM_BYTES:
        return sizeof(int64_t);
    case SCL_PARAM_FLOAT:
        return sizeof(double);
    case SCL_PARAM_STRING:
        return sizeof(const char *);
    case SCL_PARAM_STRINGS:
    case SCL_PARAM_INTS:
    case SCL_PARAM_FLOATS:
        return sizeof(list_value);
    default:
        return 0;
    }
}

static void store(const scl_param *param, void *base, const void *value)
{
    memcpy((char *)base + param->offset, value, scl_value_size(param->type));
}

static void load(const scl_param *param, const void *base, void *value)
{
    memcpy(value, (const char *)base + param->offset, scl_value_size(param->type));
}

/* The type of a list's items; 0: not a list. */
static uint32_t item_type(uint32_t type)
{
    switch (type) {
    case SCL_PARAM_STRINGS:
        return SCL_PARAM_STRING;
    case SCL_PARAM_INTS:
        return SCL_PARAM_INT;
    case SCL_PARAM_FLOATS:
        return SCL_PARAM_FLOAT;
    default:
        return 0;
    }
}

static bool may_be_null(const scl_param *param)
{
    return param->default_value != NULL && strcmp(param->default_value, "null") == 0;
}

static bool has_range(const scl_param *param)
{
    return param->min != 0 || param->max != 0;
}

/* ------------------------------------------------------------------ words for messages */

const char *scl_value_expected(const scl_param *param, scl_arena *arena)
{
    switch (param->type) {
    case SCL_PARAM_BOOL:
        return "true or false";
    case SCL_PARAM_INT:
        return "a whole number";
    case SCL_PARAM_FLOAT:
        return "a number";
    case SCL_PARAM_STRING:
        return "a text";
    case SCL_PARAM_STRINGS:
        return "a list of texts";
    case SCL_PARAM_INTS:
        return "a list of whole numbers";
    case SCL_PARAM_FLOATS:
        return "a list of numbers";
    case SCL_PARAM_BYTES:
        return "a size such as 8GiB, 512MiB or 100000";
    default:
        break;
    }
    scl_str words = {0};
    for (const char *const *choice = param->choices; choice != NULL && *choice != NULL; choice++)
        scl_str_add(&words, "%s%s", words.length > 0 ? ", " : "one of ", *choice);
    bool complete = words.length > 0 && !words.failed;
    const char *copy = complete ? scl_arena_strdup(arena, words.text) : NULL;
    scl_str_free(&words);
    return copy != NULL ? copy : "one of its choices";
}

static void write_bound(const scl_param *param, double bound, scl_str *out)
{
    if (param->type == SCL_PARAM_BYTES && fabs(bound) < 0x1p63)
        scl_text_write_bytes(out, (int64_t)bound);
    else
        scl_text_write_double(out, bound);
}

const char *scl_value_range(const scl_param *param, scl_arena *arena)
{
    if (!has_range(param) || (isinf(param->min) && isinf(param->max)))
        return NULL;
    scl_str words = {0};
    if (isinf(param->max)) {
        scl_str_add(&words, "at least ");
        write_bound(param, param->min, &words);
    } else if (isinf(param->min)) {
        scl_str_add(&words, "at most ");
        write_bound(param, param->max, &words);
    } else {
        scl_str_add(&words, "between ");
        write_bound(param, param->min, &words);
        scl_str_add(&words, " and ");
        write_bound(param, param->max, &words);
    }
    const char *copy = words.failed ? NULL : scl_arena_strdup(arena, words.text);
    scl_str_free(&words);
    return copy != NULL ? copy : "within its range";
}

/* What to write instead, or "" when that cannot be told from what was found. */
static const char *advice(const scl_param *param, const scl_yaml *node, scl_arena *arena)
{
    static const char *const yes[] = {"true", "yes", "on", "y", "1"};
    static const char *const no[] = {"false", "no", "off", "n", "0"};
    if (node->kind != SCL_YAML_SCALAR)
        return "";
    for (size_t i = 0; param->type == SCL_PARAM_BOOL && i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(node->text, yes[i]) == 0)
            return ": write true";
        if (strcasecmp(node->text, no[i]) == 0)
            return ": write false";
    }
    double number;
    const char *text = NULL;
    bool is_number = scl_text_read_double(node->text, &number);
    if (item_type(param->type) != 0 && scl_yaml_is_null(node))
        text = ": write []";
    else if (param->type == SCL_PARAM_STRINGS)
        text = scl_arena_printf(arena, ": write [\"%s\"]", scl_text_quote(arena, node->text));
    else if (item_type(param->type) != 0)
        text = scl_arena_printf(arena, ": write [%s]", scl_text_quote(arena, node->text));
    else if (param->type == SCL_PARAM_FLOAT && is_number)
        text = ": remove the quotes";
    else if (param->type == SCL_PARAM_INT && is_number && !node->quoted && fabs(number) >= 0x1p53)
        text = ", which is too large";
    else if (param->type == SCL_PARAM_INT && is_number && number == rint(number))
        text = scl_arena_printf(arena, ": write %" PRId64, (int64_t)number);
    return text != NULL ? text : "";
}

static void complain_of_type(const reading *r, const scl_yaml *node)
{
    scl_arena *arena = &r->diagnostics->arena;
    scl_diagnostics_add(r->diagnostics, node->place, "expected %s for `%s`, found %s%s",
                        scl_value_expected(r->param, arena), r->param->key,
                        scl_yaml_describe(node, arena), advice(r->param, node, arena));
}

static bool in_range(const reading *r, const scl_yaml *node, double value)
{
    const scl_param *param = r->param;
    if (!has_range(param) || (value >= param->min && value <= param->max))
        return true;
    scl_arena *arena = &r->diagnostics->arena;
    scl_diagnostics_add(r->diagnostics, node->place, "`%s` must be %s, found %s", param->key,
                        scl_value_range(param, arena), scl_text_quote(arena, node->text));
    return false;
}

/* ------------------------------------------------------------------ reading */

/* Scalars are read into the slot of one value; false: reported. */
static bool read_number(const reading *r, const scl_yaml *node, uint32_t type, void *slot)
{
    int64_t whole = 0;
    double number = 0;
    bool right = node->kind == SCL_YAML_SCALAR && !node->quoted;
    if (right && type == SCL_PARAM_FLOAT)
        right = scl_text_read_double(node->text, &number);
    else if (right && type == SCL_PARAM_INT)
        right = scl_text_read_int(node->text, &whole);
    else if (right)
        right = scl_text_read_bytes(node->text, &whole);
    if (!right) {
        complain_of_type(r, node);
        return false;
    }
    if (!in_range(r, node, type == SCL_PARAM_FLOAT ? number : (double)whole))
        return false;
    if (type == SCL_PARAM_FLOAT)
        memcpy(slot, &number, sizeof number);
    else
        memcpy(slot, &whole, sizeof whole);
    return true;
}

static bool read_string(const reading *r, const scl_yaml *node, const char **slot)
{
    if (node->kind != SCL_YAML_SCALAR || scl_yaml_is_null(node)) {
        complain_of_type(r, node);
        return false;
    }
    if (node->text[0] == '\0') {
        scl_diagnostics_add(r->diagnostics, node->place,
                            "expected a text for `%s`, found an empty one", r->param->key);
        return false;
    }
    *slot = scl_arena_strdup(r->arena, node->text);
    if (*slot == NULL)
        scl_diagnostics_out_of_memory(r->diagnostics, strlen(node->text) + 1);
    return *slot != NULL;
}

static bool read_index(const reading *r, const scl_yaml *node, int32_t *slot)
{
    static const char *const truths[] = {"false", "true", NULL};
    const scl_param *param = r->param;
    bool is_bool = param->type == SCL_PARAM_BOOL;
    const char *const *names = is_bool ? truths : param->choices;
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        if (node->kind == SCL_YAML_SCALAR && !(is_bool && node->quoted) &&
            strcmp(node->text, names[count]) == 0) {
            *slot = (int32_t)count;
            return true;
        }
    }
    const char *near = NULL;
    if (!is_bool && node->kind == SCL_YAML_SCALAR && !scl_yaml_is_null(node))
        near = scl_nearest_name(node->text, names, count);
    if (near == NULL) {
        complain_of_type(r, node);
        return false;
    }
    scl_arena *arena = &r->diagnostics->arena;
    scl_diagnostics_add(
        r->diagnostics, node->place, "expected %s for `%s`, found %s: did you mean `%s`?",
        scl_value_expected(param, arena), param->key, scl_yaml_describe(node, arena), near);
    return false;
}

static bool read_one(const reading *r, const scl_yaml *node, uint32_t type, void *slot)
{
    if (type == SCL_PARAM_STRING)
        return read_string(r, node, slot);
    if (type == SCL_PARAM_BOOL || type == SCL_PARAM_CHOICE)
        return read_index(r, node, slot);
    return read_number(r, node, type, slot);
}

/* Every item is read, so that all mistakes of a list are reported. */
static bool read_list(const reading *r, const scl_yaml *node, list_value *slot)
{
    if (node->kind != SCL_YAML_LIST) {
        complain_of_type(r, node);
        return false;
    }
    uint32_t type = item_type(r->param->type);
    size_t size = scl_value_size(type);
    char *items = scl_arena_alloc(r->arena, node->count * size);
    if (items == NULL) {
        scl_diagnostics_out_of_memory(r->diagnostics, node->count * size);
        return false;
    }
    scl_param param_of_item = *r->param;
    param_of_item.type = type;
    reading item = *r;
    item.param = &param_of_item;
    bool right = true;
    for (size_t i = 0; i < node->count; i++) {
        const scl_yaml *value = node->entries[i].value;
        right = value->kind != SCL_YAML_INVALID && read_one(&item, value, type, items + i * size) &&
                right;
    }
    *slot = (list_value){.items = items, .count = node->count};
    return right;
}

void scl_value_read(const scl_param *param, const scl_yaml *node, void *base, scl_arena *arena,
                    scl_diagnostics *diagnostics)
{
    reading r = {.param = param, .arena = arena, .diagnostics = diagnostics};
    if (node->kind == SCL_YAML_INVALID)
        return;
    if (may_be_null(param) && scl_yaml_is_null(node)) {
        scl_value_unset(param, base);
        return;
    }
    union {
        int32_t index;
        int64_t whole;
        double number;
        const char *text;
        list_value list;
    } slot = {0};
    bool right = item_type(param->type) != 0 ? read_list(&r, node, &slot.list)
                                             : read_one(&r, node, param->type, &slot);
    if (right)
        store(param, base, &slot);
}

void scl_value_unset(const scl_param *param, void *base)
{
    static const int64_t whole = SCL_UNSET_INT;
    static const int32_t index = SCL_UNSET_INDEX;
    static const double number = NAN;
    static const list_value list = {0};
    static const char *const text = NULL;
    switch (param->type) {
    case SCL_PARAM_BOOL:
    case SCL_PARAM_CHOICE:
        store(param, base, &index);
        break;
    case SCL_PARAM_INT:
    case SCL_PARAM_BYTES:
        store(param, base, &whole);
        break;
    case SCL_PARAM_FLOAT:
        store(param, base, &number);
        break;
    case SCL_PARAM_STRING:
        store(param, base, &text);
        break;
    default:
        store(param, base, &list);
        break;
    }
}

void scl_value_set_default(const scl_param *param, void *base, scl_arena *arena,
                           scl_diagnostics *diagnostics)
{
    scl_value_unset(param, base);
    const char *text = param->default_value;
    if (text == NULL || may_be_null(param))
        return;
    scl_yaml plain = {.kind = SCL_YAML_SCALAR, .text = text, .place = {.file = "default value"}};
    const scl_yaml *node = &plain;
    if (strpbrk(text, "[{\"'") == text) {
        scl_yaml_source source = {
            .label = "default value", .text = text, .size = strlen(text), .is_argument = true};
        node = scl_yaml_parse(arena, source, diagnostics);
    }
    if (node != NULL)
        scl_value_read(param, node, base, arena, diagnostics);
}

/* ------------------------------------------------------------------ writing */

static void write_one(const scl_param *param, uint32_t type, const void *slot, scl_str *out)
{
    int32_t index;
    int64_t whole;
    double number;
    const char *text;
    switch (type) {
    case SCL_PARAM_BOOL:
    case SCL_PARAM_CHOICE:
        memcpy(&index, slot, sizeof index);
        if (index < 0)
            scl_str_add(out, "null");
        else if (type == SCL_PARAM_BOOL)
            scl_str_add(out, "%s", index ? "true" : "false");
        else
            scl_text_write_string(out, param->choices[index]);
        break;
    case SCL_PARAM_INT:
    case SCL_PARAM_BYTES:
        memcpy(&whole, slot, sizeof whole);
        if (whole == SCL_UNSET_INT)
            scl_str_add(out, "null");
        else if (type == SCL_PARAM_INT)
            scl_str_add(out, "%" PRId64, whole);
        else
            scl_text_write_bytes(out, whole);
        break;
    case SCL_PARAM_FLOAT:
        memcpy(&number, slot, sizeof number);
        if (isnan(number))
            scl_str_add(out, "null");
        else
            scl_text_write_double(out, number);
        break;
    default:
        memcpy(&text, slot, sizeof text);
        if (text == NULL)
            scl_str_add(out, "null");
        else
            scl_text_write_string(out, text);
        break;
    }
}

void scl_value_write(const scl_param *param, const void *base, scl_str *out)
{
    uint32_t type = item_type(param->type);
    if (type == 0) {
        write_one(param, param->type, (const char *)base + param->offset, out);
        return;
    }
    list_value list;
    load(param, base, &list);
    if (list.items == NULL) {
        scl_str_add(out, "null");
        return;
    }
    scl_str_add(out, "[");
    for (uint64_t i = 0; i < list.count; i++) {
        scl_str_add(out, "%s", i > 0 ? ", " : "");
        write_one(param, type, (const char *)list.items + i * scl_value_size(type), out);
    }
    scl_str_add(out, "]");
}
