/* Profiles: what launches report, the sums and the table, and the trace. */
#include "support.h"

#include "base/file.h"
#include "graph/compiled.h"
#include "graph/ops.h"
#include "graph/profile.h"
#include "plan/network.h"
#include "registry.h"
#include "trace_support.h"

#include <math.h>
#include <unistd.h>

#define BATCH 3
#define TRACE "profile_trace.json"

static const scl_ceiling ceiling = {
    .flops_per_second = 1e9, .bytes_per_second = 1e9, .product_side = 512, .copy_bytes = 1024};

/* The plain backend, OpenCL as it is used here, and OpenCL with CLBlast. */
static const char *const specs[] = {"reference", "auto", "auto+generic"};
#define SPECS (sizeof specs / sizeof *specs)

/* ---- what is timed */

/* Two products of a batch, three times. */
static void run_products(scl_device *device)
{
    scl_store *store = NULL;
    scl_compiled c = {0};
    scl_graph *g = scl_graph_create(&test_error);
    assert_ok(scl_store_create(device, 1, &store, &test_error));
    scl_tensor *a = scl_input(g, "a", SCL_F32, SCL_SHAPE(2, 64, 48));
    scl_tensor *y =
        scl_matmul(g, a, scl_input(g, "b", SCL_F32, SCL_SHAPE(2, 32, 48)), false, true, 1);
    scl_tensor *z = scl_matmul(g, a, a, false, true, 1); /* one input, read once */
    y->keep = z->keep = true;
    assert_ok(scl_compile(g, NULL, 0, store, &c, &test_error));
    for (int i = 0; i < 3; i++)
        assert_ok(scl_schedule_run(c.schedule, 0, c.plan->node_count, &test_error));
    scl_compiled_free(&c);
    scl_store_free(store);
}

static const scl_profile_row *find_row(const scl_profile *p, const char *name, const char *shape)
{
    char text[SCL_PROFILE_TEXT];
    for (size_t i = 0; i < p->row_count; i++)
        if (strcmp(scl_profile_row_name(&p->rows[i]), name) == 0 &&
            strcmp(scl_profile_row_shape(&p->rows[i], text), shape) == 0)
            return &p->rows[i];
    fail_msg("no row %s of %s", name, shape);
    return NULL;
}

static void known_products_have_their_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPECS; i++) {
        scl_device *device = NULL;
        assert_ok(scl_device_open(specs[i], &device, &test_error));
        double element = (double)device->backend->element_size(SCL_F32);
        assert_ok(scl_profile_begin(device, NULL, &test_error));
        run_products(device);
        const scl_profile_row *y = find_row(device->profile, "gemm", "2 times 64 x 32 x 48, A B^T");
        assert_int_equal(y->calls, 3);
        assert_true(y->nanoseconds > 0);
        assert_true(fabs(y->flops - 3.0 * 2 * 2 * 64 * 32 * 48) < 0.5);
        assert_true(fabs(y->bytes - 3 * element * 2 * (64 * 48 + 32 * 48 + 64 * 32)) < 0.5);
        const scl_profile_row *z = find_row(device->profile, "gemm", "2 times 64 x 64 x 48, A B^T");
        assert_true(fabs(z->bytes - 3 * element * 2 * (64 * 48 + 64 * 64)) < 0.5);
        assert_ok(scl_profile_end(device, &ceiling, NULL, &test_error));
        assert_null(device->profile);
        run_products(device); /* as before */
        scl_device_close(device);
    }
}

