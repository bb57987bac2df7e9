#include "cli/program.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 64
#define MAX_TEXT      65536

extern char **environ;

static char folder[64], logs[64];
static struct rlimit usual;
static size_t file_limit;
static const char *input;

static const char *read_log(const char *path, char text[MAX_TEXT])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, MAX_TEXT - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

void program_limit_files(size_t bytes)
{
    file_limit = bytes;
}

void program_input(const char *path)
{
    input = path;
}

static void apply_limit(void)
{
    struct rlimit limit = usual;
    if (file_limit > 0)
        limit.rlim_cur = file_limit;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void log_path(const char *name, char path[96])
{
    snprintf(path, 96, "%s/%s", logs, name);
}

pid_t program_start(const char *const *arguments, const char *out)
{
    char *argv[MAX_ARGUMENTS] = {"samcl"}, out_path[96], err_path[96];
    log_path("out", out_path);
    log_path("err", err_path);
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i + 2 < MAX_ARGUMENTS);
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, out != NULL ? out : out_path, flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err_path, flags, 0600);
    if (input != NULL)
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
    pid_t child;
    apply_limit();
    int failed = posix_spawn(&child, TEST_BUILD "/samcl", &actions, NULL, argv, environ);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(failed, 0);
    return child;
}

const char *program_errors(void)
{
    static char err[MAX_TEXT];
    char path[96];
    log_path("err", path);
    return read_log(path, err);
}

outcome program_finish(pid_t child)
{
    static char out[MAX_TEXT];
    char path[96];
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    log_path("out", path);
    return (outcome){.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                     .out = read_log(path, out),
                     .err = program_errors()};
}

outcome program_run(const char *const *arguments)
{
    return program_finish(program_start(arguments, NULL));
}

void program_expect(int code, const char *words, const char *const *arguments)
{
    size_t before = program_count_files();
    outcome o = program_run(arguments);
    const char *text = code == 0 ? o.out : o.err;
    if (o.code != code || strstr(text, words) == NULL)
        fail_msg("samcl %s %s: expected exit code %d with \"%s\", found %d:\n%s%s", arguments[0],
                 arguments[1] != NULL ? arguments[1] : "", code, words, o.code, o.out, o.err);
    if (code != 0 && program_count_files() != before)
        fail_msg("samcl %s failed and left a file: %s", arguments[0], o.err);
}

/* ---- the folder */

int program_enter_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/samcl-cli-XXXXXX");
    strcpy(logs, "/tmp/samcl-log-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_non_null(mkdtemp(logs));
    assert_int_equal(chdir(folder), 0);
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/plugins", 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    signal(SIGXFSZ, SIG_IGN); /* inherited: a write beyond the limit then fails with EFBIG */
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

int program_leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    nftw(logs, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static size_t counted;

static int count_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)path;
    (void)info;
    (void)type;
    (void)place;
    counted++;
    return 0;
}

size_t program_count_files(void)
{
    counted = 0;
    nftw(".", count_one, 8, FTW_PHYS);
    return counted;
}
