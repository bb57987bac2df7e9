/* program.h — runs the built program in a folder of its own, and looks at what it leaves. */
#ifndef SCL_TESTS_PROGRAM_H
#define SCL_TESTS_PROGRAM_H

#include "support.h"

#include <sys/types.h>

/* What a run of the program gave; the texts live until the next run. */
typedef struct outcome {
    int code; /* exit code, or -1 when a signal ended it */
    const char *out, *err;
} outcome;

/* Arguments end with NULL; the program's name is not among them. */
outcome program_run(const char *const *arguments);
#define RUN(...) program_run((const char *const[]){__VA_ARGS__, NULL})

/* The same in two parts, with the program running in between. Its output goes to the file `out`
 * unless that is NULL. */
pid_t program_start(const char *const *arguments, const char *out);
outcome program_finish(pid_t child);
#define START(...) program_start((const char *const[]){__VA_ARGS__, NULL}, NULL)
/* What it has written to stderr so far, until the next call. */
const char *program_errors(void);

/* What the program reads from standard input from now on; NULL: nothing of this test's. */
void program_input(const char *path);

/* No file that the program writes may have more bytes than this; 0: no limit. */
void program_limit_files(size_t bytes);

/* Fails the test unless the program ends with this code and stderr (stdout when it is 0) holds the
 * words. The folder must hold the same files as before when the code isn't 0. */
void program_expect(int code, const char *words, const char *const *arguments);
#define EXPECT(code, words, ...)                                                                   \
    program_expect(code, words, (const char *const[]){__VA_ARGS__, NULL})

/* For groups of tests: a new folder becomes the working folder; it is removed with all it holds. */
int program_enter_folder(void **state);
int program_leave_folder(void **state);

/* Files of the working folder and below. */
size_t program_count_files(void);

#endif