/* What must move: each tensor once, a slice only what it takes, a view nothing. */
static void nodes_move_each_tensor_once(void **state)
{
    (void)state;
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(6, 4));
    scl_tensor *flat = scl_reshape(g, x, SCL_SHAPE(24));
    scl_tensor *m = scl_state(g, "m", SCL_SHAPE(24)), *v = scl_state(g, "v", SCL_SHAPE(24));
    scl_tensor *p = scl_parameter(g, "p", SCL_SHAPE(24), (scl_init){0}, true);
    scl_tensor *q = scl_parameter(g, "q", SCL_SHAPE(6, 4), (scl_init){0}, true);
    const scl_optimizer_attr adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    scl_tensor *hyper = scl_input(g, "hyper", SCL_F32, SCL_SHAPE(4));
    scl_add(g, x, x);
    scl_slice(g, x, 0, 1, 2);
    scl_mul(g, scl_reshape(g, x, SCL_SHAPE(24)), flat); /* two views of one tensor */
    const scl_adam_member members[] = {
        {p, flat, m, v}, {q, x, scl_state(g, "mq", x->shape), scl_state(g, "vq", x->shape)}};
    scl_adam(g, members, 1, hyper, NULL, &adam);
    scl_adam(g, members, 2, hyper, NULL, &adam);
    assert_ok(scl_graph_status(g, &test_error));
    /* Of Adam: parameter and moments twice, the gradient and four numbers once. */
    const double wanted[] = {0, 2 * 24, 2 * 8, 0, 2 * 24, 7 * 24 + 4, 13 * 24 + 4};
    assert_int_equal(g->node_count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < g->node_count; i++)
        assert_true(scl_node_values(g->nodes[i]) == wanted[i]);
    scl_graph_free(g);
}

static void run_network(scl_device *device, const network *n, scl_compiled *c, int times)
{
    float image[BATCH * 12 * 8], loss = 0;
    for (int i = 0; i < BATCH * 12 * 8; i++)
        image[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < times; i++) {
        uint64_t start = scl_profile_now(device->profile);
        assert_ok(scl_schedule_write(c->schedule, n->image, 0, image, BATCH * 12 * 8, &test_error));
        assert_ok(scl_schedule_run(c->schedule, 0, c->plan->node_count, &test_error));
        assert_ok(scl_schedule_read(c->schedule, n->loss, 0, &loss, 1, &test_error));
        scl_profile_phase(device->profile, "step", start);
    }
    assert_true(isfinite(loss) && loss > 0);
}

/* The events of a node, by its op and scope. */
static size_t events_like(const cJSON *events, const scl_node *node)
{
    size_t count = 0;
    const cJSON *event;
    cJSON_ArrayForEach(event, events) count +=
        trace_is(event, SCL_TRACE_DEVICE) &&
        strcmp(trace_argument(event, "op"), scl_op_describe(node->op)->name) == 0 &&
        strcmp(trace_argument(event, "scope"), node->scope) == 0;
    return count;
}

static size_t nodes_like(const scl_graph *g, const scl_node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        count += g->nodes[i]->op == node->op && strcmp(g->nodes[i]->scope, node->scope) == 0;
    return count;
}

static void every_launched_node_is_in_the_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPECS; i++) {
        scl_device *device = NULL;
        scl_store *store = NULL;
        scl_compiled c = {0};
        const cJSON *events = NULL;
        network n = network_build(BATCH, true, true, &test_error);
        assert_ok(scl_device_open(specs[i], &device, &test_error));
        assert_ok(scl_store_create(device, 1, &store, &test_error));
        assert_ok(scl_profile_begin(device, TRACE, &test_error));
        assert_ok(scl_compile(n.graph, NULL, 0, store, &c, &test_error));
        run_network(device, &n, &c, 2);
        assert_false(scl_path_exists(TRACE));
        assert_ok(scl_profile_end(device, &ceiling, NULL, &test_error));
        cJSON *root = trace_load(TRACE, &events);
        for (size_t k = 0; k < n.graph->node_count; k++) {
            const scl_node *node = n.graph->nodes[k];
            size_t runs = scl_node_is_view(node) ? 0 : 2;
            assert_int_equal(events_like(events, node), runs * nodes_like(n.graph, node));
        }
        assert_int_equal(trace_count(events, SCL_TRACE_HOST, "step"), 2);
        assert_int_equal(trace_count(events, SCL_TRACE_HOST, "build kernels"), 1);
        bool moves = strcmp(specs[i], "reference") != 0; /* its values need not move */
        assert_int_equal(trace_count(events, SCL_TRACE_DEVICE, "download"), moves ? 2 : 0);
        cJSON_Delete(root);
        scl_compiled_free(&c);
        scl_store_free(store);
        scl_device_close(device);
        unlink(TRACE);
    }
}

