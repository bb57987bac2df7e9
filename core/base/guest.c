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
static volatile sig_atomic_t report_to;
static struct sigaction before[FATAL_COUNT];

scl_guest scl_guest_enter(const char *name, const char *doing)
{
    scl_guest outer = {guest_name, guest_doing};
    guest_doing = doing;
    guest_name = name;
    return outer;
}

void scl_guest_leave(scl_guest outer)
{
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

static void write_text(const char *text)
{
    (void)!write(report_to, text, strlen(text));
}

/* Only what is safe in a handler. A fault comes again as soon as the handler is back, and finds the
 * one that was there before. */
static void report(int number)
{
    if (guest_name != NULL) {
        write_text("samcl: the plugin ");
        write_text(guest_name);
        write_text(" crashed in its own code, at ");
        write_text(guest_doing);
        write_text(": ");
        write_text(scl_guest_signal_name(number));
        write_text("\n");
    }
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal[i].number == number)
            sigaction(number, &before[i], NULL);
    raise(number);
}

/* On a stack of its own, as the usual one may be what overflowed. */
void scl_guest_report_crashes(int descriptor)
{
    static char stack[STACK_BYTES];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = report, .sa_flags = SA_ONSTACK};
    static sig_atomic_t installed;
    report_to = descriptor;
    sigemptyset(&action.sa_mask);
    if (installed)
        return;
    installed = 1;
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal[i].number, &action, &before[i]);
}
