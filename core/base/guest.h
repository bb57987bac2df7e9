/* guest.h — whose code is running: a plugin's, where samcl has called it.
 *
 * A crash while one is named is reported with the name. From one thread. */
#ifndef SCL_BASE_GUEST_H
#define SCL_BASE_GUEST_H

/* Both texts must live until it is left. A NULL name: samcl itself. */
typedef struct scl_guest {
    const char *name;  /* "build/plugins/dice.so" */
    const char *doing; /* "loss dice" */
} scl_guest;

/* From now on this one runs; returns who ran before, for scl_guest_leave. */
scl_guest scl_guest_enter(const char *name, const char *doing);
void scl_guest_leave(scl_guest outer);

/* For programs: from now on a fatal signal (a wrong address, a division by zero, abort) while a
 * guest runs writes one sentence with its name to the descriptor, and then ends the program by that
 * signal. So does SIGALRM, for who sets an alarm. */
void scl_guest_report_crashes(int descriptor);

/* "segmentation fault"; "signal" of one that is not of those. */
const char *scl_guest_signal_name(int number);

#endif