/* More commands than are kept until the host waits. */
static void long_stretches_without_a_read_are_whole(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_store *store = NULL;
    scl_compiled c = {0};
    const cJSON *events = NULL;
    scl_graph *g = scl_graph_create(&test_error);
    scl_affine(g, scl_input(g, "x", SCL_F32, SCL_SHAPE(16)), 2, 1);
    assert_ok(scl_device_open("auto", &device, &test_error));
    assert_ok(scl_store_create(device, 1, &store, &test_error));
    assert_ok(scl_compile(g, NULL, 0, store, &c, &test_error));
    assert_ok(scl_profile_begin(device, TRACE, &test_error));
    for (int i = 0; i < 10000; i++)
        assert_ok(scl_schedule_run(c.schedule, 0, c.plan->node_count, &test_error));
    assert_ok(scl_profile_end(device, &ceiling, NULL, &test_error));
    cJSON *root = trace_load(TRACE, &events);
    assert_int_equal(trace_count(events, SCL_TRACE_DEVICE, "affine"), 10000);
    cJSON_Delete(root);
    scl_compiled_free(&c);
    scl_store_free(store);
    scl_device_close(device);
    unlink(TRACE);
}

/* ---- the table */

/* The n-th number (from 0) after the name on the line of the table that begins with `name`. */
static double cell(const scl_str *table, const char *name, int n)
{
    const char *line = table->text;
    while (strncmp(line, name, strlen(name)) != 0) {
        line = strchr(line, '\n');
        if (line == NULL)
            fail_msg("no line \"%s\" in\n%s", name, table->text);
        line++;
    }
    char *at = (char *)(uintptr_t)line + 42;
    double value = 0;
    for (int i = 0; i <= n; i++) {
        while (*at == ' ')
            at++;
        value = *at == '-' ? NAN : strtod(at, &at);
        at += *at == '-';
    }
    return value;
}

enum { CALLS, MS, SHARE, GFLOPS, GB, CEILING };

/* Lines that begin with `indent` and then a letter or digit, of the upper part; their column. */
static double sum_of_lines(const scl_str *table, const char *indent, int column)
{
    double sum = 0;
    const char *end = strstr(table->text, "\nall ");
    const char *line = strchr(strchr(table->text, '\n') + 1, '\n') + 1;
    for (; line < end; line = strchr(line, '\n') + 1) {
        char name[43] = {0};
        memcpy(name, line, 42);
        if (strncmp(name, indent, strlen(indent)) == 0 && name[strlen(indent)] != ' ')
            sum += cell(table, name, column);
    }
    return sum;
}

/* Milliseconds. */
static void report(scl_profile *p, const scl_node *node, double start, double end)
{
    const scl_kernel_time time = {"kernel", (uint64_t)(start * 1e6), (uint64_t)(end * 1e6)};
    scl_profile_launch(p, node, &time, 1);
}

/* Products of 2 x 100 x 100 x 100 = 2 MFLOP, which the ceiling computes in 2 ms; values of 8 bytes
 * in the reference backend, so that 125000 of them move in 1 ms. */
