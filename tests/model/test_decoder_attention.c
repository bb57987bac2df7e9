/* The two ways of the decoder's cross attentions: equal in values and in all gradients. */
#include "fixture.h"
#include "kept_device.h"

#include "graph/compiled.h"
#include "model/decoder_attention.h"
#include "registry.h"

#include <math.h>

#define MASKS  2
#define PIXELS 50
#define DIM    64
#define FEW    3 /* tokens: projected pixels would cost more */
#define MANY   5

typedef scl_tensor *(*direction)(const scl_sam *m, scl_tensor *tokens, scl_tensor *placed,
                                 scl_tensor *pixels);

static bool trains_all(void *user, const char *parameter)
{
    (void)user;
    (void)parameter;
    return true;
}

/* An adapter that changes nothing, on the layer that user names; NULL: on none. */
static bool wraps_named(void *user, const scl_site *site)
{
    return user != NULL && strcmp(site->name, user) == 0;
}

static scl_tensor *attach_nothing(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                                  scl_tensor *y)
{
    (void)user;
    (void)g;
    (void)site;
    (void)x;
    return y;
}

static scl_tensor *to_pixels(const scl_sam *m, scl_tensor *tokens, scl_tensor *placed,
                             scl_tensor *pixels)
{
    return scl_attend_pixels(m, "attn", tokens, placed, pixels);
}

static scl_tensor *from_pixels(const scl_sam *m, scl_tensor *tokens, scl_tensor *placed,
                               scl_tensor *pixels)
{
    (void)pixels;
    return scl_attend_from_pixels(m, "attn", placed, tokens, tokens, NULL);
}

static scl_tensor *from_pixels_to_some(const scl_sam *m, scl_tensor *tokens, scl_tensor *placed,
                                       scl_tensor *pixels)
{
    static const int32_t counts[MASKS] = {2, 3};
    scl_tensor *count = scl_constant_ids(m->graph, counts, SCL_SHAPE(MASKS));
    (void)pixels;
    return scl_attend_from_pixels(m, "attn", placed, tokens, tokens, count);
}

typedef struct result {
    scl_compiled compiled;
    scl_store *store;
    scl_tensor *y;
    bool projects; /* the pixels: the op attention is there */
} result;

static scl_tensor *values_named(scl_graph *g, const char *name, int64_t rows)
{
    return scl_parameter(g, name, SCL_SHAPE(MASKS, rows, DIM), (scl_init){SCL_INIT_NORMAL, 1},
                         true);
}

static result run(scl_device *device, direction attend, int64_t tokens, const char *wrapped)
{
    static const scl_sam_config config = {.prompt_embed_dim = DIM, .decoder_num_heads = 4};
    char user[32];
    snprintf(user, sizeof user, "%s", wrapped != NULL ? wrapped : "");
    const scl_adaptation adaptation = {.user = wrapped != NULL ? user : NULL,
                                       .trains = trains_all,
                                       .wraps = wraps_named,
                                       .attach = attach_nothing};
    scl_graph *g = scl_graph_create(&test_error);
    const scl_sam m = {.graph = g, .config = &config, .adaptation = &adaptation};
    result r = {.y = attend(&m, values_named(g, "tokens", tokens),
                            values_named(g, "placed", PIXELS), values_named(g, "pixels", PIXELS))};
    assert_ok(scl_graph_status(g, &test_error));
    r.y->keep = true;
    for (size_t i = 0; i < g->node_count; i++)
        r.projects |= g->nodes[i]->op == SCL_OP_ATTENTION;
    scl_tensor *weight =
        scl_parameter(g, "loss_weight", r.y->shape, (scl_init){SCL_INIT_NORMAL, 1}, false);
    scl_tensor *loss = scl_sum(g, scl_mul(g, r.y, weight), 0, 3);
    assert_ok(scl_autodiff(g, scl_reshape(g, loss, SCL_SHAPE(1)), &test_error));
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->grad != NULL)
            g->tensors[i]->grad->keep = true;
    assert_ok(scl_store_create(device, 5, &r.store, &test_error));
    assert_ok(scl_compile(g, NULL, 0, r.store, &r.compiled, &test_error));
    assert_ok(scl_schedule_run(r.compiled.schedule, 0, r.compiled.plan->node_count, &test_error));
    return r;
}

static void end(result *r)
{
    scl_compiled_free(&r->compiled);
    scl_store_free(r->store);
}

static void assert_equal(const char *what, const result *a, const scl_tensor *of_a, const result *b,
                         const scl_tensor *of_b, double tolerance)
{
    size_t count = (size_t)scl_shape_count(of_a->shape);
    float *x = malloc(count * sizeof *x), *y = malloc(count * sizeof *y);
    double largest = 0, worst = 0;
    assert_ok(scl_schedule_read(a->compiled.schedule, of_a, 0, x, count, &test_error));
    assert_ok(scl_schedule_read(b->compiled.schedule, of_b, 0, y, count, &test_error));
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)x[i]));
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
    }
    free(x);
    free(y);
    if (!(largest > 0 && worst <= tolerance * largest))
        fail_msg("%s differs by %.1e of %.1e", what, worst, largest);
}

/* Softmax does not see the key projection's bias: only the plain way has rounding errors for it. */
static void assert_equal_gradients(const result *plain, const result *few, bool key_bias,
                                   double tolerance)
{
    int compared = 0;
    for (size_t i = 0; i < plain->compiled.graph->tensor_count; i++) {
        const scl_tensor *t = plain->compiled.graph->tensors[i];
        if (t->grad == NULL)
            continue;
        const scl_tensor *other = scl_graph_find(few->compiled.graph, t->name);
        assert_non_null(other);
        if (strcmp(t->name, "attn.k_proj.bias") == 0 && !key_bias) {
            assert_null(other->grad);
            continue;
        }
        assert_non_null(other->grad);
        if (strcmp(t->name, "attn.k_proj.bias") != 0)
            assert_equal(t->name, plain, t->grad, few, other->grad, tolerance);
        compared++;
    }
    assert_true(compared >= 9);
}

static void check(const char *device_name, direction attend, const char *wrapped, bool key_bias,
                  double tolerance)
{
    scl_device *device = NULL;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    result few = run(device, attend, FEW, NULL), plain = run(device, attend, FEW, wrapped);
    assert_false(few.projects);
    assert_true(plain.projects);
    assert_equal("the result", &plain, plain.y, &few, few.y, tolerance);
    assert_equal_gradients(&plain, &few, key_bias, tolerance);
    end(&few);
    end(&plain);
    result many = run(device, attend, MANY, NULL);
    assert_true(many.projects);
    end(&many);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void check_devices(direction attend, const char *wrapped, bool key_bias)
{
    check("reference", attend, wrapped, key_bias, 1e-6);
    check(test_device_name(), attend, wrapped, key_bias, 2e-5);
}

static void few_tokens_attend_to_pixels_as_they_are(void **state)
{
    (void)state;
    check_devices(to_pixels, "attn.k_proj", false);
    check_devices(to_pixels, "attn.v_proj", false);
}

static void pixels_attend_to_few_tokens_as_they_are(void **state)
{
    (void)state;
    check_devices(from_pixels, "attn.q_proj", true);
    check_devices(from_pixels, "attn.out_proj", true);
}

static void tokens_that_do_not_count_are_not_attended_to(void **state)
{
    (void)state;
    check_devices(from_pixels_to_some, "attn.q_proj", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_tokens_attend_to_pixels_as_they_are),
        cmocka_unit_test(pixels_attend_to_few_tokens_as_they_are),
        cmocka_unit_test(tokens_that_do_not_count_are_not_attended_to),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
