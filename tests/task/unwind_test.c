/*
 * unwind_test.c - gdb sees a flow's whole call chain: running, suspended, and at every instruction
 * of a switch.
 *
 * usage: unwind_test PROGRAM SCRIPT, which are unwind_program.c's binary and unwind_script.py.
 */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/task/command.h"

static const char *program, *script;

/* Each of the script's backtraces goes from the innermost frame to where the flow began. */
START_TEST(gdb_unwinds_everywhere)
{
    static char output[1 << 16];
    char command[1024];

    snprintf(command, sizeof(command), "gdb -nx -batch -x %s %s 2>&1", script, program);
    int status = command_run(command, output, sizeof(output));
    const char *checked = strstr(output, "checked ");
    ck_assert_msg(status == 0 && checked != NULL, "gdb ended with %d:\n%s", status, output);
    ck_assert_int_ge(atoi(checked + strlen("checked ")), 60);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("unwind");
    TCase *tcase = tcase_create("unwind");

    if (argc != 3)
        return EXIT_FAILURE;
    program = argv[1];
    script = argv[2];
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, gdb_unwinds_everywhere);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
