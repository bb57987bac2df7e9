#include "op/pair.h"

#include "fixture.h"
#include "registry.h"

pair pair_open(const char *variant)
{
    pair p = {.device = NULL};
    char spec[256];
    snprintf(spec, sizeof spec, "%s%s", test_device_name(), variant);
    assert_ok(scl_device_open(spec, &p.device, &test_error));
    assert_ok(scl_device_open("reference", &p.reference, &test_error));
    return p;
}

void pair_close(pair *p)
{
    scl_device_close(p->device);
    scl_device_close(p->reference);
}

void pair_begin(pair *p, const scl_graph *graph)
{
    p->found = guarded_open(p->device, graph);
    p->expected = guarded_open(p->reference, graph);
}

void pair_write(pair *p, const scl_tensor *tensor, const float *values)
{
    guarded_write(&p->found, tensor, values);
    guarded_write(&p->expected, tensor, values);
}

void pair_write_random(pair *p, const scl_tensor *tensor, const char *purpose, float low,
                       float high)
{
    guarded_write_random(&p->found, tensor, purpose, low, high);
    guarded_write_random(&p->expected, tensor, purpose, low, high);
}

void pair_launch(pair *p)
{
    guarded_launch_all(&p->found);
    guarded_launch_all(&p->expected);
}

void pair_compare(pair *p, const scl_tensor *tensor, double tolerance, const char *what)
{
    float *f = guarded_read(&p->found, tensor), *e = guarded_read(&p->expected, tensor);
    assert_near(what, f, e, (size_t)scl_shape_count(tensor->shape), tolerance);
    free(f);
    free(e);
}

void pair_end(pair *p)
{
    guarded_close(&p->found);
    guarded_close(&p->expected);
    assert_all_released(p->device);
    assert_all_released(p->reference);
}
