/* verb_diff.c — samcl diff: in which tensors two files differ. */
#include "cli.h"
#include "terminal.h"

#include "base/str.h"
#include "io/weights_diff.h"
#include "model/checkpoint_config.h"
#include "model/checkpoint_names.h"
#include "tuned/tuned_file.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"--optimizer", NULL, "compare the optimizer's state, too", false},
};

typedef struct pair {
    scl_weights left, right;
    scl_weights_diff diff;
    size_t left_out; /* tensors of optimizers */
    terminal_bar bar;
} pair;

/* Meta's names, so that the same model in both layouts is the same. */
static scl_status use_meta_names(scl_weights *weights, scl_error *err)
{
    scl_tuned_about about;
    if (scl_tuned_file_is(weights))
        SCL_TRY(scl_tuned_file_about(weights, &about, err));
    bool hf = scl_weights_are_hf(weights);
    for (size_t i = 0; hf && i < weights->count; i++) {
        char name[SCL_NAME_MAX];
        scl_name_to_meta(weights->tensor[i].name, name);
        weights->tensor[i].name = scl_arena_strdup(&weights->arena, name);
        if (weights->tensor[i].name == NULL)
            return scl_out_of_memory(err, sizeof name, "tensor names");
    }
    return scl_weights_index(weights, err);
}

/* How many tensors were taken out. */
static size_t drop_optimizer(scl_weights *weights)
{
    size_t kept = 0, all = weights->count;
    for (size_t i = 0; i < all; i++)
        if (!scl_starts_with(weights->tensor[i].name, "optimizer."))
            weights->tensor[kept++] = weights->tensor[i];
    weights->count = kept;
    return all - kept;
}

static scl_status read_file(const cli_args *args, size_t index, scl_weights *weights, pair *p,
                            scl_error *err)
{
    SCL_TRY(scl_tuned_weights_load(args->words[index], weights, err));
    if (!cli_given(args, "--optimizer"))
        p->left_out += drop_optimizer(weights);
    return use_meta_names(weights, err);
}

static void show_progress(void *user, size_t done, size_t total)
{
    pair *p = user;
    if (p->bar.total != total)
        p->bar = terminal_bar_start(total, 0);
    terminal_bar_update(&p->bar, done, "comparing");
}

/* [24, 8] or [24, 8] F16 */
static void shape_text(const scl_weight *w, bool with_type, scl_str *out)
{
    scl_str_add(out, "[");
    for (int i = 0; i < w->ndim; i++)
        scl_str_add(out, "%s%lld", i > 0 ? ", " : "", (long long)w->dim[i]);
    scl_str_add(out, "]");
    if (with_type)
        scl_str_add(out, " %s", scl_weight_dtype_name(w->dtype));
}

static const char *const headings[] = {
    [SCL_DIFF_ONLY_LEFT] = "only in %s",   [SCL_DIFF_ONLY_RIGHT] = "only in %s",
    [SCL_DIFF_SHAPE] = "of another shape", [SCL_DIFF_DTYPE] = "of another type",
    [SCL_DIFF_VALUES] = "of other values",
};

static void add_row(const scl_diff *d, int width, scl_str *out)
{
    bool values = d->kind == SCL_DIFF_VALUES || d->kind == SCL_DIFF_DTYPE;
    const scl_weight *w = d->left != NULL ? d->left : d->right;
    scl_str_add(out, "  %-*s  ", width, w->name);
    if (values)
        scl_str_add(out, "%12.4g  %12.4g  ", d->absolute, d->relative);
    shape_text(w, d->kind == SCL_DIFF_DTYPE, out);
    if (d->kind == SCL_DIFF_SHAPE || d->kind == SCL_DIFF_DTYPE) {
        scl_str_add(out, " and ");
        shape_text(d->right, d->kind == SCL_DIFF_DTYPE, out);
    }
    scl_str_add(out, "\n");
}

/* Items of one kind, from `first` on; returns the first of the next kind. */
static size_t add_kind(const pair *p, size_t first, int width, scl_str *out)
{
    scl_diff_kind kind = p->diff.items[first].kind;
    bool values = kind == SCL_DIFF_VALUES || kind == SCL_DIFF_DTYPE;
    char heading[512];
    const char *path = kind == SCL_DIFF_ONLY_LEFT ? p->left.path : p->right.path;
    snprintf(heading, sizeof heading, headings[kind], path);
    if (values)
        scl_str_add(out, "%-*s  %12s  %12s\n", width + 2, heading, "max |A - B|", "relative");
    else
        scl_str_add(out, "%s\n", heading);
    while (first < p->diff.count && p->diff.items[first].kind == kind)
        add_row(&p->diff.items[first++], width, out);
    return first;
}

static void make_table(const pair *p, scl_str *out)
{
    int width = 0;
    for (size_t i = 0; i < p->diff.count; i++) {
        const scl_diff *d = &p->diff.items[i];
        int length = (int)strlen(d->left != NULL ? d->left->name : d->right->name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < p->diff.count;) {
        i = add_kind(p, i, width, out);
        scl_str_add(out, "\n");
    }
    scl_str_add(out, "%zu tensors are equal, %zu differ\n", p->diff.equal, p->diff.count);
    if (p->left_out > 0)
        scl_str_add(out, "left out: %zu tensors of optimizer state, which --optimizer compares\n",
                    p->left_out);
}

static scl_status compare(const cli_args *args, pair *p, scl_error *err)
{
    scl_str table = {0};
    SCL_TRY(read_file(args, 0, &p->left, p, err));
    SCL_TRY(read_file(args, 1, &p->right, p, err));
    SCL_TRY(scl_weights_compare(&p->left, &p->right, show_progress, p, &p->diff, err));
    terminal_clear();
    make_table(p, &table);
    scl_status status = table.failed ? scl_out_of_memory(err, table.capacity, "the table") : SCL_OK;
    if (status == SCL_OK)
        fputs(scl_str_text(&table), stdout);
    scl_str_free(&table);
    return status == SCL_OK && p->diff.count > 0 ? SCL_FAILED : status;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static pair p; /* large */
    if (args->word_count != 2)
        return scl_fail(err, SCL_BAD_CONFIG, "expected two files: samcl diff A B");
    scl_status status = compare(args, &p, err);
    scl_weights_diff_free(&p.diff);
    scl_weights_free(&p.left);
    scl_weights_free(&p.right);
    return status;
}

const cli_verb verb_diff = {
    .name = "diff",
    .summary = "says in which tensors two files differ",
    .usage = "A B",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = 2,
    .notes =
        "A and B are checkpoints, tuned files, adapters or run folders. Names are Meta's in any\n"
        "layout. The largest difference of a tensor's values is given as it is and over the\n"
        "largest value of A; those that differ most come first.\n"
        "\n"
        "The exit code is 0 when all tensors are equal, and 1 when any differs.\n"
        "\n"
        "examples:\n"
        "  samcl diff sam_vit_b_01ec64.pth sam-vit-base\n"
        "  samcl diff runs/cells/checkpoints/best.safetensors runs/cells-2",
    .run = run,
};
