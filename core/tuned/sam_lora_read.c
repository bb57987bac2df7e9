/* sam_lora_read.c — the file of Sam_LoRA or SAMed as an adapter of ours. */
#include "base/str.h"
#include "tuned/adapter_layout.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PAIRS 1000 /* three digits */

typedef struct reader {
    scl_weights *weights;
    int64_t rank;
    size_t pairs;                          /* 1 + the largest number */
    bool down[MOST_PAIRS], up[MOST_PAIRS]; /* w_a and w_b that are there */
    bool prompt_encoder, decoder;
} reader;

/* NNN of w_a_NNN; false when the name is another one. */
static bool read_number(const char *name, size_t *number)
{
    const char *digits = name + strlen("w_a_");
    if (strlen(digits) != 3 || strspn(digits, "0123456789") != 3)
        return false;
    *number = (size_t)strtoul(digits, NULL, 10);
    return true;
}

static scl_status read_pair(reader *r, scl_weight *w, bool is_down, size_t number, scl_error *err)
{
    int64_t rank = w->ndim == 2 ? w->dim[is_down ? 0 : 1] : 0;
    if (r->rank == 0)
        r->rank = rank;
    if (rank < 1 || rank > SCL_LORA_MAX_RANK || rank != r->rank)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected w_a of [rank, dim] and w_b of [dim, rank], all of one rank, "
                        "found %s of another shape",
                        r->weights->path, w->name);
    (is_down ? r->down : r->up)[number] = true;
    r->pairs = number + 1 > r->pairs ? number + 1 : r->pairs;
    w->name = scl_arena_printf(&r->weights->arena, "image_encoder.blocks.%zu.attn.qkv.lora_%c_%c",
                               number / 2, is_down ? 'A' : 'B', number % 2 == 0 ? 'q' : 'v');
    return w->name != NULL ? SCL_OK : scl_out_of_memory(err, 64, "the names of an adapter");
}

static scl_status read_tensor(reader *r, scl_weight *w, scl_error *err)
{
    bool is_down = scl_starts_with(w->name, "w_a_");
    size_t number = 0;
    if ((is_down || scl_starts_with(w->name, "w_b_")) && read_number(w->name, &number))
        return read_pair(r, w, is_down, number, err);
    bool decoder = scl_starts_with(w->name, "mask_decoder.");
    if (!decoder && !scl_starts_with(w->name, "prompt_encoder."))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected w_a_NNN, w_b_NNN and tensors of mask_decoder and "
                        "prompt_encoder, found \"%s\"",
                        r->weights->path, w->name);
    r->decoder |= decoder;
    r->prompt_encoder |= !decoder;
    return SCL_OK;
}

/* Queries and values of every block, each with both matrices. */
static scl_status check_pairs(const reader *r, scl_error *err)
{
    for (size_t i = 0; i < r->pairs; i++)
        if (!r->down[i] || !r->up[i])
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: expected w_a_000 to w_%c_%03zu, found no w_%c_%03zu",
                            r->weights->path, 'b', r->pairs - 1, r->down[i] ? 'b' : 'a', i);
    if (r->pairs % 2 == 0)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected a pair of matrices for queries and one for values in each block, "
                    "found %zu pairs",
                    r->weights->path, r->pairs);
}

static scl_status read_all(reader *r, scl_foreign_adapter *out, scl_error *err)
{
    for (size_t i = 0; i < r->weights->count; i++)
        SCL_TRY(read_tensor(r, &r->weights->tensor[i], err));
    SCL_TRY(check_pairs(r, err));
    out->adapter = scl_arena_printf(&r->weights->arena,
                                    "adapter={use: lora, params: {rank: %lld, alpha: null, parts: "
                                    "[q, v], sites: [\"image_encoder.blocks.*.attn.qkv\"]}}",
                                    (long long)r->rank);
    out->train_also = scl_arena_printf(&r->weights->arena, "train_also=[%s%s%s]",
                                       r->decoder ? "\"mask_decoder.*\"" : "",
                                       r->decoder && r->prompt_encoder ? ", " : "",
                                       r->prompt_encoder ? "\"prompt_encoder.*\"" : "");
    if (out->adapter == NULL || out->train_also == NULL)
        return scl_out_of_memory(err, 256, "the names of an adapter");
    return scl_adapter_finish(r->weights, out, err);
}

scl_status scl_adapter_read_sam_lora(scl_weights *weights, scl_foreign_adapter *out, scl_error *err)
{
    reader *r = scl_calloc(1, sizeof *r);
    if (r == NULL)
        return scl_out_of_memory(err, sizeof *r, "an adapter");
    r->weights = weights;
    scl_status status = read_all(r, out, err);
    scl_free(r);
    return status;
}
