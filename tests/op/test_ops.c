/* Every op, forward and backward: the kernels that the device gets, and those written for GPUs,
 * against the double reference. */
#include "op/compare.h"

static void ops_agree_with_the_reference(void **state)
{
    (void)state;
    if (test_is_checked())
        skip(); /* these kernels are among the others' */
    check_variant("");
}

static void generic_ops_agree_with_the_reference(void **state)
{
    (void)state;
    check_variant("+generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_agree_with_the_reference),
        cmocka_unit_test(generic_ops_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
