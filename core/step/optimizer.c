#include "step/optimizer.h"

#include "base/str.h"
#include "step/average.h"
#include "step/muon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* torch.nn.utils.clip_grad_norm_ */
#define CLIP_EPS 1e-6f

/* torch.optim.Muon */
#define MUON_MOMENTUM 0.95

static const scl_param_group_config *group_of(const scl_train_config *train, const char *parameter)
{
    for (size_t i = 0; i < train->param_groups.count; i++)
        if (scl_glob_match(train->param_groups.items[i].match, parameter))
            return &train->param_groups.items[i];
    return NULL;
}

void scl_optimizer_settings(const scl_train_config *train, const char *parameter, double *lr,
                            double *weight_decay)
{
    const scl_param_group_config *group = group_of(train, parameter);
    *lr = train->optimizer.lr;
    *weight_decay = train->optimizer.weight_decay;
    if (group == NULL)
        return;
    if (!isnan(group->lr))
        *lr = group->lr;
    if (!isnan(group->lr_scale))
        *lr *= group->lr_scale;
    if (!isnan(group->weight_decay))
        *weight_decay = group->weight_decay;
}

void scl_optimizer_hyper(const scl_optimizer_config *o, double lr_factor, double average_rate,
                         uint64_t t, float hyper[4])
{
    double beta1 = o->betas.items[0], beta2 = o->betas.items[1];
    hyper[0] = (float)lr_factor;
    hyper[1] = (float)(1 - pow(beta1, (double)t));
    hyper[2] = (float)sqrt(1 - pow(beta2, (double)t));
    hyper[3] = (float)average_rate;
}

/* What the optimizer keeps for a parameter. */
static scl_tensor *state_of(scl_graph *g, const char *prefix, const scl_tensor *param)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", prefix, param->name);
    return scl_state(g, name, param->shape);
}

static scl_optimizer_attr attr_of(const scl_train_config *train, const scl_tensor *param)
{
    const scl_optimizer_config *o = &train->optimizer;
    double momentum = o->type == SCL_OPTIMIZER_MUON ? MUON_MOMENTUM : 0;
    scl_optimizer_attr attr = {.beta1 = o->betas.items[0],
                               .beta2 = o->betas.items[1],
                               .eps = o->eps,
                               .momentum = isnan(o->momentum) ? momentum : o->momentum,
                               .decoupled = o->type != SCL_OPTIMIZER_ADAM,
                               .nesterov = o->nesterov};
    scl_optimizer_settings(train, param->name, &attr.lr_scale, &attr.weight_decay);
    return attr;
}

static void add_sgd(scl_graph *g, const scl_train_config *train, scl_tensor *const *params,
                    scl_tensor *const *grads, size_t count, scl_tensor *hyper, scl_tensor *factor)
{
    for (size_t i = 0; i < count; i++) {
        scl_optimizer_attr attr = attr_of(train, params[i]);
        scl_tensor *m = attr.momentum > 0 ? state_of(g, SCL_MOMENT1_PREFIX, params[i]) : NULL;
        scl_graph_scope(g, params[i]->name);
        scl_sgd(g, params[i], grads[i], m, hyper, factor, &attr);
    }
}

/* A parameter for Adam, with its settings. */
typedef struct adam_update {
    scl_adam_member member;
    scl_optimizer_attr attr;
} adam_update;

static adam_update adam_of(scl_graph *g, const scl_train_config *train, scl_tensor *param,
                           scl_tensor *grad)
{
    return (adam_update){.member = {.param = param,
                                    .grad = grad,
                                    .m = state_of(g, SCL_MOMENT1_PREFIX, param),
                                    .v = state_of(g, SCL_MOMENT2_PREFIX, param)},
                         .attr = attr_of(train, param)};
}

/* The settings that differ from parameter to parameter. */
static int compare_settings(const scl_optimizer_attr *x, const scl_optimizer_attr *y)
{
    int order = (x->lr_scale > y->lr_scale) - (x->lr_scale < y->lr_scale);
    int decay = (x->weight_decay > y->weight_decay) - (x->weight_decay < y->weight_decay);
    return order != 0 ? order : decay;
}

/* By settings, then size, then name: what is alike goes together. */
static int compare_updates(const void *a, const void *b)
{
    const adam_update *x = a, *y = b;
    int64_t nx = scl_shape_count(x->member.param->shape);
    int64_t ny = scl_shape_count(y->member.param->shape);
    int order = compare_settings(&x->attr, &y->attr), size = (nx > ny) - (nx < ny);
    return order != 0  ? order
           : size != 0 ? size
                       : strcmp(x->member.param->name, y->member.param->name);
}

