/*
 * aarch64_test.c - the switch for the other processor works: aarch64_program.c, cross-compiled with
 * the switch and the stacks as they are, runs under qemu's user mode.
 *
 * Runs at the top of the source tree. The compiler (gcc-aarch64-linux-gnu) and qemu-user must be
 * there: without them the test fails.
 */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/task/command.h"

/* Optimised or not, with landing pads and signed return addresses, with a frame pointer, with the
 * vector registers that only SVE has. */
static const char *const flags[] = {
    "-O0",
    "-O2",
    "-O2 -mbranch-protection=standard",
    "-O2 -fno-omit-frame-pointer",
    "-O3 -march=armv8.5-a+sve -mbranch-protection=standard",
};

/* Flows begin aligned, keep x19 to x29 and d8 to d15, hand over in a ring, and are unwound. */
START_TEST(switch_works_on_aarch64)
{
    const char *folder = getenv("TEST_TMPDIR");
    char command[1024], output[4096];

    snprintf(
        command, sizeof(command),
        "aarch64-linux-gnu-gcc %s -static -std=c11 -D_GNU_SOURCE -pthread -Werror -Wall -Wextra "
        "-I. -Iapi tests/task/aarch64_program.c runtime/task/stack.c runtime/task/stack_slab.c "
        "runtime/base/fault.c runtime/task/switch_aarch64.S -o %s/aarch64_program_%d 2>&1",
        flags[_i], folder ? folder : "/tmp", _i);
    int status = command_run(command, output, sizeof(output));
    ck_assert_msg(status == 0, "%s: %s", command, output);

    snprintf(command, sizeof(command), "qemu-aarch64 -cpu max %s/aarch64_program_%d 2>&1",
             folder ? folder : "/tmp", _i);
    status = command_run(command, output, sizeof(output));
    ck_assert_msg(status == 0, "%s: %d: %s", flags[_i], status, output);
    ck_assert_str_eq(output, "ok\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aarch64");
    TCase *tcase = tcase_create("aarch64");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, switch_works_on_aarch64, 0, sizeof(flags) / sizeof(*flags));
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
