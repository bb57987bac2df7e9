/* threads.h — where a CPU device's threads run. */
#ifndef SAMCL_THREADS_H
#define SAMCL_THREADS_H

/* Asks PoCL for one thread a CPU, each staying on its own, unless POCL_AFFINITY is set or this
 * process may not use every CPU. To be called before the first call of OpenCL, by the only thread.
 */
void threads_spread(void);

#endif
