/* sam_lora_write.c — a LoRA on queries and values as Sam_LoRA and SAMed save one. */
#include "tuned/adapter_write.h"

#include "base/log.h"
#include "base/str.h"
#include "tuned/lora_terms.h"
#include "tuned/tensor_list.h"

#include <string.h>

typedef struct writer {
    const scl_tuned_model *tuned;
    scl_lora_terms terms;
    int64_t rank; /* that the file's matrices have */
    scl_tensor_list tensors;
} writer;

static scl_status refuse(const writer *w, const char *why, const char *what, scl_error *err)
{
    return scl_fail(err, SCL_BAD_CONFIG,
                    "%s cannot be written in the layout sam_lora, which is LoRA on the queries and "
                    "values of every block: %s %s",
                    w->tuned->weights.path, what, why);
}

/* ---- queries and values */

/* Rows of `up` that a part of qkv has: its own term's, or a third of the whole layer's. */
typedef struct share {
    const scl_lora_term *term;
    const float *up;
    int64_t out;
} share;

static share find_share(const writer *w, const char *site, char part)
{
    for (size_t i = 0; i < w->terms.count; i++) {
        const scl_lora_term *t = &w->terms.items[i];
        if (strcmp(t->site, site) != 0 || (t->part != 0 && t->part != part))
            continue;
        int64_t out = t->part == 0 ? t->out / 3 : t->out;
        int64_t first = t->part != 0 || part == 'q' ? 0 : part == 'k' ? out : 2 * out;
        return (share){t, t->up + first * w->terms.rank, out};
    }
    return (share){0};
}

/* Whether component c of the low-rank term reaches the part. */
static bool reaches(const writer *w, share s, int64_t c)
{
    for (int64_t o = 0; o < s.out; o++)
        if (s.up[o * w->terms.rank + c] != 0)
            return true;
    return false;
}

static int64_t count_reaching(const writer *w, share s)
{
    int64_t count = 0;
    for (int64_t c = 0; s.term != NULL && c < w->terms.rank; c++)
        count += reaches(w, s, c);
    return count;
}

/* The least rank that holds every part; all of it while nothing was trained yet. */
static int64_t least_rank(const writer *w)
{
    int64_t most = 0;
    for (size_t i = 0; i < w->terms.sites.count; i++)
        for (const char *part = "qv"; *part != '\0'; part++) {
            share s = find_share(w, w->terms.sites.items[i], *part);
            int64_t count =
                s.term != NULL && s.term->part != 0 ? w->terms.rank : count_reaching(w, s);
            most = count > most ? count : most;
        }
    return most > 0 ? most : w->terms.rank;
}

/* Components that reach the part come first; those that do not fill up the rank. */
static void copy_components(const writer *w, share s, float *down, float *up)
{
    int64_t rank = w->terms.rank, in = s.term->in, to = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < rank && to < w->rank; c++) {
            if (s.term->part == 0 && reaches(w, s, c) != (pass == 0))
                continue;
            memcpy(down + to * in, s.term->down + c * in, (size_t)in * sizeof *down);
            for (int64_t o = 0; o < s.out; o++)
                up[o * w->rank + to] = (float)(w->terms.scale * (double)s.up[o * rank + c]);
            to++;
        }
}

static scl_status add_part(writer *w, int64_t block, char part, scl_error *err)
{
    char site[64], name[32];
    int64_t number = 2 * block + (part == 'v');
    snprintf(site, sizeof site, "image_encoder.blocks.%d.attn.qkv", (int)block);
    share s = find_share(w, site, part);
    if (s.term == NULL)
        return refuse(w, part == 'q' ? "has none on its queries" : "has none on its values", site,
                      err);
    if (count_reaching(w, find_share(w, site, 'k')) > 0)
        return refuse(w, "has one on its keys", site, err);
    const int64_t down_dims[] = {w->rank, s.term->in}, up_dims[] = {s.out, w->rank};
    snprintf(name, sizeof name, "w_a_%03d", (int)number);
    float *down = scl_tensor_list_add(&w->tensors, name, 2, down_dims, err);
    snprintf(name, sizeof name, "w_b_%03d", (int)number);
    float *up = scl_tensor_list_add(&w->tensors, name, 2, up_dims, err);
    if (down == NULL || up == NULL)
        return err->status;
    copy_components(w, s, down, up);
    return SCL_OK;
}

static scl_status add_terms(writer *w, scl_error *err)
{
    for (size_t i = 0; i < w->terms.sites.count; i++)
        if (!scl_glob_match("image_encoder.blocks.*.attn.qkv", w->terms.sites.items[i]))
            return refuse(w, "has one, too", w->terms.sites.items[i], err);
    w->rank = least_rank(w);
    for (int64_t block = 0; block < w->tuned->model->config.depth; block++) {
        SCL_TRY(add_part(w, block, 'q', err));
        SCL_TRY(add_part(w, block, 'v', err));
    }
    return SCL_OK;
}

/* ---- the decoder it was trained with: SAMed loads both rooms whole */

static bool is_decoding(const char *name)
{
    return scl_starts_with(name, "mask_decoder.") || scl_starts_with(name, "prompt_encoder.");
}

static scl_status add_decoder(writer *w, scl_error *err)
{
    const scl_graph *catalog = w->tuned->model->catalog;
    if (w->terms.also.count == 0)
        return SCL_OK;
    for (size_t i = 0; i < w->terms.also.count; i++)
        if (!is_decoding(w->terms.also.items[i]))
            return refuse(w, "is trained, too", w->terms.also.items[i], err);
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *tensor = catalog->tensors[i];
        if (tensor->kind == SCL_TENSOR_PARAM && is_decoding(tensor->name))
            SCL_TRY(scl_tensor_list_add_entry(&w->tensors, tensor->name, w->tuned->model->store,
                                              tensor->name, err));
    }
    return SCL_OK;
}

static scl_status write_all(writer *w, const char *path, scl_error *err)
{
    const scl_tuned_about *about = &w->tuned->about;
    scl_tuned_metadata metadata = {0};
    SCL_TRY(scl_lora_terms_read(w->tuned, "sam_lora", &w->terms, err));
    SCL_TRY(add_terms(w, err));
    SCL_TRY(add_decoder(w, err));
    scl_status status = SCL_OK;
    if (about->has_run && scl_ends_with(path, ".pth"))
        scl_log(SCL_LOG_INFO, "a .pth file has no place for what the run file and the base's hash "
                              "say of this adapter; .safetensors has");
    else if (about->has_run)
        status = scl_tuned_metadata_make(&metadata, w->tuned->model, &w->tuned->config,
                                         &about->state, false, err);
    if (status == SCL_OK)
        status = scl_tensor_list_write(&w->tensors, path, metadata.pairs, metadata.count, err);
    scl_tuned_metadata_free(&metadata);
    return status;
}

scl_status scl_adapter_write_sam_lora(const char *path, const scl_tuned_model *tuned,
                                      scl_error *err)
{
    writer w = {.tuned = tuned};
    scl_status status = write_all(&w, path, err);
    scl_lora_terms_free(&w.terms);
    scl_tensor_list_free(&w.tensors);
    return status;
}