/* Starting a launch costs as much as the update of a small parameter. */
static void add_adam(scl_graph *g, adam_update *updates, size_t count, scl_tensor *hyper,
                     scl_tensor *factor)
{
    if (scl_graph_status(g, NULL) != SCL_OK)
        return;
    qsort(updates, count, sizeof *updates, compare_updates);
    for (size_t first = 0, end; first < count; first = end) {
        const adam_update *u = &updates[first];
        scl_adam_member members[SCL_ADAM_MEMBERS] = {u->member};
        for (end = first + 1; end < count && end - first < SCL_ADAM_MEMBERS; end++) {
            if (compare_settings(&updates[end].attr, &u->attr) != 0)
                break;
            members[end - first] = updates[end].member;
        }
        scl_graph_scope(g, u->member.param->name);
        scl_adam(g, members, (int)(end - first), hyper, factor, &u->attr);
    }
}

/* The matrices by Muon, the rest by AdamW. */
static void add_muon(scl_graph *g, const scl_train_config *train, scl_tensor *const *params,
                     scl_tensor *const *grads, size_t count, scl_tensor *hyper, scl_tensor *factor)
{
    scl_muon_matrix *matrices = scl_arena_alloc(&g->arena, (count + 1) * sizeof *matrices);
    adam_update *updates = scl_arena_alloc(&g->arena, (count + 1) * sizeof *updates);
    if (matrices == NULL || updates == NULL) {
        scl_graph_out_of_memory(g, count * sizeof *matrices, "the optimizer");
        return;
    }
    size_t found = 0, others = 0;
    for (size_t i = 0; i < count; i++) {
        scl_graph_scope(g, params[i]->name);
        if (!scl_muon_applies(g, params[i])) {
            updates[others++] = adam_of(g, train, params[i], grads[i]);
            continue;
        }
        matrices[found++] =
            (scl_muon_matrix){.param = params[i],
                              .grad = factor ? scl_mul(g, grads[i], factor) : grads[i],
                              .momentum = state_of(g, SCL_MOMENT1_PREFIX, params[i]),
                              .attr = attr_of(train, params[i])};
    }
    add_adam(g, updates, others, hyper, factor);
    if (scl_graph_status(g, NULL) == SCL_OK)
        scl_muon_update(g, matrices, found, hyper);
}

static void add_updates(scl_graph *g, const scl_train_config *train, scl_tensor *const *params,
                        scl_tensor *const *grads, size_t count, scl_tensor *hyper,
                        scl_tensor *factor)
{
    if (train->optimizer.type == SCL_OPTIMIZER_MUON) {
        add_muon(g, train, params, grads, count, hyper, factor);
        return;
    }
    if (train->optimizer.type == SCL_OPTIMIZER_SGD) {
        add_sgd(g, train, params, grads, count, hyper, factor);
        return;
    }
    adam_update *updates = scl_arena_alloc(&g->arena, (count + 1) * sizeof *updates);
    if (updates == NULL) {
        scl_graph_out_of_memory(g, count * sizeof *updates, "the optimizer");
        return;
    }
    for (size_t i = 0; i < count; i++)
        updates[i] = adam_of(g, train, params[i], grads[i]);
    add_adam(g, updates, count, hyper, factor);
}

/* min(1, max_grad_norm / (norm + eps)) */
static scl_tensor *clip_factor(scl_graph *g, double max_grad_norm, scl_tensor *norm)
{
    if (max_grad_norm <= 0)
        return NULL;
    scl_tensor *limit = scl_scalar(g, (float)max_grad_norm);
    scl_tensor *ratio = scl_div(g, limit, scl_affine(g, norm, 1, CLIP_EPS));
    return scl_minimum(g, ratio, scl_scalar(g, 1));
}

scl_status scl_optimizer_build(scl_graph *g, const scl_train_config *train,
                               scl_tensor *const *params, scl_tensor *const *grads, size_t count,
                               scl_optimizer_nodes *out, scl_error *err)
{
    const char *outer = scl_graph_scope(g, "optimizer");
    out->grad_norm = scl_global_norm(g, grads, (int)count);
    if (out->grad_norm != NULL)
        out->grad_norm->keep = true;
    out->hyper = scl_input(g, "optimizer.hyper", SCL_F32, SCL_SHAPE(4));
    scl_tensor *factor = clip_factor(g, train->max_grad_norm, out->grad_norm);
    add_updates(g, train, params, grads, count, out->hyper, factor);
    for (size_t i = 0; train->average_last > 0 && i < count; i++)
        scl_running_mean(g, state_of(g, SCL_AVERAGE_PREFIX, params[i]), params[i], out->hyper);
    g->scope = outer;
    return scl_graph_status(g, err);
}
