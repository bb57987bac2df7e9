/* Random values, and the ops that plugins bring. */
#include "reference/reference.h"

#include "base/guest.h"
#include "base/rng.h"

#include <math.h>

#define TWO_PI 6.28318530717958647692

/* Two words as two values: uniform by 24 bits, normal by 23 of the first and 24 of the second. */
static void values_of(const uint32_t words[2], bool normal, double values[2])
{
    double second = (double)(words[1] >> 8) * 0x1p-24;
    double radius = sqrt(-2 * log(((double)(words[0] >> 9) + 0.5) * 0x1p-23));
    values[0] = normal ? radius * cos(TWO_PI * second) : (double)(words[0] >> 8) * 0x1p-24;
    values[1] = normal ? radius * sin(TWO_PI * second) : second;
}

void reference_random(const reference_args *a)
{
    const scl_random_attr *p = &a->node->attr.random;
    const int32_t *words = reference_ids(a, 0);
    uint64_t key = (uint64_t)(uint32_t)words[1] << 32 | (uint32_t)words[0];
    int64_t count = reference_count(a->node->outputs[0]);
    for (int64_t i = 0; i < count; i++) {
        uint32_t block[4];
        double pair[2];
        scl_philox(key, (uint64_t)i / 4, p->salt, block);
        values_of(block + i % 4 / 2 * 2, p->distribution == SCL_NORMAL, pair);
        a->out[0][i] = pair[i % 2];
    }
}

void reference_own(const reference_args *a)
{
    const scl_own_use *own = a->node->own;
    const scl_own_values values = {.struct_size = sizeof values,
                                   .inputs = (const void *const *)a->in,
                                   .outputs = (void *const *)a->out,
                                   .ints = own->ints,
                                   .floats = own->floats};
    scl_guest outer = scl_guest_enter(own->label, "the reference function of its own op");
    own->op.reference(&values);
    scl_guest_leave(outer);
}
