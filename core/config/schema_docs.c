#include "config/schema_docs.h"

#include "config/run_config.h"

#include <ctype.h>
#include <string.h>

static const char page_head[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from the tables in core/config: change those, not this page. -->\n"
    "\n"
    "A run is described by one YAML file:\n"
    "\n"
    "```yaml\n"
    "name: nuclei-lora\n"
    "device: auto\n"
    "seed: 7\n"
    "model: {type: vit_b, checkpoint: sam_vit_b_01ec64.pth, image_size: 1024}\n"
    "data:\n"
    "  train: {images: data/train/images, masks: data/train/masks}\n"
    "  val:   {images: data/val/images,   masks: data/val/masks}\n"
    "  task: binary\n"
    "  prompts: [{box: {jitter: 0.1}}, {point: {count: 1}}, none]\n"
    "adapter: {use: lora, params: {rank: 4}}\n"
    "train_also: [\"mask_decoder.*\"]\n"
    "losses: [{use: bce_with_logits}, {use: dice, weight: 1.0}]\n"
    "train:\n"
    "  epochs: 20\n"
    "  batch_size: 2\n"
    "  optimizer: {type: adamw, lr: 1.0e-4, weight_decay: 0.01}\n"
    "  lr_scheduler: {type: cosine, warmup_steps: 20}\n"
    "  patience: 10\n"
    "output_dir: runs\n"
    "```\n"
    "\n"
    "A key that samcl does not know, a value of another type or outside its range, and a missing\n"
    "key are errors. All of them are reported at once, each as `file:line:column`, before "
    "anything\n"
    "is loaded, and the program ends with exit code 2.\n"
    "\n"
    "- **Defaults.** A key that is left out has its default. `null` means not given; it is "
    "accepted\n"
    "  where the default is `null`.\n"
    "- **Numbers** are written 3, 0.5 or 1e-4; a whole number has no point. **true** and "
    "**false**\n"
    "  are written so.\n"
    "- **Sizes** are written 8GiB, 512MiB, 64KiB, or as a number of bytes.\n"
    "- **Paths** that are relative start at the folder samcl is started in.\n"
    "- **Patterns** match whole parameter names: `*` stands for any characters, `?` for one. Put "
    "a\n"
    "  pattern that begins with `*` in quotes.\n"
    "- **Anchors and aliases** (`&a`, `*a`) work; merge keys (`<<`), tags (`!name`) and several\n"
    "  documents in a file are refused.\n"
    "\n"
    "## Settings on the command line\n"
    "\n"
    "Settings after the run file change it for one run. The value is YAML, a list item is counted\n"
    "from 0, and a later setting wins:\n"
    "\n"
    "```\n"
    "train.optimizer.lr=3e-4   losses[1].weight=0.5   adapter=none   data.prompts=[none]\n"
    "```\n";

static const char *type_word(uint32_t type)
{
    static const char *const words[] = {
        [SCL_PARAM_BOOL] = "true or false",
        [SCL_PARAM_INT] = "whole number",
        [SCL_PARAM_FLOAT] = "number",
        [SCL_PARAM_STRING] = "text",
        [SCL_PARAM_CHOICE] = "choice",
        [SCL_PARAM_STRINGS] = "list of texts",
        [SCL_PARAM_INTS] = "list of whole numbers",
        [SCL_PARAM_FLOATS] = "list of numbers",
        [SCL_PARAM_BYTES] = "size",
    };
    bool known = type < sizeof words / sizeof words[0] && words[type] != NULL;
    return known ? words[type] : "?";
}

/* Text inside a table cell: a bar would end the cell. */
static void add_cell(scl_str *out, const char *text)
{
    for (; *text != '\0'; text++)
        scl_str_add(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void add_row(scl_str *out, const char *key, const char *type, const char *value,
                    const char *values, const char *help)
{
    scl_str_add(out, "| `%s` | %s | ", key, type);
    if (value != NULL)
        scl_str_add(out, "`%s`", value);
    else
        scl_str_add(out, "**required**");
    scl_str_add(out, " | %s | ", values);
    add_cell(out, help);
    scl_str_add(out, " |\n");
}

static void add_table_head(scl_str *out)
{
    scl_str_add(out, "| key | type | default | values | meaning |\n"
                     "|---|---|---|---|---|\n");
}

static void add_param_row(scl_str *out, const scl_param *param)
{
    scl_arena scratch = {0};
    scl_str values = {0};
    const char *range = scl_value_range(param, &scratch);
    for (size_t i = 0; param->type == SCL_PARAM_CHOICE && param->choices[i] != NULL; i++)
        scl_str_add(&values, "%s`%s`", i > 0 ? ", " : "", param->choices[i]);
    if (range != NULL)
        scl_str_add(&values, "%s", range);
    add_row(out, param->key, type_word(param->type), param->default_value, scl_str_text(&values),
            param->help);
    out->failed = out->failed || values.failed;
    scl_str_free(&values);
    scl_arena_free(&scratch);
}

void scl_schema_docs_table(const scl_param *params, size_t count, scl_str *out)
{
    add_table_head(out);
    for (size_t i = 0; i < count; i++)
        add_param_row(out, &params[i]);
}

static void add_child_row(scl_str *out, const scl_schema_child *child)
{
    bool absent_word = child->absent != NULL && strcmp(child->default_value, "null") == 0;
    add_row(out, child->key,
            child->kind == SCL_CHILD_MAPS   ? "list of maps"
            : child->kind == SCL_CHILD_SOME ? "map or list of maps"
                                            : "map",
            absent_word ? child->absent : child->default_value, "", child->help);
}

static void add_example(scl_str *out, const scl_schema_child *child)
{
    bool is_list = child->kind == SCL_CHILD_MAPS;
    scl_str_add(out, "\n```yaml\n%s: %s%s%s\n```\n", child->key, is_list ? "[" : "", child->example,
                is_list ? "]" : "");
}

static void add_keys(scl_str *out, const scl_schema *schema)
{
    if (schema->param_count + schema->child_count == 0)
        return;
    scl_str_add(out, "\n");
    scl_schema_docs_table(schema->params, schema->param_count, out);
    for (size_t i = 0; i < schema->child_count; i++)
        add_child_row(out, &schema->children[i]);
}

/* A heading, what the section is, an example and its keys; then the sections in it. */
static void add_section(scl_str *out, const scl_schema_child *child, const char *path, int level)
{
    static const char marks[] = "####";
    const scl_schema *schema = child->schema;
    scl_str_add(out, "\n%.*s %s\n\n%c%s.\n", level, marks, path, toupper(child->help[0]),
                child->help + 1);
    add_example(out, child);
    add_keys(out, schema);
    for (size_t i = 0; i < schema->child_count; i++) {
        const scl_schema_child *below = &schema->children[i];
        if (below->schema == NULL)
            continue;
        scl_str name = {0};
        scl_str_add(&name, "%s%s.%s", path, child->kind == SCL_CHILD_MAPS ? "[]" : "", below->key);
        add_section(out, below, scl_str_text(&name), level + 1);
        out->failed = out->failed || name.failed;
        scl_str_free(&name);
    }
}

void scl_schema_docs_configuration(scl_str *out)
{
    const scl_schema *root = &scl_run_config_schema;
    scl_str_add(out, "%s\n## Top level\n\n", page_head);
    scl_schema_docs_table(root->params, root->param_count, out);
    for (size_t i = 0; i < root->child_count; i++)
        add_child_row(out, &root->children[i]);
    for (size_t i = 0; i < root->child_count; i++)
        add_section(out, &root->children[i], root->children[i].key, 2);
}
