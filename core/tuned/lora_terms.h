/* lora_terms.h — the low-rank terms of an open tuned model, for writing them in other layouts. */
#ifndef SCL_TUNED_LORA_TERMS_H
#define SCL_TUNED_LORA_TERMS_H

#include "tuned/name_set.h"
#include "tuned/tuned_model.h"

/* y += scale * up (down x) at a layer, or at the third of a layer qkv that is its part. */
typedef struct scl_lora_term {
    const char *site;
    char part;        /* 'q', 'k' or 'v'; 0: the whole layer */
    int64_t in, out;  /* of the part */
    float *down, *up; /* [rank, in], [out, rank] */
} scl_lora_term;

/* Zero-initialise; free with scl_lora_terms_free. */
typedef struct scl_lora_terms {
    int64_t rank;
    double alpha; /* the rank where the adapter does not scale */
    bool rslora;  /* scaled by alpha / sqrt(rank) instead of alpha / rank */
    double scale, dropout;
    scl_lora_term *items; /* in the catalog's order: the parts of a site follow each other */
    size_t count, capacity;
    scl_name_set sites;
    scl_name_set also; /* the base's parameters that are trained besides */
} scl_lora_terms;

/* SCL_BAD_CONFIG when the model is not a base with one adapter, `lora`: `layout` is named then. */
scl_status scl_lora_terms_read(const scl_tuned_model *tuned, const char *layout,
                               scl_lora_terms *terms, scl_error *err);
void scl_lora_terms_free(scl_lora_terms *terms);

#endif
