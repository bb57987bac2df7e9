/* trial.h — the subject in a small graph of its own, with values, on a device. */
#ifndef SCL_KIT_TRIAL_H
#define SCL_KIT_TRIAL_H

#include "graph/compiled.h"
#include "kit/subject.h"

typedef struct scl_kit_choice {
    bool untrained; /* as in evaluation: no noise */
    bool without;   /* the same graph without the plugin */
    bool frozen;    /* what no derivative flows through keeps its value when it is run again */
    int64_t side;   /* of a loss's masks; 0: 5 x 7 */
} scl_kit_choice;

/* Zero-initialise, or build. */
typedef struct scl_kit_trial {
    scl_graph *graph;      /* NULL once it is compiled: then compiled.graph */
    scl_tensor *value;     /* of a loss: its value in the batch, one of each; else the new output */
    scl_tensor *loss;      /* [1], of which the gradients are */
    scl_tensor *deviation; /* [1]: loss - the input "reference", for differences of losses */
    size_t forward_nodes;
    bool *skipped; /* by node, when it is run again; in the graph's arena */
    scl_store *store, *borrowed;
    scl_compiled compiled;
} scl_kit_trial;

/* What the tensors of a trial hold. */
typedef enum scl_kit_values {
    SCL_KIT_RANDOM,
    SCL_KIT_NO_OBJECT,
    SCL_KIT_ALL_OBJECT,
    SCL_KIT_NO_PIXEL, /* counts */
    SCL_KIT_HUGE,     /* logits, or a layer's x and y, of +-10000 */
    SCL_KIT_NAN,      /* one logit of the first mask, or the first value of x and y */
    SCL_KIT_HIDDEN,   /* as random, but where a pixel does not count */
    SCL_KIT_INITIAL   /* parameters of an adapter as they begin */
} scl_kit_values;

/* Builds and differentiates. `trial` is to be freed whatever the status. */
scl_status scl_kit_trial_build(scl_kit_trial *trial, scl_kit_subject *subject,
                               const scl_kit_scene *scene, scl_kit_choice choice, scl_error *err);
/* `store` NULL: one of its own. */
scl_status scl_kit_trial_compile(scl_kit_trial *trial, scl_device *device, scl_store *store,
                                 scl_error *err);
scl_status scl_kit_trial_fill(scl_kit_trial *trial, scl_kit_values values, scl_error *err);
scl_status scl_kit_trial_run(scl_kit_trial *trial, scl_error *err);
/* Build, compile, fill and run. */
scl_status scl_kit_trial_make(scl_kit_trial *trial, scl_kit_subject *subject,
                              const scl_kit_scene *scene, scl_kit_choice choice, scl_device *device,
                              scl_kit_values values, scl_error *err);
void scl_kit_trial_free(scl_kit_trial *trial);

/* What a parameter or input holds under `values`; free with scl_free. NULL when out of memory. */
float *scl_kit_trial_values(const scl_tensor *tensor, scl_kit_values values);

/* Whether the weight of this pixel, counted through all masks, is 1: the same in each trial. */
bool scl_kit_counts(size_t pixel);

/* The value (which 0) and the gradients (1, 2, ...) of a trial; NULL after the last. */
const scl_tensor *scl_kit_trial_result(const scl_kit_trial *trial, size_t which, char name[160]);
/* Its values; free with scl_free. */
scl_status scl_kit_trial_read(const scl_kit_trial *trial, const scl_tensor *result, float **values,
                              scl_error *err);

/* Also of NaN; 0 and -0 differ. */
bool scl_kit_same_bits(float a, float b);

/* Both trials' results have the same bits, or differ by no more than `tolerance` times the largest
 * magnitude of the second's. SCL_PLUGIN with what differs most; *largest: the largest difference so
 * far, in that unit. */
scl_status scl_kit_compare(const scl_kit_trial *found, const scl_kit_trial *expected,
                           double tolerance, const char *who, double *largest, scl_error *err);

#endif
