/* Matrix products with all that is folded into them, on OpenCL against the double reference between
 * guards: odd sizes, several slices of the depth, tiles at every edge. */
#include "op/pair.h"

#include "graph/ops.h"

typedef struct shape {
    int64_t batch, m, n, k;
    int64_t swap_rows, swap_columns; /* scl_gemm_attr; 0: C as it is */
} shape;

/* The packed kernels take slices of 384 and blocks of up to 192 rows, and activate 256 columns at a
 * time; below 9 rows W is read in place, below 193 rows B is. The tiled ones have tiles of 32 to
 * 128 rows and columns, and cut a depth of 256 and more where groups are few. */
#define PLAIN(batch, m, n, k)                                                                      \
    {                                                                                              \
        batch, m, n, k, 0, 0                                                                       \
    }
static const shape shapes[] = {
    PLAIN(1, 13, 35, 7),    PLAIN(2, 65, 33, 49),     PLAIN(1, 5, 37, 401),
    PLAIN(2, 23, 37, 413),  PLAIN(2, 197, 67, 405),   PLAIN(1, 205, 40, 1161),
    PLAIN(3, 24, 64, 32),   PLAIN(1, 14, 613, 9),     PLAIN(1, 1, 1, 1),
    PLAIN(1, 150, 141, 35), PLAIN(1, 60, 270, 20),    PLAIN(1, 130, 20, 33),
    {2, 14, 64, 33, 7, 32}, {1, 10, 192, 401, 5, 96}, {1, 402, 96, 20, 201, 32}};

static scl_tensor *input(scl_graph *g, const char *name, scl_shape size)
{
    return scl_parameter(g, name, size, (scl_init){0}, false);
}

/* What fuse.h makes of a product, its bias, and what comes after it. */
static scl_tensor *build(scl_graph *g, shape s, int form, int32_t act, bool residual)
{
    bool ta = form == 2, tb = form == 0;
    scl_tensor *a = input(g, "a", ta ? SCL_SHAPE(s.batch, s.k, s.m) : SCL_SHAPE(s.batch, s.m, s.k));
    scl_tensor *b = input(g, "b", tb ? SCL_SHAPE(s.batch, s.n, s.k) : SCL_SHAPE(s.batch, s.k, s.n));
    scl_tensor *y = scl_matmul(g, a, b, ta, tb, 0.75f);
    scl_node *node = y->producer;
    node->inputs[2] = residual ? input(g, "bias", SCL_SHAPE(s.n)) : NULL;
    node->inputs[3] = residual ? input(g, "residual", SCL_SHAPE(s.batch, s.m, s.n)) : NULL;
    node->attr.gemm.act = act;
    node->attr.gemm.swap_rows = s.swap_rows;
    node->attr.gemm.swap_columns = s.swap_columns;
    return y;
}

static void check(pair *p, shape s, int form, int32_t act, bool residual)
{
    char what[128];
    snprintf(what, sizeof what, "batch %d, %d x %d x %d, swapped %d, form %d, act %d, residual %d",
             (int)s.batch, (int)s.m, (int)s.n, (int)s.k, (int)s.swap_rows, form, act, residual);
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *y = build(g, s, form, act, residual);
    assert_ok(scl_graph_status(g, &test_error));
    pair_begin(p, g);
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->kind == SCL_TENSOR_PARAM)
            pair_write_random(p, g->tensors[i], "gemm", -1, 1);
    pair_launch(p);
    pair_compare(p, y, 2e-6, what);
    pair_end(p);
    scl_graph_free(g);
}

static void check_all(const char *variant)
{
    pair p = pair_open(variant);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int form = 0; form < 3; form++)
            for (int32_t act = SCL_ACT_NONE; act <= SCL_ACT_GELU_BACKWARD; act++)
                for (int residual = scl_act_is_backward(act); residual < 2; residual++)
                    check(&p, shapes[i], form, act, residual != 0);
    pair_close(&p);
}

static void products_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("");
}

static void products_agree_with_vectors_of_4_and_8(void **state)
{
    (void)state;
    check_all("+width4+shallow");
    check_all("+width8+shallow");
}

static void generic_products_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("+generic");
    check_all("+clblast");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_agree_with_the_reference),
        cmocka_unit_test(products_agree_with_vectors_of_4_and_8),
        cmocka_unit_test(generic_products_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
