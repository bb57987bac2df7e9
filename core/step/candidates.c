#include "step/candidates.h"

#define LABELS      5     /* of prompt tokens, see sam.h */
#define FAR_TOO_LOW 1e30f /* minus this: no IoU estimate is as low */

scl_mask_range scl_candidates_range(const scl_train_config *config)
{
    if (config == NULL)
        return (scl_mask_range){0, 1};
    if (config->multimask)
        return (scl_mask_range){0, SCL_SAM_MASK_TOKENS};
    return (scl_mask_range){config->masks.items[0], (int64_t)config->masks.count};
}

/* [M, 1]: 1 where an object has one point, no box and no mask for a prompt. */
static scl_tensor *is_ambiguous(scl_graph *g, const scl_sam_prompts *p, int64_t objects)
{
    scl_tensor *hot = scl_one_hot(g, p->labels, LABELS, -1);
    scl_tensor *counts = scl_sum(g, hot, 1, 1); /* [M, 1, LABELS] */
    scl_tensor *points = scl_sum(g, scl_slice(g, counts, 2, SCL_LABEL_NEGATIVE, 2), 2, 1);
    scl_tensor *others = scl_slice(g, counts, 2, SCL_LABEL_BOX_TOP_LEFT, 1);
    points = scl_reshape(g, points, SCL_SHAPE(objects, 1));
    others = scl_reshape(g, others, SCL_SHAPE(objects, 1));
    if (p->mask != NULL && p->has_mask == NULL)
        others = scl_affine(g, others, 1, 1);
    else if (p->mask != NULL)
        others = scl_add(g, others, scl_reshape(g, p->has_mask, SCL_SHAPE(objects, 1)));
    scl_tensor *known = scl_add(g, points, scl_affine(g, others, 2, 0));
    return scl_sub(g, scl_step(g, scl_affine(g, known, 1, -0.5f)),
                   scl_step(g, scl_affine(g, known, 1, -1.5f)));
}

scl_candidates scl_candidates_make(scl_graph *g, const scl_train_config *config,
                                   const scl_sam_prompts *prompts, int64_t objects)
{
    int64_t count = scl_candidates_range(config).count;
    if (!config->multimask) {
        scl_tensor *all = scl_broadcast(g, scl_scalar(g, 1), SCL_SHAPE(objects, count));
        return (scl_candidates){.eligible = all};
    }
    const float first[] = {1, 0, 0, 0}, change[] = {-1, 1, 1, 1};
    scl_shape row = SCL_SHAPE(1, SCL_SAM_MASK_TOKENS);
    scl_tensor *three = scl_mul(g, is_ambiguous(g, prompts, objects), scl_constant(g, change, row));
    return (scl_candidates){.eligible = scl_add(g, three, scl_constant(g, first, row)),
                            .best = true};
}

scl_sam_masks scl_candidates_choose(scl_graph *g, const scl_candidates *candidates,
                                    const scl_sam_masks *masks)
{
    if (!candidates->best)
        return (scl_sam_masks){.logits = scl_slice(g, masks->logits, 1, 0, 1),
                               .iou = scl_slice(g, masks->iou, 1, 0, 1)};
    if (masks->logits == NULL || candidates->eligible == NULL)
        return (scl_sam_masks){0};
    int64_t objects = masks->logits->shape.dim[0], count = masks->logits->shape.dim[1];
    scl_tensor *barred = scl_affine(g, candidates->eligible, FAR_TOO_LOW, -FAR_TOO_LOW);
    scl_tensor *chosen = scl_argmax_one_hot(g, scl_add(g, masks->iou, barred));
    scl_tensor *of_logits = scl_reshape(g, chosen, SCL_SHAPE(objects, count, 1, 1));
    return (scl_sam_masks){.logits = scl_sum(g, scl_mul(g, masks->logits, of_logits), 1, 1),
                           .iou = scl_sum(g, scl_mul(g, masks->iou, chosen), 1, 1)};
}