static void table_adds_up(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_str table = {0};
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(100, 100));
    scl_tensor *y = scl_matmul(g, x, x, false, false, 1);
    scl_tensor *v = scl_affine(g, scl_input(g, "v", SCL_F32, SCL_SHAPE(125000)), 2, 1);
    scl_tensor *w =
        scl_matmul(g, scl_input(g, "w", SCL_F32, SCL_SHAPE(10, 100)), x, false, false, 1);
    assert_ok(scl_device_open("reference", &device, &test_error));
    assert_ok(scl_profile_begin(device, NULL, &test_error));
    scl_profile_transfer(device->profile, SCL_UPLOAD, 1000000, 0,
                         1000000); /* before the first op */
    report(device->profile, y->producer, 10, 14);
    report(device->profile, y->producer, 14, 20);
    report(device->profile, v->producer, 30, 34);
    scl_profile_transfer(device->profile, SCL_UPLOAD, 1000000, 34000000, 35000000);
    report(device->profile, w->producer, 35, 35.5);
    report(device->profile, w->producer, 49.5, 50);
    scl_profile_transfer(device->profile, SCL_DOWNLOAD, 8, 60000000,
                         61000000); /* behind the last */
    assert_ok(scl_profile_end(device, &ceiling, &table, &test_error));
    assert_true(fabs(cell(&table, "all ", MS) - 18) < 0.001);
    assert_true(fabs(cell(&table, "all ", SHARE) - 100) < 0.001);
    assert_int_equal((int)cell(&table, "all ", CALLS), 8);
    for (int column = CALLS; column <= SHARE; column++) {
        assert_true(fabs(sum_of_lines(&table, "", column) - cell(&table, "all ", column)) < 0.03);
        assert_true(fabs(sum_of_lines(&table, "  ", column) - cell(&table, "gemm ", column)) <
                    0.03);
    }
    assert_true(fabs(cell(&table, "  100 x 100 x 100, A B ", MS) - 10) < 0.001);
    assert_true(fabs(cell(&table, "  100 x 100 x 100, A B ", GFLOPS) - 0.4) < 0.001);
    assert_true(fabs(cell(&table, "  100 x 100 x 100, A B ", CEILING) - 40) < 0.1);
    assert_true(fabs(cell(&table, "affine ", GB) - 0.5) < 0.001);
    assert_true(fabs(cell(&table, "affine ", CEILING) - 50) < 0.1);
    assert_true(isnan(cell(&table, "affine ", GFLOPS)));
    /* from 10 to 50 ms it was at work for 16 */
    assert_non_null(strstr(table.text, "in 0.040 s, the device did nothing for 60.0 %"));
    scl_str_free(&table);
    scl_device_close(device);
    scl_graph_free(g);
}

/* ---- faults */

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_error err = {0}, full = {0};
    assert_ok(scl_device_open("reference", &device, &test_error));
    assert_fails(scl_profile_begin(device, "no/such/folder/t.json", &err), SCL_FAILED, err,
                 "no/such/folder/t.json: cannot be written: No such file");
    assert_null(device->profile);
    assert_ok(scl_profile_begin(device, "/dev/full", &test_error));
    run_products(device);
    assert_fails(scl_profile_end(device, &ceiling, NULL, &full), SCL_FAILED, full,
                 "/dev/full: could not be saved: No space");
    assert_null(device->profile);
    scl_device_close(device);
}

static void a_trace_of_nothing_is_not_written(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_str table = {0};
    assert_ok(scl_device_open("auto", &device, &test_error));
    assert_ok(scl_profile_begin(device, TRACE, &test_error));
    assert_ok(scl_profile_end(device, &ceiling, &table, &test_error));
    assert_int_equal(table.length, 0);
    assert_false(scl_path_exists(TRACE));
    scl_device_close(device);
}

static void check_failing_allocations(const char *spec)
{
    network n = network_build(BATCH, true, true, &test_error);
    for (long countdown = 0, done = false; !done; countdown++) {
        scl_device *device = NULL;
        scl_error err = {0};
        scl_str table = {0};
        assert_true(countdown < 100);
        assert_ok(scl_device_open(spec, &device, &test_error));
        scl_alloc_fail_after(countdown);
        scl_status status = scl_profile_begin(device, NULL, &err);
        for (size_t i = 0; i < n.graph->node_count && device->profile != NULL; i++)
            report(device->profile, n.graph->nodes[i], (double)i, (double)i + 1);
        if (status == SCL_OK)
            status = scl_profile_end(device, &ceiling, &table, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
        assert_null(device->profile);
        done = status == SCL_OK && !table.failed;
        scl_str_free(&table);
        scl_device_close(device);
    }
    scl_graph_free(n.graph);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    check_failing_allocations("reference");
    check_failing_allocations("auto");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_products_have_their_numbers),
        cmocka_unit_test(nodes_move_each_tensor_once),
        cmocka_unit_test(every_launched_node_is_in_the_trace),
        cmocka_unit_test(long_stretches_without_a_read_are_whole),
        cmocka_unit_test(table_adds_up),
        cmocka_unit_test(what_cannot_be_written_is_said),
        cmocka_unit_test(a_trace_of_nothing_is_not_written),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
