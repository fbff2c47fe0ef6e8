/*
 * gdb_test.c - what gdb shows of loops and tasks, in a live process and in a core file of it.
 *
 * usage: gdb_test PROGRAM SCRIPT, which are program.c's binary and tools/gdb/weft.py.
 */
#include <string.h>
#include <unistd.h>

#include "tests/support/suite.h"
#include "tests/task/command.h"

static const char *program, *script;
static char output[1 << 16];
static char core[512];

#define COMMANDS                                                    \
    "-ex 'info weft-tasks' -ex 'weft-bt sleeper' -ex 'echo ==\\n' " \
    "-ex 'weft-bt asker' -ex 'echo ==\\n' -ex 'weft-bt nobody'"

static void run_gdb(const char *format, const char *what)
{
    char options[1024], command[4096];

    snprintf(options, sizeof(options), format, what); /* NOLINT: the test's own words */
    snprintf(command, sizeof(command),
             "gdb -nx -batch -iex 'set debuginfod enabled off' -ex 'set width 0' -x %s %s " COMMANDS
             " 2>&1",
             script, options);
    ck_assert_int_ge(command_run(command, output, sizeof(output)), 0);
}

/* The words come one after the other. */
static void ck_assert_said(const char *const *words, size_t count)
{
    const char *at = output;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, words[i]);
        ck_assert_msg(at != NULL, "no %s in its place in\n%s", words[i], output);
        at += strlen(words[i]);
    }
}

#define SAID(...)                                      \
    ck_assert_said((const char *const[]){__VA_ARGS__}, \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void check_output(void)
{
    SAID("loop 0x", ": running", "Task-1", "running\n", "sleeper", "waits for sleep", "waiter",
         "waits for future 0x", ", task sleeper\n", "asker", "waits for sleep", "late",
         "not started\n");
    SAID("sleeper: waits for sleep", "#0 ", " sleep_deep ", " sleep_long ", "task_entry", "==\n",
         "asker: waits for sleep", " sleep_deep ", " sleeping_body ", " ask_generator ",
         "task_entry", "==\n", "no unfinished task is called nobody");
}

/* gdb lists the tasks of a live process and unwinds them, through a generator too; the process goes
 * on unharmed. */
START_TEST(of_a_live_process)
{
    run_gdb("-ex 'break all_suspended' -ex run %s", "");
    ck_assert_ptr_nonnull(strstr(output, "Breakpoint 1, "));
    check_output();
    run_gdb("-ex 'break all_suspended' -ex run -ex 'weft-bt waiter' -ex continue %s", "");
    SAID("waiter: waits for future", " await_sleeper ", "exited normally");
}
END_TEST

/* The same of a core file. */
START_TEST(of_a_core_file)
{
    char options[1024];
    snprintf(options, sizeof(options), "-ex 'break all_suspended' -ex run -ex 'gcore %s'", core);
    run_gdb("%s", options);
    ck_assert_ptr_nonnull(strstr(output, "Saved corefile"));
    run_gdb("-ex 'core-file %s'", core);
    unlink(core);
    check_output();
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("gdb");
    TCase *tcase = tcase_create("gdb");
    static char script_and_program[1024];
    const char *folder = getenv("TEST_TMPDIR");

    if (argc != 3)
        return EXIT_FAILURE;
    program = argv[1];
    snprintf(script_and_program, sizeof(script_and_program), "%s %s", argv[2], program);
    script = script_and_program;
    snprintf(core, sizeof(core), "%.480s/core.%d", folder ? folder : "/tmp", (int)getpid());
    tcase_add_test(tcase, of_a_live_process);
    tcase_add_test(tcase, of_a_core_file);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
