#include "threads.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* PoCL's thread i goes to CPU i, whether or not the process may run there. */
static bool may_use_every_cpu(void)
{
    cpu_set_t mine;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0 || CPU_COUNT(&mine) != online)
        return false;
    for (size_t i = 0; i < (size_t)online; i++)
        if (!CPU_ISSET(i, &mine))
            return false;
    return true;
}

/* A kernel that packs threads, or wakes them where they were woken from, runs two of them in turns
 * on one CPU for the first 50 ms after a rest: the mask decoder then took twice as long. */
void threads_spread(void)
{
    if (may_use_every_cpu())
        setenv("POCL_AFFINITY", "1", 0);
}
