/* See compare.h. SAMCL_TEST_CASE names a single case. */
#include "op/compare.h"

#include "graph/fuse.h"
#include "graph/pointwise.h"
#include "op/pair.h"

static void fuse(scl_graph *graph)
{
    size_t before = graph->node_count;
    assert_ok(scl_graph_fuse(graph, &test_error));
    assert_true(graph->node_count < before);
}

/* What is compared is kept, and some nodes became programs. */
static void fuse_pointwise(const built_case *b)
{
    size_t before = b->graph->node_count;
    int programs = 0;
    b->y->keep = true;
    assert_ok(scl_graph_fuse_pointwise(b->graph, 0, before, &test_error));
    for (size_t i = 0; i < b->graph->node_count; i++)
        programs += b->graph->nodes[i]->op == SCL_OP_POINTWISE;
    assert_true(programs > 0 && b->graph->node_count < before);
}

built_case build_case(const op_case *c)
{
    built_case b = {.graph = scl_graph_create(&test_error)};
    for (; b.inputs < CASE_INPUTS && c->shapes[b.inputs].ndim > 0; b.inputs++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", b.inputs);
        b.x[b.inputs] = scl_parameter(b.graph, name, c->shapes[b.inputs], (scl_init){0}, true);
    }
    b.y = c->build(b.graph, b.x, c->n);
    assert_ok(scl_graph_status(b.graph, &test_error));
    float *weights = random_values("weights", 0, b.y->shape, -1, 1);
    scl_tensor *weighted = scl_mul(b.graph, b.y, scl_constant(b.graph, weights, b.y->shape));
    b.loss = scl_reshape(b.graph, scl_sum(b.graph, weighted, 0, b.y->shape.ndim), SCL_SHAPE(1));
    free(weights);
    b.forward_nodes = b.graph->node_count;
    assert_ok(scl_autodiff(b.graph, b.loss, &test_error));
    if (c->fused)
        fuse(b.graph);
    if (c->pointwise)
        fuse_pointwise(&b);
    return b;
}

void write_inputs(guarded_run *run, const op_case *c, const built_case *b)
{
    bool given = c->low != 0 || c->high != 0;
    for (int i = 0; i < b->inputs; i++)
        guarded_write_random(run, b->x[i], c->name, given ? c->low : -1, given ? c->high : 1);
}

static void check_case(const op_case *c, pair *p)
{
    double tolerance = c->tolerance > 0 ? c->tolerance : 2e-6;
    built_case b = build_case(c);
    pair_begin(p, b.graph);
    write_inputs(&p->found, c, &b);
    write_inputs(&p->expected, c, &b);
    pair_launch(p);
    pair_compare(p, b.y, tolerance, c->name);
    for (int i = 0; i < b.inputs; i++) {
        char what[96];
        snprintf(what, sizeof what, "%s, dx%d", c->name, i);
        if (b.x[i]->grad != NULL)
            pair_compare(p, b.x[i]->grad, tolerance, what);
    }
    pair_end(p);
    scl_graph_free(b.graph);
}

bool is_chosen(const op_case *c)
{
    const char *only = getenv("SAMCL_TEST_CASE");
    return only != NULL ? strcmp(only, c->name) == 0 : !(c->large && test_is_checked());
}

/* A checker takes a buffer for written when another one in its place was, even a released one; a
 * device of its own gives each case fresh places. */
void check_variant(const char *variant)
{
    pair p = pair_open(variant);
    for (int i = 0; i < op_case_count; i++) {
        if (!is_chosen(&op_cases[i]))
            continue;
        if (test_is_checked()) {
            pair_close(&p);
            p = pair_open(variant);
        }
        check_case(&op_cases[i], &p);
    }
    pair_close(&p);
}
