/* Where a CPU device's threads run: asked of PoCL only where it can be had. */
#include "support.h"

#include "tools/threads.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define VARIABLE "POCL_AFFINITY"

static cpu_set_t at_first;

static int enter(void **state)
{
    (void)state;
    unsetenv(VARIABLE);
    return sched_getaffinity(0, sizeof at_first, &at_first);
}

static int leave(void **state)
{
    (void)state;
    return sched_setaffinity(0, sizeof at_first, &at_first);
}

static bool has_every_cpu(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < (size_t)online; i++)
        if (!CPU_ISSET(i, &at_first))
            return false;
    return CPU_COUNT(&at_first) == online;
}

static void each_stays_on_its_cpu(void **state)
{
    (void)state;
    threads_spread();
    if (has_every_cpu())
        assert_string_equal(getenv(VARIABLE), "1");
    else
        assert_null(getenv(VARIABLE));
}

static void what_the_user_says_stands(void **state)
{
    (void)state;
    setenv(VARIABLE, "0", 1);
    threads_spread();
    assert_string_equal(getenv(VARIABLE), "0");
}

/* PoCL would move its threads to the others, or stop the program. */
static void fewer_cpus_than_there_are_leave_it_to_pocl(void **state)
{
    (void)state;
    if (CPU_COUNT(&at_first) < 2)
        skip();
    cpu_set_t fewer = at_first;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &fewer)) {
            CPU_CLR(i, &fewer);
            break;
        }
    assert_int_equal(sched_setaffinity(0, sizeof fewer, &fewer), 0);
    threads_spread();
    assert_null(getenv(VARIABLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_stays_on_its_cpu, enter, leave),
        cmocka_unit_test_setup_teardown(what_the_user_says_stands, enter, leave),
        cmocka_unit_test_setup_teardown(fewer_cpus_than_there_are_leave_it_to_pocl, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
