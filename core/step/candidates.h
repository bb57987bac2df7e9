/* candidates.h — which of the decoder's masks a step makes for an object, and which of them count.
 *
 * SAM's decoder has four masks. Mask 0 is for prompts that say which object is meant; masks 1 to 3
 * are three readings of one that does not, as a point on a shirt may mean the shirt or who wears it
 * (Kirillov et al., arXiv 2304.02643, section 3 and appendix A). */
#ifndef SCL_STEP_CANDIDATES_H
#define SCL_STEP_CANDIDATES_H

#include "config/run_config.h"
#include "model/sam.h"
#include "plugin/losses.h"

/* Masks first .. first+count-1 of the decoder. */
typedef struct scl_mask_range {
    int64_t first, count;
} scl_mask_range;

/* What `multimask` and `masks` ask for; config NULL: mask 0. */
scl_mask_range scl_candidates_range(const scl_train_config *config);

/* Which of the masks count for each of M objects. With multimask: masks 1 to 3, the best of them,
 * of an object prompted by one point alone, else mask 0. With several `masks`: all of them. */
scl_candidates scl_candidates_make(scl_graph *g, const scl_train_config *config,
                                   const scl_sam_prompts *prompts, int64_t objects);

/* Of several masks the one that is shown and scored: with multimask the eligible one of the highest
 * IoU estimate, else the first. logits become [M, 1, H, W], IoU estimates [M, 1]. */
scl_sam_masks scl_candidates_choose(scl_graph *g, const scl_candidates *candidates,
                                    const scl_sam_masks *masks);

#endif
