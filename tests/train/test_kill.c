/* test_kill.c — the program killed by SIGKILL at random moments and resumed, as often as
 * SAMCL_TEST_KILLS says (default 2): the weights equal those of a run that was left alone. */
#include "train/train_support.h"

#include "base/rng.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* samcl train FILE train.epochs=40, or samcl train --resume RUN. */
static pid_t start(const char *file, const char *run)
{
    char program[] = TEST_BUILD "/samcl", verb[] = "train", option[] = "--resume", what[512];
    char setting[] = "train.epochs=40";
    snprintf(what, sizeof what, "%s", file != NULL ? file : run);
    char *fresh[] = {program, verb, what, setting, NULL};
    char *resumed[] = {program, verb, option, what, NULL};
    char **arguments = file != NULL ? fresh : resumed;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0);
    pid_t pid = 0;
    assert_int_equal(posix_spawn(&pid, program, &quiet, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&quiet);
    return pid;
}

/* True when it was killed, false when it ended by itself, which must be well. */
static bool kill_after(pid_t pid, double seconds)
{
    int status = 0;
    double end = now() + seconds;
    struct timespec nap = {0, 1000000};
    while (now() < end) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            return false;
        }
        nanosleep(&nap, NULL);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status);
}

static bool can_resume(const char *run)
{
    char path[600];
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run);
    return scl_path_exists(path);
}

/* Seconds until the run has its first checkpoint: what is before that leaves nothing to resume. */
static double wait_for_checkpoint(const char *run)
{
    double began = now();
    struct timespec nap = {0, 1000000};
    while (!can_resume(run) && now() < began + 300)
        nanosleep(&nap, NULL);
    assert_true(can_resume(run));
    return now() - began;
}

static void killed_runs_end_as_if_they_were_not(void **state)
{
    data_folder *folder = *state;
    char whole[512], broken[512], file[512];
    snprintf(file, sizeof file, "%s", tiny_run_file(folder));
    snprintf(whole, sizeof whole, "%s/runs/tiny", folder->root);
    double began = now();
    pid_t pid = start(file, NULL);
    double startup = wait_for_checkpoint(whole);
    assert_false(kill_after(pid, 600));
    double training = now() - began - startup;
    const char *given = getenv("SAMCL_TEST_KILLS");
    int tries = given != NULL ? atoi(given) : 2, kills = 0;
    scl_rng rng = scl_rng_make((uint64_t)time(NULL), "kill", 0, 0);
    for (int i = 0; i < tries; i++) {
        snprintf(broken, sizeof broken, "%s/runs/tiny-%d", folder->root, i + 2);
        pid = start(file, NULL);
        wait_for_checkpoint(broken);
        while (kill_after(pid, (kills % 2 == 0 ? 0 : startup) +
                                   0.9 * training * scl_rng_uniform(&rng))) {
            kills++;
            pid = start(NULL, broken);
        }
        assert_same_checkpoint(whole, broken);
    }
    printf("%d runs equal one that was left alone (%.1f s to train); %d kills\n", tries, training,
           kills);
    assert_true(kills >= tries / 2);
}

static void ctrl_c_saves_and_exits_130(void **state)
{
    data_folder *folder = *state;
    char run[512], file[512];
    int status = 0;
    snprintf(file, sizeof file, "%s", tiny_run_file(folder));
    snprintf(run, sizeof run, "%s/runs/tiny", folder->root);
    pid_t pid = start(file, NULL);
    wait_for_checkpoint(run);
    kill(pid, SIGINT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SCL_INTERRUPTED);
    assert_false(kill_after(start(NULL, run), 600));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ctrl_c_saves_and_exits_130, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(killed_runs_end_as_if_they_were_not, data_setup,
                                        data_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
