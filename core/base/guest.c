#include "base/guest.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)

static const struct {
    int number;
    const char *name;
} fatal[] = {
    {SIGSEGV, "segmentation fault"}, {SIGBUS, "bus error"}, {SIGFPE, "arithmetic error"},
    {SIGILL, "illegal instruction"}, {SIGABRT, "abort"},    {SIGALRM, "it took too long"},
};
#define FATAL_COUNT (sizeof fatal / sizeof *fatal)

static const char *volatile guest_name, *volatile guest_doing;
static int report_to = -1; /* nowhere */
static struct sigaction before[FATAL_COUNT];

static void write_text(const char *text)
{
    (void)!write(report_to, text, strlen(text));
}

/* Only what is safe in a handler. Nothing of the process can be trusted to go on. */
static void report(int number)
{
    write_text("samcl: the plugin ");
    write_text(guest_name);
    write_text(" crashed in its own code, at ");
    write_text(guest_doing);
    write_text(": ");
    write_text(scl_guest_signal_name(number));
    write_text("\n");
    signal(number, SIG_DFL);
    raise(number);
}

/* Only while a guest runs: drivers have handlers of their own, and PoCL's goes on after a division
 * by zero. On a stack of its own, as the usual one may be what overflowed. */
static void arm(void)
{
    struct sigaction action = {.sa_handler = report, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal[i].number, &action, &before[i]);
}

static void disarm(void)
{
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal[i].number, &before[i], NULL);
}

scl_guest scl_guest_enter(const char *name, const char *doing)
{
    scl_guest outer = {guest_name, guest_doing};
    guest_doing = doing;
    guest_name = name;
    if (outer.name == NULL && name != NULL && report_to >= 0)
        arm();
    return outer;
}

void scl_guest_leave(scl_guest outer)
{
    if (outer.name == NULL && guest_name != NULL && report_to >= 0)
        disarm();
    guest_name = outer.name;
    guest_doing = outer.doing;
}

const char *scl_guest_signal_name(int number)
{
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal[i].number == number)
            return fatal[i].name;
    return "signal";
}

void scl_guest_report_crashes(int descriptor)
{
    static char stack[STACK_BYTES];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    report_to = descriptor;
    sigaltstack(&own, NULL);
}
