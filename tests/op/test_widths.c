/* Every op by the kernels of CPU devices with other vectors, in blocks so small that small shapes
 * have several. */
#include "op/compare.h"

static void ops_agree_with_vectors_of_4(void **state)
{
    (void)state;
    check_variant("+width4+shallow");
}

static void ops_agree_with_vectors_of_8(void **state)
{
    (void)state;
    check_variant("+width8+shallow");
}

static void ops_agree_with_vectors_of_16(void **state)
{
    (void)state;
    if (test_is_checked())
        skip(); /* oclgrind 21.10 takes sums of 16 floats for uninitialised */
    check_variant("+width16+shallow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_agree_with_vectors_of_4),
        cmocka_unit_test(ops_agree_with_vectors_of_8),
        cmocka_unit_test(ops_agree_with_vectors_of_16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
